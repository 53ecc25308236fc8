"""Pictures of gates, of gradients over time and of attention, as matplotlib figures."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from keras_seq.inspect.fonts import families_for
from keras_seq.inspect.gates import Record

# Okabe and Ito's colours, which colour-blind readers tell apart; the palest last.
COLOURS = ["#0072B2", "#D55E00", "#009E73", "#E69F00", "#56B4E9", "#CC79A7", "#000000", "#F0E442"]
_MARKERS = "osD^vP*X"
_DASHES = "-", "--", ":"
_LOWEST = 1e-12  # smaller ratios would leave no room for the rest
_WIDEST, _HIGHEST = 24.0, 32.0  # inches


def plot_gates(record: Record, example: int = 0, tokens: Sequence[str] | None = None) -> Figure:
    """Draws every gate and state of one example: units over time, a panel each.

    What lies in 0 to 1 goes from dark blue to yellow; what is signed goes from orange (negative)
    over white (0) to purple (positive), as far as its largest absolute value in the batch. Gates
    are hatched where the mask is False.

    Args:
        record: What `keras_seq.inspect.record` gave.
        example: Which row of the batch.
        tokens: What was read at each step, T strings, written under the time axis.

    Returns:
        A figure; `figure.savefig("gates.png")` writes it.

    Raises:
        ValueError: There is no such example, or another number of tokens than of steps.

    Example:
        >>> import numpy as np
        >>> from keras_seq.inspect import plot_gates, record
        >>> from keras_seq.layers import GRU
        >>> found = record(GRU(4, name="gru"), np.ones((2, 3, 5)))
        >>> figure = plot_gates(found, tokens=["a", "b", "c"])
        >>> [axes.get_title() for axes in figure.axes[:4]]
        ['gate z', 'gate r', 'gate h', 'state h']
    """
    arrays = record.arrays
    batch, steps, _ = next(iter(arrays.values())).shape
    if not 0 <= example < batch:
        raise ValueError(f"example must be in 0 to {batch - 1}, for the batch is {batch}.")
    tokens = None if tokens is None else _texts(tokens, steps, "tokens", "time step")
    each = 0.2 if tokens else 0.1
    width = float(np.clip(2.5 + each * steps, 6, _WIDEST))
    heights = [float(np.clip(0.1 * a.shape[-1], 0.5, 4)) for a in arrays.values()]
    height = min(1.5 + sum(heights) + 0.45 * len(heights), _HIGHEST)
    figure = Figure(figsize=(width, height), layout="constrained")
    panels = figure.subplots(len(arrays), 1, squeeze=False, sharex=True, height_ratios=heights)
    for axes, (name, values) in zip(panels[:, 0], arrays.items(), strict=True):
        _draw_units(figure, axes, values[example], **_colours_of(values))
        axes.set(title=name, ylabel="unit")
    masked = record.mask is not None and not record.mask[example].all()
    bottom = panels[-1, 0]
    bottom.set_xlabel("time step (hatched: masked)" if masked else "time step")
    if tokens:
        _label(bottom, "x", tokens, room=(width - 2.5) / 0.16, rotation=90)
    figure.suptitle(f"{record.layer or 'layer'}, example {example}")
    return figure


def _draw_units(figure, axes, values, **colours):
    axes.patch.set(hatch="xxxx", edgecolor="0.6", facecolor="white")  # shows where values are NaN
    image = axes.imshow(values.T, aspect="auto", interpolation="nearest", **colours)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.yaxis.set_major_locator(MaxNLocator(nbins=4, integer=True))
    bar = figure.colorbar(image, ax=axes, pad=0.01, aspect=10)
    bar.set_ticks(
        [0.0, 0.5, 1.0] if colours["vmax"] == 1 and not colours["vmin"] else MaxNLocator(3)
    )
    bar.set_label("value")


def _colours_of(values) -> dict[str, Any]:
    """Colours and their limits for all values of a gate or state."""
    real = values[np.isfinite(values)]
    low, high = (real.min(), real.max()) if real.size else (0.0, 0.0)
    if low >= 0:
        return {"cmap": colormaps["cividis"], "vmin": 0.0, "vmax": max(1.0, high)}
    limit = max(-low, high)
    return {"cmap": colormaps["PuOr"], "vmin": -limit, "vmax": limit}


def plot_gradient_flow(flows: Mapping[str, Any]) -> Figure:
    """Draws the gradient that reaches the states of earlier steps, relative to the last step.

    Args:
        flows: What `gradient_flow` gave, (T,), by the name of the layer; the lengths may differ.
            Ratios below 1e-12 leave the picture.

    Returns:
        A figure with a logarithmic axis: a curve that falls like a line vanishes exponentially.

    Raises:
        ValueError: There is nothing to draw, or a flow is not (T,) with a positive last number.

    Example:
        >>> import numpy as np
        >>> from keras_seq.inspect import plot_gradient_flow
        >>> figure = plot_gradient_flow({"halved": 0.5 ** np.arange(9, -1, -1)})
        >>> figure.axes[0].get_xlabel()
        'steps before the last'
    """
    if not flows:
        raise ValueError("There is nothing to draw: no flows.")
    figure = Figure(figsize=(8, 5), layout="constrained")
    axes = figure.subplots()
    lowest = 1.0
    for number, (name, flow) in enumerate(flows.items()):
        flow = np.asarray(flow, float)
        if flow.ndim != 1 or not len(flow) or not flow[-1] > 0:
            raise ValueError(
                f"{name}: a flow is (T,), the gradient at the last step positive; got the shape "
                f"{flow.shape}."
            )
        ratios = flow[::-1] / flow[-1]
        ratios[~(ratios > 0)] = np.nan  # nothing has no place on a logarithmic axis
        lowest = min(lowest, np.nanmin(ratios))
        axes.plot(
            ratios,
            color=COLOURS[number % len(COLOURS)],
            linestyle=_DASHES[number // len(COLOURS) % len(_DASHES)],
            marker=_MARKERS[number % len(_MARKERS)],
            markevery=max(1, len(ratios) // 10),
            label=name,
        )
    axes.set_yscale("log")
    axes.set_ylim(bottom=max(lowest / 2, _LOWEST))
    axes.set(
        title="Gradient that reaches earlier states",
        xlabel="steps before the last",
        ylabel="gradient norm / that at the last step",
    )
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(alpha=0.3)
    axes.legend()
    return figure


def plot_attention(weights, source_tokens: Sequence[str], target_tokens: Sequence[str]) -> Figure:
    """Draws which source tokens each target token looked at.

    Labels take an installed font that has their characters, Chinese ones too; if there is none, a
    warning says so.

    Args:
        weights: (T_out, T_in), not negative; each row is the attention of one target token.
        source_tokens: T_in strings.
        target_tokens: T_out strings.

    Returns:
        A figure.

    Raises:
        ValueError: `weights` has another rank or numbers of tokens, or negative weights.

    Example:
        >>> from keras_seq.inspect import plot_attention
        >>> figure = plot_attention([[0.9, 0.1], [0.2, 0.8]], ["good", "day"], ["guten", "Tag"])
        >>> [label.get_text() for label in figure.axes[0].get_yticklabels()]
        ['guten', 'Tag']
    """
    weights = np.asarray(weights, float)
    if weights.ndim != 2 or 0 in weights.shape or not (weights >= 0).all():
        raise ValueError(
            "weights must be (T_out, T_in), none of them negative or NaN; got the shape "
            f"{weights.shape}."
        )
    source = _texts(source_tokens, weights.shape[1], "source_tokens", "column of the weights")
    target = _texts(target_tokens, weights.shape[0], "target_tokens", "row of the weights")
    longest = [min(max(map(len, texts)), 20) for texts in (source, target)]
    width = float(np.clip(2 + 0.28 * len(source) + 0.1 * longest[1], 4, _WIDEST))
    height = float(np.clip(1.2 + 0.28 * len(target) + 0.08 * longest[0], 3, _WIDEST))
    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.subplots()
    image = axes.imshow(weights, aspect="auto", cmap="cividis", vmin=0, vmax=weights.max() or 1)
    figure.colorbar(image, ax=axes).set_label("attention weight")
    _label(axes, "x", source, room=(width - 2) / 0.2, rotation=0 if longest[0] < 3 else 60)
    _label(axes, "y", target, room=(height - 1) / 0.2)
    axes.set(xlabel="source token", ylabel="target token")
    return figure


def _texts(tokens, count, name, of) -> list[str]:
    tokens = [str(token).replace("\n", "\\n").replace("\t", "\\t") for token in tokens]
    if len(tokens) != count:
        raise ValueError(f"{name} must be {count}, one for each {of}; got {len(tokens)}.")
    return tokens


def _label(axes, axis, texts, room, rotation=0):
    """Labels the ticks of an axis, every one or as many as there is room for."""
    every = max(1, int(np.ceil(len(texts) / room)))
    places = range(0, len(texts), every)
    set_ticks = axes.set_xticks if axis == "x" else axes.set_yticks
    set_ticks(places, texts[::every], rotation=rotation)
    families = families_for(texts)
    for label in axes.get_xticklabels() if axis == "x" else axes.get_yticklabels():
        label.set(fontfamily=families, parse_math=False)  # a dollar is a dollar
        if 0 < rotation < 90:
            label.set(ha="right", rotation_mode="anchor")
