"""What Hubel and Wiesel shone on the retina: bars, spots, gratings, diffuse light, noise.

Every stimulus is an array of luminance, 0 for the dark background and 1 for full light. Lengths
are degrees of visual angle, orientations degrees counter-clockwise from the horizontal, times
milliseconds. Where an argument may be an array ``(...)``, the stimulus has shape
``(..., pixels, pixels)``. Edges are smoothed over one pixel, so that a bar that turns or moves
by a fraction of a pixel changes a little, not in jumps. Taught in chapter 2.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from course_utils.cortex.retina import Retina


def _inside(distance: np.ndarray, limit: float, softness: float) -> np.ndarray:
    """Share of each pixel that lies within `limit`: 1 inside, 0 outside, a ramp between."""
    return np.clip((limit - distance) / softness + 0.5, 0.0, 1.0)


def _positive(**lengths: float) -> None:
    for name, value in lengths.items():
        if not value > 0:
            raise ValueError(f"{name} must be positive; got {value}")


def diffuse_light(retina: Retina, level: float = 1.0) -> np.ndarray:
    """Light of one level over the whole retina: ``(H, W)``."""
    return np.full(retina.shape, float(level))


def bar(
    retina: Retina,
    orientation: float | np.ndarray,
    *,
    position: np.ndarray | tuple = (0.0, 0.0),
    length: float = 8.0,
    width: float = 1.0,
    contrast: float = 1.0,
) -> np.ndarray:
    """A bar of light on a dark ground (the slit of Hubel and Wiesel): ``(..., H, W)``.

    The default, 1 by 8 degrees, is a long, narrow slit like those of Hubel and Wiesel (1959).
    """
    _positive(length=length, width=width)
    along, across = retina.along_and_across(orientation, position)
    soft = retina.degrees_per_pixel
    return (
        contrast
        * _inside(np.abs(along), length / 2, soft)
        * _inside(np.abs(across), width / 2, soft)
    )


def broken_bar(
    retina: Retina, orientation: float | np.ndarray, *, gap: float, **settings: Any
) -> np.ndarray:
    """A :func:`bar` with a dark gap of `gap` degrees in its middle: ``(..., H, W)``."""
    whole = bar(retina, orientation, **settings)
    if gap <= 0:
        return whole
    along, _ = retina.along_and_across(orientation, settings.get("position", (0.0, 0.0)))
    return whole * (1 - _inside(np.abs(along), gap / 2, retina.degrees_per_pixel))


def wavy_bar(
    retina: Retina,
    orientation: float,
    *,
    amplitude: float,
    period: float = 4.0,
    phase: float = 0.0,
    length: float = 8.0,
    width: float = 1.0,
) -> np.ndarray:
    """A bar bent into a sine wave of the given amplitude and period (degrees): ``(H, W)``."""
    _positive(length=length, width=width, period=period)
    along, across = retina.along_and_across(orientation)
    soft = retina.degrees_per_pixel
    bend = amplitude * np.sin(2 * np.pi * along / period + phase)
    inside = _inside(np.abs(across - bend), width / 2, soft)
    return inside * _inside(np.abs(along), length / 2, soft)


def spots(
    retina: Retina, positions: np.ndarray, *, diameter: float = 0.5, contrast: float = 1.0
) -> np.ndarray:
    """Round spots of light: positions ``(..., K, 2)`` give images ``(..., H, W)``.

    Spots that overlap do not add up: it is one light.
    """
    _positive(diameter=diameter)
    positions = np.asarray(positions, dtype=float)
    if positions.ndim < 2 or positions.shape[-1] != 2:
        raise ValueError(f"positions must have shape (..., K, 2); got {positions.shape}")
    x, y = retina.coordinates()
    image = np.zeros(positions.shape[:-2] + retina.shape)
    for k in range(positions.shape[-2]):
        x0, y0 = positions[..., k, 0, None, None], positions[..., k, 1, None, None]
        lit = _inside(np.hypot(x - x0, y - y0), diameter / 2, retina.degrees_per_pixel)
        image = np.maximum(image, lit)
    return contrast * image


def spot(
    retina: Retina,
    position: np.ndarray | tuple = (0.0, 0.0),
    *,
    diameter: float = 0.5,
    contrast: float = 1.0,
) -> np.ndarray:
    """One round spot of light: a position ``(..., 2)`` gives ``(..., H, W)``."""
    one = np.asarray(position, dtype=float)[..., None, :]
    return spots(retina, one, diameter=diameter, contrast=contrast)


def annulus(retina: Retina, *, inner: float, outer: float, contrast: float = 1.0) -> np.ndarray:
    """A ring of light between two diameters (degrees), at the centre: ``(H, W)``."""
    if not 0 <= inner < outer:
        raise ValueError(f"expected 0 <= inner < outer; got inner {inner}, outer {outer}")
    ring = spot(retina, diameter=outer)
    return contrast * (ring - spot(retina, diameter=inner) if inner > 0 else ring)


def row_positions(
    orientation: float,
    *,
    count: int,
    spacing: float,
    position: np.ndarray | tuple = (0.0, 0.0),
) -> np.ndarray:
    """Centres of `count` points on a line, `spacing` degrees apart: ``(count, 2)``."""
    if count < 1:
        raise ValueError(f"count must be at least 1; got {count}")
    steps = (np.arange(count) - (count - 1) / 2) * spacing
    angle = np.deg2rad(orientation)
    direction = np.array([np.cos(angle), np.sin(angle)])
    return np.asarray(position, dtype=float) + steps[:, None] * direction


def row_of_spots(
    retina: Retina,
    orientation: float,
    *,
    count: int = 5,
    spacing: float = 1.0,
    diameter: float = 0.5,
    position: np.ndarray | tuple = (0.0, 0.0),
    contrast: float = 1.0,
) -> np.ndarray:
    """Spots of light lined up along an orientation: ``(H, W)``."""
    where = row_positions(orientation, count=count, spacing=spacing, position=position)
    return spots(retina, where, diameter=diameter, contrast=contrast)


def scattered_spots(
    retina: Retina,
    *,
    count: int,
    diameter: float = 0.5,
    spread: float = 3.0,
    contrast: float = 1.0,
    images: int = 1,
    seed: int = 0,
) -> np.ndarray:
    """Spots at random places of a square of side ``2 spread``: ``(images, H, W)``."""
    where = np.random.default_rng(seed).uniform(-spread, spread, size=(images, count, 2))
    return spots(retina, where, diameter=diameter, contrast=contrast)


def grating(
    retina: Retina,
    orientation: float | np.ndarray,
    *,
    spatial_frequency: float = 0.5,
    phase: float = 0.0,
    contrast: float = 1.0,
    mean: float = 0.5,
) -> np.ndarray:
    """A sinusoidal grating: ``(..., H, W)``; frequency in cycles a degree, phase in radians.

    The luminance is ``mean * (1 + contrast * cos(...))``; its lines run along `orientation`.
    """
    _, across = retina.along_and_across(orientation)
    return mean * (1 + contrast * np.cos(2 * np.pi * spatial_frequency * across + phase))


def with_noise(images: np.ndarray, sigma: float, *, seed: int = 0) -> np.ndarray:
    """Add Gaussian noise of standard deviation `sigma` to every pixel: a new array.

    The result may leave the range 0 to 1; it is not clipped, so that its mean stays put.
    """
    if sigma < 0:
        raise ValueError(f"sigma must not be negative; got {sigma}")
    images = np.asarray(images, dtype=float)
    return images + sigma * np.random.default_rng(seed).standard_normal(images.shape)


def noise_images(retina: Retina, images: int, *, seed: int = 0) -> np.ndarray:
    """White noise, mean 0 and standard deviation 1: ``(images, H, W)``."""
    return np.random.default_rng(seed).standard_normal((images, *retina.shape))


def moving_bar(
    retina: Retina,
    direction: float,
    *,
    speed: float = 5.0,
    duration: float = 1600.0,
    time_step: float = 10.0,
    length: float = 8.0,
    width: float = 0.5,
    contrast: float = 1.0,
) -> np.ndarray:
    """A bar that sweeps across the retina at right angles to itself: ``(T, H, W)``.

    The bar passes the centre half-way through the film, so the film of the opposite direction is
    this one played backwards.

    Parameters
    ----------
    direction
        Of the movement, in degrees: 0 to the right, 90 up, 180 to the left.
    speed
        Degrees of visual angle a second.
    duration, time_step
        Milliseconds; ``T = round(duration / time_step)`` frames.
    """
    _positive(speed=speed, duration=duration, time_step=time_step)
    frames = round(duration / time_step)
    seconds = (np.arange(frames) - (frames - 1) / 2) * time_step / 1000
    angle = np.deg2rad(direction)
    where = speed * seconds[:, None] * np.array([np.cos(angle), np.sin(angle)])
    look = {"length": length, "width": width, "contrast": contrast}
    return bar(retina, direction + 90.0, position=where, **look)


def rotating_bar(
    retina: Retina,
    *,
    turn_rate: float = 90.0,
    duration: float = 4000.0,
    time_step: float = 20.0,
    length: float = 8.0,
    width: float = 1.0,
) -> tuple[np.ndarray, np.ndarray]:
    """A bar that turns about the centre, `turn_rate` degrees a second.

    Returns the film ``(T, H, W)`` and the orientation of each frame ``(T,)``, 0 to 180 degrees.
    """
    _positive(duration=duration, time_step=time_step)
    seconds = np.arange(round(duration / time_step)) * time_step / 1000
    angles = turn_rate * seconds
    return bar(retina, angles, length=length, width=width), angles % 180.0


def hermann_grid(
    retina: Retina, *, pitch: float = 3.0, street: float = 1.0, wave: float = 0.0
) -> np.ndarray:
    """Dark blocks between light streets, a crossing at the centre: ``(H, W)``.

    Parameters
    ----------
    pitch, street
        Distance of neighbouring streets and width of one, in degrees.
    wave
        Amplitude in degrees with which the streets wind like a sine, one period a block; the
        crossings stay where they are (Geier and others, 2008).
    """
    if not 0 < street < pitch:
        raise ValueError(f"expected 0 < street < pitch; got street {street}, pitch {pitch}")
    x, y = retina.coordinates()
    lit = [
        _inside(_to_nearest_street(a, b, pitch, wave), street / 2, retina.degrees_per_pixel)
        for a, b in ((x, y), (y, x))
    ]
    return np.maximum(*lit)


def _to_nearest_street(a: np.ndarray, b: np.ndarray, pitch: float, wave: float) -> np.ndarray:
    bend = wave * np.sin(2 * np.pi * b / pitch)
    return np.abs((a - bend + pitch / 2) % pitch - pitch / 2)


def ramp(retina: Retina, *, low: float = 0.2, high: float = 0.8, width: float = 3.0) -> np.ndarray:
    """Two plateaus joined by a straight ramp of `width` degrees (Mach's stimulus): ``(H, W)``."""
    _positive(width=width)
    x, _ = retina.coordinates()
    return low + (high - low) * np.clip(x / width + 0.5, 0.0, 1.0)
