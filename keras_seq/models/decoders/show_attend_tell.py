"""The decoder of Show, Attend and Tell: a gate on what it sees, and a deep output."""

import keras
from keras import ops

from keras_seq.layers import BahdanauAttention
from keras_seq.models.decoders.recurrent import RecurrentDecoder

PADDING = 0
_OPEN = keras.initializers.Constant(2.0)


@keras.saving.register_keras_serializable("keras_seq")
class ShowAttendTellDecoder(RecurrentDecoder):
    r"""Looks at the source before each step, as much as the state before it says.

    $$\hat z_t = \beta_t\, \mathrm{attention}(s_{t-1}, a_{1:S}), \qquad
      \beta_t = \sigma(f^\top s_{t-1} + b_\beta), \qquad
      s_t = \mathrm{RNN}([E_{y_{t-1}}, \hat z_t],\, s_{t-1})$$
    $$\mathrm{logits}_t = L_o (E_{y_{t-1}} + L_h s_t + L_z \hat z_t)$$

    All of these have biases too; $L_o$ is what `RecurrentDecoder` says. With an attention penalty
    $\lambda$, the mean over the rows of

    $$\lambda \sum_p \Big(1 - \sum_t \alpha_{tp}\Big)^2$$

    is added to the loss in training, so that every place of the source is looked at.

    Args:
        vocabulary_size: V, the number of target ids.
        units: U, the size of the state of each layer.
        cell: Name of a recurrent layer; the paper's is an LSTM.
        attention_units: Width of the attention's network; U if None.
        attention_penalty: $\lambda$ above. The loss of a `Seq2Seq` is a mean over tokens, that of
            the paper a sum over those of a caption: its $\lambda$ is as many times larger.
        end: Id that ends a target: what is looked at after it does not count in the penalty.
        **kwargs: See `RecurrentDecoder`.

    Call arguments:
        tokens: Target ids (B, T): at each position the token before the one to be predicted.
        encoded: What the encoder gave; with a penalty, of a number of places that is known.
        training: Whether dropout is active.

    Returns:
        Logits (B, T, V), float32.

    Raises:
        ValueError: Options that make no decoder.

    Example:
        >>> import numpy as np
        >>> from keras_seq.models import ShowAttendTellDecoder, SmallImageEncoder
        >>> encoder = SmallImageEncoder((16, 16, 3), 6, filters=(4, 4))
        >>> decoder = ShowAttendTellDecoder(vocabulary_size=20, units=8)
        >>> logits = decoder(np.array([[2, 9]]), encoder(np.zeros((1, 16, 16, 3), "uint8")))
        >>> tuple(logits.shape)
        (1, 2, 20)

    Reference:
        Xu et al., "Show, attend and tell: neural image caption generation with visual attention"
        (2015, arXiv 1502.03044), sections 3.1.2 and 4.2: equations 1 to 7, 13 and 14. The first
        states come from the mean of the values through one layer each, where the paper has MLPs.
    """

    def __init__(
        self,
        vocabulary_size,
        units,
        *,
        cell="lstm",
        attention_units=None,
        attention_penalty=0.0,
        end=3,
        **kwargs,
    ):
        if not attention_penalty >= 0:
            raise ValueError(f"attention_penalty must be at least 0; got {attention_penalty!r}.")
        super().__init__(vocabulary_size, units, cell=cell, **kwargs)
        self.attention_units, self.end = attention_units, end
        self.attention_penalty = attention_penalty
        own = {"dtype": self.dtype_policy}
        self.attention = BahdanauAttention(
            units if attention_units is None else attention_units, name="attention", **own
        )
        # Open at first, as forget gates are: a decoder that sees little learns to do without.
        self.gate = keras.layers.Dense(
            1, activation="sigmoid", bias_initializer=_OPEN, name="gate", **own
        )
        width = self.embedding_units
        self.of_state = keras.layers.Dense(width, name="of_state", **own)
        self.of_context = keras.layers.Dense(width, use_bias=False, name="of_context", **own)

    @property
    def features_width(self):
        """State, token vector and what was seen; with a penalty, where it was seen as well."""
        return self.width + self.embedding_units + self.seen_width + self.places

    @property
    def summed_up_width(self):
        """That of the token vectors."""
        return self.embedding_units

    def build(self, tokens_shape, encoded_shape):
        """Builds the layers."""
        values = encoded_shape[0]
        self.seen_width, self.places = values[-1], 0
        if self.attention_penalty:
            if values[1] is None:
                raise ValueError(
                    "attention_penalty needs an encoder that tells how many places it gives, as "
                    "those of images do; take attention_penalty=0."
                )
            self.places = values[1]
        self.build_layers(tokens_shape, encoded_shape, self.embedding_units + self.seen_width)
        self.attention.build((tokens_shape[0], self.width), values)
        self.gate.build((tokens_shape[0], self.width))
        self.of_state.build((*tokens_shape, self.width))
        self.of_context.build((*tokens_shape, self.seen_width))

    def prepare(self, encoded):
        """See `Decoder`: what the attention prepares, and the first states."""
        memory = self.attention.prepare(encoded.values, encoded.mask)
        return {"attention": memory, "layers": self.first_states(encoded)}

    def initial_state(self, memory, length):
        """See `Decoder`."""
        nowhere = self.nowhere(memory["attention"].mask)
        return {"layers": memory["layers"], "attention": nowhere}

    def advance(self, y, state, memory, kept=()):
        """See `RecurrentDecoder`."""
        before = state["layers"][-1][0]
        context, weights = self.attention(before, memory["attention"])
        read = ops.concatenate([y, self.gate(before) * context], axis=-1)
        s, layers = self.recur(read, state["layers"], kept)
        looked = [ops.cast(weights, s.dtype)] if self.places else []
        features = ops.concatenate([s, read, *looked], axis=-1)
        return features, {"layers": layers, "attention": weights}

    def summed_up(self, features):
        """See `RecurrentDecoder`: the deep output up to its last matrix."""
        ends = (self.width, self.width + self.embedding_units)
        s, y, context = ops.split(features[..., : ends[1] + self.seen_width], ends, axis=-1)
        return y + self.of_state(s) + self.of_context(context)

    def call(self, tokens, encoded, training=False):
        """See the class."""
        memory = self.prepare(encoded)
        y = self.drops[0](self.embedding(tokens), training=training)
        state = self.initial_state(memory, tokens.shape[1])
        features = self.advance_all(y, state, memory, training)
        if training and self.places:
            self.add_loss(self.attention_penalty * self._left_out(features, tokens))
        return self.readout(features, training)

    def _left_out(self, features, tokens):
        """How unevenly the places were looked at, the mean over the rows."""
        weights = ops.cast(features[..., -self.places :], "float32")
        counts = ops.logical_and(tokens != PADDING, tokens != self.end)
        looked = ops.sum(weights * ops.expand_dims(ops.cast(counts, "float32"), -1), axis=1)
        return ops.mean(ops.sum(ops.square(1 - looked), axis=-1))

    def get_config(self):
        """The configuration."""
        names = ("attention_units", "attention_penalty", "end")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}
