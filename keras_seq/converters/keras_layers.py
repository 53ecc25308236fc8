"""`from_keras` and `to_keras`: between `keras.layers` and this library, values equal."""

from typing import Any

from keras_seq.converters.models import converted
from keras_seq.converters.namesakes import as_ours, as_theirs


def from_keras(layer_or_model: Any) -> Any:
    """A layer or a model of Keras with this library's layers in it, its values kept.

    `keras.layers.SimpleRNN`, `LSTM` and `GRU` become their namesakes; `keras.layers.RNN` over the
    cell of one of them becomes that layer, over a cell of this library `Recurrent`; and
    `keras.layers.Bidirectional` around these becomes `Bidirectional`. Name, options, weights, the
    states of a stateful layer, and what is trainable are those of the original, which is left as it
    is. A layer that is not built gives one that is not built.

    In a model all of these are replaced, in nested models and in wrappers such as `TimeDistributed`
    too. Every other layer is copied with its weights: ours, subclasses of those above, and a layer
    of your own, with what it makes in its constructor. A layer that is shared stays shared. The
    copy is not compiled, and the random numbers of dropout start anew from their seeds. A `Lambda`
    layer is not copied but used by both.

    Args:
        layer_or_model: One of the layers above, or a sequential or functional `keras.Model`. A
            layer that is ours already gives a copy.

    Returns:
        A new layer or model, equal in values. A model of a subclass becomes a plain `keras.Model`.

    Raises:
        TypeError: Another layer, or a model that is neither sequential nor functional.
        ValueError: A `keras.layers.RNN` over stacked cells, or over a cell of another dtype.

    Example:
        >>> import keras
        >>> import numpy as np
        >>> from keras_seq.converters import from_keras
        >>> inputs = keras.Input((None, 3))
        >>> theirs = keras.Model(inputs, keras.layers.LSTM(2)(inputs))
        >>> ours = from_keras(theirs)
        >>> type(ours.layers[-1]).__module__
        'keras_seq.layers.drop_in'
        >>> x = np.ones((1, 4, 3), "float32")
        >>> bool(np.allclose(ours(x), theirs(x), atol=1e-6))
        True
    """
    return converted(
        layer_or_model,
        as_ours,
        "from_keras takes keras.layers.SimpleRNN, LSTM and GRU, RNN over one of their cells or a "
        "keras_seq cell, Bidirectional around one of these, and a keras.Model",
    )


def to_keras(layer_or_model: Any, *, allow_cells: bool = False) -> Any:
    """A layer or a model of this library with the layers of `keras.layers` in it, its values kept.

    The reverse of `from_keras`, with what is said there. Recurrent layers and `Bidirectional` are
    what is replaced: pooling, `TimeDistributed` and `WordDropout` stay, for their namesakes, where
    there are any, treat masks otherwise.

    Args:
        layer_or_model: A recurrent layer of this library, a `Bidirectional` around one, or a
            sequential or functional `keras.Model`. A layer of `keras.layers` gives a copy.
        allow_cells: Whether a layer that `keras.layers` has not becomes `keras.layers.RNN` over its
            cell. The cell is this library's still, so loading a saved model needs it.

    Returns:
        A new layer or model, equal in values.

    Raises:
        TypeError: Another layer, or a model that is neither sequential nor functional.
        ValueError: A layer that `keras.layers` has not, without `allow_cells`; or with it, but the
            layer has dropout, which its cell has not. A layer with zoneout.

    Example:
        >>> from keras_seq.converters import to_keras
        >>> from keras_seq.layers import LSTM, PeepholeLSTM
        >>> type(to_keras(LSTM(2))).__name__
        'LSTM'
        >>> type(to_keras(PeepholeLSTM(2), allow_cells=True)).__name__
        'RNN'
    """
    return converted(
        layer_or_model,
        lambda layer: as_theirs(layer, allow_cells),
        "to_keras takes a recurrent layer of keras_seq, Bidirectional around one, and a "
        "keras.Model",
    )
