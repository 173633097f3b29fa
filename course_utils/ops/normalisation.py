"""Batch normalisation and local response normalisation.  Taught in chapter 9."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from course_utils.ops.activations import probability
from course_utils.ops.arguments import checked_floats, checked_grad, checked_rank, integer


def batch_norm(
    input: np.ndarray,
    running_mean: np.ndarray | None,
    running_var: np.ndarray | None,
    weight: np.ndarray | None = None,
    bias: np.ndarray | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Any:
    """Bring each channel to mean 0 and variance 1, then scale and shift it.

    ``y = weight (x - mean) / sqrt(var + eps) + bias``. In training mean and variance are those of
    the batch, over images and places; the running ones move towards them by the share `momentum`.
    After training the running ones are used.

    Parameters
    ----------
    input
        ``(N, C, H, W)``, ``(N, C, L)`` or ``(N, C)``.
    running_mean, running_var
        ``(C,)`` each; both may be None in training.
    weight, bias
        ``(C,)`` each, or None for 1 and 0.

    Returns
    -------
    np.ndarray, or a tuple of three
        In inference y, of the input's shape. In training ``(y, new_running_mean,
        new_running_var)``: new arrays, or None where there was None. The variance that divides
        is the mean square; the one that is kept divides by n - 1 in place of n, as PyTorch's.

    Raises
    ------
    ValueError
        For shapes, dtypes or settings that do not fit; for running statistics that are missing in
        inference; and in training for one value a channel, which has no spread.

    Ioffe and Szegedy (2015), algorithms 1 and 2. Taught in chapter 9.
    """
    _check_channels(input, running_mean, running_var, weight, bias)
    _check_statistics(input, running_mean, running_var, training)
    momentum, eps = probability("momentum", momentum), _non_negative("eps", eps)
    if not training:
        return _affine(_normalised(input, running_mean, running_var, eps)[0], weight, bias)
    mean, var = _batch_statistics(input)
    y = _affine(_normalised(input, mean, var, eps)[0], weight, bias)
    if running_mean is None or running_var is None:
        return y, None, None
    count = _count(input)
    if count == 0:  # an empty batch teaches nothing
        return y, running_mean.copy(), running_var.copy()
    unbiased = var * count / (count - 1)
    return y, _moved(running_mean, mean, momentum), _moved(running_var, unbiased, momentum)


def batch_norm_backward(
    grad_output: np.ndarray,
    input: np.ndarray,
    running_mean: np.ndarray | None,
    running_var: np.ndarray | None,
    weight: np.ndarray | None = None,
    bias: np.ndarray | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> tuple[np.ndarray, np.ndarray | None, np.ndarray | None]:
    """Gradients of input, weight and bias (None for a weight or bias that is None).

    In training the mean and the variance depend on the input too. Their part takes away from the
    gradient its mean, and what it has in common with the normalised values x̂:
    ``weight / sqrt(var + eps) (g - mean(g) - x̂ mean(g x̂))``. In inference they are constants, and
    only the factor in front remains. Running statistics are buffers and have no gradient.

    Raises ValueError as `batch_norm`, and if `grad_output` has not the input's shape and dtype.
    Ioffe and Szegedy (2015), section 3. Taught in chapters 9 and 10.
    """
    _check_channels(input, running_mean, running_var, weight, bias)
    _check_statistics(input, running_mean, running_var, training)
    checked_grad(grad_output, input.shape, input.dtype)
    probability("momentum", momentum)
    mean, var = _batch_statistics(input) if training else (running_mean, running_var)
    x_hat, scale = _normalised(input, mean, var, _non_negative("eps", eps))
    axes = _all_but_channels(input)
    grad_weight = (grad_output * x_hat).sum(axis=axes)  # (C,)
    grad_bias = grad_output.sum(axis=axes)  # (C,)
    grad = grad_output
    if training and input.size:
        count = input.dtype.type(_count(input))
        common = x_hat * _along_channels(grad_weight / count, input)
        grad = grad_output - _along_channels(grad_bias / count, input) - common
    factor = scale if weight is None else scale * weight
    return (
        grad * _along_channels(factor, input),
        None if weight is None else grad_weight,
        None if bias is None else grad_bias,
    )


def local_response_norm(
    input: np.ndarray, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0
) -> np.ndarray:
    """Divide each value by a power of the mean square of the channels around it.

    ``y_c = x_c / (k + alpha / size * sum of x_j^2)^beta``, the sum over the channels j from
    ``c - size // 2`` to ``c + (size - 1) // 2`` that exist, at the same place of the same image.

    Parameters
    ----------
    input
        ``(N, C, H, W)``.
    size
        Number of channels in the sum. For an even size there is one more below c than above.

    Raises
    ------
    ValueError
        For another rank or dtype, or a size below 1.

    As PyTorch, alpha is divided by the size, and k is 1. In Krizhevsky et al. (2012), section 3.3,
    alpha = 1e-4 multiplies the sum itself and k = 2: with size 5 that is alpha = 5e-4 here.

    Taught in chapter 9.
    """
    base, power = _response(input, size, alpha, beta, k)
    return input * base**-power


def local_response_norm_backward(
    grad_output: np.ndarray,
    input: np.ndarray,
    size: int,
    alpha: float = 1e-4,
    beta: float = 0.75,
    k: float = 1.0,
) -> np.ndarray:
    """Gradient of the input: its own share, less what it took from the channels around it.

    With ``d = k + alpha / size * sum``: ``g_c / d_c^beta - 2 alpha beta / size * x_c * sum of
    g_j x_j / d_j^(beta + 1)``, over the channels j whose sum holds c.
    Raises ValueError as the forward, and if `grad_output` has not the input's shape and dtype.

    Taught in chapters 9 and 10.
    """
    base, power = _response(input, size, alpha, beta, k)
    checked_grad(grad_output, input.shape, input.dtype)
    shared = grad_output * input * base ** (-power - 1)
    # c lies in the window of j when j lies in c's window turned over.
    taken = _window_sum(shared, below=(size - 1) // 2, above=size // 2)
    factor = input.dtype.type(2 * alpha * beta / size)
    return grad_output * base**-power - factor * input * taken


def _response(
    input: np.ndarray, size: int, alpha: float, beta: float, k: float
) -> tuple[np.ndarray, np.floating]:
    """What is raised to the power, and the power, in the input's dtype."""
    checked_floats(input=input)
    checked_rank("input", input, 4)
    size = integer("size", size, 1)
    alpha, beta, k = _number("alpha", alpha), _number("beta", beta), _number("k", k)
    squares = _window_sum(input * input, below=size // 2, above=(size - 1) // 2)
    kind = input.dtype.type
    return kind(k) + kind(alpha / size) * squares, kind(beta)


def _window_sum(values: np.ndarray, below: int, above: int) -> np.ndarray:
    """Sum over the channels c - below to c + above of (N, C, H, W); zeros beyond the ends."""
    reach = values.shape[1]  # windows that are longer than all the channels see no more than these
    below, above = min(below, reach), min(above, reach)
    padded = np.pad(values, [(0, 0), (below, above), (0, 0), (0, 0)])
    return sliding_window_view(padded, below + 1 + above, axis=1).sum(axis=-1)


def _batch_statistics(input: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and mean square distance from it, for each channel: (C,), (C,).

    In float64 for either dtype: sums of thousands of float32 would lose their last digits.
    """
    if _count(input) == 0:
        return np.zeros(input.shape[1]), np.ones(input.shape[1])
    axes = _all_but_channels(input)
    mean = input.mean(axis=axes, dtype=np.float64)
    return mean, np.square(input - _along_channels(mean, input)).mean(axis=axes)


def _normalised(
    input: np.ndarray, mean: Any, var: Any, eps: float
) -> tuple[np.ndarray, np.ndarray]:
    """The input less the mean, over the standard deviation; and one over the latter, (C,)."""
    with np.errstate(divide="ignore", invalid="ignore"):  # eps = 0 and no variance: 0 / 0
        scale = (1 / np.sqrt(var + eps)).astype(input.dtype)
        centred = (input - _along_channels(mean, input)).astype(input.dtype)
        return centred * _along_channels(scale, input), scale


def _affine(x_hat: np.ndarray, weight: np.ndarray | None, bias: np.ndarray | None) -> np.ndarray:
    y = x_hat if weight is None else x_hat * _along_channels(weight, x_hat)
    return y if bias is None else y + _along_channels(bias, x_hat)


def _moved(running: np.ndarray, towards: np.ndarray, share: float) -> np.ndarray:
    return ((1 - share) * running + share * towards).astype(running.dtype)


def _along_channels(values: np.ndarray, input: np.ndarray) -> np.ndarray:
    """(C,) -> (1, C, 1, 1), or as many axes as the input has."""
    return values.reshape(1, -1, *[1] * (input.ndim - 2))


def _all_but_channels(input: np.ndarray) -> tuple[int, ...]:
    return (0, *range(2, input.ndim))


def _count(input: np.ndarray) -> int:
    """How many values a channel has in the batch."""
    return int(np.prod([input.shape[axis] for axis in _all_but_channels(input)]))


def _check_channels(
    input: np.ndarray,
    running_mean: np.ndarray | None,
    running_var: np.ndarray | None,
    weight: np.ndarray | None,
    bias: np.ndarray | None,
) -> None:
    per_channel = {
        "running_mean": running_mean,
        "running_var": running_var,
        "weight": weight,
        "bias": bias,
    }
    checked_floats(input=input, **per_channel)
    if input.ndim not in (2, 3, 4):
        raise ValueError(
            f"input has shape {input.shape}; expected (N, C), (N, C, L) or (N, C, H, W)"
        )
    for name, array in per_channel.items():
        if array is not None and array.shape != (input.shape[1],):
            raise ValueError(
                f"{name} has shape {array.shape}; expected ({input.shape[1]},), one number a "
                f"channel of the input of shape {input.shape}"
            )


def _check_statistics(
    input: np.ndarray,
    running_mean: np.ndarray | None,
    running_var: np.ndarray | None,
    training: bool,
) -> None:
    given = [array is not None for array in (running_mean, running_var)]
    if given[0] != given[1] or not (training or all(given)):
        raise ValueError(
            "expected both running_mean and running_var, or in training neither; got "
            f"running_mean {'given' if given[0] else 'None'} and "
            f"running_var {'given' if given[1] else 'None'}"
        )
    if training and _count(input) == 1:
        raise ValueError(
            "training needs more than one value a channel, else there is no variance; got input "
            f"of shape {input.shape}"
        )


def _number(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float, np.integer, np.floating)):
        raise ValueError(f"{name} is {value!r}; expected a number")
    return float(value)


def _non_negative(name: str, value: Any) -> float:
    number = _number(name, value)
    if not number >= 0:
        raise ValueError(f"{name} is {value!r}; expected a number of at least 0")
    return number
