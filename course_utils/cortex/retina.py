"""The model retina: a square grid of light receptors, measured in degrees of visual angle."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Retina:
    """A square patch of retina, centred on the point ``(0, 0)``.

    Positions are degrees of visual angle, x to the right and y **up**. Orientations are degrees
    counter-clockwise from the horizontal: 0 is a horizontal line, 90 a vertical one. An image of
    the retina is an array ``(pixels, pixels)`` whose row 0 is the top, as everywhere in the book.

    Taught in chapter 2.

    Parameters
    ----------
    pixels
        Receptors along one side; odd, so that one receptor sits exactly at the centre.
    degrees_per_pixel
        Distance of two neighbours, in degrees of visual angle.

    Raises
    ------
    ValueError
        If `pixels` is not odd and positive or the distance is not positive.
    """

    pixels: int = 81
    degrees_per_pixel: float = 0.1

    def __post_init__(self) -> None:
        if self.pixels < 1 or self.pixels % 2 == 0:
            raise ValueError(f"pixels must be odd and positive; got {self.pixels}")
        if not self.degrees_per_pixel > 0:
            raise ValueError(f"degrees_per_pixel must be positive; got {self.degrees_per_pixel}")

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of an image of this retina."""
        return (self.pixels, self.pixels)

    @property
    def width(self) -> float:
        """Width of the patch in degrees of visual angle."""
        return self.pixels * self.degrees_per_pixel

    def coordinates(self) -> tuple[np.ndarray, np.ndarray]:
        """Return x and y of every receptor, each ``(pixels, pixels)``, in degrees."""
        axis = (np.arange(self.pixels) - self.pixels // 2) * self.degrees_per_pixel
        x, y = np.meshgrid(axis, -axis)
        return x, y

    def along_and_across(
        self, orientation: float | np.ndarray, position: np.ndarray | tuple = (0.0, 0.0)
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the coordinates along and across a line, in degrees.

        Parameters
        ----------
        orientation
            Degrees; a number or an array ``(...)``.
        position
            A point of the line, ``(..., 2)``; broadcasts against `orientation`.

        Returns
        -------
        along, across
            Each ``(..., pixels, pixels)``. For a vertical line `along` grows upwards and `across`
            to the right.
        """
        angle = np.deg2rad(np.asarray(orientation, dtype=float))[..., None, None]
        position = np.asarray(position, dtype=float)
        if position.shape[-1:] != (2,):
            raise ValueError(f"position must end in an axis of 2 (x, y); got {position.shape}")
        x, y = self.coordinates()
        x = x - position[..., 0, None, None]
        y = y - position[..., 1, None, None]
        return x * np.cos(angle) + y * np.sin(angle), x * np.sin(angle) - y * np.cos(angle)


def shifted(
    position: np.ndarray | tuple, orientation: float, across: float | np.ndarray
) -> np.ndarray:
    """Move a point by `across` degrees at right angles to an orientation.

    A positive `across` moves a vertical line (90) to the right and a horizontal one (0) down.

    Parameters
    ----------
    position
        ``(2,)``, in degrees.
    across
        ``(...)``; or ``()`` with a position ``(..., 2)``.

    Returns
    -------
    ndarray
        ``(..., 2)``.
    """
    angle = np.deg2rad(orientation)
    normal = np.array([np.sin(angle), -np.cos(angle)])
    return np.asarray(position, dtype=float) + np.asarray(across, dtype=float)[..., None] * normal
