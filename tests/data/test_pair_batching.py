import time
from itertools import pairwise

import numpy as np
import pytest
import tensorflow as tf

from keras_seq.data import cut_sequences, fitting, pair_batches

SHAPES = ((4, 6), (9, 9), (20, 24))
BUCKETS = {"source_lengths": (4, 9, 20), "target_lengths": (6, 9, 24)}


def random_side(lengths, seed):
    random = np.random.default_rng(seed)
    rows = [random.integers(1, 50, n).astype(np.int64) for n in lengths]
    return rows, tf.RaggedTensor.from_row_lengths(np.concatenate(rows), lengths)


def random_pairs(count=203, seed=0):
    """Rows and ragged tensors; the target is about as long as its source, but not always."""
    random = np.random.default_rng(seed)
    source_lengths = random.integers(0, 21, count)
    target_lengths = np.clip(source_lengths + random.integers(-5, 6, count), 1, 24)
    return random_side(source_lengths, 1), random_side(target_lengths, 2)


def padded(row, length):
    return np.pad(row, (0, length - len(row)))


def elements(count=203, **options):
    (sources, source_ids), (targets, target_ids) = random_pairs(count)
    dataset = pair_batches(source_ids, target_ids, with_index=True, **{**BUCKETS, **options})
    batches = list(dataset.as_numpy_iterator())
    assert dataset.cardinality() == len(batches)
    return sources, targets, batches


@pytest.mark.parametrize(
    "options", [{}, {"shuffle_seed": 5, "epoch": 2}, {"tokens_per_batch": 200}]
)
def test_every_pair_comes_once_in_the_first_bucket_it_fits(options):
    sources, targets, batches = elements(batch_size=8, **options)
    seen = []
    for batch in batches:
        for source, target, row in zip(
            *(batch[key] for key in ("source", "target", "index")), strict=True
        ):
            shape = next(
                (s, t) for s, t in SHAPES if s >= len(sources[row]) and t >= len(targets[row])
            )
            assert (len(source), len(target)) == shape
            np.testing.assert_array_equal(source, padded(sources[row], shape[0]))
            np.testing.assert_array_equal(target, padded(targets[row], shape[1]))
            seen.append(row)
        assert batch["source"].dtype == batch["target"].dtype == np.int32
    assert sorted(seen) == list(range(203))


def batch_sizes(batches):
    """The batch sizes that occur of each shape."""
    sizes = {}
    for batch in batches:
        shape = batch["source"].shape[1], batch["target"].shape[1]
        sizes.setdefault(shape, []).append(len(batch["source"]))
    return sizes


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"batch_size": 7}, (7, 7, 7)),
        # 400 / 10, / 18 and / 44: 40, 22.2 and 9.1.
        ({"tokens_per_batch": 400}, (40, 24, 8)),
        ({"tokens_per_batch": 3}, (8, 8, 8)),
    ],
)
def test_batches_of_a_bucket_are_of_one_size_but_for_one(options, expected):
    *_, batches = elements(500, shuffle_seed=3, **options)
    sizes = batch_sizes(batches)
    for shape, size in zip(SHAPES, expected, strict=True):
        assert max(sizes[shape]) == size
        assert sum(n != size for n in sizes[shape]) <= 1


def orders(**options):
    return [tuple(batch["index"]) for batch in elements(batch_size=8, **options)[2]]


def test_order_hangs_on_seed_and_epoch_alone():
    assert orders(shuffle_seed=5, epoch=3) == orders(shuffle_seed=5, epoch=3)
    first, later, other = (
        orders(shuffle_seed=seed, epoch=epoch) for seed, epoch in ((5, 0), (5, 1), (6, 0))
    )
    for one, two in ((first, later), (first, other), (later, other)):
        # Not the batches in another order: other rows share a batch.
        assert not {frozenset(batch) for batch in one} & {
            frozenset(batch) for batch in two if len(batch) > 4
        }
    rows = [row for batch in orders() for row in batch]
    assert rows != sorted(rows)  # from short to long, and in order within
    assert sum(a > b for a, b in pairwise(rows)) == 2


def test_buckets_come_in_another_order_each_epoch():
    shapes = [
        [
            batch["source"].shape[1]
            for batch in elements(batch_size=8, shuffle_seed=1, epoch=epoch)[2]
        ]
        for epoch in (0, 1)
    ]
    assert shapes[0] != shapes[1]
    assert sorted(shapes[0]) == sorted(shapes[1])


def test_automatic_buckets_are_few_and_tight():
    (_, source_ids), (_, target_ids) = random_pairs(2_000)
    lengths = np.stack([source_ids.row_lengths(), target_ids.row_lengths()], axis=1)
    batches = list(pair_batches(source_ids, target_ids).as_numpy_iterator())
    shapes = sorted(batch_sizes(batches))
    assert 4 <= len(shapes) <= 8
    assert shapes[-1] == tuple(lengths.max(axis=0))
    assert all(n % 4 == 0 for shape in shapes[:-1] for n in shape if n not in shapes[-1])
    assert all(np.diff(side).min() >= 0 for side in zip(*shapes, strict=True))
    places = sum(batch["source"].size + batch["target"].size for batch in batches)
    assert lengths.sum() / places > 0.7


def test_automatic_buckets_of_one_length_and_of_empty_rows():
    ids = tf.ragged.constant([[], [], []], dtype=tf.int32, ragged_rank=1)
    (batch,) = pair_batches(ids, tf.ragged.constant([[2, 3]] * 3))
    assert (batch["source"].shape, batch["target"].shape) == ((3, 1), (3, 2))


def test_fitting_drops_pairs_too_long_on_either_side():
    (sources, source_ids), (targets, target_ids) = random_pairs()
    pairs = fitting(source_ids, target_ids, source_length=9, target_length=7)
    rows = [row for row in range(203) if len(sources[row]) <= 9 and len(targets[row]) <= 7]
    assert pairs.rows.tolist() == rows
    assert pairs.dropped == 203 - len(rows) > 0
    assert pairs.source.to_list() == [sources[row].tolist() for row in rows]
    assert pairs.target.to_list() == [targets[row].tolist() for row in rows]


def test_cut_sequences_keep_their_last_id():
    (sources, source_ids), _ = random_pairs()
    for length in (1, 5, 30):
        expected = [
            row.tolist() if len(row) <= length else [*row[: length - 1], row[-1]] for row in sources
        ]
        assert cut_sequences(source_ids, length).to_list() == expected


def ragged(*lengths):
    return random_side(np.array(lengths), 0)[1]


WRONG = {
    "long": (
        lambda: pair_batches(
            ragged(5, 3, 9), ragged(2, 7, 2), source_lengths=[8], target_lengths=[6]
        ),
        r"2 of 3 pairs are longer .* 8 source and 6 target .*longest: 9 and 7.*source_length=8",
    ),
    "counts": (lambda: pair_batches(ragged(5, 3), ragged(2)), "2 sources came with 1 targets"),
    "nothing": (lambda: pair_batches(ragged(5)[:0], ragged(5)[:0]), "0 sources"),
    "dense": (lambda: pair_batches(ragged(5).to_tensor(), ragged(5)), "source_ids came as Eager"),
    "float": (
        lambda: pair_batches(ragged(5), tf.cast(ragged(5), "float32")),
        "target_ids .*float32",
    ),
    "one side": (
        lambda: pair_batches(ragged(5), ragged(5), source_lengths=[8]),
        "target_lengths=None",
    ),
    "uneven": (
        lambda: pair_batches(ragged(5), ragged(5), source_lengths=[8], target_lengths=[8, 9]),
        "as many of one",
    ),
    "falling": (
        lambda: pair_batches(ragged(5), ragged(5), source_lengths=[9, 8], target_lengths=[8, 9]),
        "rise from bucket",
    ),
    "zero": (
        lambda: pair_batches(ragged(5), ragged(5), source_lengths=[0, 8], target_lengths=[8, 9]),
        "at least 1",
    ),
    "size": (lambda: pair_batches(ragged(5), ragged(5), batch_size=0), "batch_size is 0"),
    "tokens": (lambda: pair_batches(ragged(5), ragged(5), tokens_per_batch=0), "per_batch is 0"),
    "none fits": (
        lambda: fitting(ragged(5, 4), ragged(3, 6), source_length=4, target_length=4),
        r"none of 2 pairs .*shortest have \[4, 3\]",
    ),
    "cut": (lambda: cut_sequences(ragged(5), 0), "length is 0"),
}


@pytest.mark.parametrize(("make", "message"), WRONG.values(), ids=WRONG)
def test_wrong_arguments_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_batches_come_fast():
    (_, source_ids), (_, target_ids) = random_pairs(20_000)
    start = time.perf_counter()
    rows = sum(
        len(batch["source"]) for batch in pair_batches(source_ids, target_ids, shuffle_seed=0)
    )
    # Far below what an idle machine does (about 100,000 rows a second): others may be at work.
    assert rows / (time.perf_counter() - start) > 5_000
