"""Additive attention, with coverage if wanted."""

import keras
from keras import ops

from keras_seq.layers.attention.attention_layer import AttentionLayer
from keras_seq.layers.attention.scores import additive_scores, attended


@keras.saving.register_keras_serializable("keras_seq")
class BahdanauAttention(AttentionLayer):
    r"""Additive attention: a small network scores each pair of query and value.

    $$e_{ts} = v^\top \tanh(W q_t + U h_s + b + \underbrace{w_c\, C_{ts}}_{\text{coverage}}), \quad
      \alpha_{ts} = \mathrm{softmax}_s(e_{ts}), \quad
      c_t = \sum_s \alpha_{ts} h_s$$

    With coverage, $C_{ts} = \sum_{t' < t} \alpha_{t's}$ tells the network where it has looked
    before. The caller adds up the weights and starts from zeros.

    Args:
        units: Width of the network.
        use_bias: Whether it has the bias b.
        coverage: Whether it sees the sum of earlier weights.
        **kwargs: What every Keras layer takes.

    Call arguments:
        query: (B, U) or (B, T, U); with coverage (B, U), for each step waits for the one before.
        memory: What `prepare(values, mask)` gave, or values (B, S, D).
        coverage: The sum of earlier weights, (B, S), if the layer sees it.
        values_mask: Boolean (B, S), True = real data; with values that are not prepared.

    Returns:
        The context, (B, D) or (B, T, D), and the weights, (B, S) or (B, T, S), in float32; zeros
        for a row without real values.

    Raises:
        ValueError: `units` below 1; coverage that is missing, not wanted, or given with (B, T, U)
            queries; shapes that do not fit.

    Example:
        >>> import keras
        >>> from keras_seq.layers import BahdanauAttention
        >>> layer = BahdanauAttention(8, coverage=True)
        >>> memory = layer.prepare(keras.random.normal((2, 5, 3)))
        >>> coverage = keras.ops.zeros((2, 5))
        >>> for _ in range(3):
        ...     context, weights = layer(keras.ops.ones((2, 4)), memory, coverage=coverage)
        ...     coverage = coverage + weights
        >>> tuple(context.shape), tuple(weights.shape)
        ((2, 3), (2, 5))

    Reference:
        Bahdanau et al., "Neural machine translation by jointly learning to align and translate"
        (2014, arXiv 1409.0473), appendix A.1.2, without the bias. Coverage: See et al., "Get to the
        point: summarization with pointer-generator networks" (2017, arXiv 1704.04368), section 2.3.
    """

    def __init__(self, units, use_bias=True, coverage=False, **kwargs):
        if units < 1:
            raise ValueError(f"units must be at least 1; got {units!r}.")
        super().__init__(**kwargs)
        self.units, self.use_bias, self.coverage = units, use_bias, coverage
        self.key_projection = self.dense(units, "key_projection")
        self.query_projection = self.dense(units, "query_projection", use_bias)
        if coverage:
            self.coverage_projection = self.dense(units, "coverage_projection")

    def build_values(self, width):
        """The projection of the values."""
        self.key_projection.build((None, None, width))

    def build_queries(self, width):
        """The other weights."""
        self.query_projection.build((None, None, width))
        if self.coverage:
            self.coverage_projection.build((None, None, 1))
        self.score_vector = self.score_vector_of(self.units)

    def project(self, values):
        """Projected keys."""
        return self.key_projection(values), values

    def call(self, query, memory, coverage=None, values_mask=None):
        """See the class."""
        if (coverage is not None) != self.coverage:
            raise ValueError(
                f"{self.name} sees no coverage; make it with coverage=True."
                if coverage is not None
                else f"{self.name} needs coverage=, the sum (B, S) of earlier weights; give zeros "
                "at the first step."
            )
        if self.coverage and len(query.shape) != 2:
            raise ValueError(
                "With coverage each step waits for the weights of the step before: call "
                f"{self.name} step by step with queries (B, U); got {tuple(query.shape)}."
            )
        memory = self.as_memory(memory, values_mask)
        return self.by_steps(self._attend, query, memory, coverage)

    def _attend(self, queries, memory, coverage):
        keys, queries = memory.keys, self.query_projection(queries)
        if coverage is not None:
            keys = keys + self.coverage_projection(ops.expand_dims(coverage, -1))
        return attended(additive_scores(queries, keys, self.score_vector), memory)

    def get_config(self):
        """The configuration."""
        own = {"units": self.units, "use_bias": self.use_bias, "coverage": self.coverage}
        return {**super().get_config(), **own}
