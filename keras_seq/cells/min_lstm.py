"""The LSTM without recurrent products."""

import keras
from keras import ops

from keras_seq.cells.linear_cell import LinearCell


@keras.saving.register_keras_serializable("keras_seq")
class MinLSTMCell(LinearCell):
    r"""Minimal long short-term memory: gates and candidate see the input alone, one state.

    $$f = \sigma(W_f^\top x_t + b_f) \qquad i = \sigma(W_i^\top x_t + b_i) \qquad
      \tilde{h} = W_h^\top x_t + b_h$$
    $$f' = \frac{f}{f + i} \qquad i' = \frac{i}{f + i} \qquad
      h_t = f' \odot h_{t-1} + i' \odot \tilde{h}$$

    Gate order of the weights: f, i, h.

    Args:
        units: U, the size of the state.
        activation: Non-linearity of the candidate; none, as in the paper.
        **kwargs: See `Cell`.

    Call arguments:
        inputs: One time step, (B, F).
        states: `[h]`, (B, U).

    Example:
        >>> from keras_seq.cells import MinLSTMCell
        >>> MinLSTMCell(3).gates
        ('f', 'i', 'h')

    Reference:
        Feng, Tung, Ahmed, Bengio & Hajimirsadeghi, "Were RNNs all we needed?" (2024, arXiv
        2410.01201), in its plain form, as `MinGRUCell`.
    """

    gates = ("f", "i", "h")

    def __init__(self, units, *, activation="linear", **kwargs):
        super().__init__(units, activation=activation, **kwargs)

    def coefficients(self, x):
        """See the class."""
        f, i = x[0], x[1]
        # The quotients by logarithms: f + i may be zero in floating point.
        ratio = ops.log_sigmoid(f) - ops.log_sigmoid(i)
        return ops.sigmoid(ratio), ops.sigmoid(-ratio) * self.activation(x[2])
