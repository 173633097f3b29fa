"""Functions of the scores, entry by entry or along one axis, and dropout.  Taught in chapter 9.

Every backward multiplies the gradient that comes from above by the derivative of its own forward,
which it computes again from the forward's input: nothing is kept between the two calls.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from course_utils.ops.arguments import checked_floats, checked_grad, integer


def relu(input: np.ndarray) -> np.ndarray:
    """Rectified linear unit, ``max(0, x)``, for any shape.

    Raises ValueError if the input is not a float32 or float64 array. Nair and Hinton (2010).

    Taught in chapter 9.
    """
    checked_floats(input=input)
    return np.asarray(np.maximum(input, 0))


def relu_backward(grad_output: np.ndarray, input: np.ndarray) -> np.ndarray:
    """Let the gradient pass where the input is positive, and nothing elsewhere.

    At 0, where the ReLU has no derivative, the answer is 0, as in PyTorch.
    Raises ValueError if `grad_output` has not the shape and dtype of the input.

    Taught in chapters 9 and 10.
    """
    _checked(grad_output, input)
    return np.where(input <= 0, 0, grad_output).astype(input.dtype)


def sigmoid(input: np.ndarray) -> np.ndarray:
    """Logistic function, ``1 / (1 + exp(-x))``, for any shape, without overflow.

    ``exp(-x)`` overflows for large negative x. There we use the equal ``exp(x) / (1 + exp(x))``,
    so that the only exponential is that of ``-abs(x)``, which is at most 1.

    Raises ValueError if the input is not a float32 or float64 array.

    Taught in chapter 9.
    """
    checked_floats(input=input)
    small = np.exp(-np.abs(input))
    return np.asarray(np.where(input < 0, small, 1) / (1 + small))


def sigmoid_backward(grad_output: np.ndarray, input: np.ndarray) -> np.ndarray:
    """Multiply by the derivative ``s(x) (1 - s(x))``, which is ``s(x) s(-x)``: at most 1/4.

    Raises ValueError if `grad_output` has not the shape and dtype of the input.

    Taught in chapters 9 and 10.
    """
    _checked(grad_output, input)
    # 1 - s(x) would be 0 from x = 37 on, where s(-x) still has all its digits.
    return np.asarray(grad_output * sigmoid(input) * sigmoid(np.asarray(-input)))


def tanh(input: np.ndarray) -> np.ndarray:
    """Hyperbolic tangent, ``2 s(2x) - 1`` with s the sigmoid, for any shape.

    Raises ValueError if the input is not a float32 or float64 array.

    Taught in chapter 9.
    """
    checked_floats(input=input)
    return np.asarray(np.tanh(input))


def tanh_backward(grad_output: np.ndarray, input: np.ndarray) -> np.ndarray:
    """Multiply by the derivative ``1 - tanh(x)^2``: 1 at x = 0, and less elsewhere.

    Raises ValueError if `grad_output` has not the shape and dtype of the input.

    Taught in chapters 9 and 10.
    """
    _checked(grad_output, input)
    y = np.tanh(input)
    return np.asarray(grad_output * (1 - y) * (1 + y))


def softmax(input: np.ndarray, dim: int) -> np.ndarray:
    """Probabilities from scores along one axis: ``p_i = exp(x_i) / sum over j of exp(x_j)``.

    A constant added to all scores changes nothing. So the largest score is taken away first: then
    the largest exponential is 1, and no score is too large.

    Parameters
    ----------
    input
        Scores of any shape with at least one axis.
    dim
        The axis along which the answers sum to 1.

    Raises
    ------
    ValueError
        If the input is not a float32 or float64 array, or has no axis `dim`.

    A score of -inf has probability 0. With +inf, or with no score above -inf, the answer is NaN,
    as in PyTorch. Bridle (1990). Taught in chapter 9.
    """
    exponentials = np.exp(_shifted(input, dim))
    return exponentials / exponentials.sum(axis=dim, keepdims=True)


def softmax_backward(grad_output: np.ndarray, input: np.ndarray, dim: int) -> np.ndarray:
    """Gradient of the scores: ``p_i (g_i - sum over j of g_j p_j)``.

    Each probability depends on every score of its axis, hence the sum.
    Raises ValueError as `softmax`, and if `grad_output` has not the input's shape and dtype.

    Taught in chapters 9 and 10.
    """
    _checked(grad_output, input)
    p = softmax(input, dim)
    return p * (grad_output - (grad_output * p).sum(axis=dim, keepdims=True))


def log_softmax(input: np.ndarray, dim: int) -> np.ndarray:
    """Logarithms of `softmax`: ``x_i - log of the sum over j of exp(x_j)``.

    The logarithm of a softmax that has underflowed to 0 would be -inf. This sum never is: after
    the shift one of its terms is 1.

    Parameters, errors and special values as `softmax`. Taught in chapter 9.
    """
    shifted = _shifted(input, dim)
    total = np.exp(shifted).sum(axis=dim, keepdims=True)
    with np.errstate(divide="ignore"):  # an axis of length 0 has the total 0, and no answers
        return shifted - np.log(total)


def log_softmax_backward(grad_output: np.ndarray, input: np.ndarray, dim: int) -> np.ndarray:
    """Gradient of the scores: ``g_i - p_i (sum over j of g_j)``.

    Raises ValueError as `softmax`, and if `grad_output` has not the input's shape and dtype.

    Taught in chapters 9 and 10.
    """
    _checked(grad_output, input)
    return grad_output - softmax(input, dim) * grad_output.sum(axis=dim, keepdims=True)


def dropout(
    input: np.ndarray,
    p: float = 0.5,
    training: bool = True,
    *,
    mask: np.ndarray | None = None,
    generator: np.random.Generator | None = None,
) -> np.ndarray:
    """In training, drop each entry with probability p and divide the rest by 1 - p.

    The division keeps the expected value of each entry ("inverted dropout"), so that nothing needs
    to be done after training: then the answer is a copy of the input.

    Parameters
    ----------
    input
        Any shape.
    p
        Probability with which an entry is dropped, 0 to 1. With p = 1 every entry is.
    mask
        Boolean, of the input's shape: True where an entry is kept. Drawn from `generator` if None.
    generator
        A `numpy.random.Generator`. One that starts from the same seed draws the same mask.

    Raises
    ------
    ValueError
        If p is no probability; if the mask has another shape or dtype, or keeps an entry although
        p is 1; or if training needs a mask or a generator and got neither, or both.

    A dropped entry answers 0, whatever it was: PyTorch answers NaN for a dropped infinity.
    Srivastava et al. (2014). Taught in chapter 9.
    """
    checked_floats(input=input)
    p = probability("p", p)
    if not training:
        return input.copy()
    kept = _kept(input.shape, p, mask, generator)
    keep_rate = input.dtype.type(1 - p)
    return np.divide(input, keep_rate, out=np.zeros_like(input), where=kept)


def dropout_backward(
    grad_output: np.ndarray,
    input: np.ndarray,
    p: float = 0.5,
    training: bool = True,
    *,
    mask: np.ndarray | None = None,
    generator: np.random.Generator | None = None,
) -> np.ndarray:
    """Send the gradient through the entries that were kept, divided by 1 - p as they were.

    Give it the forward's mask, or a generator in the state that the forward's had.
    Raises ValueError as `dropout`, and if `grad_output` has not the input's shape and dtype.

    Taught in chapters 9 and 10.
    """
    _checked(grad_output, input)
    return dropout(grad_output, p, training, mask=mask, generator=generator)


def probability(name: str, value: Any) -> float:
    """Return a setting as a number from 0 to 1.

    Raises
    ------
    ValueError
        If it is not a number, or lies outside.
    """
    is_number = isinstance(value, (int, float, np.integer, np.floating))
    if not is_number or isinstance(value, bool) or not 0 <= value <= 1:
        raise ValueError(f"{name} is {value!r}; expected a number from 0 to 1")
    return float(value)


def checked_dim(dim: Any, shape: tuple[int, ...]) -> int:
    """Return an axis counted from 0; negative ones count from the end.

    Raises
    ------
    ValueError
        If there is no such axis.
    """
    rank = len(shape)
    number = integer("dim", dim, -(2**63))
    if not -rank <= number < rank:
        raise ValueError(f"dim is {number}, but an array of shape {shape} has {rank} axes")
    return number % rank


def _shifted(input: np.ndarray, dim: int) -> np.ndarray:
    """The scores less the largest one along the axis: all at most 0."""
    checked_floats(input=input)
    axis = checked_dim(dim, input.shape)
    with np.errstate(invalid="ignore"):  # inf - inf is NaN, which is the answer that is due
        return input - input.max(axis=axis, keepdims=True, initial=-np.inf)


def _kept(
    shape: tuple[int, ...],
    p: float,
    mask: np.ndarray | None,
    generator: np.random.Generator | None,
) -> np.ndarray:
    """The mask that was given, checked, or one that is drawn."""
    if (mask is None) == (generator is None):
        given = "neither" if mask is None else "both"
        raise ValueError(f"dropout in training needs a mask or a generator; got {given}")
    if mask is None:
        assert generator is not None
        return generator.random(shape) >= p
    if not isinstance(mask, np.ndarray) or mask.dtype != bool or mask.shape != shape:
        found = (
            f"{mask.dtype} of shape {mask.shape}"
            if isinstance(mask, np.ndarray)
            else type(mask).__name__
        )
        raise ValueError(f"mask is {found}; expected booleans of the input's shape {shape}")
    if p == 1 and mask.any():
        raise ValueError(f"the mask keeps {mask.sum()} entries, but p = 1 drops every one")
    return mask


def _checked(grad_output: np.ndarray, input: np.ndarray) -> None:
    checked_floats(input=input)
    checked_grad(grad_output, input.shape, input.dtype)
