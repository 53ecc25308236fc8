"""What is written to file descriptor 2 is held back, and shown if the block fails."""

import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import os
from keras_seq.command_line import quiet
with quiet():
    os.write(2, b"a note\\n")
    {last}
os.write(2, b"after\\n")
"""


@pytest.mark.parametrize(
    ("last", "shown", "hidden"),
    [("pass", "after", "a note"), ("raise ValueError('broken')", "a note", "after")],
    ids=["well", "failing"],
)
def test_quiet(last, shown, hidden):
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(last=last)],
        cwd=Path(__file__).parents[1],
        capture_output=True,
        text=True,
    )
    assert shown in done.stderr
    assert hidden not in done.stderr
