"""The benchmarks of exports measure what they say, go on where they stopped, and write pages."""

import shutil
import sys

import numpy as np
import pytest

from benchmarks import export_latency, export_table, exported_models, imdb_export, tflite_systems
from benchmarks.export_table import Combination
from benchmarks.journal import Journal
from benchmarks.tflite_systems import KERAS, OURS, TORCH, Layer
from keras_seq import layers
from keras_seq.export import to_tflite

TINY = Layer("LSTM", 4, 6)


def times(**medians):
    return {
        system.replace("_", "-"): {"bytes": 2000, "median": ms, "best": ms / 2}
        for system, ms in medians.items()
    }


@pytest.fixture(scope="module")
def tiny_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("tiny") / "tiny.tflite"
    assert tflite_systems.write(TINY, "loop", path) is None
    return path


def test_the_systems_of_a_layer_hold_the_same_layer(tiny_file, tmp_path):
    files = {"loop": tiny_file}
    for system in KERAS:
        files[system] = tmp_path / f"{len(files)}.tflite"
        assert tflite_systems.write(TINY, system, files[system]) is None
    found = tflite_systems.in_turns(files, TINY.input, turns=2, seconds=0)
    assert set(found) == {"loop", *KERAS}
    assert all(0 < t.best <= t.median for t in found.values())


def test_another_layer_is_not_timed(tiny_file, tmp_path):
    other = tmp_path / "other.tflite"
    inputs = TINY.model(layers)
    inputs.set_weights([2 * w for w in inputs.get_weights()])
    to_tflite(inputs, other, batch_size=1)
    with pytest.raises(ValueError, match="other is off"):
        tflite_systems.in_turns({"loop": tiny_file, "other": other}, TINY.input)


def test_a_layer_without_a_file_tells_why(tmp_path):
    path = tmp_path / "none.tflite"
    assert tflite_systems.write(Layer("GRU", 4, 6), "fused", path) == "no fused op"
    assert tflite_systems.write(TINY, TORCH, path) == "not installed"
    broken = tmp_path / "python"
    broken.write_text(f"#!{sys.executable}\nraise SystemExit('no such thing')\n")
    broken.chmod(0o755)
    assert tflite_systems.write(TINY, TORCH, path, str(broken)) == "no such thing"


def test_what_is_measured_is_kept(tiny_file, monkeypatch, tmp_path):
    def write(layer, system, path, torch_python):
        shutil.copy(tiny_file, path)

    monkeypatch.setattr(export_latency, "write", write)
    journal = Journal(tmp_path / "journal.jsonl")
    found = export_latency.measure(TINY, ("loop",), journal)
    assert found["loop"]["median"] > 0
    monkeypatch.setattr(export_latency, "write", None)
    again = Journal(tmp_path / "journal.jsonl")
    assert export_latency.measure(TINY, ("loop",), again) == found


def test_the_comparison_is_to_keras_and_to_the_best_of_theirs():
    found = times(auto=1.0, loop=2.0, unroll=1.0, Keras=8.0)
    found |= {"Keras, unroll=True": {"bytes": 5e5, "median": 3.0, "best": 2.5}}
    found |= {TORCH: {"none": "not installed"}, "fused": {"none": "no fused op"}}
    assert set(found) == {*OURS, *KERAS, TORCH}
    other = found | times(Keras=2.0)
    text = export_latency.comparison({TINY: found, Layer("LSTM", 8, 6): other})
    assert "- LSTM: 4.00 × (2.00–8.00) as fast as Keras, 2.45 × (2.00–3.00)" in text
    assert "1.000 (0.500) | 2.000 (1.000) | – | 1.000 (0.500) | 8.000 (4.000) | 3.000" in text
    assert "| LSTM 4 × 6 | 2 | 2 | – | 2 | 2 | 500 | – |" in text
    assert "no fused op; not installed" in text


def test_the_rule_is_set_in_bold():
    sizes = [(units, steps) for units in (16, 128) for steps in (64, 256)]
    found = {Layer("GRU", u, t): times(loop=u, unroll=32.0) for u, t in sizes}
    text = export_latency.rule(found)
    assert "| 16 | **0.50** | 0.50 |" in text  # many steps are left to the loop
    assert "| 128 | 4.00 | 4.00 |" in text


@pytest.mark.parametrize("name", ["ind_rnn", "peephole_lstm", *exported_models.MODELS])
def test_what_is_exported_gives_outputs_of_a_sound_size(name):
    outputs = exported_models.build(name)(exported_models.inputs(name, 3, 0)).numpy()
    assert 0.01 < np.abs(outputs).mean() < 10


@pytest.mark.long
def test_the_table_is_exported_and_goes_on(tmp_path, capfd):
    wanted = [Combination("mut1", m, None) for m in ("loop", "fused")]
    export_table.export_all(wanted, tmp_path)
    assert "mut1 fused None no fused op" in capfd.readouterr().out
    journal = export_table.export_all(wanted, tmp_path)
    assert "mut1" not in capfd.readouterr().out
    result = journal.find(wanted[0]._asdict())
    assert result["mean"] <= result["largest"] < 1e-5
    assert result["forms"] == ["loop"]
    found = export_table.latencies(wanted, tmp_path)
    assert list(found) == wanted[:1]
    text = export_table.report(["mut1"], journal, found)
    assert " ms | – | not run |" in text
    assert "Nothing." in text


def test_what_is_refused_is_in_the_table_and_in_the_status(monkeypatch, tmp_path, capsys):
    def refusing(combinations, folder, jobs):
        journal = Journal(folder / "journal.jsonl")
        for combination in combinations:
            journal.add(combination._asdict(), {"refused": "crashed: its process ended"})
        return journal

    monkeypatch.setattr(export_table, "export_all", refusing)
    assert export_table.main(["--only", "lstm", "--cache", str(tmp_path)]) == 1
    text = capsys.readouterr().out
    assert "| `lstm` | **refused** | **refused** | **refused** |" in text
    assert "- `lstm`, fused, int8: crashed: its process ended" in text


def test_a_layer_that_is_none(capsys):
    with pytest.raises(SystemExit):
        export_table.main(["--only", "lstmm"])
    assert "There is no lstmm" in capsys.readouterr().err


def test_the_verdict_on_int8():
    def found(int8):
        return {
            "Keras": {"accuracy": 0.9},
            "float32": {"bytes": 100},
            "int8": {"accuracy": int8, "bytes": 30},
        }

    assert "+0.20 points, 30%: **reached**" in imdb_export.verdict(found(0.898))
    assert "+0.40 points, 30%: **missed**" in imdb_export.verdict(found(0.896))


@pytest.mark.long
def test_exports_of_a_run_are_measured(monkeypatch, tmp_path, capsys):
    from tasks.__main__ import main

    settings = ["epochs=1", "units=4", "embedding_units=4", "max_length=20"]
    words = ["sentiment", "train", "--run", str(tmp_path / "run")]
    assert not main([*words, *(part for s in settings for part in ("--set", s))])
    monkeypatch.setattr(imdb_export, "SYSTEMS", ("Keras", "float32", "int8"))
    monkeypatch.setattr(imdb_export, "PORTABLE", 5)
    monkeypatch.setattr(imdb_export, "write_section", None)
    arguments = ["--run", str(tmp_path / "run"), "--cache", str(tmp_path / "c"), "--dry-run"]
    imdb_export.main(arguments)
    text = capsys.readouterr().out
    for row in ("| Keras | ", "| TFLite float32 | ", "| TFLite int8 | "):
        assert row in text
    assert "100.0% (" in text
