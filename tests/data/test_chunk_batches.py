"""Chunks of parallel streams: each id is predicted once, and rows go on where they were."""

import itertools

import numpy as np
import pytest

from keras_seq.data import chunk_batches


def arrays(dataset):
    return [tuple(part.numpy() for part in batch) for batch in dataset]


@pytest.mark.parametrize(
    ("count", "batch_size", "length"),
    [
        (2, 1, 1),
        (25, 1, 24),
        (25, 1, 5),
        (26, 1, 5),
        (41, 4, 5),
        (42, 4, 5),
        (38, 4, 5),
        (97, 7, 3),
    ],
)
def test_every_id_but_the_first_is_a_target_once(count, batch_size, length):
    # Ids that tell their place, and are none of the padding.
    ids = np.random.default_rng(count).permutation(count) + 1
    batches = chunk_batches(ids, batch_size, length)
    found = arrays(batches)
    assert len(found) == int(batches.cardinality())
    streams = [np.concatenate(parts, axis=1) for parts in zip(*found, strict=True)]
    inputs, targets, weights = streams
    assert inputs.shape == targets.shape == weights.shape
    assert inputs.shape == (batch_size, len(found) * length)
    assert set(np.unique(weights)) <= {0.0, 1.0}
    real = weights == 1
    np.testing.assert_array_equal(targets[real], ids[1:])  # row by row is the order of the text
    np.testing.assert_array_equal(inputs[real], ids[:-1])
    assert (inputs[~real] == 0).all()
    assert (targets[~real] == 0).all()
    # What is not real stands at the end of a row, and no chunk is all padding.
    assert (np.diff(weights, axis=1) <= 0).all()
    assert all(part.any() for *_, part in found)


def test_rows_go_on_where_they_were():
    found = arrays(chunk_batches(np.arange(100, 200), batch_size=3, length=4))
    for before, after in itertools.pairwise(found):
        going_on = after[2][:, 0] == 1
        np.testing.assert_array_equal(after[0][going_on, 0], before[1][going_on, -1])


def test_shapes_are_fixed_and_every_pass_is_the_same():
    batches = chunk_batches(np.arange(50), batch_size=2, length=7)
    assert [spec.shape.as_list() for spec in batches.element_spec] == [[2, 7]] * 3
    assert [spec.dtype.name for spec in batches.element_spec] == ["int32", "int32", "float32"]
    for first, second in zip(arrays(batches), arrays(batches), strict=True):
        for a, b in zip(first, second, strict=True):
            np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(("count", "batch_size", "length"), [(41, 4, 11), (5, 1, 5), (1, 1, 1)])
def test_a_text_shorter_than_one_chunk(count, batch_size, length):
    needed = batch_size * (length - 1) + 2
    with pytest.raises(ValueError, match=rf"{count} ids .* one chunk: .* at least {needed}\."):
        chunk_batches(np.arange(count), batch_size, length)
    assert len(arrays(chunk_batches(np.arange(needed), batch_size, length))) == 1


def test_what_makes_no_sense():
    with pytest.raises(ValueError, match="batch_size=0"):
        chunk_batches(np.arange(9), 0, 3)
    with pytest.raises(ValueError, match="length=0"):
        chunk_batches(np.arange(9), 1, 0)
    with pytest.raises(ValueError, match="float64"):
        chunk_batches(np.ones(9), 1, 3)
    with pytest.raises(ValueError, match=r"\(3, 3\)"):
        chunk_batches(np.ones((3, 3), int), 1, 3)
