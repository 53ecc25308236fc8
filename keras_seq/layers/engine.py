"""The time loop. Every recurrent layer of the library runs through `run_cell`; nothing else loops.

A cell is carried through time in the way that suits the life the layer is in, its *lowering*:

========== ======================================================================================
"default"  What is fastest for training and inference. In a TensorFlow graph on a CPU: compiled
           loops over parts of the batch, side by side, with a backward loop of their own
           (`engine_tensorflow/fast.py` says how and when). Elsewhere on TensorFlow: "plain". On
           other backends: `keras.ops.scan`.
"plain"    TensorFlow: a while loop over tensor arrays, which autodiff runs backwards. Nothing is
           compiled, so that what is traced runs wherever TensorFlow does.
"export"   A while loop that reads with `take` and writes with `slice_update`: it becomes builtin
           TFLite ops with dynamic batch and dynamic time. Run by TensorFlow itself it is slow, for
           each write copies the whole output.
"touch"    "export" for int8: nothing goes through the loop unchanged, where TFLite's calibration
           would crash.
"fused"    One op for all steps, where TFLite has one: see `engine_tensorflow/fused.py`. For the
           converter alone, which rewrites it; its values mean nothing elsewhere.
"unroll"   A Python loop; needs a fixed number of steps.
========== ======================================================================================

Where "plain" or `keras.ops.scan` would loop, a `LinearCell` takes a scan over chunks instead
(`linear_scan.py`).

The caller that knows sets it: `with lowering("export"): ...` around the tracing of a model. What
differs from layer to layer is set by a function: `with lowering(rule): ...`.
"""

import contextlib
import contextvars
from collections.abc import Callable, Iterator, Sequence

import keras

from keras_seq.cells import Cell, LinearCell
from keras_seq.layers.linear_scan import run_linear
from keras_seq.layers.loops import Given, run_function, run_loop

LOWERINGS = ("default", "plain", "export", "touch", "fused", "unroll")
Rule = Callable[[Cell, Given, bool], str]

_current: contextvars.ContextVar[str | Rule] = contextvars.ContextVar("lowering", default="default")


@contextlib.contextmanager
def lowering(name: str | Rule) -> Iterator[None]:
    """Sets how the time loop of every recurrent layer is traced inside the block.

    Args:
        name: "default", "plain", "export", "touch", "fused" or "unroll"; see the module. Or a
            function that gives one of them for a cell, what it is carried with, and whether its
            final states are wanted beside its output.

    Raises:
        ValueError: There is no such lowering.

    Example:
        >>> import keras
        >>> from keras_seq.layers import LSTM, lowering
        >>> layer = LSTM(4)
        >>> with lowering("export"):
        ...     y = layer(keras.ops.ones((2, 3, 5)))
        >>> tuple(y.shape)
        (2, 4)
    """
    if not callable(name) and name not in LOWERINGS:
        raise ValueError(f"lowering must be one of {', '.join(LOWERINGS)}; got {name!r}.")
    token = _current.set(name)
    try:
        yield
    finally:
        _current.reset(token)


def lowered() -> bool:
    """Whether a lowering other than the default is set."""
    return _current.get() != "default"


def run_cell(
    cell: Cell,
    given: Given,
    *,
    training: bool = False,
    collect: bool = True,
    final: bool = True,
    unroll: bool = False,
):
    """Carries a cell through time.

    Args:
        cell: The cell.
        given: What it is carried with.
        training: Whether gradients will be taken; where they are taken without it, they are right
            all the same.
        collect: Whether the first state of every step is wanted, or only the last.
        final: Whether the final states are wanted beside the output.
        unroll: Whether to unroll whatever the lowering.

    Returns:
        The first state after each step, (B, T, U) (None if not collected), and the final states.

    Raises:
        ValueError: The number of steps is unknown where it must be known.
    """
    how = "unroll" if unroll else _current.get()
    how = _way(how(cell, given, final) if callable(how) else how, given.x.shape[1])
    if how == "fused":
        from keras_seq.layers.engine_tensorflow.fused import run_fused

        return run_fused(cell, given, collect)
    if how == "default":
        from keras_seq.layers.engine_tensorflow.fast import run_fast

        results = run_fast(cell, given, training=training, collect=collect)
        if results is not None:
            return results
        how = "plain"
    if isinstance(cell, LinearCell) and how in ("plain", "scan"):
        return run_linear(cell, given, collect)
    return run_loop(how, cell, given, collect)


def run_steps(
    step: Callable, sequence, states: tuple, memory: tuple = (), variables: Sequence = ()
):
    """Carries any step through time: one that is not a cell, such as a decoder's with attention.

    It goes like a cell does. A rule for cells says nothing about it: under one the loop is
    "export". The fast way wants states and a sequence of floating numbers, and a step that reads
    nothing but what it is given and the variables; any other goes by the plain loop.

    Args:
        step: (x_t, states, memory) -> states, of the same shapes and types.
        sequence: What it reads, (B, T, F).
        states: What it starts from, a flat tuple of (B, ...).
        memory: What all steps read, a flat tuple of (B, ...).
        variables: The variables that it may read.

    Returns:
        The first state after each step, (B, T, U), and the final states.
    """
    how = _current.get()
    how = "export" if callable(how) or how == "fused" else how
    how = _way(how, sequence.shape[1])
    if how == "default":
        from keras_seq.layers.engine_tensorflow.fast import run_fast_steps

        results = run_fast_steps(step, sequence, states, memory, variables)
        if results is not None:
            return results
        how = "plain"
    return run_function(how, step, sequence, states, memory)


def _way(how: str, steps: int | None) -> str:
    if how == "unroll" and steps is None:
        raise ValueError(
            "An unrolled recurrent layer needs a fixed number of time steps; the time dimension of "
            "its input is unknown. Give the input a fixed length, or set unroll=False."
        )
    if how in ("default", "plain") and keras.backend.backend() != "tensorflow":
        return "scan"
    return how
