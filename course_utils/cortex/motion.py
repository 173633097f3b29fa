"""Direction of movement: what a cell without memory cannot tell, and two circuits that can.

Signals are firing rates over time, ``(..., T)``; delays are whole frames. Taught in chapter 2.
"""

from __future__ import annotations

import numpy as np


def delayed(signal: np.ndarray, frames: int) -> np.ndarray:
    """The signal `frames` frames later, zero before it begins: ``(..., T)``.

    Raises
    ------
    ValueError
        If `frames` is negative: a cell cannot know the future.
    """
    signal = np.asarray(signal, dtype=float)
    if frames < 0:
        raise ValueError(f"a delay must not be negative; got {frames}")
    late = np.zeros_like(signal)
    if frames < signal.shape[-1]:
        late[..., frames:] = signal[..., : signal.shape[-1] - frames]
    return late


def coincidence_cell(first: np.ndarray, second: np.ndarray, *, delay: int) -> np.ndarray:
    """A cell that fires when the delayed first subunit and the second agree: ``(..., T)``.

    The square root of ``first(t - delay) * second(t)``, so the answer is a rate again. Movement
    from the first to the second brings both signals together. The product of a delayed and a
    direct signal is half of the detector of Reichardt (1961).
    """
    first, second = _pair(first, second)
    return np.sqrt(delayed(first, delay) * second)


def veto_cell(
    first: np.ndarray, second: np.ndarray, *, delay: int, strength: float = 1.0
) -> np.ndarray:
    """A cell that its neighbour silences: ``max(0, second(t) - strength * first(t - delay))``.

    Movement from the first to the second is the null direction: the veto arrives with the
    excitation. Movement the other way comes too early to be stopped. Barlow and Levick (1965)
    found this scheme in the rabbit's retina.
    """
    first, second = _pair(first, second)
    return np.maximum(second - strength * delayed(first, delay), 0.0)


def direction_index(preferred: np.ndarray | float, null: np.ndarray | float) -> np.ndarray | float:
    """``(preferred - null) / (preferred + null)``: 0 without, 1 with perfect selectivity.

    Parameters
    ----------
    preferred, null
        Responses, for example mean rates, to the two directions; not negative.

    Raises
    ------
    ValueError
        If a response is negative or both are zero.
    """
    preferred, null = np.asarray(preferred, dtype=float), np.asarray(null, dtype=float)
    if (preferred < 0).any() or (null < 0).any():
        raise ValueError("responses must not be negative")
    if (preferred + null == 0).any():
        raise ValueError("the cell answers neither direction: the index has no value")
    index = (preferred - null) / (preferred + null)
    return float(index) if index.ndim == 0 else index


def _pair(first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    first, second = np.asarray(first, dtype=float), np.asarray(second, dtype=float)
    if first.shape != second.shape or first.ndim < 1:
        raise ValueError(f"expected two signals of one shape; got {first.shape}, {second.shape}")
    if (first < 0).any() or (second < 0).any():
        raise ValueError("firing rates must not be negative: rectify them first")
    return first, second
