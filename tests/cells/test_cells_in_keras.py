"""A cell is a Keras layer: it runs in `keras.layers.RNN`, has a configuration, and saves."""

import keras
import numpy as np
import pytest
from contract import CASES, MAIN_CASES, MASKS, RELATIVES, U, sequences
from oracle.loop import run

from keras_seq.cells import GRUCell, LSTMCell

ALL = [*CASES, *RELATIVES]
every_case = pytest.mark.parametrize("case", ALL, ids=lambda case: case.name)
main_case = pytest.mark.parametrize("case", [c for c in ALL if c.main], ids=lambda case: case.name)


@main_case
@pytest.mark.parametrize("mask", MASKS.values(), ids=MASKS)
def test_runs_in_keras_rnn(case, mask):
    x, states, weights = sequences(), case.states(), case.weights()
    layer = keras.layers.RNN(case.cell(U, **case.options), return_sequences=True, return_state=True)
    layer.build(x.shape)
    layer.set_weights(weights)
    found = layer(x, initial_state=states, mask=mask)
    outputs, _, final = run(case.oracle_step(weights), x, states, mask)
    for a, b in zip(found, [outputs, *final], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


def test_stacks_in_keras_rnn():
    """Cells upon one another, the way Keras does it."""
    x = sequences()
    stack = keras.layers.RNN([LSTMCell(U), GRUCell(2)], return_sequences=True)
    lower = keras.layers.RNN(LSTMCell(U), return_sequences=True)
    upper = keras.layers.RNN(GRUCell(2), return_sequences=True)
    expected = upper(lower(x))
    stack.build(x.shape)
    stack.set_weights([*lower.get_weights(), *upper.get_weights()])
    np.testing.assert_allclose(stack(x), expected, atol=1e-6)


@every_case
def test_configuration_makes_an_equal_cell(case):
    options = {
        **case.options,
        "kernel_initializer": keras.initializers.RandomUniform(-0.5, 0.25, seed=3),
        "bias_initializer": "ones",
        "recurrent_regularizer": keras.regularizers.L1L2(0.01, 0.02),
        "kernel_constraint": keras.constraints.MaxNorm(1.5),
        "name": "mine",
        "dtype": "float64",
    }
    config = case.cell(U, **options).get_config()
    again = case.cell.from_config(config)
    assert again.get_config() == config
    assert again.name == "mine"
    assert again.compute_dtype == "float64"
    assert again.recurrent_regularizer.l2 == pytest.approx(0.02)
    assert again.kernel_constraint.max_value == 1.5
    again.build((None, 4))
    first = case.cell.from_config(config)
    first.build((None, 4))
    np.testing.assert_array_equal(first.kernel, again.kernel)
    assert -0.5 <= np.min(again.kernel) < np.max(again.kernel) <= 0.25
    for name, value in case.options.items():
        got = config[name]
        assert value in (got, getattr(again, name)), name


def test_every_option_of_the_keras_cell_but_its_dropout_is_taken_and_told():
    """Dropout belongs to the layer here; `implementation` chooses between equal values."""
    for ours in (case.cell for case in MAIN_CASES):
        theirs = getattr(keras.layers, ours.__name__)(U).get_config()
        left_out = {"dropout", "recurrent_dropout", "seed", "implementation"}
        config = ours(U).get_config()
        assert set(theirs) - left_out <= set(config)
        for name in ("activation", "use_bias", "units", "bias_initializer"):
            assert config[name] == theirs[name]


def test_saved_models_give_equal_values_in_a_fresh_process(predict_in_fresh_process):
    x = sequences().astype("float32")
    models = {}
    for case in ALL:
        rnn = keras.layers.RNN(case.cell(U, **case.options), return_sequences=True)
        models[case.name] = keras.Sequential([keras.Input(x.shape[1:]), rnn])
        models[case.name].set_weights(case.weights())
    found = predict_in_fresh_process(models, dict.fromkeys(models, x))
    for name, model in models.items():
        np.testing.assert_allclose(found[name], model(x), atol=1e-6, err_msg=name)
