"""Layers of the eight LSTM variants of "LSTM: a search space odyssey" (Greff et al., 2015).

Each takes `units`, the options of its cell in `keras_seq.cells`, where the equations are, and those
of `Recurrent`, which says what a call takes, gives and refuses.
"""

import keras

from keras_seq.cells import (
    CoupledPeepholeLSTMCell,
    FullGateRecurrenceLSTMCell,
    NoForgetGateLSTMCell,
    NoInputActivationLSTMCell,
    NoInputGateLSTMCell,
    NoOutputActivationLSTMCell,
    NoOutputGateLSTMCell,
    NoPeepholeLSTMCell,
)
from keras_seq.layers.cell_layer import CellLayer


@keras.saving.register_keras_serializable("keras_seq")
class NoInputGateLSTM(CellLayer):
    r"""The LSTM with peepholes and no input gate, NIG.

    $$c_t = f \odot c_{t-1} + g$$

    Options and equations: `keras_seq.cells.NoInputGateLSTMCell`; calls: `Recurrent`.

    Example:
        >>> import keras
        >>> from keras_seq.layers import NoInputGateLSTM
        >>> tuple(NoInputGateLSTM(4)(keras.ops.ones((2, 3, 5))).shape)
        (2, 4)
    """

    cell_class = NoInputGateLSTMCell


@keras.saving.register_keras_serializable("keras_seq")
class NoForgetGateLSTM(CellLayer):
    r"""The LSTM with peepholes and no forget gate, NFG.

    $$c_t = c_{t-1} + i \odot g$$

    Options and equations: `keras_seq.cells.NoForgetGateLSTMCell`; calls: `Recurrent`.

    Example:
        >>> import keras
        >>> from keras_seq.layers import NoForgetGateLSTM
        >>> tuple(NoForgetGateLSTM(4)(keras.ops.ones((2, 3, 5))).shape)
        (2, 4)
    """

    cell_class = NoForgetGateLSTMCell


@keras.saving.register_keras_serializable("keras_seq")
class NoOutputGateLSTM(CellLayer):
    r"""The LSTM with peepholes and no output gate, NOG.

    $$h_t = \tanh(c_t)$$

    Options and equations: `keras_seq.cells.NoOutputGateLSTMCell`; calls: `Recurrent`.

    Example:
        >>> import keras
        >>> from keras_seq.layers import NoOutputGateLSTM
        >>> tuple(NoOutputGateLSTM(4)(keras.ops.ones((2, 3, 5))).shape)
        (2, 4)
    """

    cell_class = NoOutputGateLSTMCell


@keras.saving.register_keras_serializable("keras_seq")
class NoInputActivationLSTM(CellLayer):
    r"""The LSTM with peepholes whose candidate is linear, NIAF.

    $$g = W_c^\top x_t + b_c + R_c^\top h_{t-1}$$

    Options and equations: `keras_seq.cells.NoInputActivationLSTMCell`; calls: `Recurrent`.

    Example:
        >>> import keras
        >>> from keras_seq.layers import NoInputActivationLSTM
        >>> tuple(NoInputActivationLSTM(4)(keras.ops.ones((2, 3, 5))).shape)
        (2, 4)
    """

    cell_class = NoInputActivationLSTMCell


@keras.saving.register_keras_serializable("keras_seq")
class NoOutputActivationLSTM(CellLayer):
    r"""The LSTM with peepholes whose output is linear in c, NOAF.

    $$h_t = o \odot c_t$$

    Options and equations: `keras_seq.cells.NoOutputActivationLSTMCell`; calls: `Recurrent`.

    Example:
        >>> import keras
        >>> from keras_seq.layers import NoOutputActivationLSTM
        >>> tuple(NoOutputActivationLSTM(4)(keras.ops.ones((2, 3, 5))).shape)
        (2, 4)
    """

    cell_class = NoOutputActivationLSTMCell


@keras.saving.register_keras_serializable("keras_seq")
class CoupledPeepholeLSTM(CellLayer):
    r"""The LSTM with peepholes that forgets as much as it takes in, CIFG.

    $$c_t = (1 - i) \odot c_{t-1} + i \odot g$$

    Options and equations: `keras_seq.cells.CoupledPeepholeLSTMCell`; calls: `Recurrent`.

    Example:
        >>> import keras
        >>> from keras_seq.layers import CoupledPeepholeLSTM
        >>> tuple(CoupledPeepholeLSTM(4)(keras.ops.ones((2, 3, 5))).shape)
        (2, 4)
    """

    cell_class = CoupledPeepholeLSTMCell


@keras.saving.register_keras_serializable("keras_seq")
class NoPeepholeLSTM(CellLayer):
    r"""The LSTM without peepholes, NP: another name of `LSTM`.

    $$o = \sigma(W_o^\top x_t + b_o + R_o^\top h_{t-1})$$

    Options and equations: `keras_seq.cells.NoPeepholeLSTMCell`; calls: `Recurrent`.

    Example:
        >>> import keras
        >>> from keras_seq.layers import NoPeepholeLSTM
        >>> tuple(NoPeepholeLSTM(4)(keras.ops.ones((2, 3, 5))).shape)
        (2, 4)
    """

    cell_class = NoPeepholeLSTMCell


@keras.saving.register_keras_serializable("keras_seq")
class FullGateRecurrenceLSTM(CellLayer):
    r"""The LSTM with peepholes whose gates see all gates of the step before, FGR.

    $$i = \sigma(\ldots + Q_i^\top [i_{t-1}, f_{t-1}, o_{t-1}])$$

    Options and equations: `keras_seq.cells.FullGateRecurrenceLSTMCell`; calls: `Recurrent`.

    Example:
        >>> import keras
        >>> from keras_seq.layers import FullGateRecurrenceLSTM
        >>> tuple(FullGateRecurrenceLSTM(4)(keras.ops.ones((2, 3, 5))).shape)
        (2, 4)
    """

    cell_class = FullGateRecurrenceLSTMCell
