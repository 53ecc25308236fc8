"""Encoders and decoders of pairs, one row and one token at a time.

Weights are arrays in a plain dict, by the names that each function reads. A `step` is a function
(x_t, states) -> states with its weights, one of `oracle.cells` or `oracle.relatives`; the states of
a network are a list of those of its layers.
"""

import numpy as np

from oracle import attention
from oracle.cells import sigmoid


def embed(ids, table):
    """(n,) to (n, E)."""
    return np.array([table[number] for number in ids]) * np.sqrt(table.shape[1])


def maxout(x, kernel, bias):
    both = x @ kernel + bias
    half = len(both) // 2
    return np.array([max(a, b) for a, b in zip(both[:half], both[half:], strict=True)])


def through(steps, x, states):
    """A vector through one step of layers on one another: the output and the new states."""
    after = []
    for step, of_layer in zip(steps, states, strict=True):
        of_layer = [state[0] for state in step(x[None], [state[None] for state in of_layer])]
        x = of_layer[0]
        after.append(of_layer)
    return x, after


def encode(ids, table, layers, widths, reverse=False):
    """Values (n, D) and final states of one row without padding.

    `layers` has the steps of each layer: one, or one for each direction; `widths` those of the
    states of each.
    """
    x, finals = embed(ids[::-1] if reverse else ids, table), []
    for directions, of_layer in zip(layers, widths, strict=True):
        columns, ends = [], []
        for step, order in zip(directions, (1, -1), strict=False):
            states, outputs = [np.zeros(width) for width in of_layer], []
            for x_t in x[::order]:
                output, (states,) = through([step], x_t, [states])
                outputs.append(output)
            columns.append(np.array(outputs)[::order])
            ends.append(states)
        x = np.concatenate(columns, axis=1)
        finals.append([np.concatenate(both) for both in zip(*ends, strict=True)])
    return x, finals


def first_states(sources, widths, weights):
    """tanh(h W + b) of the namesake of each state in `sources`, or of the nearest there is."""
    if not weights["bridges"]:
        return sources
    bridges, found = iter(weights["bridges"]), []
    for number, of_layer in enumerate(widths):
        below = sources[number] if number < len(sources) else sources[-1]
        named = [below[n] if n < len(below) else below[-1] for n in range(len(of_layer))]
        found.append([np.tanh(h @ kernel + bias) for h, (kernel, bias) in _with(named, bridges)])
    return found


def _with(values, others):
    return [(value, next(others)) for value in values]


def readout(features, weights):
    """Through the token vectors if there is a bias for the ids, `tied`."""
    kernel, bias = weights["to_logits"]
    x = features @ kernel + bias
    return x if weights["tied"] is None else weights["table"] @ x + weights["tied"]


def sutskever(tokens, first, weights):
    states, logits = first, []
    for y in embed(tokens, weights["table"]):
        s, states = through(weights["steps"], y, states)
        logits.append(readout(s, weights))
    return np.array(logits)


def summary_of(source, weights):
    return np.tanh(source @ weights["summary"])


def cho(tokens, summary, first, weights):
    states, logits = first, []
    for y in embed(tokens, weights["table"]):
        read = np.concatenate([y, summary])
        s, states = through(weights["steps"], read, states)
        features = maxout(np.concatenate([s, read]), *weights["maxout"])
        logits.append(readout(features, weights))
    return np.array(logits)


def bahdanau(tokens, values, first, weights):
    """Logits, and the attention weights of each step; with coverage if there is a vector for it."""
    states, seen, logits, looks = first, np.zeros(len(values)), [], []
    a = weights["attention"]
    for y in embed(tokens, weights["table"]):
        before = states[-1][0]
        scores = []
        for h, covered in zip(values, seen, strict=True):
            hidden = before @ a["query"] + a["bias"] + h @ a["key"]
            if a["coverage"] is not None:
                hidden = hidden + covered * a["coverage"]
            scores.append(a["vector"] @ np.tanh(hidden))
        alpha = attention.weights_of(scores, [True] * len(values))
        seen = seen + alpha
        read = np.concatenate([y, alpha @ values])
        s, states = through(weights["steps"], read, states)
        features = maxout(np.concatenate([s, read]), *weights["maxout"])
        logits.append(readout(features, weights))
        looks.append(alpha)
    return np.array(logits), np.array(looks)


def show_attend_tell(tokens, values, first, weights):
    """Logits, and the attention weights of each step: equations 1 to 7 of the paper, one by one."""
    states, logits, looks = first, [], []
    a, (gate, gate_bias) = weights["attention"], weights["gate"]
    of_state, of_state_bias = weights["of_state"]
    for y in embed(tokens, weights["table"]):
        before = states[-1][0]
        scores = [
            attention.additive(before, h, a["query"], a["key"], a["vector"], a["bias"])
            for h in values
        ]
        alpha = attention.weights_of(scores, [True] * len(values))
        beta = sigmoid(sum(before[i] * gate[i, 0] for i in range(len(before))) + gate_bias[0])
        seen = beta * sum(weight * h for weight, h in zip(alpha, values, strict=True))
        s, states = through(weights["steps"], np.concatenate([y, seen]), states)
        deep = y + s @ of_state + of_state_bias + seen @ weights["of_context"]
        logits.append(readout(deep, weights))
        looks.append(alpha)
    return np.array(logits), np.array(looks)


def luong(tokens, values, first, weights):
    """Logits, and the attention weights of each step.

    `weights["look"]` takes a state, the values and the number of the step, and gives the context
    and the attention weights.
    """
    states, logits, looks = first, [], []
    fed = np.zeros(weights["combine"].shape[1])
    for t, y in enumerate(embed(tokens, weights["table"])):
        read = np.concatenate([y, fed]) if weights["input_feeding"] else y
        s, states = through(weights["steps"], read, states)
        context, alpha = weights["look"](s, values, t)
        fed = np.tanh(np.concatenate([context, s]) @ weights["combine"])
        logits.append(readout(fed, weights))
        looks.append(alpha)
    return np.array(logits), np.array(looks)


def transformer(ids, blocks, weights, normalization, values=None):
    """(n, D) of one row: token vectors with their positions, then the blocks.

    `blocks` holds for each block its parts, functions of (n, D), and their norms, as
    `attention.block` takes them. A part that looks at the source takes the values too.
    """
    x = embed(ids, weights["table"])
    x = x + np.array([weights["position"](t) for t in range(len(ids))])
    for parts, norms in blocks:
        bound = [part if values is None else _seeing(part, values) for part in parts]
        x = attention.block(x, bound, norms, normalization)
    return attention.layer_norm(x, *weights["last"]) if normalization == "pre" else x


def _seeing(part, values):
    return lambda x: part(x, values)
