"""The roads of chapter 4: their geometry, their seeds, and their refusals."""

from __future__ import annotations

import numpy as np
import pytest

from course_utils.data.roads import (
    COLUMNS,
    FAR,
    HALF_VIEW,
    LOOK_AHEAD,
    MAX_ANGLE,
    NEAR,
    ROWS,
    draw_roads,
    road_mask,
    steering_angle,
)


def test_same_seed_same_roads_and_other_seed_other_roads():
    first, again, other = draw_roads(5, seed=3), draw_roads(5, seed=3), draw_roads(5, seed=4)
    assert np.array_equal(first.images, again.images)
    assert np.array_equal(first.angles, again.angles)
    assert not np.array_equal(first.images, other.images)
    assert len(first) == 5


def test_images_are_grey_values_and_angles_fit_the_outputs():
    roads = draw_roads(3000, seed=0)
    assert roads.images.shape == (3000, ROWS, COLUMNS)
    assert roads.images.min() >= 0
    assert roads.images.max() <= 1
    assert np.abs(roads.angles).max() < MAX_ANGLE
    assert np.abs(roads.angles.mean()) < 1  # as many to the left as to the right
    assert roads.angles.std() > 4


def test_steering_angle_of_known_roads():
    assert steering_angle(0, 0, 0) == 0
    assert steering_angle(0, np.deg2rad(7), 0) == pytest.approx(7)
    assert steering_angle(LOOK_AHEAD, 0, 0) == pytest.approx(45)
    # a circle of radius 1 / curvature has moved d^2 / (2 radius) aside at the distance d
    assert steering_angle(0, 0, 0.02) == pytest.approx(np.rad2deg(np.arctan(0.02 * 12 / 2)))


def test_mirrored_road_is_mirrored_in_picture_and_angle():
    road = (np.array([0.7]), np.array([0.1]), np.array([-0.02]))
    mirrored = tuple(-value for value in road)
    assert np.allclose(road_mask(*road), road_mask(*mirrored)[:, :, ::-1])
    assert np.allclose(steering_angle(*road), -steering_angle(*mirrored))


def test_straight_road_is_as_wide_in_the_picture_as_perspective_says():
    mask = road_mask(0.0, 0.0, 0.0, width=4.0)[0]
    for row, distance in ((0, FAR), (ROWS - 1, NEAR)):
        pixel = 2 * distance * np.tan(HALF_VIEW) / COLUMNS
        assert mask[row].sum() == pytest.approx(4.0 / pixel)


def test_middle_of_the_picture_of_a_bent_road_lies_where_the_formula_puts_it():
    offset, heading, curvature = 0.5, 0.1, 0.02
    mask = road_mask(offset, heading, curvature, width=4.0)[0]
    row = 12
    distance = 1 / np.linspace(1 / FAR, 1 / NEAR, ROWS)[row]
    slope = np.tan(HALF_VIEW) * (2 * (np.arange(COLUMNS) + 0.5) / COLUMNS - 1)
    seen = (mask[row] * slope).sum() / mask[row].sum() * distance
    expected = offset + np.tan(heading) * distance + curvature * distance**2 / 2
    assert seen == pytest.approx(expected, abs=0.15)


@pytest.mark.parametrize("count", [0, -1, 2.5, "3", True])
def test_bad_counts_are_refused(count):
    with pytest.raises(ValueError, match="whole number of at least 1"):
        draw_roads(count)


@pytest.mark.parametrize("width", [0.0, -2.0])
def test_bad_widths_are_refused(width):
    with pytest.raises(ValueError, match="positive width"):
        road_mask(0.0, 0.0, 0.0, width=width)
