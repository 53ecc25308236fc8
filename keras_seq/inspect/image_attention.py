"""Pictures of where each word of a caption looked."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from keras_seq.inspect.fonts import families_for

_COLUMNS = 5
_PANEL = 1.9  # inches of a side
_DARKEST = 0.85  # how much of the picture the overlay hides where nothing was looked at


def plot_image_attention(image, weights, words: Sequence[str]) -> Figure:
    """Draws which places of an image each word of its caption looked at.

    The first panel is the image. Of each word there is one more, bright where it looked: the image
    under a shade that is lightest where the word's largest weight is.

    Args:
        image: (H, W, 3), numbers from 0 to 255.
        weights: (T, rows, columns), not negative: the attention of each word over the image's
            places, of whatever number.
        words: T strings.

    Returns:
        A figure; `figure.savefig("attention.png")` writes it.

    Raises:
        ValueError: No image, weights of another rank or negative ones, or another number of words.

    Example:
        >>> import numpy as np
        >>> from keras_seq.inspect import plot_image_attention
        >>> weights = np.random.default_rng(0).random((2, 4, 4))
        >>> figure = plot_image_attention(np.zeros((32, 32, 3), "uint8"), weights, ["a", "dog"])
        >>> [axes.get_title() for axes in figure.axes]
        ['', 'a', 'dog']
    """
    image, weights = np.asarray(image), np.asarray(weights, float)
    if image.ndim != 3 or image.shape[-1] != 3 or 0 in image.shape:
        raise ValueError(f"image must be (H, W, 3); got the shape {image.shape}.")
    if weights.ndim != 3 or 0 in weights.shape or not (weights >= 0).all():
        raise ValueError(
            "weights must be (T, rows, columns), none of them negative or NaN; got the shape "
            f"{weights.shape}."
        )
    if len(words) != len(weights):
        raise ValueError(f"words must be {len(weights)}, one for each weight; got {len(words)}.")
    height, width = image.shape[:2]
    rows, columns = -(-(len(words) + 1) // _COLUMNS), min(_COLUMNS, len(words) + 1)
    size = (_PANEL * columns, (_PANEL * height / width + 0.3) * rows)
    figure = Figure(figsize=size, layout="constrained")
    families = families_for(words)
    shown = np.clip(image, 0, 255).astype(np.uint8)
    pixelated = "nearest" if max(height, width) <= 64 else "antialiased"
    for place in range(len(words) + 1):
        axes = figure.add_subplot(rows, columns, place + 1)
        axes.imshow(shown, interpolation=pixelated)
        axes.set_axis_off()
        if place:
            extent = (-0.5, width - 0.5, height - 0.5, -0.5)
            shade = _shade(weights[place - 1])
            axes.imshow(shade, extent=extent, interpolation="bilinear")
            axes.set_title(words[place - 1], fontfamily=families, fontsize=11, parse_math=False)
    return figure


def _shade(weights: np.ndarray) -> np.ndarray:
    """Black, the more of it the less was looked at, (rows, columns, 4)."""
    shade = np.zeros((*weights.shape, 4))
    shade[..., 3] = _DARKEST * (1 - weights / (weights.max() or 1))
    return shade
