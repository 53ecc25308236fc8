"""A run directory: everything a run has made, and nothing half written."""

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

MARKER, HISTORY, METRICS, REPORT = "config.json", "history.json", "metrics.json", "report.html"
FILES = frozenset({MARKER, HISTORY, "checkpoint.npz", "model.keras", METRICS, REPORT})


class RunError(RuntimeError):
    """A run directory that cannot be used as asked; the message says what to do."""


class RunDirectory:
    """The files of one run.

    ================ =========================================================
    config.json      the task and its configuration
    history.json     training and validation figures of every epoch
    checkpoint.npz   where training stands: weights, optimizer, seeds, epoch
    model.keras      the model of the best epoch
    metrics.json     test figures
    report.html      a page on all this
    ================ =========================================================

    Beside these lie the files of the task: the vocabulary, labels, sample inputs.

    Args:
        path: The folder.
        task: Name of the task it must belong to.
        task_files: Names of the files that the task adds.
    """

    def __init__(self, path: str | Path, task: str, task_files: Iterable[str] = ()):
        self.path = Path(path)
        self.task = task
        self.files = FILES.union(task_files)

    def __truediv__(self, name: str) -> Path:
        return self.path / name

    def refuse_to_lose(self, *, overwrite: bool) -> None:
        """Looks whether a run may be made here, and changes nothing.

        Raises:
            RunError: There is a run already, or something that is not a run of this task.
        """
        if (self / MARKER).exists():
            if not overwrite:
                raise RunError(
                    f"{self.path} already holds a run. Continue it with --resume, replace it with "
                    "--overwrite, or name another folder with --run."
                )
            self.config()
            names = {path.name for path in self.path.iterdir()}
            if others := {n for n in names - self.files if not _is_half_written(n)}:
                raise RunError(
                    f"{self.path} also holds {', '.join(sorted(others)[:5])}, which no run wrote. "
                    "Move that away, or name another folder with --run."
                )
        elif self.path.exists() and (not self.path.is_dir() or any(self.path.iterdir())):
            raise RunError(
                f"{self.path} exists and is not a run directory; name another with --run."
            )

    def create(self, config: dict[str, Any], *, overwrite: bool = False) -> None:
        """Makes the folder and writes the configuration into it; an earlier run goes.

        Raises:
            RunError: As for `refuse_to_lose`, or the folder cannot be made.
        """
        self.refuse_to_lose(overwrite=overwrite)
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            for path in self.path.iterdir():
                path.unlink()
        except OSError as error:
            raise RunError(
                f"Cannot make the run directory {self.path}: {error.strerror}. Name another with "
                "--run."
            ) from None
        self.write_json(MARKER, {"task": self.task, **config})

    def config(self) -> dict[str, Any]:
        """The content of config.json.

        Raises:
            RunError: There is no run, or it belongs to another task.
        """
        if not (self / MARKER).exists():
            raise RunError(
                f"There is no run in {self.path}. Make one with "
                f"`python -m tasks {self.task} train --run {self.path}`."
            )
        content = self.read_json(MARKER)
        task = content.get("task") if isinstance(content, dict) else None
        if task != self.task:
            raise RunError(
                f"{self.path} holds a run of the task {task!r}, not of {self.task!r}. Name the "
                "right folder with --run."
            )
        return content

    def read_json(self, name: str) -> Any:
        """The content of a JSON file of the run.

        Raises:
            RunError: The file is missing or damaged.
        """
        try:
            return json.loads((self / name).read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise RunError(
                f"{self.path} has no {name}: the run is not finished. Continue it with "
                f"`python -m tasks {self.task} train --resume --run {self.path}`."
            ) from None
        except (json.JSONDecodeError, UnicodeDecodeError) as error:
            raise RunError(f"{self / name} is damaged ({error}); train again.") from None

    def write_json(self, name: str, content: Any) -> None:
        """Writes a JSON file aside, then renames it into place."""
        aside = self / f".{name}.writing"
        aside.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
        os.replace(aside, self / name)

    def model(self) -> Any:
        """The model of the best epoch.

        Raises:
            RunError: The file is missing or damaged.
        """
        import keras

        import keras_seq.layers  # noqa: F401 (registers the layers that the file names)

        if not (self / "model.keras").exists():
            raise RunError(
                f"{self.path} has no model.keras: no epoch is finished yet. Continue with "
                f"`python -m tasks {self.task} train --resume --run {self.path}`."
            )
        try:
            return keras.saving.load_model(self / "model.keras", compile=False)
        except Exception as error:
            raise RunError(
                f"{self / 'model.keras'} cannot be read ({type(error).__name__}: "
                f"{str(error).splitlines()[0]}). The file is truncated or damaged; train again."
            ) from error

    def save_model(self, model: Any) -> None:
        """Writes the model aside, then renames it into place."""
        aside = self / ".writing.keras"
        model.save(aside)
        os.replace(aside, self / "model.keras")


def _is_half_written(name: str) -> bool:
    """What a killed run leaves behind."""
    return name.startswith(".") and "writing" in name
