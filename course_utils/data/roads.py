"""Roads that are drawn, not photographed: what a camera on a car sees, and where to steer.

The ground is flat and the camera a pinhole. The car stands at the origin and looks along the
second axis; left is negative. The middle of the road lies ``offset`` metres to the right of the
car, runs off at the angle ``heading`` and bends with ``curvature``:
``x(d) = offset + tan(heading) d + curvature d^2 / 2`` at the distance d.  Taught in chapter 4.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

ROWS, COLUMNS = 30, 32  # the retina of Pomerleau (1991)
NEAR, FAR = 4.0, 30.0  # metres: the ground at the lowest and at the highest row
HALF_VIEW = np.deg2rad(35.0)  # from the middle of the picture to its left or right edge
LOOK_AHEAD = 12.0  # metres: the car steers at the middle of the road there
MAX_ANGLE = 30.0  # degrees: no road that `draw_roads` draws asks for more


@dataclass(frozen=True)
class Roads:
    """`images` (N, 30, 32) in 0..1, and the right steering `angles` (N,) in degrees."""

    images: np.ndarray
    angles: np.ndarray

    def __len__(self) -> int:
        return len(self.images)


def draw_roads(count: int, *, seed: int = 0) -> Roads:
    """Draw `count` roads at random: bright road, darker verge, noise, and sometimes a shadow.

    The same seed gives the same roads.

    Raises
    ------
    ValueError
        If `count` is not a whole number of at least 1.

    Taught in chapter 4.
    """
    if isinstance(count, bool) or not isinstance(count, (int, np.integer)) or count < 1:
        raise ValueError(f"count must be a whole number of at least 1, got {count!r}")
    rng = np.random.default_rng(seed)
    offset = rng.uniform(-1.5, 1.5, count)
    heading = np.deg2rad(rng.uniform(-10, 10, count))
    curvature = rng.uniform(-0.03, 0.03, count)  # 1 / metres
    road = road_mask(offset, heading, curvature, width=rng.uniform(3, 5, count))
    bright = rng.uniform(0.5, 0.9, (count, 1, 1))
    dark = rng.uniform(0.1, 0.45, (count, 1, 1))
    images = (dark + (bright - dark) * road) * _shadows(count, rng)
    images += rng.normal(0, 0.06, images.shape)
    return Roads(images.clip(0, 1), steering_angle(offset, heading, curvature))


def steering_angle(
    offset: np.ndarray | float, heading: np.ndarray | float, curvature: np.ndarray | float
) -> np.ndarray:
    """Direction of the road's middle `LOOK_AHEAD` metres ahead, in degrees; right is positive.

    Parameters
    ----------
    offset, heading, curvature
        Numbers or arrays of one shape: metres, radians, 1 / metres.

    Taught in chapter 4.
    """
    return np.rad2deg(np.arctan2(_middle(offset, heading, curvature, LOOK_AHEAD), LOOK_AHEAD))


def road_mask(
    offset: np.ndarray | float,
    heading: np.ndarray | float,
    curvature: np.ndarray | float,
    width: np.ndarray | float = 4.0,
) -> np.ndarray:
    """Share of each pixel that is road, in 0..1: (N, 30, 32) for N roads, or for N = 1.

    Parameters
    ----------
    offset, heading, curvature, width
        Numbers or arrays (N,): metres, radians, 1 / metres, metres.

    Raises
    ------
    ValueError
        If a width is not positive.

    Taught in chapter 4.
    """
    values = np.broadcast_arrays(*(np.atleast_1d(v) for v in (offset, heading, curvature, width)))
    offset, heading, curvature, width = (v[:, None, None] for v in values)  # (N, 1, 1)
    if (width <= 0).any():
        raise ValueError(f"a road has a positive width in metres, got {width.min()}")
    # On flat ground the row of a picture is linear in 1 / distance.
    distance = 1 / np.linspace(1 / FAR, 1 / NEAR, ROWS)[:, None]  # (30, 1), far to near
    slopes = np.tan(HALF_VIEW) * (2 * (np.arange(COLUMNS) + 0.5) / COLUMNS - 1)  # (32,)
    pixel = distance * (slopes[1] - slopes[0])  # its width on the ground, in metres
    aside = np.abs(distance * slopes - _middle(offset, heading, curvature, distance))
    return ((width / 2 - aside) / pixel + 0.5).clip(0, 1)


def _middle(offset: Any, heading: Any, curvature: Any, distance: Any) -> Any:
    """Where the road's middle is, in metres to the right of the car."""
    return offset + np.tan(heading) * distance + curvature * distance**2 / 2


def _shadows(count: int, rng: np.random.Generator) -> np.ndarray:
    """Half of the pictures get a slanted dark stripe: factors (N, 30, 32)."""
    row, column = np.mgrid[:ROWS, :COLUMNS]
    slant, start, thick = (
        rng.uniform(low, high, (count, 1, 1)) for low, high in ((-0.5, 0.5), (0, ROWS), (3, 8))
    )
    inside = np.abs(row + slant * (column - COLUMNS / 2) - start) < thick / 2
    shaded = rng.random((count, 1, 1)) < 0.5
    return np.where(inside & shaded, 0.55, 1.0)
