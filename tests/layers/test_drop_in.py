"""Replacing the import is all: constructor, attributes, weights and configuration are Keras'."""

import inspect

import keras
import numpy as np
import pytest
import tensorflow as tf
from contract import CASES, F, U, sequences

from keras_seq import layers

from .against import every_case, main_case, pair


@main_case
def test_constructor_is_that_of_keras(case):
    ours, theirs = (inspect.signature(c).parameters for c in (case.layer, case.keras_layer))
    named = {name: p.default for name, p in theirs.items() if p.kind != p.VAR_KEYWORD}
    for name, default in named.items():
        assert name in ours, name
        assert ours[name].default == default, name
    # Every argument that Keras takes by position stands at the same place.
    assert list(ours)[: len(named)] == list(named)
    assert ours["kwargs"].kind is inspect.Parameter.VAR_KEYWORD


@main_case
def test_positional_arguments(case):
    values = [U, "relu", "hard_sigmoid", False]
    values = values if case.keras_layer is not keras.layers.SimpleRNN else [U, "relu", False]
    ours, theirs = case.layer(*values).get_config(), case.keras_layer(*values).get_config()
    assert {k: ours[k] for k in theirs if k != "name"} == {
        k: v for k, v in theirs.items() if k != "name"
    }


# A value of each option that is not its default.
OPTIONS = {
    "activation": "relu",
    "recurrent_activation": "hard_sigmoid",
    "use_bias": False,
    "kernel_initializer": "he_normal",
    "recurrent_initializer": "glorot_normal",
    "bias_initializer": "ones",
    "unit_forget_bias": False,
    "kernel_regularizer": keras.regularizers.L2(0.5),
    "recurrent_regularizer": keras.regularizers.L1(0.25),
    "bias_regularizer": keras.regularizers.L1L2(0.1, 0.2),
    "activity_regularizer": keras.regularizers.L2(0.125),
    "kernel_constraint": keras.constraints.MaxNorm(2.0),
    "recurrent_constraint": keras.constraints.NonNeg(),
    "bias_constraint": keras.constraints.UnitNorm(),
    "dropout": 0.25,
    "recurrent_dropout": 0.125,
    "seed": 11,
    "return_sequences": True,
    "return_state": True,
    "go_backwards": True,
    "stateful": True,
    "unroll": True,
    "reset_after": False,
    "zero_output_for_mask": True,
    "name": "mine",
    "trainable": False,
}


def taken(case):
    known = {*inspect.signature(case.keras_layer).parameters, "name", "zero_output_for_mask"}
    return {name: value for name, value in OPTIONS.items() if name in known}


@main_case
def test_configurations_are_exchanged_with_keras(case):
    """Each option is set apart, so that none hides behind another."""
    for name, value in taken(case).items():
        theirs = case.keras_layer(U, **{name: value})
        ours = case.layer.from_config(theirs.get_config())
        config = theirs.get_config()
        assert {k: ours.get_config()[k] for k in config} == config, name
        back = case.keras_layer.from_config(case.layer(U, **{name: value}).get_config())
        renamed = {**back.get_config(), "name": config["name"]}
        assert renamed == config, name


@main_case
def test_attributes_are_those_of_keras(case):
    options = taken(case)
    ours, theirs = case.layer(U, **options), case.keras_layer(U, **options)
    # Keras' layer tells of its cell by properties; every one is here, with the same value.
    names = [n for n, v in vars(case.keras_layer).items() if isinstance(v, property)]
    assert {"units", "activation", "use_bias", "dropout", "kernel_constraint"} <= {*names}
    for name in [*names, *options]:
        if name == "implementation" or (name == "seed" and not hasattr(theirs, name)):
            continue
        if name == "activity_regularizer" and case.layer is layers.SimpleRNN:
            continue  # keras.layers.SimpleRNN takes it and forgets it
        one, other = getattr(ours, name), getattr(theirs, name)
        same = one is other or one == other or type(one) is type(other)
        assert same, (name, one, other)
    assert ours.state_size == theirs.state_size


@every_case
def test_weights_are_exchanged_with_keras(case, tmp_path):
    ours, theirs = pair(case)
    assert [(w.name, w.shape) for w in ours.weights] == [(w.name, w.shape) for w in theirs.weights]
    models = [keras.Sequential([keras.Input((None, F)), layer]) for layer in (ours, theirs)]
    x = sequences()
    expected = models[1](x)
    models[1].save_weights(tmp_path / "theirs.weights.h5")
    ours.set_weights([np.zeros_like(w) for w in ours.get_weights()])
    models[0].load_weights(tmp_path / "theirs.weights.h5")
    np.testing.assert_allclose(models[0](x), expected, atol=1e-5)
    models[0].save_weights(tmp_path / "ours.weights.h5")
    theirs.set_weights([np.zeros_like(w) for w in theirs.get_weights()])
    models[1].load_weights(tmp_path / "ours.weights.h5")
    np.testing.assert_allclose(models[1](x), expected, atol=1e-5)


@main_case
def test_weight_paths_are_those_of_keras(case):
    """Optimizers choose weights by path; a counter in it would change with what came before."""
    paths = []
    for kind in (case.layer, case.keras_layer):
        for _ in range(2):
            layer = kind(U, name="same")
            layer.build((None, None, F))
            paths.append([w.path for w in layer.weights])
    assert paths[0] == paths[1] == paths[2] == paths[3]


@main_case
def test_trainable_reaches_the_weights(case):
    layer = case.layer(U, trainable=False)
    layer.build((None, None, F))
    assert not layer.trainable_weights
    layer.trainable = True
    assert len(layer.trainable_weights) == 3


@main_case
def test_use_cudnn_is_checked(case):
    for value in (False, "auto"):
        assert case.layer(U, use_cudnn=value).use_cudnn is value
    with pytest.raises(ValueError, match="use_cudnn must be"):
        case.layer(U, use_cudnn="sometimes")


def test_what_cudnn_has_not_is_refused():
    with pytest.raises(ValueError, match="cuDNN has no SimpleRNN"):
        layers.SimpleRNN(U, use_cudnn=True)


@main_case
def test_bad_arguments_are_refused(case):
    with pytest.raises(ValueError, match="units must be a positive integer"):
        case.layer(0)
    with pytest.raises(TypeError, match="units"):
        case.layer()
    with pytest.raises(ValueError, match="mistyped"):
        case.layer(U, mistyped=1)


@main_case
def test_no_time_steps_are_refused(case):
    for options in ({}, {"unroll": True}, {"return_sequences": True}):
        with pytest.raises(ValueError, match="at least one time step"):
            case.layer(U, **options)(np.zeros((2, 0, F), "float32"))


@main_case
def test_signature_of_the_class_is_not_that_of_its_layers(case):
    """tf.function asks a layer for its signature: it is called with sequences, not with units."""
    ours, theirs = pair(case)
    x = tf.constant(sequences(), tf.float32)
    np.testing.assert_allclose(tf.function(theirs)(x), ours(x), atol=1e-5)
    assert "units" not in list(inspect.signature(ours).parameters)
    np.testing.assert_allclose(tf.function(ours)(x), ours(x), atol=1e-6)


@main_case
def test_input_without_time_is_refused_by_name(case):
    """As in keras.layers, which says which number of dimensions it expected."""
    with pytest.raises(ValueError, match="ndim"):
        case.layer(U)(np.zeros((2, F), "float32"))


def test_implementation_of_keras_is_accepted():
    assert layers.LSTM(U, implementation=1).units == U


def test_saved_models_give_equal_values_in_a_fresh_process(predict_in_fresh_process):
    x = sequences().astype("float32")
    models = {}
    for case in CASES:
        layer = case.layer(U, **case.options, return_sequences=True, go_backwards=True, dropout=0.2)
        models[case.name] = keras.Sequential(
            [keras.Input((None, F)), keras.layers.Masking(), layer]
        )
        models[case.name].set_weights(case.weights())
    x[1, 2:] = 0
    found = predict_in_fresh_process(models, dict.fromkeys(models, x))
    for name, model in models.items():
        np.testing.assert_allclose(found[name], model(x), atol=1e-6, err_msg=name)
