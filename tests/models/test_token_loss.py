"""Smoothed cross entropy against its definition in float64, and its own gradient."""

import keras
import numpy as np
import pytest

if keras.backend.backend() != "tensorflow":
    pytest.skip("the gradient of its own is TensorFlow's", allow_module_level=True)

import tensorflow as tf

from keras_seq.models.token_loss import smoothed_cross_entropy

LOGITS = np.random.default_rng(0).normal(size=(3, 4, 7)) * 3
TOKENS = np.random.default_rng(1).integers(0, 7, (3, 4))


def by_definition(logits, smoothing):
    p = np.exp(logits - logits.max(-1, keepdims=True))
    p /= p.sum(-1, keepdims=True)
    q = (1 - smoothing) * np.eye(7)[TOKENS] + smoothing / 7
    return -(q * np.log(p)).sum(-1)


@pytest.mark.parametrize("smoothing", [0.0, 0.25])
def test_values_and_gradient(smoothing):
    z = tf.constant(LOGITS)
    weights = np.random.default_rng(2).normal(size=(3, 4))
    with tf.GradientTape() as tape:
        tape.watch(z)
        losses = smoothed_cross_entropy(z, tf.constant(TOKENS), smoothing)
        total = tf.reduce_sum(losses * weights)
    np.testing.assert_allclose(losses, by_definition(LOGITS, smoothing), rtol=1e-12)
    found, expected = tape.gradient(total, z).numpy(), np.zeros_like(LOGITS)
    for place in np.ndindex(LOGITS.shape):
        step = np.zeros_like(LOGITS)
        step[place] = 1e-5
        ends = [(by_definition(LOGITS + s, smoothing) * weights).sum() for s in (step, -step)]
        expected[place] = (ends[0] - ends[1]) / 2e-5
    np.testing.assert_allclose(found, expected, atol=1e-8)


def test_huge_logits_are_finite():
    z = tf.constant([[1e4, -1e4, 0.0]])
    with tf.GradientTape() as tape:
        tape.watch(z)
        loss = smoothed_cross_entropy(z, tf.constant([1]), 0.1)
    assert np.isfinite(loss.numpy()).all()
    np.testing.assert_allclose(
        tape.gradient(loss, z), [[1 - 0.1 / 3, -0.9 - 0.1 / 3, -0.1 / 3]], 1e-5
    )


@pytest.mark.parametrize("smoothing", [0.0, 0.25])
def test_in_a_graph_that_knows_no_size(smoothing):
    @tf.function(input_signature=[tf.TensorSpec((None, None, None)), tf.TensorSpec((None, None))])
    def found(z, weights):
        with tf.GradientTape() as tape:
            tape.watch(z)
            losses = smoothed_cross_entropy(z, tf.constant(TOKENS), smoothing)
            total = tf.reduce_sum(losses * weights)
        return losses, tape.gradient(total, z)

    weights = np.random.default_rng(2).normal(size=(3, 4)).astype("float32")
    z = tf.constant(LOGITS, tf.float32)
    losses, gradient = found(z, weights)
    np.testing.assert_allclose(losses, by_definition(LOGITS, smoothing), rtol=1e-5)
    p = np.exp(LOGITS - LOGITS.max(-1, keepdims=True))
    p /= p.sum(-1, keepdims=True)
    q = (1 - smoothing) * np.eye(7)[TOKENS] + smoothing / 7
    np.testing.assert_allclose(gradient, weights[..., None] * (p - q), atol=1e-5)
