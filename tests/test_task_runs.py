"""Runs that benchmarks train: begun ones go on, finished ones are found, others are refused."""

import dataclasses
import json
import os
import subprocess
import sys

import pytest

from benchmarks.task_runs import finished, train
from tasks.config import TaskConfig, option


@dataclasses.dataclass(frozen=True)
class Config(TaskConfig):
    data: str = option("builtin", "the data")
    units: int = option(4, "the units")


@pytest.fixture
def commands(monkeypatch):
    """What would have been run, with its environment."""
    kept = []
    monkeypatch.setattr(
        subprocess, "run", lambda command, check, env: kept.append((command, check, env))
    )
    return kept


def write(run, config, **metrics):
    run.mkdir(parents=True, exist_ok=True)
    content = {"task": "labels", **dataclasses.asdict(config)}
    (run / "config.json").write_text(json.dumps(content))
    if metrics:
        (run / "metrics.json").write_text(json.dumps(metrics))


def test_a_run_is_begun_with_what_is_no_default(tmp_path, commands):
    train("labels", tmp_path / "one-3", Config(data="here", seed=3), {"PLACE": "there"})
    [(command, check, env)] = commands
    assert command[:5] == [sys.executable, "-m", "tasks", "labels", "train"]
    assert command[5:7] == ["--run", str(tmp_path / "one-3")]
    assert sorted(command[7:]) == ["--set", "--set", "data=here", "seed=3"]
    assert check
    assert env == {**os.environ, "PLACE": "there"}


def test_a_run_that_was_begun_goes_on(tmp_path, commands):
    run = tmp_path / "one-0"
    write(run, Config(data="here"))
    # Where the data are may change, but not what is trained.
    for data in ("here", "elsewhere"):
        train("labels", run, Config(data=data))
    wanted = [sys.executable, "-m", "tasks", "labels", "train", "--run", str(run), "--resume"]
    assert [command for command, *_ in commands] == [wanted, wanted]
    with pytest.raises(SystemExit, match="one-0 was made with other options"):
        train("labels", run, Config(units=9))
    write(run, Config(), loss=1.5)
    train("labels", run, Config())
    assert len(commands) == 2


def test_finished_runs_are_found_by_seed(tmp_path):
    for seed in (12, 0):
        write(tmp_path / f"one-{seed}", Config(seed=seed), loss=seed + 0.5)
    write(tmp_path / "one-1", Config(seed=1))
    write(tmp_path / "one-more-2", Config(seed=2), loss=3.0)
    (tmp_path / "one-0-old").mkdir()
    found = finished(tmp_path, "one", lambda seed: Config(seed=seed))
    assert list(found.items()) == [(0, {"loss": 0.5}), (12, {"loss": 12.5})]
