"""The LSTM's training step over the number of steps and of units, beside what the products cost.

Run as `python -m benchmarks.engine_curves` on a quiet machine. Every point of every system is
measured in a process of its own. Writes its section of docs/RESULTS.md and docs/engine_curves.png.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.measure import Alone, alone, in_own_process, product_rate, warn_if_busy
from benchmarks.results import RESULTS, table, write_section
from benchmarks.systems import Case, has_torch, systems

BATCH, UNITS, STEPS = 16, 64, 32
LENGTHS = tuple(2**n for n in range(6, 14))  # 64 to 8,192
SIZES = tuple(2**n for n in range(5, 12))  # 32 to 2,048
SYSTEMS = ("ours", "Keras", "torch")
PICTURE = RESULTS.with_name("engine_curves.png")
# Okabe and Ito's colours, which colour-blind readers tell apart.
STYLES = {"ours": ("#0072B2", "o"), "Keras": ("#D55E00", "s"), "torch": ("#009E73", "^")}
FLOOR_STYLE = {"color": "0.4", "linestyle": "--", "label": "products alone"}


@dataclass(frozen=True)
class Curve:
    """Points along one axis.

    Attributes:
        axis: Name of the axis.
        places: Values on the axis.
        floors: Milliseconds of the matrix products alone.
        points: What each system takes at each place.
    """

    axis: str
    places: Sequence[int]
    floors: list[float]
    points: dict[str, list[Alone]]


def over_time(lengths: Sequence[int] = LENGTHS) -> dict[int, Case]:
    """A case for each number of steps."""
    return {n: _case((BATCH, n, UNITS, UNITS)) for n in lengths}


def over_units(sizes: Sequence[int] = SIZES) -> dict[int, Case]:
    """A case for each number of units, features as many."""
    return {n: _case((BATCH, STEPS, n, n)) for n in sizes}


def _case(shape: tuple[int, int, int, int]) -> Case:
    return Case("LSTM", shape, input_gradient=True)


def measure(axis: str, cases: dict[int, Case], rate: float, *, seconds: float = 1.0) -> Curve:
    """Measures a curve, with a line of progress for each place.

    Args:
        axis: Name of the axis.
        cases: Case of each place.
        rate: Operations a second of a large matrix product.
        seconds: How long each system runs at each place.
    """
    points: dict[str, list[Alone]] = {}
    for place, case in cases.items():
        for system in (s for s in SYSTEMS if s in systems(case)):
            points.setdefault(system, []).append(alone(system, case, seconds=seconds))
        shown = "; ".join(f"{s} {p[-1].best:.1f} ms, {_mib(p[-1])} MiB" for s, p in points.items())
        print(f"{axis} {place}: {shown}", flush=True)
    floors = [1e3 * operations(case) / rate for case in cases.values()]
    return Curve(axis, list(cases), floors, points)


def operations(case: Case) -> int:
    """Additions and multiplications in the products of an LSTM's training step.

    The forward pass multiplies input and state with the kernels; the gradients of both factors are
    two products of the same size.
    """
    batch, steps, features, units = case.shape
    return 3 * 2 * batch * steps * (features + units) * 4 * units


def report(curves: Sequence[Curve], rate: float, picture: str) -> str:
    """The section."""
    torch = "" if has_torch() else " torch is not installed: dashes."
    parts = [
        f"LSTM in float32, batch {BATCH}, no mask: outputs of all steps, gradients of all weights "
        f"and of the input. Over time with {UNITS} units and features, over units with {STEPS} "
        "steps and as many features as units. Each figure is from a process of its own: the "
        "fastest run, and the largest resident set less that before the first run (weights and "
        "input are there, libraries loaded). The floor is the time of the matrix products alone, "
        f"3 · 2 · B · T · (F + U) · 4U operations, at {rate / 1e9:.0f} GFLOP/s, which a product of "
        "2,048 × 2,048 reaches here; in brackets the share of a step that the floor is. Keras runs "
        f"without XLA.{torch}",
        f"![Time and memory of a training step over time and over units]({picture})",
    ]
    for curve in curves:
        header = [curve.axis, "floor, ms", *(f"{s}, ms" for s in SYSTEMS)]
        rows = [_row(curve, number) for number in range(len(curve.places))]
        parts.append(table([*header, *(f"{s}, MiB" for s in SYSTEMS)], rows))
    return "\n\n".join(parts)


def _row(curve: Curve, number: int) -> list[str]:
    floor = curve.floors[number]
    found = [curve.points[s][number] if s in curve.points else None for s in SYSTEMS]
    times = [f"{p.best:,.1f} ({floor / p.best:.0%})" if p else "–" for p in found]
    memories = [_mib(p) if p else "–" for p in found]
    return [f"{curve.places[number]:,}", f"{floor:,.2f}", *times, *memories]


def _mib(point: Alone) -> str:
    return "–" if point.memory is None else f"{point.memory:,.0f}"


def draw(curves: Sequence[Curve], path: Path) -> None:
    """Draws time above and memory below, a column for each curve."""
    # A figure without pyplot: no window, no global state.
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 7.5), layout="constrained")
    grid = figure.subplots(2, len(curves), squeeze=False, sharex="col")
    for column, curve in enumerate(curves):
        times, memories = grid[0][column], grid[1][column]
        for system, points in curve.points.items():
            colour, marker = STYLES[system]
            style = {"color": colour, "marker": marker, "label": system}
            times.plot(curve.places, [p.best for p in points], **style)
            # None and nothing have no place on a logarithmic axis.
            memories.plot(curve.places, [p.memory or np.nan for p in points], **style)
        times.plot(curve.places, curve.floors, **FLOOR_STYLE)
        times.set(title=f"LSTM training step over {curve.axis}", ylabel="time (ms)")
        memories.set(xlabel=curve.axis, ylabel="peak memory (MiB)")
        for axes in (times, memories):
            axes.set_xscale("log", base=2)
            axes.set_yscale("log")
            axes.set_xticks(curve.places, [f"{place:,}" for place in curve.places], rotation=30)
            axes.grid(alpha=0.3)
            axes.legend()
    figure.savefig(path, dpi=120)


def main() -> None:
    """Measures both curves, draws them and writes the section."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--dry-run", action="store_true", help="print, write neither RESULTS.md nor the picture"
    )
    options = parser.parse_args()
    warn_if_busy()
    rate = in_own_process(product_rate)
    curves = [
        measure("time steps", over_time(), rate),
        measure("units", over_units(), rate),
    ]
    body = report(curves, rate, PICTURE.name)
    if options.dry_run:
        print(body)
        return
    draw(curves, PICTURE)
    write_section("The time loop over lengths and sizes", "make bench-engine-curves", body)


if __name__ == "__main__":
    main()
