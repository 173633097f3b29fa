"""How a kernel slides over images: the settings that all convolutional layers share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from course_utils.ops.arguments import (
    Pair,
    Sides,
    checked_floats,
    checked_full,
    checked_rank,
    integer,
    pair,
    spatial_padding,
)


@dataclass(frozen=True)
class Sliding:
    """How a kernel slides over an image; each pair is (height, width)."""

    kernel: Pair
    stride: Pair
    padding: tuple[Sides, Sides]  # may be negative here: then the image is cropped
    dilation: Pair
    groups: int

    @property
    def extent(self) -> Pair:
        """Pixels from the first to the last row, and column, that the kernel touches."""
        (kh, kw), (dh, dw) = self.kernel, self.dilation
        return dh * (kh - 1) + 1, dw * (kw - 1) + 1

    @property
    def copies_nothing(self) -> bool:
        """Whether the columns of an image are the image: 1x1 kernels, every pixel, no border."""
        return self.kernel == self.stride == (1, 1) and self.padding == ((0, 0), (0, 0))

    def output_size(self, size: Pair) -> Pair:
        """Return floor((size + padding - extent) / stride) + 1 on both axes."""
        (top, bottom), (left, right) = self.padding
        height = size[0] + top + bottom - self.extent[0]
        width = size[1] + left + right - self.extent[1]
        return height // self.stride[0] + 1, width // self.stride[1] + 1


def checked_sliding(
    input: np.ndarray,
    weight: np.ndarray,
    bias: np.ndarray | None,
    stride: Any,
    padding: Any,
    dilation: Any,
    groups: Any,
) -> Sliding:
    """Check arrays and settings one by one, and return how the kernel slides.

    Whether the channels fit and the kernel finds room is for the caller to say: a convolution and
    its transpose have other rules.

    Raises
    ------
    ValueError
        If input or weight is not 4-D, has an empty axis other than the batch, a dtype is wrong or
        differs, or a setting is out of its range.
    """
    checked_floats(input=input, weight=weight, bias=bias)
    for name, array, spare in (("input", input, 1), ("weight", weight, 0)):
        checked_rank(name, array, 4)
        checked_full(name, array, spare)
    return Sliding(
        kernel=(weight.shape[2], weight.shape[3]),
        stride=pair("stride", stride, 1),
        padding=spatial_padding(padding, weight.shape[2:], stride, dilation),
        dilation=pair("dilation", dilation, 1),
        groups=integer("groups", groups, 1),
    )
