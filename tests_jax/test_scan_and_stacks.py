"""The scan of linear recurrences, zoneout and stacks on JAX."""

import jax
import keras
import numpy as np
import pytest
from contract import F, T, sequences
from oracle.gradients import central_differences

from keras_seq.layers import GRU, LSTM, MinGRU, Stack
from keras_seq.layers.linear_scan import linear_scan

X = sequences().astype("float32")


def stepped(a, b, initial, reverse):
    h, found = initial, np.empty_like(b)
    for t in range(len(a))[:: -1 if reverse else 1]:
        found[t] = h = a[t] * h + b[t]
    return found


@pytest.mark.parametrize("reverse", [False, True])
def test_the_scan_and_its_gradient(reverse):
    random = np.random.default_rng(0)
    given = [random.uniform(-1, 1, (70, 2)), random.normal(size=(70, 2)), random.normal(size=2)]
    np.testing.assert_allclose(linear_scan(*given, reverse), stepped(*given, reverse), atol=1e-5)
    by = random.normal(size=(70, 2))
    expected = central_differences(
        lambda v: np.sum(stepped(*v, reverse) * by), [v.copy() for v in given]
    )
    loss = jax.jit(lambda a, b, i: keras.ops.sum(linear_scan(a, b, i, reverse) * by))
    for a, b in zip(jax.grad(loss, (0, 1, 2))(*given), expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4)


def test_zoneout_mixes_in_inference_and_trains():
    layer = MinGRU(3, zoneout=0.4, return_sequences=True, seed=1)
    layer.build(X.shape)
    plain = MinGRU(3, return_sequences=True)
    plain.build(X.shape)
    plain.set_weights(layer.get_weights())
    h, expected = np.zeros((len(X), 3), "float32"), []
    for t in range(T):
        h = 0.4 * h + 0.6 * np.array(plain.cell(X[:, t], [h])[0])
        expected.append(h)
    np.testing.assert_allclose(layer(X), np.stack(expected, 1), atol=1e-6)
    drawn = np.array(layer(X, training=True))
    assert np.abs(drawn - layer(X)).max() > 1e-3
    model = keras.Sequential([keras.Input((None, F)), LSTM(3, zoneout=[0.1, 0.5])])
    model.compile(keras.optimizers.Adam(0.05), "mse")
    losses = model.fit(X, np.ones((len(X), 3)), epochs=40, verbose=0).history["loss"]
    assert losses[-1] < 0.7 * losses[0]


def test_a_stack_adds_what_is_below():
    stack = Stack([GRU(F, return_sequences=True), LSTM(F, return_sequences=True)], "residual")
    found = np.array(stack(X))
    one, two = stack.layers
    y = X + np.array(one(X))
    np.testing.assert_allclose(found, y + np.array(two(y)), atol=1e-6)
