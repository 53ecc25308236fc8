"""The hypotheses of a beam as a tree: tokens and parents of each step, traced back at the end."""

from typing import Any, NamedTuple

from keras import ops

from keras_seq.decoding.found import Found
from keras_seq.decoding.logits import possible
from keras_seq.decoding.rows import put, take_in_rows


class Ending(NamedTuple):
    """How hypotheses end, each (B, K): their last token, and the place they had before it."""

    scores: Any
    lengths: Any
    parents: Any
    tokens: Any

    def with_more(self, other):
        """These, and the others behind them."""
        both = zip(self, other, strict=True)
        return Ending(*(ops.concatenate(pair, axis=1) for pair in both))

    def best(self, count):
        """The ones with the highest scores; of equals the first."""
        scores, places = ops.top_k(self.scores, count)
        places = ops.cast(places, "int32")
        return Ending(scores, *(take_in_rows(x, places) for x in self[1:]))

    def taken(self, places):
        """Those at the given places (B, N)."""
        return Ending(*(take_in_rows(x, places) for x in self))


class History(NamedTuple):
    """What the live hypotheses did at each step.

    Nothing in it is moved when hypotheses change their places: a step knows the places of the step
    before.

    Attributes:
        tokens: (L, B, W), the token that the hypothesis in each place took.
        parents: (L, B, W), the place that it had before.
        attention: One of (L, B·W, S), by the places before the step; or none.
    """

    tokens: Any
    parents: Any
    attention: tuple

    @classmethod
    def empty(cls, length, like, attention):
        """Room for a number of steps; `like` (B, W), `attention` one of (B·W, S) or none."""
        steps = ops.zeros((length, *ops.shape(like)), "int32")
        weights = tuple(ops.zeros((length, *ops.shape(a)), "float32") for a in attention)
        return cls(steps, steps, weights)

    def grown(self, t, tokens, parents, attention):
        """With what happened at step t."""
        return History(
            put(self.tokens, t, tokens),
            put(self.parents, t, parents),
            tuple(put(weights, t, attention) for weights in self.attention),
        )

    def cut(self, scores):
        """The endings of the hypotheses that are alive after the last step."""
        length = self.tokens.shape[0]
        tokens, parents = (ops.take(x, length - 1, axis=0) for x in (self.tokens, self.parents))
        return Ending(scores, ops.full_like(tokens, length), parents, tokens)


def traced_back(history, endings, padding):
    """Follows hypotheses from their ends to their beginnings.

    Args:
        history: What live hypotheses did.
        endings: The ends of N for each row.
        padding: What stands behind an end.

    Returns:
        A `Found`.
    """
    length = history.tokens.shape[0]
    lengths = ops.where(possible(endings.scores), endings.lengths, 0)
    found = ops.zeros((length, *ops.shape(lengths)), "int32")

    def body(left, place, tokens, parents):
        t = left - 1
        ends = ops.equal(left, lengths)
        token, parent = (
            ops.where(ends, last, take_in_rows(ops.take(steps, t, axis=0), place))
            for last, steps in (
                (endings.tokens, history.tokens),
                (endings.parents, history.parents),
            )
        )
        token = ops.where(left > lengths, padding, token)
        return t, parent, put(tokens, t, token), put(parents, t, parent)

    before = (ops.convert_to_tensor(length, "int32"), ops.zeros_like(lengths), found, found)
    _, _, tokens, parents = ops.while_loop(lambda left, *_: left > 0, body, before)
    return Found(
        tokens=ops.transpose(tokens, (1, 2, 0)),
        scores=endings.scores,
        lengths=lengths,
        attention=_attention(history, parents, lengths) if history.attention else None,
    )


def _attention(history, parents, lengths):
    """(B, N, L, S), with which hypotheses took their tokens, from their places before each."""
    (weights,), (length, _, width) = history.attention, history.tokens.shape
    rows, count = ops.shape(lengths)
    weights = ops.reshape(weights, (-1, width, ops.shape(weights)[2]))
    weights = take_in_rows(weights, ops.reshape(parents, (-1, count)))
    weights = ops.reshape(weights, (length, rows, count, ops.shape(weights)[2]))
    steps = ops.reshape(ops.arange(length, dtype="int32"), (-1, 1, 1))
    real = ops.expand_dims(steps < ops.expand_dims(lengths, 0), -1)
    return ops.transpose(ops.where(real, weights, 0.0), (1, 2, 0, 3))
