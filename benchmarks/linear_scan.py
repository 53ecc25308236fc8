"""The training step of minGRU by its scan, stepped, and beside a GRU.

Run as `python -m benchmarks.linear_scan` on a quiet machine. Writes its section of docs/RESULTS.md.
"""

import argparse

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from benchmarks.measure import Times, interleaved, warn_if_busy
from benchmarks.results import table, write_section
from benchmarks.systems import Run, Shape
from keras_seq import cells, layers
from keras_seq.layers import lowering

SHAPES: tuple[Shape, ...] = ((1, 4096, 64, 64), (16, 4096, 64, 64), (16, 512, 64, 64))
SYSTEMS = {
    "scan": "minGRU by the scan over chunks: eager calls, SavedModels, and wherever the loop is "
    "not compiled",
    "compiled": "minGRU by the compiled loop: `fit` and `tf.function` on a CPU",
    "stepped": "minGRU in this library's loop of plain TensorFlow operations",
    "RNN(cell)": "`keras.layers.RNN(MinGRUCell)`",
    "associative_scan": "minGRU by `keras.ops.associative_scan`",
    "GRU": "our `GRU`, compiled",
}


class SteppedMinGRUCell(cells.Cell):
    """The equations of `MinGRUCell` in a cell that does not say that they are linear."""

    gates = ("z", "h")
    recurrent_gates = ()

    def step(self, x, states, recur):
        """One step."""
        z = ops.sigmoid(x[0])
        return (states[0] + z * (x[1] - states[0]),)


class AssociativeMinGRU(keras.layers.Layer):
    """MinGRU as a user writes it with what Keras offers."""

    def __init__(self, units):
        super().__init__()
        self.cell = cells.MinGRUCell(units)

    def build(self, input_shape):
        """Builds the cell."""
        self.cell.build(input_shape)

    def call(self, x, training=False):
        """All states."""
        a, b = self.cell.coefficients(cells.Gates(self.cell.project(x), 2))

        def composed(first, second):
            return first[0] * second[0], second[0] * first[1] + second[1]

        return ops.associative_scan(composed, (a, b), axis=1)[1]


def build(system: str, shape: Shape) -> Run:
    """A training step of a system: forward, the mean of the squares, gradients of all weights.

    Args:
        system: One of `SYSTEMS`.
        shape: Batch, time, features, units.
    """
    batch, steps, features, units = shape
    x = tf.constant(np.random.default_rng(0).normal(size=(batch, steps, features)), "float32")
    layer = {
        "GRU": lambda: layers.GRU(units, return_sequences=True, use_cudnn=False),
        "RNN(cell)": lambda: keras.layers.RNN(cells.MinGRUCell(units), return_sequences=True),
        "stepped": lambda: layers.Recurrent(SteppedMinGRUCell(units), return_sequences=True),
        "associative_scan": lambda: AssociativeMinGRU(units),
    }.get(system, lambda: layers.MinGRU(units, return_sequences=True))()
    layer.build((None, None, features))
    random = np.random.default_rng(1)
    layer.set_weights([random.normal(scale=0.1, size=w.shape) for w in layer.get_weights()])
    weights = [variable.value for variable in layer.trainable_variables]

    @tf.function
    def train(x):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(layer(x, training=True) ** 2)
        return tape.gradient(loss, weights)

    def run():
        with lowering("plain" if system in ("scan", "stepped") else "default"):
            return train(x)

    return run


def report(found: dict[Shape, dict[str, Times]]) -> str:
    """The section."""
    parts = [
        "A training step: forward pass with all outputs, gradients of all weights, float32. Shapes "
        "are (batch, time, features, units). All forms of minGRU have the same weights and values. "
        "They take turns in one process, twice in a row each, and the fastest run counts; no peer "
        "runs under XLA but through this library.",
        "\n".join(f"- **{name}**: {words}" for name, words in SYSTEMS.items()),
    ]
    rows = [
        [str(shape), *(f"{times[s].best:,.1f}" for s in SYSTEMS)] for shape, times in found.items()
    ]
    parts.append("Milliseconds:\n\n" + table(["shape", *SYSTEMS], rows))
    ratios = [
        [str(shape), *(f"{times[s].best / times['scan'].best:.2f}" for s in SYSTEMS)]
        for shape, times in found.items()
    ]
    parts.append("Times of the scan:\n\n" + table(["shape", *SYSTEMS], ratios))
    return "\n\n".join(parts)


def main() -> None:
    """Measures and writes the section."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dry-run", action="store_true", help="print, do not write RESULTS.md")
    options = parser.parse_args()
    warn_if_busy()
    tf.get_logger().setLevel("ERROR")
    found = {}
    for shape in SHAPES:
        found[shape] = interleaved({s: build(s, shape) for s in SYSTEMS}, seconds=10, turns=3)
        print(shape, {s: f"{t.best:.1f} ms" for s, t in found[shape].items()}, flush=True)
    body = report(found)
    if options.dry_run:
        print(body)
        return
    write_section("minGRU by its scan", "make bench-linear-scan", body)


if __name__ == "__main__":
    main()
