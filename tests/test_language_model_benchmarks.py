"""The benchmark of language models: runs that are made, gone on with and told of."""

import json
import math
import subprocess
import sys

import pytest

from benchmarks import language_models
from benchmarks.language_models import BENCHMARKS, Benchmark
from tasks.__main__ import main
from tasks.run_directory import RunDirectory

TINY = {"units": 8, "embedding_units": 4, "batch_size": 4, "epochs": 1, "sample_length": 0}
LINES = "".join(f"def f{n}(x):\n    return x + {n}\n" for n in range(60))


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder with data, benchmarks of its own, and the sections that were written."""
    (tmp_path / "code").mkdir()
    for part in ("train", "valid", "test"):
        (tmp_path / "code" / f"code.{part}.txt").write_text(LINES)
    names = {
        "one": Benchmark("One", "code/code", TINY, [("another", 2.5, 2.25)], "About one.", True),
        "two": Benchmark(
            "Two", "code/code", {**TINY, "level": "words"}, [("another", None, 115)], "About two."
        ),
        "play": Benchmark("Play", "tfds:tiny_shakespeare", TINY, [], "About a play."),
    }
    monkeypatch.setattr(language_models, "BENCHMARKS", names)
    monkeypatch.setattr(language_models, "FOLDER", tmp_path / "runs")
    written = []
    monkeypatch.setattr(language_models, "write_section", lambda *section: written.append(section))
    return tmp_path, written


def finished_run(folder, name, seed, **figures):
    run = folder / "runs" / f"{name}-{seed}"
    run.mkdir(parents=True)
    config = language_models.BENCHMARKS[name].config(folder, seed)
    (run / "config.json").write_text(json.dumps({"task": "charlm", **vars(config)}))
    if figures:
        (run / "metrics.json").write_text(json.dumps(figures))
    return run


FIGURES = {
    "validation_loss": 1.5,
    "test_loss": 1.4,
    "train_seconds": 150.0,
    "parameters": 1234,
    "epochs": 3,
    "test_examples": 12_345,
}


@pytest.mark.long
def test_runs_are_made_once_and_told_of(place, monkeypatch):
    folder, written = place
    commands = []

    def run(command, check, env):
        assert check
        assert command[:4] == [sys.executable, "-m", "tasks", "charlm"]
        commands.append(command[4:])
        assert main(command[3:]) == 0

    monkeypatch.setattr(subprocess, "run", run)
    arguments = ["one", "--data", str(folder), "--seeds", "3"]
    language_models.main(arguments)
    [command] = commands
    assert command[:3] == ["train", "--run", str(folder / "runs" / "one-3")]
    [(title, how, body)] = written
    assert (title, how) == ("One", "python -m benchmarks.language_models one")
    metrics = json.loads((folder / "runs" / "one-3" / "metrics.json").read_text())
    bits = metrics["validation_loss"] / math.log(2)
    assert f"| {metrics['validation_loss']:.3f} | {bits:.3f} | {metrics['test_loss']:.3f} |" in body
    assert "```text\n" in body
    # Nothing is trained again, nor is a sample written again.
    commands.clear()
    monkeypatch.setattr(RunDirectory, "model", lambda self: pytest.fail("written again"))
    language_models.main(arguments)
    language_models.main(["--report"])
    assert not commands
    assert written[0] == written[1] == written[2]


def test_sections_of_data_sets_are_apart(place, monkeypatch):
    folder, written = place
    monkeypatch.setattr(language_models, "sample", lambda *arguments: "a sample\n```\n")
    finished_run(folder, "one", 0, **FIGURES, test_bits_per_character=2.02)
    finished_run(folder, "one", 12, **FIGURES, test_bits_per_character=2.03)
    finished_run(folder, "two", 1, **FIGURES, test_perplexity=4.055)
    finished_run(folder, "play", 0)  # begun
    (folder / "runs" / "one-0-old").mkdir()
    language_models.main(["--report"])
    assert [title for title, *_ in written] == ["One", "Two"]
    one, two = (body for *_, body in written)
    for seed, bits in ((0, "2.020"), (12, "2.030")):
        row = f"| this library, seed {seed} | 1,234 | 3 | 2.5 | 1.500 | 2.164 | 1.400 | {bits} |"
        assert row in one
    assert "| another |  |  |  | 1.73 | 2.5 | 1.56 | 2.25 |" in one
    assert "| this library, seed 1 | 1,234 | 3 | 2.5 | 1.500 | 4.482 | 1.400 | 4.055 |" in two
    assert "| another |  |  |  | – | – | 4.74 | 115 |" in two
    assert "validation bits per character" in one
    assert "test perplexity" in two
    assert "12,345 symbols" in one
    assert "On both together seed 0 has 1.450 nats. On both together seed 12 has 1.450" in one
    assert "On both together" not in two
    assert "units 8" in one
    assert one.count("```") == 2  # those of the block
    written.clear()
    language_models.main(["two", "--report"])
    assert [title for title, *_ in written] == ["Two"]


def test_where_the_data_are(place, monkeypatch):
    folder, _ = place
    kept = []
    monkeypatch.setattr(
        language_models, "train", lambda task, run, *config: kept.append((task, run.name, *config))
    )
    arguments = ["play", "one", "--data", str(folder), "--tfds", "there", "--seeds", "2"]
    with pytest.raises(SystemExit):  # nothing was made
        language_models.main(arguments)
    play, one = (language_models.BENCHMARKS[name].config(folder, 2) for name in ("play", "one"))
    environment = {"TFDS_DATA_DIR": "there"}
    assert kept == [
        ("charlm", "play-2", play, environment),
        ("charlm", "one-2", one, environment),
    ]
    assert play.data == "tfds:tiny_shakespeare"
    assert one.data == f"{folder}/code/code"


def test_what_is_refused(place, capsys, monkeypatch):
    monkeypatch.delenv("LANGUAGE_MODEL_DATA_DIR", raising=False)
    for arguments, words in (
        (["three"], "'three' is none of one, two, play"),
        (["play", "one"], "the data of one"),
        (["--report"], "nothing to write"),
    ):
        with pytest.raises(SystemExit):
            language_models.main(arguments)
        assert words in capsys.readouterr().err
    assert not place[1]


def test_the_configurations_can_be_made(tmp_path):
    for name, benchmark in BENCHMARKS.items():
        config = benchmark.config(tmp_path, 2)
        assert config.seed == 2, name
        assert config.data in ("tfds:tiny_shakespeare", f"{tmp_path}/{benchmark.data}")
