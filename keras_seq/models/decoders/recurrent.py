"""What recurrent decoders share: token vectors, layers, the first state, the way to logits."""

from functools import partial
from itertools import accumulate
from typing import Any

import keras
from keras import ops

from keras_seq.layers import GlobalAveragePooling1D, TokenEmbedding, recurrent_layer
from keras_seq.layers.engine import run_steps
from keras_seq.models.decoders.decoder import Decoder
from keras_seq.models.seeds import seeds_from

BRIDGES = ("dense", "copy")


class RecurrentDecoder(Decoder):
    r"""A decoder of recurrent layers.

    A subclass writes `advance`: from a token's vector and the state to the features that the next
    token is predicted from, and the new state. Then

    $$\mathrm{logits}_t = W\, \mathrm{summed\_up}(\mathrm{features}_t) + b \qquad\text{or, tied,}
      \qquad E\, (W\, \mathrm{summed\_up}(\mathrm{features}_t) + b) + b'$$

    and tells their `features_width`. What no later step waits for it computes in `summed_up`, for
    all steps at once. Where no step waits for what the step before saw of the source, it overrides
    `advance_all` too.

    Args:
        vocabulary_size: V, the number of target ids.
        units: U, the size of the state of each layer.
        cell: Name of a recurrent layer, see `keras_seq.layers.recurrent_layers`.
        layers: How many on one another.
        embedding_units: E, the width of the token vectors.
        dropout: Rate on the token vectors, between layers and on the features.
        tied: Whether the matrix of the token vectors is that of the logits too; the features are
            first brought to E columns.
        bridge: How each layer's first states come from those of the encoder's layer of the same
            number, or its last: "dense", $s_0 = \tanh(W h + b)$, or "copy", which needs equal
            widths and as many layers. Of an encoder without states, the mean of its values is
            bridged.
        seed: Seed of the dropout.
        **kwargs: What every Keras layer takes.

    Call arguments:
        tokens: Target ids (B, T): at each position the token before the one to be predicted.
        encoded: What the encoder gave.
        training: Whether dropout is active.

    Returns:
        Logits (B, T, V), float32.
    """

    def __init__(
        self,
        vocabulary_size,
        units,
        *,
        cell="gru",
        layers=1,
        embedding_units=256,
        dropout=0.0,
        tied=True,
        bridge="dense",
        seed=None,
        **kwargs,
    ):
        if layers < 1:
            raise ValueError(f"A decoder needs at least one layer; got layers={layers}.")
        if bridge not in BRIDGES:
            raise ValueError(f"bridge must be one of {', '.join(BRIDGES)}; got {bridge!r}.")
        super().__init__(**kwargs)
        self.vocabulary_size, self.units = vocabulary_size, units
        self.cell, self.layers = cell, layers
        self.embedding_units, self.dropout, self.tied = embedding_units, dropout, tied
        self.bridge, self.seed = bridge, seed
        own = {"dtype": self.dtype_policy}
        self.embedding = TokenEmbedding(vocabulary_size, embedding_units, name="embedding", **own)
        make = partial(recurrent_layer(cell), units, return_sequences=True, return_state=True)
        self.recurrent_layers = [make(name=f"recurrent_{n}", **own) for n in range(layers)]
        self.bridges = []
        if bridge == "dense":
            self.bridges = [
                keras.layers.Dense(width, activation="tanh", name=f"bridge_{number}_{state}", **own)
                for number, of_layer in enumerate(self._widths)
                for state, width in enumerate(of_layer)
            ]
        self.mean = GlobalAveragePooling1D(name="mean", **own)
        self.mean.built = True  # it has no weights, and not every decoder calls it
        seeds = seeds_from(seed)
        self.drops = [
            keras.layers.Dropout(dropout, seed=next(seeds), name=f"dropout_{number}", **own)
            for number in range(layers)
        ]
        self.drop_features = keras.layers.Dropout(
            dropout, seed=next(seeds), name="dropout_features", **own
        )
        self.to_logits = keras.layers.Dense(
            embedding_units if tied else vocabulary_size, name="to_logits", **own
        )

    @property
    def _widths(self) -> list[tuple[int, ...]]:
        """Of the states of each layer."""
        return [tuple(layer.cell.widths) for layer in self.recurrent_layers]

    @property
    def features_width(self) -> int:
        """The columns of the features."""
        raise NotImplementedError

    @property
    def summed_up_width(self) -> int:
        """The columns of `summed_up`."""
        return self.features_width

    def summed_up(self, features):
        """What the logits read of the features, (…, features_width) to (…, summed_up_width)."""
        return features

    @property
    def width(self) -> int:
        """The width of the last layer's output."""
        return self.recurrent_layers[-1].cell.output_size

    def build_layers(self, tokens_shape, encoded_shape, input_width):
        """Builds what every recurrent decoder has.

        Args:
            tokens_shape: (B, T).
            encoded_shape: An `Encoded` of shapes.
            input_width: Of what the first layer reads.
        """
        self.embedding.build(tokens_shape)
        for layer in self.recurrent_layers:
            layer.build((*tokens_shape, input_width))
            input_width = layer.cell.output_size
        values, _, states = encoded_shape
        sources = states or (((tokens_shape[0], values[-1]),),)
        shapes = [shape for n in range(self.layers) for shape in self._sources_of(n, sources)]
        for dense, shape in zip(self.bridges, shapes, strict=False):  # "copy" has none
            dense.build(shape)
        self.to_logits.build((*tokens_shape, self.summed_up_width))
        if self.tied:
            self.bias = self.add_weight(
                shape=(self.vocabulary_size,), initializer="zeros", name="bias"
            )
        self.built = True

    def source(self, encoded):
        """The last layer's final output of the encoder; without states, the mean of its values."""
        if encoded.states:
            return encoded.states[-1][0]
        return self.mean(encoded.values, mask=encoded.mask)

    def source_width(self, encoded_shape) -> int:
        """The width of `source`."""
        values, _, states = encoded_shape
        return states[-1][0][-1] if states else values[-1]

    def first_states(self, encoded) -> tuple:
        """The first states of each layer, from the encoder's final ones."""
        return self.bridged(encoded.states or ((self.source(encoded),),))

    def bridged(self, sources) -> tuple:
        """The first states of each layer, from those of each layer of another network."""
        if self.bridge == "copy":
            given = [tuple(source.shape[-1] for source in layer) for layer in sources]
            if given != self._widths:
                raise ValueError(
                    'bridge="copy" needs an encoder whose layers have states of the widths '
                    f'{self._widths}; this one has {given}. Take bridge="dense".'
                )
            return tuple(map(tuple, sources))
        dense = iter(self.bridges)
        pairs = (self._sources_of(number, sources) for number in range(self.layers))
        return tuple(tuple(next(dense)(source) for source in of_layer) for of_layer in pairs)

    def _sources_of(self, number, sources):
        """What each state of a layer is bridged from: its namesake, or the nearest there is."""
        of_layer = sources[min(number, len(sources) - 1)]
        states = range(len(self._widths[number]))
        return [of_layer[min(state, len(of_layer) - 1)] for state in states]

    def advance(self, y, state, memory, kept=()) -> tuple[Any, dict]:
        """One step from a token's vector.

        Args:
            y: (B, E).
            state: The state before it.
            memory: What `prepare` gave.
            kept: Dropout masks for `recur`.

        Returns:
            The features (B, …) that the next token is predicted from, and the new state.
        """
        raise NotImplementedError

    def advance_all(self, y, state, memory, training=False):
        """The features after each token, (B, T, E) to (B, T, …)."""
        # Drawn before the loop: within, JAX would lose the state that seeds are drawn from.
        masks = self._dropout_masks(y) if training and self.dropout else []
        ends = list(accumulate(part.shape[-1] for part in (y, *masks)))

        def step(read, carried, remembered):
            y_t, *kept = ops.split(read, ends[:-1], axis=-1) if masks else [read]
            before = keras.tree.pack_sequence_as(state, carried[1:])
            looked_at = keras.tree.pack_sequence_as(memory, remembered)
            features, after = self.advance(y_t, before, looked_at, kept)
            return (features, *keras.tree.flatten(after))

        nothing = ops.zeros((ops.shape(y)[0], self.features_width), y.dtype)
        sequence = ops.concatenate([y, *masks], axis=-1) if masks else y
        states = (nothing, *keras.tree.flatten(state))
        memory_parts = tuple(keras.tree.flatten(memory))
        return run_steps(step, sequence, states, memory_parts, self.variables)[0]

    def _dropout_masks(self, y):
        """For what each layer but the first reads at each step, (B, T, …)."""
        below = zip(self.recurrent_layers, self.drops[1:], strict=False)
        shapes = [(drop, (*ops.shape(y)[:2], layer.cell.output_size)) for layer, drop in below]
        return [drop(ops.ones(shape, y.dtype), training=True) for drop, shape in shapes]

    def recur(self, x, states, kept=()):
        """One step through the layers.

        Args:
            x: What the first layer reads, (B, …).
            states: Those of each layer.
            kept: What the input of each layer but the first is multiplied by; empty for nothing.

        Returns:
            The output of the last layer, and the new states of each.
        """
        new, factors = [], [None, *kept] if kept else [None] * self.layers
        for layer, factor, of_layer in zip(self.recurrent_layers, factors, states, strict=True):
            x = x if factor is None else x * factor
            x, after = layer.cell(x, list(of_layer))
            new.append(tuple(after) if isinstance(after, (list, tuple)) else (after,))
        return x, tuple(new)

    def recur_all(self, x, states, training=False):
        """All steps through the layers, by the engine."""
        drops = [None, *self.drops[1:]]  # between layers: none before the first
        for layer, drop, of_layer in zip(self.recurrent_layers, drops, states, strict=True):
            x = drop(x, training=training) if drop else x
            x, *_ = layer(x, initial_state=list(of_layer), training=training)
        return x

    def readout(self, features, training=False):
        """Features (…) to logits (…, V) in float32."""
        x = self.drop_features(self.summed_up(features), training=training)
        x = self.to_logits(x)
        if self.tied:
            x = self.embedding.logits(x) + ops.cast(self.bias, x.dtype)
        return ops.cast(x, "float32")

    def step(self, token, state, memory):
        """See `Decoder`."""
        features, state = self.advance(self.embedding(token), state, memory)
        return self.readout(features), state

    def call(self, tokens, encoded, training=False):
        """See the class."""
        memory = self.prepare(encoded)
        y = self.drops[0](self.embedding(tokens), training=training)
        state = self.initial_state(memory, tokens.shape[1])
        return self.readout(self.advance_all(y, state, memory, training), training)

    def get_config(self):
        """The configuration."""
        names = ("vocabulary_size", "units", "cell", "layers", "embedding_units", "dropout")
        own = {name: getattr(self, name) for name in (*names, "tied", "bridge", "seed")}
        return {**super().get_config(), **own}
