"""From firing rates to what an electrode records, and from recordings to numbers.

Rates are spikes a second, times milliseconds, orientations degrees. Taught in chapter 2.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from course_utils.cortex.retina import Retina
from course_utils.cortex.stimuli import spot


def spike_train(
    rate: np.ndarray | float,
    *,
    duration: float | None = None,
    time_step: float = 1.0,
    seed: int = 0,
) -> np.ndarray:
    """Draw spikes at a rate, a Poisson process in bins: bool ``(..., T)``.

    In each bin a spike falls with the probability ``1 - exp(-rate * time_step)``, so the bins
    must be short: at 100 spikes/s and 1 ms, 5 % of the bins that should hold a spike hold two,
    and count as one.

    Parameters
    ----------
    rate
        Spikes a second: ``(..., T)``, one number a bin; with `duration`, ``(...)``, held constant.
    duration
        Milliseconds.
    time_step
        Width of a bin in milliseconds.

    Raises
    ------
    ValueError
        If a rate is negative or not finite, or a time is not positive.
    """
    rate = np.asarray(rate, dtype=float)
    if not (np.isfinite(rate).all() and (rate >= 0).all()):
        raise ValueError("rates must be finite and not negative")
    if not time_step > 0 or (duration is not None and not duration > 0):
        raise ValueError(f"times must be positive; got step {time_step}, duration {duration} ms")
    if duration is not None:
        bins = round(duration / time_step)
        rate = np.broadcast_to(rate[..., None], (*rate.shape, bins))
    chance = -np.expm1(-rate * time_step / 1000)
    return np.random.default_rng(seed).random(rate.shape) < chance


def spike_times(spikes: np.ndarray, *, time_step: float = 1.0) -> np.ndarray:
    """Times of the spikes of one train ``(T,)`` in milliseconds: ``(number of spikes,)``."""
    spikes = np.asarray(spikes)
    if spikes.ndim != 1:
        raise ValueError(f"expected one train of shape (T,); got {spikes.shape}")
    return np.flatnonzero(spikes) * time_step


def preferred_orientation(orientations: np.ndarray, responses: np.ndarray) -> float:
    """Preferred orientation in degrees, 0 <= answer < 180: the mean of doubled angles.

    Orientations wrap round at 180 degrees, so their plain mean is meaningless (that of 1 and 179
    is not 90). Doubled, they are directions on a circle; the vector sum of the responses points
    to twice the answer (Swindale, 1998, describes this vector average and its limits).

    Parameters
    ----------
    orientations, responses
        ``(N,)``; the orientations evenly spaced over 180 degrees, in any order.

    Raises
    ------
    ValueError
        If the shapes differ, a response is negative, or no orientation is preferred.
    """
    orientations, responses = _curve(orientations, responses)
    total = np.sum(responses * np.exp(2j * np.deg2rad(orientations)))
    if abs(total) <= 1e-9 * max(responses.sum(), 1e-300):
        raise ValueError("the responses prefer no orientation: their vector sum is zero")
    return float(np.rad2deg(np.angle(total)) / 2 % 180.0)


def half_width(
    positions: np.ndarray, responses: np.ndarray, *, period: float | None = None
) -> float:
    """Half-width of a curve at half of its height, in the unit of `positions`.

    Half-height is half of the largest response, measured from zero. On each side of the peak the
    crossing is found by linear interpolation; the answer is half of the distance between the
    two, so a curve that need not be symmetric has one number. (Many papers print the full width,
    twice this.)

    Parameters
    ----------
    positions
        ``(N,)``, ascending; orientations or places.
    responses
        ``(N,)``, not negative.
    period
        180.0 for orientations, which wrap round; None for places.

    Raises
    ------
    ValueError
        If the shapes differ, a response is negative, all are zero, the positions do not ascend
        or the curve never falls to half of its height on one side.
    """
    positions, responses = _curve(positions, responses)
    if (np.diff(positions) <= 0).any():
        raise ValueError("positions must ascend")
    if period is not None:
        positions, responses = _around_peak(positions, responses, period)
    peak = int(np.argmax(responses))
    if responses[peak] <= 0:
        raise ValueError("the cell never answers: all responses are zero")
    right = _crossing(positions[peak:], responses[peak:])
    left = _crossing(-positions[peak::-1], responses[peak::-1])
    return (right + left) / 2


def _around_peak(positions: np.ndarray, responses: np.ndarray, period: float) -> tuple:
    """Unroll a periodic curve so that half a period lies on either side of its peak."""
    if positions[-1] - positions[0] >= period:
        raise ValueError(f"positions must span less than the period of {period}")
    half, peak = len(positions) // 2, int(np.argmax(responses)) + len(positions)
    around = slice(peak - half, peak + half + 1)
    unrolled = np.concatenate([positions - period, positions, positions + period])
    return unrolled[around], np.tile(responses, 3)[around]


def _crossing(positions: np.ndarray, responses: np.ndarray) -> float:
    """Distance from the first position to where the curve first falls to half of its start."""
    half = responses[0] / 2
    below = np.flatnonzero(responses <= half)
    if len(below) == 0:
        raise ValueError("the curve does not fall to half of its height on one side of its peak")
    after = int(below[0])
    before = after - 1
    share = (responses[before] - half) / (responses[before] - responses[after])
    reached = positions[before] + share * (positions[after] - positions[before])
    return float(reached - positions[0])


def _curve(positions: np.ndarray, responses: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    positions = np.asarray(positions, dtype=float)
    responses = np.asarray(responses, dtype=float)
    if positions.ndim != 1 or positions.shape != responses.shape or len(positions) < 3:
        raise ValueError(
            "expected two arrays of one shape (N,), N at least 3; "
            f"got {positions.shape} and {responses.shape}"
        )
    if not (responses >= 0).all():
        raise ValueError("responses must not be negative: rectify them first")
    return positions, responses


def spot_map(
    cell: Callable[[np.ndarray], np.ndarray],
    retina: Retina,
    *,
    step: float = 0.4,
    extent: float = 3.0,
    diameter: float = 0.5,
) -> tuple[np.ndarray, np.ndarray]:
    """Map a receptive field as in 1959: a small spot at every place, one at a time.

    Parameters
    ----------
    cell
        From images ``(N, H, W)`` to responses ``(N,)``.
    step, extent, diameter
        Distance of neighbouring places, largest distance from the centre along an axis, and
        diameter of the spot, in degrees.

    Returns
    -------
    places, change
        ``(G,)`` coordinates in degrees, ascending; and ``(G, G)`` the response to the spot less
        the response in the dark. ``change[0]`` is the row of the **top** of the field.
    """
    if not 0 < step <= extent:
        raise ValueError(f"expected 0 < step <= extent; got {step} and {extent} degrees")
    places = np.arange(-round(extent / step), round(extent / step) + 1) * step
    x, y = np.meshgrid(places, -places)
    images = spot(retina, np.stack([x.ravel(), y.ravel()], axis=-1), diameter=diameter)
    dark = cell(np.zeros((1, *retina.shape)))
    return places, (cell(images) - dark).reshape(x.shape)


def reverse_correlation(stimuli: np.ndarray, spikes: np.ndarray) -> np.ndarray:
    """Spike-triggered average: the mean stimulus before a spike, less the mean stimulus.

    For white noise and a cell that rectifies one weighted sum, it is proportional to the weights,
    whatever the rectification (Chichilnisky, 2001).

    Parameters
    ----------
    stimuli
        ``(N, H, W)``.
    spikes
        ``(N,)`` spike counts, not negative.

    Returns
    -------
    ndarray
        ``(H, W)``.

    Raises
    ------
    ValueError
        If the numbers differ or there is no spike.
    """
    stimuli, spikes = np.asarray(stimuli, dtype=float), np.asarray(spikes, dtype=float)
    if stimuli.ndim != 3 or spikes.shape != stimuli.shape[:1]:
        raise ValueError(
            f"expected (N, H, W) stimuli and (N,) counts; got {stimuli.shape} and {spikes.shape}"
        )
    if not (spikes >= 0).all() or spikes.sum() == 0:
        raise ValueError("spike counts must not be negative, and at least one must be positive")
    return np.tensordot(spikes, stimuli, axes=1) / spikes.sum() - stimuli.mean(axis=0)


def detectability(signal: np.ndarray, blank: np.ndarray) -> float:
    """Chance that a response to the signal exceeds one to the blank, ties counting half.

    The area under the ROC curve: 1 tells them apart always, 0.5 is guessing (Green and Swets,
    1966).

    Parameters
    ----------
    signal, blank
        ``(N,)`` and ``(M,)`` responses.
    """
    signal, blank = np.asarray(signal, dtype=float), np.asarray(blank, dtype=float)
    if signal.ndim != 1 or blank.ndim != 1 or not len(signal) or not len(blank):
        raise ValueError(
            f"expected two non-empty arrays (N,), (M,); got {signal.shape}, {blank.shape}"
        )
    ordered = np.sort(blank)
    smaller = np.searchsorted(ordered, signal, side="left")
    not_larger = np.searchsorted(ordered, signal, side="right")
    return float((smaller + not_larger).mean() / (2 * len(blank)))
