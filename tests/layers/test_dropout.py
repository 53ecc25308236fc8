"""Dropout of the recurrent layers: the masks of Keras, drawn once a sequence, in training alone."""

import keras
import numpy as np
import pytest
from contract import U, sequences

from .against import assert_equal, evaluate, main_case, pair


@main_case
@pytest.mark.parametrize(
    "rates",
    [
        {"dropout": 0.4},
        {"recurrent_dropout": 0.3},
        {"dropout": 0.5, "recurrent_dropout": 0.25},
    ],
    ids=str,
)
def test_same_seed_gives_the_values_of_keras(case, rates):
    ours, theirs = pair(case, **rates, seed=13, return_sequences=True, return_state=True)
    x, states, mask = sequences(), case.states(), np.array([[1, 1, 0, 1, 1]] * 3) > 0
    for _ in range(2):  # the second call draws anew
        found = evaluate(ours, x, states, mask=mask, training=True)
        assert_equal(found, evaluate(theirs, x, states, mask=mask, training=True))
    still = evaluate(ours, x, states, mask=mask)[0]
    assert np.abs(still[0] - found[0][0]).max() > 0.01


@main_case
def test_inference_drops_nothing(case):
    with_dropout, _ = pair(case, dropout=0.5, recurrent_dropout=0.5, seed=1)
    without, _ = pair(case)
    x = sequences()
    np.testing.assert_allclose(with_dropout(x, training=False), without(x), atol=1e-6)
    np.testing.assert_allclose(with_dropout(x), without(x), atol=1e-6)


@main_case
def test_one_mask_for_all_steps(case):
    """The input's mask is drawn from the seed once and is the same at every step."""
    layer, _ = pair(case, dropout=0.5, seed=5, return_sequences=True)
    x = sequences()
    seeds = keras.random.SeedGenerator(5)
    mask = keras.random.dropout(np.ones((3, 4), "float32"), 0.5, seed=seeds)
    plain, _ = pair(case, return_sequences=True)
    np.testing.assert_allclose(
        layer(x, training=True), plain(x * mask[:, None]), rtol=1e-5, atol=1e-6
    )


@main_case
@pytest.mark.parametrize("option", ["dropout", "recurrent_dropout"])
@pytest.mark.parametrize("rate", [-0.1, 1.0, 1.5])
def test_rate_outside_its_range_is_refused(case, option, rate):
    with pytest.raises(ValueError, match=rf"{option} must be in \[0, 1\)"):
        case.layer(U, **{option: rate})


@main_case
def test_seeds_matter(case):
    x = sequences()
    values = []
    for seed in (1, 1, 2):
        layer, _ = pair(case, dropout=0.5, recurrent_dropout=0.2, seed=seed)
        values.append(keras.ops.convert_to_numpy(layer(x, training=True)))
    np.testing.assert_array_equal(values[0], values[1])
    assert np.abs(values[0] - values[2]).max() > 0.01
