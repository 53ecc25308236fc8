"""A run killed with -9 and resumed ends with the weights of a run that was not."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from captioned_folder import drawn, write_folder

from keras_seq.data import load_language
from tasks.__main__ import main

ROOT = Path(__file__).parents[2]
EPOCHS = 3


# Every source of chance is on: dropouts of several kinds, shuffling, seeds. Batches have one
# length: each is traced and compiled anew.
SETTINGS = {
    "sentiment": {
        "units": 6,
        "embedding_units": 12,
        "vocabulary_size": 300,
        "batch_size": 8,
        "word_dropout": 0.2,
        "layers": 2,
        "max_length": 40,
        "bucket_lengths": "40",
    },
    "charlm": {
        "units": 8,
        "embedding_units": 6,
        "layers": 2,
        "length": 10,
        "batch_size": 4,
        "dropout": 0.2,
        "averaging": 0.9,
        "sample_length": 0,
    },
    "captioning": {
        "image_size": 12,
        "encoder_units": 8,
        "units": 8,
        "embedding_units": 8,
        "batch_size": 4,
        "dropout": 0.2,
        "averaging": 0.9,
    },
}


@pytest.fixture
def data(request, reviews_csv, tmp_path):
    """Data of a task."""
    task = request.param
    if task == "sentiment":
        return task, reviews_csv
    if task == "captioning":
        return task, write_folder(tmp_path / "pictures", drawn(12, train=48, validation=6, test=6))
    text = load_language("builtin", characters=100_000).train[:8000]
    (tmp_path / "book.txt").write_text(text, encoding="utf-8")
    return task, tmp_path / "book.txt"


def _command(task, data, run):
    settings = {**SETTINGS[task], "epochs": EPOCHS, "seed": 7}
    pairs = [part for key, value in settings.items() for part in ("--set", f"{key}={value}")]
    return [task, "train", "--data", str(data), "--run", str(run), *pairs]


def _checkpoint(run):
    with np.load(run / "checkpoint.npz") as saved:
        return {name: saved[name] for name in saved.files if name != "history"}


def _wait_for(path, process, seconds=240):
    end = time.monotonic() + seconds
    while not path.exists():
        assert process.poll() is None, "training ended before it could be killed"
        assert time.monotonic() < end, f"no {path.name} after {seconds} s"
        time.sleep(0.02)


@pytest.mark.long
@pytest.mark.parametrize("data", SETTINGS, indirect=True)
def test_killed_run_resumes_to_the_same_weights(data, tmp_path):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    process = subprocess.Popen(
        [sys.executable, "-m", "tasks", *_command(*data, killed)],
        cwd=ROOT,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
        stdout=subprocess.DEVNULL,
    )
    _wait_for(killed / "history.json", process)
    time.sleep(0.1)  # into the second epoch
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (killed / "metrics.json").exists(), "the run was over before it was killed"

    assert main(_command(*data, whole)) == 0
    assert main([data[0], "train", "--resume", "--run", str(killed)]) == 0

    expected, resumed = _checkpoint(whole), _checkpoint(killed)
    assert expected.keys() == resumed.keys()
    for name in expected:
        np.testing.assert_array_equal(resumed[name], expected[name], err_msg=f"variable {name}")


def test_a_finished_run_resumes_to_itself(finished_run, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(finished_run, run)
    assert main(["sentiment", "train", "--resume", "--run", str(run)]) == 0
    before, after = _checkpoint(finished_run), _checkpoint(run)
    for name in before:
        np.testing.assert_array_equal(after[name], before[name])


def test_changed_data_is_refused(reviews_csv, finished_run, tmp_path, capsys):
    """Ids of another vocabulary would scramble the embeddings without a word."""
    run, data = tmp_path / "run", tmp_path / "reviews.csv"
    shutil.copytree(finished_run, run)
    shutil.copy(reviews_csv, data)
    config = json.loads((run / "config.json").read_text())
    (run / "config.json").write_text(json.dumps({**config, "data": str(data)}))
    assert main(["sentiment", "evaluate", "--run", str(run)]) == 0
    with open(data, "a", encoding="utf-8") as file:
        file.write("zebra zebra zebra,positive\n")
    before = {path.name: path.read_bytes() for path in run.iterdir()}
    for verb in (["train", "--resume"], ["evaluate"]):
        assert main(["sentiment", *verb, "--run", str(run)]) == 2
        assert "is not what it was" in capsys.readouterr().err
    assert before == {path.name: path.read_bytes() for path in run.iterdir()}
