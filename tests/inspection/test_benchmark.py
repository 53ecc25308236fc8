"""The benchmark of gradients over time measures, trains, draws, and writes its own section only."""

import sys

import numpy as np
import pytest

from benchmarks import gradient_flow
from benchmarks.results import RESULTS
from keras_seq.inspect import plot_gates


def test_flows_are_relative_means_over_seeds():
    flows = gradient_flow.initial_flows(["SimpleRNN", "GRU"], seeds=(0, 1), steps=4)
    again = [gradient_flow.initial_flows(["GRU"], seeds=(s,), steps=4)["GRU"] for s in (0, 1)]
    assert set(flows) == {"SimpleRNN", "GRU"}
    np.testing.assert_allclose(flows["GRU"], np.sqrt(again[0] * again[1]))
    assert flows["GRU"][-1] == pytest.approx(1)


def test_one_number_is_marked_and_asked_for():
    inputs, positive = gradient_flow.marked_values(50, 7, seed=3)
    assert inputs.shape == (50, 7, 2)
    assert (inputs[..., 1].sum(axis=1) == 1).all()
    marked = inputs[..., 0][inputs[..., 1] == 1]
    np.testing.assert_array_equal(positive[:, 0], marked > 0)


def test_a_dry_run_writes_nothing(monkeypatch, capsys):
    before = RESULTS.read_text(encoding="utf-8")
    pictures = [gradient_flow.FLOWS.read_bytes(), gradient_flow.GATES.read_bytes()]
    model, accuracy = gradient_flow.train(epochs=1, steps=3)
    found, tokens = gradient_flow.example(model)
    assert tokens[8] == "+0.8 ← marked"
    plot_gates(found, tokens=tokens)
    flow = {"GRU": np.ones(gradient_flow.STEPS)}
    monkeypatch.setattr(sys, "argv", ["gradient_flow", "--dry-run"])
    monkeypatch.setattr(gradient_flow, "initial_flows", lambda: flow)
    monkeypatch.setattr(gradient_flow, "train", lambda: (model, accuracy))
    gradient_flow.main()
    text = capsys.readouterr().out
    assert "| GRU | 1.0e+00 | 1.0e+00 | 1.0e+00 | 1.0e+00 |" in text
    assert f"| {gradient_flow.TRAINED} |" in text
    assert RESULTS.read_text(encoding="utf-8") == before
    assert [gradient_flow.FLOWS.read_bytes(), gradient_flow.GATES.read_bytes()] == pictures
