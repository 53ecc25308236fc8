"""The time loop beside its peers: training step and inference, first step, memory.

Run as `python -m benchmarks.engine` on a quiet machine. Peers: the namesake in `keras.layers`,
plain and compiled with XLA, `keras.layers.RNN` over the same cell, and `torch.nn` where torch is
installed. `systems.py` says what each does, `measure.py` how it is measured.
"""

import argparse
import gc
import statistics
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version

from benchmarks.measure import REST, Times, alone, interleaved, warn_if_busy
from benchmarks.results import table, write_section
from benchmarks.systems import CUSTOM, NAMES, SYSTEMS, Case, Shape, build, has_torch, systems

SHAPES: tuple[Shape, ...] = (
    (1, 128, 128, 128),
    (32, 128, 128, 128),
    (64, 256, 128, 64),
    (64, 64, 512, 512),
    (16, 32, 1024, 1024),
)
MEMORY_SHAPES: tuple[Shape, ...] = ((32, 128, 128, 128), (64, 64, 512, 512))
MEMORY_NAMES = ("LSTM", "LayerNormLSTM")
TINY: Shape = (2, 3, 4, 5)
# A peer may be the better of several systems.
PEERS = {
    "better Keras": ("Keras", "Keras, XLA"),
    "RNN(cell)": ("RNN(cell)",),
    "RNN(cell), XLA": ("RNN(cell), XLA",),
    "torch": ("torch",),
}


@dataclass(frozen=True)
class Target:
    """What is to be reached: how many times as fast as a peer, each cell for itself.

    Attributes:
        training: In training, or in inference.
        names: Of the cells.
        peer: One of `PEERS`.
        mean: The geometric mean over all shapes, masked or not, is to be at least this.
        least: At no shape is it to be below this.
    """

    training: bool
    names: Sequence[str]
    peer: str
    mean: float
    least: float = 0.0


TARGETS = (
    Target(True, ("LSTM", "GRU"), "better Keras", 2.0, 1.0),
    Target(True, ("LSTM", "GRU"), "torch", 1.2, 0.8),
    Target(True, tuple(CUSTOM), "RNN(cell)", 2.5),
    Target(False, NAMES, "better Keras", 1.3, 1.0),
)


@dataclass(frozen=True)
class Result:
    """Times of all systems on a case."""

    case: Case
    times: dict[str, Times]

    def ratio(self, peer: str) -> float | None:
        """How many times as fast as a peer ours is; None if that does not run the case."""
        found = [self.times[s].best for s in PEERS[peer] if s in self.times]
        return min(found) / self.times["ours"].best if found else None


def cases(names: Iterable[str], shapes: Sequence[Shape]) -> Iterator[Case]:
    """Training with and without a mask, inference without."""
    for name in names:
        for shape in shapes:
            yield Case(name, shape)
            yield Case(name, shape, masked=True)
            yield Case(name, shape, training=False)


def measure(every: Sequence[Case], *, seconds: float = 1.0, turns: int = 2) -> list[Result]:
    """Times each case, with a line of progress."""
    started, results = time.perf_counter(), []
    # What is set up once in a process is no part of anyone's first step.
    for system in systems(Case("LSTM", TINY)):
        build(system, Case("LSTM", TINY))()
    for number, case in enumerate(every, start=1):
        runs = {system: build(system, case) for system in systems(case)}
        results.append(Result(case, interleaved(runs, seconds=seconds, turns=turns)))
        del runs
        gc.collect()
        figures = "; ".join(f"{s} {t.best:.1f}" for s, t in results[-1].times.items())
        what = "training" if case.training else "inference"
        passed = time.perf_counter() - started
        print(f"{number}/{len(every)} {passed:.0f} s: {what} {case}: {figures} ms", flush=True)
    return results


def memory(names: Iterable[str], shapes: Sequence[Shape]) -> dict[Case, dict[str, float | None]]:
    """MiB of a training step of each system, each in a process of its own."""
    found = {}
    for case in (Case(name, shape) for name in names for shape in shapes):
        found[case] = {system: alone(system, case).memory for system in systems(case)}
        shown = "; ".join(f"{s} {_number(mib, 0)}" for s, mib in found[case].items())
        print(f"memory {case}: {shown} MiB", flush=True)
    return found


def report(results: list[Result], memories: dict[Case, dict[str, float | None]]) -> str:
    """The section."""
    return "\n\n".join(
        [
            _introduction(),
            "### Targets",
            "\n".join(_verdict(target, results) for target in TARGETS),
            *_timings("Training step", [r for r in results if r.case.training]),
            *_timings("Inference", [r for r in results if not r.case.training]),
            *_first_steps(results),
            *_memory(memories),
        ]
    )


def _introduction() -> str:
    torch = f"torch is {version('torch')}" if has_torch() else "torch is not installed: dashes"
    return (
        "Shapes are (batch, time, features, units), numbers float32. A training step is the "
        "forward pass with all outputs and the gradients of all weights; a masked row is half to "
        "wholly real. All systems have the same input and weights and give the same values. They "
        "take turns in one process; in each turn each runs twice in a row, and the fastest run "
        f"counts. torch comes last in a turn and a rest of {1e3 * REST:.0f} ms follows, for its "
        "threads spin for some milliseconds after its work is done and would disturb what comes "
        "next. The custom cells, `benchmarks/custom_cells.py`, run in `Recurrent` and have no "
        "namesake in Keras and torch; "
        f"`torch.nn` has no masks. {torch}."
    )


def _timings(title: str, results: list[Result]) -> list[str]:
    rows = [
        [
            result.case,
            *(_number(result.times[s].best if s in result.times else None, 1) for s in SYSTEMS),
            *(_number(result.ratio(peer), 2) for peer in PEERS),
        ]
        for result in results
    ]
    names = dict.fromkeys(result.case.name for result in results)
    means = [[name, *(_mean_and_range(_ratios(results, name, p)) for p in PEERS)] for name in names]
    header = ["case", *SYSTEMS, *(f"to {peer}" for peer in PEERS)]
    return [
        f"### {title}",
        "How many times as fast as each peer: geometric mean (smallest–largest).",
        table(["cell", *PEERS], means),
        "Milliseconds, and how many times as fast as each peer.",
        table(header, rows),
    ]


def _first_steps(results: list[Result]) -> list[str]:
    chosen = [r for r in results if r.case == Case("LSTM", r.case.shape)]
    if not chosen:
        return []
    order = ("ours", *PEERS["better Keras"], "RNN(cell)")
    rows = [[r.case, *(_number(r.times[s].first, 2) for s in order)] for r in chosen]
    return [
        "### First training step",
        "Seconds of the first training step, tracing and compiling in it.",
        table(["case", *order], rows),
    ]


def _memory(memories: dict[Case, dict[str, float | None]]) -> list[str]:
    if not memories:
        return []
    rows = [
        [case, *(_number(found.get(s), 0) for s in SYSTEMS)] for case, found in memories.items()
    ]
    return [
        "### Memory of a training step",
        "MiB, each figure from a process of its own: its largest resident set over four training "
        "steps, tracing and compiling of the first in it, less its resident set just before them. "
        "Weights and input are there by then, and the same system has done a step at a tiny shape, "
        "so that the libraries are loaded. Linux alone tells these figures.",
        table(["case", *SYSTEMS], rows),
    ]


def _verdict(target: Target, results: list[Result]) -> str:
    """A line: the target, the figure of each cell, whether all reach it."""
    chosen = [result for result in results if result.case.training is target.training]
    measured = {name: _ratios(chosen, name, target.peer) for name in target.names}
    what = "training step" if target.training else "inference"
    wanted = f"each at least {target.mean:g} × {target.peer} in the geometric mean"
    if target.least:
        wanted += f", at no shape below {target.least:g} ×"
    line = f"- {', '.join(target.names)}, {what}: {wanted}. "
    if not all(measured.values()):
        return line + "Not measured."
    figures = ", ".join(f"{name} {_mean_and_range(r)}" for name, r in measured.items())
    # Judged as shown, to two places.
    reached = all(
        round(statistics.geometric_mean(ratios), 2) >= target.mean
        and round(min(ratios), 2) >= target.least
        for ratios in measured.values()
    )
    return f"{line}{figures}: **{'reached' if reached else 'missed'}**."


def _ratios(results: list[Result], name: str, peer: str) -> list[float]:
    found = (result.ratio(peer) for result in results if result.case.name == name)
    return [ratio for ratio in found if ratio is not None]


def _mean_and_range(ratios: list[float]) -> str:
    if not ratios:
        return "–"
    return f"{statistics.geometric_mean(ratios):.2f} ({min(ratios):.2f}–{max(ratios):.2f})"


def _number(value: float | None, digits: int) -> str:
    return "–" if value is None else f"{value:,.{digits}f}"


def main() -> None:
    """Measures everything, then writes the section."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dry-run", action="store_true", help="print, do not write RESULTS.md")
    options = parser.parse_args()
    warn_if_busy()
    memories = memory(MEMORY_NAMES, MEMORY_SHAPES)
    results = measure([*cases([*NAMES, *CUSTOM], SHAPES)])
    body = report(results, memories)
    if options.dry_run:
        print(body)
    else:
        write_section("The time loop", "make bench-engine", body)


if __name__ == "__main__":
    main()
