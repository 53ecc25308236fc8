"""Images with captions, the words that count, batches."""

import numpy as np
import pytest
import tensorflow as tf

from keras_seq.data import (
    CaptionDataset,
    CaptionedImages,
    DataError,
    caption_batches,
    plain_caption,
)

PICTURES = np.random.default_rng(1).integers(0, 256, (4, 3, 3, 3)).astype("uint8")
CAPTIONS = [["a"], ["b", "c", "d"], ["e"], ["f", "g"]]
IMAGES = CaptionedImages(["p", "q", "r", "s"], PICTURES, CAPTIONS)


def test_rows_and_pairs():
    some = IMAGES.take(np.array([3, 1]))
    assert (some.names, some.captions) == (["s", "q"], [["f", "g"], ["b", "c", "d"]])
    np.testing.assert_array_equal(some.inputs, PICTURES[[3, 1]])
    rows, texts = IMAGES.pairs()
    assert list(zip(rows.tolist(), texts, strict=True)) == [
        (0, "a"),
        (1, "b"),
        (1, "c"),
        (1, "d"),
        (2, "e"),
        (3, "f"),
        (3, "g"),
    ]


def test_all_for_testing():
    parts = [IMAGES.take([row]) for row in (2, 0, 3)]
    dataset = CaptionDataset("x", *parts, notes=("a note",)).all_for_testing()
    assert dataset.test.names == ["r", "p", "s"]
    np.testing.assert_array_equal(dataset.test.inputs, PICTURES[[2, 0, 3]])
    assert dataset.train is parts[0]
    assert dataset.notes == ("a note",)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((["p"], PICTURES, CAPTIONS), "1 names came with 4 inputs and the captions of 4"),
        ((["p", "q", "r", "s"], PICTURES, [["a"], [], ["b"], ["c"]]), "q has no caption"),
        ((["p", "q", "r", "s"], PICTURES.astype(int), CAPTIONS), "came as int64"),
        ((["p", "q", "r", "s"], PICTURES[:, 0], CAPTIONS), r"shape \(4, 3, 3\)"),
    ],
)
def test_what_is_refused(arguments, words):
    with pytest.raises(DataError, match=words):
        CaptionedImages(*arguments)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("A dog runs .", "a dog runs"),
        ('  Two "big" men\tplay; they\u2019re ÉLAN!', "two big men play they\u2019re élan"),
        ("a tri-colored dog's 2 toys - red", "a tri-colored dog's 2 toys red"),
        (" . ! ", ""),
        ("कुत्ता घास, पर।", "कुत्ता घास पर"),
        ("A cafe\u0301, CAFE\u0301S!", "a caf\u00e9 caf\u00e9s"),
        ("a--b -c- d' 'e'", "a b c d e"),
        ("I \u2764\ufe0f dogs \U0001f469\u200d\U0001f373, \u2764\ufe0f", "i dogs"),
        ("it's 3 o'clock: x_1 (50%), \u00bd \u20ac", "it's 3 o'clock x_1 50 \u00bd"),
    ],
)
def test_words_that_count(text, words):
    assert plain_caption(text) == words
    assert plain_caption(words) == words


def epoch(inputs, **options):
    rows, texts = IMAGES.pairs()
    # The ids of a caption tell which it is.
    ids = tf.ragged.constant([[2, *[10 + n] * (1 + n % 3), 3] for n in range(len(texts))])
    return [
        {name: part.numpy() for name, part in batch.items()}
        for batch in caption_batches(inputs, rows, ids, **options)
    ]


@pytest.mark.parametrize("inputs", [PICTURES, PICTURES.astype("float16") / 7])
def test_each_caption_comes_once_with_its_image(inputs):
    rows, _ = IMAGES.pairs()
    first = epoch(inputs, batch_size=3, shuffle_seed=4)
    again = epoch(inputs, batch_size=3, shuffle_seed=4)
    other = epoch(inputs, batch_size=3, shuffle_seed=4, epoch=1)
    seen = []
    for batch in first:
        assert batch["source"].dtype == inputs.dtype
        for source, target in zip(batch["source"], batch["target"], strict=True):
            number = target[1] - 10
            np.testing.assert_array_equal(source, inputs[rows[number]])
            assert target.tolist() == [2, *[10 + number] * (1 + number % 3), 3] + [0] * (
                len(target) - 3 - number % 3
            )
            seen.append(int(number))
    assert sorted(seen) == list(range(7))
    for one, two in zip(first, again, strict=True):
        np.testing.assert_array_equal(one["target"], two["target"])
    orders = [[int(t[1]) for b in batches for t in b["target"]] for batches in (first, other)]
    assert orders[0] != orders[1]


def test_lengths_that_are_given():
    shapes = [batch["target"].shape for batch in epoch(PICTURES, target_lengths=(3, 5))]
    assert shapes == [(3, 3), (4, 5)]
    with pytest.raises(ValueError, match="longer than the last bucket"):
        epoch(PICTURES, target_lengths=(3,))
