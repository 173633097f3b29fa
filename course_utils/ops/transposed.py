"""Transposed convolution: a convolution's gradient by its input, used as a layer."""

from __future__ import annotations

from typing import Any

import numpy as np

from course_utils.ops.arguments import Pair, checked_bias, checked_grad, pair
from course_utils.ops.im2col import correlate, input_gradient, weight_gradient
from course_utils.ops.sliding import Sliding, checked_sliding


def conv_transpose2d(
    input: np.ndarray,
    weight: np.ndarray,
    bias: np.ndarray | None = None,
    stride: int | Pair = 1,
    padding: Any = 0,
    output_padding: int | Pair = 0,
    groups: int = 1,
    dilation: int | Pair = 1,
) -> np.ndarray:
    """Transposed convolution on images: every input pixel lays a scaled kernel into the output.

    ``y[n, o, i sh + a dh - top, j sw + b dw - left] += x[n, c, i, j] w[c, o, a, b]``, summed over
    c, i, j, a, b; what falls outside the output is dropped. As a matrix it is the transpose of
    the convolution that has the same weights and settings.

    Parameters
    ----------
    input
        ``(N, C, H, W)``.
    weight
        ``(C, O / groups, kh, kw)``: the inputs come first, other than in :func:`conv2d`.
    bias
        ``(O,)`` or None.
    stride, dilation
        A number or (height, width), at least 1.
    padding
        Rows and columns that are cut off each side of the output, in the forms of :func:`conv2d`.
    output_padding
        Rows and columns that are added below and to the right, fewer than the stride or than the
        dilation: several sizes of input give one size under a stride, and this says which.
    groups
        Divides C and O.

    Returns
    -------
    np.ndarray
        ``(N, O, H', W')`` with H' = (H - 1) sh - top - bottom + dh (kh - 1) + output_padding + 1.

    Raises
    ------
    ValueError
        If shapes, dtypes or settings do not fit together.

    As `torch.nn.functional.conv_transpose2d`; Zeiler et al. (2010), «Deconvolutional networks».
    Taught in chapter 10.
    """
    sliding, size = checked_transposed(
        input, weight, bias, stride, padding, output_padding, groups, dilation
    )
    y = input_gradient(input, weight, sliding, size)
    if bias is not None:
        y += bias[:, None, None]
    return y


def conv_transpose2d_backward(
    grad_output: np.ndarray,
    input: np.ndarray,
    weight: np.ndarray,
    bias: np.ndarray | None = None,
    stride: int | Pair = 1,
    padding: Any = 0,
    output_padding: int | Pair = 0,
    groups: int = 1,
    dilation: int | Pair = 1,
) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """Gradients of :func:`conv_transpose2d` by input, weight and bias.

    By the input it is the convolution of ``grad_output`` with the weights; by the weight, that
    convolution's gradient with input and ``grad_output`` in each other's place.

    Parameters
    ----------
    grad_output
        ``(N, O, H', W')``, as the forward's answer.
    input, weight, bias, stride, padding, output_padding, groups, dilation
        As in the forward.

    Returns
    -------
    tuple of np.ndarray
        ``(N, C, H, W)``, ``(C, O / groups, kh, kw)``, and ``(O,)`` or None without a bias.

    Raises
    ------
    ValueError
        As the forward, and if ``grad_output`` has another shape or dtype than its answer.

    Taught in chapter 10.
    """
    sliding, size = checked_transposed(
        input, weight, bias, stride, padding, output_padding, groups, dilation
    )
    checked_grad(grad_output, (len(input), weight.shape[1] * sliding.groups, *size), input.dtype)
    # Rows that output_padding added are beyond the last window, so nothing looks at them.
    height, width = input.shape[2:]
    grad_input = correlate(grad_output, weight, sliding)[:, :, :height, :width]
    grad_weight = weight_gradient(grad_output, input, sliding)
    grad_bias = None if bias is None else grad_output.sum(axis=(0, 2, 3))
    return np.ascontiguousarray(grad_input), grad_weight, grad_bias


def checked_transposed(
    input: np.ndarray,
    weight: np.ndarray,
    bias: np.ndarray | None,
    stride: Any,
    padding: Any,
    output_padding: Any,
    groups: Any,
    dilation: Any,
) -> tuple[Sliding, Pair]:
    """Check that everything fits together; return how the kernel slides, and the output's size.

    Raises
    ------
    ValueError
        If shapes, dtypes or settings do not fit together.
    """
    sliding = checked_sliding(input, weight, bias, stride, padding, dilation, groups)
    if input.shape[1] != len(weight) or len(weight) % sliding.groups:
        raise ValueError(
            f"input {input.shape} and weight {weight.shape} do not fit with "
            f"groups={sliding.groups}: the input needs weight.shape[0] channels, and groups must "
            "divide them"
        )
    checked_bias(bias, weight, weight.shape[1] * sliding.groups)
    extra = pair("output_padding", output_padding, 0)
    _check_extra(extra, sliding)
    return sliding, _output_size(input, sliding, extra)


def _output_size(input: np.ndarray, sliding: Sliding, extra: Pair) -> Pair:
    height, width = (
        (n - 1) * step + reach - sum(sides) + more
        for n, step, reach, sides, more in zip(
            input.shape[2:], sliding.stride, sliding.extent, sliding.padding, extra, strict=True
        )
    )
    if min(height, width) < 1:
        raise ValueError(
            f"input {input.shape} with kernel {sliding.kernel}, stride {sliding.stride} and "
            f"padding {sliding.padding} would leave an output of size {(height, width)}"
        )
    return height, width


def _check_extra(extra: Pair, sliding: Sliding) -> None:
    limits = [max(s, d) for s, d in zip(sliding.stride, sliding.dilation, strict=True)]
    if any(more >= limit for more, limit in zip(extra, limits, strict=True)):
        raise ValueError(
            f"output_padding {extra} must be smaller than the stride {sliding.stride} or than the "
            f"dilation {sliding.dilation}"
        )
