"""Constructor options: one place that reads them, converts them and writes them to a config."""

import inspect
import numbers
from typing import Any

import keras

# The last word of an option's name says what it holds, as everywhere in Keras.
_CONVERTERS: dict[str, tuple] = {
    "activation": (keras.activations.get, keras.activations.serialize),
    "initializer": (keras.initializers.get, keras.initializers.serialize),
    "regularizer": (keras.regularizers.get, keras.regularizers.serialize),
    "constraint": (keras.constraints.get, keras.constraints.serialize),
}


def converted(kind: str, value: Any):
    """What Keras makes of a name, a config or an object of that kind."""
    return _CONVERTERS[kind][0](value)


def positive_integer(owner: object, name: str, value: Any) -> int:
    """The value of option `name` of `owner`, refused if it is not a positive integer."""
    if isinstance(value, bool) or not isinstance(value, numbers.Integral) or value <= 0:
        raise ValueError(
            f"{type(owner).__name__}: {name} must be a positive integer, got {value!r}."
        )
    return int(value)


def serialized(name: str, value: Any):
    """The value of option `name` as it stands in a config."""
    kind = name.rpartition("_")[2]
    return _CONVERTERS[kind][1](value) if kind in _CONVERTERS else value


def options(cls: type, until: type = keras.layers.Layer) -> dict[str, inspect.Parameter]:
    """The named constructor parameters of `cls` and of its bases below `until`, base first."""
    found: dict[str, inspect.Parameter] = {}
    for base in reversed(cls.__mro__[: cls.__mro__.index(until)]):
        if "__init__" in vars(base):
            for name, parameter in inspect.signature(vars(base)["__init__"]).parameters.items():
                if name != "self" and parameter.kind not in (
                    parameter.VAR_KEYWORD,
                    parameter.VAR_POSITIONAL,
                ):
                    found[name] = parameter
    return found


class ConfigFromOptions:
    """Mixin: `get_config` from the constructor's parameters, one attribute for each."""

    def get_config(self) -> dict[str, Any]:
        """The configuration from which `from_config` makes an equal object."""
        base = super().get_config()  # type: ignore[misc]
        own = {name: serialized(name, getattr(self, name)) for name in options(type(self))}
        return {**base, **own}
