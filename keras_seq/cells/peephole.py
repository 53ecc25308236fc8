"""Peepholes: gates that look at the cell's memory."""

import keras

from keras_seq.cells.cell import GatedCell
from keras_seq.cells.lstm import ForgetGateCell
from keras_seq.cells.options import converted


class PeepholeCell(GatedCell):
    """A cell with memory c and gates that see it, each unit its own: a weight each, no matrix.

    Class attributes:
        peepholes: Names of the gates that see c: the rows of `peephole_kernel`, in order.

    Args:
        units: U, the size of each state.
        peephole_initializer: Initial values of `peephole_kernel`.
        peephole_regularizer: Penalty on `peephole_kernel`.
        peephole_constraint: Constraint on `peephole_kernel`.
        **kwargs: See `Cell` and `GatedCell`.
    """

    states: tuple[str, ...] = ("h", "c")
    peepholes: tuple[str, ...] = ("i", "f", "o")

    def __init__(
        self,
        units,
        *,
        peephole_initializer="random_uniform",
        peephole_regularizer=None,
        peephole_constraint=None,
        **kwargs,
    ):
        super().__init__(units, **kwargs)
        self.peephole_initializer = converted("initializer", peephole_initializer)
        self.peephole_regularizer = converted("regularizer", peephole_regularizer)
        self.peephole_constraint = converted("constraint", peephole_constraint)

    def build(self, input_shape):
        """Creates `peephole_kernel`, a row of U for each peephole, after the weights of `Cell`."""
        super().build(input_shape)
        self.peephole_kernel = self.add_weight(
            shape=(len(self.peepholes), self.units),
            name="peephole_kernel",
            initializer=self.peephole_initializer,
            regularizer=self.peephole_regularizer,
            constraint=self.peephole_constraint,
        )

    def peephole_weights(self):
        """The rows of `peephole_kernel`, one (U) for each of the `peepholes`."""
        return [self.peephole_kernel[row] for row in range(len(self.peepholes))]


@keras.saving.register_keras_serializable("keras_seq")
class PeepholeLSTMCell(PeepholeCell, ForgetGateCell):
    r"""Long short-term memory with peepholes, the vanilla LSTM of the literature.

    $$i = \sigma(W_i^\top x_t + b_i + R_i^\top h_{t-1} + p_i \odot c_{t-1}) \qquad
      f = \sigma(W_f^\top x_t + b_f + R_f^\top h_{t-1} + p_f \odot c_{t-1})$$
    $$g = \tanh(W_c^\top x_t + b_c + R_c^\top h_{t-1}) \qquad
      c_t = f \odot c_{t-1} + i \odot g$$
    $$o = \sigma(W_o^\top x_t + b_o + R_o^\top h_{t-1} + p_o \odot c_t) \qquad
      h_t = o \odot \tanh(c_t)$$

    Gate order of the weights: i, f, c, o. `peephole_kernel` (3, U) holds $p_i, p_f, p_o$.

    Args:
        units: U, the size of each state.
        unit_forget_bias: Whether the forget gate's bias starts at one.
        peephole_initializer: Initial values of `peephole_kernel`.
        peephole_regularizer: Penalty on `peephole_kernel`.
        peephole_constraint: Constraint on `peephole_kernel`.
        **kwargs: See `Cell` and `GatedCell`.

    Call arguments:
        inputs: One time step, (B, F).
        states: `[h, c]`, each (B, U).

    Example:
        >>> from keras_seq.cells import PeepholeLSTMCell
        >>> cell = PeepholeLSTMCell(3)
        >>> cell.build((None, 5))
        >>> tuple(cell.peephole_kernel.shape)
        (3, 3)

    Reference:
        Gers & Schmidhuber, "Recurrent nets that time and count" (2000); in this form Greff et al.,
        "LSTM: a search space odyssey" (arXiv 1503.04069).
    """

    gates: tuple[str, ...] = ("i", "f", "c", "o")

    def combine(self, x, r, states):
        """See the class."""
        sigmoid, tanh, (_, c) = self.recurrent_activation, self.activation, states
        p_i, p_f, p_o = self.peephole_weights()
        i, f, g, o = x + r
        c = sigmoid(f + p_f * c) * c + sigmoid(i + p_i * c) * tanh(g)
        return sigmoid(o + p_o * c) * tanh(c), c
