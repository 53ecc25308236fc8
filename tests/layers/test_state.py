"""States given, returned and kept between batches."""

import keras
import numpy as np
import pytest
from contract import U, sequences

from .against import every_mask, main_case, pair


def numbers(values):
    return [keras.ops.convert_to_numpy(v) for v in values]


@main_case
@every_mask
def test_stateful_equals_keras_over_batches(case, mask):
    ours, theirs = pair(case, stateful=True, return_sequences=True)
    first = None
    for seed in (1, 2, 3):
        x = sequences(seed)
        found = ours(x, mask=mask)
        np.testing.assert_allclose(found, theirs(x, mask=mask), atol=1e-5)
        for a, b in zip(ours.states, theirs.states, strict=True):
            np.testing.assert_allclose(a, b, atol=1e-5)
        first = found if first is None else first
    ours.reset_state()
    assert all(not np.any(s) for s in numbers(ours.states))
    np.testing.assert_array_equal(ours(sequences(1), mask=mask), first)


@main_case
def test_stateful_batches_are_one_long_sequence(case):
    """Read in pieces or as a whole: the same."""
    stateful, _ = pair(case, stateful=True, return_sequences=True)
    whole, _ = pair(case, return_sequences=True)
    x = sequences()
    pieces = [stateful(x[:, :2]), stateful(x[:, 2:3]), stateful(x[:, 3:])]
    np.testing.assert_allclose(np.concatenate(pieces, axis=1), whole(x), atol=1e-6)


@main_case
def test_stateful_refuses_another_batch_size(case):
    layer, _ = pair(case, stateful=True)
    layer(sequences())
    with pytest.raises(ValueError, match="batch size"):
        layer(sequences()[:2])
    with pytest.raises(ValueError, match="batch size must be static"):
        case.layer(U, stateful=True)(keras.Input((5, 4)))


@main_case
def test_returned_states_go_on_from_there(case):
    layer, _ = pair(case, return_sequences=True, return_state=True)
    x = sequences()
    whole, *end = numbers(layer(x))
    head, *states = numbers(layer(x[:, :3]))
    tail, *states = numbers(layer(x[:, 3:], initial_state=states))
    np.testing.assert_allclose(np.concatenate([head, tail], axis=1), whole, atol=1e-6)
    np.testing.assert_allclose(states, end, atol=1e-6)
    np.testing.assert_array_equal(end[0], whole[:, -1])


@main_case
def test_zero_states_are_the_default(case):
    layer, _ = pair(case, return_sequences=True)
    x, zeros = sequences(), [np.zeros((3, U)) for _ in case.cell.states]
    np.testing.assert_array_equal(layer(x), layer(x, initial_state=zeros))


@main_case
def test_initial_state_of_a_functional_model(case):
    x, states = sequences(), case.states()
    inputs = keras.Input((5, 4))
    given = [keras.Input((U,)) for _ in states]
    ours, theirs = pair(case)
    models = [
        keras.Model([inputs, *given], layer(inputs, initial_state=given))
        for layer in (ours, theirs)
    ]
    found, expected = (m([x, *states]) for m in models)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert np.abs(found - ours(x)).max() > 0.01
