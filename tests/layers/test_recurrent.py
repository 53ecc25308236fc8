"""`Recurrent` runs the cell of every case, and no foreign one."""

import keras
import numpy as np
import pytest
from contract import CASES, F, U, sequences

from keras_seq.cells import GRUCell, LSTMCell
from keras_seq.layers import Recurrent

from .against import every_case, every_mask, main_case

OPTIONS = {"return_sequences": True, "return_state": True, "go_backwards": True}


def around(case, loop, **options):
    layer = loop(case.cell(U, **case.options), **options)
    layer.build((None, None, F))
    layer.set_weights(case.weights())
    return layer


@every_case
@every_mask
@pytest.mark.parametrize("options", [{}, OPTIONS, {**OPTIONS, "zero_output_for_mask": True}])
def test_equals_keras_rnn_around_the_same_cell(case, mask, options):
    x, states = sequences(), case.states()
    found, expected = (
        keras.tree.flatten(around(case, loop, **options)(x, initial_state=states, mask=mask))
        for loop in (Recurrent, keras.layers.RNN)
    )
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)


@main_case
def test_equals_the_drop_in_layer(case):
    """The layer of a name is `Recurrent` around the cell of that name, dropout included."""
    rates = {"dropout": 0.3, "recurrent_dropout": 0.2, "seed": 4}
    named = case.layer(U, **case.options, **rates)
    named.build((None, None, F))
    named.set_weights(case.weights())
    x = sequences()
    np.testing.assert_allclose(
        around(case, Recurrent, **rates)(x, training=True), named(x, training=True), atol=1e-6
    )


@pytest.mark.parametrize(
    "cell", [keras.layers.LSTMCell(U), [LSTMCell(U), GRUCell(U)], None, "lstm"]
)
def test_foreign_cells_are_refused(cell):
    with pytest.raises(TypeError, match="runs keras_seq cells"):
        Recurrent(cell)


@main_case
def test_configuration_makes_an_equal_layer(case):
    layer = Recurrent(case.cell(U, **case.options), **OPTIONS, dropout=0.2, seed=6, name="mine")
    config = layer.get_config()
    again = Recurrent.from_config(layer.get_config())
    assert again.get_config() == config
    assert (again.dropout, again.seed, again.name) == (0.2, 6, "mine")
    assert type(again.cell) is case.cell


def test_a_cell_may_have_a_type_of_its_own():
    """A half precision cell in a float32 layer, as `keras.layers.RNN` allows."""
    x, cell = sequences().astype("float32"), LSTMCell(U, dtype="mixed_bfloat16")
    expected = keras.layers.RNN(cell)(x)
    np.testing.assert_allclose(Recurrent(cell)(x), expected, atol=0.02)


def test_saved_models_give_equal_values_in_a_fresh_process(predict_in_fresh_process):
    x = sequences().astype("float32")
    models = {
        case.name: keras.Sequential([keras.Input((None, F)), around(case, Recurrent)])
        for case in CASES
        if case.main
    }
    found = predict_in_fresh_process(models, dict.fromkeys(models, x))
    for name, model in models.items():
        np.testing.assert_allclose(found[name], model(x), atol=1e-6, err_msg=name)
