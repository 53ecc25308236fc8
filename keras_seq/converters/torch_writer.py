"""`to_torch`: our recurrent layers as one module of PyTorch."""

import importlib
from typing import Any

from keras_seq.converters import torch_weights
from keras_seq.converters.torch_stack import directions, read_stack, torch_options


def to_torch(layer_or_layers: Any) -> Any:
    """Recurrent layers as one module of `torch.nn` with the same weights, values equal.

    The reverse of `from_torch`: one layer, or a stack of layers of one kind and size, with the same
    `keras.layers.Dropout` between each two or with none. The module has `batch_first=True` and
    gives the outputs of all steps and the final states, whatever the layer returns; instead of a
    mask it takes a packed sequence. A second bias that the layer has not is zero, and weights that
    are not trainable need no gradient. Initializers, regularizers and constraints are lost.

    `to_torch(layer)` with an `LSTM(16)` that is built gives a `torch.nn.LSTM`.

    Args:
        layer_or_layers: A built `SimpleRNN`, `LSTM`, `GRU` or `ProjectedLSTM`, ours or that of
            `keras.layers`, a `Bidirectional` around one, or a list or `keras.Sequential` of these.

    Returns:
        A `torch.nn.RNN`, `LSTM` or `GRU`, in training mode, as torch makes them.

    Raises:
        TypeError: A layer that is not recurrent.
        ValueError: A layer without weights, or what torch cannot say: other cells and activations,
            `reset_after=False`, `go_backwards`, `stateful`, dropout or zoneout inside a layer, a
            merge mode that is not "concat", layers of different kinds or sizes, numbers that are
            neither float32 nor float64.
        ImportError: torch is not installed.
    """
    stack, dropout = read_stack(layer_or_layers)
    kind, dtype, options = torch_options(stack)
    torch = _torch()
    module = getattr(torch.nn, kind)(
        num_layers=len(stack),
        dropout=dropout,
        batch_first=True,
        dtype=getattr(torch, dtype),
        **options,
    )
    for index, layer in enumerate(stack):
        for direction, suffix in zip(directions(layer), ("", "_reverse"), strict=False):
            for name, array in torch_weights.theirs(direction.cell).items():
                parameter = getattr(module, f"{name}_l{index}{suffix}")
                parameter.data.copy_(torch.tensor(array))
                parameter.requires_grad_(bool(direction.cell.trainable))
    return module


def _torch() -> Any:
    try:
        return importlib.import_module("torch")
    except ImportError as error:
        raise ImportError("to_torch needs torch: pip install keras_seq[torch]") from error
