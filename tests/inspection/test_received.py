"""What a layer inside a model receives: values, masks and states, in models of every kind."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_seq import layers
from keras_seq.inspect import layer_input, record
from keras_seq.models import sequence_classifier

IDS = np.array([[3, 4, 5, 0], [6, 0, 0, 0]])


def test_a_mask_that_is_passed_by_name():
    model = sequence_classifier(20, 2, units=3, layers=2, embedding_units=4, word_dropout=0.2)
    for layer in (x for x in model._flatten_layers() if isinstance(x, layers.Bidirectional)):
        found = layer_input(model, layer, IDS)
        np.testing.assert_array_equal(found.mask, IDS != 0)
        records = record(layer, *found)
        assert (
            records["backward"].mask is found.mask or (records["backward"].mask == (IDS != 0)).all()
        )
    by_name = layer_input(model, layer.name, IDS)
    np.testing.assert_array_equal(by_name.inputs, found.inputs)
    assert by_name.inputs.shape == (2, 4, 6)  # what the first layer puts out


def test_a_mask_that_travels_along_and_a_layer_inside_another_model():
    embedding = keras.layers.Embedding(9, 4, mask_zero=True)
    inner = keras.Sequential([keras.layers.Identity(), layers.GRU(3, name="deep")])
    model = keras.Sequential([embedding, inner, keras.layers.Dense(1)])
    model(IDS)
    found = layer_input(model, "deep", IDS)
    np.testing.assert_array_equal(found.mask, IDS != 0)
    np.testing.assert_allclose(found.inputs, embedding(IDS))
    assert found.initial_state is None
    (layer,) = (x for x in inner.layers if x.name == "deep")
    last = record(layer, *found).states["h"][:, -1]
    np.testing.assert_allclose(last, inner(embedding(IDS)), atol=1e-6)


def test_the_state_that_an_encoder_gives():
    source, target = keras.Input((None, 4)), keras.Input((None, 4))
    _, *states = layers.LSTM(3, return_state=True)(source)
    decoder = layers.LSTM(3, return_sequences=True, name="decoder")
    model = keras.Model([source, target], decoder(target, initial_state=states))
    x = [np.ones((2, 5, 4), "float32"), np.ones((2, 3, 4), "float32")]
    found = layer_input(model, decoder, x)
    assert found.mask is None
    assert [state.shape for state in found.initial_state] == [(2, 3), (2, 3)]
    np.testing.assert_allclose(record(decoder, *found).states["h"], model(x), atol=1e-6)


def test_the_halves_of_a_bidirectional_layer_and_calls_after_the_first():
    both = layers.Bidirectional(layers.GRU(3, return_sequences=True), name="both")
    x = keras.Input((None, 6))
    model = keras.Model(x, both(both(x)))
    batch = np.ones((2, 4, 6), "float32")
    np.testing.assert_array_equal(layer_input(model, "both", batch).inputs, batch)
    half = layer_input(model, both.backward_layer, batch)
    np.testing.assert_array_equal(half.inputs, batch)


def test_nothing_stays_on_the_layer():
    model = keras.Sequential([keras.Input((None, 4)), layers.GRU(3, name="memory")])
    layer, batch = model.layers[0], np.ones((2, 3, 4), "float32")
    before = dict(vars(layer))
    layer_input(model, layer, batch)
    assert dict(vars(layer)) == before
    with pytest.raises(Exception, match=r"(?i)shape|dim"):
        layer_input(model, layer, np.ones((2, 4), "float32"))
    assert dict(vars(layer)) == before


def test_what_cannot_be_found():
    twice = [layers.GRU(4, return_sequences=True, name="twin"), layers.GRU(4, name="twin2")]
    model = keras.Sequential([keras.Input((None, 4)), *twice], name="mine")
    batch = np.ones((2, 3, 4), "float32")
    with pytest.raises(ValueError, match="mine has no layers named 'gru'; its layers: twin, twin2"):
        layer_input(model, "gru", batch)
    with pytest.raises(ValueError, match="did not call its layer stranger"):
        layer_input(model, layers.GRU(4, name="stranger"), batch)


def test_a_layer_inside_of_a_graph():
    class Hidden(keras.Model):
        def __init__(self):
            super().__init__()
            self.memory = layers.GRU(4, name="memory")
            self.run = tf.function(self.memory)

        def call(self, inputs):
            return self.run(inputs)

    model = Hidden()
    model(np.ones((2, 3, 4), "float32"))
    with pytest.raises(ValueError, match="memory is called inside of a graph"):
        layer_input(model, "memory", np.ones((2, 5, 4), "float32"))
