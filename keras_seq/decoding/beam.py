"""Beam search: several hypotheses a row, followed side by side."""

from dataclasses import dataclass
from typing import Any, NamedTuple

from keras import ops

from keras_seq.decoding.found import Found
from keras_seq.decoding.history import Ending, History, traced_back
from keras_seq.decoding.logits import IMPOSSIBLE, allowed, possible
from keras_seq.decoding.rows import flat_rows, repeat_rows, take_in_rows
from keras_seq.decoding.search import FlatStep, Search, check, whole

_LEAST_COVERAGE = 1e-10  # so that what was never looked at costs a number


class _Carried(NamedTuple):
    """What goes around the loop: W live hypotheses and W that have ended, best first."""

    t: Any
    last: Any  # last tokens, (B·W,)
    leaves: tuple  # the state
    live: Any  # log probabilities, (B, W)
    ended: Ending
    history: History
    coverage: tuple  # sums of attention weights, one of (B, W, S), or none


@dataclass(frozen=True)
class Beam(Search):
    r"""Follows the `width` likeliest hypotheses of each row.

    At every step the 2·width likeliest continuations of the live hypotheses are looked at. Those
    of the first half that end compete with the ones that ended before for `width` places, by their
    score

    $$s = \frac{\log p(y)}{lp(|y|)} + cp(y), \qquad lp(n) = \Bigl(\frac{5 + n}{6}\Bigr)^\alpha,
    \qquad cp(y) = \beta \sum_i \log \min\Bigl(\sum_j a_{ji},\, 1\Bigr)$$

    with the attention weight a of the token j on the source position i. Of those that do not end
    the `width` likeliest stay alive. With a width of 1 and no penalties this is greedy search,
    which it would not be if less likely ends counted as well.

    A hypothesis that has ended stands before all that were cut at `max_length`; these fill, by
    their score, the places that are left. A sum of attention below 1e-10 counts as 1e-10. Where
    fewer hypotheses exist than are asked for, the rest have length 0 and score -1e9; a log
    probability below -5e8 is taken for impossible.

    How to call it: see `Search`.

    Args:
        width: How many hypotheses are followed for each row.
        n_best: How many are returned.
        length_penalty: α, 0 or more; 0 is no penalty, and larger prefers longer sequences.
        coverage_penalty: β, 0 or more; 0 is no penalty. Needs "attention" in the state.
        early_stop: Whether to stop when no live hypothesis of any row can still come among the
            `n_best`, whatever it goes on with: its log probability can only fall, so that none
            of its endings scores above it divided by lp(L), and cp is at most 0. What is found
            is the same as without.

    Raises:
        ValueError: An argument is out of its range.

    Example:
        >>> from keras import ops
        >>> from keras_seq.decoding import Beam
        >>> following = ops.log(ops.array([[0.1, 0.5, 0.4], [0.3, 0.3, 0.4], [0.1, 0.1, 0.8]]))
        >>> step = lambda tokens, state: (ops.take(following, tokens, axis=0), state)
        >>> search = Beam(width=3, n_best=2)
        >>> found = search(step, (), start=ops.array([0]), end=2, max_length=3)
        >>> print(ops.convert_to_numpy(found.tokens[0]))
        [[2 0 0]
         [1 2 0]]
        >>> print(ops.convert_to_numpy(ops.exp(found.scores)).round(3))
        [[0.4 0.2]]

    Reference:
        The penalties are equation 14 of Wu et al., "Google's neural machine translation system"
        (2016, arXiv 1609.08144). There hypotheses are also pruned by their distance from the best;
        here they are not.
    """

    width: int = 5
    n_best: int = 1
    length_penalty: float = 0.0
    coverage_penalty: float = 0.0
    early_stop: bool = True

    def __post_init__(self):
        check("width", self.width, "a whole number of at least 1", whole(self.width, 1))
        fine = whole(self.n_best, 1) and self.n_best <= self.width
        check("n_best", self.n_best, f"a whole number from 1 to the width, {self.width}", fine)
        for name in ("length_penalty", "coverage_penalty"):
            check(name, getattr(self, name), "0 or more", getattr(self, name) >= 0)

    def _found(self, step, state, task):
        step = FlatStep(step, repeat_rows(state, self.width), task)

        def going_on(carried):
            more = carried.t < task.max_length
            if not self.early_stop:
                return more
            best = ops.max(carried.live, axis=1)
            hope = self._scores(best, task.max_length) > carried.ended.scores[:, self.n_best - 1]
            return ops.logical_and(more, ops.any(hope))

        def body(carried):
            return (self._advanced(step, task, carried),)

        (done,) = ops.while_loop(going_on, body, (self._before(step, task),))
        return traced_back(done.history, self._best(done, task), task.padding)

    def _before(self, step, task):
        """One live hypothesis a row, with nothing in it."""
        rows, width = ops.shape(task.start)[0], self.width
        attention: tuple = ()
        if task.with_attention or self.coverage_penalty:
            attention = (step.attention(step.leaves),)
        coverage = tuple(
            ops.zeros((rows, width, ops.shape(a)[1]), "float32")
            for a in attention
            if self.coverage_penalty
        )
        if not task.with_attention:
            attention = ()
        first = ops.convert_to_tensor([[0.0] + [IMPOSSIBLE] * (width - 1)], "float32")
        nothing = ops.zeros((rows, width), "int32")
        return _Carried(
            t=ops.convert_to_tensor(0, "int32"),
            last=repeat_rows(task.start, width),
            leaves=step.leaves,
            live=ops.broadcast_to(first, (rows, width)),
            ended=Ending(ops.full((rows, width), IMPOSSIBLE, "float32"), nothing, nothing, nothing),
            history=History.empty(task.max_length, nothing, attention),
            coverage=coverage,
        )

    def _advanced(self, step, task, carried):
        """One token more."""
        width, t = self.width, carried.t
        logits, leaves = step(carried.last, carried.leaves)
        logp = ops.log_softmax(allowed(logits, task.forbidden))
        vocabulary = logp.shape[1]
        total = ops.maximum(ops.reshape(carried.live, (-1, 1)) + logp, IMPOSSIBLE)
        # No hypothesis can end twice, so that of 2·width continuations width go on.
        total, places = ops.top_k(
            ops.reshape(total, (-1, width * vocabulary)), min(2, vocabulary) * width
        )
        places = ops.cast(places, "int32")
        parents = places // vocabulary
        tokens = places - parents * vocabulary
        ends = ops.equal(tokens, task.end)

        coverage, penalty = carried.coverage, None
        if coverage:
            weights = ops.reshape(step.attention(leaves), ops.shape(coverage[0]))
            coverage = (coverage[0] + weights,)
            penalty = take_in_rows(self._coverage_penalty(coverage[0], task), parents)
        likely = ops.expand_dims(ops.arange(tokens.shape[1], dtype="int32") < width, 0)
        scores = self._scores(total, t + 1, penalty)
        scores = ops.where(ops.logical_and(ends, likely), scores, IMPOSSIBLE)
        ended = Ending(scores, ops.full_like(tokens, 1) * (t + 1), parents, tokens)

        live, alive = ops.top_k(ops.where(ends, IMPOSSIBLE, total), width)
        parents, tokens = (take_in_rows(x, ops.cast(alive, "int32")) for x in (parents, tokens))
        shown = step.attention(leaves) if task.with_attention else None
        rows = flat_rows(parents, width)
        return _Carried(
            t=t + 1,
            last=ops.reshape(tokens, (-1,)),
            leaves=tuple(ops.take(leaf, rows, axis=0) for leaf in leaves),
            live=live,
            ended=carried.ended.with_more(ended).best(width),
            history=carried.history.grown(t, tokens, parents, shown),
            coverage=tuple(take_in_rows(sums, parents) for sums in coverage),
        )

    def _best(self, done, task):
        """The endings to return: of hypotheses that ended, and of those cut where it needs them."""
        penalty = None
        if done.coverage:
            penalty = self._coverage_penalty(done.coverage[0], task)
        scores = self._scores(done.live, task.max_length, penalty)
        cut = done.history.cut(scores).best(self.n_best)
        count = ops.sum(ops.cast(possible(done.ended.scores), "int32"), axis=1, keepdims=True)
        place = ops.expand_dims(ops.arange(self.n_best, dtype="int32"), 0)
        # Behind the `width` that ended stand the ones that were cut.
        chosen = ops.where(place < count, place, self.width + place - count)
        return done.ended.with_more(cut).taken(chosen)

    def _scores(self, logp, length, coverage_penalty=None):
        """The scores of log probabilities at a length; what is impossible stays so."""
        scores = logp
        if self.length_penalty:
            scores = scores / ((5.0 + ops.cast(length, "float32")) / 6.0) ** self.length_penalty
        if coverage_penalty is not None:
            scores = scores + coverage_penalty
        return ops.where(possible(logp), scores, IMPOSSIBLE)

    def _coverage_penalty(self, coverage, task):
        """(B, W) from the sums of weights (B, W, S)."""
        logs = ops.log(ops.clip(coverage, _LEAST_COVERAGE, 1.0))
        if task.source_mask is not None:
            logs = ops.where(ops.expand_dims(ops.cast(task.source_mask, "bool"), 1), logs, 0.0)
        return self.coverage_penalty * ops.sum(logs, axis=-1)


def beam_search(
    step,
    state,
    *,
    width=5,
    n_best=1,
    length_penalty=0.0,
    coverage_penalty=0.0,
    early_stop=True,
    **task,
) -> Found:
    """The likeliest of the sequences that a beam came upon: `Beam` as a function.

    Args:
        step: See `Search`; it is called with B·width rows.
        state: See `Search`; for B rows.
        width: See `Beam`.
        n_best: See `Beam`.
        length_penalty: See `Beam`.
        coverage_penalty: See `Beam`.
        early_stop: See `Beam`.
        **task: The call arguments of `Search`: `start`, `end`, `max_length` and so on.

    Returns:
        A `Found` of `n_best` sequences a row.

    Raises:
        ValueError: See `Beam` and `Search`.

    Example:
        >>> from keras import ops
        >>> from keras_seq.decoding import beam_search, repeat_rows
        >>> likely = ops.log(ops.array([[0.1, 0.3, 0.6], [0.7, 0.1, 0.2]]))  # of two rows
        >>> memory = repeat_rows(likely, 2)
        >>> step = lambda tokens, state: (memory, state)
        >>> penalty = {"width": 2, "length_penalty": 2.0}
        >>> found = beam_search(step, (), start=ops.array([0, 0]), end=2, max_length=3, **penalty)
        >>> print(ops.convert_to_numpy(found.tokens[:, 0]))
        [[2 0 0]
         [0 0 2]]
    """
    search = Beam(width, n_best, length_penalty, coverage_penalty, early_stop)
    return search(step, state, **task)
