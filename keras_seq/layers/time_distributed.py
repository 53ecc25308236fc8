"""`TimeDistributed`: a layer applied to each step, masks kept."""

import keras


@keras.saving.register_keras_serializable("keras_seq")
class TimeDistributed(keras.layers.TimeDistributed):
    r"""Applies a layer to every time step on its own, $y_t = f(x_t)$.

    `keras.layers.TimeDistributed` with the promise that the mask goes on to the next layer: Keras'
    next version drops it.

    Args:
        layer: The layer to apply.
        **kwargs: What every Keras layer takes.

    Call arguments:
        inputs: (B, T, ...).
        mask: Boolean (B, T), True = real data.
        training: Handed to the layer.

    Returns:
        (B, T, ...), with what the layer makes of a step.

    Example:
        >>> import keras
        >>> from keras_seq.layers import TimeDistributed
        >>> layer = TimeDistributed(keras.layers.Dense(2))
        >>> tuple(layer(keras.ops.ones((4, 3, 5))).shape)
        (4, 3, 2)
    """

    def __init__(self, layer, **kwargs):
        super().__init__(layer, **kwargs)
        self.supports_masking = True

    def compute_mask(self, inputs, mask=None):
        """The mask of the inputs."""
        return mask
