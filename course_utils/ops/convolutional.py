"""Convolutional layers: what `torch.nn.functional` calls convolution, and chapter 5 correlation."""

from __future__ import annotations

from typing import Any

import numpy as np

from course_utils.ops.arguments import (
    Pair,
    checked_bias,
    checked_floats,
    checked_grad,
    checked_rank,
    pair,
)
from course_utils.ops.im2col import correlate, input_gradient, weight_gradient
from course_utils.ops.sliding import Sliding, checked_sliding


def conv2d(
    input: np.ndarray,
    weight: np.ndarray,
    bias: np.ndarray | None = None,
    stride: int | Pair = 1,
    padding: Any = 0,
    dilation: int | Pair = 1,
    groups: int = 1,
) -> np.ndarray:
    """Convolutional layer on images.

    ``y[n, o, i, j] = b[o] + sum over c, a, b of x[n, c, i sh + a dh - top, j sw + b dw - left]
    w[o, c, a, b]``, where x is zero outside the image. The kernel is not turned over. With
    groups, the first O / groups outputs see the first C / groups inputs only, and so on.

    Parameters
    ----------
    input
        ``(N, C, H, W)``.
    weight
        ``(O, C / groups, kh, kw)``.
    bias
        ``(O,)`` or None.
    stride, dilation
        A number or (height, width), at least 1.
    padding
        A number, (height, width), ((top, bottom), (left, right)), ``"valid"`` or ``"same"``; see
        :func:`course_utils.ops.arguments.spatial_padding`.
    groups
        Divides C and O.

    Returns
    -------
    np.ndarray
        ``(N, O, H', W')`` with H' = floor((H + top + bottom - dh (kh - 1) - 1) / sh) + 1.

    Raises
    ------
    ValueError
        If shapes, dtypes or settings do not fit together.

    As `torch.nn.functional.conv2d`; LeCun et al. (1998), section II.A. Taught in chapter 7.
    """
    sliding = checked_convolution(input, weight, bias, stride, padding, dilation, groups)
    return correlate(input, weight, sliding, bias)


def conv2d_backward(
    grad_output: np.ndarray,
    input: np.ndarray,
    weight: np.ndarray,
    bias: np.ndarray | None = None,
    stride: int | Pair = 1,
    padding: Any = 0,
    dilation: int | Pair = 1,
    groups: int = 1,
) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """Gradients of :func:`conv2d` by input, weight and bias.

    With g = grad_output: by the weight ``w[o, c, a, b]``, the sum over n, i, j of ``g[n, o, i, j]
    x[n, c, i sh + a dh - top, j sw + b dw - left]``, a correlation of input and g. By a pixel,
    the sum of g times w over every output and kernel place that touched it: g spread out by the
    stride and convolved with the kernel. By the bias, the sum of g over n, i, j.

    Parameters
    ----------
    grad_output
        ``(N, O, H', W')``, as the forward's answer.
    input, weight, bias, stride, padding, dilation, groups
        As in the forward.

    Returns
    -------
    tuple of np.ndarray
        ``(N, C, H, W)``, ``(O, C / groups, kh, kw)``, and ``(O,)`` or None without a bias.

    Raises
    ------
    ValueError
        As the forward, and if ``grad_output`` has another shape or dtype than its answer.

    Taught in chapter 10.
    """
    sliding = checked_convolution(input, weight, bias, stride, padding, dilation, groups)
    shape = (len(input), len(weight), *sliding.output_size(input.shape[2:]))
    checked_grad(grad_output, shape, input.dtype)
    grad_input = input_gradient(grad_output, weight, sliding, input.shape[2:])
    grad_weight = weight_gradient(input, grad_output, sliding)
    grad_bias = None if bias is None else grad_output.sum(axis=(0, 2, 3))
    return grad_input, grad_weight, grad_bias


def conv1d(
    input: np.ndarray,
    weight: np.ndarray,
    bias: np.ndarray | None = None,
    stride: int = 1,
    padding: Any = 0,
    dilation: int = 1,
    groups: int = 1,
) -> np.ndarray:
    """Convolutional layer on signals: :func:`conv2d` on images of height 1.

    Parameters
    ----------
    input
        ``(N, C, L)``.
    weight
        ``(O, C / groups, k)``.
    bias
        ``(O,)`` or None.
    stride, dilation
        Numbers, at least 1.
    padding
        A number, (left, right) in a pair of its own, that is ((left, right),), or ``"valid"`` or
        ``"same"``.
    groups
        Divides C and O.

    Returns
    -------
    np.ndarray
        ``(N, O, L')`` with L' = floor((L + left + right - dilation (k - 1) - 1) / stride) + 1.

    Raises
    ------
    ValueError
        If shapes, dtypes or settings do not fit together.

    As `torch.nn.functional.conv1d`. Taught in chapters 7 and 20.
    """
    images, filters, settings = _as_images(input, weight, bias, stride, padding, dilation)
    return conv2d(images, filters, bias, **settings, groups=groups)[:, :, 0]


def conv1d_backward(
    grad_output: np.ndarray,
    input: np.ndarray,
    weight: np.ndarray,
    bias: np.ndarray | None = None,
    stride: int = 1,
    padding: Any = 0,
    dilation: int = 1,
    groups: int = 1,
) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """Gradients of :func:`conv1d` by input, weight and bias; see :func:`conv2d_backward`.

    Parameters
    ----------
    grad_output
        ``(N, O, L')``, as the forward's answer.
    input, weight, bias, stride, padding, dilation, groups
        As in the forward.

    Returns
    -------
    tuple of np.ndarray
        ``(N, C, L)``, ``(O, C / groups, k)``, and ``(O,)`` or None without a bias.

    Raises
    ------
    ValueError
        As the forward, and if ``grad_output`` has another shape or dtype than its answer.

    Taught in chapter 10.
    """
    images, filters, settings = _as_images(input, weight, bias, stride, padding, dilation)
    sliding = checked_convolution(images, filters, bias, **settings, groups=groups)
    length = sliding.output_size(images.shape[2:])[1]
    checked_grad(grad_output, (len(input), len(weight), length), input.dtype)
    grad_input, grad_weight, grad_bias = conv2d_backward(
        grad_output[:, :, None], images, filters, bias, **settings, groups=groups
    )
    return grad_input[:, :, 0], grad_weight[:, :, 0], grad_bias


def _as_images(
    input: np.ndarray,
    weight: np.ndarray,
    bias: np.ndarray | None,
    stride: Any,
    padding: Any,
    dilation: Any,
) -> tuple[np.ndarray, np.ndarray, dict[str, Any]]:
    """Signals as images of height 1, and the settings of one axis as those of two."""
    checked_floats(input=input, weight=weight, bias=bias)
    checked_rank("input", input, 3)
    checked_rank("weight", weight, 3)
    if isinstance(padding, (tuple, list)):
        if len(padding) != 1:
            raise ValueError(f"padding is {padding!r}; expected a number or ((left, right),)")
        padding = padding[0]
    if not isinstance(padding, str):
        padding = ((0, 0), pair("padding", padding, 0))
    settings = {"stride": (1, _only(stride)), "padding": padding, "dilation": (1, _only(dilation))}
    return input[:, :, None], weight[:, :, None], settings


def _only(value: Any) -> Any:
    """The number of one axis, also out of a tuple of one."""
    return value[0] if isinstance(value, (tuple, list)) and len(value) == 1 else value


def checked_convolution(
    input: np.ndarray,
    weight: np.ndarray,
    bias: np.ndarray | None,
    stride: Any,
    padding: Any,
    dilation: Any,
    groups: Any,
) -> Sliding:
    """Check that everything fits together, and return how the kernel slides.

    Raises
    ------
    ValueError
        If shapes, dtypes or settings do not fit together.
    """
    sliding = checked_sliding(input, weight, bias, stride, padding, dilation, groups)
    groups = sliding.groups
    if input.shape[1] != groups * weight.shape[1] or len(weight) % groups:
        raise ValueError(
            f"input {input.shape} and weight {weight.shape} do not fit with groups={groups}: the "
            "input needs groups x weight.shape[1] channels, and groups must divide weight.shape[0]"
        )
    checked_bias(bias, weight, len(weight))
    _check_room(input, sliding)
    return sliding


def _check_room(input: np.ndarray, sliding: Sliding) -> None:
    padded = [n + sum(side) for n, side in zip(input.shape[2:], sliding.padding, strict=True)]
    if any(n < reach for n, reach in zip(padded, sliding.extent, strict=True)):
        raise ValueError(
            f"the kernel {sliding.kernel}, {sliding.extent} with its dilation, is larger than the "
            f"padded input {tuple(padded)} (input {input.shape}, padding {sliding.padding})"
        )
