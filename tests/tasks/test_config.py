import dataclasses
import json

import pytest

from tasks import config as configs


@dataclasses.dataclass(frozen=True)
class Config:
    units: int = configs.option(3, "size")
    rate: float = configs.option(0.25, "a rate")
    fast: bool = configs.option(True, "a switch")
    name: str = configs.option("max", "a name")
    lengths: tuple[int, ...] = configs.option((7, 2), "lengths")


def test_override_reads_each_type():
    settings = ["units=5", "rate=1e-3", "fast=false", "name=a=b", "lengths=10,20,30"]
    assert configs.override(Config(), settings) == Config(5, 1e-3, False, "a=b", (10, 20, 30))


def test_settings_bring_the_configuration_back():
    config = Config(5, 1e-3, False, "a=b", (10, 20, 30))
    assert configs.settings(config) == [
        "units=5",
        "rate=0.001",
        "fast=False",
        "name=a=b",
        "lengths=10,20,30",
    ]
    assert configs.override(Config(), configs.settings(config)) == config
    assert configs.settings(Config(rate=0.5)) == ["rate=0.5"]


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("unit=5", "no option 'unit'. Did you mean 'units'"),
        ("zzzz=5", "Options: units, rate, fast, name, lengths"),
        ("units", "takes key=value; got 'units'"),
        ("units=five", "'units' takes a whole number; got 'five'"),
        ("units=1.5", "whole number"),
        ("rate=x", "'rate' takes a number"),
        ("fast=maybe", "true or false"),
        ("lengths=1,b", "whole numbers with commas"),
    ],
)
def test_override_refuses(setting, message):
    with pytest.raises(configs.ConfigError, match=message):
        configs.override(Config(), [setting])


def test_read_back_from_json():
    config = Config(units=9, lengths=(4, 1))
    content = json.loads(json.dumps({"task": "some_task", **dataclasses.asdict(config)}))
    assert configs.read(Config, content) == config


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"seed": -1}, "'seed' must be a whole number"),
        ({"epochs": 0}, "'epochs' must be at least 1"),
    ],
)
def test_values_that_make_no_sense(options, message):
    with pytest.raises(configs.ConfigError, match=message):
        configs.TaskConfig(**options)


def test_read_refuses_what_it_does_not_know():
    with pytest.raises(configs.ConfigError, match="unknown option 'unitz'"):
        configs.read(Config, {"task": "t", "unitz": 4})


def test_describe_names_every_option():
    text = configs.describe(Config)
    for field in dataclasses.fields(Config):
        assert f"{field.name}=" in text
        assert field.metadata["help"] in text
