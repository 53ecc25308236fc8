"""`AttentionMemory`: what attention looks at, prepared once a sequence."""

from typing import Any, NamedTuple


class AttentionMemory(NamedTuple):
    """A sequence of keys and values, made by `prepare` of an attention layer.

    Each tensor has the batch first, so the rows of all three can be gathered and repeated alike, as
    a beam search does.

    Attributes:
        keys: What queries are compared with, (B, S, K).
        values: What the context is made of, (B, S, D).
        mask: Boolean (B, S), True = real data.

    Example:
        >>> import keras
        >>> from keras_seq.layers import DotProductAttention
        >>> memory = DotProductAttention().prepare(keras.ops.ones((2, 3, 4)))
        >>> twice = keras.tree.map_structure(lambda x: keras.ops.repeat(x, 2, axis=0), memory)
        >>> tuple(twice.values.shape), tuple(twice.mask.shape)
        ((4, 3, 4), (4, 3))
    """

    keys: Any
    values: Any
    mask: Any
