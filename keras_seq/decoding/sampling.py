"""Sampling: sequences drawn as the model would have them, or from its likely tokens alone."""

from dataclasses import dataclass
from typing import Any

import keras
from keras import ops

from keras_seq.decoding.found import Found
from keras_seq.decoding.logits import check_restriction, restrict
from keras_seq.decoding.one_by_one import follow
from keras_seq.decoding.rows import take_in_rows
from keras_seq.decoding.search import Search, check


@dataclass(frozen=True)
class Sampling(Search):
    r"""Draws each token from the probabilities that `restrict` leaves.

    One number u, uniform in [0, 1), decides a step: the token drawn is the first at which the
    running sum of the probabilities, $\sum_{v \le y_t} p(v)$, is above u. These numbers are drawn
    at once, before the first step. TFLite has no op for random numbers from a seed: give a model
    that is to be exported the numbers as an input, and that as `noise`.

    The score is the sum of the log probabilities under what was drawn from, so with the
    temperature and the restrictions.

    How to call it: see `Search`.

    Args:
        temperature: See `restrict`.
        top_k: See `restrict`.
        top_p: See `restrict`.
        seed: A number, for the same sequences each time; a `keras.random.SeedGenerator`, for new
            ones at each call; None: the generator that Keras has for all.
        noise: The uniform numbers, (B, L), each in [0, 1), in place of those drawn.

    Raises:
        ValueError: An argument is out of its range, or `noise` is given with a `seed`.

    Example:
        >>> from keras import ops
        >>> from keras_seq.decoding import Sampling
        >>> likely = ops.log(ops.array([[0.1, 0.2, 0.3, 0.4]]))
        >>> step = lambda tokens, state: (ops.take(likely, ops.zeros_like(tokens), axis=0), state)
        >>> search = Sampling(noise=ops.array([[0.05, 0.2, 0.5, 0.9]]))
        >>> found = search(step, (), start=ops.array([0]), end=3, max_length=4)
        >>> print(ops.convert_to_numpy(found.tokens[0, 0]))
        [0 1 2 3]
    """

    temperature: Any = 1.0
    top_k: int | None = None
    top_p: float | None = None
    seed: Any = None
    noise: Any = None

    def __post_init__(self):
        check_restriction(self.temperature, self.top_k, self.top_p)
        both = self.noise is not None and self.seed is not None
        check("seed", self.seed, "None where noise is given", not both)

    def _found(self, step, state, task):
        noise = self.noise
        if noise is None:
            shape = (ops.shape(task.start)[0], task.max_length)
            noise = keras.random.uniform(shape, dtype="float32", seed=self.seed)
        noise, rows = ops.cast(noise, "float32"), task.start.shape[0]
        shape = tuple(noise.shape)
        fits = len(shape) == 2 and shape[1] == task.max_length
        if not fits or (None not in (rows, shape[0]) and shape[0] != rows):
            raise ValueError(
                f"noise must be (B, {task.max_length}), here of {rows or 'any number of'} rows, a "
                f"number for each token; got the shape {shape}."
            )
        noise = ops.transpose(noise)

        def choose(logits, t):
            logits = restrict(logits, self.temperature, self.top_k, self.top_p)
            tokens = draw(ops.softmax(logits), ops.take(noise, t, axis=0))
            logp = take_in_rows(ops.log_softmax(logits), ops.expand_dims(tokens, 1))
            return tokens, ops.squeeze(logp, 1)

        return follow(step, state, task, choose)


def draw(probabilities, uniform):
    """Tokens (B,) from probabilities (B, V) and a number in [0, 1) for each row."""
    sums = ops.cumsum(probabilities, axis=-1)
    above = sums > ops.expand_dims(uniform, 1) * ops.max(sums, axis=-1, keepdims=True)
    # Rounded sums may grow where the probability is zero: only tokens that can be are drawn.
    drawable = ops.cast(probabilities > 0, "int32")
    return ops.cast(ops.argmax(drawable * (1 + ops.cast(above, "int32")), axis=-1), "int32")


def sample(
    step, state, *, temperature=1.0, top_k=None, top_p=None, seed=None, noise=None, **task
) -> Found:
    """Sequences drawn token by token: `Sampling` as a function.

    Args:
        step: See `Search`.
        state: See `Search`.
        temperature: See `restrict`.
        top_k: See `restrict`.
        top_p: See `restrict`.
        seed: See `Sampling`.
        noise: See `Sampling`.
        **task: The call arguments of `Search`: `start`, `end`, `max_length` and so on.

    Returns:
        A `Found` of one sequence a row. For more, repeat the rows (`repeat_rows`).

    Raises:
        ValueError: See `Sampling` and `Search`.

    Example:
        >>> from keras import ops
        >>> from keras_seq.decoding import sample
        >>> likely = ops.log(ops.array([[0.5, 0.3, 0.1, 0.1]]))
        >>> step = lambda tokens, state: (ops.take(likely, ops.zeros_like(tokens), axis=0), state)
        >>> found = sample(step, (), start=ops.zeros(100), end=3, max_length=5, top_p=0.7, seed=1)
        >>> int(ops.max(found.tokens)), int(ops.min(found.tokens))
        (1, 0)
    """
    search = Sampling(temperature, top_k, top_p, seed, noise)
    return search(step, state, **task)
