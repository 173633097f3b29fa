"""Small pieces of the colour photographs that come with scikit-image.  Taught in chapter 18."""

from __future__ import annotations

import numpy as np

from course_utils.data.dataset import Dataset
from course_utils.data.photos import photo
from course_utils.data.rows import expect_one_of

COLOUR_PHOTOS = (
    "astronaut",
    "chelsea",
    "coffee",
    "hubble_deep_field",
    "immunohistochemistry",
    "retina",
    "rocket",
)
SHORT_SIDE = 300  # pixels that a photograph's short side has at least, after it was shrunk
STRIP = 48  # columns; of four strips in a row the last is for validation
STRIPS = 4


def colour_patches(split: str, per_photo: int, *, side: int = 24, seed: int = 0) -> Dataset:
    """Square patches cut out of seven colour photographs; the label says out of which.

    Large photographs are first shrunk by a whole factor, blocks of pixels to their mean. Patches
    for `train` lie in other columns than those for `valid`: of every 192 columns the first 144
    belong to the one, the last 48 to the other. `seed` draws the places, and those of one split
    may overlap.

    Returns a `Dataset` of 7 `per_photo` images (N, 3, side, side), the photographs in turn, with
    the mean and standard deviation of the pixels of all seven. Raises `ValueError` for another
    split than `train` and `valid`, a side that is not from 1 to 48, or fewer than one patch.
    """
    expect_one_of(split, ("train", "valid"), "split")
    for name, value, most in (("per_photo", per_photo, 10**6), ("side", side, STRIP)):
        if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= most:
            raise ValueError(f"{name} must be a whole number from 1 to {most}, got {value!r}")
    rng = np.random.default_rng([seed, split == "valid"])
    photos = [_shrunk(photo(name)) for name in COLOUR_PHOTOS]
    images = [_cut(picture, split, side, rng) for _ in range(per_photo) for picture in photos]
    labels = np.tile(np.arange(len(photos), dtype=np.int64), per_photo)
    pixels = np.concatenate([picture.reshape(-1, 3) for picture in photos]) / 255
    mean, std = (tuple(map(float, f(pixels, axis=0))) for f in (np.mean, np.std))
    stacked = np.stack(images).transpose(0, 3, 1, 2).copy()
    source = "cut out of scikit-image's photographs"
    names = list(COLOUR_PHOTOS)
    return Dataset(stacked, labels, names, source, mean, std, "colour_patches", split)


def _shrunk(picture: np.ndarray) -> np.ndarray:
    """Blocks of k x k pixels to their mean, k as large as the short side allows."""
    k = max(1, min(picture.shape[:2]) // SHORT_SIDE)
    height, width = (n // k for n in picture.shape[:2])
    blocks = picture[: height * k, : width * k].reshape(height, k, width, k, 3)
    return blocks.mean(axis=(1, 3)).round().astype(np.uint8)


def _cut(picture: np.ndarray, split: str, side: int, rng: np.random.Generator) -> np.ndarray:
    """One patch (side, side, 3) of this photograph, within the columns of its split."""
    height, width = picture.shape[:2]
    period = STRIPS * STRIP
    start, wide = (period - STRIP, STRIP) if split == "valid" else (0, period - STRIP)
    first = start + period * int(rng.integers(width // period))
    top = int(rng.integers(height - side + 1))
    left = first + int(rng.integers(wide - side + 1))
    return picture[top : top + side, left : left + side]
