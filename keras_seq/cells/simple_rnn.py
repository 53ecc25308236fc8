"""The vanilla recurrent cell."""

import keras

from keras_seq.cells.cell import Cell


@keras.saving.register_keras_serializable("keras_seq")
class SimpleRNNCell(Cell):
    r"""The vanilla (Elman) recurrent cell.

    $$h_t = \tanh(W^\top x_t + b + R^\top h_{t-1})$$

    Args:
        units: U, the size of the state.
        **kwargs: See `Cell`.

    Call arguments:
        inputs: One time step, (B, F).
        states: `[h]`, (B, U).

    Example:
        State size 2, weights [[0.1, 0.2], [0.3, 0.4], [0.5, 0.6]] over [state, input], bias
        [0.1, -0.1]; from a zero state the input 1.0 gives tanh([0.6, 0.5]), and a linear readout
        with weights [1.0, 2.0] and bias 0.1 gives 1.56.

        >>> import numpy as np
        >>> from keras import ops
        >>> from keras_seq.cells import SimpleRNNCell
        >>> weights = np.array([[0.1, 0.2], [0.3, 0.4], [0.5, 0.6]])
        >>> cell = SimpleRNNCell(2)
        >>> cell.build((None, 1))
        >>> cell.set_weights([weights[2:], weights[:2], np.array([0.1, -0.1])])
        >>> state, _ = cell(ops.array([[1.0]]), [ops.zeros((1, 2))])
        >>> state = ops.convert_to_numpy(state)
        >>> print(state.round(3))
        [[0.537 0.462]]
        >>> print((state @ np.array([1.0, 2.0]) + 0.1).round(2))
        [1.56]

    Reference:
        Elman, "Finding structure in time", Cognitive Science 14 (1990). The output is the state
        itself, without Elman's output layer.
    """

    gates = ("h",)

    def combine(self, x, r, states):
        """See the class."""
        return (self.activation(x[0] + r[0]),)
