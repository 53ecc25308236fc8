"""Sections of a report on predicted classes: which are confused, how sure, which texts."""

from collections.abc import Sequence

import numpy as np

from tasks.report import Picture, Pictures, Quote, Quotes, Section, Table, Text, shortened
from tasks.report_pictures import bin_numbers, reliability, svg

_MOST_CLASSES = 20  # a larger matrix is no reading
_BINS = 10


def confusion(truth: np.ndarray, predicted: np.ndarray, classes: int) -> np.ndarray:
    """(C, C): how many of each true class, a row, were taken for each class, a column."""
    counts = np.zeros((classes, classes), int)
    np.add.at(counts, (truth, predicted), 1)
    return counts


def calibration_error(confidences: np.ndarray, right: np.ndarray, bins: int = _BINS) -> float:
    """How far probability and share of right ones lie apart, the mean over all examples."""
    number = bin_numbers(confidences, bins)
    gaps = np.bincount(number, weights=confidences - right, minlength=bins)
    return float(np.abs(gaps).sum() / len(confidences))


def classes_section(truth: np.ndarray, predicted: np.ndarray, names: Sequence[str]) -> Section:
    """The confusion matrix of the test part, and the scores of each class."""
    counts = confusion(truth, predicted, len(names))
    wrong = len(truth) - int(np.trace(counts))
    summary = Text(f"{wrong:,} of {len(truth):,} examples of the test part are judged wrong.")
    matrix = _matrix(counts, names) if len(names) <= _MOST_CLASSES else _commonest(counts, names)
    return Section("Classes", (summary, matrix, _scores(counts, names)))


def _matrix(counts, names):
    totals = counts.sum(axis=1)
    shares = counts / np.maximum(totals, 1)[:, None]
    return Table(
        ("true ↓  predicted →", *names, "all"),
        [
            (name, *(f"{n:,}" for n in row), f"{total:,}")
            for name, row, total in zip(names, counts, totals, strict=True)
        ],
        shares=[(0.0, *row, 0.0) for row in shares.tolist()],
        caption="Number of examples; the stronger the colour, the larger the share of the class.",
    )


def _commonest(counts, names):
    confused = counts * ~np.eye(len(names), dtype=bool)
    order = np.argsort(-confused, axis=None, kind="stable")[:_MOST_CLASSES]
    pairs = [divmod(int(place), len(names)) for place in order if confused.flat[place]]
    return Table(
        ("true", "predicted", "examples"),
        [(names[true], names[taken], f"{confused[true, taken]:,}") for true, taken in pairs],
        caption=f"The commonest confusions; {len(names)} classes are too many for a matrix.",
    )


def _scores(counts, names):
    hits, true, taken = np.diag(counts), counts.sum(axis=1), counts.sum(axis=0)
    with np.errstate(invalid="ignore"):
        columns = [hits / taken, hits / true, 2 * hits / (true + taken)]
    rows = [
        (name, *map(_share, scores), f"{number:,}")
        for name, *scores, number in zip(names, *columns, true, strict=True)
    ]
    unknown = np.isnan(columns).any()
    known = [column[~np.isnan(column)] for column in columns]
    means = (_share(column.mean()) if len(column) else "–" for column in known)
    return Table(
        ("class", "precision", "recall", "F1", "examples"),
        [*rows, ("mean", *means, f"{true.sum():,}")],
        marked={len(rows)},
        caption="–: nothing to divide by, left out of the mean." if unknown else "",
    )


def _share(value: float) -> str:
    return "–" if np.isnan(value) else f"{value:.4f}"


def calibration_section(confidences: np.ndarray, right: np.ndarray) -> Section:
    """Whether the probability of the predicted class can be believed.

    Args:
        confidences: (N,), that probability.
        right: (N,), whether the class is the true one.
    """
    error = calibration_error(confidences, right)
    picture = Picture(
        svg(reliability(confidences, right, _BINS)),
        "Share of right predictions over their probability, and their number.",
        "Above the dotted line the model is right more often than it says, below it less often. "
        f"The bars: how many of the {len(right):,} predictions lie in each tenth.",
    )
    words = (
        f"Expected calibration error: {error:.4f} (probability and share of right ones lie so far "
        f"apart, a mean over {_BINS} intervals weighted by their examples)."
    )
    return Section("Calibration", (Text(words), Pictures((picture,))))


def texts_section(
    texts: Sequence[str],
    truth: np.ndarray,
    predicted: np.ndarray,
    confidences: np.ndarray,
    names: Sequence[str],
    number: int = 10,
) -> Section:
    """Errors worth reading: the surest wrong predictions, and the least certain of all.

    Args:
        texts: The N texts of the test part.
        truth: (N,), numbers of the true classes.
        predicted: (N,), numbers of those predicted.
        confidences: (N,), their probabilities.
        names: The classes.
        number: How many texts of each kind.
    """

    def quotes(rows):
        return [
            Quote(
                shortened(texts[row]),
                (
                    "right" if truth[row] == predicted[row] else "wrong",
                    f"true: {names[truth[row]]}",
                    f"predicted: {names[predicted[row]]}",
                    f"probability {confidences[row]:.3f}",
                    f"test text {row + 1:,}",
                ),
            )
            for row in rows
        ]

    wrong = np.flatnonzero(truth != predicted)
    surest = wrong[np.argsort(-confidences[wrong], kind="stable")][:number]
    unsure = np.argsort(confidences, kind="stable")[:number]
    first: Quotes | Text = Quotes(
        f"Wrong and sure: {len(surest)} of {len(wrong):,} wrong predictions", quotes(surest)
    )
    if not len(wrong):
        first = Text("No prediction on the test part is wrong.")
    least = Quotes(f"Least certain: {len(unsure)} of {len(texts):,} predictions", quotes(unsure))
    return Section("Texts worth reading", (first, least))
