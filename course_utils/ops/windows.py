"""Where the windows of a pooling layer lie, one image axis at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from course_utils.ops.arguments import (
    Sides,
    checked_floats,
    checked_full,
    checked_rank,
    integer,
    pair,
    spatial_padding,
)

#: Numbers of the input that are worked on at a time: they stay in the processor's cache.
TILE = 1 << 17


@dataclass(frozen=True)
class Axis:
    """The windows along one axis: window i begins at ``i * stride - before``."""

    size: int
    kernel: int
    stride: int
    before: int
    after: int
    dilation: int
    outputs: int

    @property
    def padded(self) -> int:
        """Cells that the windows can touch: those before, the axis, and any reached beyond it."""
        reach = (self.outputs - 1) * self.stride + self.dilation * (self.kernel - 1) + 1
        return max(self.before + self.size, reach)

    @property
    def inside(self) -> slice:
        """The axis itself within its padded form."""
        return slice(self.before, self.before + self.size)

    def cells(self, offset: int) -> slice:
        """Cell ``offset`` of every window, in the padded axis."""
        start = offset * self.dilation
        return slice(start, start + (self.outputs - 1) * self.stride + 1, self.stride)

    def counts(self, include_padding: bool) -> np.ndarray:
        """Cells that each window averages over (without dilation), at least 1: (outputs,).

        Padding counts where it was asked for. What ceil mode reaches beyond that never does.
        """
        starts = np.arange(self.outputs) * self.stride - self.before
        first, last = (-self.before, self.size + self.after) if include_padding else (0, self.size)
        ends = np.minimum(starts + self.kernel, last)
        return np.maximum(ends - np.maximum(starts, first), 1)

    def first_inside(self) -> np.ndarray:
        """Return the number of each window's first cell that is not padding: (outputs,).

        It is 0 for a window that sees nothing but padding.
        """
        starts = np.arange(self.outputs) * self.stride - self.before
        first = np.maximum(-(starts // self.dilation), 0)  # ceil(-start / dilation), from 0 on
        seen = (first < self.kernel) & (starts + first * self.dilation < self.size)
        return np.where(seen, first, 0)

    def places(self, cell: np.ndarray) -> np.ndarray:
        """Where on the axis that cell of each window lies; padding is below 0 or beyond."""
        return np.arange(self.outputs) * self.stride - self.before + cell * self.dilation


def axes_of(
    input: np.ndarray,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
) -> tuple[Axis, Axis]:
    """Check a pooling layer's input and settings, and return its windows by rows and by columns.

    Raises
    ------
    ValueError
        If the input is not (N, C, H, W) of floats, only N being allowed to be 0; if a setting is
        out of its range; if the padding is as wide as the window or the window does not fit.
    """
    checked_floats(input=input)
    checked_rank("input", input, 4)
    checked_full("input", input, 1)
    kernel = pair("kernel_size", kernel_size, 1)
    steps = kernel if stride is None else pair("stride", stride, 1)
    holes = pair("dilation", dilation, 1)
    sides = spatial_padding(padding, kernel, steps, holes)
    rows, columns = (
        _axis(input.shape, 2 + i, kernel[i], steps[i], sides[i], holes[i], bool(ceil_mode))
        for i in range(2)
    )
    return rows, columns


def _axis(
    shape: tuple[int, ...],
    axis: int,
    kernel: int,
    stride: int,
    sides: Sides,
    dilation: int,
    ceil_mode: bool,
) -> Axis:
    size, (before, after), span = shape[axis], sides, dilation * (kernel - 1) + 1
    if max(sides) >= span:
        raise ValueError(
            f"padding {sides} on axis {axis} of input {shape} must be less than the window, "
            f"which spans {span} cells"
        )
    room = size + before + after - span
    outputs = (room + (stride - 1 if ceil_mode else 0)) // stride + 1
    if ceil_mode and (outputs - 1) * stride >= size + before:
        outputs -= 1  # the last window would begin beyond the input: torch leaves it out
    if outputs < 1:
        raise ValueError(
            f"the window spans {span} cells on axis {axis} of input {shape}, which has only "
            f"{size + before + after} with its padding"
        )
    return Axis(size, kernel, stride, before, after, dilation, outputs)


def tiles(shape: tuple[int, ...]) -> Iterator[tuple[slice, slice]]:
    """Cut (N, C, H, W) into slices of N and C with about ``TILE`` numbers each."""
    n, c, h, w = shape
    images = max(1, TILE // (c * h * w))
    channels = min(c, max(1, TILE // (h * w)))
    for i in range(0, n, images):
        for j in range(0, c, channels):
            yield slice(i, i + images), slice(j, j + channels)


def output_pair(output_size: Any, shape: tuple[int, ...]) -> tuple[int, int]:
    """Return (height, width) of an adaptive pool's answer; None keeps the input's size.

    Raises
    ------
    ValueError
        If ``output_size`` is neither a number nor a pair of numbers or None, or is negative.
    """
    sizes = output_size if isinstance(output_size, (tuple, list)) else (output_size, output_size)
    if len(sizes) != 2:
        raise ValueError(f"output_size is {output_size!r}; expected a number or a pair")
    height, width = (
        size if wanted is None else integer("output_size", wanted, 0)
        for wanted, size in zip(sizes, shape[2:], strict=True)
    )
    return height, width
