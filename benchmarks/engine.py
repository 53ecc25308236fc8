"""The time loop beside its peers: training step and inference, interleaved in one process.

Run as `python -m benchmarks.engine` on a quiet machine. Peers: the namesake in `keras.layers`,
plain and compiled with XLA, `keras.layers.RNN` over the same cell, and `torch.nn` where torch is
installed. Every figure is the smallest of several turns; in each turn every system runs once.
"""

import argparse
import math
import time
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from benchmarks.results import table, write_section
from keras_seq import cells, layers

# (batch, time, features, units)
SHAPES = (
    (1, 128, 128, 128),
    (32, 128, 128, 128),
    (64, 256, 128, 64),
    (64, 64, 512, 512),
    (16, 32, 1024, 1024),
)
NAMES = ("SimpleRNN", "LSTM", "GRU")
SECONDS = 1.0  # for all turns of one case, beside compiling
Run = Callable[[], Any]


def keras_runs(layer, x, mask, *, training: bool, xla: bool) -> Run:
    """A training step (outputs and all gradients of the weights) or inference of a Keras layer."""
    layer.build(x.shape)
    weights = [variable.value for variable in layer.trainable_variables]

    @tf.function(jit_compile=xla)
    def train():
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(layer(x, mask=mask, training=True) ** 2)
        return tape.gradient(loss, weights)

    @tf.function(jit_compile=xla)
    def infer():
        return layer(x, mask=mask)

    run = train if training else infer
    return lambda: tf.nest.flatten(run())[0].numpy()


def torch_runs(name: str, x: np.ndarray, units: int, *, training: bool) -> Run | None:
    """The same of `torch.nn`, or None without torch."""
    try:
        import torch
    except ImportError:
        return None
    kind = {"SimpleRNN": "RNN"}.get(name, name)
    network = getattr(torch.nn, kind)(x.shape[-1], units, batch_first=True)
    inputs = torch.from_numpy(x)

    def train():
        network.zero_grad()
        (network(inputs)[0] ** 2).mean().backward()

    def infer():
        with torch.no_grad():
            network(inputs)

    return train if training else infer


def measure(runs: dict[str, Run]) -> dict[str, float]:
    """Milliseconds of each, the smallest of interleaved turns."""
    for run in runs.values():
        run(), run()
    best = dict.fromkeys(runs, math.inf)
    end = time.perf_counter() + SECONDS
    turns = 0
    while turns < 3 or time.perf_counter() < end:
        turns += 1
        for name, run in runs.items():
            start = time.perf_counter()
            run()
            best[name] = min(best[name], 1e3 * (time.perf_counter() - start))
    return best


def case(name: str, shape: tuple[int, ...], *, masked: bool, training: bool) -> dict[str, float]:
    """All systems on one shape."""
    batch, steps, features, units = shape
    random = np.random.default_rng(0)
    array = random.normal(size=(batch, steps, features)).astype("float32")
    x = tf.constant(array)
    lengths = random.integers(steps // 2, steps + 1, batch)
    mask = tf.constant(np.arange(steps) < lengths[:, None]) if masked else None
    options: dict[str, Any] = {"return_sequences": True}
    cudnn = {} if name == "SimpleRNN" else {"use_cudnn": False}
    namesake, cell = getattr(keras.layers, name), getattr(cells, f"{name}Cell")

    def runs(layer, xla=False):
        return keras_runs(layer, x, mask, training=training, xla=xla)

    systems = {
        "ours": runs(getattr(layers, name)(units, **options)),
        "Keras": runs(namesake(units, **options, **cudnn)),
        "Keras, XLA": runs(namesake(units, **options, **cudnn), xla=True),
        "Keras RNN(cell)": runs(keras.layers.RNN(cell(units), **options)),
    }
    torch_run = None if masked else torch_runs(name, array, units, training=training)
    if torch_run:
        systems["torch"] = torch_run
    return measure(systems)


def main() -> None:
    """Measures every case, then writes the section."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dry-run", action="store_true", help="print, do not write RESULTS.md")
    options = parser.parse_args()
    parts = []
    for training in (True, False):
        rows, ratios = [], {}
        for name in NAMES:
            for shape in SHAPES:
                # A mask costs training and inference alike: it is measured in training alone.
                for masked in (False, True) if training else (False,):
                    ms = case(name, shape, masked=masked, training=training)
                    better = min(ms["Keras"], ms["Keras, XLA"])
                    against = {"better Keras": better / ms["ours"]}
                    against["RNN(cell)"] = ms["Keras RNN(cell)"] / ms["ours"]
                    if "torch" in ms:
                        against["torch"] = ms["torch"] / ms["ours"]
                    for peer, ratio in against.items():
                        ratios.setdefault((name, peer), []).append(ratio)
                    print(name, shape, "masked" if masked else "", ms, flush=True)
                    rows.append(
                        [
                            f"{name} {shape}{', masked' if masked else ''}",
                            *(
                                f"{ms[s]:.1f}" if s in ms else "–"
                                for s in ("ours", "Keras", "Keras, XLA", "Keras RNN(cell)", "torch")
                            ),
                            *(
                                f"{against[p]:.2f}" if p in against else "–"
                                for p in ("better Keras", "RNN(cell)", "torch")
                            ),
                        ]
                    )
        means = [
            f"{name} against {peer}: {math.exp(np.mean(np.log(values))):.2f} "
            f"({min(values):.2f}–{max(values):.2f})"
            for (name, peer), values in ratios.items()
        ]
        header = ["(batch, time, features, units)", "ours", "Keras", "Keras, XLA", "RNN(cell)"]
        header += ["torch", "to better Keras", "to RNN(cell)", "to torch"]
        title = "Training step" if training else "Inference"
        parts.append(
            f"### {title}\n\nMilliseconds, and ratios above 1 where ours is faster. Geometric mean "
            f"(smallest–largest): {'; '.join(means)}.\n\n{table(header, rows)}"
        )
    if not options.dry_run:
        write_section("The time loop", "make bench-engine", "\n\n".join(parts))


if __name__ == "__main__":
    main()
