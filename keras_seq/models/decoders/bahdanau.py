"""The decoder of Bahdanau et al.: attention before each step, by the state before it."""

import keras
from keras import ops

from keras_seq.layers import BahdanauAttention
from keras_seq.models.decoders.maxout import MaxoutDecoder


@keras.saving.register_keras_serializable("keras_seq")
class BahdanauDecoder(MaxoutDecoder):
    r"""Looks at the source before each step, with the state before it, and reads what it saw.

    $$c_t = \mathrm{attention}(s_{t-1}, h_{1:S}), \qquad
      s_t = \mathrm{RNN}([E_{y_{t-1}}, c_t],\, s_{t-1})$$
    $$\mathrm{logits}_t = G\, \mathrm{maxout}(O\, [s_t, E_{y_{t-1}}, c_t])$$

    All of these have biases too; G is what `RecurrentDecoder` says.

    Args:
        vocabulary_size: V, the number of target ids.
        units: U, the size of the state of each layer.
        cell: Name of a recurrent layer; the paper's is a GRU.
        attention_units: Width of the attention's network; U if None.
        coverage: Whether the attention sees where it has looked before.
        **kwargs: See `RecurrentDecoder`.

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
        >>> from keras_seq.models import BahdanauDecoder, RecurrentEncoder
        >>> encoder = RecurrentEncoder(vocabulary_size=30, units=4, bidirectional=True)
        >>> decoder = BahdanauDecoder(vocabulary_size=20, units=4)
        >>> logits = decoder(np.array([[2, 9]]), encoder(np.array([[5, 7, 0]])))
        >>> tuple(logits.shape)
        (1, 2, 20)

    Reference:
        Bahdanau et al., "Neural machine translation by jointly learning to align and translate"
        (2014, arXiv 1409.0473), appendix A.2.2. Other than there, the logits read the state after
        the step, not before it, and the bridge reads the final states of both directions.
    """

    def __init__(
        self, vocabulary_size, units, *, cell="gru", attention_units=None, coverage=False, **kwargs
    ):
        super().__init__(vocabulary_size, units, cell=cell, **kwargs)
        self.attention_units, self.coverage = attention_units, coverage
        self.attention = BahdanauAttention(
            units if attention_units is None else attention_units,
            coverage=coverage,
            name="attention",
            dtype=self.dtype_policy,
        )

    def build(self, tokens_shape, encoded_shape):
        """Builds the layers."""
        values = encoded_shape[0]
        self.seen_width = values[-1]
        self.build_parts(tokens_shape, encoded_shape)
        self.attention.build((tokens_shape[0], self.width), values)

    def prepare(self, encoded):
        """See `Decoder`: what the attention prepares, and the first states."""
        memory = self.attention.prepare(encoded.values, encoded.mask)
        return {"attention": memory, "layers": self.first_states(encoded)}

    def initial_state(self, memory, length):
        """See `Decoder`."""
        nowhere = self.nowhere(memory["attention"].mask)
        state = {"layers": memory["layers"], "attention": nowhere}
        return {**state, "coverage": nowhere} if self.coverage else state

    def advance(self, y, state, memory, kept=()):
        """See `RecurrentDecoder`."""
        coverage = {"coverage": state["coverage"]} if self.coverage else {}
        before = state["layers"][-1][0]
        context, weights = self.attention(before, memory["attention"], **coverage)
        read = ops.concatenate([y, context], axis=-1)
        s, layers = self.recur(read, state["layers"], kept)
        state = {"layers": layers, "attention": weights}
        state |= {name: seen + weights for name, seen in coverage.items()}
        return ops.concatenate([s, read], axis=-1), state

    def get_config(self):
        """The configuration."""
        own = {"attention_units": self.attention_units, "coverage": self.coverage}
        return {**super().get_config(), **own}
