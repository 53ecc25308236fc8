"""What all searches share: how they are called, and the caller's step as they see it."""

import numbers
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import keras
from keras import ops

from keras_seq.decoding.found import Found

NO_TOKEN = -1  # the end of sequences that nothing ends


class Task(NamedTuple):
    """What a search is asked for; see `Search`."""

    start: Any
    end: int
    max_length: int
    padding: int
    with_attention: bool
    forbidden: tuple[int, ...]
    source_mask: Any


class Search(ABC):
    """How an output sequence is looked for: `Greedy`, `Sampling` or `Beam`.

    A search knows one step of a model and nothing else of it:

        step(tokens, state) -> logits, state

    with int32 tokens (N,), logits (N, V), and a state that is any nested structure of tensors (N,
    …) whose structure, shapes and dtypes stay as they are. What stays as it is during a search, the
    memory of an encoder for instance, does not belong into the state: the step closes over it, with
    each row repeated `width` times (`repeat_rows`). The state is repeated by the search.

    Searches run eagerly, in graphs, under `jax.jit`, and convert to TFLite's builtin ops, with
    unknown sizes of the batch and of the source.

    Attributes:
        width: How many hypotheses are followed for each row: N of the step is B·width.

    Call arguments:
        step: The step.
        state: The state before the first step, for B rows.
        start: The start symbol, one for all rows or int32 (B,).
        end: The end symbol; a row is finished with it. None if nothing ends a sequence.
        max_length: L, after how many tokens a sequence is cut.
        padding: What stands behind the end symbol. The step is also called with it, for rows that
            are finished.
        with_attention: Whether to record the attention weights: the state is then a dict, and
            under "attention" are the weights (N, S) of the step that made it, before the first
            step zeros.
        forbidden: Tokens that are never produced. The probabilities of the others sum to 1.
        source_mask: Boolean (B, S), True = real data; only `Beam` with a coverage penalty asks.

    Returns:
        A `Found`.

    Raises:
        ValueError: A number of the search or of the call that is out of its range; a state that a
            step changed in its structure; logits of another shape; no "attention" in the state.

    Example:
        >>> from keras import ops
        >>> from keras_seq.decoding import Beam, Greedy
        >>> following = ops.log(ops.array([[0.1, 0.5, 0.4], [0.3, 0.3, 0.4], [0.1, 0.1, 0.8]]))
        >>> step = lambda tokens, state: (ops.take(following, tokens, axis=0), state)
        >>> for search in (Greedy(), Beam(width=2)):
        ...     found = search(step, (), start=ops.array([0]), end=2, max_length=3)
        ...     print(ops.convert_to_numpy(found.tokens[0, 0]))
        [1 2 0]
        [2 0 0]
    """

    width: int = 1

    def __call__(
        self,
        step: Callable,
        state: Any,
        *,
        start: Any,
        end: int | None,
        max_length: int,
        padding: int = 0,
        with_attention: bool = False,
        forbidden: Sequence[int] = (),
        source_mask: Any = None,
    ) -> Found:
        """See the class."""
        check("max_length", max_length, "a whole number of at least 1", whole(max_length, 1))
        ends = [] if end is None else [("end", end)]
        for name, token in [*ends, ("padding", padding), *_named("forbidden", forbidden)]:
            check(name, token, "the id of a token, 0 or more", whole(token, 0))
        check("end", end, f"none of the forbidden ids {list(forbidden)}", end not in forbidden)
        end, start = NO_TOKEN if end is None else end, _start(start, state)
        task = Task(start, end, max_length, padding, with_attention, tuple(forbidden), source_mask)
        return self._found(step, state, task)

    @abstractmethod
    def _found(self, step: Callable, state: Any, task: Task) -> Found:
        """The search itself; the task's start is (B,)."""


class FlatStep:
    """A step over the list of tensors that its state holds, for a loop to carry.

    Args:
        step: The caller's step.
        state: The state before the first step.
        task: What is asked for.

    Attributes:
        leaves: The tensors of the state before the first step.
    """

    def __init__(self, step, state, task):
        self._step, self._structure, self._task = step, state, task
        self.leaves = tuple(ops.convert_to_tensor(leaf) for leaf in keras.tree.flatten(state))

    def __call__(self, tokens, leaves):
        """Logits (N, V) in float32 and the tensors of the new state."""
        logits, state = self._step(tokens, self._packed(leaves))
        try:
            keras.tree.assert_same_structure(self._structure, state)
        except (ValueError, TypeError) as error:
            raise ValueError(
                "The step gave a state of another structure than it was given; return the same "
                f"keys, with a value from the start for each.\n{error}"
            ) from error
        if len(logits.shape) != 2 or logits.shape[1] is None:
            raise ValueError(
                "The step must give logits (N, V) with a V that is known when it is traced; got "
                f"the shape {tuple(logits.shape)}. Reshape them: ops.reshape(logits, (-1, V))."
            )
        for token in (self._task.end, *self._task.forbidden):
            if token >= logits.shape[1]:
                raise ValueError(
                    f"The step gives logits for {logits.shape[1]} tokens, which is too few for an "
                    f"end symbol or a forbidden token {token}."
                )
        # In mixed precision nobody else casts what a step makes to what it began with.
        new = zip(keras.tree.flatten(state), leaves, strict=True)
        return ops.cast(logits, "float32"), tuple(ops.cast(leaf, old.dtype) for leaf, old in new)

    def attention(self, leaves):
        """The attention weights (N, S) in float32 that a state holds."""
        state = self._packed(leaves)
        if not isinstance(state, dict) or "attention" not in state:
            raise ValueError(
                "To record or to count attention, the decoder must look at the source and leave "
                'the weights (N, S) in its state, a dict, under "attention"; got '
                f"{type(state).__name__}"
                f"{sorted(state) if isinstance(state, dict) else ''}."
            )
        return ops.cast(state["attention"], "float32")

    def _packed(self, leaves):
        return keras.tree.pack_sequence_as(self._structure, list(leaves))


def _start(start, state):
    """The start symbols as (B,)."""
    start, leaves = ops.cast(start, "int32"), keras.tree.flatten(state)
    if len(start.shape) == 1:
        return start
    if len(start.shape) or not leaves:
        raise ValueError(
            "start must be one id, or a tensor of ids (B,) (and is the latter where the state "
            f"holds nothing that has B rows); got the shape {tuple(start.shape)}."
        )
    return ops.broadcast_to(start, (ops.shape(leaves[0])[0],))


def check(name, value, expected, fine):
    """Raises a ValueError that names the argument, unless all is fine."""
    if not fine:
        raise ValueError(f"{name} must be {expected}; got {value!r}.")


def whole(value, least):
    """Whether a value is a whole number of at least `least`."""
    is_whole = isinstance(value, numbers.Integral) and not isinstance(value, bool)
    return is_whole and value >= least


def _named(name, values):
    return [(name, value) for value in values]
