"""What the Transformer's encoder and decoder share: token vectors, positions, a stack of blocks."""

import keras

from keras_seq.layers import LearnedPositions, SinusoidalPositions, TokenEmbedding
from keras_seq.models.seeds import seeds_from

POSITIONS = ("sinusoidal", "learned")


class TransformerParts(keras.layers.Layer):
    """Makes the parts of a stack of Transformer blocks; see the classes that inherit it.

    Class attributes:
        block_class: The block.
    """

    block_class: type

    def make_parts(
        self,
        vocabulary_size,
        units,
        *,
        layers,
        heads,
        hidden_units,
        dropout,
        normalization,
        activation,
        positions,
        max_length,
        seed,
    ):
        """Checks the options and makes the layers."""
        if layers < 1:
            raise ValueError(f"A Transformer needs at least one layer; got layers={layers}.")
        if positions not in POSITIONS:
            raise ValueError(f"positions must be one of {', '.join(POSITIONS)}; got {positions!r}.")
        self.vocabulary_size, self.units = vocabulary_size, units
        self.layers, self.heads = layers, heads
        self.hidden_units = hidden_units
        self.dropout, self.normalization, self.seed = dropout, normalization, seed
        self.activation, self.positions, self.max_length = activation, positions, max_length
        seeds = seeds_from(seed)
        own = {"dtype": self.dtype_policy}
        self.embedding = TokenEmbedding(vocabulary_size, units, name="embedding", **own)
        named = {"name": "positions", **own}
        learned = positions == "learned"
        self.add_positions = (
            LearnedPositions(max_length, **named) if learned else SinusoidalPositions(**named)
        )
        self.drop = keras.layers.Dropout(dropout, seed=next(seeds), name="dropout", **own)
        self.blocks = [
            self.block_class(
                heads,
                4 * units if hidden_units is None else hidden_units,
                dropout=dropout,
                normalization=normalization,
                activation=activation,
                seed=next(seeds),
                name=f"block_{number}",
                **own,
            )
            for number in range(layers)
        ]
        # Blocks of "post" end with a normalization of their own.
        self.last = (
            keras.layers.LayerNormalization(epsilon=1e-6, name="last_normalization", **own)
            if normalization == "pre"
            else keras.layers.Identity(name="last_normalization", **own)
        )

    def build_parts(self, ids_shape, *memory_shape):
        """Builds the layers for ids (B, T)."""
        shape = (*ids_shape, self.units)
        self.embedding.build(ids_shape)
        self.add_positions.build(shape)
        for block in self.blocks:
            block.build(shape, *memory_shape)
        self.last.build(shape)

    def vectors(self, ids, start=0, training=False):
        """Token vectors with their positions."""
        return self.drop(self.add_positions(self.embedding(ids), start=start), training=training)

    def parts_config(self):
        """The options of `make_parts`."""
        sizes = ("vocabulary_size", "units", "layers", "heads", "hidden_units", "max_length")
        others = ("dropout", "normalization", "activation", "positions", "seed")
        return {name: getattr(self, name) for name in (*sizes, *others)}
