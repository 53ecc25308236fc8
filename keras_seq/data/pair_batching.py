"""From pairs of ragged sequences to padded batches of few fixed shapes."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from keras_seq.data.batch_plan import fill_batches, plan_batches
from keras_seq.data.batching import check_one_ragged_axis, pad_ragged

# Quantiles of the lengths: close together among the long pairs, where padding costs most.
_SHARES = (0.25, 0.5, 0.7, 0.85, 0.93, 0.98, 0.995, 1.0)
_ROUNDED_TO = 4  # lengths found by themselves are multiples of it, so that fewer shapes occur
_BATCH_ROUNDED_TO = 8


def pair_batches(
    source_ids: tf.RaggedTensor,
    target_ids: tf.RaggedTensor,
    *,
    source_lengths: Sequence[int] | None = None,
    target_lengths: Sequence[int] | None = None,
    batch_size: int = 64,
    tokens_per_batch: int | None = None,
    shuffle_seed: int | None = None,
    epoch: int = 0,
    with_index: bool = False,
) -> tf.data.Dataset:
    """Batches pairs with others of about their lengths, padded to the shape of their bucket.

    Bucket k takes pairs of up to `source_lengths[k]` and `target_lengths[k]` ids that no bucket
    before it takes. Only these shapes occur, with one batch size each but for the last batch of a
    bucket, so a compiled step is built a few times only. Which rows share a batch, and in what
    order the batches come, depend on nothing but `shuffle_seed` and `epoch`. Every row comes once.

    Args:
        source_ids: Ids of shape (N, None).
        target_ids: Ids of shape (N, None), with start and end where the model is to learn them.
        source_lengths: Lengths that sources are padded to, one per bucket, rising; None takes
            up to eight from quantiles of the lengths, where `target_lengths` is None as well.
        target_lengths: Lengths that targets are padded to, one per bucket.
        batch_size: Pairs in a batch.
        tokens_per_batch: In place of `batch_size`, about how many ids a batch is to hold on both
            sides together, padding counted; the batch size of each bucket is the nearest multiple
            of 8, at least 8.
        shuffle_seed: Draws the order; None keeps the rows of a bucket in the order given, and
            the buckets from short to long.
        epoch: Another order of the same seed.
        with_index: Adds the row numbers, "index", int64 of shape (B,), which tell where a
            prediction belongs.

    Returns:
        The batches of one epoch, of known cardinality: `{"source": (B, S), "target": (B, T)}`,
        int32, 0 where a row has ended.

    Raises:
        ValueError: A pair is longer than the last bucket, the two sides are not as many, there
            are none, or an argument is out of range.

    Example:
        >>> import tensorflow as tf
        >>> from keras_seq.data import pair_batches
        >>> source = tf.ragged.constant([[5], [6, 7, 8], [9]])
        >>> target = tf.ragged.constant([[2, 3], [2, 4, 3], [2, 3]])
        >>> for batch in pair_batches(source, target, source_lengths=(1, 3), target_lengths=(2, 4)):
        ...     print(batch["source"].numpy().tolist(), batch["target"].numpy().tolist())
        [[5], [9]] [[2, 3], [2, 3]]
        [[6, 7, 8]] [[2, 4, 3, 0]]
    """
    lengths = _row_lengths(source_ids, target_ids)
    shapes = _bucket_shapes(lengths, source_lengths, target_lengths)
    # The first bucket with room for both; their number where there is none.
    fits = np.all(lengths[:, np.newaxis] <= shapes, axis=2)
    buckets = np.where(fits.any(axis=1), fits.argmax(axis=1), len(shapes))
    _check_fit(buckets, lengths, shapes)
    sizes = _batch_sizes(shapes, batch_size, tokens_per_batch)
    batches, batch_buckets = plan_batches(buckets, sizes, shuffle_seed, epoch)
    # Cast once, not in every batch.
    source_ids, target_ids = (tf.cast(side, tf.int32) for side in (source_ids, target_ids))

    def gather(rows: tf.Tensor, shape: tf.Tensor) -> dict[str, tf.Tensor]:
        source, _ = pad_ragged(tf.gather(source_ids, rows), shape[0])
        target, _ = pad_ragged(tf.gather(target_ids, rows), shape[1])
        batch = {"source": source, "target": target}
        return {**batch, "index": rows} if with_index else batch

    return fill_batches(batches, shapes[batch_buckets], gather)


@dataclass(frozen=True, eq=False)
class FittingPairs:
    """What `fitting` gives.

    Attributes:
        source: Ids of the sources that are left, (M, None).
        target: Ids of their targets, (M, None).
        rows: Their row numbers among all pairs, int64 of shape (M,).
        dropped: How many pairs are not among them.

    Example:
        >>> import tensorflow as tf
        >>> from keras_seq.data import fitting
        >>> ids = tf.ragged.constant([[5], [6, 7, 8]])
        >>> fitting(ids, ids, source_length=2, target_length=2).dropped
        1
    """

    source: tf.RaggedTensor
    target: tf.RaggedTensor
    rows: np.ndarray
    dropped: int


def fitting(
    source_ids: tf.RaggedTensor,
    target_ids: tf.RaggedTensor,
    *,
    source_length: int,
    target_length: int,
) -> FittingPairs:
    """Drops pairs that are too long to train on.

    For test data, which must stay whole, cut the sources instead: `cut_sequences`.

    Args:
        source_ids: Ids of shape (N, None).
        target_ids: Ids of shape (N, None).
        source_length: The longest source that stays.
        target_length: The longest target that stays.

    Returns:
        The pairs that stay, and how many do not.

    Raises:
        ValueError: No pair is left, or the two sides are not as many.

    Example:
        >>> import tensorflow as tf
        >>> from keras_seq.data import fitting
        >>> ids = tf.ragged.constant([[5], [6, 7, 8], [9, 9]])
        >>> pairs = fitting(ids, ids, source_length=2, target_length=2)
        >>> pairs.source.to_list(), pairs.rows.tolist(), pairs.dropped
        ([[5], [9, 9]], [0, 2], 1)
    """
    lengths = _row_lengths(source_ids, target_ids)
    rows = np.flatnonzero((lengths <= (source_length, target_length)).all(axis=1))
    if not len(rows):
        raise ValueError(
            f"none of {len(lengths)} pairs has a source of up to {source_length} and a target of "
            f"up to {target_length} ids; the shortest have {lengths.min(axis=0).tolist()}: give "
            "larger lengths."
        )
    source, target = (tf.gather(side, rows) for side in (source_ids, target_ids))
    return FittingPairs(source, target, rows, len(lengths) - len(rows))


def cut_sequences(ids: tf.RaggedTensor, length: int) -> tf.RaggedTensor:
    """Shortens rows to a length; the last id of a row, its end, stays.

    Args:
        ids: Ids of shape (N, None).
        length: The number of ids that a row may have, at least 1.

    Returns:
        The rows; of a longer one the first `length - 1` ids and the last.

    Example:
        >>> import tensorflow as tf
        >>> from keras_seq.data import cut_sequences
        >>> cut_sequences(tf.ragged.constant([[5, 6, 7, 3], [8, 3]]), 3).to_list()
        [[5, 6, 3], [8, 3]]
    """
    if length < 1:
        raise ValueError(f"length is {length}; give at least 1.")
    return tf.concat([ids[:, : length - 1], ids[:, length - 1 :][:, -1:]], axis=1)


def _row_lengths(source_ids: tf.RaggedTensor, target_ids: tf.RaggedTensor) -> np.ndarray:
    """Checks the two sides, and gives the lengths of each pair, (N, 2)."""
    for side, ids in (("source_ids", source_ids), ("target_ids", target_ids)):
        if not isinstance(ids, tf.RaggedTensor) or not ids.dtype.is_integer:
            raise ValueError(
                f"{side} came as {type(ids).__name__} of {ids.dtype}; give a tf.RaggedTensor of "
                "integers, for example from codec.encode."
            )
        check_one_ragged_axis(ids)
    counts = int(source_ids.nrows()), int(target_ids.nrows())
    if counts[0] != counts[1] or not counts[0]:
        raise ValueError(
            f"{counts[0]} sources came with {counts[1]} targets; give one target per source, and "
            "at least one pair."
        )
    return np.stack([source_ids.row_lengths(), target_ids.row_lengths()], axis=1)


def _bucket_shapes(
    lengths: np.ndarray, source_lengths: Sequence[int] | None, target_lengths: Sequence[int] | None
) -> np.ndarray:
    """Gives the lengths (S, T) of each bucket, int64 of shape (buckets, 2)."""
    if source_lengths is None and target_lengths is None:
        found = np.quantile(lengths, _SHARES, axis=0, method="higher")
        rounded = -(-found // _ROUNDED_TO) * _ROUNDED_TO
        # Not above the longest, which may be all that a model has positions for.
        return np.unique(np.clip(rounded, 1, np.maximum(lengths.max(axis=0), 1)), axis=0)
    given = np.array([list(source_lengths or ()), list(target_lengths or ())], dtype=object)
    if given.ndim != 2 or not given.size:
        raise ValueError(
            f"source_lengths={source_lengths} and target_lengths={target_lengths}: give as many of "
            "one as of the other, one pair of lengths per bucket, or neither."
        )
    shapes = given.T.astype(np.int64)
    if shapes.min() < 1 or (np.diff(shapes, axis=0) < 0).any():
        raise ValueError(
            f"source_lengths={source_lengths} and target_lengths={target_lengths}: give lengths of "
            "at least 1 that rise from bucket to bucket."
        )
    return shapes


def _check_fit(buckets: np.ndarray, lengths: np.ndarray, shapes: np.ndarray) -> None:
    too_long = int((buckets == len(shapes)).sum())
    if too_long:
        source, target = shapes[-1]
        raise ValueError(
            f"{too_long} of {len(lengths)} pairs are longer than the last bucket of {source} "
            f"source and {target} target ids (the longest: {lengths[:, 0].max()} and "
            f"{lengths[:, 1].max()}); drop them with fitting(source_ids, target_ids, "
            f"source_length={source}, target_length={target}), shorten test sources with "
            f"cut_sequences(source_ids, {source}), or add a bucket."
        )


def _batch_sizes(shapes: np.ndarray, batch_size: int, tokens_per_batch: int | None) -> list[int]:
    if tokens_per_batch is None:
        if batch_size < 1:
            raise ValueError(f"batch_size is {batch_size}; give at least 1.")
        return [batch_size] * len(shapes)
    if tokens_per_batch < 1:
        raise ValueError(f"tokens_per_batch is {tokens_per_batch}; give at least 1.")
    rounded = np.round(tokens_per_batch / shapes.sum(axis=1) / _BATCH_ROUNDED_TO)
    return (np.maximum(rounded, 1).astype(int) * _BATCH_ROUNDED_TO).tolist()
