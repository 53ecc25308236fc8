"""From a set to a sequence of its elements: read, process, write."""

import keras
from keras import ops

from keras_seq.cells import LSTMCell
from keras_seq.layers import LSTM, BahdanauAttention, DotProductAttention
from keras_seq.layers.attention.scores import additive_scores
from keras_seq.models.decoders.decoder import Decoder
from keras_seq.models.encoders import Encoded
from keras_seq.models.seq2seq import Seq2Seq

START, END, FIRST = 1, 2, 3  # ids: 0 is padding, FIRST + i points to element i
_NEVER = -1e9


class SetEncoder(keras.layers.Layer):
    """Reads and processes a set; see `Set2Set`.

    Call arguments:
        source: Elements (B, N, F), or a dict of "elements" and "mask", boolean (B, N).

    Returns:
        `Encoded`: a memory (B, N, U), the mask, and what all of it amounts to, (B, 2·U), as the
        state of one layer.
    """

    def __init__(self, units, process_steps, **kwargs):
        if process_steps < 0:
            raise ValueError(f"process_steps must be at least 0; got {process_steps!r}.")
        super().__init__(**kwargs)
        self.units, self.process_steps = units, process_steps
        own = {"dtype": self.dtype_policy}
        self.hidden = keras.layers.Dense(units, activation="relu", name="hidden", **own)
        self.read = keras.layers.Dense(units, name="read", **own)
        self.attention = DotProductAttention(scale=1.0, name="attention", **own)
        if process_steps:
            self.cell = LSTMCell(units, name="cell", **own)

    def build(self, source_shape):
        """Builds the layers."""
        elements = source_shape["elements"] if isinstance(source_shape, dict) else source_shape
        self.hidden.build(elements)
        inner = (*elements[:-1], self.units)
        self.read.build(inner)
        self.attention.build((elements[0], self.units), inner)
        if self.process_steps:
            self.cell.build((elements[0], self.units))

    def call(self, source, training=False):
        """See the class."""
        given = source if isinstance(source, dict) else {"elements": source}
        values = self.read(self.hidden(given["elements"]))
        memory = self.attention.prepare(values, given.get("mask"))
        r = q = c = ops.zeros_like(memory.values[:, 0])
        for _ in range(self.process_steps):
            # The products with r and with q are the one with [q, r], which the paper's LSTM reads.
            q, (q, c) = self.cell(r, [q, c])
            r, _ = self.attention(q, memory)
        return Encoded(memory.values, memory.mask, ((ops.concatenate([q, r], axis=-1),),))


class PointerDecoder(Decoder):
    """Points to one element after the other; see `Set2Set`.

    Call arguments:
        tokens: (B, T): at each position the token before the one to be predicted.
        encoded: What `SetEncoder` gave.
        training: Without effect.

    Returns:
        Logits (B, T, 3 + N), float32.
    """

    def __init__(self, units, glimpse, once, **kwargs):
        super().__init__(**kwargs)
        self.units, self.glimpse, self.once = units, glimpse, once
        own = {"dtype": self.dtype_policy}
        self.bridges = [
            keras.layers.Dense(units, activation="tanh", name=f"bridge_{state}", **own)
            for state in "hc"
        ]
        self.recurrent = LSTM(units, return_sequences=True, name="recurrent", **own)
        self.pointer = BahdanauAttention(units, name="pointer", **own)
        if glimpse:
            self.look = BahdanauAttention(units, name="look", **own)

    def build(self, tokens_shape, encoded_shape):
        """Builds the layers."""
        values, _, ((summary,),) = encoded_shape
        for bridge in self.bridges:
            bridge.build(summary)
        query = (*tokens_shape, self.units)
        self.recurrent.build(query)
        self.start = self.add_weight(shape=(self.units,), initializer="zeros", name="start")
        if self.glimpse:
            self.look.build(query, values)
            query = (*tokens_shape, 2 * self.units)
        self.pointer.build(query, values)

    def prepare(self, encoded):
        """See `Decoder`: what is read, looked at and pointed to, and the first states."""
        given = (encoded.values, encoded.mask)
        memory = {"values": encoded.values, "pointer": self.pointer.prepare(*given)}
        if self.glimpse:
            memory["look"] = self.look.prepare(*given)
        ((summary,),) = encoded.states
        return {**memory, "layers": [bridge(summary) for bridge in self.bridges]}

    def initial_state(self, memory, length):
        """See `Decoder`: nothing is pointed to."""
        counts = ops.zeros(ops.shape(memory["pointer"].mask), "int32")
        return {"layers": memory["layers"], "counts": counts}

    def step(self, token, state, memory):
        """See `Decoder`."""
        here = self._pointed(ops.expand_dims(token, 1), memory)
        counts = state["counts"] + here[:, 0]
        s, layers = self.recurrent.cell(self._read(here, memory)[:, 0], state["layers"])
        logits = self._logits(ops.expand_dims(s, 1), ops.expand_dims(counts, 1), memory)
        return logits[:, 0], {"layers": layers, "counts": counts}

    def call(self, tokens, encoded, training=False):
        """See the class."""
        memory = self.prepare(encoded)
        here = self._pointed(tokens, memory)
        s = self.recurrent(self._read(here, memory), initial_state=memory["layers"])
        return self._logits(s, ops.cumsum(here, axis=1), memory)

    def _pointed(self, tokens, memory):
        """(B, T, N), 1 where a token points to."""
        ids = ops.arange(ops.shape(memory["values"])[1], dtype="int32") + FIRST
        return ops.cast(ops.equal(ops.expand_dims(ops.cast(tokens, "int32"), -1), ids), "int32")

    def _read(self, here, memory):
        """(B, T, U): the memory of each element that is pointed to; at the start a vector."""
        values = memory["values"]
        read = ops.matmul(ops.cast(here, values.dtype), values)
        nothing = ops.expand_dims(ops.equal(ops.sum(here, axis=-1), 0), -1)
        return ops.where(nothing, ops.cast(self.start, read.dtype), read)

    def _logits(self, s, counts, memory):
        """(B, T, 3 + N) from states, and from how often each element was pointed to by then."""
        if self.glimpse:
            s = ops.concatenate([s, self.look(s, memory["look"])[0]], axis=-1)
        keys, mask = memory["pointer"].keys, ops.expand_dims(memory["pointer"].mask, 1)
        scores = additive_scores(self.pointer.query_projection(s), keys, self.pointer.score_vector)
        size = ops.sum(ops.cast(mask, "int32"), axis=-1, keepdims=True)
        left = ops.sum(counts, axis=-1, keepdims=True) < size
        free = ops.logical_and(mask, left)
        if self.once:
            free = ops.logical_and(free, ops.equal(counts, 0))
        scores = ops.where(free, ops.cast(scores, "float32"), _NEVER)
        end = ops.where(left, _NEVER, ops.zeros_like(scores[:, :, :1]))
        never = ops.full_like(end, _NEVER)
        return ops.concatenate([never, never, end, scores], axis=-1)


@keras.saving.register_keras_serializable("keras_seq")
class Set2Set(Seq2Seq):
    r"""From a set to a sequence that points to its elements, as many as there are.

    Read: each element becomes a memory $m_i$ by a small network. Process: an LSTM that gets no
    input looks at the memory for P steps, so that the order of the elements changes nothing,

    $$q_t = \mathrm{LSTM}(q^*_{t-1}), \quad e_{it} = m_i^\top q_t, \quad
      a_t = \mathrm{softmax}(e_t), \quad r_t = \sum_i a_{it} m_i, \quad q^*_t = [q_t, r_t].$$

    Write: an LSTM begins with $q^*_P$, reads the memory of the element that it pointed to last, and
    points to the next, in proportion to the exponential of

    $$v^\top \tanh(W [s_t, g_t] + U m_i + b),$$

    where the glimpse $g_t$ is what additive attention by $s_t$ sees.

    It is trained, searched with and saved as every `Seq2Seq`. Ids of targets: 0 is padding, 1 the
    start, 2 the end, 3 + i points to element i. The end is certain after as many elements as the
    set has, and impossible before.

    Args:
        features: F, the numbers that an element has.
        units: U, the width of the memory and of both LSTMs.
        process_steps: P; with 0 the writer begins without knowing the set.
        glimpse: Whether there is a glimpse before pointing.
        once: Whether an element that was pointed to is left out afterwards. A target that points
            to it again is then impossible, and its loss enormous. It makes sorting trivial: one
            score for each element, the same at every step, is then enough.
        scheduled_sampling: See `Seq2Seq`.
        seed: See `Seq2Seq`.
        **kwargs: What every Keras model takes.

    Call arguments:
        inputs: `{"source": source, "target": (B, T)}`, where the source is elements (B, N, F), or
            `{"elements": (B, N, F), "mask": (B, N)}` for sets of different sizes; boolean, True =
            real data. `fit` takes pairs (elements, target) too.
        training: Without effect.

    Returns:
        Logits (B, T - 1, 3 + N), float32: of each target token after the first.

    Raises:
        ValueError: Numbers out of range.

    Example:
        >>> import numpy as np
        >>> from keras_seq.models import Set2Set
        >>> model = Set2Set(features=1, units=8, process_steps=2, once=True)
        >>> model.compile(optimizer="adam")
        >>> numbers = np.array([[[0.7], [0.1], [0.4]]])
        >>> history = model.fit(numbers, np.array([[1, 4, 5, 3, 2]]), verbose=0)
        >>> found = model.decode(numbers, max_length=4)
        >>> sorted((found.tokens[0, 0, :3] - 3).numpy().tolist())
        [0, 1, 2]

    Reference:
        Vinyals et al., "Order matters: sequence to sequence for sets" (2015, arXiv 1511.06391),
        section 4. The reader has two layers, the first of them relu; a dense layer with tanh brings
        the result of the process block to the first states of the writer.
    """

    def __init__(
        self,
        features,
        units,
        *,
        process_steps=5,
        glimpse=True,
        once=False,
        scheduled_sampling=0.0,
        seed=None,
        **kwargs,
    ):
        if min(features, units) < 1:
            raise ValueError(
                f"Set2Set needs features and units of at least 1; got {features} and {units}."
            )
        if given := {"label_smoothing", "share_embeddings"} & set(kwargs):
            raise ValueError(
                f"{', '.join(sorted(given))}: not for a Set2Set, whose targets are no tokens but "
                "elements of a set. Leave it out."
            )
        encoder = SetEncoder(units, process_steps, name="encoder", dtype=kwargs.get("dtype"))
        decoder = PointerDecoder(units, glimpse, once, name="decoder", dtype=kwargs.get("dtype"))
        training = {"scheduled_sampling": scheduled_sampling, "seed": seed}
        super().__init__(encoder, decoder, start=START, end=END, **training, **kwargs)
        self.features, self.units, self.process_steps = features, units, process_steps
        self.glimpse, self.once = glimpse, once

    def build(self, input_shape=None):
        """Builds encoder and decoder, for any batch and size of the sets."""
        source = {
            "elements": keras.KerasTensor((None, None, self.features), self.compute_dtype),
            "mask": keras.KerasTensor((None, None), "bool"),
        }
        self.decoder(keras.KerasTensor((None, None), "int32"), self.encoder(source))
        self.built = True

    def get_config(self):
        """The configuration."""
        sizes = ("features", "units", "process_steps", "glimpse", "once")
        own = {name: getattr(self, name) for name in (*sizes, "scheduled_sampling", "seed")}
        return {**keras.Model.get_config(self), **own}

    @classmethod
    def from_config(cls, config):
        """The model of a configuration."""
        return cls(**config)
