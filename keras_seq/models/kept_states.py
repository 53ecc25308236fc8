"""States that a model keeps from batch to batch while it is trained or evaluated."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from keras_seq.layers.carried import CarriedStates


class KeptStates(CarriedStates):
    """`CarriedStates` in variables: each batch starts where the rows of the last one ended.

    A batch may have fewer rows than there is room for. No gradient goes through a variable, so
    that back-propagation through time ends where a batch begins. The variables belong to no layer:
    they are neither weights nor saved.

    Args:
        layers: The recurrent layers of the model, of distinct names.
        rows: The most rows of a batch.

    Raises:
        ValueError: When a layer is called with more rows.
    """

    def __init__(self, layers: Sequence[Any], rows: int):
        super().__init__()
        self.rows = rows
        self._variables = {
            layer.name: [
                keras.Variable(
                    "zeros",
                    shape=(rows, width),
                    dtype=layer.variable_dtype,
                    trainable=False,
                    autocast=False,
                    name=f"{layer.name}_{state}",
                )
                for state, width in zip(layer.cell.states, layer.cell.widths, strict=True)
            ]
            for layer in layers
        }

    def start(self, layer: Any, states: tuple) -> tuple:
        """The states that the batch before left."""
        rows = states[0].shape[0]
        if rows is not None and rows > self.rows:
            raise ValueError(
                f"A batch has {rows} rows, and states are kept for {self.rows}: build the model "
                f"with streams={rows}."
            )
        rows = ops.shape(states[0])[0]
        kept = self._variables[layer.name]
        return tuple(
            ops.cast(variable[:rows], state.dtype)
            for variable, state in zip(kept, states, strict=True)
        )

    def end(self, layer: Any, states: tuple) -> None:
        """Keeps the final states of a layer that was started."""
        for variable, state in zip(self._variables[layer.name], states, strict=True):
            rest = variable[ops.shape(state)[0] :]
            whole = ops.concatenate([ops.cast(state, variable.dtype), rest], axis=0)
            variable.assign(ops.reshape(whole, variable.shape))

    def reset(self) -> None:
        """Makes all states zero."""
        for variables in self._variables.values():
            for variable in variables:
                variable.assign(ops.zeros(variable.shape, variable.dtype))
