"""The time loop. Every recurrent layer of the library runs through `run_cell`; nothing else loops.

A cell is carried through time in the way that suits the life the layer is in, its *lowering*:

========== ======================================================================================
"default"  TensorFlow: a while loop over tensor arrays (`engine_tensorflow.py`). Small kernels
           project the input inside the loop and are run backwards by autodiff: the product of a
           step costs no more than writing all projections to memory and reading them back. Large
           kernels project all steps in one product, and in training have a backward loop of their
           own. Other backends: `keras.ops.scan`.
"export"   A while loop that reads with `take` and writes with `slice_update`: it becomes builtin
           TFLite ops with dynamic batch and dynamic time. Run by TensorFlow itself it is slow, for
           each write copies the whole output. All steps are projected in one product.
"unroll"   A Python loop; needs a fixed number of steps.
========== ======================================================================================

The caller that knows sets it: `with lowering("export"): ...` around the tracing of a model.
"""

import contextlib
import contextvars
import math
from collections.abc import Iterator

import keras
from keras import ops

from keras_seq.cells import Cell, Gates

LOWERINGS = ("default", "export", "unroll")
_LARGE_KERNEL = 2**18  # elements of `kernel` or `recurrent_kernel`

_current: contextvars.ContextVar[str] = contextvars.ContextVar("lowering", default="default")


@contextlib.contextmanager
def lowering(name: str) -> Iterator[None]:
    """Sets how the time loop of every recurrent layer is traced inside the block.

    Args:
        name: "default", "export" or "unroll"; see the module.

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


def run_cell(
    cell: Cell,
    x,
    states: tuple,
    mask=None,
    *,
    input_dropout: tuple = (),
    recurrent_dropout: tuple = (),
    training: bool = False,
    collect: bool = True,
    unroll: bool = False,
):
    """Carries a cell through time.

    Args:
        cell: The cell.
        x: Inputs, time first, (T, B, F).
        states: Initial states, each (B, U).
        mask: Boolean (T, B, 1), or None. Where it is False the states stay as they are.
        input_dropout: Scaled 0/1 masks of the input, (B, F): none, one, or one a gate.
        recurrent_dropout: The same of the recurrent input, (B, U).
        training: Whether gradients will be taken; where they are taken without it, they are right
            all the same.
        collect: Whether the first state of every step is wanted, or only the last.
        unroll: Whether to unroll whatever the lowering.

    Returns:
        The first state after each step, (T, B, U) (None if not collected), and the final states.

    Raises:
        ValueError: The number of steps is unknown where it must be known.
    """
    how = _way(x.shape[0], unroll)
    # Hoisting spares work on the kernel, the backward loop on the recurrent kernel.
    large_input = math.prod(cell.kernel.shape) >= _LARGE_KERNEL
    large = math.prod(cell.recurrent_kernel.shape) >= _LARGE_KERNEL
    if how == "tensorflow" and training and large and len(recurrent_dropout) <= 1:
        from keras_seq.layers import engine_tensorflow

        if engine_tensorflow.suits(cell):
            x = _project(cell, x, input_dropout)
            dropped = recurrent_dropout[0] if recurrent_dropout else None
            return engine_tensorflow.scan_pointwise(cell, x, states, mask, dropped, collect)

    hoisted = how != "tensorflow" or len(input_dropout) > 1 or large_input
    x = _project(cell, x, input_dropout) if hoisted else _drop(x, *input_dropout)
    recur = _recur(cell, recurrent_dropout)

    def step(x_t, mask_t, states):
        x_t = x_t if hoisted else cell.project(x_t)
        new = cell.step(Gates(x_t, len(cell.gates)), states, recur)
        if mask_t is None:
            return tuple(new)
        return tuple(ops.where(mask_t, n, old) for n, old in zip(new, states, strict=True))

    loops = {"unroll": _unrolled, "export": _exported, "scan": _scanned, "tensorflow": _tensorflow}
    return loops[how](step, x, states, mask, collect)


def _way(steps: int | None, unroll: bool) -> str:
    how = "unroll" if unroll else _current.get()
    if how == "unroll" and steps is None:
        raise ValueError(
            "An unrolled recurrent layer needs a fixed number of time steps; the time dimension of "
            "its input is unknown. Give the input a fixed length, or set unroll=False."
        )
    if how == "default":
        return "tensorflow" if keras.backend.backend() == "tensorflow" else "scan"
    return how


def _project(cell, x, masks):
    """All steps at once, (T, B, F) to (T, B, G·U), with dropout masks: none, one, or G."""
    if len(masks) <= 1:
        return cell.project(_drop(x, *masks))
    parts = [cell.project(_drop(x, m), gate) for m, gate in zip(masks, cell.gates, strict=True)]
    return ops.concatenate(parts, axis=-1)


def _drop(x, mask=None):
    """Drops the same features at every step."""
    return x if mask is None else x * mask


def _recur(cell, masks):
    """The cell's recurrent product, with its dropout inside."""
    if not masks:
        return cell.recur
    if len(masks) == 1:
        return lambda h, *gates: cell.recur(h * masks[0], *gates)
    mask_of = dict(zip(cell.gates, masks, strict=True))
    return lambda h, *gates: Gates.joined([cell.recur(h * mask_of[g], g).product for g in gates])


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
    from keras_seq.layers import engine_tensorflow

    return engine_tensorflow.scan(step, x, states, mask, collect)
