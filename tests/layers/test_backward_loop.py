"""The backward loop of large kernels: the gradients of Keras, in a graph, at any length."""

import numpy as np
import pytest
import tensorflow as tf
from contract import MASKS, U, sequences

from keras_seq.layers import GRU, LSTM, engine, engine_tensorflow

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
