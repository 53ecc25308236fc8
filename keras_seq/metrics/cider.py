"""CIDEr-D: how much a caption says of what people agree on."""

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np

_LONGEST = 4  # words of an n-gram
_SIGMA = 6.0  # of the penalty for another length, in words
_SCALE = 10.0

Counts = Counter[tuple[str, ...]]


def cider_d(found: Sequence[str], references: Sequence[Sequence[str]]) -> np.ndarray:
    r"""Scores captions by n-grams that they share with those of people, rare ones weighing more.

    With $g_k(s) = h_k(s) \log\frac{|I|}{\max(1, d_k)}$ for each n-gram k, where h is how often it
    is in a caption s, and d how many of the |I| images have a reference with it:

    $$\mathrm{CIDEr\text{-}D}_n(c, S) = \frac{10}{|S|} \sum_{s \in S}
      e^{-\frac{(l_c - l_s)^2}{2 \sigma^2}}
      \frac{\min(g(c), g(s)) \cdot g(s)}{\|g(c)\|\, \|g(s)\|}, \qquad \sigma = 6,$$

    where l is the number of words. The score is the mean over n = 1 to 4, from 0 to 10.

    Args:
        found: A caption of each of N images, words with spaces between them.
        references: Of each image the captions of people, one or more. How rare an n-gram is, is
            counted in them: the score of an image depends on the others.

    Returns:
        The scores, (N,); their mean is that of the corpus.

    Raises:
        ValueError: Not as many captions as images, none at all, or an image without a reference.

    Example:
        >>> from keras_seq.metrics import cider_d
        >>> found = ["a dog runs", "a cat sits"]
        >>> cider_d(found, [["a dog runs on grass", "a dog runs"], ["two birds"]]).round(2).tolist()
        [6.18, 0.0]

    Reference:
        Vedantam et al., "CIDEr: consensus-based image description evaluation" (2015, arXiv
        1411.5726), sections 4 and 8.1. There h is divided by the number of n-grams of the caption;
        not so in the authors' code, whose figures others report, nor here.
    """
    if isinstance(found, str) or any(isinstance(texts, str) for texts in references):
        raise ValueError("found must be a list of texts, references a list of such lists.")
    if len(found) != len(references) or not len(found) or not all(map(len, references)):
        raise ValueError(
            f"{len(found)} captions came with the references of {len(references)} images, of which "
            f"{sum(not len(texts) for texts in references)} have none; give one caption and at "
            "least one reference per image."
        )
    counted = [[_counts(text) for text in texts] for texts in references]
    images: Counts = Counter()
    for of_image in counted:
        images.update({gram for counts in of_image for n in counts for gram in n})
    weights = {gram: math.log(len(references) / count) for gram, count in images.items()}
    unseen = math.log(len(references))
    scores = []
    for text, texts, of_image in zip(found, references, counted, strict=True):
        counts, length = _counts(text), len(text.split())
        of_references = [
            math.exp(-((length - len(other.split())) ** 2) / (2 * _SIGMA**2))
            * np.mean([_likeness(a, b, weights, unseen) for a, b in zip(counts, c, strict=True)])
            for other, c in zip(texts, of_image, strict=True)
        ]
        scores.append(_SCALE * np.mean(of_references))
    return np.array(scores)


def _counts(text: str) -> list[Counts]:
    """How often each n-gram occurs, for n from 1 on."""
    words = text.split()
    return [
        Counter(tuple(words[i : i + n]) for i in range(len(words) - n + 1))
        for n in range(1, _LONGEST + 1)
    ]


def _likeness(
    found: Counts, reference: Counts, weights: dict[tuple[str, ...], float], unseen: float
) -> float:
    """The product of two weighted vectors of counts, the first clipped at the second, as cosine."""
    a, b = (
        {gram: count * weights.get(gram, unseen) for gram, count in counts.items()}
        for counts in (found, reference)
    )
    product = sum(min(a[gram], b[gram]) * b[gram] for gram in a.keys() & b.keys())
    norms = math.sqrt(sum(x**2 for x in a.values()) * sum(x**2 for x in b.values()))
    return product / norms if norms else 0.0
