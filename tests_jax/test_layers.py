"""Values and gradients on JAX: those of the oracle, and those of keras.layers."""

import jax
import keras
import numpy as np
import pytest
from contract import MASKS, F, U, sequences
from oracle.gradients import central_differences
from oracle.loop import run

from keras_seq import layers

from .against import (
    assert_equal,
    compiled,
    every_case,
    main_case,
    mixture,
    of_the_oracle,
    pair,
    with_weights,
)

OPTIONS = [
    {},
    {"return_sequences": True, "go_backwards": True},
    {"return_sequences": True, "zero_output_for_mask": True},
    {"go_backwards": True, "zero_output_for_mask": True},
    {"return_sequences": True, "unroll": True},
]
# Each row begins with a real step.
MASK = np.array([[1, 1, 0, 1, 1], [1, 0, 0, 0, 1], [1, 1, 1, 0, 0]], bool)


def zeros(case):
    return [np.zeros_like(state) for state in case.states()]


@every_case
def test_one_step_of_a_cell_equals_the_oracle(case):
    x, *states = (v.astype("float32") for v in (sequences()[:, 0], *case.states()))
    cell = case.cell(U, **case.options)
    cell.build((None, F))
    cell.set_weights(case.weights())
    expected = case.oracle_step(case.weights())(x, states)
    for call in (cell, jax.jit(cell)):
        output, new = call(x, states)
        for found, state in zip(new, expected, strict=True):
            np.testing.assert_allclose(found, state, rtol=1e-5, atol=1e-6)
        np.testing.assert_array_equal(output, new[0])


@every_case
def test_every_case_equals_the_oracle(case):
    layer = pair(case, return_sequences=True, return_state=True)[0]
    evaluate, states = compiled(layer), case.states()
    for name, mask in MASKS.items():
        expected = of_the_oracle(case, states, mask, return_sequences=True)
        assert_equal(evaluate(sequences(), states, mask=mask), expected, name)


@main_case
@pytest.mark.parametrize("options", OPTIONS, ids=lambda o: "-".join(o) or "none")
def test_every_option_equals_the_oracle_and_keras(case, options):
    """Before the first real step Keras puts out zeros on TensorFlow, the initial state on JAX.

    This library puts out zeros on both. With Keras it is therefore compared from zero states
    and without their gradients; from other states where each row begins with a real step.
    """
    ours, theirs = (compiled(layer) for layer in pair(case, return_state=True, **options))
    x, states = sequences(), case.states()
    first = -1 if "go_backwards" in options else 0
    for name, mask in MASKS.items():
        found = ours(x, states, mask=mask)
        assert_equal(found, of_the_oracle(case, states, mask, **options), name)
        if mask is None or mask[:, first].all():
            assert_equal(found, theirs(x, states, mask=mask), name)
        else:
            both = [f(x, zeros(case), mask=mask) for f in (ours, theirs)]
            assert_equal(*((values, grads[: -len(states)]) for values, grads in both), name)


@main_case
def test_recurrent_equals_keras_rnn_around_the_same_cell(case):
    options = {"return_sequences": True, "return_state": True, "go_backwards": True}
    loops = layers.Recurrent, keras.layers.RNN
    made = (loop(case.cell(U, **case.options), **options) for loop in loops)
    ours, theirs = (compiled(with_weights(layer, case.weights())) for layer in made)
    for name, mask in MASKS.items():
        assert_equal(ours(sequences(), mask=mask), theirs(sequences(), mask=mask), name)


@main_case
@pytest.mark.parametrize(
    "rates", [{"dropout": 0.4}, {"dropout": 0.5, "recurrent_dropout": 0.25}], ids=str
)
def test_dropout_of_the_same_seed_is_that_of_keras(case, rates):
    options = {**rates, "seed": 13, "return_sequences": True, "return_state": True}
    ours, theirs = (compiled(layer) for layer in pair(case, **options))
    x, states, found = sequences(), case.states(), []
    for _ in range(2):  # the second call draws anew
        found.append(ours(x, states, mask=MASK, training=True))
        assert_equal(found[-1], theirs(x, states, mask=MASK, training=True))
    found.append(ours(x, states, mask=MASK))
    assert_equal(found[-1], of_the_oracle(case, states, MASK, return_sequences=True))
    for one, other in ((0, 1), (0, 2)):
        assert np.abs(found[one][0][0] - found[other][0][0]).max() > 0.01


@main_case
def test_stateful_equals_the_oracle_over_batches(case):
    """Called as it is: compiled, Keras on JAX forgets the states of any recurrent layer."""
    layer, _ = pair(case, stateful=True, return_sequences=True)
    step = case.oracle_step(case.weights())
    for name, mask in MASKS.items():
        states = zeros(case)
        for seed in (1, 2):
            x = sequences(seed)
            expected, _, states = run(step, x, states, mask)
            np.testing.assert_allclose(layer(x, mask=mask), expected, atol=1e-5, err_msg=name)
            np.testing.assert_allclose([v.value for v in layer.states], states, atol=1e-5)
        layer.reset_state()
        assert not np.any([v.value for v in layer.states])


@main_case
def test_one_time_step_and_none(case):
    layer, namesake = pair(case, return_sequences=True, return_state=True)
    ours, theirs = compiled(layer), compiled(namesake)
    x, mask = sequences()[:, :1], np.array([[True], [False], [True]])
    assert_equal(ours(x, case.states()), theirs(x, case.states()))
    assert_equal(ours(x, mask=mask), theirs(x, mask=mask))
    for refuses in (layer, case.layer(U, unroll=True)):
        with pytest.raises(ValueError, match="at least one time step"):
            refuses(np.zeros((2, 0, F), "float32"))


@main_case
@pytest.mark.parametrize("stateful", [False, True])
def test_half_precision_keeps_its_type_through_the_loop(case, stateful):
    """JAX refuses a loop whose states change their type."""
    options = {"return_sequences": True, "stateful": stateful}
    half, full = (pair(case, dtype=d, **options)[0] for d in ("mixed_bfloat16", "float32"))
    for _ in range(2):
        found, expected = (layer(sequences(), mask=MASK) for layer in (half, full))
        assert found.dtype == "bfloat16"
        np.testing.assert_allclose(found.astype("float32"), expected, atol=0.05)


@main_case
def test_other_lowerings_give_the_same_values(case):
    layer, _ = pair(case, return_sequences=True)
    expected = layer(sequences(), mask=MASK)
    for name in ("export", "unroll"):
        with layers.lowering(name):
            np.testing.assert_allclose(layer(sequences(), mask=MASK), expected, atol=1e-6)


@main_case
@pytest.mark.parametrize("merge_mode", ["concat", "mul"])
def test_bidirectional_equals_keras_and_the_oracle(case, merge_mode):
    weights, both = [case.weights(seed=seed) for seed in (1, 2)], []
    for wrapper, kind in (
        (layers.Bidirectional, case.layer),
        (keras.layers.Bidirectional, case.keras_layer),
    ):
        layer = wrapper(kind(U, return_sequences=True, **case.options), merge_mode=merge_mode)
        both.append(compiled(with_weights(layer, [*weights[0], *weights[1]])))
    there, back = (case.oracle_step(w) for w in weights)
    for name, mask in MASKS.items():
        found, expected = (evaluate(sequences(), mask=mask) for evaluate in both)
        assert_equal(found, expected, name)
        call = sequences(), zeros(case), mask
        ways = run(there, *call, False, True)[0], run(back, *call, True, True)[0][:, ::-1]
        merged = ways[0] * ways[1] if merge_mode == "mul" else np.concatenate(ways, axis=-1)
        np.testing.assert_allclose(found[0][0], merged, atol=1e-5, err_msg=name)


@pytest.mark.parametrize(
    ("kind", "pool"),
    [(layers.GlobalMaxPooling1D, np.max), (layers.GlobalAveragePooling1D, np.mean)],
    ids=["max", "mean"],
)
def test_pooling_equals_numpy(kind, pool):
    x = -np.abs(sequences()) - 0.1  # below the zeros of any padding
    evaluate = compiled(with_weights(kind(), []))
    for name, mask in MASKS.items():
        real = np.ones(x.shape[:2], bool) if mask is None else mask

        def pooled(values, real=real):
            rows = zip(values[0], real, strict=True)
            return [np.stack([pool(v[r], axis=0) if r.any() else np.zeros(F) for v, r in rows])]

        expected = pooled([x]), central_differences(lambda v, f=pooled: mixture(f(v)), [x.copy()])
        assert_equal(evaluate(x, mask=mask), expected, name)
        if mask is not None:
            dirty = np.where(mask[..., None], x, np.nan)
            assert_equal(evaluate(dirty, mask=mask), expected, name)


def test_time_distributed_equals_numpy_and_keeps_the_mask():
    kernel, bias = np.random.default_rng(1).normal(size=(F, 2)), np.array([0.5, -1.0])
    layer = with_weights(layers.TimeDistributed(keras.layers.Dense(2)), [kernel, bias])
    theirs = with_weights(keras.layers.TimeDistributed(keras.layers.Dense(2)), [kernel, bias])
    found = compiled(layer)(sequences())
    assert_equal(found, compiled(theirs)(sequences()))
    np.testing.assert_allclose(found[0][0], sequences() @ kernel + bias, atol=1e-5)
    np.testing.assert_array_equal(layer.compute_mask(sequences(), MASK), MASK)


def test_word_dropout_draws_among_real_words():
    ids = np.random.default_rng(3).integers(2, 50, size=(40, 250))
    ids[:, 200:] = 0
    layer, same = (layers.WordDropout(0.3, seed=5) for _ in range(2))
    first, second = (np.asarray(layer(ids, training=True)) for _ in range(2))
    np.testing.assert_array_equal(first, same(ids, training=True))
    assert np.any(first != second)
    changed = first != ids
    assert np.all(first[changed] == 1)
    assert not np.any(changed[:, 200:])
    # 8000 words: five standard deviations around the rate.
    assert abs(changed[:, :200].mean() - 0.3) < 5 * np.sqrt(0.3 * 0.7 / 8000)
    np.testing.assert_array_equal(layer(ids), ids)
