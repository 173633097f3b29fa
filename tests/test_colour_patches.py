"""Patches of the colour photographs."""

import numpy as np
import pytest

from course_utils.data import photo
from course_utils.data.colour_patches import COLOUR_PHOTOS, colour_patches


def columns_of(patches, name):
    """First columns at which each patch of that photograph is found in it."""
    picture = photo(name)
    side = patches.images.shape[-1]
    found = []
    for image in patches.images[patches.labels == COLOUR_PHOTOS.index(name)]:
        patch = image.transpose(1, 2, 0)
        corners = np.argwhere((picture == patch[0, 0]).all(axis=2))
        places = [
            left
            for top, left in corners
            if np.array_equal(picture[top : top + side, left : left + side], patch)
        ]
        assert places, "a patch that is not in its photograph"
        found.append(places)
    return found


@pytest.mark.parametrize("name", ["chelsea", "rocket"])  # these two are not shrunk
def test_patches_are_cut_out_and_the_splits_share_no_column(name):
    for split, inside in (("train", (0, 144)), ("valid", (144, 192))):
        for places in columns_of(colour_patches(split, 6), name):
            lows = [left % 192 for left in places]
            assert any(inside[0] <= low and low + 24 <= inside[1] for low in lows)


def test_form_and_seed():
    patches = colour_patches("train", 3, side=16, seed=5)
    assert patches.images.shape == (21, 3, 16, 16)
    assert patches.images.dtype == np.uint8
    assert np.bincount(patches.labels).tolist() == [3] * 7
    again = colour_patches("train", 3, side=16, seed=5)
    np.testing.assert_array_equal(patches.images, again.images)
    other = colour_patches("train", 3, side=16, seed=6)
    assert not np.array_equal(patches.images, other.images)
    x, y = patches.tensors()
    assert tuple(x.shape) == patches.images.shape
    assert y.dtype.is_floating_point is False


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("test", 3), "'test' is no split"),
        (("train", 0), "per_photo must be a whole number"),
        (("train", 2.5), "per_photo must be a whole number"),
    ],
)
def test_bad_requests_are_refused(arguments, problem):
    with pytest.raises(ValueError, match=problem):
        colour_patches(*arguments)


def test_a_side_wider_than_the_strip_is_refused():
    with pytest.raises(ValueError, match="side must be a whole number from 1 to 48, got 49"):
        colour_patches("valid", 1, side=49)
