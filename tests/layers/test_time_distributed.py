"""TimeDistributed gives what Keras' own gives, and hands the mask on."""

import keras
import numpy as np
from contract import MASKS, sequences

from keras_seq.layers import GlobalMaxPooling1D, TimeDistributed


def test_equals_keras_and_keeps_the_mask():
    ours, theirs = (
        kind(keras.layers.Dense(6)) for kind in (TimeDistributed, keras.layers.TimeDistributed)
    )
    x, mask = sequences().astype("float32"), MASKS["scattered"]
    ours.build(x.shape)
    theirs.build(x.shape)
    theirs.set_weights(ours.get_weights())
    np.testing.assert_allclose(ours(x, mask=mask), theirs(x, mask=mask), atol=1e-6)
    np.testing.assert_array_equal(ours.compute_mask(x, mask), mask)


def test_mask_reaches_the_next_layer():
    ids = np.array([[4, 2, 0], [3, 0, 0]])
    embedding = keras.layers.Embedding(5, 3, mask_zero=True)
    dense = TimeDistributed(keras.layers.Dense(4, use_bias=False))
    pooled = GlobalMaxPooling1D()(dense(embedding(ids)))
    rows = keras.ops.convert_to_numpy(dense(embedding(ids)))
    np.testing.assert_allclose(pooled, [rows[0, :2].max(axis=0), rows[1, 0]], atol=1e-6)


def test_config_round_trip():
    layer = TimeDistributed(keras.layers.Dense(6, name="inner"), name="outer")
    again = TimeDistributed.from_config(layer.get_config())
    assert (again.name, again.layer.units, again.layer.name) == ("outer", 6, "inner")
