"""The whole export of a model that writes, and the command line on such a model and its file."""

import json
import os

import keras
import pytest

from keras_seq.__main__ import main
from keras_seq.export import (
    ExportError,
    TFLiteFile,
    TFLiteOptions,
    export_all,
    export_seq2seq,
    read_files,
    to_saved_model,
)
from keras_seq.export.runtime import TFLiteModel
from keras_seq.models import Set2Set

from .examples import make_classifier
from .test_seq2seq_saved_model import SOURCE_CODEC, TARGET_CODEC
from .translators import LENGTH, SEARCHES, SOURCES, TARGETS, sources, translator

CODECS = {"codec_source": SOURCE_CODEC, "codec_target": TARGET_CODEC}
FILES = {f"{name}{end}" for name in ("source", "target") for end in (".json", ".vocabulary.txt")}


@pytest.mark.slow
def test_one_folder_for_both(tmp_path):
    model, folder, stages = translator("luong"), tmp_path / "export", []

    def measure(run):
        assert isinstance(run, TFLiteModel)
        found = run.signature("beam")({"source": sources(1, 6)})
        return {"tokens": int(found["lengths"].sum())}

    report = export_seq2seq(
        model,
        folder,
        searches=SEARCHES,
        max_length=LENGTH,
        check_texts=["a b c", "d", "e f g h i j"],
        tflite=TFLiteOptions(profile="portable", length=6),
        measure=measure,
        on_stage=stages.append,
        **CODECS,
    )
    assert set(os.listdir(folder)) == {"saved_model", "model.tflite", "report.json", *FILES}
    assert set(read_files(folder / "model.tflite")) == {"decoding.json", *FILES}
    rules = json.loads(read_files(folder / "model.tflite")["decoding.json"])
    assert rules == {
        "start": 2,
        "end": 3,
        "padding": 0,
        "forbidden": [0, 2],
        "max_length": LENGTH,
    }
    assert json.loads((folder / "report.json").read_text()) == json.loads(json.dumps(report))
    assert report["tflite"]["profile"] == "portable"
    assert report["tflite"]["ops"] == TFLiteFile.read(folder / "model.tflite").ops
    compared = report["tflite"]["compared_with_keras"]
    assert set(compared) == {"greedy", "beam", "encode", "decode_step"}
    assert compared["beam"]["equal"] == 1
    saved = report["saved_model"]["compared_with_keras"]
    assert set(saved) == {"greedy", "beam", "translate", "translate_greedy"}
    assert saved["translate"]["rows"] == 3
    latency = report["tflite"]["latency"]
    assert set(latency) == {"greedy", "beam"}
    assert latency["beam"]["shapes"] == {"source": (1, 6)}
    assert latency["greedy"]["median_ms"] > 0
    assert report["measured"]["tokens"] > 0
    assert stages[-3:] == [
        "measuring the latency",
        "measuring what the .tflite is worth",
        "writing the report",
    ]


def test_what_does_not_fit_leaves_the_earlier_export(tmp_path):
    model, folder = translator("cho"), tmp_path / "export"
    folder.mkdir()
    (folder / "report.json").write_text("earlier")
    for arguments, words in (
        ({"check_texts": ["a"]}, "needs both codecs"),
        ({"check_texts": "a", **CODECS}, "must be a list"),
        ({"codec_source": SOURCE_CODEC}, "takes both codecs"),
        (
            {"codec_source": SOURCE_CODEC, "codec_target": SOURCE_CODEC},
            f"codec_target has {SOURCES} ids, and the model's .* {TARGETS}",
        ),
        ({"tflite": TFLiteOptions(profile="portable")}, "give `length`"),
    ):
        with pytest.raises(ExportError, match=words):
            export_seq2seq(model, folder, max_length=3, **arguments)
    with pytest.raises(ExportError, match="take export_all"):
        export_seq2seq(make_classifier(), folder)
    with pytest.raises(ExportError, match="take export_seq2seq"):
        export_all(model, folder)
    sets = Set2Set(1, 4)
    sets.build()
    with pytest.raises(ExportError, match="Set2Set writes no tokens of a vocabulary"):
        export_seq2seq(sets, folder)
    assert (folder / "report.json").read_text() == "earlier"
    assert os.listdir(tmp_path) == ["export"]


@pytest.mark.slow
def test_the_command_line(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    model = translator("cho")
    model.save("model.keras")
    sizes = ["--length", "5", "--max-length", "4", "--profile", "portable"]
    words = ["export", "model.keras", "--tflite", "model.tflite", "--saved-model", "saved", *sizes]
    assert main(words) == 0
    assert "decode_step against Keras" in capsys.readouterr().out
    assert main(["inspect", "model.tflite"]) == 0
    assert "memory_summary" in capsys.readouterr().out
    for signature in ("greedy", "beam", "encode", "decode_step"):
        assert main(["bench", "model.tflite", "--signature", signature, "--runs", "3"]) == 0
        assert signature in capsys.readouterr().out
    file = TFLiteFile.read("model.tflite")
    assert file.signatures["beam"].outputs["tokens"].shape == (1, 1, 4)
    source = sources(1, 5)
    expected = model.decode(source, max_length=4).tokens.numpy()
    assert (TFLiteModel("model.tflite", "greedy")({"source": source})["tokens"] == expected).all()

    make_classifier().save("classifier.keras")
    words = ["export", "classifier.keras", "--tflite", "other.tflite", "--max-length", "4"]
    assert main(words) == 1
    assert "for models that write sequences" in capsys.readouterr().err
    assert not os.path.exists("other.tflite")


def test_a_model_loaded_from_its_file_can_be_exported(tmp_path):
    """As the command line has it, but in a SavedModel, which needs no conversion."""
    model, path = translator("luong"), tmp_path / "model.keras"
    model.save(path)
    loaded = keras.saving.load_model(path, compile=False)
    to_saved_model(loaded, tmp_path / "saved", max_length=3)
    assert (tmp_path / "saved" / "saved_model.pb").exists()
