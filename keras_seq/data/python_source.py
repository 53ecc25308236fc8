"""The source code of Python's own modules: real text, wherever Python is."""

import hashlib
import os
import sysconfig
from collections.abc import Iterable
from pathlib import Path

from keras_seq.data.dataset import DataError

# Not part of the language, generated, tables, or there on some systems alone.
_LEFT_OUT = {
    "__phello__",
    "__pycache__",
    "dist-packages",
    "distutils",
    "encodings",
    "ensurepip",
    "idlelib",
    "lib2to3",
    "msilib",
    "pydoc_data",
    "site-packages",
    "test",
    "tests",
    "tkinter",
    "turtledemo",
}


def python_source(limit: int, folder: str | Path | None = None) -> dict[str, str]:
    """Reads modules of the standard library that came with Python.

    Which ones: those that come first by a hash of their names, as long as they fit. So the choice
    hangs on nothing but the version of Python.

    Args:
        limit: The most characters.
        folder: Where the modules are; None asks Python.

    Returns:
        Texts by the path of their module, in the order of the paths.

    Raises:
        DataError: There are none.

    Example:
        >>> files = python_source(200_000)
        >>> 100_000 < sum(map(len, files.values())) <= 200_000
        True
    """
    folder = Path(folder or sysconfig.get_path("stdlib"))
    chosen: dict[str, str] = {}
    for name in by_hash(_names(folder)):
        try:
            text = (folder / name).read_bytes().decode("utf-8")
        except (OSError, UnicodeDecodeError):
            continue
        if text.strip() and len(text) <= limit:
            chosen[name] = text
            limit -= len(text)
    if not chosen:
        raise DataError(
            f"this Python has no source files of its own in {folder} that would fit; give a text "
            "file or a folder of text files in place of 'builtin'."
        )
    return dict(sorted(chosen.items()))


def by_hash(names: Iterable[str]) -> list[str]:
    """Names in an order that looks drawn and is always the same.

    Example:
        >>> by_hash(["ast.py", "bdb.py", "cmd.py", "dis.py"])
        ['cmd.py', 'bdb.py', 'ast.py', 'dis.py']
    """
    return sorted(names, key=lambda name: hashlib.sha256(name.encode()).hexdigest())


def _names(folder: Path) -> list[str]:
    """Paths of all modules within the folder, with / on every system."""
    found = []
    for place, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if name not in _LEFT_OUT)
        # The settings of the build name places of the machine that made it.
        wanted = (f for f in files if f.endswith(".py") and not f.startswith("_sysconfigdata"))
        found += [(Path(place) / name).relative_to(folder).as_posix() for name in wanted]
    return found
