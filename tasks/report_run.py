"""Sections that the report of every run has: options, test figures, learning, export."""

import dataclasses
import shlex
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import keras

from tasks.config import TaskConfig
from tasks.exported import export_figures, is_of
from tasks.report import Picture, Pictures, Section, Table, Text
from tasks.report_pictures import curves, svg
from tasks.run_directory import METRICS, RunDirectory


def facts(config: TaskConfig, run: RunDirectory) -> list[tuple[str, str]]:
    """What the report is about."""
    # The figures do not say when they were made; their file does.
    made = datetime.fromtimestamp((run / METRICS).stat().st_mtime).astimezone()
    return [
        ("task", run.task),
        ("data", config.data),
        ("run", str(run.path)),
        ("tested", made.strftime("%Y-%m-%d %H:%M %Z")),
    ]


def options(config: TaskConfig) -> Section:
    """The configuration, what differs from the defaults first."""
    here, usual = dataclasses.asdict(config), dataclasses.asdict(type(config)())
    changed = [
        (field.name, _option(here[field.name]), _option(usual[field.name]), field.metadata["help"])
        for field in dataclasses.fields(config)
        if here[field.name] != usual[field.name]
    ]
    same = ", ".join(f"{n} {_option(v)}" for n, v in here.items() if v == usual[n])
    parts: list[Any] = [Table(("option", "here", "default", "meaning"), changed)]
    if not changed:
        parts = [Text("All options are the defaults.")]
    return Section("Options", [*parts, Text(f"As by default: {same}.")] if same else parts)


def _option(value: Any) -> str:
    """As `--set` takes it; an empty text can be seen."""
    if isinstance(value, bool):
        return str(value).lower()
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value) or '""'


def test_figures(metrics: Mapping[str, Any]) -> Section:
    """All numbers of metrics.json, those of the test part first."""
    numbers = (name for name, value in metrics.items() if not isinstance(value, str))
    names = sorted(numbers, key=lambda name: "test" not in name)
    rows = [(name.replace("_", " "), figure(metrics[name])) for name in names]
    return Section("Figures", (Table(("figure", "value"), rows),))


def figure(value: Any) -> str:
    """A figure as the pages of reports write it: four decimals up to 10, then one."""
    if not isinstance(value, float):
        return f"{value:,}" if isinstance(value, int) else str(value)
    return f"{value:.4f}" if abs(value) < 10 else f"{value:,.1f}"


def learning(
    history: Sequence[Mapping[str, float]], best: int, labels: Mapping[str, str]
) -> Section:
    """Curves over the epochs, and their figures.

    Args:
        history: The figures of every epoch.
        best: Number of the epoch whose model was kept.
        labels: Name and unit of figures, by their name in the history.
    """
    keys = [key for key in history[0] if key not in ("epoch", "seconds")]
    bare = dict.fromkeys(["loss", *(key.removeprefix("val_") for key in keys)])  # loss first
    names = [key for name in bare for key in (name, f"val_{name}") if key in keys]
    pictures = [
        Picture(
            svg(
                curves(
                    [epoch[name] for epoch in history if name in epoch],
                    [epoch[f"val_{name}"] for epoch in history if f"val_{name}" in epoch],
                    best=best,
                    label=labels.get(name, name),
                )
            ),
            f"{name.capitalize()} of training and validation by epoch.",
        )
        for name in bare
    ]
    seconds = sum(epoch["seconds"] for epoch in history)
    table = Table(
        ("epoch", *(_spelt(name) for name in names), "seconds"),
        [
            (f"{epoch['epoch']}", *(figure(epoch[n]) for n in names), f"{epoch['seconds']:.1f}")
            for epoch in history
        ],
        marked={best - 1},
        caption="Bold: the best epoch, whose model is kept.",
    )
    words = (
        f"Learning took {seconds:,.1f} s, validation not counted. Training figures are means over "
        "an epoch, dropouts on; those of validation are of its end, dropouts off."
    )
    return Section("Learning", (Text(words), Pictures(pictures), table))


def _spelt(name: str) -> str:
    kind = "validation" if name.startswith("val_") else "training"
    return f"{kind} {name.removeprefix('val_').replace('_', ' ')}"


def export(
    folder: Path, report: dict[str, Any] | None, run: RunDirectory, model: keras.Model
) -> Section:
    """The figures of an export, if it is one of the run's model.

    Args:
        folder: Where the export lies.
        report: What its report says; None if there is no export.
        run: The run.
        model: Its model.
    """
    command = (
        f"python -m tasks {run.task} export --run {shlex.quote(str(run.path))} "
        f"--to {shlex.quote(str(folder))}"
    )
    if report is None:
        return Section("Export", (Text("Not exported yet. To export:", command),))
    known = is_of(folder, model)
    if known is False:
        words = (
            f"Not exported yet: what lies in {folder} has other weights than this run's model. "
            "To replace it by an export of this run:"
        )
        return Section("Export", (Text(words, command),))
    says = "It has the weights of this run's model."
    if known is None:
        says = "Whether it is of this run's model cannot be told: it has no readable SavedModel."
    figures = Table(("figure", "value"), list(export_figures(report).items()))
    return Section("Export", (Text(f"The export in {folder}. {says}"), figures))
