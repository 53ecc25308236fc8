"""Videos and sensor streams with a target for every frame, and how some are held out."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from keras_seq.data.dataset import DataError

Video = TypeVar("Video")


@dataclass(frozen=True, eq=False)
class FrameSequence:
    """A video or stream: the features of each frame, and what is to be said of it.

    Attributes:
        features: Float32, (T, F), or pictures (T, H, W, C); T at least 1.
        targets: Class numbers, int32 (T,), where -1 means that the frame has no label; or numbers,
            float32 (T, D), where NaN means that.
        name: What the video is called.

    Raises:
        DataError: Another number of targets than of frames, no frames, or shapes that are none of
            these.

    Example:
        >>> import numpy as np
        >>> from keras_seq.data import FrameSequence
        >>> clip = FrameSequence(np.ones((3, 5)), np.array([0, -1, 2]), "clip")
        >>> len(clip), clip.counted
        (3, array([ True, False,  True]))
    """

    features: np.ndarray
    targets: np.ndarray
    name: str = ""

    def __post_init__(self) -> None:
        features = np.asarray(self.features, np.float32)
        targets = np.asarray(self.targets)
        if features.ndim not in (2, 4) or 0 in features.shape:
            raise DataError(
                f"{self.name or 'a video'} has features of shape {features.shape}; give (T, F), or "
                "(T, H, W, C) for pictures, each size at least 1."
            )
        rank = 2 if targets.dtype.kind == "f" else 1
        if targets.dtype.kind not in "iuf" or targets.ndim != rank or len(targets) != len(features):
            raise DataError(
                f"{self.name or 'a video'} has {len(features)} frames and targets of "
                f"{targets.dtype} with the shape {targets.shape}; give class numbers (T,), or "
                "floats (T, D)."
            )
        object.__setattr__(self, "features", features)
        object.__setattr__(self, "targets", targets.astype(np.float32 if rank == 2 else np.int32))

    def __len__(self) -> int:
        return len(self.features)

    @property
    def counted(self) -> np.ndarray:
        """(T,): which frames have a target."""
        if self.targets.ndim == 1:
            return self.targets >= 0
        return np.isfinite(self.targets).all(axis=1)


@dataclass(frozen=True, eq=False)
class FrameDataset:
    """A task that wants something said of every frame.

    Attributes:
        name: Where the videos come from, for reports.
        train: What a model is fitted on.
        validation: What choices are made on.
        test: What the result is reported on.
        label_names: The name of each class; its position is the class number. Empty where the
            targets are numbers.
        feature_names: The name of each feature; empty for pictures.
        target_names: The name of each number to be predicted; empty where the targets are classes.
        own_test_part: Whether the source came with its test part, or that was held out here.
    """

    name: str
    train: tuple[FrameSequence, ...]
    validation: tuple[FrameSequence, ...]
    test: tuple[FrameSequence, ...]
    label_names: tuple[str, ...] = ()
    feature_names: tuple[str, ...] = ()
    target_names: tuple[str, ...] = ()
    own_test_part: bool = False

    @property
    def feature_shape(self) -> tuple[int, ...]:
        """Of a frame: (F,) or (H, W, C)."""
        return (*self.train, *self.test)[0].features.shape[1:]


def training_windows(
    sequences: Sequence[FrameSequence], max_length: int
) -> tuple[FrameSequence, ...]:
    """Cuts long videos into windows to train on, in which every frame counts once.

    The last window of a video is as long as the others and begins before the end of the one before
    it: frames that they share are there to be read, and count in the first of the two alone.

    Args:
        sequences: The videos.
        max_length: The most frames of a window, at least 1.

    Returns:
        The windows, in order; a video that is not longer is a window of its own.

    Raises:
        ValueError: `max_length` is below 1.

    Example:
        >>> import numpy as np
        >>> from keras_seq.data import FrameSequence, training_windows
        >>> video = FrameSequence(np.arange(5.0)[:, np.newaxis], np.arange(5))
        >>> [window.targets.tolist() for window in training_windows([video], 3)]
        [[0, 1, 2], [-1, 3, 4]]
    """
    if max_length < 1:
        raise ValueError(f"max_length is {max_length}; give at least 1.")
    windows = []
    for video in sequences:
        for begin in range(0, len(video), max_length):
            start = max(0, min(begin, len(video) - max_length))
            stop = min(begin + max_length, len(video))
            targets = video.targets[start:stop].copy()
            targets[: begin - start] = -1 if targets.ndim == 1 else np.nan
            windows.append(FrameSequence(video.features[start:stop], targets, video.name))
    return tuple(windows)


def hold_out(
    videos: Sequence[Video], fraction: float, seed: int
) -> tuple[tuple[Video, ...], tuple[Video, ...]]:
    """Holds out whole videos: frames of one video are too much alike to be in two parts.

    Args:
        videos: What to divide; at least two.
        fraction: The share held out, between 0 and 1: the nearest whole number of videos, at least
            one, and one stays.
        seed: Which of the possible draws is taken.

    Returns:
        The videos that stay and those held out, both in the order given.

    Raises:
        DataError: There are fewer than two.

    Example:
        >>> from keras_seq.data.frames import hold_out
        >>> kept, held_out = hold_out("abcde", fraction=0.2, seed=0)
        >>> len(kept), len(held_out)
        (4, 1)
    """
    if len(videos) < 2:
        raise DataError(
            f"{len(videos)} video cannot be divided into two parts, for frames of one video are "
            "too much alike; give more videos."
        )
    count = int(np.clip(round(fraction * len(videos)), 1, len(videos) - 1))
    drawn = set(np.random.default_rng(seed).permutation(len(videos))[:count].tolist())
    kept = tuple(video for n, video in enumerate(videos) if n not in drawn)
    return kept, tuple(video for n, video in enumerate(videos) if n in drawn)
