import re
from collections import Counter
from random import Random

import numpy as np
import pytest

from keras_seq.data import (
    BAG_OF_WORDS_CEILING,
    LabelledTexts,
    Tokenizer,
    bag_of_words_accuracy,
    generate_reviews,
    generate_reviews_with_kinds,
)
from keras_seq.data.review_words import BLAME, FINAL, NEGATED, OVERRULED, PRAISE
from keras_seq.data.reviews import write_review


def words_of(text):
    return re.findall(r"[\w']+|[^\w\s]", text.lower())


def sentiment_counts(text):
    counts = Counter(words_of(text))
    return [sum(counts[word] for word in words) for words in (BLAME, PRAISE)]


@pytest.fixture(scope="module")
def corpus():
    return generate_reviews_with_kinds(6_000, seed=11)


def test_same_seed_same_reviews():
    first, second, other = (generate_reviews(50, seed) for seed in (1, 1, 2))
    assert first.texts == second.texts
    assert first.labels.tolist() == second.labels.tolist()
    assert not set(first.texts) & set(other.texts)


def test_shares_are_exact_and_every_kind_is_balanced(corpus):
    reviews, kinds = corpus
    assert Counter(zip(kinds.tolist(), reviews.labels.tolist(), strict=True)) == {
        ("plain", 0): 1500,
        ("plain", 1): 1500,
        ("negation", 0): 750,
        ("negation", 1): 750,
        ("contrast", 0): 750,
        ("contrast", 1): 750,
    }


def test_reviews_are_varied(corpus):
    reviews, _ = corpus
    lengths = np.array([len(words_of(text)) for text in reviews.texts])
    assert len(set(reviews.texts)) == len(reviews)
    assert lengths.min() >= 8
    assert np.percentile(lengths, 1) < 25
    assert 90 < np.percentile(lengths, 99) < 130
    assert len({word for text in reviews.texts for word in words_of(text)}) > 400
    assert not [text for text in reviews.texts if re.search(r"[{}]|  | \.", text)]


def test_word_lists_do_not_overlap():
    assert not set(PRAISE) & set(BLAME)
    assert len(set(PRAISE)) == len(PRAISE)
    assert len(set(BLAME)) == len(BLAME)


def test_words_decide_plain_reviews(corpus):
    reviews, kinds = corpus
    for row in np.flatnonzero(kinds == "plain"):
        counts = sentiment_counts(reviews.texts[row])
        assert counts[1 - reviews.labels[row]] == 0
        assert counts[reviews.labels[row]] > 0


@pytest.mark.parametrize("kind", ["negation", "contrast"])
def test_other_reviews_have_a_twin_of_the_same_words(kind):
    for seed in range(300):
        negative, positive = (write_review(kind, label, Random(seed)) for label in (0, 1))
        assert negative != positive
        assert Counter(words_of(negative)) == Counter(words_of(positive))
        blame, praise = sentiment_counts(positive)
        assert blame == praise > 0


def test_draws_do_not_hang_on_the_label():
    for kind in ("plain", "negation", "contrast"):
        states = []
        for label in (0, 1):
            random = Random(9)
            write_review(kind, label, random)
            states.append(random.getstate())
        assert states[0] == states[1]


def pattern_of(frame):
    return re.compile(re.sub(r"\\{\w+\\}", "(.+)", re.escape(frame)), re.IGNORECASE)


def test_the_final_and_the_undenied_opinion_give_the_label(corpus):
    """Reads the reviews back by their frames, as a person would, and finds the label."""
    reviews, kinds = corpus
    against = {
        "negation": [pattern_of(frame) for frame in NEGATED],
        "contrast": [pattern_of(frame) for frame in OVERRULED],
    }
    final = [pattern_of(frame) for frame in FINAL]
    for row in np.flatnonzero(kinds != "plain"):
        votes = []
        for sentence in reviews.texts[row].rstrip(".").split(". "):
            blame, praise = sentiment_counts(sentence)
            if blame + praise:
                assert blame == 0 or praise == 0
                turned = any(pattern.search(sentence) for pattern in against[kinds[row]])
                votes.append((praise > 0) != turned)
                if kinds[row] == "contrast":
                    assert turned != any(pattern.search(sentence) for pattern in final)
        assert set(votes) == {bool(reviews.labels[row])}
        assert len(votes) >= 2


def test_word_counts_reach_their_ceiling_and_no_more(corpus):
    assert BAG_OF_WORDS_CEILING == 0.75
    reviews, _ = corpus
    train, test = reviews.take(np.arange(4_000)), reviews.take(np.arange(4_000, 6_000))
    accuracy = bag_of_words_accuracy(train, test, Tokenizer.fit(train.texts))
    # Half of 2,000 reviews are coin flips: a standard deviation of 0.008.
    assert 0.71 < accuracy < 0.785


def test_word_counts_alone_solve_the_plain_reviews(corpus):
    reviews, kinds = corpus
    plain = reviews.take(np.flatnonzero(kinds == "plain"))
    train, test = plain.take(np.arange(2_000)), plain.take(np.arange(2_000, 3_000))
    assert bag_of_words_accuracy(train, test, Tokenizer.fit(train.texts)) > 0.99


def test_bag_of_words_takes_more_classes_and_is_deterministic():
    random = np.random.default_rng(0)
    words = np.array(["red", "green", "blue"])
    labels = random.integers(0, 3, 600)
    noise = random.choice(["x", "y", "z", *words], size=(600, 4))
    texts = [
        f"{words[label]} {words[label]} {' '.join(row)}"
        for label, row in zip(labels, noise, strict=True)
    ]
    # A class has two votes of its own and at most four against it.
    truth = np.mean(
        [
            np.argmax([text.split().count(w) for w in words]) == n
            for text, n in zip(texts, labels, strict=True)
        ]
    )
    examples = LabelledTexts(texts, labels)
    train, test = examples.take(np.arange(400)), examples.take(np.arange(400, 600))
    tokenizer = Tokenizer.fit(train.texts)
    scores = [bag_of_words_accuracy(train, test, tokenizer, seed=3) for _ in range(2)]
    assert scores[0] == scores[1]
    assert abs(scores[0] - truth) < 0.05
