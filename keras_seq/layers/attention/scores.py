"""How well queries fit keys, and what weights follow. All of it in float32 at least."""

import keras
from keras import ops

_EXCLUDED = -1e9  # finite: the difference of two infinities is no number


def full_precision(dtype) -> str:
    """float32, or float64 for float64: halves lose too much in sums and exponentials."""
    return keras.backend.result_type(dtype, "float32")


def in_full(x):
    """The tensor in full precision."""
    return ops.cast(x, full_precision(x.dtype))


def dot_scores(queries, keys):
    """(…, T, K) and (…, S, K) to (…, T, S): each query times each key."""
    return ops.matmul(in_full(queries), ops.swapaxes(in_full(keys), -1, -2))


def additive_scores(queries, keys, score_vector):
    """(B, T, A) and (B, S, A) to (B, T, S): the hidden layer's tanh, times a vector."""
    hidden = ops.tanh(ops.expand_dims(queries, 2) + ops.expand_dims(keys, 1))
    return ops.squeeze(score_vector(hidden), axis=-1)


def masked_softmax(scores, mask):
    """Weights (…, S) that sum to one over the keys of the mask, or are zero where it has none."""
    if scores.shape[-1] == 1:  # nothing to share out, and Keras warns of it
        weights = ops.ones_like(scores)
    else:
        weights = ops.softmax(ops.where(mask, scores, _EXCLUDED), axis=-1)
    return ops.where(mask, weights, ops.zeros_like(weights))


def attended(scores, memory):
    """Contexts (B, T, D) and weights (B, T, S) of scores (B, T, S)."""
    weights = masked_softmax(scores, ops.expand_dims(memory.mask, 1))
    return weighted_sum(weights, memory.values), weights


def weighted_sum(weights, values):
    """(…, T, S) and (…, S, D) to (…, T, D), of the values' type."""
    return ops.cast(ops.matmul(weights, ops.cast(values, weights.dtype)), values.dtype)
