"""How fast exported layers run: the modes of `to_tflite` beside what Keras and litert-torch give.

Run as `python -m benchmarks.export_latency` on a quiet machine. Writes two sections of
docs/RESULTS.md: the comparison, and loop against unroll, which the rule of mode "auto" is taken
from. Finished layers are kept in `runs/export_latency.jsonl`, so that a run that was stopped goes
on; delete the file to measure anew.
"""

import argparse
import itertools
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import keras
import numpy as np

from benchmarks.journal import Journal
from benchmarks.measure import warn_if_busy
from benchmarks.results import table, write_section
from benchmarks.tflite_systems import (
    KERAS,
    OURS,
    TORCH,
    Layer,
    in_turns,
    python_with_litert_torch,
    write,
)
from keras_seq.export.modes import LONGEST, SMALL, unrolls

NAMES = ("LSTM", "GRU")
SIZES = ((32, 64), (128, 64), (512, 64), (32, 512), (128, 512))  # units, steps
GRID = (16, 32, 64, 128, 256)
THEIRS = (*KERAS, TORCH)
CACHE = Path("runs/export_latency.jsonl")
# litert-torch unrolls, and takes many minutes for hundreds of steps.
LONGEST_FOR_TORCH = 128
Found = dict[str, dict[str, Any]]


def measure(
    layer: Layer, systems: Sequence[str], journal: Journal, torch_python: str | None = None
) -> Found:
    """Size and times of a layer by each system, or why it has no file.

    Args:
        layer: The layer.
        systems: Of `OURS` and `THEIRS`.
        journal: What is finished.
        torch_python: A Python that has litert-torch.
    """
    settings = {"layer": asdict(layer), "systems": [*systems], "torch": bool(torch_python)}
    if found := journal.find(settings):
        return found
    with tempfile.TemporaryDirectory() as folder:
        files, found = {}, {}
        for number, system in enumerate(systems):
            path = Path(folder, f"{number}.tflite")
            if reason := _reason(layer, system) or write(layer, system, path, torch_python):
                found[system] = {"none": reason}
            else:
                files[system] = path
        keras.backend.clear_session()
        for system, times in in_turns(files, layer.input).items():
            found[system] = {"bytes": files[system].stat().st_size, **asdict(times)}
    journal.add(settings, found)
    shown = ", ".join(f"{s} {found[s].get('median', 0):.3f}" for s in systems)
    print(f"{layer.name} of {layer.units} units, {layer.steps} steps: {shown} ms", flush=True)
    return found


def _reason(layer: Layer, system: str) -> str | None:
    if system == TORCH and layer.steps > LONGEST_FOR_TORCH:
        return f"not tried: it unrolls all {layer.steps} steps"
    return None


def comparison(found: dict[Layer, Found]) -> str:
    """The section of the comparison."""
    times = [["layer", *OURS, *THEIRS, "auto to Keras", "auto to the best of theirs"]]
    sizes = [["layer", *OURS, *THEIRS]]
    ratios: dict[str, list[tuple[str, float]]] = {"Keras": [], "the best of theirs": []}
    for layer, systems in found.items():
        name = f"{layer.name} {layer.units} × {layer.steps}"
        medians = {s: v["median"] for s, v in systems.items() if "median" in v}
        best = min(medians[s] for s in THEIRS if s in medians)
        to = {"Keras": medians["Keras"], "the best of theirs": best}
        for peer, value in to.items():
            ratios[peer].append((layer.name, value / medians["auto"]))
        last = [f"{value / medians['auto']:.2f}" for value in to.values()]
        times.append([name, *(_time(systems.get(s, {})) for s in (*OURS, *THEIRS)), *last])
        sizes.append([name, *(_size(systems.get(s, {})) for s in (*OURS, *THEIRS))])
    means = [
        f"- {name}: {_mean(ratios['Keras'], name)} as fast as Keras, "
        f"{_mean(ratios['the best of theirs'], name)} as fast as the best of theirs"
        for name in dict.fromkeys(layer.name for layer in found)
    ]
    entries = [entry for systems in found.values() for entry in systems.values()]
    reasons = sorted({entry["none"] for entry in entries if "none" in entry})
    return "\n\n".join(
        (
            "One layer that gives the outputs of every step: units × time steps, as many features "
            "as units, batch 1, float32, the same weights and values. One thread of LiteRT's "
            "interpreter, with XNNPACK. Files of a row take turns, 40 of at least 5 ms and three "
            "runs, in random order; milliseconds of a run, median (fastest). The columns auto, "
            "loop, fused and unroll are modes of `to_tflite`. Keras is `model.export` with static "
            "sizes, then TensorFlow's converter, which makes a WHILE of it. litert-torch "
            f"has the layer of torch.nn. No file (–): {'; '.join(reasons) or 'none'}.",
            "Mode auto, geometric mean (least–most):\n\n" + "\n".join(means),
            table(*_split(times)),
            "Kilobytes of the file:",
            table(*_split(sizes)),
        )
    )


def _split(rows: list[list[str]]) -> tuple[list[str], list[list[str]]]:
    return rows[0], rows[1:]


def _mean(ratios: Iterable[tuple[str, float]], name: str) -> str:
    values = np.array([value for of, value in ratios if of == name])
    return f"{np.exp(np.log(values).mean()):.2f} × ({values.min():.2f}–{values.max():.2f})"


def _time(entry: dict[str, Any]) -> str:
    return f"{entry['median']:.3f} ({entry['best']:.3f})" if "median" in entry else "–"


def _size(entry: dict[str, Any]) -> str:
    return f"{entry['bytes'] / 1e3:,.0f}" if "bytes" in entry else "–"


def rule(found: dict[Layer, Found]) -> str:
    """The section of loop against unroll."""
    parts = [
        "How many times as fast as the loop the unrolled steps are: medians, batch 1, one thread, "
        'float32, features as many as units. Mode "auto" unrolls the bold ones: up to '
        f"{SMALL:,} units times steps and {LONGEST} steps, for the sake of the file's size."
    ]
    for name in dict.fromkeys(layer.name for layer in found):
        of = {(r.units, r.steps): v for r, v in found.items() if r.name == name}
        steps = sorted({s for _, s in of})
        rows = []
        for units in sorted({u for u, _ in of}):
            rows.append([str(units)])
            for length in steps:
                times = of[units, length]
                ratio = f"{times['loop']['median'] / times['unroll']['median']:.2f}"
                rows[-1].append(f"**{ratio}**" if unrolls(units, length) else ratio)
        header = [f"{name}, units", *(f"{length} steps" for length in steps)]
        parts.append(table(header, rows))
    return "\n\n".join(parts)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measures what is not there yet, then writes the sections."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--litert-torch", metavar="PYTHON", help="a Python that has litert-torch, if this has not"
    )
    parser.add_argument("--cache", type=Path, default=CACHE, help="finished layers (%(default)s)")
    parser.add_argument("--dry-run", action="store_true", help="print, do not write RESULTS.md")
    options = parser.parse_args(arguments)
    warn_if_busy()
    journal = Journal(options.cache)
    python = options.litert_torch or python_with_litert_torch()
    layers = [Layer(name, *size) for name, size in itertools.product(NAMES, SIZES)]
    bodies = {
        "Exported layers": comparison(
            {layer: measure(layer, (*OURS, *THEIRS), journal, python) for layer in layers}
        )
    }
    grid = [Layer(name, u, t) for name, u, t in itertools.product(NAMES, GRID, GRID)]
    bodies["Exported layers, loop or unrolled"] = rule(
        {layer: measure(layer, ("loop", "unroll"), journal) for layer in grid}
    )
    command = "make bench-export"
    if options.litert_torch:
        command = "python -m benchmarks.export_latency --litert-torch PYTHON"
    for title, body in bodies.items():
        if options.dry_run:
            print(body)
        else:
            write_section(title, command, body)


if __name__ == "__main__":
    main()
