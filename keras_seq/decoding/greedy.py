"""Greedy search: the likeliest token, and then the likeliest after it."""

from dataclasses import dataclass

from keras import ops

from keras_seq.decoding.found import Found
from keras_seq.decoding.one_by_one import follow
from keras_seq.decoding.search import Search


@dataclass(frozen=True)
class Greedy(Search):
    r"""Takes the likeliest token at every step, and stops when each row has ended.

    $$y_t = \arg\max_v \log p(v \mid y_{<t}), \qquad \text{score} = \sum_t \log p(y_t \mid y_{<t})$$

    Of tokens that are just as likely it takes the first. How to call it: see `Search`.

    Example:
        >>> from keras import ops
        >>> from keras_seq.decoding import Greedy
        >>> count_up = lambda tokens, state: (ops.one_hot(tokens + 1, 6), state)
        >>> found = Greedy()(count_up, (), start=ops.array([2, 1]), end=4, max_length=3)
        >>> print(ops.convert_to_numpy(found.tokens[:, 0]))
        [[3 4 0]
         [2 3 4]]
    """

    def _found(self, step, state, task):
        def choose(logits, _):
            # Not argmax: that of Keras holds an op that TFLite has not.
            logp, tokens = ops.top_k(ops.log_softmax(logits), 1)
            return ops.cast(ops.squeeze(tokens, 1), "int32"), ops.squeeze(logp, 1)

        return follow(step, state, task, choose)


def greedy_search(step, state, **task) -> Found:
    """The likeliest token at every step: `Greedy` as a function.

    Args:
        step: See `Search`.
        state: See `Search`.
        **task: The call arguments of `Search`: `start`, `end`, `max_length` and so on.

    Returns:
        A `Found` of one sequence a row, scored with the sum of its log probabilities.

    Raises:
        ValueError: See `Search`.

    Example:
        >>> from keras import ops
        >>> from keras_seq.decoding import greedy_search
        >>> count_up = lambda tokens, state: (ops.one_hot(tokens + 1, 6), state)
        >>> found = greedy_search(count_up, (), start=ops.array([2]), end=4, max_length=3)
        >>> print(ops.convert_to_numpy(found.tokens[0]))
        [[3 4 0]]
    """
    return Greedy()(step, state, **task)
