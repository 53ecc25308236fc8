"""One way to all sources of videos and streams with a target for every frame."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from keras_seq.data.dataset import DataError
from keras_seq.data.frame_arrays import ARRAYS, read_arrays
from keras_seq.data.frame_tables import PARTS, TABLE, read_tables
from keras_seq.data.frames import FrameDataset, FrameSequence, hold_out
from keras_seq.data.moving_shapes import builtin_clips
from keras_seq.data.sources import BUILTIN
from keras_seq.data.video import CLASSES, NEXT, VALUES, Video, Wanted

TARGETS = (CLASSES, VALUES, NEXT)
GAPS = ("refuse", "ignore")


def load_frames(
    source: str | Path,
    *,
    target: str = CLASSES,
    label_columns: Sequence[str] = ("label",),
    ignore_columns: Sequence[str] = (),
    target_names: Sequence[str] = (),
    gaps: str = "refuse",
    leave_out: str = "",
    validation_fraction: float = 0.15,
    test_fraction: float = 0.15,
    seed: int = 0,
    label_names: Sequence[str] = (),
    feature_names: Sequence[str] = (),
    test_only: bool = False,
    unlabelled: bool = False,
) -> FrameDataset:
    """Loads a task that wants something said of every frame of a video or of a sensor stream.

    Args:
        source: One of

            - "builtin": clips of moving shapes, see `keras_seq.data.moving_shapes`;
            - the path of an .npz file with `features`, `labels` and `lengths`, as
              `keras_seq.data.frame_arrays` says;
            - the path of a folder of .csv files, one for each video, with a header row and a row
              for each frame; or of a folder with folders train and, if there are, validation and
              test of such files; or of one .csv file.
        target: What is to be said: "classes", the class that the label names; "values", the numbers
            that the labels are; "next", the features of the next frame.
        label_columns: The columns of a table that hold the labels; for classes one.
        ignore_columns: Columns of a table that are not read. All others are features.
        target_names: For "next": the features that are to be predicted; () for all.
        gaps: What becomes of frames without a label: "refuse" is an error, "ignore" keeps them as
            frames that do not count.
        leave_out: The name of a video that is the whole test part.
        validation_fraction: Share of the videos held out, where the source has no such part.
        test_fraction: Share of the videos held out, where the source has no such part.
        seed: Draws what is held out.
        label_names: The classes, where a model knows them already; () for those in training.
        feature_names: The features that a model reads, by their names: of a table, or of an .npz
            file that names its own. One that does not must have as many.
        test_only: Whether all videos are for testing, where the source has no test part.
        unlabelled: Whether the source may be without labels.

    Returns:
        The three parts. Names of classes are in the order that an .npz file tells, else sorted,
        whole numbers by value.

    Raises:
        DataError: The source does not exist or cannot be used.

    Example:
        >>> import tempfile
        >>> import numpy as np
        >>> from keras_seq.data import load_frames
        >>> arrays = {"features": np.ones((8, 3)), "labels": [0, 1] * 4, "lengths": [2, 2, 2, 2]}
        >>> np.savez(tempfile.gettempdir() + "/videos.npz", **arrays)
        >>> videos = load_frames(tempfile.gettempdir() + "/videos.npz", leave_out="video 3")
        >>> len(videos.train), videos.test[0].name, videos.label_names
        (2, 'video 3', ('0', '1'))
    """
    if target not in TARGETS:
        raise DataError(f"target must be one of {', '.join(TARGETS)}; got {target!r}.")
    if gaps not in GAPS:
        raise DataError(f"gaps must be {' or '.join(GAPS)}; got {gaps!r}.")
    if target == CLASSES and len(label_columns) != 1:
        raise DataError(f"label_columns must name one column of classes; got {[*label_columns]}.")
    for part, share in (("validation", validation_fraction), ("test", test_fraction)):
        if not 0 < share < 1:
            raise DataError(f"{part}_fraction is {share}; give a share between 0 and 1.")
    source = str(source)
    if source == BUILTIN:
        return _builtin(target, leave_out)
    wanted = Wanted(
        target, tuple(label_columns), tuple(ignore_columns), tuple(feature_names), unlabelled
    )
    videos, order = _read(source, wanted)
    parts = _divide(
        source, videos, leave_out, (validation_fraction, test_fraction), seed, test_only
    )
    _check_gaps(videos, target, gaps, unlabelled)
    names: tuple[str, ...] = ()
    columns: dict[str, int] = {}
    if target == CLASSES:
        names = tuple(label_names) or _class_names(source, parts[0] or videos, order)
        train, validation, test = (_with_classes(part, names) for part in parts)
    else:
        columns = _target_columns(source, videos[0], wanted, target_names)
        train, validation, test = (_with_numbers(part, target, columns) for part in parts)
    own_test_part = any(video.part == "test" for video in videos)
    dataset = FrameDataset(
        source,
        train,
        validation,
        test,
        names,
        videos[0].feature_names,
        tuple(columns),
        own_test_part,
    )
    if not unlabelled:
        _check_counted(dataset)
    return dataset


def _builtin(target: str, leave_out: str) -> FrameDataset:
    if target == NEXT:
        raise DataError(
            f"{BUILTIN} shows pictures, of which the next is not predicted; set target={VALUES} "
            "for the velocity of its shapes, or give a file of numbers."
        )
    if leave_out:
        raise DataError(f"{BUILTIN} has its own test part; leave out leave_out={leave_out!r}.")
    return builtin_clips(velocities=target == VALUES)


def _read(source: str, wanted: Wanted) -> tuple[list[Video], tuple[str, ...]]:
    path = Path(source).expanduser()
    if not source or not path.exists():
        raise DataError(
            f"unknown source {source!r}: no such file or folder is there. Give {BUILTIN!r}, the "
            f"path of an {ARRAYS} file with features, labels and lengths, or of a folder with a "
            f"{TABLE} file for each video."
        )
    if path.suffix.lower() == ARRAYS:
        return read_arrays(path, wanted)
    return read_tables(path, wanted), ()


def _divide(
    source: str,
    videos: Sequence[Video],
    leave_out: str,
    fractions: tuple[float, float],
    seed: int,
    test_only: bool,
) -> list[Sequence[Video]]:
    """The videos of each part."""
    own = {part: [video for video in videos if video.part == part] for part in PARTS}
    if leave_out and any(video.part for video in videos):
        raise DataError(f"{source} has parts of its own; leave out leave_out={leave_out!r}.")
    if test_only:
        return [[], [], own["test"] or videos]
    train: Sequence[Video] = own["train"] or videos
    validation: Sequence[Video] = own["validation"]
    test: Sequence[Video] = own["test"]
    if leave_out:
        test = [video for video in train if video.name == leave_out]
        train = [video for video in train if video.name != leave_out]
        if not test:
            names = ", ".join(video.name for video in train[:10])
            raise DataError(f"{source} has no video {leave_out!r} to leave out; it has {names}.")
    try:
        if not test:
            train, test = hold_out(train, fractions[1], seed)
        if not validation:
            train, validation = hold_out(train, fractions[0], seed)
    except DataError as error:
        raise DataError(f"{source}: {error}") from error
    return [train, validation, test]


def _check_gaps(videos: Sequence[Video], target: str, gaps: str, unlabelled: bool) -> None:
    if target == NEXT or unlabelled or gaps == "ignore":
        return
    for video in videos:
        if (missing := video.unlabelled).any():
            raise DataError(
                f"{video.at(int(missing.argmax()))}: the frame has no label ({missing.sum()} of "
                f"{len(video)} frames of this video have none). Write it, or keep such frames out "
                "of loss and figures with gaps=ignore."
            )


def _class_names(source: str, train: Sequence[Video], order: tuple[str, ...]) -> tuple[str, ...]:
    found = {str(name) for video in train if video.labels is not None for name in video.labels}
    names = [name for name in order if name in found] or _sorted_names(found - {""})
    if len(names) < 2:
        raise DataError(
            f"{source}: the training part holds {len(names)} classes ({', '.join(names)}); at "
            "least two are needed. Label frames with others, or draw videos by another seed."
        )
    return tuple(names)


def _sorted_names(names: set[str]) -> list[str]:
    try:
        return sorted(sorted(names), key=int)
    except ValueError:
        return sorted(names)


def _with_classes(videos: Sequence[Video], names: Sequence[str]) -> tuple[FrameSequence, ...]:
    numbers = {name: number for number, name in enumerate(names)} | {"": -1}
    found = []
    for video in videos:
        labels = np.full(len(video), "") if video.labels is None else video.labels
        known = np.isin(labels, [*numbers])
        if not known.all():
            bad = int(np.flatnonzero(~known)[0])
            raise DataError(
                f"{video.at(bad)}: the class {str(labels[bad])!r} is not one of those in training, "
                f"{', '.join(names)}. Rename it, label a training video with it, or draw other "
                "videos with another seed."
            )
        targets = np.array([numbers[str(label)] for label in labels], np.int32)
        found.append(FrameSequence(video.features, targets, video.name))
    return tuple(found)


def _target_columns(
    source: str, video: Video, wanted: Wanted, target_names: Sequence[str]
) -> dict[str, int]:
    """What is to be predicted, and for "next" which feature it is."""
    if wanted.labels == VALUES:
        if video.labels is None:
            return dict.fromkeys(wanted.label_columns, 0)
        width = video.labels.shape[1]
        given = [*wanted.label_columns]
        names = given if len(given) == width else [f"value {n + 1}" for n in range(width)]
        return dict(zip(names, range(width), strict=True))
    if not video.feature_names:
        raise DataError(f"{source} holds pictures, of which the next is not predicted.")
    columns = {name: number for number, name in enumerate(video.feature_names)}
    if unknown := [name for name in target_names if name not in columns]:
        raise DataError(
            f"{source} has no feature {unknown[0]!r} to predict; it has {', '.join(columns)}. Mend "
            "target_names."
        )
    return {name: columns[name] for name in target_names or columns}


def _with_numbers(
    videos: Sequence[Video], target: str, columns: dict[str, int]
) -> tuple[FrameSequence, ...]:
    found = []
    for video in videos:
        targets = np.full((len(video), len(columns)), np.nan, np.float32)
        if target == NEXT:
            # What comes after the last frame nobody knows.
            targets[:-1] = video.features[1:, [*columns.values()]]
        elif video.labels is not None:
            targets = np.where(video.unlabelled[:, np.newaxis], np.nan, video.labels)
        found.append(FrameSequence(video.features, targets, video.name))
    return tuple(found)


def _check_counted(dataset: FrameDataset) -> None:
    for name in PARTS:
        part = getattr(dataset, name)
        if part and not any(video.counted.any() for video in part):
            raise DataError(
                f"{dataset.name}: no frame of the {name} part has a target "
                f"({', '.join(video.name for video in part[:5])}). Label some, or, to predict the "
                "next frame, give videos of at least two."
            )
