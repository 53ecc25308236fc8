"""Files and folders that appear whole or not at all.

What is written is built beside its place under a hidden name, then renamed. A killed run leaves
only hidden names behind; the next run to the same place removes them, and puts back an earlier
folder if the run was killed between the two renames.
"""

import contextlib
import errno
import os
import re
import shutil
from collections.abc import Collection, Iterator
from pathlib import Path

from keras_seq.export.errors import ExportError

_HINTS = {
    errno.ENOSPC: "The disk is full: free some space or choose another place.",
    errno.EACCES: "Writing is not allowed there: change the permissions or choose another place.",
    errno.EPERM: "Writing is not allowed there: change the permissions or choose another place.",
    errno.EROFS: "The file system is read-only: choose another place.",
    errno.ENOTDIR: "A parent of this path is a file, not a folder: choose another place.",
    errno.EISDIR: "A folder has this name: choose another name, or remove the folder.",
    errno.EEXIST: "A parent of this path is a file, not a folder: choose another place.",
}


@contextlib.contextmanager
def replacing(path: Path, contents: Collection[str] = ()) -> Iterator[Path]:
    """Yields a hidden path beside `path`; what the block builds there becomes `path`.

    Works for a file and for a folder. If the block or the renaming fails, `path` keeps what it
    held before.

    Args:
        path: Where the file or folder is to appear. Missing parents are created.
        contents: What an earlier folder may hold. One that holds anything else is not replaced,
            since that is somebody's work.

    Raises:
        ExportError: The operating system refused to write, or an earlier folder holds more than
            `contents`.

    Example:
        >>> import pathlib, tempfile
        >>> target = pathlib.Path(tempfile.mkdtemp()) / "note.txt"
        >>> with replacing(target) as draft:
        ...     _ = draft.write_text("whole")
        >>> target.read_text()
        'whole'
    """
    path = Path(os.path.abspath(path))  # "." has no name to put siblings beside
    draft = _sibling(path, "draft")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _clean_up_after_killed_runs(path)
        _refuse_to_lose(path, contents)
        yield draft
        _move_into_place(draft, path)
    except OSError as error:
        named = str(error.filename or draft)
        # The hidden draft is our affair; any other file, such as a temporary one, is named.
        raise write_error(path if named.startswith(str(draft)) else Path(named), error) from error
    finally:
        _remove(draft)


def write_error(path: Path, error: OSError) -> ExportError:
    """Says in words why `path` could not be written."""
    reason = error.strerror or str(error)
    hint = _HINTS.get(error.errno or 0, "Check the path and the disk.")
    return ExportError(f"Could not write {path}: {reason}. {hint} Nothing was replaced.")


def _refuse_to_lose(path: Path, contents: Collection[str]) -> None:
    if not path.is_dir():
        return
    if path.samefile(os.curdir):
        raise ExportError(f"{path} is the current folder and cannot be replaced. Name one in it.")
    if others := sorted(set(os.listdir(path)) - set(contents)):
        raise ExportError(
            f"{path} is a folder that holds what no export wrote ({', '.join(others[:5])}), and "
            "replacing it would delete that. Choose another place, or move these away."
        )


def _move_into_place(draft: Path, path: Path) -> None:
    if not (draft.is_dir() and path.is_dir()):
        os.replace(draft, path)
        return
    # A folder with contents cannot be replaced in one step: set the old one aside first.
    old = _sibling(path, "old")
    os.replace(path, old)
    try:
        os.replace(draft, path)
    except BaseException:
        os.replace(old, path)
        raise
    _remove(old)


def _clean_up_after_killed_runs(path: Path) -> None:
    pattern = re.compile(rf"\.{re.escape(path.name)}\.(\d+)\.(draft|old)")
    for leftover in sorted(path.parent.iterdir()):
        match = pattern.fullmatch(leftover.name)
        if not match or _is_another_live_process(int(match[1])):
            continue
        if match[2] == "old" and not path.exists():
            os.replace(leftover, path)
        else:
            _remove(leftover)


def _is_another_live_process(pid: int) -> bool:
    # Elsewhere than on POSIX, signal 0 is not a harmless question.
    if pid == os.getpid() or os.name != "posix":
        return False
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True


def _sibling(path: Path, role: str) -> Path:
    return path.with_name(f".{path.name}.{os.getpid()}.{role}")


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with contextlib.suppress(OSError):
            path.unlink()
