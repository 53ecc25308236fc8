"""What a .tflite costs on this machine: time to load, time of a run, memory."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from keras_seq.export.errors import ExportError
from keras_seq.export.file.contents import SignatureInfo, TensorInfo
from keras_seq.export.file.flatbuffer import TFLiteFile
from keras_seq.export.runtime import SIGNATURE, Arrays, Latency

_PROGRAM = Path(__file__).with_name("bench_process.py")


@dataclass(frozen=True)
class Benchmark:
    """What a .tflite costs on this machine, in LiteRT's interpreter.

    Attributes:
        signature: The signature that was run.
        load_ms: From the path to an interpreter that is ready.
        first_ms: The first run, which sets up what later ones use again.
        latency: The later runs.
        memory_bytes: By how much the resident memory of a process that had imported NumPy and the
            interpreter alone grew at most, the model's own pages included.
    """

    signature: str
    load_ms: float
    first_ms: float
    latency: Latency
    memory_bytes: int


def bench(
    path: str | os.PathLike[str],
    *,
    inputs: Mapping[str, Any] | None = None,
    signature: str | None = None,
    runs: int = 100,
    threads: int = 1,
    batch_size: int | None = None,
    length: int | None = None,
    timeout: float = 600.0,
) -> Benchmark:
    """Runs a .tflite in a process of its own, and measures time and memory.

    Args:
        path: The file.
        inputs: Arrays by input name. By default made up from the signature: ones for integers,
            so that ids are known to any vocabulary, random numbers for floats.
        signature: Which of its signatures to run: `serving_default`, or else the only one.
        runs: How many runs to time, after some that warm up.
        threads: On how many threads.
        batch_size: The size that made-up inputs take where the first dimension is open; 1 if None.
        length: The size that they take where others are; 32 if None.
        timeout: Seconds after which the process is stopped.

    Returns:
        Times and memory.

    Raises:
        ExportError: No such file or signature, inputs that do not fit it, or a run that failed.

    Example:
        >>> from keras_seq.export.bench import bench
        >>> bench("model.tflite", length=100).latency.median_ms  # doctest: +SKIP
        0.21
    """
    for option, value in (("runs", runs), ("threads", threads)):
        if value < 1:
            raise ExportError(f"{option} must be at least 1, got {value}.")
    name, info = _signature(TFLiteFile.read(path), signature)
    if inputs is None:
        arrays = _made_up(info, batch_size, length)
    elif batch_size or length:
        raise ExportError("Inputs were given, which have their sizes: leave batch and length out.")
    else:
        arrays = _fitting(inputs, info)
    told = _run_program(Path(path), arrays, name, runs, threads, timeout)
    return Benchmark(
        signature=name,
        load_ms=told["load_ms"],
        first_ms=told["first_ms"],
        latency=Latency.of(told["times_ms"], arrays, threads),
        memory_bytes=told["memory_bytes"],
    )


def _signature(file: TFLiteFile, name: str | None) -> tuple[str, SignatureInfo]:
    known = file.signatures
    if not known:
        raise ExportError(f"{file.path} has no signature. Export it again, with to_tflite.")
    if name is None:
        name = SIGNATURE if SIGNATURE in known or len(known) > 1 else next(iter(known))
    if name not in known:
        raise ExportError(f"{file.path} has no signature {name!r}, only {', '.join(known)}.")
    return name, known[name]


def _made_up(info: SignatureInfo, batch_size: int | None, length: int | None) -> Arrays:
    rng = np.random.default_rng(0)
    for option, value, axes in (
        ("batch_size", batch_size, slice(0, 1)),
        ("length", length, slice(1, None)),
    ):
        if value is None:
            continue
        if value < 1:
            raise ExportError(f"{option} must be at least 1, got {value}.")
        if all(-1 not in tensor.shape[axes] for tensor in info.inputs.values()):
            shapes = ", ".join(f"{name} {tensor}" for name, tensor in info.inputs.items())
            raise ExportError(
                f"The file takes inputs of fixed sizes ({shapes}): leave {option} out."
            )
    return {
        name: _array(name, tensor, (batch_size or 1, length or 32), rng)
        for name, tensor in info.inputs.items()
    }


def _array(
    name: str, tensor: TensorInfo, sizes: tuple[int, int], rng: np.random.Generator
) -> np.ndarray:
    shape = [sizes[axis > 0] if size < 0 else size for axis, size in enumerate(tensor.shape)]
    dtype = _numpy_dtype(name, tensor)
    if dtype.kind in "iub":
        return np.ones(shape, dtype)
    return rng.standard_normal(shape).astype(dtype)


def _numpy_dtype(name: str, tensor: TensorInfo) -> np.dtype:
    try:
        return np.dtype(tensor.dtype.lower())
    except TypeError:
        raise ExportError(
            f"The input {name!r} is {tensor.dtype.lower()}, which has no NumPy type: it cannot "
            "be timed here."
        ) from None


def _fitting(inputs: Mapping[str, Any], info: SignatureInfo) -> Arrays:
    arrays = {name: np.asarray(value) for name, value in inputs.items()}
    if set(arrays) != set(info.inputs):
        raise ExportError(
            f"The signature takes the inputs {sorted(info.inputs)}; got {sorted(arrays)}."
        )
    for name, tensor in info.inputs.items():
        shape = arrays[name].shape
        fits = len(shape) == len(tensor.shape) and all(
            size in (-1, given) for size, given in zip(tensor.shape, shape, strict=True)
        )
        if not fits or not arrays[name].size:
            raise ExportError(f"The input {name!r} takes {tensor}; got an array of shape {shape}.")
    return {n: arrays[n].astype(_numpy_dtype(n, tensor)) for n, tensor in info.inputs.items()}


def _run_program(
    path: Path, arrays: Arrays, signature: str, runs: int, threads: int, timeout: float
) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        inputs = Path(folder, "inputs.npz")
        np.savez(inputs, **arrays)  # type: ignore[arg-type]
        numbers = [str(runs), str(threads)]
        # -P: the folder of the program holds modules whose names could hide others.
        command = [sys.executable, "-P", str(_PROGRAM), str(path), str(inputs), signature, *numbers]
        try:
            done = subprocess.run(
                command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout
            )
        except subprocess.TimeoutExpired as error:
            raise ExportError(
                f"{path} was stopped after {timeout:g} seconds. Take fewer runs, or less length."
            ) from error
    if done.returncode:
        words = "\n".join(f"  {line}" for line in done.stderr.strip().splitlines()[-6:])
        raise ExportError(
            f"{path} could not be run on inputs of shapes "
            f"{ {name: array.shape for name, array in arrays.items()} }:\n{words}"
        )
    return json.loads(done.stdout.splitlines()[-1])
