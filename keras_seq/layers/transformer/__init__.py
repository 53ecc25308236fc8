"""The blocks that a Transformer is made of, and positions for what knows no order."""

from keras_seq.layers.transformer.decoder_block import TransformerDecoderBlock
from keras_seq.layers.transformer.encoder_block import TransformerEncoderBlock
from keras_seq.layers.transformer.positions import LearnedPositions, SinusoidalPositions

__all__ = [
    "LearnedPositions",
    "SinusoidalPositions",
    "TransformerDecoderBlock",
    "TransformerEncoderBlock",
]
