"""A stack of our layers in torch's words, and the refusal of what torch cannot say."""

import itertools
from typing import Any

import keras

from keras_seq import cells, layers
from keras_seq.converters.configuration import at_work
from keras_seq.converters.models import converted
from keras_seq.converters.namesakes import as_ours

_TAKEN = (
    "to_torch takes SimpleRNN, LSTM, GRU and ProjectedLSTM of keras_seq or keras.layers, "
    "Bidirectional around one of these, and a list or keras.Sequential of them"
)
_KINDS = {
    cells.SimpleRNNCell: "RNN",
    cells.LSTMCell: "LSTM",
    cells.GRUCell: "GRU",
    cells.ProjectedLSTMCell: "LSTM",
}
# A subclass of these may do more than its cell says.
_LAYERS = (layers.Recurrent, layers.SimpleRNN, layers.LSTM, layers.GRU, layers.ProjectedLSTM)


def directions(layer: Any) -> list[Any]:
    """The layer, or those that a `Bidirectional` runs, forward first."""
    if isinstance(layer, layers.Bidirectional):
        return [layer.forward_layer, layer.backward_layer]
    return [layer]


def read_stack(given: Any) -> tuple[list[Any], float]:
    """Copies of the layers as ours, first below, and the rate of the dropout between them.

    Raises:
        TypeError: Something that is not recurrent, nor dropout.
        ValueError: Dropout in another place or of several rates; a layer that torch has not.
    """
    given = given.layers if isinstance(given, keras.Sequential) else given
    given = list(given) if isinstance(given, (list, tuple)) else [given]
    if not given:
        raise TypeError(f"{_TAKEN}; got none.")
    stack: list[Any] = []
    rates: list[float] = []  # after each layer but the last
    for place, layer in enumerate(given):
        if type(layer) is keras.layers.Dropout:
            between = 0 < place < len(given) - 1 and type(given[place - 1]) is not type(layer)
            _demand(between, layer, "it is not between two recurrent layers")
            _demand(layer.noise_shape is None, layer, "it has a noise_shape")
            rates[-1] = layer.rate
        else:
            stack.append(_read(layer))
            rates.append(0.0)
    rates.pop()
    if len(set(rates)) > 1:
        raise ValueError(f"torch has one rate of dropout between layers, got {rates}.")
    return stack, rates[0] if rates else 0.0


def _read(layer: Any) -> Any:
    ours = converted(layer, as_ours, _TAKEN)
    if not isinstance(ours, (layers.Recurrent, layers.Bidirectional)):
        raise TypeError(f"{_TAKEN}; got {type(layer).__name__}.")
    for direction in directions(ours):
        known = type(direction) in _LAYERS and type(direction.cell) in _KINDS
        _demand(
            known, layer, f"torch.nn has no {type(direction.cell).__name__.removesuffix('Cell')}"
        )
    return ours


def torch_options(stack: list[Any]) -> tuple[str, str, dict[str, Any]]:
    """The class, the type of numbers and the options of the module that is such a stack.

    Raises:
        ValueError: Layers that are not of one kind and size, or what torch cannot say.
    """
    described = [_described(layer) for layer in stack]
    first = described[0]
    for layer, other in zip(stack, described, strict=True):
        for name, value in first.items():
            _demand(
                other.get(name) == value,
                layer,
                f"its {name} is {other.get(name)}, that of the first layer {value}, and in torch "
                "all layers of a stack are alike",
            )
    width = first.get("proj_size") or first["hidden_size"]
    width *= 2 if first["bidirectional"] else 1
    for layer, after in itertools.pairwise(stack):
        _demand(layer.return_sequences, layer, "it returns one output, and another layer follows")
        features = _features(after)
        _demand(features == width, after, f"it takes {features} features, and gets {width}")
    options = {"input_size": _features(stack[0]), **first}
    return options.pop("kind"), options.pop("dtype"), options


def _features(layer: Any) -> int:
    return int(directions(layer)[0].cell.kernel.shape[0])


def _described(layer: Any) -> dict[str, Any]:
    """Kind, type of numbers and options of one layer, by torch's names."""
    runs = directions(layer)
    found = [_described_direction(direction, layer.name) for direction in runs]
    if len(runs) == 2:
        _demand(layer.merge_mode == "concat", layer, f"its merge_mode is {layer.merge_mode!r}")
        _demand(found[0] == found[1], layer, "its two directions differ in their options")
    _demand(not runs[0].go_backwards, layer, "it has go_backwards")
    return {**found[0], "bidirectional": len(runs) == 2}


def _described_direction(layer: Any, name: str) -> dict[str, Any]:
    cell, kind = layer.cell, _KINDS[type(layer.cell)]
    _demand(layer.built, name, "it has no weights yet; build it or call it")
    _demand(not layer.stateful, name, "it is stateful, and in torch the caller keeps the states")
    inside = at_work(layer, "dropout", "recurrent_dropout", "zoneout")
    _demand(not inside, name, f"it has {' and '.join(inside)}, which torch has not inside a layer")
    dtype = layer.dtype_policy.name
    _demand(dtype in ("float32", "float64"), name, f"it is of {dtype}")
    _demand(getattr(cell, "reset_after", True), name, "it has reset_after=False")
    options = {"kind": kind, "dtype": dtype, "hidden_size": cell.units, "bias": cell.use_bias}
    activation = keras.activations.serialize(cell.activation)
    if kind == "RNN":
        _demand(activation in ("tanh", "relu"), name, f"its activation is {activation}")
        return {**options, "nonlinearity": activation}
    gates = keras.activations.serialize(cell.recurrent_activation)
    _demand(activation == "tanh", name, f"its activation is {activation}, not tanh")
    _demand(gates == "sigmoid", name, f"its recurrent_activation is {gates}, not sigmoid")
    if kind == "LSTM":
        options["proj_size"] = 0
    if isinstance(cell, cells.ProjectedLSTMCell):
        small = cell.projection_units < cell.units
        _demand(small, name, "its projection_units are not fewer than its units")
        options["proj_size"] = cell.projection_units
    return options


def _demand(fulfilled: Any, layer: Any, reason: str) -> None:
    if not fulfilled:
        name = layer if isinstance(layer, str) else layer.name
        raise ValueError(f"{name} cannot be a module of torch: {reason}.")
