"""How time and memory are measured."""

import gc
import math
import multiprocessing
import os
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from benchmarks.systems import Case, Run, build, has_torch

REST = 0.02  # seconds after torch
_PROCESS = Path("/proc/self")


@dataclass(frozen=True)
class Times:
    """Times of one system on one case.

    Attributes:
        first: Seconds of the first run, tracing and compiling in it.
        best: Milliseconds of the fastest run after it.
    """

    first: float
    best: float


def interleaved(runs: dict[str, Run], *, seconds: float = 1.0, turns: int = 2) -> dict[str, Times]:
    """Times systems that take turns in this process.

    In a turn each system runs twice in a row, and the fastest run of all turns counts. The first
    of the two meets caches that another system has filled, the second its own. torch's threads go
    on spinning for some milliseconds after its work is done, so a rest follows it.

    Args:
        runs: The systems.
        seconds: How long turns are added, the first runs not counted.
        turns: The least number of turns.
    """
    first = {name: _seconds(run) for name, run in runs.items()}
    best = dict.fromkeys(runs, math.inf)
    end = time.perf_counter() + seconds
    turn = 0
    while turn < turns or time.perf_counter() < end:
        turn += 1
        for name, run in runs.items():
            best[name] = min(best[name], _seconds(run), _seconds(run))
            if name == "torch":
                time.sleep(REST)
    return {name: Times(first[name], 1e3 * best[name]) for name in runs}


def _seconds(run: Run) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


@dataclass(frozen=True)
class Alone:
    """A system that has a process for itself.

    Attributes:
        best: Milliseconds of the fastest run after the first.
        memory: MiB of memory; see `alone`. None where the system does not tell.
    """

    best: float
    memory: float | None


def alone(system: str, case: Case, *, seconds: float = 0.0, runs: int = 3) -> Alone:
    """Measures a system in a process of its own.

    The memory is the largest resident set of the process, from the first run of the case (tracing
    and compiling in it) to the last, less its resident set just before that run. Weights and input
    are there by then, and so is the program: the system has run once at a tiny shape.

    Args:
        system: The system.
        case: The case.
        seconds: How long runs are added, the first not counted.
        runs: The least number of runs after the first.
    """
    return in_own_process(_alone, system, case, seconds, runs)


def _alone(system: str, case: Case, seconds: float, runs: int) -> Alone:
    build(system, replace(case, shape=(2, 3, 4, 5)))()
    run = build(system, case)
    gc.collect()
    before = _resident("VmRSS")
    known = _forget_peak()
    run()
    end = time.perf_counter() + seconds
    times: list[float] = []
    while len(times) < runs or time.perf_counter() < end:
        times.append(_seconds(run))
    return Alone(1e3 * min(times), (_resident("VmHWM") - before) / 1024 if known else None)


def _resident(field: str) -> int:
    """KiB of a line of the process' status; 0 where there is none (Linux has it)."""
    try:
        lines = (_PROCESS / "status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith(f"{field}:"))
    except (OSError, StopIteration):
        return 0


def _forget_peak() -> bool:
    """Lets the peak (VmHWM) begin anew. Returns whether the system can."""
    try:
        (_PROCESS / "clear_refs").write_text("5")
    except OSError:
        return False
    return True


def product_rate(size: int = 2048, runs: int = 10) -> float:
    """Operations a second of a matrix product (size × size), the better of TensorFlow and torch."""
    array = np.random.default_rng(0).normal(size=(size, size)).astype("float32")
    tensor = tf.constant(array)
    products: list[Run] = [lambda: tf.matmul(tensor, tensor)]
    if has_torch():
        import torch

        other = torch.from_numpy(array)
        products.append(lambda: torch.matmul(other, other))
    best = min(_seconds(product) for product in products for _ in range(runs + 1))
    return 2 * size**3 / best


def in_own_process(function: Callable[..., Any], *arguments: Any) -> Any:
    """What a function of a module returns, called in a new process."""
    # On Linux a server imports the libraries once, which takes seconds, and forks for each call.
    context = multiprocessing.get_context("forkserver" if sys.platform == "linux" else "spawn")
    if sys.platform == "linux":
        context.set_forkserver_preload(["tensorflow", "keras", "torch"])
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        return pool.submit(function, *arguments).result()


def warn_if_busy() -> None:
    """Says so if the machine had other work: figures may be wrong then, torch's most of all."""
    load = os.getloadavg()[0]
    if load > 0.5:
        print(f"The machine was not quiet a minute ago (load {load:.1f}): figures may be wrong.")
