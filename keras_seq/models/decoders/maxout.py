"""Maxout: the larger of two linear functions; and the decoders whose logits read one."""

import keras
from keras import ops

from keras_seq.models.decoders.recurrent import RecurrentDecoder


@keras.saving.register_keras_serializable("keras_seq")
class Maxout(keras.layers.Layer):
    r"""The larger of two linear functions of the input, unit by unit.

    $$y_j = \max(w_{j1}^\top x + b_{j1},\; w_{j2}^\top x + b_{j2})$$

    Args:
        units: Number of outputs.
        **kwargs: What every Keras layer takes.

    Call arguments:
        x: (B, …, F).

    Returns:
        (B, …, units).

    Example:
        >>> import keras
        >>> from keras_seq.models import Maxout
        >>> tuple(Maxout(3)(keras.ops.ones((2, 5, 4))).shape)
        (2, 5, 3)

    Reference:
        Goodfellow et al., "Maxout networks" (2013, arXiv 1302.4389).
    """

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.both = keras.layers.Dense(2 * units, name="both", dtype=self.dtype_policy)

    def build(self, shape):
        """Builds both functions."""
        self.both.build(shape)
        self.built = True

    def call(self, x):
        """See the class."""
        first, second = ops.split(self.both(x), 2, axis=-1)
        return ops.maximum(first, second)

    def compute_output_shape(self, shape):
        """(B, …, F) to (B, …, units)."""
        return (*shape[:-1], self.units)

    def get_config(self):
        """The configuration."""
        return {**super().get_config(), "units": self.units}


class MaxoutDecoder(RecurrentDecoder):
    """A decoder whose features are the state, the token's vector and what it sees of the source.

    A subclass tells how wide the last of them is, `seen_width`.
    """

    seen_width: int

    def __init__(self, vocabulary_size, units, **kwargs):
        super().__init__(vocabulary_size, units, **kwargs)
        self.maxout = Maxout(self.embedding_units, name="maxout", dtype=self.dtype_policy)

    @property
    def features_width(self):
        """See `RecurrentDecoder`."""
        return self.width + self.embedding_units + self.seen_width

    @property
    def summed_up_width(self):
        """Those of the maxout."""
        return self.embedding_units

    def summed_up(self, features):
        """See `RecurrentDecoder`."""
        return self.maxout(features)

    def build_parts(self, tokens_shape, encoded_shape):
        """Builds the layers and the maxout: the first layer reads all but the state."""
        read = self.embedding_units + self.seen_width
        self.build_layers(tokens_shape, encoded_shape, read)
        self.maxout.build((*tokens_shape, self.features_width))
