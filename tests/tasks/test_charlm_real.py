"""The language model task on real texts, from the command line."""

import json
import os
from pathlib import Path

import pytest

from keras_seq.data import Symbols, load_language
from tasks.__main__ import main

SMALL = ("units=128", "embedding_units=32", "length=50", "learning_rate=0.004", "epochs=1")
needs_tfds = pytest.mark.skipif(
    "TFDS_DATA_DIR" not in os.environ,
    reason="TFDS_DATA_DIR is not set: a folder with tiny_shakespeare prepared",
)
needs_treebank = pytest.mark.skipif(
    "LANGUAGE_MODEL_DATA_DIR" not in os.environ,
    reason="LANGUAGE_MODEL_DATA_DIR is not set: a folder with ptb/",
)
pytestmark = pytest.mark.realdata


@needs_tfds
def test_shakespeare(tmp_path, capsys):
    """One pass of a small model: a poor play, but better than counts of three characters."""
    run, exported = tmp_path / "run", tmp_path / "exported"
    settings = [part for setting in SMALL for part in ("--set", setting)]
    at = ["--run", str(run)]
    assert main(["charlm", "train", "--data", "tfds:tiny_shakespeare", *at, *settings]) == 0
    metrics = json.loads((run / "metrics.json").read_text(encoding="utf-8"))
    assert metrics["test_examples"] == 55_769
    assert metrics["test_loss"] < 1.9
    assert len(Symbols.load(run)) == 65
    capsys.readouterr()
    assert main(["charlm", "predict", *at, "--prompt", "ROMEO:", "--length", "50"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("ROMEO:")
    assert len(out) == 6 + 50 + 1
    assert main(["charlm", "export", *at, "--to", str(exported)]) == 0
    report = json.loads((exported / "report.json").read_text(encoding="utf-8"))
    assert report["measured"]["the_same_as_by_keras"] == 200


@needs_treebank
def test_the_treebank_is_read_as_others_read_it():
    """As many words and characters as its files have, and a line end for each line."""
    folder = Path(os.environ["LANGUAGE_MODEL_DATA_DIR"]) / "ptb"
    words = load_language(f"{folder}/ptb")
    symbols = Symbols.fit(words.train, "words")
    parts = (words.train, words.validation, words.test)
    assert len(symbols) == 10_000
    assert [len(symbols.encode(part)) for part in parts] == [929_589, 73_760, 82_430]
    characters = load_language(f"{folder}/ptb.char")
    symbols = Symbols.fit(characters.train)
    parts = (characters.train, characters.validation, characters.test)
    assert len(symbols) == 50
    assert [len(symbols.encode(part)) for part in parts] == [5_017_482, 393_042, 442_423]
    assert characters.test.startswith("no it was n't black monday\nbut while the new york")
