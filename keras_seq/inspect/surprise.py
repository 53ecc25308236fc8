"""A picture of a text whose characters are coloured by how much they surprised a model."""

import itertools
import unicodedata
from collections.abc import Sequence

import numpy as np
from matplotlib import colormaps
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from keras_seq.inspect.fonts import families_for

_HIGHEST_BITS = 8.0  # and more have one colour: few outliers would leave the others alike
_SHOWN = {"\n": "\u21b5", "\t": "\u2192"}
_CELL = (0.08, 0.18)  # inches, for letters of 8 points
_FEWEST_ROWS, _MOST_ROWS = 6, 333  # in a picture of 1 to 60 inches


def plot_surprise(pieces: Sequence[str], bits, width: int = 80) -> Figure:
    r"""Draws a text, each character on a colour that tells how much it surprised a model.

    From pale yellow, 0 bits, to dark brown, 8 bits or more. Lines end where the text has line ends,
    shown as ↵, and after `width` characters; a tab is shown as →.

    Args:
        pieces: The text, cut into what the bits are of: characters, or words with the space
            before them.
        bits: Of each piece, not negative.
        width: Characters in a line.

    Returns:
        A figure; `figure.savefig("surprise.png", dpi=150)` writes it.

    Raises:
        ValueError: There is no text, another number of bits than of pieces, a negative one, or more
            lines than a picture has room for.

    Example:
        >>> from keras_seq.inspect import plot_surprise
        >>> figure = plot_surprise("two\nlines", [3, 1, 2, 0.5, 4, 1, 0.1, 0.2, 0.1])
        >>> [text.get_text() for text in figure.axes[0].texts][:4]
        ['t', 'w', 'o', '↵']
    """
    if width < 1:
        raise ValueError(f"width must be at least 1; got {width}.")
    bits = np.asarray(bits, float)
    if bits.shape != (len(pieces),) or not len(pieces) or not (bits >= 0).all():
        raise ValueError(
            "bits must be one number of at least 0 for each of the pieces, and there must be some; "
            f"got {len(pieces)} pieces and bits of shape {bits.shape}."
        )
    places, characters, colours = _laid_out(pieces, bits, width)
    rows = int(places[:, 0].max()) + 1
    if rows > _MOST_ROWS:
        raise ValueError(
            f"{rows} lines are too many for a picture, which has room for {_MOST_ROWS}: give a "
            "shorter text (`pieces_with_room` tells how much of it), or a larger width."
        )
    room = max(rows, _FEWEST_ROWS)  # so that the letters of a line or two are not drawn out
    height = room * _CELL[1]
    cells = np.full((rows, width), np.nan)
    cells[places[:, 0], places[:, 1]] = colours
    wide = any(unicodedata.east_asian_width(c) in "WF" for c in set(characters))
    figure = Figure(
        figsize=(width * _CELL[0] * (1.4 if wide else 1) + 1.2, height + 0.3),
        layout="constrained",
    )
    axes = figure.subplots()
    scale, palette = Normalize(0, _HIGHEST_BITS), colormaps["YlOrBr"]
    image = axes.imshow(cells, aspect="auto", interpolation="nearest", cmap=palette, norm=scale)
    axes.set_ylim(room - 0.5, -0.5)
    axes.set_axis_off()
    families = ["DejaVu Sans Mono", *families_for(characters)]
    for (row, column), character, value in zip(places, characters, colours, strict=True):
        if character != " ":
            axes.text(
                column,
                row,
                character,
                ha="center",
                va="center_baseline",
                fontsize=8,
                family=families,
                color="white" if scale(value) > 0.6 else "black",
                parse_math=False,  # a dollar is a dollar
            )
    bar = figure.colorbar(image, ax=axes, extend="max", pad=0.01, shrink=min(1.0, 3.0 / height))
    bar.set_label("surprise (bits)")
    return figure


def pieces_with_room(pieces: Sequence[str], width: int = 80) -> int:
    r"""How many pieces of a text, from the first on, `plot_surprise` has room for.

    Args:
        pieces: See `plot_surprise`.
        width: See `plot_surprise`.

    Returns:
        Their number.

    Example:
        >>> from keras_seq.inspect import pieces_with_room
        >>> pieces_with_room(["a", "\n"] * 1000), pieces_with_room("short")
        (666, 5)
    """
    last_rows = (places[-1][0] if places else 0 for places in _places(pieces, width))
    return sum(1 for _ in itertools.takewhile(lambda row: row < _MOST_ROWS, last_rows))


def _laid_out(pieces, bits, width):
    """The row and column, the sign and the bits of each character."""
    places: list[tuple[int, int]] = []
    characters: list[str] = []
    colours: list[float] = []
    for piece, value, found in zip(pieces, bits, _places(pieces, width), strict=True):
        places += found
        characters += map(_shown, piece)
        colours += [value] * len(piece)
    return np.array(places), characters, np.array(colours)


def _places(pieces, width):
    """Of each piece the row and column of each of its characters."""
    row = column = 0
    for piece in pieces:
        places = []
        for character in piece:
            if column == width:
                row, column = row + 1, 0
            places.append((row, column))
            row, column = (row + 1, 0) if character == "\n" else (row, column + 1)
        yield places


def _shown(character):
    if character in _SHOWN:
        return _SHOWN[character]
    if character.isspace():
        return " "
    return character if character.isprintable() else "\ufffd"
