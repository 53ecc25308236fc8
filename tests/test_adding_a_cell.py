"""docs/ADDING_A_CELL.md, followed word for word in a copy of the project."""

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "ADDING_A_CELL.md").read_text(encoding="utf-8")
# (the words right before the block, language, code)
BLOCKS = re.findall(r"([^\n]*(?:\n[^\n`][^\n]*)*)\n\n```(\w+)\n(.*?)```", PAGE, flags=re.DOTALL)


def follow(words, code, project):
    """Does with a block what the words before it say."""
    if new := re.search(r"A new file, `([^`]+)`:$", words):
        file = project / new[1]
        assert not file.exists()
        file.write_text(code, encoding="utf-8")
        return
    found = re.search(r"In `([^`]+)`, (above|below) `([^`]+)`:$", words)
    assert found, f"No test follows: {words}"
    file, where, line = project / found[1], found[2], found[3]
    text = file.read_text(encoding="utf-8")
    place = text.index(f"\n{line}") + 1
    if where == "below":
        place = text.index("\n", place) + 1
    file.write_text(text[:place] + code + text[place:], encoding="utf-8")


@pytest.mark.long
def test_the_page_adds_a_cell_that_passes_every_test(tmp_path):
    for part in ("keras_seq", "tests"):
        shutil.copytree(ROOT / part, tmp_path / part, ignore=shutil.ignore_patterns("*.pyc"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    blocks = [(words, language, code) for words, language, code in BLOCKS]
    assert [language for _, language, _ in blocks] == ["python"] * 8 + ["sh"]
    for words, _, code in blocks[:-1]:
        follow(words, code, tmp_path)
    _, *command = shlex.split(blocks[-1][2])
    done = subprocess.run(
        [sys.executable, *command, "-p", "no:cacheprovider"],
        cwd=tmp_path,
        env={"PYTHONPATH": str(tmp_path), "PATH": "/usr/bin:/bin", "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=500,
    )
    assert done.returncode == 0, done.stdout[-3000:]
    passed = int(re.search(r"(\d+) passed", done.stdout)[1])
    assert passed > 40, done.stdout[-500:]
    # All of the kinds of test that the page promises have run.
    listed = subprocess.run(
        [sys.executable, *command, "--collect-only"],
        cwd=tmp_path,
        env={"PYTHONPATH": str(tmp_path), "PATH": "/usr/bin:/bin", "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=500,
    ).stdout
    for kind in ("oracle", "central_differences", "exchanged", "chunks", "other_numbers"):
        assert re.search(f"{kind}.*UpdateGateRNN", listed), kind


def test_a_cell_takes_about_ten_lines():
    """What the page's class adds to its documentation."""
    code = next(code for words, _, code in BLOCKS if "keras_seq/cells/update_gate.py" in words)
    body = code[code.rindex('    """\n\n    gates') + 8 :]
    assert len([line for line in body.splitlines() if line.strip()]) <= 8
