"""Layers of the LSTM's relatives: `LSTM` with another cell."""

import keras

from keras_seq.cells import (
    CoupledLSTMCell,
    DepthGatedLSTMCell,
    LayerNormLSTMCell,
    PeepholeLSTMCell,
    ProjectedLSTMCell,
)
from keras_seq.layers.cell_layer import CellLayer


@keras.saving.register_keras_serializable("keras_seq")
class PeepholeLSTM(CellLayer):
    r"""Long short-term memory with peepholes.

    $$i = \sigma(\ldots + p_i \odot c_{t-1}) \qquad f = \sigma(\ldots + p_f \odot c_{t-1}) \qquad
      o = \sigma(\ldots + p_o \odot c_t)$$

    Args:
        units: U, the size of each state.
        **kwargs: The options of `keras_seq.cells.PeepholeLSTMCell`, where all equations are, and
            of `Recurrent`, which says what a call takes, gives and refuses.

    Example:
        >>> import keras
        >>> from keras_seq.layers import PeepholeLSTM
        >>> tuple(PeepholeLSTM(4)(keras.ops.ones((2, 3, 5))).shape)
        (2, 4)

    Reference:
        Gers & Schmidhuber (2000). See `keras_seq.cells.PeepholeLSTMCell`.
    """

    cell_class = PeepholeLSTMCell


@keras.saving.register_keras_serializable("keras_seq")
class CoupledLSTM(CellLayer):
    r"""Long short-term memory that forgets as much as it takes in.

    $$c_t = (1 - i) \odot c_{t-1} + i \odot g \qquad h_t = o \odot \tanh(c_t)$$

    Args:
        units: U, the size of each state.
        **kwargs: The options of `keras_seq.cells.CoupledLSTMCell`, where all equations are, and
            of `Recurrent`, which says what a call takes, gives and refuses.

    Example:
        >>> import keras
        >>> from keras_seq.layers import CoupledLSTM
        >>> tuple(CoupledLSTM(4)(keras.ops.ones((2, 3, 5))).shape)
        (2, 4)

    Reference:
        Greff et al. (2015). See `keras_seq.cells.CoupledLSTMCell`.
    """

    cell_class = CoupledLSTMCell


@keras.saving.register_keras_serializable("keras_seq")
class LayerNormLSTM(CellLayer):
    r"""Long short-term memory with layer normalisation.

    $$(i, f, g, o) = \mathrm{LN}(W^\top x_t) + \mathrm{LN}(R^\top h_{t-1}) \qquad
      h_t = o \odot \tanh(\mathrm{LN}(c_t))$$

    Args:
        units: U, the size of each state.
        **kwargs: The options of `keras_seq.cells.LayerNormLSTMCell`, where all equations are, and
            of `Recurrent`, which says what a call takes, gives and refuses.

    Example:
        >>> import keras
        >>> from keras_seq.layers import LayerNormLSTM
        >>> tuple(LayerNormLSTM(4)(keras.ops.ones((2, 3, 5))).shape)
        (2, 4)

    Reference:
        Ba, Kiros & Hinton (2016). See `keras_seq.cells.LayerNormLSTMCell`.
    """

    cell_class = LayerNormLSTMCell


@keras.saving.register_keras_serializable("keras_seq")
class ProjectedLSTM(CellLayer):
    r"""Long short-term memory with a projected output: h has P columns, c has U.

    $$c_t = f \odot c_{t-1} + i \odot g \qquad h_t = P^\top (o \odot \tanh(c_t))$$

    Args:
        units: U, the size of c.
        **kwargs: The options of `keras_seq.cells.ProjectedLSTMCell` (`projection_units`, …), where
            all equations are, and of `Recurrent`, which says what a call takes, gives and refuses.

    Call arguments:
        initial_state: `[h, c]`, (B, P) and (B, U); zeros if not given.

    Returns:
        (B, T, P) or (B, P), and with `return_state` both final states after it.

    Example:
        >>> import keras
        >>> from keras_seq.layers import ProjectedLSTM
        >>> tuple(ProjectedLSTM(8, projection_units=4)(keras.ops.ones((2, 3, 5))).shape)
        (2, 4)

    Reference:
        Sak, Senior & Beaufays (2014). See `keras_seq.cells.ProjectedLSTMCell`.
    """

    cell_class = ProjectedLSTMCell


@keras.saving.register_keras_serializable("keras_seq")
class DepthGatedLSTM(CellLayer):
    r"""A stack of LSTMs with peepholes whose memories are joined by depth gates.

    $$c_t^l = d \odot c_t^{l-1} + f \odot c_{t-1}^l + i \odot g$$

    Args:
        units: U, the size of each state.
        **kwargs: The options of `keras_seq.cells.DepthGatedLSTMCell`, `depth` among them, where all
            equations are, and of `Recurrent`, which says what a call takes, gives and refuses.

    Example:
        >>> import keras
        >>> from keras_seq.layers import DepthGatedLSTM
        >>> tuple(DepthGatedLSTM(4, depth=3)(keras.ops.ones((2, 3, 5))).shape)
        (2, 4)

    Reference:
        Yao et al. (2015). See `keras_seq.cells.DepthGatedLSTMCell`.
    """

    cell_class = DepthGatedLSTMCell
