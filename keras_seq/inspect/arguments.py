"""What `record` and `gradient_flow` are given, checked."""

from typing import Any, NamedTuple

import keras
import numpy as np

from keras_seq.layers import Recurrent


class Sequence(NamedTuple):
    """A batch of sequences for a recurrent layer.

    Attributes:
        inputs: (B, T, F).
        mask: Boolean (B, T), or None.
        states: The initial states, each (B, width).
    """

    inputs: np.ndarray
    mask: np.ndarray | None
    states: list[np.ndarray]


def recurrent(layer: Any, taker: str, more: str = "") -> Recurrent:
    """The layer, refused if it is not recurrent.

    Args:
        layer: What should be a recurrent layer.
        taker: The function that takes it, for the message.
        more: What else it takes.
    """
    if not isinstance(layer, Recurrent):
        theirs = isinstance(layer, keras.layers.RNN)
        hint = " `keras_seq.converters.from_keras` makes one of it." if theirs else ""
        raise TypeError(
            f"{taker} takes a recurrent layer of keras_seq.layers, `Recurrent` or one of the named "
            f"ones{more}; got {type(layer).__module__}.{type(layer).__name__}.{hint}"
        )
    if keras.backend.backend() != "tensorflow":
        raise NotImplementedError(
            f"{taker} traces TensorFlow graphs; the backend is {keras.backend.backend()}."
        )
    return layer


def sequence(layer: Recurrent, inputs, mask=None, initial_state=None) -> Sequence:
    """Checks a batch and builds the layer if nobody has yet.

    Args:
        layer: The layer.
        inputs: (B, T, F).
        mask: Boolean (B, T), or None.
        initial_state: The states before the first step, each (B, width); if None those from which
            the layer would start.

    Raises:
        ValueError: A shape is not as above.
    """
    inputs = keras.ops.convert_to_numpy(inputs)
    if inputs.ndim != 3 or 0 in inputs.shape:
        raise ValueError(f"inputs must be (B, T, F), none of them 0; got the shape {inputs.shape}.")
    mask = None if mask is None else keras.ops.convert_to_numpy(mask).astype(bool)
    if mask is not None and mask.shape != inputs.shape[:2]:
        raise ValueError(
            f"mask must be (B, T) = {inputs.shape[:2]}, as the inputs are; got the shape "
            f"{mask.shape}."
        )
    if not layer.built:
        layer.build(inputs.shape)
    if inputs.shape[-1] != layer.cell.kernel.shape[0]:
        raise ValueError(
            f"{layer.name} takes {layer.cell.kernel.shape[0]} features; got the inputs "
            f"{inputs.shape}."
        )
    states = _states(layer, len(inputs), initial_state)
    wanted = [(len(inputs), width) for width in layer.cell.widths]
    if [state.shape for state in states] != wanted:
        raise ValueError(
            f"{layer.name} has the states {', '.join(layer.cell.states)} of the shapes {wanted}; "
            f"got {[state.shape for state in states]}."
        )
    return Sequence(inputs, mask, states)


def _states(layer, batch, given):
    if given is None:
        given = layer.states if layer.stateful else layer.get_initial_state(batch)
    given = given if isinstance(given, (list, tuple)) else [given]
    return [keras.ops.convert_to_numpy(state) for state in given]
