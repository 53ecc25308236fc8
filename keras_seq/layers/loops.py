"""The loops over time that every backend has, and what goes on around a step."""

import math
from typing import Any, NamedTuple

from keras import ops

from keras_seq.cells import Cell, Gates

_LARGE_KERNEL = 2**18  # elements


class Given(NamedTuple):
    """What a cell is carried through time with.

    Attributes:
        x: Inputs, (B, T, F).
        states: Initial states, each (B, width).
        mask: Boolean (B, T, 1) or (B, T, width): none, one for all states, or one for each. Where
            it is False the state stays as it is.
        input_dropout: Scaled 0/1 masks of the input, (B, F): none, one, or one a gate.
        recurrent_dropout: The same of the recurrent input, (B, U).
    """

    x: Any
    states: tuple
    mask: tuple = ()
    input_dropout: tuple = ()
    recurrent_dropout: tuple = ()


def run_loop(how: str, cell: Cell, given: Given, collect: bool):
    """Carries a cell through time.

    Args:
        how: "plain", "scan", "export", "rotate" or "unroll".
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

    loops = {
        "unroll": _unrolled,
        "export": _exported,
        "rotate": _rotated,
        "scan": _scanned,
        "plain": _plain,
    }
    outputs, states = loops[how](step, x, given.states, mask, collect)
    return ops.swapaxes(outputs, 0, 1) if collect else None, states


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


def _exported(step, x, states, mask, collect):
    steps = ops.shape(x)[0]
    outputs = (ops.zeros((steps, *ops.shape(states[0])), states[0].dtype),) if collect else ()

    def body(t, outputs, states):
        x_t = ops.take(x, t, axis=0)
        mask_t = tuple(ops.take(m, t, axis=0) for m in mask)
        states = step(x_t, mask_t, states)
        written = tuple(
            ops.slice_update(o, (t, 0, 0), ops.expand_dims(states[0], 0)) for o in outputs
        )
        return t + 1, written, states

    start = ops.convert_to_tensor(0, "int32")
    _, outputs, states = ops.while_loop(lambda t, *_: t < steps, body, (start, outputs, states))
    return outputs[0] if collect else None, states


def _rotated(step, x, states, mask, collect):
    """`_exported` with sequences that turn by a step at each step: none goes through unchanged."""
    turning = (x, *mask)
    steps = ops.shape(x)[0]
    outputs = (ops.zeros((steps, *ops.shape(states[0])), states[0].dtype),) if collect else ()

    def turned(values, last):
        return ops.concatenate([values[1:], ops.expand_dims(last, 0)], axis=0)

    def body(left, turning, outputs, states):
        x_t, *mask_t = (values[0] for values in turning)
        states = step(x_t, tuple(mask_t), states)
        outputs = tuple(turned(o, states[0]) for o in outputs)
        return left - 1, tuple(turned(values, values[0]) for values in turning), outputs, states

    start = ops.convert_to_tensor(steps, "int32")
    found = ops.while_loop(lambda left, *_: left > 0, body, (start, turning, outputs, states))
    return found[2][0] if collect else None, found[3]


def _plain(step, x, states, mask, collect):
    from keras_seq.layers.engine_tensorflow.plain import scan

    return scan(step, x, states, mask, collect)
