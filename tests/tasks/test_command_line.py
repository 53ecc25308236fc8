"""The sentiment task from the command line: what works, and what is refused with which words."""

import io
import json
import shutil
import sys

import numpy as np
import pytest
from rich.console import Console

from tasks.__main__ import main
from tasks.runner import Runner
from tasks.sentiment import Sentiment

# Verbs that need a run of the task.
ON_A_RUN = (["evaluate"], ["predict", "fine"], ["export"], ["report"], ["train", "--resume"])


def _run(capsys, *arguments):
    status = main(["sentiment", *map(str, arguments)])
    captured = capsys.readouterr()
    return status, captured.out, captured.err


def test_train_writes_everything(finished_run):
    metrics = json.loads((finished_run / "metrics.json").read_text())
    assert {"test_accuracy", "train_seconds", "epochs", "parameters"} <= metrics.keys()
    assert metrics["epochs"] == 2
    assert metrics["train_seconds"] > 0
    history = json.loads((finished_run / "history.json").read_text())
    assert [epoch["epoch"] for epoch in history] == [1, 2]
    names = {path.name for path in finished_run.iterdir()}
    assert {
        "config.json",
        "checkpoint.npz",
        "model.keras",
        "vocabulary.txt",
        "tokenizer.json",
        "labels.json",
    } <= names
    assert not [name for name in names if "writing" in name]


def test_evaluate_repeats_the_test_figures(finished_run, capsys):
    metrics = json.loads((finished_run / "metrics.json").read_text())
    again = Runner(Sentiment(), finished_run, Console()).evaluate()
    assert again["test_accuracy"] == pytest.approx(metrics["test_accuracy"], abs=1e-6)
    assert again["test_loss"] == pytest.approx(metrics["test_loss"], abs=1e-5)


def test_evaluate_on_a_file_counts_every_row(finished_run, tmp_path, capsys):
    rows = [(f"really {'lovely' if i % 2 else 'dull'} number {i}", i % 2) for i in range(20)]
    path = tmp_path / "more.csv"
    names = ("negative", "positive")
    path.write_text("text,label\n" + "\n".join(f"{text},{names[y]}" for text, y in rows))
    figures = Runner(Sentiment(), finished_run, Console()).evaluate(str(path))
    assert figures["test_examples"] == 20
    assert round(figures["test_accuracy"] * 20, 4) % 1 == 0


def test_predict_arguments_and_stdin_agree(finished_run, capsys, monkeypatch):
    text = "The film was wonderful and quite graceful."
    status, from_argument, _ = _run(capsys, "predict", "--run", finished_run, text)
    assert status == 0
    assert from_argument.split()[0] in ("negative", "positive")
    stdin = io.TextIOWrapper(io.BytesIO(f"{text}\n\n".encode()))
    monkeypatch.setattr(sys, "stdin", stdin)
    status, from_stdin, _ = _run(capsys, "predict", "--run", finished_run)
    assert status == 0
    first, second = from_stdin.splitlines()
    assert first == from_argument.strip()
    assert second == "input 2 is empty: there is nothing to judge"


def test_predict_long_text_says_what_is_read(finished_run, capsys):
    status, out, _ = _run(capsys, "predict", "--run", finished_run, "good " * 100_000)
    assert status == 0
    assert "[read the last 60 of 100,000 tokens]" in out


def test_predict_refuses_invalid_utf8(finished_run, capsys, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"fine\nbad \xff here\n")))
    status, _, err = _run(capsys, "predict", "--run", finished_run)
    assert status == 2
    assert "line 2: invalid UTF-8 at byte 5" in err
    status, _, err = _run(capsys, "predict", "--run", finished_run, "caf\udce9")
    assert status == 2
    assert "input 1: invalid UTF-8 at byte 4" in err


@pytest.mark.slow
def test_export_gives_equal_values(finished_run, tmp_path, capsys):
    status, out, _ = _run(capsys, "export", "--run", finished_run, "--to", tmp_path / "out")
    assert status == 0
    assert "largest difference" in out
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert 0 < report["tflite"]["bytes"] < 1_000_000
    assert report["tflite"]["compared_with_keras"]["serving_default"]["difference"] <= 1e-5
    assert report["tflite"]["profile"] == "portable"
    assert (tmp_path / "out" / "saved_model" / "saved_model.pb").exists()


class TestRefused:
    """Each wrong input: exit status 2, one message, no traceback."""

    def check(self, capsys, arguments, *words):
        status, _, err = _run(capsys, *arguments)
        assert status == 2
        assert err.startswith("error: ")
        assert "Traceback" not in err
        for word in words:
            assert str(word) in err

    def test_unknown_data(self, capsys, tmp_path):
        self.check(
            capsys, ["train", "--data", "builtn", "--run", tmp_path / "r"], "builtn", "builtin"
        )
        assert not (tmp_path / "r").exists()

    def test_missing_file(self, capsys, tmp_path):
        self.check(
            capsys, ["train", "--data", tmp_path / "no.csv", "--run", tmp_path / "r"], "no.csv"
        )

    @pytest.mark.parametrize(
        ("content", "words"),
        [
            (b"", ["empty"]),
            (b"text,label\ngood,positive\nfine,positive\n", ["only the class", "positive"]),
            (b"text,label\ngood,positive\nbad,\n", ["label", "3"]),
            (b"text,label\ngood,positive\n,negative\n", ["3"]),
            (b"text,label\ngood \xff,positive\nbad,negative\n", ["UTF-8"]),
        ],
        ids=["empty file", "one class", "no label", "empty review", "invalid UTF-8"],
    )
    def test_bad_file(self, capsys, tmp_path, content, words):
        path = tmp_path / "bad.csv"
        path.write_bytes(content)
        self.check(capsys, ["train", "--data", path, "--run", tmp_path / "r"], "bad.csv", *words)

    def test_unknown_option(self, capsys, tmp_path):
        self.check(
            capsys,
            ["train", "--run", tmp_path / "r", "--set", "unit=3"],
            "Did you mean 'units'",
        )

    def test_a_run_is_not_replaced(self, capsys, finished_run, reviews_csv):
        before = (finished_run / "model.keras").read_bytes()
        self.check(
            capsys,
            ["train", "--data", reviews_csv, "--run", finished_run],
            "--resume",
            "--overwrite",
        )
        assert (finished_run / "model.keras").read_bytes() == before

    def test_bad_data_does_not_cost_an_earlier_run(self, capsys, finished_run, tmp_path):
        empty = tmp_path / "empty.csv"
        empty.write_bytes(b"")
        self.check(
            capsys, ["train", "--overwrite", "--data", empty, "--run", finished_run], "empty"
        )
        assert (finished_run / "model.keras").exists()

    @pytest.mark.parametrize(
        "setting",
        [
            "cell=foo",
            "pooling=foo",
            "units=0",
            "layers=0",
            "embedding_units=-1",
            "dropout=2",
            "embedding_dropout=-1",
            "word_dropout=1",
            "batch_size=0",
            "bucket_lengths=0,50",
            "epochs=0",
            "seed=-1",
            "seed=4294967296",
            "learning_rate=nan",
            "max_length=0",
            "keep=middle",
            "vocabulary_size=0",
        ],
    )
    def test_values_that_make_no_sense_do_not_cost_a_run(
        self, capsys, finished_run, reviews_csv, tmp_path, setting
    ):
        run = tmp_path / "run"
        shutil.copytree(finished_run, run)
        before = {path.name: path.read_bytes() for path in run.iterdir()}
        arguments = ["train", "--overwrite", "--data", reviews_csv, "--run", run, "--set", setting]
        self.check(capsys, arguments, setting.partition("=")[0].partition("_")[0])
        assert before == {path.name: path.read_bytes() for path in run.iterdir()}

    def test_overwrite_spares_what_no_run_wrote(self, capsys, finished_run, reviews_csv, tmp_path):
        foreign, mixed = tmp_path / "foreign", tmp_path / "mixed"
        foreign.mkdir()
        (foreign / "config.json").write_text('{"model_type": "bert"}')
        shutil.copytree(finished_run, mixed)
        (mixed / "notes.txt").write_text("mine")
        for run, word in ((foreign, "task None"), (mixed, "notes.txt")):
            self.check(capsys, ["train", "--overwrite", "--data", reviews_csv, "--run", run], word)
            self.check(capsys, ["demo", "--run", run])
        assert (foreign / "config.json").exists()
        assert (mixed / "notes.txt").exists()

    def test_a_folder_that_is_no_run_is_left_alone(self, capsys, tmp_path, reviews_csv):
        (tmp_path / "precious.txt").write_text("mine")
        self.check(
            capsys,
            ["train", "--overwrite", "--data", reviews_csv, "--run", tmp_path],
            "not a run directory",
        )
        assert (tmp_path / "precious.txt").read_text() == "mine"

    def test_no_run(self, capsys, tmp_path):
        for verb in ON_A_RUN:
            self.check(capsys, [*verb, "--run", tmp_path / "none"], "There is no run", "train")

    def test_run_of_another_task(self, capsys, finished_run, tmp_path):
        other = tmp_path / "other"
        shutil.copytree(finished_run, other)
        config = json.loads((other / "config.json").read_text())
        (other / "config.json").write_text(json.dumps({**config, "task": "translation"}))
        for verb in ON_A_RUN:
            self.check(capsys, [*verb, "--run", other], "'translation'", "'sentiment'")

    def test_truncated_model(self, capsys, finished_run, tmp_path):
        broken = tmp_path / "broken"
        shutil.copytree(finished_run, broken)
        whole = (broken / "model.keras").read_bytes()
        (broken / "model.keras").write_bytes(whole[: len(whole) // 2])
        for verb in (["predict", "fine"], ["export", "--to", tmp_path / "out"]):
            self.check(capsys, [*verb, "--run", broken], "model.keras", "truncated or damaged")

    def test_truncated_checkpoint(self, capsys, finished_run, tmp_path):
        broken = tmp_path / "broken"
        shutil.copytree(finished_run, broken)
        whole = (broken / "checkpoint.npz").read_bytes()
        (broken / "checkpoint.npz").write_bytes(whole[: len(whole) // 2])
        self.check(capsys, ["train", "--resume", "--run", broken], "checkpoint.npz", "--overwrite")

    def test_resume_keeps_its_configuration(self, capsys, finished_run):
        self.check(
            capsys,
            ["train", "--resume", "--run", finished_run, "--set", "units=5"],
            "keeps its configuration",
        )

    def test_other_classes(self, capsys, finished_run, tmp_path):
        path = tmp_path / "other.csv"
        rows = [f"word{i} here,{'red' if i % 2 else 'blue'}" for i in range(40)]
        path.write_text("text,label\n" + "\n".join(rows))
        self.check(
            capsys,
            ["evaluate", "--run", finished_run, "--data", path],
            "blue, red",
            "negative, positive",
        )

    def test_export_folder_that_cannot_be_written(self, capsys, finished_run, tmp_path):
        blocker = tmp_path / "file"
        blocker.write_text("not a folder")
        self.check(capsys, ["export", "--run", finished_run, "--to", blocker / "out"], blocker)
        assert blocker.read_text() == "not a folder"


def test_random_text_is_not_a_model(tmp_path, finished_run, capsys):
    broken = tmp_path / "broken"
    shutil.copytree(finished_run, broken)
    noise = np.random.default_rng(0).integers(0, 256, 500, dtype=np.uint8)
    (broken / "model.keras").write_bytes(noise.tobytes())
    status, _, err = _run(capsys, "predict", "--run", broken, "fine")
    assert status == 2
    assert "truncated or damaged" in err


@pytest.mark.long
def test_demo(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")
    status, out, _ = _run(capsys, "demo", "--run", tmp_path / "run", "--to", tmp_path / "out")
    assert status == 0
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    # The corpus is made so that word counts cannot pass 0.75.
    assert metrics["test_accuracy"] > 0.95 > 0.8 > metrics["bag_of_words_test_accuracy"]
    for words in (
        "test accuracy",
        "parameters",
        "examples per second",
        "builtin ops",
        "largest difference Keras–TFLite",
        "largest difference Keras–SavedModel",
    ):
        assert words in out
    judged = [line.split()[0] for line in out.splitlines() if line.startswith(("posi", "nega"))]
    assert judged == ["positive", "negative", "positive"]
    assert (tmp_path / "out" / "model.tflite").exists()
    assert f"report: {tmp_path / 'run' / 'report.html'}" in out
    assert "has the weights of this run" in (tmp_path / "run" / "report.html").read_text()
