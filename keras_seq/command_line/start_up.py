"""Keeps TensorFlow's start-up notes from a user's screen."""

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Holds back what the block writes to standard error, unless it fails.

    The notes come from C++ before any log level holds, so the file descriptor itself is turned
    aside for as long as TensorFlow is imported.

    Example:
        >>> from keras_seq.command_line import quiet
        >>> with quiet():
        ...     import tensorflow
    """
    sys.stderr.flush()
    screen = os.dup(2)
    with tempfile.TemporaryFile() as notes:
        os.dup2(notes.fileno(), 2)
        try:
            yield
        except BaseException:
            notes.seek(0)
            os.write(screen, notes.read())
            raise
        finally:
            os.dup2(screen, 2)
            os.close(screen)
