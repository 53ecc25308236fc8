"""What a task brings to the shared runner: data, a model, and what to do with an input."""

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import keras
import tensorflow as tf
from rich.console import Console

from keras_seq.export import TFLiteOptions
from tasks.config import TaskConfig
from tasks.report import Section
from tasks.run_directory import RunDirectory, RunError

DIGEST = "data_digest.json"


class Data(ABC):
    """The data of a run, turned into batches.

    Attributes:
        config: The task's options.
        notes: What a user should know of how the source was read, a sentence each.
    """

    config: Any
    notes: Sequence[str] = ()

    @abstractmethod
    def train(self, epoch: int) -> tf.data.Dataset:
        """The training batches of an epoch, a pure function of its number."""

    @abstractmethod
    def validation(self) -> tf.data.Dataset:
        """The validation batches."""

    @abstractmethod
    def test(self) -> tf.data.Dataset:
        """The test batches."""

    @abstractmethod
    def save(self, run: RunDirectory) -> None:
        """Writes what a later verb needs beside the model: vocabularies, labels, samples."""

    @abstractmethod
    def contents(self) -> Iterable[Any]:
        """All examples, part by part, as JSON can hold them: they must stay the same in a run."""

    def save_digest(self, run: RunDirectory) -> None:
        """Writes what `check_unchanged` compares with."""
        run.write_json(DIGEST, self._digest())

    def check_unchanged(self, run: RunDirectory) -> None:
        """Compares with the data that the run was begun with.

        Raises:
            RunError: They are others.
        """
        if run.read_json(DIGEST) != self._digest():
            raise RunError(
                f"{self.config.data} is not what it was when the run in {run.path} was begun. "
                "Bring the old data back, or train anew in another folder."
            )

    def _digest(self) -> str:
        digest = hashlib.sha256()
        for part in self.contents():
            digest.update(json.dumps(part).encode())
        return digest.hexdigest()

    @property
    @abstractmethod
    def sizes(self) -> dict[str, int]:
        """Number of examples of the parts "train", "validation" and "test"."""


class Task(ABC):
    """One job, thin over the shared runner."""

    name: ClassVar[str]
    config_type: ClassVar[type[TaskConfig]]
    files: ClassVar[frozenset[str]] = frozenset()  # what `Data.save` writes
    monitor: ClassVar[str] = "val_accuracy"
    demo_inputs: ClassVar[tuple[str, ...]] = ()
    own_input: ClassVar[str] = '"your own text"'  # as a user types it after `predict`
    axis_labels: ClassVar[Mapping[str, str]] = {}  # names and units of figures, for reports

    @abstractmethod
    def load(
        self, config: Any, run: RunDirectory | None = None, *, test_only: bool = False
    ) -> Data:
        """The data of a configuration.

        Args:
            config: The task's options.
            run: A run whose vocabulary is to be used.
            test_only: Whether all examples are for testing, where the source has no test part.
        """

    @abstractmethod
    def build(self, config: Any, data: Data) -> keras.Model:
        """The model, built and compiled."""

    @abstractmethod
    def compile(self, model: keras.Model, config: Any, optimizer: Any = None) -> None:
        """Gives a model the loss and metrics of a configuration."""

    @abstractmethod
    def predict(self, run: RunDirectory, inputs: Iterable[str], **options: Any) -> Iterator[str]:
        """A line of output for each input; the options are those that `__main__` lists."""

    @abstractmethod
    def export(
        self,
        run: RunDirectory,
        folder: Path,
        on_stage: Callable[[str], None],
        options: TFLiteOptions,
    ) -> dict[str, Any]:
        """Exports the run's model.

        Args:
            run: The run.
            folder: The folder to write.
            on_stage: Called with the name of each stage as it begins.
            options: What the .tflite is to be like; the task adds lengths and data.

        Returns:
            The report.
        """

    def monitored(self, config: Any) -> str:
        """The validation figure that the best epoch is chosen by; of a loss the smallest."""
        return self.monitor

    def validation_figures(self, model: keras.Model, data: Any) -> Mapping[str, float]:
        """Figures of an epoch beside loss and metrics, by names that begin with "val_"."""
        return {}

    def callbacks(self, data: Any, console: Console) -> Sequence[keras.callbacks.Callback]:
        """What else is called in training, after an epoch is saved and shown."""
        return ()

    def test_figures(self, model: keras.Model, data: Any) -> Mapping[str, Any]:
        """Figures of the test part beside loss and metrics, by names that begin with "test_"."""
        return {}

    def baselines(self, data: Data) -> dict[str, float]:
        """Test figures of simpler systems on the same data, for the closing table."""
        return {}

    def report_parts(self, run: RunDirectory, data: Any, model: keras.Model) -> Sequence[Section]:
        """What the report of a run shows beside options, figures, curves and export.

        Args:
            run: The run.
            data: Its data.
            model: The model of its best epoch, compiled.
        """
        return ()

    def demo_config(self) -> Any:
        """The configuration of the demo."""
        return self.config_type()

    def examples(self, run: RunDirectory) -> Sequence[str]:
        """Inputs that the demo predicts."""
        return self.demo_inputs

    def show(self, console: Console, line: str) -> None:
        """Prints a line of `predict`."""
        console.print(line, highlight=False, markup=False, soft_wrap=True)
