"""The decoder of Sutskever et al.: the source is the first state, and nothing else."""

import keras

from keras_seq.models.decoders.recurrent import RecurrentDecoder


@keras.saving.register_keras_serializable("keras_seq")
class SutskeverDecoder(RecurrentDecoder):
    r"""Knows the source by its first state alone.

    $$s_0 = \mathrm{bridge}(h_S), \qquad s_t = \mathrm{RNN}(E_{y_{t-1}}, s_{t-1}), \qquad
      \mathrm{logits}_t = W s_t + b$$

    Not to be mixed up with `ChoDecoder`, which reads a summary of the source at every step.

    Args:
        vocabulary_size: V, the number of target ids.
        units: U, the size of the state of each layer.
        cell: Name of a recurrent layer; the paper's is an LSTM, four layers deep.
        bridge: "copy", as in the paper, or "dense", for encoders of another form.
        **kwargs: See `RecurrentDecoder`.

    Call arguments:
        tokens: Target ids (B, T): at each position the token before the one to be predicted.
        encoded: What the encoder gave.
        training: Whether dropout is active.

    Returns:
        Logits (B, T, V), float32.

    Raises:
        ValueError: Options that make no decoder, or a copy of states of other widths.

    Example:
        >>> import numpy as np
        >>> from keras_seq.models import RecurrentEncoder, SutskeverDecoder
        >>> encoder = RecurrentEncoder(vocabulary_size=30, units=4, cell="lstm", reverse=True)
        >>> decoder = SutskeverDecoder(vocabulary_size=20, units=4)
        >>> logits = decoder(np.array([[2, 9]]), encoder(np.array([[5, 7, 0]])))
        >>> tuple(logits.shape)
        (1, 2, 20)

    Reference:
        Sutskever et al., "Sequence to sequence learning with neural networks" (2014, arXiv
        1409.3215). With `tied`, logits go through the token vectors; the paper has weights of their
        own (`tied=False`).
    """

    def __init__(self, vocabulary_size, units, *, cell="lstm", bridge="copy", **kwargs):
        super().__init__(vocabulary_size, units, cell=cell, bridge=bridge, **kwargs)

    @property
    def features_width(self):
        """Those of the last layer."""
        return self.width

    def build(self, tokens_shape, encoded_shape):
        """Builds the layers."""
        self.build_layers(tokens_shape, encoded_shape, self.embedding_units)

    def prepare(self, encoded):
        """See `Decoder`: the first states."""
        return {"layers": self.first_states(encoded)}

    def initial_state(self, memory, length):
        """See `Decoder`."""
        return memory

    def advance(self, y, state, memory, kept=()):
        """See `RecurrentDecoder`."""
        s, layers = self.recur(y, state["layers"], kept)
        return s, {"layers": layers}

    def advance_all(self, y, state, memory, training=False):
        """See `RecurrentDecoder`."""
        return self.recur_all(y, state["layers"], training)
