"""What the tests of tasks share: a tiny dataset, a finished run on it, and a check of refusals."""

import csv
import json

import pytest

from keras_seq.data import load_texts
from tasks.__main__ import main

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
