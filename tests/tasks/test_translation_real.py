"""The translation task on real sentences, from the command line to the exported file."""

import json
import os
from pathlib import Path

import pytest

from tasks.__main__ import main

SETTINGS = [
    "architecture=cho",
    "max_length=30",
    "vocabulary_size=2000",
    "units=64",
    "embedding_units=32",
    "epochs=2",
    "learning_rate=0.004",
]


@pytest.mark.realdata
@pytest.mark.skipif(
    "TRANSLATION_DATA_DIR" not in os.environ,
    reason="TRANSLATION_DATA_DIR is not set: a folder with multi30k/, fra-eng.zip and others",
)
def test_multi30k(tmp_path, capsys):
    """A small model: a poor translator, but of 1,000 test sentences."""
    run, exported = tmp_path / "run", tmp_path / "exported"
    data = f"{Path(os.environ['TRANSLATION_DATA_DIR']) / 'multi30k'}:de-en"
    settings = [part for setting in SETTINGS for part in ("--set", setting)]
    at = ["--run", str(run)]
    assert main(["translation", "train", "--data", data, *at, *settings]) == 0
    metrics = json.loads((run / "metrics.json").read_text(encoding="utf-8"))
    history = json.loads((run / "history.json").read_text(encoding="utf-8"))
    assert history[1]["val_loss"] < history[0]["val_loss"]
    assert metrics["test_chrf_beam_5"] > 10
    capsys.readouterr()
    assert main(["translation", "predict", *at, "Ein Mann fährt Fahrrad."]) == 0
    assert capsys.readouterr().out.strip()
    assert main(["translation", "export", *at, "--to", str(exported)]) == 0
    report = json.loads((exported / "report.json").read_text(encoding="utf-8"))
    assert report["tflite"]["profile"] == "portable"
    for search in ("greedy", "beam"):
        compared = report["tflite"]["compared_with_keras"][search]
        assert (compared["rows"], compared["equal"]) == (200, 1.0), search
