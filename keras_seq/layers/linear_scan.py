"""Linear recurrences without a loop over time: all steps from a scan."""

import keras
from keras import ops

from keras_seq.cells import Gates, LinearCell
from keras_seq.layers.loops import Given, project


def run_linear(cell: LinearCell, given: Given, collect: bool):
    """Carries a linear cell through time.

    Args:
        cell: The cell.
        given: What it is carried with.
        collect: Whether the first state of every step is wanted, or only the last.

    Returns:
        The state after each step, (B, T, U) (None if not collected), and the final state.
    """
    x = project(cell, ops.swapaxes(given.x, 0, 1), given.input_dropout)
    a, b = cell.coefficients(Gates(x, len(cell.gates)))
    for mask in given.mask:
        mask = ops.swapaxes(mask, 0, 1)
        a, b = ops.where(mask, a, ops.ones_like(a)), ops.where(mask, b, ops.zeros_like(b))
    h = linear_scan(a, b, given.states[0])
    return ops.swapaxes(h, 0, 1) if collect else None, (h[-1],)


def linear_scan(a, b, initial, reverse=False):
    r"""All $h_t = a_t \odot h_{t-1} + b_t$, or, in reverse, all $h_t = a_t \odot h_{t+1} + b_t$.

    Its gradient is such a recurrence too, in the other direction.

    Args:
        a: Factors, (T, …).
        b: Summands, (T, …).
        initial: What comes before the first step, (…).
        reverse: Whether the last step is the first.

    Returns:
        (T, …), in the order of time. Half precision is computed in float32.

    Example:
        >>> from keras import ops
        >>> from keras_seq.layers.linear_scan import linear_scan
        >>> h = linear_scan(ops.array([0.5, 0.5]), ops.array([1.0, 1.0]), ops.array(2.0))
        >>> [float(v) for v in h]
        [2.0, 2.0]
    """
    dtype = a.dtype
    wide = "float64" if keras.backend.standardize_dtype(dtype) == "float64" else "float32"
    a, b, initial = (ops.cast(values, wide) for values in (a, b, initial))
    return ops.cast(_differentiable(a, b, initial, reverse), dtype)


def _differentiable(a, b, initial, reverse):
    @ops.custom_gradient
    def run(a, b, initial):
        h = _solved(a, b, initial, reverse)

        def gradient(*args, upstream=None):
            d_h = args[0] if upstream is None else upstream
            end = ops.zeros_like(initial)
            d_b = _differentiable(_before(a, end, not reverse), d_h, end, not reverse)
            d_a = d_b * _before(h, initial, reverse)
            first = -1 if reverse else 0
            return d_a, d_b, a[first] * d_b[first]

        return h, gradient

    return run(a, b, initial)


def _before(values, first, reverse):
    """At each step the values of the step that comes before it."""
    first = ops.expand_dims(first, 0)
    parts = [values[1:], first] if reverse else [first, values[:-1]]
    return ops.concatenate(parts, axis=0)


def _solved(a, b, initial, reverse):
    if keras.backend.backend() == "tensorflow":
        from keras_seq.layers.engine_tensorflow.chunks import solve

        return solve(a, b, initial, reverse)
    factors, summands = ops.associative_scan(_composed, (a, b), reverse=reverse, axis=0)
    return factors * initial + summands


def _composed(first, second):
    """One recurrence after the other, as one."""
    return first[0] * second[0], first[1] * second[0] + second[1]
