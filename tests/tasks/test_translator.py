"""From texts to texts: order, batches, what is cut, scores; and what quality counts."""

import numpy as np
import pytest
import sacrebleu
import tensorflow as tf

from keras_seq.data import TextCodec
from keras_seq.models import sequence_to_sequence
from tasks import translator as translators
from tasks.config import ConfigError
from tasks.translator import Translator, quality

WORDS = ["▁red", "▁green", "▁blue", "▁tea", "▁fish", "▁sun", "▁moon", "▁sea"]
OTHERS = ["▁rojo", "▁verde", "▁azul", "▁té", "▁pez", "▁sol", "▁luna", "▁mar", "▁ay"]
SOURCE, TARGET = TextCodec(WORDS, "words"), TextCodec(OTHERS, "words")
TEXTS = [
    "red green blue tea fish sun",
    "moon",
    "sea sea tea",
    "fish fish fish fish fish",
    "sun moon",
    "red",
    "green green sea moon tea",
    "blue unheard sun",
]
LONGEST, END = 9, 3


@pytest.fixture(scope="module")
def model():
    """Untrained, but with weights so large that it says other things of other sources."""
    options = {"architecture": "luong", "units": 6, "embedding_units": 5, "dropout": 0.0}
    model = sequence_to_sequence(len(SOURCE), len(TARGET), **options)
    model.build()
    random = np.random.default_rng(5)
    for weight in model.trainable_weights:
        weight.assign(random.normal(scale=0.8, size=weight.shape))
    bias = model.decoder.bias.numpy()
    bias[END] += 1  # so that some end sooner
    model.decoder.bias.assign(bias)
    return model


def translator(model, **options):
    return Translator(model, SOURCE, TARGET, **{"max_length": LONGEST, **options})


@pytest.mark.parametrize("search", [{}, {"width": 3, "length_penalty": 0.7}], ids=["one", "beam"])
def test_batches_are_as_one_by_one_in_the_order_given(model, search, monkeypatch):
    monkeypatch.setattr(translators, "BATCH", 4)
    translate = translator(model, with_attention=True, **search)
    together = translate(TEXTS)
    assert len({found.text for found in together}) > 4
    assert len({len(found.pieces) for found in together}) > 2
    for text, found in zip(TEXTS, together, strict=True):
        [alone] = translate([text])
        assert (found.text, found.pieces, found.source) == (alone.text, alone.pieces, alone.source)
        assert found.score == pytest.approx(alone.score, abs=1e-4)
        np.testing.assert_allclose(found.attention, alone.attention, atol=1e-5)
        words = [f"▁{w}" if f"▁{w}" in WORDS else "[UNK]" for w in text.split()]
        assert found.source == words
        assert found.attention.shape == (len(found.pieces), len(found.source))
        np.testing.assert_allclose(found.attention.sum(1), 1, atol=1e-5)
    assert translate([]) == []
    [nothing] = translate([""])
    assert nothing.source == []
    assert np.isfinite(nothing.score)


def test_the_text_is_that_of_the_pieces(model):
    for found in translator(model)(TEXTS):
        shown = [piece for piece in found.pieces if piece != "[END]"]
        assert found.text == "".join(shown).replace("▁", " ").replace("[UNK]", " ⁇").strip()
        assert "[END]" not in found.pieces[:-1]
        assert found.pieces[-1] == "[END]" or len(found.pieces) == LONGEST


def test_long_sources_are_cut(model):
    short, whole = translator(model, max_length=4), translator(model)
    [found] = short([TEXTS[0]])
    assert found.source == ["▁red", "▁green", "▁blue", "▁tea"]
    assert found.cut == 2
    assert len(found.pieces) <= 4
    # What was cut away changes nothing, and what was not cut is read whole.
    [same] = short(["red green blue tea"])
    assert (same.text, same.score, same.cut) == (found.text, pytest.approx(found.score), 0)
    assert whole([TEXTS[0]])[0].cut == 0
    assert [found.cut for found in short(TEXTS)] == [max(len(t.split()) - 4, 0) for t in TEXTS]


def log_probability(model, text, pieces):
    """By the model's own call on the whole target, in float64."""
    target = [2, *(TARGET.pieces.index(piece) for piece in pieces)]
    inputs = {"source": SOURCE(tf.constant([text])).to_tensor(), "target": [target]}
    logits = model({name: tf.constant(ids) for name, ids in inputs.items()}).numpy()[0]
    logits = logits.astype("float64")
    logits[:, [0, 2]] = -np.inf  # padding and the start are never written
    logp = logits - np.log(np.exp(logits).sum(1, keepdims=True))
    return sum(logp[place, token] for place, token in enumerate(target[1:]))


def test_scores_are_log_probabilities(model):
    greedy, plain = translator(model), translator(model, width=3)
    by_length = translator(model, width=3, length_penalty=0.7)
    results = zip(TEXTS, greedy(TEXTS), plain(TEXTS), by_length(TEXTS), strict=True)
    for text, one, beam, penalised in results:
        for found in (one, beam):
            wanted = log_probability(model, text, found.pieces)
            assert found.score == pytest.approx(wanted, abs=1e-4)
        wanted = log_probability(model, text, penalised.pieces)
        wanted /= ((5 + len(penalised.pieces)) / 6) ** 0.7
        assert penalised.score == pytest.approx(wanted, abs=1e-4)
    assert greedy(TEXTS) != plain(TEXTS)


FOUND = ["The cat sat.", "a  dog runs fast ", "Nothing here at all!", "four words are here"]
WANTED = ["The cat sat.", "a dog runs fast", "nothing here at all!", "four words were here"]


@pytest.mark.parametrize("lowercase", [False, True])
@pytest.mark.parametrize("tokenize", ["13a", "char"])
def test_quality_is_what_sacrebleu_counts(lowercase, tokenize):
    result = quality(FOUND, WANTED, lowercase=lowercase, tokenize=tokenize)
    given = {"lowercase": lowercase}
    wanted = sacrebleu.corpus_bleu(FOUND, [WANTED], tokenize=tokenize, **given).score
    # chrF has that option by another name.
    texts = ([t.lower() for t in FOUND], [t.lower() for t in WANTED]) if lowercase else None
    found, references = texts or (FOUND, WANTED)
    assert result.bleu == pytest.approx(wanted)
    assert result.chrf == pytest.approx(sacrebleu.corpus_chrf(found, [references]).score)
    assert 0 < result.bleu < 100
    assert result.exact == (0.75 if lowercase else 0.5)
    assert f"tok:{tokenize}" in result.signature
    assert f"case:{'lc' if lowercase else 'mixed'}" in result.signature


def test_quality_of_chinese():
    found, wanted = ["我喜欢绿茶。", "他在海边看书"], ["我喜欢红茶。", "他在海边看月亮"]
    result = quality(found, wanted, lowercase=False, tokenize="zh")
    assert result.bleu == pytest.approx(sacrebleu.corpus_bleu(found, [wanted], tokenize="zh").score)
    # By spaces, no sentence would have a word in common with another.
    assert result.bleu > 30 > 1 + quality(found, wanted, lowercase=False, tokenize="13a").bleu


def test_quality_needs_its_tokenizer(monkeypatch):
    with pytest.raises(ConfigError, match=r"one of none, zh, 13a.*got 'foo'\.$"):
        quality(FOUND, WANTED, lowercase=False, tokenize="foo")

    def missing(**options):
        raise RuntimeError("\nPlease install\nthe dictionary")

    missing.TOKENIZERS = sacrebleu.BLEU.TOKENIZERS
    monkeypatch.setattr(sacrebleu, "BLEU", missing)
    with pytest.raises(ConfigError, match=r"'ja-mecab' \(Please install the dictionary\)"):
        quality(FOUND, WANTED, lowercase=False, tokenize="ja-mecab")
