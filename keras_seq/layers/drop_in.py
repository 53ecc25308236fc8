"""`SimpleRNN`, `LSTM` and `GRU`: what their namesakes in `keras.layers` are, on this loop."""

import keras

from keras_seq.cells import GRUCell, LSTMCell, SimpleRNNCell
from keras_seq.layers.cell_layer import CellLayer
from keras_seq.layers.cudnn import CuDNNLayer


@keras.saving.register_keras_serializable("keras_seq")
class SimpleRNN(CellLayer):
    r"""The vanilla recurrent layer.

    $$h_t = \tanh(W^\top x_t + b + R^\top h_{t-1})$$

    Constructor arguments and their order, weights (`get_weights`, `set_weights`) and results are
    those of `keras.layers.SimpleRNN`: replacing the import changes speed and export, nothing
    else.

    Args:
        units: U, the size of the state.
        **kwargs: The options of `keras_seq.cells.SimpleRNNCell` (`activation`, …)
            and of `Recurrent` (`return_sequences`, `dropout`, `stateful`, …).

    Call arguments:
        sequences: (B, T, F), T at least 1.
        initial_state: `[h]`, (B, U); zeros if not given.
        mask: Boolean (B, T), True = real data. A masked step leaves the state as it is.
        training: Whether dropout is active.

    Returns:
        (B, T, U) or (B, U), and with `return_state` each final state after it.

    Raises:
        ValueError: `units` is not a positive integer, a dropout rate is outside [0, 1), T = 0, or T
            is unknown where the loop is unrolled.

    Example:
        >>> import keras
        >>> from keras_seq.layers import SimpleRNN
        >>> layer = SimpleRNN(4, return_sequences=True)
        >>> tuple(layer(keras.ops.ones((2, 3, 5))).shape)
        (2, 3, 4)

    Reference:
        Elman (1990). See `keras_seq.cells.SimpleRNNCell`.
    """

    cell_class = SimpleRNNCell


@keras.saving.register_keras_serializable("keras_seq")
class LSTM(CuDNNLayer):
    r"""Long short-term memory.

    $$c_t = f \odot c_{t-1} + i \odot g \qquad h_t = o \odot \tanh(c_t)$$

    Constructor arguments and their order, weights (`get_weights`, `set_weights`) and results are
    those of `keras.layers.LSTM`: replacing the import changes speed and export, nothing
    else.

    Args:
        units: U, the size of each state.
        **kwargs: The options of `keras_seq.cells.LSTMCell` (`unit_forget_bias`, …)
            and of `Recurrent` (`return_sequences`, `dropout`, `stateful`, …).

    Call arguments:
        sequences: (B, T, F), T at least 1.
        initial_state: `[h, c]`, each (B, U); zeros if not given.
        mask: Boolean (B, T), True = real data. A masked step leaves the state as it is.
        training: Whether dropout is active.

    Returns:
        (B, T, U) or (B, U), and with `return_state` each final state after it.

    Raises:
        ValueError: `units` is not a positive integer, a dropout rate is outside [0, 1), T = 0, or T
            is unknown where the loop is unrolled.

    Example:
        >>> import keras
        >>> from keras_seq.layers import LSTM
        >>> layer = LSTM(4, return_sequences=True)
        >>> tuple(layer(keras.ops.ones((2, 3, 5))).shape)
        (2, 3, 4)

    Reference:
        Hochreiter & Schmidhuber (1997). See `keras_seq.cells.LSTMCell`.
    """

    cell_class, namesake = LSTMCell, keras.layers.LSTM


@keras.saving.register_keras_serializable("keras_seq")
class GRU(CuDNNLayer):
    r"""Gated recurrent unit, in both reset conventions.

    $$h_t = z \odot h_{t-1} + (1 - z) \odot n$$

    Constructor arguments and their order, weights (`get_weights`, `set_weights`) and results are
    those of `keras.layers.GRU`: replacing the import changes speed and export, nothing
    else.

    Args:
        units: U, the size of the state.
        **kwargs: The options of `keras_seq.cells.GRUCell` (`reset_after`, …)
            and of `Recurrent` (`return_sequences`, `dropout`, `stateful`, …).

    Call arguments:
        sequences: (B, T, F), T at least 1.
        initial_state: `[h]`, (B, U); zeros if not given.
        mask: Boolean (B, T), True = real data. A masked step leaves the state as it is.
        training: Whether dropout is active.

    Returns:
        (B, T, U) or (B, U), and with `return_state` each final state after it.

    Raises:
        ValueError: `units` is not a positive integer, a dropout rate is outside [0, 1), T = 0, or T
            is unknown where the loop is unrolled.

    Example:
        >>> import keras
        >>> from keras_seq.layers import GRU
        >>> layer = GRU(4, return_sequences=True)
        >>> tuple(layer(keras.ops.ones((2, 3, 5))).shape)
        (2, 3, 4)

    Reference:
        Cho et al. (2014). See `keras_seq.cells.GRUCell`.
    """

    cell_class, namesake = GRUCell, keras.layers.GRU
