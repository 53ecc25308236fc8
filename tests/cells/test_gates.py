"""`Gates`: products side by side that unpack, index and add as the equations have them."""

import keras
import numpy as np
import pytest

from keras_seq.cells import Gates

VALUES = np.random.default_rng(1).normal(size=(2, 5, 12)).astype("float32")


@pytest.mark.parametrize("values", [VALUES, VALUES[0]], ids=["sequence", "step"])
@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_gates_are_the_columns_in_their_order(values, count):
    gates, width = Gates(keras.ops.convert_to_tensor(values), count), 12 // count
    assert len(gates) == len(list(gates)) == count
    for number, part in enumerate(gates):
        columns = values[..., number * width : (number + 1) * width]
        np.testing.assert_array_equal(part, columns)
        np.testing.assert_array_equal(gates[number], columns)
    np.testing.assert_array_equal(gates[-1], values[..., -width:])
    with pytest.raises(IndexError):
        gates[count]


def test_adding_is_gate_by_gate():
    x, r = (Gates(keras.ops.convert_to_tensor(VALUES[i]), 3) for i in (0, 1))
    for both, one, other in zip(x + r, x, r, strict=True):
        np.testing.assert_array_equal(both, one + other)


def test_joined_gates_keep_their_order():
    parts = [keras.ops.convert_to_tensor(VALUES[0, :, i : i + 4]) for i in (0, 4, 8)]
    joined = Gates.joined([parts[2], parts[0], parts[1]])
    assert len(joined) == 3
    for found, part in zip(joined, (parts[2], parts[0], parts[1]), strict=True):
        np.testing.assert_array_equal(found, part)
