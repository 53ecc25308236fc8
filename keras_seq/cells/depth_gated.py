"""The depth-gated stack: memory that flows up through the layers as well as on in time."""

import keras
from keras import ops

from keras_seq.cells.gates import Gates
from keras_seq.cells.options import positive_integer
from keras_seq.cells.peephole import PeepholeLSTMCell


@keras.saving.register_keras_serializable("keras_seq")
class DepthGatedLSTMCell(PeepholeLSTMCell):
    r"""A stack of LSTMs with peepholes whose memories are joined by depth gates.

    In layer $l$, above layer $l - 1$, whose output is its input $x_t^l = h_t^{l-1}$,

    $$d = \sigma(W_d^\top x_t^l + b_d + w \odot c_{t-1}^l + v \odot c_t^{l-1})$$
    $$i = \sigma(W_i^\top x_t^l + b_i + R_i^\top h_{t-1}^l + p_i \odot c_{t-1}^l) \qquad
      f = \sigma(W_f^\top x_t^l + b_f + R_f^\top h_{t-1}^l + p_f \odot c_{t-1}^l)$$
    $$c_t^l = d \odot c_t^{l-1} + f \odot c_{t-1}^l +
      i \odot \tanh(W_c^\top x_t^l + b_c + R_c^\top h_{t-1}^l)$$
    $$o = \sigma(W_o^\top x_t^l + b_o + R_o^\top h_{t-1}^l + p_o \odot c_t^l) \qquad
      h_t^l = o \odot \tanh(c_t^l)$$

    The first layer has no depth gate. Its weights are those of `PeepholeLSTMCell`; each further
    layer has `kernel_l` (U, 5·U), `recurrent_kernel_l` (U, 4·U), `bias_l` (5·U) and
    `peephole_kernel_l` (5, U). Gate order: i, f, c, o, d; of the peepholes: i, f, o, then w and v.
    The options of the first layer's weights are theirs too. A layer's recurrent dropout is on the
    first layer of the stack alone.

    Args:
        units: U, the size of each state.
        depth: Number of layers, at least 1.
        **kwargs: See `PeepholeLSTMCell`.

    Call arguments:
        inputs: One time step, (B, F).
        states: h and c of each layer, the last layer first, each (B, U).

    Example:
        >>> from keras_seq.cells import DepthGatedLSTMCell
        >>> DepthGatedLSTMCell(3, depth=2).states
        ('h2', 'c2', 'h1', 'c1')

    Reference:
        Yao, Cohn, Vylomova, Duh & Dyer, "Depth-gated LSTM" (2015, arXiv 1508.03790). Peepholes are
        a weight a unit.
    """

    def __init__(self, units, *, depth=2, **kwargs):
        super().__init__(units, **kwargs)
        self.depth = positive_integer(self, "depth", depth)

    @property
    def states(self):  # type: ignore[override]
        """The last layer, which puts out, comes first."""
        return tuple(f"{s}{layer}" for layer in range(self.depth, 0, -1) for s in "hc")

    def build(self, input_shape):
        """Creates the weights of the first layer, then those of the others."""
        super().build(input_shape)
        units = self.units
        self.upper = [
            (
                self._like("kernel", (units, 5 * units), layer),
                self._like("recurrent_kernel", (units, 4 * units), layer),
                self._like("bias", (5 * units,), layer) if self.use_bias else None,
                self._like("peephole_kernel", (5, units), layer),
            )
            for layer in range(2, self.depth + 1)
        ]

    def _like(self, name, shape, layer):
        """A weight of an upper layer, with the options of its namesake in the first."""
        bias, option = name == "bias", name.removesuffix("_kernel")
        return self.add_weight(
            shape=shape,
            name=f"{name}_{layer}",
            initializer=self._upper_bias if bias else getattr(self, f"{option}_initializer"),
            regularizer=getattr(self, f"{option}_regularizer"),
            constraint=getattr(self, f"{option}_constraint"),
        )

    def _upper_bias(self, shape, dtype=None):
        depth_gate = self.bias_initializer((self.units,), dtype=dtype)
        four = self._initial_bias((4 * self.units,), dtype)
        return ops.concatenate([four, depth_gate], axis=-1)

    def step(self, x, states, recur):
        """One step of all layers, from the first to the last; see the class."""
        (h_1, c_1), *above = [(states[n], states[n + 1]) for n in range(len(states) - 2, -1, -2)]
        h, c = self._memory(x + recur(h_1, *self.gates), c_1, self.peephole_kernel)
        new = [h, c]
        for (kernel, recurrent, bias, peepholes), (h_old, c_old) in zip(
            self.upper, above, strict=True
        ):
            *x_l, depth = _gates(ops.matmul(h, kernel), bias, 5)
            r_l = _gates(ops.matmul(h_old, recurrent), None, 4)
            d = self.recurrent_activation(depth + peepholes[3] * c_old + peepholes[4] * c)
            pre = [a + b for a, b in zip(x_l, r_l, strict=True)]
            h, c = self._memory(pre, c_old, peepholes, d * c)
            new = [h, c, *new]
        return tuple(new)

    def _memory(self, pre, c, peepholes, from_below=0):
        """An LSTM with peepholes, and what comes from below added to its memory."""
        sigmoid, tanh = self.recurrent_activation, self.activation
        i, f, g, o = pre
        i, f = sigmoid(i + peepholes[0] * c), sigmoid(f + peepholes[1] * c)
        c = from_below + f * c + i * tanh(g)
        return sigmoid(o + peepholes[2] * c) * tanh(c), c


def _gates(product, bias, count):
    return Gates(product if bias is None else product + bias, count)
