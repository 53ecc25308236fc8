"""The decoder of Cho et al.: a summary of the source, read at every step."""

import keras
from keras import ops

from keras_seq.models.decoders.maxout import MaxoutDecoder


@keras.saving.register_keras_serializable("keras_seq")
class ChoDecoder(MaxoutDecoder):
    r"""Reads a summary c of the source at every step.

    $$c = \tanh(V h_S), \qquad s_0 = \tanh(V' c), \qquad
      s_t = \mathrm{RNN}([E_{y_{t-1}}, c],\, s_{t-1})$$
    $$\mathrm{logits}_t = G\, \mathrm{maxout}(O\, [s_t, E_{y_{t-1}}, c])$$

    But for the summary, all of these have biases too; G is what `RecurrentDecoder` says.

    Not to be mixed up with `SutskeverDecoder`, where the source is the first state alone.

    Args:
        vocabulary_size: V, the number of target ids.
        units: U, the size of the state of each layer and of the summary.
        cell: Name of a recurrent layer; the paper's is a GRU.
        **kwargs: See `RecurrentDecoder`; the bridge leads from the summary to the first states.

    Call arguments:
        tokens: Target ids (B, T): at each position the token before the one to be predicted.
        encoded: What the encoder gave; the summary is made of its last layer's final states.
        training: Whether dropout is active.

    Returns:
        Logits (B, T, V), float32.

    Raises:
        ValueError: Options that make no decoder.

    Example:
        >>> import numpy as np
        >>> from keras_seq.models import ChoDecoder, RecurrentEncoder
        >>> encoder = RecurrentEncoder(vocabulary_size=30, units=4)
        >>> decoder = ChoDecoder(vocabulary_size=20, units=4)
        >>> logits = decoder(np.array([[2, 9]]), encoder(np.array([[5, 7, 0]])))
        >>> tuple(logits.shape)
        (1, 2, 20)

    Reference:
        Cho et al., "Learning phrase representations using RNN encoder–decoder for statistical
        machine translation" (2014, arXiv 1406.1078), appendix A. Each gate's product with the
        summary is a part of the input's kernel here.
    """

    def __init__(self, vocabulary_size, units, *, cell="gru", **kwargs):
        if (bridge := kwargs.get("bridge", "dense")) != "dense":
            raise ValueError(
                'The first states of a ChoDecoder come from its summary: bridge must be "dense"; '
                f"got {bridge!r}."
            )
        super().__init__(vocabulary_size, units, cell=cell, **kwargs)
        self.seen_width = units
        self.summary = keras.layers.Dense(
            units, activation="tanh", use_bias=False, name="summary", dtype=self.dtype_policy
        )

    def build(self, tokens_shape, encoded_shape):
        """Builds the layers."""
        batch, width = tokens_shape[0], self.source_width(encoded_shape)
        self.summary.build((batch, width))
        summary = (batch, self.units)
        self.build_parts(tokens_shape, (None, None, ((summary,),)))

    def prepare(self, encoded):
        """See `Decoder`: the summary."""
        return {"summary": self.summary(self.source(encoded))}

    def initial_state(self, memory, length):
        """See `Decoder`."""
        return {"layers": self.bridged(((memory["summary"],),))}

    def advance(self, y, state, memory, kept=()):
        """See `RecurrentDecoder`."""
        read = ops.concatenate([y, memory["summary"]], axis=-1)
        s, layers = self.recur(read, state["layers"], kept)
        return ops.concatenate([s, read], axis=-1), {"layers": layers}

    def advance_all(self, y, state, memory, training=False):
        """See `RecurrentDecoder`."""
        summary = ops.expand_dims(memory["summary"], 1)
        summary = ops.broadcast_to(summary, (*ops.shape(y)[:2], self.units))
        read = ops.concatenate([y, summary], axis=-1)
        s = self.recur_all(read, state["layers"], training)
        return ops.concatenate([s, read], axis=-1)
