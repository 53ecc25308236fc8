"""Layers of the GRU's relatives: `GRU` with another cell."""

import keras

from keras_seq.cells import (
    LayerNormGRUCell,
    MinimalGatedUnitCell,
    MUT1Cell,
    MUT2Cell,
    MUT3Cell,
)
from keras_seq.layers.cell_layer import CellLayer


@keras.saving.register_keras_serializable("keras_seq")
class LayerNormGRU(CellLayer):
    r"""Gated recurrent unit with layer normalisation.

    $$n = \tanh(\mathrm{LN}(W_h^\top x_t) + r \odot \mathrm{LN}(R_h^\top h_{t-1})) \qquad
      h_t = (1 - z) \odot h_{t-1} + z \odot n$$

    Args:
        units: U, the size of the state.
        **kwargs: The options of `keras_seq.cells.LayerNormGRUCell`, where all equations are, and
            of `Recurrent`, which says what a call takes, gives and refuses.

    Example:
        >>> import keras
        >>> from keras_seq.layers import LayerNormGRU
        >>> tuple(LayerNormGRU(4)(keras.ops.ones((2, 3, 5))).shape)
        (2, 4)

    Reference:
        Ba, Kiros & Hinton (2016). See `keras_seq.cells.LayerNormGRUCell`.
    """

    cell_class = LayerNormGRUCell


@keras.saving.register_keras_serializable("keras_seq")
class MinimalGatedUnit(CellLayer):
    r"""Minimal gated unit, MGU: a GRU with one gate.

    $$n = \tanh(W_h^\top x_t + b_h + R_h^\top (f \odot h_{t-1})) \qquad
      h_t = (1 - f) \odot h_{t-1} + f \odot n$$

    Args:
        units: U, the size of the state.
        **kwargs: The options of `keras_seq.cells.MinimalGatedUnitCell`, where all equations are,
            and of `Recurrent`, which says what a call takes, gives and refuses.

    Example:
        >>> import keras
        >>> from keras_seq.layers import MinimalGatedUnit
        >>> tuple(MinimalGatedUnit(4)(keras.ops.ones((2, 3, 5))).shape)
        (2, 4)

    Reference:
        Zhou, Wu, Zhang & Zhou (2016). See `keras_seq.cells.MinimalGatedUnitCell`.
    """

    cell_class = MinimalGatedUnitCell


@keras.saving.register_keras_serializable("keras_seq")
class MUT1(CellLayer):
    r"""The first mutation of Jozefowicz et al.

    $$n = \tanh(R_h^\top (r \odot h_{t-1}) + \tanh(W_h^\top x_t) + b_h) \qquad
      h_t = z \odot n + (1 - z) \odot h_{t-1}$$

    Args:
        units: U, the size of the state.
        **kwargs: The options of `keras_seq.cells.MUT1Cell`, where all equations are, and of
            `Recurrent`, which says what a call takes, gives and refuses.

    Example:
        >>> import keras
        >>> from keras_seq.layers import MUT1
        >>> tuple(MUT1(4)(keras.ops.ones((2, 3, 5))).shape)
        (2, 4)

    Reference:
        Jozefowicz, Zaremba & Sutskever (2015). See `keras_seq.cells.MUT1Cell`.
    """

    cell_class = MUT1Cell


@keras.saving.register_keras_serializable("keras_seq")
class MUT2(CellLayer):
    r"""The second mutation of Jozefowicz et al.

    $$n = \tanh(R_h^\top (r \odot h_{t-1}) + W_h^\top x_t + b_h) \qquad
      h_t = z \odot n + (1 - z) \odot h_{t-1}$$

    Args:
        units: U, the size of the state.
        **kwargs: The options of `keras_seq.cells.MUT2Cell`, where all equations are, and of
            `Recurrent`, which says what a call takes, gives and refuses.

    Example:
        >>> import keras
        >>> from keras_seq.layers import MUT2
        >>> tuple(MUT2(4)(keras.ops.ones((2, 3, 5))).shape)
        (2, 4)

    Reference:
        Jozefowicz, Zaremba & Sutskever (2015). See `keras_seq.cells.MUT2Cell`.
    """

    cell_class = MUT2Cell


@keras.saving.register_keras_serializable("keras_seq")
class MUT3(CellLayer):
    r"""The third mutation of Jozefowicz et al.

    $$z = \sigma(W_z^\top x_t + R_z^\top \tanh(h_{t-1}) + b_z) \qquad
      h_t = z \odot n + (1 - z) \odot h_{t-1}$$

    Args:
        units: U, the size of the state.
        **kwargs: The options of `keras_seq.cells.MUT3Cell`, where all equations are, and of
            `Recurrent`, which says what a call takes, gives and refuses.

    Example:
        >>> import keras
        >>> from keras_seq.layers import MUT3
        >>> tuple(MUT3(4)(keras.ops.ones((2, 3, 5))).shape)
        (2, 4)

    Reference:
        Jozefowicz, Zaremba & Sutskever (2015). See `keras_seq.cells.MUT3Cell`.
    """

    cell_class = MUT3Cell
