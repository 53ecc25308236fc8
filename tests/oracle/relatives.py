"""One step of each relative of the LSTM and of the GRU, and of the independently recurrent cell.

`kernel`, `recurrent` and `bias` lie as in `oracle.cells`; what else there is, is named.
"""

import numpy as np

from oracle.cells import ACTIVATIONS, block, sigmoid


def _pre(x, h, kernel, recurrent, bias, units):
    """Function of a gate's number: W x + b + R h."""

    def pre(number):
        w, r, b = (block(weight, number, units) for weight in (kernel, recurrent, bias))
        return x @ w + h @ r + b

    return pre


def odyssey(
    variant,
    x,
    states,
    kernel,
    recurrent,
    peephole=None,
    bias=None,
    gate_kernel=None,
    activation="tanh",
    recurrent_activation="sigmoid",
):
    """The vanilla LSTM of Greff et al. and its variants: one rule for each gate, as a table."""
    h, c, *before = states
    names = {"NIG": "fco", "NFG": "ico", "CIFG": "ico", "NOG": "ifc"}.get(variant, "ifco")
    pre = _pre(x, h, kernel, recurrent, bias, c.shape[-1])
    gate, squash = ACTIVATIONS[recurrent_activation], ACTIVATIONS[activation]
    seeing = [name for name in names if name != "c"]

    def activated(name, memory):
        value = pre(names.index(name))
        if variant != "NP":
            value = value + peephole[seeing.index(name)] * memory
        if variant == "FGR":
            number = seeing.index(name)
            columns = block(gate_kernel, number, c.shape[-1])
            for row, old in enumerate(before):
                value = value + old @ columns[row * c.shape[-1] : (row + 1) * c.shape[-1]]
        return gate(value)

    i = activated("i", c) if "i" in names else np.ones_like(c)
    f = activated("f", c) if "f" in names else 1 - i if variant == "CIFG" else np.ones_like(c)
    g = pre(names.index("c")) if variant == "NIAF" else squash(pre(names.index("c")))
    c = f * c + i * g
    o = activated("o", c) if "o" in names else np.ones_like(c)
    h = o * (c if variant == "NOAF" else squash(c))
    return (h, c, i, f, o) if variant == "FGR" else (h, c)


def coupled_lstm(
    x, states, kernel, recurrent, bias=None, activation="tanh", recurrent_activation="sigmoid"
):
    h, c = states
    pre = _pre(x, h, kernel, recurrent, bias, c.shape[-1])
    gate, squash = ACTIVATIONS[recurrent_activation], ACTIVATIONS[activation]
    i, g, o = gate(pre(0)), squash(pre(1)), gate(pre(2))
    c = c + i * (g - c)
    return o * squash(c), c


def projected_lstm(x, states, kernel, recurrent, projection, bias=None):
    h, c = states
    pre = _pre(x, h, kernel, recurrent, bias, c.shape[-1])
    c = sigmoid(pre(1)) * c + sigmoid(pre(0)) * np.tanh(pre(2))
    return (sigmoid(pre(3)) * np.tanh(c)) @ projection, c


def normed(a, gain, shift, epsilon=1e-5):
    """Row by row."""
    rows = [(row - row.mean()) / np.sqrt(row.var() + epsilon) for row in a]
    return np.stack(rows) * gain + (0.0 if shift is None else shift)


def layer_norm_lstm(
    x, states, kernel, recurrent, gain, cell_gain, bias=None, cell_bias=None, epsilon=1e-5
):
    h, c = states
    pre = normed(x @ kernel, gain[0], bias, epsilon) + normed(h @ recurrent, gain[1], None, epsilon)
    i, f, g, o = (block(pre, number, c.shape[-1]) for number in range(4))
    c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    return sigmoid(o) * np.tanh(normed(c, cell_gain, cell_bias, epsilon)), c


def layer_norm_gru(x, states, kernel, recurrent, gain, bias=None, epsilon=1e-5):
    (h,) = states
    two = 2 * h.shape[-1]
    shifts = [None] * 4
    if bias is not None:
        shifts = [bias[0, :two], bias[1, :two], bias[0, two:], bias[1, two:]]
    both = normed(x @ kernel[:, :two], gain[0, :two], shifts[0], epsilon)
    both = both + normed(h @ recurrent[:, :two], gain[1, :two], shifts[1], epsilon)
    z, r = (sigmoid(block(both, number, h.shape[-1])) for number in (0, 1))
    from_x = normed(x @ kernel[:, two:], gain[0, two:], shifts[2], epsilon)
    from_h = normed(h @ recurrent[:, two:], gain[1, two:], shifts[3], epsilon)
    return (h + z * (np.tanh(from_x + r * from_h) - h),)


def minimal_gated_unit(x, states, kernel, recurrent, bias=None):
    (h,) = states
    f = sigmoid(_pre(x, h, kernel, recurrent, bias, h.shape[-1])(0))
    n = np.tanh(_pre(x, f * h, kernel, recurrent, bias, h.shape[-1])(1))
    return (h + f * (n - h),)


def mutated(number, x, states, kernel, recurrent, bias=None):
    """MUT1, MUT2 and MUT3; gates r, h, z."""
    (h,) = states
    units = h.shape[-1]
    w_r, w_h, w_z = (block(kernel, gate, units) for gate in range(3))
    r_r, r_h, r_z = (block(recurrent, gate, units) for gate in range(3))
    b_r, b_h, b_z = (block(bias, gate, units) for gate in range(3))
    if number == 1:
        z = sigmoid(x @ w_z + b_z)
    else:
        z = sigmoid(x @ w_z + (np.tanh(h) if number == 3 else h) @ r_z + b_z)
    r = sigmoid(x @ w_r + h @ r_r + b_r)
    from_x = np.tanh(x @ w_h) if number == 1 else x @ w_h
    n = np.tanh((r * h) @ r_h + from_x + b_h)
    return (n * z + h * (1 - z),)


def ind_rnn(x, states, kernel, recurrent, bias=None, activation="relu"):
    (h,) = states
    pre = x @ kernel + h @ np.diag(recurrent) + (0.0 if bias is None else bias)
    return (ACTIVATIONS[activation](pre),)


def min_gru(x, states, kernel, bias=None, activation="linear"):
    (h,) = states
    units = h.shape[-1]
    shift = np.zeros(2 * units) if bias is None else bias
    z = sigmoid(x @ kernel[:, :units] + shift[:units])
    candidate = ACTIVATIONS[activation](x @ kernel[:, units:] + shift[units:])
    return (h + z * (candidate - h),)


def min_lstm(x, states, kernel, bias=None):
    (h,) = states
    pre = x @ kernel + (0.0 if bias is None else bias)
    f, i, candidate = np.split(pre, 3, axis=-1)
    f, i = sigmoid(f), sigmoid(i)
    return (f / (f + i) * h + i / (f + i) * candidate,)


def depth_gated_lstm(x, states, kernel, recurrent, bias=None, peephole=None, **above):
    """Layer by layer; states and weights of the layers above the first are numbered."""
    depth, units = len(states) // 2, states[0].shape[-1]
    old = {depth - n: (states[2 * n], states[2 * n + 1]) for n in range(depth)}
    new, below = [], None
    for layer in range(1, depth + 1):
        if layer > 1:
            kernel, recurrent, peephole = (
                above[f"{name}_{layer}"] for name in ("kernel", "recurrent", "peephole")
            )
            bias = above.get(f"bias_{layer}")
            x = new[0]
        h, c = old[layer]
        pre = x @ kernel + (0.0 if bias is None else bias)
        pre[:, : 4 * units] += h @ recurrent
        i = sigmoid(pre[:, :units] + peephole[0] * c)
        f = sigmoid(pre[:, units : 2 * units] + peephole[1] * c)
        memory = f * c + i * np.tanh(pre[:, 2 * units : 3 * units])
        if layer > 1:
            gate = pre[:, 4 * units :] + peephole[3] * c + peephole[4] * below
            memory = memory + sigmoid(gate) * below
        o = sigmoid(pre[:, 3 * units : 4 * units] + peephole[2] * memory)
        new = [o * np.tanh(memory), memory, *new]
        below = memory
    return tuple(new)
