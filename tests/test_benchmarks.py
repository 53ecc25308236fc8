"""The benchmarks run, compare like with like, and write nothing but their own section."""

import dataclasses
import sys

import numpy as np
import pytest

from benchmarks import engine, engine_curves, imdb_epoch, measure, systems
from benchmarks.measure import Alone, Times
from benchmarks.results import RESULTS, table, write_section
from benchmarks.systems import CUSTOM, NAMES, Case, build
from keras_seq import layers
from keras_seq.models import sequence_classifier
from tasks.sentiment import Config, Sentiment

TINY = (2, 5, 3, 4)


@pytest.fixture(autouse=True)
def _one_thread_for_torch(monkeypatch):
    """Several wait for one another by spinning, which takes minutes on a busy machine."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


def test_sections_are_added_and_replaced(tmp_path):
    path = tmp_path / "RESULTS.md"
    write_section("First", "make first", "one 11", path)
    write_section("Second", "make second", "two 22", path)
    write_section("First", "make first", "three 33", path)
    text = path.read_text()
    assert "one 11" not in text
    assert text.index("three 33") < text.index("two 22")
    assert text.count("## First") == text.count("## Second") == 1
    assert text.startswith("# Results")
    before = text
    write_section("First", "make first", "three 33", path)
    assert path.read_text() == before


def test_table():
    assert table(["a", "b"], [[1, "x"]]) == "| a | b |\n| --- | --- |\n| 1 | x |"


def test_every_section_of_the_results_names_its_command():
    text = RESULTS.read_text(encoding="utf-8")
    sections = text.split("\n## ")[1:]
    assert sections
    for section in sections:
        command = section.split("`")[1]
        assert command.startswith(("make ", "python -m benchmarks."))


def arrays(result):
    parts = result if isinstance(result, (list, tuple)) else [result]
    return [np.asarray(p.detach() if hasattr(p, "detach") else p) for p in parts]


@pytest.mark.slow
@pytest.mark.parametrize("name", [*NAMES, *CUSTOM])
@pytest.mark.parametrize("masked", [False, True])
def test_all_systems_of_a_case_give_the_same_values(name, masked):
    training = masked ^ ([*NAMES, *CUSTOM].index(name) % 2 == 0)
    case = Case(name, TINY, masked, training, input_gradient=True)
    wanted = arrays(build("ours", case)())
    assert all(np.abs(array).max() > 1e-4 for array in wanted)
    for system in systems.systems(case)[1:]:
        found = arrays(build(system, case)())
        if system == "torch" and training:
            # torch's weights lie otherwise; the gradient of the input goes through all of them.
            wanted, found = wanted[-1:], found[-1:]
        for a, b in zip(wanted, found, strict=True):
            np.testing.assert_allclose(b, a, atol=1e-6, err_msg=system)


def test_the_mask_leaves_steps_out():
    plain, masked = (arrays(build("ours", Case("GRU", TINY, m, training=False))()) for m in (0, 1))
    assert np.abs(plain[0] - masked[0]).max() > 1e-2


def test_systems_take_turns_and_run_twice_in_each():
    calls = []
    runs = {name: lambda name=name: calls.append(name) for name in "ab"}
    times = measure.interleaved(runs, seconds=0, turns=2)
    assert calls == ["a", "b", *2 * ["a", "a", "b", "b"]]
    assert set(times) == {"a", "b"}


@pytest.mark.skipif(sys.platform != "linux", reason="Linux tells the resident set")
def test_the_peak_is_that_of_the_run_alone():
    earlier = b"x" * (256 << 20)
    del earlier
    before = measure._resident("VmRSS")
    assert measure._forget_peak()
    block = b"x" * (64 << 20)
    del block
    assert 60 < (measure._resident("VmHWM") - before) / 1024 < 80


def result(name, training=True, **milliseconds):
    times = {system.replace("_", ", "): Times(1.0, ms) for system, ms in milliseconds.items()}
    return engine.Result(Case(name, TINY, training=training), times)


def test_ratios_are_to_the_better_of_a_peers_systems():
    case = result("LSTM", ours=2.0, Keras=5.0, Keras_XLA=3.0)
    assert case.ratio("better Keras") == 1.5
    assert case.ratio("torch") is None


@pytest.mark.parametrize(
    ("ratios", "end"),
    [
        ((1.996, 2.0), "LSTM 2.00 (2.00–2.00): **reached**."),
        ((4.0, 0.9), "LSTM 1.90 (0.90–4.00): **missed**."),
        ((8.0, 0.9), "LSTM 2.68 (0.90–8.00): **missed**."),
        ((), "Not measured."),
    ],
)
def test_a_target_is_reached_in_the_mean_and_at_every_shape(ratios, end):
    target = engine.Target(True, ("LSTM",), "torch", 2.0, 1.0)
    results = [result("LSTM", ours=1.0, torch=ratio) for ratio in ratios]
    others = [result("LSTM", False, ours=1.0, torch=0.1), result("GRU", ours=1.0, torch=0.1)]
    assert engine._verdict(target, results + others).endswith(end)


def test_the_report_without_torch_has_dashes_and_says_so(monkeypatch):
    monkeypatch.setattr(systems, "has_torch", lambda: False)
    monkeypatch.setattr(engine, "has_torch", lambda: False)
    assert "torch" not in systems.systems(Case("LSTM", TINY))
    case = result("LSTM", **{"ours": 2.0, "Keras": 5.0, "Keras_XLA": 3.0, "RNN(cell)": 4.0})
    text = engine.report([case], {})
    assert "torch is not installed" in text
    row = "| LSTM (2, 5, 3, 4) | 2.0 | 5.0 | 3.0 | 4.0 | – | – | 1.50 | 2.00 | – | – |"
    assert row in text


def test_a_dry_run_writes_nothing(monkeypatch, capsys):
    before = RESULTS.read_text(encoding="utf-8")
    monkeypatch.setattr(sys, "argv", ["engine", "--dry-run"])
    monkeypatch.setattr(engine, "memory", lambda *_: {})
    monkeypatch.setattr(engine, "measure", lambda _: [result("PeepholeLSTM", ours=1.0)])
    engine.main()
    assert "### Training step" in capsys.readouterr().out
    assert RESULTS.read_text(encoding="utf-8") == before


@pytest.mark.long
def test_the_engine_is_measured(monkeypatch):
    results = engine.measure([*engine.cases(["LSTM"], [TINY])], seconds=0, turns=1)
    # Memory is measured in a process for each system; one of them shows that it works.
    monkeypatch.setattr(engine, "systems", lambda case: ["ours"])
    memories = engine.memory(["LSTM"], [TINY])
    text = engine.report(results, memories)
    for case in ("LSTM (2, 5, 3, 4)", "LSTM (2, 5, 3, 4), masked"):
        assert f"| {case} |" in text
    assert "### First training step" in text
    assert "### Memory of a training step" in text
    assert all(t.best > 0 for r in results for t in r.times.values())


def test_operations_of_a_step():
    # Per step and row 4 gates × 5 units × (3 + 5) products, each one addition more; and twice that
    # for the gradients.
    assert engine_curves.operations(Case("LSTM", (7, 11, 3, 5))) == 3 * 7 * 11 * 2 * 4 * 5 * 8


def test_curves_are_drawn_and_tabled(tmp_path):
    points = {"ours": [Alone(1.0, 2.0), Alone(4.0, 0.0)], "Keras": [Alone(2.0, None)] * 2}
    curve = engine_curves.Curve("units", [32, 1024], [0.5, 3.0], points)
    text = engine_curves.report([curve], 2e11, "picture.png")
    assert "| 1,024 | 3.00 | 4.0 (75%) | 2.0 (150%) | – | 0 | – | – |" in text
    assert "200 GFLOP/s" in text
    engine_curves.draw([curve, curve], tmp_path / "curves.png")
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow
def test_a_curve_is_measured():
    rate = measure.in_own_process(measure.product_rate, 32, 1)
    curve = engine_curves.measure("units", engine_curves.over_units([3]), rate, seconds=0)
    assert curve.places == [3]
    assert curve.floors[0] > 0
    assert {"ours", "Keras"} <= set(curve.points)
    assert all(point.best > 0 for (point,) in curve.points.values())


def test_the_peer_of_an_epoch_is_the_same_model():
    task, config = Sentiment(), Config()
    model = sequence_classifier(20, 2, units=3, layers=2, embedding_units=4, word_dropout=0.2)
    task.compile(model, config)
    copy = imdb_epoch.with_keras_layers(task, config, model)
    ids = np.array([[3, 4, 9, 0], [5, 0, 0, 0]])
    np.testing.assert_allclose(copy(ids), model(ids), atol=1e-6)
    recurrent = [x for x in copy._flatten_layers() if isinstance(x, layers.Recurrent)]
    assert not recurrent
    assert copy.optimizer.get_config() == model.optimizer.get_config()


@pytest.mark.long
def test_steps_of_an_epoch_are_timed():
    config = dataclasses.replace(Sentiment().demo_config(), units=2, embedding_units=3)
    timed = imdb_epoch.measure(config, steps=3, turn=2)
    assert timed.steps == 3
    assert all(system.steps > 0 and system.first > 0 for system in timed.systems)
    text = imdb_epoch.report(timed)
    assert "| keras_seq |" in text
    assert "| keras.layers, jit_compile=" in text
