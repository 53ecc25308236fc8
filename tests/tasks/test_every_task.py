"""What every task's command line has in common."""

import dataclasses
import importlib

import pytest

from tasks.__main__ import PREDICT, TASKS, main


@pytest.mark.parametrize("task", TASKS)
def test_options_lists_every_field(task, capsys):
    module, name, _ = TASKS[task]
    config = getattr(importlib.import_module(module), name).config_type
    assert main([task, "options"]) == 0
    out = capsys.readouterr().out
    for field in dataclasses.fields(config):
        assert f"{field.name}=" in out


@pytest.mark.parametrize("task", TASKS)
def test_predict_has_the_options_of_its_task(task, capsys):
    with pytest.raises(SystemExit):
        main([task, "predict", "--help"])
    out = capsys.readouterr().out
    for other, options in PREDICT.items():
        for option in set(options) - set(PREDICT.get(task, {})):
            assert f"--{option.replace('_', '-')}" not in out, other
    for option in PREDICT.get(task, {}):
        assert f"--{option.replace('_', '-')}" in out


def test_what_predict_takes_is_told(capsys):
    with pytest.raises(SystemExit):
        main(["frames", "predict", "--help"])
    assert "test:3 is the third test video" in " ".join(capsys.readouterr().out.split())
