"""The gradient that reaches a state is what a change of that state does to the loss."""

import keras
import numpy as np
import pytest
from contract import CASES, MASKS, RELATIVES, B, F, T, U, sequences

from keras_seq import layers
from keras_seq.inspect import gradient_flow

from .by_hand import LeakyCell

NAMED = {case.name: case for case in CASES + RELATIVES}


def weighted(output):
    return keras.ops.sum(keras.ops.tanh(output) * np.arange(1.0, output.shape[-1] + 1), axis=-1)


def built(name, **options):
    case = NAMED[name]
    layer = case.layer(U, **case.options, dtype="float64", return_state=True, **options)
    layer.build((B, T, F))
    layer.set_weights(case.weights())
    return layer


def by_differences(layer, x, mask, step=1e-5):
    """The gradients of `weighted` of the last state h: (T, B, width) for each state.

    The layer is started anew after each step with a state that is a little off.
    """
    mask = np.ones(x.shape[:2], bool) if mask is None else mask
    zeros = [np.zeros((B, width)) for width in layer.cell.widths]

    def states(x, mask, start):
        return [np.asarray(s) for s in layer(x, initial_state=start, mask=mask)[1:]]

    found = [np.zeros((T, *zero.shape)) for zero in zeros]
    for t in range(T):
        here = states(x[:, : t + 1], mask[:, : t + 1], zeros)
        for number, state in enumerate(here):
            for column in range(state.shape[1]):
                losses = []
                for sign in (1, -1):
                    off = [s.copy() for s in here]
                    off[number][:, column] += sign * step
                    rest = x[:, t + 1 :], mask[:, t + 1 :]
                    end = states(*rest, off) if t + 1 < T else off
                    losses.append(np.asarray(weighted(end[0])))
                found[number][t, :, column] = (losses[0] - losses[1]) / (2 * step)
    return found


@pytest.mark.parametrize(
    ("name", "mask"),
    [("lstm", "none"), ("gru", "scattered"), ("ProjectedLSTM", "left"), ("MUT1", "empty_row")],
)
def test_equals_differences(name, mask):
    layer, x, mask = built(name), sequences(), MASKS[mask]
    parts = by_differences(layer, x, mask)
    found = gradient_flow(layer, x, mask, weighted, per_state=True)
    assert tuple(found) == layer.cell.states
    for part, flow in zip(parts, found.values(), strict=True):
        expected = np.linalg.norm(part, axis=-1).mean(axis=1)
        np.testing.assert_allclose(flow, expected, rtol=1e-7, atol=1e-9)
    whole = np.linalg.norm(np.concatenate(parts, axis=-1), axis=-1).mean(axis=1)
    np.testing.assert_allclose(gradient_flow(layer, x, mask, weighted), whole, rtol=1e-7)
    relative = gradient_flow(layer, x, mask, weighted, relative=True)
    np.testing.assert_allclose(relative, whole / whole[-1], rtol=1e-7)


def test_a_layer_that_reads_backwards_is_in_the_order_of_reading():
    forward, backward = built("gru"), built("gru", go_backwards=True)
    x = sequences()
    np.testing.assert_allclose(gradient_flow(backward, x), gradient_flow(forward, x[:, ::-1]))


def test_the_usual_loss_has_a_gradient_of_norm_one_at_the_end():
    layer = layers.LSTM(8)
    found = gradient_flow(layer, sequences())
    np.testing.assert_allclose(found[-1], 1, rtol=1e-6)
    np.testing.assert_array_equal(found, gradient_flow(layer, sequences()))
    own = gradient_flow(layer, sequences(), per_state=True, relative=True)
    np.testing.assert_allclose(own["h"][-1], 1, rtol=1e-6)
    assert own["c"][-1] == 0


def test_cells_of_ones_own_and_a_closed_gate():
    """A gate z near one hands the gradient on as it is; the layer's dropout is not active."""
    layer = layers.Recurrent(LeakyCell(4), recurrent_dropout=0.5)
    layer.build((B, T, F))
    kernel, recurrent, _ = layer.get_weights()
    layer.set_weights([kernel * 0, recurrent * 0, np.repeat([20.0, 0.0], 4)])
    np.testing.assert_allclose(gradient_flow(layer, sequences()), np.ones(T), rtol=1e-5)


def test_masked_steps_hand_on_the_gradient():
    layer, mask = built("lstm"), MASKS["right"]
    found = gradient_flow(layer, sequences()[2:], mask[2:])
    np.testing.assert_allclose(found, np.ones(T))  # only its first step is real


def test_zoneout_hands_on_what_stays():
    """In inference a state is the mean of the old and the new."""
    layer = layers.SimpleRNN(3, activation="linear", zoneout=0.6)
    layer.build((B, T, F))
    layer.cell.recurrent_kernel.assign(0 * layer.cell.recurrent_kernel)
    expected = 0.6 ** np.arange(T)[::-1]
    np.testing.assert_allclose(gradient_flow(layer, sequences()), expected, rtol=1e-5)


@pytest.mark.parametrize(
    "layer", [keras.layers.GRU(U), layers.Bidirectional(layers.GRU(U)), np.ones(3)]
)
def test_other_layers_are_refused(layer):
    with pytest.raises(TypeError, match="gradient_flow takes a recurrent layer"):
        gradient_flow(layer, sequences())


def test_wrong_arguments_are_refused():
    layer = layers.GRU(U)
    with pytest.raises(ValueError, match=r"inputs must be"):
        gradient_flow(layer, np.ones((B, F)))
    with pytest.raises(ValueError, match=r"mask must be"):
        gradient_flow(layer, sequences(), np.ones((T, B)))
    with pytest.raises(ValueError, match="no gradient at the last step"):
        gradient_flow(layer, sequences(), loss=lambda output: output[:, :0], relative=True)
