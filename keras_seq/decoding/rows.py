"""Rows of a batch repeated and gathered, in operations that TFLite has for unknown sizes."""

import keras
from keras import ops


def repeat_rows(structure, times):
    """Repeats each row of each tensor, one after another: b0 b0 b1 b1.

    This is how what a step closes over, the memory of an encoder for instance, is made to fit the
    `width` hypotheses that a beam search follows for each row.

    Args:
        structure: A tensor (B, …), or tensors in any nested structure.
        times: How often.

    Returns:
        The same structure with tensors (B·times, …).

    Example:
        >>> from keras import ops
        >>> from keras_seq.decoding import repeat_rows
        >>> print(ops.convert_to_numpy(repeat_rows({"mask": ops.array([True, False])}, 2)["mask"]))
        [ True  True False False]
    """

    def repeated(x):
        x = ops.convert_to_tensor(x)
        return ops.take(x, ops.arange(ops.shape(x)[0] * times, dtype="int32") // times, axis=0)

    return structure if times == 1 else keras.tree.map_structure(repeated, structure)


def flat_rows(indices, width):
    """Indices (B, K) into the `width` places of each row as indices (B·K,) into B·width rows."""
    first = ops.arange(ops.shape(indices)[0], dtype="int32") * width
    return ops.reshape(indices + ops.expand_dims(first, 1), (-1,))


def take_in_rows(x, indices):
    """Of each row's places those with the given indices: x (B, W, …), (B, K) to (B, K, …)."""
    rest = ops.shape(x)[2:]
    places = ops.take(ops.reshape(x, (-1, *rest)), flat_rows(indices, x.shape[1]), axis=0)
    return ops.reshape(places, (-1, indices.shape[1], *rest))


def put(buffer, t, values):
    """A buffer (L, …) with values (…) at step t.

    This and not `ops.slice_update`, which TensorFlow has from XLA, and where a SavedModel is served
    there may be none. A loop copies the buffer anyway.
    """
    now = ops.equal(ops.arange(buffer.shape[0], dtype="int32"), t)
    now = ops.reshape(now, (-1, *(1 for _ in buffer.shape[1:])))
    return ops.where(now, ops.expand_dims(ops.cast(values, buffer.dtype), 0), buffer)
