"""The cells of the neocognitron: Fukushima's S- and C-cells, and their reading as ReLU and max.

Arrays are ``(N, K, H, W)``: N images, K planes of ``H x W`` cells that share their weights. NumPy
only. Taught in chapter 3.

Fukushima (1980), "Neocognitron: a self-organizing neural network model for a mechanism of pattern
recognition unaffected by shift in position", Biological Cybernetics 36:193-202.
"""

from __future__ import annotations

import math
from functools import lru_cache
from itertools import product

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view


def rectify(x: np.ndarray) -> np.ndarray:
    """Return ``max(x, 0)``, which Fukushima writes as phi and everybody today as ReLU."""
    return np.maximum(x, 0.0)


def saturate(x: np.ndarray, alpha: float = 0.5) -> np.ndarray:
    """``psi(x) = phi(x) / (alpha + phi(x))``: 0 below zero, 1/2 at alpha, below 1 everywhere.

    Not ``phi(x / (alpha + x))``, as the paper's equation 5 is printed: that is positive below
    ``-alpha``.
    """
    positive = rectify(np.asarray(x, dtype=float))
    return positive / (alpha + positive)


def falloff(area: int, decay: float) -> np.ndarray:
    """``decay ** distance`` from the centre of a square area, scaled to the sum 1: (area, area).

    The paper asks only that the fixed connections c and d decrease with the distance, and that
    those of c sum to 1; the form is ours. ``decay`` is in 0..1, and 1 is a flat area.
    """
    if not 0 < decay <= 1:
        raise ValueError(f"decay must lie in 0..1, without 0; got {decay}")
    steps = np.arange(area) - (area - 1) / 2
    weights = decay ** np.hypot(steps[:, None], steps)
    return weights / weights.sum()


def area_starts(side_in: int, side_out: int, area: int, step: float = 1.0) -> np.ndarray:
    """First row (and column) of each of `side_out` areas, in the middle of a plane: (side_out,).

    Neighbouring areas lie `step` cells apart, rounded to whole cells alike on both sides. Areas may
    reach over the border, where there are only silent cells. Raises ValueError if two areas would
    be the same, or if areas one cell apart cannot lie in the middle.
    """
    half = (side_in - area) / 2
    exact = half + step * (np.arange(side_out) - (side_out - 1) / 2)
    inwards = np.where(exact < half, np.floor(exact + 0.5), np.ceil(exact - 0.5)).astype(int)
    odd_one_out = side_out > 0 and step == int(step) and not np.allclose(inwards, exact)
    if odd_one_out or (np.diff(inwards) < 1).any():
        raise ValueError(
            f"{side_out} areas of {area} cells, {step:g} cells apart, cannot lie in the middle of "
            f"a plane of {side_in} cells"
        )
    return inwards


def areas(planes: np.ndarray, starts: np.ndarray, area: int) -> np.ndarray:
    """What each area sees: (..., H, W) -> (..., out, out, area, area), silent beyond the border."""
    windows = _all_areas(planes, starts, area)
    places = starts - starts[0]
    if len(places) == windows.shape[-3]:  # every one of them: no copy is needed
        return windows
    return windows[..., places[:, None], places, :, :]


def _all_areas(planes: np.ndarray, starts: np.ndarray, area: int) -> np.ndarray:
    """All areas from the first to the last start, one cell apart, as a view."""
    side = planes.shape[-1]
    first, last = int(starts[0]), int(starts[-1]) + area
    frame = np.zeros((*planes.shape[:-2], last - first, last - first))
    low, high = max(first, 0), min(last, side)
    inside = slice(low - first, high - first)
    frame[..., inside, inside] = planes[..., low:high, low:high]
    return sliding_window_view(frame, (area, area), axis=(-2, -1))


def weighted_areas(planes: np.ndarray, weights: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """Sum every area of every plane with one set of weights: (..., H, W) -> (..., out, out)."""
    side, out = planes.shape[-1], len(starts)
    matrix = area_sums(weights, starts, side)
    return (planes.reshape(-1, side * side) @ matrix).reshape(*planes.shape[:-2], out, out)


def area_sums(weights: np.ndarray, starts: np.ndarray, side: int) -> np.ndarray:
    """The matrix (side * side, out * out) that sums every area of a plane (dark outside).

    The weights of these sums never change, so the matrix is built once and kept; one product with
    it is several times faster than to gather the areas and sum each of them. It is read-only.
    """
    weights = np.ascontiguousarray(weights, dtype=float)
    return _area_sums(weights.tobytes(), tuple(int(start) for start in starts), side)


@lru_cache(maxsize=64)
def _area_sums(weights: bytes, starts: tuple[int, ...], side: int) -> np.ndarray:
    values = np.frombuffer(weights)
    area, out = math.isqrt(len(values)), len(starts)
    matrix = np.zeros((side, side, out, out))
    for (y, top), (x, left) in product(enumerate(starts), repeat=2):
        high, low = slice(max(top, 0), top + area), slice(max(left, 0), left + area)
        cut = values.reshape(area, area)[max(-top, 0) :, max(-left, 0) :]
        inside = matrix[high, low, y, x]
        inside += cut[: inside.shape[0], : inside.shape[1]]
    matrix.flags.writeable = False
    return matrix.reshape(side * side, out * out)


def excitation(u: np.ndarray, a: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """``e(k, n) = sum_kappa sum_v a(kappa, v, k) u(kappa, n + v)``.

    Planes u ``(N, Kin, H, W)`` and shared weights a ``(K, Kin, area, area)`` give
    ``(N, K, out, out)``.
    """
    planes, area, out = a.shape[0], a.shape[-1], len(starts)
    windows = areas(u, starts, area).transpose(0, 2, 3, 1, 4, 5)
    sums = windows.reshape(-1, a[0].size) @ a.reshape(planes, -1).T  # (N out out, K)
    return sums.reshape(len(u), out, out, planes).transpose(0, 3, 1, 2)


def inhibitory_cells(u: np.ndarray, c: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """``v_C(n) = sqrt(sum_kappa sum_v c(v) u(kappa, n + v)**2)``: (N, Kin, H, W) -> (N, out, out).

    A weighted root mean square of all that lies in the area, if c sums to 1 over planes and area.
    """
    return np.sqrt(weighted_areas((u**2).sum(axis=1), c, starts))


def s_cells(
    u: np.ndarray,
    a: np.ndarray,
    b: np.ndarray,
    v: np.ndarray,
    starts: np.ndarray,
    *,
    r: float,
    cells: str = "fukushima",
) -> np.ndarray:
    """Responses of a layer of S-cells: (N, K, out, out), never negative.

    With the excitation e and the inhibition ``h = 2r/(1+r) b v``, Fukushima's cell is
    ``r phi[(1 + e) / (1 + h) - 1]``, which is ``r phi(e - h) / (1 + h)``: a ReLU of a difference,
    divided by what the input's strength asks for (shunting inhibition).

    Parameters
    ----------
    u
        ``(N, Kin, H, W)``: the C-cells (or the image) below.
    a, b
        ``(K, Kin, area, area)`` and ``(K,)``: the learned weights.
    v
        ``(N, out, out)``: the inhibitory cells, from :func:`inhibitory_cells`.
    starts
        ``(out,)``: where the areas begin, from :func:`area_starts`.
    r
        Selectivity: a trained cell answers where the similarity exceeds ``r / (1 + r)``.
    cells
        ``"relu_max"`` divides by the constant ``1 + 2r/(1+r) b`` instead, so that only a ReLU of
        ``e - h`` with rescaled weights is left.
    """
    strength = 2 * r / (1 + r) * b[:, None, None]  # (K, 1, 1)
    e = excitation(u, a, starts)
    h = strength * v[:, None]
    return r * rectify(e - h) / (1 + (strength if cells == "relu_max" else h))


def c_cells(
    u: np.ndarray,
    d: np.ndarray,
    starts: np.ndarray,
    *,
    alpha: float = 0.5,
    cells: str = "fukushima",
) -> np.ndarray:
    """Responses of a layer of C-cells: (N, K, H, W) -> (N, K, out, out).

    ``psi[(1 + sum_v d(v) u(k, n + v)) / (1 + v_S(n)) - 1]``, where ``v_S`` is the mean of that sum
    over the planes; so a C-cell answers only if its own plane does better than the mean plane.
    With ``cells="relu_max"``: the largest response in the area.
    """
    if cells == "relu_max":
        tall = _largest_of_rows(u, starts, len(d)).swapaxes(-1, -2)
        return _largest_of_rows(tall, starts, len(d)).swapaxes(-1, -2)
    sums = weighted_areas(u, d, starts)
    v = sums.mean(axis=1, keepdims=True)
    return saturate((1 + sums) / (1 + v) - 1, alpha)


def _largest_of_rows(u: np.ndarray, starts: np.ndarray, area: int) -> np.ndarray:
    """The largest of `area` rows from each start on, silent beyond the border: (..., out, W)."""
    side = u.shape[-2]
    largest = np.zeros((*u.shape[:-2], len(starts), u.shape[-1]))
    for step in range(area):
        inside = (starts + step >= 0) & (starts + step < side)
        largest[..., inside, :] = np.maximum(
            largest[..., inside, :], u[..., starts[inside] + step, :]
        )
    return largest
