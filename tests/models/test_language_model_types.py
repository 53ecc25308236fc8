"""`LanguageModel` in other types of number: which part is in which, and what is lost by it."""

import keras
import numpy as np
import pytest
from layers.attending import array, randomise

from keras_seq.layers import GRU
from keras_seq.layers.carried import carrying
from keras_seq.models.kept_states import KeptStates

from .test_language_model import IDS, ON_JAX, E, U, layer_by_hand, model_of

has_float64 = pytest.mark.skipif(ON_JAX, reason="JAX has no float64 unless it is told to")


def test_steps_in_half_precision():
    full, model = (
        model_of(compiled=False, layers=2, cell="lstm", dtype=dtype)
        for dtype in ("float32", "mixed_float16")
    )
    states, found = model.initial_states(3), []
    for chunk in np.split(IDS, [2, 5], axis=1):
        logits, states = model.step(chunk, states)
        assert keras.backend.standardize_dtype(logits.dtype) == "float32"
        found.append(array(logits))
    assert {keras.backend.standardize_dtype(s.dtype) for s in states.values()} == {"float16"}
    np.testing.assert_allclose(np.concatenate(found, 1), array(full(IDS)), atol=0.05)


@pytest.mark.parametrize(
    ("dtype", "compute"),
    [("mixed_float16", "float16"), pytest.param("float64", "float64", marks=has_float64)],
)
def test_layers_are_of_the_type_of_the_model(dtype, compute):
    model = model_of(compiled=False, layers=2, tied=True, dtype=dtype)
    own = (model.embedding, *model.dropouts, *model.recurrent, model.projection)
    assert {layer.compute_dtype for layer in own} == {compute}
    states = model.initial_states(2).values()
    assert {keras.backend.standardize_dtype(state.dtype) for state in states} == {compute}
    assert keras.backend.standardize_dtype(model(IDS).dtype) == "float32"


def test_tied_logits_are_not_rounded_in_half_precision():
    """What the layers give is in halves; its product with the token vectors is in float32."""
    model = model_of(compiled=False, tied=True, embedding_units=U, dtype="mixed_float16")
    x = model.embedding(IDS)
    for layer in model.recurrent:
        x = layer(x)
    assert keras.backend.standardize_dtype(x.dtype) == "float16"
    wanted = array(x) @ array(model.embedding.embeddings).T + array(model.bias)
    np.testing.assert_allclose(array(model(IDS)), wanted, rtol=1e-5, atol=1e-5)


@has_float64
def test_states_are_kept_in_the_type_of_the_layer():
    """In float32 they would be wrong from the eighth digit on."""
    layer = GRU(U, return_sequences=True, dtype="float64", name="gru")
    layer.build((None, None, E))
    randomise(layer)
    x = np.random.default_rng(3).normal(size=(3, 6, E))
    with carrying(KeptStates([layer], rows=4)):
        found = [array(layer(chunk)) for chunk in np.split(x, [2, 3], axis=1)]
    np.testing.assert_allclose(np.concatenate(found, 1), layer_by_hand(layer, x, "gru"), atol=1e-12)
