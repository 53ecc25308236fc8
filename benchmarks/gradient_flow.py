"""How much of the gradient reaches earlier steps, in several cells; and what gates learn to do.

Run as `python -m benchmarks.gradient_flow`, about two minutes. Writes its section of
docs/RESULTS.md, docs/gradient_flow.png and docs/gates.png.
"""

import argparse
from collections.abc import Sequence

import keras
import numpy as np

from benchmarks.results import RESULTS, table, write_section
from keras_seq import layers
from keras_seq.inspect import Record, gradient_flow, plot_gates, plot_gradient_flow, record

BATCH, STEPS, FEATURES, UNITS = 16, 201, 16, 64
BACK = (10, 50, 100, 200)
SEEDS = (0, 1, 2)
FLOWS, GATES = RESULTS.with_name("gradient_flow.png"), RESULTS.with_name("gates.png")
NAMES = ("SimpleRNN", "LSTM", "GRU", "MinimalGatedUnit", "LayerNormLSTM", "NoForgetGateLSTM")
REMEMBERED = 30  # steps of the task that gates are drawn for
MEMORY = 4  # units of its layer
TRAINED = "LSTM, trained to remember"


def initial_flows(
    names: Sequence[str] = NAMES, seeds: Sequence[int] = SEEDS, steps: int = STEPS
) -> dict[str, np.ndarray]:
    """The flow of each layer with initial weights, relative to the last step.

    Args:
        names: Names of layers.
        seeds: Of weights and inputs; the flows' geometric mean is taken.
        steps: T.
    """
    found: dict[str, list] = {name: [] for name in names}
    for seed in seeds:
        inputs = np.random.default_rng(seed).normal(size=(BATCH, steps, FEATURES))
        for name, flows in found.items():
            keras.utils.set_random_seed(seed)
            # In float32 the smallest would be zero.
            layer = getattr(layers, name)(UNITS, dtype="float64")
            flows.append(gradient_flow(layer, inputs, relative=True))
    return {name: np.exp(np.mean(np.log(flows), axis=0)) for name, flows in found.items()}


def marked_values(count: int, steps: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Sequences of numbers of which one is marked, and whether that one is positive.

    Args:
        count: How many.
        steps: T.
        seed: Of the numbers and of the places of the marks.

    Returns:
        (count, T, 2), numbers in [-1, 1] and marks, and (count, 1), 0 or 1.
    """
    random = np.random.default_rng(seed)
    numbers, places = random.uniform(-1, 1, (count, steps)), random.integers(steps, size=count)
    marks = np.eye(steps)[places]
    inputs = np.stack([numbers, marks], axis=-1).astype("float32")
    return inputs, ((numbers * marks).sum(axis=1, keepdims=True) > 0).astype("float32")


def train(epochs: int = 30, steps: int = REMEMBERED) -> tuple[keras.Model, float]:
    """Trains an LSTM to tell at the end the sign of the marked number.

    Args:
        epochs: How often 4,096 sequences are read.
        steps: T.

    Returns:
        The model, and its accuracy on other sequences.
    """
    keras.utils.set_random_seed(1)
    memory, output = layers.LSTM(MEMORY, name="lstm"), keras.layers.Dense(1, activation="sigmoid")
    model = keras.Sequential([keras.Input((None, 2)), memory, output])
    optimizer = keras.optimizers.Adam(0.01, clipnorm=1.0)
    model.compile(optimizer, "binary_crossentropy", metrics=["accuracy"])
    model.fit(*marked_values(4096, steps, seed=0), batch_size=64, epochs=epochs, verbose=0)
    tested = model.evaluate(*marked_values(1024, steps, seed=1), verbose=0, return_dict=True)
    return model, tested["accuracy"]


def example(model: keras.Model, steps: int = REMEMBERED, mark: int = 8) -> tuple[Record, list[str]]:
    """The gates over one sequence, and what stands under each step of it.

    Args:
        model: A trained model.
        steps: T.
        mark: The step that is marked.
    """
    inputs = marked_values(1, steps, seed=5)[0]
    inputs[0, :, 1] = 0
    inputs[0, mark] = 0.8, 1
    numbers = inputs[0, :, 0].round(1) + 0.0  # no -0.0
    tokens = [f"{number:+.1f}" for number in numbers]
    tokens[mark] += " ← marked"
    return record(model.layers[0], inputs), tokens


def trained_flow(model: keras.Model, steps: int = STEPS) -> np.ndarray:
    """The flow in the trained layer, over longer sequences than it was trained on."""
    inputs, _ = marked_values(BATCH, steps, seed=2)
    inputs[:, :, 1] = np.arange(steps) == 0
    return gradient_flow(model.layers[0], inputs, relative=True)


def report(flows: dict[str, np.ndarray], accuracy: float) -> str:
    """The section.

    Args:
        flows: Relative flows, the trained layer's included.
        accuracy: That of the trained model.
    """
    rows = [[name, *(f"{flow[-1 - back]:.1e}" for back in BACK)] for name, flow in flows.items()]
    return "\n\n".join(
        [
            "The norm of the gradient that reaches the states some steps before the last, over "
            f"that at the last: {UNITS} units, {FEATURES} normal inputs a step, {STEPS} steps, "
            f"batch {BATCH}, initial weights; geometric mean over {len(SEEDS)} seeds, in float64. "
            "With initial weights LSTM and GRU lose the gradient as surely as the SimpleRNN, only "
            "at other rates: the LSTM's forget gates are near σ(1) = 0.73. Gates can learn to hold "
            f"it: the last row is an LSTM of {MEMORY} units trained on {REMEMBERED} steps, one of "
            "which is marked, to tell at the end the sign of its number (accuracy "
            f"{accuracy:.3f} on 1,024 other sequences); here the mark is on the first of {STEPS} "
            "steps.",
            f"![The gradient over the steps before the last]({FLOWS.name})",
            table(["layer", *(f"{back} steps back" for back in BACK)], rows),
            "The gates and states of that LSTM over one sequence; one number is marked.",
            f"![Gates and states of an LSTM that remembers a sign]({GATES.name})",
        ]
    )


def main() -> None:
    """Measures, trains, draws and writes the section."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--dry-run", action="store_true", help="print, write neither RESULTS.md nor the pictures"
    )
    options = parser.parse_args()
    flows = initial_flows()
    model, accuracy = train()
    flows[TRAINED] = trained_flow(model)
    body = report(flows, accuracy)
    if options.dry_run:
        print(body)
        return
    plot_gradient_flow(flows).savefig(FLOWS, dpi=110)
    found, tokens = example(model)
    plot_gates(found, tokens=tokens).savefig(GATES, dpi=110)
    write_section("Gradient over time", "make bench-gradient-flow", body)


if __name__ == "__main__":
    main()
