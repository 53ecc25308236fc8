"""The house: imports go down only, and each room keeps to its own tools."""

import ast
import importlib
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

# What each room may import of the others.
BELOW = {
    "cells": set(),
    "layers": {"cells"},
    "decoding": {"layers", "cells"},
    "models": {"decoding", "layers", "cells"},
    "data": set(),
    "metrics": set(),
    "inspect": {"decoding", "layers", "cells"},
    "converters": {"layers", "cells"},
    "export": {"converters", "decoding", "layers", "cells"},
    "command_line": {"export", "models", "layers"},
    "tasks": {
        "command_line",
        "models",
        "data",
        "export",
        "converters",
        "inspect",
        "metrics",
        "decoding",
        "layers",
        "cells",
    },
}
# These speak keras.ops alone, but for the folder that holds the fast path.
EVERY_BACKEND = ("cells", "layers", "models", "decoding")
FAST_PATH = Path("keras_seq/layers/engine_tensorflow")

FILES = sorted(
    path.relative_to(ROOT)
    for room in ("keras_seq", "tasks")
    for path in ROOT.glob(f"{room}/**/*.py")
)


def room(module):
    """`keras_seq.layers.engine` is in layers, `tasks.runner` in tasks; the root's are in None."""
    parts = module.split(".")
    if parts[0] == "tasks":
        return "tasks"
    inner = parts[0] == "keras_seq" and len(parts) > 1 and parts[1] not in ROOT_MODULES
    return parts[1] if inner else None


# What the root may hold, and what each module of it may import of the rooms.
ROOT_MODULES = {"__init__": set(), "__main__": {"command_line"}}


def module_name(file):
    parts = file.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def is_module(name):
    path = ROOT.joinpath(*name.split("."))
    return path.is_dir() or path.with_suffix(".py").exists()


def imports(file):
    """Each imported thing as (module, name or None), those inside functions too."""
    found = []
    for node in ast.walk(ast.parse((ROOT / file).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found += [(alias.name, None) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: a relative import; name the module in full"
            found += [(node.module, alias.name) for alias in node.names]
    return found


def imported_modules(file):
    """Full names: `from keras_seq import layers` imports keras_seq.layers."""
    for module, name in imports(file):
        within = f"{module}.{name}"
        yield within if name and is_module(within) else module


each_file = pytest.mark.parametrize("file", FILES, ids=str)


@each_file
def test_imports_go_down_only(file):
    here = room(module_name(file))
    for module in imported_modules(file):
        there = room(module)
        if here is None:
            allowed = ROOT_MODULES[file.stem] | {None}
            assert there in allowed, f"{file} imports {module}; the root holds nothing of its own"
        elif there not in (None, here):
            assert there in BELOW[here], f"{file} imports {module}: {there} is not below {here}"


def test_every_room_is_known():
    rooms = {room(module_name(file)) for file in FILES} - {None}
    assert rooms <= set(BELOW)


def test_there_are_no_circles():
    names = {module_name(file): file for file in FILES}
    arrows = {
        name: {m for m in imported_modules(file) if m in names and m not in (name, "keras_seq")}
        for name, file in names.items()
    }
    done: set[str] = set()

    def visit(name, path):
        assert name not in path, " -> ".join([*path[path.index(name) :], name])
        if name not in done:
            for other in sorted(arrows[name]):
                visit(other, [*path, name])
            done.add(name)

    for name in arrows:
        visit(name, [])


@each_file
def test_tensorflow_stays_out_of_what_runs_on_every_backend(file):
    if room(module_name(file)) not in EVERY_BACKEND or FAST_PATH in file.parents:
        return
    tops = {module.split(".")[0] for module in imported_modules(file)}
    assert not tops & {"tensorflow", "tf_keras", "jax", "torch", "numpy"}, tops
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    assert not names & {"tf", "tensorflow"}


@each_file
def test_the_fast_path_is_imported_where_it_is_needed(file):
    """Not at the top of any other module: the layers must load without TensorFlow."""
    if FAST_PATH in file.parents or room(module_name(file)) not in EVERY_BACKEND:
        return
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    top = [node for node in tree.body if isinstance(node, (ast.Import, ast.ImportFrom))]
    assert FAST_PATH.stem not in ast.dump(ast.Module(top, []))


@each_file
def test_nobody_reaches_into_keras(file):
    for module, name in imports(file):
        assert not f"{module}.{name}".startswith("keras.src"), f"{file} imports {module}"
    assert "keras.src" not in (ROOT / file).read_text(encoding="utf-8")


@each_file
def test_tasks_use_the_public_names_alone(file):
    if room(module_name(file)) != "tasks":
        return
    for module, name in imports(file):
        if room(module) in (None, "tasks"):
            continue
        assert module.count(".") == 1, f"{file}: {module} is an inner module of its package"
        assert name is None or name in importlib.import_module(module).__all__, (
            f"{file}: {module}.{name}"
        )


@pytest.mark.parametrize("name", sorted({room(module_name(f)) for f in FILES} - {None, "tasks"}))
def test_public_names_are_sorted_and_there(name):
    package = importlib.import_module(f"keras_seq.{name}")
    assert len(set(package.__all__)) == len(package.__all__)
    for public in package.__all__:
        assert not public.startswith("_")
        assert hasattr(package, public), public


@each_file
def test_files_are_short_and_well_named(file):
    lines = (ROOT / file).read_text(encoding="utf-8").splitlines()
    assert len(lines) < 350, f"{file} has {len(lines)} lines"
    assert file.stem not in ("utils", "util", "helpers", "misc", "common")


def test_no_file_names_a_place_of_one_machine():
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if listed.returncode:
        pytest.skip("not a git checkout")
    folders = "|".join(("home", "root", "work", "Users", "mnt"))
    place = re.compile(rf"(?<![\w.<>{{}}~$-])/(?:{folders})/\w+")
    for name in listed.stdout.splitlines():
        path = ROOT / name
        if not path.is_file() or b"\0" in path.read_bytes()[:4096]:
            continue
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
            assert not place.search(line), f"{name}: {line.strip()}"
