"""Gates are found in every cell, and are those of the equations."""

import random

import keras
import numpy as np
import pytest
import tensorflow as tf
from contract import CASES, MASKS, RELATIVES, B, Case, F, T, U, sequences
from keras import ops

from keras_seq import layers
from keras_seq.cells import Cell, Gates, GRUCell
from keras_seq.inspect import Record, record

from . import by_hand
from .by_hand import LeakyCell

NAMED = {case.name: case for case in CASES + RELATIVES}
LEAKY = Case("Leaky", LeakyCell, layers.Recurrent, None, by_hand.leaky)
HANDS = {
    "lstm": by_hand.lstm,
    "gru": by_hand.gru,
    "gru_reset_before": by_hand.gru_reset_before,
    "PeepholeLSTM": by_hand.peephole_lstm,
    "NoInputActivationLSTM": by_hand.linear_candidate,
    "ProjectedLSTM": by_hand.projected_lstm,
    "LayerNormLSTM": by_hand.layer_norm_lstm,
    "LayerNormGRU": by_hand.layer_norm_gru,
    "MinimalGatedUnit": by_hand.minimal_gated_unit,
    "MUT1": by_hand.mut1,
    "MinGRU": by_hand.min_gru,
    "MinLSTM": by_hand.min_lstm,
    "Leaky": by_hand.leaky,
}


def built(case, dtype="float64", units=U, **options):
    """The layer of a case with random weights."""
    layer = layers.Recurrent(case.cell(units, **case.options, dtype=dtype), **options)
    layer.build((B, T, F))
    if units == U:
        layer.set_weights(case.weights())
    return layer


def assert_equal(found: Record, states, gates, atol=1e-12):
    assert list(found.gates) == list(gates)
    for name, values in gates.items():
        np.testing.assert_allclose(found.gates[name], values, atol=atol, rtol=0, err_msg=name)
    for values, (name, state) in zip(states, found.states.items(), strict=True):
        np.testing.assert_allclose(state, values, atol=atol, rtol=0, err_msg=name)


@pytest.mark.parametrize("name", HANDS)
@pytest.mark.parametrize(
    ("mask", "backwards"), [("none", False), ("scattered", False), ("left", True)]
)
def test_gates_are_those_of_the_equations(name, mask, backwards):
    case, mask = NAMED.get(name, LEAKY), MASKS[mask]
    layer = built(case, go_backwards=backwards)
    found = record(layer, sequences(), mask, case.states())
    states, gates = by_hand.run(
        HANDS[name], sequences(), case.states(), case.weights(), mask, backwards
    )
    assert {n: gates[n] for n in layer.cell.gates} == gates  # by hand there are no others
    assert_equal(found, states, {n: gates[n] for n in layer.cell.gates})


@pytest.mark.parametrize("case", NAMED.values(), ids=NAMED)
def test_every_gate_of_every_cell_is_there(case):
    layer = built(case, return_sequences=True, return_state=True)
    found = record(layer, sequences(), None, case.states())
    assert tuple(found.gates) == layer.cell.gates
    for values in found.gates.values():
        assert values.shape == (B, T, U)
        assert np.isfinite(values).all()
        assert np.ptp(values) > 0.1
    outputs, *last = layer(sequences(), initial_state=case.states())
    # Up to what TensorFlow's fusing of products and biases rounds otherwise.
    assert tuple(found.states) == layer.cell.states
    output = next(iter(found.states.values()))
    np.testing.assert_allclose(output, outputs, atol=1e-14, rtol=0)
    for state, final in zip(found.states.values(), last, strict=True):
        np.testing.assert_allclose(state[:, -1], final, atol=1e-14, rtol=0)


@pytest.mark.parametrize("case", [c for c in NAMED.values() if c.main], ids=lambda c: c.name)
def test_gates_rebuild_the_states(case):
    """Sigmoids are in 0 to 1 and no two gates are alike: none was taken for another."""
    found = record(built(case), sequences(), None, case.states())
    kinds = list(found.gates.values())
    for number, values in enumerate(kinds):
        for other in kinds[number + 1 :]:
            assert np.abs(values - other).max() > 1e-2
    for name, values in found.gates.items():
        if name in "ifozr":
            assert values.min() > 0
            assert values.max() < 1


def test_gates_that_are_states_are_the_same():
    case = NAMED["FullGateRecurrenceLSTM"]
    found = record(built(case), sequences(), None, case.states())
    assert found.names[:4] == ("gate i", "gate f", "gate c", "gate o")
    for name in "ifo":
        np.testing.assert_array_equal(found.gates[name], found.states[name])


@pytest.mark.parametrize("name", ["lstm", "gru", "PeepholeLSTM", "FullGateRecurrenceLSTM", "MUT3"])
def test_one_unit(name):
    case = NAMED[name]
    layer = layers.Recurrent(case.cell(1, **case.options), return_sequences=True)
    found = record(layer, sequences())
    assert tuple(found.gates) == case.cell.gates
    np.testing.assert_allclose(found.states["h"], layer(sequences()), atol=1e-6)


def test_bidirectional_layers_give_both_directions_in_the_order_of_the_sequence():
    layer = layers.Bidirectional(layers.LSTM(U, return_sequences=True), dtype="float32")
    x, mask = sequences(), MASKS["right"]
    y = np.asarray(layer(x, mask=ops.convert_to_tensor(mask)))
    found = record(layer, x, mask)
    assert set(found) == {"forward", "backward"}
    for name, columns in (("forward", slice(U)), ("backward", slice(U, None))):
        h = np.where(mask[..., None], found[name].states["h"], 0)
        np.testing.assert_allclose(h, np.where(mask[..., None], y[..., columns], 0), atol=1e-6)
        assert np.isnan(found[name].gates["f"]).any(-1).tolist() == (~mask).tolist()
    states = [np.full((B, U), 0.1 * n) for n in range(4)]
    again = record(layer, x, mask, states)
    np.testing.assert_allclose(again["backward"].states["c"][2, -1], 0.3, atol=1e-6)


def test_masked_steps_keep_the_state_and_have_no_gates():
    case, mask = NAMED["lstm"], MASKS["empty_row"]
    found = record(built(case), sequences(), mask.astype("int32"), case.states())
    assert found.mask.dtype == bool
    np.testing.assert_array_equal(found.states["c"][1, 3], case.states()[1][1])
    np.testing.assert_array_equal(found.states["c"][2, 4], found.states["c"][2, 2])
    assert np.isnan(found.gates["i"][1]).all()
    assert np.isfinite(found.gates["i"][mask]).all()


def test_stateful_layers_start_from_their_states_and_keep_them():
    layer = layers.GRU(U, stateful=True, return_sequences=True)
    layer(sequences())
    before = np.asarray(layer.states[0])
    found = record(layer, sequences())
    np.testing.assert_array_equal(np.asarray(layer.states[0]), before)
    np.testing.assert_allclose(found.states["h"], layer(sequences()), atol=1e-6)


def test_zoneout():
    """Gates are what the cell has, states what the layer makes of them in inference."""
    layer = layers.LSTM(U, zoneout=[0.3, 0.6], return_sequences=True)
    found = record(layer, sequences(), MASKS["scattered"])
    np.testing.assert_allclose(
        np.where(MASKS["scattered"][..., None], found.states["h"], 0),
        np.where(MASKS["scattered"][..., None], layer(sequences(), mask=MASKS["scattered"]), 0),
        atol=1e-6,
    )
    c, gates = found.states["c"][0, 0], {name: gate[0, 0] for name, gate in found.gates.items()}
    np.testing.assert_allclose(c, 0.4 * gates["i"] * gates["c"], atol=1e-6)


def test_nothing_changes_in_the_layer_nor_around_it():
    layer = layers.LSTM(U, recurrent_dropout=0.5, dropout=0.5)
    y = layer(sequences())
    before = dict(vars(layer.cell)), len(layer.variables), random.getstate()
    found = record(layer, sequences())
    assert dict(vars(layer.cell)) == before[0]
    assert (len(layer.variables), random.getstate()) == before[1:]
    np.testing.assert_allclose(found.states["h"][:, -1], y, atol=1e-6)  # no dropout
    names = [layers.LSTM(U).name for _ in range(2)]
    record(layer, sequences())
    number = int(names[1].rpartition("_")[2])
    assert layers.LSTM(U).name == f"lstm_{number + 1}"


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_half_precision(policy):
    layer = layers.LayerNormLSTM(U, dtype=policy, return_sequences=True)
    found = record(layer, sequences(), MASKS["left"])
    assert found.gates["i"].dtype == np.float32
    np.testing.assert_allclose(
        np.where(MASKS["left"][..., None], found.states["h"], 0),
        tf.cast(layer(sequences(), mask=MASKS["left"]), "float32"),
        atol=2e-2,
    )


class Whole(Cell):
    """One activation for two gates at once; the other may have a tanh inside."""

    gates = ("a", "b", "h")

    def combine(self, x, r, states):
        products = (x + r).product
        a, b = ops.split(ops.sigmoid(products[:, : 2 * self.units]), 2, axis=-1)
        return (a * states[0] + b * self.activation(products[:, 2 * self.units :]),)


class InputOnly(Cell):
    """No recurrent product, and a candidate without an activation."""

    gates = ("h", "z")

    def step(self, x, states, recur):
        z = ops.sigmoid(x[1] + 0.5)
        return ((1 - z) * states[0] + z * x[0],)


class Doubled(Cell):
    """Two activations of one block."""

    gates = ("h",)

    def combine(self, x, r, states):
        pre = x[0] + r[0]
        return (ops.tanh(pre) * ops.sigmoid(pre),)


def gelu(a):
    return keras.activations.gelu(a, approximate=True)


@pytest.mark.parametrize("cell", [Whole, InputOnly, Doubled, LeakyCell])
def test_cells_of_ones_own(cell):
    cell = cell(U, activation=gelu if cell is Whole else "tanh", dtype="float64")
    layer = layers.Recurrent(cell, return_sequences=True)
    found = record(layer, sequences())
    np.testing.assert_allclose(found.states["h"], layer(sequences()), atol=1e-13)
    h = np.concatenate([np.zeros((B, 1, U)), found.states["h"][:, :-1]], axis=1)
    x = np.split(np.asarray(cell.project(sequences())), len(cell.gates), axis=-1)
    r = [np.asarray(cell.recur(h.reshape(-1, U))[n]).reshape(B, T, U) for n in range(len(x))]

    def sigmoid(a):
        return 1 / (1 + np.exp(-a))

    expected = {
        Whole: lambda: [sigmoid(x[0] + r[0]), sigmoid(x[1] + r[1]), gelu(x[2] + r[2])],
        InputOnly: lambda: [x[0], sigmoid(x[1] + 0.5)],
        Doubled: lambda: [np.tanh(x[0] + r[0])],
        LeakyCell: lambda: [sigmoid(x[0] + r[0]), np.tanh(x[1] + r[1])],
    }[type(cell)]()
    for values, wanted in zip(found.gates.values(), expected, strict=True):
        np.testing.assert_allclose(values, wanted, atol=1e-13)


def test_errors_of_a_cell_come_through_and_leave_nothing():
    class Wrong(GRUCell):
        def combine(self, x, r, states):
            self.activation(x[0])
            raise RuntimeError("no equations today")

    layer = layers.Recurrent(Wrong(U))
    activation = layer.cell.activation
    with pytest.raises(RuntimeError, match="no equations today"):
        record(layer, sequences())
    assert layer.cell.activation is activation
    assert isinstance(layer.cell.recur(ops.zeros((2, U))), Gates)


@pytest.mark.parametrize("layer", [keras.layers.LSTM(U), keras.layers.Dense(U), "lstm", None])
def test_other_layers_are_refused(layer):
    with pytest.raises(TypeError, match=r"record takes a recurrent layer of keras_seq.layers.*got"):
        record(layer, sequences())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((np.ones((B, F)),), r"inputs must be \(B, T, F\)"),
        ((np.ones((B, 0, F)),), r"inputs must be \(B, T, F\)"),
        ((np.ones((B, T, F + 1)),), "takes 4 features"),
        ((sequences(), np.ones((B, T + 1))), r"mask must be \(B, T\) = \(3, 5\)"),
        ((sequences(), np.ones((B, T, 1))), "mask must be"),
        ((sequences(), None, [np.ones((B, U))]), "has the states h, c of the shapes"),
        ((sequences(), None, [np.ones((B, U)), np.ones((1, U))]), "has the states h, c"),
    ],
)
def test_wrong_shapes_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        record(built(NAMED["lstm"]), *arguments)
