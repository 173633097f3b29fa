"""Pooling layers from scratch: every window of a map becomes one number.

A window has ``kernel_size`` cells, ``dilation`` apart; the next window begins ``stride`` cells
further on (by default the windows touch: ``stride = kernel_size``). An axis of H cells gives

    floor((H + top + bottom - dilation (kernel - 1) - 1) / stride) + 1

windows. With ``ceil_mode`` it is ceil, unless the last window would begin beyond the input and its
padding before it. Names, order and meaning of the arguments are those of `torch.nn.functional`;
``padding`` may also be ((top, bottom), (left, right)), ``"same"`` or ``"valid"``, and on each side
is less than the cells that a window spans, so that every window without dilation sees the input.
(Torch stops earlier, at half of ``kernel_size``.)

The maximum and the sum over a window are taken over its rows first and then over its columns: k + k
numbers instead of k times k. `course_utils.ops.reference` has the definitions, window by window.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from course_utils.ops.arguments import (
    checked_floats,
    checked_full,
    checked_grad,
    checked_rank,
    integer,
)
from course_utils.ops.windows import Axis, axes_of, output_pair, tiles

# --- maximum --------------------------------------------------------------------------------


def max_pool2d(
    input: np.ndarray,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """Return the largest number of every window: (N, C, H, W) -> (N, C, H', W').

    Padding never wins: it counts as minus infinity. NaN always wins. A window that sees nothing but
    padding, which a large dilation makes possible, answers minus infinity.

    Parameters
    ----------
    input
        Maps ``(N, C, H, W)``, float32 or float64.
    kernel_size, stride, padding, dilation, ceil_mode
        See the module.
    return_indices
        Return also where each maximum was: ``row * W + column``, int64, of the first one where
        several are equal; -1 for a window of padding.

    Raises
    ------
    ValueError
        If the input is not a 4-D array of floats, a setting is out of its range, or the window
        does not fit.

    Taught in chapter 8.
    """
    rows, columns = axes_of(input, kernel_size, stride, padding, dilation, ceil_mode)
    output = np.empty((*input.shape[:2], rows.outputs, columns.outputs), input.dtype)
    indices = np.empty(output.shape if return_indices else 0, np.int64)
    for tile in tiles(input.shape):
        padded = _padded(input[tile], rows, columns, -np.inf)
        output[tile] = _over_windows(np.maximum, padded, rows, columns)
        if return_indices:
            indices[tile] = _indices(*_winners(padded, rows, columns), rows, columns)
    return (output, indices) if return_indices else output


def max_pool2d_backward(
    grad_output: np.ndarray,
    input: np.ndarray,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> np.ndarray:
    """Gradient of max_pool2d: each window hands its gradient to the number that won it.

    The others get nothing, since a small change of theirs changes nothing. Where several are equal
    the first gets it all. ``return_indices`` is taken so that the forward's settings fit, and
    changes nothing.

    Parameters
    ----------
    grad_output
        ``(N, C, H', W')``, of the input's dtype.
    input, kernel_size, stride, padding, dilation, ceil_mode
        As in the forward.

    Returns
    -------
    np.ndarray
        ``(N, C, H, W)``.

    Raises
    ------
    ValueError
        As the forward, or if ``grad_output`` has not the shape and dtype of its answer.

    Taught in chapter 10.
    """
    rows, columns = axes_of(input, kernel_size, stride, padding, dilation, ceil_mode)
    checked_grad(grad_output, (*input.shape[:2], rows.outputs, columns.outputs), input.dtype)
    grad_input = np.empty(input.shape, input.dtype)
    for tile in tiles(input.shape):
        padded = _padded(input[tile], rows, columns, -np.inf)
        winners = _winners(padded, rows, columns)
        grad_input[tile] = _routed(grad_output[tile], *winners, rows, columns)
    return grad_input


def _winners(padded: np.ndarray, rows: Axis, columns: Axis) -> tuple[np.ndarray, np.ndarray]:
    """Return which row of each window won, and in each row which column.

    Columns first: the first of equal columns in the first of equal rows is the first of all, in
    the order in which torch looks.
    """
    best, row_winners = _winners_along(padded, columns, 3)
    _, winners = _winners_along(best, rows, 2)
    return winners, row_winners  # (N, C, H', W'), (N, C, H padded, W')


def _winners_along(x: np.ndarray, axis: Axis, dim: int) -> tuple[np.ndarray, np.ndarray]:
    """Maximum of the windows along one axis of the array, and the number of its cell."""
    before = (slice(None),) * dim
    best = x[before + (axis.cells(0),)].copy()
    winner = np.empty(best.shape, np.min_scalar_type(axis.kernel))
    # It stays where all that is inside is -inf.
    winner.swapaxes(dim, 3)[...] = axis.first_inside()
    for m in range(1, axis.kernel):
        cell = x[before + (axis.cells(m),)].copy()  # in a row, for three readers
        wins = (cell > best) | (cell != cell)  # > keeps the first of equals; NaN is not itself
        np.maximum(best, cell, out=best)
        np.maximum(winner, wins * winner.dtype.type(m), out=winner)  # the last to win
    return best, winner


def _routed(
    grad: np.ndarray, winners: np.ndarray, row_winners: np.ndarray, rows: Axis, columns: Axis
) -> np.ndarray:
    """Send each window's number to the row and then to the column that won it."""
    tall = np.zeros(row_winners.shape, grad.dtype)
    for m in range(rows.kernel):
        tall[:, :, rows.cells(m)] += _kept(grad, winners == m)
    whole = np.zeros((*tall.shape[:3], columns.padded), grad.dtype)
    for n in range(columns.kernel):
        whole[:, :, :, columns.cells(n)] += _kept(tall, row_winners == n)
    return whole[:, :, rows.inside, columns.inside]


def _kept(values: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Compute ``np.where(mask, values, 0)``, ten times as fast where the mask is irregular.

    A branch for every number is what costs there. All bits or none need no branch, and unlike a
    product with the mask they do not make NaN of infinity.
    """
    bits = np.dtype(f"i{values.itemsize}")
    return (values.view(bits) & -mask.astype(bits)).view(values.dtype)  # -1 is all bits


def _indices(winners: np.ndarray, row_winners: np.ndarray, rows: Axis, columns: Axis) -> np.ndarray:
    """Return row * W + column of every winner, or -1 where that is padding."""
    row = rows.places(winners.swapaxes(2, 3).astype(np.int64)).swapaxes(2, 3)
    column_winners = np.take_along_axis(row_winners, row + rows.before, axis=2)
    column = columns.places(column_winners.astype(np.int64))
    inside = (row >= 0) & (row < rows.size) & (column >= 0) & (column < columns.size)
    return np.where(inside, row * columns.size + column, -1)


# --- mean -----------------------------------------------------------------------------------


def avg_pool2d(
    input: np.ndarray,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> np.ndarray:
    """Mean of every window: (N, C, H, W) -> (N, C, H', W').

    Each window's sum is divided by the number of its cells: those in the image, and with
    ``count_include_pad`` those in the padding too. Cells that only ``ceil_mode`` reaches, beyond
    the padding, are never counted.

    Parameters
    ----------
    input
        Maps ``(N, C, H, W)``, float32 or float64.
    kernel_size, stride, padding, ceil_mode
        See the module.
    count_include_pad
        Whether the zeros of the padding count in the divisor.
    divisor_override
        Divide every sum by this number instead.

    Raises
    ------
    ValueError
        If the input is not a 4-D array of floats, a setting is out of its range, or the window
        does not fit.

    Taught in chapter 8.
    """
    rows, columns = axes_of(input, kernel_size, stride, padding, 1, ceil_mode)
    divisors = _divisors(rows, columns, count_include_pad, divisor_override, input.dtype)
    output = np.empty((*input.shape[:2], *divisors.shape), input.dtype)
    for tile in tiles(input.shape):
        padded = _padded(input[tile], rows, columns, 0)
        output[tile] = _over_windows(np.add, padded, rows, columns) / divisors
    return output


def avg_pool2d_backward(
    grad_output: np.ndarray,
    input: np.ndarray,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> np.ndarray:
    """Gradient of avg_pool2d: each window spreads its gradient evenly over its cells.

    The numbers of the input do not matter, only its shape and dtype.

    Parameters
    ----------
    grad_output
        ``(N, C, H', W')``, of the input's dtype.
    input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override
        As in the forward.

    Returns
    -------
    np.ndarray
        ``(N, C, H, W)``.

    Raises
    ------
    ValueError
        As the forward, or if ``grad_output`` has not the shape and dtype of its answer.

    Taught in chapter 10.
    """
    rows, columns = axes_of(input, kernel_size, stride, padding, 1, ceil_mode)
    divisors = _divisors(rows, columns, count_include_pad, divisor_override, input.dtype)
    checked_grad(grad_output, (*input.shape[:2], *divisors.shape), input.dtype)
    grad_input = np.empty(input.shape, input.dtype)
    for tile in tiles(input.shape):
        grad_input[tile] = _spread(grad_output[tile] / divisors, rows, columns)
    return grad_input


def _divisors(
    rows: Axis, columns: Axis, include_padding: bool, override: int | None, dtype: np.dtype
) -> np.ndarray:
    """What each window's sum is divided by: (H', W')."""
    if override is not None:
        divisor = integer("divisor_override", override, 1)
        return np.full((rows.outputs, columns.outputs), divisor, dtype)
    counts = np.outer(rows.counts(include_padding), columns.counts(include_padding))
    return counts.astype(dtype)


def _spread(grad: np.ndarray, rows: Axis, columns: Axis) -> np.ndarray:
    """Give every cell of every window its window's number, and add where windows overlap."""
    wide = np.zeros((*grad.shape[:3], columns.padded), grad.dtype)
    for n in range(columns.kernel):
        wide[:, :, :, columns.cells(n)] += grad
    tall = np.zeros((*grad.shape[:2], rows.padded, columns.padded), grad.dtype)
    for m in range(rows.kernel):
        tall[:, :, rows.cells(m)] += wide
    return tall[:, :, rows.inside, columns.inside]


# --- powers ---------------------------------------------------------------------------------


def lp_pool2d(
    input: np.ndarray,
    norm_type: float,
    kernel_size: Any,
    stride: Any = None,
    ceil_mode: bool = False,
) -> np.ndarray:
    """Lp norm of every window, ``(sum of |x|**p)**(1/p)``: (N, C, H, W) -> (N, C, H', W').

    p = 1 sums the absolute values, p = 2 is the window's length, and p = inf is the largest
    absolute value. A window that ceil mode lets hang over the edge is scaled up to a full one, as
    in torch: p = 2 takes the root mean square of the cells that it has, times the root of the cells
    that it should have. Torch raises the number itself to p, so that odd orders of negative
    numbers come out as NaN or wrong; here they are the norm.

    Parameters
    ----------
    input
        Maps ``(N, C, H, W)``, float32 or float64.
    norm_type
        The order p, above 0; infinity is allowed.
    kernel_size, stride, ceil_mode
        See the module.

    Raises
    ------
    ValueError
        If the input is not a 4-D array of floats, a setting is out of its range, or the window
        does not fit.

    Taught in chapter 8.
    """
    p = _order(norm_type)
    rows, columns = axes_of(input, kernel_size, stride, 0, 1, ceil_mode)
    output = np.empty((*input.shape[:2], rows.outputs, columns.outputs), input.dtype)
    for tile in tiles(input.shape):
        output[tile] = _norms(_padded(np.abs(input[tile]), rows, columns, 0), p, rows, columns)
    return output


def lp_pool2d_backward(
    grad_output: np.ndarray,
    input: np.ndarray,
    norm_type: float,
    kernel_size: Any,
    stride: Any = None,
    ceil_mode: bool = False,
) -> np.ndarray:
    """Gradient of lp_pool2d: ``dy/dx = sign(x) (|x| / y)**(p - 1)``.

    A zero gets the gradient 0, whatever its window and p. For p = inf the first of the largest
    absolute values gets it all.

    Parameters
    ----------
    grad_output
        ``(N, C, H', W')``, of the input's dtype.
    input, norm_type, kernel_size, stride, ceil_mode
        As in the forward.

    Returns
    -------
    np.ndarray
        ``(N, C, H, W)``.

    Raises
    ------
    ValueError
        As the forward, or if ``grad_output`` has not the shape and dtype of its answer.

    Taught in chapter 10.
    """
    p = _order(norm_type)
    rows, columns = axes_of(input, kernel_size, stride, 0, 1, ceil_mode)
    checked_grad(grad_output, (*input.shape[:2], rows.outputs, columns.outputs), input.dtype)
    if p == math.inf:
        routed = max_pool2d_backward(
            grad_output, np.abs(input), kernel_size, stride, 0, 1, ceil_mode
        )
        return routed * np.sign(input)
    grad_input = np.empty(input.shape, input.dtype)
    for tile in tiles(input.shape):
        padded = _padded(input[tile], rows, columns, 0)
        grad_input[tile] = _norms_backward(grad_output[tile], padded, p, rows, columns)
    return grad_input


def _order(norm_type: Any) -> float:
    """Return p, which must be above 0."""
    number = isinstance(norm_type, (int, float, np.integer, np.floating))
    if not number or isinstance(norm_type, bool) or not norm_type > 0:
        raise ValueError(f"norm_type is {norm_type!r}; expected a number above 0, or infinity")
    return float(norm_type)


def _norms(magnitudes: np.ndarray, p: float, rows: Axis, columns: Axis) -> np.ndarray:
    """Return the Lp norm of every window of absolute values."""
    largest = _over_windows(np.maximum, magnitudes, rows, columns)
    if p == math.inf:
        return largest
    # Measured in units of the window's largest number, no power is above 1: nothing overflows.
    unit = np.where((largest > 0) & np.isfinite(largest), largest, 1).astype(magnitudes.dtype)
    total = np.zeros_like(unit)
    with np.errstate(over="ignore", under="ignore"):
        for _, cell in _cells(magnitudes, rows, columns):
            total += (cell / unit) ** p
        return unit * (total * _scale_to_full(rows, columns, unit.dtype)) ** (1 / p)


def _norms_backward(
    grad: np.ndarray, padded: np.ndarray, p: float, rows: Axis, columns: Axis
) -> np.ndarray:
    """Gradient of _norms with respect to the numbers whose absolute values it took."""
    norms = _norms(np.abs(padded), p, rows, columns)
    norms[norms == 0] = 1  # every number of such a window is 0, and its gradient too
    weighted = grad * _scale_to_full(rows, columns, grad.dtype)
    result = np.zeros_like(padded)
    with np.errstate(divide="ignore", over="ignore", under="ignore", invalid="ignore"):
        for (m, n), cell in _cells(padded, rows, columns):
            slope = np.sign(cell) * (np.abs(cell) / norms) ** (p - 1)
            slope[cell == 0] = 0  # also for p < 1, where the slope is infinite on both sides
            result[:, :, rows.cells(m), columns.cells(n)] += weighted * slope
    return result[:, :, rows.inside, columns.inside]


def _scale_to_full(rows: Axis, columns: Axis, dtype: np.dtype) -> np.ndarray:
    """Cells that a window should have over those that it has: (H', W')."""
    counts = np.outer(rows.counts(True), columns.counts(True))
    return (rows.kernel * columns.kernel / counts).astype(dtype)


# --- adaptive -------------------------------------------------------------------------------


def adaptive_avg_pool2d(input: np.ndarray, output_size: Any) -> np.ndarray:
    """Means over a grid of the wanted size: (N, C, H, W) -> (N, C, H', W').

    Row i of the answer averages the rows from floor(i H / H') to ceil((i + 1) H / H') of the
    input, and columns likewise: the windows differ in size, and overlap where H' does not divide H.
    ``output_size`` 1 is global average pooling.

    Parameters
    ----------
    input
        Maps ``(N, C, H, W)``, float32 or float64.
    output_size
        A number or a pair (H', W'); None keeps that axis as it is.

    Raises
    ------
    ValueError
        If the input is not a 4-D array of floats or the size is negative or no integer.

    Taught in chapter 8.
    """
    height, width = _adaptive_sizes(input, output_size)
    wide = _bin_means(input, width)  # (N, C, H, W')
    return _bin_means(wide.swapaxes(2, 3), height).swapaxes(2, 3).copy()


def _bin_means(x: np.ndarray, outputs: int) -> np.ndarray:
    """Means of the bins of the last axis: (..., L) -> (..., outputs)."""
    flat = x.reshape(-1, x.shape[-1])
    means = np.empty((len(flat), outputs), x.dtype)
    for j, cells in enumerate(_bins(x.shape[-1], outputs)):
        ones = np.ones(cells.stop - cells.start, x.dtype)
        # A product with ones is a sum that does not pay for each short row by itself.
        means[:, j] = flat[:, cells] @ ones / ones.size
    return means.reshape(*x.shape[:-1], outputs)


def adaptive_avg_pool2d_backward(
    grad_output: np.ndarray, input: np.ndarray, output_size: Any
) -> np.ndarray:
    """Gradient of adaptive_avg_pool2d: each bin spreads its gradient evenly over its cells.

    Parameters
    ----------
    grad_output
        ``(N, C, H', W')``, of the input's dtype.
    input, output_size
        As in the forward; of the input, only shape and dtype matter.

    Returns
    -------
    np.ndarray
        ``(N, C, H, W)``.

    Raises
    ------
    ValueError
        As the forward, or if ``grad_output`` has not the shape and dtype of its answer.

    Taught in chapter 10.
    """
    height, width = _adaptive_sizes(input, output_size)
    checked_grad(grad_output, (*input.shape[:2], height, width), input.dtype)
    tall = np.zeros((*input.shape[:2], height, input.shape[3]), input.dtype)
    for j, columns in enumerate(_bins(input.shape[3], width)):
        size = columns.stop - columns.start
        tall[:, :, :, columns] += grad_output[:, :, :, j, None] / size
    grad_input = np.zeros(input.shape, input.dtype)
    for i, rows in enumerate(_bins(input.shape[2], height)):
        grad_input[:, :, rows] += tall[:, :, i, None] / (rows.stop - rows.start)
    return grad_input


def _adaptive_sizes(input: np.ndarray, output_size: Any) -> tuple[int, int]:
    checked_floats(input=input)
    checked_rank("input", input, 4)
    checked_full("input", input, 1)
    return output_pair(output_size, input.shape)


def _bins(size: int, outputs: int) -> list[slice]:
    """Return the slices floor(i size / outputs) to ceil((i + 1) size / outputs)."""
    return [
        slice(i * size // outputs, -(-(i + 1) * size // outputs))  # -(-a // b) is ceil(a / b)
        for i in range(outputs)
    ]


# --- windows --------------------------------------------------------------------------------


def _padded(tile: np.ndarray, rows: Axis, columns: Axis, value: float) -> np.ndarray:
    """Put ``value`` around the tile, wherever a window reaches; no copy where none does."""
    shape = (*tile.shape[:2], rows.padded, columns.padded)
    if shape == tile.shape:
        return tile
    padded = np.full(shape, value, tile.dtype)
    padded[:, :, rows.inside, columns.inside] = tile
    return padded


def _over_windows(combine: np.ufunc, padded: np.ndarray, rows: Axis, columns: Axis) -> np.ndarray:
    """Maximum or sum of every window, first down its rows, then along its columns."""
    tall = padded[:, :, rows.cells(0)].copy()
    for m in range(1, rows.kernel):
        combine(tall, padded[:, :, rows.cells(m)], out=tall)
    output = tall[:, :, :, columns.cells(0)].copy()
    for n in range(1, columns.kernel):
        combine(output, tall[:, :, :, columns.cells(n)], out=output)
    return output


def _cells(
    padded: np.ndarray, rows: Axis, columns: Axis
) -> Iterator[tuple[tuple[int, int], np.ndarray]]:
    """Yield each place (m, n) of the window with what all windows see there: (N, C, H', W')."""
    for m in range(rows.kernel):
        for n in range(columns.kernel):
            yield (m, n), padded[:, :, rows.cells(m), columns.cells(n)]
