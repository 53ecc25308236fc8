"""Every recurrent layer on tasks whose answer lies far back, with one recipe for all of them.

Run as `python -m benchmarks.long_memory`. A finished run is
kept in `--cache` at once, so that a benchmark that was killed goes on where it was. Writes its
section of docs/RESULTS.md and docs/long_memory.png; with other tasks, lengths, layers, steps or
seeds than its own a section of another name and no picture.
"""

import argparse
import dataclasses
import hashlib
import json
import multiprocessing
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from benchmarks.journal import Journal, Settings
from benchmarks.long_memory_report import Recipe, Run, draw, report
from benchmarks.measure import warn_if_busy
from benchmarks.results import RESULTS, write_section
from benchmarks.synthetic import TASKS, Batch, Task
from keras_seq.layers import recurrent_layer, recurrent_layers

# Lengths of each task; nobody copies from 200 steps back in so few steps of training.
LENGTHS = {"adding": (50, 200), "copy": (20, 50), "order": (50, 200)}
SHORTEST = 10  # below it the first place of a symbol, T/10 to 2T/10, is none
CACHE = Path("runs/long_memory.jsonl")
PICTURE = RESULTS.with_name("long_memory.png")


def batches(task: Task, length: int, count: int, recipe: Recipe, part: int) -> Iterator[Batch]:
    """Draws batches: part 0 is for training, 1 for the test."""
    generator = np.random.default_rng([recipe.seed, part, length])
    for _ in range(count):
        yield task.draw(generator, recipe.batch, length)


def build(task: Task, length: int, layer: str, recipe: Recipe) -> keras.Model:
    """The layer, then a product at the steps that answer; symbols come in one-hot."""
    steps = task.steps(length)
    shape, dtype = ((steps,), "int8") if task.symbols else ((steps, 2), "float32")
    # Batch and time are fixed, so that the time loop is compiled for one shape.
    inputs = keras.Input(shape, recipe.batch, dtype)
    x = keras.ops.one_hot(inputs, task.symbols) if task.symbols else inputs
    x = recurrent_layer(layer)(recipe.units, return_sequences=task.answers > 1)(x)
    x = x[:, -task.answers :] if task.answers > 1 else x
    return keras.Model(inputs, keras.layers.Dense(task.outputs)(x))


def train(name: str, length: int, layer: str, recipe: Recipe) -> Run:
    """Trains a layer on a task from the recipe's seed, and tests it once."""
    task = TASKS[name]
    keras.utils.set_random_seed(recipe.seed)
    model = build(task, length, layer, recipe)
    adam = keras.optimizers.Adam(recipe.learning_rate, global_clipnorm=recipe.clip)
    model.compile(adam, task.loss)
    (example,) = batches(task, length, 1, recipe, part=0)
    data = tf.data.Dataset.from_generator(
        lambda: batches(task, length, recipe.steps, recipe, part=0),
        output_signature=tuple(tf.TensorSpec(array.shape, array.dtype) for array in example),
    ).apply(tf.data.experimental.assert_cardinality(recipe.steps))
    start = time.perf_counter()
    model.fit(data.prefetch(4), shuffle=False, verbose=0)
    seconds = time.perf_counter() - start
    test = [*batches(task, length, recipe.test // recipe.batch, recipe, part=1)]
    inputs, targets = (np.concatenate(arrays) for arrays in zip(*test, strict=True))
    outputs = model.predict(inputs, batch_size=recipe.batch, verbose=0)
    score = task.score(targets, outputs)
    # Otherwise graphs and compiled programs of all runs before stay in memory.
    keras.backend.clear_session()
    return Run(name, length, layer, score, model.count_params(), round(seconds, 1))


def settings_of(task: str, length: int, layer: str, recipe: Recipe) -> Settings:
    """All that decides a run, the layer's own defaults (as a digest) among it."""
    options = recurrent_layer(layer)(recipe.units, name=layer).get_config()
    digest = hashlib.sha256(json.dumps(options, sort_keys=True, default=str).encode()).hexdigest()
    what = {"task": task, "length": length, "layer": layer, "defaults": digest[:12]}
    return {**what, **dataclasses.asdict(recipe)}


def measure(
    lengths: Mapping[str, Sequence[int]],
    layers: Sequence[str],
    recipe: Recipe,
    cache: Path,
    train: Callable[[str, int, str, Recipe], Run] = train,
) -> list[Run]:
    """Trains what the cache does not hold yet, with a line of progress for each run.

    Args:
        lengths: Names of tasks, and the lengths of each.
        layers: Names of layers.
        recipe: How each is trained.
        cache: File of the finished runs.
        train: What trains.
    """
    journal = Journal(cache)
    runs = []
    cases = [(t, n, layer) for t in lengths for n in lengths[t] for layer in layers]
    for number, case in enumerate(cases, 1):
        settings = settings_of(*case, recipe)
        kept = journal.find(settings)
        run = Run(**kept) if kept else train(*case, recipe)
        if not kept:
            journal.add(settings, dataclasses.asdict(run))
        runs.append(run)
        task = TASKS[run.task]
        print(
            f"{number}/{len(cases)} {run.task} {run.length} {run.layer}: {task.measure} "
            f"{run.score:.4f}{', solved' if task.solved(run.score) else ''}, {run.seconds:.0f} s"
            f"{' (kept)' if kept else ''}",
            flush=True,
        )
    return runs


def own_layers() -> list[str]:
    """Names of the recurrent layers of keras_seq, and of none that others define."""
    kinds = recurrent_layers().items()
    return sorted(name for name, kind in kinds if kind.__module__.startswith("keras_seq."))


def main(arguments: Sequence[str] | None = None) -> None:
    """Trains what is not there yet, then writes the section and the picture."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--layers", type=_each(_layer), help="names with commas between them")
    parser.add_argument("--lengths", type=_each(_length), help=f"{SHORTEST} or more each")
    parser.add_argument("--tasks", type=_each(_task), help=f"of {', '.join(TASKS)}")
    parser.add_argument("--steps", type=_positive, help=f"training steps ({Recipe.steps})")
    parser.add_argument("--seed", type=_natural, help=f"of weights and data ({Recipe.seed})")
    parser.add_argument("--cache", type=Path, default=CACHE, help="finished runs (%(default)s)")
    parser.add_argument("--dry-run", action="store_true", help="print, write the cache alone")
    options = parser.parse_args(arguments)
    changed = {n: getattr(options, n) for n in ("steps", "seed") if getattr(options, n) is not None}
    recipe = dataclasses.replace(Recipe(), **changed)
    lengths = {t: options.lengths or LENGTHS[t] for t in options.tasks or TASKS}
    warn_if_busy()
    # Compiled programs stay in memory, some 40 MiB a run: a new process now and then.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(
        1, mp_context=context, max_tasks_per_child=16, initializer=end_with_parent
    ) as pool:
        runs = measure(
            lengths,
            options.layers or own_layers(),
            recipe,
            options.cache,
            lambda *case: pool.submit(train, *case).result(),
        )
    words = {n: getattr(options, n) for n in ("tasks", "lengths", "layers", "steps", "seed")}
    words = {n: ",".join(map(str, v)) if isinstance(v, list) else v for n, v in words.items() if v}
    body = report(runs, recipe, None if words else PICTURE.name)
    if options.dry_run:
        print(body)
        return
    command = " ".join(f"--{name} {value}" for name, value in words.items())
    if words:
        command = f"python -m benchmarks.long_memory {command}"
    else:
        draw(runs, PICTURE)
        command = "make bench-long-memory"
    title = ", ".join(["Long dependencies", *(f"{n} {v}" for n, v in words.items())])
    write_section(title, command, body)


def end_with_parent() -> None:
    """Lets this process end when the one that started it was killed: else it waits for ever."""

    def wait():
        multiprocessing.parent_process().join()
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


def _each(convert: Callable[[str], Any]) -> Callable[[str], list[Any]]:
    """Reads a list with commas; what is named twice counts once."""
    return lambda text: list(dict.fromkeys(convert(part.strip()) for part in text.split(",")))


def _layer(name: str) -> str:
    try:
        recurrent_layer(name)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return name


def _task(name: str) -> str:
    if name not in TASKS:
        raise argparse.ArgumentTypeError(
            f"There is no task {name!r}. There are {', '.join(TASKS)}."
        )
    return name


def _natural(text: str, least: int = 0) -> int:
    if not text.isdecimal() or int(text) < least:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number of {least} or more.")
    return int(text)


def _positive(text: str) -> int:
    return _natural(text, 1)


def _length(text: str) -> int:
    return _natural(text, SHORTEST)


if __name__ == "__main__":
    main()
