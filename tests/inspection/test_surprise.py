"""The picture of a text's surprise: where each character stands, and on which colour."""

import numpy as np
import pytest
from matplotlib.colors import to_rgb

from keras_seq.inspect import pieces_with_room, plot_surprise


def drawn(figure):
    """Of each sign that is drawn, by its row and column."""
    axes = figure.axes[0]
    return {
        (round(text.get_position()[1]), round(text.get_position()[0])): text.get_text()
        for text in axes.texts
    }


def cells(figure):
    return np.ma.filled(figure.axes[0].images[0].get_array().astype(float), np.nan)


def test_lines_end_where_the_text_has_ends_and_at_the_width():
    text = "abc\n\tde fghi\n"
    figure = plot_surprise(text, np.arange(len(text)), width=5)
    assert drawn(figure) == {
        **{(0, 0): "a", (0, 1): "b", (0, 2): "c", (0, 3): "\u21b5"},
        **{(1, 0): "\u2192", (1, 1): "d", (1, 2): "e", (1, 4): "f"},  # a space is not drawn
        **{(2, 0): "g", (2, 1): "h", (2, 2): "i", (2, 3): "\u21b5"},
    }
    nothing = np.nan
    np.testing.assert_array_equal(
        cells(figure),
        [[0, 1, 2, 3, nothing], [4, 5, 6, 7, 8], [9, 10, 11, 12, nothing]],
    )


MOST, WIDTH = 333, 7  # lines of 0.18 inches in a picture of 60, and characters in a line


def lines_of(pieces):
    """How many a text takes: each with its end, cut where it is too wide."""
    *whole, last = "".join(pieces).split("\n")
    return sum(-(-(len(line) + 1) // WIDTH) for line in whole) - (-len(last) // WIDTH)


@pytest.mark.parametrize("ends", [0.0, 0.15, 0.6])
def test_as_many_pieces_as_a_picture_has_room_for(ends):
    """From lines that are all too wide to lines of one word; the next piece would need one more."""
    random = np.random.default_rng(4)
    pieces = [
        "\n"
        if random.random() < ends
        else "".join(random.choice([*"abc "], random.integers(1, 10)))
        for _ in range(900)
    ]
    count = pieces_with_room(pieces, WIDTH)
    assert count == max(n for n in range(len(pieces)) if lines_of(pieces[:n]) <= MOST)
    bits = random.uniform(0, 9, size=count + 1)
    figure = plot_surprise(pieces[:count], bits[:count], WIDTH)
    assert cells(figure).shape == (lines_of(pieces[:count]), WIDTH)
    more = lines_of(pieces[: count + 1])
    assert more > MOST
    with pytest.raises(ValueError, match=f"^{more} lines are too many .* has room for {MOST}"):
        plot_surprise(pieces[: count + 1], bits, WIDTH)


def test_words_have_one_colour():
    figure = plot_surprise(["the", " dog", "\n", "saw"], [1.5, 2.5, 0.5, 4.0], width=8)
    found = cells(figure)
    np.testing.assert_array_equal(found[0], [1.5] * 3 + [2.5] * 4 + [0.5])
    np.testing.assert_array_equal(found[1, :3], [4.0] * 3)
    assert np.isnan(found[1, 3:]).all()


def test_signs_can_be_read_on_their_colours():
    bits = np.linspace(0, 12, 30)
    figure = plot_surprise("x" * 30, bits, width=30)
    axes = figure.axes[0]
    image = axes.images[0]
    assert (image.norm.vmin, image.norm.vmax) == (0, 8)
    light = []
    for text, value in zip(axes.texts, bits, strict=True):
        red, green, blue, _ = image.cmap(image.norm(value))
        ground = 0.2126 * red + 0.7152 * green + 0.0722 * blue
        sign = np.dot([0.2126, 0.7152, 0.0722], to_rgb(text.get_color()))
        assert abs(ground - sign) > 0.35, value
        light.append(ground)
    # The more surprise, the darker; from 8 bits on alike.
    assert (np.diff(light)[: int(np.searchsorted(bits, 8)) - 1] < 0).all()
    assert light[-1] == light[-2]
    assert figure.axes[1].get_ylabel() == "surprise (bits)"


def test_dollars_and_signs_that_cannot_be_seen(tmp_path):
    text = "$x_1$\x0c\x1b\r\\"
    figure = plot_surprise(text, np.ones(len(text)))
    assert list(drawn(figure).values()) == [*"$x_1$", "\ufffd", "\\"]
    assert not any(sign.get_parse_math() for sign in figure.axes[0].texts)
    figure.savefig(tmp_path / "surprise.png", dpi=40)
    assert (tmp_path / "surprise.png").stat().st_size > 500


@pytest.mark.parametrize(
    ("pieces", "bits", "width", "words"),
    [
        ("", [], 80, "0 pieces"),
        ("ab", [1], 80, r"2 pieces and bits of shape \(1,\)"),
        ("ab", [1, -1], 80, "at least 0"),
        ("ab", [1, np.nan], 80, "at least 0"),
        ("ab", [1, 1], 0, "width must be at least 1; got 0"),
        ("a" * 999, np.ones(999), 2, "500 lines are too many .* larger width"),
    ],
)
def test_what_cannot_be_drawn(pieces, bits, width, words):
    with pytest.raises(ValueError, match=words):
        plot_surprise(pieces, bits, width)
