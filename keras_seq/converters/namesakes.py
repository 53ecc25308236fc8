"""One recurrent layer as that of the other library: the same options, not yet built."""

import inspect
from collections.abc import Callable
from typing import Any

import keras

from keras_seq import cells, layers
from keras_seq.converters.configuration import at_work, live_config

_NAMES = ("SimpleRNN", "LSTM", "GRU")
_OURS = {getattr(keras.layers, name): getattr(layers, name) for name in _NAMES}
_OURS_OF_CELL = {getattr(keras.layers, f"{name}Cell"): getattr(layers, name) for name in _NAMES}
_THEIRS_OF_CELL = {getattr(cells, f"{name}Cell"): getattr(keras.layers, name) for name in _NAMES}

# From a layer to a new one, or to None if it is none of those that the function knows.
Convert = Callable[[Any], Any]


def as_ours(layer: Any) -> Any:
    """A layer of this library with the options of `layer`; None where there is none.

    Raises:
        ValueError: A stack of cells in one layer, or a layer and a cell of two dtypes.
    """
    kind = type(layer)
    if kind in (keras.layers.Bidirectional, layers.Bidirectional):
        return _both_directions(layers.Bidirectional, layer, as_ours)
    if isinstance(layer, layers.Recurrent):
        return _again(layer)
    if kind in _OURS:
        return _with_flat_options(_OURS[kind], layer)
    if kind is not keras.layers.RNN:
        return None
    if type(layer.cell) in _OURS_OF_CELL:
        return _with_flat_options(_OURS_OF_CELL[type(layer.cell)], layer)
    if isinstance(layer.cell, cells.Cell):
        return _over_the_cell(layers.Recurrent, layer)
    if isinstance(layer.cell, keras.layers.StackedRNNCells):
        raise ValueError(
            f"{layer.name} runs StackedRNNCells, which this library has not: split it into one "
            "keras.layers.RNN for each cell, all but the last with return_sequences=True."
        )
    return None


def as_theirs(layer: Any, allow_cells: bool) -> Any:
    """A layer of `keras.layers` with the options of `layer`; None where there is none.

    Raises:
        ValueError: A layer without a namesake, unless `allow_cells`; rates that would be lost.
    """
    kind = type(layer)
    if kind in (keras.layers.Bidirectional, layers.Bidirectional):
        return _both_directions(
            keras.layers.Bidirectional, layer, lambda inner: as_theirs(inner, allow_cells)
        )
    if kind in _OURS or kind is keras.layers.RNN:
        return _again(layer)
    if not isinstance(layer, layers.Recurrent):
        return None
    # A subclass may do more than its cell says, so only the library's own are taken by their cell.
    if kind in (layers.Recurrent, *_OURS.values()) and type(layer.cell) in _THEIRS_OF_CELL:
        _demand_none(at_work(layer, "zoneout"), layer)
        return _with_flat_options(_THEIRS_OF_CELL[type(layer.cell)], layer)
    if not allow_cells:
        raise ValueError(
            f"{layer.name}: keras.layers has no {_title(layer)}. allow_cells=True makes it a "
            "keras.layers.RNN over its cell, which is slower and needs keras_seq to be loaded."
        )
    # They belong to the layer here, and not to the cell.
    _demand_none(at_work(layer, "dropout", "recurrent_dropout", "zoneout"), layer)
    return _over_the_cell(keras.layers.RNN, layer)


def _demand_none(lost: list[str], layer: Any) -> None:
    if lost:
        raise ValueError(
            f"{layer.name} ({_title(layer)}) has {' and '.join(lost)}, which the layer of "
            "keras.layers would lose; set it to 0."
        )


def _title(layer: Any) -> str:
    kind = type(layer).__name__
    return f"{kind}({type(layer.cell).__name__})" if kind == "Recurrent" else kind


def _both_directions(kind: type, layer: Any, convert: Convert) -> Any:
    inner = {
        "layer": convert(layer.forward_layer),
        "backward_layer": convert(layer.backward_layer),
    }
    if any(converted is None for converted in inner.values()):
        return None
    return kind(**{**layer.get_config(), **inner})


def _with_flat_options(kind: type, layer: Any) -> Any:
    """`kind` with one list of options: those of the cell, and over them those of the layer."""
    if layer.dtype_policy.name != layer.cell.dtype_policy.name:
        raise ValueError(
            f"{layer.name} is of {layer.dtype_policy.name} and its cell of "
            f"{layer.cell.dtype_policy.name}; give both the same dtype."
        )
    config = {**live_config(layer.cell), **live_config(layer)}
    config.pop("cell", None)
    # Keras leaves this one out of its configurations.
    if hasattr(layer, "use_cudnn") and "use_cudnn" in inspect.signature(kind).parameters:
        config["use_cudnn"] = layer.use_cudnn
    return kind(**config)


def _over_the_cell(kind: type, layer: Any) -> Any:
    """`kind`, which is `Recurrent` or `keras.layers.RNN`, over a copy of the cell."""
    config = keras.layers.RNN.get_config(layer)  # without what a subclass adds
    if layer.activity_regularizer is not None:
        config["activity_regularizer"] = layer.activity_regularizer
    return kind(**{**config, "cell": _again(layer.cell)})


def _again(layer: Any) -> Any:
    """A layer of the same class and options."""
    config = live_config(layer)
    if "cell" in config:  # a cell that no name is registered for is copied, too
        return type(layer)(**{**config, "cell": _again(layer.cell)})
    new = type(layer).from_config(config)
    if hasattr(layer, "use_cudnn"):
        new.use_cudnn = layer.use_cudnn
    return new
