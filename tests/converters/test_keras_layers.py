"""Between `keras.layers` and ours: every option kept, and the values of `keras.layers` itself."""

import keras
import numpy as np
import pytest
from contract import CASES, MASKS, RELATIVES, F, U, sequences

from converters.given import OwnCell, OwnLSTM, assert_equal, built, randomised
from keras_seq import cells, layers
from keras_seq.converters import from_keras, to_keras

X = sequences()
OPTIONS = {
    "go_backwards": {"go_backwards": True},
    "unroll": {"unroll": True},
    "return_state": {"return_state": True},
    "return_sequences": {"return_sequences": True},
    "dropout": {"dropout": 0.2, "recurrent_dropout": 0.3, "seed": 4},
    "not_trainable": {"trainable": False},
    "mixed": {"dtype": "mixed_float16"},
    "zeros": {"zero_output_for_mask": True, "return_sequences": True},
    "initializers": {"kernel_initializer": "he_normal", "bias_initializer": "ones"},
    "penalties": {
        "kernel_regularizer": "l2",
        "recurrent_regularizer": "l1",
        "bias_regularizer": "l2",
        "activity_regularizer": "l1",
    },
    "constraints": {
        "kernel_constraint": "max_norm",
        "recurrent_constraint": "unit_norm",
        "bias_constraint": "non_neg",
    },
}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_values_and_states(case):
    options = {**case.options, "return_sequences": True, "return_state": True, "dtype": "float64"}
    theirs = built(case.keras_layer(U, name="mine", **options))
    ours = from_keras(theirs)
    back = to_keras(ours)
    assert (type(ours), type(back)) == (case.layer, case.keras_layer)
    for layer in (ours, back):
        assert layer.name == "mine"
        for a, b in zip(layer.get_weights(), theirs.get_weights(), strict=True):
            np.testing.assert_array_equal(a, b)
        for mask in (MASKS["none"], MASKS["scattered"]):
            assert_equal(layer, theirs, X, initial_state=case.states(), mask=mask)


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
@pytest.mark.parametrize("name", ["SimpleRNN", "LSTM", "GRU"])
def test_every_option_is_kept(name, options):
    theirs = getattr(keras.layers, name)(U, **options)
    ours = from_keras(theirs)
    back = to_keras(ours)
    config, own = theirs.get_config(), ours.get_config()
    assert back.get_config() == config
    assert {key: own[key] for key in config} == config
    assert not ours.built
    assert not back.built
    assert ours.cell.trainable == back.cell.trainable == options.get("trainable", True)
    if name != "SimpleRNN":
        theirs.use_cudnn = False
        assert from_keras(theirs).use_cudnn is to_keras(from_keras(theirs)).use_cudnn is False
        assert from_keras(from_keras(theirs)).use_cudnn is False


def test_functions_need_no_registered_name():
    def sharp(x):
        return keras.ops.tanh(2 * x)

    def penalty(w):
        return keras.ops.sum(w**4)

    options = {"activation": sharp, "kernel_regularizer": penalty, "activity_regularizer": penalty}
    theirs = built(keras.layers.LSTM(U, dtype="float64", **options))
    ours = from_keras(theirs)
    for layer in (ours, from_keras(ours), to_keras(ours)):
        assert_equal(layer, theirs, X)
        np.testing.assert_allclose(layer.losses, theirs.losses)
    ours = built(layers.PeepholeLSTM(U, dtype="float64", **options))
    theirs = to_keras(ours, allow_cells=True)
    assert_equal(theirs, ours, X)
    np.testing.assert_allclose(theirs.losses, ours.losses)

    inputs = keras.Input((None, F))
    model = keras.layers.Dense(2, sharp)(keras.layers.GRU(U, recurrent_activation=sharp)(inputs))
    model = randomised(keras.Model(inputs, model))
    assert_equal(from_keras(model), model, X.astype("float32"), atol=1e-6)


@pytest.mark.parametrize("name", ["go_backwards", "unroll", "zeros", "return_state"])
def test_options_have_their_values(name):
    theirs = built(keras.layers.GRU(U, dtype="float64", **OPTIONS[name]))
    assert_equal(from_keras(theirs), theirs, X, mask=MASKS["right"])
    assert_equal(to_keras(from_keras(theirs)), theirs, X, mask=MASKS["right"])


@pytest.mark.parametrize("wrapped", [False, True], ids=["alone", "bidirectional"])
@pytest.mark.parametrize("convert", [from_keras, to_keras], ids=["from", "to"])
def test_a_stateful_layer_goes_on_where_it_was(convert, wrapped):
    library = keras.layers if convert is from_keras else layers
    old = library.LSTM(U, stateful=True, dtype="float64")
    old = library.Bidirectional(old, dtype="float64") if wrapped else old
    randomised(built(old))
    old(X)
    assert_equal(convert(old), old, X)


@pytest.mark.parametrize("mode", ["concat", "sum", "mul", "ave", None])
def test_bidirectional(mode):
    theirs = keras.layers.Bidirectional(
        keras.layers.LSTM(U, return_sequences=True, return_state=True, dtype="float64"),
        merge_mode=mode,
        backward_layer=keras.layers.LSTM(
            U,
            activation="relu",
            use_bias=False,
            go_backwards=True,
            return_sequences=True,
            return_state=True,
            dtype="float64",
        ),
        dtype="float64",
        name="both",
    )
    theirs.forward_layer.use_cudnn = theirs.backward_layer.use_cudnn = False
    built(theirs)
    ours = from_keras(theirs)
    assert type(ours) is layers.Bidirectional
    assert type(ours.forward_layer) is type(ours.backward_layer) is layers.LSTM
    back = to_keras(ours)
    assert type(back) is keras.layers.Bidirectional
    assert type(back.forward_layer) is type(back.backward_layer) is keras.layers.LSTM
    assert back.get_config() == theirs.get_config()
    for layer in (ours, back):
        assert layer.forward_layer.use_cudnn is layer.backward_layer.use_cudnn is False
        for mask in MASKS.values():
            assert_equal(layer, theirs, X, mask=mask)


def test_bidirectional_over_two_classes_and_two_libraries():
    theirs = keras.layers.Bidirectional(
        keras.layers.GRU(U, return_sequences=True, dtype="float64"),
        backward_layer=layers.LSTM(
            2, go_backwards=True, return_sequences=True, dtype="float64", trainable=False
        ),
        dtype="float64",
    )
    built(theirs)
    for converted, library in ((from_keras(theirs), layers), (to_keras(theirs), keras.layers)):
        assert type(converted) is library.Bidirectional
        assert type(converted.forward_layer) is library.GRU
        assert type(converted.backward_layer) is library.LSTM
        assert len(converted.trainable_variables) == 3
        assert_equal(converted, theirs, X, mask=MASKS["left"])
    # The wrapper is ours, the layer in it theirs.
    mixed = built(layers.Bidirectional(keras.layers.LSTM(U, dtype="float64"), dtype="float64"))
    assert type(from_keras(mixed).forward_layer) is layers.LSTM
    assert_equal(from_keras(mixed), mixed, X)


@pytest.mark.parametrize("name", ["SimpleRNN", "LSTM", "GRU"])
def test_a_cell_of_keras_becomes_the_layer(name):
    cell = getattr(keras.layers, f"{name}Cell")(
        U, activation="softsign", dropout=0.2, recurrent_dropout=0.1, seed=5, dtype="float64"
    )
    theirs = keras.layers.RNN(
        cell, return_sequences=True, return_state=True, go_backwards=True, dtype="float64"
    )
    built(theirs)
    cell.trainable = False
    ours = from_keras(theirs)
    assert type(ours) is getattr(layers, name)
    assert (ours.dropout, ours.recurrent_dropout, ours.seed) == (0.2, 0.1, 5)
    assert ours.trainable
    assert not ours.cell.trainable
    assert_equal(ours, theirs, X, mask=MASKS["scattered"])


def test_a_cell_of_ours_becomes_recurrent():
    class LocalCell(cells.PeepholeLSTMCell):
        """One that Keras could not find by its name."""

    theirs = keras.layers.RNN(
        LocalCell(U, dtype="float64"), return_sequences=True, return_state=True, dtype="float64"
    )
    built(theirs)
    ours = from_keras(theirs)
    assert type(ours) is layers.Recurrent
    assert type(ours.cell) is LocalCell
    assert ours.cell is not theirs.cell
    again = from_keras(ours)
    assert type(again) is layers.Recurrent
    for layer in (ours, again, to_keras(again, allow_cells=True)):
        assert_equal(layer, theirs, X, mask=MASKS["left"])


@pytest.mark.parametrize(
    "given",
    [
        keras.layers.Dense(2),
        keras.layers.ConvLSTM1D(2, 2),
        keras.layers.LSTMCell(2),
        OwnLSTM(2),
        keras.layers.RNN(OwnCell(2)),
        keras.layers.Bidirectional(OwnLSTM(2)),
        "lstm",
    ],
    ids=["dense", "conv", "cell", "subclass", "own_cell", "bidirectional", "name"],
)
def test_other_layers_are_refused(given):
    with pytest.raises(TypeError, match=rf"from_keras takes .* got {type(given).__name__}"):
        from_keras(given)


def test_what_cannot_be_ours_is_told():
    stacked = keras.layers.RNN([keras.layers.LSTMCell(2), keras.layers.GRUCell(2)], name="tower")
    with pytest.raises(ValueError, match=r"tower runs StackedRNNCells.*split"):
        from_keras(stacked)
    with pytest.raises(ValueError, match="tower runs StackedRNNCells"):
        from_keras(keras.Sequential([stacked]))
    with pytest.raises(ValueError, match="float32 and its cell of float64"):
        from_keras(keras.layers.RNN(keras.layers.LSTMCell(2, dtype="float64")))

    class OwnModel(keras.Model):
        pass

    with pytest.raises(TypeError, match="OwnModel is a model of a class of its own"):
        from_keras(OwnModel())
    with pytest.raises(TypeError, match=r"to_keras takes .* got Dense"):
        to_keras(keras.layers.Dense(2))


@pytest.mark.parametrize("case", RELATIVES, ids=lambda case: case.name)
def test_layers_without_a_namesake(case):
    ours = case.layer(
        U, return_sequences=True, return_state=True, dtype="float64", name="mine", **case.options
    )
    built(ours)
    with pytest.raises(ValueError, match=rf"mine: .* no {case.layer.__name__}\. allow_cells=True"):
        to_keras(ours)
    theirs = to_keras(ours, allow_cells=True)
    assert type(theirs) is keras.layers.RNN
    assert type(theirs.cell) is case.cell
    assert_equal(theirs, ours, X, mask=MASKS["scattered"])
    assert type(from_keras(theirs)) is layers.Recurrent


def test_a_cell_in_keras_would_lose_the_dropout():
    for name in ("dropout", "recurrent_dropout", "zoneout"):
        with pytest.raises(ValueError, match=rf"mine \(PeepholeLSTM\) has {name}, which .* lose"):
            to_keras(layers.PeepholeLSTM(2, name="mine", **{name: 0.1}), allow_cells=True)
    for kept in (layers.LSTM(2, zoneout=[0.1, 0]), layers.Recurrent(cells.GRUCell(2), zoneout=0.1)):
        assert from_keras(kept).zoneout == kept.zoneout
        with pytest.raises(ValueError, match="has zoneout, which"):
            to_keras(kept)
    # The namesake has it.
    kept = to_keras(layers.Recurrent(cells.LSTMCell(2), dropout=0.1, recurrent_dropout=0.2, seed=7))
    assert type(kept) is keras.layers.LSTM
    assert (kept.dropout, kept.recurrent_dropout, kept.cell.seed) == (0.1, 0.2, 7)


def test_a_subclass_of_ours_is_not_its_cell_alone():
    class OwnLayer(layers.CellLayer):
        cell_class = cells.LSTMCell

    with pytest.raises(ValueError, match="no OwnLayer"):
        to_keras(OwnLayer(2))
    assert type(to_keras(OwnLayer(2), allow_cells=True)) is keras.layers.RNN
    assert type(from_keras(OwnLayer(2))) is OwnLayer
