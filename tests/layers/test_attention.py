"""Attention layers with one head: against the oracle, and what holds for all of them."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from oracle.attention import additive, attend
from oracle.gradients import central_differences

from keras_seq.layers import (
    AttentionMemory,
    BahdanauAttention,
    DotProductAttention,
    LuongAttention,
)

from .attending import (
    MASKS,
    SINGLE,
    B,
    D,
    S,
    T,
    U,
    array,
    expected_of,
    kernel,
    made,
    normal,
    place,
    randomise,
    width,
    windowed,
)

each_layer = pytest.mark.parametrize("name", SINGLE)
one_of_each_kind = pytest.mark.parametrize(
    "name", ["bahdanau", "dot_product", "luong_general", "luong_concat_predictive"]
)


def assert_close(found, expected, tolerance=1e-12):
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(array(a), b, rtol=tolerance, atol=tolerance)


@each_layer
def test_equals_the_oracle(name):
    """Many queries or one, values that are prepared or not, with every mask."""
    layer, queries, values = made(name)
    for mask in MASKS.values():
        expected = expected_of(layer, queries, values, mask)
        memory = layer.prepare(values, mask)
        assert_close(layer(queries, memory), expected)
        assert_close(layer(queries, values, values_mask=mask), expected)
        for t in range(T):
            one = layer(queries[:, t], memory, **place(name, t))
            assert_close(one, [x[:, t] for x in expected])


def test_a_step_may_be_given_as_number_for_the_row_or_for_each_query():
    layer, queries, values = made("luong_general_monotonic")
    mask, starts = MASKS["right"], np.array([2, 0, 1, 4])
    memory = layer.prepare(values, mask)
    expected = expected_of(layer, queries, values, mask, starts)
    assert_close(layer(queries, memory, position=starts), expected)
    each = starts[:, None] + np.arange(T)
    assert_close(layer(queries, memory, position=each), expected)
    assert_close(layer(queries[:, 1], memory, position=each[:, 1]), [x[:, 1] for x in expected])
    at_two = expected_of(layer, queries, values, mask, 2)
    assert_close(layer(queries, memory, position=2), at_two)
    assert_close(layer(queries, memory, position=tf.constant(2)), at_two)
    # Each query's own: not those that follow from the first.
    backwards = expected_of(layer, queries[:, ::-1], values, mask, starts)
    found = layer(queries, memory, position=each[:, ::-1].copy())
    assert_close(found, [x[:, ::-1] for x in backwards])


def test_windows_cut_and_the_gaussian_takes_off():
    layer, queries, values = made("luong_general_monotonic")
    _, weights = layer(queries, values, position=1)
    real = np.array([[1, 1, 1, 0, 0], [0, 1, 1, 1, 0], [0, 0, 1, 1, 1]], bool)
    np.testing.assert_array_equal(array(weights) > 0, np.broadcast_to(real, (B, T, S)))
    np.testing.assert_allclose(array(weights).sum(-1), 1)
    _, weights = layer(queries[:, 0], values, position=S + 1)
    np.testing.assert_array_equal(weights, np.zeros((B, S)))
    layer, queries, values = made("luong_general_predictive")
    _, weights = layer(queries, values)
    assert 0 < array(weights).sum(-1).max() < 1


@each_layer
def test_a_row_without_real_values_gives_zeros(name):
    layer, queries, values = made(name)
    context, weights = layer(queries, values, values_mask=MASKS["empty_row"])
    np.testing.assert_array_equal(context[1], np.zeros((T, width(name))))
    np.testing.assert_array_equal(weights[1], np.zeros((T, S)))
    assert np.all(array(weights)[0].sum(-1) > 0.1)


@each_layer
@pytest.mark.filterwarnings("error:.*softmax over axis")
def test_a_single_value_gets_all_the_weight(name):
    layer, queries, values = made(name)
    mask = np.array([[True], [False], [True], [True]])
    expected = expected_of(layer, queries, values[:, :1], mask)
    assert_close(layer(queries, values[:, :1], values_mask=mask), expected)


@each_layer
def test_the_order_of_values_does_not_matter(name):
    if windowed(name):
        pytest.skip("a window knows the order")
    layer, queries, values = made(name)
    mask, order = MASKS["scattered"], [3, 0, 4, 2, 1]
    context, weights = layer(queries, values, values_mask=mask)
    again, permuted = layer(queries, values[:, order], values_mask=mask[:, order])
    assert_close([again, permuted], [array(context), array(weights)[..., order]])


@each_layer
def test_padding_of_any_value_changes_nothing(name):
    layer, queries, values = made(name)
    mask = MASKS["empty_row"]
    expected = expected_of(layer, queries, values, mask)
    for padding in (1e30, np.inf, np.nan):
        dirty = np.where(mask[..., None], values, padding)
        assert_close(layer(queries, dirty, values_mask=mask), expected)


def gradients_of(layer, mask, queries, values):
    """By weights, queries and values, of a sum with random factors."""
    queries, values = tf.constant(queries), tf.constant(values)
    weights = [w.value for w in layer.trainable_weights]
    with tf.GradientTape() as tape:
        tape.watch([queries, values])
        loss = _loss(layer(queries, values, values_mask=mask))
    found = tape.gradient(loss, [*weights, queries, values], unconnected_gradients="zero")
    return [g.numpy() for g in found]


def _loss(outputs):
    return sum(
        tf.reduce_sum(x * normal(*x.shape, seed=9 + n).astype(x.dtype.as_numpy_dtype))
        for n, x in enumerate(outputs)
    )


@one_of_each_kind
def test_gradient_equals_central_differences(name):
    layer, queries, values = made(name)
    queries, values, mask = queries[:2], values[:2], MASKS["empty_row"][:2]

    def loss(given):
        *weights, queries, values = given
        layer.set_weights(weights)
        return float(_loss(layer(queries, values, values_mask=mask)))

    given = [array(w) for w in layer.get_weights()]
    found = gradients_of(layer, mask, queries, values)
    expected = central_differences(loss, [*given, queries, values])
    assert len(found) == len(expected)
    assert np.abs(found[-1]).max() > 0.1
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-7)


@each_layer
def test_gradient_is_finite_where_all_is_masked(name):
    layer, queries, values = made(name, "float32")
    values[1] = np.nan
    found = gradients_of(
        layer, MASKS["empty_row"], *(x.astype("float32") for x in (queries, values))
    )
    assert all(np.all(np.isfinite(g)) for g in found)
    assert not np.any(found[-1][~MASKS["empty_row"]])


@each_layer
@pytest.mark.parametrize(
    ("dtype", "tolerance"), [("mixed_float16", 1e-2), ("mixed_bfloat16", 0.08)]
)
def test_half_precision_stays_near(name, dtype, tolerance):
    layer, queries, values = made(name)
    half = SINGLE[name](dtype=dtype)
    half.build((None, None, U), (None, None, width(name)))
    half.set_weights(layer.get_weights())
    mask = MASKS["empty_row"]
    memory = half.prepare(values, mask)
    assert keras.backend.standardize_dtype(memory.values.dtype) == half.compute_dtype
    context, weights = half(queries, memory)
    assert keras.backend.standardize_dtype(context.dtype) == half.compute_dtype
    assert keras.backend.standardize_dtype(weights.dtype) == "float32"
    expected = expected_of(layer, queries, values, mask)
    # A window's border, where it depends on what is learned, may fall on the other side.
    if not name.endswith("predictive"):
        assert_close([keras.ops.cast(context, "float32"), weights], expected, tolerance)
    real = MASKS["empty_row"].any(1)[:, None]
    if not windowed(name):  # float32 sums to one; halves would not
        np.testing.assert_allclose(array(weights).sum(-1), real * np.ones((B, T)), atol=1e-6)


def test_large_scores_do_not_overflow_halves():
    layer = DotProductAttention(scale=1.0, dtype="mixed_float16")
    values = np.full((1, 3, 4), 200.0)
    values[0, 1] = 300.0
    context, weights = layer(np.full((1, 4), 200.0), values)
    np.testing.assert_array_equal(weights, [[0, 1, 0]])
    np.testing.assert_array_equal(context, [[300.0] * 4])


def test_coverage_adds_what_was_seen_before():
    """Three steps, each with the sum of the weights before it."""
    layer = BahdanauAttention(7, coverage=True, dtype="float64")
    values, queries, mask = normal(B, S, D), normal(B, T, U, seed=3), MASKS["empty_row"]
    memory = layer.prepare(values, mask)
    coverage = expected_coverage = np.zeros((B, S))
    layer(queries[:, 0], memory, coverage=coverage)
    randomise(layer)
    memory = layer.prepare(values, mask)
    weights = kernel(layer.query_projection), kernel(layer.key_projection)
    vector, bias = kernel(layer.score_vector)[:, 0], array(layer.query_projection.bias)
    by_coverage = kernel(layer.coverage_projection)[0]
    for t in range(T):
        given = expected_coverage

        def score(q, h, place, given=given):
            more = given[place[0], place[2]] * by_coverage
            return additive(q, h, *weights, vector, bias + more)

        context, found = layer(queries[:, t], memory, coverage=coverage)
        expected = attend(score, queries[:, t : t + 1], values, mask)
        assert_close([context, found], [x[:, 0] for x in expected])
        coverage = coverage + array(found)
        expected_coverage = expected_coverage + expected[1][:, 0]
    assert (
        np.abs(
            expected_coverage[0]
            - T * array(layer(queries[:, 0], memory, coverage=0 * coverage)[1])[0]
        ).max()
        > 0.1
    )


@each_layer
def test_may_be_built_in_any_order(name):
    """By `prepare` and a call, by one call, by shapes, by a saved configuration."""
    layer, queries, values = made(name, "float32")
    expected = [array(x) for x in layer(queries, values, values_mask=MASKS["right"])]
    config = keras.saving.serialize_keras_object(layer)

    unbuilt = keras.saving.serialize_keras_object(SINGLE[name]())
    assert not keras.saving.deserialize_keras_object(unbuilt).built

    prepared = SINGLE[name]()
    prepared(queries[:, 0], prepared.prepare(values), **place(name, 0))
    called = SINGLE[name]()
    called(queries, values)
    of_shapes = SINGLE[name]()
    of_shapes.build((B, T, U), AttentionMemory((B, S, 9), (B, S, width(name)), (B, S)))
    loaded = keras.saving.deserialize_keras_object(config)
    assert loaded.built
    of_prepared = keras.saving.serialize_keras_object(prepared)
    again = keras.saving.deserialize_keras_object(of_prepared)
    for other in (prepared, called, of_shapes, loaded, again):
        assert other.get_config().keys() == layer.get_config().keys()
        other.set_weights(layer.get_weights())
        assert_close(other(queries, values, values_mask=MASKS["right"]), expected, 1e-6)
    own = {**loaded.get_config(), "dtype": None}
    assert own == {**layer.get_config(), "dtype": None}


@each_layer
def test_in_graphs_of_unknown_shape(name):
    """First built inside a `tf.function`, then in a functional model."""
    _, queries, values = made(name, "float32")
    queries, values = queries.astype("float32"), values.astype("float32")
    layer = SINGLE[name]()

    @tf.function(
        input_signature=[
            tf.TensorSpec((None, None, U)),
            tf.TensorSpec((None, None, width(name))),
            tf.TensorSpec((None, None), tf.bool),
        ]
    )
    def run(queries, values, mask):
        memory = layer.prepare(values, mask)
        outputs = layer(queries, memory)
        # Rows of a memory may be gathered and repeated, as a beam search does.
        twice = keras.tree.map_structure(lambda x: keras.ops.repeat(x, 2, axis=0), memory)
        return outputs, layer(keras.ops.repeat(queries[:, 0], 2, axis=0), twice, **place(name, 0))

    mask = MASKS["empty_row"]
    run(queries, values, mask)
    randomise(layer)
    expected = expected_of(layer, queries, values, mask)
    whole, first = run(queries, values, mask)
    assert_close(whole, expected, 1e-5)
    assert_close(first, [np.repeat(x[:, 0], 2, axis=0) for x in expected], 1e-5)

    inputs = [
        keras.Input((None, U)),
        keras.Input((None, width(name))),
        keras.Input((None,), dtype="bool"),
    ]
    model = keras.Model(inputs, layer(*inputs[:2], values_mask=inputs[2]))
    assert model.output_shape == [(None, None, width(name)), (None, None, None)]
    model = keras.Model.from_config(model.get_config())
    model.set_weights(layer.get_weights())
    assert_close(model([queries, values, mask]), expected, 1e-5)


def test_options_that_only_some_layers_have():
    """Coverage is kept in the configuration; the width of a hidden layer is as told."""
    layer = BahdanauAttention(7, use_bias=False, coverage=True)
    assert BahdanauAttention.from_config(layer.get_config()).get_config() == layer.get_config()
    assert layer.get_config()["coverage"]
    for units, expected in ((7, 7), (None, U)):
        layer = LuongAttention("general", "predictive", units=units)
        layer.build((B, U), (B, S, D))
        assert kernel(layer.position_projection).shape == (U, expected)
        assert LuongAttention.from_config(layer.get_config()).units == units


def test_errors_say_what_came():
    memory = DotProductAttention().prepare(normal(B, S, U))
    for call, words in [
        (lambda: DotProductAttention()(normal(B, U), normal(B, S, D)), "one width; got 4 and 6"),
        (lambda: LuongAttention("dot")(normal(B, U), normal(B, S, D)), 'score="general"'),
        (lambda: LuongAttention("cosine"), "dot, general, concat; got 'cosine'"),
        (lambda: LuongAttention(window="local"), "global, monotonic, predictive; got 'local'"),
        (lambda: LuongAttention(half_width=0), "at least 1; got 0"),
        (lambda: LuongAttention("concat"), "give its width as units"),
        (lambda: LuongAttention("dot", units=3), "no effect"),
        (lambda: LuongAttention("concat", units=0), "at least 1; got 0"),
        (lambda: BahdanauAttention(0), "at least 1; got 0"),
        (lambda: LuongAttention("dot")(normal(B, U), memory, position=1), "takes no position"),
        (
            lambda: LuongAttention("dot", window="monotonic")(normal(B, U), memory),
            "as position=",
        ),
        (lambda: BahdanauAttention(3, coverage=True)(normal(B, U), memory), "give zeros"),
        (
            lambda: BahdanauAttention(3)(normal(B, U), memory, coverage=normal(B, S)),
            "make it with coverage=True",
        ),
        (
            lambda: BahdanauAttention(3, coverage=True)(
                normal(B, T, U), memory, coverage=normal(B, S)
            ),
            r"step by step with queries \(B, U\); got \(4, 3, 4\)",
        ),
        (lambda: DotProductAttention().prepare(normal(B, S)), r"\(B, S, D\); got \(4, 5\)"),
        (
            lambda: DotProductAttention().prepare(normal(B, S, U), np.ones((B, S + 1), bool)),
            r"got \(4, 6\)",
        ),
        (
            lambda: DotProductAttention().prepare(normal(B, S, U), np.ones((B, S, 1), bool)),
            r"got \(4, 5, 1\)",
        ),
        (
            lambda: DotProductAttention()(normal(B, U), memory, values_mask=np.ones((B, S))),
            "give the mask to `prepare`",
        ),
        (lambda: DotProductAttention()(normal(U), memory), r"or \(B, T, U\); got \(4,\)"),
        (lambda: DotProductAttention().prepare(keras.Input((5, 4))), "functional model"),
        (lambda: _two_widths(BahdanauAttention(3)), "width 4; got 6"),
    ]:
        with pytest.raises(ValueError, match=words):
            call()


def _two_widths(layer):
    layer.prepare(normal(B, S, U))
    layer.prepare(normal(B, S, D))
