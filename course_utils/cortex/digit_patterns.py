"""Digits for the neocognitron: five drawn patterns, and what may happen to a picture of one.

Pictures are ``(H, W)`` or ``(N, H, W)`` arrays of light, 0 for the ground and 1 for the stroke.
Taught in chapter 3.
"""

from __future__ import annotations

import numpy as np

# Polylines in a square from 0 (left, top) to 1 (right, bottom), (x, y).
_STROKES = {
    "0": [[(0.5, 0), (0.15, 0.15), (0, 0.5), (0.15, 0.85), (0.5, 1), (0.85, 0.85), (1, 0.5),
           (0.85, 0.15), (0.5, 0)]],
    "1": [[(0.2, 0.2), (0.5, 0), (0.5, 1)]],
    "2": [[(0, 0.25), (0.15, 0.05), (0.5, 0), (0.85, 0.08), (1, 0.3), (0.85, 0.55), (0, 1),
           (1, 1)]],
    "3": [[(0, 0.1), (0.4, 0), (0.85, 0.05), (1, 0.25), (0.8, 0.45), (0.4, 0.48), (0.8, 0.52),
           (1, 0.75), (0.85, 0.95), (0.4, 1), (0, 0.9)]],
    "4": [[(0.7, 1), (0.7, 0), (0, 0.7), (1, 0.7)]],
}  # fmt: skip
PATTERNS = tuple(_STROKES)
"""The names of the five drawn patterns: 0, 1, 2, 3, 4."""


def digit_pattern(
    name: str,
    *,
    side: int = 16,
    size: float = 8.0,
    shift: tuple[float, float] = (0.0, 0.0),
    thickness: float = 1.0,
    gap: float = 0.0,
    gap_at: float = 0.4,
) -> np.ndarray:
    """Draw one of the five patterns: (side, side), values in 0..1.

    Parameters
    ----------
    name
        One of :data:`PATTERNS`.
    side
        Of the picture, in pixels.
    size
        Height of the digit in pixels; it is three quarters as wide.
    shift
        ``(down, right)`` from pixel ``side // 2``, in pixels.
    thickness
        Of the stroke, in pixels.
    gap, gap_at
        Length in pixels of a piece of the stroke that is missing, and where along the stroke it
        lies (0 to 1): a broken digit.
    """
    if name not in _STROKES:
        raise ValueError(f"name must be one of {', '.join(PATTERNS)}; got {name!r}")
    if size <= 0 or thickness <= 0 or gap < 0:
        raise ValueError("size and thickness must be positive, and gap not negative")
    dots = np.concatenate([_dots(np.array(line), size) for line in _STROKES[name]])
    if gap > 0:
        length = np.r_[0, np.cumsum(np.hypot(*np.diff(dots, axis=0).T))]
        dots = dots[np.abs(length - gap_at * length[-1]) > gap / 2]
    down, right = shift
    dots = dots + side // 2 + np.array([right, down])
    y, x = np.mgrid[:side, :side]
    distance = np.hypot(x[..., None] - dots[:, 0], y[..., None] - dots[:, 1]).min(axis=-1)
    return np.clip(thickness / 2 + 0.5 - distance, 0, 1)


def _dots(line: np.ndarray, size: float) -> np.ndarray:
    """Points a tenth of a pixel apart along a polyline, about the middle of the digit."""
    line = (line - 0.5) * size * np.array([0.75, 1.0])
    pieces = []
    for start, end in zip(line[:-1], line[1:], strict=True):
        count = max(int(np.hypot(*(end - start)) * 10), 1)
        pieces.append(start + (end - start) * np.arange(count)[:, None] / count)
    return np.concatenate([*pieces, line[-1:]])


def enlarge(images: np.ndarray, size: int, *, side: int) -> np.ndarray:
    """Scale square pictures to `size` (bilinear) in the middle of a dark field of `side` pixels.

    (N, H, H) -> (N, side, side). The field leaves room to shift the picture without cutting it.
    """
    images = np.asarray(images, dtype=float)
    if images.ndim != 3 or images.shape[1] != images.shape[2]:
        raise ValueError(f"expected square images (N, H, H); got {images.shape}")
    if not 0 < size <= side:
        raise ValueError(f"expected 0 < size <= side; got {size} and {side}")
    weights = _interpolation(images.shape[1], size)  # (size, H)
    scaled = weights @ images @ weights.T
    first = (side - size) // 2
    last = side - size - first
    return np.pad(scaled, [(0, 0), (first, last), (first, last)])


def _interpolation(old: int, new: int) -> np.ndarray:
    """Weights (new, old) of a linear interpolation between pixel centres, or of block means."""
    if new < old:  # each new pixel takes the share of the old ones that it covers
        edges = np.linspace(0, old, new + 1)
        low, high = np.arange(old), np.arange(1, old + 1)
        cover = np.minimum(high, edges[1:, None]) - np.maximum(low, edges[:-1, None])
        return np.clip(cover, 0, None) * new / old
    places = np.clip((np.arange(new) + 0.5) * old / new - 0.5, 0, old - 1)
    return np.clip(1 - np.abs(places[:, None] - np.arange(old)), 0, None)


def shift_images(images: np.ndarray, down: int, right: int) -> np.ndarray:
    """Move pictures (..., H, W) by whole pixels; what leaves is lost, what enters is dark."""
    height, width = images.shape[-2:]
    if abs(down) >= height or abs(right) >= width:
        raise ValueError(f"a shift of {down}, {right} leaves nothing of a {height} x {width} image")
    moved = np.zeros_like(images)
    (top, to_top), (left, to_left) = _overlap(down, height), _overlap(right, width)
    moved[..., to_top, to_left] = images[..., top, left]
    return moved


def _overlap(shift: int, size: int) -> tuple[slice, slice]:
    """Where the pixels that stay in the picture come from, and where they go."""
    return slice(max(-shift, 0), size - max(shift, 0)), slice(max(shift, 0), size + min(shift, 0))


def add_noise(images: np.ndarray, strength: float, *, seed: int = 0) -> np.ndarray:
    """Gaussian noise of standard deviation `strength`, cut off at 0 and 1 as light is."""
    if strength < 0:
        raise ValueError(f"strength must not be negative; got {strength}")
    noise = np.random.default_rng(seed).normal(0, 1, images.shape)
    return np.clip(images + strength * noise, 0, 1)
