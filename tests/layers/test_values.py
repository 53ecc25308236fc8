"""Values and gradients of the drop-in layers: those of keras.layers, and those of the oracle."""

import keras
import numpy as np
import pytest
from contract import T, U, sequences
from oracle import bptt
from oracle.loop import run

from keras_seq.layers import GRU, LSTM

from .against import (
    assert_equal,
    evaluate,
    every_case,
    every_mask,
    main_case,
    mixture_weights,
    pair,
)

DIRECTION = pytest.mark.parametrize("go_backwards", [False, True])
SEQUENCES = pytest.mark.parametrize("return_sequences", [False, True])


@main_case
@every_mask
@SEQUENCES
@DIRECTION
def test_equals_keras(case, mask, return_sequences, go_backwards):
    ours, theirs = pair(
        case, return_sequences=return_sequences, return_state=True, go_backwards=go_backwards
    )
    x, states = sequences(), case.states()
    assert_equal(evaluate(ours, x, states, mask=mask), evaluate(theirs, x, states, mask=mask))


@main_case
@every_mask
@SEQUENCES
@DIRECTION
def test_zero_output_for_mask_equals_keras(case, mask, return_sequences, go_backwards):
    ours, theirs = pair(
        case,
        return_sequences=return_sequences,
        zero_output_for_mask=True,
        return_state=True,
        go_backwards=go_backwards,
    )
    x, states = sequences(), case.states()
    assert_equal(evaluate(ours, x, states, mask=mask), evaluate(theirs, x, states, mask=mask))


@main_case
@every_mask
@SEQUENCES
def test_unrolled_equals_keras(case, mask, return_sequences):
    ours, theirs = pair(case, return_sequences=return_sequences, unroll=True, go_backwards=True)
    x, states = sequences(), case.states()
    assert_equal(evaluate(ours, x, states, mask=mask), evaluate(theirs, x, states, mask=mask))


@every_case
@every_mask
def test_every_option_equals_keras_and_the_oracle(case, mask):
    ours, theirs = pair(case, return_sequences=True, return_state=True)
    x, states = sequences(), case.states()
    found = evaluate(ours, x, states, mask=mask)
    assert_equal(found, evaluate(theirs, x, states, mask=mask))
    outputs, _, final = run(case.oracle_step(case.weights()), x, states, mask)
    for a, b in zip(found[0], [outputs, *final], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5)


@every_case
@every_mask
@DIRECTION
@pytest.mark.parametrize("zero_output", [False, True])
def test_float64_equals_the_oracle_closely(case, mask, go_backwards, zero_output):
    layer = case.layer(
        U,
        **case.options,
        return_sequences=True,
        return_state=True,
        go_backwards=go_backwards,
        zero_output_for_mask=zero_output,
        dtype="float64",
    )
    x, states, weights = sequences(), case.states(), case.weights()
    layer.build(x.shape)
    layer.set_weights(weights)
    found = layer(x, initial_state=states, mask=mask)
    outputs, last, final = run(
        case.oracle_step(weights), x, states, mask, go_backwards, zero_output
    )
    for a, b in zip(found, [outputs, *final], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12)
    layer.return_sequences = False
    np.testing.assert_allclose(
        layer(x, initial_state=states, mask=mask)[0], last, rtol=1e-12, atol=1e-12
    )


@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 1e-5), ("float64", 1e-11)])
@pytest.mark.parametrize(
    "mask",
    [np.ones((3, T), bool), np.array([[1, 0, 1, 1, 0], [1, 1, 0, 0, 0], [1, 0, 0, 0, 1]]) > 0],
)
@pytest.mark.parametrize(("kind", "cell"), [(LSTM, bptt.LSTM), (GRU, bptt.GRU)])
def test_gradients_equal_back_propagation_by_hand(kind, cell, mask, dtype, tolerance):
    random, x = np.random.default_rng(3), sequences()
    layer = kind(U, return_sequences=True, return_state=True, dtype=dtype)
    layer.build(x.shape)
    weights = [random.normal(scale=0.6, size=w.shape) for w in layer.weights]
    layer.set_weights(weights)
    states = [random.normal(size=(3, U)) for _ in layer.state_size]
    _, found = evaluate(layer, x, states, mask=mask)
    by_output, *by_state = mixture_weights([(3, T, U), *(s.shape for s in states)])
    _, expected = bptt.back_propagate(cell, weights, x, states, by_output, by_state, mask)
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance)


@main_case
def test_one_time_step(case):
    ours, theirs = pair(case, return_sequences=True, return_state=True)
    x, states = sequences()[:, :1], case.states()
    mask = np.array([[True], [False], [True]])
    for call in ({}, {"mask": mask}):
        assert_equal(evaluate(ours, x, states, **call), evaluate(theirs, x, states, **call))


@main_case
def test_mask_may_have_an_axis_for_features_and_be_of_integers(case):
    ours, _ = pair(case, return_sequences=True)
    x, mask = sequences(), np.array([[1, 1, 0, 1, 0]] * 3)
    expected = ours(x, mask=mask > 0)
    np.testing.assert_array_equal(ours(x, mask=mask), expected)
    np.testing.assert_array_equal(ours(x, mask=mask[:, :, None] > 0), expected)
    np.testing.assert_array_equal(ours(x, mask=[mask > 0]), expected)


# Half precision rounds at other places here: the input's product is taken once for all steps.
@pytest.mark.parametrize(
    ("policy", "tolerance"),
    [("mixed_bfloat16", 0.03), ("mixed_float16", 0.004), ("float16", 0.004)],
)
@main_case
def test_half_precision_is_near_keras(case, policy, tolerance):
    ours, theirs = pair(case, return_sequences=True, return_state=True, dtype=policy)
    x, mask = sequences(), np.array([[1, 1, 1, 1, 1], [0, 0, 1, 0, 1], [1, 1, 0, 0, 0]]) > 0
    found, expected = evaluate(ours, x, mask=mask), evaluate(theirs, x, mask=mask)
    assert {v.dtype.name for v in found[0]} == {keras.DTypePolicy(policy).compute_dtype}
    for a, b in zip(found[0], expected[0], strict=True):
        np.testing.assert_allclose(
            a.astype("float64"), b.astype("float64"), rtol=tolerance, atol=tolerance
        )
    for a, b in zip(found[1], expected[1], strict=True):
        a, b = a.astype("float64"), b.astype("float64")
        assert np.abs(a - b).max() <= 5 * tolerance * max(1, np.abs(b).max())


@main_case
def test_padding_of_any_value_changes_nothing(case):
    """What lies at a masked step reaches neither values nor gradients."""
    ours, _ = pair(case, return_state=True)
    x, mask = sequences(), np.array([[1, 1, 1, 1, 0], [1, 1, 0, 0, 0], [0, 1, 1, 0, 1]]) > 0
    found = evaluate(ours, np.where(mask[..., None], x, 77.0), mask=mask)
    assert_equal(found, evaluate(ours, np.where(mask[..., None], x, -5.0), mask=mask), 1e-7)
    assert not np.any(found[1][-1][~mask])
