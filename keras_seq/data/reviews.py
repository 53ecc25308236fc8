"""The built-in corpus: generated reviews whose label a bag of words cannot always give.

Each review praises or blames one thing, among neutral sentences. There are three kinds:

- *plain*, one half: one to three statements, all with words of praise if the review is positive,
  all with words of blame if it is negative. Which words occur decides.
- *negation*, one quarter: as many statements under a negator ("nobody in that room would have
  called the plot ...") as without one ("no matter whom you ask, the plot was ..."). A positive
  review denies the blame and affirms the praise, a negative one the reverse. The negator can
  stand many words before the word it denies.
- *contrast*, one quarter: a verdict that does not count, because it is that of somebody else or
  of an earlier moment ("critics called it ..."), and the reviewer's own ("to me it was ..."), in
  either order and with up to five neutral sentences between them. One is praise, the other blame.

In the last two kinds everything but the label is drawn first, and the label then decides only
which place the words of praise take and which the words of blame. So every such review has a
twin, just as likely, with the same words in the same numbers and the other label. A classifier
that sees only how often each word occurs is right on them half of the time, whatever it has
learned, and its accuracy on the corpus cannot be expected above

    1/2 * 1  +  1/4 * 1/2  +  1/4 * 1/2  =  0.75   (`BAG_OF_WORDS_CEILING`).

A model that reads the order of words can be right on all of them.
"""

from collections.abc import Callable, Mapping, Sequence
from random import Random

import numpy as np

from keras_seq.data.dataset import LabelledTexts
from keras_seq.data.review_words import (
    AFFIRMED,
    AGREEMENTS,
    BLAME,
    CONTRASTS,
    DEGREES,
    FINAL,
    NEGATED,
    NEUTRAL,
    OVERRULED,
    PRAISE,
    SLOTS,
    TOPICS,
)

PLAIN, NEGATION, CONTRAST = "plain", "negation", "contrast"
NEGATIVE, POSITIVE = 0, 1
# Repeated over and over, so that the shares are exact and each kind is balanced.
_CYCLE = (PLAIN, PLAIN, NEGATION, CONTRAST)
BAG_OF_WORDS_CEILING = sum(1.0 if kind == PLAIN else 0.5 for kind in _CYCLE) / len(_CYCLE)


def generate_reviews(count: int, seed: int) -> LabelledTexts:
    """Writes reviews, no two alike, half of them negative (0) and half positive (1).

    Args:
        count: How many.
        seed: The same seed gives the same reviews.

    Returns:
        The reviews, in random order.

    Example:
        >>> from keras_seq.data import generate_reviews
        >>> reviews = generate_reviews(count=4, seed=1)
        >>> sorted(reviews.labels.tolist())
        [0, 0, 1, 1]
    """
    return generate_reviews_with_kinds(count, seed)[0]


def generate_reviews_with_kinds(count: int, seed: int) -> tuple[LabelledTexts, np.ndarray]:
    """Writes the reviews of `generate_reviews` and says of what kind each is.

    Args:
        count: How many.
        seed: The same seed gives the same reviews.

    Returns:
        The reviews, and their kinds, strings of shape (count,): "plain", "negation", "contrast".

    Example:
        >>> from keras_seq.data import generate_reviews_with_kinds
        >>> _, kinds = generate_reviews_with_kinds(count=8, seed=1)
        >>> sorted(kinds.tolist())
        ['contrast', 'contrast', 'negation', 'negation', 'plain', 'plain', 'plain', 'plain']
    """
    random = Random(seed)
    classes = [(_CYCLE[n // 2 % len(_CYCLE)], n % 2) for n in range(count)]
    random.shuffle(classes)
    texts: dict[str, None] = {}  # a dict is a set that keeps the order
    for kind, label in classes:
        while (text := write_review(kind, label, random)) in texts:
            pass
        texts[text] = None
    kinds, labels = zip(*classes, strict=True) if classes else ((), ())
    return LabelledTexts(list(texts), np.array(labels, np.int32)), np.array(kinds, np.str_)


def write_review(kind: str, label: int, random: Random) -> str:
    """Writes one review.

    What is drawn from `random` does not depend on the label, so one state gives the twins.

    Args:
        kind: "plain", "negation" or "contrast".
        label: 0 for negative, 1 for positive.
        random: Where the choices are drawn from.

    Returns:
        The text.

    Example:
        >>> positive, negative = (write_review("contrast", n, Random(5)) for n in (1, 0))
        >>> positive == negative, len(positive) == len(negative)
        (False, True)
    """
    topic = random.choice(TOPICS)
    sentences = _STATEMENTS[kind](label, random)
    for neutral in random.sample(topic.neutral + NEUTRAL, random.randint(1, 5)):
        sentences.insert(random.randint(0, len(sentences)), neutral)
    slots = {
        "thing": ("it", f"the {random.choice(topic.things)}"),
        "part": topic.parts,
        **SLOTS,
    }
    filled = (_fill(sentence, slots, random) for sentence in sentences)
    return " ".join(f"{sentence[0].upper()}{sentence[1:]}." for sentence in filled)


def _plain(label: int, random: Random) -> list[str]:
    frames = [AFFIRMED + FINAL] + [AFFIRMED + FINAL + OVERRULED] * random.randint(0, 2)
    statements = [_state(random.choice(choice), _opinions(random)[label]) for choice in frames]
    return statements[:1] + [random.choice(AGREEMENTS) + more for more in statements[1:]]


def _negation(label: int, random: Random) -> list[str]:
    statements = []
    for _ in range(random.randint(1, 2)):
        opinions = _opinions(random)
        statements.append(_state(random.choice(NEGATED), opinions[1 - label]))
        statements.append(_state(random.choice(AFFIRMED), opinions[label]))
    random.shuffle(statements)
    return statements


def _contrast(label: int, random: Random) -> list[str]:
    opinions = _opinions(random)
    statements = [
        _state(random.choice(OVERRULED), opinions[1 - label]),
        _state(random.choice(FINAL), opinions[label]),
    ]
    random.shuffle(statements)
    return [statements[0], random.choice(CONTRASTS) + statements[1]]


_STATEMENTS: dict[str, Callable[[int, Random], list[str]]] = {
    PLAIN: _plain,
    NEGATION: _negation,
    CONTRAST: _contrast,
}


def _opinions(random: Random) -> tuple[str, str]:
    """Draws an opinion of blame and one of praise with as many words (indices are labels)."""
    count = random.choice((1, 1, 2, 3))
    blame, praise = (
        [random.choice(DEGREES) + word for word in random.sample(words, count)]
        for words in (BLAME, PRAISE)
    )
    return _enumerate(blame), _enumerate(praise)


def _enumerate(words: list[str]) -> str:
    return " and ".join(filter(None, [", ".join(words[:-1]), words[-1]]))


def _state(frame: str, opinion: str) -> str:
    return frame.replace("{opinion}", opinion)


def _fill(sentence: str, slots: Mapping[str, Sequence[str]], random: Random) -> str:
    """Fills every slot of a sentence, each time with another draw."""
    for slot, words in slots.items():
        while (name := f"{{{slot}}}") in sentence:
            sentence = sentence.replace(name, random.choice(words), 1)
    return sentence
