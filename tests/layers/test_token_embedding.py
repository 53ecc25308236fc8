"""`TokenEmbedding`: vectors, logits, the size of both, types, sharing."""

import keras
import numpy as np
import pytest

from keras_seq.layers import TokenEmbedding

from .attending import array, normal, randomise

V, U = 9, 5
IDS = np.random.default_rng(1).integers(0, V, (3, 4))


def made(dtype="float64"):
    layer = TokenEmbedding(V, U, dtype=dtype)
    layer.build((None, None))
    return randomise(layer)


def test_equals_numpy():
    layer, x = made(), normal(3, 4, U)
    table = array(layer.embeddings)
    assert table.shape == (V, U)
    for ids in (IDS, IDS[:, 0], IDS[0, 0], IDS[..., None]):
        expected = np.array([table[i] for i in np.ravel(ids)]).reshape(*np.shape(ids), U)
        np.testing.assert_allclose(layer(ids), expected * np.sqrt(U), rtol=1e-12)
    expected = [[[sum(x[b, t] * row) for row in table] for t in range(4)] for b in range(3)]
    np.testing.assert_allclose(layer.logits(x), expected, rtol=1e-12)
    np.testing.assert_allclose(layer.logits(x[:, 0]), np.array(expected)[:, 0], rtol=1e-12)


def test_vectors_start_at_a_size_that_does_not_hang_on_their_width():
    for units in (16, 400):
        layer = TokenEmbedding(500, units)
        layer.build()
        table = array(layer.embeddings)
        assert 0.9 < np.linalg.norm(table, axis=1).mean() < 1.1
        assert 0.9 < array(layer(np.arange(500))).std() < 1.1
        directions = normal(50, units)
        directions /= np.linalg.norm(directions, axis=1, keepdims=True)
        assert 0.7 < array(layer.logits(directions)).std() * units**0.5 < 1.3


@pytest.mark.parametrize(
    ("dtype", "tolerance"), [("float32", 1e-6), ("mixed_float16", 3e-3), ("mixed_bfloat16", 3e-2)]
)
def test_types(dtype, tolerance):
    exact, layer, x = made(), made(dtype), normal(3, 4, U)
    assert layer.embeddings.dtype == "float32"
    compute = layer.compute_dtype
    for found, expected in (
        (layer(IDS), exact(IDS)),
        (layer.logits(keras.ops.cast(x, compute)), exact.logits(x)),
    ):
        assert keras.backend.standardize_dtype(found.dtype) == compute
        found = array(keras.ops.cast(found, "float64"))
        np.testing.assert_allclose(found, array(expected), rtol=tolerance, atol=3 * tolerance)


def test_building_again_keeps_the_matrix():
    layer = made()
    kept = layer.embeddings
    layer.build((None,))
    assert layer.embeddings is kept
    assert len(layer.weights) == 1


def test_configuration_and_shapes():
    layer = made()
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
    assert again.get_config() == layer.get_config()
    assert layer.compute_output_shape((None, 7)) == (None, 7, U)
    assert TokenEmbedding(V, U)(keras.Input((None,), dtype="int32")).shape == (None, None, U)


@pytest.mark.parametrize("sizes", [(0, 3), (4, 0), (-1, 2)])
def test_sizes_below_one_are_refused(sizes):
    with pytest.raises(ValueError, match=f"at least 1; got {sizes[0]} and {sizes[1]}"):
        TokenEmbedding(*sizes)
