"""The GRU without recurrent products."""

import keras
from keras import ops

from keras_seq.cells.linear_cell import LinearCell


@keras.saving.register_keras_serializable("keras_seq")
class MinGRUCell(LinearCell):
    r"""Minimal gated recurrent unit: the GRU whose gate and candidate see the input alone.

    $$z = \sigma(W_z^\top x_t + b_z) \qquad \tilde{h} = W_h^\top x_t + b_h$$
    $$h_t = (1 - z) \odot h_{t-1} + z \odot \tilde{h}$$

    Gate order of the weights: z, h.

    Args:
        units: U, the size of the state.
        activation: Non-linearity of the candidate; none, as in the paper.
        **kwargs: See `Cell`.

    Call arguments:
        inputs: One time step, (B, F).
        states: `[h]`, (B, U).

    Example:
        >>> from keras_seq.cells import MinGRUCell
        >>> MinGRUCell(3).gates
        ('z', 'h')

    Reference:
        Feng, Tung, Ahmed, Bengio & Hajimirsadeghi, "Were RNNs all we needed?" (2024, arXiv
        2410.01201). This is its plain form. The form in log space of its appendix needs a positive
        candidate, and is another function; a scan over chunks needs no logarithms.
    """

    gates = ("z", "h")

    def __init__(self, units, *, activation="linear", **kwargs):
        super().__init__(units, activation=activation, **kwargs)

    def coefficients(self, x):
        """See the class."""
        z = ops.sigmoid(x[0])
        return 1 - z, z * self.activation(x[1])
