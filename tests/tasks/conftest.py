"""What the tests of tasks share: a dataset and a finished run on it, checks of what all must do."""

import csv
import importlib
import json

import numpy as np
import pytest

from keras_seq.data import load_texts
from tasks import training
from tasks.__main__ import TASKS, main
from tasks.config import read, settings
from tasks.run_directory import RunDirectory

SETTINGS = ("units=4", "embedding_units=8", "vocabulary_size=300", "max_length=60")
# One length of batches: each is traced and compiled anew.
QUICK = [part for s in (*SETTINGS, "bucket_lengths=60") for part in ("--set", s)]


@pytest.fixture(scope="session")
def reviews_csv(tmp_path_factory):
    texts = load_texts("builtin").train
    path = tmp_path_factory.mktemp("data") / "reviews.csv"
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "label"])
        for text, label in zip(texts.texts[:240], texts.labels[:240], strict=True):
            writer.writerow([text, ["negative", "positive"][label]])
    return path


@pytest.fixture(scope="session")
def finished_run(reviews_csv, tmp_path_factory):
    run = tmp_path_factory.mktemp("runs") / "quick"
    arguments = ["sentiment", "train", "--data", str(reviews_csv), "--run", str(run), *QUICK]
    assert main([*arguments, "--set", "epochs=2"]) == 0
    return run


@pytest.fixture
def refused(run, capsys):
    """Trains over the fixture `run` with data and settings, which must be refused in these words.

    Exit status 2, one message, and every file of the run is what it was.
    """

    def check(data, settings, *words):
        before = {path.name: path.read_bytes() for path in run.iterdir()}
        task = json.loads(before["config.json"])["task"]
        options = [part for setting in settings for part in ("--set", setting)]
        arguments = [task, "train", "--overwrite", "--run", run, "--data", data, *options]
        assert main([str(argument) for argument in arguments]) == 2
        err = capsys.readouterr().err
        assert err.startswith("error: ")
        assert "Traceback" not in err
        for word in words:
            assert str(word) in err
        assert before == {path.name: path.read_bytes() for path in run.iterdir()}

    return check


@pytest.fixture
def goes_on(tmp_path, monkeypatch):
    """Trains a finished run anew, stops after an epoch and goes on: all must be as in the first."""

    def check(run):
        content, again = json.loads((run / "config.json").read_text()), tmp_path / "again"
        task = content["task"]
        module, name, _ = TASKS[task]
        config = read(getattr(importlib.import_module(module), name).config_type, content)
        options = [part for setting in settings(config) for part in ("--set", setting)]
        save = training._save

        def save_and_stop(*arguments):
            save(*arguments)
            raise KeyboardInterrupt

        monkeypatch.setattr(training, "_save", save_and_stop)
        assert main([task, "train", "--run", str(again), *options]) == 130
        monkeypatch.setattr(training, "_save", save)
        assert main([task, "train", "--run", str(again), "--resume"]) == 0
        runs = [RunDirectory(path, task) for path in (run, again)]
        for a, b in zip(*(run.model().get_weights() for run in runs), strict=True):
            np.testing.assert_array_equal(b, a)
        figures = [json.loads((run.path / "metrics.json").read_text()) for run in runs]
        for name, value in figures[0].items():
            assert "second" in name or figures[1][name] == value, name

    return check
