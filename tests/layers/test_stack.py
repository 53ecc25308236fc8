"""Layers on one another: values against the layers called one by one."""

import keras
import numpy as np
import pytest
from contract import MASKS, B, F, T, sequences

from keras_seq.layers import GRU, LSTM, Bidirectional, PeepholeLSTM, Stack

X = sequences().astype("float32")


def randomised(layer, seed=4):
    layer(X)
    random = np.random.default_rng(seed)
    layer.set_weights([random.normal(scale=0.6, size=w.shape) for w in layer.get_weights()])
    return layer


def three(width=3, last=True):
    return [
        GRU(width, return_sequences=True),
        PeepholeLSTM(width, return_sequences=True),
        Bidirectional(LSTM(width, return_sequences=last), merge_mode="sum"),
    ]


@pytest.mark.parametrize("mask", MASKS.values(), ids=MASKS)
def test_without_connections_it_is_one_layer_after_the_other(mask):
    stack = randomised(Stack(three()))
    y = X
    for layer in stack.layers:
        y = layer(y, mask=mask)
    np.testing.assert_allclose(stack(X, mask=mask), y, atol=1e-6)


@pytest.mark.parametrize("last", [True, False])
def test_residual_connections_add_what_is_below(last):
    stack = randomised(Stack(three(last=last), "residual"))
    one, two, three_ = stack.layers
    y = np.array(one(X))  # F is not U: nothing to add
    y = y + two(y)
    expected = y + three_(y) if last else three_(y)
    np.testing.assert_allclose(stack(X), expected, atol=1e-6)
    wide = randomised(Stack([GRU(F, return_sequences=True)], "residual"))
    np.testing.assert_allclose(wide(X), X + wide.layers[0](X), atol=1e-6)


@pytest.mark.parametrize("last", [True, False])
def test_skip_connections_show_the_input_to_all_and_all_to_the_output(last):
    stack = randomised(Stack(three(last=last), "skip"))
    outputs = [X[..., :0]]
    for number, layer in enumerate(stack.layers):
        outputs.append(layer(np.concatenate([X, outputs[-1]], -1) if number else X))
    expected = np.concatenate(outputs[1:], -1) if last else outputs[-1]
    assert tuple(stack(X).shape) == ((B, T, 9) if last else (B, 3))
    np.testing.assert_allclose(stack(X), expected, atol=1e-6)


def test_states_come_after_the_output_from_the_first_layer_to_the_last():
    layers = [LSTM(3, return_sequences=True, return_state=True), GRU(3, return_state=True)]
    stack = randomised(Stack(layers))
    y, h, c = layers[0](X)
    output, state = layers[1](y)
    for found, expected in zip(stack(X), [output, h, c, state], strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.long
def test_trains_saves_and_loads_in_a_fresh_process(predict_in_fresh_process):
    inputs = keras.Input((None, F))
    mask = keras.ops.any(keras.ops.not_equal(inputs, 0), axis=-1)
    models = {
        str(how): keras.Model(inputs, Stack(three(), how, name="deep")(inputs, mask=mask))
        for how in (None, "residual", "skip")
    }
    x = X.copy()
    x[1, 2:] = 0
    trained = models["skip"]
    before = trained.get_weights()
    trained.compile("adam", "mse")
    trained.fit(x, np.ones(trained(x).shape), verbose=0)
    for old, new in zip(before, trained.get_weights(), strict=True):
        assert np.abs(old - new).max() > 0
    found = predict_in_fresh_process(models, dict.fromkeys(models, x))
    for name, model in models.items():
        np.testing.assert_allclose(found[name], model(x), atol=1e-6, err_msg=name)


def test_hands_its_mask_on():
    inputs = keras.layers.Masking()(keras.Input((None, F)))
    assert Stack(three())(inputs)._keras_mask is not None
    assert getattr(Stack(three(last=False))(inputs), "_keras_mask", None) is None


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Stack([]), "at least one layer"),
        (lambda: Stack([GRU(3)], "dense"), 'None, "residual" or "skip"; got \'dense\''),
        (lambda: Stack([GRU(3), GRU(3)]), "is below another layer"),
        (
            lambda: Stack([GRU(w, return_sequences=True) for w in (3, 4)], "residual")(X),
            "is 4 wide and its input 3",
        ),
    ],
)
def test_refuses_what_is_no_stack(make, message):
    with pytest.raises(ValueError, match=message):
        make()
