"""Where each word of a caption looked, laid over the image."""

import numpy as np
import pytest

from keras_seq.inspect import plot_image_attention

RANDOM = np.random.default_rng(4)
IMAGE = RANDOM.integers(0, 256, (30, 40, 3)).astype("uint8")
WEIGHTS = RANDOM.random((6, 2, 3))
WORDS = ["a", "dog", "costs", "$5", "now", "[END]"]


def test_a_panel_for_each_word(tmp_path):
    figure = plot_image_attention(IMAGE, WEIGHTS, WORDS)
    assert [axes.get_title() for axes in figure.axes] == ["", *WORDS]
    assert not any(axes.title.get_parse_math() for axes in figure.axes[1:])
    first, *others = figure.axes
    assert len(first.images) == 1
    for axes, weights in zip(others, WEIGHTS, strict=True):
        image, shade = axes.images
        np.testing.assert_array_equal(image.get_array(), IMAGE)
        assert shade.get_extent() == image.get_extent()
        colours = np.asarray(shade.get_array())
        assert colours.shape == (2, 3, 4)
        assert not colours[..., :3].any()
        # The more was looked at, the less of the image is hidden; nothing where it was most.
        np.testing.assert_allclose(colours[..., 3], 0.85 * (1 - weights / weights.max()))
    figure.savefig(tmp_path / "a.png", dpi=40)
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")


def test_panels_are_legible():
    for words, rows in ((1, 1), (4, 1), (5, 2), (14, 3)):
        figure = plot_image_attention(IMAGE, RANDOM.random((words, 7, 7)), ["w"] * words)
        width, height = figure.get_size_inches()
        assert width / min(words + 1, 5) >= 1.5
        assert height / rows >= 1.5


def test_a_word_that_looked_nowhere():
    figure = plot_image_attention(IMAGE, np.zeros((1, 2, 2)), ["a"])
    np.testing.assert_array_equal(figure.axes[1].images[1].get_array()[..., 3], 0.85)


@pytest.mark.parametrize(
    ("image", "weights", "words", "message"),
    [
        (IMAGE[0], WEIGHTS, WORDS, r"image must be \(H, W, 3\); got the shape \(40, 3\)"),
        (IMAGE[..., :2], WEIGHTS, WORDS, "image must be"),
        (IMAGE, WEIGHTS[0], WORDS, r"weights must be .* got the shape \(2, 3\)"),
        (IMAGE, -WEIGHTS, WORDS, "none of them negative"),
        (IMAGE, WEIGHTS * np.nan, WORDS, "NaN"),
        (IMAGE, WEIGHTS, WORDS[1:], "words must be 6, one for each weight; got 5"),
    ],
)
def test_what_is_refused(image, weights, words, message):
    with pytest.raises(ValueError, match=message):
        plot_image_attention(image, weights, words)
