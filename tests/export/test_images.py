"""Exports of models that read images or features: the source is these, and captions come out."""

import functools
import json
import os
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from keras_seq import models
from keras_seq.data import TextCodec, decode_pictures
from keras_seq.decoding import Beam
from keras_seq.export import (
    ExportError,
    TFLiteOptions,
    export_seq2seq,
    to_saved_model,
    to_tflite,
)
from keras_seq.export.runtime import TFLiteModel

from .translators import END, LENGTH, SEARCHES, TARGETS, greedy_outside, randomised

CODEC = TextCodec([f"▁{letter * 2}" for letter in "ABCDEFGHIJKLMNOP"], "words")
RANDOM = np.random.default_rng(8)
PICTURES = RANDOM.integers(0, 256, (7, 12, 12, 3)).astype("uint8")
FEATURES = RANDOM.normal(size=(5, 2, 3, 4)).astype("float32")
READ = functools.partial(decode_pictures, size=12)

LOADER = """
import sys
for name in ("keras_seq", "keras", "tf_keras"):
    sys.modules[name] = None
import tensorflow as tf
loaded = tf.saved_model.load(sys.argv[1])
files = [tf.io.read_file(path) for path in sys.argv[2:]]
found = loaded.signatures["caption_file"](file=tf.stack(files))
print("|".join(text[0].decode() for text in found["texts"].numpy()))
"""


def captioner(decoder="attention"):
    encoder = models.SmallImageEncoder((12, 12, 3), 6, filters=(4, 5, 6), name="looks")
    sizes = {"units": 7, "embedding_units": 5, "dropout": 0.0}
    model = models.image_captioner(TARGETS, encoder, decoder=decoder, **sizes)
    return randomised(model, 3, 0.9, 1.0)


def of_features():
    encoder = models.FeatureEncoder((2, 3, 4), 6)
    sizes = {"units": 6, "embedding_units": 5, "dropout": 0.0}
    model = models.image_captioner(TARGETS, encoder, decoder="initial_state", **sizes)
    return randomised(model, 2, 1.2, 0.7)


def found_by(model, search, source, **options):
    return model.decode(source, search, max_length=LENGTH, **options)


def written(tokens):
    """The text of ids, by hand."""
    words = []
    for token in tokens:
        if token in (0, END):
            break
        words.append("⁇" if token == 1 else chr(ord("A") + token - 4) * 2)
    return " ".join(words)


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    model, folder = captioner(), tmp_path_factory.mktemp("saved") / "model"
    options = {"searches": SEARCHES, "max_length": LENGTH, "check_inputs": [PICTURES[:3]]}
    to_saved_model(model, folder, codec_source=READ, codec_target=CODEC, **options)
    return model, folder


def test_a_saved_model_from_pictures(saved):
    model, folder = saved
    loaded = tf.saved_model.load(str(folder))
    names = {"caption", "caption_greedy", "caption_file", "caption_file_greedy"}
    assert set(loaded.signatures) == {"greedy", "beam", *names}
    files = tf.stack([tf.io.encode_png(picture) for picture in PICTURES])
    texts = set()
    for search, end in (("beam", ""), ("greedy", "_greedy")):
        expected = found_by(model, SEARCHES[search], PICTURES, with_attention=True)
        for found in (
            loaded.signatures[search](source=tf.constant(PICTURES)),
            loaded.signatures[f"caption{end}"](source=tf.constant(PICTURES)),
            loaded.signatures[f"caption_file{end}"](file=files),
        ):
            np.testing.assert_array_equal(found["tokens"], expected.tokens)
            np.testing.assert_allclose(found["attention"], expected.attention, atol=1e-5)
            np.testing.assert_allclose(found["scores"], expected.scores, rtol=1e-5, atol=1e-5)
            assert "source" not in found
            for row, ids in zip(found.get("texts", ()), expected.tokens.numpy(), strict=False):
                assert [text.decode() for text in row.numpy()] == [written(one) for one in ids]
                texts |= {written(one) for one in ids[:1]}
    assert len(texts) > 2
    assert sorted(os.listdir(folder / "assets")) == ["target.json", "target.vocabulary.txt"]


def test_files_of_any_size_where_there_is_no_keras_seq(saved, tmp_path):
    model, folder = saved
    wide = RANDOM.integers(0, 256, (20, 33, 3)).astype("uint8")
    (tmp_path / "a.png").write_bytes(tf.io.encode_png(wide).numpy())
    (tmp_path / "b.jpg").write_bytes(tf.io.encode_jpeg(PICTURES[0]).numpy())
    paths = [tmp_path / "a.png", tmp_path / "b.jpg"]
    done = subprocess.run(
        [sys.executable, "-c", LOADER, str(folder), *map(str, paths)],
        capture_output=True,
        text=True,
        env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"},
    )
    assert done.returncode == 0, done.stderr
    read = np.concatenate([READ(tf.constant([path.read_bytes()])) for path in paths])
    expected = found_by(model, SEARCHES["beam"], read).tokens.numpy()[:, 0]
    assert done.stdout.splitlines()[-1] == "|".join(map(written, expected))


@pytest.mark.long
def test_a_portable_file_from_pictures(tmp_path):
    model, folder = captioner(), tmp_path / "export"
    report = export_seq2seq(
        model,
        folder,
        searches=SEARCHES,
        max_length=LENGTH,
        codec_source=READ,
        codec_target=CODEC,
        check_inputs=[PICTURES],
        tflite=TFLiteOptions(profile="portable"),
    )
    assert report["tflite"]["profile"] == "portable"
    compared = report["tflite"]["compared_with_keras"]
    assert compared["greedy"]["equal"] == compared["beam"]["equal"] == 1
    assert compared["greedy"]["rows"] == len(PICTURES)
    assert compared["decode_step"]["difference"] < 1e-4
    saved = report["saved_model"]["compared_with_keras"]
    assert saved["caption_file"]["equal"] == saved["caption"]["equal"] == 1
    path = folder / "model.tflite"
    run = TFLiteModel(path, "encode").signature
    for picture in PICTURES:
        source = picture[np.newaxis]
        for name, search in SEARCHES.items():
            found, expected = run(name)({"source": source}), found_by(model, search, source)
            np.testing.assert_array_equal(found["tokens"], expected.tokens)
            np.testing.assert_allclose(found["scores"], expected.scores, rtol=1e-5, atol=2e-5)
        tokens = found_by(model, SEARCHES["greedy"], source).tokens.numpy()[0, 0].tolist()
        whole = tokens[: tokens.index(END) + 1] if END in tokens else tokens
        assert greedy_outside(path, source) == [whole]
    assert json.loads((folder / "report.json").read_text())["tflite"]["latency"]["beam"][
        "shapes"
    ] == {"source": [1, 12, 12, 3]}


@pytest.mark.long
@pytest.mark.parametrize(("make", "inputs"), [(captioner, PICTURES), (of_features, FEATURES)])
def test_any_batch(make, inputs, tmp_path):
    """The inputs of the value check are made up: bytes of pictures, or numbers."""
    model, path = make(), tmp_path / "model.tflite"
    report = to_tflite(model, path, searches=SEARCHES, max_length=LENGTH)
    assert report.comparisons["beam"].equal == 1
    run = TFLiteModel(path, "greedy").signature
    for rows in (5, 1, 3):
        for name, search in SEARCHES.items():
            found = run(name)({"source": inputs[:rows]})
            np.testing.assert_array_equal(
                found["tokens"], found_by(model, search, inputs[:rows]).tokens
            )


def test_features_have_no_files(tmp_path):
    model, options = of_features(), {"searches": {"beam": Beam(3)}, "max_length": LENGTH}
    to_saved_model(model, tmp_path / "m", codec_target=CODEC, **options)
    loaded = tf.saved_model.load(str(tmp_path / "m"))
    assert set(loaded.signatures) == {"beam", "caption"}
    found = loaded.signatures["caption"](source=tf.constant(FEATURES))
    expected = found_by(model, Beam(3), FEATURES).tokens.numpy()
    np.testing.assert_array_equal(found["tokens"], expected)
    assert [row[0].decode() for row in found["texts"].numpy()] == [written(r[0]) for r in expected]
    assert "attention" not in found


def test_options_that_do_not_suit(tmp_path):
    for model, options, words in (
        (of_features(), {"codec_source": READ, "codec_target": CODEC}, "the model reads float32"),
        (captioner(), {"codec_source": CODEC, "codec_target": CODEC}, "codec_source came as TextC"),
        (captioner(), {"codec_source": READ}, "takes both codecs"),
        (captioner(), {"codec_target": TextCodec(["▁a"], "words")}, "codec_target has 5 ids"),
        (captioner(), {"searches": {"caption": Beam(2)}}, "cannot be called 'caption'"),
        (captioner(), {"searches": {"file": Beam(2)}}, "cannot be called 'file'"),
    ):
        with pytest.raises(ExportError, match=words):
            to_saved_model(model, tmp_path / "m", max_length=3, **options)
    for options, words in (
        ({"check_texts": ["a"], "codec_source": READ, "codec_target": CODEC}, "no codecs"),
        ({"check_inputs": [PICTURES[:, :5]]}, r"takes the shape \(None, 12, 12, 3\)"),
    ):
        with pytest.raises(ExportError, match=words):
            export_seq2seq(captioner(), tmp_path / "m", max_length=3, **options)
    assert os.listdir(tmp_path) == []
