"""Which rows share a batch, and in what order the batches come."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

_AT_A_TIME = 2  # batches being made, and batches waiting


def plan_batches(
    buckets: np.ndarray, batch_sizes: Sequence[int], shuffle_seed: int | None, epoch: int
) -> tuple[list[np.ndarray], np.ndarray]:
    """Deals rows to batches of one bucket each; a pure function of its arguments.

    Args:
        buckets: The bucket of each row, integers of shape (N,).
        batch_sizes: The batch size of each bucket; its last batch may be smaller.
        shuffle_seed: Draws the order; None keeps rows and buckets in order.
        epoch: Another order of the same seed.

    Returns:
        The row numbers of every batch, and the bucket of every batch, int64.

    Example:
        >>> import numpy as np
        >>> rows, buckets = plan_batches(np.array([1, 0, 0, 0]), [2, 2], shuffle_seed=None, epoch=0)
        >>> [batch.tolist() for batch in rows], buckets.tolist()
        ([[1, 2], [3], [0]], [0, 0, 1])
    """
    order = _order(len(buckets), shuffle_seed, 2 * epoch)
    batches: list[np.ndarray] = []
    batch_buckets: list[int] = []
    for bucket, batch_size in enumerate(batch_sizes):
        rows = order[buckets[order] == bucket]
        chunks = np.split(rows, range(batch_size, len(rows), batch_size)) if len(rows) else []
        batches += chunks
        batch_buckets += [bucket] * len(chunks)
    batch_order = _order(len(batches), shuffle_seed, 2 * epoch + 1)
    return [batches[n] for n in batch_order], np.array(batch_buckets, np.int64)[batch_order]


def _order(count: int, seed: int | None, number: int) -> np.ndarray:
    """Gives the `number`-th permutation of a seed, or the identity without one."""
    rows = tf.range(count, dtype=tf.int64)
    if seed is not None:
        rows = tf.random.experimental.index_shuffle(rows, [seed, number], max_index=count - 1)
    return rows.numpy()


def fill_batches(
    batches: list[np.ndarray], shapes: np.ndarray, gather: Callable[..., Any]
) -> tf.data.Dataset:
    """Makes a dataset of planned batches, in their order.

    Args:
        batches: The row numbers of every batch.
        shapes: What every batch is padded to, of shape (len(batches), ...).
        gather: From the row numbers of a batch and its row of `shapes` to the element.

    Returns:
        The elements, of known cardinality.
    """
    plan = tf.data.Dataset.from_tensor_slices((tf.ragged.stack(batches), shapes))
    return steady(plan, gather)


def steady(plan: tf.data.Dataset, make: Callable[..., Any]) -> tf.data.Dataset:
    """Makes a batch of each element of a plan, in order, a few ahead of time.

    Args:
        plan: What each batch is made of, of known cardinality.
        make: From an element of the plan to a batch.

    Returns:
        The batches, of known cardinality.
    """
    dataset = plan.map(make, num_parallel_calls=_AT_A_TIME, deterministic=True)
    dataset = dataset.apply(tf.data.experimental.assert_cardinality(int(plan.cardinality())))
    return dataset.prefetch(_AT_A_TIME).with_options(_options())


def _options() -> tf.data.Options:
    # The thread that tunes a dataset may sleep through its end: then `fit` waits at the end of an
    # epoch, as long again as the epoch took or up to a minute. Batches are cheap; none is needed.
    options = tf.data.Options()
    options.autotune.enabled = False
    return options
