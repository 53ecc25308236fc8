"""Exports in LiteRT.js, under Node and in the demo page: `make test-web`."""

import dataclasses
import os
import shutil
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "tests"))


def pytest_sessionstart(session):
    if not shutil.which("node"):
        pytest.exit("Node.js 20 or later is needed and was not found; install it.", returncode=1)
    if not (HERE / "node_modules" / "@litertjs").is_dir():
        pytest.exit("LiteRT.js is not there yet: `make test-web` lets npm fetch it.", returncode=1)


@pytest.fixture(scope="session")
def sentiment(tmp_path_factory):
    """A sentiment model, trained for a moment, and the page with its export beside it."""
    from rich.console import Console

    from docs import make_demo
    from keras_seq.data import Tokenizer
    from tasks.runner import Runner
    from tasks.sentiment import LABELS, SAMPLES, Sentiment

    task = Sentiment()
    runner = Runner(task, tmp_path_factory.mktemp("run"), Console(quiet=True))
    config = make_demo.own_config(task)
    runner.train(dataclasses.replace(config, units=16, epochs=2))
    run = runner.run
    page = tmp_path_factory.mktemp("page") / "demo"
    shutil.copytree(make_demo.PAGE, page, ignore=shutil.ignore_patterns("vendor", "*.tflite"))
    make_demo.copy_vendor(make_demo.PACKAGES, page)
    length = 120
    report = make_demo.export(run, page / "model.tflite", length)
    return SimpleNamespace(
        model=run.model(),
        tokenizer=Tokenizer.load(run.path),
        labels=run.read_json(LABELS),
        samples=run.read_json(SAMPLES),
        page=page,
        file=page / "model.tflite",
        length=length,
        report=report,
    )
