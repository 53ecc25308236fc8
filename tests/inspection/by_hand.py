"""Steps in NumPy that give their gates too: (x, states, weights) -> (states, gates)."""

import numpy as np
from oracle.cells import block, sigmoid
from oracle.relatives import normed

from keras_seq import cells


class LeakyCell(cells.Cell):
    """The README's cell: a sigmoid that is no attribute."""

    gates = ("z", "h")

    def combine(self, x, r, states):
        from keras import ops

        z = ops.sigmoid(x[0] + r[0])
        return (z * states[0] + (1 - z) * self.activation(x[1] + r[1]),)


def _sum_of(x, h, kernel, recurrent, bias, units):
    def gate(number, state=h):
        w, r, b = (block(weight, number, units) for weight in (kernel, recurrent, bias))
        return x @ w + state @ r + b

    return gate


def lstm(x, states, kernel, recurrent, bias):
    h, c = states
    a = _sum_of(x, h, kernel, recurrent, bias, c.shape[-1])
    gates = {"i": sigmoid(a(0)), "f": sigmoid(a(1)), "c": np.tanh(a(2)), "o": sigmoid(a(3))}
    c = gates["f"] * c + gates["i"] * gates["c"]
    return (gates["o"] * np.tanh(c), c), gates


def projected_lstm(x, states, kernel, recurrent, bias, projection):
    (h, c), gates = lstm(x, states, kernel, recurrent, bias)
    return (h @ projection, c), gates


def peephole_lstm(x, states, kernel, recurrent, bias, peephole, candidate=np.tanh):
    h, c = states
    a = _sum_of(x, h, kernel, recurrent, bias, c.shape[-1])
    i, f = sigmoid(a(0) + peephole[0] * c), sigmoid(a(1) + peephole[1] * c)
    g = candidate(a(2))
    c = f * c + i * g
    o = sigmoid(a(3) + peephole[2] * c)
    return (o * np.tanh(c), c), {"i": i, "f": f, "c": g, "o": o}


def linear_candidate(*args):
    return peephole_lstm(*args, candidate=lambda a: a)


def gru(x, states, kernel, recurrent, bias):
    (h,), units = states, states[0].shape[-1]
    from_x, from_h = x @ kernel + bias[0], h @ recurrent + bias[1]
    z, r = (sigmoid(block(from_x, g, units) + block(from_h, g, units)) for g in (0, 1))
    n = np.tanh(block(from_x, 2, units) + r * block(from_h, 2, units))
    return (z * h + (1 - z) * n,), {"z": z, "r": r, "h": n}


def gru_reset_before(x, states, kernel, recurrent, bias):
    (h,) = states
    a = _sum_of(x, h, kernel, recurrent, bias, h.shape[-1])
    z, r = sigmoid(a(0)), sigmoid(a(1))
    n = np.tanh(a(2, r * h))
    return (z * h + (1 - z) * n,), {"z": z, "r": r, "h": n}


def minimal_gated_unit(x, states, kernel, recurrent, bias):
    (h,) = states
    a = _sum_of(x, h, kernel, recurrent, bias, h.shape[-1])
    f = sigmoid(a(0))
    n = np.tanh(a(1, f * h))
    return ((1 - f) * h + f * n,), {"f": f, "h": n}


def mut1(x, states, kernel, recurrent, bias):
    (h,), units = states, states[0].shape[-1]
    r = sigmoid(_sum_of(x, h, kernel, recurrent, bias, units)(0))
    z = sigmoid(x @ block(kernel, 2, units) + block(bias, 2, units))
    n = np.tanh(x @ block(kernel, 1, units))
    n = np.tanh(n + (r * h) @ block(recurrent, 1, units) + block(bias, 1, units))
    return (z * n + (1 - z) * h,), {"r": r, "h": n, "z": z}


def layer_norm_lstm(x, states, kernel, recurrent, bias, gain, cell_gain, cell_bias):
    h, c = states
    a = normed(x @ kernel, gain[0], bias) + normed(h @ recurrent, gain[1], None)
    i, f, g, o = (block(a, number, c.shape[-1]) for number in range(4))
    gates = {"i": sigmoid(i), "f": sigmoid(f), "c": np.tanh(g), "o": sigmoid(o)}
    c = gates["f"] * c + gates["i"] * gates["c"]
    return (gates["o"] * np.tanh(normed(c, cell_gain, cell_bias)), c), gates


def layer_norm_gru(x, states, kernel, recurrent, bias, gain):
    (h,), two = states, 2 * states[0].shape[-1]
    both = normed(x @ kernel[:, :two], gain[0, :two], bias[0, :two])
    both = both + normed(h @ recurrent[:, :two], gain[1, :two], bias[1, :two])
    z, r = (sigmoid(block(both, number, h.shape[-1])) for number in (0, 1))
    n = normed(x @ kernel[:, two:], gain[0, two:], bias[0, two:])
    n = np.tanh(n + r * normed(h @ recurrent[:, two:], gain[1, two:], bias[1, two:]))
    return ((1 - z) * h + z * n,), {"z": z, "r": r, "h": n}


def min_gru(x, states, kernel, bias):
    (h,) = states
    z, n = (x @ block(kernel, g, h.shape[-1]) + block(bias, g, h.shape[-1]) for g in (0, 1))
    z = sigmoid(z)
    return ((1 - z) * h + z * n,), {"z": z, "h": n}


def min_lstm(x, states, kernel, bias):
    """The gates are normalised: they sum up to one."""
    (h,) = states
    f, i, n = (x @ block(kernel, g, h.shape[-1]) + block(bias, g, h.shape[-1]) for g in range(3))
    f, i = sigmoid(f), sigmoid(i)
    f, i = f / (f + i), i / (f + i)
    return (f * h + i * n,), {"f": f, "i": i, "h": n}


def leaky(x, states, kernel, recurrent, bias):
    (h,) = states
    a = _sum_of(x, h, kernel, recurrent, bias, h.shape[-1])
    z, n = sigmoid(a(0)), np.tanh(a(1))
    return (z * h + (1 - z) * n,), {"z": z, "h": n}


def run(step, x, states, weights, mask=None, backwards=False):
    """All states and gates over time, in the order of x; gates NaN where masked."""
    batch, steps = x.shape[:2]
    mask = np.ones((batch, steps), bool) if mask is None else mask
    seen = {}
    for t in reversed(range(steps)) if backwards else range(steps):
        real = mask[:, t, None]
        new, gates = step(x[:, t], states, *weights)
        states = tuple(np.where(real, n, old) for n, old in zip(new, states, strict=True))
        seen[t] = states, {name: np.where(real, gate, np.nan) for name, gate in gates.items()}
    states = [np.stack(s, 1) for s in zip(*(seen[t][0] for t in range(steps)), strict=True)]
    return states, {name: np.stack([seen[t][1][name] for t in range(steps)], 1) for name in gates}
