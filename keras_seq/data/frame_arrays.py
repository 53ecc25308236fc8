"""Reads videos from the arrays of an .npz file."""

import zlib
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from keras_seq.data.dataset import DataError
from keras_seq.data.video import CLASSES, NEXT, VALUES, Video, Wanted

ARRAYS = ".npz"
_NEEDED, _OPTIONAL = ("features", "lengths"), ("names", "label_names", "feature_names")


def read_arrays(path: Path, wanted: Wanted) -> tuple[list[Video], tuple[str, ...]]:
    """Reads the videos of an .npz file.

    It holds `features`, `labels` and `lengths`, int (videos,). Frames stand one after another,
    features (N, F) or pictures (N, H, W, C) with labels (N,) or (N, D); or video by video, filled
    up on the right: features (videos, T, F) or (videos, T, H, W, C) with labels (videos, T) or
    (videos, T, D). Labels are class numbers, where -1 is none; names, where "" is none; or numbers
    to be predicted, where NaN is none. There may be `names` of the videos, `label_names` of the
    class numbers and `feature_names`.

    Args:
        path: The file.
        wanted: What is to be read; `label_columns` and `ignored` are those of tables. Where it and
            the file name features, these alone are read, in its order.

    Returns:
        The videos, and the names of the classes in their order if the file tells it, else ().

    Raises:
        DataError: The file cannot be used; the message names it, the video and the frame.

    Example:
        >>> import tempfile
        >>> import numpy as np
        >>> from keras_seq.data.video import Wanted
        >>> path = tempfile.mkdtemp() + "/two.npz"
        >>> arrays = {"features": np.ones((5, 3)), "labels": [0, 0, 1, 1, 0], "lengths": [2, 3]}
        >>> np.savez(path, **arrays)
        >>> videos, _ = read_arrays(path, Wanted())
        >>> [(video.name, video.labels.tolist()) for video in videos]
        [('video 1', ['0', '0']), ('video 2', ['1', '1', '0'])]
    """
    arrays = _load(path)
    needed = [*_NEEDED, *([] if wanted.optional or wanted.labels == NEXT else ["labels"])]
    if missing := [name for name in needed if name not in arrays]:
        raise DataError(
            f"{path} has no array {missing[0]!r}; found {', '.join(arrays) or 'none'}. Give "
            f"{', '.join(needed)}, and, if you like, {', '.join(_OPTIONAL)}."
        )
    lengths = _lengths(path, arrays["lengths"])
    of_all = _features(path, arrays["features"])
    padded = of_all.ndim in (3, 5)
    features = _per_video(path, "features", of_all, lengths, padded)
    labels: list[Any] = [None] * len(lengths)
    classes = _names(path, "label_names", arrays)
    if "labels" in arrays and wanted.labels != NEXT:
        labels = _labels(path, arrays["labels"], lengths, padded, wanted, classes)
    names = _names(path, "names", arrays) or tuple(f"video {n + 1}" for n in range(len(lengths)))
    if len(names) != len(lengths):
        raise DataError(
            f"{path}: {len(names)} names came with {len(lengths)} lengths; give as many."
        )
    feature_names, columns = _feature_columns(path, arrays, features[0], wanted)
    if columns is not None:
        features = [of_frames[:, columns] for of_frames in features]
    videos = []
    for name, own, of_frames in zip(names, features, labels, strict=True):
        video = Video(name, own, of_frames, feature_names, f"{path}, {name}")
        if not (finite := np.isfinite(own).reshape(len(own), -1).all(axis=1)).all():
            bad = int(np.flatnonzero(~finite)[0])
            raise DataError(f"{video.at(bad)}: a feature is NaN or infinite; give a finite number.")
        videos.append(video)
    return videos, classes


def _load(path: Path) -> dict[str, np.ndarray]:
    try:
        file = np.load(path, allow_pickle=False)
        if not isinstance(file, np.lib.npyio.NpzFile):
            raise ValueError("it is no archive of arrays")
        with file:
            return {name: np.asarray(file[name]) for name in file.files}
    except (ValueError, EOFError, KeyError, RuntimeError, BadZipFile, zlib.error) as error:
        why = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DataError(
            f"{path} cannot be read ({why}). It is damaged, or no {ARRAYS} file of plain arrays: "
            "write it again with numpy.savez."
        ) from error


def _lengths(path: Path, lengths: np.ndarray) -> np.ndarray:
    if lengths.ndim != 1 or lengths.dtype.kind not in "iu":
        raise DataError(
            f"{path}: lengths came as {lengths.dtype} with the shape {lengths.shape}; give a whole "
            "number for each video."
        )
    if not len(lengths):
        raise DataError(f"{path} holds no videos: lengths is empty.")
    if lengths.min() < 1:
        bad = int(np.flatnonzero(lengths < 1)[0])
        raise DataError(
            f"{path}: video {bad + 1} is empty, its length is {lengths[bad]}; leave it out."
        )
    return lengths.astype(np.int64)


def _features(path: Path, array: np.ndarray) -> np.ndarray:
    if array.dtype.kind not in "fiub" or 0 in array.shape[1:] or not 2 <= array.ndim <= 5:
        raise DataError(
            f"{path}: features came as {array.dtype} with the shape {array.shape}; give numbers "
            "(frames, F), or pictures (frames, H, W, C), or the same with the videos first."
        )
    return array.astype(np.float32)


def _per_video(
    path: Path, name: str, array: np.ndarray, lengths: np.ndarray, padded: bool
) -> list[np.ndarray]:
    """An array of all frames, or of videos filled up on the right, as an array for each video."""
    if padded:
        if len(array) != len(lengths) or array.shape[1] < lengths.max():
            raise DataError(
                f"{path}: {len(lengths)} lengths up to {lengths.max()} came with {name} of shape "
                f"{array.shape}; give (videos, frames, …) with room for the longest, or features "
                "(frames, F) of all videos one after another."
            )
        return [row[:length] for row, length in zip(array, lengths, strict=True)]
    if len(array) != lengths.sum():
        raise DataError(
            f"{path}: the lengths of {len(lengths)} videos sum to {lengths.sum():,}, but there are "
            f"{len(array):,} frames of {name}; they must be equal."
        )
    return np.split(array, np.cumsum(lengths)[:-1])


def _labels(
    path: Path,
    labels: np.ndarray,
    lengths: np.ndarray,
    padded: bool,
    wanted: Wanted,
    classes: tuple[str, ...],
) -> list[np.ndarray]:
    frames = 1 + padded  # axes before those of a label
    kinds, ranks = ("fiu", (0, 1)) if wanted.labels == VALUES else ("iuU", (0,))
    if labels.dtype.kind not in kinds or labels.ndim - frames not in ranks:
        wish = "numbers" if wanted.labels == VALUES else "whole numbers or names of classes"
        raise DataError(
            f"{path}: labels came as {labels.dtype} with the shape {labels.shape}; give {wish}, "
            f"one for each frame{' or a row of them' if wanted.labels == VALUES else ''}."
            + (f" To predict numbers, set target={VALUES}." if wanted.labels == CLASSES else "")
        )
    if wanted.labels == VALUES:
        values = labels.astype(np.float32)
        values = values if values.ndim > frames else values[..., np.newaxis]
        return _per_video(path, "labels", values, lengths, padded)
    if labels.dtype.kind == "U":
        return _per_video(path, "labels", np.char.strip(labels), lengths, padded)
    parts = _per_video(path, "labels", labels, lengths, padded)
    most = len(classes) or 1 + max(int(part.max()) for part in parts)
    for number, part in enumerate(parts):
        if (wrong := (part < -1) | (part >= most)).any():
            bad = int(np.flatnonzero(wrong)[0])
            wish = f"0 to {most - 1}" if classes else "0, 1, 2, …"
            raise DataError(
                f"{path}, video {number + 1}, frame {bad}: the label is {part[bad]}; give {wish}, "
                "or -1 where there is none."
            )
    # The last one, which is that of -1, says that there is none.
    names = np.array([*(classes or map(str, range(most))), ""])
    return [names[part] for part in parts]


def _names(path: Path, key: str, arrays: dict[str, np.ndarray]) -> tuple[str, ...]:
    if key not in arrays:
        return ()
    array = arrays[key]
    names = tuple(str(name).strip() for name in array.ravel())
    if (
        array.ndim != 1
        or array.dtype.kind not in "Uiu"
        or len({*names}) < len(names)
        or "" in names
    ):
        raise DataError(
            f"{path}: {key} came as {array.dtype} with the shape {array.shape}; give names, each "
            "once, none of them empty."
        )
    return names


def _feature_columns(
    path: Path, arrays: dict[str, np.ndarray], features: np.ndarray, wanted: Wanted
) -> tuple[tuple[str, ...], list[int] | None]:
    """The features' names; and which columns they are, where a model knows them by their names."""
    if features.ndim > 2:
        return (), None
    width = features.shape[1]
    names = _names(path, "feature_names", arrays)
    if names and len(names) != width:
        raise DataError(
            f"{path}: {len(names)} feature_names came with {width} features; give as many."
        )
    if names and wanted.features not in ((), _unnamed(len(wanted.features))):
        if missing := [name for name in wanted.features if name not in names]:
            raise DataError(
                f"{path} has no feature {missing[0]!r}; it has {_few(names)}, and the model reads "
                f"{_few(wanted.features)}."
            )
        return wanted.features, [names.index(name) for name in wanted.features]
    if wanted.features and len(wanted.features) != width:
        raise DataError(
            f"{path} has {width} features; the model reads {len(wanted.features)}: "
            f"{_few(wanted.features)}."
        )
    return names or wanted.features or _unnamed(width), None


def _unnamed(width: int) -> tuple[str, ...]:
    return tuple(f"feature {n + 1}" for n in range(width))


def _few(names: tuple[str, ...]) -> str:
    return ", ".join(names[:5]) + ", …" * (len(names) > 5)
