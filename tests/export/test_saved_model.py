import json
import os
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import text_format
from tensorflow.core.protobuf import saved_model_pb2

from keras_seq import layers
from keras_seq.data import Tokenizer
from keras_seq.export import ExportError, saved_model, to_saved_model
from keras_seq.export.runtime import SavedModel

from .examples import LABELS, WORDS, SpaceTokenizer, make_classifier, padded_ids

LOADER = """
import json, sys
for name in ("keras_seq", "keras", "tf_keras"):
    sys.modules[name] = None
import tensorflow as tf
loaded = tf.saved_model.load(sys.argv[1])
ids = tf.constant(json.loads(sys.argv[2]))
outputs = loaded.signatures["serving_default"](ids=ids)
print(json.dumps({name: value.numpy().tolist() for name, value in outputs.items()}))
"""


@pytest.fixture(scope="module")
def saved_zoo(zoo, tmp_path_factory):
    folder = tmp_path_factory.mktemp("zoo") / "saved_model"
    to_saved_model(zoo[0], folder)
    return folder


def test_loads_without_keras_and_keras_seq(zoo, saved_zoo):
    model = zoo[0]
    ids = padded_ids(3, 5, seed=3)
    done = subprocess.run(
        [sys.executable, "-c", LOADER, str(saved_zoo), json.dumps(ids.tolist())],
        capture_output=True,
        text=True,
        env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"},
    )
    assert done.returncode == 0, done.stderr
    outputs = json.loads(done.stdout.splitlines()[-1])
    expected = model(ids, training=False)
    assert set(outputs) == set(expected)
    for name, value in expected.items():
        np.testing.assert_allclose(outputs[name], value, rtol=0, atol=1e-6, err_msg=name)


def test_nothing_in_it_is_compiled(saved_zoo, tmp_path):
    """A server or a phone may have TensorFlow without XLA."""
    frames = keras.Input((None, 3), name="frames")
    module = tf.Module()
    module.model = keras.Model(frames, layers.GRU(2)(frames))
    traced = tf.function(module.model, input_signature=[tf.TensorSpec((None, None, 3))])
    tf.saved_model.save(module, str(tmp_path / "default"), traced.get_concrete_function())
    assert not anything_compiled(saved_zoo)
    assert anything_compiled(tmp_path / "default")


def anything_compiled(folder):
    found = saved_model_pb2.SavedModel()
    found.ParseFromString((folder / "saved_model.pb").read_bytes())
    return 'key: "_XlaMustCompile" value { b: true }' in text_format.MessageToString(
        found, as_one_line=True
    )


def test_text_and_ids(classifier):
    model, folder, *_ = classifier
    loaded = tf.saved_model.load(str(folder / "saved_model"))
    assert set(loaded.signatures) == {"serving_default", "ids"}
    expected = model(np.array([[2, 4], [1, 0]]))
    text = loaded.signatures["serving_default"](text=tf.constant(["good film", "odd"]))
    ids = loaded.signatures["ids"](ids=tf.constant([[2, 4], [1, 0]]))
    np.testing.assert_allclose(text["probabilities"], expected, atol=1e-6)
    np.testing.assert_allclose(ids["probabilities"], expected, atol=1e-6)


def test_text_through_the_tokenizer_of_this_library(tmp_path):
    tokenizer = Tokenizer(["good", "bad", "film", "not"], max_length=3, keep="end")
    model = make_classifier()
    to_saved_model(model, tmp_path / "saved_model", tokenizer=tokenizer)
    texts = ["A <b>GOOD</b> film, not bad!", "", "好"]
    outputs = SavedModel(tmp_path / "saved_model")({"text": texts})
    ids, _ = tokenizer.pad(tokenizer(tf.constant(texts)))
    assert ids.numpy().tolist() == [[5, 3, 1], [0, 0, 0], [1, 0, 0]]
    np.testing.assert_allclose(outputs["probabilities"], model(ids), atol=1e-6)
    assert "tokenizer.json" in os.listdir(tmp_path / "saved_model" / "assets")


def test_assets(classifier):
    assets = classifier[1] / "saved_model" / "assets"
    assert sorted(os.listdir(assets)) == ["labels.txt", "tokenizer.json", "vocabulary.txt"]
    assert (assets / "vocabulary.txt").read_text().split("\n")[:-1] == WORDS
    assert (assets / "labels.txt").read_text().split("\n")[:-1] == LABELS


def test_the_output_can_be_named(tmp_path):
    model = make_classifier()
    to_saved_model(model, tmp_path / "saved_model", output_name="p")
    assert set(SavedModel(tmp_path / "saved_model")({"ids": padded_ids(2, 3, 6)})) == {"p"}


@pytest.mark.parametrize("labels", [["a"], ["a", "b", "c"], "ab", ["a", "b\nc"], ["a", ""]])
def test_labels_that_do_not_fit(tmp_path, labels):
    with pytest.raises(ExportError, match="labels"):
        to_saved_model(make_classifier(), tmp_path / "saved_model", labels=labels)
    assert os.listdir(tmp_path) == []


def test_a_tokenizer_needs_one_input_of_ids(tmp_path):
    frames = keras.Input((None, 3), name="frames")
    with pytest.raises(ExportError, match=r"\{'frames': \(None, None, 3\)\}"):
        to_saved_model(
            keras.Model(frames, frames * 2.0), tmp_path / "m", tokenizer=SpaceTokenizer()
        )


def test_a_tokenizer_that_is_no_module_is_refused(tmp_path):
    class Untracked:
        inner = SpaceTokenizer()
        __call__ = staticmethod(inner)
        pad = staticmethod(inner.pad)
        files = staticmethod(inner.files)

    with pytest.raises(ExportError, match="could not be traced or saved"):
        to_saved_model(make_classifier(), tmp_path / "m", tokenizer=Untracked())
    assert os.listdir(tmp_path) == []


def test_a_full_disk_leaves_the_earlier_one(tmp_path, monkeypatch):
    path = tmp_path / "saved_model"
    to_saved_model(make_classifier(), path)
    before = {file: file.read_bytes() for file in path.rglob("*") if file.is_file()}

    def fail(module, folder, *rest):
        os.mkdir(folder)
        raise tf.errors.ResourceExhaustedError(None, None, "No space left on device")

    monkeypatch.setattr(tf.saved_model, "save", fail)
    with pytest.raises(ExportError, match="No space left"):
        to_saved_model(make_classifier(seed=2), path)
    assert {file: file.read_bytes() for file in path.rglob("*") if file.is_file()} == before
    assert os.listdir(tmp_path) == ["saved_model"]


@pytest.mark.parametrize("tokenizer", [None, SpaceTokenizer()], ids=["ids", "texts"])
def test_one_that_gives_other_values_is_refused(tmp_path, monkeypatch, tokenizer):
    class Lying(SavedModel):
        def __call__(self, inputs):
            return {name: value + 1e-3 for name, value in super().__call__(inputs).items()}

    path = tmp_path / "saved_model"
    to_saved_model(make_classifier(), path, tokenizer=tokenizer)
    before = {file: file.read_bytes() for file in path.rglob("*") if file.is_file()}
    monkeypatch.setattr(saved_model, "SavedModel", Lying)
    with pytest.raises(ExportError, match="The SavedModel is refused"):
        to_saved_model(make_classifier(seed=2), path, tokenizer=tokenizer)
    assert {file: file.read_bytes() for file in path.rglob("*") if file.is_file()} == before
