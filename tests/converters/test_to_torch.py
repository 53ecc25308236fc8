"""From ours to torch.nn: equal values, and what cannot be said there."""

import sys

import keras
import numpy as np
import pytest
from contract import B, F, U, sequences

from converters.modules import array, given_by
from keras_seq import cells, layers
from keras_seq.converters import to_torch

X = sequences()


def built(layer, features=F):
    """The layer with random weights."""
    layer.build((B, None, features))
    random = np.random.default_rng(7)
    layer.set_weights([random.normal(scale=0.6, size=w.shape) for w in layer.get_weights()])
    return layer


def float64(kind, *args, features=F, **options):
    return built(kind(*args, return_sequences=True, dtype="float64", **options), features)


@pytest.mark.parametrize("wrapped", [False, True], ids=["alone", "bidirectional"])
@pytest.mark.parametrize(
    "make",
    [
        lambda: keras.layers.LSTM(U, return_sequences=True, dtype="float64"),
        lambda: keras.layers.SimpleRNN(U, "relu", return_sequences=True, dtype="float64"),
        lambda: keras.layers.GRU(U, return_sequences=True, dtype="float64"),
        lambda: layers.ProjectedLSTM(U, projection_units=2, return_sequences=True, dtype="float64"),
        lambda: layers.Recurrent(cells.GRUCell(U, dtype="float64"), return_sequences=True),
    ],
    ids=["keras_lstm", "keras_simple", "keras_gru", "projected", "recurrent"],
)
def test_layers_of_both_libraries_go_to_torch(torch, make, wrapped):
    layer = make()
    layer = built(keras.layers.Bidirectional(layer, dtype="float64") if wrapped else layer)
    found, _ = given_by(torch, to_torch(layer), X)
    np.testing.assert_allclose(found, array(layer(X)), rtol=0, atol=1e-12)


def test_the_final_state_is_what_a_layer_returns_alone(torch):
    layer = built(keras.layers.GRU(U, dtype="float64"))
    _, (final,) = given_by(torch, to_torch(layer), X)
    np.testing.assert_allclose(final, array(layer(X)), rtol=0, atol=1e-12)


def both_ways(forward=None, **options):
    forward = layers.LSTM(U) if forward is None else forward
    return built(layers.Bidirectional(forward, name="mine", **options))


def sharp(x):
    return keras.ops.tanh(2 * x)


# What torch cannot say, and the reason that is given.
REFUSED = {
    "activation": (lambda: built(layers.LSTM(U, "relu")), "its activation is relu, not tanh"),
    "own": (lambda: built(layers.GRU(U, sharp)), "its activation is .*sharp.*, not tanh"),
    "gates": (
        lambda: built(layers.LSTM(U, recurrent_activation="hard_sigmoid")),
        "its recurrent_activation is hard_sigmoid, not sigmoid",
    ),
    "simple": (lambda: built(layers.SimpleRNN(U, "sigmoid")), "its activation is sigmoid"),
    "reset_before": (lambda: built(layers.GRU(U, reset_after=False)), "reset_after=False"),
    "backwards": (lambda: built(layers.GRU(U, go_backwards=True)), "it has go_backwards"),
    "stateful": (lambda: built(layers.GRU(U, stateful=True)), "it is stateful"),
    "dropout": (lambda: built(layers.GRU(U, dropout=0.1)), "it has dropout, which torch has not"),
    "recurrent_dropout": (
        lambda: built(layers.GRU(U, recurrent_dropout=0.1)),
        "it has recurrent_dropout",
    ),
    "zoneout": (lambda: built(layers.LSTM(U, zoneout=[0.0, 0.1])), "it has zoneout"),
    "half": (lambda: built(layers.GRU(U, dtype="mixed_float16")), "it is of mixed_float16"),
    "unbuilt": (lambda: layers.GRU(U), "it has no weights yet"),
    "peephole": (lambda: built(layers.PeepholeLSTM(U)), r"torch\.nn has no PeepholeLSTM"),
    "wide": (
        lambda: built(layers.ProjectedLSTM(U, projection_units=U)),
        "its projection_units are not fewer",
    ),
    "merge": (lambda: both_ways(merge_mode="sum"), "mine .*its merge_mode is 'sum'"),
    "pair": (lambda: both_ways(merge_mode=None), "mine .*its merge_mode is None"),
    "mirrored": (
        lambda: both_ways(layers.LSTM(U, go_backwards=True), backward_layer=layers.LSTM(U)),
        "mine .*it has go_backwards",
    ),
    "mixed": (
        lambda: both_ways(backward_layer=layers.LSTM(U, use_bias=False, go_backwards=True)),
        "its two directions differ",
    ),
    "units": (
        lambda: [float64(layers.LSTM, U), float64(layers.LSTM, U + 1, features=U)],
        "its hidden_size is 4, that of the first layer 3",
    ),
    "kinds": (
        lambda: [float64(layers.LSTM, U), float64(layers.GRU, U, features=U)],
        "its kind is GRU, that of the first layer LSTM",
    ),
    "projections": (
        lambda: [
            float64(layers.LSTM, U),
            float64(layers.ProjectedLSTM, U, projection_units=2, features=U),
        ],
        "its proj_size is 2, that of the first layer 0",
    ),
    "biases": (
        lambda: [float64(layers.GRU, U), float64(layers.GRU, U, use_bias=False, features=U)],
        "its bias is False, that of the first layer True",
    ),
    "features": (
        lambda: [float64(layers.GRU, U), float64(layers.GRU, U, features=F)],
        "it takes 4 features, and gets 3",
    ),
    "last_output": (
        lambda: [built(layers.GRU(U)), built(layers.GRU(U), U)],
        "it returns one output, and another layer follows",
    ),
    "dropout_first": (
        lambda: [keras.layers.Dropout(0.1), built(layers.GRU(U))],
        "it is not between two recurrent layers",
    ),
    "dropout_last": (
        lambda: [built(layers.GRU(U)), keras.layers.Dropout(0.1)],
        "it is not between two recurrent layers",
    ),
    "rates": (
        lambda: [
            float64(layers.GRU, U),
            keras.layers.Dropout(0.1),
            float64(layers.GRU, U, features=U),
            float64(layers.GRU, U, features=U),
        ],
        r"one rate of dropout between layers, got \[0\.1, 0\.0\]",
    ),
    "noise_shape": (
        lambda: [
            float64(layers.GRU, U),
            keras.layers.Dropout(0.1, noise_shape=(None, 1, None)),
            float64(layers.GRU, U, features=U),
        ],
        "it has a noise_shape",
    ),
}


@pytest.mark.parametrize(("make", "reason"), REFUSED.values(), ids=REFUSED)
def test_what_torch_cannot_say_is_refused(make, reason):
    with pytest.raises(ValueError, match=reason):
        to_torch(make())


@pytest.mark.parametrize(
    ("given", "kind"),
    [
        (keras.layers.Dense(2), "Dense"),
        ([keras.layers.Dense(2)], "Dense"),
        ([], "none"),
        ([keras.Sequential([layers.GRU(2)])], "Sequential"),
    ],
    ids=["dense", "list", "empty", "nested"],
)
def test_other_layers_are_refused(given, kind):
    with pytest.raises(TypeError, match=f"to_torch takes .* got {kind}"):
        to_torch(given)


def test_without_torch_it_is_told_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(ImportError, match=r"pip install keras_seq\[torch\]"):
        to_torch(built(layers.GRU(U)))
