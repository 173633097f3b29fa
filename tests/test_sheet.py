"""Sheets of small pictures."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from course_utils.sheet import sheet, show_sheet


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def test_every_picture_lies_in_its_place():
    pictures = np.arange(2 * 3 * 4 * 5).reshape(2, 3, 4, 5)
    whole = sheet(pictures, gap=2, outside=-1.0)
    assert whole.shape == (2 * 6 + 2, 3 * 7 + 2)
    np.testing.assert_array_equal(whole[8:12, 9:14], pictures[1, 1])
    assert (whole == -1).sum() == whole.size - pictures.size


def test_colour_and_blank_frames():
    whole = sheet(np.ones((1, 2, 3, 3, 3)))
    assert whole.shape == (5, 9, 3)
    assert np.isnan(whole[0]).all()


def test_names_stand_at_the_middle_of_rows_and_columns():
    _, ax = plt.subplots()
    look = {"rows": ["a", "b"], "columns": ["x"], "gap": 1, "cmap": "viridis"}
    assert show_sheet(ax, np.zeros((2, 1, 4, 4)), **look) is ax
    np.testing.assert_allclose(ax.get_yticks(), [2.5, 7.5])  # pixels 1 to 4, and 6 to 9
    np.testing.assert_allclose(ax.get_xticks(), [2.5])
    assert [label.get_text() for label in ax.get_yticklabels()] == ["a", "b"]


@pytest.mark.parametrize("shape", [(3, 4, 4), (2, 0, 4, 4), (4,)])
def test_another_shape_is_refused(shape):
    with pytest.raises(ValueError, match="a sheet needs pictures"):
        sheet(np.zeros(shape))


def test_too_few_names_are_refused():
    _, ax = plt.subplots()
    with pytest.raises(ValueError, match="a name for each of 2 rows, got 1"):
        show_sheet(ax, np.zeros((2, 1, 4, 4)), rows=["a"])
