"""Attention with several heads, and its cache for decoding step by step."""

import math

import keras
from keras import ops

from keras_seq.layers.attention.attention_layer import AttentionLayer
from keras_seq.layers.attention.memory import AttentionMemory
from keras_seq.layers.attention.scores import dot_scores, masked_softmax, weighted_sum


@keras.saving.register_keras_serializable("keras_seq")
class MultiHeadAttention(AttentionLayer):
    r"""Scaled dot-product attention in several projections at once.

    $$\alpha^h_{ts} = \mathrm{softmax}_s\left(
        \frac{(W_q^h q_t)^\top (W_k^h v_s)}{\sqrt{K}}\right), \qquad
      c_t = W_o \Big[\sum_s \alpha^h_{ts} W_v^h v_s\Big]_{h=1}^{H}$$

    For self-attention the values are the queries; with `causal` each sees only those up to itself.
    Step by step the same comes from a cache of the keys and values so far: `empty_cache` and
    `step`.

    Args:
        heads: H, the number of heads.
        key_units: K, the width of each head's queries and keys; None for the width of the values
            divided by H.
        value_units: Width of each head's values; None for K.
        dropout: Rate at which weights are dropped in training, in [0, 1).
        use_bias: Whether the four projections have biases.
        seed: Seed of the dropout.
        **kwargs: What every Keras layer takes.

    Call arguments:
        query: (B, U) or (B, T, U).
        memory: What `prepare(values, mask)` gave, or values (B, S, D).
        values_mask: Boolean (B, S), True = real data; with values that are not prepared.
        causal: Whether query t sees the values 0 to t alone; for (B, T, U) queries.
        head_weights: Whether to return the weights of each head instead of their mean.
        training: Whether dropout is active.

    Returns:
        The context, (B, U) or (B, T, U): the last projection has as many columns as the query. The
        weights before dropout in float32, (B, S) or (B, T, S), with `head_weights` (B, H, S) or
        (B, H, T, S). Weights are zero in a row without real values, and so is what the last
        projection gets.

    Raises:
        ValueError: Numbers out of range; heads that do not divide the width of the values; shapes
            that do not fit; `causal` for a single query.

    Example:
        >>> import keras
        >>> from keras_seq.layers import MultiHeadAttention
        >>> layer, x = MultiHeadAttention(heads=2), keras.random.normal((3, 5, 8))
        >>> context, weights = layer(x, x, causal=True)
        >>> tuple(context.shape), tuple(weights.shape)
        ((3, 5, 8), (3, 5, 5))
        >>> cache = layer.empty_cache(3, length=5)
        >>> first, cache, _ = layer.step(x[:, 0], cache, position=0)
        >>> bool(keras.ops.max(keras.ops.abs(first - context[:, 0])) < 1e-5)
        True

    Reference:
        Vaswani et al., "Attention is all you need" (2017, arXiv 1706.03762), section 3.2.2, without
        biases.
    """

    def __init__(
        self,
        heads,
        key_units=None,
        value_units=None,
        dropout=0.0,
        use_bias=True,
        seed=None,
        **kwargs,
    ):
        named = [("heads", heads), ("key_units", key_units), ("value_units", value_units)]
        for name, value in named:
            if value is not None and value < 1:
                raise ValueError(f"{name} must be at least 1; got {value!r}.")
        if not 0 <= dropout < 1:
            raise ValueError(f"dropout must be in [0, 1), got {dropout!r}.")
        super().__init__(**kwargs)
        self.heads, self.key_units, self.value_units = heads, key_units, value_units
        self.dropout, self.use_bias, self.seed = dropout, use_bias, seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def build_values(self, width):
        """The projections of the values."""
        if self.key_units is None and width % self.heads:
            raise ValueError(
                f"{self.heads} heads do not divide values of width {width} into equal parts; give "
                "key_units, or another number of heads."
            )
        of_key = self.key_units or width // self.heads
        of_value = self.value_units or of_key
        self.key_projection = self.dense(self.heads * of_key, "key_projection", self.use_bias)
        self.value_projection = self.dense(self.heads * of_value, "value_projection", self.use_bias)
        for projection in (self.key_projection, self.value_projection):
            projection.build((None, None, width))

    def build_queries(self, width):
        """The projections of the queries and of the contexts."""
        keys, values = self.key_projection.units, self.value_projection.units
        self.query_projection = self.dense(keys, "query_projection", self.use_bias)
        self.query_projection.build((None, None, width))
        self.output_projection = self.dense(width, "output_projection", self.use_bias)
        self.output_projection.build((None, None, values))

    def width_of_values(self, memory_shape):
        """Not to be read from projected values."""
        raise ValueError(
            f"{self.name} cannot tell from a prepared memory what it was made of: build it with "
            "the shape of the values, or prepare the memory with this layer."
        )

    def project(self, values):
        """The keys and values of all heads side by side."""
        return self.key_projection(values), self.value_projection(values)

    def call(
        self,
        query,
        memory,
        values_mask=None,
        causal=False,
        head_weights=False,
        training=False,
    ):
        """See the class."""
        if causal and len(query.shape) == 2:
            raise ValueError(
                f"A single query of {self.name} has no steps before it to be causal about; use "
                "`step` with a cache."
            )
        memory = self.as_memory(memory, values_mask)
        context, weights = self.by_steps(self._attend, query, memory, causal, training)
        return context, weights if head_weights else ops.mean(weights, axis=1)

    def _attend(self, queries, memory, causal=False, training=False):
        """Contexts (B, T, U) and weights (B, H, T, S)."""
        queries = self._by_head(self.query_projection(queries))
        keys, values = self._by_head(memory.keys), self._by_head(memory.values)
        scores = dot_scores(queries, keys) / math.sqrt(queries.shape[-1])
        mask = ops.expand_dims(ops.expand_dims(memory.mask, 1), 1)
        if causal:
            mask = ops.logical_and(mask, _up_to_itself(scores))
        weights = masked_softmax(scores, mask)
        used = weights
        if training and self.dropout:
            used = keras.random.dropout(weights, self.dropout, seed=self.seed_generator)
        context = ops.transpose(weighted_sum(used, values), (0, 2, 1, 3))
        rows, steps = ops.shape(context)[:2]
        joined = ops.reshape(context, (rows, steps, self.value_projection.units))
        return self.output_projection(joined), weights

    def _by_head(self, x):
        """(B, T, H·K) to (B, H, T, K)."""
        rows, steps = ops.shape(x)[:2]
        x = ops.reshape(x, (rows, steps, self.heads, x.shape[-1] // self.heads))
        return ops.transpose(x, (0, 2, 1, 3))

    def empty_cache(self, batch_size, length) -> AttentionMemory:
        """The cache before the first step of causal self-attention.

        Args:
            batch_size: B, an integer or a scalar tensor.
            length: The largest number of steps.

        Returns:
            A memory of `length` places, all of them masked.

        Raises:
            ValueError: The layer is not built.
        """
        if not self.built:
            raise ValueError(
                f"{self.name} is not built, so the widths of its cache are not known: call it "
                "once, or build((None, None, U), (None, None, U))."
            )

        def zeros(projection):
            return ops.zeros((batch_size, length, projection.units), self.compute_dtype)

        keys, values = zeros(self.key_projection), zeros(self.value_projection)
        return AttentionMemory(keys, values, ops.zeros((batch_size, length), "bool"))

    def step(self, query, cache, position):
        """One step of causal self-attention.

        Args:
            query: (B, U).
            cache: That of the steps before.
            position: The number of this step, (B,) or one for all rows; from 0 on, and below the
                length of the cache: what comes later is not stored, and does not see itself.

        Returns:
            The context (B, U), the cache with this step in its place, and the mean of the heads'
            weights (B, S). It sees the places up to its own that have been written.

        Raises:
            ValueError: A position beyond the cache, where both are known when it is traced.
        """
        length = cache.mask.shape[1]
        if isinstance(position, int) and length is not None and not 0 <= position < length:
            raise ValueError(
                f"{self.name} was given step {position} for a cache of {length} steps; make "
                "the cache longer, empty_cache(batch_size, length)."
            )
        query = ops.cast(query, self.compute_dtype)
        places = ops.arange(ops.shape(cache.mask)[1], dtype="int32")
        position = ops.reshape(ops.cast(position, "int32"), (-1, 1))
        here = ops.logical_and(ops.equal(places, position), ops.ones_like(cache.mask))
        new = [ops.expand_dims(x, 1) for x in self.project(query)]
        wide = ops.expand_dims(here, -1)
        keys, values = (ops.where(wide, x, old) for x, old in zip(new, cache[:2], strict=True))
        cache = AttentionMemory(keys, values, ops.logical_or(cache.mask, here))
        seen = AttentionMemory(keys, values, ops.logical_and(cache.mask, places <= position))
        context, weights = self.by_steps(self._attend, query, seen)
        return context, cache, ops.mean(weights, axis=1)

    def get_config(self):
        """The configuration."""
        names = ("heads", "key_units", "value_units", "dropout", "use_bias", "seed")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


def _up_to_itself(scores):
    """(T, S): whether value s comes no later than query t."""
    steps, places = (ops.arange(size, dtype="int32") for size in ops.shape(scores)[-2:])
    return ops.expand_dims(steps, 1) >= places
