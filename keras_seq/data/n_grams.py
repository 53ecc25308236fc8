"""How well counts of short sequences predict the next symbol: a baseline for language models."""

import numpy as np


def n_gram_loss(train: np.ndarray, test: np.ndarray, order: int, size: int) -> float:
    r"""The cross entropy of an interpolated n-gram model, learnt from one text, on another.

    $$p_n(w \mid h) = \frac{c(hw) + d(h)\, p_{n-1}(w \mid h')}{c(h) + d(h)}, \qquad
      p_0 = \frac{1}{V}$$

    with the count $c$ of a sequence in the training text, the number $d(h)$ of different symbols
    that follow $h$ there, and $h'$, which is $h$ without its first symbol. A history that was never
    seen leaves $p_{n-1}$. The first symbols of a text have shorter histories.

    Args:
        train: Ids of the training text, integers of shape (N,).
        test: Ids of the test text, at least two.
        order: n, at least 1: 1 counts single symbols, 2 pairs.
        size: V, the number of ids.

    Returns:
        The mean over all symbols of the test text but the first, in nats.

    Raises:
        ValueError: An order below 1, one for which $V^n$ is no 64-bit number, an empty text, or
            ids that are not below V.

    Example:
        >>> import numpy as np
        >>> from keras_seq.data import n_gram_loss
        >>> text = np.array([0, 1, 2] * 50)
        >>> [round(n_gram_loss(text, text, order, size=3), 2) for order in (1, 2, 3)]
        [1.1, 0.01, 0.0]

    Reference:
        Witten and Bell, "The zero-frequency problem" (1991), method C; in this form: Chen and
        Goodman, "An empirical study of smoothing techniques for language modeling" (1999).
    """
    if order < 1 or size**order >= 2**63:
        raise ValueError(f"order is {order} for {size} symbols; give at least 1, and V^n < 2^63.")
    if not len(train) or len(test) < 2:
        raise ValueError(
            f"{len(train)} symbols to count and {len(test)} to test: give at least 1 and 2."
        )
    train, test = (np.asarray(ids, np.int64) for ids in (train, test))
    if min(train.min(), test.min()) < 0 or max(train.max(), test.max()) >= size:
        raise ValueError(f"ids must be from 0 to {size - 1}: size is the number of all of them.")
    probabilities = np.full(len(test), 1 / size)
    for n in range(1, order + 1):
        grams, counts = np.unique(_codes(train, n, size), return_counts=True)
        histories, first = np.unique(grams // size, return_index=True)
        totals = np.add.reduceat(counts, first) if len(grams) else counts
        different = np.diff([*first, len(grams)])
        # Symbols from the n-th on have a history of n - 1.
        codes = _codes(test, n, size)
        found = _of(codes, grams, counts)
        total, kinds = (_of(codes // size, histories, values) for values in (totals, different))
        known, later = total > 0, probabilities[n - 1 :]
        with np.errstate(invalid="ignore"):
            smoothed = (found + kinds * later) / (total + kinds)
        probabilities[n - 1 :] = np.where(known, smoothed, later)
    return float(-np.log(probabilities[1:]).mean())


def _codes(ids: np.ndarray, n: int, size: int) -> np.ndarray:
    """One number for each n symbols that follow each other, int64 of shape (N - n + 1,)."""
    count = max(len(ids) - n + 1, 0)
    codes = np.zeros(count, np.int64)
    for place in range(n):
        codes = codes * size + ids[place : place + count]
    return codes


def _of(codes: np.ndarray, known: np.ndarray, values: np.ndarray) -> np.ndarray:
    """The value of each code, 0 where it is not known."""
    if not len(known):
        return np.zeros(len(codes), np.int64)
    places = np.minimum(np.searchsorted(known, codes), len(known) - 1)
    return np.where(known[places] == codes, values[places], 0)
