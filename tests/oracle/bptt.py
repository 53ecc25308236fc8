"""Back-propagation through time, written by hand: outputs, final states and all gradients.

Each cell is two functions of one step. `forward` takes the products of the input and of the state,
(B, G·U) with their biases, the old states and the weights of its own; it gives the new states and
what `backward` reads. `backward` takes the gradients of the new states; it gives those of the two
products, of the old states (but for what goes through the product) and of its own weights.
"""

import numpy as np

from oracle.cells import sigmoid


def split(values, number):
    return np.split(values, number, axis=-1)


def join(parts):
    return np.concatenate(parts, axis=-1)


class SimpleRNN:
    gates = 1

    @staticmethod
    def forward(x, r, states, own):
        h = np.tanh(x + r)
        return (h,), h

    @staticmethod
    def backward(h, d_states, own):
        d = d_states[0] * (1 - h**2)
        return d, d, (0.0,), []


class LSTM:
    """With peepholes p (3, U) to i, f and o, if it is given any."""

    gates = 4

    @staticmethod
    def forward(x, r, states, own):
        p, c = own[0] if own else np.zeros(3), states[1]
        i, f, g, o = split(x + r, 4)
        i, f, g = sigmoid(i + p[0] * c), sigmoid(f + p[1] * c), np.tanh(g)
        new = f * c + i * g
        o, squashed = sigmoid(o + p[2] * new), np.tanh(new)
        return (o * squashed, new), (c, i, f, g, o, new, squashed)

    @staticmethod
    def backward(saved, d_states, own):
        (c, i, f, g, o, new, squashed), (d_h, d_c) = saved, d_states
        p = own[0] if own else np.zeros(3)
        d_o = d_h * squashed * o * (1 - o)
        d_new = d_c + d_h * o * (1 - squashed**2) + d_o * p[2]
        d_i, d_f = d_new * g * i * (1 - i), d_new * c * f * (1 - f)
        d = join([d_i, d_f, d_new * i * (1 - g**2), d_o])
        d_p = [np.sum(part, axis=0) for part in (d_i * c, d_f * c, d_o * new)]
        return d, d, (0.0, d_new * f + d_i * p[0] + d_f * p[1]), [np.stack(d_p)] if own else []


class GRU:
    """The reset gate acts after the product."""

    gates = 3

    @staticmethod
    def forward(x, r, states, own):
        (x_z, x_r, x_n), (h_z, h_r, h_n), (h,) = split(x, 3), split(r, 3), states
        z, r = sigmoid(x_z + h_z), sigmoid(x_r + h_r)
        n = np.tanh(x_n + r * h_n)
        return (z * h + (1 - z) * n,), (h, z, r, n, h_n)

    @staticmethod
    def backward(saved, d_states, own):
        (h, z, r, n, h_n), (d_new,) = saved, d_states
        d_z, d_n = d_new * (h - n) * z * (1 - z), d_new * (1 - z) * (1 - n**2)
        d_r = d_n * h_n * r * (1 - r)
        return join([d_z, d_r, d_n]), join([d_z, d_r, d_n * r]), (d_new * z,), []


def product(values, kernel, drop):
    """Each gate drops values of its own: `drop` (G, B, width of the values)."""
    return join([(values * m) @ w for m, w in zip(drop, split(kernel, len(drop)), strict=True)])


def product_back(values, kernel, drop, d):
    """The gradients of the values and of the kernel."""
    gates = list(zip(drop, split(kernel, len(drop)), split(d, len(drop)), strict=True))
    d_kernel = join([(values * m).T @ d_gate for m, _, d_gate in gates])
    return sum(m * (d_gate @ w.T) for m, w, d_gate in gates), d_kernel


def back_propagate(cell, weights, x, states, d_outputs, d_states, mask=None, drop=None):
    """What the cell gives, and the gradients of the sum of it, weighted by the d's.

    Args:
        cell: One of the above.
        weights: kernel, recurrent kernel, bias, weights of its own.
        x: (B, T, F).
        states: Initial states, each (B, U).
        d_outputs: (B, T, U).
        d_states: Of the final states, each (B, U).
        mask: (B, T). A masked step keeps the states; the output is zero before the first real one.
        drop: Masks of the input and of the state, each (G, B, width).

    Returns:
        [outputs, each final state], [gradients of each weight, of x, of each initial state].
    """
    kernel, recurrent, bias, *own = weights
    of_input, of_state = bias if bias.ndim == 2 else (bias, 0.0)
    mask = np.ones(x.shape[:2], bool) if mask is None else mask
    seen = np.maximum.accumulate(mask, axis=1)[..., None]
    drop_x, drop_h = drop or (np.ones((cell.gates, 1, 1)),) * 2
    outputs, tape = np.zeros_like(d_outputs), []
    for t in range(x.shape[1]):
        real, h = mask[:, t, None], states[0]
        from_x = product(x[:, t], kernel, drop_x) + of_input
        from_h = product(h, recurrent, drop_h) + of_state
        new, saved = cell.forward(from_x, from_h, states, own)
        states = [np.where(real, n, old) for n, old in zip(new, states, strict=True)]
        outputs[:, t] = states[0] * seen[:, t]
        tape.append((h, saved))

    d_kernel, d_recurrent, d_bias, *d_own = (np.zeros_like(w) for w in weights)
    d_x, d_states = np.zeros_like(x), list(d_states)
    for t in reversed(range(x.shape[1])):
        real, (h, saved) = mask[:, t, None], tape[t]
        d_states[0] = d_states[0] + d_outputs[:, t] * seen[:, t]
        d_from_x, d_from_h, d_old, d_here = cell.backward(saved, [d * real for d in d_states], own)
        d_states = [d * ~real + old for d, old in zip(d_states, d_old, strict=True)]
        d_x[:, t], more_kernel = product_back(x[:, t], kernel, drop_x, d_from_x)
        d_h, more_recurrent = product_back(h, recurrent, drop_h, d_from_h)
        d_states[0] = d_states[0] + d_h
        sums = d_from_x.sum(axis=0), d_from_h.sum(axis=0)
        d_bias += np.stack(sums) if bias.ndim == 2 else sums[0]
        d_kernel, d_recurrent = d_kernel + more_kernel, d_recurrent + more_recurrent
        d_own = [d + more for d, more in zip(d_own, d_here, strict=True)]
    return [outputs, *states], [d_kernel, d_recurrent, d_bias, *d_own, d_x, *d_states]
