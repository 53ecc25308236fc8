"""The time loop. Every recurrent layer of the library runs through `scan`, and nothing else loops.

A step is a function (x_t, states) -> states. The same step is carried through time in the way that
suits the life the layer is in, its *lowering*:

========== ======================================================================================
"train"    TensorFlow: a while loop over tensor arrays, which autodiff runs backwards.
           Other backends: `keras.ops.scan`.
"export"   A while loop that reads with `take` and writes with `slice_update`: it becomes builtin
           TFLite ops with dynamic batch and dynamic time. Run by TensorFlow itself it is slow, for
           each write copies the whole output.
"unroll"   A Python loop; needs a fixed number of steps.
========== ======================================================================================

The caller that knows sets it: `with lowering("export"): ...` around the tracing of a model.
"""

import contextlib
import contextvars
from collections.abc import Callable, Iterator
from typing import Any

import keras
from keras import ops

LOWERINGS = ("train", "export", "unroll")
_CACHED_KERNEL = 2**21  # elements; 8 MB in float32
Step = Callable[[Any, tuple], tuple]

_current: contextvars.ContextVar[str] = contextvars.ContextVar("lowering", default="train")


@contextlib.contextmanager
def lowering(name: str) -> Iterator[None]:
    """Sets how the time loop of every recurrent layer is traced inside the block.

    Args:
        name: "train", "export" or "unroll"; see the module.

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
    if name not in LOWERINGS:
        raise ValueError(f"lowering must be one of {', '.join(LOWERINGS)}; got {name!r}.")
    token = _current.set(name)
    try:
        yield
    finally:
        _current.reset(token)


def projects_before_loop(kernel_size: int) -> bool:
    """Whether to project the inputs of all steps in one product before the loop.

    For export always: a step of the mobile runtime is then cheaper. In training under TensorFlow
    the product of each step costs no more than writing all projections to memory and reading them
    back, until the kernel outgrows the processor's cache: measured from 64 to 1,024 units, hoisting
    lost up to a third at 64 units, nothing at 512, and won an eighth at 1,024.

    Args:
        kernel_size: Number of elements of the cell's `kernel`.
    """
    return _current.get() != "train" or kernel_size >= _CACHED_KERNEL


def scan(step: Step, x, states: tuple, mask=None, *, collect: bool = True, unroll: bool = False):
    """Carries `states` through time.

    Args:
        step: (x_t (B, …), states) -> states, of the same shapes.
        x: Inputs, time first, (T, B, …).
        states: Initial states, each (B, U).
        mask: Boolean (T, B, 1), or None. Where it is False the states stay as they are.
        collect: Whether the first state of every step is wanted, or only the last.
        unroll: Whether to unroll whatever the lowering.

    Returns:
        The first state after each step, (T, B, U) (None if not collected), and the final states.

    Raises:
        ValueError: The number of steps is unknown where it must be known.
    """
    steps = x.shape[0]
    how = "unroll" if unroll else _current.get()
    if how == "unroll" and steps is None:
        raise ValueError(
            "An unrolled recurrent layer needs a fixed number of time steps; the time dimension of "
            "its input is unknown. Give the input a fixed length, or set unroll=False."
        )
    if how == "train":
        how = "tensorflow" if keras.backend.backend() == "tensorflow" else "scan"
    loop = {
        "unroll": _unrolled,
        "export": _exported,
        "scan": _scanned,
        "tensorflow": _tensorflow,
    }[how]
    return loop(_masked(step), x, states, mask, collect)


def _masked(step: Step) -> Callable[[Any, Any, tuple], tuple]:
    """The step that keeps the old states where the mask is False."""

    def masked_step(x_t, mask_t, states):
        new = step(x_t, states)
        if mask_t is None:
            return tuple(new)
        return tuple(ops.where(mask_t, n, old) for n, old in zip(new, states, strict=True))

    return masked_step


def _unrolled(step, x, states, mask, collect):
    outputs = []
    for t in range(x.shape[0]):
        states = step(x[t], None if mask is None else mask[t], states)
        outputs.append(states[0])
    return ops.stack(outputs) if collect else None, states


def _scanned(step, x, states, mask, collect):
    def body(carry, item):
        new = step(item[0], item[1] if mask is not None else None, carry)
        return new, new[0] if collect else None

    states, outputs = ops.scan(body, states, (x,) if mask is None else (x, mask))
    return outputs, states


def _exported(step, x, states, mask, collect):
    steps = ops.shape(x)[0]
    outputs = (ops.zeros((steps, *ops.shape(states[0])), states[0].dtype),) if collect else ()

    def body(t, outputs, states):
        x_t = ops.take(x, t, axis=0)
        mask_t = None if mask is None else ops.take(mask, t, axis=0)
        states = step(x_t, mask_t, states)
        written = tuple(
            ops.slice_update(o, (t, 0, 0), ops.expand_dims(states[0], 0)) for o in outputs
        )
        return t + 1, written, states

    start = ops.convert_to_tensor(0, "int32")
    _, outputs, states = ops.while_loop(lambda t, *_: t < steps, body, (start, outputs, states))
    return outputs[0] if collect else None, states


def _tensorflow(step, x, states, mask, collect):
    import tensorflow as tf  # the one place where the engine leaves keras.ops

    steps = x.shape[0] or tf.shape(x)[0]
    inputs = tf.TensorArray(x.dtype, steps).unstack(x)
    masks = None if mask is None else tf.TensorArray(tf.bool, steps).unstack(mask)
    first = states[0]
    outputs = (tf.TensorArray(first.dtype, steps, element_shape=first.shape),) if collect else ()

    def body(t, outputs, states):
        states = step(inputs.read(t), None if masks is None else masks.read(t), states)
        return t + 1, tuple(o.write(t, states[0]) for o in outputs), states

    _, outputs, states = tf.while_loop(
        lambda t, *_: t < steps, body, (0, outputs, tuple(states)), maximum_iterations=steps
    )
    return outputs[0].stack() if collect else None, states
