"""Every code block of the README and of docs/EXPORT.md runs, as a stranger would type it."""

import importlib
import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def _blocks(page):
    """What stands right before each block, its language and its code."""
    text = (ROOT / page).read_text(encoding="utf-8")
    return re.findall(r"([^\n]*)\n```(\w*)\n(.*?)```", text, flags=re.DOTALL)


BLOCKS = _blocks("README.md")
EXPORT = _blocks("docs/EXPORT.md")
PYTHON = [code for _, language, code in BLOCKS if language == "python"]
SHELL = [(before, code) for before, language, code in BLOCKS if language == "sh"]


def _commands(code):
    return [shlex.split(line) for line in code.strip().splitlines()]


_RUN = """
import importlib, json, sys
for kind, what in json.load(sys.stdin):
    if kind == "code":
        exec(compile(what, "a block", "exec"), {"__name__": "__main__"})
    else:
        module = importlib.import_module(kind)
        if not hasattr(module, "main"):
            module = importlib.import_module(kind + ".__main__")
        status = module.main(what)
        assert status == 0, f"{kind} {what} ended with {status}"
"""


def _run(steps, folder):
    """Runs blocks and commands one after another, in one process: each start takes seconds."""
    subprocess.run(
        [sys.executable, "-c", _RUN],
        input=json.dumps(steps),
        text=True,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=True,
        timeout=500,
    )


def _step(command, *more):
    """`python -m MODULE …` as a step."""
    assert command[:2] == ["python", "-m"], command
    return command[2], [*command[3:], *more]


def test_every_block_is_one_that_these_tests_run():
    assert {language for _, language, _ in BLOCKS} == {"python", "sh"}
    for _, code in SHELL:
        for command in _commands(code):
            assert command[0] in ("make", "python"), f"no test runs {command}"


@pytest.mark.slow
def test_python_blocks(tmp_path):
    commands = [c for _, code in SHELL for c in _commands(code) if c[1:3] == ["-m", "keras_seq"]]
    assert [command[3] for command in commands] == ["export", "inspect", "bench"]
    # The commands go to the model that the blocks have saved.
    _run([*(("code", code) for code in PYTHON), *map(_step, commands)], tmp_path)
    assert (tmp_path / "model.tflite").stat().st_size > 1_000
    assert (tmp_path / "model_saved" / "saved_model.pb").exists()


@pytest.mark.long
def test_the_export_page(tmp_path):
    """Its Python blocks, in one process; then its commands, on a model like the README's."""
    assert {language for _, language, _ in EXPORT} == {"python", "sh"}
    blocks = [code for _, language, code in EXPORT if language == "python"]
    save = 'keras.Sequential([keras.Input((None, 4), name="x"), layers.GRU(3)]).save("model.keras")'
    commands = [c for _, language, code in EXPORT if language == "sh" for c in _commands(code)]
    _run([("code", "\n".join([*blocks, save])), *map(_step, commands)], tmp_path)


@pytest.mark.parametrize("target", ["demo", "test", "check", "setup"])
def test_make_targets_exist(target):
    done = subprocess.run(
        ["make", "--dry-run", target], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert "Error" not in done.stderr


def _task_commands():
    """Those that need no data of others."""
    blocks = [code for before, code in SHELL if "needs the dataset" not in before]
    modules = ("tasks", "tasks.sample_from_file")
    return [c for code in blocks for c in _commands(code) if c[1] == "-m" and c[2] in modules]


@pytest.mark.parametrize(
    "command", [command for command in _task_commands() if command[2] == "tasks"], ids=" ".join
)
def test_task_commands_are_understood(command):
    """Their options and settings; the next test runs them, in make test-long."""
    from tasks.__main__ import TASKS, _parser
    from tasks.config import override

    options = _parser().parse_args(command[3:])
    module, task, _ = TASKS[options.task]
    config_type = getattr(importlib.import_module(module), task).config_type
    override(config_type(), getattr(options, "set", []))


@pytest.mark.long
def test_task_commands(tmp_path):
    commands = _task_commands()
    verbs = {"sentiment": [], "translation": [], "captioning": [], "charlm": [], "frames": []}
    for command in commands:
        if command[2] == "tasks":
            verbs[command[3]].append(command[4])
    assert verbs["sentiment"] == ["train", "evaluate", "predict", "export", "report"]
    assert verbs["translation"] == ["train", "predict", "export"]
    assert verbs["captioning"] == ["train", "predict", "export"]
    assert verbs["charlm"] == ["train", "predict", "predict", "export"]
    assert verbs["frames"] == ["train", "predict", "export"]
    # Short sentences and a small state: that the commands work is the question here.
    small = ("max_length=14", "units=8", "embedding_units=8", "epochs=1")
    smaller = [part for setting in small for part in ("--set", setting)]
    one_length = [part for s in ("max_length=60", "bucket_lengths=60") for part in ("--set", s)]
    more = {
        ("sentiment", "train"): one_length,
        ("translation", "train"): [*smaller, "--set", "beam_width=2"],
        ("charlm", "train"): ["--set", "units=16", "--set", "builtin_characters=60000"],
        ("captioning", "train"): ["--set", "epochs=1", "--set", "filters=4,4,4"],
        ("frames", "train"): ["--set", "epochs=1", "--set", "units=8"],
    }
    _run([_step(c, *more.get(tuple(c[3:5]), [])) for c in commands], tmp_path)
    for task in verbs:
        assert (tmp_path / "saved_models" / task / "report.json").exists()
    for picture in ("attention", "surprise", "timeline", "seen"):
        assert (tmp_path / f"{picture}.png").exists()


@pytest.mark.realdata
def test_imdb_command(tmp_path):
    if "TFDS_DATA_DIR" not in os.environ:
        pytest.skip("TFDS_DATA_DIR does not say where the IMDB reviews are")
    (code,) = [code for before, code in SHELL if "needs the dataset" in before]
    (command,) = _commands(code)
    # A tenth of the sizes: that the command works is the question here, not its accuracy.
    small = ["--set", "epochs=1", "--set", "max_length=100", "--set", "units=16"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    subprocess.run(
        [sys.executable, *command[1:], *small], cwd=tmp_path, env=environment, check=True
    )
    metrics = json.loads((tmp_path / "runs" / "imdb" / "metrics.json").read_text())
    assert metrics["test_accuracy"] > 0.75
    assert {"train_seconds", "epochs"} <= metrics.keys()
