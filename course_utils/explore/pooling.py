"""Figure 6: pooling, and what a shift changes."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from course_utils import ops
from course_utils.explore import svg
from course_utils.explore.figure import Figure, checked_choice, checked_integer, checked_table

KINDS = ("max", "mean", "L2", "first")
INPUT = (
    (0, 0, 0, 0, 0, 0, 0, 0),
    (0, 9, 5, 0, 0, 0, 0, 0),
    (0, 4, 0, 0, 0, 0, 0, 0),
    (0, 0, 0, 0, 0, 0, 0, 0),
    (0, 0, 0, 0, 0, 8, 6, 0),
    (0, 0, 0, 0, 0, 3, 0, 0),
    (0, 0, 7, 0, 0, 0, 0, 0),
    (0, 0, 0, 0, 0, 0, 0, 0),
)


class Pooling(Figure):
    """Pool a map, shift it, and watch which numbers change.

    Parameters
    ----------
    input
        Table of numbers, 4 x 4 to 10 x 10.
    kind
        ``"max"``, ``"mean"``, ``"L2"``, or ``"first"``: each window's first cell, which is bare
        subsampling, the places that a strided layer computes.
    size, stride
        Cells of a window's side and from one window to the next, 1 to 4. Windows that do not fit
        are left out.
    right, down
        By how many places the map is moved, -4 to 4; zeros come in.
    position
        The window looked at, counted row by row from 0.

    Raises
    ------
    ValueError
        If the table or a setting is not as said above.

    Used in chapter 8. Its numbers are those of `ops.max_pool2d`, `ops.avg_pool2d` and
    `ops.lp_pool2d`.
    """

    module: ClassVar[str] = "pooling"
    title: ClassVar[str] = "Shift the map. How much of the shift does the pooled map notice?"

    def __init__(
        self,
        input: Any = INPUT,
        kind: str = "max",
        *,
        size: int = 2,
        stride: int = 2,
        right: int = 0,
        down: int = 0,
        position: int = 0,
    ) -> None:
        table = checked_table("input", input, most=10)
        if min(table.shape) < 4:
            raise ValueError(f"input must have at least 4 rows and columns, not {table.shape}")
        super().__init__(
            input=table,
            kind=checked_choice("kind", kind, KINDS),
            size=checked_integer("size", size, 1, 4),
            stride=checked_integer("stride", stride, 1, 4),
            right=checked_integer("right", right, -4, 4),
            down=checked_integer("down", down, -4, 4),
            position=checked_integer("position", position, 0, 99),
        )

    def description(self) -> str:
        """Return the still's alternative text."""
        state = self.state
        rows, columns = state["input"].shape
        out = pooled(shifted(state["input"], state["down"], state["right"]), **self._settings())
        return (
            f"A map of {rows} by {columns} numbers and what pooling makes of it, "
            f"{out.shape[0]} by {out.shape[1]} numbers: windows of {state['size']} by "
            f"{state['size']}, stride {state['stride']}, kind {state['kind']}. A frame marks the "
            f"first window, which becomes {svg.number(out[0, 0])}."
        )

    def still(self) -> str:
        """Return the still picture."""
        table = shifted(self.state["input"], self.state["down"], self.state["right"])
        out = pooled(table, **self._settings())
        step, size = 36, self.state["size"]
        right = table.shape[1] * step + 60
        parts = [svg.text(0, 12, "Map"), svg.cells(0, 28, step, table)]
        parts += [svg.text(right, 12, f"Pooled: {self.state['kind']}")]
        parts += [svg.cells(right, 28, step, out)]
        parts += [svg.frame(0, 28, size * step), svg.frame(right, 28, step)]
        height = 30 + step * max(len(table), len(out))
        width = right + step * max(4, out.shape[1]) + 1
        return svg.picture(width, height, parts, self.description())

    def _settings(self) -> dict[str, Any]:
        return {name: self.state[name] for name in ("kind", "size", "stride")}


def shifted(table: np.ndarray, down: int, right: int) -> np.ndarray:
    """Return the table moved down and right, with zeros coming in: (H, W) -> (H, W)."""
    moved = np.zeros_like(table)
    rows, columns = table.shape
    from_rows = slice(max(-down, 0), rows - max(down, 0))
    from_columns = slice(max(-right, 0), columns - max(right, 0))
    to_rows = slice(max(down, 0), rows - max(-down, 0))
    to_columns = slice(max(right, 0), columns - max(-right, 0))
    moved[to_rows, to_columns] = table[from_rows, from_columns]
    return moved


def pooled(table: np.ndarray, kind: str, size: int, stride: int) -> np.ndarray:
    """Return the pooled table by `ops`: (H, W) -> (H', W')."""
    x = np.asarray(table, dtype=np.float64)[None, None]
    if kind == "max":
        return ops.max_pool2d(x, size, stride)[0, 0]
    if kind == "mean":
        return ops.avg_pool2d(x, size, stride)[0, 0]
    if kind == "L2":
        return ops.lp_pool2d(x, 2, size, stride)[0, 0]
    fits = [n - size + 1 for n in table.shape]  # where a window may begin
    return np.asarray(table, dtype=np.float64)[: fits[0] : stride, : fits[1] : stride]
