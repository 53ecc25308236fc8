"""A section of a report: gates and states of a model's first recurrent layer over one example."""

from collections.abc import Sequence

import keras
import numpy as np

from keras_seq.inspect import Record, layer_input, plot_gates, record
from keras_seq.layers import Recurrent
from tasks.report import Picture, Pictures
from tasks.report_pictures import svg

_MOST_UNITS = 12  # as many as have room for their numbers
_INCHES = {"unit": 0.15, "panel": 0.45, "rest": 1.6}


def gates(model: keras.Model, ids: np.ndarray, tokens: Sequence[str]) -> Pictures | None:
    """Draws what the gates of the first recurrent layer do, a picture for each direction.

    Args:
        model: Takes the ids.
        ids: (1, T), without padding.
        tokens: T strings, what the ids stand for.

    Returns:
        The pictures; None if the model has no recurrent layer of this library.
    """
    kinds = (Recurrent, keras.layers.Bidirectional)
    layer = next((layer for layer in model.layers if isinstance(layer, kinds)), None)
    if layer is None:
        return None
    found = record(layer, *layer_input(model, layer, ids))
    records = {"forward": found} if isinstance(found, Record) else found
    pictures = []
    for direction, seen in records.items():
        units = {a.shape[-1] for a in seen.arrays.values()}
        shown = f"the {_MOST_UNITS} units of {max(units)} that move most"
        if max(units) <= _MOST_UNITS:
            shown = "all units"
        pictures.append(
            Picture(
                svg(_figure(seen, direction, tokens)),
                f"Gates and states while reading {direction}, over the tokens.",
                f"Reading {direction}, layer {seen.layer}: {shown}. From dark blue (0) to yellow "
                "(1); what is signed from orange (negative) over white (0) to purple (positive).",
                wide=True,
            )
        )
    return Pictures(pictures)


def _figure(seen, direction, tokens):
    chosen = _moving_most(seen)

    def cut(arrays):
        return {name: values[..., chosen[values.shape[-1]]] for name, values in arrays.items()}

    shown = Record(cut(seen.gates), cut(seen.states), seen.mask, seen.layer)
    figure = plot_gates(shown, tokens=tokens)
    rows = [chosen[values.shape[-1]] for values in seen.arrays.values()]
    for axes, numbers in zip(figure.axes, rows, strict=False):  # the colour bars come after
        axes.set_yticks(range(len(numbers)), [str(n) for n in numbers], fontsize=7)
    figure.suptitle(f"reading {direction}")
    height = sum(len(numbers) * _INCHES["unit"] + _INCHES["panel"] for numbers in rows)
    figure.set_size_inches(figure.get_figwidth(), height + _INCHES["rest"])
    return figure


def _moving_most(seen: Record) -> dict[int, np.ndarray]:
    """By width the units to be shown: those whose state varies most over the steps."""
    chosen: dict[int, np.ndarray] = {}
    for values in [*seen.states.values(), *seen.gates.values()]:
        order = np.argsort(-np.nan_to_num(values[0]).std(axis=0), kind="stable")
        chosen.setdefault(values.shape[-1], np.sort(order[:_MOST_UNITS]))
    return chosen
