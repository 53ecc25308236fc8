"""Two cells that no library has ready, as a user writes them: equations and their weights."""

from keras import ops

from keras_seq.cells import GatedCell, Gates


class PeepholeLSTMCell(GatedCell):
    r"""Long short-term memory whose gates see the cell state.

    $$i = \sigma(x_i + r_i + p_i \odot c_{t-1}) \qquad
      f = \sigma(x_f + r_f + p_f \odot c_{t-1}) \qquad g = \tanh(x_c + r_c)$$
    $$c_t = f \odot c_{t-1} + i \odot g \qquad
      h_t = \sigma(x_o + r_o + p_o \odot c_t) \odot \tanh(c_t)$$

    Reference:
        Gers & Schmidhuber, "Recurrent nets that time and count" (2000).
    """

    gates, states, open_gates = ("i", "f", "c", "o"), ("h", "c"), ("f",)

    def build(self, input_shape):
        """Adds the three peepholes, each (U,)."""
        super().build(input_shape)
        self.peephole_i = self.add_weight(
            shape=(self.units,), initializer="zeros", name="peephole_i"
        )
        self.peephole_f = self.add_weight(
            shape=(self.units,), initializer="zeros", name="peephole_f"
        )
        self.peephole_o = self.add_weight(
            shape=(self.units,), initializer="zeros", name="peephole_o"
        )

    def combine(self, x, r, states):
        """See the class."""
        sigmoid, tanh, c = self.recurrent_activation, self.activation, states[1]
        i, f, g, o = x + r
        new = sigmoid(f + self.peephole_f * c) * c + sigmoid(i + self.peephole_i * c) * tanh(g)
        return sigmoid(o + self.peephole_o * new) * tanh(new), new


class LayerNormLSTMCell(GatedCell):
    r"""Long short-term memory with layer normalization of both products and of the cell state.

    $$i, f, g, o = \alpha_x \odot N(x) + \alpha_r \odot N(r) + \beta, \qquad
      N(v) = \frac{v - \mathrm{mean}(v)}{\sqrt{\mathrm{var}(v) + 10^{-5}}}$$
    $$c_t = \sigma(f) \odot c_{t-1} + \sigma(i) \odot \tanh(g) \qquad
      h_t = \sigma(o) \odot \tanh(\alpha_c \odot N(c_t) + \beta_c)$$

    Mean and variance are those of all gates together, as in the paper.

    Reference:
        Ba, Kiros & Hinton, "Layer normalization" (2016).
    """

    gates, states = ("i", "f", "c", "o"), ("h", "c")

    def build(self, input_shape):
        """Adds gains and offsets of the norms, (4·U,) for the gates and (U,) for the state."""
        super().build(input_shape)
        columns = len(self.gates) * self.units
        self.input_gain = self.add_weight(shape=(columns,), initializer="ones", name="input_gain")
        self.recurrent_gain = self.add_weight(
            shape=(columns,), initializer="ones", name="recurrent_gain"
        )
        self.offset = self.add_weight(shape=(columns,), initializer="zeros", name="offset")
        self.state_gain = self.add_weight(
            shape=(self.units,), initializer="ones", name="state_gain"
        )
        self.state_offset = self.add_weight(
            shape=(self.units,), initializer="zeros", name="state_offset"
        )

    def combine(self, x, r, states):
        """See the class."""
        sigmoid, tanh = self.recurrent_activation, self.activation
        normal = self.input_gain * _norm(x.product) + self.recurrent_gain * _norm(r.product)
        i, f, g, o = Gates(normal + self.offset, len(self.gates))
        c = sigmoid(f) * states[1] + sigmoid(i) * tanh(g)
        return sigmoid(o) * tanh(self.state_gain * _norm(c) + self.state_offset), c


def _norm(values):
    mean, variance = ops.moments(values, axes=-1, keepdims=True)
    return (values - mean) * ops.rsqrt(variance + 1e-5)
