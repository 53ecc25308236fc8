"""The minimal gated unit: a GRU with one gate."""

import keras

from keras_seq.cells.cell import GatedCell


@keras.saving.register_keras_serializable("keras_seq")
class MinimalGatedUnitCell(GatedCell):
    r"""Minimal gated unit, MGU.

    $$f = \sigma(W_f^\top x_t + b_f + R_f^\top h_{t-1}) \qquad
      n = \tanh(W_h^\top x_t + b_h + R_h^\top (f \odot h_{t-1}))$$
    $$h_t = (1 - f) \odot h_{t-1} + f \odot n$$

    Gate order of the weights: f, h.

    Args:
        units: U, the size of the state.
        **kwargs: See `Cell` and `GatedCell`.

    Call arguments:
        inputs: One time step, (B, F).
        states: `[h]`, (B, U).

    Example:
        >>> from keras_seq.cells import MinimalGatedUnitCell
        >>> cell = MinimalGatedUnitCell(3)
        >>> cell.build((None, 5))
        >>> tuple(cell.kernel.shape)
        (5, 6)

    Reference:
        Zhou, Wu, Zhang & Zhou, "Minimal gated unit for recurrent neural networks" (2016,
        arXiv 1603.09420).
    """

    gates = ("f", "h")

    def step(self, x, states, recur):
        """See the class."""
        sigmoid, tanh, (h,) = self.recurrent_activation, self.activation, states
        f = sigmoid(x[0] + recur(h, "f")[0])
        n = tanh(x[1] + recur(f * h, "h")[0])
        return ((1 - f) * h + f * n,)
