import time

import numpy as np
import pytest
import tensorflow as tf

from keras_seq.data.batching import bucketed_batches, pad_ragged

BUCKETS = (4, 9, 20)


def random_sequences(count=101, longest=20, features=None, seed=0):
    """Gives sequences as a list of NumPy arrays and as a ragged tensor."""
    random = np.random.default_rng(seed)
    shape = () if features is None else (features,)
    rows = [
        random.integers(0, 7, n) if features is None else random.normal(size=(n, *shape))
        for n in random.integers(0, longest + 1, count)
    ]
    rows = [row.astype(np.int32 if features is None else np.float32) for row in rows]
    values = np.concatenate(rows)
    return rows, tf.RaggedTensor.from_row_lengths(values, [len(row) for row in rows])


def padded(row, length):
    return np.concatenate([row, np.zeros((length - len(row), *row.shape[1:]), row.dtype)])


def bucket_of(row):
    return min(length for length in BUCKETS if length >= len(row))


def elements(rows_count=101, **options):
    rows, ragged = random_sequences(rows_count)
    return rows, list(
        bucketed_batches(
            ragged,
            np.arange(rows_count) * 3,
            bucket_lengths=BUCKETS,
            batch_size=8,
            with_index=True,
            **options,
        ).as_numpy_iterator()
    )


@pytest.mark.parametrize("features", [None, 3])
@pytest.mark.parametrize("length", [None, 25, 6])
def test_pad_ragged_fills_on_the_right(features, length):
    rows, ragged = random_sequences(features=features)
    values, mask = pad_ragged(ragged, length)
    width = length or max(len(row) for row in rows)
    expected = np.stack([padded(row[:width], width) for row in rows])
    np.testing.assert_array_equal(values, expected)
    np.testing.assert_array_equal(mask, [np.arange(width) < len(row) for row in rows])
    assert mask.dtype == tf.bool
    assert values.dtype == ragged.dtype


def test_pad_ragged_of_empty_rows_has_one_step():
    values, mask = pad_ragged(tf.RaggedTensor.from_row_lengths(tf.zeros([0, 5]), [0, 0, 0]))
    assert values.shape == (3, 1, 5)
    assert not mask.numpy().any()


def test_pad_ragged_works_in_a_graph_and_keeps_known_dimensions():
    _, ragged = random_sequences(features=2)
    padding = tf.function(lambda sequences: pad_ragged(sequences, 21))
    values, _ = padding(ragged)
    np.testing.assert_array_equal(values, pad_ragged(ragged, 21)[0])
    spec = tf.RaggedTensorSpec([None, None, 2], ragged_rank=1)
    outputs = padding.get_concrete_function(spec).structured_outputs
    assert [part.shape.as_list() for part in outputs] == [[None, 21, 2], [None, 21]]


def test_row_splits_may_be_int32():
    rows, ragged = random_sequences()
    ragged = ragged.with_row_splits_dtype(tf.int32)
    np.testing.assert_array_equal(pad_ragged(ragged, 20)[0], [padded(row, 20) for row in rows])
    dataset = bucketed_batches(ragged, np.zeros(101), bucket_lengths=BUCKETS, shuffle_seed=0)
    assert sum(len(labels) for _, labels in dataset) == 101


def test_pad_ragged_refuses_two_ragged_axes():
    with pytest.raises(ValueError, match="2 ragged axes"):
        pad_ragged(tf.ragged.constant([[[1], [2, 3]], []]))


@pytest.mark.parametrize("shuffle_seed", [None, 5])
def test_every_row_comes_once_with_its_label_padded_to_its_bucket(shuffle_seed):
    rows, batches = elements(shuffle_seed=shuffle_seed)
    seen = []
    for ids, labels, index in batches:
        assert len(index) <= 8
        assert ids.shape == (len(index), bucket_of(rows[index[0]]))
        for sequence, label, row in zip(ids, labels, index, strict=True):
            np.testing.assert_array_equal(sequence, padded(rows[row], bucket_of(rows[row])))
            assert label == 3 * row
        seen += index.tolist()
    assert sorted(seen) == list(range(101))


@pytest.mark.parametrize(("rows_count", "batch_size"), [(1, 8), (64, 8), (101, 7)])
def test_cardinality_is_the_number_of_batches(rows_count, batch_size):
    rows, ragged = random_sequences(rows_count)
    dataset = bucketed_batches(
        ragged, np.zeros(rows_count), bucket_lengths=BUCKETS, batch_size=batch_size, shuffle_seed=1
    )
    sizes = np.bincount([BUCKETS.index(bucket_of(row)) for row in rows])
    assert dataset.cardinality() == sum(-(-size // batch_size) for size in sizes)
    assert len(list(dataset)) == dataset.cardinality()


def test_order_without_a_seed_is_that_of_the_rows():
    rows, batches = elements()
    index = [row for *_, batch in batches for row in batch]
    assert index == sorted(range(101), key=lambda row: (bucket_of(rows[row]), row))


def orders(**options):
    return [tuple(index.tolist()) for *_, index in elements(**options)[1]]


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


def test_shuffled_batches_mix_the_buckets():
    for epoch in range(3):
        _, batches = elements(1_000, shuffle_seed=1, epoch=epoch)
        lengths = [ids.shape[1] for ids, *_ in batches]
        changes = np.count_nonzero(np.diff(lengths))
        # Three buckets of shares 1/4, 1/4, 1/2: 5 of 8 neighbours differ where the order is random.
        assert changes > 0.4 * len(lengths)


def test_mask_says_what_is_real():
    rows, ragged = random_sequences()
    dataset = bucketed_batches(
        ragged, np.arange(101), bucket_lengths=BUCKETS, with_mask=True, shuffle_seed=2
    )
    for inputs, labels in dataset:
        assert sorted(inputs) == ["ids", "mask"]
        width = inputs["ids"].shape[1]
        expected = [np.arange(width) < len(rows[row]) for row in labels]
        np.testing.assert_array_equal(inputs["mask"], expected)


def test_one_hot_is_that_of_numpy():
    rows, ragged = random_sequences()
    dataset = bucketed_batches(
        ragged, np.arange(101), bucket_lengths=BUCKETS, one_hot=7, with_index=True
    )
    for inputs, _, index in dataset.as_numpy_iterator():
        assert inputs["features"].dtype == np.float32
        for features, mask, row in zip(inputs["features"], inputs["mask"], index, strict=True):
            assert mask.sum() == len(rows[row])
            np.testing.assert_array_equal(features[: len(rows[row])], np.eye(7)[rows[row]])
            assert not features[len(rows[row]) :].any()


@pytest.mark.parametrize("with_mask", [False, True])
def test_ragged_features_and_labels_of_any_shape(with_mask):
    rows, ragged = random_sequences(features=3)
    targets = np.random.default_rng(1).normal(size=(101, 2))
    dataset = bucketed_batches(
        ragged, targets, bucket_lengths=BUCKETS, with_mask=with_mask, with_index=True
    )
    for inputs, labels, index in dataset.as_numpy_iterator():
        features = inputs["features"] if with_mask else inputs
        np.testing.assert_array_equal(labels, targets[index])
        for sequence, row in zip(features, index, strict=True):
            np.testing.assert_array_equal(sequence, padded(rows[row], len(sequence)))


def test_order_of_bucket_lengths_does_not_matter():
    _, ragged = random_sequences()
    lengths = [
        [ids.shape[1] for ids, _ in bucketed_batches(ragged, np.zeros(101), bucket_lengths=order)]
        for order in (BUCKETS, BUCKETS[::-1])
    ]
    assert lengths[0] == lengths[1]


WRONG = {
    "long": ({"bucket_lengths": (4, 9)}, r"has 20 steps.*sequences\[:, :9\]"),
    "labels": ({"labels": np.zeros(100)}, r"101 sequences came with labels of shape \(100,\)"),
    "scalar": ({"labels": 1}, "labels of shape"),
    "no bucket": ({"bucket_lengths": ()}, r"bucket_lengths=\(\)"),
    "bucket": ({"bucket_lengths": (0, 20)}, "at least 1"),
    "size": ({"batch_size": 0}, "batch_size=0"),
    "dense": ({"sequences": np.zeros((101, 4))}, "ndarray; give a tf.RaggedTensor"),
    "two axes": ({"sequences": tf.ragged.constant([[[1], [2, 3]], []])}, "2 ragged axes"),
    "nothing": ({"sequences": tf.ragged.constant([], ragged_rank=1)}, "no sequences"),
    "one_hot": ({"sequences": random_sequences(features=2)[1], "one_hot": 3}, "needs integer"),
}


@pytest.mark.parametrize(("options", "message"), WRONG.values(), ids=WRONG)
def test_wrong_arguments_are_refused(options, message):
    _, ragged = random_sequences()
    arguments = {"sequences": ragged, "labels": np.zeros(101), **options}
    with pytest.raises(ValueError, match=message):
        bucketed_batches(arguments.pop("sequences"), arguments.pop("labels"), **arguments)


def test_batches_come_fast():
    random = np.random.default_rng(0)
    lengths = random.integers(100, 401, 20_000)
    values = random.integers(0, 20_000, lengths.sum()).astype(np.int32)
    ragged = tf.RaggedTensor.from_row_lengths(values, lengths)
    start = time.perf_counter()
    rows = sum(len(labels) for _, labels in bucketed_batches(ragged, lengths, shuffle_seed=0))
    # Far below what an idle machine does (over 100,000 rows a second): others may be at work.
    assert rows / (time.perf_counter() - start) > 5_000
