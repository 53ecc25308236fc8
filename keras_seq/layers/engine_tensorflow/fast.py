"""The fast way on a CPU: compiled loops over parts of the batch, side by side.

====================== ===========================================================================
training               All steps are projected in one product before the loop (`training.py`).
inference              Small kernels project within the loop, where the input is in the cache; large
                       ones before it (`inference.py`). A gradient, if one is asked for after all,
                       goes the way of training.
rows of a part         At least 8; 32 where the recurrent kernel outgrows the cache, so that each
                       core does not fetch it for a handful of rows (`parts.py`).
====================== ===========================================================================

Eager calls, GPUs, and cells whose step reads more than its inputs and weights or writes anything go
by the plain loop (`plain.py`).
"""

import math

import keras
import tensorflow as tf

from keras_seq.cells import Cell, Gates
from keras_seq.layers.engine_tensorflow.device import has_gpu
from keras_seq.layers.engine_tensorflow.inference import infer
from keras_seq.layers.engine_tensorflow.parts import Parts
from keras_seq.layers.engine_tensorflow.pieces import time_first
from keras_seq.layers.engine_tensorflow.second_order import twice_differentiable, unwatched
from keras_seq.layers.engine_tensorflow.step import Inputs, Step
from keras_seq.layers.engine_tensorflow.training import train
from keras_seq.layers.loops import Given, masked, project, run_loop

_LARGE_KERNEL = 2**21  # elements
_LEAST_ROWS, _LEAST_ROWS_OF_LARGE = 8, 32  # of a part


def run_fast(cell: Cell, given: Given, *, training: bool, collect: bool):
    """Carries a cell through time.

    Args:
        cell: The cell.
        given: What it is carried with.
        training: Whether gradients will be taken.
        collect: Whether the first state of every step is wanted, or only the last.

    Returns:
        The first state after each step, (B, T, U) (None if not collected), and the final states;
        None in place of both if the cell does not suit.
    """
    if not tf.inside_function() or has_gpu():
        return None
    try:
        way = _FastWay(cell, given, collect)
    except NotImplementedError:
        return None
    if given.x.shape[1] is None:
        check = tf.debugging.assert_positive(
            tf.shape(given.x)[1], f"{cell.name} needs at least one time step; got T = 0"
        )
        with tf.control_dependencies([check]):
            given = given._replace(x=tf.identity(given.x))
    saves = training or given.input_dropout or given.recurrent_dropout
    results = way.in_training(given, way.weights) if saves else way.in_inference(given)
    return (results[0], tuple(results[1:])) if collect else (None, tuple(results))


class _FastWay:
    """A cell, its step, and how the batch is dealt. Results are those of `train` and `infer`."""

    def __init__(self, cell: Cell, given: Given, collect: bool):
        self.cell, self.collect = cell, collect
        self.variables = [v for v in cell.variables if "float" in v.dtype]
        self.weights = tuple(tf.convert_to_tensor(v) for v in self.variables)
        columns = len(cell.gates) * cell.units
        example = Inputs(
            x=tf.TensorSpec([None, columns], cell.compute_dtype),
            mask=tuple(tf.TensorSpec([None, m.shape[-1]], m.dtype) for m in given.mask),
            states=given.states,
            dropout=given.recurrent_dropout,
            weights=self.weights,
        )
        self.step = Step(cell, self.variables, example)
        self.hoists = _elements(cell.kernel) >= _LARGE_KERNEL
        large = _elements(cell.recurrent_kernel) >= _LARGE_KERNEL
        rows = given.x.shape[0] or tf.shape(given.x)[0]
        self.parts = Parts(rows, _LEAST_ROWS_OF_LARGE if large else _LEAST_ROWS)

    def reading(self, weights: tuple):
        """A context in which the cell reads these tensors for its weights."""
        return keras.StatelessScope(list(zip(self.variables, weights, strict=True)))

    def in_training(self, given: Given, weights: tuple) -> list:
        """What the cell gives, by loops that make its gradient fast."""
        x, states, *fixed = given
        differentiable = (x, states, weights)
        arguments, count = (*differentiable, *fixed), len(tf.nest.flatten(differentiable))

        def fast(*given):
            flat = [unwatched(tensor) for tensor in given]

            def run():
                with tf.GradientTape() as tape:
                    tape.watch(flat[:count])
                    return tape, self._train_parts(*tf.nest.pack_sequence_as(arguments, flat))

            made = [run()]
            results = made[0][1]

            def gradient(*d_results):
                tape, results = made.pop() if made else run()
                return tape.gradient(results, flat[:count], d_results, unconnected_gradients="zero")

            return results, gradient

        def plain(*flat):
            x, states, weights, *fixed = tf.nest.pack_sequence_as(arguments, flat)
            with self.reading(weights):
                given = Given(x, states, *fixed)
                outputs, states = run_loop("plain", self.cell, given, self.collect)
            return (outputs, *states) if self.collect else states

        run = twice_differentiable(fast, plain, len(tf.nest.flatten(fixed)))
        return run(*tf.nest.flatten(arguments))

    def in_inference(self, given: Given) -> list:
        """What the cell gives, by the fastest loop; a gradient takes the loops of training."""
        differentiable = (given.x, given.states, self.weights)
        count = len(tf.nest.flatten(differentiable))

        @tf.custom_gradient
        def run(*flat):
            def gradient(*d_results):
                with tf.GradientTape() as tape:
                    tape.watch(flat[:count])
                    x, states, weights = tf.nest.pack_sequence_as(differentiable, flat[:count])
                    results = self.in_training(Given(x, states, flat[count:]), weights)
                found = tape.gradient(
                    results, flat[:count], d_results, unconnected_gradients="zero"
                )
                return (*found, *[None] * len(flat[count:]))

            inputs = [unwatched(tensor) for tensor in flat]
            x, states, weights = tf.nest.pack_sequence_as(differentiable, inputs[:count])
            results = self._infer_parts(x, states, weights, tuple(inputs[count:]))
            return results, gradient

        return run(*tf.nest.flatten(differentiable), *given.mask)

    def _train_parts(self, x, states, weights, mask, input_dropout, dropout):
        def run(part):
            x, states, mask, input_dropout, dropout = part
            with self.reading(weights):
                x = project(self.cell, time_first(x), input_dropout)
            mask = tuple(time_first(m) for m in mask)
            given = Inputs(x=x, mask=mask, states=states, dropout=dropout, weights=weights)
            results = train(self.step, given, self.collect)
            outputs, states = results[: int(self.collect)], results[int(self.collect) :]
            return (*(time_first(o) for o in outputs), *states)

        return self._in_parts(run, (x, states, mask, input_dropout, dropout))

    def _infer_parts(self, x, states, weights, mask):
        def all_steps(x, weights):
            if not self.hoists:
                return x
            with self.reading(weights):
                return project(self.cell, x, ())

        def one_step(x_t, mask_t, states, weights):
            with self.reading(weights):
                x_t = x_t if self.hoists else self.cell.project(x_t)
                new = self.cell.step(Gates(x_t, len(self.cell.gates)), states, self.cell.recur)
                return masked(new, states, mask_t)

        def run(part):
            x, states, mask = part
            return infer(all_steps, one_step, x, mask, states, weights, self.collect)

        return self._in_parts(run, (x, states, mask))

    def _in_parts(self, run, given):
        """Runs the parts of what is given, x and states first."""
        x, states, *_ = given
        like = [tf.TensorSpec([None, s.shape[-1]], s.dtype) for s in states]
        if self.collect:
            outputs = [None, x.shape[1], states[0].shape[-1]]
            like.insert(0, tf.TensorSpec(outputs, states[0].dtype))
        dealt = tf.nest.map_structure(self.parts.deal, given)
        return tuple(map(self.parts.gather, self.parts.each(run, dealt, like)))


def _elements(variable) -> int:
    return 0 if variable is None else math.prod(variable.shape)
