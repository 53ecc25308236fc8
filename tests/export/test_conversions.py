"""The process that converts: its forks end as they like, and it goes on."""

import os
import signal
import threading
import time

import pytest

from keras_seq.export import conversions
from keras_seq.export.conversions import run_converter

if not hasattr(os, "fork"):
    pytest.skip("needs os.fork", allow_module_level=True)

# The program itself, but that it imports nothing and runs what lies in the folder.
_FAKE = """
import sys, types
sys.modules["numpy"] = sys.modules["tensorflow"] = types.ModuleType("nothing")
program = open({path!r}).read()
head, tail = program.split('if __name__ == "__main__":')
exec(head)
def main(folder):
    exec((Path(folder) / "what.py").read_text(), {{"os": os, "folder": folder}})
exec("if True:" + tail)
"""


@pytest.fixture
def convert(monkeypatch, tmp_path):
    """Runs a piece of code as a conversion."""
    program = tmp_path / "program.py"
    program.write_text(_FAKE.format(path=str(conversions._PROGRAM)))
    monkeypatch.setattr(conversions, "_PROGRAM", program)
    monkeypatch.setattr(conversions, "_servers", [])
    count = iter(range(100))

    def run(code, timeout=60):
        folder = tmp_path / f"folder {next(count)}"
        folder.mkdir()
        (folder / "what.py").write_text(code)
        return run_converter(str(folder), timeout)

    yield run
    conversions._stop()


PARENT = "print(os.getppid())"


def test_conversions_share_a_process_that_survives_them(convert):
    code, first = convert(PARENT)
    assert code == 0
    assert convert("print('so far', flush=True); os.abort()") == (-signal.SIGABRT, "so far\n")
    assert convert("raise ValueError('no such thing')") == (1, "ValueError: no such thing\n")
    assert convert("raise SystemExit(3)")[0] == 1
    assert convert(PARENT) == (0, first)
    assert int(first) != os.getpid()


def test_what_takes_too_long_is_stopped_and_the_next_begins_anew(convert):
    _, before = convert(PARENT)
    started = time.monotonic()
    with pytest.raises(TimeoutError, match="child"):
        convert("import time; print('child', os.getpid(), flush=True); time.sleep(60)", timeout=1)
    assert time.monotonic() - started < 20
    code, after = convert(PARENT)
    assert code == 0
    assert before != after
    for gone in (int(before),):
        with pytest.raises(ProcessLookupError):
            os.kill(gone, 0)


def test_a_process_that_was_killed_is_started_again(convert):
    _, before = convert(PARENT)
    os.kill(int(before), signal.SIGKILL)
    conversions._servers[-1].process.wait()
    code, after = convert(PARENT)
    assert code == 0
    assert before != after


def test_it_waits_for_a_while_only(convert, monkeypatch):
    monkeypatch.setattr(conversions, "_IDLE", 0.2)
    _, before = convert(PARENT)
    conversions._servers[-1].process.wait(timeout=20)
    _, after = convert(PARENT)
    assert before != after


def test_a_program_that_cannot_start_says_why(convert, tmp_path):
    (tmp_path / "program.py").write_text("raise SystemExit('there is no TensorFlow')")
    assert convert("pass") == (1, "there is no TensorFlow\n")


def test_ctrl_c_stops_it(convert, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    convert(PARENT)
    process = conversions._servers[-1].process
    monkeypatch.setattr(conversions.select, "select", interrupted)
    with pytest.raises(KeyboardInterrupt):
        convert("import time; time.sleep(60)")
    assert process.poll() is not None


def test_threads_take_turns(convert):
    found = []
    threads = [
        threading.Thread(target=lambda n=n: found.append((n, convert(f"print({n})"))))
        for n in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == [(n, (0, f"{n}\n")) for n in range(6)]
