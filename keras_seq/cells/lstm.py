"""The long short-term memory cell."""

import keras

from keras_seq.cells.cell import GatedCell


class ForgetGateCell(GatedCell):
    """A cell whose forget gate f may start open.

    Args:
        units: U, the size of each state.
        unit_forget_bias: Whether the forget gate's bias starts at one.
        **kwargs: See `Cell` and `GatedCell`.
    """

    def __init__(self, units, *, unit_forget_bias=True, **kwargs):
        super().__init__(units, **kwargs)
        self.unit_forget_bias = unit_forget_bias

    @property
    def open_gates(self):  # type: ignore[override]
        """The forget gate, if so wished."""
        return ("f",) if self.unit_forget_bias else ()


@keras.saving.register_keras_serializable("keras_seq")
class LSTMCell(ForgetGateCell):
    r"""Long short-term memory, with a forget gate and without peepholes.

    $$i = \sigma(W_i^\top x_t + b_i + R_i^\top h_{t-1}) \qquad
      f = \sigma(W_f^\top x_t + b_f + R_f^\top h_{t-1})$$
    $$o = \sigma(W_o^\top x_t + b_o + R_o^\top h_{t-1}) \qquad
      g = \tanh(W_c^\top x_t + b_c + R_c^\top h_{t-1})$$
    $$c_t = f \odot c_{t-1} + i \odot g \qquad h_t = o \odot \tanh(c_t)$$

    Gate order of the weights: i, f, c, o, as in `keras.layers.LSTM`.

    Args:
        units: U, the size of each state.
        unit_forget_bias: Whether the forget gate's bias starts at one.
        **kwargs: See `Cell` and `GatedCell`.

    Call arguments:
        inputs: One time step, (B, F).
        states: `[h, c]`, each (B, U).

    Example:
        >>> from keras import ops
        >>> from keras_seq.cells import LSTMCell
        >>> cell = LSTMCell(3)
        >>> output, (h, c) = cell(ops.ones((2, 5)), cell.get_initial_state(2))
        >>> tuple(output.shape), tuple(c.shape)
        ((2, 3), (2, 3))

    Reference:
        Hochreiter & Schmidhuber, "Long short-term memory" (1997); the forget gate is that of
        Gers, Schmidhuber & Cummins (2000). Its open start makes it the LSTM that Jozefowicz et al.
        (2015) found to be as good as any of their mutations: there is no other class for that one.
    """

    gates = ("i", "f", "c", "o")
    states = ("h", "c")

    def combine(self, x, r, states):
        """See the class."""
        sigmoid, tanh = self.recurrent_activation, self.activation
        i, f, g, o = x + r
        c = sigmoid(f) * states[1] + sigmoid(i) * tanh(g)
        return sigmoid(o) * tanh(c), c
