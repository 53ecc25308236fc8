"""One layer of a Transformer's decoder, whole or step by step."""

import keras

from keras_seq.layers.transformer.block import TransformerBlock


@keras.saving.register_keras_serializable("keras_seq")
class TransformerDecoderBlock(TransformerBlock):
    r"""Causal self-attention, attention to a memory, then two layers for each position by itself.

    With normalization "pre", where each query of the first sees the steps up to its own,

    $$y = x + \mathrm{attention}(\mathrm{norm}(x)), \qquad
      z = y + \mathrm{attention}(\mathrm{norm}(y), \mathrm{memory}), \qquad
      o = z + W_2\, \phi(W_1 \mathrm{norm}(z) + b_1) + b_2$$

    and with "post" the normalization is after each sum instead. Step by step the same comes from a
    cache: `empty_cache` and `step`.

    What a stack of "pre" blocks puts out is not normalized: put a `keras.layers.LayerNormalization`
    after the last one.

    Args:
        heads: Number of heads, which divides the width of the sequence and that of the memory.
        hidden_units: Width of the inner layer.
        dropout: Rate on the weights of attention, on the inner layer and on what each part adds.
        normalization: "pre" or "post".
        activation: φ, a name or a function.
        seed: Seed of the dropout.
        **kwargs: What every Keras layer takes.

    Call arguments:
        x: (B, T, D).
        memory: What `prepare(values, mask)` gave, or values (B, S, E).
        values_mask: Boolean (B, S), True = real data; with values that are not prepared.
        target_mask: Boolean (B, T), True = real data: the steps of x that others may see.
        training: Whether dropout is active.

    Returns:
        (B, T, D), and the weights (B, T, S) of the attention to the memory in float32, the mean of
        its heads.

    Raises:
        ValueError: Numbers out of range, an unknown normalization, or heads that do not divide D
            or E.

    Example:
        >>> import keras
        >>> from keras_seq.layers import TransformerDecoderBlock
        >>> block = TransformerDecoderBlock(heads=2, hidden_units=16)
        >>> memory = block.prepare(keras.random.normal((3, 5, 8)))
        >>> x = keras.random.normal((3, 4, 8))
        >>> whole, weights = block(x, memory)
        >>> tuple(whole.shape), tuple(weights.shape)
        ((3, 4, 8), (3, 4, 5))
        >>> cache = block.empty_cache(3, length=4)
        >>> for t in range(4):
        ...     last, cache, _ = block.step(x[:, t], memory, cache, t)
        >>> bool(keras.ops.max(keras.ops.abs(last - whole[:, 3])) < 1e-5)
        True

    Reference:
        As `TransformerEncoderBlock`.
    """

    def __init__(
        self,
        heads,
        hidden_units,
        dropout=0.0,
        normalization="pre",
        activation="relu",
        seed=None,
        **kwargs,
    ):
        super().__init__(heads, hidden_units, dropout, normalization, activation, seed, **kwargs)
        self.cross_attention, self.around_cross_attention = self.attention("cross_attention")

    def build(self, x_shape, memory_shape):
        """All parts."""
        self.build_parts(x_shape)
        self.cross_attention.build(x_shape, memory_shape)
        self.around_cross_attention.build(x_shape)

    def get_build_config(self):
        """Widths alone, as those of the attention to the memory."""
        if not self.built:
            return None
        cross = self.cross_attention.get_build_config()["shapes_dict"]
        shapes = {"x_shape": cross["query_shape"], "memory_shape": cross["memory_shape"]}
        return {"shapes_dict": shapes}

    def prepare(self, values, mask=None):
        """The memory of values (B, S, E) and their mask (B, S), once a sequence."""
        return self.cross_attention.prepare(values, mask)

    def call(self, x, memory, values_mask=None, target_mask=None, training=False):
        """See the class."""
        memory = self.cross_attention.as_memory(memory, values_mask)
        y = self.around_self_attention.before(x)
        y, _ = self.self_attention(y, y, values_mask=target_mask, causal=True, training=training)
        return self._from_memory(self.around_self_attention.after(x, y, training), memory, training)

    def empty_cache(self, batch_size, length):
        """The cache before the first of at most `length` steps; the block must be built."""
        return self.self_attention.empty_cache(batch_size, length)

    def step(self, x, memory, cache, position):
        """One step.

        Args:
            x: (B, D).
            memory: What `prepare(values, mask)` gave.
            cache: That of the steps before.
            position: The number of this step, (B,) or one for all rows; from 0 on.

        Returns:
            (B, D), the cache with this step in its place, and the weights (B, S) of the attention
            to the memory.
        """
        y, cache, _ = self.self_attention.step(
            self.around_self_attention.before(x), cache, position
        )
        x, weights = self._from_memory(self.around_self_attention.after(x, y), memory)
        return x, cache, weights

    def _from_memory(self, x, memory, training=False):
        """What comes after the self-attention."""
        y = self.around_cross_attention.before(x)
        y, weights = self.cross_attention(y, memory, training=training)
        x = self.around_cross_attention.after(x, y, training)
        return self.fed_forward(x, training), weights

    def compute_mask(self, x, mask=None):
        """None: there are two outputs, and the mask is given where it is needed."""
        return None
