"""Reads what a .tflite file holds: ops, signatures, tensors, weights, attached files."""

import struct
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

from keras_seq.export.errors import ExportError
from keras_seq.export.file.attachments import files_in
from keras_seq.export.file.contents import Contents, contents_of
from keras_seq.export.file.profiles import findings


@dataclass(frozen=True)
class TFLiteFile(Contents):
    """What a .tflite file holds: the attributes of its `Contents`, and those of the file.

    Attributes:
        path: Where it was read from.
        size: Its size in bytes, attached files included.
        files: The names of the attached files.
    """

    path: Path
    size: int
    files: tuple[str, ...]

    @classmethod
    def read(cls, path: str | PathLike[str]) -> "TFLiteFile":
        """Reads a .tflite file.

        Args:
            path: The file.

        Raises:
            ExportError: The file cannot be read, is not a .tflite, or is cut off.

        Example:
            >>> import pathlib, tempfile
            >>> from keras_seq.export import ExportError, TFLiteFile
            >>> path = pathlib.Path(tempfile.mkdtemp()) / "notes.txt"
            >>> _ = path.write_text("not a model")
            >>> TFLiteFile.read(path)
            Traceback (most recent call last):
            ...
            keras_seq.export.errors.ExportError: ... is not a .tflite file: ...
        """
        path, data = Path(path), read_tflite(path)
        try:
            fields = contents_of(data)
            return cls(**fields, path=path, size=len(data), files=tuple(files_in(data, path)))
        except DAMAGE as error:
            raise damaged(path, data, error) from error

    def portability(self) -> list[str]:
        """Says what keeps the file from running on every TFLite runtime; see `profiles`."""
        return findings(self)


# The schema's reader trusts the offsets it finds: past the end it meets anything.
DAMAGE = (struct.error, LookupError, ValueError, TypeError, AttributeError, MemoryError)


def damaged(path: str | PathLike[str], data: bytes, error: Exception) -> ExportError:
    """Says that what was read at `path` ends before its end, or makes no sense."""
    return ExportError(
        f"{path} is cut off or damaged ({type(error).__name__} while reading its "
        f"{len(data)} bytes). Copy or export it again."
    )


def read_tflite(path: str | PathLike[str]) -> bytes:
    """The bytes of a .tflite file.

    Raises:
        ExportError: The file cannot be read, or does not begin as a .tflite does.
    """
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise ExportError(f"Could not read {path}: {error.strerror or error}.") from error
    if data[4:8] != b"TFL3":
        raise ExportError(
            f"{path} is not a .tflite file: expected the identifier 'TFL3' in bytes 4 to 8, "
            f"got {data[4:8]!r} in a file of {len(data)} bytes."
        )
    return data
