"""Between `keras.layers` and ours: every option kept, and the values of `keras.layers` itself."""

import ast
from pathlib import Path

import keras
import numpy as np
import pytest
from contract import CASES, MASKS, RELATIVES, B, F, T, U, sequences

import keras_seq.converters
from keras_seq import cells, layers
from keras_seq.converters import from_keras, to_keras
from keras_seq.models import sequence_classifier

X = sequences()
OPTIONS = {
    "go_backwards": {"go_backwards": True},
    "unroll": {"unroll": True},
    "return_state": {"return_state": True},
    "return_sequences": {"return_sequences": True},
    "dropout": {"dropout": 0.2, "recurrent_dropout": 0.3, "seed": 4},
    "not_trainable": {"trainable": False},
    "mixed": {"dtype": "mixed_float16"},
    "zeros": {"zero_output_for_mask": True, "return_sequences": True},
    "initializers": {"kernel_initializer": "he_normal", "bias_initializer": "ones"},
    "penalties": {
        "kernel_regularizer": "l2",
        "recurrent_regularizer": "l1",
        "bias_regularizer": "l2",
        "activity_regularizer": "l1",
    },
    "constraints": {
        "kernel_constraint": "max_norm",
        "recurrent_constraint": "unit_norm",
        "bias_constraint": "non_neg",
    },
}


@keras.saving.register_keras_serializable("test_converters")
class OwnLSTM(keras.layers.LSTM):
    """A layer that may do anything."""


@keras.saving.register_keras_serializable("test_converters")
class OwnCell(keras.layers.LSTMCell):
    """A cell that may do anything."""


def randomised(thing, seed=3):
    """The same thing with random weights, no two alike."""
    random = np.random.default_rng(seed)
    thing.set_weights([random.normal(scale=0.6, size=w.shape) for w in thing.get_weights()])
    return thing


def built(layer, seed=3):
    layer.build((B, T, F))
    return randomised(layer, seed)


def values(thing, *args, **kwargs):
    found = keras.tree.flatten(thing(*args, **kwargs))
    return [keras.ops.convert_to_numpy(value) for value in found]


def assert_equal(ours, theirs, *args, atol=1e-12, **kwargs):
    """Both give the same, and it is not nothing."""
    found, expected = values(ours, *args, **kwargs), values(theirs, *args, **kwargs)
    assert len(found) == len(expected)
    for a, b in zip(found, expected, strict=True):
        assert a.dtype == b.dtype
        assert np.abs(b).max() > 1e-3
        np.testing.assert_allclose(a, b, rtol=0, atol=atol)


def everything(network):
    """All layers in a network, those inside others too."""
    for layer in network.layers:
        yield layer
        for name in ("layer", "forward_layer", "backward_layer"):
            if isinstance(getattr(layer, name, None), keras.layers.Layer):
                yield getattr(layer, name)
        if isinstance(layer, keras.Model):
            yield from everything(layer)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_values_and_states(case):
    options = {**case.options, "return_sequences": True, "return_state": True, "dtype": "float64"}
    theirs = built(case.keras_layer(U, name="mine", **options))
    ours = from_keras(theirs)
    back = to_keras(ours)
    assert (type(ours), type(back)) == (case.layer, case.keras_layer)
    for layer in (ours, back):
        assert layer.name == "mine"
        for a, b in zip(layer.get_weights(), theirs.get_weights(), strict=True):
            np.testing.assert_array_equal(a, b)
        for mask in (MASKS["none"], MASKS["scattered"]):
            assert_equal(layer, theirs, X, initial_state=case.states(), mask=mask)


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
@pytest.mark.parametrize("name", ["SimpleRNN", "LSTM", "GRU"])
def test_every_option_is_kept(name, options):
    theirs = getattr(keras.layers, name)(U, **options)
    ours = from_keras(theirs)
    back = to_keras(ours)
    config, own = theirs.get_config(), ours.get_config()
    assert back.get_config() == config
    assert {key: own[key] for key in config} == config
    assert not ours.built
    assert not back.built
    assert ours.cell.trainable == back.cell.trainable == options.get("trainable", True)
    if name != "SimpleRNN":
        theirs.use_cudnn = False
        assert from_keras(theirs).use_cudnn is to_keras(from_keras(theirs)).use_cudnn is False
        assert from_keras(from_keras(theirs)).use_cudnn is False


def test_functions_need_no_registered_name():
    def sharp(x):
        return keras.ops.tanh(2 * x)

    def penalty(w):
        return keras.ops.sum(w**4)

    options = {"activation": sharp, "kernel_regularizer": penalty, "activity_regularizer": penalty}
    theirs = built(keras.layers.LSTM(U, dtype="float64", **options))
    ours = from_keras(theirs)
    for layer in (ours, from_keras(ours), to_keras(ours)):
        assert_equal(layer, theirs, X)
        np.testing.assert_allclose(layer.losses, theirs.losses)
    ours = built(layers.PeepholeLSTM(U, dtype="float64", **options))
    theirs = to_keras(ours, allow_cells=True)
    assert_equal(theirs, ours, X)
    np.testing.assert_allclose(theirs.losses, ours.losses)

    inputs = keras.Input((None, F))
    model = keras.layers.Dense(2, sharp)(keras.layers.GRU(U, recurrent_activation=sharp)(inputs))
    model = randomised(keras.Model(inputs, model))
    assert_equal(from_keras(model), model, X.astype("float32"), atol=1e-6)


@pytest.mark.parametrize("name", ["go_backwards", "unroll", "zeros", "return_state"])
def test_options_have_their_values(name):
    theirs = built(keras.layers.GRU(U, dtype="float64", **OPTIONS[name]))
    assert_equal(from_keras(theirs), theirs, X, mask=MASKS["right"])
    assert_equal(to_keras(from_keras(theirs)), theirs, X, mask=MASKS["right"])


@pytest.mark.parametrize("wrapped", [False, True], ids=["alone", "bidirectional"])
@pytest.mark.parametrize("convert", [from_keras, to_keras], ids=["from", "to"])
def test_a_stateful_layer_goes_on_where_it_was(convert, wrapped):
    library = keras.layers if convert is from_keras else layers
    old = library.LSTM(U, stateful=True, dtype="float64")
    old = library.Bidirectional(old, dtype="float64") if wrapped else old
    randomised(built(old))
    old(X)
    assert_equal(convert(old), old, X)


@pytest.mark.parametrize("mode", ["concat", "sum", "mul", "ave", None])
def test_bidirectional(mode):
    theirs = keras.layers.Bidirectional(
        keras.layers.LSTM(U, return_sequences=True, return_state=True, dtype="float64"),
        merge_mode=mode,
        backward_layer=keras.layers.LSTM(
            U,
            activation="relu",
            use_bias=False,
            go_backwards=True,
            return_sequences=True,
            return_state=True,
            dtype="float64",
        ),
        dtype="float64",
        name="both",
    )
    theirs.forward_layer.use_cudnn = theirs.backward_layer.use_cudnn = False
    built(theirs)
    ours = from_keras(theirs)
    assert type(ours) is layers.Bidirectional
    assert type(ours.forward_layer) is type(ours.backward_layer) is layers.LSTM
    back = to_keras(ours)
    assert type(back) is keras.layers.Bidirectional
    assert type(back.forward_layer) is type(back.backward_layer) is keras.layers.LSTM
    assert back.get_config() == theirs.get_config()
    for layer in (ours, back):
        assert layer.forward_layer.use_cudnn is layer.backward_layer.use_cudnn is False
        for mask in MASKS.values():
            assert_equal(layer, theirs, X, mask=mask)


def test_bidirectional_over_two_classes_and_two_libraries():
    theirs = keras.layers.Bidirectional(
        keras.layers.GRU(U, return_sequences=True, dtype="float64"),
        backward_layer=layers.LSTM(
            2, go_backwards=True, return_sequences=True, dtype="float64", trainable=False
        ),
        dtype="float64",
    )
    built(theirs)
    for converted, library in ((from_keras(theirs), layers), (to_keras(theirs), keras.layers)):
        assert type(converted) is library.Bidirectional
        assert type(converted.forward_layer) is library.GRU
        assert type(converted.backward_layer) is library.LSTM
        assert len(converted.trainable_variables) == 3
        assert_equal(converted, theirs, X, mask=MASKS["left"])
    # The wrapper is ours, the layer in it theirs.
    mixed = built(layers.Bidirectional(keras.layers.LSTM(U, dtype="float64"), dtype="float64"))
    assert type(from_keras(mixed).forward_layer) is layers.LSTM
    assert_equal(from_keras(mixed), mixed, X)


@pytest.mark.parametrize("name", ["SimpleRNN", "LSTM", "GRU"])
def test_a_cell_of_keras_becomes_the_layer(name):
    cell = getattr(keras.layers, f"{name}Cell")(
        U, activation="softsign", dropout=0.2, recurrent_dropout=0.1, seed=5, dtype="float64"
    )
    theirs = keras.layers.RNN(
        cell, return_sequences=True, return_state=True, go_backwards=True, dtype="float64"
    )
    built(theirs)
    cell.trainable = False
    ours = from_keras(theirs)
    assert type(ours) is getattr(layers, name)
    assert (ours.dropout, ours.recurrent_dropout, ours.seed) == (0.2, 0.1, 5)
    assert ours.trainable
    assert not ours.cell.trainable
    assert_equal(ours, theirs, X, mask=MASKS["scattered"])


def test_a_cell_of_ours_becomes_recurrent():
    class LocalCell(cells.PeepholeLSTMCell):
        """One that Keras could not find by its name."""

    theirs = keras.layers.RNN(
        LocalCell(U, dtype="float64"), return_sequences=True, return_state=True, dtype="float64"
    )
    built(theirs)
    ours = from_keras(theirs)
    assert type(ours) is layers.Recurrent
    assert type(ours.cell) is LocalCell
    assert ours.cell is not theirs.cell
    again = from_keras(ours)
    assert type(again) is layers.Recurrent
    for layer in (ours, again, to_keras(again, allow_cells=True)):
        assert_equal(layer, theirs, X, mask=MASKS["left"])


@pytest.mark.parametrize(
    "given",
    [
        keras.layers.Dense(2),
        keras.layers.ConvLSTM1D(2, 2),
        keras.layers.LSTMCell(2),
        OwnLSTM(2),
        keras.layers.RNN(OwnCell(2)),
        keras.layers.Bidirectional(OwnLSTM(2)),
        "lstm",
    ],
    ids=["dense", "conv", "cell", "subclass", "own_cell", "bidirectional", "name"],
)
def test_other_layers_are_refused(given):
    with pytest.raises(TypeError, match=rf"from_keras takes .* got {type(given).__name__}"):
        from_keras(given)


def test_what_cannot_be_ours_is_told():
    stacked = keras.layers.RNN([keras.layers.LSTMCell(2), keras.layers.GRUCell(2)], name="tower")
    with pytest.raises(ValueError, match=r"tower runs StackedRNNCells.*split"):
        from_keras(stacked)
    with pytest.raises(ValueError, match="tower runs StackedRNNCells"):
        from_keras(keras.Sequential([stacked]))
    with pytest.raises(ValueError, match="float32 and its cell of float64"):
        from_keras(keras.layers.RNN(keras.layers.LSTMCell(2, dtype="float64")))

    class OwnModel(keras.Model):
        pass

    with pytest.raises(TypeError, match="OwnModel is a model of a class of its own"):
        from_keras(OwnModel())
    with pytest.raises(TypeError, match=r"to_keras takes .* got Dense"):
        to_keras(keras.layers.Dense(2))


@pytest.mark.parametrize("case", RELATIVES, ids=lambda case: case.name)
def test_layers_without_a_namesake(case):
    ours = case.layer(
        U, return_sequences=True, return_state=True, dtype="float64", name="mine", **case.options
    )
    built(ours)
    with pytest.raises(ValueError, match=rf"mine: .* no {case.layer.__name__}\. allow_cells=True"):
        to_keras(ours)
    theirs = to_keras(ours, allow_cells=True)
    assert type(theirs) is keras.layers.RNN
    assert type(theirs.cell) is case.cell
    assert_equal(theirs, ours, X, mask=MASKS["scattered"])
    assert type(from_keras(theirs)) is layers.Recurrent


def test_a_cell_in_keras_would_lose_the_dropout():
    for name in ("dropout", "recurrent_dropout", "zoneout"):
        with pytest.raises(ValueError, match=rf"mine \(PeepholeLSTM\) has {name}, which .* lose"):
            to_keras(layers.PeepholeLSTM(2, name="mine", **{name: 0.1}), allow_cells=True)
    for kept in (layers.LSTM(2, zoneout=[0.1, 0]), layers.Recurrent(cells.GRUCell(2), zoneout=0.1)):
        assert from_keras(kept).zoneout == kept.zoneout
        with pytest.raises(ValueError, match="has zoneout, which"):
            to_keras(kept)
    # The namesake has it.
    kept = to_keras(layers.Recurrent(cells.LSTMCell(2), dropout=0.1, recurrent_dropout=0.2, seed=7))
    assert type(kept) is keras.layers.LSTM
    assert (kept.dropout, kept.recurrent_dropout, kept.cell.seed) == (0.1, 0.2, 7)


def test_a_subclass_of_ours_is_not_its_cell_alone():
    class OwnLayer(layers.CellLayer):
        cell_class = cells.LSTMCell

    with pytest.raises(ValueError, match="no OwnLayer"):
        to_keras(OwnLayer(2))
    assert type(to_keras(OwnLayer(2), allow_cells=True)) is keras.layers.RNN
    assert type(from_keras(OwnLayer(2))) is OwnLayer


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
