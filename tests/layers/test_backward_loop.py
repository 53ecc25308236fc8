"""The backward loop of large kernels: the gradients of Keras, in a graph, at any length."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from contract import MASKS, U, sequences

from keras_seq.cells import GRUCell, LSTMCell, SimpleRNNCell
from keras_seq.layers import GRU, LSTM, Recurrent, engine, engine_tensorflow

from .against import assert_equal, evaluate, every_case, every_mask, mixture, pair


@pytest.fixture
def taken(monkeypatch):
    """Makes every kernel large, and counts how often the backward loop is built."""
    count = []
    build = engine_tensorflow.scan_pointwise
    monkeypatch.setattr(engine, "_LARGE_KERNEL", 0)
    monkeypatch.setattr(
        engine_tensorflow, "scan_pointwise", lambda *a, **k: count.append(1) or build(*a, **k)
    )
    return count


def evaluate_in_graph(layer, x, states, **call):
    """`against.evaluate`, traced: eagerly the plain loop runs."""

    @tf.function
    def run(x, *states):
        with tf.GradientTape() as tape:
            tape.watch([x, *states])
            outputs = tf.nest.flatten(layer(x, initial_state=list(states), **call))
            loss = mixture(outputs)
        sources = [*(w.value for w in layer.trainable_weights), x, *states]
        return outputs, tape.gradient(loss, sources, unconnected_gradients="zero")

    as_type = [tf.constant(v, layer.compute_dtype) for v in (x, *states)]
    outputs, gradients = run(*as_type)
    return [v.numpy() for v in outputs], [g.numpy() for g in gradients]


@every_case
@every_mask
@pytest.mark.parametrize(
    "options",
    [{}, {"return_sequences": True, "dropout": 0.4, "seed": 2, "go_backwards": True}],
    ids=str,
)
def test_values_and_gradients_are_those_of_keras(case, mask, options, taken):
    layer, theirs = pair(case, return_state=True, **options)
    x, states = sequences(), case.states()
    found = evaluate_in_graph(layer, x, states, mask=mask, training=True)
    assert_equal(found, evaluate(theirs, x, states, mask=mask, training=True))
    assert bool(taken) == layer.cell.pointwise


@every_case
def test_recurrent_dropout(case, taken):
    """One mask goes into the backward loop; one a gate goes the plain way. Both are right."""
    layer, theirs = pair(case, return_sequences=True, recurrent_dropout=0.4, seed=5)
    x, states = sequences(), case.states()
    found = evaluate_in_graph(layer, x, states, training=True)
    assert_equal(found, evaluate(theirs, x, states, training=True))
    assert bool(taken) == (case.gates == 1)


class HalvingGRUCell(GRUCell):
    """Equations of its own in `step`."""

    def step(self, x, states, recur):
        return tuple(new / 2 for new in super().step(x, states, recur))


class TripledLSTMCell(LSTMCell):
    """A recurrent product of its own."""

    def recur(self, h, *gates):
        return super().recur(3 * h, *gates)


class ScaledRNNCell(SimpleRNNCell):
    """A weight of its own."""

    def build(self, input_shape):
        super().build(input_shape)
        self.scale = self.add_weight(shape=(self.units,), initializer="ones", name="scale")

    def combine(self, x, r, states):
        return (self.scale * self.activation(x[0] + r[0]),)


@pytest.mark.parametrize("cell", [HalvingGRUCell, TripledLSTMCell, ScaledRNNCell])
def test_a_cell_with_more_of_its_own_goes_the_plain_way(cell, taken):
    """The backward loop would leave out what it does not know."""
    layer = Recurrent(cell(U), return_sequences=True)
    reference = keras.layers.RNN(layer.cell, return_sequences=True)
    layer.build((None, 5, 4))
    x, states = sequences(), [np.full((3, U), 0.3)] * len(layer.state_size)
    found = evaluate_in_graph(layer, x, states, training=True)
    assert_equal(found, evaluate(reference, x, states, training=True))
    assert not taken


@pytest.mark.parametrize("dtype", ["mixed_bfloat16", "mixed_float16"])
def test_mixed_precision(dtype, taken):
    """Half the digits: as near to float32 as the plain loop is."""
    x, states = sequences(), [np.full((3, U), 0.3)] * 2
    layers = [LSTM(U, return_sequences=True, dtype=d) for d in (dtype, "float32")]
    for layer in layers:
        layer.build((None, 5, 4))
    layers[1].set_weights(layers[0].get_weights())
    half, full = (evaluate_in_graph(layer, x, states, training=True) for layer in layers)
    assert len(taken) == 2
    for a, b in zip(half[0] + half[1], full[0] + full[1], strict=True):
        scale = np.abs(b).max()
        np.testing.assert_allclose(a.astype("float32") / scale, b / scale, atol=0.06)


def test_one_trace_serves_every_length(taken):
    layer = LSTM(U, return_sequences=True)
    layer.build((None, None, 4))

    @tf.function(input_signature=[tf.TensorSpec((None, None, 4))])
    def gradient(x):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(layer(x, training=True) ** 2)
        return tape.gradient(loss, layer.cell.recurrent_kernel.value)

    for batch, length in ((3, 5), (2, 1), (1, 4)):
        x = sequences()[:batch, :length]
        _, (_, expected, *_) = evaluate_squares(layer, x)
        np.testing.assert_allclose(gradient(tf.constant(x, "float32")), expected, atol=1e-5)
    assert len(taken) == 1


def evaluate_squares(layer, x):
    x = tf.constant(x, "float32")
    with tf.GradientTape() as tape:
        y = layer(x)
        loss = tf.reduce_sum(y**2)
    return y, [g.numpy() for g in tape.gradient(loss, [w.value for w in layer.trainable_weights])]


@pytest.mark.parametrize("kind", [LSTM, GRU])
def test_second_order_gradients(kind, taken):
    layer = kind(U, return_sequences=True)
    layer.build((None, 5, 4))
    x, mask = tf.constant(sequences(), "float32"), tf.constant(MASKS["scattered"])

    def penalty(x, training):
        with tf.GradientTape() as outer:
            outer.watch(x)
            with tf.GradientTape() as inner:
                inner.watch(x)
                loss = tf.reduce_sum(layer(x, mask=mask, training=training) ** 2)
            norm = tf.reduce_sum(inner.gradient(loss, x) ** 2)
        return outer.gradient(norm, [x, layer.cell.recurrent_kernel.value])

    expected = tf.function(lambda x: penalty(x, False))(x)
    assert not taken
    found = tf.function(lambda x: penalty(x, True))(x)
    assert taken
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, atol=2e-4, rtol=1e-4)
