"""A tiny dataset and a finished run on it, shared by the task tests."""

import csv

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
