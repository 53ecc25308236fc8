"""Pooling over time that leaves padding out."""

import keras
from keras import ops


class _GlobalPooling1D(keras.layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True

    def compute_mask(self, sequences, mask=None):
        """None: no time is left."""
        return None

    def compute_output_shape(self, input_shape):
        """(B, T, F) to (B, F)."""
        return (input_shape[0], input_shape[2])


@keras.saving.register_keras_serializable("keras_seq")
class GlobalMaxPooling1D(_GlobalPooling1D):
    r"""The largest value of each feature over the real time steps, $y_f = \max_{t} x_{tf}$.

    `keras.layers.GlobalMaxPooling1D` takes padding for data; this layer does not.

    Call arguments:
        sequences: (B, T, F).
        mask: Boolean (B, T), True = real data; None: all is.

    Returns:
        (B, F); zeros for a row without real steps.

    Example:
        >>> from keras import ops
        >>> from keras_seq.layers import GlobalMaxPooling1D
        >>> x = ops.array([[[-3.0], [-2.0], [0.0]]])
        >>> mask = ops.array([[True, True, False]])
        >>> print(ops.convert_to_numpy(GlobalMaxPooling1D()(x, mask=mask)))
        [[-2.]]
    """

    def call(self, sequences, mask=None):
        """See the class."""
        if mask is None:
            return ops.max(sequences, axis=1)
        mask = ops.expand_dims(ops.cast(mask, "bool"), -1)
        lowest = ops.full_like(sequences, -float("inf"))
        largest = ops.max(ops.where(mask, sequences, lowest), axis=1)
        return ops.where(ops.any(mask, axis=1), largest, ops.zeros_like(largest))


@keras.saving.register_keras_serializable("keras_seq")
class GlobalAveragePooling1D(_GlobalPooling1D):
    r"""The mean of each feature over the real time steps, $y_f = \frac1{|M|}\sum_{t\in M} x_{tf}$.

    Equal to `keras.layers.GlobalAveragePooling1D`, but for a row without real steps, where that
    layer divides by zero.

    Call arguments:
        sequences: (B, T, F).
        mask: Boolean (B, T), True = real data; None: all is.

    Returns:
        (B, F); zeros for a row without real steps.

    Example:
        >>> from keras import ops
        >>> from keras_seq.layers import GlobalAveragePooling1D
        >>> x = ops.array([[[1.0], [2.0], [9.0]]])
        >>> mask = ops.array([[True, True, False]])
        >>> print(ops.convert_to_numpy(GlobalAveragePooling1D()(x, mask=mask)))
        [[1.5]]
    """

    def call(self, sequences, mask=None):
        """See the class."""
        if mask is None:
            return ops.mean(sequences, axis=1)
        mask = ops.expand_dims(ops.cast(mask, "bool"), -1)
        # Sums of many halves lose their last digits; the sum and the count are kept in full.
        full = keras.backend.result_type(sequences.dtype, "float32")
        real = ops.cast(ops.where(mask, sequences, ops.zeros_like(sequences)), full)
        count = ops.maximum(ops.sum(ops.cast(mask, full), axis=1), 1)
        return ops.cast(ops.sum(real, axis=1) / count, sequences.dtype)
