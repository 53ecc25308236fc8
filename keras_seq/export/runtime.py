"""Running exported models: the TFLite interpreter and the loaded SavedModel."""

import os
import statistics
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter

Arrays = dict[str, np.ndarray]
SIGNATURE = "serving_default"


@dataclass(frozen=True)
class Latency:
    """How long one run takes, in milliseconds, on one thread of this machine.

    Attributes:
        median_ms: Half of the runs were faster.
        p90_ms: Nine of ten runs were faster.
        runs: How many runs were timed.
        shapes: The shape of each input.
    """

    median_ms: float
    p90_ms: float
    runs: int
    shapes: dict[str, tuple[int, ...]]


class TFLiteModel:
    """A .tflite file, called with arrays by input name.

    Args:
        path: The file.
    """

    def __init__(self, path: str | os.PathLike[str]):
        self._interpreter = Interpreter(model_path=os.fspath(path), num_threads=1)
        self._run = self._interpreter.get_signature_runner(SIGNATURE)

    def __call__(self, inputs: Mapping[str, np.ndarray]) -> Arrays:
        """Runs the model; dynamic inputs take the shapes of the arrays."""
        return dict(self._run(**inputs))


class SavedModel:
    """A SavedModel folder, called with arrays by input name.

    Args:
        path: The folder.
        signature: Which of its signatures to run.
    """

    def __init__(self, path: str | os.PathLike[str], signature: str = SIGNATURE):
        # The signature works only as long as the loaded object is alive.
        self._loaded = tf.saved_model.load(os.fspath(path))
        self._run = self._loaded.signatures[signature]

    def __call__(self, inputs: Mapping[str, Any]) -> Arrays:
        """Runs the signature."""
        outputs = self._run(**{name: tf.constant(value) for name, value in inputs.items()})
        return {name: value.numpy() for name, value in outputs.items()}


def measure_latency(
    path: str | os.PathLike[str], inputs: Mapping[str, np.ndarray], runs: int = 50
) -> Latency:
    """Times a .tflite file on one thread.

    Args:
        path: The file.
        inputs: Arrays by input name; their shapes are the batch and length that are timed.
        runs: How many runs to time, after some that warm up.

    Returns:
        The median and the 90th percentile.

    Raises:
        ValueError: `runs` is below 1.

    Example:
        >>> from keras_seq.export import measure_latency
        >>> measure_latency("model.tflite", {"ids": ids}).median_ms  # doctest: +SKIP
        0.21
    """
    if runs < 1:
        raise ValueError(f"runs must be at least 1, got {runs}.")
    model = TFLiteModel(path)
    for _ in range(3):
        model(inputs)
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        model(inputs)
        times.append((time.perf_counter() - start) * 1e3)
    return Latency(
        median_ms=statistics.median(times),
        p90_ms=float(np.percentile(times, 90)),
        runs=runs,
        shapes={name: tuple(array.shape) for name, array in inputs.items()},
    )
