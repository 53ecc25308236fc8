"""A linear recurrence over time in chunks: many short recurrences at once, then what joins them.

Keras' `associative_scan` halves the sequence again and again; on TensorFlow the cutting and joining
costs more than the sums. Here each operation does one step of all chunks.
"""

import tensorflow as tf

from keras_seq.layers.engine_tensorflow.plain import scan

_LENGTH = 64  # steps of a chunk


def solve(a, b, initial, reverse: bool):
    """All h_t = a_t h_{t-1} + b_t.

    Args:
        a: Factors, (T, …).
        b: Summands, (T, …).
        initial: What comes before the first step, (…).
        reverse: Whether the last step is the first.

    Returns:
        (T, …).
    """
    steps = a.shape[0] or tf.shape(a)[0]
    known = isinstance(steps, int)
    length = min(steps, _LENGTH) if known else _LENGTH
    count = -(-steps // length)
    # A step that is filled in keeps the state.
    a, b = (_cut(v, count, length, fill, steps) for v, fill in ((a, 1), (b, 0)))

    # Each chunk by itself, from zero: its states, and what would multiply the state before it.
    order = range(length - 1, -1, -1) if reverse else range(length)
    factors, states = {}, {}
    factor, state = None, None
    for t in order:
        factor = a[t] if factor is None else a[t] * factor
        state = b[t] if state is None else a[t] * state + b[t]
        factors[t], states[t] = factor, state

    if known and count == 1:
        before = initial[None]
    else:
        of_chunks = solve if known else _one_by_one
        after = of_chunks(factor, state, initial, reverse)
        parts = [after[1:], initial[None]] if reverse else [initial[None], after[:-1]]
        before = tf.concat(parts, 0)
    h = tf.stack([states[t] + factors[t] * before for t in range(length)], 1)
    h = tf.reshape(h, tf.concat([[count * length], tf.shape(h)[2:]], 0))[:steps]
    return tf.ensure_shape(h, [steps if known else None, *initial.shape])


def _cut(values, count, length, fill, steps):
    """(T, …) to `length` tensors (chunks, …)."""
    missing = count * length - steps
    if not isinstance(missing, int) or missing:
        ranks = [[0, 0]] * (len(values.shape) - 1)
        values = tf.pad(values, [[0, missing], *ranks], constant_values=fill)
    cut = tf.reshape(values, tf.concat([[count, length], tf.shape(values)[1:]], 0))
    cut = tf.ensure_shape(cut, [None, length, *values.shape[1:]])
    return tf.unstack(cut, axis=1)


def _one_by_one(a, b, initial, reverse):
    """The same in a loop, for a number of chunks that is not known."""
    if reverse:
        a, b = a[::-1], b[::-1]
    both = tf.stack([a, b], 1)
    h, _ = scan(lambda ab, _, h: (ab[0] * h[0] + ab[1],), both, (initial,), (), True)
    return h[::-1] if reverse else h
