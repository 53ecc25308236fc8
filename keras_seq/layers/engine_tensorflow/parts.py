"""The rows of a batch dealt to the cores.

A step of a recurrent layer is too small a piece of work for two cores to share: at 128 units a
product of 32 rows runs on one. Rows do not depend on each other, so parts of the batch run their
whole time loops side by side.
"""

import os
from collections.abc import Callable
from typing import Any

import tensorflow as tf


class Parts:
    """How a batch is dealt: in as many equal parts as there are cores, if it can be.

    Args:
        rows: B, a number or a scalar tensor.
        least_rows: Of a part.
    """

    def __init__(self, rows, least_rows: int):
        self._rows, self._cores = rows, cores()
        few = isinstance(rows, int) and rows < 2 * least_rows
        self._single = few or self._cores == 1
        numbers = tf.range(1, self._cores + 1)
        good = (rows % numbers == 0) & (rows >= numbers * least_rows)
        self._number = 1 if self._single else tf.reduce_max(tf.where(good, numbers, 1))

    def deal(self, tensor):
        """(B, …) to (parts, rows of a part, …)."""
        if self._single:
            return tensor[None]
        shape = tf.concat([[self._number, -1], tf.shape(tensor)[1:]], 0)
        return tf.ensure_shape(tf.reshape(tensor, shape), [None, None, *tensor.shape[1:]])

    def gather(self, tensor):
        """(parts, rows of a part, …) to (B, …)."""
        if self._single:
            return tensor[0]
        shape = tf.concat([[self._rows], tf.shape(tensor)[2:]], 0)
        rows = self._rows if isinstance(self._rows, int) else None
        return tf.ensure_shape(tf.reshape(tensor, shape), [rows, *tensor.shape[2:]])

    def each(self, run: Callable, dealt: Any, like: list) -> tuple:
        """Calls a function on all parts, side by side.

        Args:
            run: Takes a part of each tensor, in the same structure; gives a tuple of tensors.
            dealt: Tensors (parts, …), in any structure.
            like: Type and shape of what `run` gives.

        Returns:
            What it gives for all parts, each (parts, …).
        """
        if self._single:
            return tuple(r[None] for r in run(tf.nest.map_structure(lambda d: d[0], dealt)))
        arrays = [
            tf.TensorArray(d.dtype, self._number, clear_after_read=False).unstack(d)
            for d in tf.nest.flatten(dealt)
        ]
        empty = tuple(tf.TensorArray(t.dtype, self._number, element_shape=t.shape) for t in like)

        def body(i, written):
            found = run(tf.nest.pack_sequence_as(dealt, [array.read(i) for array in arrays]))
            return i + 1, tuple(w.write(i, f) for w, f in zip(written, found, strict=True))

        _, written = tf.while_loop(
            lambda i, _: i < self._number,
            body,
            (0, empty),
            parallel_iterations=self._cores,
            maximum_iterations=self._number,
        )
        return tuple(array.stack() for array in written)


def cores() -> int:
    """How many cores TensorFlow may use: those of the process, unless told to take fewer."""
    threading = tf.config.threading
    available = getattr(os, "sched_getaffinity", lambda _: range(os.cpu_count() or 1))(0)
    chosen = [
        threading.get_intra_op_parallelism_threads(),
        threading.get_inter_op_parallelism_threads(),
    ]
    return min([len(available), *(number for number in chosen if number)])
