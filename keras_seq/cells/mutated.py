r"""The three best mutations of "An empirical exploration of recurrent network architectures".

Jozefowicz, Zaremba & Sutskever (2015), section 3.3. In two formulas the paper adds the input
$x_t$ itself, which has F columns, to something of U columns. That fits only where F = U; as the
paper's other formulas do, $W^\top x_t$ is read there.
"""

import keras
from keras import ops

from keras_seq.cells.cell import GatedCell


class MutatedCell(GatedCell):
    """A relative of the GRU with gates r and z, and z lets the new in."""

    gates = ("r", "h", "z")


@keras.saving.register_keras_serializable("keras_seq")
class MUT1Cell(MutatedCell):
    r"""The first mutation of Jozefowicz et al., MUT1.

    $$z = \sigma(W_z^\top x_t + b_z) \qquad
      r = \sigma(W_r^\top x_t + R_r^\top h_{t-1} + b_r)$$
    $$n = \tanh(R_h^\top (r \odot h_{t-1}) + \tanh(W_h^\top x_t) + b_h)$$
    $$h_t = z \odot n + (1 - z) \odot h_{t-1}$$

    Gate order of the weights: r, h, z; z has no columns in `recurrent_kernel` (U, 2·U).

    Args:
        units: U, the size of the state.
        **kwargs: See `Cell` and `GatedCell`. Every tanh is `activation`.

    Call arguments:
        inputs: One time step, (B, F).
        states: `[h]`, (B, U).

    Example:
        >>> from keras_seq.cells import MUT1Cell
        >>> cell = MUT1Cell(3)
        >>> cell.build((None, 5))
        >>> tuple(cell.kernel.shape), tuple(cell.recurrent_kernel.shape)
        ((5, 9), (3, 6))

    Reference:
        Jozefowicz et al., "An empirical exploration of recurrent network architectures" (2015). The
        paper's $\tanh(x_t)$ fits only F = U columns; $\tanh(W_h^\top x_t)$ is read, without a bias,
        since $b_h$ stands outside.
    """

    recurrent_gates = ("r", "h")

    def build(self, input_shape):
        """Creates the weights; the equations, not the products, add the bias."""
        super().build(input_shape)
        self.shift, self.bias = self.bias, None

    def step(self, x, states, recur):
        """See the class."""
        sigmoid, tanh, (h,) = self.recurrent_activation, self.activation, states
        b_r, b_h, b_z = (0, 0, 0) if self.shift is None else ops.split(self.shift, 3)
        z = sigmoid(x[2] + b_z)
        r = sigmoid(x[0] + recur(h, "r")[0] + b_r)
        n = tanh(recur(r * h, "h")[0] + tanh(x[1]) + b_h)
        return (z * n + (1 - z) * h,)


@keras.saving.register_keras_serializable("keras_seq")
class MUT2Cell(MutatedCell):
    r"""The second mutation of Jozefowicz et al., MUT2.

    $$z = \sigma(W_z^\top x_t + R_z^\top h_{t-1} + b_z) \qquad
      r = \sigma(W_r^\top x_t + R_r^\top h_{t-1} + b_r)$$
    $$n = \tanh(R_h^\top (r \odot h_{t-1}) + W_h^\top x_t + b_h)$$
    $$h_t = z \odot n + (1 - z) \odot h_{t-1}$$

    Gate order of the weights: r, h, z.

    Args:
        units: U, the size of the state.
        **kwargs: See `Cell` and `GatedCell`.

    Call arguments:
        inputs: One time step, (B, F).
        states: `[h]`, (B, U).

    Example:
        >>> from keras_seq.cells import MUT2Cell
        >>> cell = MUT2Cell(3)
        >>> cell.build((None, 5))
        >>> tuple(cell.recurrent_kernel.shape)
        (3, 9)

    Reference:
        Jozefowicz et al., "An empirical exploration of recurrent network architectures" (2015). The
        paper's $r = \sigma(x_t + …)$ fits only F = U columns; with $W_r^\top x_t$ read there, it is
        the GRU that resets before the product, with 1 - z for z.
    """

    def step(self, x, states, recur):
        """See the class."""
        sigmoid, tanh, (h,) = self.recurrent_activation, self.activation, states
        r_r, r_z = recur(h, "r", "z")
        r, z = sigmoid(x[0] + r_r), sigmoid(x[2] + r_z)
        n = tanh(recur(r * h, "h")[0] + x[1])
        return (z * n + (1 - z) * h,)


@keras.saving.register_keras_serializable("keras_seq")
class MUT3Cell(MutatedCell):
    r"""The third mutation of Jozefowicz et al., MUT3.

    $$z = \sigma(W_z^\top x_t + R_z^\top \tanh(h_{t-1}) + b_z) \qquad
      r = \sigma(W_r^\top x_t + R_r^\top h_{t-1} + b_r)$$
    $$n = \tanh(R_h^\top (r \odot h_{t-1}) + W_h^\top x_t + b_h)$$
    $$h_t = z \odot n + (1 - z) \odot h_{t-1}$$

    Gate order of the weights: r, h, z.

    Args:
        units: U, the size of the state.
        **kwargs: See `Cell` and `GatedCell`. Every tanh is `activation`.

    Call arguments:
        inputs: One time step, (B, F).
        states: `[h]`, (B, U).

    Example:
        >>> from keras_seq.cells import MUT3Cell
        >>> cell = MUT3Cell(3)
        >>> cell.build((None, 5))
        >>> tuple(cell.recurrent_kernel.shape)
        (3, 9)

    Reference:
        Jozefowicz et al., "An empirical exploration of recurrent network architectures" (2015).
    """

    def step(self, x, states, recur):
        """See the class."""
        sigmoid, tanh, (h,) = self.recurrent_activation, self.activation, states
        z = sigmoid(x[2] + recur(tanh(h), "z")[0])
        r = sigmoid(x[0] + recur(h, "r")[0])
        n = tanh(recur(r * h, "h")[0] + x[1])
        return (z * n + (1 - z) * h,)
