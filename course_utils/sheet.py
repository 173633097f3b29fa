"""Many small pictures as one: a sheet of rows and columns, drawn on a single axis.

A figure with a hundred axes takes seconds to lay out; with one it takes none.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes


def sheet(pictures: Any, *, gap: int = 1, outside: float = np.nan) -> np.ndarray:
    """Put pictures side by side, with a frame of `gap` pixels around each.

    Parameters
    ----------
    pictures
        (rows, columns, H, W), or (rows, columns, H, W, 3) in colour: an array or a CPU tensor.
    outside
        The value of the frames. NaN is left blank by `imshow`.

    Returns (rows (H + gap) + gap, columns (W + gap) + gap), in colour with a last axis of 3; float.
    Raises ValueError for another number of axes.
    """
    tiles = np.asarray(pictures, dtype=float)
    if tiles.ndim not in (4, 5) or 0 in tiles.shape:
        raise ValueError(
            "a sheet needs pictures of shape (rows, columns, H, W) or (rows, columns, H, W, 3); "
            f"got {tiles.shape}"
        )
    rows, columns, height, width, *colours = tiles.shape
    size = (rows * (height + gap) + gap, columns * (width + gap) + gap, *colours)
    whole = np.full(size, outside)
    for row, column in np.ndindex(rows, columns):
        top, left = row * (height + gap) + gap, column * (width + gap) + gap
        whole[top : top + height, left : left + width] = tiles[row, column]
    return whole


def show_sheet(
    ax: Axes,
    pictures: Any,
    *,
    rows: Sequence[str] = (),
    columns: Sequence[str] = (),
    gap: int = 1,
    outside: float = np.nan,
    **look: Any,
) -> Axes:
    """Draw a sheet, with names beside its rows and above its columns, and return the axis.

    `pictures`, `gap` and `outside` as in `sheet`; `look` goes to `imshow` (cmap, vmin, vmax).
    Raises ValueError if names and rows or columns differ in number.
    """
    tiles = np.asarray(pictures, dtype=float)
    whole = sheet(tiles, gap=gap, outside=outside)
    for what, names, count in zip(("row", "column"), (rows, columns), tiles.shape, strict=False):
        if len(names) not in (0, count):
            raise ValueError(f"expected a name for each of {count} {what}s, got {len(names)}")
    ax.imshow(whole, **look)
    height, width = (size + gap for size in tiles.shape[2:4])
    ax.set_yticks([height * (n + 0.5) + (gap - 1) / 2 for n in range(len(rows))], rows)
    ax.set_xticks([width * (n + 0.5) + (gap - 1) / 2 for n in range(len(columns))], columns)
    ax.tick_params(length=0, labeltop=True, labelbottom=False, labelsize=9)
    ax.grid(visible=False)
    ax.spines[:].set_visible(False)
    return ax
