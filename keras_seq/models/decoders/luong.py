"""The decoder of Luong et al.: attention after each step, by the state after it."""

import keras
from keras import ops

from keras_seq.layers import LuongAttention
from keras_seq.models.decoders.recurrent import RecurrentDecoder


@keras.saving.register_keras_serializable("keras_seq")
class LuongDecoder(RecurrentDecoder):
    r"""Looks at the source after each step, with the state after it.

    $$s_t = \mathrm{RNN}([E_{y_{t-1}}, \tilde s_{t-1}],\, s_{t-1}), \qquad
      c_t = \mathrm{attention}(s_t, h_{1:S})$$
    $$\tilde s_t = \tanh(W_c [c_t, s_t]), \qquad \mathrm{logits}_t = W \tilde s_t + b$$

    With input feeding a step reads $\tilde s$ of the step before, so that it knows where that one
    looked. Without it, $s_t = \mathrm{RNN}(E_{y_{t-1}}, s_{t-1})$, and all steps of a known target
    are computed at once.

    Args:
        vocabulary_size: V, the number of target ids.
        units: U, the size of the state of each layer and of $\tilde s$.
        cell: Name of a recurrent layer; the paper's is an LSTM.
        score: Of the attention: "dot", "general" or "concat".
        window: Of the attention: "global", "monotonic" or "predictive".
        half_width: How far a window reaches to either side.
        input_feeding: Whether a step reads $\tilde s$ of the step before.
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
        >>> from keras_seq.models import LuongDecoder, RecurrentEncoder
        >>> encoder = RecurrentEncoder(vocabulary_size=30, units=4, cell="lstm")
        >>> decoder = LuongDecoder(vocabulary_size=20, units=4)
        >>> logits = decoder(np.array([[2, 9]]), encoder(np.array([[5, 7, 0]])))
        >>> tuple(logits.shape)
        (1, 2, 20)

    Reference:
        Luong et al., "Effective approaches to attention-based neural machine translation" (2015,
        arXiv 1508.04025), section 3. The first states go through a bridge; the paper copies them.
    """

    def __init__(
        self,
        vocabulary_size,
        units,
        *,
        cell="lstm",
        score="general",
        window="global",
        half_width=10,
        input_feeding=True,
        **kwargs,
    ):
        super().__init__(vocabulary_size, units, cell=cell, **kwargs)
        self.score, self.window, self.half_width = score, window, half_width
        self.input_feeding = input_feeding
        self.attention = LuongAttention(
            score,
            window,
            half_width,
            units=units if score == "concat" else None,
            name="attention",
            dtype=self.dtype_policy,
        )
        self.combine = keras.layers.Dense(
            units, activation="tanh", use_bias=False, name="combine", dtype=self.dtype_policy
        )

    @property
    def features_width(self):
        r"""Those of $\tilde s$."""
        return self.units

    def build(self, tokens_shape, encoded_shape):
        """Builds the layers."""
        values = encoded_shape[0]
        read = self.embedding_units + (self.units if self.input_feeding else 0)
        self.build_layers(tokens_shape, encoded_shape, read)
        self.attention.build((tokens_shape[0], self.width), values)
        self.combine.build((*tokens_shape, self.width + values[-1]))

    def prepare(self, encoded):
        """See `Decoder`: what the attention prepares, and the first states."""
        memory = self.attention.prepare(encoded.values, encoded.mask)
        return {"attention": memory, "layers": self.first_states(encoded)}

    def initial_state(self, memory, length):
        """See `Decoder`."""
        first = memory["layers"][0][0]
        rows = ops.shape(first)[0]
        state = {
            "layers": memory["layers"],
            "attention": self.nowhere(memory["attention"].mask),
        }
        if self.input_feeding:
            state["fed"] = ops.zeros((rows, self.units), first.dtype)
        if self.window == "monotonic":
            state["position"] = ops.zeros((rows,), "int32")
        return state

    def advance(self, y, state, memory, kept=()):
        """See `RecurrentDecoder`."""
        read = ops.concatenate([y, state["fed"]], axis=-1) if self.input_feeding else y
        s, layers = self.recur(read, state["layers"], kept)
        features, weights = self._look(s, state, memory)
        after = {"layers": layers, "attention": weights}
        if self.input_feeding:
            after["fed"] = features
        if self.window == "monotonic":
            after["position"] = state["position"] + 1
        return features, after

    def advance_all(self, y, state, memory, training=False):
        """See `RecurrentDecoder`."""
        if self.input_feeding:
            return super().advance_all(y, state, memory, training)
        s = self.recur_all(y, state["layers"], training)
        return self._look(s, state, memory)[0]

    def _look(self, s, state, memory):
        """The features of one state or of many, and the attention weights."""
        position = {"position": state["position"]} if self.window == "monotonic" else {}
        context, weights = self.attention(s, memory["attention"], **position)
        return self.combine(ops.concatenate([context, s], axis=-1)), weights

    def get_config(self):
        """The configuration."""
        names = ("score", "window", "half_width", "input_feeding")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}
