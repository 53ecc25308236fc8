"""Pictures of what was said of every frame of a video, beside what is true."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from keras_seq.inspect.fonts import families_for
from keras_seq.inspect.plots import COLOURS

_HATCHES = "", "///", "xxx", "...", "ooo"
_PALE = "#D9D9D9"  # frames without a label
_ERROR = "#000000"
_WIDTH = 9.0  # inches
_MOST_CURVES = 8


def plot_timeline(
    predicted: Any, true: Any = None, *, label_names: Sequence[str], title: str = ""
) -> Figure:
    """Draws the labels of a video as bars of coloured stretches, predicted above true.

    Black marks below tell where the two differ. Frames without a label are grey. Colours are those
    that colour-blind readers tell apart; from the ninth class on they come again, hatched.

    Args:
        predicted: Class numbers (T,).
        true: Class numbers (T,), below 0 where there is no label; None if nothing is known.
        label_names: Of each class.
        title: What is written above.

    Returns:
        A figure; `figure.savefig("timeline.png")` writes it.

    Raises:
        ValueError: The labels are not (T,), not as many of both, or no number of a class.

    Example:
        >>> from keras_seq.inspect import plot_timeline
        >>> figure = plot_timeline([0, 0, 1, 1], [0, 1, 1, 1], label_names=["still", "left"])
        >>> [label.get_text() for label in figure.axes[0].get_yticklabels()]
        ['predicted', 'true', 'wrong']
    """
    rows = {"predicted": _labels(predicted, len(label_names), lowest=0)}
    if true is not None:
        rows["true"] = _labels(true, len(label_names), lowest=-1)
        if rows["true"].shape != rows["predicted"].shape:
            raise ValueError(
                f"{len(rows['predicted'])} predicted labels came with {len(rows['true'])} true "
                "ones; give one of each for each frame."
            )
    names = [*rows, "wrong"] if true is not None else [*rows]
    figure = Figure(figsize=(_WIDTH, 1.5 + 0.55 * len(names)), layout="constrained")
    axes = figure.subplots()
    for place, labels in enumerate(rows.values()):
        for label in np.unique(labels).tolist():
            axes.broken_barh(_runs(labels == label), (place - 0.4, 0.8), **_look(label))
    if true is not None:
        wrong = (rows["true"] >= 0) & (rows["true"] != rows["predicted"])
        axes.broken_barh(_runs(wrong), (1.7, 0.6), color=_ERROR)
    axes.set(xlim=(0, len(rows["predicted"])), ylim=(len(names) - 0.4, -0.6), xlabel="frame")
    axes.set_yticks(range(len(names)), names)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    _legend(figure, np.unique(np.concatenate([*rows.values()])).tolist(), label_names)
    _title(axes, title)
    return figure


def plot_values(
    predicted: Any, true: Any = None, *, names: Sequence[str], title: str = ""
) -> Figure:
    """Draws the numbers that were predicted for each frame beside the true ones, a panel each.

    Args:
        predicted: (T, D).
        true: (T, D), NaN where there is none; None if nothing is known.
        names: Of the D numbers. The first eight have a panel.
        title: What is written above.

    Returns:
        A figure.

    Raises:
        ValueError: Shapes that are not those.

    Example:
        >>> from keras_seq.inspect import plot_values
        >>> figure = plot_values([[1.0], [2.0]], [[1.5], [2.5]], names=["height"])
        >>> figure.axes[0].get_ylabel()
        'height'
    """
    predicted = np.asarray(predicted, float)
    true = None if true is None else np.asarray(true, float)
    wanted = (len(predicted), len(names))
    if predicted.ndim != 2 or predicted.shape != wanted or not predicted.size:
        raise ValueError(f"predicted must be (T, {len(names)}); got the shape {predicted.shape}.")
    if true is not None and true.shape != wanted:
        raise ValueError(f"true must be {wanted} as predicted is; got the shape {true.shape}.")
    shown = min(len(names), _MOST_CURVES)
    figure = Figure(figsize=(_WIDTH, 1.2 + 1.5 * shown), layout="constrained")
    panels = figure.subplots(shown, 1, squeeze=False, sharex=True)[:, 0]
    frames = np.arange(len(predicted))
    for number, axes in enumerate(panels):
        each = max(1, len(frames) // 20)
        if true is not None:
            axes.plot(frames, true[:, number], "-", color=COLOURS[0], label="true")
        style = {"color": COLOURS[1], "ms": 4, "markevery": each, "label": "predicted"}
        axes.plot(frames, predicted[:, number], "o--", **style)
        axes.set_ylabel(names[number], parse_math=False, fontfamily=families_for([names[number]]))
        axes.grid(alpha=0.3)
    panels[0].legend(loc="upper right")
    panels[-1].set_xlabel("frame")
    panels[-1].xaxis.set_major_locator(MaxNLocator(integer=True))
    _title(panels[0], title)
    return figure


def _labels(labels: Any, classes: int, lowest: int) -> np.ndarray:
    labels = np.asarray(labels)
    if labels.ndim != 1 or not labels.size or labels.dtype.kind not in "iu":
        raise ValueError(
            f"labels must be whole numbers (T,), T at least 1; got {labels.dtype} with the shape "
            f"{labels.shape}."
        )
    if (labels.min() < lowest and lowest == 0) or labels.max() >= classes:
        raise ValueError(
            f"labels go from {labels.min()} to {labels.max()}; there are {classes} classes, 0 to "
            f"{classes - 1}."
        )
    return np.maximum(labels.astype(np.int64), -1)


def _runs(chosen: np.ndarray) -> list[tuple[int, int]]:
    """Start and length of the stretches where it is true."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], chosen.astype(int), [0]])))
    return [(int(a), int(b - a)) for a, b in zip(edges[::2], edges[1::2], strict=True)]


def _look(label: int) -> dict[str, Any]:
    if label < 0:
        return {"facecolor": _PALE, "edgecolor": "none"}
    colour, again = COLOURS[label % len(COLOURS)], label // len(COLOURS)
    hatch = _HATCHES[again % len(_HATCHES)]
    # The hatch has the colour of the edge.
    return {"facecolor": colour, "edgecolor": "white" if hatch else "none", "hatch": hatch}


def _legend(figure: Figure, labels: Sequence[int], names: Sequence[str]) -> None:
    told = [names[label] if label >= 0 else "(no label)" for label in labels]
    patches = [Patch(label=text, **_look(label)) for label, text in zip(labels, told, strict=True)]
    legend = figure.legend(handles=patches, loc="outside lower center", ncols=min(len(told), 6))
    families = families_for(told)
    for text in legend.get_texts():
        text.set(fontfamily=families, parse_math=False)  # a dollar is a dollar


def _title(axes: Any, title: str) -> None:
    if title:
        axes.set_title(title, parse_math=False, fontfamily=families_for([title]))
