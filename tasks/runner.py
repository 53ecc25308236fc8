"""The verbs that every task shares: train, evaluate, predict, export, report, demo."""

import dataclasses
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import keras
from rich.console import Console
from rich.table import Table

from keras_seq.export import TFLiteOptions
from tasks import config as configs
from tasks import report_run as sections
from tasks.exported import export_figures, read_report
from tasks.report import Page, refuse_place, render, write
from tasks.run_directory import HISTORY, MARKER, METRICS, REPORT, RunDirectory, RunError
from tasks.task import Data, Task
from tasks.training import CHECKPOINT, best_epoch, fit


class Runner:
    """Runs the verbs of one task on one run directory.

    Args:
        task: What to do.
        path: The run directory.
        console: Where to write.
    """

    def __init__(self, task: Task, path: str | Path, console: Console):
        self.task, self.console = task, console
        self.run = RunDirectory(path, task.name, task.files)

    def _config(self) -> Any:
        return configs.read(self.task.config_type, self.run.config())

    def train(self, config: Any, *, overwrite: bool = False) -> dict[str, Any]:
        """Trains from the beginning. Returns the metrics."""
        # All that can be wrong comes first, so that it does not cost an earlier run.
        self.run.refuse_to_lose(overwrite=overwrite)
        data = self._load(config)
        model = self._build(config, data)
        self.run.create(dataclasses.asdict(config), overwrite=overwrite)
        data.save(self.run)
        return self._fit(config, data, model)

    def resume(self) -> dict[str, Any]:
        """Goes on where a run was stopped. Returns the metrics."""
        config = self._config()
        if not (self.run / CHECKPOINT).exists():
            return self.train(config, overwrite=True)  # stopped before its first epoch was over
        data = self._load(config, self.run)
        data.check_unchanged(self.run)
        return self._fit(config, data, self._build(config, data))

    def _load(self, config: Any, run: RunDirectory | None = None, **options: bool) -> Data:
        with self.console.status(f"reading {config.data}"):
            data = self.task.load(config, run, **options)
        for note in data.notes:
            self.console.print(note, highlight=False, markup=False, soft_wrap=True)
        return data

    def _build(self, config: Any, data: Data) -> keras.Model:
        keras.utils.set_random_seed(config.seed)
        try:
            return self.task.build(config, data)
        except ValueError as error:
            raise configs.ConfigError(str(error)) from error

    def _fit(self, config: Any, data: Data, model: keras.Model) -> dict[str, Any]:
        monitor = self.task.monitored(config)
        history = fit(
            model,
            data.train,
            data.validation(),
            self.run,
            epochs=config.epochs,
            monitor=monitor,
            console=self.console,
            more_figures=lambda model: self.task.validation_figures(model, data),
            callbacks=self.task.callbacks(data, self.console),
        )
        best = best_epoch(history, monitor)
        seconds = sum(epoch["seconds"] for epoch in history)
        metrics = {
            "data": config.data,
            "epochs": len(history),
            "best_epoch": best,
            monitor.replace("val_", "validation_"): history[best - 1][monitor],
            "train_seconds": round(seconds, 1),
            "examples_per_second": round(data.sizes["train"] * len(history) / seconds, 1),
            "parameters": model.count_params(),
            "seed": config.seed,
            **self._test(model, data),
        }
        self.run.write_json(METRICS, metrics)
        return metrics

    def _test(self, model: keras.Model, data: Data) -> dict[str, Any]:
        with self.console.status("testing"):
            figures = model.evaluate(data.test(), verbose=0, return_dict=True)
            more = self.task.test_figures(model, data)
        named = {f"test_{name}": float(value) for name, value in figures.items()}
        return {"test_examples": data.sizes["test"], **named, **more}

    def evaluate(self, source: str | None = None) -> dict[str, Any]:
        """Tests the run's model, on its own test data or on those of another source.

        All examples of another source count, unless it has a test part of its own; of its own
        source, which must be as it was, the test part alone: the others are what the model was
        trained and chosen on.
        """
        config = self._config()
        model = self.run.model()
        if source is None or _same(source, config.data):
            data = self._load(config, self.run)
            data.check_unchanged(self.run)
        else:
            config = configs.override(config, [f"data={source}"])
            data = self._load(config, self.run, test_only=True)
        self.task.compile(model, config)
        return self._test(model, data)

    def predict(self, inputs: Iterable[str], **options: Any) -> None:
        """Prints a line for each input; the options are the task's."""
        self.run.config()
        for line in self.task.predict(self.run, inputs, **options):
            self.task.show(self.console, line)

    def export(self, folder: str | Path, **options: Any) -> dict[str, Any]:
        """Exports the run's model.

        Args:
            folder: The folder to write.
            **options: What the .tflite is to be like, as in `keras_seq.export.TFLiteOptions`;
                portable if nothing is said.

        Returns:
            The report.
        """
        self.run.config()
        chosen = TFLiteOptions(**{"profile": "portable", **options})
        with self.console.status("exporting") as status:
            return self.task.export(
                self.run, Path(folder), lambda stage: status.update(f"exporting: {stage}"), chosen
            )

    def report(self, to: str | Path | None = None, exports: str | Path | None = None) -> Path:
        """Writes a page on the run.

        Args:
            to: The page; by default report.html in the run directory.
            exports: The folder of an export, which must be there; by default the task's in
                saved_models, if there is one.

        Returns:
            Where the page is.
        """
        # All that can be wrong comes before the work.
        config = self._config()
        metrics, history = self.run.read_json(METRICS), self.run.read_json(HISTORY)
        path = Path(to) if to else self.run / REPORT
        refuse_place(path)
        folder = Path(exports or Path("saved_models", self.task.name))
        exported = read_report(folder, needed=exports is not None)
        model = self.run.model()
        data = self._load(config, self.run)
        data.check_unchanged(self.run)
        self.task.compile(model, config)
        with self.console.status("testing and drawing"):
            parts = [
                sections.options(config),
                sections.test_figures(metrics),
                sections.learning(history, metrics["best_epoch"], self.task.axis_labels),
                *self.task.report_parts(self.run, data, model),
                sections.export(folder, exported, self.run, model),
            ]
            title = f"Report of a run: {self.task.name}"
            write(path, render(Page(title, sections.facts(config, self.run), parts)))
        return path

    def demo(self, folder: str | Path) -> None:
        """Trains, tests, exports, predicts, reports, and closes with a table."""
        config = self.task.demo_config()
        if (self.run / MARKER).exists() and self._config() != config:
            raise RunError(
                f"{self.run.path} holds a run that is not the demo's; name another folder with "
                "--run."
            )
        self.console.rule(f"{self.task.name}: training")
        metrics = self.train(config, overwrite=True)
        with self.console.status("testing simpler systems"):
            baselines = self.task.baselines(self.task.load(config, self.run))
        self.run.write_json(METRICS, {**metrics, **baselines})
        self.console.rule("exporting")
        report = self.export(folder)
        self.console.rule("predicting")
        self.predict(self.task.examples(self.run))
        page = self.report(exports=folder)
        self.console.rule("result")
        self.console.print(summary({**metrics, **baselines}, report))
        self.console.print(f"run: {self.run.path}/    exports: {folder}/", highlight=False)
        self.console.print(f"report: {page}", highlight=False, markup=False, soft_wrap=True)
        self.console.print(
            f"next: python -m tasks {self.task.name} predict --run {self.run.path} "
            f"{self.task.own_input}",
            highlight=False,
            markup=False,
            soft_wrap=True,
        )


def metrics_table(metrics: dict[str, Any]) -> Table:
    """Figures as a table of two columns."""
    table = Table(show_header=False)
    for name, value in metrics.items():
        shown = f"{value:.4f}" if isinstance(value, float) else str(value)
        table.add_row(name.replace("_", " "), shown)
    return table


def summary(metrics: dict[str, Any], report: dict[str, Any]) -> Table:
    """The closing table of the demo: what was reached, how large, how equal."""
    table = metrics_table(metrics)
    table.add_section()
    for name, value in export_figures(report).items():
        table.add_row(name, value)
    return table


def _same(one: str, other: str) -> bool:
    """Whether two sources are one, however their path is written."""
    return one == other or Path(one).expanduser().resolve() == Path(other).expanduser().resolve()
