"""Reads captions of images, and lists of the images of each part, in the layout of Flickr8k."""

import csv
import io
import re
from collections.abc import Iterator
from pathlib import Path

from keras_seq.data.dataset import DataError
from keras_seq.data.text_files import read_text

IMAGE_NAMES = ("image", "image_name", "file", "filename", "name")
CAPTION_NAMES = ("caption", "text", "sentence", "comment")
# Flickr8k's names of its parts, in those of its lists: Flickr_8k.devImages.txt.
_PARTS = {
    "train": "train",
    "dev": "validation",
    "val": "validation",
    "validation": "validation",
    "test": "test",
}
_CAPTIONS_FILE = re.compile(r"(captions?[^/]*\.(csv|txt)|[^/]*\.token\.txt)(\.gz)?", re.IGNORECASE)
_PARTS_FILE = re.compile(rf"[^/]*?({'|'.join(_PARTS)})_?Images\.txt(\.gz)?", re.IGNORECASE)
_TOKEN_LINE = re.compile(r"(.+)#\d+\t(.*)")


def read_captions(folder: Path) -> dict[str, list[str]]:
    r"""Reads the captions of a folder.

    They are in one file, plain or .gz: `captions*.csv` or `captions*.txt`, a table with a header
    row and the columns image and caption, or `*.token.txt`, lines of `NAME#NUMBER<TAB>CAPTION`.

    Args:
        folder: The folder.

    Returns:
        The captions of each image by its name, in the order of the file.

    Raises:
        DataError: There is no such file or there are several, or one that cannot be used; the
            message names it and the line.

    Example:
        >>> import pathlib, tempfile
        >>> folder = pathlib.Path(tempfile.mkdtemp())
        >>> _ = (folder / "captions.csv").write_text('image,caption\na.jpg,"A dog, running."\n')
        >>> read_captions(folder)
        {'a.jpg': ['A dog, running.']}
    """
    paths = sorted(path for path in folder.iterdir() if _CAPTIONS_FILE.fullmatch(path.name))
    paths = [path for path in paths if ".lemma." not in path.name]  # Flickr8k's, without endings
    if len(paths) != 1:
        found = ", ".join(path.name for path in paths) or "none"
        raise DataError(
            f"{folder} must hold one file of captions, captions.csv with the columns image and "
            f"caption or *.token.txt with lines of NAME#NUMBER<TAB>CAPTION, plain or .gz; got "
            f"{found}."
        )
    text = read_text(paths[0])
    first = text.split("\n", 1)[0]
    rows = _token_rows if _TOKEN_LINE.fullmatch(first.rstrip("\r")) else _table_rows
    captions: dict[str, list[str]] = {}
    for line, name, caption in rows(paths[0], text):
        if not name.strip() or not caption.strip():
            what = "name of the image" if not name.strip() else "caption"
            raise DataError(
                f"{paths[0]}, line {line}: the {what} is empty; write it, or remove the line."
            )
        captions.setdefault(name.strip(), []).append(caption.strip())
    if not captions:
        raise DataError(f"{paths[0]} holds no captions; give some.")
    return captions


def read_parts(folder: Path) -> dict[str, list[str]]:
    r"""Reads which images are in which part, from lists such as `Flickr_8k.trainImages.txt`.

    Args:
        folder: The folder.

    Returns:
        The names of the images of the parts "train", "validation" and "test", those that have a
        list; empty if there are no lists.

    Raises:
        DataError: A list cannot be read, there are two of a part, or one image is in two parts.

    Example:
        >>> import pathlib, tempfile
        >>> folder = pathlib.Path(tempfile.mkdtemp())
        >>> _ = (folder / "Flickr_8k.trainImages.txt").write_text("a.jpg\nb.jpg\n")
        >>> read_parts(folder)
        {'train': ['a.jpg', 'b.jpg']}
    """
    parts: dict[str, list[str]] = {}
    owners: dict[str, str] = {}
    for path in sorted(folder.iterdir()):
        found = _PARTS_FILE.fullmatch(path.name)
        if not found:
            continue
        part = _PARTS[found[1].lower()]
        if part in parts:
            raise DataError(f"{folder} holds two lists of the {part} part; leave one of them.")
        names = [line.strip() for line in read_text(path).split("\n") if line.strip()]
        parts[part] = list(dict.fromkeys(names))
        for name in parts[part]:
            if name in owners:
                raise DataError(
                    f"{path}: {name} is in the {owners[name]} part as well; an image belongs to "
                    "one part alone."
                )
            owners[name] = part
    if parts and "train" not in parts:
        raise DataError(
            f"{folder} holds lists of the parts {', '.join(parts)} but none of the training part; "
            "add trainImages.txt, or take the lists away to have the parts drawn."
        )
    return parts


def _token_rows(path: Path, text: str) -> Iterator[tuple[int, str, str]]:
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        found = _TOKEN_LINE.fullmatch(line.rstrip("\r"))
        if not found:
            raise DataError(
                f"{path}, line {number}: expected is NAME#NUMBER<TAB>CAPTION; got {line[:40]!r}."
            )
        yield number, found[1], found[2]


def _table_rows(path: Path, text: str) -> Iterator[tuple[int, str, str]]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        header = [cell.strip().lower() for cell in next(reader, [])]
        columns = [
            next((header.index(name) for name in names if name in header), -1)
            for names in (IMAGE_NAMES, CAPTION_NAMES)
        ]
        if min(columns) < 0:
            raise DataError(
                f"{path}: expected is a header row with the columns image and caption, or lines of "
                f"NAME#NUMBER<TAB>CAPTION; its first line is {', '.join(header)[:60]!r}."
            )
        for cells in reader:
            if cells and len(cells) != len(header):
                raise DataError(
                    f"{path}, line {reader.line_num}: {len(cells)} cells, but the header has "
                    f'{len(header)}; put a caption that holds a comma in "quotes".'
                )
            if not cells:
                continue
            yield reader.line_num, cells[columns[0]], cells[columns[1]]
    except csv.Error as error:
        raise DataError(f"{path}, line {reader.line_num}: {error}.") from None
