"""Figures of segments: stretches of frames with one label."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np


class Segment(NamedTuple):
    """A stretch of frames with one label.

    Attributes:
        label: The class number.
        start: The first frame, from 0.
        stop: The frame after the last.

    Example:
        >>> from keras_seq.metrics import Segment
        >>> Segment(label=2, start=5, stop=9).stop
        9
    """

    label: int
    start: int
    stop: int


def segments(labels: Any) -> list[Segment]:
    """Cuts the labels of a video where they change.

    Args:
        labels: Class numbers (T,).

    Returns:
        The stretches with one label, in order; they cover all frames.

    Raises:
        ValueError: The labels are not (T,), or no whole numbers.

    Example:
        >>> from keras_seq.metrics import segments
        >>> [tuple(segment) for segment in segments([4, 4, 4, 1, 4])]
        [(4, 0, 3), (1, 3, 4), (4, 4, 5)]
    """
    labels = np.asarray(labels)
    if labels.ndim != 1:
        raise ValueError(f"labels must be (T,), those of one video; got the shape {labels.shape}.")
    if not labels.size:
        return []
    if labels.dtype.kind not in "iu":
        raise ValueError(f"labels must be whole numbers, of the classes; got {labels.dtype}.")
    bounds = [0, *(np.flatnonzero(np.diff(labels)) + 1).tolist(), len(labels)]
    starts, stops = bounds[:-1], bounds[1:]
    return [Segment(int(labels[a]), a, b) for a, b in zip(starts, stops, strict=True)]


def segment_f1(true: Sequence[Any], predicted: Sequence[Any], overlap: float = 0.5) -> float:
    r"""F1 of segments: one that is found in the main counts as found, however many frames it has.

    A predicted segment is right if it has the label of a true one that no other has taken yet, and

    $$\mathrm{IoU} = \frac{|\text{predicted} \cap \text{true}|}{|\text{predicted} \cup \text{true}|}
      \ge \text{overlap}, \qquad
      F_1 = \frac{2\,TP}{2\,TP + FP + FN}$$

    Each predicted segment, from the first to the last, stands beside the true one of its label
    that it overlaps most. TP, FP and FN are summed over the videos. The figure does not mind
    borders that are a little off, but a video cut into many small segments.

    Args:
        true: Of each video its class numbers (T,). Frames below 0 have no label: a video is taken
            apart there, and they do not count.
        predicted: Of each video its class numbers (T,).
        overlap: The smallest overlap, above 0 and up to 1.

    Returns:
        From 0 to 1.

    Raises:
        ValueError: The two are not as many, an `overlap` out of range, or no frame has a label.

    Example:
        >>> from keras_seq.metrics import segment_f1
        >>> true, predicted = [0, 0, 0, 0, 1, 1, 1, 1], [0, 0, 0, 1, 1, 1, 1, 0]
        >>> segment_f1([true], [predicted], overlap=0.5)  # two of three predicted, two of two true
        0.8

    Reference:
        Lea et al., "Temporal convolutional networks for action segmentation and detection" (2016,
        arXiv 1611.05267), section 4.
    """
    if not 0 < overlap <= 1:
        raise ValueError(f"overlap must be above 0 and at most 1; got {overlap!r}.")
    if len(true) != len(predicted):
        raise ValueError(f"{len(true)} videos came with predictions of {len(predicted)}.")
    hits = found = wanted = 0
    for number, (labels, guesses) in enumerate(zip(true, predicted, strict=True)):
        labels, guesses = np.asarray(labels), np.asarray(guesses)
        if labels.shape != guesses.shape:
            raise ValueError(
                f"video {number} has labels of shape {labels.shape} and predictions of shape "
                f"{guesses.shape}; give one for each frame."
            )
        for start, stop in labelled_stretches(labels):
            right, guessed = segments(labels[start:stop]), segments(guesses[start:stop])
            hits += _matches(right, guessed, overlap)
            found, wanted = found + len(guessed), wanted + len(right)
    if not wanted:
        raise ValueError("no frame of any video has a label: there is nothing to count.")
    return 2 * hits / (found + wanted)


def labelled_stretches(labels: Any) -> list[tuple[int, int]]:
    """Finds the stretches of a video that have labels.

    Args:
        labels: Class numbers (T,); frames below 0 have none.

    Returns:
        Of each stretch the first frame and the frame after the last, in order.

    Raises:
        ValueError: The labels are not (T,).

    Example:
        >>> from keras_seq.metrics import labelled_stretches
        >>> labelled_stretches([2, 2, -1, 0])
        [(0, 2), (3, 4)]
    """
    labels = np.asarray(labels)
    return [(start, stop) for has, start, stop in segments((labels >= 0).astype(int)) if has]


def _matches(true: Sequence[Segment], predicted: Sequence[Segment], overlap: float) -> int:
    """How many predicted segments are right."""
    taken: set[Segment] = set()
    for segment in predicted:
        same = [other for other in true if other.label == segment.label]
        nearest = max(
            same, key=lambda other: _intersection_over_union(segment, other), default=None
        )
        if nearest is None or nearest in taken:
            continue
        if _intersection_over_union(segment, nearest) >= overlap:
            taken.add(nearest)
    return len(taken)


def _intersection_over_union(a: Segment, b: Segment) -> float:
    shared = max(0, min(a.stop, b.stop) - max(a.start, b.start))
    return shared / ((a.stop - a.start) + (b.stop - b.start) - shared)
