"""What goes wrong while a model is traced, told in its own words."""

import contextlib
import re
from collections.abc import Iterator

import tensorflow as tf

from keras_seq.export.errors import ExportError


@contextlib.contextmanager
def tracing(name: str) -> Iterator[None]:
    """Makes an `ExportError` of what goes wrong in tracing or saving the model of this name."""
    try:
        yield
    except OSError:
        raise
    except ExportError as error:
        raise ExportError(_told(error)) from error
    except tf.errors.OpError as error:
        raise ExportError(f"The SavedModel could not be written: {error.message}") from error
    except Exception as error:
        raise ExportError(
            f"The model {name!r} could not be traced or saved ({type(error).__name__}): "
            f"{_told(error)}"
        ) from error


def _told(error: Exception) -> str:
    """The words of an error, without those that Keras puts around them: they are set in bold."""
    words = str(error)
    while bold := re.search(r"Exception encountered.*?\x1b\[1m(.*)\x1b\[0m", words, re.DOTALL):
        words = bold[1]
    return words
