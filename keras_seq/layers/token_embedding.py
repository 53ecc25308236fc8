"""`TokenEmbedding`: ids to vectors, and vectors back to a logit for each id."""

import keras
from keras import ops


@keras.saving.register_keras_serializable("keras_seq")
class TokenEmbedding(keras.layers.Layer):
    r"""Vectors of tokens, whose matrix may serve the output as well.

    $$x_t = \sqrt{U}\, E_{y_t}, \qquad \mathrm{logits}(s) = E s$$

    The rows of E start with a length of about one, so that inputs are of size one and so are the
    logits of a vector of length one. `keras.layers.Embedding` starts at ±0.05, where all tokens
    look the same to a decoder, and many never leave the frequencies of single tokens.

    Args:
        vocabulary_size: V, the number of ids.
        units: U, the width of the vectors.
        **kwargs: What every Keras layer takes.

    Call arguments:
        ids: Integers below V, of any shape (B, …).

    Returns:
        (B, …, U).

    Raises:
        ValueError: Sizes below 1.

    Example:
        >>> from keras import ops
        >>> from keras_seq.layers import TokenEmbedding
        >>> embedding = TokenEmbedding(vocabulary_size=9, units=4)
        >>> x = embedding(ops.array([[3, 1, 0]]))
        >>> tuple(x.shape), tuple(embedding.logits(x).shape)
        ((1, 3, 4), (1, 3, 9))

    Reference:
        Press & Wolf, "Using the output embedding to improve language models" (2017, arXiv
        1608.05859); the factor is that of Vaswani et al., "Attention is all you need" (2017, arXiv
        1706.03762), section 3.4.
    """

    def __init__(self, vocabulary_size, units, **kwargs):
        if min(vocabulary_size, units) < 1:
            raise ValueError(
                "TokenEmbedding needs vocabulary_size and units of at least 1; got "
                f"{vocabulary_size} and {units}."
            )
        super().__init__(**kwargs)
        self.vocabulary_size, self.units = vocabulary_size, units
        self.embeddings = None

    def build(self, ids_shape=None):
        """Creates `embeddings`, (V, U)."""
        if self.embeddings is not None:  # an encoder and a decoder may share it
            return
        self.embeddings = self.add_weight(
            shape=(self.vocabulary_size, self.units),
            initializer=keras.initializers.RandomNormal(stddev=self.units**-0.5),
            autocast=False,  # so that logits of what is float32 are as exact
            name="embeddings",
        )

    def call(self, ids):
        """See the class."""
        x = ops.take(self.embeddings, ids, axis=0)
        return ops.cast(x, self.compute_dtype) * self.units**0.5

    def logits(self, x):
        """The product with each token's vector, (…, U) to (…, V)."""
        return ops.matmul(x, ops.transpose(ops.cast(self.embeddings, x.dtype)))

    def compute_output_shape(self, ids_shape):
        """(B, …) to (B, …, U)."""
        return (*ids_shape, self.units)

    def get_config(self):
        """The configuration."""
        own = {"vocabulary_size": self.vocabulary_size, "units": self.units}
        return {**super().get_config(), **own}
