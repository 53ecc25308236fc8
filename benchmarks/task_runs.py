"""Runs of a task that a benchmark trains: made once, gone on with, and found again by seed."""

import dataclasses
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tasks.config import TaskConfig, read, settings

Metrics = dict[str, Any]
PLACES = ("data", "features")  # options that tell where the data are


def train(
    task: str, run: Path, config: TaskConfig, environment: Mapping[str, str] | None = None
) -> None:
    """Makes a run in a process of its own, or goes on with it, unless it is finished.

    Args:
        task: Its name.
        run: The run directory.
        config: The configuration.
        environment: Variables of the process beside those of this one.
    """
    if metrics_of(run, config):
        return
    if (run / "config.json").exists():
        how = ["--resume"]
    else:
        how = [part for setting in settings(config) for part in ("--set", setting)]
    print(run.name, flush=True)
    command = [sys.executable, "-m", "tasks", task, "train", "--run", str(run), *how]
    subprocess.run(command, check=True, env={**os.environ, **(environment or {})})


def metrics_of(run: Path, config: TaskConfig) -> Metrics | None:
    """The figures of a run; None if it is not finished, or not begun.

    Args:
        run: The run directory.
        config: What it must have been made with; where the data are does not count.
    """
    if not (run / "config.json").exists():
        return None
    found = read(type(config), json.loads((run / "config.json").read_text(encoding="utf-8")))
    places = {name: getattr(found, name) for name in PLACES if hasattr(found, name)}
    if found != dataclasses.replace(config, **places):
        # A run begun with other options would stand under the name of these.
        sys.exit(f"{run} was made with other options; move it away to measure anew.")
    path = run / "metrics.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None


def finished(folder: Path, name: str, config: Callable[[int], TaskConfig]) -> dict[int, Metrics]:
    """The figures by seed of those runs of a name, `NAME-SEED`, that are finished.

    Args:
        folder: What the runs lie in.
        name: The name.
        config: From a seed to what its run must have been made with.
    """
    runs = [re.fullmatch(rf"{re.escape(name)}-(\d+)", run.name) for run in folder.glob(f"{name}-*")]
    seeds = sorted(int(run[1]) for run in runs if run)
    found = {seed: metrics_of(folder / f"{name}-{seed}", config(seed)) for seed in seeds}
    return {seed: metrics for seed, metrics in found.items() if metrics}
