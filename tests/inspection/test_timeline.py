"""Timelines and curves show what they are given, and say what they cannot show."""

import matplotlib
import numpy as np
import pytest
from matplotlib.colors import to_hex

from keras_seq.inspect import plot_timeline, plot_values
from keras_seq.inspect.plots import COLOURS

NAMES = ["still", "$left", "right_"]
TRUE = np.array([0, 0, 2, 2, 1, -1, -1, 1, 0])
PREDICTED = np.array([0, 2, 2, 2, 1, 1, 0, 0, 0])


def bars(axes):
    """Of each row the colour of each frame that is covered."""
    rows = {}
    for collection in axes.collections:
        colour = to_hex(collection.get_facecolor()[0]).upper()
        for path in collection.get_paths():
            (left, low), (right, high) = path.get_extents().get_points()
            row = rows.setdefault(round((low + high) / 2), {})
            for frame in range(round(left), round(right)):
                assert frame not in row
                row[frame] = colour
    return rows


def test_bars_are_the_labels_and_marks_the_errors():
    figure = plot_timeline(PREDICTED, TRUE, label_names=NAMES, title="a $walk$")
    [axes] = figure.axes
    rows = bars(axes)
    grey = "#D9D9D9"
    assert rows[0] == {t: COLOURS[label].upper() for t, label in enumerate(PREDICTED)}
    assert rows[1] == {
        t: COLOURS[label].upper() if label >= 0 else grey for t, label in enumerate(TRUE)
    }
    wrong = {t for t in range(9) if TRUE[t] >= 0 and TRUE[t] != PREDICTED[t]}
    assert rows[2] == dict.fromkeys(wrong, "#000000")
    assert [label.get_text() for label in axes.get_yticklabels()] == ["predicted", "true", "wrong"]
    low, high = axes.get_ylim()
    assert low > high  # predicted above true
    assert axes.get_xlim() == (0, 9)
    assert axes.get_xlabel() == "frame"
    assert axes.get_title() == "a $walk$"
    [legend] = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["(no label)", *NAMES]
    assert not any(text.get_parse_math() for text in legend.get_texts())


@pytest.mark.parametrize("dtype", ["uint8", "uint64", "int8"])
def test_labels_of_any_whole_numbers(dtype):
    true = np.where(TRUE < 0, 2, TRUE).astype(dtype)
    rows = bars(plot_timeline(PREDICTED.astype(dtype), true, label_names=NAMES).axes[0])
    for row, labels in enumerate((PREDICTED, true.tolist())):
        assert rows[row] == {t: COLOURS[label].upper() for t, label in enumerate(labels)}
    wrong = {t for t in range(9) if int(true[t]) != PREDICTED[t]}
    assert 0 < len(wrong) < 9
    assert rows[2] == dict.fromkeys(wrong, "#000000")


def test_without_truth_there_is_one_bar():
    figure = plot_timeline([1, 1, 0], label_names=NAMES)
    [axes] = figure.axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["predicted"]
    assert set(bars(axes)) == {0}
    assert [text.get_text() for text in figure.legends[0].get_texts()] == NAMES[:2]


def test_one_frame():
    figure = plot_timeline([1], [1], label_names=NAMES)
    assert bars(figure.axes[0]) == {0: {0: COLOURS[1].upper()}, 1: {0: COLOURS[1].upper()}}


def test_more_classes_than_colours_are_hatched(tmp_path):
    figure = plot_timeline(np.arange(20), label_names=[f"class {n}" for n in range(20)])
    looks = {(to_hex(c.get_facecolor()[0]), c.get_hatch()) for c in figure.axes[0].collections}
    assert len(looks) == 20
    figure.savefig(tmp_path / "timeline.png", dpi=40)
    assert (tmp_path / "timeline.png").read_bytes().startswith(b"\x89PNG")


def test_curves_are_the_numbers():
    random = np.random.default_rng(0)
    predicted, true = random.normal(size=(2, 30, 2))
    true[7] = np.nan
    figure = plot_values(predicted, true, names=["height", "$speed"], title="walk")
    assert [axes.get_ylabel() for axes in figure.axes] == ["height", "$speed"]
    for number, axes in enumerate(figure.axes):
        lines = {line.get_label(): line.get_ydata() for line in axes.lines}
        np.testing.assert_array_equal(lines["true"], true[:, number])
        np.testing.assert_array_equal(lines["predicted"], predicted[:, number])
        assert len({line.get_linestyle() for line in axes.lines}) == 2
    assert figure.axes[0].get_title() == "walk"
    assert len(plot_values(predicted, names=["a", "b"]).axes[0].lines) == 1


def test_eight_panels_at_the_most():
    names = [f"n{n}" for n in range(12)]
    assert len(plot_values(np.ones((3, 12)), names=names).axes) == 8


def test_no_picture_touches_the_global_state():
    before = dict(matplotlib.rcParams)
    plot_timeline(PREDICTED, TRUE, label_names=NAMES)
    plot_values(np.ones((3, 1)), names=["a"])
    assert dict(matplotlib.rcParams) == before


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: plot_timeline([0, 3], label_names=NAMES), "there are 3 classes, 0 to 2"),
        (lambda: plot_timeline([0, -1], label_names=NAMES), "from -1 to 0"),
        (lambda: plot_timeline([0.5], label_names=NAMES), "float64"),
        (lambda: plot_timeline([], label_names=NAMES), "T at least 1"),
        (lambda: plot_timeline([0, 1], [0], label_names=NAMES), "2 predicted labels came with 1"),
        (lambda: plot_values(np.ones((3, 2)), names=["a"]), r"\(T, 1\); got the shape \(3, 2\)"),
        (lambda: plot_values(np.ones(3), names=["a"]), r"\(3,\)"),
        (lambda: plot_values(np.ones((3, 1)), np.ones((2, 1)), names=["a"]), r"\(2, 1\)"),
    ],
)
def test_what_cannot_be_drawn(call, message):
    with pytest.raises(ValueError, match=message):
        call()
