"""From ragged sequences to padded batches of few fixed shapes."""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from keras_seq.data.batch_plan import fill_batches, plan_batches


def pad_ragged(
    ragged: tf.RaggedTensor, length: int | tf.Tensor | None = None
) -> tuple[tf.Tensor, tf.Tensor]:
    """Fills sequences up to one length with zeros on the right; works in a graph.

    Args:
        ragged: Sequences of ids (B, None) or of features (B, None, F).
        length: The length T; the end of a longer sequence is cut. By default the longest
            sequence's, at least 1.

    Returns:
        The sequences (B, T) or (B, T, F), and the boolean mask (B, T) of what is real.

    Raises:
        ValueError: More than the time axis is ragged.

    Example:
        >>> import tensorflow as tf
        >>> from keras_seq.data import pad_ragged
        >>> ids, mask = pad_ragged(tf.ragged.constant([[5], [7, 8]]), length=3)
        >>> ids.numpy().tolist(), mask.numpy().tolist()
        ([[5, 0, 0], [7, 8, 0]], [[True, False, False], [True, True, False]])
    """
    check_one_ragged_axis(ragged)
    if length is None:
        length = tf.maximum(ragged.bounding_shape(axis=1, out_type=tf.int32), 1)
    # As a tensor, because to_tensor takes no tensor inside a list; -1 stands for any length.
    shape = tf.stack([-1, length, *ragged.shape[2:].as_list()])
    return ragged.to_tensor(shape=shape), tf.sequence_mask(ragged.row_lengths(), length)


def bucketed_batches(
    sequences: tf.RaggedTensor,
    labels: Sequence | np.ndarray | tf.Tensor,
    *,
    bucket_lengths: Sequence[int] = (50, 100, 200, 400),
    batch_size: int = 64,
    shuffle_seed: int | None = None,
    epoch: int = 0,
    with_mask: bool = False,
    one_hot: int | None = None,
    with_index: bool = False,
) -> tf.data.Dataset:
    """Batches sequences with others of about their length, padded to the length of the bucket.

    Only a few shapes occur, one for each bucket and one for its last batch where that is not
    full, so a compiled step is built a few times only. Which rows share a batch, and in what
    order the batches come, depend on nothing but `shuffle_seed` and `epoch`: a run taken up again
    sees the same batches. Every row comes once.

    Args:
        sequences: Ids of shape (N, None) or features of shape (N, None, F).
        labels: One label, or row of labels, per sequence, of shape (N, ...).
        bucket_lengths: Lengths that sequences are padded to, each to the first it fits.
        batch_size: Sequences in a batch.
        shuffle_seed: Draws the order; None keeps the rows of a bucket in the order given, and
            the buckets from short to long.
        epoch: Another order of the same seed.
        with_mask: Gives `({"ids" or "features": ..., "mask": (B, T)}, labels)` in place of
            `(ids or features, labels)`.
        one_hot: Number of ids V; gives `({"features": (B, T, V) float32, "mask": (B, T)},
            labels)`, zeros at padding.
        with_index: Appends the row numbers, int64 of shape (B,), to each element, which tell
            where a prediction belongs.

    Returns:
        The batches of one epoch, of known cardinality.

    Raises:
        ValueError: A sequence is longer than the last bucket, the labels are not as many as the
            sequences, there are none, or an argument is out of range.

    Example:
        >>> import tensorflow as tf
        >>> from keras_seq.data import bucketed_batches
        >>> sequences = tf.ragged.constant([[5], [6, 7, 8], [9, 9]])
        >>> for ids, labels in bucketed_batches(sequences, [0, 1, 1], bucket_lengths=(2, 4)):
        ...     print(ids.numpy().tolist(), labels.numpy().tolist())
        [[5, 0], [9, 9]] [0, 1]
        [[6, 7, 8, 0]] [1]
    """
    labels = tf.convert_to_tensor(labels)
    _check_arguments(sequences, labels, bucket_lengths, batch_size, one_hot)
    limits = np.sort(bucket_lengths)
    buckets = np.searchsorted(limits, sequences.row_lengths().numpy())
    batches, batch_buckets = plan_batches(buckets, [batch_size] * len(limits), shuffle_seed, epoch)
    name = "ids" if sequences.shape.rank == 2 and sequences.dtype.is_integer else "features"

    def gather(rows: tf.Tensor, length: tf.Tensor) -> tuple:
        values, mask = pad_ragged(tf.gather(sequences, rows), length)
        if one_hot is not None:
            # Id 0 may be a real symbol, so it is the mask that says what is padding.
            values = tf.one_hot(values, one_hot) * tf.cast(mask, tf.float32)[..., None]
            inputs = {"features": values, "mask": mask}
        else:
            inputs = {name: values, "mask": mask} if with_mask else values
        element = (inputs, tf.gather(labels, rows))
        return (*element, rows) if with_index else element

    return fill_batches(batches, limits[batch_buckets], gather)


def check_one_ragged_axis(ragged: tf.RaggedTensor) -> None:
    """Refuses sequences of which more than the time axis is ragged."""
    if ragged.ragged_rank != 1:
        raise ValueError(
            f"sequences of shape {ragged.shape} have {ragged.ragged_rank} ragged axes; only the "
            "time axis may be ragged: build them with ragged_rank=1."
        )


def _check_arguments(
    sequences: tf.RaggedTensor,
    labels: tf.Tensor,
    bucket_lengths: Sequence[int],
    batch_size: int,
    one_hot: int | None,
) -> None:
    if not isinstance(sequences, tf.RaggedTensor):
        raise ValueError(
            f"sequences came as {type(sequences).__name__}; give a tf.RaggedTensor, for example "
            "from tf.RaggedTensor.from_tensor or tokenizer.encode."
        )
    check_one_ragged_axis(sequences)
    count = int(sequences.nrows())
    if count == 0:
        raise ValueError("there are no sequences; give at least one.")
    if labels.shape.rank == 0 or labels.shape[0] != count:
        raise ValueError(
            f"{count} sequences came with labels of shape {labels.shape}; give one per sequence."
        )
    if not bucket_lengths or min(bucket_lengths) < 1 or batch_size < 1:
        raise ValueError(
            f"bucket_lengths={tuple(bucket_lengths)} and batch_size={batch_size}: give lengths "
            "and a batch size of at least 1."
        )
    longest, limit = int(tf.reduce_max(sequences.row_lengths())), max(bucket_lengths)
    if longest > limit:
        raise ValueError(
            f"a sequence has {longest} steps, but the last bucket takes {limit}; cut the sequences "
            f"first, for example sequences[:, :{limit}], or add a bucket of {longest}."
        )
    if one_hot is not None and (sequences.shape.rank != 2 or not sequences.dtype.is_integer):
        raise ValueError(
            f"one_hot={one_hot} needs integer ids of shape (N, None); these are "
            f"{sequences.dtype.name} of shape {sequences.shape}."
        )
