"""Reads labelled texts from a table (.csv, .tsv), JSON lines (.jsonl) or a folder of .txt files."""

import csv
import gzip
import io
import json
import re
import zlib
from collections.abc import Iterator
from pathlib import Path

from keras_seq.data.dataset import DataError

# The names that a column or key may have, in upper or lower case; the first one found is taken.
TEXT_NAMES = ("text", "review", "sentence", "content")
LABEL_NAMES = ("label", "sentiment", "class", "target")
TABLE_ENDINGS = (".csv", ".tsv", ".jsonl")
UNLABELLED_FOLDER = "unsup"  # in the layout of the Large Movie Review Dataset

Row = tuple[str, str]  # the text and the name of its class


def read_path(path: Path) -> tuple[list[Row], list[Row] | None]:
    r"""Reads labelled texts from a file or a folder.

    A file is a table with a header row (.csv, .tsv) or holds one JSON object per line (.jsonl).
    A folder holds a train and a test file of one of these kinds, or `train/CLASS/*.txt` and
    `test/CLASS/*.txt` (a class `unsup` is left out), or `CLASS/*.txt`.

    Args:
        path: The file or folder.

    Returns:
        The rows, and those of the test part where the source has one of its own.

    Raises:
        DataError: What is there cannot be used; the message names the file and the line.

    Example:
        >>> import pathlib, tempfile
        >>> path = pathlib.Path(tempfile.mkdtemp()) / "reviews.csv"
        >>> _ = path.write_text("review,sentiment\nfine,positive\ndull,negative\n")
        >>> read_path(path)
        ([('fine', 'positive'), ('dull', 'negative')], None)
    """
    if not path.exists():
        raise DataError(f"{path} does not exist; give the path of a file or folder that does.")
    if path.is_file():
        return read_file(path), None
    for ending in TABLE_ENDINGS:
        parts = [path / f"{part}{ending}" for part in ("train", "test")]
        if all(part.is_file() for part in parts):
            return read_file(parts[0]), read_file(parts[1])
        if any(part.is_file() for part in parts):
            raise DataError(
                f"{path} holds only one of train{ending} and test{ending}; add the other one, or "
                "give the path of the one file to have a test part held out of it."
            )
    parts = [path / "train", path / "test"]
    if all(part.is_dir() for part in parts):
        return read_class_folders(parts[0]), read_class_folders(parts[1])
    if any(part.is_dir() for part in parts):
        raise DataError(
            f"{path} holds only one of the folders train and test; add the other one, or give the "
            "path of the one folder to have a test part held out of it."
        )
    return read_class_folders(path), None


def read_file(path: Path) -> list[Row]:
    """Reads the rows of a .csv, .tsv or .jsonl file; `read_path` says how they look.

    Args:
        path: The file.

    Returns:
        The text and the class name of each row.

    Raises:
        DataError: The file cannot be used; the message names it and the line.
    """
    ending = path.suffix.lower()
    if ending not in TABLE_ENDINGS:
        came = f"ends in {ending!r}" if ending else "has no ending"
        raise DataError(
            f"{path} {came}; give a file that ends in {', '.join(TABLE_ENDINGS)}, or a folder."
        )
    content = decode_text(path.read_bytes(), path)
    if not content.strip():
        raise DataError(f"{path} is empty; give a file with labelled texts.")
    rows = list(_json_rows(path, content) if ending == ".jsonl" else _table_rows(path, content))
    if not rows:
        raise DataError(f"{path} holds a header only; add rows below it.")
    return rows


def read_class_folders(folder: Path) -> list[Row]:
    """Reads `CLASS/*.txt`: one text per file, one folder per class.

    Args:
        folder: The folder that holds the folders of the classes.

    Returns:
        The text and the class name of each file, in the order of their names.

    Raises:
        DataError: There are no such files, or one of them cannot be used.
    """
    class_folders = sorted(
        child
        for child in folder.iterdir()
        if child.is_dir() and not child.name.startswith(".") and child.name != UNLABELLED_FOLDER
    )
    rows = []
    for class_folder in class_folders:
        paths = sorted(class_folder.glob("*.txt"))
        if not paths:
            raise DataError(
                f"{class_folder} holds no .txt file; put the texts of the class "
                f"{class_folder.name!r} there, one per file, or remove the folder."
            )
        for path in paths:
            if not (text := decode_text(path.read_bytes(), path).strip()):
                raise DataError(f"{path} is empty; write the text into it or remove it.")
            rows.append((text, class_folder.name))
    if not rows:
        found = ", ".join(sorted(child.name for child in folder.iterdir())[:5]) or "nothing"
        raise DataError(
            f"{folder} holds no labelled texts but {found}; expected CLASS/*.txt, or train/CLASS/"
            "*.txt with test/CLASS/*.txt, or train.csv with test.csv (.tsv and .jsonl as well)."
        )
    return rows


def decode_text(content: bytes, path: Path) -> str:
    """Decodes the UTF-8 content of a file, without a byte order mark.

    Args:
        content: The bytes.
        path: Where they come from, for the error message.

    Returns:
        The text.

    Raises:
        DataError: It is not UTF-8; the message names the line.
    """
    try:
        return content.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise DataError(
            f"{path} is not UTF-8: byte {error.start}, in line {line}, is "
            f"0x{content[error.start]:02x}; save the file with the encoding UTF-8."
        ) from error


def read_text(path: Path) -> str:
    r"""Reads a text as it is, with its line ends.

    Args:
        path: The file, plain or .gz.

    Returns:
        The text.

    Raises:
        DataError: It is damaged, or not UTF-8.

    Example:
        >>> import gzip, pathlib, tempfile
        >>> path = pathlib.Path(tempfile.mkdtemp()) / "text.txt.gz"
        >>> _ = path.write_bytes(gzip.compress(b"one\r\n\ttwo"))
        >>> read_text(path)
        'one\r\n\ttwo'
    """
    return decode_text(unpacked(path), path)


def unpacked(path: Path) -> bytes:
    """The content of a file, without the packing of a .gz.

    Raises:
        DataError: It is damaged.
    """
    if path.suffix != ".gz":
        return path.read_bytes()
    try:
        return gzip.decompress(path.read_bytes())
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise DataError(f"{path} is damaged ({error}); get it again.") from error


def _table_rows(path: Path, content: str) -> Iterator[Row]:
    # The limit guards against runaway quotes, which strict reading finds anyway; texts may be long.
    csv.field_size_limit(2**31 - 1)
    separator = "\t" if path.suffix.lower() == ".tsv" else ","
    # Without strict, an open quote would silently swallow the rows after it.
    reader = csv.reader(io.StringIO(content, newline=""), delimiter=separator, strict=True)
    start = 1  # the line a row begins on: a quoted text may hold line ends
    try:
        header = next(reader)
        text_column = _find(header, TEXT_NAMES, "text", f"{path} has no column")
        label_column = _find(header, LABEL_NAMES, "label", f"{path} has no column")
        start = reader.line_num + 1
        for cells in reader:
            if cells:
                place = f"{path}, line {start}"
                if len(cells) != len(header):
                    raise DataError(
                        f"{place}: {len(cells)} cells, but the header has {len(header)}; put a "
                        'text that holds the separator or a line end in "quotes".'
                    )
                yield _row(cells[text_column], cells[label_column], place)
            start = reader.line_num + 1
    except csv.Error as error:
        raise DataError(
            f"{path}, line {start}: the row cannot be read ({error}); close every quote, and "
            'write a quote inside a quoted text twice, as "".'
        ) from error


def _json_rows(path: Path, content: str) -> Iterator[Row]:
    # Not splitlines: a JSON text may hold other characters that it takes for line ends.
    for number, line in enumerate(content.split("\n"), start=1):
        if not line.strip():
            continue
        place = f"{path}, line {number}"
        try:
            record = json.loads(line)
        except json.JSONDecodeError as error:
            raise DataError(f"{place}: not JSON ({error}); write one object per line.") from error
        if not isinstance(record, dict):
            raise DataError(
                f"{place}: a JSON {type(record).__name__}; write one object per line, such as "
                '{"text": "...", "label": "..."}.'
            )
        keys = list(record)
        text = record[keys[_find(keys, TEXT_NAMES, "text", f"{place}: no key")]]
        label = record[keys[_find(keys, LABEL_NAMES, "label", f"{place}: no key")]]
        if not isinstance(text, str | None):
            raise DataError(f"{place}: the text is {text!r}; write it as a string.")
        if text and not text.isascii() and re.search("[\ud800-\udfff]", text):
            raise DataError(f"{place}: the text holds half a \\u pair; write both halves or none.")
        if not isinstance(label, str | int | None):
            raise DataError(f"{place}: the label is {label!r}; write a string or whole number.")
        yield _row(text or "", "" if label is None else str(label), place)


def _find(names: list[str], wanted: tuple[str, ...], what: str, complaint: str) -> int:
    """Gives the position of the first of the wanted names."""
    lowered = [name.strip().lower() for name in names]
    for name in wanted:
        if name in lowered:
            return lowered.index(name)
    raise DataError(
        f"{complaint} for the {what}; found {', '.join(names)}; call it {' or '.join(wanted)}."
    )


def _row(text: str, label: str, place: str) -> Row:
    if not text.strip():
        raise DataError(f"{place}: the text is empty; write one or remove the row.")
    if not label.strip():
        raise DataError(f"{place}: the label is missing; write one or remove the row.")
    return text, label.strip()
