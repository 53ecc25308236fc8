"""Which tokens may follow, and how likely each is."""

import numbers

from keras import ops

from keras_seq.decoding.search import check, whole

# The score of what cannot be: finite, so that sums and differences of such scores are numbers.
IMPOSSIBLE = -1e9


def possible(scores):
    """Boolean, where scores are those of something that can be."""
    return scores > IMPOSSIBLE / 2


def allowed(logits, forbidden):
    """Logits (N, V) in float32, those of forbidden tokens as low as can be."""
    logits = ops.cast(logits, "float32")
    if not forbidden:
        return logits
    ids = ops.expand_dims(ops.arange(logits.shape[-1], dtype="int32"), 1)
    out = ops.any(ops.equal(ids, ops.convert_to_tensor([list(forbidden)], "int32")), axis=1)
    return ops.where(ops.expand_dims(out, 0), IMPOSSIBLE, logits)


def restrict(logits, temperature=1.0, top_k=None, top_p=None):
    r"""Leaves the likely tokens, at a temperature.

    $$p = \mathrm{softmax}(z / \tau)$$

    of which the `top_k` most likely are kept, and of these, with their probabilities made to sum to
    1 again, the smallest set of the most likely whose sum is at least `top_p`: the token with which
    the sum reaches it belongs to the set. In both cases tokens just as likely as the last one kept
    are kept too, so that the order of the vocabulary decides nothing.

    Args:
        logits: (N, V).
        temperature: τ, above 0; a number or a scalar tensor. Below 1 likely tokens get likelier.
        top_k: How many tokens to keep at least, 1 or more; None: all.
        top_p: Which sum of probabilities to keep, in (0, 1]; None: all of it.

    Returns:
        float32 (N, V): logits divided by the temperature, -1e9 where a token is left out.

    Raises:
        ValueError: An argument is out of its range.

    Example:
        >>> from keras import ops
        >>> from keras_seq.decoding import restrict
        >>> print(ops.convert_to_numpy(restrict([[1.0, 3.0, 2.0, 3.0]], temperature=0.5, top_k=2)))
        [[-1.e+09  6.e+00 -1.e+09  6.e+00]]

    Reference:
        `top_p` is the nucleus of Holtzman et al., "The curious case of neural text degeneration"
        (2019, arXiv 1904.09751), who say nothing of tokens that are just as likely.
    """
    check_restriction(temperature, top_k, top_p)
    logits = ops.cast(logits, "float32") / ops.cast(temperature, "float32")
    vocabulary = logits.shape[-1]
    if top_k is not None:
        likely, _ = ops.top_k(logits, min(top_k, vocabulary))
        logits = _at_least(logits, ops.min(likely, axis=-1, keepdims=True))
    if top_p is not None:
        ordered, _ = ops.top_k(logits, vocabulary)
        probabilities = ops.softmax(ordered)
        before = ops.cumsum(probabilities, axis=-1) - probabilities
        kept = ops.where(before < top_p, ordered, -IMPOSSIBLE)
        logits = _at_least(logits, ops.min(kept, axis=-1, keepdims=True))
    return logits


def check_restriction(temperature, top_k, top_p):
    """Raises a ValueError if an argument of `restrict` is out of its range."""
    number = isinstance(temperature, numbers.Real)
    check("temperature", temperature, "above 0", not number or temperature > 0)
    check("top_k", top_k, "a whole number of at least 1", top_k is None or whole(top_k, 1))
    check("top_p", top_p, "in (0, 1]", top_p is None or 0 < top_p <= 1)


def _at_least(logits, least):
    return ops.where(logits < least, IMPOSSIBLE, logits)
