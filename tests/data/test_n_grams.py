"""The n-gram baseline against the definition, history by history."""

import math
from collections import Counter, defaultdict

import numpy as np
import pytest

from keras_seq.data import n_gram_loss

RANDOM = np.random.default_rng(3)
# Not uniform, and the test text has symbols and pairs that the training text has not.
TRAIN = RANDOM.choice(6, size=150, p=[0.4, 0.3, 0.15, 0.1, 0.05, 0.0])
TEST = RANDOM.choice(6, size=60, p=[0.3, 0.2, 0.2, 0.1, 0.1, 0.1])
SIZE = 7


def probabilities(history, train):
    """Of each symbol, by counting through the text."""
    if history is None:
        return [1 / SIZE] * SIZE
    shorter = probabilities(history[1:] if history else None, train)
    n = len(history)
    follow = Counter(
        train[place + n] for place in range(len(train) - n) if train[place : place + n] == history
    )
    if not follow:
        return shorter
    total, kinds = sum(follow.values()), len(follow)
    return [(follow[w] + kinds * shorter[w]) / (total + kinds) for w in range(SIZE)]


@pytest.mark.parametrize("order", [1, 2, 3, 5])
def test_the_definition(order):
    train, test = TRAIN.tolist(), TEST.tolist()
    cache = defaultdict(lambda: None)
    losses = []
    for place in range(1, len(test)):
        history = tuple(test[max(0, place - order + 1) : place])
        if cache[history] is None:
            cache[history] = probabilities(list(history), train)
            assert math.isclose(sum(cache[history]), 1)
        losses.append(-math.log(cache[history][test[place]]))
    assert n_gram_loss(TRAIN, TEST, order, SIZE) == pytest.approx(np.mean(losses), rel=1e-12)


def test_longer_histories_help_where_the_text_repeats():
    text = np.array([0, 1, 0, 2] * 40)
    found = [n_gram_loss(text, text, order, 3) for order in (1, 2, 3)]
    assert found[0] > 1
    assert found[1] == pytest.approx(0.5 * math.log(2), abs=0.05)
    assert found[2] < 0.02


def test_texts_shorter_than_the_order():
    short = n_gram_loss(np.array([1]), np.array([0, 1]), 4, 2)
    # Counted: 1 once, of one kind. p(1) = (1 + 1/2) / 2, and no history was seen.
    assert short == pytest.approx(-math.log(0.75))


def test_what_makes_no_sense():
    for order, size in ((0, 3), (64, 2), (8, 1000)):
        with pytest.raises(ValueError, match=f"order is {order} for {size}"):
            n_gram_loss(TRAIN, TEST, order, size)
    with pytest.raises(ValueError, match="0 symbols to count"):
        n_gram_loss(TRAIN[:0], TEST, 1, SIZE)
    with pytest.raises(ValueError, match="1 to test"):
        n_gram_loss(TRAIN, TEST[:1], 1, SIZE)
    for wrong in (SIZE, -1):
        for texts in ((np.append(TRAIN, wrong), TEST), (TRAIN, np.append(TEST, wrong))):
            with pytest.raises(ValueError, match=f"ids must be from 0 to {SIZE - 1}"):
                n_gram_loss(*texts, 2, SIZE)
