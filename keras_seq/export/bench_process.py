"""Times a .tflite and measures its memory. Run as a program, in a process of its own.

`keras_seq.export.bench` starts it by its path, so that it imports NumPy and the TFLite interpreter
and nothing else: the memory that it grows by is then the model's.
"""

import json
import sys
import time
from collections.abc import Mapping
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter


def timed_runs(run: Any, inputs: Mapping[str, Any], runs: int, warm_up: int = 3) -> list[float]:
    """How long each of `runs` calls of `run` takes, in milliseconds, after some that warm up."""
    for _ in range(warm_up):
        run(**inputs)
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        run(**inputs)
        times.append((time.perf_counter() - start) * 1e3)
    return times


def main(model: str, inputs: str, signature: str, runs: str, threads: str) -> dict[str, Any]:
    """Loads the model, runs it on the arrays of an .npz file, and tells what that took."""
    with np.load(inputs) as archive:
        arrays = dict(archive)
    before = _resident()
    start = time.perf_counter()
    interpreter = Interpreter(model_path=model, num_threads=int(threads))
    run = interpreter.get_signature_runner(signature or None)
    loaded = time.perf_counter()
    run(**arrays)
    first = time.perf_counter()
    times = timed_runs(run, arrays, int(runs))
    return {
        "load_ms": (loaded - start) * 1e3,
        "first_ms": (first - loaded) * 1e3,
        "times_ms": times,
        "memory_bytes": max(0, _peak() - before),
    }


def _resident() -> int:
    return _status("VmRSS") or _peak()


def _peak() -> int:
    # On Linux `ru_maxrss` remembers the process that started this one; VmHWM does not.
    if peak := _status("VmHWM"):
        return peak
    import resource  # not there on Windows

    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def _status(field: str) -> int:
    """A size from Linux' account of this process; 0 elsewhere."""
    try:
        with open("/proc/self/status", encoding="ascii") as lines:
            return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(field))
    except (OSError, StopIteration):
        return 0


if __name__ == "__main__":
    try:
        print(json.dumps(main(*sys.argv[1:])))
    except Exception as error:
        sys.exit(f"{type(error).__name__}: {error}")
