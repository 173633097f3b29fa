"""What every layer asks of its arguments; the messages name the shapes and the rule."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

Pair = tuple[int, int]
Sides = tuple[int, int]  # zeros before and after, along one axis


def checked_floats(**named: np.ndarray | None) -> None:
    """Refuse anything but arrays that are all float32 or all float64; None is passed over.

    Raises
    ------
    ValueError
        If one is not an array, is neither float32 nor float64, or their dtypes differ.
    """
    arrays = {name: array for name, array in named.items() if array is not None}
    for name, array in arrays.items():
        if not isinstance(array, np.ndarray):
            raise ValueError(f"{name} is a {type(array).__name__}; expected a NumPy array")
    dtypes = {array.dtype.type for array in arrays.values()}
    if len(dtypes) > 1 or not dtypes <= {np.float32, np.float64}:
        found = ", ".join(f"{name} {array.dtype}" for name, array in arrays.items())
        raise ValueError(f"expected arrays that are all float32 or all float64; got {found}")


def checked_rank(name: str, array: np.ndarray, rank: int) -> None:
    """Refuse an array of another rank.

    Raises
    ------
    ValueError
        If ``array`` does not have ``rank`` axes.
    """
    if array.ndim != rank:
        raise ValueError(f"{name} has shape {array.shape}; expected {rank} axes")


def checked_full(name: str, array: np.ndarray, spare: int) -> None:
    """Refuse an array that has no numbers; its first ``spare`` axes, the batch, may be empty.

    Raises
    ------
    ValueError
        If another axis has size 0.
    """
    if 0 in array.shape[spare:]:
        allowed = "; only the first axis (N) may be empty" if spare else ""
        raise ValueError(f"{name} {array.shape} has an empty axis{allowed}")


def checked_bias(bias: np.ndarray | None, weight: np.ndarray, outputs: int) -> None:
    """Refuse a bias that is not one number for each of the weight's outputs.

    Raises
    ------
    ValueError
        If it has another shape than ``(outputs,)``.
    """
    if bias is not None and bias.shape != (outputs,):
        raise ValueError(f"bias has shape {bias.shape}; weight {weight.shape} needs ({outputs},)")


def checked_grad(grad_output: np.ndarray, shape: tuple[int, ...], dtype: Any) -> None:
    """Refuse a gradient that does not look like the forward's answer.

    Raises
    ------
    ValueError
        If ``grad_output`` is not an array of the forward's output shape and dtype.
    """
    if not isinstance(grad_output, np.ndarray):
        found = type(grad_output).__name__
        raise ValueError(f"grad_output is a {found}; expected a NumPy array of shape {shape}")
    if grad_output.shape != tuple(shape):
        raise ValueError(
            f"grad_output has shape {grad_output.shape}; the forward's output has {tuple(shape)}"
        )
    if grad_output.dtype != dtype:
        raise ValueError(
            f"grad_output has dtype {grad_output.dtype}; expected {np.dtype(dtype)}, as the input"
        )


def integer(name: str, value: Any, minimum: int) -> int:
    """Return a setting as a whole number from ``minimum`` on; NumPy's integers are welcome.

    Raises
    ------
    ValueError
        If it is a boolean, not an integer, or too small.
    """
    expected = f"expected an integer of at least {minimum}"
    if isinstance(value, (bool, np.bool_)):
        raise ValueError(f"{name} is {value}; {expected}")
    try:
        number = operator.index(value)
    except TypeError:
        raise ValueError(f"{name} is {value!r}; {expected}") from None
    if number < minimum:
        raise ValueError(f"{name} is {number}; {expected}")
    return number


def pair(name: str, value: Any, minimum: int) -> Pair:
    """Return a setting as (height, width): one number stands for both.

    Raises
    ------
    ValueError
        If it is neither an integer nor two integers, or one is too small.
    """
    if not isinstance(value, (tuple, list)):
        number = integer(name, value, minimum)
        return number, number
    if len(value) != 2:
        raise ValueError(f"{name} is {value!r}; expected a number or a pair (height, width)")
    return integer(name, value[0], minimum), integer(name, value[1], minimum)


def spatial_padding(
    padding: Any, kernel_size: Any, stride: Any, dilation: Any
) -> tuple[Sides, Sides]:
    """Return the zeros around an image as ((top, bottom), (left, right)).

    ``padding`` is a number for all four sides, a pair (height, width), the four sides as
    ((top, bottom), (left, right)), ``"valid"`` (none) or ``"same"``: with stride 1 the output then
    has the size of the input, and where the number of zeros is odd the extra one comes after.

    Raises
    ------
    ValueError
        If it is none of these, is negative, or is ``"same"`` with another stride than 1.
    """
    kernel = pair("kernel_size", kernel_size, 1)
    steps = pair("stride", stride, 1)
    holes = pair("dilation", dilation, 1)
    if isinstance(padding, str):
        vertical, horizontal = _named_padding(padding, kernel, steps, holes)
        return vertical, horizontal
    if not isinstance(padding, (tuple, list)):
        padding = (padding, padding)
    if len(padding) != 2:
        raise ValueError(
            f"padding is {padding!r}; expected a number, (height, width), "
            "((top, bottom), (left, right)), 'same' or 'valid'"
        )
    return pair("padding", padding[0], 0), pair("padding", padding[1], 0)


def _named_padding(name: str, kernel: Pair, stride: Pair, dilation: Pair) -> list[Sides]:
    if name not in ("same", "valid"):
        raise ValueError(f"padding is {name!r}; expected numbers, 'same' or 'valid'")
    if name == "valid":
        return [(0, 0), (0, 0)]
    if stride != (1, 1):
        raise ValueError(f"padding 'same' needs stride 1; got stride {stride}")
    totals = [d * (k - 1) for k, d in zip(kernel, dilation, strict=True)]
    return [(total // 2, total - total // 2) for total in totals]
