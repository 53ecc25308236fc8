"""The scan of linear recurrences: values, gradients and their gradients."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from oracle.gradients import central_differences

from keras_seq.layers import MinGRU, MinLSTM, lowering
from keras_seq.layers.linear_scan import linear_scan

LENGTHS = [1, 2, 5, 63, 64, 65, 128, 200, 4097]  # around the chunks, and chunks of chunks


def drawn(steps, shape=(2, 3), seed=0):
    random = np.random.default_rng(seed)
    a = random.uniform(-1, 1, size=(steps, *shape))
    return a, random.normal(size=(steps, *shape)), random.normal(size=shape)


def stepped(a, b, initial, reverse=False):
    order = range(len(a))[:: -1 if reverse else 1]
    h, found = initial, np.empty_like(b)
    for t in order:
        found[t] = h = a[t] * h + b[t]
    return found


@pytest.mark.parametrize("steps", LENGTHS)
@pytest.mark.parametrize("reverse", [False, True])
def test_equals_stepping(steps, reverse):
    given = drawn(steps)
    expected = stepped(*given, reverse)
    np.testing.assert_allclose(linear_scan(*given, reverse), expected, rtol=1e-10, atol=1e-10)
    unknown = [tf.TensorSpec([None, 2, 3], "float64")] * 2 + [tf.TensorSpec([2, 3], "float64")]
    graph = tf.function(lambda *given: linear_scan(*given, reverse), input_signature=unknown)
    np.testing.assert_allclose(graph(*given), expected, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("steps", [1, 6, 70])
@pytest.mark.parametrize("reverse", [False, True])
def test_gradients_equal_central_differences(steps, reverse):
    given = drawn(steps, shape=(2,))
    by = np.random.default_rng(9).normal(size=given[0].shape)
    expected = central_differences(
        lambda v: np.sum(stepped(*v, reverse) * by), [v.copy() for v in given]
    )
    variables = [tf.constant(v) for v in given]
    with tf.GradientTape() as tape:
        tape.watch(variables)
        loss = tf.reduce_sum(linear_scan(*variables, reverse) * by)
    for a, b in zip(tape.gradient(loss, variables), expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-8)


def test_gradients_of_gradients_equal_central_differences():
    given, by = drawn(5, shape=(2,)), np.random.default_rng(9).normal(size=(5, 2))

    def first(values):
        variables = [tf.constant(v) for v in values]
        with tf.GradientTape() as tape:
            tape.watch(variables)
            loss = tf.reduce_sum(linear_scan(*variables) ** 2 * by)
        return sum(tf.reduce_sum(g**2) for g in tape.gradient(loss, variables))

    expected = central_differences(lambda v: float(first(v)), [v.copy() for v in given])
    variables = [tf.constant(v) for v in given]
    with tf.GradientTape() as tape:
        tape.watch(variables)
        with tf.GradientTape() as inner:
            inner.watch(variables)
            loss = tf.reduce_sum(linear_scan(*variables) ** 2 * by)
        total = sum(tf.reduce_sum(g**2) for g in inner.gradient(loss, variables))
    for a, b in zip(tape.gradient(total, variables), expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("kind", [MinGRU, MinLSTM])
def test_the_scan_takes_the_place_of_the_loop_and_gives_its_values(kind):
    """Masked, in both directions, from a state, of a length not known when it is traced."""
    x = np.random.default_rng(1).normal(size=(3, 150, 4)).astype("float32")
    mask = np.random.default_rng(2).random((3, 150)) < 0.7
    state = np.random.default_rng(3).normal(size=(3, 5)).astype("float32")
    for backwards in (False, True):
        layer = kind(5, return_sequences=True, return_state=True, go_backwards=backwards)
        call = tf.function(
            lambda x, mask, layer=layer: layer(x, initial_state=state, mask=mask),
            input_signature=[tf.TensorSpec([3, None, 4]), tf.TensorSpec([3, None], "bool")],
        )
        stepped = call(x, mask)  # the compiled loop
        scanned = layer(x, initial_state=state, mask=mask)
        with lowering("plain"):
            graph = tf.function(call.python_function, input_signature=call.input_signature)
            plain = graph(x, mask)
        for other in (scanned, plain):
            for a, b in zip(other, stepped, strict=True):
                np.testing.assert_allclose(a, b, atol=1e-5)


def test_half_precision_is_summed_in_full():
    a, b, initial = (v.astype("float16") for v in drawn(300))
    found = linear_scan(*(tf.constant(v) for v in (a, b, initial)))
    assert found.dtype == tf.float16
    expected = stepped(*(v.astype("float64") for v in (a, b, initial)))
    np.testing.assert_allclose(found, expected, rtol=2e-3, atol=2e-3)


def test_gates_that_underflow_give_no_nan():
    layer = MinLSTM(2)
    layer.build((1, 3, 2))
    layer.set_weights([np.zeros((2, 6)), np.array([-200, -300, -200, -100, 1.0, 2.0])])
    assert np.isfinite(keras.ops.convert_to_numpy(layer(np.ones((1, 3, 2), "float32")))).all()
