"""The time loop of training: pieces compiled with XLA, and a backward loop of its own.

Going backwards the loop only carries the gradient of the states and writes those of the products;
the gradient of the recurrent kernel is one product a piece. Autodiff would add one of the size of
the kernel at every step.
"""

import tensorflow as tf

from keras_seq.layers.engine_tensorflow.pieces import Pieces
from keras_seq.layers.engine_tensorflow.step import Inputs, Step


def train(step: Step, given: Inputs, collect: bool) -> tuple:
    """Carries a cell through time.

    Args:
        step: The step.
        given: Its inputs: x (T, b, G·U) and mask (T, b, …) of all steps, the initial states.
        collect: Whether the first state of every step is wanted, or only the last.

    Returns:
        The first state after each step, (T, b, U) (left out if not collected), then each final
        state. Their gradients have no gradients.
    """
    pieces = Pieces(given.x.shape[0] or tf.shape(given.x)[0])
    constants = step.prepare(given)
    differentiable = (given.x, given.states, constants)
    outputs_like = [given.states[0]] if collect else []

    @pieces.compiled
    def forwards(x, mask, states, constants):
        def of_piece(real, carried, read):
            states, constants = carried
            x, mask = read
            states, written = _forward(step, collect, real, x, mask, states, constants)
            return (states, constants), written

        read = (pieces.cut(x), tuple(pieces.cut(m) for m in mask))
        like = outputs_like + step.saved
        (states, _), written = pieces.each(of_piece, (states, constants), read, like)
        outputs = tuple(pieces.join(w) for w in written[: len(outputs_like)])
        return outputs, states, written[len(outputs_like) :]

    @pieces.compiled
    def backwards(saved, constants, d_outputs, d_states):
        def of_piece(real, carried, read):
            d_states, d_summed, d_matrices, shared = carried
            saved, d_outputs = read
            d_x, d_states, d_summed, d_products = _backward(
                step, real, saved, shared, d_outputs, d_states, d_summed
            )
            d_matrices = step.add_products(d_matrices, saved, d_products)
            return (d_states, d_summed, d_matrices, shared), (d_x,)

        read = (saved, tuple(pieces.cut(d) for d in d_outputs))
        start = (d_states, *step.zeros(constants), step.prepare_backward(constants))
        carried, (d_x,) = pieces.each(of_piece, start, read, [step.x], backwards=True)
        return pieces.join(d_x), *carried[:-1]

    @tf.custom_gradient
    def run(*flat):
        x, states, constants = tf.nest.pack_sequence_as(differentiable, flat)
        outputs, final, saved = forwards(x, given.mask, states, constants)

        def gradient(*d_results):
            d_outputs, d_final = d_results[: len(outputs)], d_results[len(outputs) :]
            d_x, d_states, *sums = backwards(saved, constants, d_outputs, d_final)
            return (d_x, *d_states, *step.of_constants(*sums))

        return (*outputs, *final), gradient

    return run(*tf.nest.flatten(differentiable))


def _forward(step, collect, real, x, mask, states, constants):
    """A piece forwards: the final states, what is collected and what is saved."""
    length = tf.shape(x)[0]
    steps, masks = _array(x), [_array(m) for m in mask]
    like = ([states[0]] if collect else []) + step.saved

    def body(t, states, arrays):
        masks_t = tuple(m.read(t) for m in masks)
        states, saved = step.forward(steps.read(t), masks_t, states, constants)
        written = (states[:1] if collect else ()) + saved
        return t + 1, states, tuple(a.write(t, w) for a, w in zip(arrays, written, strict=True))

    _, states, arrays = tf.while_loop(
        lambda t, *_: t < real,
        body,
        (0, states, tuple(_empty(length, tensor) for tensor in like)),
        maximum_iterations=length,
    )
    return states, tuple(array.stack() for array in arrays)


def _backward(step, real, saved, shared, d_outputs, d_states, d_summed):
    """A piece backwards: gradients of x, the states before it, what is summed, and the products."""
    length = tf.shape(saved[0])[0]
    history, d_steps = [_array(s) for s in saved], [_array(d) for d in d_outputs]
    # A product whose gradient is that of x is not written twice.
    other = [product for j, product in enumerate(step.products) if j != step.shared]

    def body(t, d_states, d_summed, arrays):
        for d in d_steps:
            d_states = (d_states[0] + d.read(t), *d_states[1:])
        at = tuple(array.read(t) for array in history)
        d_x, d_states, d_here, d_products = step.backward(at, shared, d_states)
        d_summed = tuple(s + tf.cast(d, s.dtype) for s, d in zip(d_summed, d_here, strict=True))
        written = [d_x, *(d for j, d in enumerate(d_products) if j != step.shared)]
        arrays = tuple(a.write(t, w) for a, w in zip(arrays, written, strict=True))
        return t - 1, d_states, d_summed, arrays

    empty = tuple(_empty(length, tensor) for tensor in [step.x, *other])
    _, d_states, d_summed, arrays = tf.while_loop(
        lambda t, *_: t >= 0,
        body,
        (real - 1, d_states, d_summed, empty),
        maximum_iterations=length,
    )
    d_x, *d_products = (array.stack() for array in arrays)
    if step.shared is not None:
        d_products.insert(step.shared, d_x)
    return d_x, d_states, d_summed, tuple(d_products)


def _array(values):
    length = tf.shape(values)[0]
    return tf.TensorArray(values.dtype, length, clear_after_read=False).unstack(values)


def _empty(length, like):
    return tf.TensorArray(like.dtype, length, element_shape=like.shape, clear_after_read=False)
