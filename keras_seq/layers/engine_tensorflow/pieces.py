"""A sequence in pieces of one length.

Programs are compiled for a shape. A sequence whose length is known beforehand is one piece. Any
other is cut into pieces of a few lengths; how many steps of a piece are real is an argument of the
program, so that nothing is compiled anew for a new length.
"""

from collections.abc import Callable
from typing import Any

import tensorflow as tf

_LENGTHS = (8, 16, 32, 64)


class Pieces:
    """How a sequence is cut; the last piece is filled up.

    Args:
        steps: T, a number or a scalar tensor.
    """

    def __init__(self, steps):
        self.steps = steps
        self.single = isinstance(steps, int)
        if self.single:
            self.length, self.count = steps, 1
        else:
            place = tf.searchsorted(_LENGTHS, [tf.minimum(steps, _LENGTHS[-1])])[0]
            self.length = tf.gather(_LENGTHS, place)
            self.count = -(-steps // self.length)

    def compiled(self, function: Callable) -> Callable:
        """What goes over all pieces, compiled as a whole if there is but one."""
        return _compiled(function) if self.single else function

    def cut(self, values):
        """(T, …) to (pieces, length, …)."""
        if self.single:
            return values
        missing = self.count * self.length - self.steps
        values = tf.pad(values, [[0, missing]] + [[0, 0]] * (len(values.shape) - 1))
        shape = tf.concat([[self.count, self.length], tf.shape(values)[1:]], 0)
        return tf.ensure_shape(tf.reshape(values, shape), [None, *values.shape])

    def join(self, written):
        """What `each` wrote, (T, …)."""
        return written if self.single else written.concat()[: self.steps]

    def each(self, function: Callable, carried, read: Any, like: list, backwards: bool = False):
        """Does something with every piece, one after the other.

        Args:
            function: (number of real steps, carried, of each thing read the piece) -> carried, and
                a tuple of what is written for the piece.
            carried: What the first is given.
            read: Tensors as `cut` gives or as `each` wrote them, in a nested structure.
            like: For each thing that is written a tensor with its type and shape, but for the
                length of the piece.
            backwards: Whether to go from the last to the first.

        Returns:
            What is carried in the end, and what was written.
        """
        if self.single:
            return function(self.steps, carried, read)
        program = _compiled(function)
        written = tuple(
            tf.TensorArray(
                t.dtype,
                self.count,
                clear_after_read=False,
                element_shape=[None, None, *t.shape[1:]],
            )
            for t in like
        )

        def at(i, carried, written):
            place = self.count - 1 - i if backwards else i
            real = tf.minimum(self.length, self.steps - place * self.length)
            of_piece = tf.nest.map_structure(
                lambda values: values.read(place) if _is_array(values) else values[place], read
            )
            carried, new = program(real, carried, of_piece)
            written = tuple(w.write(place, n) for w, n in zip(written, new, strict=True))
            return i + 1, carried, written

        _, carried, written = tf.while_loop(
            lambda i, *_: i < self.count,
            at,
            (0, carried, written),
            maximum_iterations=self.count,
            parallel_iterations=1,
        )
        return carried, written


def time_first(values):
    """(b, T, …) to (T, b, …), or back."""
    return tf.transpose(values, (1, 0, 2))


def _compiled(function: Callable) -> Callable:
    return tf.function(function, jit_compile=True, autograph=False)


def _is_array(values) -> bool:
    return isinstance(values, tf.TensorArray)
