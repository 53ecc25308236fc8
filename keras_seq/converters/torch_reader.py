"""`from_torch`: a recurrent module of PyTorch as our layers. torch itself is not imported."""

from typing import Any

import keras

from keras_seq import cells, layers
from keras_seq.converters import torch_weights

# Their `mode` by our names: cell, layer, options.
_KINDS: dict[str, tuple[type, type, dict]] = {
    "RNN_TANH": (cells.SimpleRNNCell, layers.SimpleRNN, {"activation": "tanh"}),
    "RNN_RELU": (cells.SimpleRNNCell, layers.SimpleRNN, {"activation": "relu"}),
    "LSTM": (cells.LSTMCell, layers.LSTM, {}),
    "GRU": (cells.GRUCell, layers.GRU, {}),
}


def from_torch(module: Any, *, return_state: bool = False) -> Any:
    """A recurrent module of `torch.nn` as a built layer with the same weights, values equal.

    `RNN` becomes `SimpleRNN`, `LSTM` and `GRU` their namesakes, an `LSTM` with `proj_size`
    `ProjectedLSTM`; with `bidirectional` each in a `Bidirectional`. A module of several layers
    becomes a `keras.Sequential` of them, with a `keras.layers.Dropout` between each two where the
    module has dropout. `RNNCell`, `LSTMCell` and `GRUCell` become the cells of the same names.

    All layers have `return_sequences=True`: they give what is first in the pair that the module
    gives. Their inputs are (B, T, F) always, whatever the module's `batch_first`, and what are
    packed sequences there is a boolean mask (B, T) here. As a layer has one bias where a module has
    two, it is their sum, but for the GRU, which needs both. Weights that need no gradient make a
    layer that is not trainable.

    A module `torch.nn.LSTM(8, 16, num_layers=2)` is converted by `from_torch(module)`. One of a
    subclass is taken for what it derives from.

    Args:
        module: The module, of float32 or float64, on any device.
        return_state: Whether the layer returns the final states too; for a module of one layer.

    Returns:
        A layer, a `keras.Sequential` or a cell of this library, built.

    Raises:
        TypeError: `module` is something else.
        ValueError: Another type of numbers; or the states of a module of several layers.
    """
    is_cell = hasattr(module, "weight_ih")
    mode = _cell_mode(module) if is_cell else getattr(module, "mode", None)
    if mode not in _KINDS or not (is_cell or hasattr(module, "weight_ih_l0")):
        raise TypeError(
            "from_torch takes torch.nn.RNN, LSTM and GRU, and RNNCell, LSTMCell and GRUCell; got "
            f"{type(module).__name__}."
        )
    if is_cell:
        return _cell(module, mode)
    if return_state and module.num_layers > 1:
        raise ValueError(
            f"return_state is for a module of one layer: this one has {module.num_layers}, and a "
            "keras.Sequential gives one output."
        )
    stack = [_layer(module, mode, index, return_state) for index in range(module.num_layers)]
    if len(stack) == 1:
        return stack[0]
    dtype = _dtype(module.weight_ih_l0)
    sequential = keras.Sequential([keras.Input((None, module.input_size), dtype=dtype)])
    for index, layer in enumerate(stack):
        if index and module.dropout:
            sequential.add(keras.layers.Dropout(module.dropout, dtype=dtype))
        sequential.add(layer)
    return sequential


def _cell_mode(module: Any) -> str | None:
    """What `mode` says of a layer. Other libraries' cells have weights of the same names."""
    names = {kind.__name__ for kind in type(module).__mro__}
    if "RNNCell" in names:
        return f"RNN_{module.nonlinearity.upper()}"
    return next((mode for mode in ("LSTM", "GRU") if f"{mode}Cell" in names), None)


def _cell(module: Any, mode: str) -> Any:
    kind, _, options = _KINDS[mode]
    cell = kind(module.hidden_size, **options, **_shared_options(module, module.weight_ih))
    cell.build((None, module.input_size))
    cell.set_weights(torch_weights.ours(kind, _arrays(module, "")))
    return cell


def _layer(module: Any, mode: str, index: int, return_state: bool) -> Any:
    """One layer of the module, both directions of it."""
    cell_class, kind, options = _KINDS[mode]
    if getattr(module, "proj_size", 0):
        cell_class, kind = cells.ProjectedLSTMCell, layers.ProjectedLSTM
        options = {"projection_units": module.proj_size}
    kernel = getattr(module, f"weight_ih_l{index}")
    layer = kind(
        module.hidden_size,
        **options,
        **_shared_options(module, kernel),
        return_sequences=True,
        return_state=return_state,
    )
    suffixes = [f"_l{index}"]
    if module.bidirectional:
        layer = layers.Bidirectional(layer, dtype=layer.dtype_policy)
        suffixes.append(f"_l{index}_reverse")
    layer.build((None, None, kernel.shape[1]))
    layer.set_weights(
        [
            weight
            for suffix in suffixes
            for weight in torch_weights.ours(cell_class, _arrays(module, suffix))
        ]
    )
    return layer


def _shared_options(module: Any, kernel: Any) -> dict[str, Any]:
    """What the options of all kinds have in common."""
    return {
        "use_bias": bool(module.bias),
        "dtype": _dtype(kernel),
        "trainable": getattr(kernel, "requires_grad", True),
    }


def _arrays(module: Any, suffix: str) -> torch_weights.Arrays:
    """The weights of one layer and direction, without the suffix of their names."""
    names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh", "weight_hr")
    found = {name: getattr(module, name + suffix, None) for name in names}
    return {name: w.detach().cpu().numpy() for name, w in found.items() if w is not None}


def _dtype(tensor: Any) -> str:
    dtype = str(tensor.dtype).removeprefix("torch.")
    if dtype not in ("float32", "float64"):
        raise ValueError(
            f"from_torch takes weights of float32 or float64, got {dtype}: call module.float()."
        )
    return dtype
