"""The layer of the independently recurrent cell."""

import keras

from keras_seq.cells import IndRNNCell
from keras_seq.layers.cell_layer import CellLayer


@keras.saving.register_keras_serializable("keras_seq")
class IndRNN(CellLayer):
    r"""Independently recurrent layer: each unit sees its own past alone.

    $$h_t = \mathrm{relu}(W^\top x_t + b + u \odot h_{t-1})$$

    Args:
        units: U, the size of the state.
        **kwargs: The options of `keras_seq.cells.IndRNNCell` and of `Recurrent`, which says what a
            call takes, gives and refuses.

    Example:
        >>> import keras
        >>> from keras_seq.layers import IndRNN
        >>> tuple(IndRNN(4)(keras.ops.ones((2, 3, 5))).shape)
        (2, 4)

    Reference:
        Li et al. (2018). See `keras_seq.cells.IndRNNCell`.
    """

    cell_class = IndRNNCell
