"""Scaled dot-product attention, without weights."""

import math

import keras

from keras_seq.layers.attention.attention_layer import AttentionLayer
from keras_seq.layers.attention.scores import attended, dot_scores


@keras.saving.register_keras_serializable("keras_seq")
class DotProductAttention(AttentionLayer):
    r"""Attention by the product of query and value, scaled; nothing is learned.

    $$\alpha_{ts} = \mathrm{softmax}_s\left(\frac{q_t^\top v_s}{\sqrt U}\right), \qquad
      c_t = \sum_s \alpha_{ts} v_s$$

    Args:
        scale: What the product is multiplied by; None for $1/\sqrt U$.
        **kwargs: What every Keras layer takes.

    Call arguments:
        query: (B, U) or (B, T, U).
        memory: What `prepare(values, mask)` gave, or values (B, S, D) with D = U.
        values_mask: Boolean (B, S), True = real data; with values that are not prepared.

    Returns:
        The context, (B, D) or (B, T, D), and the weights, (B, S) or (B, T, S), in float32; zeros
        for a row without real values.

    Raises:
        ValueError: Query and values of different widths; shapes that do not fit.

    Example:
        >>> from keras import ops
        >>> from keras_seq.layers import DotProductAttention
        >>> layer = DotProductAttention(scale=1.0)
        >>> values = ops.array([[[1.0, 0.0], [0.0, 2.0], [5.0, 5.0]]])
        >>> memory = layer.prepare(values, mask=ops.array([[True, True, False]]))
        >>> context, weights = layer(ops.array([[2.0, 1.0]]), memory)
        >>> print(ops.convert_to_numpy(weights))
        [[0.5 0.5 0. ]]
        >>> print(ops.convert_to_numpy(context))
        [[0.5 1. ]]

    Reference:
        Vaswani et al., "Attention is all you need" (2017, arXiv 1706.03762), section 3.2.1. Here
        the values are the keys.
    """

    def __init__(self, scale=None, **kwargs):
        super().__init__(**kwargs)
        self.scale = scale

    def build_queries(self, width):
        """Checks that a product is possible."""
        self.check_equal_widths("Project one of them, or take MultiHeadAttention.")

    def call(self, query, memory, values_mask=None):
        """See the class."""
        return self.by_steps(self._attend, query, self.as_memory(memory, values_mask))

    def _attend(self, queries, memory):
        scale = 1 / math.sqrt(self.query_width) if self.scale is None else self.scale
        return attended(dot_scores(queries, memory.keys) * scale, memory)

    def get_config(self):
        """The configuration."""
        return {**super().get_config(), "scale": self.scale}
