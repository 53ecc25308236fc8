"""What a recurrent layer says of input that is wrong, and NaN, which is none of its business."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from contract import CASES, RELATIVES, B, F, T, U, sequences

from keras_seq.layers import GRU, LSTM, lowering

X = sequences().astype("float32")
MAIN = [case for case in [*CASES, *RELATIVES] if case.main]


def zeros(*shape):
    return np.zeros(shape, "float32")


BAD = {
    "a step": (X[:, 0], {}, "expected ndim=3, found ndim=2"),
    "two batches": (X[None], {}, "expected ndim=3, found ndim=4"),
    "other features": (X[..., :-1], {}, f"axis -1 of input shape to have value {F}"),
    "no steps": (X[:, :0], {}, "at least one time step; got T = 0"),
    "state too wide": (
        X,
        {"initial_state": [zeros(B, U + 1), zeros(B, U)]},
        rf"must be h \({B}, {U}\), c \({B}, {U}\); got \({B}, {U + 1}\), \({B}, {U}\)",
    ),
    "one state of two": (X, {"initial_state": [zeros(B, U)]}, rf"; got \({B}, {U}\)\."),
    "states of other rows": (X, {"initial_state": [zeros(B + 1, U)] * 2}, rf"got \({B + 1}, {U}"),
    "mask too short": (X, {"mask": np.ones((B, T - 1), bool)}, rf"got \({B}, {T - 1}\)"),
    "mask of one rank": (X, {"mask": np.ones(B, bool)}, rf"must be \({B}, {T}\), one boolean"),
    "mask of features": (X, {"mask": np.ones((B, T, F), bool)}, rf"got \({B}, {T}, {F}\)"),
}


@pytest.mark.parametrize(("x", "options", "message"), BAD.values(), ids=BAD)
def test_the_error_says_what_came_and_what_was_expected(x, options, message):
    layer = LSTM(U)
    layer(X)
    with pytest.raises(ValueError, match=message):
        layer(x, **options)


def test_shapes_that_are_not_known_are_let_through():
    """As in a model, where B and T are None."""
    sequences, state = keras.Input((None, F)), keras.Input((U,))
    mask = keras.Input((None,), dtype="bool")
    model = keras.Model([sequences, state, mask], GRU(U)(sequences, initial_state=state, mask=mask))
    assert model([X, zeros(B, U), np.ones((B, T), bool)]).shape == (B, U)


@pytest.mark.parametrize("case", MAIN, ids=lambda case: case.name)
def test_nan_passes_through_and_stays_in_its_row(case):
    layer = case.layer(U, **case.options, return_sequences=True)
    layer.build((B, T, F))
    layer.set_weights(case.weights())
    x = X.copy()
    x[1, 2, 0] = np.nan
    clean = np.array(layer(X))
    for call in (layer, tf.function(layer)):
        found = np.array(call(x))
        assert np.isnan(found[1, 2:]).any(axis=-1).all()
        np.testing.assert_allclose(found[[0, 2]], clean[[0, 2]], atol=1e-5)
        np.testing.assert_allclose(found[1, :2], clean[1, :2], atol=1e-5)
    with lowering("export"):
        assert np.isnan(np.array(layer(x))[1, 2:]).any(axis=-1).all()
