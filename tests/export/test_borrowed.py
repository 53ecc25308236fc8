"""Models of `keras.layers` alone: the same call exports them, and leaves them as they were."""

import keras
import numpy as np
import pytest
from keras import ops

from keras_seq import cells
from keras_seq.export import ExportError, to_tflite

from .examples import interpreted, padded_ids, randomise


@keras.saving.register_keras_serializable("tests")
class OddCell(keras.layers.Layer):
    """Its output is no state, is wider than any, and its states begin at 0.3 and -0.2."""

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units, self.state_size, self.output_size = units, [units, 2], units + 2

    def build(self, shape):
        self.kernel = self.add_weight(shape=(shape[-1], self.units), name="kernel")
        self.recurrent = self.add_weight(shape=(self.units, self.units), name="recurrent")
        self.slow = self.add_weight(shape=(self.units, 2), name="slow")

    def get_initial_state(self, batch_size=None):
        return [ops.full((batch_size, self.units), 0.3), ops.full((batch_size, 2), -0.2)]

    def call(self, inputs, states, training=False):
        h, slow = states
        h = ops.tanh(inputs @ self.kernel + h @ self.recurrent)
        slow = 0.9 * slow + 0.1 * (h @ self.slow)
        return ops.concatenate([h * h, ops.softplus(slow)], axis=-1), [h, slow]

    def get_config(self):
        return {**super().get_config(), "units": self.units}


@keras.saving.register_keras_serializable("tests")
class OneStateCell(keras.layers.Layer):
    """A cell as Keras' guide writes them: one state, and its size a number."""

    state_size = 3

    def build(self, shape):
        self.kernel = self.add_weight(shape=(shape[-1], 3), name="kernel")
        self.recurrent = self.add_weight(shape=(3, 3), name="recurrent")

    def call(self, inputs, states):
        h = inputs @ self.kernel + states[0] @ self.recurrent
        return ops.sin(h), [ops.cos(h)]


@keras.saving.register_keras_serializable("tests")
class LeakyCell(cells.Cell):
    gates = ("z", "h")

    def combine(self, x, r, states):
        z = ops.sigmoid(x[0] + r[0])
        return (z * states[0] + (1 - z) * self.activation(x[1] + r[1]),)


def make_theirs():
    """Every recurrent layer of Keras that has steps of vectors, and cells of three kinds."""
    keras_layers = keras.layers
    ids = keras.Input((None,), dtype="int32", name="ids")
    x = keras_layers.Embedding(30, 5, mask_zero=True)(ids)
    bare = keras_layers.Dense(5)(keras_layers.Embedding(30, 4)(ids))
    start = [keras_layers.Dense(4)(keras_layers.GlobalMaxPooling1D()(bare)) for _ in range(2)]
    lstm = keras_layers.LSTM(4, return_sequences=True, return_state=True)
    sequence, _, memory = lstm(x, initial_state=start)
    stacked = [keras_layers.LSTMCell(3), OddCell(4), keras_layers.GRUCell(2, reset_after=False)]
    both = keras_layers.Bidirectional(keras_layers.GRU(3, return_sequences=True), merge_mode="sum")
    zeros = {"return_sequences": True, "zero_output_for_mask": True}
    outputs = {
        "sequence": sequence,
        "memory": memory,
        "gru": keras_layers.GRU(3, reset_after=False)(sequence),
        "simple": keras_layers.SimpleRNN(3, go_backwards=True, activation="relu", **zeros)(x),
        "both": both(x),
        "relu": keras_layers.LSTM(3, activation="relu", use_bias=False)(bare),
        "odd": keras_layers.RNN(OddCell(3), return_sequences=True)(x),
        "odd_state": keras_layers.RNN(OddCell(3), return_state=True, go_backwards=True)(bare)[2],
        "one_state": keras_layers.RNN(OneStateCell(), return_sequences=True)(x),
        "stacked": keras_layers.RNN(stacked, return_sequences=True)(bare),
        "ours": keras_layers.RNN(LeakyCell(3), return_sequences=True)(x),
    }
    model = randomise(keras.Model(ids, outputs, name="theirs"))
    model.compile("sgd", "mse")
    return model


def weights_of(model):
    return [np.array(weight) for weight in model.get_weights()]


def recurrent(model):
    return [la for la in model._flatten_layers() if isinstance(la, keras.layers.RNN)]


def assert_unchanged(model, before):
    assert not [layer.name for layer in recurrent(model) if "inner_loop" in vars(layer)]
    assert model.get_config() == before["config"]
    for now, weight in zip(model.get_weights(), before["weights"], strict=True):
        np.testing.assert_array_equal(now, weight)


def state_of(model):
    return {"config": model.get_config(), "weights": weights_of(model)}


@pytest.fixture(scope="module")
def theirs(tmp_path_factory):
    model, path = make_theirs(), tmp_path_factory.mktemp("theirs") / "model.tflite"
    before = state_of(model)
    return model, path, to_tflite(model, path, check_inputs=[padded_ids(3, 9)]), before


@pytest.mark.parametrize("length", [1, 7, 18])
def test_their_layers_give_their_values(theirs, length):
    model, path, *_ = theirs
    ids = padded_ids(4, length, seed=length)
    ids[1] = ids[1, ::-1]
    ids[2, length // 3 : length // 2] = 0
    expected = model(ids, training=False)
    found = interpreted(path)(ids=ids)
    assert set(found) == set(expected)
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, rtol=1e-6, atol=1e-5, err_msg=name)


def test_every_layer_of_theirs_is_a_loop_of_ours(theirs):
    model, _, report, _ = theirs
    assert set(report.forms) >= {layer.name for layer in recurrent(model)}
    assert set(report.forms.values()) == {"loop"}
    assert report.file.ops["WHILE"] == 2 * len(recurrent(model))


def test_the_model_is_what_it_was(theirs):
    model, _, _, before = theirs
    assert_unchanged(model, before)
    assert len(recurrent(model)) == 11


class Subclassed(keras.Model):
    """A model as a user writes it, with its layers in a list and one shared."""

    def __init__(self):
        super().__init__()
        self.stack = [keras.layers.LSTM(3, return_sequences=True), keras.layers.GRU(5)]
        self.cell = keras.layers.RNN(OneStateCell(), return_sequences=True)
        self.scores = keras.layers.Dense(2)

    def call(self, inputs, training=False):
        x, mask = inputs["frames"], inputs["real"] > 0
        x = self.cell(self.stack[0](x, mask=mask, training=training), mask=mask)
        return {"scores": self.scores(self.stack[1](self.cell(x), mask=mask))}


def test_a_subclassed_model_in_fused_ops_that_learns_on(tmp_path):
    random = np.random.default_rng(4)
    frames = random.normal(size=(3, 10, 4)).astype("float32")
    inputs = {"frames": frames, "real": (random.random((3, 10)) < 0.7).astype("int32")}
    model = Subclassed()
    model.compile("sgd", "mse")
    model.fit(inputs, {"scores": random.normal(size=(3, 2))}, verbose=0)
    randomise(model)
    path, weights, expected = tmp_path / "model.tflite", model.get_weights(), model(inputs)
    options = {"mode": "fused", "batch_size": 3, "check_inputs": [inputs]}
    report = to_tflite(model, path, **options)
    lstm, gru = (layer.name for layer in model.stack)
    assert report.forms == {lstm: "fused", gru: "loop", model.cell.name: "loop"}
    assert report.file.ops["UNIDIRECTIONAL_SEQUENCE_LSTM"] == 1
    found = interpreted(path)(**inputs)["scores"]
    np.testing.assert_allclose(found, expected["scores"], rtol=0, atol=1e-5)
    assert_unchanged(model, {"config": model.get_config(), "weights": weights})
    losses = model.fit(inputs, {"scores": frames[:, 0, :2]}, epochs=3, verbose=0).history["loss"]
    assert losses[-1] < losses[0]


def test_their_layers_stream(tmp_path):
    ids = keras.Input((None,), dtype="int32", name="ids")
    x = keras.layers.Embedding(30, 4, mask_zero=True)(ids)
    x = keras.layers.LSTM(3, return_sequences=True, name="lstm")(x)
    every = keras.layers.RNN(OneStateCell(), return_sequences=True, name="odd")(x)
    model = randomise(keras.Model(ids, keras.layers.Dense(2, name="every")(every)))
    before, path = state_of(model), tmp_path / "model.tflite"
    report = to_tflite(model, path, streaming="step", check_inputs=[padded_ids(2, 9)])
    assert_unchanged(model, before)
    names = {"lstm_h", "lstm_c", "odd_output", "odd_state_1"}
    assert set(report.file.signatures["step"].inputs) == names | {"ids"}
    step, ids = interpreted(path, signature="step"), padded_ids(2, 21)
    found, states = [], {name: np.zeros((2, 3), "float32") for name in names}
    for chunk in np.split(ids, [1, 10, 12], axis=1):
        outputs = {n: np.array(v) for n, v in step(ids=chunk, **states).items()}
        states = {name: outputs[name] for name in names}
        found.append(outputs["every"])
    expected = model(ids, training=False)
    np.testing.assert_allclose(np.concatenate(found, 1), expected, rtol=0, atol=1e-5)


def test_states_that_begin_as_other_numbers_cannot_stream(tmp_path):
    frames = keras.Input((None, 3), name="frames")
    model = randomise(keras.Model(frames, keras.layers.RNN(OddCell(3))(frames)))
    before = state_of(model)
    with pytest.raises(ExportError, match=r"`step` is refused"):
        to_tflite(model, tmp_path / "model.tflite", streaming="step")
    assert_unchanged(model, before)


def test_states_that_are_images_are_refused(tmp_path):
    """And what was put into the layers before it is gone again."""
    images = keras.Input((5, 6, 3), name="images")
    x = keras.layers.ConvLSTM1D(2, 3, return_sequences=True, name="conv")(images)
    y = keras.layers.LSTM(2)(keras.layers.Reshape((5, 8))(x))
    model = keras.Model(images, y)
    before = state_of(model)
    with pytest.raises(ExportError, match=r"conv is a ConvLSTM1D.* TFLite form"):
        to_tflite(model, tmp_path / "model.tflite")
    assert_unchanged(model, before)
    assert list(tmp_path.iterdir()) == []


def test_a_layer_that_keeps_its_states_is_refused(tmp_path):
    frames = keras.Input((4, 3), batch_size=2)
    model = keras.Model(frames, keras.layers.GRU(2, stateful=True, name="keeper")(frames))
    with pytest.raises(ExportError, match="layers keeper are stateful"):
        to_tflite(model, tmp_path / "model.tflite")
