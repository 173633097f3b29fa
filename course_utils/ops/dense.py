"""The dense (fully connected) layer."""

from __future__ import annotations

import numpy as np

from course_utils.ops.arguments import checked_bias, checked_floats, checked_full, checked_grad


def linear(input: np.ndarray, weight: np.ndarray, bias: np.ndarray | None = None) -> np.ndarray:
    """Dense layer: ``y = x W^T + b`` for every row x of the input.

    Parameters
    ----------
    input
        ``(*, in)``: any axes before the last.
    weight
        ``(out, in)``.
    bias
        ``(out,)`` or None.

    Returns
    -------
    np.ndarray
        ``(*, out)``.

    Raises
    ------
    ValueError
        If shapes or dtypes do not fit together.

    As `torch.nn.functional.linear`. Taught in chapters 7 and 10.
    """
    _check(input, weight, bias)
    y = input @ weight.T  # (*, in) (in, out)
    if bias is not None:
        y += bias
    return y


def linear_backward(
    grad_output: np.ndarray, input: np.ndarray, weight: np.ndarray, bias: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """Gradients of :func:`linear` by input, weight and bias.

    With g = grad_output: ``g W`` by the input, ``g^T x`` by the weight, summed over all rows, and
    the sum of the rows of g by the bias.

    Parameters
    ----------
    grad_output
        ``(*, out)``, as the forward's answer.
    input, weight, bias
        As in the forward.

    Returns
    -------
    tuple of np.ndarray
        ``(*, in)``, ``(out, in)``, and ``(out,)`` or None without a bias.

    Raises
    ------
    ValueError
        As the forward, and if ``grad_output`` has another shape or dtype than its answer.

    Taught in chapter 10.
    """
    _check(input, weight, bias)
    checked_grad(grad_output, (*input.shape[:-1], len(weight)), input.dtype)
    rows = input.reshape(-1, input.shape[-1])  # (R, in)
    grad_rows = grad_output.reshape(-1, len(weight))  # (R, out)
    grad_bias = None if bias is None else grad_rows.sum(axis=0)
    return grad_output @ weight, grad_rows.T @ rows, grad_bias


def _check(input: np.ndarray, weight: np.ndarray, bias: np.ndarray | None) -> None:
    checked_floats(input=input, weight=weight, bias=bias)
    if input.ndim == 0 or weight.ndim != 2:
        raise ValueError(
            f"input {input.shape} and weight {weight.shape}; expected (*, in) and (out, in)"
        )
    checked_full("weight", weight, 0)
    if input.shape[-1] != weight.shape[1]:
        raise ValueError(
            f"input {input.shape} ends in {input.shape[-1]} numbers; weight {weight.shape} reads "
            f"{weight.shape[1]}"
        )
    checked_bias(bias, weight, len(weight))
