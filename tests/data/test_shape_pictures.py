"""The built-in pictures: they show what is said of them, and test what training never shows."""

import itertools
import re

import numpy as np
import pytest

from keras_seq.data import generate_shape_pictures

# Written down once more, so that a picture is not judged by what drew it.
COLOURS = {
    "red": (225, 50, 45),
    "green": (60, 180, 75),
    "blue": (60, 90, 235),
    "yellow": (245, 220, 60),
    "purple": (165, 60, 200),
    "white": (240, 240, 240),
    "orange": (245, 140, 30),
    "cyan": (70, 220, 230),
}
AXES = {"left of": (1, -1), "right of": (1, 1), "above": (0, -1), "below": (0, 1)}
SENTENCE = re.compile(r"an? (\w+) (\w+) (left of|right of|above|below) an? (\w+) (\w+)")


def scene(captions):
    """((colour, shape) of the large one, relation, (colour, shape) of the small one)."""
    (sentence,) = captions
    colour, shape, relation, other_colour, other_shape = SENTENCE.fullmatch(sentence).groups()
    return (colour, shape), relation, (other_colour, other_shape)


def combinations(part):
    """(first or last, colour, shape, relation) of all that a part shows."""
    found = set()
    for captions in part.captions:
        large, relation, small = scene(captions)
        found |= {("first", *large, relation), ("last", *small, relation)}
    return found


@pytest.fixture(scope="module")
def shapes():
    return generate_shape_pictures()


def test_no_combination_of_the_test_part_is_in_training(shapes):
    train, validation, test = map(combinations, (shapes.train, shapes.validation, shapes.test))
    assert not train & test
    assert not train & validation
    assert not validation & test
    # Of the eight colours of each shape in each relation one is for the test part alone.
    assert len(test) == len(validation) == 2 * 5 * 4
    assert len(train) == 2 * 6 * 5 * 4
    for first, second in itertools.combinations((1, 2, 3), 2):
        seen = {(c[0], c[first], c[second]) for c in train}
        assert {(c[0], c[first], c[second]) for c in test | validation} <= seen


def test_sizes_names_and_words(shapes):
    assert [len(part) for part in (shapes.train, shapes.validation, shapes.test)] == [
        6000,
        400,
        400,
    ]
    names = [n for p in (shapes.train, shapes.validation, shapes.test) for n in p.names]
    assert len(set(names)) == 6800
    assert shapes.train.inputs.shape == (6000, 32, 32, 3)
    words = [
        {word for (text,) in part.captions for word in text.split()}
        for part in (shapes.train, shapes.test)
    ]
    assert words[1] <= words[0]
    for part in (shapes.train, shapes.test):
        assert all(scene(captions)[0] != scene(captions)[2] for captions in part.captions)
    assert len({picture.tobytes() for picture in shapes.test.inputs}) == 400


def test_the_same_seed_draws_the_same():
    one, again, other = (
        generate_shape_pictures(train=3, validation=1, test=1, seed=seed) for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(one.train.inputs, again.train.inputs)
    assert one.train.captions == again.train.captions
    assert not np.array_equal(one.train.inputs, other.train.inputs)


def nearest_colour(picture):
    """The name of the nearest colour of each pixel, None where it is the dark ground."""
    names = [*COLOURS]
    distances = np.stack(
        [np.linalg.norm(picture.astype(float) - COLOURS[name], axis=-1) for name in names]
    )
    found = np.array(names, dtype=object)[distances.argmin(axis=0)]
    found[distances.min(axis=0) > 45] = None  # an edge may be of any colour
    return found


def test_pictures_show_what_is_said():
    """Sizes and places by the colours of the pixels."""
    images = generate_shape_pictures(train=80, validation=1, test=80, size=64)
    checked = set()
    for part in (images.train, images.test):
        for picture, captions in zip(part.inputs, part.captions, strict=True):
            large, relation, small = scene(captions)
            if large[0] == small[0]:
                continue
            colours = nearest_colour(picture)
            covered = [np.argwhere(colours == colour) for colour, _ in (large, small)]
            assert all(len(places) > 15 for places in covered), captions
            extents = [np.ptp(places, axis=0).mean() for places in covered]
            assert extents[0] > 1.2 * extents[1], captions
            (large_at, small_at) = (np.median(places, axis=0) for places in covered)
            axis, sign = AXES[relation]
            between = (large_at - small_at) * sign
            assert between[axis] > 1.2 * abs(between[1 - axis]), captions
            checked.add(relation)
    assert checked == set(AXES)


def shape_of(covered):
    """The name of a shape from the pixels that it covers."""
    rows, columns = np.nonzero(covered)
    box = covered[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    height, width = box.shape
    middle = box[height * 2 // 5 : height * 3 // 5, width * 2 // 5 : width * 3 // 5].mean()
    fifth = max(height // 5, 1)
    top, bottom = box[:fifth].mean(), box[-fifth:].mean()
    if middle < 0.5:
        return "ring"
    if box.mean() > 0.93:
        return "square"
    if bottom > 2 * top:
        return "triangle"
    return "circle" if box[: height // 3, : width // 3].mean() > 0.3 else "cross"


def test_shapes_are_what_they_are_called():
    images = generate_shape_pictures(train=150, validation=1, test=1, size=160).train
    seen = set()
    for picture, captions in zip(images.inputs, images.captions, strict=True):
        large, _, small = scene(captions)
        if large[0] == small[0]:
            continue
        colours = nearest_colour(picture)
        for colour, shape in (large, small):
            assert shape_of(colours == colour) == shape, captions
            seen.add(shape)
    assert seen == {"circle", "square", "triangle", "cross", "ring"}
