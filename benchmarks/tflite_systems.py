"""The same recurrent layer as .tflite files: by this library, by Keras, by litert-torch; and how
fast files run, in turns.
"""

import importlib.util
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter

from keras_seq import layers
from keras_seq.export import ExportError, to_tflite

OURS = ("auto", "loop", "fused", "unroll")
KERAS = {"Keras": False, "Keras, unroll=True": True}
TORCH = "litert-torch"
_TORCH_PROGRAM = Path(__file__).with_name("with_litert_torch.py")


@dataclass(frozen=True)
class Layer:
    """A layer of a namesake in every library, its features as many as its units.

    Attributes:
        name: "LSTM" or "GRU".
        units: Of its state.
        steps: The length that the files take; the batch is 1.
    """

    name: str
    units: int
    steps: int

    @property
    def weights(self) -> list[np.ndarray]:
        """Random ones, of the size that trained ones have."""
        layer = getattr(layers, self.name)(self.units)
        layer.build((1, self.steps, self.units))
        random = np.random.default_rng(1)
        scale = self.units**-0.5
        return [random.normal(scale=scale, size=w.shape).astype("f") for w in layer.weights]

    @property
    def input(self) -> np.ndarray:
        """A sequence of normal numbers, (1, T, F)."""
        shape = (1, self.steps, self.units)
        return np.random.default_rng(0).normal(size=shape).astype("float32")

    def model(self, library: Any, **options: Any) -> keras.Model:
        """A Keras model of the layer alone, which gives the outputs of every step.

        Args:
            library: `keras.layers` or `keras_seq.layers`.
            **options: Of the layer.
        """
        layer = getattr(library, self.name)(self.units, return_sequences=True, **options)
        inputs = keras.Input((self.steps, self.units), batch_size=1, name="x")
        model = keras.Model(inputs, layer(inputs))
        model.set_weights(self.weights)
        return model


def write(layer: Layer, system: str, path: Path, torch_python: str | None = None) -> str | None:
    """Writes the file of a system.

    Args:
        layer: What it holds.
        system: A mode of `OURS`, one of `KERAS`, or `TORCH`.
        path: The file.
        torch_python: A Python that has litert-torch.

    Returns:
        Why there is none; None if it is there.
    """
    if system == TORCH:
        return _write_torch(layer, path, torch_python)
    if system in KERAS:
        path.write_bytes(_converted(layer, KERAS[system]))
        return None
    try:
        to_tflite(layer.model(layers), path, mode=system, batch_size=1)
    except ExportError as error:
        if "nothing to fuse" not in str(error):
            raise
        return "no fused op"
    return None


def _converted(layer: Layer, unroll: bool) -> bytes:
    """The best that Keras gives: its default signature leaves the batch open, and then fails."""
    with tempfile.TemporaryDirectory() as folder:
        spec = keras.InputSpec(shape=(1, layer.steps, layer.units), dtype="float32")
        model = layer.model(keras.layers, unroll=unroll)
        model.export(folder, verbose=False, input_signature=[spec])
        converter = tf.lite.TFLiteConverter.from_saved_model(folder)
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
        return converter.convert()


def python_with_litert_torch() -> str | None:
    """This Python, if it has litert-torch."""
    return sys.executable if importlib.util.find_spec("litert_torch") else None


def _write_torch(layer: Layer, path: Path, python: str | None, timeout: float = 300) -> str | None:
    if python is None:
        return "not installed"
    with tempfile.TemporaryDirectory() as folder:
        weights = Path(folder, "weights.npz")
        names = ("kernel", "recurrent_kernel", "bias")
        np.savez(weights, **dict(zip(names, layer.weights, strict=True)))
        command = [python, _TORCH_PROGRAM, layer.name, layer.steps, weights, path.absolute()]
        try:
            done = subprocess.run(
                [*map(str, command)], capture_output=True, text=True, timeout=timeout
            )
        except subprocess.TimeoutExpired:
            return f"not converted in {timeout:g} s"
    if done.returncode:
        return (done.stderr.strip().splitlines() or ["no words"])[-1]
    return None


@dataclass(frozen=True)
class Times:
    """Milliseconds of a run: half of the runs were faster than the median."""

    median: float
    best: float


def in_turns(
    files: Mapping[str, Path],
    values: np.ndarray,
    *,
    turns: int = 40,
    seconds: float = 0.005,
    within: float = 1e-4,
) -> dict[str, Times]:
    """Times files of one input and one output that take turns, one thread each.

    Args:
        files: By system.
        values: The input of all.
        turns: How often each has its turn.
        seconds: Of a turn, which has three runs at least.
        within: How far their outputs may be from those of the first.

    Raises:
        ValueError: A file gives other values than the first.
    """
    times: dict[str, list[float]] = {name: [] for name in files}
    running = {name: _ready(path, values) for name, path in files.items()}
    wanted = _output(next(iter(running.values())))
    for name, interpreter in running.items():
        if not (gap := np.abs(_output(interpreter) - wanted).max()) <= within:
            raise ValueError(f"{name} is off by {gap:.1e}: not the same layer.")
    random = np.random.default_rng(0)
    for _ in range(turns):
        # In an order of its own: what ran before leaves its traces in the caches.
        for name in random.permutation([*running]):
            interpreter = running[name]
            end, runs = time.perf_counter() + seconds, 0
            while runs < 3 or time.perf_counter() < end:
                start = time.perf_counter()
                interpreter.invoke()
                times[name].append(1e3 * (time.perf_counter() - start))
                runs += 1
    return {name: Times(statistics.median(found), min(found)) for name, found in times.items()}


def _ready(path: Path, values: np.ndarray) -> Interpreter:
    """After the first run, which sets up what later ones use again."""
    interpreter = Interpreter(model_path=str(path), num_threads=1)
    interpreter.allocate_tensors()
    (only,) = interpreter.get_input_details()
    interpreter.set_tensor(only["index"], values.astype(only["dtype"]))
    interpreter.invoke()
    return interpreter


def _output(interpreter: Interpreter) -> np.ndarray:
    (only,) = interpreter.get_output_details()
    return interpreter.get_tensor(only["index"])
