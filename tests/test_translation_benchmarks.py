"""The benchmarks of translation: runs that are made, gone on with and told of; two equal beams."""

import json
import subprocess
import sys

import numpy as np
import pytest
import sacrebleu
import tensorflow as tf

from benchmarks import decoding_speed, translation
from benchmarks.decoding_speed import Settings, batches, model_and_ids, search
from benchmarks.translation import BENCHMARKS, Benchmark
from keras_seq.data import load_pairs
from tasks.__main__ import main
from tasks.config import read
from tasks.run_directory import RunDirectory
from tasks.translation import Config, Translation

TINY = {
    "source_pieces": "words",
    "target_pieces": "words",
    "units": 8,
    "embedding_units": 8,
    "max_length": 10,
    "epochs": 1,
}
SMALL = Settings(sentences=16, turns=1, memory_sentences=64, units=10, vocabulary=40, max_length=40)


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder with data, benchmarks of its own, and the section that was written."""
    train = load_pairs("builtin").train
    pairs = list(zip(train.sources, train.targets, strict=True))
    # One length of batches: each is traced and compiled anew.
    short = [pair for pair in pairs if (len(pair[0].split()), len(pair[1].split())) == (6, 5)]
    (tmp_path / "pairs.tsv").write_text("".join(f"{s}\t{t}\n" for s, t in short[:60]))
    (tmp_path / "folder").mkdir()
    for part, rows in (("train", short[:40]), ("val", short[40:50]), ("test", short[50:60])):
        for column, language in enumerate(("en", "so")):
            text = "\n".join(pair[column] for pair in rows)
            (tmp_path / "folder" / f"{part}.{language}").write_text(text)
    names = {
        "one": Benchmark("First", "folder:en-so", {**TINY, "lowercase": True}, 12.5),
        "other": Benchmark("Second", "pairs.tsv", {**TINY, "reverse": True}, None, True),
        "never": Benchmark("First", "nowhere.tsv", TINY),
    }
    monkeypatch.setattr(translation, "BENCHMARKS", names)
    monkeypatch.setattr(translation, "FOLDER", tmp_path / "runs")
    written = []
    monkeypatch.setattr(translation, "write_section", lambda *section: written.append(section))
    return tmp_path, written


@pytest.fixture
def commands(monkeypatch):
    """Runs commands of the benchmark in this process, and keeps them."""
    kept = []

    def run(command, check, env):
        assert check
        assert command[:4] == [sys.executable, "-m", "tasks", "translation"]
        kept.append(command[4:])
        assert main(command[3:]) == 0

    monkeypatch.setattr(subprocess, "run", run)
    return kept


@pytest.mark.long
def test_runs_are_made_once_and_told_of(place, commands, monkeypatch):
    folder, written = place
    arguments = ["other", "--data", str(folder), "--seeds", "3"]
    translation.main(arguments)
    run = folder / "runs" / "other-3"
    [command] = commands
    assert command[:3] == ["train", "--run", str(run)]
    [(title, how, body)] = written
    # The other section, whose runs are not here, stays as it is.
    assert (title, how) == ("Translation, Second", "python -m benchmarks.translation other")
    metrics = json.loads((run / "metrics.json").read_text())
    keys = ("validation_bleu", "test_bleu_greedy", "test_bleu_beam_5", "test_chrf_beam_5")
    figures = " | ".join(f"{metrics[key]:.1f}" for key in keys)
    minutes = f"{metrics['train_seconds'] / 60:.1f}"
    assert f"| other | 1 | {metrics['parameters']:,} | {minutes} | {figures} |\n" in body
    assert f"`{metrics['bleu_signature']}`" in body
    assert not any(f"| {name} |" in body for name in ("one", "never"))

    # Sentences of the part that nobody trained on, with the beam's translations.
    test = load_pairs(str(folder / "pairs.tsv"), reverse=True, seed=3).test
    assert len(test) == 3
    data = Translation().load(read(Config, RunDirectory(run, "translation").config()))
    translate = data.translator(
        RunDirectory(run, "translation").model(), width=5, length_penalty=1.0
    )
    for found, source, target in zip(
        translate(test.sources), test.sources, test.targets, strict=True
    ):
        assert f"| {source} | {target} | {found.text or '(nothing)'} |" in body

    # Nothing is trained again, nor are examples made again.
    commands.clear()
    monkeypatch.setattr(RunDirectory, "model", lambda self: pytest.fail("translated again"))
    translation.main(arguments)
    translation.main(["--report"])
    assert not commands
    assert written[0] == written[1] == written[2]


def test_means_and_ranges_over_seeds(place):
    folder, written = place
    for seed, bleu in ((0, 30.0), (1, 33.06), (12, 36.0)):
        run = folder / "runs" / f"one-{seed}"
        run.mkdir(parents=True)
        config = translation.BENCHMARKS["one"].config(folder, seed)
        (run / "config.json").write_text(json.dumps({"task": "translation", **vars(config)}))
        figures = {
            "validation_bleu": bleu + 1,
            "test_bleu_greedy": bleu - 1,
            "test_bleu_beam_5": bleu,
            "test_chrf_beam_5": 2 * bleu,
            "train_seconds": 60 * seed,
            "parameters": 1234,
            "test_examples": 1500,
            "bleu_signature": "sig",
        }
        (run / "metrics.json").write_text(json.dumps(figures))
    (folder / "runs" / "one-0-old").mkdir()
    translation.main(["--report"])
    assert written[0][:2] == (
        "Translation, First",
        "python -m benchmarks.translation one never",
    )
    assert (
        "| one | 3 | 1,234 | 4.3 | 34.0 (31.0–37.0) | 32.0 (29.0–35.0) | 33.0 (30.0–36.0) | "
        "66.0 (60.0–72.0) | 12.5 |"
    ) in written[0][2]
    assert "Test: 1,500 sentences, test_2016_flickr" in written[0][2]
    assert len(written) == 1


def test_what_is_refused(place, capsys, monkeypatch):
    monkeypatch.delenv("TRANSLATION_DATA_DIR", raising=False)
    for arguments, words in (
        (["two", "--data", "x"], "'two' is none of one, other, never"),
        (["one"], "TRANSLATION_DATA_DIR"),
        (["--report"], "nothing to write"),
    ):
        with pytest.raises(SystemExit):
            translation.main(arguments)
        assert words in capsys.readouterr().err
    assert not place[1]


def test_the_configurations_can_be_made(tmp_path):
    for name, benchmark in BENCHMARKS.items():
        config = benchmark.config(tmp_path, 2)
        assert config.beam_width == 5, name
        assert (config.seed, config.data) == (2, f"{tmp_path}/{benchmark.data}")
        sacrebleu.BLEU(tokenize=config.bleu_tokenize)


def tokens_of(settings, batch):
    model, ids, length = model_and_ids(settings)
    parts = batches(ids, settings.sentences, batch)
    return {
        system: [search(system, model, length)(part) for part in parts]
        for system in decoding_speed.SYSTEMS
    }


@pytest.mark.long
def test_both_beams_find_the_same():
    found = tokens_of(SMALL, 8)
    for ours, theirs in zip(found["graph"], found["python"], strict=True):
        np.testing.assert_array_equal(theirs, ours)
    tokens = np.concatenate(found["graph"])
    lengths = (tokens != 0).sum(1)
    assert tokens.shape == (16, SMALL.max_length)
    # They end, not all of them at once and not at the limit.
    assert len(set(lengths.tolist())) > 3
    assert 1 < lengths.mean() < SMALL.max_length - 2


def test_batches_hold_the_sentences():
    ids = tf.ragged.constant([[5, 6, 7], [8], [9, 4], [6, 6, 6, 6], [7, 5]])
    parts = batches(ids, 6, 2)
    assert [part.numpy().tolist() for part in parts] == [
        [[8, 0], [9, 4]],
        [[7, 5, 0], [5, 6, 7]],
        [[5, 6, 7, 0], [6, 6, 6, 6]],
    ]
    assert len(batches(ids, 1, 4)) == 1


def test_the_report_of_the_speed(capsys, monkeypatch):
    monkeypatch.setattr(
        decoding_speed, "in_own_process", lambda memory, system, settings: [1.0, 2.0, 1234.5]
    )
    speeds = iter(
        decoding_speed.Speed(batch, {"graph": 2.0, "python": 5.0}, 40, 7.25) for batch in (32, 1)
    )
    monkeypatch.setattr(decoding_speed, "speed", lambda settings, batch: next(speeds))
    decoding_speed.main(["--dry-run", "--units", "16", "--memory-sentences", "5000"])
    out = capsys.readouterr().out
    assert "| 32 | 7.2 | 20.0 | 8.0 | 2.50 |" in out
    assert "512 sentences | 2,496 sentences | 4,992 sentences" in out
    assert "| 1 | 2 | 1,234 |" in out
    assert "16 units" in out


@pytest.mark.long
@pytest.mark.skipif(sys.platform != "linux", reason="Linux tells the resident set")
def test_speed_and_memory_are_measured():
    timed = decoding_speed.speed(SMALL, 8)
    assert timed.sentences == 16
    assert timed.tokens > 2
    assert all(seconds > 0 for seconds in timed.seconds.values())
    for system in decoding_speed.SYSTEMS:
        found = decoding_speed.memory(system, SMALL)
        assert len(found) == 3
        assert all(100 < mebibytes < 10_000 for mebibytes in found)
