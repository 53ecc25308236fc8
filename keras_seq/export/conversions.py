"""TFLite's converter in a process of its own, so that a crash there is an error here.

Importing TensorFlow takes longer than most conversions. Where processes can fork, one that has it
imported waits for a minute for the next conversion, and each runs in a fork of it.
"""

import atexit
import os
import select
import signal
import subprocess
import sys
import threading
from pathlib import Path

_PROGRAM = Path(__file__).with_name("converter_process.py")
_FORKS = hasattr(os, "fork")
_IDLE = 60.0  # seconds


def run_converter(folder: str, timeout: float) -> tuple[int, str]:
    """Converts what lies in a folder; see `converter_process.py`.

    Args:
        folder: The folder.
        timeout: Seconds after which the converter is stopped.

    Returns:
        The exit code, negative for a signal, and all that the converter said.

    Raises:
        TimeoutError: It was stopped; with all that it had said.
    """
    if _FORKS:
        with _lock:
            code = _waiting_server().ask(folder, timeout)
        if code is not None:
            return code, _said(folder)
    # No fork, or the server has gone: what is wrong with it is wrong here too, and is told.
    try:
        done = subprocess.run(
            _command(folder),
            env=_environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=timeout,
        )
    except subprocess.TimeoutExpired as error:
        raise TimeoutError((error.output or b"").decode(errors="replace")) from error
    return done.returncode, done.stdout.decode(errors="replace")


class _Server:
    """A converter that waits for folders."""

    def __init__(self):
        self.program, self.owner = _PROGRAM, os.getpid()
        self.process = subprocess.Popen(
            _command("--serve", str(_IDLE)),
            env=_environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # so that it can be stopped with its forks
        )

    @property
    def waits(self) -> bool:
        """Whether it can be asked, by this process."""
        ours = self.owner == os.getpid() and self.program == _PROGRAM
        return ours and self.process.poll() is None

    def ask(self, folder: str, timeout: float) -> int | None:
        """The exit code of a conversion; None if the server has gone."""
        asked, answers = self.process.stdin, self.process.stdout
        assert asked is not None
        assert answers is not None
        try:
            asked.write(f"{folder}\n".encode())
            asked.flush()
            answered, _, _ = select.select([answers], [], [], timeout)
            answer = answers.readline() if answered else None
        except BrokenPipeError:  # it stopped waiting just now
            return None
        except BaseException:  # Ctrl-C does not reach its session
            self.stop()
            raise
        if answer is None:
            self.stop()
            raise TimeoutError(_said(folder))
        return int(answer) if answer else None

    def stop(self) -> None:
        """Ends it, and what it is doing."""
        if self.owner == os.getpid() and self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


_lock = threading.Lock()
_servers: list[_Server] = []


def _waiting_server() -> _Server:
    if not _servers or not _servers[-1].waits:
        _stop()
        _servers[:] = [_Server()]
    return _servers[-1]


@atexit.register
def _stop() -> None:
    for server in _servers:
        server.stop()


def _command(*arguments: str) -> list[str]:
    # -P: the folder of the program holds modules whose names could hide others.
    return [sys.executable, "-P", str(_PROGRAM), *arguments]


def _environment() -> dict[str, str]:
    return os.environ | {"CUDA_VISIBLE_DEVICES": "-1", "TF_CPP_MIN_LOG_LEVEL": "2"}


def _said(folder: str) -> str:
    path = Path(folder) / "said.txt"
    return path.read_text(errors="replace") if path.exists() else ""
