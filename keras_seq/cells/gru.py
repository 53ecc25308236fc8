"""The gated recurrent unit, in both reset conventions."""

import keras

from keras_seq.cells.cell import Cell, GatedCell


@keras.saving.register_keras_serializable("keras_seq")
class GRUCell(GatedCell):
    r"""Gated recurrent unit.

    $$z = \sigma(W_z^\top x_t + b_z + R_z^\top h_{t-1}) \qquad
      r = \sigma(W_r^\top x_t + b_r + R_r^\top h_{t-1})$$

    The reset gate acts after the recurrent product (`reset_after=True`, the form of cuDNN and of
    `torch.nn.GRU`; the recurrent product then has a bias of its own, in z and r too),

    $$n = \tanh(W_h^\top x_t + b_h + r \odot (R_h^\top h_{t-1} + b_{rh})),$$

    or before it (`reset_after=False`, the original),

    $$n = \tanh(W_h^\top x_t + b_h + R_h^\top (r \odot h_{t-1})),$$

    and

    $$h_t = z \odot h_{t-1} + (1 - z) \odot n.$$

    Gate order of the weights: z, r, h, as in `keras.layers.GRU`.

    Args:
        units: U, the size of the state.
        reset_after: Which of the two conventions.
        **kwargs: See `Cell` and `GatedCell`.

    Call arguments:
        inputs: One time step, (B, F).
        states: `[h]`, (B, U).

    Example:
        >>> from keras import ops
        >>> from keras_seq.cells import GRUCell
        >>> cell = GRUCell(3, reset_after=False)
        >>> output, (h,) = cell(ops.ones((2, 5)), cell.get_initial_state(2))
        >>> tuple(output.shape)
        (2, 3)

    Reference:
        Cho et al., "Learning phrase representations using RNN encoder-decoder" (2014,
        arXiv 1406.1078), eqs. 5-8. As in the paper z keeps the old state; unlike there, there are
        biases.
    """

    gates = ("z", "r", "h")

    def __init__(self, units, *, reset_after=True, **kwargs):
        super().__init__(units, **kwargs)
        self.reset_after = reset_after

    @property
    def recurrent_bias(self):  # type: ignore[override]
        """Only the form that resets after the product has a second bias."""
        return self.reset_after

    def combine(self, x, r, states):
        """Reset after the recurrent product; see the class."""
        sigmoid, tanh = self.recurrent_activation, self.activation
        z = sigmoid(x[0] + r[0])
        n = tanh(x[2] + sigmoid(x[1] + r[1]) * r[2])
        return (z * states[0] + (1 - z) * n,)

    def step(self, x, states, recur):
        """Reset before the recurrent product; see the class."""
        if self.reset_after:
            return Cell.step(self, x, states, recur)
        sigmoid, tanh, (h,) = self.recurrent_activation, self.activation, states
        r_z, r_r = recur(h, "z", "r")
        z, r = sigmoid(x[0] + r_z), sigmoid(x[1] + r_r)
        n = tanh(x[2] + recur(r * h, "h")[0])
        return (z * h + (1 - z) * n,)
