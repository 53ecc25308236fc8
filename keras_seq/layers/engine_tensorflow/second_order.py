"""Gradients of gradients where the first comes from a compiled loop."""

from collections.abc import Callable

import tensorflow as tf


def twice_differentiable(fast: Callable, plain: Callable, fixed: int) -> Callable:
    """A function with a fast gradient, whose own gradient is that of a plain function.

    TensorFlow cannot differentiate a loop inside a compiled program.

    Args:
        fast: (*arguments) -> results, and the function that gives the gradients of the arguments,
            but for the fixed ones, from those of the results.
        plain: (*arguments) -> results, by operations that can be differentiated twice.
        fixed: How many of the arguments, at the end, have no gradient.

    Returns:
        (*arguments) -> results.
    """

    @tf.custom_gradient
    def run(*arguments):
        results, fast_gradient = fast(*arguments)
        count = len(arguments)

        @tf.custom_gradient
        def first(*given):
            def second(*d_gradients):
                sources, d_results = distinct(given[: count - fixed]), distinct(given[count:])
                with tf.GradientTape() as outer:
                    outer.watch((sources, d_results))
                    with tf.GradientTape() as inner:
                        inner.watch(sources)
                        results = plain(*sources, *given[count - fixed : count])
                    gradients = inner.gradient(
                        results, sources, d_results, unconnected_gradients="zero"
                    )
                d_sources, d_d_results = outer.gradient(
                    gradients, (sources, d_results), d_gradients, unconnected_gradients="zero"
                )
                return (*d_sources, *[None] * fixed, *d_d_results)

            return fast_gradient(*given[count:]), second

        def gradient(*d_results):
            return (*first(*arguments, *d_results), *[None] * fixed)

        return results, gradient

    return run


def distinct(tensors) -> list:
    """Each as a tensor of its own: of one given twice a tape tells the sum at both places."""
    return [tf.identity(tensor) for tensor in tensors]


def unwatched(tensor):
    """The tensor, out of sight of every gradient tape: none follows through integers.

    A tape that sees what goes into a compiled program, and may be asked for second gradients,
    demands what cannot come out of it.
    """
    if not tensor.dtype.is_floating:
        return tensor
    integer = {2: tf.uint16, 4: tf.int32, 8: tf.int64}[tensor.dtype.size]
    return tf.bitcast(tf.bitcast(tensor, integer), tensor.dtype)
