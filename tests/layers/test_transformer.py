"""Blocks and positions of the Transformer: against the oracle, and step by step."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from oracle import attention as oracle

from keras_seq.layers import (
    LearnedPositions,
    SinusoidalPositions,
    TransformerDecoderBlock,
    TransformerEncoderBlock,
)

from .attending import MASKS, B, S, T, array, kernel, normal, randomise
from .test_multi_head import expected_of

D, E = 6, 4  # widths of the sequence and of the memory
OPTIONS = {"heads": 2, "hidden_units": 7}
each_normalization = pytest.mark.parametrize("normalization", ["pre", "post"])


def encoder(dtype="float64", **options):
    block = TransformerEncoderBlock(**OPTIONS, **options, dtype=dtype)
    block.build((None, None, D))
    return randomise(block)


def decoder(dtype="float64", **options):
    block = TransformerDecoderBlock(**OPTIONS, **options, dtype=dtype)
    block.build((None, None, D), (None, None, E))
    return randomise(block)


def norm(residual):
    return array(residual.norm.gamma), array(residual.norm.beta)


def expected_of_encoder(block, x, mask):
    parts = [
        lambda y: expected_of(block.self_attention, y, y, mask)[0],
        lambda y: _fed_forward(block, y),
    ]
    norms = [norm(block.around_self_attention), norm(block.around_feed_forward)]
    return oracle.block(x, parts, norms, block.normalization)


def expected_of_decoder(block, x, values, mask, target_mask=None):
    seen = []

    def look(y):
        context, weights = expected_of(block.cross_attention, y, values, mask)
        seen.append(weights.mean(1))
        return context

    parts = [
        lambda y: expected_of(block.self_attention, y, y, target_mask, causal=True)[0],
        look,
        lambda y: _fed_forward(block, y),
    ]
    around = (block.around_self_attention, block.around_cross_attention, block.around_feed_forward)
    return oracle.block(x, parts, map(norm, around), block.normalization), seen[0]


def _fed_forward(block, y):
    dense = (block.feed_forward.hidden, block.feed_forward.result)
    return oracle.feed_forward(y, *(z for d in dense for z in (kernel(d), array(d.bias))))


@each_normalization
def test_encoder_block_equals_the_oracle(normalization):
    block, x = encoder(normalization=normalization), normal(B, S, D)
    for mask in MASKS.values():
        expected = expected_of_encoder(block, x, mask)
        np.testing.assert_allclose(block(x, mask=mask), expected, rtol=1e-10, atol=1e-10)


@each_normalization
def test_decoder_block_equals_the_oracle(normalization):
    block = decoder(normalization=normalization)
    x, values, target_mask = normal(B, T, D), normal(B, S, E, seed=3), MASKS["right"][:, :T]
    for mask in MASKS.values():
        for targets in (None, target_mask):
            expected = expected_of_decoder(block, x, values, mask, targets)
            memory = block.prepare(values, mask)
            found = block(x, memory, target_mask=targets)
            raw = block(x, values, values_mask=mask, target_mask=targets)
            for a, b, c in zip(found, raw, expected, strict=True):
                np.testing.assert_allclose(a, c, rtol=1e-10, atol=1e-10)
                np.testing.assert_allclose(b, c, rtol=1e-10, atol=1e-10)


@each_normalization
def test_steps_equal_the_whole(normalization):
    block = decoder("float32", normalization=normalization)
    x, values = normal(B, T, D).astype("float32"), normal(B, S, E, seed=3)
    memory = block.prepare(values, MASKS["empty_row"])
    whole, weights = block(x, memory)
    cache = block.empty_cache(B, T + 2)
    for t in range(T):
        y, cache, seen = block.step(x[:, t], memory, cache, np.full(B, t))
        np.testing.assert_allclose(y, whole[:, t], rtol=1e-5, atol=2e-6)
        np.testing.assert_allclose(seen, weights[:, t], atol=1e-6)


@each_normalization
def test_the_future_changes_nothing(normalization):
    block = decoder(normalization=normalization)
    x, values = normal(B, T, D), normal(B, S, E, seed=3)
    before, _ = block(x, values)
    for t in range(1, T):
        changed = x.copy()
        changed[:, t:] += normal(B, T - t, D, seed=7)
        after, _ = block(changed, values)
        np.testing.assert_array_equal(before[:, :t], after[:, :t])
        assert np.abs(array(before)[:, t] - array(after)[:, t]).max() > 0.01


def test_padding_changes_no_real_step():
    block, mask, x = encoder("float32"), MASKS["right"], normal(B, S, D).astype("float32")
    dirty = np.where(mask[..., None], x, np.float32(1e6))
    np.testing.assert_allclose(
        array(block(x, mask=mask))[mask], array(block(dirty, mask=mask))[mask], atol=1e-6
    )
    short = block(x[2:3, :1])
    np.testing.assert_allclose(block(x, mask=mask)[2, :1], short[0], atol=1e-6)


def test_a_mask_that_travels_along_is_taken_and_handed_on():
    x = normal(B, S, D).astype("float32")
    x[0, 3:], x[2, 1:] = 0, 0
    block, mask = encoder("float32"), np.any(x != 0, axis=-1)
    inputs = keras.Input((None, D))
    model = keras.Model(inputs, block(keras.layers.Masking()(inputs)))
    assert model.output_shape == (None, None, D)
    np.testing.assert_allclose(model(x), block(x, mask=mask), atol=1e-6)
    np.testing.assert_array_equal(block.compute_mask(x, mask), mask)
    assert np.abs(array(block(x, mask=mask)) - array(block(x)))[mask].max() > 0.01


def test_gradient_is_finite_where_all_is_masked():
    for dtype in ("float32", "mixed_float16"):
        block, mask = decoder(dtype), MASKS["empty_row"]
        x, values = tf.constant(normal(B, T, D), "float32"), normal(B, S, E, seed=3)
        with tf.GradientTape() as tape:
            tape.watch(x)
            y, _ = block(x, values, values_mask=mask, target_mask=mask[:, :T])
            total = tf.reduce_sum(tf.cast(y, "float32"))
        for gradient in tape.gradient(total, [x, *(w.value for w in block.trainable_weights)]):
            assert np.all(np.isfinite(gradient))


@each_normalization
def test_half_precision_stays_near(normalization):
    block, half = (
        decoder(normalization=normalization),
        decoder("mixed_float16", normalization=normalization),
    )
    x, values, mask = normal(B, T, D), normal(B, S, E, seed=3), MASKS["right"]
    expected, weights = expected_of_decoder(block, x, values, mask)
    found, seen = half(x, values, values_mask=mask)
    assert found.dtype == tf.float16
    assert seen.dtype == tf.float32
    scale = np.abs(expected).max()
    np.testing.assert_allclose(array(found), expected, atol=1e-2 * scale)
    np.testing.assert_allclose(seen, weights, atol=1e-2)


@each_normalization
def test_dropout_is_of_training_and_of_its_seed(normalization):
    x = normal(B, S, D).astype("float32")
    options = {"dropout": 0.3, "normalization": normalization}
    block, again = (encoder("float32", seed=5, **options) for _ in range(2))
    other, plain = (
        encoder("float32", seed=6, **options),
        encoder("float32", normalization=normalization),
    )
    np.testing.assert_array_equal(block(x), plain(x))
    dropped = array(block(x, training=True))
    np.testing.assert_array_equal(dropped, again(x, training=True))
    assert np.abs(dropped - array(other(x, training=True))).max() > 0.1
    assert np.abs(dropped - array(plain(x))).max() > 0.1
    # Each of its four places by itself: the weights, the hidden layer, and what each part adds.
    places = [
        (block.self_attention, "dropout"),
        (block.feed_forward.drop, "rate"),
        (block.around_self_attention.drop, "rate"),
        (block.around_feed_forward.drop, "rate"),
    ]
    assert [getattr(one, name) for one, name in places] == [0.3] * 4
    for place, _ in places:
        for one, its_name in places:
            setattr(one, its_name, 0.3 if one is place else 0.0)
        assert np.abs(array(block(x, training=True)) - array(plain(x))).max() > 0.01, place


def test_other_activations_and_configurations():
    for block in (
        encoder("float32", activation="gelu", dropout=0.1, normalization="post", seed=3),
        decoder("float32", activation="gelu", dropout=0.1, normalization="post", seed=3),
    ):
        relu = type(block)(**OPTIONS, normalization="post")
        loaded = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(block))
        assert loaded.get_config() == block.get_config()
        x = [normal(B, S, D)] if "encoder" in block.name else [normal(B, S, D), normal(B, S, E)]
        relu(*x)
        found = []
        for one in (block, loaded, relu):
            one.set_weights(block.get_weights())
            found.append(array(keras.tree.flatten(one(*x))[0]))
        np.testing.assert_array_equal(found[0], found[1])
        assert np.abs(found[0] - found[2]).max() > 0.01


@pytest.mark.parametrize("width", [6, 5, 1])
def test_sinusoids_equal_the_oracle(width):
    layer, x = SinusoidalPositions(dtype="float64"), normal(B, 9, width)
    starts = np.array([0, 3, 50, 1000])

    def expected(starts):
        table = [[oracle.sinusoidal(start + t, width) for t in range(9)] for start in starts]
        return x + np.array(table)

    np.testing.assert_allclose(layer(x), expected([0] * B), rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(layer(x, start=7), expected([7] * B), rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(layer(x, start=starts), expected(starts), rtol=1e-9, atol=1e-9)
    for start in (tf.constant(7), np.full(B, 7)):
        one = layer(x[:, 2], start=start)
        np.testing.assert_allclose(one, x[:, 2] + oracle.sinusoidal(7, width), atol=1e-9)


def test_sinusoids_of_far_positions_in_half_precision():
    """Angles of a thousand steps have no digits left in halves."""
    x = np.zeros((1, 2000, 6))
    found = SinusoidalPositions(dtype="mixed_float16")(x)
    expected = [oracle.sinusoidal(t, 6) for t in range(2000)]
    np.testing.assert_allclose(array(found)[0], expected, atol=1e-3)


def test_learned_positions():
    layer, x = LearnedPositions(8, dtype="float64"), normal(B, 5, D)
    layer.build(x.shape)
    table, starts = array(randomise(layer).positions), np.array([0, 3, 1, 2])
    np.testing.assert_allclose(layer(x), x + table[:5])
    np.testing.assert_allclose(layer(x, start=3), x + table[3:])
    np.testing.assert_allclose(
        layer(x, start=starts), x + np.stack([table[s : s + 5] for s in starts])
    )
    np.testing.assert_allclose(layer(x[:, 0], start=starts), x[:, 0] + table[starts])
    loaded = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
    assert loaded.get_config() == layer.get_config()
    for call in (
        lambda: layer(x, start=4),
        lambda: layer(normal(1, 9, D)),
        lambda: layer(x, start=-1),
    ):
        with pytest.raises(ValueError, match="max_length=8 positions; got"):
            call()
    with pytest.raises(ValueError, match="at least 1; got 0"):
        LearnedPositions(0)
    # Where nobody can know how far it goes.
    far = np.array([6, 0, 7, 12])
    expected = x + table[np.minimum(far[:, None] + np.arange(5), 7)]
    np.testing.assert_allclose(layer(x, start=far), expected)


def test_errors_say_what_came():
    for call, words in [
        (lambda: encoder(normalization="middle"), "pre, post; got 'middle'"),
        (lambda: TransformerEncoderBlock(2, 0), "hidden_units must be at least 1; got 0"),
        (lambda: TransformerEncoderBlock(4, 3)(normal(B, T, D)), "4 heads do not divide"),
        (lambda: TransformerDecoderBlock(2, 3).empty_cache(1, 2), "not built"),
        (lambda: SinusoidalPositions()(normal(B, T, D, 2)), r"got \(4, 3, 6, 2\)"),
    ]:
        with pytest.raises(ValueError, match=words):
            call()
