"""Sorting numbers by pointing at them: how many process steps a set needs before it is written.

Run as `python -m benchmarks.set2set_sorting`. A finished run is kept in `--cache` at once, so that
a benchmark that was killed goes on where it was. Writes its section of docs/RESULTS.md; with
`--steps` or `--sizes` other than its own a section of another name.
"""

import argparse
import dataclasses
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from benchmarks.journal import Journal
from benchmarks.measure import warn_if_busy
from benchmarks.results import table, write_section
from keras_seq.models import Set2Set

TITLE = "Sorting sets"
SIZES = (5, 10, 15)
PROCESS_STEPS = (0, 1, 5, 10)
CACHE = Path("runs/set2set_sorting.jsonl")
START, END, FIRST = 1, 2, 3  # ids of `Set2Set`


@dataclasses.dataclass(frozen=True)
class Recipe:
    """How each model is trained, and tested on sets that it has not seen.

    `once` stays False: where what was pointed to is left out, one score for each number sorts any
    set, and every model does so after a few steps.
    """

    steps: int = 1000
    batch: int = 128
    units: int = 64
    learning_rate: float = 0.003
    clip: float = 2.0
    test: int = 2000
    seed: int = 1
    once: bool = False


def draw(count: int, size: int, seed: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
    """Sets (count, size, 1) of numbers in [0, 1), and the pointers to them in ascending order."""
    numbers = np.random.default_rng(seed).random((count, size, 1), np.float32)
    pointers = np.argsort(numbers[..., 0], axis=1) + FIRST
    ends = [np.full((count, 1), token) for token in (START, END)]
    return numbers, np.concatenate([ends[0], pointers, ends[1]], axis=1).astype("int32")


def train(size: int, process_steps: int, glimpse: bool, recipe: Recipe) -> dict[str, float]:
    """Trains a model on ever new sets, and says how many test sets it sorts without a mistake."""
    keras.utils.set_random_seed(recipe.seed)
    options = {"process_steps": process_steps, "glimpse": glimpse, "once": recipe.once}
    model = Set2Set(1, recipe.units, **options)
    rate = keras.optimizers.schedules.CosineDecay(recipe.learning_rate, recipe.steps)
    model.compile(optimizer=keras.optimizers.Adam(rate, global_clipnorm=recipe.clip))
    start = time.perf_counter()
    numbers, target = draw(recipe.steps * recipe.batch, size, [recipe.seed, 0, size])
    model.fit(numbers, target, batch_size=recipe.batch, shuffle=False, verbose=0)
    seconds = time.perf_counter() - start
    numbers, target = draw(recipe.test, size, [recipe.seed, 1, size])
    found = keras.ops.convert_to_numpy(model.decode(numbers, max_length=size + 1).tokens)[:, 0]
    accuracy = float(np.mean(np.all(found == target[:, 1:], axis=1)))
    keras.backend.clear_session()
    return {"accuracy": accuracy, "seconds": round(seconds, 1)}


def measure(sizes: Sequence[int], recipe: Recipe, cache: Path) -> dict[tuple, dict[str, float]]:
    """Trains what the cache does not hold yet, with a line of progress for each run."""
    journal, found = Journal(cache), {}
    cases = [(n, p, glimpse) for n in sizes for glimpse in (False, True) for p in PROCESS_STEPS]
    for number, case in enumerate(cases, 1):
        names = ("size", "process_steps", "glimpse")
        settings: dict[str, Any] = dict(zip(names, case, strict=True)) | dataclasses.asdict(recipe)
        kept = journal.find(settings)
        result = kept or train(*case, recipe)
        if not kept:
            journal.add(settings, result)
        found[case] = result
        size, steps, glimpse = case
        print(
            f"{number}/{len(cases)} {size} numbers, {steps} steps, "
            f"{'a' if glimpse else 'no'} glimpse: {result['accuracy']:.1%}, "
            f"{result['seconds']:.0f} s{' (kept)' if kept else ''}",
            flush=True,
        )
    return found


def report(found: dict[tuple, dict[str, float]], recipe: Recipe) -> str:
    """The section."""
    sizes = list(dict.fromkeys(size for size, _, _ in found))
    rows = [
        [size, "yes" if glimpse else "no"]
        + [f"{found[size, steps, glimpse]['accuracy']:.1%}" for steps in PROCESS_STEPS]
        for size in sizes
        for glimpse in (False, True)
    ]
    header = ["numbers", "glimpse", *(f"{steps} process steps" for steps in PROCESS_STEPS)]
    minutes = sum(result["seconds"] for result in found.values()) / 60
    return (
        "`Set2Set` sorts random numbers in [0, 1) by pointing at them, the experiment of Vinyals, "
        "Bengio & Kudlur (2015, arXiv 1511.06391), with a shorter training. Accuracy: the share of "
        f"{recipe.test} new sets that are in order from the first number to the last, by greedy "
        "search. Nothing stops a model from pointing to a number again: where it cannot, one score "
        "for each number sorts any set, with or without process steps.\n\n"
        f"{table(header, rows)}\n\n"
        f"{recipe.steps} steps of {recipe.batch} new sets each, {recipe.units} units, Adam from "
        f"{recipe.learning_rate} along a cosine, gradients clipped to a norm of {recipe.clip}, one "
        f"seed. All trainings together took {minutes:.0f} minutes."
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Trains what is not there yet, then writes the section."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=_positive, help=f"of training ({Recipe.steps})")
    parser.add_argument("--sizes", type=_positive, nargs="+", help="of the sets (5 10 15)")
    parser.add_argument("--cache", type=Path, default=CACHE, help="finished runs (%(default)s)")
    parser.add_argument("--dry-run", action="store_true", help="print, write the cache alone")
    options = parser.parse_args(arguments)
    warn_if_busy()
    recipe = dataclasses.replace(Recipe(), **({"steps": options.steps} if options.steps else {}))
    body = report(measure(options.sizes or SIZES, recipe, options.cache), recipe)
    if options.dry_run:
        print(body)
        return
    command, title = "python -m benchmarks.set2set_sorting", TITLE
    if options.sizes:
        sizes = " ".join(map(str, options.sizes))
        command, title = f"{command} --sizes {sizes}", f"{title} of {sizes}"
    if options.steps:
        command, title = f"{command} --steps {options.steps}", f"{title}, {options.steps} steps"
    write_section(title, command, body)


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number of 1 or more.")
    return int(text)


if __name__ == "__main__":
    main()
