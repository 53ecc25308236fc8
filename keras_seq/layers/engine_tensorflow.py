"""The time loop on TensorFlow: while loops over tensor arrays; the one file that leaves keras.ops.

`scan` is the plain loop, which autodiff runs backwards. Autodiff adds a product of the size of the
weights at every step to accumulate their gradient. `scan_pointwise` does not: going backwards, its
loop only carries the gradient of the states and writes that of the recurrent products, and the
gradient of the recurrent kernel is one product over all steps after the loop. Its steps are
compiled with XLA, one by one, so that nothing is compiled anew when the length changes.
"""

import tensorflow as tf

from keras_seq.cells import Cell, Gates


def scan(step, x, states, mask, collect):
    """The plain loop.

    Args:
        step: (x_t (B, …), mask_t (B, 1) or None, states) -> states, of the same shapes.
        x: Inputs, time first, (T, B, …).
        states: Initial states, each (B, U).
        mask: Boolean (T, B, 1), or None.
        collect: Whether the first state of every step is wanted, or only the last.

    Returns:
        The first state after each step, (T, B, U) (None if not collected), and the final states.
    """
    steps = x.shape[0] or tf.shape(x)[0]
    inputs, masks = _array(x, steps), _array(mask, steps)
    outputs = (_empty(states[0], steps),) if collect else ()

    def body(t, outputs, states):
        states = step(inputs.read(t), _read(masks, t), states)
        return t + 1, tuple(o.write(t, states[0]) for o in outputs), states

    _, outputs, states = tf.while_loop(
        lambda t, *_: t < steps, body, (0, outputs, tuple(states)), maximum_iterations=steps
    )
    return outputs[0].stack() if collect else None, states


def suits(cell: Cell) -> bool:
    """Whether `scan_pointwise` knows the products and all weights of the cell, in a graph."""
    weights = [cell.kernel, cell.recurrent_kernel, *([] if cell.bias is None else [cell.bias])]
    known = {id(weight) for weight in weights}
    return (
        cell.pointwise
        and type(cell).recur is Cell.recur
        and known == {id(weight) for weight in [*cell.weights]}
        and tf.inside_function()
    )


def scan_pointwise(cell: Cell, x, states, mask, dropout_mask, collect):
    """The loop of a cell whose equations are pointwise, with a backward pass of its own.

    Args:
        cell: The cell.
        x: Projected inputs of all steps, (T, B, G·U).
        states: Initial states, each (B, U).
        mask: Boolean (T, B, 1), or None.
        dropout_mask: Scaled 0/1 mask of the recurrent input, (B, U), or None.
        collect: Whether the first state of every step is wanted.

    Returns:
        As `scan`.
    """
    steps = x.shape[0] or tf.shape(x)[0]
    count = len(cell.gates)
    masks = _array(mask, steps)
    kernel = tf.convert_to_tensor(cell.recurrent_kernel)
    bias = (cell.bias[1],) if cell.bias is not None and cell.recurrent_bias else ()

    @tf.function(jit_compile=True, autograph=False)
    def forward(x_t, mask_t, kernel, bias, states):
        h = states[0] if dropout_mask is None else states[0] * dropout_mask
        r = tf.matmul(h, kernel)
        r = r + bias[0] if bias else r
        new = cell.combine(Gates(x_t, count), Gates(r, count), states)
        if mask_t is not None:
            new = tuple(tf.where(mask_t, n, old) for n, old in zip(new, states, strict=True))
        return tuple(new), r

    @tf.function(jit_compile=True, autograph=False)
    def backward(x_t, r_t, mask_t, kernel, states, d_new):
        d_real = d_new
        if mask_t is not None:
            d_real = tuple(tf.where(mask_t, d, tf.zeros_like(d)) for d in d_new)
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch((x_t, r_t, states))
            new = cell.combine(Gates(x_t, count), Gates(r_t, count), states)
        d_x, d_r, d_states = tape.gradient(
            new, (x_t, r_t, states), d_real, unconnected_gradients="zero"
        )
        d_h = tf.matmul(d_r, kernel, transpose_b=True)
        d_h = d_h if dropout_mask is None else d_h * dropout_mask
        d_states = (d_states[0] + d_h, *d_states[1:])
        if mask_t is not None:
            d_states = tuple(
                tf.where(mask_t, d, d + kept) for d, kept in zip(d_states, d_new, strict=True)
            )
        return d_x, d_r, d_states

    @tf.custom_gradient
    def run(x, kernel, *rest):
        bias_, initial = rest[: len(bias)], rest[len(bias) :]
        inputs = _array(x, steps)
        history = tuple(_empty(s, steps + 1).write(0, s) for s in initial)

        def body(t, history, products, states):
            states, r = forward(inputs.read(t), _read(masks, t), kernel, bias_, states)
            history = tuple(a.write(t + 1, s) for a, s in zip(history, states, strict=True))
            return t + 1, history, products.write(t, r), states

        _, history, products, final = tf.while_loop(
            lambda t, *_: t < steps,
            body,
            (0, history, _empty(x[0], steps), initial),
            maximum_iterations=steps,
        )
        outputs = history[0].stack()

        def gradient(*d_results):
            d_outputs = _array(d_results[0], steps) if collect else None
            d_final = d_results[1:] if collect else d_results

            def body(t, d_inputs, d_products, d_states):
                if d_outputs is not None:
                    d_states = (d_states[0] + d_outputs.read(t), *d_states[1:])
                old = tuple(a.read(t) for a in history)
                x_t, r_t = inputs.read(t), products.read(t)
                d_x, d_r, d_states = backward(x_t, r_t, _read(masks, t), kernel, old, d_states)
                return t - 1, d_inputs.write(t, d_x), d_products.write(t, d_r), d_states

            empty = _empty(x[0], steps)
            _, d_inputs, d_products, d_initial = tf.while_loop(
                lambda t, *_: t >= 0,
                body,
                (steps - 1, empty, _empty(x[0], steps), tuple(d_final)),
                maximum_iterations=steps,
            )
            d_products = _rows(d_products.stack())
            h = outputs[:-1] if dropout_mask is None else outputs[:-1] * dropout_mask
            d_kernel = tf.matmul(_rows(h), d_products, transpose_a=True)
            d_bias = [tf.reduce_sum(d_products, 0)] if bias else []
            return d_inputs.stack(), d_kernel, *d_bias, *d_initial

        return ((outputs[1:],) if collect else ()) + tuple(final), gradient

    results = run(x, kernel, *bias, *states)
    return (results[0], results[1:]) if collect else (None, tuple(results))


def _array(values, steps):
    """A tensor array of the steps of a tensor (T, …); None of None."""
    if values is None:
        return None
    return tf.TensorArray(values.dtype, steps, clear_after_read=False).unstack(values)


def _empty(like, steps):
    return tf.TensorArray(like.dtype, steps, element_shape=like.shape, clear_after_read=False)


def _read(array, t):
    return None if array is None else array.read(t)


def _rows(values):
    """(T, B, N) to (T·B, N)."""
    return tf.reshape(values, (-1, values.shape[-1]))
