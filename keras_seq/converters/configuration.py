"""What a layer was made with: functions as they are and not by name, rates that are at work."""

from typing import Any

_FUNCTIONS = ("activation", "initializer", "regularizer", "constraint")  # the last word of a name


def live_config(layer: Any) -> dict[str, Any]:
    """What to make an equal layer with.

    `get_config` names activations, initializers and the like, and Keras finds by its name only what
    is registered; so these are taken from the layer itself.
    """
    return {
        name: getattr(layer, name, value) if name.rpartition("_")[2] in _FUNCTIONS else value
        for name, value in layer.get_config().items()
    }


def at_work(layer: Any, *names: str) -> list[str]:
    """Those of the named rates of a layer that are not zero; a rate may be a list of rates."""
    found = {name: getattr(layer, name, 0) for name in names}
    return [
        name
        for name, rate in found.items()
        if (any(rate) if isinstance(rate, (list, tuple)) else rate)
    ]
