"""Pictures: where one may be written, curves over epochs, whether probabilities can be believed."""

import io
from collections.abc import Sequence
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from keras_seq.data import DataError

PICTURES = (".png", ".svg", ".pdf")
# Of Okabe and Ito's colours, which colour-blind readers tell apart.
BLUE, ORANGE, GREY = "#0072B2", "#D55E00", "#5A5F69"
_SIZE = (4.2, 3.2)  # inches: about the width of a phone, so that its letters stay legible


def refuse_picture_place(place: str, option: str) -> None:
    """Looks whether a picture can be written there, before the work that it takes.

    Args:
        place: The file.
        option: What the user gave it by.

    Raises:
        DataError: The ending is none of a picture's, or there is no such folder.
    """
    path = Path(place)
    if path.suffix.lower() not in PICTURES:
        raise DataError(f"A picture ends in {', '.join(PICTURES)}; got {option} {place}.")
    if not path.parent.is_dir():
        raise DataError(f"{option} {place}: there is no folder {path.parent}; make it first.")


def numbered(path: Path, number: int) -> Path:
    """The place of one of several pictures: that of the first, the others with their number."""
    return path if number == 1 else path.with_stem(f"{path.stem}-{number}")


def svg(figure: Figure) -> bytes:
    """A figure as an SVG file whose letters are outlines, the same for the same figure."""
    content = io.BytesIO()
    with matplotlib.rc_context({"svg.fonttype": "path", "svg.hashsalt": "report"}):
        figure.savefig(content, format="svg", metadata={"Date": None, "Creator": None})
    return content.getvalue()


def curves(
    training: Sequence[float], validation: Sequence[float], *, best: int, label: str
) -> Figure:
    """Draws a figure over the epochs.

    Args:
        training: Of each epoch; may be empty.
        validation: Of each epoch; may be empty.
        best: Number of the epoch whose model was kept, from 1.
        label: Name and unit of the figure.
    """
    figure = Figure(figsize=_SIZE, layout="constrained")
    axes = figure.subplots()
    lines = (training, "training", BLUE, "o-"), (validation, "validation", ORANGE, "s--")
    for values, name, colour, style in lines:
        if len(values):
            epochs = np.arange(1, len(values) + 1)
            each = max(1, len(values) // 20)
            axes.plot(epochs, values, style, color=colour, label=name, ms=4, markevery=each)
    axes.axvline(best, color=GREY, linestyle=":", label=f"best epoch: {best}")
    axes.set(xlabel="epoch", ylabel=label)
    axes.margins(x=0.08)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.grid(alpha=0.3)
    axes.legend()
    return figure


def reliability(confidences: np.ndarray, right: np.ndarray, bins: int = 10) -> Figure:
    """Draws how often what was said with a certain probability is right.

    Args:
        confidences: (N,), the probability of the class that was predicted.
        right: (N,), whether it is the true one.
        bins: Intervals of the probability.
    """
    number = bin_numbers(confidences, bins)
    counts = np.bincount(number, minlength=bins)
    filled = counts > 0
    mean, share = (
        np.bincount(number, weights=values, minlength=bins)[filled] / counts[filled]
        for values in (confidences, right)
    )
    figure = Figure(figsize=(_SIZE[0], 4.2), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    above.plot([0, 1], [0, 1], ":", color=GREY, label="exact probabilities")
    above.plot(mean, share, "o-", color=BLUE, ms=5, label="this model", clip_on=False, zorder=3)
    above.set(ylabel="share that is right", xlim=(0, 1), ylim=(0, 1))
    above.grid(alpha=0.3)
    above.legend(loc="upper left")
    places = (np.arange(bins) + 0.5) / bins
    below.bar(places, counts, width=0.9 / bins, color=BLUE)
    below.set(xlabel="probability of the predicted class", ylabel="number", yscale="log")
    powers = 10 ** np.arange(len(str(counts.max())))
    below.set_yticks(powers, [f"{power:,}" for power in powers])
    below.set_ylim(0.5, 2 * counts.max())  # one example is seen
    below.minorticks_off()
    return figure


def bin_numbers(confidences: np.ndarray, bins: int) -> np.ndarray:
    """(N,): which of equal intervals of 0 to 1 each probability lies in, from 0."""
    return np.clip((np.nan_to_num(confidences) * bins).astype(int), 0, bins - 1)
