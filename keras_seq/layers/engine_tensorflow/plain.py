"""The plain time loop: a while loop over tensor arrays, which autodiff runs backwards."""

import tensorflow as tf


def scan(step, x, states, mask, collect, real=None):
    """Carries a step through time.

    Args:
        step: (x_t (B, …), mask_t (B, 1) or None, states) -> states, of the same shapes.
        x: Inputs, time first, (T, B, …).
        states: Initial states, each (B, U).
        mask: Boolean (T, B, 1), or None.
        collect: Whether the first state of every step is wanted, or only the last.

        real: How many of the steps to do, from the first; all if not given.

    Returns:
        The first state after each step, (T, B, U) (None if not collected), and the final states.
    """
    steps = x.shape[0] or tf.shape(x)[0]
    real = steps if real is None else real
    inputs, masks = _array(x, steps), _array(mask, steps)
    outputs = (_empty(states[0], steps),) if collect else ()

    def body(t, outputs, states):
        states = step(inputs.read(t), _read(masks, t), states)
        return t + 1, tuple(o.write(t, states[0]) for o in outputs), states

    _, outputs, states = tf.while_loop(
        lambda t, *_: t < real, body, (0, outputs, tuple(states)), maximum_iterations=steps
    )
    return outputs[0].stack() if collect else None, states


def _array(values, steps):
    """A tensor array of the steps of a tensor (T, …); None of None."""
    if values is None:
        return None
    return tf.TensorArray(values.dtype, steps, clear_after_read=False).unstack(values)


def _empty(like, steps):
    return tf.TensorArray(like.dtype, steps, element_shape=like.shape, clear_after_read=False)


def _read(array, t):
    return None if array is None else array.read(t)
