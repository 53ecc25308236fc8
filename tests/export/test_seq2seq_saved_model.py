"""A SavedModel that writes sequences: from ids, and from texts to texts, without keras_seq."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from keras_seq import models
from keras_seq.data import TextCodec
from keras_seq.decoding import Beam, Greedy, Sampling
from keras_seq.export import ExportError, to_saved_model
from keras_seq.export.searching import saved_model

from .examples import make_classifier
from .test_saved_model import anything_compiled
from .translators import LENGTH, SEARCHES, SOURCES, TARGETS, randomised, sources, translator

SOURCE_CODEC = TextCodec([f"▁{letter}" for letter in "abcdefghijklmnopqrstuvwxyz"], "words")
TARGET_CODEC = TextCodec([f"▁{letter * 2}" for letter in "ABCDEFGHIJKLMNOP"], "words")
TEXTS = ["a b c d", "z", "unknown y x", "m n o p q r s", ""]

LOADER = """
import json, sys
for name in ("keras_seq", "keras", "tf_keras"):
    sys.modules[name] = None
import tensorflow as tf
loaded = tf.saved_model.load(sys.argv[1])
found = {}
for name in ("translate", "translate_greedy"):
    outputs = loaded.signatures[name](text=tf.constant(json.loads(sys.argv[2])))
    texts = [[text.decode() for text in row] for row in outputs.pop("texts").numpy()]
    found[name] = {key: value.numpy().tolist() for key, value in outputs.items()}
    found[name]["texts"] = texts
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    model, folder = translator("bahdanau"), tmp_path_factory.mktemp("saved") / "model"
    codecs = {"codec_source": SOURCE_CODEC, "codec_target": TARGET_CODEC}
    to_saved_model(model, folder, searches=SEARCHES, max_length=LENGTH, **codecs)
    return model, folder


def test_the_codecs_fit_the_models():
    assert (len(SOURCE_CODEC), len(TARGET_CODEC)) == (SOURCES, TARGETS)


def test_from_ids(saved):
    model, folder = saved
    loaded = tf.saved_model.load(str(folder))
    assert set(loaded.signatures) == {"greedy", "beam", "translate", "translate_greedy"}
    for rows, length in ((4, 9), (1, 3)):
        source = sources(rows, length, seed=rows)
        for name, search in SEARCHES.items():
            found = loaded.signatures[name](source=tf.constant(source))
            expected = model.decode(source, search, max_length=LENGTH, with_attention=True)
            assert set(found) == set(expected._fields)
            np.testing.assert_array_equal(found["tokens"], expected.tokens)
            np.testing.assert_array_equal(found["lengths"], expected.lengths)
            for field in ("scores", "attention"):
                np.testing.assert_allclose(
                    found[field], getattr(expected, field), rtol=1e-5, atol=1e-5
                )


def test_from_texts_where_there_is_no_keras_seq(saved):
    model, folder = saved
    done = subprocess.run(
        [sys.executable, "-c", LOADER, str(folder), json.dumps(TEXTS)],
        capture_output=True,
        text=True,
        env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"},
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    letters = {f"{chr(ord('a') + n)}": 4 + n for n in range(26)}
    ids = [[letters.get(word, 1) for word in text.split()] for text in TEXTS]
    source = np.array([row + [0] * (7 - len(row)) for row in ids])
    for name, search in (("translate", SEARCHES["beam"]), ("translate_greedy", SEARCHES["greedy"])):
        found, expected = told[name], model.decode(source, search, max_length=LENGTH)
        assert found["source"] == source.tolist()
        np.testing.assert_array_equal(found["tokens"], expected.tokens)
        np.testing.assert_allclose(found["scores"], expected.scores, rtol=1e-5, atol=1e-5)
        for tokens, texts in zip(expected.tokens.numpy(), found["texts"], strict=True):
            assert texts == [written(row) for row in tokens]
        attention = np.array(found["attention"])
        rows, steps = expected.tokens.shape[:2], np.array(found["lengths"])
        assert attention.shape == (*rows, LENGTH, source.shape[1])
        real = np.arange(LENGTH) < steps[..., None]
        has_source = np.array([len(row) > 0 for row in ids])[:, None, None]
        np.testing.assert_allclose(attention.sum(axis=-1), real & has_source, atol=1e-5)
        assert not attention[np.broadcast_to((source == 0)[:, None, None], attention.shape)].any()


def written(tokens):
    """The text of ids, by hand."""
    words = []
    for token in tokens:
        if token in (0, 3):
            break
        words.append("⁇" if token == 1 else chr(ord("A") + token - 4) * 2)
    return " ".join(words)


def test_nothing_in_it_is_compiled(saved):
    assert not anything_compiled(saved[1])


def test_the_codecs_lie_with_it(saved):
    names = [
        f"{name}{end}" for name in ("source", "target") for end in (".json", ".vocabulary.txt")
    ]
    assert sorted(os.listdir(saved[1] / "assets")) == names
    text = (saved[1] / "assets" / "target.vocabulary.txt").read_text(encoding="utf-8")
    assert text == TARGET_CODEC.files("target")["target.vocabulary.txt"]


def test_one_codec_for_both_no_attention_and_numbers_from_outside(tmp_path):
    encoder = models.RecurrentEncoder(TARGETS, 6, embedding_units=5)
    decoder = models.ChoDecoder(TARGETS, 6, embedding_units=5)
    model, codec = randomised(models.Seq2Seq(encoder, decoder), 4, 0.4, 0.0), TARGET_CODEC
    searches = {"drawn": Sampling(3.0), "greedy": Greedy()}
    options = {"searches": searches, "max_length": LENGTH}
    to_saved_model(model, tmp_path / "m", codec_source=codec, codec_target=codec, **options)
    loaded = tf.saved_model.load(str(tmp_path / "m"))
    assert set(loaded.signatures) == {"drawn", "greedy", "translate_drawn", "translate"}
    assert sorted(os.listdir(tmp_path / "m" / "assets")) == ["codec.json", "codec.vocabulary.txt"]
    noise = np.random.default_rng(0).random((2, LENGTH), "float32")
    found = loaded.signatures["translate_drawn"](text=tf.constant(["AA BB", "CC"]), noise=noise)
    assert "attention" not in found
    source = np.array([[4, 5], [6, 0]])
    expected = model.decode(source, Sampling(3.0, noise=noise), max_length=LENGTH)
    assert len(set(np.ravel(expected.tokens))) > 4
    np.testing.assert_array_equal(found["tokens"], expected.tokens)


@pytest.mark.parametrize(
    ("endpoint", "output"),
    [("beam", "tokens"), ("greedy", "scores"), ("translate", "texts")],
)
def test_other_values_are_refused(endpoint, output, monkeypatch, tmp_path):
    class Lying(saved_model.SavedModel):
        def signature(self, name):
            run = super().signature(name)

            def lie(inputs):
                found = run(inputs)
                if name == endpoint:
                    changed = found[output].copy()
                    changed.flat[-1] += {"i": 1, "f": 1e-3}.get(changed.dtype.kind, b"!")
                    found[output] = changed
                return found

            return lie

    model, searches = translator("luong"), {"greedy": Greedy(), "beam": Beam(2)}
    codecs = {"codec_source": SOURCE_CODEC, "codec_target": TARGET_CODEC}
    monkeypatch.setattr(saved_model, "SavedModel", Lying)
    with pytest.raises(ExportError, match=f"The endpoint `{endpoint}` is refused"):
        to_saved_model(model, tmp_path / "m", searches=searches, max_length=3, **codecs)
    assert os.listdir(tmp_path) == []


def test_options_that_do_not_suit(tmp_path):
    model = translator("cho")
    for options, words in (
        ({"codec_source": SOURCE_CODEC}, "takes both codecs"),
        ({"codec_target": SOURCE_CODEC}, "takes both codecs"),
        ({"labels": ["a"], "streaming": "step"}, "labels, streaming: not for models that write"),
    ):
        with pytest.raises(ExportError, match=words):
            to_saved_model(model, tmp_path / "m", **options)
    with pytest.raises(ExportError, match="codec_source: for models that write"):
        to_saved_model(make_classifier(), tmp_path / "m", codec_source=SOURCE_CODEC)
    assert os.listdir(tmp_path) == []
