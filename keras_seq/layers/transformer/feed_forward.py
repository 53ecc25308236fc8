"""The two layers that a Transformer block applies to each position by itself."""

import keras


class FeedForward(keras.layers.Layer):
    r"""$W_2\, \mathrm{dropout}(\phi(W_1 x + b_1)) + b_2$, as wide as its input."""

    def __init__(self, units, activation, dropout, seed=None, **kwargs):
        super().__init__(**kwargs)
        self.hidden = keras.layers.Dense(units, activation=activation, dtype=self.dtype_policy)
        self.drop = keras.layers.Dropout(dropout, seed=seed, dtype=self.dtype_policy)

    def build(self, x_shape):
        """Both layers."""
        self.hidden.build(x_shape)
        self.result = keras.layers.Dense(x_shape[-1], dtype=self.dtype_policy)
        self.result.build((*x_shape[:-1], self.hidden.units))

    def call(self, x, training=False):
        """See the class."""
        return self.result(self.drop(self.hidden(x), training=training))
