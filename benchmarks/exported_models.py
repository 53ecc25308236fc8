"""What the export table exports: each layer by itself, and models with several."""

from collections.abc import Callable
from typing import NamedTuple

import keras
import numpy as np
from keras import ops

from keras_seq import layers
from keras_seq.models import sequence_classifier

UNITS, FEATURES, STEPS, WORDS = 32, 24, 32, 500


class Model(NamedTuple):
    """A model of the table: what it is, and what makes it."""

    words: str
    make: Callable[[], keras.Model]


class LeakyCell(keras.layers.Layer):
    """A cell as users of Keras write them: z = σ(Wx + Uh), h' = z·h + (1 - z)·tanh(Vx)."""

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.state_size = units

    def build(self, input_shape):
        """Adds the kernels."""
        shape = (input_shape[-1], 2 * self.state_size)
        self.kernel = self.add_weight(shape=shape, name="kernel")
        square = (self.state_size, self.state_size)
        self.recurrent_kernel = self.add_weight(shape=square, name="recurrent_kernel")

    def call(self, inputs, states):
        """One step."""
        x, candidate = ops.split(inputs @ self.kernel, 2, axis=-1)
        z = ops.sigmoid(x + states[0] @ self.recurrent_kernel)
        h = z * states[0] + (1 - z) * ops.tanh(candidate)
        return h, [h]


def _of(*parts):
    x = inputs = keras.Input((None, FEATURES), name="x")
    for part in parts:
        x = part(x)
    return keras.Model(inputs, x)


def _bidirectional():
    return _of(
        layers.Bidirectional(layers.LSTM(UNITS, return_sequences=True)),
        layers.Bidirectional(layers.GRU(UNITS)),
        keras.layers.Dense(4),
    )


def _residual():
    parts = [layers.LSTM(UNITS, return_sequences=True) for _ in range(3)]
    return _of(layers.Stack(parts, "residual"), keras.layers.Dense(4))


def _keras_made():
    return _of(
        keras.layers.LSTM(UNITS, return_sequences=True),
        keras.layers.GRU(UNITS, return_sequences=True),
        keras.layers.SimpleRNN(UNITS, return_sequences=True),
        keras.layers.RNN(LeakyCell(UNITS)),
        keras.layers.Dense(4),
    )


def _classifier():
    return sequence_classifier(WORDS, 2, units=UNITS, embedding_units=FEATURES)


MODELS = {
    "classifier": Model("`sequence_classifier`, ids with padding", _classifier),
    "bidirectional": Model("`Bidirectional` LSTM and GRU, Dense", _bidirectional),
    "residual": Model("`Stack` of three LSTMs, residual, Dense", _residual),
    "keras": Model("`keras.layers`: LSTM, GRU, SimpleRNN, RNN(a user's cell), Dense", _keras_made),
}


def build(name: str) -> keras.Model:
    """A model of the table with random weights of the size that trained ones have.

    Args:
        name: Of `MODELS`, or of a recurrent layer.
    """
    if name in MODELS:
        model = MODELS[name].make()
    else:
        model = _of(layers.recurrent_layer(name)(UNITS, return_sequences=True))
    random = np.random.default_rng(4)
    for weight in model.trainable_weights:
        if weight.name.endswith("kernel") and len(weight.shape) > 1:
            weight.assign(random.normal(scale=weight.shape[0] ** -0.5, size=weight.shape))
        elif not weight.name.endswith("kernel"):  # biases, gains, peepholes, word vectors
            scale = 1.0 if weight.name == "embeddings" else 0.1
            weight.assign_add(random.normal(scale=scale, size=weight.shape))
    return model


def inputs(name: str, rows: int, seed: int) -> np.ndarray:
    """Random normal sequences; for the classifier ids, rows from half to whole real."""
    random = np.random.default_rng(seed)
    if name != "classifier":
        return random.normal(size=(rows, STEPS, FEATURES)).astype("float32")
    ids = random.integers(1, WORDS, (rows, STEPS)).astype("int32")
    return np.where(np.arange(STEPS) < np.linspace(STEPS / 2, STEPS, rows)[:, None], ids, 0)
