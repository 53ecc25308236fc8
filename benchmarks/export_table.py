"""Every layer and some models, exported in every mode and quantisation: docs/EXPORT.md's tables.

Run as `python -m benchmarks.export_table`. What is finished is kept in `runs/export_table`, files
and figures, so that a run that was stopped goes on; delete the folder to measure anew. Ends with
status 1 if anything but "no fused op" was refused.
"""

import argparse
import itertools
import multiprocessing
import sys
import threading
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any, NamedTuple

import keras

from benchmarks.exported_models import MODELS, STEPS, build, inputs
from benchmarks.journal import Journal
from benchmarks.long_memory import end_with_parent, own_layers
from benchmarks.results import table, write_section
from benchmarks.tflite_systems import in_turns
from keras_seq.export import to_tflite

PAGE = Path(__file__).parents[1] / "docs" / "EXPORT.md"
CACHE = Path("runs/export_table")
MODES = ("loop", "fused", "unroll")
QUANTIZATIONS = (None, "float16", "dynamic", "int8")
NO_FUSED_OP = "no fused op"
Result = dict[str, Any]


class Combination(NamedTuple):
    """What is exported, and how."""

    model: str
    mode: str
    quantize: str | None

    @property
    def file(self) -> str:
        """The name of its file."""
        return f"{self.model}-{self.mode}-{self.quantize or 'float32'}.tflite"


def export(combination: Combination, folder: Path) -> Result:
    """Exports a combination: figures, or the reason why there is no file."""
    name, mode, quantize = combination
    keras.utils.set_random_seed(3)
    model = build(name)
    try:
        report = to_tflite(
            model,
            folder / combination.file,
            mode=mode,
            quantize=quantize,
            batch_size=1,
            length=STEPS,
            check_inputs=[inputs(name, rows=16, seed=1)],
            representative_data=[inputs(name, rows=128, seed=2)] if quantize == "int8" else None,
        )
    except Exception as error:
        words = " ".join(str(error).split())
        reason = NO_FUSED_OP if "nothing to fuse" in words else f"{type(error).__name__}: {words}"
        return {"refused": reason}
    finally:
        keras.backend.clear_session()
    found = report.comparison
    return {
        "largest": found.difference,
        "mean": found.mean,
        "spread": found.spread,
        "bytes": report.file.size,
        "forms": sorted(set(report.forms.values())),
    }


def export_all(combinations: Iterable[Combination], folder: Path, jobs: int = 1) -> Journal:
    """Exports what is not finished, in other processes: a crash there is a line in the table.

    Args:
        combinations: What is wanted.
        folder: For the files and the journal.
        jobs: How many at a time.
    """
    folder.mkdir(parents=True, exist_ok=True)
    journal = Journal(folder / "journal.jsonl")
    waiting = iter([c for c in combinations if journal.find(c._asdict()) is None])
    lock = threading.Lock()

    def following() -> Iterator[Combination]:
        while True:
            with lock:
                combination = next(waiting, None)
            if combination is None:
                return
            yield combination

    def work(_: int) -> None:
        pool = _pool()
        for combination in following():
            try:
                result = pool.submit(export, combination, folder).result()
            except BrokenProcessPool:
                result, pool = {"refused": "crashed: its process ended"}, _pool()
            with lock:
                journal.add(combination._asdict(), result)
            print(*combination, result.get("refused") or f"{result['largest']:.1e}", flush=True)
        pool.shutdown()

    with ThreadPoolExecutor(jobs) as threads:
        list(threads.map(work, range(jobs)))
    return journal


def _pool() -> ProcessPoolExecutor:
    # What was traced stays in memory: a new process now and then.
    return ProcessPoolExecutor(
        1,
        mp_context=multiprocessing.get_context("spawn"),
        max_tasks_per_child=40,
        initializer=end_with_parent,
    )


def latencies(combinations: Iterable[Combination], folder: Path) -> dict[Combination, float]:
    """Median milliseconds of a run of each file that there is, one after the other."""
    found = {}
    for combination in combinations:
        path = folder / combination.file
        if path.exists():
            values = inputs(combination.model, rows=1, seed=1)
            times = in_turns({combination.file: path}, values, turns=20)
            found[combination] = times[combination.file].median
    return found


def report(names: Sequence[str], journal: Journal, times: dict[Combination, float]) -> str:
    """The tables, and what was refused."""
    words = (
        f"Layers of 32 units that give the outputs of all {STEPS} steps of 24 features, and models "
        "with such layers in them; random weights of the size of trained ones, normal inputs. Each "
        "was converted, run on 16 sequences, and compared with Keras: largest difference (mean "
        "difference), kilobytes of the file, milliseconds of a run (median, batch 1, one thread of "
        "LiteRT's interpreter). Outputs of layers lie between -1 and 1 in the main. –: TFLite has "
        "no fused op for the layer."
    )
    parts, refused = [words], []
    for quantize in QUANTIZATIONS:
        rows = []
        for name in names:
            cells = [f"`{name}`" if name not in MODELS else MODELS[name].words]
            for mode in MODES:
                combination = Combination(name, mode, quantize)
                result = journal.find(combination._asdict())
                cells.append(_cell(result, times.get(combination)))
                if result and result.get("refused", NO_FUSED_OP) != NO_FUSED_OP:
                    what = f"`{name}`, {mode}, {quantize or 'float32'}"
                    refused.append(f"- {what}: {result['refused'][:300]}")
            rows.append(cells)
        parts.append(f"### {quantize or 'float32'}\n\n{table(['layer', *MODES], rows)}")
    parts.append("### Refused\n\n" + ("\n".join(refused) or "Nothing."))
    return "\n\n".join(parts)


def _cell(result: Result | None, time: float | None) -> str:
    if result is None:
        return "not run"
    if "refused" in result:
        return "–" if result["refused"] == NO_FUSED_OP else "**refused**"
    shown = f"{result['largest']:.0e} ({result['mean']:.0e}), {result['bytes'] / 1e3:.0f} KB"
    return shown if time is None else f"{shown}, {time:.3f} ms"


def main(arguments: Sequence[str] | None = None) -> int:
    """Exports what is not there yet, times all files, writes the tables.

    Returns:
        1 if anything but "no fused op" was refused, else 0.
    """
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    everything = [*own_layers(), *MODELS]
    parser.add_argument("--only", help="names with commas between them")
    parser.add_argument("--jobs", type=int, default=1, help="exports at a time (%(default)s)")
    parser.add_argument("--cache", type=Path, default=CACHE, help="what is finished (%(default)s)")
    parser.add_argument("--dry-run", action="store_true", help="print, do not write EXPORT.md")
    options = parser.parse_args(arguments)
    names = options.only.split(",") if options.only else everything
    if unknown := sorted(set(names) - set(everything)):
        parser.error(f"There is no {', '.join(unknown)}. There are {', '.join(everything)}.")
    combinations = [Combination(*c) for c in itertools.product(names, MODES, QUANTIZATIONS)]
    journal = export_all(combinations, options.cache, options.jobs)
    body = report(names, journal, latencies(combinations, options.cache))
    if options.dry_run or options.only:
        print(body)
    else:
        write_section("Every layer in every form", "make bench-export-table", body, PAGE)
    results = [journal.find(c._asdict()) for c in combinations]
    return int(any(r.get("refused", NO_FUSED_OP) != NO_FUSED_OP for r in results))


if __name__ == "__main__":
    sys.exit(main())
