"""Models between `keras.layers` and ours: nested, shared, wrapped, with layers of one's own."""

import ast
from pathlib import Path

import keras
import numpy as np
import pytest
from contract import F, T, U, sequences

import keras_seq.converters
from converters.given import OwnLSTM, assert_equal, everything, randomised
from keras_seq import layers
from keras_seq.converters import from_keras, to_keras
from keras_seq.models import sequence_classifier

X = sequences()
IDS = np.array([[3, 5, 2, 0], [1, 0, 0, 0], [4, 2, 6, 1]])


def sequential():
    return keras.Sequential(
        [
            keras.Input((None,), dtype="int32", name="ids"),
            keras.layers.Embedding(7, F, mask_zero=True),
            keras.layers.LSTM(U, return_sequences=True),
            keras.layers.Bidirectional(keras.layers.GRU(U, return_sequences=True)),
            keras.layers.Dropout(0.1),
            layers.PeepholeLSTM(U),
            keras.layers.Dense(2),
        ],
        name="tower",
    )


def test_a_sequential_model():
    theirs = randomised(sequential())
    before = theirs.get_weights()
    ours = from_keras(theirs)
    assert type(ours) is keras.Sequential
    assert ours.name == "tower"
    assert [layer.name for layer in ours.layers] == [layer.name for layer in theirs.layers]
    found = [type(layer) for layer in ours.layers[1:5]]
    assert found == [layers.LSTM, layers.Bidirectional, keras.layers.Dropout, layers.PeepholeLSTM]
    assert_equal(ours, theirs, IDS, atol=1e-6)
    back = to_keras(ours, allow_cells=True)
    found = [type(layer) for layer in back.layers[1:5]]
    own = keras.layers
    assert found == [own.LSTM, own.Bidirectional, own.Dropout, own.RNN]
    assert_equal(back, theirs, IDS, atol=1e-6)
    with pytest.raises(ValueError, match="allow_cells"):
        to_keras(ours)
    randomised(ours, 9)  # nothing is shared
    for a, b in zip(theirs.get_weights(), before, strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_sequential_model_without_an_input():
    theirs = keras.Sequential([keras.layers.GRU(U), keras.layers.Dense(2)])
    assert not from_keras(theirs).built
    theirs(X.astype("float32"))
    assert_equal(from_keras(randomised(theirs)), theirs, X.astype("float32"), atol=1e-6)


def functional():
    """Nested models, shared layers inside and outside of them, wrappers, all kinds of layers."""
    first, second = keras.Input((None, F), name="first"), keras.Input((2, T, F), name="second")
    shared = keras.layers.LSTM(U, return_sequences=True, name="shared")
    inner = keras.Input((None, F))
    encoder = keras.Model(
        inner, keras.layers.BatchNormalization(name="norm")(shared(inner)), name="encoder"
    )
    head = keras.Sequential(
        [keras.Input((None, U)), keras.layers.GRU(2, name="inner_gru")], name="head"
    )
    a, b = head(encoder(first)), head(shared(first * 2.0))
    c = keras.layers.TimeDistributed(
        keras.layers.Bidirectional(keras.layers.LSTM(2)), name="each_lstm"
    )(second)
    d = keras.layers.TimeDistributed(keras.Sequential([encoder, head]), name="each_network")(second)
    e = keras.layers.Bidirectional(OwnLSTM(2), name="own")(first)
    f, h, _ = keras.layers.LSTM(2, return_state=True, name="states")(first)
    g = keras.layers.Lambda(lambda x: keras.ops.sin(x), name="python")(f)
    outputs = {"many": [a, b, c], "few": (keras.ops.concatenate([d[:, 0], e, g], -1), h)}
    return keras.Model([first, second], outputs, name="graph")


def test_a_functional_model():
    theirs = randomised(functional())
    norm = theirs.get_layer("encoder").get_layer("norm")
    norm.moving_variance.assign(np.array([0.5, 2, 3]))
    theirs.get_layer("encoder").trainable = False
    norm.trainable = True
    theirs.compile(loss=lambda y, p: keras.ops.mean(y - p))  # which no name is registered for
    ours = from_keras(theirs)
    x = [X.astype("float32"), np.stack([X, -X], 1).astype("float32")]
    assert_equal(ours, theirs, x, atol=1e-5)
    assert not ours.compiled
    assert theirs.compiled

    old = (keras.layers.LSTM, keras.layers.GRU)
    assert [part.name for part in everything(ours) if type(part) in old] == []
    assert type(ours.get_layer("own").forward_layer) is OwnLSTM
    assert type(ours.get_layer("each_lstm").layer) is layers.Bidirectional
    inner = ours.get_layer("encoder").get_layer("shared")
    assert type(inner) is layers.LSTM
    assert inner is ours.get_layer("shared")
    assert len(ours.weights) == len(theirs.weights)
    assert not ours.get_layer("encoder").trainable
    assert not ours.get_layer("shared").trainable
    assert ours.get_layer("encoder").get_layer("norm").trainable
    assert len(ours.trainable_variables) == len(theirs.trainable_variables)

    back = to_keras(ours)
    new = (layers.LSTM, layers.GRU, layers.Bidirectional)
    assert [part.name for part in everything(back) if type(part) in new] == []
    assert_equal(back, theirs, x, atol=1e-5)


def test_a_model_of_this_library():
    ours = sequence_classifier(9, 2, cell="lstm", units=U, layers=2, embedding_units=F)
    theirs = to_keras(randomised(ours))
    kinds = [type(layer) for layer in theirs.layers if "bidirectional" in layer.name]
    assert kinds == [keras.layers.Bidirectional] * 2
    assert_equal(theirs, ours, IDS, atol=1e-6)
    assert_equal(from_keras(theirs), ours, IDS, atol=1e-6)


def test_layers_that_hold_more_than_weights():
    words = keras.layers.TextVectorization()
    words.adapt(["one two three four", "two three four", "three four"])
    norm = keras.layers.Normalization()
    norm.adapt(np.random.default_rng(0).normal(3, 2, size=(9, 1, F)))
    theirs = keras.Sequential(
        [
            keras.Input((), dtype="string"),
            words,
            keras.layers.Embedding(8, F, mask_zero=True),
            norm,
            keras.layers.LSTM(U),
        ]
    )
    ours = from_keras(theirs)
    assert ours.layers[0].get_vocabulary() == words.get_vocabulary()
    given = keras.ops.convert_to_tensor(["four one", "two three nine"])
    assert_equal(ours, theirs, given, atol=1e-6)
    empty = keras.Sequential([keras.Input((), dtype="string"), keras.layers.TextVectorization()])
    assert from_keras(empty).layers[0].get_vocabulary() == ["", "[UNK]"]


def test_the_layers_that_a_layer_of_ones_own_was_given():
    @keras.saving.register_keras_serializable("test_converters")
    class OwnHolder(keras.layers.Layer):
        def __init__(self, pair, **kwargs):
            super().__init__(**kwargs)
            self.pair = pair

        def build(self, shape):
            for layer in self.pair:
                layer.build(shape)

        def call(self, x):
            return self.pair[0](x) + self.pair[1](x)

        def get_config(self):
            return {**super().get_config(), "pair": keras.saving.serialize_keras_object(self.pair)}

        @classmethod
        def from_config(cls, config):
            return cls(**{**config, "pair": keras.saving.deserialize_keras_object(config["pair"])})

    given = [OwnLSTM(U, name="a"), keras.layers.GRU(U, name="b")]
    theirs = keras.Sequential([keras.Input((None, F)), OwnHolder(given)])
    ours = from_keras(randomised(theirs))
    assert [type(layer) for layer in ours.layers[0].pair] == [OwnLSTM, layers.GRU]
    assert_equal(ours, theirs, X.astype("float32"), atol=1e-6)


def test_a_layer_of_ones_own_stays_with_what_it_made():
    class OwnBlock(keras.layers.Layer):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.rnn, self.dense = keras.layers.LSTM(U), keras.layers.Dense(2)

        def build(self, shape):
            self.rnn.build(shape)
            self.dense.build((None, U))
            self.scale = self.add_weight(shape=(2,), name="scale")

        def call(self, x):
            return self.dense(self.rnn(x)) * self.scale

    theirs = keras.Sequential(
        [keras.Input((None, F)), keras.layers.GRU(F, return_sequences=True), OwnBlock()]
    )
    ours = from_keras(randomised(theirs))
    assert type(ours.layers[1].rnn) is keras.layers.LSTM
    assert_equal(ours, theirs, X.astype("float32"), atol=1e-6)


def test_a_converted_model_trains_and_is_saved(tmp_path):
    inputs = keras.Input((4,), dtype="int32")
    outputs = keras.layers.LSTM(2)(keras.layers.Embedding(7, F, mask_zero=True)(inputs))
    ours = from_keras(randomised(keras.Model(inputs, outputs)))
    ours.compile("sgd", "mse")
    first = ours.evaluate(IDS, np.ones((3, 2)), verbose=0)
    ours.fit(IDS, np.ones((3, 2)), epochs=2, verbose=0)
    assert ours.evaluate(IDS, np.ones((3, 2)), verbose=0) < first
    ours.save(tmp_path / "ours.keras")
    assert_equal(keras.models.load_model(tmp_path / "ours.keras"), ours, IDS, atol=1e-6)


def test_every_backend_is_served():
    for file in Path(keras_seq.converters.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            names = [alias.name for alias in getattr(node, "names", ())]
            names.append(getattr(node, "module", None) or "")
            assert not {name.split(".")[0] for name in names} & {"tensorflow", "jax", "torch"}
