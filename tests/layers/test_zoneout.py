"""Zoneout: what stays, what moves on, and how often."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from contract import CASES, RELATIVES, B, F, T, U, sequences
from oracle.loop import run

from keras_seq.layers import GRU, LSTM, MinGRU, lowering

MAIN = [case for case in [*CASES, *RELATIVES] if case.main]
X = sequences()
MASK = np.array([[1, 1, 1, 1, 1], [0, 1, 1, 0, 0], [1, 1, 1, 0, 1]], bool)


def layer_of(case, **options):
    layer = case.layer(U, **case.options, dtype="float64", return_sequences=True, **options)
    layer.build((B, T, F))
    layer.set_weights(case.weights())
    return layer


def rates_of(case):
    return np.linspace(0.2, 0.6, len(case.states())).tolist()


@pytest.mark.parametrize("case", MAIN, ids=lambda case: case.name)
@pytest.mark.parametrize("graph", [False, True])
def test_in_inference_a_state_is_the_mean_of_both(case, graph):
    """Of every cell: the oracle's step, mixed with the state before it."""
    rates, step = rates_of(case), case.oracle_step(case.weights())

    def mixed(x, states):
        new = step(x, states)
        return tuple(r * s + (1 - r) * n for r, s, n in zip(rates, states, new, strict=True))

    expected, *_ = run(mixed, X, case.states(), mask=MASK)
    layer = layer_of(case, zoneout=rates)
    call = tf.function(layer) if graph else layer
    found = np.array(call(X, initial_state=case.states(), mask=MASK))
    seen = np.cumsum(MASK, axis=1) > 0
    np.testing.assert_allclose(found[seen], np.array(expected)[seen], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("way", ["default", "plain"])
def test_in_training_each_unit_stays_or_moves_on(way):
    layer = GRU(64, zoneout=0.3, return_sequences=True, seed=3)
    x = np.random.default_rng(0).normal(size=(8, 50, F)).astype("float32")
    with lowering(way):
        h = np.array(tf.function(lambda: layer(x, training=True))())
    stayed = (h[:, 1:] == h[:, :-1]).mean()
    assert 0.28 < stayed < 0.32
    # What moves on is what the cell gives from the state as it was.
    before, after = h[:, 3], h[:, 4]
    new = np.array(layer.cell(x[:, 4], [before])[0])
    same = after == before
    np.testing.assert_allclose(after[~same], new[~same], atol=1e-5)
    assert 0 < same.mean() < 1


def test_each_state_has_its_rate():
    layer = LSTM(200, zoneout=[0.0, 0.5], return_state=True, seed=3)
    x = np.random.default_rng(0).normal(size=(4, 1, F)).astype("float32")
    _, h, c = layer(x, training=True)
    assert np.mean(np.array(h) == 0) == 0
    assert 0.4 < np.mean(np.array(c) == 0) < 0.6


@pytest.mark.parametrize("kind", [LSTM, MinGRU])
def test_every_way_through_time_draws_and_gives_the_same(kind):
    x = X.astype("float32")
    found = []
    for way in ("default", "plain", "unroll", "export"):
        layer = kind(U, zoneout=0.4, seed=5, return_sequences=True)
        layer.build((B, T, F))
        random = np.random.default_rng(1)
        layer.set_weights([random.normal(size=w.shape) for w in layer.get_weights()])
        with lowering(way):
            y = tf.function(lambda layer=layer: layer(x, mask=MASK, training=True))()
        found.append(np.array(y))
    for other in found[1:]:
        np.testing.assert_allclose(other, found[0], atol=1e-6)


def test_trains_and_is_part_of_the_configuration():
    layer = LSTM(U, zoneout=[0.1, 0.3], seed=2)
    assert LSTM.from_config(layer.get_config()).zoneout == [0.1, 0.3]
    assert "zoneout" not in LSTM(U).get_config()  # keras.layers.LSTM must understand it
    model = keras.Sequential([keras.Input((None, F)), layer, keras.layers.Dense(1)])
    model.compile(keras.optimizers.Adam(0.05), "mse")
    history = model.fit(X, np.ones((B, 1)), epochs=30, verbose=0).history["loss"]
    assert history[-1] < 0.7 * history[0]


@pytest.mark.parametrize("rate", [-0.1, 1.0, [0.1, 1.5]])
def test_a_rate_is_below_one(rate):
    with pytest.raises(ValueError, match="zoneout must be in"):
        LSTM(U, zoneout=rate)


def test_there_are_as_many_rates_as_states():
    with pytest.raises(ValueError, match=r"one for each state of lstm_cell \(h, c\); got \[0.1\]"):
        LSTM(U, zoneout=[0.1])


def test_dropout_of_no_recurrent_product_is_refused():
    with pytest.raises(ValueError, match="min_gru_cell has no recurrent product"):
        MinGRU(U, recurrent_dropout=0.1)
