"""Running exported models: the TFLite interpreter and the loaded SavedModel."""

import os
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter

from keras_seq.export.bench_process import timed_runs
from keras_seq.export.errors import ExportError

Arrays = dict[str, np.ndarray]
SIGNATURE = "serving_default"


@dataclass(frozen=True)
class Latency:
    """How long one run takes on this machine, in milliseconds.

    Attributes:
        min_ms: The fastest run.
        median_ms: Half of the runs were faster.
        p90_ms: Nine of ten runs were faster.
        p99_ms: All but one of a hundred were faster.
        max_ms: The slowest run.
        runs: How many runs were timed.
        threads: On how many threads.
        shapes: The shape of each input.
    """

    min_ms: float
    median_ms: float
    p90_ms: float
    p99_ms: float
    max_ms: float
    runs: int
    threads: int
    shapes: dict[str, tuple[int, ...]]

    @classmethod
    def of(
        cls, times: Sequence[float], inputs: Mapping[str, np.ndarray], threads: int
    ) -> "Latency":
        """Sums up times in milliseconds."""
        return cls(
            min_ms=min(times),
            median_ms=statistics.median(times),
            p90_ms=float(np.percentile(times, 90)),
            p99_ms=float(np.percentile(times, 99)),
            max_ms=max(times),
            runs=len(times),
            threads=threads,
            shapes={name: tuple(np.shape(array)) for name, array in inputs.items()},
        )


class TFLiteModel:
    """A .tflite file, called with arrays by input name.

    Args:
        path: The file.
        signature: Which of its signatures to run; None for the only one.
        threads: On how many threads.

    Raises:
        ExportError: The file has no such signature.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        signature: str | None = SIGNATURE,
        threads: int = 1,
    ):
        self._interpreter = Interpreter(model_path=os.fspath(path), num_threads=threads)
        known = self._interpreter.get_signature_list()
        if signature is not None and signature not in known:
            raise ExportError(
                f"{path} has no signature {signature!r}, only {', '.join(known) or 'none'}."
            )
        self.run = self._interpreter.get_signature_runner(signature)

    def __call__(self, inputs: Mapping[str, np.ndarray]) -> Arrays:
        """Runs the model; dynamic inputs take the shapes of the arrays."""
        return dict(self.run(**inputs))

    def signature(self, name: str) -> Callable[[Mapping[str, np.ndarray]], Arrays]:
        """What runs another signature, on the same variables."""
        run = self._interpreter.get_signature_runner(name)
        return lambda inputs: dict(run(**inputs))


class SavedModel:
    """A SavedModel folder, called with arrays by input name.

    Args:
        path: The folder.
        signature: Which of its signatures to run.
    """

    def __init__(self, path: str | os.PathLike[str], signature: str = SIGNATURE):
        # The signature works only as long as the loaded object is alive.
        self._loaded = tf.saved_model.load(os.fspath(path))
        self._run = self.signature(signature)

    def __call__(self, inputs: Mapping[str, Any]) -> Arrays:
        """Runs the signature."""
        return self._run(inputs)

    def signature(self, name: str) -> Callable[[Mapping[str, Any]], Arrays]:
        """What runs another signature, on the same variables."""
        run = self._loaded.signatures[name]

        def called(inputs: Mapping[str, Any]) -> Arrays:
            outputs = run(**{key: tf.constant(value) for key, value in inputs.items()})
            return {key: value.numpy() for key, value in outputs.items()}

        return called


def measure_latency(
    path: str | os.PathLike[str],
    inputs: Mapping[str, np.ndarray],
    runs: int = 50,
    *,
    signature: str | None = SIGNATURE,
    threads: int = 1,
) -> Latency:
    """Times a .tflite file.

    Args:
        path: The file.
        inputs: Arrays by input name; their shapes are the batch and length that are timed.
        runs: How many runs to time, after some that warm up.
        signature: Which of its signatures to run; None for the only one.
        threads: On how many threads.

    Returns:
        The median, and how the times are spread.

    Raises:
        ValueError: `runs` or `threads` is below 1.
        ExportError: The file has no such signature.

    Example:
        >>> from keras_seq.export import measure_latency
        >>> measure_latency("model.tflite", {"ids": ids}).median_ms  # doctest: +SKIP
        0.21
    """
    for name, value in (("runs", runs), ("threads", threads)):
        if value < 1:
            raise ValueError(f"{name} must be at least 1, got {value}.")
    model = TFLiteModel(path, signature, threads)
    return Latency.of(timed_runs(model.run, inputs, runs), inputs, threads)
