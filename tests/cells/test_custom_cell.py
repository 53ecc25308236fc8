"""A cell of one's own, ten lines as in the docstring of `Cell`, is a full member."""

import keras
import numpy as np
import pytest
from contract import MASKS, B, F, U, sequences
from oracle.cells import block, sigmoid
from oracle.loop import run

from keras_seq.cells import Cell
from keras_seq.layers import Recurrent


class LeakyCell(Cell):
    gates = ("z", "h")

    def combine(self, x, r, states):
        z = keras.ops.sigmoid(x[0] + r[0])
        return (z * states[0] + (1 - z) * self.activation(x[1] + r[1]),)


class GatedInputCell(Cell):
    """The second tier: a product of what another product gave, and two states."""

    gates, states, open_gates = ("a", "b"), ("h", "m"), ("b",)

    def step(self, x, states, recur):
        h, m = states
        a = keras.ops.sigmoid(x[0] + recur(h, "a")[0])
        m = m + a
        return self.activation(x[1] + recur(a * h, "b")[0]), m


def leaky(x, states, kernel, recurrent, bias):
    z, n = (
        x @ block(kernel, g, U) + states[0] @ block(recurrent, g, U) + block(bias, g, U)
        for g in (0, 1)
    )
    return (sigmoid(z) * states[0] + (1 - sigmoid(z)) * np.tanh(n),)


def gated_input(x, states, kernel, recurrent, bias):
    h, m = states
    a = sigmoid(x @ block(kernel, 0, U) + h @ block(recurrent, 0, U) + block(bias, 0, U))
    n = x @ block(kernel, 1, U) + (a * h) @ block(recurrent, 1, U) + block(bias, 1, U)
    return np.tanh(n), m + a


CELLS = pytest.mark.parametrize(
    ("cell", "step"), [(LeakyCell, leaky), (GatedInputCell, gated_input)]
)
LOOPS = pytest.mark.parametrize("loop", [keras.layers.RNN, Recurrent])


@CELLS
@LOOPS
@pytest.mark.parametrize("mask", MASKS.values(), ids=MASKS)
def test_values_equal_its_equations(cell, step, loop, mask):
    random, x = np.random.default_rng(5), sequences()
    weights = [random.normal(size=s) for s in ((F, 2 * U), (U, 2 * U), (2 * U,))]
    states = [random.normal(size=(B, U)) for _ in cell.states]
    layer = loop(cell(U), return_sequences=True, return_state=True)
    layer.build(x.shape)
    layer.set_weights(weights)
    found = layer(x, initial_state=states, mask=mask)
    outputs, _, final = run(lambda v, s: step(v, s, *weights), x, states, mask)
    for a, b in zip(found, [outputs, *final], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


@CELLS
@LOOPS
def test_trains(cell, step, loop):
    keras.utils.set_random_seed(1)
    x = sequences().astype("float32")
    y = x[:, -1:, 0] * 0.3
    model = keras.Sequential([keras.Input(x.shape[1:]), loop(cell(U)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.Adam(0.05), "mse")
    history = model.fit(x, y, epochs=30, verbose=0).history["loss"]
    assert history[-1] < 0.2 * history[0]


def test_open_gate_starts_open():
    cell = GatedInputCell(U)
    cell.build((None, F))
    np.testing.assert_array_equal(cell.bias, np.repeat([0.0, 1.0], U))


def test_a_cell_without_equations_says_so():
    class Empty(Cell):
        gates = ("h",)

    with pytest.raises(NotImplementedError, match="override `combine`, or `step`"):
        Empty(U)(np.zeros((2, F), "float32"), [np.zeros((2, U), "float32")])


def test_a_saved_custom_cell_loads(tmp_path):
    x = sequences().astype("float32")
    model = keras.Sequential([keras.Input(x.shape[1:]), Recurrent(LeakyCell(U))])
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(
        tmp_path / "model.keras", custom_objects={"LeakyCell": LeakyCell}
    )
    np.testing.assert_allclose(again(x), model(x), atol=1e-6)
