"""The figure helpers draw what they are given and refuse what they cannot draw."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_rgb

from course_utils import plotting


@pytest.fixture(autouse=True)
def _close_figures():
    with plt.rc_context():
        plotting.use_style()
        yield
    plt.close("all")


@pytest.mark.parametrize(
    ("shape", "drawn"),
    [
        ((5, 7), (5, 7)),
        ((1, 5, 7), (5, 7)),
        ((3, 5, 7), (5, 7, 3)),
        ((5, 7, 3), (5, 7, 3)),
        ((3, 3, 3), (3, 3, 3)),
    ],
)
def test_an_image_is_drawn_with_its_channels_last(shape, drawn):
    image = np.linspace(0, 1, int(np.prod(shape))).reshape(shape)
    ax = plotting.show_image(image, title="noise")
    assert ax.images[0].get_array().shape == drawn
    assert ax.get_title() == "noise"


@pytest.mark.parametrize("shape", [(5,), (2, 5, 7), (1, 1, 5, 7)])
def test_other_shapes_are_refused(shape):
    with pytest.raises(ValueError, match=r"\(H, W\)"):
        plotting.show_image(np.zeros(shape))


def test_a_grid_has_a_panel_for_each_image():
    fig = plotting.show_grid(np.zeros((5, 4, 4)), titles=list("abcde"), columns=3)
    drawn = [ax for ax in fig.axes if ax.images]
    assert [ax.get_title() for ax in drawn] == list("abcde")
    assert len(fig.axes) == 6


def test_a_grid_refuses_nothing_and_too_few_titles():
    with pytest.raises(ValueError, match="at least one image"):
        plotting.show_grid([])
    with pytest.raises(ValueError, match="expected 2 titles"):
        plotting.show_grid(np.zeros((2, 4, 4)), titles=["one"])


def test_a_band_spans_the_runs():
    _, ax = plt.subplots()
    runs = np.array([[1.0, 2.0], [3.0, 6.0]])
    plotting.band(ax, np.arange(2), runs, "runs")
    assert ax.lines[0].get_ydata().tolist() == [2.0, 4.0]
    heights = ax.collections[0].get_paths()[0].vertices[:, 1]
    assert (heights.min(), heights.max()) == (1.0, 6.0)


def test_a_band_refuses_a_single_row():
    _, ax = plt.subplots()
    with pytest.raises(ValueError, match=r"shape \(S, 3\)"):
        plotting.band(ax, np.arange(3), np.zeros(3), "flat")


def test_a_confusion_matrix_shows_its_counts():
    _, ax = plt.subplots()
    plotting.confusion(ax, np.array([[9, 1], [0, 5]]), ["cat", "dog"])
    assert [text.get_text() for text in ax.texts] == ["9", "1", "5"]
    with pytest.raises(ValueError, match=r"\(3, 3\)"):
        plotting.confusion(ax, np.zeros((2, 2)), ["a", "b", "c"])


def luminance(color):
    channels = np.array(to_rgb(color))
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def test_lines_stand_out_from_the_card():
    for color in plotting.COLORS:
        assert 1.05 / (luminance(color) + 0.05) >= 2.0, color
