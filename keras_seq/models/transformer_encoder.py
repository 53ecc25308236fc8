"""The encoder of the Transformer."""

import keras
from keras import ops

from keras_seq.layers import TransformerEncoderBlock
from keras_seq.models.encoders import Encoded
from keras_seq.models.transformer_parts import TransformerParts


@keras.saving.register_keras_serializable("keras_seq")
class TransformerEncoder(TransformerParts):
    r"""Reads source tokens with a stack of self-attention blocks.

    $$h^0_s = \sqrt{D}\, E_{x_s} + P_s, \qquad h^l = \mathrm{block}^l(h^{l-1})$$

    Args:
        vocabulary_size: V, the number of source ids; id 0 is padding.
        units: D, the width of the vectors.
        layers: Number of blocks.
        heads: Number of heads, which divides D.
        hidden_units: Width of the inner layers; 4·D if None.
        dropout: Rate; see `TransformerEncoderBlock`; on the token vectors too.
        normalization: "pre", with one more normalization at the end, or "post".
        activation: Of the inner layers.
        positions: "sinusoidal" or "learned".
        max_length: Of learned positions, the longest source.
        seed: Seed of the dropout.
        **kwargs: What every Keras layer takes.

    Call arguments:
        ids: Integers (B, S), padded with 0 on the right.
        training: Whether dropout is active.

    Returns:
        `Encoded`: values (B, S, D) and the mask of the ids; no states.

    Raises:
        ValueError: Options that make no encoder.

    Example:
        >>> import numpy as np
        >>> from keras_seq.models import TransformerEncoder
        >>> encoder = TransformerEncoder(vocabulary_size=30, units=8, layers=2, heads=2)
        >>> tuple(encoder(np.array([[5, 7, 0]])).values.shape)
        (1, 3, 8)

    Reference:
        Vaswani et al., "Attention is all you need" (2017, arXiv 1706.03762), section 3, which is
        "post" and sinusoidal.
    """

    block_class = TransformerEncoderBlock

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

    def build(self, ids_shape):
        """Builds the blocks."""
        self.build_parts(ids_shape)
        self.built = True

    def call(self, ids, training=False):
        """See the class."""
        mask = ops.not_equal(ids, 0)
        x = self.vectors(ids, training=training)
        for block in self.blocks:
            x = block(x, mask=mask, training=training)
        return Encoded(self.last(x), mask)

    def get_config(self):
        """The configuration."""
        return {**super().get_config(), **self.parts_config()}
