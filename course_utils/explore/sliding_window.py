"""Figure 1: a window slides over a table of numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from course_utils import ops
from course_utils.explore import svg
from course_utils.explore.figure import Figure, checked_choice, checked_integer, checked_table

OPERATIONS = ("correlation", "convolution")
ROUNDINGS = ("floor", "ceil")
CONTROLS = ("operation", "rounding", "kernel", "stride", "padding", "dilation")
INPUT = (
    (0, 0, 0, 0, 0, 0, 0),
    (0, 1, 0, 0, 0, 0, 0),
    (0, 0, 0, 0, 2, 0, 0),
    (0, 0, 0, 0, 0, 0, 0),
    (0, 0, 3, 3, 3, 0, 0),
    (0, 0, 3, 3, 3, 0, 0),
    (0, 0, 3, 3, 3, 0, 0),
)
KERNEL = ((1, 2, 3), (4, 0, 0), (0, 0, -1))


class SlidingWindow(Figure):
    """A window slides over a table of numbers, and the arithmetic is written out.

    Parameters
    ----------
    input
        Square table of numbers, at most 9 x 9.
    kernel
        Square table of weights, at most 4 x 4.
    stride, padding, dilation
        As in `ops.conv2d`: 1 to 4, 0 to 3, 1 to 3.
    rounding
        ``"floor"``, or ``"ceil"``: one more window that hangs over the edge, where zeros count.
    operation
        ``"correlation"``, or ``"convolution"``, which lays the kernel on turned by 180 degrees.
    position
        Where the window lies at first, counted row by row from 0.
    controls
        Which settings the reader may change: some of `CONTROLS`.

    Raises
    ------
    ValueError
        If a table or a setting is not as said above.

    Used in chapters 5 and 7. Its numbers are those of `ops.conv2d`.
    """

    module: ClassVar[str] = "sliding_window"
    title: ClassVar[str] = "Slide the window. Every number of the output is one sum."

    def __init__(
        self,
        input: Any = INPUT,
        kernel: Any = KERNEL,
        *,
        stride: int = 1,
        padding: int = 0,
        dilation: int = 1,
        rounding: str = "floor",
        operation: str = "correlation",
        position: int = 0,
        controls: Sequence[str] = CONTROLS,
    ) -> None:
        super().__init__(
            input=checked_table("input", input, square=True, most=9),
            kernel=checked_table("kernel", kernel, square=True, most=4),
            stride=checked_integer("stride", stride, 1, 4),
            padding=checked_integer("padding", padding, 0, 3),
            dilation=checked_integer("dilation", dilation, 1, 3),
            rounding=checked_choice("rounding", rounding, ROUNDINGS),
            operation=checked_choice("operation", operation, OPERATIONS),
            position=checked_integer("position", position, 0, 15 * 15),
            controls=[checked_choice("controls", name, CONTROLS) for name in controls],
        )

    def output(self) -> np.ndarray:
        """Return what the figure shows as output, computed by `ops.conv2d`: (N', N')."""
        return sliding_output(**{k: self.state[k] for k in SETTINGS})

    def description(self) -> str:
        """Return the still's alternative text."""
        side, small = len(self.state["input"]), len(self.state["kernel"])
        out = self.output()
        return (
            f"A table of {side} by {side} numbers, a kernel of {small} by {small} weights and "
            f"their {self.state['operation']}, a table of {len(out)} by {len(out)}. A frame marks "
            f"the first window, whose sum is {svg.number(out[0, 0]) if out.size else 'none'}."
        )

    def still(self) -> str:
        """Return the still picture."""
        table, kernel, out = self.state["input"], self.state["kernel"], self.output()
        pad, step = self.state["padding"], 34
        table = np.pad(table, pad)
        span = self.state["dilation"] * (len(kernel) - 1) + 1
        middle = len(table) * step + 40
        right = middle + len(kernel) * step + 40
        parts = [svg.text(0, 12, "Input"), svg.cells(0, 28, step, table)]
        parts += [svg.text(middle, 12, "Kernel"), svg.cells(middle, 28, step, kernel)]
        parts += [svg.text(right, 12, "Output"), svg.cells(right, 28, step, out)]
        if out.size:
            parts += [svg.frame(0, 28, span * step), svg.frame(right, 28, step)]
        height = 30 + step * max(len(table), len(out))
        return svg.picture(right + step * len(out) + 1, height, parts, self.description())


SETTINGS = ("input", "kernel", "stride", "padding", "dilation", "rounding", "operation")


def sliding_output(
    input: np.ndarray,
    kernel: np.ndarray,
    stride: int,
    padding: int,
    dilation: int,
    rounding: str,
    operation: str,
) -> np.ndarray:
    """Return the output of the sliding window by `ops.conv2d`: (N, N), (K, K) -> (N', N').

    With ``"ceil"`` the input gets as many zeros after it as the last window needs. That is the
    rule of torch's pooling layers: a window must begin on the input or the padding before it.
    """
    side, span = len(input), dilation * (len(kernel) - 1) + 1
    room = side + 2 * padding - span
    if room < 0:
        return np.zeros((0, 0))
    windows = room // stride + 1
    if rounding == "ceil" and room % stride and windows * stride < side + padding:
        windows += 1
    after = padding + max(0, (windows - 1) * stride - room)
    weights = kernel[::-1, ::-1] if operation == "convolution" else kernel
    x, w = (np.asarray(a, dtype=np.float64)[None, None] for a in (input, weights))
    sides = ((padding, after), (padding, after))
    return ops.conv2d(x, np.ascontiguousarray(w), None, stride, sides, dilation)[0, 0]
