"""Positions added to a sequence, for layers that do not see its order."""

import keras
from keras import ops

from keras_seq.layers.attention.scores import full_precision


class _Positions(keras.layers.Layer):
    """Adds a vector for each position; a subclass has the vectors, in `vectors`."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True

    def call(self, x, start=0):
        """See the class."""
        rank = len(x.shape)
        if rank not in (2, 3):
            raise ValueError(f"{self.name} takes (B, D) or (B, T, D); got {tuple(x.shape)}.")
        start = ops.cast(start, "int32")
        if rank == 2:
            return x + ops.cast(self.vectors(ops.reshape(start, (-1,))), x.dtype)
        steps = ops.arange(ops.shape(x)[1], dtype="int32")
        return x + ops.cast(self.vectors(ops.reshape(start, (-1, 1)) + steps), x.dtype)

    def vectors(self, positions):
        """Positions (…) to vectors (…, D)."""
        raise NotImplementedError


@keras.saving.register_keras_serializable("keras_seq")
class SinusoidalPositions(_Positions):
    r"""Adds sines and cosines of the position, of wave lengths from 2π to 10,000·2π.

    $$y_{t,2i} = x_{t,2i} + \sin\frac{t}{10000^{2i/D}}, \qquad
      y_{t,2i+1} = x_{t,2i+1} + \cos\frac{t}{10000^{2i/D}}$$

    Nothing is learned, and a sequence may have any length.

    Args:
        **kwargs: What every Keras layer takes.

    Call arguments:
        x: (B, T, D), or a single step (B, D).
        start: Position of the first step, an integer or (B,).

    Returns:
        Of the shape of `x`.

    Raises:
        ValueError: `x` of another rank.

    Example:
        >>> from keras import ops
        >>> from keras_seq.layers import SinusoidalPositions
        >>> print(ops.convert_to_numpy(SinusoidalPositions()(ops.zeros((1, 2, 2)))).round(2))
        [[[0.   1.  ]
          [0.84 0.54]]]

    Reference:
        Vaswani et al., "Attention is all you need" (2017, arXiv 1706.03762), section 3.5. The
        factor √D for token vectors, section 3.4, is the caller's.
    """

    def build(self, x_shape):
        """The angle that each feature turns by at a step; pairs of features share one."""
        width = x_shape[-1]
        self.angles = [10000.0 ** (-(feature - feature % 2) / width) for feature in range(width)]

    def vectors(self, positions):
        """Sines for even features, cosines for odd ones."""
        dtype = full_precision(self.compute_dtype)
        angles = ops.expand_dims(ops.cast(positions, dtype), -1) * ops.array(self.angles, dtype)
        even = ops.array([feature % 2 == 0 for feature in range(len(self.angles))])
        return ops.where(even, ops.sin(angles), ops.cos(angles))


@keras.saving.register_keras_serializable("keras_seq")
class LearnedPositions(_Positions):
    r"""Adds a learned vector for each position, $y_t = x_t + P_t$.

    Args:
        max_length: Number of positions.
        initializer: Of the vectors.
        **kwargs: What every Keras layer takes.

    Call arguments:
        x: (B, T, D), or a single step (B, D).
        start: Position of the first step, an integer or (B,).

    Returns:
        Of the shape of `x`.

    Raises:
        ValueError: `max_length` below 1; `x` of another rank; positions beyond `max_length`, where
            they are known when the layer is traced. Where they are not, positions beyond it have
            the vector of the last.

    Example:
        >>> from keras import ops
        >>> from keras_seq.layers import LearnedPositions
        >>> layer = LearnedPositions(max_length=10, initializer="ones")
        >>> print(ops.convert_to_numpy(layer(ops.zeros((1, 2)), start=9)))
        [[1. 1.]]

    Reference:
        Gehring et al., "Convolutional sequence to sequence learning" (2017, arXiv 1705.03122),
        section 3.1.
    """

    def __init__(self, max_length, initializer="uniform", **kwargs):
        if max_length < 1:
            raise ValueError(f"max_length must be at least 1; got {max_length!r}.")
        super().__init__(**kwargs)
        self.max_length, self.initializer = max_length, keras.initializers.get(initializer)

    def build(self, x_shape):
        """The vectors."""
        self.positions = self.add_weight(
            shape=(self.max_length, x_shape[-1]), initializer=self.initializer, name="positions"
        )

    def call(self, x, start=0):
        """See the class."""
        steps = x.shape[1] if len(x.shape) == 3 else 1
        first = start if isinstance(start, int) else 0
        if steps is not None and not 0 <= first <= self.max_length - steps:
            raise ValueError(
                f"{self.name} has max_length={self.max_length} positions; got {steps} steps from "
                f"position {first} on. Cut the sequence, or make the layer with more."
            )
        return super().call(x, start)

    def vectors(self, positions):
        """Those learned."""
        return ops.take(self.positions, ops.clip(positions, 0, self.max_length - 1), axis=0)

    def get_config(self):
        """The configuration."""
        initializer = keras.initializers.serialize(self.initializer)
        own = {"max_length": self.max_length, "initializer": initializer}
        return {**super().get_config(), **own}
