import errno
import json
import os
import signal
import subprocess
import sys

import pytest
import tensorflow as tf

from keras_seq.export import (
    ExportError,
    TFLiteFile,
    TFLiteOptions,
    export_all,
    read_files,
    saved_model,
    tflite,
)

from .examples import LABELS, SpaceTokenizer, make_classifier


def test_the_folder_holds_everything(classifier):
    _, folder, report, _ = classifier
    assert sorted(os.listdir(folder)) == [
        "labels.txt",
        "model.tflite",
        "report.json",
        "saved_model",
        "tokenizer.json",
        "vocabulary.txt",
    ]
    assert (folder / "labels.txt").read_text().splitlines() == LABELS
    assert set(read_files(folder / "model.tflite")) == {
        "labels.txt",
        "tokenizer.json",
        "vocabulary.txt",
    }
    assert json.loads((folder / "report.json").read_text()) == json.loads(json.dumps(report))


def test_the_report(classifier):
    _, folder, report, stages = classifier
    assert report["tflite"]["bytes"] == (folder / "model.tflite").stat().st_size
    assert report["tflite"]["ops"] == TFLiteFile.read(folder / "model.tflite").ops
    assert report["tflite"]["compared_with_keras"]["serving_default"]["difference"] <= 1e-5
    checked = report["saved_model"]["compared_with_keras"]
    assert checked["text"]["rows"] == 3
    assert checked["ids"]["rows"] > 3
    assert report["tflite"]["latency"]["shapes"] == {"ids": (1, 4)}
    assert set(report["versions"]) == {"tensorflow", "keras", "ai_edge_litert", "keras_seq"}
    assert stages == [
        "running the Keras model",
        "writing the SavedModel",
        "checking the SavedModel",
        "converting to TFLite and checking it",
        "measuring the latency",
        "writing the report",
    ]


@pytest.fixture
def earlier(tmp_path):
    folder = tmp_path / "export"
    folder.mkdir()
    (folder / "report.json").write_text("earlier")
    return folder


def _assert_untouched(folder):
    assert (folder / "report.json").read_text() == "earlier"
    assert os.listdir(folder) == ["report.json"]
    assert os.listdir(folder.parent) == ["export"]


def test_a_lying_conversion_leaves_the_earlier_export(classifier, earlier, monkeypatch):
    lie = (classifier[1] / "model.tflite").read_bytes()
    monkeypatch.setattr(tflite, "convert", lambda *given, **options: lie)
    with pytest.raises(ExportError, match="The TFLite file is refused"):
        export_all(make_classifier(seed=2), earlier)
    _assert_untouched(earlier)


@pytest.mark.parametrize("signature", ["ids", "serving_default"])
def test_a_lying_saved_model_leaves_the_earlier_export(classifier, earlier, monkeypatch, signature):
    class Lying(saved_model.SavedModel):
        def __call__(self, inputs):
            outputs = super().__call__(inputs)
            lies = signature == "serving_default" if "text" in inputs else signature == "ids"
            return {name: value + 0.01 * lies for name, value in outputs.items()}

    monkeypatch.setattr(saved_model, "SavedModel", Lying)
    with pytest.raises(ExportError, match="The SavedModel is refused"):
        export_all(
            classifier[0], earlier, tokenizer=SpaceTokenizer(), check_texts=["good", "bad film"]
        )
    _assert_untouched(earlier)


def test_a_full_disk_leaves_the_earlier_export(earlier, monkeypatch):
    def fail(module, folder, *rest):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(tf.saved_model, "save", fail)
    with pytest.raises(ExportError, match="The disk is full"):
        export_all(make_classifier(), earlier)
    _assert_untouched(earlier)


KILLED = """
import os, signal, sys
import keras
from keras_seq.export import export_all

def kill(stage):
    if stage == "checking the SavedModel":
        os.kill(os.getpid(), signal.SIGKILL)

x = keras.Input((None, 3))
export_all(keras.Model(x, keras.layers.Dense(2)(x)), sys.argv[1], on_stage=kill)
"""


def test_a_killed_run_leaves_the_earlier_export_and_the_next_run_cleans_up(
    classifier, earlier, monkeypatch
):
    done = subprocess.run([sys.executable, "-c", KILLED, str(earlier)], stderr=subprocess.DEVNULL)
    assert done.returncode == -signal.SIGKILL
    assert (earlier / "report.json").read_text() == "earlier"
    assert len(os.listdir(earlier.parent)) == 2  # the draft of the killed run lies beside it
    data = (classifier[1] / "model.tflite").read_bytes()
    monkeypatch.setattr(tflite, "convert", lambda *given, **options: data)
    export_all(classifier[0], earlier)
    assert os.listdir(earlier.parent) == ["export"]
    assert sorted(os.listdir(earlier)) == ["model.tflite", "report.json", "saved_model"]


def test_what_the_tflite_is_to_be_like(classifier, tmp_path):
    """The SavedModel beside it takes any batch and length all the same."""
    options = TFLiteOptions(profile="portable", length=6, quantize="float16")
    report = export_all(classifier[0], tmp_path / "export", tflite=options)
    held = TFLiteFile.read(tmp_path / "export" / "model.tflite")
    assert held.signatures["serving_default"].inputs["ids"].shape == (1, 6)
    assert report["tflite"]["profile"] == "portable"
    assert report["tflite"]["quantize"] == "float16"
    assert report["tflite"]["forms"] == {}
    compared = report["tflite"]["compared_with_keras"]["serving_default"]
    assert compared["tolerance"] == {"value": 0.01, "of": "mean"}
    assert {tuple(shapes["ids"]) for shapes in compared["shapes"]} == {(1, 6)}
    shapes = report["saved_model"]["compared_with_keras"]["tensors"]["shapes"]
    assert len({tuple(of["ids"]) for of in shapes}) > 1


def test_options_that_do_not_fit_the_model_leave_the_earlier_export(classifier, earlier):
    with pytest.raises(ExportError, match="give `length`"):
        export_all(classifier[0], earlier, tflite=TFLiteOptions(profile="portable"))
    _assert_untouched(earlier)


@pytest.mark.parametrize("texts", [["good"], "good"])
def test_texts_need_a_tokenizer_and_a_list(earlier, texts):
    tokenizer = None if texts == ["good"] else SpaceTokenizer()
    with pytest.raises(ExportError, match="check_texts"):
        export_all(make_classifier(), earlier, tokenizer=tokenizer, check_texts=texts)
    _assert_untouched(earlier)


def test_files_have_names_of_their_own(earlier):
    model = make_classifier()
    for name, options in (
        ("labels.txt", {"labels": LABELS}),
        ("vocabulary.txt", {"tokenizer": SpaceTokenizer()}),
    ):
        with pytest.raises(ExportError, match=f"names of their own; got {name}"):
            export_all(model, earlier, files={name: "mine"}, **options)
        _assert_untouched(earlier)
