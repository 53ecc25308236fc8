"""`Bidirectional`: a layer and its mirror image over time, masks kept."""

import keras


@keras.saving.register_keras_serializable("keras_seq")
class Bidirectional(keras.layers.Bidirectional):
    r"""Runs a recurrent layer over the sequence in both directions and merges the outputs.

    $$y_t = [\overrightarrow{h}_t, \overleftarrow{h}_t]$$

    `keras.layers.Bidirectional`, which works on every layer of this library too, with the promise
    that the mask goes on to the next layer: Keras' next version drops it.

    Args:
        layer: The forward layer, not yet built. The backward layer is a copy that starts from the
            end, with weights of its own.
        merge_mode: "concat", "sum", "mul", "ave", or None for a pair of outputs.
        weights: Initial weights of the forward layer, then of the backward layer.
        backward_layer: Another backward layer, made with `go_backwards=True`.
        **kwargs: What every Keras layer takes.

    Call arguments:
        sequences: (B, T, F).
        initial_state: States of the forward layer, then those of the backward layer.
        mask: Boolean (B, T), True = real data. Padding on the right is read first by the backward
            layer, which leaves its state as it is. At a masked step the outputs are zero.
        training: Whether dropout is active.

    Returns:
        (B, T, 2·U) or (B, 2·U) for "concat"; with `return_state` all states after it.

    Example:
        >>> import keras
        >>> from keras_seq.layers import GRU, Bidirectional
        >>> layer = Bidirectional(GRU(4, return_sequences=True))
        >>> tuple(layer(keras.ops.ones((2, 3, 5))).shape)
        (2, 3, 8)

    Reference:
        Schuster & Paliwal, "Bidirectional recurrent neural networks" (1997).
    """

    def __init__(self, layer, merge_mode="concat", weights=None, backward_layer=None, **kwargs):
        super().__init__(
            layer, merge_mode=merge_mode, weights=weights, backward_layer=backward_layer, **kwargs
        )
        self.supports_masking = True

    def compute_mask(self, sequences, mask=None):
        """The mask of each output: that of the sequences, if sequences are returned."""
        mask = mask[0] if isinstance(mask, (list, tuple)) else mask
        mask = mask if self.return_sequences else None
        outputs = [mask, mask] if self.merge_mode is None else mask
        if not self.return_state:
            return outputs
        states = [None] * (len(self.forward_layer.state_size) * 2)
        return [*outputs, *states] if self.merge_mode is None else [outputs, *states]
