"""Multiplicative attention, over the whole sequence or a window of it."""

import keras
from keras import ops

from keras_seq.layers.attention.attention_layer import AttentionLayer
from keras_seq.layers.attention.scores import (
    additive_scores,
    attended,
    dot_scores,
    in_full,
    masked_softmax,
    weighted_sum,
)

_SCORES = ("dot", "general", "concat")
_WINDOWS = ("global", "monotonic", "predictive")


@keras.saving.register_keras_serializable("keras_seq")
class LuongAttention(AttentionLayer):
    r"""Attention with the scores of Luong et al., over all values or a window of them.

    $$\mathrm{score}(q_t, h_s) = \begin{cases}
        q_t^\top h_s & \text{dot} \\
        q_t^\top W h_s & \text{general} \\
        v^\top \tanh(W [q_t; h_s]) & \text{concat}\end{cases} \qquad
      c_t = \sum_s \alpha_{ts} h_s$$

    A "global" window has all values, $\alpha_{ts} = \mathrm{softmax}_s(\mathrm{score})$. The others
    have those with $|s - p_t| \le D$, counted from 0, and the softmax is over these:

    $$p_t = t \quad \text{(monotonic)} \qquad
      p_t = S_b\, \sigma(v_p^\top \tanh(W_p q_t)) \quad \text{(predictive)}$$

    where $S_b$ is the number of real values of the row, which come first. A predictive window also
    multiplies the weights by $\exp(-(s - p_t)^2 / 2\sigma^2)$ with $\sigma = D/2$; they then sum to
    less than one.

    Args:
        score: "dot", "general" or "concat".
        window: "global", "monotonic" or "predictive".
        half_width: D, how far a window reaches to either side.
        units: Width of the hidden layers of "concat", which needs it, and of a predictive window,
            which has that of the query if None.
        **kwargs: What every Keras layer takes.

    Call arguments:
        query: (B, U) or (B, T, U).
        memory: What `prepare(values, mask)` gave, or values (B, S, D).
        position: For a monotonic window. The t of the first query, an integer or (B,), or of each
            query, (B, T). None means 0, for (B, T, U) queries only.
        values_mask: Boolean (B, S), True = real data; with values that are not prepared.

    Returns:
        The context, (B, D) or (B, T, D), and the weights, (B, S) or (B, T, S), in float32; zeros
        where there are no real values in the window.

    Raises:
        ValueError: Unknown options, or such as have no effect; "dot" with query and values of
            different widths; a position that is missing or not wanted; shapes that do not fit.

    Example:
        >>> from keras import ops
        >>> from keras_seq.layers import LuongAttention
        >>> layer = LuongAttention("dot", window="monotonic", half_width=1)
        >>> memory = layer.prepare(ops.ones((1, 5, 2)))
        >>> _, weights = layer(ops.ones((1, 2)), memory, position=4)
        >>> print(ops.convert_to_numpy(weights))
        [[0.  0.  0.  0.5 0.5]]

    Reference:
        Luong et al., "Effective approaches to attention-based neural machine translation" (2015,
        arXiv 1508.04025), section 3. The combination of context and query after it is the caller's.
    """

    def __init__(self, score="general", window="global", half_width=10, units=None, **kwargs):
        for name, value, known in (("score", score, _SCORES), ("window", window, _WINDOWS)):
            if value not in known:
                raise ValueError(f"{name} must be one of {', '.join(known)}; got {value!r}.")
        if half_width < 1:
            raise ValueError(f"half_width must be at least 1; got {half_width!r}.")
        if score == "concat" and units is None:
            raise ValueError('score="concat" has a hidden layer: give its width as units.')
        if units is not None:
            if score != "concat" and window != "predictive":
                raise ValueError(
                    f"units={units!r} has no effect: with {score!r} and {window!r} there is no "
                    "hidden layer."
                )
            if units < 1:
                raise ValueError(f"units must be at least 1; got {units!r}.")
        super().__init__(**kwargs)
        self.score, self.window, self.half_width, self.units = score, window, half_width, units
        if score == "concat":
            # The product with [q; h] is one with q and one with h.
            self.key_projection = self.dense(units, "key_projection")

    def build_values(self, width):
        """The projection of the values, if any."""
        if self.score == "concat":
            self.key_projection.build((None, None, width))

    def build_queries(self, width):
        """The other weights."""
        shape = (None, None, width)
        if self.score == "dot":
            self.check_equal_widths('Take score="general".')
        else:
            units = self.values_width if self.score == "general" else self.units
            self.query_projection = self.dense(units, "query_projection")
            self.query_projection.build(shape)
        if self.score == "concat":
            self.score_vector = self.score_vector_of(self.units)
        if self.window == "predictive":
            units = self.units or width
            self.position_projection = self.dense(units, "position_projection")
            self.position_projection.build(shape)
            self.position_vector = self.dense(1, "position_vector")
            self.position_vector.build((None, None, units))

    def project(self, values):
        """Projected keys for "concat", else the values."""
        return self.key_projection(values) if self.score == "concat" else values, values

    def call(self, query, memory, position=None, values_mask=None):
        """See the class."""
        if position is not None and self.window != "monotonic":
            raise ValueError(f"A {self.window} window of {self.name} takes no position.")
        if position is None and self.window == "monotonic":
            if len(query.shape) == 2:
                raise ValueError(
                    f"{self.name} has a monotonic window: give the step of the query as position=."
                )
            position = 0
        memory = self.as_memory(memory, values_mask)
        return self.by_steps(self._attend, query, memory, position)

    def _attend(self, queries, memory, position):
        scores = self._scores(queries, memory.keys)
        if self.window == "global":
            return attended(scores, memory)
        if self.window == "monotonic":
            center = _steps(position, ops.shape(queries)[1])
        else:
            center = self._predicted(queries, memory.mask)
        center = ops.expand_dims(ops.cast(center, scores.dtype), -1)
        distance = ops.cast(ops.arange(ops.shape(scores)[-1], dtype="int32"), scores.dtype) - center
        within = ops.logical_and(
            ops.expand_dims(memory.mask, 1), ops.abs(distance) <= self.half_width
        )
        weights = masked_softmax(scores, within)
        if self.window == "predictive":
            deviation = self.half_width / 2
            weights = weights * ops.exp(-ops.square(distance / deviation) / 2)
        return weighted_sum(weights, memory.values), weights

    def _predicted(self, queries, mask):
        hidden = ops.tanh(self.position_projection(queries))
        share = ops.sigmoid(in_full(ops.squeeze(self.position_vector(hidden), axis=-1)))
        real = ops.sum(ops.cast(mask, "int32"), axis=1, keepdims=True)
        return share * ops.cast(real, share.dtype)

    def _scores(self, queries, keys):
        if self.score == "dot":
            return dot_scores(queries, keys)
        queries = self.query_projection(queries)
        if self.score == "general":
            return dot_scores(queries, keys)
        return additive_scores(queries, keys, self.score_vector)

    def get_config(self):
        """The configuration."""
        own = {"score": self.score, "window": self.window, "half_width": self.half_width}
        return {**super().get_config(), **own, "units": self.units}


def _steps(position, count):
    """The position of each query, (1, T) or (B, T), from that of the first or of each."""
    position = ops.cast(position, "int32")
    if len(position.shape) == 2:
        return position
    return ops.reshape(position, (-1, 1)) + ops.arange(count, dtype="int32")
