"""The frames task on real streams, from the command line to the exported file."""

import json
import os
from pathlib import Path

import pytest

from benchmarks.gesture_phases import FILE, convert
from tasks.__main__ import main

SETTINGS = ["leave_out=a1", "epochs=4", "units=16", "max_length=128", "batch_size=8"]


@pytest.mark.realdata
@pytest.mark.skipif(
    "SEQUENCES_DATA_DIR" not in os.environ,
    reason=f"SEQUENCES_DATA_DIR is not set: a folder with {FILE}",
)
def test_gesture_phases(tmp_path, capsys):
    """A small model; the exported values are compared on windows of the video left out."""
    data = tmp_path / "gestures.npz"
    convert(Path(os.environ["SEQUENCES_DATA_DIR"]) / FILE, data)
    run, exported = tmp_path / "run", tmp_path / "exported"
    settings = [part for setting in SETTINGS for part in ("--set", setting)]
    at = ["--run", str(run)]
    assert main(["frames", "train", "--data", str(data), *at, *settings]) == 0
    metrics = json.loads((run / "metrics.json").read_text(encoding="utf-8"))
    assert (metrics["test_examples"], metrics["test_videos"]) == (1743, 1)
    assert metrics["test_accuracy"] > 0.5
    capsys.readouterr()
    assert main(["frames", "predict", *at, "test:1"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "a1: 1,743 frames, the first is 0"
    assert lines[-1] == f"  correct: {metrics['test_accuracy']:.1%} of 1,743 labelled frames"
    assert main(["frames", "export", *at, "--to", str(exported)]) == 0
    report = json.loads((exported / "report.json").read_text(encoding="utf-8"))
    compared = report["tflite"]["compared_with_keras"]
    assert set(compared) == {"serving_default", "step"}
    assert max(part["difference"] for part in compared.values()) <= 1e-5
