"""The independently recurrent cell: each unit sees its own past alone."""

import keras

from keras_seq.cells.cell import Cell
from keras_seq.cells.gates import Gates


@keras.saving.register_keras_serializable("keras_seq")
class IndRNNCell(Cell):
    r"""Independently recurrent cell.

    $$h_t = \mathrm{relu}(W^\top x_t + b + u \odot h_{t-1})$$

    The `recurrent_kernel` u is a vector, (U). With relu, units with |u| above 1 grow with the
    length of the sequence; the paper holds |u| below $2^{1/T}$, as
    `recurrent_constraint=MaxMagnitude(2 ** (1 / T))` does.

    Args:
        units: U, the size of the state.
        activation: Non-linearity of the state.
        recurrent_initializer: Initial values of u; if not given, uniform in [0, 1].
        **kwargs: See `Cell`.

    Call arguments:
        inputs: One time step, (B, F).
        states: `[h]`, (B, U).

    Example:
        >>> from keras_seq.cells import IndRNNCell
        >>> cell = IndRNNCell(3)
        >>> cell.build((None, 5))
        >>> tuple(cell.recurrent_kernel.shape)
        (3,)

    Reference:
        Li, Li, Cook, Zhu & Gao, "Independently recurrent neural network (IndRNN): building a longer
        and deeper RNN" (2018, arXiv 1803.04831), eq. 4.
    """

    gates = ("h",)

    def __init__(self, units, *, activation="relu", recurrent_initializer=None, **kwargs):
        if recurrent_initializer is None:
            recurrent_initializer = keras.initializers.RandomUniform(0.0, 1.0)
        super().__init__(
            units,
            activation=activation,
            recurrent_initializer=recurrent_initializer,
            **kwargs,
        )

    @property
    def recurrent_shape(self):
        """A vector, (U)."""
        return (self.units,)

    def recur(self, h, *gates):
        """Each unit times its own weight."""
        return Gates(h * self.recurrent_kernel, 1)

    def combine(self, x, r, states):
        """See the class."""
        return (self.activation(x[0] + r[0]),)
