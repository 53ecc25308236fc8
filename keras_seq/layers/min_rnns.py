"""Layers without recurrent products: minGRU and minLSTM."""

import keras

from keras_seq.cells import MinGRUCell, MinLSTMCell
from keras_seq.layers.cell_layer import CellLayer


@keras.saving.register_keras_serializable("keras_seq")
class MinGRU(CellLayer):
    r"""Minimal gated recurrent unit: gate and candidate see the input alone.

    $$h_t = (1 - z) \odot h_{t-1} + z \odot \tilde{h}$$

    Args:
        units: U, the size of the state.
        **kwargs: The options of `keras_seq.cells.MinGRUCell`, where all equations are, and of
            `Recurrent`, which says what a call takes, gives and refuses.

    Example:
        >>> import keras
        >>> from keras_seq.layers import MinGRU
        >>> tuple(MinGRU(4)(keras.ops.ones((2, 3, 5))).shape)
        (2, 4)

    Reference:
        Feng et al. (2024). See `keras_seq.cells.MinGRUCell`.
    """

    cell_class = MinGRUCell


@keras.saving.register_keras_serializable("keras_seq")
class MinLSTM(CellLayer):
    r"""Minimal long short-term memory: gates and candidate see the input alone.

    $$h_t = f' \odot h_{t-1} + i' \odot \tilde{h}$$

    Args:
        units: U, the size of the state.
        **kwargs: The options of `keras_seq.cells.MinLSTMCell`, where all equations are, and of
            `Recurrent`, which says what a call takes, gives and refuses.

    Example:
        >>> import keras
        >>> from keras_seq.layers import MinLSTM
        >>> tuple(MinLSTM(4)(keras.ops.ones((2, 3, 5))).shape)
        (2, 4)

    Reference:
        Feng et al. (2024). See `keras_seq.cells.MinLSTMCell`.
    """

    cell_class = MinLSTMCell
