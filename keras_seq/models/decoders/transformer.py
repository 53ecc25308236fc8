"""The decoder of the Transformer."""

import keras
from keras import ops

from keras_seq.layers import TransformerDecoderBlock
from keras_seq.models.decoders.decoder import Decoder
from keras_seq.models.transformer_parts import TransformerParts


@keras.saving.register_keras_serializable("keras_seq")
class TransformerDecoder(TransformerParts, Decoder):
    r"""Predicts target tokens with a stack of causal blocks that look at the source.

    $$h^0_t = \sqrt{D}\, E_{y_{t-1}} + P_t, \qquad
      h^l = \mathrm{block}^l(h^{l-1}, \mathrm{encoder}(x)), \qquad \mathrm{logits}_t = W h^L_t + b$$

    Step by step each block keeps the keys and values of the steps before, so that no step is
    computed twice.

    Args:
        vocabulary_size: V, the number of target ids.
        units: D, the width of the vectors.
        layers: Number of blocks.
        heads: Number of heads, which divides D and the width of the encoder's values.
        hidden_units: Width of the inner layers; 4·D if None.
        dropout: Rate; see `TransformerDecoderBlock`; on the token vectors too.
        normalization: "pre", with one more normalization at the end, or "post".
        activation: Of the inner layers.
        positions: "sinusoidal" or "learned".
        max_length: Of learned positions, the longest target.
        tied: Whether W is the matrix of the token vectors.
        seed: Seed of the dropout.
        **kwargs: What every Keras layer takes.

    Call arguments:
        tokens: Target ids (B, T): at each position the token before the one to be predicted.
        encoded: What the encoder gave.
        training: Whether dropout is active.

    Returns:
        Logits (B, T, V), float32.

    Raises:
        ValueError: Options that make no decoder.

    Example:
        >>> import numpy as np
        >>> from keras_seq.models import TransformerDecoder, TransformerEncoder
        >>> encoder = TransformerEncoder(vocabulary_size=30, units=8, layers=1, heads=2)
        >>> decoder = TransformerDecoder(vocabulary_size=20, units=8, layers=1, heads=2)
        >>> logits = decoder(np.array([[2, 9]]), encoder(np.array([[5, 7, 0]])))
        >>> tuple(logits.shape)
        (1, 2, 20)

    Reference:
        As `TransformerEncoder`. The attention weights that `step` tells are those of the last
        block, the mean of its heads.
    """

    block_class = TransformerDecoderBlock

    def __init__(
        self,
        vocabulary_size,
        units,
        *,
        layers=3,
        heads=4,
        hidden_units=None,
        dropout=0.1,
        normalization="pre",
        activation="relu",
        positions="sinusoidal",
        max_length=256,
        tied=True,
        seed=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.make_parts(
            vocabulary_size,
            units,
            layers=layers,
            heads=heads,
            hidden_units=hidden_units,
            dropout=dropout,
            normalization=normalization,
            activation=activation,
            positions=positions,
            max_length=max_length,
            seed=seed,
        )
        self.tied = tied
        if not tied:
            self.to_logits = keras.layers.Dense(
                vocabulary_size, name="to_logits", dtype=self.dtype_policy
            )

    def build(self, tokens_shape, encoded_shape):
        """Builds the blocks."""
        self.build_parts(tokens_shape, encoded_shape[0])
        if self.tied:
            shape = (self.vocabulary_size,)
            self.bias = self.add_weight(shape=shape, initializer="zeros", name="bias")
        else:
            self.to_logits.build((*tokens_shape, self.units))
        self.built = True

    def prepare(self, encoded):
        """See `Decoder`: the keys and values of each block."""
        return [block.prepare(encoded.values, encoded.mask) for block in self.blocks]

    def initial_state(self, memory, length):
        """See `Decoder`: empty caches."""
        if self.positions == "learned" and length > self.max_length:
            raise ValueError(
                f"{self.name} has {self.max_length} positions, too few for {length} steps: make it "
                "with a larger max_length, or search for shorter targets."
            )
        mask = memory[0].mask
        rows = ops.shape(mask)[0]
        return {
            "attention": self.nowhere(mask),
            "caches": [block.empty_cache(rows, length) for block in self.blocks],
            "position": ops.zeros((rows,), "int32"),
        }

    def step(self, token, state, memory):
        """See `Decoder`."""
        position = state["position"]
        x, caches, weights = self.vectors(token, start=position), [], state["attention"]
        for block, keys, cache in zip(self.blocks, memory, state["caches"], strict=True):
            x, cache, weights = block.step(x, keys, cache, position)
            caches.append(cache)
        state = {"attention": weights, "caches": caches, "position": position + 1}
        return self._logits(self.last(x)), state

    def call(self, tokens, encoded, training=False):
        """See the class."""
        x = self.vectors(tokens, training=training)
        for block in self.blocks:
            x, _ = block(x, encoded.values, values_mask=encoded.mask, training=training)
        return self._logits(self.last(x))

    def _logits(self, x):
        if self.tied:
            logits = self.embedding.logits(x)
            logits = logits + ops.cast(self.bias, logits.dtype)
        else:
            logits = self.to_logits(x)
        return ops.cast(logits, "float32")

    def get_config(self):
        """The configuration."""
        return {**super().get_config(), **self.parts_config(), "tied": self.tied}
