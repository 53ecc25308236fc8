"""Gradients: by central differences, and by back-propagation through time written by hand."""

import numpy as np

from oracle.cells import block, sigmoid


def central_differences(function, values, step=1e-6):
    """The gradient of the scalar `function(values)` with respect to each array in the list."""
    gradients = []
    for array in values:
        gradient = np.zeros_like(array)
        for index in np.ndindex(array.shape):
            kept = array[index]
            array[index] = kept + step
            above = function(values)
            array[index] = kept - step
            below = function(values)
            array[index] = kept
            gradient[index] = (above - below) / (2 * step)
        gradients.append(gradient)
    return gradients


def lstm_bptt(x, states, weights, mask, output_gradient, state_gradient):
    """Gradients of kernel, recurrent kernel, bias, x, h_0 and c_0.

    Of the loss sum(output_gradient * h_1..T) + sum of state_gradient * (h_T, c_T), where a masked
    step has kept h and c.
    """
    kernel, recurrent, bias = weights
    h, c = states
    tape = []
    for t in range(x.shape[1]):
        pre = x[:, t] @ kernel + h @ recurrent + bias
        i, f, g, o = (block(pre, number, h.shape[-1]) for number in range(4))
        i, f, g, o = sigmoid(i), sigmoid(f), np.tanh(g), sigmoid(o)
        new_c = f * c + i * g
        tape.append((h, c, i, f, g, o, np.tanh(new_c)))
        real = mask[:, t, None]
        h, c = np.where(real, o * np.tanh(new_c), h), np.where(real, new_c, c)

    d_kernel, d_recurrent, d_bias, d_x = (np.zeros_like(v) for v in (*weights, x))
    d_h, d_c = state_gradient
    for t in reversed(range(x.shape[1])):
        h, c, i, f, g, o, squashed = tape[t]
        real = mask[:, t, None]
        d_h = d_h + output_gradient[:, t]
        d_out, d_cell = d_h * real, d_c * real
        d_cell = d_cell + d_out * o * (1 - squashed**2)
        d_pre = np.concatenate(
            [
                d_cell * g * i * (1 - i),
                d_cell * c * f * (1 - f),
                d_cell * i * (1 - g**2),
                d_out * squashed * o * (1 - o),
            ],
            axis=-1,
        )
        d_kernel += x[:, t].T @ d_pre
        d_recurrent += h.T @ d_pre
        d_bias += d_pre.sum(axis=0)
        d_x[:, t] = d_pre @ kernel.T
        d_h = d_h * ~real + d_pre @ recurrent.T
        d_c = d_c * ~real + d_cell * f
    return [d_kernel, d_recurrent, d_bias, d_x, d_h, d_c]


def gru_bptt(x, states, weights, mask, output_gradient, state_gradient):
    """The same for the GRU that resets after the product: kernel, recurrent, bias, x and h_0."""
    kernel, recurrent, bias = weights
    (h,) = states
    tape = []
    for t in range(x.shape[1]):
        from_x, from_h = x[:, t] @ kernel + bias[0], h @ recurrent + bias[1]
        x_z, x_r, x_n = (block(from_x, number, h.shape[-1]) for number in range(3))
        h_z, h_r, h_n = (block(from_h, number, h.shape[-1]) for number in range(3))
        z, r = sigmoid(x_z + h_z), sigmoid(x_r + h_r)
        n = np.tanh(x_n + r * h_n)
        tape.append((h, z, r, n, h_n))
        h = np.where(mask[:, t, None], z * h + (1 - z) * n, h)

    d_kernel, d_recurrent, d_bias, d_x = (np.zeros_like(v) for v in (*weights, x))
    (d_h,) = state_gradient
    for t in reversed(range(x.shape[1])):
        h, z, r, n, h_n = tape[t]
        real = mask[:, t, None]
        d_h = d_h + output_gradient[:, t]
        d_new = d_h * real
        d_n = d_new * (1 - z) * (1 - n**2)
        d_z = d_new * (h - n) * z * (1 - z)
        d_r = d_n * h_n * r * (1 - r)
        d_from_x = np.concatenate([d_z, d_r, d_n], axis=-1)
        d_from_h = np.concatenate([d_z, d_r, d_n * r], axis=-1)
        d_kernel += x[:, t].T @ d_from_x
        d_recurrent += h.T @ d_from_h
        d_bias += np.stack([d_from_x.sum(axis=0), d_from_h.sum(axis=0)])
        d_x[:, t] = d_from_x @ kernel.T
        d_h = d_h * ~real + d_new * z + d_from_h @ recurrent.T
    return [d_kernel, d_recurrent, d_bias, d_x, d_h]
