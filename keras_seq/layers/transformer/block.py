"""What the blocks of a Transformer's encoder and decoder share: options, and how parts are made."""

import random

import keras

from keras_seq.layers.attention.multi_head import MultiHeadAttention
from keras_seq.layers.transformer.feed_forward import FeedForward
from keras_seq.layers.transformer.residual import Residual


class TransformerBlock(keras.layers.Layer):
    """Self-attention and a feed-forward part, each in a residual connection."""

    def __init__(
        self,
        heads,
        hidden_units,
        dropout=0.0,
        normalization="pre",
        activation="relu",
        seed=None,
        **kwargs,
    ):
        if hidden_units < 1:
            raise ValueError(f"hidden_units must be at least 1; got {hidden_units!r}.")
        super().__init__(**kwargs)
        self.heads, self.hidden_units, self.dropout = heads, hidden_units, dropout
        self.normalization, self.seed = normalization, seed
        self.activation = keras.activations.get(activation)
        self._seeds = random.Random(seed)  # each dropout draws from a seed of its own
        self.self_attention, self.around_self_attention = self.attention("self_attention")
        self.feed_forward = FeedForward(
            hidden_units,
            self.activation,
            dropout,
            seed=self._next_seed(),
            name="feed_forward",
            dtype=self.dtype_policy,
        )
        self.around_feed_forward = self._residual("around_feed_forward")

    def attention(self, name):
        """An attention layer and the residual connection around it."""
        layer = MultiHeadAttention(
            self.heads,
            dropout=self.dropout,
            seed=self._next_seed(),
            name=name,
            dtype=self.dtype_policy,
        )
        return layer, self._residual(f"around_{name}")

    def _residual(self, name):
        return Residual(
            self.normalization,
            self.dropout,
            seed=self._next_seed(),
            name=name,
            dtype=self.dtype_policy,
        )

    def _next_seed(self):
        return None if self.seed is None else self._seeds.getrandbits(31)

    def build_parts(self, x_shape):
        """Builds what both blocks have."""
        self.self_attention.build(x_shape, x_shape)
        for part in (self.around_self_attention, self.feed_forward, self.around_feed_forward):
            part.build(x_shape)

    def fed_forward(self, x, training=False):
        """The last part."""
        y = self.feed_forward(self.around_feed_forward.before(x), training=training)
        return self.around_feed_forward.after(x, y, training)

    def get_config(self):
        """The configuration."""
        names = ("heads", "hidden_units", "dropout", "normalization", "seed")
        own = {name: getattr(self, name) for name in names}
        own["activation"] = keras.activations.serialize(self.activation)
        return {**super().get_config(), **own}
