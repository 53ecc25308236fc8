"""What every search gives back."""

from typing import Any, NamedTuple


class Found(NamedTuple):
    """The sequences that a search found, N for each row of the batch, best first.

    Those of a beam that reached their end come before those that were cut, whatever their scores.
    L is the search's `max_length`, whatever was found.

    Attributes:
        tokens: int32 (B, N, L), without the start symbol; the end symbol stands where it was
            reached, and padding behind it. A sequence that never reached it is cut at L.
        scores: float32 (B, N); -1e9 where there was no sequence left to find.
        lengths: int32 (B, N), tokens up to the end symbol and with it; L for sequences that were
            cut, 0 where there was none left to find.
        attention: float32 (B, N, L, S), the weights with which each token was made, zeros behind
            the end symbol; None if they were not asked for.

    Example:
        >>> from keras import ops
        >>> from keras_seq.decoding import greedy_search
        >>> following = ops.one_hot(ops.array([1, 2, 3, 3]), 4)
        >>> step = lambda tokens, state: (ops.take(following, tokens, axis=0), state)
        >>> found = greedy_search(step, (), start=ops.array([0, 2]), end=3, max_length=4)
        >>> print(ops.convert_to_numpy(found.tokens))
        [[[1 2 3 0]]
        <BLANKLINE>
         [[3 0 0 0]]]
        >>> print(ops.convert_to_numpy(found.lengths))
        [[3]
         [1]]
    """

    tokens: Any
    scores: Any
    lengths: Any
    attention: Any = None
