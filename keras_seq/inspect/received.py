"""What a layer inside a model receives."""

import inspect
import threading
from typing import Any, NamedTuple

import keras
import numpy as np

_ONE_AT_A_TIME = threading.Lock()


class LayerInput(NamedTuple):
    """What a recurrent layer receives, in the order in which `record` takes it.

    Attributes:
        inputs: (B, T, F).
        mask: Boolean (B, T), or None.
        initial_state: The states before the first step, or None.

    Example:
        >>> import numpy as np
        >>> from keras_seq.inspect import LayerInput, record
        >>> from keras_seq.layers import LSTM
        >>> record(LSTM(4), *LayerInput(np.ones((2, 3, 5)))).states["h"].shape
        (2, 3, 4)
    """

    inputs: np.ndarray
    mask: np.ndarray | None = None
    initial_state: list[np.ndarray] | None = None


def layer_input(model, layer, batch) -> LayerInput:
    """What a layer inside a model receives for a batch, in inference.

    The model runs once; the layer's call is listened to. So masks that are passed by name and those
    that travel along by themselves are both there, and models of every kind will do.

    Args:
        model: A built model of Keras.
        layer: A layer of it at whatever depth, or its name.
        batch: What the model takes, as arrays or tensors.

    Returns:
        Inputs, mask and initial state, for `record(layer, *layer_input(model, layer, batch))`. Of a
        layer that is called several times, those of the first call.

    Raises:
        ValueError: The model has no such layer, has several of that name, does not call it, or
            calls it only inside of a graph, whose values nobody sees.

    Example:
        >>> import keras
        >>> import numpy as np
        >>> from keras_seq.inspect import layer_input, record
        >>> from keras_seq.layers import LSTM
        >>> embedding = keras.layers.Embedding(9, 4, mask_zero=True)
        >>> model = keras.Sequential([embedding, LSTM(3, name="memory")])
        >>> found = layer_input(model, "memory", np.array([[5, 6, 7, 0]]))
        >>> found.inputs.shape, found.mask.tolist()
        ((1, 4, 4), [[True, True, True, False]])
        >>> record(model.layers[1], *found).gates["f"].shape
        (1, 4, 3)
    """
    layer = _named(model, layer) if isinstance(layer, str) else layer
    heard: list[dict[str, Any]] = []
    call, caller = layer.call, threading.get_ident()

    def listening(*args, **kwargs):
        if threading.get_ident() == caller:
            heard.append(inspect.signature(call).bind(*args, **kwargs).arguments)
        return call(*args, **kwargs)

    with _ONE_AT_A_TIME:
        layer.__dict__["call"] = listening  # not by setattr: Keras would track it
        try:
            model(batch, training=False)
        finally:
            del layer.__dict__["call"]
    if not heard:
        raise ValueError(f"{model.name} was run and did not call its layer {layer.name}.")
    first = heard[0]
    states = [s for s in keras.tree.flatten(first.get("initial_state")) if s is not None]
    mask = first.get("mask")
    mask = mask[0] if isinstance(mask, (list, tuple)) else mask
    return LayerInput(
        _array(layer, next(iter(first.values()))),
        None if mask is None else _array(layer, mask).astype(bool),
        [_array(layer, state) for state in states] if states else None,
    )


def _named(model, name):
    found = {id(layer): layer for layer in _below(model) if layer.name == name}
    if len(found) != 1:
        known = ", ".join(sorted({layer.name for layer in _below(model)}))
        raise ValueError(
            f"{model.name} has {len(found) or 'no'} layers named {name!r}; its layers: {known}."
        )
    return next(iter(found.values()))


def _below(layer) -> list:
    """The layers inside a model or a `Bidirectional`, at whatever depth."""
    inner = list(getattr(layer, "layers", ()))
    if isinstance(layer, keras.layers.Bidirectional):
        inner = [layer.forward_layer, layer.backward_layer]
    return inner + [deeper for one in inner for deeper in _below(one)]


def _array(layer, value) -> np.ndarray:
    if isinstance(value, np.ndarray) or hasattr(value, "numpy"):
        return keras.ops.convert_to_numpy(value)
    raise ValueError(f"{layer.name} is called inside of a graph, whose values nobody sees.")
