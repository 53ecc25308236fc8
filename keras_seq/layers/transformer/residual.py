"""The connection around each part of a Transformer block."""

import keras

NORMALIZATIONS = ("pre", "post")


class Residual(keras.layers.Layer):
    r"""A residual connection with dropout and layer normalization.

    $$y = x + \mathrm{dropout}(f(\mathrm{norm}(x))) \quad \text{("pre")} \qquad
      y = \mathrm{norm}(x + \mathrm{dropout}(f(x))) \quad \text{("post")}$$

    The part $f$ is between `before` and `after`.
    """

    def __init__(self, normalization, dropout, seed=None, **kwargs):
        if normalization not in NORMALIZATIONS:
            raise ValueError(
                f"normalization must be one of {', '.join(NORMALIZATIONS)}; got {normalization!r}."
            )
        super().__init__(**kwargs)
        self.first = normalization == "pre"
        self.norm = keras.layers.LayerNormalization(epsilon=1e-6, dtype=self.dtype_policy)
        self.drop = keras.layers.Dropout(dropout, seed=seed, dtype=self.dtype_policy)

    def build(self, x_shape):
        """The normalization."""
        self.norm.build(x_shape)

    def before(self, x):
        """What the part gets."""
        return self.norm(x) if self.first else x

    def after(self, x, y, training=False):
        """The sum with what the part gave."""
        total = x + self.drop(y, training=training)
        return total if self.first else self.norm(total)
