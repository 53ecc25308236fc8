"""A training step of decoders with attention: the compiled loops beside the plain one.

Run as `python -m benchmarks.decoder_steps`, on a quiet machine. Both are the same model, and take
turns.
"""

import argparse
import math
import statistics
import time
from collections.abc import Sequence

import keras
import numpy as np
import tensorflow as tf

from benchmarks.measure import warn_if_busy
from benchmarks.results import table, write_section
from keras_seq.layers import lowering
from keras_seq.layers.engine_tensorflow import fast
from keras_seq.models import sequence_to_sequence

ROWS, STEPS, VOCABULARY, TURNS = 64, 16, 8_000, 15
SIZES = (128, 256, 512, 1024)
LOOPS = {"compiled": "default", "plain": "plain"}


def training_step(model, how):
    """Loss and gradients of a batch as a graph that knows no sizes."""
    ids = tf.TensorSpec((None, None), "int32")

    @tf.function(input_signature=[ids, ids])
    def step(source, target):
        inputs = {"source": source, "target": target}
        with lowering(how), tf.GradientTape() as tape:
            loss = model.compute_loss(inputs, None, model(inputs, training=True))
        gradients = tape.gradient(loss, model.trainable_variables)
        return [tf.convert_to_tensor(gradient) for gradient in gradients]

    return step


def measure(architecture: str, units: int, turns: int = TURNS) -> dict[str, tuple[float, float]]:
    """Seconds of the first step and of a later one (median), by loop."""
    model = sequence_to_sequence(
        VOCABULARY,
        VOCABULARY,
        architecture=architecture,
        units=units,
        embedding_units=units // 2,
        share_embeddings=True,
        seed=0,
    )
    model.compile("adam")
    random = np.random.default_rng(0)
    ids = [tf.constant(random.integers(4, VOCABULARY, (ROWS, STEPS)), tf.int32) for _ in range(2)]
    steps = {name: training_step(model, how) for name, how in LOOPS.items()}
    first = {name: _seconds(step, ids) for name, step in steps.items()}
    later: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range(turns):
        for name, step in steps.items():
            later[name].append(_seconds(step, ids))
    return {name: (first[name], statistics.median(later[name])) for name in steps}


def _seconds(step, ids) -> float:
    start = time.perf_counter()
    step(*ids)
    return time.perf_counter() - start


def report(sizes: Sequence[int] = SIZES, turns: int = TURNS) -> str:
    """Measures; gives the section."""
    limit, rows = math.log2(fast._LEAST_OF_STEPS), []
    fast._LEAST_OF_STEPS = 0  # the small ones too, to see what the limit is for
    for architecture in ("bahdanau", "luong"):
        for units in sizes:
            found = measure(architecture, units, turns)
            (first, compiled), (_, plain) = found["compiled"], found["plain"]
            times = [f"{1000 * plain:.0f}", f"{1000 * compiled:.0f}", f"{plain / compiled:.2f}"]
            rows.append([architecture, units, *times, f"{first:.1f}"])
            keras.backend.clear_session()
    header = ["decoder", "units", "plain, ms", "compiled, ms", "ratio", "first compiled step, s"]
    return (
        f"Loss and gradients of the whole model: {ROWS} rows, {STEPS} steps on both sides, "
        f"{VOCABULARY:,} tokens, vectors of half the units. The compiled loops are taken from "
        f"a size of 2^{limit:g} numbers in the matrices of a step on.\n\n{table(header, rows)}"
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Measures, and writes the section."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dry-run", action="store_true", help="print, do not write RESULTS.md")
    options = parser.parse_args(arguments)
    warn_if_busy()
    text = report()
    if options.dry_run:
        print(text)
        return
    write_section("Decoders with attention", "python -m benchmarks.decoder_steps", text)


if __name__ == "__main__":
    main()
