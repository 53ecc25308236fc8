import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from keras_seq.export import ExportError
from keras_seq.export.atomic import replacing


def _make_folder(path, content):
    path.mkdir()
    (path / "content").write_text(content)


def _content(path):
    return (path / "content").read_text()


def _dead_pid():
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_a_folder_is_replaced(tmp_path):
    path = tmp_path / "export"
    _make_folder(path, "old")
    (path / "more").write_text("")
    with replacing(path, ["content", "more"]) as draft:
        _make_folder(draft, "new")
        assert _content(path) == "old"
    assert _content(path) == "new"
    assert not (path / "more").exists()
    assert os.listdir(tmp_path) == ["export"]


def _fail_while_building(path, error):
    with replacing(path, ["content", "more"]) as draft:
        _make_folder(draft, "new")
        raise error


@pytest.mark.parametrize(
    ("error", "seen"),
    [
        (ValueError("bad"), ValueError),
        (KeyboardInterrupt(), KeyboardInterrupt),
        (OSError(errno.ENOSPC, "No space left"), ExportError),
    ],
)
def test_a_failure_while_building_leaves_the_old_one(tmp_path, error, seen):
    path = tmp_path / "export"
    _make_folder(path, "old")
    with pytest.raises(seen):
        _fail_while_building(path, error)
    assert _content(path) == "old"
    assert os.listdir(tmp_path) == ["export"]


@pytest.mark.parametrize("failing", [1, 2])
def test_a_failed_rename_leaves_the_old_one(tmp_path, monkeypatch, failing):
    path = tmp_path / "export"
    _make_folder(path, "old")
    rename, calls = os.replace, []

    def replace(source, target):
        calls.append(target)
        if len(calls) == failing:
            raise OSError(errno.EACCES, "Permission denied")
        rename(source, target)

    monkeypatch.setattr(os, "replace", replace)
    with (
        pytest.raises(ExportError, match="Permission denied"),
        replacing(path, ["content", "more"]) as draft,
    ):
        _make_folder(draft, "new")
    assert _content(path) == "old"
    assert os.listdir(tmp_path) == ["export"]


def test_a_folder_with_other_work_in_it_is_kept(tmp_path):
    path = tmp_path / "export"
    _make_folder(path, "old")
    (path / "thesis.tex").write_text("years of work")
    with pytest.raises(ExportError, match=r"what no export wrote \(thesis\.tex\)"):
        _fail_while_building(path, AssertionError("must not begin"))
    assert sorted(os.listdir(path)) == ["content", "thesis.tex"]


def test_the_current_folder_is_not_replaced(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ExportError, match="is the current folder"):
        _fail_while_building(Path("."), AssertionError("must not begin"))


def test_leftovers_of_killed_runs_are_removed_and_those_of_running_ones_kept(tmp_path):
    path, dead = tmp_path / "export", _dead_pid()
    _make_folder(path, "old")
    for role in ("draft", "old"):
        _make_folder(tmp_path / f".export.{dead}.{role}", "left over")
    alive = tmp_path / f".export.{os.getppid()}.draft"
    other = tmp_path / f".other.{dead}.draft"
    _make_folder(alive, "in work")
    _make_folder(other, "not ours")
    with replacing(path, ["content", "more"]) as draft:
        _make_folder(draft, "new")
    assert set(tmp_path.iterdir()) == {path, alive, other}


def test_a_run_killed_between_the_renames_is_undone(tmp_path):
    path = tmp_path / "export"
    _make_folder(tmp_path / f".export.{_dead_pid()}.old", "old")
    with pytest.raises(ValueError, match="bad"), replacing(path, ["content", "more"]):
        raise ValueError("bad")
    assert _content(path) == "old"


def test_a_folder_never_replaces_a_file_nor_a_file_a_folder(tmp_path):
    folder, file = tmp_path / "folder", tmp_path / "file"
    _make_folder(folder, "old")
    file.write_text("old")
    with (
        pytest.raises(ExportError, match="A folder has this name"),
        replacing(folder, ["content"]) as draft,
    ):
        draft.write_text("new")
    with pytest.raises(ExportError), replacing(file) as draft:
        _make_folder(draft, "new")
    assert _content(folder) == "old"
    assert file.read_text() == "old"
