"""Pictures show what they are given, with labels, and say what they cannot show."""

import warnings
from itertools import pairwise

import matplotlib
import numpy as np
import pytest
from contract import MASKS, B, T, sequences

from keras_seq import layers
from keras_seq.inspect import (
    Record,
    fonts,
    plot_attention,
    plot_gates,
    plot_gradient_flow,
    record,
)


def panels(figure):
    return [axes for axes in figure.axes if axes.get_title()]


@pytest.fixture(scope="module")
def found():
    return record(layers.LSTM(6, name="memory"), sequences(), MASKS["right"])


def test_a_panel_for_each_gate_and_state(found):
    figure = plot_gates(found, example=1)
    shown = panels(figure)
    assert [axes.get_title() for axes in shown] == list(found.names)
    assert len(figure.axes) == 2 * len(shown)  # a colour bar each
    for axes, values in zip(shown, found.arrays.values(), strict=True):
        (image,) = axes.images
        data = np.ma.filled(image.get_array(), np.nan)
        np.testing.assert_array_equal(data, values[1].T)
        assert axes.get_ylabel() == "unit"
    assert shown[-1].get_xlabel() == "time step (hatched: masked)"
    assert plot_gates(found).axes[len(shown) - 1].get_xlabel() == "time step"
    assert figure.get_suptitle() == "memory, example 1"
    assert {a.get_ylabel() for a in figure.axes if not a.get_title()} == {"value"}


def test_colours_are_about_zero_where_values_are_signed(found):
    images = {axes.get_title(): axes.images[0] for axes in panels(plot_gates(found))}
    for name, image in images.items():
        signed = name in ("gate c", "state h", "state c")
        assert image.get_cmap().name == ("PuOr" if signed else "cividis")
        low, high = image.get_clim()
        assert (low, high) == (0, 1) if not signed else low == -high
        if signed:
            assert high == np.nanmax(np.abs(found.arrays[name]))


def test_tokens_are_written_under_the_time_axis(found):
    figure = plot_gates(found, tokens=["a$b", "$c$", "d", "e", "\n"])
    labels = panels(figure)[-1].get_xticklabels()
    assert [label.get_text() for label in labels] == ["a$b", "$c$", "d", "e", "\\n"]
    assert not any(label.get_parse_math() for label in labels)


@pytest.mark.parametrize(("steps", "units"), [(1, 1), (400, 3), (3, 300)])
def test_sizes_are_sensible_and_every_size_is_drawn(steps, units, tmp_path):
    values = np.linspace(0, 1, steps * units).reshape(1, steps, units)
    made = Record({"z": values}, {"h": values - 0.5})
    figure = plot_gates(made, tokens=[f"word{n}" for n in range(steps)])
    width, height = figure.get_size_inches()
    assert 4 <= width <= 24
    assert 2 <= height <= 32
    figure.savefig(tmp_path / "gates.png", dpi=40)
    assert (tmp_path / "gates.png").read_bytes().startswith(b"\x89PNG")
    assert_no_overlap(panels(figure)[-1].get_xticklabels(), figure)


def assert_no_overlap(labels, figure):
    boxes = [label.get_window_extent() for label in labels if label.get_text()]
    assert not any(a.overlaps(b) for a, b in pairwise(boxes))


def test_no_picture_touches_the_global_state(found):
    import matplotlib.pyplot as plt

    before = dict(matplotlib.rcParams)
    plot_gates(found)
    plot_gradient_flow({"a": [0.5, 1.0]})
    plot_attention([[1.0]], ["a"], ["b"])
    assert not plt.get_fignums()
    assert dict(matplotlib.rcParams) == before


@pytest.mark.parametrize("example", [-1, B, 99])
def test_examples_that_are_not_there(found, example):
    with pytest.raises(ValueError, match=f"example must be in 0 to {B - 1}"):
        plot_gates(found, example)


def test_another_number_of_tokens_than_of_steps(found):
    with pytest.raises(ValueError, match=f"tokens must be {T}, one for each time step; got 2"):
        plot_gates(found, tokens=["a", "b"])


def test_gradients_are_drawn_relative_to_the_last_step():
    flows = {"SimpleRNN": 3 * 0.5 ** np.arange(20)[::-1], "LSTM": np.array([0.0, 2.0, 4.0])}
    (axes,) = plot_gradient_flow(flows).axes
    first, second = axes.lines
    np.testing.assert_allclose(first.get_ydata(), 0.5 ** np.arange(20))
    np.testing.assert_array_equal(second.get_ydata(), [1, 0.5, np.nan])
    assert axes.get_yscale() == "log"
    assert axes.get_xlabel() == "steps before the last"
    assert axes.get_ylabel() == "gradient norm / that at the last step"
    assert [t.get_text() for t in axes.get_legend().get_texts()] == list(flows)
    assert first.get_color() != second.get_color()
    assert first.get_marker() != second.get_marker()
    assert flows["LSTM"][0] == 0  # what was given is not written to


def test_many_flows_are_told_apart():
    flows = {str(n): np.array([0.1, 1.0]) for n in range(20)}
    (axes,) = plot_gradient_flow(flows).axes
    styles = {(line.get_color(), line.get_linestyle()) for line in axes.lines}
    assert len(styles) == 20


@pytest.mark.parametrize("flows", [{}, {"a": [[1.0]]}, {"a": []}, {"a": [1.0, 0.0]}])
def test_flows_that_cannot_be_drawn(flows):
    with pytest.raises(ValueError, match=r"nothing to draw|a flow is"):
        plot_gradient_flow(flows)


def test_attention_is_drawn_with_its_tokens(tmp_path):
    weights = np.random.default_rng(1).dirichlet(np.ones(7), size=5)
    source, target = [f"source{n}" for n in range(7)], list("abcd$")
    figure = plot_attention(weights, source, target)
    axes, bar = figure.axes
    np.testing.assert_array_equal(axes.images[0].get_array(), weights)
    assert [label.get_text() for label in axes.get_xticklabels()] == source
    assert [label.get_text() for label in axes.get_yticklabels()] == target
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("source token", "target token")
    assert bar.get_ylabel() == "attention weight"
    figure.savefig(tmp_path / "attention.png", dpi=40)


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (np.ones(3), r"weights must be \(T_out, T_in\)"),
        (np.ones((0, 2)), r"weights must be"),
        (-np.ones((3, 2)), "none of them negative"),
        (np.full((3, 2), np.nan), "none of them negative"),
        (np.ones((3, 3)), "source_tokens must be 3, one for each column of the weights; got 2"),
        (np.ones((2, 2)), "target_tokens must be 2, one for each row of the weights; got 3"),
    ],
)
def test_attention_that_cannot_be_drawn(weights, message):
    with pytest.raises(ValueError, match=message):
        plot_attention(weights, ["a", "b"], ["x", "y", "z"])


def test_characters_that_no_font_has_are_told(monkeypatch):
    default = fonts.families_for(["plain, ä and π"])
    assert len(default) == 1
    monkeypatch.setattr(fonts, "_characters", lambda path: frozenset(range(128)))
    with pytest.warns(UserWarning, match="No installed font has 你 好; boxes stand for them"):
        assert fonts.families_for(["你好", "a b"]) == default


def test_a_font_that_has_the_characters_is_taken(monkeypatch):
    """That of another family, as if it were a Chinese font."""
    installed = fonts.font_manager.fontManager.ttflist
    chosen = next(font.fname for font in installed if font.name == "DejaVu Sans Mono")
    has = {chosen: frozenset(map(ord, "你好"))}
    monkeypatch.setattr(fonts, "_characters", lambda path: has.get(path, frozenset(range(128))))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert fonts.families_for(["你好 a"])[1:] == ["DejaVu Sans Mono"]
        axes = plot_attention([[1.0]], ["你"], ["好"]).axes[0]
    assert axes.get_xticklabels()[0].get_fontfamily()[1:] == ["DejaVu Sans Mono"]
