"""From videos of many lengths to padded batches of few fixed shapes."""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from keras_seq.data.batch_plan import fill_batches, plan_batches
from keras_seq.data.batching import pad_ragged
from keras_seq.data.frames import FrameSequence


def frame_batches(
    sequences: Sequence[FrameSequence],
    *,
    bucket_lengths: Sequence[int] = (32, 64, 128, 256, 512, 1024),
    batch_size: int = 32,
    shuffle_seed: int | None = None,
    epoch: int = 0,
    with_lengths: bool = False,
    with_index: bool = False,
) -> tf.data.Dataset:
    """Batches videos with others of about their length, padded to the length of the bucket.

    Frames of padding, and those without a target, have the weight 0 and a target of 0. Which rows
    share a batch, and in what order the batches come, depend on nothing but `shuffle_seed` and
    `epoch`. Every video comes once.

    Args:
        sequences: The videos, with features of one shape and targets of one kind.
        bucket_lengths: Lengths that videos are padded to, each to the first it fits. The length of
            the longest video is the last of them.
        batch_size: Videos in a batch.
        shuffle_seed: Draws the order; None keeps the rows of a bucket in the order given, and
            the buckets from short to long.
        epoch: Another order of the same seed.
        with_lengths: Gives `{"features": (B, T, …), "lengths": (B,) int32}` in place of the
            features, for a model that reads backwards too.
        with_index: Appends the row numbers, int64 of shape (B,), to each element.

    Returns:
        The batches of one epoch, of known cardinality: features (B, T, …) float32, targets (B, T)
        int32 or (B, T, D) float32, weights (B, T) float32.

    Raises:
        ValueError: There are no videos, their shapes differ, or an argument is out of range.

    Example:
        >>> import numpy as np
        >>> from keras_seq.data import FrameSequence, frame_batches
        >>> videos = [FrameSequence(np.ones((n, 5)), np.arange(n) - 1) for n in (2, 3)]
        >>> for features, targets, weights in frame_batches(videos, bucket_lengths=(4,)):
        ...     print(features.shape, targets.numpy().tolist(), weights.numpy().tolist())
        (2, 3, 5) [[0, 0, 0], [0, 0, 1]] [[0.0, 1.0, 0.0], [0.0, 1.0, 1.0]]
    """
    _check_arguments(sequences, bucket_lengths, batch_size)
    lengths = np.array([len(video) for video in sequences])
    longest = int(lengths.max())
    limits = np.array(sorted({*(n for n in bucket_lengths if n < longest), longest}))
    buckets = np.searchsorted(limits, lengths)
    batches, batch_buckets = plan_batches(buckets, [batch_size] * len(limits), shuffle_seed, epoch)
    counted = [video.counted for video in sequences]
    targets = [
        np.where(counts if video.targets.ndim == 1 else counts[:, np.newaxis], video.targets, 0)
        for video, counts in zip(sequences, counted, strict=True)
    ]
    features = [video.features for video in sequences]
    weights = [counts.astype(np.float32) for counts in counted]
    parts = [_ragged(part, lengths) for part in (features, targets, weights)]

    def gather(rows: tf.Tensor, length: tf.Tensor) -> tuple:
        padded = [pad_ragged(tf.gather(part, rows), length) for part in parts]
        inputs, wanted, weigh = (values for values, _ in padded)
        if with_lengths:
            steps = tf.reduce_sum(tf.cast(padded[0][1], tf.int32), axis=1)
            inputs = {"features": inputs, "lengths": steps}
        return (inputs, wanted, weigh, rows) if with_index else (inputs, wanted, weigh)

    return fill_batches(batches, limits[batch_buckets], gather)


def _ragged(parts: Sequence[np.ndarray], lengths: np.ndarray) -> tf.RaggedTensor:
    """(N, None, …)."""
    return tf.RaggedTensor.from_row_lengths(np.concatenate(parts), lengths)


def _check_arguments(
    sequences: Sequence[FrameSequence], bucket_lengths: Sequence[int], batch_size: int
) -> None:
    if not len(sequences):
        raise ValueError("there are no videos; give at least one.")
    kinds = {
        f"features {video.features.shape[1:]} with {video.targets.dtype} {video.targets.shape[1:]}"
        for video in sequences
    }
    if len(kinds) > 1:
        raise ValueError(f"videos must be of one kind; got {', '.join(sorted(kinds)[:3])}.")
    if min(bucket_lengths, default=1) < 1 or batch_size < 1:
        raise ValueError(
            f"bucket_lengths={tuple(bucket_lengths)} and batch_size={batch_size}: give lengths "
            "and a batch size of at least 1."
        )
