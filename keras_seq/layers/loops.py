"""The loops over time that every backend has, and what goes on around a step."""

import math
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

from keras import ops

from keras_seq.cells import Cell, Gates

_LARGE_KERNEL = 2**18  # elements
# In an exported loop: of the recurrent kernel, and the steps at one turn below it and above.
_LARGE_IN_TFLITE = 2**17
BLOCK, LARGE_BLOCK = 8, 16


class Given(NamedTuple):
    """What a cell is carried through time with.

    Attributes:
        x: Inputs, (B, T, F).
        states: Initial states, each (B, width).
        mask: Boolean (B, T, 1) or (B, T, width): none, one for all states, or one for each. Where
            it is False the state stays as it is.
        input_dropout: Scaled 0/1 masks of the input, (B, F): none, one, or one a gate.
        recurrent_dropout: The same of the recurrent input, (B, U).
        memory: What all steps read beside, (B, …), with a gradient.
    """

    x: Any
    states: tuple
    mask: tuple = ()
    input_dropout: tuple = ()
    recurrent_dropout: tuple = ()
    memory: tuple = ()


def run_loop(how: str, cell: Cell, given: Given, collect: bool):
    """Carries a cell through time.

    Args:
        how: "plain", "scan", "export", "touch" or "unroll".
        cell: The cell.
        given: What it is carried with.
        collect: Whether the first state of every step is wanted, or only the last.

    Returns:
        The first state after each step, (B, T, U) (None if not collected), and the final states.
    """
    x = ops.swapaxes(given.x, 0, 1)
    mask = tuple(ops.swapaxes(m, 0, 1) for m in given.mask)
    # Small kernels project in the loop: writing all projections to memory and reading them back
    # costs more than the product of a step.
    large = math.prod(cell.kernel.shape) >= _LARGE_KERNEL
    hoisted = how != "plain" or len(given.input_dropout) > 1 or large
    x = (project if hoisted else _drop)(cell, x, given.input_dropout)
    recur = with_dropout(cell.recur, cell, given.recurrent_dropout)

    def step(x_t, mask_t, states):
        x_t = x_t if hoisted else cell.project(x_t)
        return masked(cell.step(Gates(x_t, len(cell.gates)), states, recur), states, mask_t)

    recurrent = math.prod(cell.recurrent_shape) if cell.recurrent_gates else 0
    large = recurrent >= _LARGE_IN_TFLITE
    outputs, states = _loop(how, large)(step, x, given.states, mask, collect)
    return ops.swapaxes(outputs, 0, 1) if collect else None, states


def run_function(how: str, step: Callable, sequence, states: tuple, memory: tuple):
    """Carries any step through time; see `engine.run_steps`.

    Args:
        how: "plain", "scan", "export", "touch" or "unroll".
        step: (x_t, states, memory) -> states.
        sequence: (B, T, F).
        states: A flat tuple of (B, ...).
        memory: A flat tuple of (B, ...).

    Returns:
        The first state after each step, (B, T, U), and the final states.
    """

    def unmasked(x_t, mask_t, states):
        return step(x_t, states, memory)

    x = ops.swapaxes(sequence, 0, 1)
    outputs, states = _loop(how, large=True)(unmasked, x, states, (), True)
    return ops.swapaxes(outputs, 0, 1), states


def _loop(how: str, large: bool) -> Callable:
    """The loop of a lowering; `large`: whether its step holds large weights."""
    exported = partial(_exported, large=large)
    loops: dict[str, Callable] = {
        "unroll": _unrolled,
        "export": exported,
        "touch": partial(exported, touch=True),
        "scan": _scanned,
        "plain": _plain,
    }
    return loops[how]


def masked(new, old, masks: tuple = ()) -> tuple:
    """The new states where the mask is True, the old where it is not.

    Args:
        new: The new states.
        old: The old states.
        masks: None, one for all states, or one for each.
    """
    if not masks:
        return tuple(new)
    masks = masks * len(new) if len(masks) == 1 else masks
    return tuple(ops.where(m, n, o) for m, n, o in zip(masks, new, old, strict=True))


def project(cell, x, masks):
    """All steps at once, (T, B, F) to (T, B, G·U), with dropout masks: none, one, or G."""
    if len(masks) <= 1:
        return cell.project(_drop(cell, x, masks))
    parts = [cell.project(x * m, gate) for m, gate in zip(masks, cell.gates, strict=True)]
    return ops.concatenate(parts, axis=-1)


def _drop(cell, x, masks):
    """Drops the same features at every step."""
    return x * masks[0] if masks else x


def with_dropout(recur, cell, masks):
    """The recurrent product with its dropout inside: none, one mask, or one a gate."""
    if not masks:
        return recur
    if len(masks) == 1:
        return lambda h, *gates: recur(h * masks[0], *gates)
    mask_of = dict(zip(cell.gates, masks, strict=True))

    def of_each_gate(h, *gates):
        gates = gates or cell.recurrent_gates
        return Gates.joined([recur(h * mask_of[g], g).product for g in gates])

    return of_each_gate


def _unrolled(step, x, states, mask, collect):
    outputs = []
    # Taken apart once: in TFLite a slice at each step would cut what runs as one piece in pieces.
    for x_t, *mask_t in zip(*(ops.unstack(values) for values in (x, *mask)), strict=True):
        states = step(x_t, tuple(mask_t), states)
        outputs.append(states[0])
    return ops.stack(outputs) if collect else None, states


def _scanned(step, x, states, mask, collect):
    def body(carry, item):
        new = step(item[0], item[1:], carry)
        # Outside of a model nobody casts the weights of a layer in mixed precision.
        new = tuple(ops.cast(n, old.dtype) for n, old in zip(new, carry, strict=True))
        return new, new[0] if collect else None

    states, outputs = ops.scan(body, states, (x, *mask))
    return outputs, states


def _exported(step, x, states, mask, collect, large=False, touch=False):
    """A loop over blocks of steps, then over the steps that are left.

    Each turn of TFLite's WHILE copies what it carries, the whole output with it, so that few turns
    are fast. Within a block the ops of all steps run as one piece; but each holds the weights anew,
    and where these are large there is a second loop in its place.

    Args:
        step: The step.
        x: Inputs, time first.
        states: Initial states.
        mask: Masks, time first.
        collect: Whether the first state of every step is wanted, or only the last.
        large: Whether the weights are large.
        touch: Whether to write each step's inputs back to where they were read: TFLite's
            calibration for int8 crashes at what goes through a loop unchanged.
    """
    by_step = partial(_by_blocks, within=_unrolled, size=1, touch=touch)
    within = by_step if large else _unrolled
    size = LARGE_BLOCK if large else BLOCK
    given = (step, x, states, mask, collect)
    if x.shape[0] is not None and x.shape[0] < 2 * size:  # a loop that turns once is none
        return within(*given)
    return _by_blocks(*given, within=within, size=size, touch=touch)


def _by_blocks(step, x, states, mask, collect, within, size, touch):
    length, steps = x.shape[0], ops.shape(x)[0]
    # TFLite wants a block to fit into what it is written to, even where no block is.
    spare = size if length is None else 0
    outputs = (_zeros(steps + spare, states[0]),) if collect else ()
    reads = (x, *mask)
    if touch and spare:
        reads = tuple(ops.concatenate([r, _zeros(spare, r[0])], axis=0) for r in reads)

    def of(size, within):
        def body(left, outputs, states, *reads):
            t = steps - left
            now = [ops.take(values, t + ops.arange(size), axis=0) for values in reads]
            if touch:
                reads = tuple(_put(r, t, n) for r, n in zip(reads, now, strict=True))
            found, states = within(step, now[0], states, now[1:], collect)
            outputs = tuple(_put(o, t, found) for o in outputs)
            return left - size, outputs, states, *reads

        return body

    rest = steps % size
    carried = (ops.convert_to_tensor(steps, "int32"), outputs, tuple(states), *reads)
    carried = ops.while_loop(lambda left, *_: left > rest, of(size, within), carried)
    if length is None or length % size:
        carried = ops.while_loop(lambda left, *_: left > 0, of(1, _unrolled), carried)
    _, outputs, states, *_ = carried
    return outputs[0][:steps] if collect else None, states


def _zeros(steps, like):
    """Zeros for a number of steps, each like a given one."""
    return ops.zeros((steps, *ops.shape(like)), like.dtype)


def _put(sequence, t, values):
    """A sequence with values from step t on."""
    return ops.slice_update(sequence, (t, *(0 for _ in sequence.shape[1:])), values)


def _plain(step, x, states, mask, collect):
    from keras_seq.layers.engine_tensorflow.plain import scan

    return scan(step, x, states, mask, collect)
