"""One step of each cell. Weights lie as in Keras: a block of U columns for each gate."""

import numpy as np


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


ACTIVATIONS = {
    "tanh": np.tanh,
    "sigmoid": sigmoid,
    "linear": lambda a: a,
    "relu": lambda a: np.maximum(a, 0),
    "softsign": lambda a: a / (1 + np.abs(a)),
    "hard_sigmoid": lambda a: np.clip(a / 6 + 0.5, 0, 1),
}


def block(weight, number, units):
    """The columns of gate `number`; 0 stands for a bias that is not there."""
    return 0.0 if weight is None else weight[..., number * units : (number + 1) * units]


def simple_rnn(x, states, kernel, recurrent, bias=None, activation="tanh"):
    (h,) = states
    pre = x @ kernel + h @ recurrent + (0.0 if bias is None else bias)
    return (ACTIVATIONS[activation](pre),)


def lstm(
    x, states, kernel, recurrent, bias=None, activation="tanh", recurrent_activation="sigmoid"
):
    h, c = states
    gate, squash = ACTIVATIONS[recurrent_activation], ACTIVATIONS[activation]

    def pre(number):
        w, r, b = (block(weight, number, h.shape[-1]) for weight in (kernel, recurrent, bias))
        return x @ w + h @ r + b

    i, f, g, o = gate(pre(0)), gate(pre(1)), squash(pre(2)), gate(pre(3))
    c = f * c + i * g
    return o * squash(c), c


def gru(x, states, kernel, recurrent, bias=None, activation="tanh", recurrent_activation="sigmoid"):
    """The reset gate acts after the product; bias (2, 3·U), the input's row first."""
    (h,) = states
    gate, squash = ACTIVATIONS[recurrent_activation], ACTIVATIONS[activation]
    bias_x, bias_h = (None, None) if bias is None else bias

    def from_input(number):
        return x @ block(kernel, number, h.shape[-1]) + block(bias_x, number, h.shape[-1])

    def from_state(number):
        return h @ block(recurrent, number, h.shape[-1]) + block(bias_h, number, h.shape[-1])

    z = gate(from_input(0) + from_state(0))
    r = gate(from_input(1) + from_state(1))
    n = squash(from_input(2) + r * from_state(2))
    return (z * h + (1 - z) * n,)


def gru_reset_before(
    x, states, kernel, recurrent, bias=None, activation="tanh", recurrent_activation="sigmoid"
):
    """The reset gate acts on the state, before the product; bias (3·U)."""
    (h,) = states
    gate, squash = ACTIVATIONS[recurrent_activation], ACTIVATIONS[activation]

    def pre(number, state):
        w, r, b = (block(weight, number, h.shape[-1]) for weight in (kernel, recurrent, bias))
        return x @ w + state @ r + b

    z, r = gate(pre(0, h)), gate(pre(1, h))
    n = squash(pre(2, r * h))
    return (z * h + (1 - z) * n,)
