"""Constraints on the weights of cells."""

import keras
from keras import ops


@keras.saving.register_keras_serializable("keras_seq")
class MaxMagnitude(keras.constraints.Constraint):
    r"""Holds each weight between $-m$ and $m$.

    For `IndRNNCell`, whose paper holds $|u|$ below $2^{1/T}$ for sequences of T steps, so that no
    unit grows more than twofold in them: `recurrent_constraint=MaxMagnitude(2 ** (1 / T))`.

    Args:
        limit: m, above 0.

    Raises:
        ValueError: `limit` is not above 0.

    Example:
        >>> from keras import ops
        >>> from keras_seq.cells import MaxMagnitude
        >>> print(ops.convert_to_numpy(MaxMagnitude(0.5)(ops.array([-2.0, 0.25]))))
        [-0.5   0.25]

    Reference:
        Li et al., "Independently recurrent neural network (IndRNN)" (2018, arXiv 1803.04831).
    """

    def __init__(self, limit):
        if not limit > 0:
            raise ValueError(f"MaxMagnitude: limit must be above 0, got {limit!r}.")
        self.limit = limit

    def __call__(self, w):
        """The weight, held."""
        return ops.clip(w, -self.limit, self.limit)

    def get_config(self):
        """The configuration."""
        return {"limit": self.limit}
