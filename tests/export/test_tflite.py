import errno
import os

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_seq import layers
from keras_seq.export import ExportError, TFLiteFile, conversions, read_files, tflite, to_tflite
from keras_seq.export.runtime import TFLiteModel
from keras_seq.export.signature import Signature

from .examples import make_classifier, padded_ids, randomise


@pytest.mark.parametrize("shape", [(1, 1), (1, 23), (3, 11), (7, 4), (2, 64)])
def test_recurrent_layers_give_keras_values_at_any_size(zoo, shape):
    model, path, _ = zoo
    ids = padded_ids(*shape, seed=shape[1])
    outputs = TFLiteModel(path)({"ids": ids})
    expected = model(ids, training=False)
    assert set(outputs) == set(expected)
    for name, value in expected.items():
        np.testing.assert_allclose(outputs[name], value, rtol=0, atol=1e-6, err_msg=name)


def test_the_report_says_what_was_checked(zoo):
    _, path, report = zoo
    assert report.file == TFLiteFile.read(path)
    assert report.file.path == path
    assert report.file.custom_ops == {}
    assert report.comparison.difference <= 1e-6
    lengths = {shapes["ids"] for shapes in report.comparison.shapes}
    assert lengths == {(4, 19), (1, 19), (3, 19), (2, 9), (3, 1)}
    assert report.comparison.rows == 13


def test_features_several_inputs_and_a_list_of_outputs(tmp_path):
    frames = keras.Input((None, 3), name="frames")
    state = keras.Input((4,), name="state")
    sequence, last = layers.GRU(4, return_sequences=True, return_state=True, name="gru")(
        frames, initial_state=[state]
    )
    scores = keras.layers.Dense(2, name="scores")(sequence)
    last = keras.layers.Activation("linear", name="last")(last)
    model = randomise(keras.Model([frames, state], [scores, last]))
    rng = np.random.default_rng(0)
    inputs = {"frames": rng.normal(size=(5, 6, 3)), "state": rng.normal(size=(5, 4))}
    report = to_tflite(model, tmp_path / "model.tflite", check_inputs=[inputs])
    signature = report.file.signatures["serving_default"]
    assert {n: t.shape for n, t in signature.inputs.items()} == {
        "frames": (-1, -1, 3),
        "state": (-1, 4),
    }
    assert set(signature.outputs) == {"scores", "last"}


def test_fixed_sizes_and_int32_ids_are_portable(tmp_path):
    ids = keras.Input((None,), dtype="int64", name="ids")
    x = keras.layers.Embedding(30, 4)(ids)
    model = keras.Model(ids, layers.LSTM(3, name="last")(x))
    path = tmp_path / "model.tflite"
    report = to_tflite(model, path, batch_size=2, length=7, check_inputs=[padded_ids(5, 9)])
    assert report.portability == []
    info = report.file.signatures["serving_default"].inputs["ids"]
    assert (info.dtype, info.shape) == ("INT32", (2, 7))
    assert report.comparison.shapes == [{"ids": (2, 7)}] * 3  # five rows, two at a time


def test_a_subclassed_model_is_read_off_its_example(classifier):
    class Wrapped(keras.Model):
        def __init__(self):
            super().__init__()
            self.inner = classifier[0]

        def call(self, inputs, training=False):
            return {"p": self.inner(inputs["tokens"])}

    example = {"tokens": padded_ids(2, 3, 6)}
    signature = Signature.of(Wrapped(), examples=[example])
    assert signature.inputs["tokens"].shape.as_list() == [None, None]
    outputs = signature.function()(tokens=tf.constant(example["tokens"]))
    np.testing.assert_allclose(outputs["p"], classifier[0](example["tokens"]), atol=1e-6)


def test_the_signature_of_other_kinds_of_models():
    sequential = keras.Sequential([keras.Input((None, 3)), keras.layers.Dense(2, name="scores")])
    signature = Signature.of(sequential)
    assert {n: s.shape.as_list() for n, s in signature.inputs.items()} == {
        "inputs": [None, None, 3]
    }
    assert list(signature({"inputs": np.ones((2, 3, 3))})) == ["scores"]

    ids = keras.Input((4,), dtype="int64", name="a")
    frames = keras.Input((None, 2), name="b")
    model = keras.Model({"a": ids, "b": frames}, [ids * 2, ids * 3])
    signature = Signature.of(model)
    assert {n: s.dtype.name for n, s in signature.inputs.items()} == {"a": "int32", "b": "float32"}
    outputs = signature({"a": np.ones((2, 4), "int32"), "b": np.ones((2, 5, 2))})
    assert sorted(int(value[0, 0]) for value in outputs.values()) == [2, 3]
    with pytest.raises(ExportError, match="the model has 2"):
        Signature.of(model, output_name="one")({"a": np.ones((2, 4)), "b": np.ones((2, 5, 2))})


@keras.saving.register_keras_serializable("tests")
class Inverse(keras.layers.Layer):
    """Inverts each matrix, which no builtin of TFLite does."""

    def call(self, inputs):
        return keras.ops.inv(inputs)


def test_ops_without_a_builtin_are_refused_with_their_layer(tmp_path):
    matrices = keras.Input((3, 3), name="matrices")
    x = Inverse(name="inverse")(matrices)
    model = keras.Model(matrices, layers.LSTM(3, name="fine")(x))
    with pytest.raises(
        ExportError, match=r"MatrixInverse\. They come from these layers: inverse\."
    ):
        to_tflite(model, tmp_path / "model.tflite", check_inputs=[np.eye(3)[None] + 0.1])
    assert list(tmp_path.iterdir()) == []


def _convert_to(monkeypatch, data):
    monkeypatch.setattr(tflite, "convert", lambda *given, **options: data)


@pytest.fixture
def converted(classifier, monkeypatch, tmp_path):
    """The small model, and a path; the conversion gives the bytes made before."""
    model, folder, *_ = classifier
    data = (folder / "model.tflite").read_bytes()
    data = data[: data.index(b"PK\x03\x04")]  # the model without its attached files
    _convert_to(monkeypatch, data)
    path = tmp_path / "model.tflite"
    path.write_bytes(b"an earlier export")
    return model, path, data


def _assert_untouched(path):
    assert path.read_bytes() == b"an earlier export"
    assert [item.name for item in path.parent.iterdir()] == [path.name]


def test_attached_files_ride_along(converted):
    model, path, data = converted
    files = {"labels.txt": "no\nyes\n", "blob.bin": b"\x00\xff"}
    report = to_tflite(model, path, files=files)
    assert read_files(path) == {"labels.txt": b"no\nyes\n", "blob.bin": b"\x00\xff"}
    assert report.file.files == ("labels.txt", "blob.bin")
    held = path.read_bytes()
    path.write_bytes(held[: held.index(b"PK\x03\x04")])
    bare = TFLiteFile.read(path)  # they come after the model, which is whole without them
    assert (bare.ops, bare.files) == (report.file.ops, ())
    path.write_bytes(data)
    assert TFLiteFile.read(path).ops == bare.ops


def test_other_values_are_refused(converted):
    _, path, _ = converted
    with pytest.raises(ExportError, match="'probabilities' differs by"):
        to_tflite(make_classifier(seed=2), path)
    _assert_untouched(path)


@pytest.mark.parametrize("garbage", [b"", b"not a model at all", b"\x18\x00\x00\x00TFL3\x00\x00"])
def test_a_conversion_that_gives_no_model_is_refused(converted, monkeypatch, garbage):
    model, path, _ = converted
    _convert_to(monkeypatch, garbage)
    with pytest.raises(ExportError, match=r"not a \.tflite|cut off"):
        to_tflite(model, path)
    _assert_untouched(path)


def test_a_model_that_gives_nan_is_refused(converted):
    _, path, _ = converted
    model = make_classifier()
    model.trainable_weights[-1].assign([np.nan, 0.0])
    with pytest.raises(ExportError, match="Keras model itself gives NaN"):
        to_tflite(model, path)
    _assert_untouched(path)


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EACCES, errno.EROFS])
def test_a_place_that_cannot_be_written(converted, monkeypatch, code):
    model, path, _ = converted

    def refuse(source, target):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(ExportError, match=os.strerror(code)):
        to_tflite(model, path)
    monkeypatch.undo()
    _assert_untouched(path)


def test_a_folder_of_that_name(converted):
    model, path, _ = converted
    with pytest.raises(ExportError, match="is a folder that holds"):
        to_tflite(model, path.parent)
    _assert_untouched(path)


def test_a_parent_that_is_a_file(converted):
    model, path, _ = converted
    with pytest.raises(ExportError, match="parent of this path is a file"):
        to_tflite(model, path / "model.tflite")
    _assert_untouched(path)


@pytest.mark.parametrize(
    ("program", "timeout", "words"),
    [
        ("import os; print('so far', flush=True); os.abort()", 60, r"SIGABRT(.|\n)*so far"),
        ("raise SystemExit('no such thing')", 60, r"exit code 1(.|\n)*no such thing"),
        ("pass", 60, "exit code 0"),
        ("import time; print('hm', flush=True); time.sleep(60)", 1, r"after 1 seconds(.|\n)*hm"),
    ],
)
def test_a_converter_that_dies(monkeypatch, tmp_path, program, timeout, words):
    """With a process for each conversion; those that share one are in test_conversions.py."""
    broken = tmp_path / "broken.py"
    broken.write_text(program)
    monkeypatch.setattr(conversions, "_FORKS", False)
    path = tmp_path / "out" / "model.tflite"
    path.parent.mkdir()
    path.write_bytes(b"an earlier export")
    monkeypatch.setattr(conversions, "_PROGRAM", broken)
    with pytest.raises(ExportError, match=words):
        to_tflite(make_classifier(), path, timeout=timeout)
    _assert_untouched(path)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"batch_size": 0}, "batch_size must be"),
        ({"length": 2.5}, "length must be"),
        ({"check_inputs": padded_ids(2, 3, 6)}, "check_inputs must be a list"),
        ({"check_inputs": []}, "check_inputs must be a list"),
        ({"check_inputs": [{"words": padded_ids(2, 3, 6)}]}, r"takes the inputs \['ids'\]"),
        ({"check_inputs": [np.zeros((2, 3, 4))]}, "takes the shape"),
        ({"check_inputs": [np.zeros((0, 3))]}, "each size at least 1"),
        ({"files": {"a/b.txt": ""}}, "plain file name"),
        ({"files": {"b.txt": 3}}, "expected str or bytes"),
    ],
)
def test_bad_arguments(converted, arguments, words):
    model, path, _ = converted
    with pytest.raises(ExportError, match=words):
        to_tflite(model, path, **arguments)
    _assert_untouched(path)


def test_models_that_cannot_be_exported(tmp_path):
    class Unknown(keras.Model):
        def call(self, inputs):
            return inputs

    frames = keras.Input((4, 3), batch_size=1)
    stateful = keras.Model(frames, layers.LSTM(2, stateful=True, name="carry")(frames))
    half = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, dtype="mixed_float16")])
    for model, words in [
        (half, "dense.* in float16"),
        (lambda x: x, "Expected a keras.Model, got function"),
        (Unknown(), "inputs of the model .* are unknown"),
        (stateful, "layers carry are stateful"),
    ]:
        with pytest.raises(ExportError, match=words):
            to_tflite(model, tmp_path / "model.tflite")
