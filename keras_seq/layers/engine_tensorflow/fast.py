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
from collections.abc import Callable, Sequence

import keras
import tensorflow as tf

from keras_seq.cells import Cell
from keras_seq.layers.engine_tensorflow.device import has_gpu
from keras_seq.layers.engine_tensorflow.inference import infer
from keras_seq.layers.engine_tensorflow.parts import Parts
from keras_seq.layers.engine_tensorflow.pieces import time_first
from keras_seq.layers.engine_tensorflow.recurrence import OfCell, OfFunction
from keras_seq.layers.engine_tensorflow.second_order import (
    distinct,
    twice_differentiable,
    unwatched,
)
from keras_seq.layers.engine_tensorflow.step import Inputs, Step
from keras_seq.layers.engine_tensorflow.training import train
from keras_seq.layers.loops import Given, masked

_LARGE_KERNEL = 2**21  # elements
# Of all matrices of a step that is no cell: a smaller one gains milliseconds, and takes seconds to
# compile for each shape of its memory (`python -m benchmarks.decoder_steps`).
_LEAST_OF_STEPS = 2**21
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
    recurrence = OfCell(cell)
    way = _way(recurrence, given, collect, cell.compute_dtype)
    if way is None:
        return None
    way.hoists = _elements([cell.kernel]) >= _LARGE_KERNEL
    given = _with_steps(given, cell.name)
    saves = training or given.input_dropout or given.recurrent_dropout
    results = way.in_training(given, way.weights) if saves else way.in_inference(given)
    return (results[0], tuple(results[1:])) if collect else (None, tuple(results))


def run_fast_steps(step: Callable, x, states: tuple, memory: tuple, variables: Sequence):
    """Carries a step that is no cell through time, in the way of training.

    Args:
        step: (x_t, states, memory) -> states.
        x: (B, T, F).
        states: A flat tuple of (B, width).
        memory: A flat tuple of (B, …).
        variables: The variables that it may read.

    Returns:
        The first state after each step, (B, T, U), and the final states; None in place of both if
        the step does not suit.
    """
    if not all(t.dtype.is_floating and len(t.shape) == 2 for t in states):
        return None
    order = sorted(range(len(memory)), key=lambda n: not memory[n].dtype.is_floating)
    places = [order.index(n) for n in range(len(memory))]

    def in_order(x_t, states, memory):
        return step(x_t, states, tuple(memory[place] for place in places))

    floats = sum(t.dtype.is_floating for t in memory)
    memory = tuple(memory[n] for n in order)
    given = Given(x, states, recurrent_dropout=memory[floats:], memory=memory[:floats])
    way = _way(OfFunction(in_order, variables), given, True, x.dtype)
    if way is None or _elements(way.step.matrices) < _LEAST_OF_STEPS:
        return None
    outputs, *states = way.in_training(_with_steps(given, "A decoder"), way.weights)
    return outputs, tuple(states)


def _way(recurrence, given: Given, collect: bool, dtype):
    """The fast way of a recurrence; None if it does not suit."""
    if not tf.inside_function() or has_gpu():
        return None
    try:
        return _FastWay(recurrence, given, collect, dtype)
    except NotImplementedError:
        return None


def _with_steps(given: Given, name: str) -> Given:
    """What is given, sure to have a step."""
    if given.x.shape[1] is not None:
        return given
    check = tf.debugging.assert_positive(
        tf.shape(given.x)[1], f"{name} needs at least one time step; got T = 0"
    )
    with tf.control_dependencies([check]):
        return given._replace(x=tf.identity(given.x))


class _FastWay:
    """A recurrence, its step, and how the batch is dealt. Results are those of `train`, `infer`."""

    def __init__(self, recurrence, given: Given, collect: bool, dtype):
        self.recurrence, self.collect, self.hoists = recurrence, collect, False
        variables = [v for v in recurrence.variables if "float" in v.dtype]
        example = Inputs(
            x=tf.TensorSpec([None, recurrence.width(given.x)], dtype),
            mask=tuple(tf.TensorSpec([None, m.shape[-1]], m.dtype) for m in given.mask),
            states=given.states,
            fixed=given.recurrent_dropout,
            memory=given.memory,
            weights=tuple(tf.TensorSpec(v.shape, v.dtype) for v in variables),
        )
        self.step = Step(recurrence, variables, example)
        self.variables = self.step.variables
        self.weights = tuple(tf.convert_to_tensor(v) for v in self.variables)
        large = _elements(self.step.matrices) >= _LARGE_KERNEL
        rows = given.x.shape[0] or tf.shape(given.x)[0]
        self.parts = Parts(rows, _LEAST_ROWS_OF_LARGE if large else _LEAST_ROWS)

    def reading(self, weights: tuple):
        """A context in which the cell reads these tensors for its weights."""
        return keras.StatelessScope(list(zip(self.variables, weights, strict=True)))

    def in_training(self, given: Given, weights: tuple) -> list:
        """What the cell gives, by loops that make its gradient fast."""
        x, states, *fixed, memory = given
        differentiable = (x, states, weights, memory)
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
            x, states, weights, memory, mask, input_dropout, dropout = tf.nest.pack_sequence_as(
                arguments, flat
            )
            with self.reading(weights):
                given = Given(x, states, mask, input_dropout, dropout, memory)
                outputs, states = self.recurrence.plain(given, self.collect)
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
                sources = distinct(flat[:count])
                with tf.GradientTape() as tape:
                    tape.watch(sources)
                    x, states, weights = tf.nest.pack_sequence_as(differentiable, sources)
                    results = self.in_training(Given(x, states, flat[count:]), weights)
                found = tape.gradient(results, sources, d_results, unconnected_gradients="zero")
                return (*found, *[None] * len(flat[count:]))

            inputs = [unwatched(tensor) for tensor in flat]
            x, states, weights = tf.nest.pack_sequence_as(differentiable, inputs[:count])
            results = self._infer_parts(x, states, weights, tuple(inputs[count:]))
            return results, gradient

        return run(*tf.nest.flatten(differentiable), *given.mask)

    def _train_parts(self, x, states, weights, memory, mask, input_dropout, fixed):
        def run(part):
            x, states, memory, mask, input_dropout, fixed = part
            with self.reading(weights):
                x = self.recurrence.project(time_first(x), input_dropout)
            mask = tuple(time_first(m) for m in mask)
            given = Inputs(x, mask, states, fixed, memory, weights)
            results = train(self.step, given, self.collect)
            outputs, states = results[: int(self.collect)], results[int(self.collect) :]
            return (*(time_first(o) for o in outputs), *states)

        return self._in_parts(run, (x, states, memory, mask, input_dropout, fixed))

    def _infer_parts(self, x, states, weights, mask):
        def all_steps(x, weights):
            if not self.hoists:
                return x
            with self.reading(weights):
                return self.recurrence.project(x)

        def one_step(x_t, mask_t, states, weights):
            with self.reading(weights):
                x_t = x_t if self.hoists else self.recurrence.project(x_t)
                new = self.recurrence.step(x_t, states, (), ())
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


def _elements(matrices) -> int:
    return sum(math.prod(matrix.shape) for matrix in matrices if matrix is not None)
