"""MNIST as sequences of rows, pixels or shuffled pixels, each layer at about 70,000 parameters.

A name with "+chrono", such as lstm+chrono, starts the layer's gates so that its units remember for
1 to T steps.
Run as `python -m benchmarks.sequential_mnist --by row` (or `pixel`, `permuted`), with
`TFDS_DATA_DIR` saying where the digits are. Every epoch is kept in `--cache`, so that a run that
was killed goes on from its last one. Writes its section of docs/RESULTS.md.
"""

import argparse
import json
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from benchmarks.results import table, write_section
from keras_seq.layers import recurrent_layer, recurrent_layers

PARAMETERS, BATCH, VALIDATION, RATE = 70_000, 128, 5_000, 1e-3
FORMS = {"row": (28, 28), "pixel": (784, 1), "permuted": (784, 1)}  # steps, features
# An epoch takes minutes.
PIXEL_LAYERS = ("gru", "gru+chrono", "lstm+chrono")
EPOCHS = {"row": "4", "pixel": "5,3,2", "permuted": "5,3,2"}
CHRONO = "+chrono"
# Bai, Kolter & Koltun (2018, arXiv 1803.01271), at 70K parameters.
PUBLISHED = {
    "row": {},
    "pixel": {"simple_rnn": 0.215, "lstm": 0.872, "gru": 0.962},
    "permuted": {"simple_rnn": 0.253, "lstm": 0.857, "gru": 0.873},
}
# Gates that keep the state, and what to do with the bias of the gate that lets the new in.
KEEPING = {"lstm": {"f": 1, "i": -1}, "gru": {"z": 1}}
MOST_UNITS = 1_500


@dataclass(frozen=True)
class Digits:
    """Images (N, 784) in [0, 1] and their digits, in three parts."""

    train: tuple[np.ndarray, np.ndarray]
    validation: tuple[np.ndarray, np.ndarray]
    test: tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Settings:
    """What a run is told by, and found again in the cache: form, layer, epochs, seed."""

    by: str
    layer: str
    epochs: int
    seed: int

    @property
    def name(self) -> str:
        """A name for files."""
        recipe = f"{PARAMETERS}-{BATCH}-{RATE:g}"
        return f"{self.by}-{self.layer}-{self.epochs}-{self.seed}-{recipe}"


def load() -> Digits:
    """The official parts of MNIST; the last 5,000 training images validate."""
    import tensorflow_datasets as tfds

    if "TFDS_DATA_DIR" not in os.environ:
        raise SystemExit(
            "TFDS_DATA_DIR does not say where TensorFlow Datasets keeps MNIST, or may put it."
        )
    parts = []
    for split in (f"train[:-{VALIDATION}]", f"train[-{VALIDATION}:]", "test"):
        try:
            data = tfds.load("mnist", split=split, batch_size=-1, as_supervised=True)
        except Exception as error:  # whatever the download died of
            raise SystemExit(
                f"MNIST is not in {os.environ['TFDS_DATA_DIR']} and could not be fetched: {error}"
            ) from None
        images, digits = tfds.as_numpy(data)
        parts.append((images.reshape(len(images), 784).astype("float32") / 255, digits))
    return Digits(*parts)


def as_sequences(images: np.ndarray, by: str) -> np.ndarray:
    """(N, 784) to (N, T, F), in the order of reading."""
    if by == "permuted":
        images = images[:, np.random.default_rng(784).permutation(784)]
    return images.reshape(len(images), *FORMS[by])


def network(by: str, layer: str, units: int) -> keras.Model:
    """The layer, its last state, and a product."""
    steps, features = FORMS[by]
    inputs = keras.Input((steps, features))
    recurrent = recurrent_layer(layer.removesuffix(CHRONO))(units)
    outputs = keras.layers.Dense(10)(recurrent(inputs))
    if layer.endswith(CHRONO):
        start_slow(recurrent, layer.removesuffix(CHRONO), steps)
    return keras.Model(inputs, outputs)


def start_slow(layer: Any, name: str, steps: int) -> None:
    r"""Draws the biases of the gates so that each unit remembers for 1 to T - 1 steps.

    $$b_f \sim \log \mathcal{U}(1, T - 1) \qquad b_i = -b_f$$

    Tallec & Ollivier, "Can recurrent neural networks warp time?" (2018, arXiv 1804.11188).
    """
    units, bias = layer.units, layer.cell.bias.numpy()
    drawn = np.log(np.random.default_rng(units).uniform(1, steps - 1, units))
    rows = bias if bias.ndim == 2 else bias[None]
    for gate, sign in KEEPING[name].items():
        begin = layer.cell.gates.index(gate) * units
        rows[0, begin : begin + units] = sign * drawn
    layer.cell.bias.assign(bias)


def default_layers(by: str) -> list[str]:
    """All layers of the library row by row, a few pixel by pixel."""
    if by != "row":
        return list(PIXEL_LAYERS)
    kinds = recurrent_layers().items()
    return [name for name, kind in kinds if kind.__module__.startswith("keras_seq.")]


def units_for(by: str, layer: str) -> int:
    """The units with which the network is nearest to 70,000 parameters, at most 1,500."""
    counts = {}
    low, high = 1, MOST_UNITS
    while low <= high:  # the count grows with the units
        units = (low + high) // 2
        counts[units] = network(by, layer, units).count_params()
        if counts[units] < PARAMETERS:
            low = units + 1
        else:
            high = units - 1
    return min(counts, key=lambda units: abs(counts[units] - PARAMETERS))


def train(settings: Settings, digits: Digits, cache: Path, say: Callable = print) -> dict[str, Any]:
    """Trains and tests once, or finds it done; an epoch that is done is not done again.

    Returns:
        Units, parameters, a list of epochs, seconds, and the test accuracy of the epoch that is
        best on the validation part.
    """
    done = cache / f"{settings.name}.json"
    history_of = cache / f"{settings.name}-epochs.json"
    if done.exists():
        history = json.loads(history_of.read_text()) if history_of.exists() else []
        return json.loads(done.read_text()) | _diverged(history)
    cache.mkdir(parents=True, exist_ok=True)
    keras.utils.set_random_seed(settings.seed)
    units = units_for(settings.by, settings.layer)
    model = network(settings.by, settings.layer, units)
    images, labels = digits.train
    steps = len(labels) // BATCH
    schedule = keras.optimizers.schedules.CosineDecay(RATE, steps * settings.epochs)
    model.compile(
        keras.optimizers.Adam(schedule, clipnorm=1.0),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    checkpoint, best = cache / f"{settings.name}.keras", cache / f"{settings.name}-best.weights.h5"
    history = []
    if checkpoint.exists():
        model = keras.saving.load_model(checkpoint)
        # The history is written first; a run killed between the two does that epoch again.
        history = json.loads(history_of.read_text())[: int(model.optimizer.iterations) // steps]
    for epoch in range(len(history), settings.epochs):
        start = time.perf_counter()
        order = np.random.default_rng([settings.seed, epoch]).permutation(len(labels))
        order = order[: steps * BATCH]  # batches of one size: the loop is compiled once
        x = as_sequences(images[order], settings.by)
        fitted = model.fit(x, labels[order], batch_size=BATCH, shuffle=False, verbose=0)
        seconds = time.perf_counter() - start
        accuracy = _accuracy(model, settings.by, digits.validation)
        if accuracy > max((e["validation"] for e in history), default=-1.0):
            model.save_weights(best)
        loss = fitted.history["loss"][0]
        history.append({"loss": loss, "validation": accuracy, "seconds": seconds})
        _replaced(history_of, lambda path: path.write_text(json.dumps(history)))
        _replaced(checkpoint, model.save)
        say(
            f"{settings.layer}, epoch {epoch + 1} of {settings.epochs}: loss {loss:.3f}, "
            f"validation {accuracy:.4f}, {seconds:.0f} s",
            flush=True,
        )
    model.load_weights(best)
    scores = [epoch["validation"] for epoch in history]
    result = {
        "units": units,
        "parameters": model.count_params(),
        "epochs": settings.epochs,
        "best_epoch": 1 + scores.index(max(scores)),
        "validation": max(scores),
        "test": _accuracy(model, settings.by, digits.test),
        "seconds": sum(epoch["seconds"] for epoch in history),
    }
    _replaced(done, lambda path: path.write_text(json.dumps(result)))
    return result | _diverged(history)


def _diverged(history: list[dict[str, float]]) -> dict[str, bool]:
    return {"diverged": not all(np.isfinite(epoch["loss"]) for epoch in history)}


def _accuracy(model: keras.Model, by: str, part: tuple[np.ndarray, np.ndarray]) -> float:
    images, labels = part
    found = model.predict(as_sequences(images, by), batch_size=250, verbose=0)
    return float(np.mean(found.argmax(-1) == labels))


def _replaced(path: Path, write: Callable) -> None:
    aside = path.with_name(f"writing-{path.name}")
    write(aside)
    os.replace(aside, path)


def report(by: str, found: dict[str, dict[str, Any]], test_images: int) -> str:
    """The section."""
    steps, features = FORMS[by]
    words = (
        f"{steps} steps of {features} number{'s' if features > 1 else ''} each; one layer, its "
        f"last state, a product; units, at most {MOST_UNITS:,}, so that the whole is nearest to "
        f"{PARAMETERS:,} parameters. Adam at {RATE:g} falling along a cosine, gradients clipped to "
        f"norm 1, batch {BATCH}; the layers' default initial values, or, with +chrono, gate biases "
        "that remember for 1 to T steps (Tallec & Ollivier 2018). Nothing tuned. "
        f"{test_images:,} test images, looked at once, with the weights of the epoch that is best "
        f"on {VALIDATION:,} training images held out. One seed."
    )
    header = ["layer", "test accuracy", "validation", "units", "parameters", "epochs (best)"]
    header += ["seconds of training"] + (["published"] if PUBLISHED[by] else [])
    rows = []
    for layer, run in sorted(found.items(), key=lambda item: -item[1]["test"]):
        words_of = "diverged: " if run["diverged"] else ""
        row = [
            f"`{layer}`",
            f"{words_of}{run['test']:.4f}",
            f"{run['validation']:.4f}",
            str(run["units"]),
        ]
        row += [f"{run['parameters']:,}", f"{run['epochs']} ({run['best_epoch']})"]
        row.append(f"{run['seconds']:,.0f}")
        if PUBLISHED[by]:
            published = PUBLISHED[by].get(layer.removesuffix(CHRONO))
            row.append(f"{published:.3f}" if published else "–")
        rows.append(row)
    source = (
        "\n\nPublished: Bai, Kolter & Koltun (2018, arXiv 1803.01271), at 70K parameters."
        if PUBLISHED[by]
        else ""
    )
    return f"{words}\n\n{table(header, rows)}{source}"


def main(arguments: Sequence[str] | None = None) -> None:
    """Trains the layers and writes the section."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--by", choices=FORMS, default="row")
    parser.add_argument("--layers", help="names with commas between them")
    parser.add_argument("--epochs", help="a number, or one for each layer with commas between them")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--cache", type=Path, default=Path("runs/sequential_mnist"))
    parser.add_argument("--dry-run", action="store_true", help="print, do not write RESULTS.md")
    options = parser.parse_args(arguments)
    names = options.layers.split(",") if options.layers else default_layers(options.by)
    try:
        epochs = [int(e) for e in (options.epochs or EPOCHS[options.by]).split(",")]
    except ValueError:
        parser.error(f"--epochs takes whole numbers with commas between; got {options.epochs!r}.")
    if len(epochs) not in (1, len(names)):
        parser.error(f"--epochs has {len(epochs)} numbers for {len(names)} layers.")
    try:
        for name in names:
            recurrent_layer(name.removesuffix(CHRONO))
            if name.endswith(CHRONO) and name.removesuffix(CHRONO) not in KEEPING:
                raise ValueError(f"{CHRONO} goes with {' and '.join(KEEPING)}; got {name!r}.")
    except ValueError as error:
        parser.error(str(error))
    epochs = epochs * len(names) if len(epochs) == 1 else epochs
    digits = load()
    found = {}
    for name, number in zip(names, epochs, strict=True):
        settings = Settings(options.by, name, number, options.seed)
        found[name] = train(settings, digits, options.cache)
        print(f"{name}: test accuracy {found[name]['test']:.4f}", flush=True)
        keras.backend.clear_session()
    body = report(options.by, found, len(digits.test[1]))
    if options.dry_run:
        print(body)
        return
    given = {n: getattr(options, n) for n in ("layers", "epochs", "seed") if getattr(options, n)}
    command = {"row": "make bench-mnist-rows", "pixel": "make bench-mnist-pixels"}.get(options.by)
    if given or not command:
        words = "".join(f" --{name} {value}" for name, value in given.items())
        command = f"python -m benchmarks.sequential_mnist --by {options.by}{words}"
    write_section(f"Sequential MNIST, {options.by} by {options.by}", command, body)


if __name__ == "__main__":
    main()
