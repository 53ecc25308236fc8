"""Reading a sequence in chunks, whatever their lengths, is reading it whole."""

import os
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter, OpResolverType

from keras_seq import layers
from keras_seq.export import ExportError, to_saved_model, to_tflite

from .examples import interpreted, padded_ids, randomise

NO_DELEGATES = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
each_resolver = pytest.mark.parametrize("resolver", [OpResolverType.AUTO, NO_DELEGATES])


def make_stack():
    """Layers of one, two and four states on one another, with a mask."""
    ids = keras.Input((None,), dtype="int32", name="ids")
    mask = keras.ops.not_equal(ids, 0)
    x = keras.layers.Embedding(30, 6)(ids)
    kinds = {
        "lstm": layers.LSTM,
        "gru": layers.GRU,
        "ind": layers.IndRNN,
        "min": layers.MinGRU,
        "depth": layers.DepthGatedLSTM,
    }
    for name, kind in kinds.items():
        x = kind(4, return_sequences=True, name=name)(x, mask=mask)
    last = keras.layers.Dense(2)(layers.PeepholeLSTM(3, name="last")(x, mask=mask))
    return randomise(keras.Model(ids, {"every": x, "last": last}))


def make_mixed():
    """What can be fused and what cannot, with and without a mask; one layer is called twice."""
    ids = keras.Input((None,), dtype="int32", name="ids")
    mask = keras.ops.not_equal(ids, 0)
    x = keras.layers.Embedding(30, 6)(ids)
    x = layers.LSTM(5, return_sequences=True, name="lstm")(x)
    x = layers.GRU(4, return_sequences=True, name="gru")(x, mask=mask)
    twice = layers.SimpleRNN(4, return_sequences=True, zero_output_for_mask=True, name="twice")
    every = twice(twice(x, mask=mask))
    last = layers.ProjectedLSTM(4, projection_units=2, name="last")(every)
    return randomise(keras.Model(ids, {"every": every, "last": last}))


STACK = {
    **dict.fromkeys(["lstm_h", "lstm_c", "gru_h", "ind_h", "min_h"], 4),
    **dict.fromkeys(["depth_h2", "depth_c2", "depth_h1", "depth_c1"], 4),
    **dict.fromkeys(["last_h", "last_c"], 3),
}
MIXED = {
    **dict.fromkeys(["lstm_h", "lstm_c"], 5),
    **dict.fromkeys(["gru_h", "twice_h", "twice_2_h", "last_c"], 4),
    "last_h": 2,
}


def gapped(rows, length, seed=0):
    """Ids padded on the right, one row of them on the left, with a gap in another."""
    ids = padded_ids(rows, length, seed=seed)
    ids[0] = ids[0, ::-1]
    ids[-1] = np.random.default_rng(seed).integers(1, 30, length)
    ids[-1, length // 3 : length // 2] = 0
    return ids


def chunks(ids, sizes):
    """The ids in chunks of these sizes, over again until they end."""
    ends = np.cumsum(np.resize(sizes, ids.shape[1]))
    return np.split(ids, ends[ends < ids.shape[1]], axis=1)


def step_by_step(step, ids, sizes, widths):
    """What `step` gives for each chunk, the states of one the input of the next."""
    states = {name: np.zeros((len(ids), width), "float32") for name, width in widths.items()}
    outputs = []
    for chunk in chunks(ids, sizes):
        found = {name: np.array(value) for name, value in step(ids=chunk, **states).items()}
        states = {name: found.pop(name) for name in widths}
        outputs.append(found)
    return outputs


def assert_whole(outputs, expected, atol=1e-5):
    every = np.concatenate([chunk["every"] for chunk in outputs], axis=1)
    np.testing.assert_allclose(every, expected["every"], rtol=0, atol=atol)
    np.testing.assert_allclose(outputs[-1]["last"], expected["last"], rtol=0, atol=atol)


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    model, path = make_stack(), tmp_path_factory.mktemp("stack") / "model.tflite"
    return model, path, to_tflite(model, path, streaming="step", check_inputs=[gapped(3, 9)])


@each_resolver
@pytest.mark.parametrize(
    ("rows", "length", "sizes"), [(1, 6, [1]), (3, 19, [5, 1, 2]), (2, 20, [20]), (4, 27, [9, 17])]
)
def test_chunks_of_any_sizes_are_the_whole(stack, rows, length, sizes, resolver):
    model, path, _ = stack
    ids = gapped(rows, length, seed=length)
    outputs = step_by_step(interpreted(path, resolver, "step"), ids, sizes, STACK)
    assert_whole(outputs, model(ids, training=False))


def test_states_have_the_names_of_their_layers_in_and_out(stack):
    _, _, report = stack
    ends = report.file.signatures["step"]
    shapes = {name: (-1, width) for name, width in STACK.items()}
    assert {n: t.shape for n, t in ends.inputs.items()} == shapes | {"ids": (-1, -1)}
    assert set(ends.outputs) == {*STACK, "every", "last"}
    assert set(report.file.signatures) == set(report.comparisons) == {"serving_default", "step"}
    assert report.comparisons["step"].difference <= 1e-5
    assert set(report.forms.values()) == {"loop"}


@pytest.fixture(scope="module")
def stateful(tmp_path_factory):
    model, path = make_mixed(), tmp_path_factory.mktemp("stateful") / "model.tflite"
    ids = gapped(2, 9)
    options = {"batch_size": 2, "mode": "fused", "check_inputs": [ids]}
    return model, path, to_tflite(model, path, streaming="stateful", **options)


@each_resolver
def test_a_stream_remembers_until_it_is_reset(stateful, resolver):
    model, path, _ = stateful
    interpreter = Interpreter(str(path), experimental_op_resolver_type=resolver)
    stream, reset, whole = (
        interpreter.get_signature_runner(name) for name in ("stream", "reset", "serving_default")
    )

    def streamed(ids, sizes):
        return [{n: np.array(v) for n, v in stream(ids=c).items()} for c in chunks(ids, sizes)]

    first, second = gapped(2, 12, seed=1), gapped(2, 7, seed=2)
    on, again, alone = (
        model(np.concatenate(ids, 1), training=False)
        for ids in ([first, second], [second, first], [second])
    )
    outputs = streamed(first, [1])
    outputs += streamed(second, [3, 2])  # without a reset it goes on
    assert_whole(outputs, on)
    reset()
    outputs = streamed(second, [7])
    np.testing.assert_allclose(whole(ids=second)["last"], alone["last"], atol=1e-5)  # changes none
    assert_whole(outputs, alone)
    assert_whole(outputs + streamed(first, [4, 1]), again)


@each_resolver
def test_a_step_beside_a_stream(stateful, resolver):
    model, path, report = stateful
    ids = gapped(2, 13, seed=3)
    outputs = step_by_step(interpreted(path, resolver, "step"), ids, [1, 4], MIXED)
    assert_whole(outputs, model(ids, training=False))
    assert set(report.comparisons) == {"serving_default", "step", "stream"}
    assert set(report.file.signatures) == {"serving_default", "step", "stream", "reset"}
    assert report.forms.items() >= {"lstm": "fused", "gru": "loop", "twice": "fused"}.items()
    # The last layer has a mask, and only where its states are not wanted as well can be fused.
    assert report.file.ops["UNIDIRECTIONAL_SEQUENCE_LSTM"] == 3 + 1
    assert report.file.ops["UNIDIRECTIONAL_SEQUENCE_RNN"] == 2 * 3


def test_the_form_of_the_whole_is_told_beside_that_of_a_step(stateful):
    """In `serving_default` it is fused, in `step` and `stream` a loop."""
    assert "fused" in stateful[2].forms["last"]


def test_a_portable_step_takes_chunks_of_one_length(tmp_path):
    frames = keras.Input((None, 3), name="frames")
    every = layers.GRU(4, return_sequences=True, name="gru")(frames)
    model = randomise(keras.Model(frames, keras.layers.Dense(2, name="every")(every)))
    path = tmp_path / "model.tflite"
    options = {"profile": "portable", "length": 20, "step_length": 3}
    report = to_tflite(model, path, streaming="step", **options)
    assert (report.profile, report.portability) == ("portable", [])
    ends = report.file.signatures["step"].inputs
    assert {n: t.shape for n, t in ends.items()} == {"frames": (1, 3, 3), "gru_h": (1, 4)}
    step, state, found = interpreted(path, signature="step"), np.zeros((1, 4), "float32"), []
    sequence = np.random.default_rng(0).normal(size=(1, 30, 3)).astype("float32")
    for start in range(0, 30, 3):  # beyond the length of the whole
        outputs = step(frames=sequence[:, start : start + 3], gru_h=state)
        state = np.array(outputs["gru_h"])
        found.append(np.array(outputs["every"]))
    expected = model(sequence, training=False)
    np.testing.assert_allclose(np.concatenate(found, 1), expected, rtol=0, atol=1e-5)


LOADER = """
import sys
for name in ("keras_seq", "keras", "tf_keras"):
    sys.modules[name] = None
import numpy as np, tensorflow as tf
folder, given, found, *names = sys.argv[1:]
loaded = tf.saved_model.load(folder)
ids, states, parts = np.load(given), {}, []
ends = loaded.signatures["step"].structured_input_signature[1]
states = {n: tf.zeros((len(ids), s.shape[1])) for n, s in ends.items() if n != "ids"}
for chunk in np.split(ids, [1, 4, 5], axis=1):
    outputs = loaded.signatures["step"](ids=tf.constant(chunk), **states)
    states = {n: outputs[n] for n in states}
    parts.append(outputs["every"].numpy())
np.savez(found, every=np.concatenate(parts, 1), last=outputs["last"].numpy(), names=list(states))
"""


def test_a_saved_model_streams_where_there_is_no_keras(stack, tmp_path):
    model = stack[0]
    to_saved_model(model, tmp_path / "model", streaming="step", check_inputs=[gapped(2, 5)])
    ids = gapped(3, 18, seed=9)
    np.save(tmp_path / "ids.npy", ids)
    arguments = [tmp_path / name for name in ("model", "ids.npy", "found.npz")]
    done = subprocess.run(
        [sys.executable, "-c", LOADER, *map(str, arguments)],
        capture_output=True,
        text=True,
        env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"},
    )
    assert done.returncode == 0, done.stderr
    found, expected = np.load(tmp_path / "found.npz"), model(ids, training=False)
    assert set(found["names"]) == set(STACK)
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, rtol=0, atol=1e-5)


def test_a_saved_model_with_a_stream(tmp_path):
    frames = keras.Input((None, 3), name="frames")
    model = randomise(keras.Model(frames, layers.LSTM(4, name="last")(frames)))
    to_saved_model(model, tmp_path / "model", streaming="stateful", batch_size=2)
    loaded = tf.saved_model.load(str(tmp_path / "model"))
    assert set(loaded.signatures) == {"serving_default", "step", "stream", "reset"}
    stream, reset = loaded.signatures["stream"], loaded.signatures["reset"]
    sequence = tf.constant(np.random.default_rng(0).normal(size=(2, 6, 3)), tf.float32)
    for _ in range(2):
        for start, end in ((0, 1), (1, 6)):
            found = stream(frames=sequence[:, start:end])["last"]
        np.testing.assert_allclose(found, model(sequence), rtol=0, atol=1e-5)
        reset()


def _of_frames(call, length=None):
    frames = keras.Input((length, 3), name="frames")
    return randomise(keras.Model(frames, call(frames)))


REFUSED = {
    "both directions": (
        _of_frames(lambda x: layers.Bidirectional(layers.GRU(2, name="gru"))(x)),
        "The layers backward_gru read their sequence from the end",
    ),
    "backwards": (
        _of_frames(lambda x: layers.GRU(2, name="gru", go_backwards=True)(x)),
        "The layers gru read their sequence from the end",
    ),
    "no recurrent layer": (
        _of_frames(lambda x: keras.layers.Dense(2)(x)),
        "needs recurrent layers, .* has none",
    ),
    "fixed length": (
        _of_frames(lambda x: layers.GRU(2)(x), length=5),
        r"needs an input of open length, .* \{'frames': \(None, 5, 3\)\}",
    ),
    "pooling": (
        _of_frames(
            lambda x: keras.layers.GlobalAveragePooling1D()(layers.GRU(2, return_sequences=True)(x))
        ),
        "`step` is refused: .* differs by .* Only a causal model",
    ),
}


@pytest.mark.parametrize(("model", "words"), REFUSED.values(), ids=REFUSED)
def test_models_that_cannot_be_streamed(tmp_path, model, words):
    with pytest.raises(ExportError, match=words):
        to_saved_model(model, tmp_path / "model", streaming="step")
    if "differs" not in words:  # a conversion would find what the SavedModel has shown
        with pytest.raises(ExportError, match=words):
            to_tflite(model, tmp_path / "model", streaming="step")
    assert list(tmp_path.iterdir()) == []


def test_one_number_a_step_is_put_together(tmp_path):
    """A score of each step, (B, T), as for a word that is listened for."""
    model = _of_frames(lambda x: layers.GRU(2, return_sequences=True)(x)[..., 0])
    to_saved_model(model, tmp_path / "model", streaming="step")


def test_a_last_output_of_three_axes_is_that_of_the_last_chunk(tmp_path):
    model = _of_frames(lambda x: keras.layers.RepeatVector(1)(layers.GRU(2)(x)))
    to_saved_model(model, tmp_path / "model", streaming="step")


def _given_state(frames):
    return layers.GRU(2)(frames, initial_state=[frames[:, 0, :2]])


@pytest.mark.parametrize("export", [to_saved_model, to_tflite])
def test_a_layer_with_states_of_its_own_cannot_go_on(tmp_path, export):
    with pytest.raises(ExportError, match="starts from states that the model gives it"):
        export(_of_frames(_given_state), tmp_path / "model", streaming="step")


def test_names_of_states_that_are_those_of_inputs(tmp_path):
    state = keras.Input((2,), name="gru_h")
    frames = keras.Input((None, 3), name="frames")
    y = layers.GRU(2, name="gru")(frames) + state
    with pytest.raises(ExportError, match=r"have the names of states: \['gru_h'\]"):
        to_tflite(keras.Model([frames, state], y), tmp_path / "model", streaming="step")


@pytest.mark.parametrize("export", [to_saved_model, to_tflite])
def test_an_unknown_word(tmp_path, export):
    model = _of_frames(lambda x: layers.GRU(2)(x))
    with pytest.raises(ExportError, match=r"streaming must be .*; got .chunks."):
        export(model, tmp_path / "model", streaming="chunks")


def test_an_output_with_the_name_of_a_state(tmp_path):
    frames = keras.Input((None, 3), name="frames")
    model = keras.Model(frames, {"gru_h": keras.layers.Dense(2)(layers.GRU(2, name="gru")(frames))})
    with pytest.raises(ExportError, match="names of states"):
        to_saved_model(model, tmp_path / "model", streaming="step")
