"""Configurations: a dataclass for each task, with overrides from the command line."""

import dataclasses
import difflib
from typing import Any, TypeVar, get_type_hints

C = TypeVar("C")


class ConfigError(ValueError):
    """A configuration that makes no sense; the message says what to type instead."""


def option(default: Any, help: str) -> Any:
    """A field of a configuration with its explanation."""
    return dataclasses.field(default=default, metadata={"help": help})


@dataclasses.dataclass(frozen=True)
class TaskConfig:
    """What the shared runner needs of every task's options."""

    data: str = option("builtin", "source of the data")
    seed: int = option(0, "seed of the weights, the dropouts, the order and the held-out part")
    epochs: int = option(3, "passes over the training data")

    def __post_init__(self) -> None:
        self.check(
            seed=(0 <= self.seed < 2**32, "a whole number from 0 to 4294967295"),
            epochs=(self.epochs >= 1, "at least 1"),
        )

    def check(self, **rules: tuple[bool, str]) -> None:
        """Refuses values that make no sense.

        Args:
            rules: By option whether its value is right, and what it should be.

        Raises:
            ConfigError: One is not.
        """
        for name, (right, wanted) in rules.items():
            if not right:
                raise ConfigError(f"Option {name!r} must be {wanted}; got {getattr(self, name)!r}.")


def override(config: C, settings: list[str]) -> C:
    """The configuration with `key=value` settings applied.

    Args:
        config: A dataclass instance; the type of each field says how its value is read.
        settings: Strings of the form "key=value". A tuple is written with commas.

    Returns:
        A new configuration.

    Raises:
        ConfigError: Not of that form, an unknown key, or a value of the wrong type.
    """
    types = get_type_hints(type(config))
    changes = {}
    for setting in settings:
        key, equals, text = setting.partition("=")
        if not equals:
            raise ConfigError(f"--set takes key=value; got {setting!r}.")
        if key not in types:
            raise ConfigError(f"There is no option {key!r}.{_nearest(key, list(types))}")
        changes[key] = _parse(key, text, types[key])
    return dataclasses.replace(config, **changes)  # type: ignore[type-var]


def settings(config: TaskConfig) -> list[str]:
    """What `override` makes the configuration of, from the defaults."""
    default = type(config)()
    values = {f.name: getattr(config, f.name) for f in dataclasses.fields(config)}
    changed = {n: v for n, v in values.items() if v != getattr(default, n)}
    return [f"{name}={_written(value)}" for name, value in changed.items()]


def _written(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _nearest(key: str, known: list[str]) -> str:
    near = difflib.get_close_matches(key, known, 1, cutoff=0.5)
    return f" Did you mean {near[0]!r}?" if near else f" Options: {', '.join(known)}."


def _parse(key: str, text: str, wanted: Any) -> Any:
    try:
        if wanted is bool:
            return {"true": True, "1": True, "false": False, "0": False}[text.lower()]
        if wanted in (int, float, str):
            return wanted(text)
        return tuple(int(part) for part in text.split(",") if part)
    except (KeyError, ValueError):
        kinds = {bool: "true or false", int: "a whole number", float: "a number"}
        kind = kinds.get(wanted, "whole numbers with commas between them")
        raise ConfigError(f"Option {key!r} takes {kind}; got {text!r}.") from None


def describe(config_type: type) -> str:
    """One line for each option: name, default and explanation."""
    lines = []
    for field in dataclasses.fields(config_type):
        lines.append(f"  {field.name}={_written(field.default)}\n      {field.metadata['help']}")
    return "\n".join(lines)


def read(config_type: type[C], content: dict[str, Any]) -> C:
    """The configuration of a run from its JSON.

    Raises:
        ConfigError: It holds options that this version does not know, or refuses.
    """
    content = {key: value for key, value in content.items() if key != "task"}
    types = get_type_hints(config_type)
    for key in content:
        if key not in types:
            raise ConfigError(
                f"config.json has an unknown option {key!r}.{_nearest(key, [*types])}"
            )
    values = {k: tuple(v) if isinstance(v, list) else v for k, v in content.items()}
    try:
        return config_type(**values)
    except ConfigError as error:
        raise ConfigError(f"config.json: {error} This version begins no such run.") from None
