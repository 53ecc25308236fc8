"""The time loop of inference, compiled with XLA."""

from collections.abc import Callable

import tensorflow as tf

from keras_seq.layers.engine_tensorflow.pieces import Pieces, time_first
from keras_seq.layers.engine_tensorflow.plain import scan


def infer(
    project: Callable, step: Callable, x, mask: tuple, states: tuple, weights: tuple, collect: bool
) -> tuple:
    """Carries a step through time.

    Args:
        project: (x of all steps, weights) -> what `step` reads of it.
        step: (x_t, mask_t, states, weights) -> states.
        x: Inputs, (b, T, F).
        mask: Boolean (b, T, …): none, one for all states, or one for each.
        states: Initial states.
        weights: What `project` and `step` read beside, the same at every step.
        collect: Whether the first state of every step is wanted, or only the last.

    Returns:
        The first state after each step, (b, T, U) (left out if not collected), then each final
        state.
    """
    pieces = Pieces(x.shape[1] or tf.shape(x)[1])

    @pieces.compiled
    def run(x, mask, states, weights):
        x = project(time_first(x), weights)
        read = (pieces.cut(x), tuple(pieces.cut(time_first(m)) for m in mask))
        like = [states[0]] if collect else []
        (states, _), written = pieces.each(of_piece, (states, weights), read, like)
        return (*(time_first(pieces.join(w)) for w in written), *states)

    def of_piece(real, carried, read):
        states, weights = carried
        x, mask = read

        def at(x_t, mask_t, states):
            return step(x_t, mask_t, states, weights)

        outputs, states = scan(at, x, states, mask, collect, real)
        return (states, weights), (outputs,) if collect else ()

    return run(x, mask, states, weights)
