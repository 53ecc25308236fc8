"""The loop of the searches that follow one hypothesis a row: they differ in how they choose."""

from typing import Any, NamedTuple

from keras import ops

from keras_seq.decoding.found import Found
from keras_seq.decoding.logits import allowed
from keras_seq.decoding.rows import put
from keras_seq.decoding.search import FlatStep


class _Carried(NamedTuple):
    """What goes around: steps done, last tokens, the state, and of each row what is known."""

    t: Any
    last: Any
    leaves: tuple
    ended: Any  # (B,)
    scores: Any
    lengths: Any
    tokens: Any  # (L, B)
    attention: tuple = ()  # one of (L, B, S), or none


def follow(step, state, task, choose):
    """Chooses token after token until every row has ended.

    Args:
        step: The caller's step.
        state: The state before the first step.
        task: What is asked for.
        choose: From logits (B, V) and the number of the step to tokens (B,) and their log
            probabilities (B,).

    Returns:
        A `Found` of one sequence a row.
    """
    step = FlatStep(step, state, task)
    rows = ops.shape(task.start)[0]
    attention: tuple = ()
    if task.with_attention:
        weights = step.attention(step.leaves)
        attention = (ops.zeros((task.max_length, *ops.shape(weights)), "float32"),)

    def going_on(carried):
        return ops.logical_and(carried.t < task.max_length, ops.logical_not(ops.all(carried.ended)))

    def body(carried):
        t, ended = carried.t, carried.ended
        logits, leaves = step(carried.last, carried.leaves)
        tokens, logp = choose(allowed(logits, task.forbidden), t)
        tokens = ops.where(ended, task.padding, tokens)
        attention = carried.attention
        if attention:
            shown = ops.where(ops.expand_dims(ended, 1), 0.0, step.attention(leaves))
            attention = (put(attention[0], t, shown),)
        after = _Carried(
            t=t + 1,
            last=tokens,
            leaves=leaves,
            ended=ops.logical_or(ended, ops.equal(tokens, task.end)),
            scores=carried.scores + ops.where(ended, 0.0, logp),
            lengths=carried.lengths + ops.cast(ops.logical_not(ended), "int32"),
            tokens=put(carried.tokens, t, tokens),
            attention=attention,
        )
        return (after,)

    before = _Carried(
        t=ops.convert_to_tensor(0, "int32"),
        last=task.start,
        leaves=step.leaves,
        ended=ops.zeros((rows,), "bool"),
        scores=ops.zeros((rows,), "float32"),
        lengths=ops.zeros((rows,), "int32"),
        tokens=ops.full((task.max_length, rows), task.padding, "int32"),
        attention=attention,
    )
    (found,) = ops.while_loop(going_on, body, (before,))
    return Found(
        tokens=ops.expand_dims(ops.transpose(found.tokens), 1),
        scores=ops.expand_dims(found.scores, 1),
        lengths=ops.expand_dims(found.lengths, 1),
        attention=ops.expand_dims(ops.swapaxes(found.attention[0], 0, 1), 1) if attention else None,
    )
