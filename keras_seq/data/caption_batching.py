"""From images and the ids of their captions to batches of few fixed shapes."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from keras_seq.data.pair_batching import pair_batches


def caption_batches(
    inputs: Any,
    rows: np.ndarray,
    target_ids: tf.RaggedTensor,
    *,
    target_lengths: Sequence[int] | None = None,
    batch_size: int = 64,
    shuffle_seed: int | None = None,
    epoch: int = 0,
) -> tf.data.Dataset:
    """Batches captions with others of about their length, each with its image.

    The images are held once, however many captions each has. Which captions share a batch, and in
    what order the batches come, depend on nothing but `shuffle_seed` and `epoch`.

    Args:
        inputs: Pictures or features, (N, H, W, C). Given as a tensor, it is not copied at every
            call.
        rows: The image of each caption, integers of shape (M,).
        target_ids: Ids of the captions with start and end, (M, None).
        target_lengths: Lengths that captions are padded to, rising; None takes up to eight from
            quantiles of the lengths.
        batch_size: Captions in a batch.
        shuffle_seed: Draws the order; None keeps the captions of about one length in order.
        epoch: Another order of the same seed.

    Returns:
        The batches of one epoch, of known cardinality: `{"source": (B, H, W, C), "target": (B,
        T)}`, targets int32, 0 where a caption has ended.

    Raises:
        ValueError: Not as many rows as captions, none at all, or a caption that is too long.

    Example:
        >>> import numpy as np
        >>> import tensorflow as tf
        >>> from keras_seq.data import caption_batches
        >>> pictures = np.arange(2 * 4 * 4 * 3).reshape(2, 4, 4, 3).astype("uint8")
        >>> ids = tf.ragged.constant([[2, 7, 3], [2, 8, 3], [2, 9, 3]])
        >>> for batch in caption_batches(pictures, np.array([0, 1, 1]), ids, batch_size=2):
        ...     print(batch["source"].shape, batch["target"].numpy().tolist())
        (2, 4, 4, 3) [[2, 7, 3], [2, 8, 3]]
        (1, 4, 4, 3) [[2, 9, 3]]
    """
    inputs = tf.convert_to_tensor(inputs)
    # A source of one "id", the number of the image.
    numbers = tf.RaggedTensor.from_tensor(np.asarray(rows, np.int32)[:, np.newaxis])
    batches = pair_batches(
        numbers,
        target_ids,
        source_lengths=None if target_lengths is None else [1] * len(target_lengths),
        target_lengths=target_lengths,
        batch_size=batch_size,
        shuffle_seed=shuffle_seed,
        epoch=epoch,
    )
    return batches.map(
        lambda batch: {**batch, "source": tf.gather(inputs, batch["source"][:, 0])},
        num_parallel_calls=1,
        deterministic=True,
    ).prefetch(1)
