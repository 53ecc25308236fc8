"""The benchmark of captioning: runs that are made, gone on with and told of."""

import json
import subprocess
import sys

import numpy as np
import pytest
from captioned_folder import drawn, write_folder

from benchmarks import captioning
from benchmarks.captioning import BENCHMARKS, Benchmark
from keras_seq.data import load_captions
from tasks.__main__ import main
from tasks.captioning import Captioning
from tasks.run_directory import RunDirectory

TINY = {
    "encoder": "features",
    "encoder_units": 8,
    "units": 8,
    "embedding_units": 8,
    "max_length": 10,
    "epochs": 1,
}
FIGURES = ("bleu_1", "bleu_2", "bleu_3", "bleu_4", "cider", "exact")


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder with data, benchmarks of its own, and the sections that were written."""
    images = drawn(8, train=20, validation=5, test=6)
    folder = write_folder(tmp_path / "flickr8k_1k", images)
    parts = (images.train, images.validation, images.test)
    features = np.concatenate([part.inputs for part in parts]).mean((1, 2)) / 99
    names = [name for part in parts for name in part.names]
    np.savez(folder / captioning.FLICKR_FEATURES, names=names, features=features)
    benchmarks = {
        "one": Benchmark(captioning.FLICKR_TITLE, TINY, "flickr8k_1k"),
        "other": Benchmark(captioning.FLICKR_TITLE, {**TINY, "units": 9}, "flickr8k_1k"),
        "drawn": Benchmark(captioning.SHAPES_TITLE, {"epochs": 1}),
    }
    monkeypatch.setattr(captioning, "BENCHMARKS", benchmarks)
    monkeypatch.setattr(captioning, "FOLDER", tmp_path / "runs")
    written = []
    monkeypatch.setattr(captioning, "write_section", lambda *section: written.append(section))
    return tmp_path, written


@pytest.mark.long
def test_runs_are_made_once_and_told_of(place, monkeypatch):
    folder, written = place
    kept = []

    def run(command, check, env):
        assert check
        assert command[:4] == [sys.executable, "-m", "tasks", "captioning"]
        kept.append(command[4:])
        assert main(command[3:]) == 0

    monkeypatch.setattr(subprocess, "run", run)
    arguments = ["one", "--data", str(folder), "--seeds", "3"]
    captioning.main(arguments)
    made = folder / "runs" / "one-3"
    [command] = kept
    assert command[:3] == ["train", "--run", str(made)]
    [(title, how, body)] = written
    assert (title, how) == ("Flickr8k, 1,000 images", "python -m benchmarks.captioning")
    metrics = json.loads((made / "metrics.json").read_text())
    assert f"| one | 1 | {metrics['parameters']:,} | {metrics['train_seconds'] / 60:.1f} |" in body
    assert f"| {metrics['test_bleu_4_beam_3']:.1f} | {metrics['test_cider_beam_3']:.3f} |" in body
    assert "Test: 6 images" in body
    assert "| other |" not in body

    test = load_captions(folder / "flickr8k_1k", size=8).test
    for name, texts in zip(test.names, test.captions, strict=True):
        assert f"| {name} | {texts[0]} | " in body
    directory = RunDirectory(made, "captioning")
    task = Captioning()
    config = captioning.BENCHMARKS["one"].config(folder, 3)
    baseline = task.baselines(task.load(config, directory))
    shown = " | ".join(f"{baseline[f'nearest_neighbour_test_bleu_{n}']:.1f}" for n in (1, 2, 3, 4))
    assert f"| nearest neighbour | – | – | – | – | {shown} |" in body

    # Nothing is trained again, nor are captions made again.
    kept.clear()
    monkeypatch.setattr(RunDirectory, "model", lambda self: pytest.fail("captioned again"))
    captioning.main(arguments)
    captioning.main(["--report"])
    assert not kept
    assert written[0] == written[1] == written[2]


def write_run(folder, name, seed, figures):
    run = folder / "runs" / f"{name}-{seed}"
    run.mkdir(parents=True)
    config = captioning.BENCHMARKS[name].config(folder, seed)
    (run / "config.json").write_text(json.dumps({"task": "captioning", **vars(config)}))
    if figures:
        (run / "metrics.json").write_text(json.dumps(figures))
    return run


def figures_of(bleu, cider):
    keys = {f"test_bleu_{n}_beam_3": bleu - n for n in (1, 2, 3, 4)}
    more = {"test_cider_beam_3": cider, "test_exact_beam_3": cider / 10}
    other = {"train_seconds": 90, "parameters": 1234, "test_examples": 1500}
    return {**keys, **more, **other, "validation_cider": cider + 1, "bleu_signature": "sig"}


def test_means_and_ranges_over_seeds(place, monkeypatch):
    folder, written = place
    for seed, bleu, cider in ((0, 30.0, 4.0), (1, 33.0, 5.0), (12, 36.0, 7.5)):
        write_run(folder, "drawn", seed, figures_of(bleu, cider))
    baseline = {f"nearest_neighbour_test_{name}": 1.25 for name in FIGURES}
    told = {"baseline": baseline, "examples": [["a.png", "a | b", ""]]}
    monkeypatch.setattr(captioning, "told", lambda *run: told)
    (folder / "runs" / "drawn-0-old").mkdir()
    captioning.main(["--report"])
    [(title, _, body)] = written
    assert title == "Captions of built-in pictures"
    assert (
        "| drawn | 3 | 1,234 | 1.5 | 6.500 (5.000–8.500) | 32.0 (29.0–35.0) | 31.0 (28.0–34.0) | "
        "30.0 (27.0–33.0) | 29.0 (26.0–32.0) | 5.500 (4.000–7.500) | 0.550 (0.400–0.750) |"
    ) in body
    assert "| nearest neighbour | – | – | – | – | 1.2 | 1.2 | 1.2 | 1.2 | 1.250 | 1.250 |" in body
    assert r"| a.png | a \| b | (nothing) |" in body
    assert "Test: 1,500 images" in body


def test_what_is_refused(place, capsys, monkeypatch):
    monkeypatch.delenv("CAPTIONING_DATA_DIR", raising=False)
    for arguments, words in (
        (["two", "--data", "x"], "'two' is none of one, other, drawn"),
        (["one"], "CAPTIONING_DATA_DIR"),
        (["--report"], "nothing to write"),
    ):
        with pytest.raises(SystemExit):
            captioning.main(arguments)
        assert words in capsys.readouterr().err
    assert not place[1]


def test_the_configurations_can_be_made(tmp_path):
    for name, benchmark in BENCHMARKS.items():
        config = benchmark.config(tmp_path, 2)
        assert (config.seed, config.beam_width) == (2, 3), name
        assert ("attention" in name) == (config.decoder == "attention")
        if name.startswith("flickr"):
            assert config.data == f"{tmp_path}/flickr8k_1k"
            assert config.features == f"{config.data}/effnetlite0_spatial_7x7x320.npz"
        else:
            assert config.data == "builtin"
