"""Layers that run on cuDNN where Keras' would."""

import keras
from keras import ops

from keras_seq.layers.carried import carried
from keras_seq.layers.cell_layer import CellLayer
from keras_seq.layers.engine import lowered


class CuDNNLayer(CellLayer):
    """A `CellLayer` whose namesake in `keras.layers` has a kernel in cuDNN.

    On TensorFlow with a GPU, with the default activations and biases, not unrolled and without
    recurrent dropout, the loop is that of the namesake. cuDNN takes masks only with the padding on
    the right and a real step in every row; which a mask is shows when it comes, and any other goes
    through the library's own loop.
    """

    namesake: type[keras.layers.RNN]
    on_cudnn = True

    def inner_loop(self, sequences, initial_state, mask, training=False):
        """The loop over time; see `Recurrent`."""
        if self.use_cudnn is False or lowered():
            return super().inner_loop(sequences, initial_state, mask, training=training)
        if not self.cudnn_fits():
            if self.use_cudnn is True:
                raise ValueError(
                    f"{self.name}: use_cudnn=True, but cuDNN needs TensorFlow with a GPU, the "
                    "default activations, biases, no unrolling, no recurrent dropout and no "
                    "zoneout"
                    f"{' (and reset_after=True)' if hasattr(self, 'reset_after') else ''}. Use "
                    '"auto" to take it where it can be taken.'
                )
            return super().inner_loop(sequences, initial_state, mask, training=training)
        mask = mask[0] if isinstance(mask, (list, tuple)) else mask
        if (carrier := carried()) is not None:
            if mask is not None:  # either branch of a cond would start, and end, the states
                return super().inner_loop(sequences, initial_state, mask, training=training)
            start = carrier.start(self, tuple(initial_state))
            last, outputs, states = self._on_cudnn(sequences, list(start), None, training)
            carrier.end(self, tuple(states))
            return last, outputs, states
        if mask is None:
            return self._on_cudnn(sequences, initial_state, None, training)
        return ops.cond(
            _padded_on_the_right(mask),
            lambda: self._on_cudnn(sequences, initial_state, mask, training),
            lambda: super(CuDNNLayer, self).inner_loop(
                sequences, initial_state, mask, training=training
            ),
        )

    def cudnn_fits(self) -> bool:
        """Whether the layer is one that cuDNN has, and there is a GPU."""
        cell = self.cell
        return (
            keras.backend.backend() == "tensorflow"
            and cell.activation is keras.activations.tanh
            and cell.recurrent_activation is keras.activations.sigmoid
            and cell.use_bias
            and getattr(cell, "reset_after", True)
            and not self.unroll
            and not self.recurrent_dropout
            and not any(self.zoneout_rates)
            and _gpu()
        )

    def _on_cudnn(self, sequences, initial_state, mask, training):
        masks, _ = self._dropout_masks(sequences, initial_state[0], training)
        sequences = sequences * masks[0][:, None] if masks else sequences
        config = {**self.get_config(), "dropout": 0.0, "use_cudnn": "auto", "stateful": False}
        namesake = self.namesake.from_config(config)
        for weight in ("kernel", "recurrent_kernel", "bias"):
            setattr(namesake.cell, weight, getattr(self.cell, weight))
        namesake.cell.built = True
        _, outputs, states = namesake.inner_loop(sequences, initial_state, mask)
        if mask is not None and self.return_sequences and not self.go_backwards:
            # cuDNN puts out zeros where the padding begins; Keras' loop repeats the last output.
            last = states[0][:, None]
            rest = ops.zeros_like(last) if self.zero_output_for_mask else last
            outputs = ops.where(ops.expand_dims(mask, -1), outputs, rest)
        return outputs[:, -1], outputs, list(states)


def _padded_on_the_right(mask):
    """Whether every row is a real step or more, and then padding alone."""
    mask = ops.cast(mask, "int32")
    return ops.all(mask[:, :1] == 1) & ops.all(mask[:, 1:] <= mask[:, :-1])


def _gpu() -> bool:
    from keras_seq.layers.engine_tensorflow.device import has_gpu

    return has_gpu()
