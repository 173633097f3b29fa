"""How a layer of S-cells learns without a teacher (Fukushima, 1980).  Taught in chapter 3."""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from course_utils.cortex.neocognitron_cells import areas


def initial_weights(
    planes: int, planes_in: int, area: int, *, scale: float, seed: int
) -> np.ndarray:
    """Small positive weights with a weak preference for one orientation a plane.

    As the paper asks, they depend on the place v in the area, on k/K and on the distance of
    kappa/K' from k/K; the form is ours: a soft ridge through the middle, turned by 180 k/K degrees,
    stronger from planes of like number. The paper's have no randomness. Here a factor between 0.9
    and 1.1, drawn from `seed`, tells networks of different seeds apart.

    Returns
    -------
    ndarray
        ``(planes, planes_in, area, area)``, all between 0 and 2.2 `scale`.
    """
    steps = np.arange(area) - (area - 1) / 2
    share, share_in = np.arange(planes) / planes, np.arange(planes_in) / planes_in
    angle = np.pi * share[:, None, None]
    across = steps * np.sin(angle) + steps[:, None] * np.cos(angle)  # (planes, area, area)
    ridge = 0.5 + 0.5 * np.exp(-0.5 * across**2)
    distance = np.abs(share_in - share[:, None])
    kinship = 1 + np.exp(-8 * distance) if planes_in > 1 else np.ones((planes, 1))
    chance = np.random.default_rng(seed).uniform(0.9, 1.1, (planes, planes_in, area, area))
    return scale * kinship[:, :, None, None] * ridge[:, None] * chance


def count_columns(side: int, column: int) -> int:
    """S-columns in a layer of ``side x side`` positions: one a position of the square window.

    Columns overlap, as in the paper, and do not reach over the border.
    """
    return max(side - column + 1, 1) ** 2


def representatives(u: np.ndarray, column: int) -> list[tuple[int, int, int]]:
    """The cells that learn: at most one a column, and at most one a plane.

    The strongest cell of each S-column (all planes, one neighbourhood) is a candidate. Each plane
    keeps its strongest candidate; a plane without a candidate does not learn. A silent column has
    no candidate.

    Parameters
    ----------
    u
        ``(K, H, W)``: S-cells' responses to one image.
    column
        Side of the neighbourhood, in cells.

    Returns
    -------
    list of (plane, row, column)
        In the order of the planes. Of equal cells the first counts.
    """
    side = u.shape[-1]
    column = min(column, side)
    best, plane = u.max(axis=0), u.argmax(axis=0)  # over planes, at each position
    windows = sliding_window_view(best, (column, column))
    inside = windows.reshape(*windows.shape[:2], -1).argmax(axis=-1)
    rows = np.arange(windows.shape[0])[:, None] + inside // column
    columns = np.arange(windows.shape[1]) + inside % column
    places = np.unique(rows * side + columns)
    places = places[best.ravel()[places] > 0]
    strongest_first = places[np.argsort(-best.ravel()[places], kind="stable")]
    winners, first = np.unique(plane.ravel()[strongest_first], return_index=True)
    return [
        (int(k), *divmod(int(p), side))
        for k, p in zip(winners, strongest_first[first], strict=True)
    ]


def reinforce(
    a: np.ndarray,
    b: np.ndarray,
    u: np.ndarray,
    v: np.ndarray,
    c: np.ndarray,
    starts: np.ndarray,
    chosen: list[tuple[int, int, int]],
    q: float,
    *,
    gains: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """One step of learning; returns new (a, b).

    ``delta a(kappa, v) = q c(v) u(kappa, n + v)`` and ``delta b = (q / 2) v_C(n)`` at the place n
    of each plane's representative; all cells of the plane share the change.

    Parameters
    ----------
    a, b
        ``(K, Kin, area, area)`` and ``(K,)``.
    u
        ``(Kin, H, W)``: what the layer saw.
    v
        ``(out, out)``: its inhibitory cells.
    c, starts
        ``(area, area)`` and ``(out,)``, as for the responses.
    chosen
        From :func:`representatives`.
    q
        How much is learned at once.
    gains
        One factor a representative. None is Fukushima's rule, where the winner's own response
        does not count; the plain Hebb product multiplies by it.
    """
    a, b = a.copy(), b.copy()
    seen = areas(u, starts, len(c))  # (Kin, out, out, area, area)
    for index, (k, i, j) in enumerate(chosen):
        gain = q if gains is None else q * float(gains[index])
        a[k] += gain * c * seen[:, i, j]
        b[k] += gain / 2 * v[i, j]
    return a, b
