"""Steps of an epoch of the sentiment task: its model, and the same model with keras.layers in it.

Run as `python -m benchmarks.imdb_epoch`, with IMDB where TFDS_DATA_DIR says, or anywhere with
`--builtin`, which takes the demo's model and reviews. Keras' model is compiled by its default and
with `jit_compile=False`, which are the same where there is no GPU; `--xla` adds `jit_compile=True`.
"""

import argparse
import time
from dataclasses import dataclass, field

import keras
import tensorflow as tf

from benchmarks.results import table, write_section
from keras_seq import layers
from tasks.config import override
from tasks.sentiment import Config, Sentiment

DATA = "tfds:imdb_reviews"
STEPS, TURN = 150, 25


@dataclass
class System:
    """A compiled model and what it took.

    Attributes:
        name: For the table.
        model: The model.
        first: Seconds of the first step, tracing and compiling in it.
        shapes: Seconds of the first step of every further shape of batch.
        steps: Seconds of the steps that were timed.
    """

    name: str
    model: keras.Model
    first: float = 0.0
    shapes: list[float] = field(default_factory=list)
    steps: float = 0.0


@dataclass(frozen=True)
class Timed:
    """The systems after their steps, and on what they ran."""

    systems: list[System]
    steps: int
    lengths: list[int]
    parameters: int


def measure(config: Config, *, steps: int = STEPS, turn: int = TURN, xla: bool = False) -> Timed:
    """Times the first steps of an epoch.

    Every system first does one step of each shape of batch that comes, so that what is compiled for
    a shape is ready. Then they take turns on the same batches.

    Args:
        config: Options of the sentiment task.
        steps: Steps timed, as far as the epoch goes.
        turn: Steps of a turn: one call of `fit`.
        xla: Whether Keras is compiled with XLA too where its default does not.
    """
    task = Sentiment()
    data = task.load(config)
    keras.utils.set_random_seed(config.seed)
    systems = _systems(task, config, task.build(config, data), xla)
    # Held in memory, so that no system waits for what another has read already.
    batches = data.train(0).take(steps).cache()
    shapes = [tuple(ids.shape) for ids, _ in batches]
    firsts = [batches.skip(shapes.index(s)).take(1) for s in dict.fromkeys(shapes)]
    for system in systems:
        system.first, *system.shapes = [_fit(system.model, batch) for batch in firsts]
        print(f"{system.name}: first step {system.first:.1f} s", flush=True)
    for number, start in enumerate(range(0, len(shapes), turn)):
        # Another system begins each turn.
        for system in systems[number % len(systems) :] + systems[: number % len(systems)]:
            system.steps += _fit(system.model, batches.skip(start).take(turn))
        done = min(start + turn, len(shapes))
        shown = "; ".join(f"{s.name} {s.steps:.1f} s" for s in systems)
        print(f"{done} steps: {shown}", flush=True)
    lengths = sorted({length for _, length in shapes})
    return Timed(systems, len(shapes), lengths, systems[0].model.count_params())


def _systems(task: Sentiment, config: Config, ours: keras.Model, xla: bool) -> list[System]:
    default = with_keras_layers(task, config, ours)
    found = [System("keras_seq", ours)]
    found.append(System(f"keras.layers, jit_compile={default.jit_compile} by default", default))
    for jit in (False, True) if xla else (False,):
        if jit != default.jit_compile:
            other = with_keras_layers(task, config, ours)
            other.jit_compile = jit
            found.append(System(f"keras.layers, jit_compile={jit}", other))
    return found


def with_keras_layers(task: Sentiment, config: Config, model: keras.Model) -> keras.Model:
    """The same model and weights, with the recurrent layers and wrappers of keras.layers."""

    def namesake(layer):
        if isinstance(layer, layers.Bidirectional):
            return keras.layers.Bidirectional(namesake(layer.forward_layer), layer.merge_mode)
        if isinstance(layer, layers.Recurrent):
            return getattr(keras.layers, type(layer).__name__).from_config(layer.get_config())
        return type(layer).from_config(layer.get_config())

    copy = keras.models.clone_model(model, clone_function=namesake)
    copy.set_weights(model.get_weights())
    optimizer = type(model.optimizer).from_config(model.optimizer.get_config())
    task.compile(copy, config, optimizer)
    return copy


def _fit(model: keras.Model, batches: tf.data.Dataset) -> float:
    """Seconds of a call of `fit`."""
    started = time.perf_counter()
    model.fit(batches, shuffle=False, verbose=0)
    return time.perf_counter() - started


def report(timed: Timed) -> str:
    """The section."""
    ours, *theirs = timed.systems
    better = min(theirs, key=lambda system: system.steps)
    rows = [
        [
            system.name,
            f"{system.steps:.1f}",
            f"{1e3 * system.steps / timed.steps:.0f}",
            f"{system.first:.1f}",
            f"{sum(system.shapes):.1f}",
        ]
        for system in timed.systems
    ]
    header = ["model", f"seconds of {timed.steps} steps", "milliseconds a step"]
    header += [
        "seconds of the first step",
        f"of the first of each other shape ({len(ours.shapes)})",
    ]
    return (
        f"The first {timed.steps} steps of an epoch by `fit`, and nothing extrapolated: the "
        f"sentiment task's model of {timed.parameters:,} parameters, and the same with the "
        "recurrent layers of keras.layers, from the same weights on the same batches (lengths "
        f"{', '.join(map(str, timed.lengths))}), optimizer and dropout included. The models take "
        "turns; the batches are in memory. Before the timed steps each model does one step of "
        "every shape of batch, tracing and compiling in it; those seconds stand by themselves. "
        f"keras_seq takes {ours.steps / better.steps:.2f} of the time of the better Keras "
        f"({better.name}): {better.steps / ours.steps:.2f} times as fast.\n\n{table(header, rows)}"
    )


def main() -> None:
    """Measures, then writes the section."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--builtin", action="store_true", help="the demo's model and reviews")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--steps", type=int, default=STEPS, help="steps timed (%(default)s)")
    parser.add_argument("--xla", action="store_true", help="Keras compiled with XLA as well")
    parser.add_argument("--dry-run", action="store_true", help="print, do not write RESULTS.md")
    options = parser.parse_args()
    config = Sentiment().demo_config() if options.builtin else Config(data=DATA)
    timed = measure(override(config, options.set), steps=options.steps, xla=options.xla)
    body = report(timed)
    if options.dry_run:
        print(body)
        return
    words = ["python -m benchmarks.imdb_epoch"]
    words += [word for word in ("--builtin", "--xla") if getattr(options, word[2:])]
    words += [part for setting in options.set for part in ("--set", setting)]
    words += ["--steps", str(options.steps)] if options.steps != STEPS else []
    command = " ".join(words) if len(words) > 1 else "make bench-imdb-epoch"
    name = "built-in reviews" if options.builtin else "IMDB reviews"
    write_section(", ".join([f"Steps of an epoch on {name}", *options.set]), command, body)


if __name__ == "__main__":
    main()
