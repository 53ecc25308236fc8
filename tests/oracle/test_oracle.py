"""The oracle against itself, by other roads, and against numbers worked out by hand."""

import ast
from pathlib import Path

import numpy as np
import pytest

from oracle import bptt, cells, gradients
from oracle.loop import run


def sequence(gates, states, biases):
    """Random float64 inputs (2, 4, 3), initial states (2, 2), weights and a mask."""
    random = np.random.default_rng(4)
    x, h = random.normal(size=(2, 4, 3)), [random.normal(size=(2, 2)) for _ in range(states)]
    shapes = [(3, gates * 2), (2, gates * 2), (*biases, gates * 2)]
    mask = np.array([[True, True, True, True], [True, False, True, False]])
    return x, h, [random.normal(size=shape) for shape in shapes], mask, random


@pytest.mark.parametrize(
    ("step", "cell", "states", "biases"),
    [
        (cells.simple_rnn, bptt.SimpleRNN, 1, ()),
        (cells.lstm, bptt.LSTM, 2, ()),
        (cells.gru, bptt.GRU, 1, (2,)),
    ],
)
def test_back_propagation_through_time_equals_central_differences(step, cell, states, biases):
    x, initial, weights, mask, random = sequence(cell.gates, states, biases)
    by_output, by_state = random.normal(size=(2, 4, 2)), random.normal(size=(states, 2, 2))

    def loss(values):
        kernel, recurrent, bias, x, *h = values
        outputs, _, final = run(lambda v, s: step(v, s, kernel, recurrent, bias), x, h, mask)
        return np.sum(outputs * by_output) + np.sum(np.stack(final) * by_state)

    expected = gradients.central_differences(loss, [*weights, x, *initial])
    _, found = bptt.back_propagate(cell, weights, x, initial, by_output, by_state, mask)
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-7, atol=1e-8)


def test_simple_rnn_by_hand():
    """tanh([0.6, 0.5]) and the next step from it."""
    kernel, recurrent = np.array([[0.5, 0.6]]), np.array([[0.1, 0.2], [0.3, 0.4]])
    bias = np.array([0.1, -0.1])
    (h,) = cells.simple_rnn(np.array([[1.0]]), (np.zeros((1, 2)),), kernel, recurrent, bias)
    np.testing.assert_allclose(h, np.tanh([[0.6, 0.5]]))
    (h,) = cells.simple_rnn(np.array([[2.0]]), (np.array([[1.0, -1.0]]),), kernel, recurrent, bias)
    np.testing.assert_allclose(h, np.tanh([[0.9, 0.9]]))


def test_gates_that_are_shut_or_open():
    """Biases of ±50 shut and open gates; what is left can be read from the equations."""
    x, h, c = np.array([[3.0]]), np.array([[0.25]]), np.array([[0.7]])
    none = np.zeros((1, 4))
    shut, wide = -50.0, 50.0
    keep = cells.lstm(x, (h, c), none, none, np.array([shut, wide, 1.0, wide]))
    np.testing.assert_allclose(keep, [np.tanh(c), c], atol=1e-15)
    write = cells.lstm(x, (h, c), none, none, np.array([wide, shut, 1.0, wide]))
    np.testing.assert_allclose(write, [np.tanh(np.tanh([[1.0]])), np.tanh([[1.0]])], atol=1e-15)
    silent = cells.lstm(x, (h, c), none, none, np.array([wide, wide, 1.0, shut]))
    np.testing.assert_allclose(silent, [[[0.0]], c + np.tanh(1.0)], atol=1e-15)

    none = np.zeros((1, 3))
    for gru, rows in ((cells.gru, 2), (cells.gru_reset_before, None)):
        bias = np.array([wide, 0.0, 9.0])
        bias = bias if rows is None else np.stack([bias, np.zeros(3)])
        np.testing.assert_allclose(gru(x, (h,), none, none, bias), [h], atol=1e-15)


def test_the_two_resets_differ_where_the_recurrent_product_mixes_units():
    x, (h,), (kernel, recurrent, bias), _, _ = sequence(3, 1, (2,))
    bias[1] = 0
    after = cells.gru(x[:, 0], (h,), kernel, recurrent, bias)[0]
    before = cells.gru_reset_before(x[:, 0], (h,), kernel, recurrent, bias[0])[0]
    assert np.abs(after - before).max() > 0.01
    recurrent[:, 4:] = np.diag([0.5, -2.0])  # a diagonal product commutes with the reset
    after = cells.gru(x[:, 0], (h,), kernel, recurrent, bias)[0]
    before = cells.gru_reset_before(x[:, 0], (h,), kernel, recurrent, bias[0])[0]
    np.testing.assert_allclose(after, before)


def test_masks_of_a_running_sum():
    """A step that adds its input shows what is kept, repeated and zero."""
    x = np.array([[[1.0], [2.0], [4.0], [8.0]]])
    mask = np.array([[False, True, False, True]])

    def add(x_t, states):
        return (states[0] + x_t,)

    def read(**options):
        outputs, last, (state,) = run(add, x, (np.array([[100.0]]),), mask, **options)
        return outputs[0, :, 0].tolist(), last.item(), state.item()

    assert read() == ([0, 102, 102, 110], 110, 110)
    assert read(zero_output_for_mask=True) == ([0, 102, 0, 110], 110, 110)
    assert read(go_backwards=True) == ([108, 108, 110, 110], 110, 110)
    assert read(go_backwards=True, zero_output_for_mask=True) == ([108, 0, 110, 0], 0, 110)


def test_the_oracle_knows_nothing_of_the_library():
    for file in Path(__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not {n.split(".")[0] for n in names} & {"keras", "keras_seq", "tensorflow"}
