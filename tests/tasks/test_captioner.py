"""From images to captions: order, batches, searches; what quality counts; the nearest neighbour."""

import numpy as np
import pytest
import sacrebleu
import tensorflow as tf
from keras import ops

from keras_seq.data import CaptionedImages, TextCodec
from keras_seq.metrics import cider_d
from keras_seq.models import FeatureEncoder, image_captioner
from tasks import captioner as captioners
from tasks.caption_baseline import nearest_neighbour_captions
from tasks.captioner import Captioner, caption_quality

CODEC = TextCodec(["▁a", "▁red", "▁dog", "▁runs", "▁sits", "▁here"], "words")
FEATURES = np.random.default_rng(3).normal(size=(9, 2, 3, 4)).astype("float16")
LONGEST, START, END = 7, 2, 3


@pytest.fixture(scope="module")
def model():
    """Untrained, but with weights so large that it says other things of other images."""
    sizes = {"units": 6, "embedding_units": 5, "dropout": 0.0}
    model = image_captioner(len(CODEC), FeatureEncoder((2, 3, 4), 5), **sizes)
    model.build()
    random = np.random.default_rng(5)
    for weight in model.trainable_weights:
        weight.assign(random.normal(scale=0.9, size=weight.shape))
    return model


def captioner(model, **options):
    return Captioner(model, CODEC, max_length=LONGEST, **options)


@pytest.mark.parametrize("search", [{}, {"width": 3, "length_penalty": 0.7}], ids=["one", "beam"])
def test_batches_are_as_one_by_one(model, search, monkeypatch):
    monkeypatch.setattr(captioners, "BATCH", 4)
    describe = captioner(model, with_attention=True, **search)
    together = describe(FEATURES)
    assert len({found.text for found in together}) > 2
    for features, found in zip(FEATURES, together, strict=True):
        [alone] = describe(features[np.newaxis])
        assert (found.text, found.pieces) == (alone.text, alone.pieces)
        assert found.score == pytest.approx(alone.score, abs=1e-4)
        np.testing.assert_allclose(found.attention, alone.attention, atol=1e-5)
        assert found.attention.shape == (len(found.pieces), 2, 3)
        np.testing.assert_allclose(found.attention.sum((1, 2)), 1, atol=1e-5)
        words = [piece for piece in found.pieces if piece != "[END]"]
        assert found.text == " ".join(words).replace("[UNK]", "⁇")
        assert found.pieces[-1] == "[END]" or len(found.pieces) == LONGEST
    assert describe(FEATURES[:0]) == []


def test_greedy_by_the_steps_of_the_model(model):
    for features, found in zip(FEATURES, captioner(model)(FEATURES), strict=True):
        memory = model.decoder.prepare(model.encoder(features[np.newaxis]))
        state, tokens, score = model.decoder.initial_state(memory, LONGEST), [START], 0.0
        while len(tokens) <= LONGEST and tokens[-1] != END:
            logits, state = model.decoder.step(tf.constant(tokens[-1:]), state, memory)
            likely = np.array(logits[0], "float64")
            likely[[0, START]] = -np.inf
            tokens.append(int(likely.argmax()))
            score += likely.max() - np.log(np.exp(likely).sum())
        assert found.pieces == [CODEC.pieces[i].replace("▁", "") for i in tokens[1:]]
        assert found.score == pytest.approx(score, abs=1e-4)


def test_drawn_words_are_drawn_anew_and_cold_ones_are_the_likeliest(model):
    same = np.repeat(FEATURES[:1], 40, axis=0)
    describe = captioner(model, temperature=1.5)
    first, second = describe(same), describe(same)
    assert len({found.text for found in first}) > 10
    assert [found.text for found in first] != [found.text for found in second]
    cold = captioner(model, temperature=1e-3)(FEATURES)
    assert [f.text for f in cold] == [f.text for f in captioner(model)(FEATURES)]


FOUND = ["a dog runs on grass", "two men", "a red ball", "nothing here"]
REFERENCES = [
    ["a dog runs on the grass", "dog on grass"],
    ["two men", "two men talk on the street", "men"],
    ["the red ball", "a red ball"],
    ["a child at the sea"],
]


def test_quality():
    quality = caption_quality(FOUND, REFERENCES)
    streams = [[texts[n] if n < len(texts) else None for texts in REFERENCES] for n in range(3)]
    for order, found in enumerate(quality.bleu, start=1):
        metric = sacrebleu.BLEU(tokenize="none", max_ngram_order=order)
        assert found == pytest.approx(metric.corpus_score(FOUND, streams).score)
    # BLEU-1 by hand: 5 + 2 + 3 + 0 of 12 words; the nearest references have 6 + 2 + 3 + 5.
    assert quality.bleu[0] == pytest.approx(100 * 10 / 12 * np.exp(1 - 16 / 12))
    assert quality.cider == pytest.approx(cider_d(FOUND, REFERENCES).mean())
    assert quality.exact == 0.5
    assert "tok:none" in quality.signature
    figures = quality.figures("test_", "_greedy")
    assert figures["test_bleu_4_greedy"] == quality.bleu[3]
    assert set(figures) == {
        f"test_{name}_greedy" for name in ("bleu_1", "bleu_2", "bleu_3", "bleu_4", "cider", "exact")
    }


def test_the_nearest_neighbour_by_features():
    random = np.random.default_rng(0)
    train = random.normal(size=(6, 2, 2, 8)).astype("float16") + 5
    test = train[[4, 1, 3]] + random.normal(scale=0.2, size=(3, 2, 2, 8)).astype("float16")
    captions = [[f"image {n}"] for n in range(6)]
    # The one that another agrees with, not the first, nor the longest.
    captions[1] = ["two birds sing", "a dog runs", "the sea far away over there", "a dog runs"]
    parts = [
        CaptionedImages([str(n) for n in range(len(inputs))], inputs, texts)
        for inputs, texts in ((train, captions), (test, captions[:3]))
    ]
    found = nearest_neighbour_captions(*parts, captions)
    assert found == ["image 4", "a dog runs", "image 3"]


@pytest.mark.parametrize("shape", [(20, 20, 3), (5, 9, 3)])
def test_the_nearest_neighbour_by_pictures(shape):
    """Places and colours, not how bright a picture is as a whole."""
    random = np.random.default_rng(1)
    train = random.integers(60, 190, (5, *shape)).astype("uint8")
    test = (train[[3, 0]].astype(int) * 1.2 + random.integers(-20, 20, (2, *shape))).astype("uint8")
    captions = [[f"image {n}"] for n in range(5)]
    parts = [
        CaptionedImages([str(n) for n in range(len(inputs))], inputs, texts)
        for inputs, texts in ((train, captions), (test, captions[:2]))
    ]
    assert nearest_neighbour_captions(*parts, captions) == ["image 3", "image 0"]


def test_weights_that_change_change_the_captions(model):
    describe = captioner(model)
    before = [found.text for found in describe(FEATURES)]
    bias = ops.convert_to_numpy(model.decoder.bias)
    model.decoder.bias.assign(np.where(np.arange(len(bias)) == 5, 50.0, bias))
    after = [found.text for found in describe(FEATURES)]
    model.decoder.bias.assign(bias)
    assert after == ["red red red red red red red"] * 9
    assert before != after
