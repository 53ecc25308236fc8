"""States that go from one call of a model to the next, for reading a sequence chunk by chunk."""

import contextlib
import contextvars
from collections.abc import Iterator
from typing import Any


class CarriedStates:
    """What the recurrent layers of a model start from and end with, by layer and state.

    Args:
        given: The states to start from, by name; without them each layer starts from its own.

    Attributes:
        initial: The states that the layers started from, by name.
        final: The states after the last step, by the same names.
    """

    def __init__(self, given: dict[str, Any] | None = None):
        self.given = given
        self.initial: dict[str, Any] = {}
        self.final: dict[str, Any] = {}
        self._begun: dict[int, list[str]] = {}  # the names of a layer's latest states

    def start(self, layer: Any, states: tuple) -> tuple:
        """The states that a layer starts from.

        Args:
            layer: A recurrent layer.
            states: What it would start from by itself.

        Raises:
            ValueError: The layer reads its sequence from the end.
        """
        if layer.go_backwards:
            raise ValueError(
                f"{layer.name} reads its sequence from the end, which is not there yet when the "
                "first chunk comes."
            )
        names = self._begun[id(layer)] = self._names(layer)
        if self.given is not None:
            states = tuple(self.given[name] for name in names)
        self.initial |= dict(zip(names, states, strict=True))
        return states

    def end(self, layer: Any, states: tuple) -> None:
        """Keeps the final states of a layer that was started."""
        self.final |= dict(zip(self._begun[id(layer)], states, strict=True))

    def _names(self, layer: Any) -> list[str]:
        own = getattr(layer.cell, "states", None) or range(len(layer.cell.widths))
        names, number = [f"{layer.name}_{state}" for state in own], 1
        while set(names) & set(self.initial):  # a shared layer, or two of one name
            number += 1
            names = [f"{layer.name}_{number}_{state}" for state in own]
        return names


_current: contextvars.ContextVar[CarriedStates | None] = contextvars.ContextVar(
    "carried_states", default=None
)


@contextlib.contextmanager
def carrying(states: CarriedStates) -> Iterator[CarriedStates]:
    """Inside the block every recurrent layer starts from `states` and leaves its final ones there.

    Args:
        states: Where they come from and go to.

    Example:
        >>> import keras
        >>> from keras_seq.layers import GRU
        >>> from keras_seq.layers.carried import CarriedStates, carrying
        >>> layer, x = GRU(2, name="gru"), keras.ops.ones((1, 6, 3))
        >>> with carrying(CarriedStates()) as first:
        ...     _ = layer(x[:, :4])
        >>> with carrying(CarriedStates(first.final)):
        ...     last = layer(x[:, 4:])
        >>> bool(keras.ops.all(abs(last - layer(x)) < 1e-6))
        True
    """
    token = _current.set(states)
    try:
        yield states
    finally:
        _current.reset(token)


def carried() -> CarriedStates | None:
    """The states that are carried now, if any."""
    return _current.get()
