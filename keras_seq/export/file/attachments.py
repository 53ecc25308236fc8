"""Files that ride along in a .tflite: a vocabulary, labels, the tokenizer's settings.

They are a zip archive appended to the model. Interpreters ignore what follows the model, and any
zip program opens the file. Entries are stored, not compressed, so that a phone can read them
in place.
"""

import io
import zipfile
from collections.abc import Mapping
from os import PathLike
from pathlib import Path

from keras_seq.export.errors import ExportError

_DATE = (1980, 1, 1, 0, 0, 0)  # fixed, so that equal contents give equal bytes
# How an entry written by `append_files` begins: version 2.0, no flags, stored, and `_DATE`.
_ENTRY_START = b"PK\x03\x04\x14\x00\x00\x00\x00\x00\x00\x00\x21\x00"


def append_files(model: bytes, files: Mapping[str, str | bytes]) -> bytes:
    r"""Returns `model` with `files` appended as a stored zip archive.

    Args:
        model: The bytes of a .tflite file without attached files.
        files: Contents by file name; text is written as UTF-8.

    Raises:
        ExportError: A name is empty or holds a folder, or a content is neither text nor bytes.

    Example:
        >>> whole = append_files(b"model", {"labels.txt": "no\nyes"})
        >>> whole[:5]
        b'model'
    """
    for name, content in files.items():
        if not name or "/" in name or "\\" in name:
            raise ExportError(
                f"Got {name!r} as the name of an attached file; expected a plain file name such "
                "as 'labels.txt', without folders."
            )
        if not isinstance(content, str | bytes):
            raise ExportError(
                f"Got {type(content).__name__} as the content of the attached file {name!r}; "
                "expected str or bytes."
            )
    if not files:
        return model
    buffer = io.BytesIO(model)
    buffer.seek(0, io.SEEK_END)
    with zipfile.ZipFile(buffer, "a", zipfile.ZIP_STORED) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name, _DATE), content)
    return buffer.getvalue()


def read_files(path: str | PathLike[str]) -> dict[str, bytes]:
    r"""Reads the files attached to a .tflite.

    Args:
        path: A .tflite file.

    Returns:
        Contents by file name; empty if nothing is attached.

    Raises:
        ExportError: The file cannot be read, or its attached files are cut off or damaged.

    Example:
        >>> import pathlib, tempfile
        >>> from keras_seq.export import read_files
        >>> path = pathlib.Path(tempfile.mkdtemp()) / "model.tflite"
        >>> _ = path.write_bytes(append_files(b"model", {"labels.txt": "no\nyes"}))
        >>> read_files(path)
        {'labels.txt': b'no\nyes'}
    """
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise ExportError(f"Could not read {path}: {error.strerror or error}.") from error
    return files_in(data, path)


def files_in(data: bytes, path: str | PathLike[str]) -> dict[str, bytes]:
    """Like `read_files`, on bytes already read from `path`."""
    if not zipfile.is_zipfile(io.BytesIO(data)):
        if _ENTRY_START in data:
            raise ExportError(
                f"{path} is cut off: it holds the start of attached files but not their end. "
                "Copy or export it again."
            )
        return {}
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return {name: archive.read(name) for name in archive.namelist()}
    except (zipfile.BadZipFile, EOFError, ValueError, OSError) as error:
        raise ExportError(
            f"The files attached to {path} are damaged ({error}). Copy or export it again."
        ) from error
