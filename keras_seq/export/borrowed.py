"""Recurrent layers that are not ours, for the time of an export on this library's time loop."""

import contextlib
from collections.abc import Iterator
from typing import Any

import keras
from keras import ops, tree

from keras_seq.cells import Cell
from keras_seq.converters import from_keras
from keras_seq.export.errors import ExportError
from keras_seq.export.signature import all_layers
from keras_seq.layers import Recurrent


@contextlib.contextmanager
def on_our_loop(model: Any) -> Iterator[list[Any]]:
    """Inside the block the recurrent layers of `keras.layers` in a model run on our time loop.

    `SimpleRNN`, `LSTM` and `GRU` do so as their namesakes here, `keras.layers.RNN` with its own
    cell, whatever that is.

    Args:
        model: The model; it is left as it was.

    Yields:
        The layers that stand in for them, by the same names.

    Raises:
        ExportError: A layer's states are not of the shape (B, width).
    """
    theirs = [
        layer
        for layer in all_layers(model)
        if isinstance(layer, keras.layers.RNN) and not isinstance(layer, Recurrent)
    ]
    if pictures := [layer for layer in theirs if isinstance(layer, _PICTURES)]:
        raise ExportError(
            f"{pictures[0].name} is a {type(pictures[0]).__name__}, whose states are pictures; "
            "only states (B, width) have a TFLite form here. Leave this layer out of the export."
        )
    standing_in = []
    try:
        for layer in theirs:
            standing_in.append(_standing_in(layer))
            layer.inner_loop = _inner_loop(standing_in[-1])
        yield standing_in
    finally:
        for layer in theirs:
            layer.__dict__.pop("inner_loop", None)


def _standing_in(layer):
    if type(layer) in (keras.layers.SimpleRNN, keras.layers.LSTM, keras.layers.GRU):
        return from_keras(layer)
    cell = layer.cell if isinstance(layer.cell, Cell) else BorrowedCell(layer.cell)
    ours = Recurrent(
        cell,
        return_sequences=layer.return_sequences,
        return_state=layer.return_state,
        go_backwards=layer.go_backwards,
        unroll=layer.unroll,
        zero_output_for_mask=layer.zero_output_for_mask,
        name=layer.name,
    )
    ours.built = True
    return ours


def _inner_loop(ours):
    def inner_loop(sequences, initial_state, mask, training=False):
        states = tree.flatten(initial_state)
        borrowed = isinstance(ours.cell, BorrowedCell)
        if borrowed:
            states = [ops.zeros((ops.shape(sequences)[0], ours.cell.units)), *states]
        last, outputs, finals = ours.inner_loop(sequences, states, mask, training=training)
        finals = finals[1:] if borrowed else finals
        return last, outputs, tree.pack_sequence_as(initial_state, finals)

    return inner_loop


_PICTURES = (keras.layers.ConvLSTM1D, keras.layers.ConvLSTM2D, keras.layers.ConvLSTM3D)


class BorrowedCell(Cell):
    """Any Keras cell as a `Cell`: its output, which need not be a state, is carried before them.

    Args:
        cell: A built Keras cell.
    """

    gates = ("x",)
    recurrent_gates = ()

    def __init__(self, cell):
        sizes = tree.flatten(cell.state_size)
        if not all(isinstance(size, int) for size in sizes):
            raise ExportError(
                f"The states of {cell.name} have the shapes {cell.state_size}; expected numbers, "
                "for states (B, number). This layer has no TFLite form here."
            )
        output = getattr(cell, "output_size", None) or sizes[0]
        super().__init__(output, dtype=cell.dtype_policy, name=cell.name)
        self.cell, self.sizes = cell, sizes
        self.kernel, self.recurrent_kernel, self.built = ops.zeros((0,)), None, True

    @property
    def widths(self):
        """The output's columns, then those of each state."""
        return self.units, *self.sizes

    @property
    def states(self):  # type: ignore[override]
        """The output, then the states by number."""
        return "output", *(f"state_{n}" for n in range(1, len(self.sizes) + 1))

    def project(self, inputs, *gates):
        """The inputs as they are: the cell multiplies them itself."""
        return inputs

    def step(self, x, states, recur):
        """One step of the cell."""
        old = tree.pack_sequence_as(self.cell.state_size, list(states[1:]))
        nested = isinstance(self.cell.state_size, (list, tuple))
        output, new = self.cell(x.product, old if nested else [old])
        return output, *tree.flatten(new)
