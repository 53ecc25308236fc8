"""Word dropout: whole tokens of the input become unknown."""

import keras
from keras import ops


@keras.saving.register_keras_serializable("keras_seq")
class WordDropout(keras.layers.Layer):
    """In training replaces each token by the unknown token with a given probability.

    A model that has seen texts with holes leans less on any one word, and knows what to do with an
    unknown one.

    Args:
        rate: Probability of replacing a token, in [0, 1).
        unknown: Id of the unknown token.
        padding: Id that is never replaced.
        seed: Seed of the draw.
        **kwargs: What every Keras layer takes.

    Call arguments:
        ids: Integer (B, T).
        training: Whether to replace anything.

    Returns:
        Ids, (B, T), of the same type.

    Raises:
        ValueError: `rate` is outside [0, 1).

    Example:
        >>> from keras import ops
        >>> from keras_seq.layers import WordDropout
        >>> ids = ops.convert_to_tensor([[5, 6, 0]])
        >>> print(ops.convert_to_numpy(WordDropout(0.5)(ids, training=False)))
        [[5 6 0]]

    Reference:
        Iyyer et al., "Deep unordered composition rivals syntactic methods for text
        classification" (2015), section 3.2; there the word leaves the average, here it stays as
        the unknown token.
    """

    def __init__(self, rate, unknown=1, padding=0, seed=None, **kwargs):
        if not 0 <= rate < 1:
            raise ValueError(f"rate must be in [0, 1), got {rate!r}.")
        # Ids are integers: a floating-point compute type must not be cast onto them.
        super().__init__(**{"autocast": False, **kwargs})
        self.rate, self.unknown, self.padding, self.seed = rate, unknown, padding, seed
        self.seed_generator = keras.random.SeedGenerator(seed)
        self.supports_masking = True

    def call(self, ids, training=False):
        """See the class."""
        if not training or not self.rate:
            return ids
        drop = keras.random.uniform(ops.shape(ids), seed=self.seed_generator) < self.rate
        real = ops.not_equal(ids, self.padding)
        unknown = ops.full_like(ids, self.unknown)
        return ops.where(ops.logical_and(drop, real), unknown, ids)

    def compute_output_spec(self, ids, training=False):
        """Shape and type are those of the ids."""
        return keras.KerasTensor(ids.shape, ids.dtype)

    def get_config(self):
        """The configuration."""
        own = {"rate": self.rate, "unknown": self.unknown, "padding": self.padding}
        return {**super().get_config(), **own, "seed": self.seed}
