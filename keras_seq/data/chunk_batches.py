"""From one long sequence to batches of its chunks, each row going on where it was before."""

import numpy as np
import tensorflow as tf

from keras_seq.data.batch_plan import steady


def chunk_batches(ids: np.ndarray, batch_size: int, length: int) -> tf.data.Dataset:
    """Lays a sequence out in parallel streams, and cuts these into chunks.

    Each row of a batch goes on where the same row of the batch before it ended, so that states can
    be carried from one batch to the next. Every id but the first is a target exactly once. Where
    the streams do not fill the last chunks, zeros stand, whose weight is 0.

    Args:
        ids: The sequence, integers of shape (N,).
        batch_size: B, the number of streams; 1 reads the sequence as it is.
        length: T, the steps of a chunk. A stream has at least so many.

    Returns:
        The batches in their order, of known cardinality: inputs (B, T) int32, targets (B, T)
        int32, the ids after them, and weights (B, T) float32, 1 where a target is one.

    Raises:
        ValueError: The streams are shorter than a chunk, or an argument is out of range.

    Example:
        >>> import numpy as np
        >>> from keras_seq.data import chunk_batches
        >>> for inputs, targets, weights in chunk_batches(np.arange(10), batch_size=2, length=3):
        ...     print(*(part.numpy().astype(int).tolist() for part in (inputs, targets, weights)))
        [[0, 1, 2], [5, 6, 7]] [[1, 2, 3], [6, 7, 8]] [[1, 1, 1], [1, 1, 1]]
        [[3, 4, 0], [8, 0, 0]] [[4, 5, 0], [9, 0, 0]] [[1, 1, 0], [1, 0, 0]]
    """
    ids = np.asarray(ids)
    if ids.ndim != 1 or ids.dtype.kind not in "iu":
        raise ValueError(
            f"ids came as {ids.dtype} of shape {ids.shape}; give integers of shape (N,)."
        )
    if batch_size < 1 or length < 1:
        raise ValueError(f"batch_size={batch_size} and length={length}: give at least 1 of both.")
    targets = max(len(ids) - 1, 0)
    steps = -(-targets // batch_size)  # of a stream, rounded up
    if steps < length:
        raise ValueError(
            f"{len(ids)} ids are shorter than one chunk: {batch_size} streams of chunks of "
            f"{length} steps take at least {batch_size * (length - 1) + 2}. Give a longer text, "
            "fewer streams or shorter chunks."
        )
    stream = tf.constant(ids, tf.int32)
    begins = tf.range(batch_size, dtype=tf.int64)[:, tf.newaxis] * steps

    def chunk(number: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        columns = number * length + tf.range(length, dtype=tf.int64)
        first = begins + columns
        real = (columns < steps) & (first < targets)
        inputs, after = (
            tf.where(real, tf.gather(stream, tf.where(real, first + shift, 0)), 0)
            for shift in (0, 1)
        )
        return inputs, after, tf.cast(real, tf.float32)

    return steady(tf.data.Dataset.range(-(-steps // length)), chunk)
