"""CIDEr-D: values worked out by hand, and by dense vectors over all n-grams."""

import math

import numpy as np
import pytest

from keras_seq.metrics import cider_d

REFERENCES = [["a b", "a c c"], ["a d"], ["e f g h"]]


def test_values_worked_out_by_hand():
    """Of three images "a" is in the references of two, every other n-gram in those of one."""
    a, other = math.log(3 / 2), math.log(3)  # weights; n-grams that no reference has have `other`
    # "a c c c b" beside "a b": words a and b in common, and no longer n-grams.
    found = math.sqrt(a**2 + (3 * other) ** 2 + other**2)
    words = (a**2 + other**2) / (found * math.sqrt(a**2 + other**2))
    first = math.exp(-9 / 72) * words / 4
    # Beside "a c c": c counts as often as there, twice; of the pairs "a c" and one "c c", in
    # vectors of the lengths √6 and √2; one triple of three.
    words = (a**2 + (2 * other) ** 2) / (found * math.sqrt(a**2 + (2 * other) ** 2))
    second = math.exp(-4 / 72) * (words + 2 / math.sqrt(12) + 1 / math.sqrt(3)) / 4
    # "a d" is its reference, but has no triples; "x" has nothing of its reference.
    wanted = [10 * (first + second) / 2, 5.0, 0.0]
    assert wanted[0] == pytest.approx(2.49005, abs=1e-5)
    scores = cider_d(["a c c c b", "a d", "x"], REFERENCES)
    np.testing.assert_allclose(scores, wanted, rtol=1e-12)


def dense(found, references):
    """The same score by a vector with a place for every n-gram of each length."""
    size = len(references)
    totals = np.zeros(size)
    for n in range(1, 5):

        def grams(text, n=n):
            words = text.split()
            return [" ".join(words[i : i + n]) for i in range(len(words) - n + 1)]

        texts = [*found, *(text for of_image in references for text in of_image)]
        places = {gram: k for k, gram in enumerate(sorted({g for t in texts for g in grams(t)}))}
        frequency = np.zeros(len(places))
        for of_image in references:
            for gram in {g for text in of_image for g in grams(text)}:
                frequency[places[gram]] += 1
        weights = np.log(size / np.maximum(frequency, 1))

        def vector(text, places=places, weights=weights, grams=grams):
            counts = np.zeros(len(places))
            for gram in grams(text):
                counts[places[gram]] += 1
            return counts * weights

        for row, (text, of_image) in enumerate(zip(found, references, strict=True)):
            c, parts = vector(text), []
            for other in of_image:
                s = vector(other)
                norm = np.linalg.norm(c) * np.linalg.norm(s)
                gap = len(text.split()) - len(other.split())
                cosine = np.minimum(c, s) @ s / norm if norm else 0.0
                parts.append(np.exp(-(gap**2) / 72) * cosine)
            totals[row] += 10 * np.mean(parts) / 4
    return totals


def test_equals_dense_vectors():
    random = np.random.default_rng(2)

    def sentence():
        return " ".join(
            random.choice([*"abcde"], random.integers(1, 9), p=[0.4, 0.3, 0.1, 0.1, 0.1])
        )

    references = [[sentence() for _ in range(random.integers(1, 5))] for _ in range(12)]
    found = [random.choice(texts) if n % 3 else sentence() for n, texts in enumerate(references)]
    found[4] = ""
    scores = cider_d(found, references)
    assert len(set(scores.round(6))) > 8
    np.testing.assert_allclose(scores, dense(found, references), rtol=1e-9, atol=1e-12)


def test_extremes():
    texts = ["one two three four", "five six seven eight nine"]
    np.testing.assert_allclose(cider_d(texts, [[text] for text in texts]), [10, 10])
    # In a corpus of one image every n-gram is everywhere, and says nothing.
    assert cider_d(["a b c d"], [["a b c d"]]).tolist() == [0]


@pytest.mark.parametrize(
    ("found", "references", "words"),
    [
        (["a"], [["a"], ["b"]], "1 captions came with the references of 2 images"),
        ([], [], "0 captions"),
        (["a", "b"], [["a"], []], "of which 1 have none"),
        (["a b"], ["a b"], "references a list of such lists"),
        (["a", "b"], [["a"], "b"], "references a list of such lists"),
        (["a", "b"], "ab", "references a list of such lists"),
        ("ab", [["a"], ["b"]], "found must be a list of texts"),
    ],
)
def test_what_is_refused(found, references, words):
    with pytest.raises(ValueError, match=words):
        cider_d(found, references)
