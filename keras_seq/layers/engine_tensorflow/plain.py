"""The plain time loop: a while loop over tensor arrays, which autodiff runs backwards."""

import tensorflow as tf


def scan(step, x, states, masks, collect, real=None):
    """Carries a step through time.

    Args:
        step: (x_t (B, …), masks_t each (B, …), states) -> states, of the same shapes.
        x: Inputs, time first, (T, B, …).
        states: Initial states, each (B, U).
        masks: Tuple of further inputs of the steps, time first.
        collect: Whether the first state of every step is wanted, or only the last.
        real: How many of the steps to do, from the first; all if not given.

    Returns:
        The first state after each step, (T, B, U) (None if not collected), and the final states.
    """
    steps = x.shape[0] or tf.shape(x)[0]
    real = steps if real is None else real
    arrays = [_array(values, steps) for values in (x, *masks)]
    outputs = (_empty(states[0], steps),) if collect else ()

    def body(t, outputs, states):
        x_t, *masks_t = (array.read(t) for array in arrays)
        states = step(x_t, tuple(masks_t), states)
        return t + 1, tuple(o.write(t, states[0]) for o in outputs), states

    _, outputs, states = tf.while_loop(
        lambda t, *_: t < real, body, (0, outputs, tuple(states)), maximum_iterations=steps
    )
    return outputs[0].stack() if collect else None, states


def _array(values, steps):
    """A tensor array of the steps of a tensor (T, …)."""
    return tf.TensorArray(values.dtype, steps, clear_after_read=False).unstack(values)


def _empty(like, steps):
    return tf.TensorArray(like.dtype, steps, element_shape=like.shape, clear_after_read=False)
