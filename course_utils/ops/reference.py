"""The layers as their definitions stand, in straight loops: slow, short, to be read beside the fast
ones. The tests hold the two equal. Nothing here checks its arguments.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

# --- chapter 9: scores, losses, normalisation -------------------------------------------------


def softmax_loops(scores: np.ndarray) -> np.ndarray:
    """Softmax of the rows of (N, C), as the formula stands: it overflows for large scores."""
    p = np.zeros_like(scores)
    for n, row in enumerate(scores):
        total = sum(math.exp(score) for score in row)
        for i, score in enumerate(row):
            p[n, i] = math.exp(score) / total
    return p


def cross_entropy_loops(scores: np.ndarray, labels: np.ndarray) -> float:
    """Mean over N images of minus the logarithm of the true class's probability: (N, C), (N,)."""
    p = softmax_loops(scores)
    return sum(-math.log(p[n, label]) for n, label in enumerate(labels)) / len(labels)


def batch_norm_loops(
    input: np.ndarray, weight: np.ndarray, bias: np.ndarray, eps: float = 1e-5
) -> np.ndarray:
    """Batch normalisation in training of (N, C, H, W), one channel after the other."""
    y = np.zeros_like(input)
    for c in range(input.shape[1]):
        values = input[:, c]  # (N, H, W): every place of every image of this channel
        mean = values.sum() / values.size
        var = ((values - mean) ** 2).sum() / values.size
        y[:, c] = weight[c] * (values - mean) / math.sqrt(var + eps) + bias[c]
    return y


def local_response_norm_loops(
    input: np.ndarray, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0
) -> np.ndarray:
    """Local response normalisation of (N, C, H, W), with the window of each channel in sight."""
    y = np.zeros_like(input)
    channels = input.shape[1]
    for c in range(channels):
        first, last = max(0, c - size // 2), min(channels - 1, c + (size - 1) // 2)
        squares = sum(input[:, j] ** 2 for j in range(first, last + 1))  # (N, H, W)
        y[:, c] = input[:, c] / (k + alpha / size * squares) ** beta
    return y


# --- chapter 7: convolution ---------------------------------------------------------------------


def conv2d_loops(input: np.ndarray, weight: np.ndarray, stride: int = 1) -> np.ndarray:
    """One map, one filter, as the formula stands: (H, W), (K, L) -> (H', W'). Four nested loops."""
    height = (input.shape[0] - weight.shape[0]) // stride + 1
    width = (input.shape[1] - weight.shape[1]) // stride + 1
    y = np.zeros((height, width), input.dtype)
    for i in range(height):
        for j in range(width):
            for a in range(weight.shape[0]):
                for b in range(weight.shape[1]):
                    y[i, j] += input[i * stride + a, j * stride + b] * weight[a, b]
    return y


def touches(
    size: tuple[int, int],
    kernel: tuple[int, int],
    stride: tuple[int, int],
    padding: tuple[tuple[int, int], tuple[int, int]],
    dilation: tuple[int, int],
) -> Iterator[tuple[tuple[int, int], tuple[int, int], tuple[int, int]]]:
    """Every meeting of a kernel with an image: (output place, pixel, place in the kernel)."""
    (top, bottom), (left, right) = padding
    height = (size[0] + top + bottom - dilation[0] * (kernel[0] - 1) - 1) // stride[0] + 1
    width = (size[1] + left + right - dilation[1] * (kernel[1] - 1) - 1) // stride[1] + 1
    for i, j, a, b in np.ndindex(height, width, *kernel):
        row = i * stride[0] + a * dilation[0] - top
        column = j * stride[1] + b * dilation[1] - left
        if 0 <= row < size[0] and 0 <= column < size[1]:  # elsewhere the image is zero
            yield (i, j), (row, column), (a, b)


def conv2d_layer_loops(
    input: np.ndarray, weight: np.ndarray, output: np.ndarray, groups: int = 1, **how: Any
) -> None:
    """Add to ``output`` (N, O, H', W') what every pixel gives it; ``how`` is for `touches`."""
    inputs, outputs = weight.shape[1], len(weight) // groups  # channels in one group
    for (i, j), (row, column), (a, b) in touches(input.shape[2:], weight.shape[2:], **how):
        for n, o, c in np.ndindex(len(input), len(weight), inputs):
            pixel = input[n, o // outputs * inputs + c, row, column]
            output[n, o, i, j] += pixel * weight[o, c, a, b]


def conv2d_layer_backward_loops(
    grad_output: np.ndarray, input: np.ndarray, weight: np.ndarray, groups: int = 1, **how: Any
) -> tuple[np.ndarray, np.ndarray]:
    """Walk the same meetings again: each product hands its gradient to its two factors."""
    inputs, outputs = weight.shape[1], len(weight) // groups
    grad_input, grad_weight = np.zeros_like(input), np.zeros_like(weight)
    for (i, j), (row, column), (a, b) in touches(input.shape[2:], weight.shape[2:], **how):
        for n, o, c in np.ndindex(len(input), len(weight), inputs):
            channel = o // outputs * inputs + c
            g = grad_output[n, o, i, j]
            grad_input[n, channel, row, column] += g * weight[o, c, a, b]
            grad_weight[o, c, a, b] += g * input[n, channel, row, column]
    return grad_input, grad_weight


# --- chapter 8: pooling -----------------------------------------------------------------------


def window_starts(
    size: int, span: int, stride: int, padding: int = 0, ceil_mode: bool = False
) -> list[int]:
    """Where the windows of ``span`` cells begin along an axis; the padding has places below 0."""
    starts = list(range(-padding, size + padding - span + 1, stride))  # those that fit
    following = starts[-1] + stride if starts else -padding
    uncovered = following - stride + span < size + padding
    if ceil_mode and uncovered and following < size:
        starts.append(following)
    return starts


def max_pool2d_windows(
    input: np.ndarray,
    kernel_size: int,
    stride: int,
    padding: int = 0,
    dilation: int = 1,
    ceil_mode: bool = False,
) -> np.ndarray:
    """Return the maximum of the cells of each window that lie in the image: (N, C, H, W)."""
    span = dilation * (kernel_size - 1) + 1
    h, w = input.shape[2:]
    rows = window_starts(h, span, stride, padding, ceil_mode)
    columns = window_starts(w, span, stride, padding, ceil_mode)
    y = np.full((*input.shape[:2], len(rows), len(columns)), -np.inf, input.dtype)
    for n, c, i, j in np.ndindex(y.shape):
        for row in range(rows[i], rows[i] + span, dilation):
            for column in range(columns[j], columns[j] + span, dilation):
                if 0 <= row < h and 0 <= column < w:
                    y[n, c, i, j] = max(y[n, c, i, j], input[n, c, row, column])
    return y


def avg_pool2d_windows(
    input: np.ndarray,
    kernel_size: int,
    stride: int,
    padding: int = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> np.ndarray:
    """Sum of each window's cells over their number, with or without the padding: (N, C, H, W)."""
    h, w = input.shape[2:]
    rows = window_starts(h, kernel_size, stride, padding, ceil_mode)
    columns = window_starts(w, kernel_size, stride, padding, ceil_mode)
    y = np.zeros((*input.shape[:2], len(rows), len(columns)), input.dtype)
    for n, c, i, j in np.ndindex(y.shape):
        counted = 0
        for row in range(rows[i], min(rows[i] + kernel_size, h + padding)):
            for column in range(columns[j], min(columns[j] + kernel_size, w + padding)):
                inside = 0 <= row < h and 0 <= column < w
                y[n, c, i, j] += input[n, c, row, column] if inside else 0
                counted += inside or count_include_pad
        y[n, c, i, j] /= max(counted, 1)
    return y


def lp_pool2d_windows(
    input: np.ndarray, norm_type: float, kernel_size: int, stride: int, ceil_mode: bool = False
) -> np.ndarray:
    """Lp norm of each window: the mean of |x|**p, times the cells, to the power 1/p."""
    mean = avg_pool2d_windows(np.abs(input) ** norm_type, kernel_size, stride, 0, ceil_mode)
    return (kernel_size**2 * mean) ** (1 / norm_type)


def adaptive_avg_pool2d_windows(input: np.ndarray, height: int, width: int) -> np.ndarray:
    """Mean of the rows from floor(i H / H') to ceil((i + 1) H / H'), columns likewise."""
    h, w = input.shape[2:]
    y = np.zeros((*input.shape[:2], height, width), input.dtype)
    for i, j in np.ndindex(height, width):
        rows = slice(math.floor(i * h / height), math.ceil((i + 1) * h / height))
        columns = slice(math.floor(j * w / width), math.ceil((j + 1) * w / width))
        y[:, :, i, j] = input[:, :, rows, columns].mean(axis=(2, 3))
    return y
