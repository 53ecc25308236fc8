"""The LSTM with coupled gates, and with a projection."""

import keras
from keras import ops

from keras_seq.cells.cell import GatedCell
from keras_seq.cells.lstm import LSTMCell
from keras_seq.cells.options import converted, positive_integer


@keras.saving.register_keras_serializable("keras_seq")
class CoupledLSTMCell(GatedCell):
    r"""The LSTM whose forget gate is what the input gate leaves, f = 1 - i.

    $$i = \sigma(W_i^\top x_t + b_i + R_i^\top h_{t-1}) \qquad
      o = \sigma(W_o^\top x_t + b_o + R_o^\top h_{t-1})$$
    $$g = \tanh(W_c^\top x_t + b_c + R_c^\top h_{t-1}) \qquad
      c_t = (1 - i) \odot c_{t-1} + i \odot g \qquad h_t = o \odot \tanh(c_t)$$

    Gate order of the weights: i, c, o.

    Args:
        units: U, the size of each state.
        **kwargs: See `Cell` and `GatedCell`.

    Call arguments:
        inputs: One time step, (B, F).
        states: `[h, c]`, each (B, U).

    Example:
        >>> from keras_seq.cells import CoupledLSTMCell
        >>> cell = CoupledLSTMCell(3)
        >>> cell.build((None, 5))
        >>> tuple(cell.kernel.shape)
        (5, 9)

    Reference:
        Greff et al., "LSTM: a search space odyssey" (arXiv 1503.04069), CIFG, here without
        peepholes; with them it is `CoupledPeepholeLSTMCell`.
    """

    gates = ("i", "c", "o")
    states = ("h", "c")

    def combine(self, x, r, states):
        """See the class."""
        sigmoid, tanh = self.recurrent_activation, self.activation
        i, g, o = x + r
        i = sigmoid(i)
        c = (1 - i) * states[1] + i * tanh(g)
        return sigmoid(o) * tanh(c), c


@keras.saving.register_keras_serializable("keras_seq")
class ProjectedLSTMCell(LSTMCell):
    r"""The LSTM whose output is projected to fewer columns, and so is what goes back into it.

    $$c_t = f \odot c_{t-1} + i \odot g \qquad h_t = P^\top (o \odot \tanh(c_t))$$

    The gates are those of `LSTMCell`; `recurrent_kernel` is (P, 4·U), `projection_kernel` (U, P).

    Args:
        units: U, the size of c.
        projection_units: P, the size of h and of the output; U if not given.
        projection_initializer: Initial values of `projection_kernel`.
        projection_regularizer: Penalty on `projection_kernel`.
        projection_constraint: Constraint on `projection_kernel`.
        **kwargs: `unit_forget_bias`, and see `Cell` and `GatedCell`.

    Call arguments:
        inputs: One time step, (B, F).
        states: `[h, c]`, (B, P) and (B, U).

    Returns:
        The output (B, P) and the list of new states.

    Raises:
        ValueError: `units` or `projection_units` is not a positive integer.

    Example:
        >>> from keras_seq.cells import ProjectedLSTMCell
        >>> ProjectedLSTMCell(8, projection_units=3).state_size
        [3, 8]

    Reference:
        Sak, Senior & Beaufays, "Long short-term memory based recurrent neural network architectures
        for large vocabulary speech recognition" (2014, arXiv 1402.1128). As `torch.nn.LSTM` with
        `proj_size`: without the paper's peepholes and without its second projection, which is not
        recurrent (a `Dense` layer on the output does the same).
    """

    def __init__(
        self,
        units,
        *,
        projection_units=None,
        projection_initializer="glorot_uniform",
        projection_regularizer=None,
        projection_constraint=None,
        **kwargs,
    ):
        super().__init__(units, **kwargs)
        projection_units = self.units if projection_units is None else projection_units
        self.projection_units = positive_integer(self, "projection_units", projection_units)
        self.projection_initializer = converted("initializer", projection_initializer)
        self.projection_regularizer = converted("regularizer", projection_regularizer)
        self.projection_constraint = converted("constraint", projection_constraint)

    @property
    def widths(self):
        """P columns of h, U of c."""
        return self.projection_units, self.units

    def build(self, input_shape):
        """Creates `projection_kernel` after the weights of `Cell`."""
        super().build(input_shape)
        self.projection_kernel = self.add_weight(
            shape=(self.units, self.projection_units),
            name="projection_kernel",
            initializer=self.projection_initializer,
            regularizer=self.projection_regularizer,
            constraint=self.projection_constraint,
        )

    def combine(self, x, r, states):
        """See the class."""
        m, c = super().combine(x, r, states)
        return ops.matmul(m, self.projection_kernel), c
