"""The values of each cell against the oracle, and the weights they come from."""

from itertools import combinations

import keras
import numpy as np
import pytest
import tensorflow as tf
from contract import CASES, RELATIVES, U, sequences
from oracle.gradients import central_differences

from keras_seq.cells import LSTMCell

ALL = [*CASES, *RELATIVES]
every_case = pytest.mark.parametrize("case", ALL, ids=lambda case: case.name)
main_case = pytest.mark.parametrize("case", [c for c in ALL if c.main], ids=lambda case: case.name)
drop_in_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)


def built(case, weights, **options):
    cell = case.cell(U, **case.options, **options)
    cell.build((None, weights[0].shape[0]))
    cell.set_weights(weights)
    return cell


def values(cell, x, states):
    """All new states of one step, and that the output is the first of them."""
    as_given = [keras.ops.convert_to_tensor(v, cell.compute_dtype) for v in (x, *states)]
    output, new = cell(as_given[0], as_given[1:])
    new = [keras.ops.convert_to_numpy(v) for v in new]
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(output), new[0])
    return new


@every_case
@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 1e-6), ("float64", 1e-12)])
def test_one_step_equals_the_oracle(case, dtype, tolerance):
    x, states, weights = sequences()[:, 0], case.states(), case.weights()
    expected = case.oracle_step(weights)(x, states)
    found = values(built(case, weights, dtype=dtype), x, states)
    assert found[0].dtype == dtype
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=10 * tolerance, atol=tolerance)


@main_case
def test_no_two_gates_can_be_exchanged(case):
    """Weights with two gates permuted must give other values: the comparison has teeth."""
    x, states, weights = sequences()[:, 0], case.states(), case.weights()
    expected = case.oracle_step(weights)(x, states)
    for one, other in combinations(range(case.gates), 2):
        order = list(range(case.gates))
        order[one], order[other] = other, one
        permuted = [
            np.concatenate([np.split(w, case.gates, axis=-1)[gate] for gate in order], axis=-1)
            if w.shape[-1] == case.gates * U
            else w
            for w in weights
        ]
        found = values(built(case, permuted), x, states)
        difference = max(np.abs(a - b).max() for a, b in zip(found, expected, strict=True))
        assert difference > 0.01, (one, other)


@main_case
def test_every_number_of_every_weight_has_its_place(case):
    """Weights turned around, one at a time and along each axis, must give other values."""
    x, states, weights = sequences()[:, 0], case.states(), case.weights()
    expected = np.concatenate(case.oracle_step(weights)(x, states), axis=-1)
    for place, weight in enumerate(weights):
        for axis in range(weight.ndim):
            turned = [*weights[:place], np.flip(weight, axis), *weights[place + 1 :]]
            found = np.concatenate(values(built(case, turned), x, states), axis=-1)
            assert np.abs(found - expected).max() > 0.01, (place, axis)


@main_case
def test_gradient_equals_central_differences_of_the_oracle(case):
    x, states, weights = sequences()[:, 0], case.states(), case.weights()
    by_state = np.random.default_rng(2).normal(size=np.concatenate(states, axis=-1).shape)

    def loss(variables):
        new = case.oracle_step(variables[: len(weights)])(variables[-1], states)
        return np.sum(np.concatenate(new, axis=-1) * by_state)

    expected = central_differences(loss, [*(w.copy() for w in weights), x.copy()])
    cell = built(case, weights, dtype="float64")
    x = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(x)
        new = tf.concat(cell(x, [tf.constant(s) for s in states])[1], axis=-1)
        total = tf.reduce_sum(new * by_state)
    found = tape.gradient(total, [*(w.value for w in cell.trainable_weights), x])
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-8)


@drop_in_case
def test_weights_are_those_of_keras(case):
    cell = case.cell(U, **case.options)
    cell.build((None, 4))
    layer = case.keras_layer(U, **case.options)
    layer.build((None, None, 4))
    assert [(w.name, w.shape, w.dtype) for w in cell.weights] == [
        (w.name, w.shape, w.dtype) for w in layer.weights
    ]


@every_case
def test_initial_states_are_zeros(case):
    cell = case.cell(U, **case.options)
    initial = cell.get_initial_state(2)
    for state, like in zip(initial, case.states(), strict=True):
        assert tuple(state.shape) == (2, like.shape[-1])
        assert not np.any(state)
    assert keras.tree.flatten(cell.state_size) == [state.shape[-1] for state in initial]
    assert cell.output_size == initial[0].shape[-1]


def test_forget_gate_starts_open_if_so_wished():
    lstm = next(case for case in CASES if case.name == "lstm")
    for wished, forget in ((True, 1.0), (False, 0.0)):
        cell = lstm.cell(U, unit_forget_bias=wished)
        cell.build((None, 4))
        expected = np.repeat([0.0, forget, 0.0, 0.0], U)
        np.testing.assert_array_equal(cell.bias, expected)
    cell = lstm.cell(U, bias_initializer=keras.initializers.Constant(0.3))
    cell.build((None, 4))
    np.testing.assert_allclose(cell.bias, np.repeat([0.3, 1.0, 0.3, 0.3], U))


@main_case
@pytest.mark.parametrize("units", [0, -2, 1.5, "3", None, True])
def test_units_must_be_a_positive_integer(case, units):
    with pytest.raises(ValueError, match="units must be a positive integer"):
        case.cell(units)


def test_units_may_be_an_integer_of_numpy():
    """As in keras.layers: what a shape or a search over sizes gives."""
    assert LSTMCell(np.int64(U)).units == U
