"""`Stack`: recurrent layers on one another, with residual or skip connections."""

import keras
from keras import ops

_CONNECTIONS = (None, "residual", "skip")


@keras.saving.register_keras_serializable("keras_seq")
class Stack(keras.layers.Layer):
    r"""A deep recurrent network: each layer reads the sequence that the one below puts out.

    With `connections=None`, $y^l = \mathrm{layer}^l(y^{l-1})$ and $y^0 = x$. Otherwise

    $$\text{residual:}\quad y^l = y^{l-1} + \mathrm{layer}^l(y^{l-1}) \qquad
      \text{skip:}\quad y^l = \mathrm{layer}^l([x, y^{l-1}]),\; y = [y^1, \dots, y^L]$$

    Residual connections go round every layer that returns sequences; only the first may have
    another width than its input, and then has none. With skip connections every layer sees the
    input and the output sees every layer; if the last layer does not return sequences, its output
    is that of the stack.

    Args:
        layers: Recurrent layers, `Bidirectional` ones too, not yet built. All but the last return
            sequences.
        connections: None, "residual" or "skip".
        **kwargs: What every Keras layer takes.

    Call arguments:
        sequences: (B, T, F).
        mask: Boolean (B, T), True = real data; every layer gets it.
        training: Whether dropout is active.

    Returns:
        (B, T, U), or (B, U) if the last layer does not return sequences; U is the width of the last
        layer, with skip connections the sum of all widths. The states of layers with `return_state`
        come after it, from the first layer to the last.

    Raises:
        ValueError: No layers, unknown connections, a layer below another that does not return
            sequences, or widths that a residual connection cannot add.

    Example:
        >>> import keras
        >>> from keras_seq.layers import GRU, Stack
        >>> stack = Stack([GRU(4, return_sequences=True) for _ in range(3)], "residual")
        >>> tuple(stack(keras.ops.ones((2, 3, 5))).shape)
        (2, 3, 4)

    Reference:
        Skip connections: Graves, "Generating sequences with recurrent neural networks" (2013,
        arXiv 1308.0850), section 2. Residual connections: Wu et al., "Google's neural machine
        translation system" (2016, arXiv 1609.08144), section 3.1.
    """

    def __init__(self, layers, connections=None, **kwargs):
        super().__init__(**kwargs)
        self.layers, self.connections = list(layers), connections
        self.supports_masking = True
        if not self.layers:
            raise ValueError("Stack needs at least one layer; got none.")
        if connections not in _CONNECTIONS:
            raise ValueError(
                f'connections must be None, "residual" or "skip"; got {connections!r}.'
            )
        for layer in self.layers[:-1]:
            if not layer.return_sequences:
                raise ValueError(
                    f"{layer.name} is below another layer, which reads sequences: give it "
                    "return_sequences=True."
                )
        # As with Recurrent: a model compiled as one program is slower.
        self.supports_jit = keras.backend.backend() != "tensorflow"

    @property
    def return_sequences(self):
        """Whether the last layer returns sequences."""
        return self.layers[-1].return_sequences

    @property
    def return_state(self):
        """Whether any layer returns its states."""
        return any(layer.return_state for layer in self.layers)

    def build(self, input_shape):
        """Builds the layers, from the first to the last."""
        below = input_shape[-1]
        for number, layer in enumerate(self.layers):
            skipped = input_shape[-1] if self.connections == "skip" and number else 0
            shape = (*input_shape[:-1], skipped + below)
            layer.build(shape)
            width = _width(layer, shape)
            if number and self._residual(layer) and width != below:
                raise ValueError(
                    f"{layer.name} is {width} wide and its input {below}: a residual connection "
                    "cannot add them. Give the layers of the stack one width."
                )
            below = width

    def _residual(self, layer):
        return self.connections == "residual" and layer.return_sequences

    def call(self, sequences, mask=None, training=False):
        """See the class."""
        y, outputs, states = sequences, [], []
        for number, layer in enumerate(self.layers):
            skipped = [sequences] if self.connections == "skip" and number else []
            below = ops.concatenate([*skipped, y], axis=-1) if skipped else y
            found = layer(below, mask=mask, training=training)
            if layer.return_state:
                found, *own = found
                states += own
            adds = self._residual(layer) and found.shape[-1] == y.shape[-1]
            y = y + found if adds else found
            outputs.append(y)
        if self.connections == "skip" and self.return_sequences:
            y = ops.concatenate(outputs, axis=-1)
        return [y, *states] if self.return_state else y

    def compute_mask(self, sequences, mask=None):
        """The mask of the output: that of the sequences, if sequences are returned."""
        mask = mask if self.return_sequences else None
        if not self.return_state:
            return mask
        return [mask] + [None] * (len(self.compute_output_spec(sequences)) - 1)

    def get_config(self):
        """The configuration, the layers' included."""
        layers = [keras.saving.serialize_keras_object(layer) for layer in self.layers]
        return {**super().get_config(), "layers": layers, "connections": self.connections}

    @classmethod
    def from_config(cls, config):
        """The stack of a configuration."""
        layers = [keras.saving.deserialize_keras_object(layer) for layer in config["layers"]]
        return cls(**{**config, "layers": layers})


def _width(layer, shape):
    output = layer.compute_output_shape(shape)
    return output[0][-1] if layer.return_state else output[-1]
