"""One layer of a Transformer's encoder."""

import keras

from keras_seq.layers.transformer.block import TransformerBlock


@keras.saving.register_keras_serializable("keras_seq")
class TransformerEncoderBlock(TransformerBlock):
    r"""Self-attention over the whole sequence, then two layers for each position by itself.

    $$y = x + \mathrm{attention}(\mathrm{norm}(x)), \qquad
      z = y + W_2\, \phi(W_1 \mathrm{norm}(y) + b_1) + b_2 \qquad \text{("pre")}$$
    $$y = \mathrm{norm}(x + \mathrm{attention}(x)), \qquad
      z = \mathrm{norm}(y + W_2\, \phi(W_1 y + b_1) + b_2) \qquad \text{("post")}$$

    What a stack of "pre" blocks puts out is not normalized: put a `keras.layers.LayerNormalization`
    after the last one.

    Args:
        heads: Number of heads, which divides the width of the sequence.
        hidden_units: Width of the inner layer.
        dropout: Rate on the weights of attention, on the inner layer and on what each part adds.
        normalization: "pre" or "post".
        activation: φ, a name or a function.
        seed: Seed of the dropout.
        **kwargs: What every Keras layer takes.

    Call arguments:
        x: (B, T, D).
        mask: Boolean (B, T), True = real data.
        training: Whether dropout is active.

    Returns:
        (B, T, D). Real steps do not depend on masked ones.

    Raises:
        ValueError: Numbers out of range, an unknown normalization, or heads that do not divide D.

    Example:
        >>> import keras
        >>> from keras_seq.layers import TransformerEncoderBlock
        >>> block = TransformerEncoderBlock(heads=2, hidden_units=16)
        >>> tuple(block(keras.random.normal((3, 5, 8))).shape)
        (3, 5, 8)

    Reference:
        Vaswani et al., "Attention is all you need" (2017, arXiv 1706.03762), section 3.1, which is
        "post"; "pre": Xiong et al., "On layer normalization in the Transformer architecture" (2020,
        arXiv 2002.04745). The first drops neither weights nor the inner layer.
    """

    def build(self, x_shape):
        """All parts."""
        self.build_parts(x_shape)

    def call(self, x, mask=None, training=False):
        """See the class."""
        y = self.around_self_attention.before(x)
        y, _ = self.self_attention(y, y, values_mask=mask, training=training)
        return self.fed_forward(self.around_self_attention.after(x, y, training), training)

    def compute_mask(self, x, mask=None):
        """That of the input."""
        return mask
