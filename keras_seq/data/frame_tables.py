"""Reads videos from tables: a .csv file for each, a row for each frame."""

import csv
import difflib
import io
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from keras_seq.data.dataset import DataError
from keras_seq.data.text_files import decode_text
from keras_seq.data.video import CLASSES, NEXT, Video, Wanted

TABLE = ".csv"
PARTS = ("train", "validation", "test")


def read_tables(path: Path, wanted: Wanted) -> list[Video]:
    """Reads one file, or a folder of files, or one with folders train, validation and test.

    Args:
        path: The file or folder.
        wanted: What is to be read; if it names no features, all files have those of the first.

    Returns:
        The videos, in the order of their names; those of the folder train come first.

    Raises:
        DataError: There are no such files, or one of them cannot be used.
    """
    if path.is_file():
        return [read_table(path, wanted)]
    parts = [part for part in PARTS if (path / part).is_dir()]
    if parts and parts[0] != "train":
        raise DataError(
            f"{path} holds the folder {parts[0]}, but no folder train; add it, or give the path of "
            f"{path / parts[0]} alone."
        )
    videos: list[Video] = []
    for part in parts or [""]:
        for file in _files(path / part):
            video = read_table(file, wanted, like=videos[0] if videos else None)
            videos.append(video.of_part(part))
    return videos


def _files(folder: Path) -> list[Path]:
    files = sorted(f for f in folder.iterdir() if f.suffix.lower() == TABLE and f.is_file())
    if not files:
        found = ", ".join(sorted(child.name for child in folder.iterdir())[:5]) or "nothing"
        raise DataError(
            f"{folder} holds no {TABLE} file but {found}; put one there for each video, or folders "
            "train, validation and test of such files."
        )
    return files


def read_table(path: Path, wanted: Wanted, like: Video | None = None) -> Video:
    r"""Reads the .csv file of one video: a header row, then a row for each frame.

    Args:
        path: The file.
        wanted: What is to be read.
        like: A video that must have the same features, if nothing else says which they are.

    Returns:
        The video, named as the file is.

    Raises:
        DataError: The file cannot be used; the message names it and the line.

    Example:
        >>> import pathlib, tempfile
        >>> from keras_seq.data.video import Wanted
        >>> path = pathlib.Path(tempfile.mkdtemp()) / "walk.csv"
        >>> _ = path.write_text("x,y,label\n0.5,1,still\n0.7,2,up\n")
        >>> video = read_table(path, Wanted())
        >>> video.name, video.feature_names, video.features.shape, video.labels.tolist()
        ('walk', ('x', 'y'), (2, 2), ['still', 'up'])
    """
    header, rows, lines = _rows(path)
    columns = {name: number for number, name in enumerate(header)}
    labels = _label_columns(path, columns, wanted)
    names = _feature_columns(path, header, wanted, like)
    features = _numbers(path, rows, lines, names, columns).astype(np.float32)
    found = None
    if labels and wanted.labels == CLASSES:
        found = np.array([row[columns[labels[0]]].strip() for row in rows])
    elif labels and wanted.labels != NEXT:
        found = _numbers(path, rows, lines, labels, columns, gaps=True).astype(np.float32)
    return Video(path.stem, features, found, names, str(path), tuple(lines))


def _rows(path: Path) -> tuple[list[str], list[list[str]], list[int]]:
    """The header, the rows, and the line that each begins on."""
    if path.suffix.lower() != TABLE:
        raise DataError(
            f"{path} does not end in {TABLE}; give a {TABLE} or .npz file, or a folder."
        )
    content = decode_text(path.read_bytes(), path)
    if not content.strip():
        raise DataError(f"{path} is empty; write a header row and a row for each frame.")
    reader = csv.reader(io.StringIO(content, newline=""), strict=True)
    rows, lines, start = [], [], 1
    try:
        header = [name.strip() for name in next(row for row in reader if row)]
        start = reader.line_num + 1
        for cells in reader:
            if cells:
                if len(cells) != len(header):
                    raise DataError(
                        f"{path}, line {start}: {len(cells)} cells, but the header has "
                        f"{len(header)}; write one for each column."
                    )
                rows.append(cells)
                lines.append(start)
            start = reader.line_num + 1
    except csv.Error as error:
        raise DataError(f"{path}, line {start}: the row cannot be read ({error}).") from error
    if all(map(_is_number, header)):
        raise DataError(
            f"{path}, line 1: a row of numbers; write a header row with names above it."
        )
    if "" in header or len(set(header)) < len(header):
        twice = next((name for name in header if header.count(name) > 1), "")
        what = f"two columns are called {twice!r}" if twice else "a column has no name"
        raise DataError(f"{path}, line 1: {what}; give each a name of its own.")
    if not rows:
        raise DataError(f"{path} holds no frame, only a header; write a row for each frame.")
    return header, rows, lines


def _label_columns(path: Path, columns: dict[str, int], wanted: Wanted) -> tuple[str, ...]:
    missing = [name for name in wanted.label_columns if name not in columns]
    if not missing:
        return wanted.label_columns
    if wanted.optional or wanted.labels == NEXT:
        return ()
    raise DataError(
        f"{path} has no column {missing[0]!r} for the labels; found {', '.join(columns)}. Call it "
        "so, or say with label_columns what it is called."
    )


def _feature_columns(
    path: Path, header: Sequence[str], wanted: Wanted, like: Video | None
) -> tuple[str, ...]:
    if wanted.features:
        if missing := [name for name in wanted.features if name not in header]:
            raise DataError(
                f"{path} has no column {missing[0]!r}; the model reads "
                f"{', '.join(wanted.features)}, the file has {', '.join(header)}."
            )
        return wanted.features
    for name in wanted.ignored:
        if name not in header:
            near = difflib.get_close_matches(name, header, 1)
            hint = f"Did you mean {near[0]!r}?" if near else f"It has {', '.join(header)}."
            raise DataError(f"{path} has no column {name!r} to be ignored. {hint}")
    names = tuple(n for n in header if n not in {*wanted.label_columns, *wanted.ignored})
    if not names:
        raise DataError(f"{path} has no column for a feature beside {', '.join(header)}; add some.")
    if like is None:
        return names
    if odd := sorted(set(names) ^ set(like.feature_names)):
        here, there = (str(path), like.place) if odd[0] in names else (like.place, str(path))
        raise DataError(
            f"{here} has a column {odd[0]!r}, which {there} has not ({len(odd)} such columns in "
            "all); give all files the same ones, or leave some out with ignore_columns."
        )
    return like.feature_names


def _numbers(
    path: Path,
    rows: Sequence[Sequence[str]],
    lines: Sequence[int],
    names: Sequence[str],
    columns: dict[str, int],
    *,
    gaps: bool = False,
) -> np.ndarray:
    """The cells of some columns as float64, (T, columns); with `gaps` empty ones are NaN."""
    numbers = np.empty((len(rows), len(names)))
    for number, name in enumerate(names):
        for row, cells in enumerate(rows):
            cell = cells[columns[name]].strip()
            value = float(cell) if _is_number(cell) else math.nan
            if not math.isfinite(value) and not (gaps and cell.lower() in ("", "nan")):
                what = repr(cell) if cell else "nothing"
                cure = (
                    "write one"
                    if gaps
                    else "write one, or leave the column out with ignore_columns"
                )
                raise DataError(
                    f"{path}, line {lines[row]}: column {name!r} holds {what}, where a number is "
                    f"expected; {cure}."
                )
            numbers[row, number] = value
    return numbers


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True
