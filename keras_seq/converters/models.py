"""A model copied with its recurrent layers converted."""

from typing import Any

import keras

from keras_seq.converters.configuration import live_config
from keras_seq.converters.namesakes import Convert
from keras_seq.converters.values import copy_values, is_network


def converted(given: Any, convert: Convert, taken: str) -> Any:
    """The layer converted, or the model copied with its layers converted; values included.

    Args:
        given: A layer or a model.
        convert: From a recurrent layer to the new one, unbuilt.
        taken: The sentence that says what is taken, for the message.

    Raises:
        TypeError: `given` is neither, or a model of which the layers are not known.
    """
    if is_network(given):
        new = _copied(given, convert, {})
    elif isinstance(given, keras.Model):
        raise TypeError(
            f"{type(given).__name__} is a model of a class of its own, whose layers Keras cannot "
            "replace: convert them one by one."
        )
    else:
        new = convert(given)
        if new is None:
            raise TypeError(f"{taken}; got {_title(given)}.")
    copy_values(given, new)
    return new


def _title(given: Any) -> str:
    inner = getattr(given, "cell", None) or getattr(given, "forward_layer", None)
    kind = type(given).__name__
    return kind if inner is None else f"{kind}({type(inner).__name__})"


def _copied(layer: Any, convert: Convert, copies: dict[int, Any]) -> Any:
    """A copy without values. `copies` keeps one for each layer: a shared one stays shared."""
    if id(layer) not in copies:
        copies[id(layer)] = _new_copy(layer, convert, copies)
    return copies[id(layer)]


def _new_copy(layer: Any, convert: Convert, copies: dict[int, Any]) -> Any:
    def clone(inner: Any) -> Any:
        return _copied(inner, convert, copies)

    if isinstance(layer, keras.Sequential):
        inputs = [
            keras.Input(batch_shape=t.shape, dtype=t.dtype, name=t.name, sparse=t.sparse)
            for t in getattr(layer, "inputs", ())  # none before the first call
        ]
        return keras.Sequential([*inputs, *map(clone, layer.layers)], name=layer.name)
    if is_network(layer):
        # Over the same graph, but not compiled: Keras would compile the copy, and fail where a loss
        # is not registered.
        graph = keras.Model(layer.input, layer.output, name=layer.name)
        return keras.models.clone_model(graph, clone_function=clone)
    if isinstance(layer, keras.layers.Lambda):
        return layer  # Python, which Keras would have to write and read; it holds no values
    new = convert(layer)
    if new is not None:
        return new
    # Keras' own take functions as they are; a layer of one's own may want their names.
    is_of_keras = type(layer).__module__.startswith("keras.")
    config = live_config(layer) if is_of_keras else layer.get_config()
    if _is_plain_wrapper(layer):
        del config["layer"]
        return type(layer)(clone(layer.layer), **config)
    return type(layer).from_config(_converted_config(config, convert))


def _is_plain_wrapper(layer: Any) -> bool:
    """Whether Keras makes it from the layer inside, which may be shared, and its configuration."""
    wrapper: Any = keras.layers.Wrapper
    made = getattr(type(layer).from_config, "__func__", None)
    return isinstance(layer, wrapper) and made is wrapper.from_config.__func__


def _converted_config(config: Any, convert: Convert) -> Any:
    """The configuration of a layer, with the layers inside it converted.

    So those are found that a layer of one's own was given.
    """
    if isinstance(config, list):
        return [_converted_config(item, convert) for item in config]
    if not isinstance(config, dict):
        return config
    if _is_recurrent(config):
        keys = ("module", "class_name", "config", "registered_name")
        old = keras.saving.deserialize_keras_object({key: config.get(key) for key in keys})
        new = convert(old)
        return config if new is None else {**config, **keras.saving.serialize_keras_object(new)}
    return {key: _converted_config(value, convert) for key, value in config.items()}


def _is_recurrent(config: dict) -> bool:
    name = config.get("class_name")
    if not isinstance(name, str) or "config" not in config:
        return False
    kind = keras.saving.get_registered_object(config.get("registered_name"))
    if kind is None and config.get("module") == "keras.layers":
        kind = getattr(keras.layers, name, None)
    bases = (keras.layers.RNN, keras.layers.Bidirectional)
    return isinstance(kind, type) and issubclass(kind, bases)
