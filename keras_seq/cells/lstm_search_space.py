"""The eight variants of the LSTM with peepholes that "LSTM: a search space odyssey" tried.

Greff, Srivastava, Koutník, Steunebrink & Schmidhuber (2015, arXiv 1503.04069), section 3. Each
takes one thing away from the vanilla LSTM, `PeepholeLSTMCell`; the last adds one.
"""

import keras
from keras import ops

from keras_seq.cells.lstm import LSTMCell
from keras_seq.cells.peephole import PeepholeCell, PeepholeLSTMCell


@keras.saving.register_keras_serializable("keras_seq")
class NoInputGateLSTMCell(PeepholeLSTMCell):
    r"""The LSTM with peepholes and no input gate, NIG.

    $$c_t = f \odot c_{t-1} + g$$

    Gate order of the weights: f, c, o; of the peepholes: f, o. All else is `PeepholeLSTMCell`.

    Example:
        >>> from keras_seq.cells import NoInputGateLSTMCell
        >>> NoInputGateLSTMCell(3).gates
        ('f', 'c', 'o')

    Reference:
        Greff et al., "LSTM: a search space odyssey" (arXiv 1503.04069).
    """

    gates = ("f", "c", "o")
    peepholes = ("f", "o")

    def combine(self, x, r, states):
        """See the class."""
        sigmoid, tanh, (_, c) = self.recurrent_activation, self.activation, states
        p_f, p_o = self.peephole_weights()
        f, g, o = x + r
        c = sigmoid(f + p_f * c) * c + tanh(g)
        return sigmoid(o + p_o * c) * tanh(c), c


@keras.saving.register_keras_serializable("keras_seq")
class NoForgetGateLSTMCell(PeepholeCell):
    r"""The LSTM with peepholes and no forget gate, NFG.

    $$c_t = c_{t-1} + i \odot g$$

    Gate order of the weights: i, c, o; of the peepholes: i, o. All else is `PeepholeLSTMCell`.

    Example:
        >>> from keras_seq.cells import NoForgetGateLSTMCell
        >>> NoForgetGateLSTMCell(3).gates
        ('i', 'c', 'o')

    Reference:
        Greff et al., "LSTM: a search space odyssey" (arXiv 1503.04069). It is the LSTM of
        Hochreiter & Schmidhuber (1997), with peepholes.
    """

    gates = ("i", "c", "o")
    peepholes = ("i", "o")

    def combine(self, x, r, states):
        """See the class."""
        sigmoid, tanh, (_, c) = self.recurrent_activation, self.activation, states
        p_i, p_o = self.peephole_weights()
        i, g, o = x + r
        c = c + sigmoid(i + p_i * c) * tanh(g)
        return sigmoid(o + p_o * c) * tanh(c), c


@keras.saving.register_keras_serializable("keras_seq")
class NoOutputGateLSTMCell(PeepholeLSTMCell):
    r"""The LSTM with peepholes and no output gate, NOG.

    $$h_t = \tanh(c_t)$$

    Gate order of the weights: i, f, c; of the peepholes: i, f. All else is `PeepholeLSTMCell`.

    Example:
        >>> from keras_seq.cells import NoOutputGateLSTMCell
        >>> NoOutputGateLSTMCell(3).gates
        ('i', 'f', 'c')

    Reference:
        Greff et al., "LSTM: a search space odyssey" (arXiv 1503.04069).
    """

    gates = ("i", "f", "c")
    peepholes = ("i", "f")

    def combine(self, x, r, states):
        """See the class."""
        sigmoid, tanh, (_, c) = self.recurrent_activation, self.activation, states
        p_i, p_f = self.peephole_weights()
        i, f, g = x + r
        c = sigmoid(f + p_f * c) * c + sigmoid(i + p_i * c) * tanh(g)
        return tanh(c), c


@keras.saving.register_keras_serializable("keras_seq")
class NoInputActivationLSTMCell(PeepholeLSTMCell):
    r"""The LSTM with peepholes whose candidate is linear, NIAF.

    $$g = W_c^\top x_t + b_c + R_c^\top h_{t-1}$$

    `activation` is that of the output alone. All else is `PeepholeLSTMCell`.

    Example:
        >>> from keras_seq.cells import NoInputActivationLSTMCell
        >>> NoInputActivationLSTMCell(3).gates
        ('i', 'f', 'c', 'o')

    Reference:
        Greff et al., "LSTM: a search space odyssey" (arXiv 1503.04069).
    """

    def combine(self, x, r, states):
        """See the class."""
        sigmoid, tanh, (_, c) = self.recurrent_activation, self.activation, states
        p_i, p_f, p_o = self.peephole_weights()
        i, f, g, o = x + r
        c = sigmoid(f + p_f * c) * c + sigmoid(i + p_i * c) * g
        return sigmoid(o + p_o * c) * tanh(c), c


@keras.saving.register_keras_serializable("keras_seq")
class NoOutputActivationLSTMCell(PeepholeLSTMCell):
    r"""The LSTM with peepholes whose output is linear in c, NOAF.

    $$h_t = o \odot c_t$$

    `activation` is that of the candidate alone. All else is `PeepholeLSTMCell`.

    Example:
        >>> from keras_seq.cells import NoOutputActivationLSTMCell
        >>> NoOutputActivationLSTMCell(3).gates
        ('i', 'f', 'c', 'o')

    Reference:
        Greff et al., "LSTM: a search space odyssey" (arXiv 1503.04069).
    """

    def combine(self, x, r, states):
        """See the class."""
        sigmoid, tanh, (_, c) = self.recurrent_activation, self.activation, states
        p_i, p_f, p_o = self.peephole_weights()
        i, f, g, o = x + r
        c = sigmoid(f + p_f * c) * c + sigmoid(i + p_i * c) * tanh(g)
        return sigmoid(o + p_o * c) * c, c


@keras.saving.register_keras_serializable("keras_seq")
class CoupledPeepholeLSTMCell(PeepholeCell):
    r"""The LSTM with peepholes whose forget gate is what the input gate leaves, CIFG.

    $$c_t = (1 - i) \odot c_{t-1} + i \odot g$$

    Gate order of the weights: i, c, o; of the peepholes: i, o. All else is `PeepholeLSTMCell`.
    Without peepholes it is `CoupledLSTMCell`.

    Example:
        >>> from keras_seq.cells import CoupledPeepholeLSTMCell
        >>> CoupledPeepholeLSTMCell(3).gates
        ('i', 'c', 'o')

    Reference:
        Greff et al., "LSTM: a search space odyssey" (arXiv 1503.04069).
    """

    gates = ("i", "c", "o")
    peepholes = ("i", "o")

    def combine(self, x, r, states):
        """See the class."""
        sigmoid, tanh, (_, c) = self.recurrent_activation, self.activation, states
        p_i, p_o = self.peephole_weights()
        i, g, o = x + r
        i = sigmoid(i + p_i * c)
        c = (1 - i) * c + i * tanh(g)
        return sigmoid(o + p_o * c) * tanh(c), c


@keras.saving.register_keras_serializable("keras_seq")
class NoPeepholeLSTMCell(LSTMCell):
    r"""The LSTM without peepholes, NP: another name of `LSTMCell`, to have all eight together.

    $$o = \sigma(W_o^\top x_t + b_o + R_o^\top h_{t-1})$$

    Example:
        >>> from keras_seq.cells import NoPeepholeLSTMCell
        >>> NoPeepholeLSTMCell(3).gates
        ('i', 'f', 'c', 'o')

    Reference:
        Greff et al., "LSTM: a search space odyssey" (arXiv 1503.04069).
    """


@keras.saving.register_keras_serializable("keras_seq")
class FullGateRecurrenceLSTMCell(PeepholeLSTMCell):
    r"""The LSTM with peepholes whose gates see all gates of the step before, FGR.

    $$i = \sigma(W_i^\top x_t + b_i + R_i^\top h_{t-1} + p_i \odot c_{t-1} +
      Q_i^\top [i_{t-1}, f_{t-1}, o_{t-1}])$$

    and so on for f and o. `gate_kernel` $Q$ (3·U, 3·U) has rows and columns in the order i, f, o;
    the options of `recurrent_kernel` are its options too. A layer's recurrent dropout is on h
    alone. All else is `PeepholeLSTMCell`.

    Call arguments:
        inputs: One time step, (B, F).
        states: `[h, c, i, f, o]`, each (B, U).

    Example:
        >>> from keras_seq.cells import FullGateRecurrenceLSTMCell
        >>> FullGateRecurrenceLSTMCell(3).state_size
        [3, 3, 3, 3, 3]

    Reference:
        Greff et al., "LSTM: a search space odyssey" (arXiv 1503.04069). The gates before the first
        step, of which the paper says nothing, are zero.
    """

    states = ("h", "c", "i", "f", "o")

    def build(self, input_shape):
        """Creates `gate_kernel` after the weights of `PeepholeLSTMCell`."""
        super().build(input_shape)
        self.gate_kernel = self.add_weight(
            shape=(3 * self.units, 3 * self.units),
            name="gate_kernel",
            initializer=self.recurrent_initializer,
            regularizer=self.recurrent_regularizer,
            constraint=self.recurrent_constraint,
        )

    def combine(self, x, r, states):
        """See the class."""
        sigmoid, tanh, (_, c, *gates) = self.recurrent_activation, self.activation, states
        p_i, p_f, p_o = self.peephole_weights()
        q = ops.matmul(ops.concatenate(gates, axis=-1), self.gate_kernel)
        q_i, q_f, q_o = ops.split(q, 3, axis=-1)
        i, f, g, o = x + r
        i, f = sigmoid(i + q_i + p_i * c), sigmoid(f + q_f + p_f * c)
        c = f * c + i * tanh(g)
        o = sigmoid(o + q_o + p_o * c)
        return o * tanh(c), c, i, f, o
