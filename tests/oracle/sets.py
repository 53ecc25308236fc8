"""The read-process-write network of sets, one set and one token at a time.

Weights are arrays in a plain dict, by the names that each function reads; `lstm` holds those of
`cells.lstm` for both networks.
"""

import numpy as np

from oracle import attention, cells

END, FIRST = 2, 3


def memory_of(elements, w):
    hidden = np.maximum(elements @ w["hidden"][0] + w["hidden"][1], 0)
    return hidden @ w["read"][0] + w["read"][1]


def process(memory, steps, w):
    """q* after a number of steps: the LSTM's only input is q* itself, through one matrix."""
    units = memory.shape[1]
    star, c = np.zeros(2 * units), np.zeros(units)
    for _ in range(steps):
        # With no state of its own, the LSTM's product is that of [q, r].
        kernel = np.vstack([w["process"]["recurrent"], w["process"]["kernel"]])
        nothing = np.zeros((1, units))
        weights = {"kernel": kernel, "recurrent": np.zeros((units, 4 * units))}
        q, c = cells.lstm(
            star[None], (nothing, np.atleast_2d(c)), bias=w["process"]["bias"], **weights
        )
        e = np.array([attention.dot(m, q[0]) for m in memory])
        a = attention.weights_of(e, [True] * len(memory))
        star = np.concatenate([q[0], a @ memory])
    return star


def additive(query, memory, w):
    """The score of each element."""
    weights = (w["query"], w["key"], w["vector"], w["bias"])
    return np.array([attention.additive(query, m, *weights) for m in memory])


def write(tokens, memory, star, w, once):
    """Logits (T, 3 + n) after each token; -inf for what is impossible."""
    states = [np.tanh(star @ kernel + bias)[None] for kernel, bias in w["bridges"]]
    pointed, logits = [], []
    for token in tokens:
        x = memory[token - FIRST] if token >= FIRST else w["start"]
        pointed += [token - FIRST] if token >= FIRST else []
        states = cells.lstm(x[None], states, **w["write"])
        query = states[0][0]
        if w["look"]:
            scores = additive(query, memory, w["look"])
            alpha = attention.weights_of(scores, [True] * len(memory))
            query = np.concatenate([query, alpha @ memory])
        row = np.full(FIRST + len(memory), -np.inf)
        if len(pointed) >= len(memory):
            row[END] = 0
        else:
            row[FIRST:] = additive(query, memory, w["pointer"])
            if once:
                row[[FIRST + i for i in pointed]] = -np.inf
        logits.append(row)
    return np.array(logits)
