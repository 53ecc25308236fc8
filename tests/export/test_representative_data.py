"""The data that whole numbers are fitted to: what is taken of it, and what is refused."""

import numpy as np
import pytest
import tensorflow as tf

from keras_seq.export import ExportError, tflite, to_tflite
from keras_seq.export.quantize import representative_rows
from keras_seq.export.signature import Signature
from keras_seq.layers import loops

from .examples import WIDE_ROWS, make_wide, wide_batches


def rows_of(data, length=5):
    """What the calibration is fed from data of the wide model."""
    signature = Signature.of(make_wide())
    return representative_rows(signature, signature.fixed(WIDE_ROWS, length), data)


def given(rows, seed=0):
    (inputs,) = wide_batches(1, rows, seed)
    return inputs


def assert_rows_of(found, inputs):
    """The batches hold the rows of the inputs, in their order, cut to the length."""
    for name in ("ids", "frames"):
        rows = np.concatenate([batch[name] for batch in found])
        np.testing.assert_array_equal(rows, inputs[name][:, :5])
        assert {batch[name].shape[0] for batch in found} == {WIDE_ROWS}


def test_data_in_any_form():
    inputs, labels = given(6), np.arange(6)
    pair = [inputs["ids"], inputs["frames"]]
    dataset = tf.data.Dataset.from_tensor_slices
    for data in (
        [inputs],
        [(inputs, labels)],
        [pair],
        (batch for batch in [(pair, labels)]),
        dataset(inputs).batch(4),
        dataset((inputs, labels)).batch(2),
    ):
        assert_rows_of(rows_of(data), inputs)


def test_several_inputs_in_a_tuple():
    """As tf.data gives what `fit` takes: ((ids, frames), labels)."""
    inputs = given(6)
    pair = inputs["ids"], inputs["frames"]
    data = tf.data.Dataset.from_tensor_slices((pair, np.arange(6))).batch(2)
    assert_rows_of(rows_of(data), inputs)


def test_no_more_than_256_rows_are_taken():
    seen = []

    def endless():
        while True:
            seen.append(given(100, seed=len(seen)))
            yield seen[-1]

    found = rows_of(endless())
    assert 256 <= sum(len(batch["ids"]) for batch in found) <= 300
    assert len(seen) == 3


def test_an_open_length_is_fed_in_lengths_that_reach_both_loops():
    """A block of 8, and each of the steps that can be left after the last."""
    for length in (1, 36, 50):
        inputs = {name: np.resize(a, (4, length, *a.shape[2:])) for name, a in given(4).items()}
        found = rows_of([inputs], length=None)
        steps = {batch["ids"].shape[1] for batch in found}
        assert all(n % loops.BLOCK == loops.BLOCK - 1 and n >= 2 * loops.LARGE_BLOCK for n in steps)
        assert max(steps) >= length
        assert {batch["frames"].shape[1] for batch in found} == steps


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (None, "give `representative_data`"),
        ([], "holds no batch"),
        (iter(()), "generator that was read before is empty"),
        (tf.data.Dataset.from_tensor_slices(np.zeros((0, 4))), "holds no batch"),
        (np.zeros((2, 4)), r"got ndarray. Put one batch in a list: \[batch\]"),
        ({"ids": np.zeros((2, 4))}, "got dict"),
        ("data.csv", "got str"),
        (3, "got int"),
        ([{"ids": np.ones((2, 4))}], r"representative_data gave \['ids'\]"),
        (
            [[np.ones((2, 4)), np.ones((2, 4, 2))]],
            "'frames' takes the shape .* representative_data",
        ),
        ([[np.ones((0, 4)), np.ones((0, 4, 3))]], "each size at least 1; representative_data"),
        ([[np.array(["a"]), np.ones((2, 4, 3))]], "takes the shape"),
    ],
)
def test_data_that_does_not_suit(data, words):
    with pytest.raises(ExportError, match=words):
        rows_of(data)


def test_a_generator_is_read_once():
    data = (batch for batch in wide_batches(3))
    assert rows_of(data)
    with pytest.raises(ExportError, match="read before"):
        rows_of(data)


def test_int8_without_data_is_refused_before_the_conversion(monkeypatch, tmp_path):
    monkeypatch.setattr(tflite, "convert", None)
    with pytest.raises(ExportError, match="give `representative_data`"):
        to_tflite(make_wide(), tmp_path / "model.tflite", quantize="int8")
    assert list(tmp_path.iterdir()) == []
