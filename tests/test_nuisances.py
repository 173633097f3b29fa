"""The nuisances of chapter 1: seeded, harmless at strength 0, and each what its name says."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from course_utils import nuisances
from course_utils.data import load
from course_utils.nuisances import NUISANCES


@pytest.fixture(scope="module")
def images():
    return load("fashion_mnist_small", "valid", limit=40).images


def blob(side=29):
    """One smooth spot off the centre: (1, 1, side, side)."""
    image = np.zeros((side, side))
    image[8, 14] = 1
    spot = ndimage.gaussian_filter(image, 1.5)
    return np.rint(255 * spot / spot.max()).astype(np.uint8)[None, None]


def centre(images):
    """Centre of mass from the middle of the image, (N, 2): rows down, columns right."""
    middle = (np.array(images.shape[2:]) - 1) / 2
    return np.array([ndimage.center_of_mass(image[0]) for image in images]) - middle


@pytest.mark.parametrize("name", NUISANCES)
class TestEvery:
    def test_nothing_at_the_first_strength(self, name, images):
        nuisance = NUISANCES[name]
        np.testing.assert_array_equal(nuisance(images, nuisance.strengths[0]), images)

    def test_shape_dtype_and_the_input_unchanged(self, name, images):
        before = images.copy()
        changed = NUISANCES[name](images, NUISANCES[name].strengths[3])
        assert changed.shape == images.shape
        assert changed.dtype == np.uint8
        np.testing.assert_array_equal(images, before)
        assert (changed != images).any(axis=(1, 2, 3)).mean() > 0.9

    def test_the_same_twice_and_another_with_another_seed(self, name, images):
        nuisance = NUISANCES[name]
        strength = nuisance.strengths[3]
        once = nuisance(images, strength, seed=5)
        np.testing.assert_array_equal(once, nuisance(images, strength, seed=5))
        if name != "scale":  # nothing is drawn there
            assert (once != nuisance(images, strength, seed=6)).any()

    def test_more_strength_is_farther_away(self, name, images):
        nuisance = NUISANCES[name]
        plain = images.astype(float)
        distances = [
            np.mean((nuisance(images, strength) - plain) ** 2) for strength in nuisance.strengths
        ]
        assert all(np.diff(distances) > 0)

    @pytest.mark.parametrize("strength", [-1, 1000, np.nan])
    def test_impossible_strengths(self, name, images, strength):
        with pytest.raises(ValueError, match="strength must be from"):
            NUISANCES[name](images, strength)

    @pytest.mark.parametrize("wrong", [np.zeros((28, 28), np.uint8), np.zeros((1, 1, 28, 28))])
    def test_wrong_images(self, name, wrong):
        with pytest.raises(ValueError, match="expected uint8 images"):
            NUISANCES[name](wrong, NUISANCES[name].strengths[1])


def test_rotation_by_90_degrees_is_rot90():
    spot = np.repeat(blob(), 20, axis=0)
    turned = nuisances.rotate(spot, 90)
    left, right = np.rot90(spot[0, 0]), np.rot90(spot[0, 0], -1)
    is_left = [np.array_equal(image[0], left) for image in turned]
    is_right = [np.array_equal(image[0], right) for image in turned]
    assert all(np.logical_xor(is_left, is_right))
    assert 0 < sum(is_left) < 20


def test_rotation_moves_a_spot_on_its_circle():
    for angle in (10, 30, 60):
        down, across = centre(nuisances.rotate(blob(), angle))[0]
        assert np.hypot(down, across) == pytest.approx(6, abs=0.1)
        assert np.degrees(np.arctan2(abs(across), -down)) == pytest.approx(angle, abs=1)


def test_shear_keeps_the_row_and_moves_the_column():
    down, across = centre(nuisances.shear(blob(), 30))[0]
    assert down == pytest.approx(-6, abs=0.1)
    assert abs(across) == pytest.approx(6 * np.tan(np.deg2rad(30)), abs=0.1)


@pytest.mark.parametrize("factor", [0.5, 0.8, 1.5])
def test_rescale_moves_a_spot_towards_the_centre_or_away(factor):
    assert centre(nuisances.rescale(blob(), factor))[0, 0] == pytest.approx(-6 * factor, abs=0.1)


def test_shift_moves_by_whole_pixels_in_four_directions():
    spot = np.repeat(blob(), 60, axis=0)
    moves = centre(nuisances.shift(spot, 3)) - centre(spot)
    found = {tuple(move) for move in np.rint(moves).astype(int)}
    assert found == {(0, 3), (0, -3), (3, 0), (-3, 0)}
    with pytest.raises(ValueError, match="whole pixels"):
        nuisances.shift(spot, 1.5)


def test_deformation_has_the_length_it_names():
    """Two ramps tell where each pixel was read: their change is the displacement."""
    ramp = np.broadcast_to(np.arange(64, dtype=np.uint8) * 3, (64, 64))
    ramps = np.stack([ramp, ramp.T])[None]  # one image of two channels: the same field for both
    change = (nuisances.deform(ramps, 2.0).astype(float) - ramps) / 3
    inside = change[0, :, 12:-12, 12:-12]  # farther out some pixels are read outside
    assert np.sqrt((inside**2).sum(axis=0).mean()) == pytest.approx(2, rel=0.35)


def test_occlusion_covers_one_grey_square():
    black = np.zeros((50, 1, 28, 28), np.uint8)
    covered = nuisances.occlude(black, 8)
    assert set(np.unique(covered)) == {0, nuisances.GREY}
    for image in covered[:, 0]:
        rows, columns = np.nonzero(image)
        assert len(rows) == 64
        assert np.ptp(rows) == np.ptp(columns) == 7
    assert len({image.tobytes() for image in covered}) > 30


def test_darkening_leaves_one_side_and_takes_its_share_at_the_other():
    white = np.full((40, 1, 28, 28), 200, np.uint8)
    dark = nuisances.darken(white, 0.6)
    assert (dark.max(axis=(1, 2, 3)) == 200).all()
    assert (dark.min(axis=(1, 2, 3)) == 80).all()
    assert len({image.tobytes() for image in dark}) == 4


def test_clutter_never_darkens_and_fills_the_background(images):
    cluttered = nuisances.clutter(images, 0.7)
    assert (cluttered >= images).all()
    assert cluttered[images == 0].mean() > 30
    assert cluttered[images == 0].max() <= 0.7 * 255 + 1


def test_noise_has_its_standard_deviation():
    grey = np.full((20, 1, 28, 28), 128, np.uint8)
    noise = nuisances.add_noise(grey, 20).astype(float) - 128
    assert noise.std() == pytest.approx(20, rel=0.03)
    assert abs(noise.mean()) < 1
