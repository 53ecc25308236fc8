"""Pooling over the real steps alone, against NumPy."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from contract import MASKS, sequences

from keras_seq.layers import GlobalAveragePooling1D, GlobalMaxPooling1D

POOLINGS = pytest.mark.parametrize(
    ("layer", "pool"),
    [(GlobalMaxPooling1D, np.max), (GlobalAveragePooling1D, np.mean)],
    ids=["max", "mean"],
)


def pooled(x, mask, pool):
    """Row by row, over the steps that are real; zeros if there are none."""
    mask = np.ones(x.shape[:2], bool) if mask is None else mask
    rows = [row[real] for row, real in zip(x, mask, strict=True)]
    return np.stack([pool(r, axis=0) if len(r) else np.zeros(x.shape[-1]) for r in rows])


@POOLINGS
@pytest.mark.parametrize("mask", MASKS.values(), ids=MASKS)
@pytest.mark.parametrize(
    ("dtype", "tolerance"),
    [("float64", 1e-12), ("float32", 1e-6), ("mixed_float16", 2e-3), ("mixed_bfloat16", 2e-2)],
)
def test_equals_numpy(layer, pool, mask, dtype, tolerance):
    # All below zero: the largest real value is then less than a zero of the padding.
    x = -np.abs(sequences()) - 0.1
    found = layer(dtype=dtype)(x, mask=mask)
    assert keras.backend.standardize_dtype(found.dtype) == keras.DTypePolicy(dtype).compute_dtype
    found = keras.ops.convert_to_numpy(keras.ops.cast(found, "float64"))
    np.testing.assert_allclose(found, pooled(x, mask, pool), rtol=tolerance, atol=tolerance)


@POOLINGS
def test_padding_of_any_value_changes_nothing(layer, pool):
    x, mask = sequences().astype("float32"), MASKS["scattered"]
    expected = pooled(x, mask, pool)
    for padding in (1e30, -1e30, np.inf, np.nan):
        dirty = np.where(mask[..., None], x, np.float32(padding))
        np.testing.assert_allclose(layer()(dirty, mask=mask), expected, rtol=1e-6, err_msg=padding)


@POOLINGS
def test_a_row_without_real_steps_gives_zeros(layer, pool):
    found = layer()(np.full((2, 3, 4), 7.0), mask=np.zeros((2, 3), bool))
    np.testing.assert_array_equal(found, np.zeros((2, 4)))


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_the_largest_may_be_the_lowest_number_of_all(dtype):
    lowest = np.finfo(dtype).min
    x = np.array([[[lowest], [5.0]]], dtype)
    found = GlobalMaxPooling1D(dtype=dtype)(x, mask=np.array([[True, False]]))
    np.testing.assert_array_equal(found, [[lowest]])


def test_means_of_long_sequences_in_half_precision():
    """The count of steps must not stop growing where ones no longer add up (256 in bfloat16)."""
    x, mask = np.random.default_rng(1).random((2, 3000, 3)), np.ones((2, 3000), bool)
    mask[1, 2500:] = False
    for dtype, tolerance in (("mixed_float16", 0.03), ("mixed_bfloat16", 0.03)):
        found = GlobalAveragePooling1D(dtype=dtype)(x, mask=mask)
        found = keras.ops.convert_to_numpy(keras.ops.cast(found, "float64"))
        np.testing.assert_allclose(found, pooled(x, mask, np.mean), rtol=tolerance)


@POOLINGS
def test_takes_an_implicit_mask_and_hands_on_none(layer, pool):
    x = sequences().astype("float32")
    x[0, 3:], x[2, 1:] = 0, 0
    inputs = keras.Input((None, 4))
    outputs = layer()(keras.layers.Masking()(inputs))
    assert outputs.shape == (None, 4)
    expected = pooled(x, np.any(x != 0, axis=-1), pool)
    np.testing.assert_allclose(keras.Model(inputs, outputs)(x), expected, rtol=1e-5)
    assert layer().compute_mask(x, np.ones((3, 5), bool)) is None


@POOLINGS
def test_gradient_reaches_real_steps_alone(layer, pool):
    x, mask = tf.constant(sequences()), MASKS["empty_row"]
    with tf.GradientTape() as tape:
        tape.watch(x)
        total = tf.reduce_sum(layer(dtype="float64")(x, mask=mask))
    gradient = tape.gradient(total, x).numpy()
    assert np.all(np.isfinite(gradient))
    assert not np.any(gradient[~mask])
    np.testing.assert_allclose(gradient.sum(axis=1), np.repeat(mask.any(1)[:, None], 4, 1) * 1.0)
