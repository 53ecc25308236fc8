"""Attention, one query and one value at a time."""

import numpy as np

from oracle.cells import sigmoid


def dot(q, h, scale=1.0):
    return scale * sum(a * b for a, b in zip(q, h, strict=True))


def general(q, h, weight):
    """`weight` (U, D)."""
    return sum(q[i] * weight[i, j] * h[j] for i in range(len(q)) for j in range(len(h)))


def concat(q, h, weight, vector):
    """`weight` (U + D, A)."""
    return vector @ np.tanh(np.concatenate([q, h]) @ weight)


def additive(q, h, query_weight, key_weight, vector, bias=0.0):
    return vector @ np.tanh(q @ query_weight + h @ key_weight + bias)


def weights_of(scores, allowed):
    """Softmax over the places that are allowed; zeros elsewhere, and where none is."""
    weights = np.zeros(len(scores))
    places = [s for s in range(len(scores)) if allowed[s]]
    if places:
        largest = max(scores[s] for s in places)
        exponentials = {s: np.exp(scores[s] - largest) for s in places}
        for s in places:
            weights[s] = exponentials[s] / sum(exponentials.values())
    return weights


def attend(score, queries, values, mask=None, center=None, half_width=None, bell=False):
    """Contexts (B, T, D) and weights (B, T, S).

    `score` takes a query, a value and where they are, (b, t, s). `center(b, t, real)` gives the
    middle of a window from the number of real values; `bell` multiplies by a Gaussian around it.
    """
    (rows, steps), places = queries.shape[:2], values.shape[1]
    mask = np.ones((rows, places), bool) if mask is None else mask
    contexts = np.zeros((rows, steps, values.shape[2]))
    weights = np.zeros((rows, steps, places))
    for b, t in np.ndindex(rows, steps):
        scores = [score(queries[b, t], values[b, s], (b, t, s)) for s in range(places)]
        allowed, factor = mask[b], np.ones(places)
        if center:
            distance = np.arange(places) - center(b, t, mask[b].sum())
            allowed = allowed & (distance >= -half_width) & (distance <= half_width)
            if bell:
                factor = np.exp(-(distance**2) / (2 * (half_width / 2) ** 2))
        weights[b, t] = weights_of(scores, allowed) * factor
        for s in range(places):
            contexts[b, t] += weights[b, t, s] * values[b, s]
    return contexts, weights


def predicted_center(query, weight, vector, real):
    return real * sigmoid(vector @ np.tanh(query @ weight))


def multi_head(queries, values, projections, heads, mask=None, causal=False):
    """Contexts (B, T, U) and weights (B, H, T, S).

    `projections` has (kernel, bias) for "query", "key", "value" and "output".
    """

    def project(x, name):
        kernel, bias = projections[name]
        return x @ kernel + bias

    (rows, steps), places = queries.shape[:2], values.shape[1]
    mask = np.ones((rows, places), bool) if mask is None else mask
    all_weights, contexts = np.zeros((rows, heads, steps, places)), []
    for head in range(heads):
        q, k, v = (
            np.split(project(x, name), heads, axis=-1)[head]
            for x, name in ((queries, "query"), (values, "key"), (values, "value"))
        )
        context = np.zeros((rows, steps, v.shape[-1]))
        for b, t in np.ndindex(rows, steps):
            scores = [dot(q[b, t], k[b, s]) / np.sqrt(k.shape[-1]) for s in range(places)]
            allowed = [mask[b, s] and (s <= t or not causal) for s in range(places)]
            all_weights[b, head, t] = weights_of(scores, allowed)
            context[b, t] = all_weights[b, head, t] @ v[b]
        contexts.append(context)
    return project(np.concatenate(contexts, axis=-1), "output"), all_weights


def layer_norm(x, gain, shift, epsilon=1e-6):
    mean, variance = x.mean(-1, keepdims=True), x.var(-1, keepdims=True)
    return (x - mean) / np.sqrt(variance + epsilon) * gain + shift


def block(x, parts, norms, normalization):
    """Each part, a function, in a residual connection with its (gain, shift)."""
    for part, norm in zip(parts, norms, strict=True):
        x = x + part(layer_norm(x, *norm)) if normalization == "pre" else x
        x = layer_norm(x + part(x), *norm) if normalization == "post" else x
    return x


def feed_forward(x, kernel, bias, out_kernel, out_bias):
    return np.maximum(x @ kernel + bias, 0) @ out_kernel + out_bias


def sinusoidal(position, width):
    """The vector of one position."""
    vector = np.zeros(width)
    for i in range(0, width, 2):
        angle = position / 10000 ** (i / width)
        vector[i] = np.sin(angle)
        if i + 1 < width:
            vector[i + 1] = np.cos(angle)
    return vector
