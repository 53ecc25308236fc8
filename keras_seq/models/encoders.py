"""Encoders: from source ids to what a decoder looks at."""

from functools import partial
from typing import Any, NamedTuple

import keras
from keras import ops

from keras_seq.layers import Bidirectional, TokenEmbedding, recurrent_layer
from keras_seq.models.seeds import seeds_from


class Encoded(NamedTuple):
    """What an encoder makes of a source sequence; each tensor has the batch first.

    Attributes:
        values: A vector for each source position, (B, S, D).
        mask: Boolean (B, S), True = real source.
        states: Of each layer its final states, (B, …); empty if the encoder has none.
    """

    values: Any
    mask: Any
    states: tuple = ()


def source_spec(encoder: Any) -> keras.KerasTensor:
    """What an encoder reads, of any batch: what it tells as its `source_spec`, or ids (B, S)."""
    return getattr(encoder, "source_spec", keras.KerasTensor((None, None), "int32"))


@keras.saving.register_keras_serializable("keras_seq")
class RecurrentEncoder(keras.layers.Layer):
    r"""Reads source tokens with recurrent layers.

    $$h_{1:S} = \mathrm{RNN}^L(\cdots \mathrm{RNN}^1(E_{x_1}, \dots, E_{x_S}))$$

    Args:
        vocabulary_size: V, the number of source ids; id 0 is padding.
        units: U, the size of the state of each layer; of each direction, where it reads both ways.
        cell: Name of a recurrent layer, see `keras_seq.layers.recurrent_layers`.
        layers: How many on one another.
        bidirectional: Whether each layer reads in both directions.
        embedding_units: Width of the token vectors.
        dropout: Rate on the token vectors, between layers and on the values.
        reverse: Whether to read the source from its last token to its first, padding left where it
            is. The values then come in that order too.
        seed: Seed of the dropout.
        **kwargs: What every Keras layer takes.

    Call arguments:
        ids: Integers (B, S), padded with 0 on the right.
        training: Whether dropout is active.

    Returns:
        `Encoded`: values (B, S, U), or (B, S, 2·U) if bidirectional; the mask of the ids; the final
        states of each layer, those of the two directions joined.

    Raises:
        ValueError: No layers, an unknown cell, or reversed reading in both directions, which
            changes nothing.

    Example:
        >>> import numpy as np
        >>> from keras_seq.models import RecurrentEncoder
        >>> encoder = RecurrentEncoder(vocabulary_size=30, units=4, bidirectional=True)
        >>> values, mask, states = encoder(np.array([[5, 7, 0]]))
        >>> tuple(values.shape), tuple(states[0][0].shape)
        ((1, 3, 8), (1, 8))

    Reference:
        Reversed source: Sutskever et al., "Sequence to sequence learning with neural networks"
        (2014, arXiv 1409.3215), section 3.3.
    """

    def __init__(
        self,
        vocabulary_size,
        units,
        *,
        cell="gru",
        layers=1,
        bidirectional=False,
        embedding_units=256,
        dropout=0.0,
        reverse=False,
        seed=None,
        **kwargs,
    ):
        if layers < 1:
            raise ValueError(f"An encoder needs at least one layer; got layers={layers}.")
        if reverse and bidirectional:
            raise ValueError(
                "reverse=True came with bidirectional=True, which reads the reversed source as "
                "well: leave one of them out."
            )
        super().__init__(**kwargs)
        self.vocabulary_size, self.units = vocabulary_size, units
        self.cell, self.layers = cell, layers
        self.bidirectional, self.embedding_units = bidirectional, embedding_units
        self.dropout, self.reverse, self.seed = dropout, reverse, seed
        own = {"dtype": self.dtype_policy}
        self.embedding = TokenEmbedding(vocabulary_size, embedding_units, name="embedding", **own)
        make = partial(recurrent_layer(cell), units, return_sequences=True, return_state=True)
        self.recurrent_layers = []
        for number in range(layers):
            layer = make(name=f"recurrent_{number}", **own)
            if bidirectional:
                layer = Bidirectional(layer, name=f"both_ways_{number}", **own)
            self.recurrent_layers.append(layer)
        seeds = seeds_from(seed)
        self.drops = [
            keras.layers.Dropout(dropout, seed=next(seeds), name=f"dropout_{number}", **own)
            for number in range(layers + 1)
        ]

    @property
    def width(self) -> int:
        """D, the width of the values."""
        layer = self.recurrent_layers[-1]
        forward = layer.forward_layer if self.bidirectional else layer
        return forward.cell.output_size * (2 if self.bidirectional else 1)

    def build(self, ids_shape):
        """Builds every layer for the widths below it."""
        self.embedding.build(ids_shape)
        shape = (*ids_shape, self.embedding_units)
        for layer in self.recurrent_layers:
            layer.build(shape)
            shape = (*ids_shape, self.width)
        self.built = True

    def call(self, ids, training=False):
        """See the class."""
        mask = ops.not_equal(ids, 0)
        ids = _reversed(ids, mask) if self.reverse else ids
        x, states = self.embedding(ids), []
        for layer, drop in zip(self.recurrent_layers, self.drops, strict=False):
            x, *final = layer(drop(x, training=training), mask=mask, training=training)
            states.append(self._joined(final))
        return Encoded(self.drops[-1](x, training=training), mask, tuple(states))

    def _joined(self, states):
        """The states of the two directions side by side."""
        if not self.bidirectional:
            return tuple(states)
        half = len(states) // 2
        pairs = zip(states[:half], states[half:], strict=True)
        return tuple(ops.concatenate(pair, axis=-1) for pair in pairs)

    def get_config(self):
        """The configuration."""
        names = ("vocabulary_size", "units", "cell", "layers", "bidirectional", "embedding_units")
        own = {name: getattr(self, name) for name in (*names, "dropout", "reverse", "seed")}
        return {**super().get_config(), **own}


def _reversed(ids, mask):
    """The real ids from last to first, padding after them as before."""
    lengths = ops.sum(ops.cast(mask, "int32"), axis=1, keepdims=True)
    places = ops.expand_dims(ops.arange(ops.shape(ids)[1]), 0)
    mirrored = ops.where(places < lengths, lengths - 1 - places, places)
    return ops.take_along_axis(ids, mirrored, axis=1)
