"""What changes in a picture while its class stays: nuisances of a chosen strength.  Chapter 1.

Every function takes images (N, C, H, W) uint8 and a strength, and returns new images of the same
shape and dtype; strength 0 (for `rescale` 1) leaves them as they are. Each image gets a draw of its
own (a side, a place, a direction), which depends on `seed` and not on the strength, so a curve over
strengths follows the same draws. What comes in from outside is black, the background of
Fashion-MNIST.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from scipy.ndimage import gaussian_filter
from torch.nn import functional as F

from course_utils.data import photo

Images = np.ndarray  # (N, C, H, W) uint8

GREY = 128  # the occluding square
DEFORMATION_SMOOTHNESS = 4.0  # pixels, standard deviation of the Gaussian that smooths the field
BACKGROUNDS = ("astronaut", "brick", "camera", "chelsea", "coffee", "grass", "gravel")
BACKGROUND_SHRINK = 4  # a background patch shows 4 x 4 times as much of its photograph


# --- viewpoint and scale: the picture is read at other places ---


def rotate(images: Images, degrees: float, seed: int = 0) -> Images:
    """Turn each image about its centre by `degrees`, left or right.  Taught in chapter 1."""
    sides = _sides(images, degrees, seed, high=180)
    angle = np.deg2rad(degrees) * sides
    return _affine(images, np.cos(angle), -np.sin(angle), np.sin(angle), np.cos(angle))


def shear(images: Images, degrees: float, seed: int = 0) -> Images:
    """Lean each image's vertical axis by `degrees`, left or right.  Taught in chapter 1."""
    sides = _sides(images, degrees, seed, high=80)
    lean = np.tan(np.deg2rad(degrees)) * sides
    one, zero = np.ones(len(images)), np.zeros(len(images))
    return _affine(images, one, lean, zero, one)


def rescale(images: Images, factor: float, seed: int = 0) -> Images:
    """Show each object at `factor` times its size, about the centre.  Taught in chapter 1.

    Nothing is drawn; `seed` is there because all nuisances are called alike. A factor below 1 reads
    every 1/factor-th place with bilinear interpolation, after no smoothing.
    """
    _check(images, factor, low=0.05, high=20)
    size, zero = np.full(len(images), 1 / factor), np.zeros(len(images))
    return _affine(images, size, zero, zero, size)


def shift(images: Images, pixels: int, seed: int = 0) -> Images:
    """Move each image by whole pixels, right, left, down or up.  Taught in chapter 1."""
    _check(images, pixels, low=0, high=None)
    if int(pixels) != pixels:
        raise ValueError(f"shift moves by whole pixels, got {pixels!r}")
    pixels, (height, width) = int(pixels), images.shape[2:]
    direction = np.random.default_rng(seed).integers(4, size=len(images))
    framed = np.pad(images, ((0, 0), (0, 0), (pixels, pixels), (pixels, pixels)))
    moved = np.empty_like(images)
    for number, (right, down) in enumerate(((1, 0), (-1, 0), (0, 1), (0, -1))):
        top, left = pixels - down * pixels, pixels - right * pixels
        rows = direction == number
        moved[rows] = framed[rows, :, top : top + height, left : left + width]
    return moved


def deform(images: Images, pixels: float, seed: int = 0) -> Images:
    """Bend each image: every pixel is read `pixels` away on average.  Taught in chapter 1.

    The displacements are smoothed random numbers, as in Simard, Steinkraus and Platt (2003), "Best
    practices for convolutional neural networks applied to visual document analysis", section 2.
    Theirs are uniform before the smoothing, these normal; after it the two look alike.
    `pixels` is the root of their mean squared length, over the whole image.
    """
    _check(images, pixels, low=0, high=None)
    count, _, height, width = images.shape
    field = np.random.default_rng(seed).normal(size=(count, 2, height, width))
    smooth = (0, 0, DEFORMATION_SMOOTHNESS, DEFORMATION_SMOOTHNESS)
    field = gaussian_filter(field, smooth, mode="wrap")
    length = np.sqrt((field**2).sum(axis=1).mean(axis=(1, 2)))  # (N,)
    field *= pixels / length[:, None, None, None]
    half = np.array([width / 2, height / 2])  # affine coordinates run from -1 to 1
    return _read(images, _plain_grid(images) + field.transpose(0, 2, 3, 1) / half)


# --- what lies before, behind and above the object ---


def occlude(images: Images, side: int, seed: int = 0) -> Images:
    """Cover a square of `side` x `side` pixels with grey, somewhere in the image.

    The square lies wholly inside, at a random place. Taught in chapter 1.
    """
    _check(images, side, low=0, high=None)
    if int(side) != side:
        raise ValueError(f"the square's side is a whole number of pixels, got {side!r}")
    place = np.random.default_rng(seed).random((len(images), 2))
    room = np.array(images.shape[2:]) - int(side)
    covered = images.copy()
    for image, (top, left) in zip(covered, np.round(place * room).astype(int), strict=True):
        image[:, top : top + int(side), left : left + int(side)] = GREY
    return covered


def darken(images: Images, strength: float, seed: int = 0) -> Images:
    """Light each image from one side: full there, 1 - `strength` at the other.

    The brightness falls linearly from the left, right, upper or lower side. Taught in chapter 1.
    """
    _check(images, strength, low=0, high=1)
    height, width = images.shape[2:]
    across = np.broadcast_to(np.linspace(0, 1, width), (height, width))
    down = np.broadcast_to(np.linspace(0, 1, height)[:, None], (height, width))
    ramps = np.stack([across, 1 - across, down, 1 - down])
    chosen = ramps[np.random.default_rng(seed).integers(4, size=len(images))]
    return _to_bytes(images * (1 - strength * chosen[:, None]))


def clutter(images: Images, strength: float, seed: int = 0) -> Images:
    """Put a patch of a photograph behind each image, at `strength` times its brightness.

    Each pixel is the brighter of the object's and the background's, so the black background of the
    object disappears. The patches come from the photographs `BACKGROUNDS`. Taught in chapter 1.
    """
    _check(images, strength, low=0, high=1)
    height, width = images.shape[2:]
    rng = np.random.default_rng(seed)
    walls = _background_photographs()
    behind = np.empty((len(images), 1, height, width))
    for patch in behind:
        wall = walls[rng.integers(len(walls))]
        if wall.shape[0] < height or wall.shape[1] < width:
            raise ValueError(f"no background is as large as {height} x {width} pixels")
        top = rng.integers(wall.shape[0] - height + 1)
        left = rng.integers(wall.shape[1] - width + 1)
        patch[0] = wall[top : top + height, left : left + width]
    return _to_bytes(np.maximum(images, strength * behind))


def add_noise(images: Images, sigma: float, seed: int = 0) -> Images:
    """Add Gaussian noise of standard deviation `sigma` grey levels, cut off at 0 and 255.

    Taught in chapter 1.
    """
    _check(images, sigma, low=0, high=255)
    noise = np.random.default_rng(seed).normal(size=images.shape)
    return _to_bytes(images + sigma * noise)


# --- the table that chapter 1 walks through ---


@dataclass(frozen=True)
class Nuisance:
    """One nuisance, called as ``nuisance(images, strength, seed)``.

    `strengths` runs from none to much; `unit` labels an axis.
    """

    function: Callable[..., Images]
    strengths: tuple[float, ...]
    unit: str

    def __call__(self, images: Images, strength: float, seed: int = 0) -> Images:
        """The images with this nuisance at this strength."""
        return self.function(images, strength, seed)


NUISANCES = {
    "rotation": Nuisance(rotate, (0, 10, 20, 30, 45, 60), "angle (degrees)"),
    "shear": Nuisance(shear, (0, 10, 20, 30, 40, 50), "angle (degrees)"),
    "scale": Nuisance(rescale, (1, 0.9, 0.8, 0.7, 0.6, 0.5), "size (1 = as trained)"),
    "shift": Nuisance(shift, (0, 1, 2, 3, 4, 6), "distance (pixels)"),
    "deformation": Nuisance(deform, (0, 0.5, 1, 1.5, 2, 3), "displacement (pixels)"),
    "occlusion": Nuisance(occlude, (0, 4, 8, 12, 16, 20), "side of square (pixels)"),
    "illumination": Nuisance(darken, (0, 0.2, 0.4, 0.6, 0.8, 1), "light lost on far side"),
    "clutter": Nuisance(clutter, (0, 0.2, 0.4, 0.6, 0.8, 1), "background brightness"),
    "noise": Nuisance(add_noise, (0, 10, 25, 50, 75, 100), "sigma (grey levels)"),
}


# --- helpers ---


def _check(images: Images, strength: float, low: float, high: float | None) -> None:
    """Raise `ValueError` for wrong images or strengths; `high` None is the shorter side."""
    if not isinstance(images, np.ndarray) or images.ndim != 4 or images.dtype != np.uint8:
        found = f"{getattr(images, 'dtype', type(images))} of shape {np.shape(images)}"
        raise ValueError(f"expected uint8 images (N, C, H, W), got {found}")
    high = min(images.shape[2:]) if high is None else high
    if not (math.isfinite(strength) and low <= strength <= high):
        raise ValueError(f"the strength must be from {low} to {high}, got {strength!r}")


def _sides(images: Images, degrees: float, seed: int, high: float) -> np.ndarray:
    """One side an image: (N,) of -1 and +1."""
    _check(images, degrees, low=0, high=high)
    return np.random.default_rng(seed).choice([-1.0, 1.0], size=len(images))


def _affine(
    images: Images, xx: np.ndarray, xy: np.ndarray, yx: np.ndarray, yy: np.ndarray
) -> Images:
    """Read at (xx x + xy y, yx x + yy y) for the place (x, y), counted in pixels from the centre.

    The four coefficients are (N,): the matrix of the inverse map, as reading needs it.
    """
    height, width = images.shape[2:]
    x, y = np.moveaxis(_plain_grid(images), -1, 0) * np.array([width, height])[:, None, None]
    xx, xy, yx, yy = (c[:, None, None] for c in (xx, xy, yx, yy))
    return _read(images, np.stack([(xx * x + xy * y) / width, (yx * x + yy * y) / height], axis=-1))


def _plain_grid(images: Images) -> np.ndarray:
    """Where each pixel's centre lies, from -1 to 1 along each side: (H, W, 2), x before y."""
    height, width = images.shape[2:]
    down = (2 * np.arange(height) + 1) / height - 1
    across = (2 * np.arange(width) + 1) / width - 1
    return np.stack(np.meshgrid(across, down), axis=-1)


def _read(images: Images, grid: np.ndarray) -> Images:
    """Read the images at the grid (N, H, W, 2), bilinear, black outside."""
    x = torch.from_numpy(images.astype(np.float64))
    return _to_bytes(F.grid_sample(x, torch.from_numpy(grid), align_corners=False).numpy())


def _to_bytes(values: np.ndarray) -> Images:
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


@lru_cache(maxsize=1)
def _background_photographs() -> tuple[np.ndarray, ...]:
    """The photographs in grey, shrunk by averaging: each (H, W), 0 to 255."""
    walls = []
    for name in BACKGROUNDS:
        picture = photo(name).astype(np.float64)
        grey = picture if picture.ndim == 2 else picture @ [0.299, 0.587, 0.114]
        small = F.avg_pool2d(torch.from_numpy(grey)[None, None], BACKGROUND_SHRINK)
        walls.append(small[0, 0].numpy())
    return tuple(walls)
