"""Attention with several heads: against the oracle, `keras.layers` and its own steps."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from oracle import attention as oracle
from oracle.gradients import central_differences

from keras_seq.layers import MultiHeadAttention

from .attending import MASKS, B, D, S, T, U, array, kernel, normal, randomise

OPTIONS = {
    "widths": {"heads": 2, "key_units": 3, "value_units": 5},
    "default_widths": {"heads": 3},
    "no_bias": {"heads": 2, "use_bias": False},
}
each_option = pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)


def made(options, dtype="float64", values_width=D, query_width=U):
    layer = MultiHeadAttention(**options, dtype=dtype)
    layer.build((None, None, query_width), (None, None, values_width))
    return randomise(layer)


def projections(layer):
    """Kernel and bias of each projection, by the oracle's names."""
    return {
        name: (kernel(dense), array(dense.bias) if layer.use_bias else 0.0)
        for name in ("query", "key", "value", "output")
        for dense in [getattr(layer, f"{name}_projection")]
    }


def expected_of(layer, queries, values, mask=None, causal=False):
    return oracle.multi_head(queries, values, projections(layer), layer.heads, mask, causal)


def assert_close(found, expected, tolerance=1e-12):
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(array(a), b, rtol=tolerance, atol=tolerance)


@each_option
def test_equals_the_oracle(options):
    layer, queries, values = made(options), normal(B, T, U), normal(B, S, D, seed=3)
    for mask in MASKS.values():
        context, weights = expected_of(layer, queries, values, mask)
        memory = layer.prepare(values, mask)
        assert_close(layer(queries, memory, head_weights=True), [context, weights])
        assert_close(layer(queries, values, values_mask=mask), [context, weights.mean(1)])
        for t in range(T):
            found = layer(queries[:, t], memory)
            assert_close(found, [context[:, t], weights.mean(1)[:, t]])
        _, of_heads = layer(queries[:, 1], memory, head_weights=True)
        assert_close([of_heads], [weights[:, :, 1]])
    assert np.abs(weights[:, 0] - weights[:, 1]).max() > 0.1


@each_option
def test_causal_equals_the_oracle(options):
    layer, x = made(options, query_width=D), normal(B, S, D)
    for mask in MASKS.values():
        context, weights = expected_of(layer, x, x, mask, causal=True)
        assert_close(layer(x, x, values_mask=mask, causal=True), [context, weights.mean(1)])


@each_option
def test_equals_keras(options):
    layer, queries, values = made(options, "float32"), normal(B, T, U), normal(B, S, D, seed=3)
    width = layer.key_projection.units // layer.heads
    keras_layer = keras.layers.MultiHeadAttention(
        layer.heads, width, options.get("value_units"), use_bias=layer.use_bias
    )
    keras_layer.build((B, T, U), (B, S, D))
    by_name = {w.path.rsplit("/", 2)[-2:][0] + w.name: w for w in keras_layer.weights}
    names = {"attention_output": "output", "query": "query", "key": "key", "value": "value"}
    for keras_name, name in names.items():
        for part, ours in zip(("kernel", "bias"), projections(layer)[name], strict=True):
            if np.ndim(ours):
                weight = by_name[keras_name + part]
                weight.assign(ours.reshape(weight.shape))
    mask = MASKS["scattered"]
    expected = keras_layer(
        queries, values, attention_mask=mask[:, None, :], return_attention_scores=True
    )
    found = layer(queries, values, values_mask=mask, head_weights=True)
    assert_close(found, [array(x) for x in expected], 2e-6)
    assert np.abs(array(found[0])).max() > 0.1


@each_option
def test_steps_equal_the_whole(options):
    """Rows at the same step, and rows that are behind others."""
    layer, x = made(options, "float32", query_width=D), normal(B, S, D).astype("float32")
    expected, weights = (array(y) for y in layer(x, x, causal=True))
    cache = layer.empty_cache(B, S)
    for t in range(S):
        context, cache, seen = layer.step(x[:, t], cache, np.full(B, t))
        assert_close([context, seen], [expected[:, t], weights[:, t]], 1e-6)
    assert_close(cache[:2], [array(y) for y in layer.project(x)], 1e-6)
    assert np.all(cache.mask)

    cache, behind, rows = layer.empty_cache(B, S), np.array([0, 1, 0, 2]), np.arange(B)
    for turn in range(S):
        position = np.maximum(turn - behind, 0)
        context, cache, seen = layer.step(x[rows, position], cache, position)
        assert_close([context, seen], [expected[rows, position], weights[rows, position]], 1e-6)
    np.testing.assert_array_equal(array(cache.mask).sum(1), S - behind)


def test_a_step_is_written_over_and_what_is_after_it_not_seen():
    layer, x = made({"heads": 2}, "float32", query_width=D), normal(B, S, D).astype("float32")
    expected, _ = layer(x, x, causal=True)
    cache = layer.empty_cache(B, S)
    for t in range(S):
        _, cache, _ = layer.step(x[:, t] + 1, cache, t)
    for t in range(S):
        context, cache, _ = layer.step(x[:, t], cache, t)
        np.testing.assert_allclose(context, expected[:, t], atol=1e-6)


def test_steps_in_a_graph_of_unknown_sizes():
    layer, x = made({"heads": 2}, "float32", query_width=D), normal(B, S, D).astype("float32")
    expected, _ = layer(x, x, causal=True)

    @tf.function(input_signature=[tf.TensorSpec((None, None, D)), tf.TensorSpec((), tf.int32)])
    def run(x, length):
        rows = tf.shape(x)[0]
        cache = layer.empty_cache(rows, length)
        outputs = tf.TensorArray(tf.float32, length, element_shape=(None, D))

        def body(t, cache, outputs):
            y, cache, _ = layer.step(x[:, t], cache, t)
            return t + 1, cache, outputs.write(t, y)

        *_, outputs = tf.while_loop(lambda t, *_: t < length, body, (0, cache, outputs))
        return tf.transpose(outputs.stack(), (1, 0, 2))

    np.testing.assert_allclose(run(x, S), expected, atol=1e-6)


def test_gradient_equals_central_differences():
    layer, mask = made(OPTIONS["widths"], query_width=D), MASKS["empty_row"][:2, 1:4]
    x, factors = normal(2, 3, D), normal(2, 3, D, seed=5)

    def loss(x):
        return tf.reduce_sum(layer(x, x, values_mask=mask, causal=True)[0] * factors)

    def of_given(given):
        *weights, x = given
        layer.set_weights(weights)
        return float(loss(x))

    given = [*(array(w) for w in layer.get_weights()), x]
    x, weights = tf.constant(x), [w.value for w in layer.trainable_weights]
    with tf.GradientTape() as tape:
        tape.watch(x)
        value = loss(x)
    found = [g.numpy() for g in tape.gradient(value, [*weights, x])]
    for a, b in zip(found, central_differences(of_given, given), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-7)


def test_a_row_without_real_values_gives_the_last_bias():
    layer, mask = made({"heads": 2}), MASKS["empty_row"]
    values = normal(B, S, D, seed=3)
    values[~mask] = np.nan
    context, weights = layer(normal(B, T, U), values, values_mask=mask)
    np.testing.assert_array_equal(weights[1], np.zeros((T, S)))
    np.testing.assert_allclose(context[1], [array(layer.output_projection.bias)] * T)
    assert np.all(np.isfinite(context))


def test_the_order_of_values_does_not_matter():
    layer, queries, values = made({"heads": 2}), normal(B, T, U), normal(B, S, D, seed=3)
    mask, order = MASKS["scattered"], [3, 0, 4, 2, 1]
    context, weights = layer(queries, values, values_mask=mask)
    found = layer(queries, values[:, order], values_mask=mask[:, order])
    assert_close(found, [array(context), array(weights)[..., order]])


def test_dropout_drops_weights_in_training_alone():
    layer = MultiHeadAttention(1, key_units=3, dropout=0.4, use_bias=False, seed=5)
    queries, values = normal(2, 50, U).astype("float32"), normal(2, 40, D).astype("float32")
    whole, weights = layer(queries, values)
    dropped, same = layer(queries, values, training=True)
    np.testing.assert_array_equal(weights, same)
    # One value at a time, through projections that change nothing, shows the weight it got.
    layer = MultiHeadAttention(1, key_units=40, dropout=0.4, use_bias=False, seed=5)
    layer.build((None, None, 40), (None, None, 40))
    for dense in (layer.value_projection, layer.output_projection):
        dense.kernel.assign(np.eye(40))
    queries, values = normal(3, 50, 40).astype("float32"), np.stack([np.eye(40, dtype="f")] * 3)
    used, weights = layer(queries, values, training=True)
    share = array(used) / array(weights)
    kept = share > 0.5
    np.testing.assert_allclose(share[kept], 1 / 0.6, rtol=1e-4)
    np.testing.assert_allclose(share[~kept], 0, atol=1e-6)
    assert abs(kept.mean() - 0.6) < 0.03
    assert np.abs(array(whole) - array(dropped)).max() > 0.01


@pytest.mark.parametrize(
    ("dtype", "tolerance"), [("mixed_float16", 2e-2), ("mixed_bfloat16", 0.15)]
)
def test_half_precision_stays_near(dtype, tolerance):
    layer = made(OPTIONS["widths"], query_width=D)
    half = made(OPTIONS["widths"], dtype, query_width=D)
    half.set_weights(layer.get_weights())
    x, mask = normal(B, S, D), MASKS["right"]
    context, weights = expected_of(layer, x, x, mask, causal=True)
    found, found_weights = half(x, x, values_mask=mask, causal=True)
    assert keras.backend.standardize_dtype(found.dtype) == half.compute_dtype
    assert keras.backend.standardize_dtype(found_weights.dtype) == "float32"
    np.testing.assert_allclose(array(keras.ops.cast(found, "float32")), context, atol=tolerance)
    np.testing.assert_allclose(array(found_weights), weights.mean(1), atol=tolerance)
    cache = half.empty_cache(B, S)
    step, cache, _ = half.step(x[:, 0], cache, 0)
    for tensor in (step, *cache[:2]):
        assert keras.backend.standardize_dtype(tensor.dtype) == half.compute_dtype


def test_may_be_built_in_any_order():
    layer, queries, values = made(OPTIONS["widths"], "float32"), normal(B, T, U), normal(B, S, D)
    expected = [array(x) for x in layer(queries, values)]
    prepared = MultiHeadAttention(**OPTIONS["widths"])
    prepared(queries[:, 0], prepared.prepare(values))
    for other in (layer, prepared):
        loaded = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(other))
        assert loaded.get_config() == other.get_config()
        loaded.set_weights(layer.get_weights())
        assert_close(loaded(queries, values), expected, 1e-6)
    prepared.set_weights(layer.get_weights())
    assert_close(prepared(queries, values), expected, 1e-6)


def too_far(x):
    layer = MultiHeadAttention(2)
    layer.build(x.shape, x.shape)
    return layer.step(x[:, 0], layer.empty_cache(B, 3), 3)


def test_errors_say_what_came():
    x = normal(B, S, D)
    memory = MultiHeadAttention(2).prepare(x)
    for call, words in [
        (lambda: MultiHeadAttention(0), "heads must be at least 1; got 0"),
        (lambda: MultiHeadAttention(2, key_units=0), "key_units must be at least 1; got 0"),
        (lambda: MultiHeadAttention(2, dropout=1), r"\[0, 1\), got 1"),
        (lambda: MultiHeadAttention(4)(x, x), "4 heads do not divide values of width 6"),
        (lambda: MultiHeadAttention(2).empty_cache(B, S), "not built"),
        (lambda: MultiHeadAttention(2)(x[:, 0], x, causal=True), "use `step`"),
        (lambda: MultiHeadAttention(2)(x, memory), "prepare the memory with this layer"),
        (lambda: too_far(x), "step 3 for a cache of 3 steps"),
    ]:
        with pytest.raises(ValueError, match=words):
            call()
