"""Many to many, aligned: a recurrent network that says something of every frame."""

import math
from collections.abc import Iterator, Sequence
from typing import Any

import keras

from keras_seq.layers import Bidirectional, recurrent_layer
from keras_seq.models.frame_parts import AddColumns, FrameCNN, LengthMask
from keras_seq.models.seeds import seeds_from

ENCODERS = ("none", "dense", "cnn")
TASKS = ("classes", "values")
NO_CELL = "none"


def frame_tagger(
    features_shape: Sequence[int],
    outputs: int,
    *,
    task: str = "classes",
    cell: str = "gru",
    units: int = 64,
    layers: int = 1,
    bidirectional: bool = False,
    encoder: str = "none",
    encoder_units: int = 32,
    filters: Sequence[int] = (8, 16),
    dropout: float = 0.0,
    mean: Sequence[float] | None = None,
    deviation: Sequence[float] | None = None,
    target_mean: Sequence[float] | None = None,
    target_deviation: Sequence[float] | None = None,
    added_columns: Sequence[int] | None = None,
    seed: int | None = None,
    name: str = "frame_tagger",
) -> keras.Model:
    r"""A network that reads a video or sensor stream and gives classes or numbers for each frame.

    $$x_t = \mathrm{encode}\Bigl(\frac{v_t - \mu}{\sigma}\Bigr), \qquad
      h_{1:T} = \mathrm{RNN}(x_{1:T}), \qquad
      p_t = \mathrm{softmax}(V^\top h_t + a)
      \quad\text{or}\quad y_t = \mu' + \sigma' (V^\top h_t + a)$$

    Without `bidirectional` it is causal: what it says of a frame depends on no later one, so that
    padding needs no mask and an export can be streamed.

    Args:
        features_shape: Of a frame: (F,), or of a picture (H, W, C).
        outputs: C, the number of classes, at least 2, or D, how many numbers are predicted.
        task: "classes" or "values".
        cell: Name of a recurrent layer: "gru", "lstm", "min_gru" and all others that
            `keras_seq.layers.recurrent_layers` lists; "none" for a model of single frames, with
            which to compare.
        units: U, the size of the state of each direction.
        layers: Number of recurrent layers on one another.
        bidirectional: Whether each layer reads in both directions.
        encoder: What makes a vector of a frame: "none", "dense", a layer of `encoder_units` with
            ReLU; "cnn", convolutions (`FrameCNN`). Without one a picture is a row of its
            pixels.
        encoder_units: Width of the encoder's vectors.
        filters: Of the convolutions of "cnn", the channels of each.
        dropout: Rate before each recurrent layer and before the last layer.
        mean: μ of each feature, or of each channel of pictures, in training; None for zeros.
        deviation: σ of each, above 1e-7; None for ones.
        target_mean: Of "values" μ', the mean of each number; None for zeros.
        target_deviation: Of "values" σ', above 1e-7; None for ones.
        added_columns: Of "values", for each number a feature that is added to it: the model then
            predicts by how much the next value differs from the last. Not with `bidirectional`.
        seed: Seed of the dropout.
        name: Name of the model.

    Returns:
        A functional `keras.Model`. Causal: input `features`, (B, T, F) or (B, T, H, W, C).
        Bidirectional: a dict of `features` and `lengths`, int32 (B,), how many frames of each row
        are real; the others change nothing. Output `probabilities` (B, T, C), or `values`
        (B, T, D).

    Raises:
        ValueError: An unknown word, or sizes that make no network.

    Example:
        >>> import numpy as np
        >>> from keras_seq.models import frame_tagger
        >>> frames = np.random.default_rng(0).normal(size=(2, 7, 5))
        >>> tuple(frame_tagger((5,), outputs=3, units=8)(frames).shape)
        (2, 7, 3)
        >>> both_ways = frame_tagger((5,), outputs=3, units=8, bidirectional=True)
        >>> tuple(both_ways({"features": frames, "lengths": np.array([7, 4])}).shape)
        (2, 7, 3)

    Reference:
        Bidirectional labelling of frames: Graves & Schmidhuber, "Framewise phoneme classification
        with bidirectional LSTM and other neural network architectures" (2005).
    """
    shape = tuple(int(size) for size in features_shape)
    _check(shape, outputs, task, encoder, bidirectional and cell == NO_CELL)
    _check_numbers(task, shape, outputs, target_mean, target_deviation, added_columns)
    if added_columns is not None and bidirectional:
        raise ValueError(
            "With added_columns the next value is predicted, which bidirectional=True would read: "
            "leave one of them out."
        )
    if min(units, layers, encoder_units) < 1:
        raise ValueError(
            "frame_tagger needs units, layers and encoder_units of at least 1; got "
            f"{units}, {layers} and {encoder_units}."
        )
    seeds = seeds_from(seed)
    features = keras.Input((None, *shape), name="features")
    inputs, mask = features, None
    if bidirectional:
        lengths = keras.Input((), dtype="int32", name="lengths")
        inputs = {"features": features, "lengths": lengths}
        mask = LengthMask(name="mask")(features, lengths)
    x = _standard("standardised", mean, deviation, shape[-1])(features)
    x = _encoded(x, shape, encoder, encoder_units, filters)
    for layer in _recurrent(cell, units, layers, bidirectional):
        x = layer(_dropped(x, dropout, seeds), mask=mask)
    x = _dropped(x, dropout, seeds)
    # What comes out stays in float32 whatever the policy: a sum of halves is not one.
    if task == "classes":
        activation: dict[str, Any] = {"activation": "softmax", "dtype": "float32"}
        y = keras.layers.Dense(outputs, name="probabilities", **activation)(x)
        return keras.Model(inputs, y, name=name)
    y = keras.layers.Dense(outputs, dtype="float32", name="standard_values")(x)
    last = "values" if added_columns is None else "changes"
    y = _standard(last, target_mean, target_deviation, outputs, invert=True)(y)
    if added_columns is not None:
        y = AddColumns(added_columns, dtype="float32", name="values")(y, features)
    return keras.Model(inputs, y, name=name)


def _check(shape: tuple[int, ...], outputs: int, task: str, encoder: str, useless: bool) -> None:
    if task not in TASKS:
        raise ValueError(f"task must be {' or '.join(TASKS)}; got {task!r}.")
    if encoder not in ENCODERS:
        raise ValueError(f"encoder must be one of {', '.join(ENCODERS)}; got {encoder!r}.")
    if len(shape) not in (1, 3) or min(shape) < 1:
        raise ValueError(f"features_shape must be (F,) or (H, W, C), of a frame; got {shape}.")
    if encoder == "cnn" and len(shape) == 1:
        raise ValueError(
            f'encoder="cnn" is for pictures (H, W, C); frames of the shape {shape} take "none" or '
            '"dense".'
        )
    if outputs < (least := 2 if task == "classes" else 1):
        raise ValueError(f"outputs must be at least {least} for {task}; got {outputs}.")
    if useless:
        raise ValueError('cell="none" reads no other frames, in no direction: bidirectional=False.')


def _check_numbers(
    task: str,
    shape: tuple[int, ...],
    outputs: int,
    mean: Sequence[float] | None,
    deviation: Sequence[float] | None,
    columns: Sequence[int] | None,
) -> None:
    given = {"target_mean": mean, "target_deviation": deviation, "added_columns": columns}
    if task == "classes" and (useless := [n for n, value in given.items() if value is not None]):
        raise ValueError(f'{", ".join(useless)}: of task="values"; leave it out for classes.')
    if columns is None:
        return
    if len(shape) > 1:
        raise ValueError(f"added_columns is for frames (F,), not for pictures {shape}.")
    if len(columns) != outputs or not all(0 <= n < shape[-1] for n in columns):
        raise ValueError(
            f"added_columns must be {outputs} numbers from 0 to {shape[-1] - 1}, one for each "
            f"output; got {[*columns]}."
        )


def _standard(
    name: str,
    mean: Sequence[float] | None,
    deviation: Sequence[float] | None,
    width: int,
    *,
    invert: bool = False,
) -> keras.layers.Layer:
    """To standard deviations from the mean, or back from them."""
    mean = [0.0] * width if mean is None else [float(m) for m in mean]
    deviation = [1.0] * width if deviation is None else [float(d) for d in deviation]
    least = keras.config.epsilon()  # the layer would divide by this in place of less
    wish = f"{name}: mean and deviation must be {width} numbers each, deviations above {least:g}"
    if len(mean) != width or len(deviation) != width:
        raise ValueError(f"{wish}; got {mean} and {deviation}.")
    if small := {number: d for number, d in enumerate(deviation) if not d > least}:
        raise ValueError(f"{wish}; got {small} by number. Give what varies less in a smaller unit.")
    variance = [d * d for d in deviation]
    return keras.layers.Normalization(
        axis=-1, mean=mean, variance=variance, invert=invert, dtype="float32", name=name
    )


def _encoded(
    x: Any, shape: tuple[int, ...], encoder: str, units: int, filters: Sequence[int]
) -> Any:
    if encoder == "cnn":
        return FrameCNN(units, filters, name="encoder")(x)
    if len(shape) > 1:
        x = keras.layers.Reshape((-1, math.prod(shape)), name="pixels")(x)
    if encoder == "none":
        return x
    return keras.layers.Dense(units, activation="relu", name="encoder")(x)


def _recurrent(
    cell: str, units: int, layers: int, bidirectional: bool
) -> Iterator[keras.layers.Layer]:
    if cell == NO_CELL:
        return
    try:
        make = recurrent_layer(cell)
    except ValueError as error:
        raise ValueError(f"cell: {error}") from None
    for number in range(1, layers + 1):
        layer = make(units, return_sequences=True, name=f"recurrent_{number}")
        yield Bidirectional(layer, name=f"both_ways_{number}") if bidirectional else layer


def _dropped(x: Any, rate: float, seeds: Iterator[int | None]) -> Any:
    return keras.layers.Dropout(rate, seed=next(seeds))(x) if rate else x
