"""Model cells of the visual pathway, after Hubel and Wiesel.

A cell that sums light linearly is its weights, an array ``(H, W)`` on a :class:`Retina`; a bank of
P cells is ``(P, H, W)``. Its **drive** is the weighted sum of the light, without a unit: weights
are scaled so that a drive of 1 means light on the whole excitatory region and nowhere else.
:func:`firing_rate` turns a drive into spikes a second. Taught in chapter 2.

Kuffler (1953) found the centre-surround fields; Rodieck (1965) described them as a difference of
two Gaussians; Hubel and Wiesel (1962) proposed the two diagrams that
:func:`simple_cell` and :func:`complex_cell` turn into sums.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from course_utils.cortex.retina import Retina, shifted
from course_utils.cortex.stimuli import row_positions

CENTER_SIGMA = 0.25
"""Standard deviation of the centre of a centre-surround field, in degrees of visual angle."""
SURROUND_SIGMA = 0.75
"""Standard deviation of its surround, in degrees of visual angle."""


def center_surround(
    retina: Retina,
    position: np.ndarray | tuple = (0.0, 0.0),
    *,
    center_sigma: float = CENTER_SIGMA,
    surround_sigma: float = SURROUND_SIGMA,
    off: bool = False,
) -> np.ndarray:
    """Weights of centre-surround cells, a difference of Gaussians (Rodieck, 1965).

    Each Gaussian is scaled to the sum 1 on the grid, so the weights sum to 0 (to rounding) and
    diffuse light cancels. Then the weights are scaled so that the positive ones sum to 1.

    Parameters
    ----------
    position
        Centre of the field in degrees, ``(..., 2)``.
    center_sigma, surround_sigma
        Standard deviations in degrees, the first smaller.
    off
        True for an OFF-centre cell, which has the signs turned round.

    Returns
    -------
    ndarray
        ``(..., H, W)``.
    """
    if not 0 < center_sigma < surround_sigma:
        raise ValueError(
            "expected 0 < center_sigma < surround_sigma; "
            f"got {center_sigma} and {surround_sigma} degrees"
        )
    along, across = retina.along_and_across(0.0, position)
    squared = along**2 + across**2
    center, surround = (_unit_gaussian(squared, s) for s in (center_sigma, surround_sigma))
    weights = surround - center if off else center - surround
    return _unit_excitation(weights)


def _unit_gaussian(squared: np.ndarray, sigma: float) -> np.ndarray:
    bump = np.exp(-squared / (2 * sigma**2))
    return bump / bump.sum(axis=(-2, -1), keepdims=True)


def _unit_excitation(weights: np.ndarray) -> np.ndarray:
    """Scale weights so that the positive ones sum to 1."""
    return weights / np.maximum(weights, 0).sum(axis=(-2, -1), keepdims=True)


def simple_cell(
    retina: Retina,
    orientation: float,
    *,
    position: np.ndarray | tuple = (0.0, 0.0),
    length: float = 4.0,
    spacing: float = 0.4,
    kind: str = "line",
    center_sigma: float = CENTER_SIGMA,
    surround_sigma: float = SURROUND_SIGMA,
) -> np.ndarray:
    """Weights of a simple cell: the sum of centre-surround cells that lie on a line.

    Before rectification the cell is this one linear filter, because a sum of weighted sums is a
    weighted sum (the diagram of Hubel and Wiesel, 1962).

    Parameters
    ----------
    orientation
        Of the line, in degrees.
    position
        Centre of the field, in degrees.
    length, spacing
        Of the row of centres, in degrees.
    kind
        ``"line"``: one row of ON-centre cells, so an excitatory strip between two inhibitory
        flanks. ``"edge"``: a row of ON-centre cells beside a row of OFF-centre cells, so
        excitation on one side and inhibition on the other.

    Returns
    -------
    ndarray
        ``(H, W)``; the positive weights sum to 1.
    """
    if kind not in ("line", "edge"):
        raise ValueError(f"kind must be 'line' or 'edge'; got {kind!r}")
    count = _points(length, spacing)
    row = row_positions(orientation, count=count, spacing=spacing, position=position)
    sigmas: dict[str, Any] = {"center_sigma": center_sigma, "surround_sigma": surround_sigma}
    if kind == "line":
        return _unit_excitation(center_surround(retina, row, **sigmas).sum(axis=0))
    on = center_surround(retina, shifted(row, orientation, np.array(center_sigma)), **sigmas)
    off = center_surround(
        retina, shifted(row, orientation, np.array(-center_sigma)), off=True, **sigmas
    )
    return _unit_excitation(on.sum(axis=0) + off.sum(axis=0))


def _points(length: float, spacing: float) -> int:
    if not 0 < spacing <= length:
        raise ValueError(f"expected 0 < spacing <= length; got {spacing} and {length} degrees")
    return round(length / spacing) + 1


def simple_cell_bank(
    retina: Retina, orientation: float, offsets: np.ndarray, **settings: Any
) -> np.ndarray:
    """Simple cells of one orientation, side by side: ``(P, H, W)``.

    Parameters
    ----------
    offsets
        ``(P,)`` shifts at right angles to the orientation, in degrees.
    settings
        Passed to :func:`simple_cell`.
    """
    centers = shifted(settings.pop("position", (0.0, 0.0)), orientation, np.asarray(offsets))
    cells = [simple_cell(retina, orientation, position=c, **settings) for c in centers]
    return np.stack(cells)


def drive(images: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Weighted sum of the light over the retina, no unit.

    Parameters
    ----------
    images
        ``(..., H, W)`` luminance.
    weights
        ``(H, W)``, or a bank ``(P, H, W)``, or ``(P, K, H, W)``, …

    Returns
    -------
    ndarray
        ``(...)``, ``(..., P)``, ``(..., P, K)``, …
    """
    images, weights = np.asarray(images, dtype=float), np.asarray(weights, dtype=float)
    if images.ndim < 2 or weights.ndim < 2 or images.shape[-2:] != weights.shape[-2:]:
        raise ValueError(
            "images and weights must end in the same (H, W); "
            f"got {images.shape} and {weights.shape}"
        )
    return np.tensordot(images, weights, axes=((-2, -1), (-2, -1)))


def firing_rate(
    drive: np.ndarray, *, gain: float = 50.0, threshold: float = 0.0, spontaneous: float = 0.0
) -> np.ndarray:
    """Spikes a second for a drive: ``max(0, spontaneous + gain * (drive - threshold))``.

    A rate cannot be negative: this rectification is the cell's only nonlinearity. `spontaneous`
    is the activity in the dark, on which inhibition shows as a pause.
    """
    if gain <= 0:
        raise ValueError(f"gain must be positive; got {gain}")
    return np.maximum(0.0, spontaneous + gain * (np.asarray(drive, dtype=float) - threshold))


def complex_cell(images: np.ndarray, bank: np.ndarray, *, threshold: float = 0.0) -> np.ndarray:
    """Drive of a complex cell that takes the largest output of a bank of simple cells.

    ``max_p max(0, drive_p - threshold)``. The maximum is the lecture's reading; Hubel and Wiesel
    (1962) drew only that many simple cells excite one complex cell.

    Parameters
    ----------
    images
        ``(..., H, W)``.
    bank
        ``(P, H, W)``, simple cells of one orientation at shifted positions.
    threshold
        In units of drive. Above 0 it is the first of the three repairs of chapter 2.

    Returns
    -------
    ndarray
        ``(...)``, never negative.
    """
    return np.maximum(drive(images, _bank(bank)) - threshold, 0.0).max(axis=-1)


def inhibited_complex_cell(
    images: np.ndarray, bank: np.ndarray, opponents: np.ndarray, *, strength: float = 1.0
) -> np.ndarray:
    """Drive of a complex cell that cells of other orientations inhibit.

    ``max(0, max_p drive_p - strength * max_q drive_q)`` over its own bank p and the opponents q,
    each rectified first. Cross-orientation inhibition in cat cortex: Morrone, Burr and Maffei
    (1982).

    Parameters
    ----------
    images, bank
        As in :func:`complex_cell`.
    opponents
        ``(Q, H, W)``, simple cells of other orientations.
    strength
        Weight of the inhibition.
    """
    if strength < 0:
        raise ValueError(f"strength must not be negative; got {strength}")
    excitation, inhibition = complex_cell(images, bank), complex_cell(images, opponents)
    return np.maximum(excitation - strength * inhibition, 0.0)


def row_subunits(
    retina: Retina,
    orientation: float,
    offsets: np.ndarray,
    *,
    length: float = 4.0,
    spacing: float = 0.2,
    center_sigma: float = CENTER_SIGMA,
    surround_sigma: float = SURROUND_SIGMA,
) -> np.ndarray:
    """Centre-surround cells on parallel rows, not yet summed: ``(P, K, H, W)``.

    P rows at the `offsets` (degrees), K cells `spacing` degrees apart on each. Summing over K
    gives simple cells; :func:`conjunctive_complex_cell` takes the smallest instead.
    """
    count = _points(length, spacing)
    row = row_positions(orientation, count=count, spacing=spacing)
    rows = np.stack([shifted(row, orientation, np.array(offset)) for offset in offsets])
    return center_surround(retina, rows, center_sigma=center_sigma, surround_sigma=surround_sigma)


def conjunctive_complex_cell(images: np.ndarray, subunits: np.ndarray) -> np.ndarray:
    """Drive of a complex cell whose rows demand light along their whole length.

    ``max_p min_k max(0, drive_pk)``: a row answers as strongly as its weakest member, an AND
    instead of a sum, and the cell as strongly as its best row. The AND of geniculate inputs is
    the idea of Azzopardi and Petkov (2012), who use a weighted geometric mean.

    Parameters
    ----------
    images
        ``(..., H, W)``.
    subunits
        ``(P, K, H, W)`` from :func:`row_subunits`.
    """
    subunits = np.asarray(subunits)
    if subunits.ndim != 4:
        raise ValueError(f"subunits must have shape (P, K, H, W); got {subunits.shape}")
    return np.maximum(drive(images, subunits), 0.0).min(axis=-1).max(axis=-1)


def _bank(bank: np.ndarray) -> np.ndarray:
    bank = np.asarray(bank, dtype=float)
    if bank.ndim != 3 or len(bank) == 0:
        raise ValueError(f"a bank has shape (P, H, W) with P at least 1; got {bank.shape}")
    return bank
