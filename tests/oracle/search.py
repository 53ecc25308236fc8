"""Searches over sequences, one row at a time, with Python lists.

What may follow is a function of all that came before: `distribution(history)` gives the log
probabilities (V,) of the next token and the attention (S,) that it is made with.
"""

import itertools
from functools import cache

import numpy as np


def log_softmax(z):
    z = z - np.max(z)
    return z - np.log(np.sum(np.exp(z)))


class TinyTranslator:
    """A random recurrent network that attends to a memory of each row.

    Its state is a vector and the weights of its attention; what follows depends on all that came
    before and on the row.
    """

    def __init__(self, seed, vocabulary=7, units=20, rows=4, source=6, sharpness=3.0):
        random = np.random.default_rng(seed)
        self.vocabulary, self.rows, self.source = vocabulary, rows, source
        self.embedding = random.normal(size=(vocabulary, units))
        self.recurrent = 1.5 * random.normal(size=(units, units)) / np.sqrt(units)
        self.context = random.normal(size=(units, units)) / np.sqrt(units)
        self.output = sharpness * random.normal(size=(units, vocabulary)) / np.sqrt(units)
        self.memory = random.normal(size=(rows, source, units))
        self.first = random.normal(size=(rows, units))
        self.mask = np.arange(source) < random.integers(2, source + 1, (rows, 1))

    def step(self, row, token, h):
        """Logits, the new state and the attention of one row."""
        memory = self.memory[row]
        weights = np.exp(log_softmax(np.where(self.mask[row], memory @ h, -1e9)))
        h = np.tanh(self.embedding[token] + h @ self.recurrent + weights @ memory @ self.context)
        return h @ self.output, h, weights

    def distribution(self, row, start, forbidden=()):
        """What may follow each history of a row."""

        @cache
        def state_after(history):
            if not history:
                return None, self.first[row], None
            _, h, _ = state_after(history[:-1])
            return self.step(row, history[-1], h)

        def following(history):
            logits, _, weights = state_after((start, *history))
            logits = logits.copy()
            logits[list(forbidden)] = -1e9
            return log_softmax(logits), weights

        return following


def log_probability(distribution, tokens):
    return sum(distribution(tuple(tokens[:t]))[0][token] for t, token in enumerate(tokens))


def attention(distribution, tokens):
    """(T, S), what each token was made with."""
    return np.stack([distribution(tuple(tokens[:t]))[1] for t in range(len(tokens))])


def score(distribution, tokens, alpha=0.0, beta=0.0, mask=None):
    """Of Wu et al., equation 14; source positions that are padding are left out."""
    value = log_probability(distribution, tokens) / ((5 + len(tokens)) / 6) ** alpha
    if beta:
        looked_at = np.minimum(attention(distribution, tokens).sum(axis=0), 1)[mask]
        value += beta * np.sum(np.log(looked_at))
    return value


def greedy(distribution, end, length):
    tokens = []
    while len(tokens) < length and end not in tokens:
        tokens.append(int(np.argmax(distribution(tuple(tokens))[0])))
    return tokens


def beam(distribution, end, length, width, n_best, scored):
    """The width best of what goes on, and of what ends among as many; `scored` scores tokens."""
    live, ended = [[]], []
    for _ in range(length):
        further = []
        for tokens in live:
            logp = distribution(tuple(tokens))[0]
            base = log_probability(distribution, tokens)
            further += [(base + p, [*tokens, v]) for v, p in enumerate(logp) if p > -1e8]
        further = sorted(further, key=lambda pair: -pair[0])[: 2 * width]
        ended += [tokens for _, tokens in further[:width] if tokens[-1] == end]
        ended = sorted(ended, key=lambda tokens: -scored(tokens))[:width]
        live = [tokens for _, tokens in further if tokens[-1] != end][:width]
    cut = sorted(live, key=lambda tokens: -scored(tokens))
    return [(tokens, scored(tokens)) for tokens in (ended + cut)[:n_best]]


def every_sequence(distribution, vocabulary, end, length, scored):
    """All that end, best first, and behind them all that are cut, best first."""
    others = [v for v in range(vocabulary) if v != end]
    ended = [
        [*tokens, end] for n in range(length) for tokens in itertools.product(others, repeat=n)
    ]
    cut = [list(tokens) for tokens in itertools.product(others, repeat=length)]
    found = []
    for group in (ended, cut):
        real = [tokens for tokens in group if log_probability(distribution, tokens) > -1e8]
        pairs = [(tokens, scored(tokens)) for tokens in real]
        found += sorted(pairs, key=lambda pair: -pair[1])
    return found


def restricted(logits, temperature=1.0, top_k=None, top_p=None):
    """Probabilities (V,) of the k likeliest, then of the likeliest that sum to p; ties stay in."""
    logits = np.asarray(logits, np.float64) / temperature
    kept = np.ones(len(logits), bool)
    if top_k is not None:
        kept = logits >= np.sort(logits)[::-1][:top_k][-1]
    probabilities = np.where(kept, np.exp(logits - logits.max()), 0)
    probabilities /= probabilities.sum()
    if top_p is not None:
        total, least = 0.0, 0.0
        for p in np.sort(probabilities)[::-1]:
            total, least = total + p, p
            if total >= top_p:
                break
        probabilities = np.where(probabilities >= least, probabilities, 0)
    return probabilities / probabilities.sum()
