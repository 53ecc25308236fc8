"""Figures of labels that each frame has by itself."""

from typing import Any

import numpy as np


def frame_accuracy(true: Any, predicted: Any) -> float:
    r"""The share of frames whose label is predicted right.

    $$\frac{1}{N} \sum_{t} [\hat y_t = y_t]$$

    Args:
        true: Class numbers (N,), of all videos one after another; a frame below 0 has no label and
            does not count.
        predicted: Class numbers (N,).

    Returns:
        From 0 to 1.

    Raises:
        ValueError: The two are not as many, or no frame has a label.

    Example:
        >>> from keras_seq.metrics import frame_accuracy
        >>> frame_accuracy([0, 0, 1, -1], [0, 1, 1, 1])
        0.6666666666666666
    """
    true, predicted = labelled(true, predicted)
    return float(np.mean(true == predicted))


def macro_f1(true: Any, predicted: Any, classes: int) -> float:
    r"""The mean over the classes of F1, in which a rare class weighs as much as a common one.

    $$\frac{1}{|C|} \sum_{c \in C} \frac{2\,TP_c}{2\,TP_c + FP_c + FN_c}$$

    A class that is neither true nor predicted anywhere has no F1, and is not in the mean.

    Args:
        true: Class numbers (N,), of all videos one after another; a frame below 0 has no label and
            does not count.
        predicted: Class numbers (N,).
        classes: C, the number of classes.

    Returns:
        From 0 to 1.

    Raises:
        ValueError: The two are not as many, no frame has a label, or a number is none of a class.

    Example:
        >>> from keras_seq.metrics import macro_f1
        >>> macro_f1([0, 0, 0, 1], [0, 0, 0, 0], classes=2)  # F1 of 6/7 and of 0
        0.42857142857142855

    Reference:
        van Rijsbergen, "Information retrieval" (1979), chapter 7, for F; its mean over classes:
        Yang & Liu, "A re-examination of text categorization methods" (1999).
    """
    true, predicted = labelled(true, predicted)
    largest = max(true.max(), predicted.max())
    if predicted.min() < 0 or largest >= classes:
        raise ValueError(
            f"labels go from {min(true.min(), predicted.min())} to {largest}; with "
            f"classes={classes} they must be 0 to {classes - 1}."
        )
    hits = np.bincount(true[true == predicted], minlength=classes)
    both = np.bincount(true, minlength=classes) + np.bincount(predicted, minlength=classes)
    there = both > 0
    return float(np.mean(2 * hits[there] / both[there]))


def labelled(true: Any, predicted: Any) -> tuple[np.ndarray, np.ndarray]:
    """The frames that have a label, as two arrays of whole numbers.

    Raises:
        ValueError: The two are not as many, are no class numbers, or no frame has a label.
    """
    true, predicted = (np.asarray(part) for part in (true, predicted))
    if true.ndim != 1 or true.shape != predicted.shape:
        raise ValueError(
            f"labels must be (N,), as many true as predicted; got {true.shape} and "
            f"{predicted.shape}."
        )
    kinds = [part.dtype for part in (true, predicted) if part.dtype.kind not in "iu"]
    if kinds and true.size:
        raise ValueError(f"labels must be whole numbers, of the classes; got {kinds[0]}.")
    counts = true >= 0
    if not counts.any():
        raise ValueError(f"none of {len(true)} frames has a label: there is nothing to count.")
    return true[counts].astype(np.int64), predicted[counts].astype(np.int64)
