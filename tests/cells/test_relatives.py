"""What single relatives promise: equal to another where they must be, and options of their own."""

import keras
import numpy as np
import pytest
from contract import F, U, sequences

from keras_seq import cells

X = sequences()[:, 0].astype("float32")


def made(cell, seed=3):
    cell.build((None, F))
    random = np.random.default_rng(seed)
    cell.set_weights([random.normal(size=w.shape) for w in cell.weights])
    return cell


def outputs(cell, states):
    return [keras.ops.convert_to_numpy(s) for s in cell(X, states)[1]]


def states(*widths):
    random = np.random.default_rng(5)
    return [random.normal(size=(len(X), width)).astype("float32") for width in widths]


def test_peepholes_of_zero_are_no_peepholes():
    seeing = made(cells.PeepholeLSTMCell(U))
    seeing.peephole_kernel.assign(np.zeros((3, U)))
    blind = made(cells.NoPeepholeLSTMCell(U))
    blind.set_weights(seeing.get_weights()[:3])
    for a, b in zip(outputs(seeing, states(U, U)), outputs(blind, states(U, U)), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)


def test_full_gate_recurrence_hands_on_its_gates():
    """With a gate kernel of zeros it is the LSTM with peepholes, and its other states the gates."""
    full, plain = made(cells.FullGateRecurrenceLSTMCell(U)), made(cells.PeepholeLSTMCell(U))
    full.gate_kernel.assign(np.zeros((3 * U, 3 * U)))
    plain.set_weights(full.get_weights()[:4])
    h, c, i, f, o = outputs(full, states(U, U, U, U, U))
    _, before = states(U, U)
    np.testing.assert_allclose(outputs(plain, states(U, U)), [h, c], atol=1e-6)
    np.testing.assert_allclose(o * np.tanh(c), h, atol=1e-6)
    g = X @ np.array(full.kernel) + states(U)[0] @ np.array(full.recurrent_kernel)
    g = np.tanh(g + np.array(full.bias))[:, 2 * U : 3 * U]
    np.testing.assert_allclose(f * before + i * g, c, atol=1e-5)


def test_second_mutation_is_a_gru_with_its_update_gate_turned_round():
    """So reads its docstring, for inputs that go through a kernel."""
    mutated, gru = made(cells.MUT2Cell(U)), keras.layers.GRUCell(U, reset_after=False)
    gru.build((None, F))
    r, h, z = (slice(gate * U, (gate + 1) * U) for gate in range(3))
    gru.set_weights(
        [
            np.concatenate([-weight[..., z], weight[..., r], weight[..., h]], axis=-1)
            for weight in mutated.get_weights()
        ]
    )
    expected = gru(X, states(U))[0]
    np.testing.assert_allclose(outputs(mutated, states(U))[0], expected, atol=1e-6)


def test_norms_make_the_scale_of_the_products_nothing():
    for kind, widths in ((cells.LayerNormLSTMCell, (U, U)), (cells.LayerNormGRUCell, (U,))):
        cell = made(kind(U, epsilon=1e-9))
        before = outputs(cell, states(*widths))
        cell.kernel.assign(cell.kernel * 7.0)
        cell.recurrent_kernel.assign(cell.recurrent_kernel * 0.2)
        for a, b in zip(outputs(cell, states(*widths)), before, strict=True):
            np.testing.assert_allclose(a, b, atol=1e-4)


@pytest.mark.parametrize(
    ("kind", "weights"),
    [
        (cells.PeepholeLSTMCell, {"peephole_kernel": "peephole"}),
        (cells.ProjectedLSTMCell, {"projection_kernel": "projection"}),
        (cells.LayerNormLSTMCell, {"gain": "gain", "cell_gain": "gain", "cell_bias": "bias"}),
        (cells.LayerNormGRUCell, {"gain": "gain"}),
        (cells.FullGateRecurrenceLSTMCell, {"gate_kernel": "recurrent"}),
        (cells.IndRNNCell, {"recurrent_kernel": "recurrent"}),
    ],
)
def test_own_weights_have_options(kind, weights):
    for name, option in weights.items():
        cell = kind(
            U,
            **{
                f"{option}_initializer": keras.initializers.Constant(0.375),
                f"{option}_regularizer": keras.regularizers.L1(0.5),
                f"{option}_constraint": keras.constraints.NonNeg(),
            },
        )
        again = kind.from_config(cell.get_config())
        assert again.get_config() == cell.get_config()
        again.build((None, F))
        weight = getattr(again, name)
        np.testing.assert_array_equal(weight, np.full(weight.shape, 0.375))
        assert float(weight.regularizer(weight)) == pytest.approx(0.1875 * np.size(weight))
        assert isinstance(weight.constraint, keras.constraints.NonNeg)


def test_initial_values():
    cell = cells.LayerNormLSTMCell(U)
    cell.build((None, F))
    assert np.all(np.array(cell.gain) == 1)
    assert np.all(np.array(cell.cell_gain) == 1)
    np.testing.assert_array_equal(cell.weights[2], np.repeat([0.0, 1.0, 0.0, 0.0], U))
    big = cells.IndRNNCell(500)
    big.build((None, F))
    assert 0 <= np.min(big.recurrent_kernel) < 0.05
    assert 0.95 < np.max(big.recurrent_kernel) <= 1
    for kind in (cells.PeepholeLSTMCell, cells.NoInputGateLSTMCell, cells.NoOutputGateLSTMCell):
        for wished in (True, False):
            cell = kind(U, unit_forget_bias=wished)
            cell.build((None, F))
            bias = np.split(np.array(cell.bias), len(cell.gates))
            for gate, values in zip(cell.gates, bias, strict=True):
                np.testing.assert_array_equal(values, np.full(U, wished and gate == "f"))


@pytest.mark.parametrize("width", [0, -1, 2.5, "2", True])
def test_projection_units_must_be_a_positive_integer(width):
    with pytest.raises(ValueError, match="projection_units must be a positive integer"):
        cells.ProjectedLSTMCell(U, projection_units=width)


def test_a_projection_keeps_the_width_if_none_is_given():
    cell = cells.ProjectedLSTMCell(U)
    assert (cell.projection_units, cell.state_size) == (U, [U, U])
