"""Cross-entropy: one number for how well scores foretell the classes.  Taught in chapter 9.

A class number is read as a distribution with everything on one class. Label smoothing, class
weights and ignored labels then only change that distribution, and one formula serves them all.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from course_utils.ops.activations import log_softmax, probability, softmax
from course_utils.ops.arguments import checked_floats, checked_grad, integer

REDUCTIONS = ("mean", "sum", "none")


def cross_entropy(
    input: np.ndarray,
    target: np.ndarray,
    weight: np.ndarray | None = None,
    *,
    ignore_index: int = -100,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Any:
    """Cross-entropy of class scores, ``-sum over c of w_c q_c log p_c`` with ``p = softmax``.

    Parameters
    ----------
    input
        Scores (not probabilities) ``(N, C)``, ``(C,)`` or ``(N, C, d1, ...)``.
    target
        Class numbers, integers of the input's shape without C; or probabilities q, of the input's
        shape and dtype. Targets are constants: no gradient is computed for them.
    weight
        One factor w a class, ``(C,)``, or None for ones.
    ignore_index
        Class number that marks answers to be left out. Its loss and its gradient are 0.
    reduction
        ``"none"``: one loss an answer, in the shape of the class numbers; ``"sum"``; or ``"mean"``.
        The mean over class numbers divides by the sum of the weights of the classes that are not
        ignored; the mean over probabilities divides by their number. A mean of nothing is NaN.
    label_smoothing
        Share s of the target that is spread evenly: ``q (1 - s) + s / C``.

    Returns
    -------
    np.ndarray or a NumPy scalar
        Losses in nats, in the input's dtype.

    Raises
    ------
    ValueError
        For shapes or dtypes that do not fit, a label outside the classes, or an unknown setting.

    Where a class has no part in the target it has none in the loss, even at a score of -inf, where
    PyTorch answers NaN for 0 times infinity. Taught in chapter 9.
    """
    q, divisor = _weighted_target(input, target, weight, ignore_index, reduction, label_smoothing)
    axis = class_axis(input)
    log_p = log_softmax(input, axis)
    losses = -np.multiply(q, log_p, out=np.zeros_like(q), where=q != 0).sum(axis=axis)
    if reduction == "none":
        return np.asarray(losses)
    with np.errstate(invalid="ignore"):  # the mean of nothing
        return (np.sum(losses, dtype=np.float64) / divisor).astype(input.dtype)


def cross_entropy_backward(
    grad_output: Any,
    input: np.ndarray,
    target: np.ndarray,
    weight: np.ndarray | None = None,
    *,
    ignore_index: int = -100,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> np.ndarray:
    """Gradient of the scores. Without weights it is ``p - q`` for each answer.

    ``grad_output`` has the shape of the forward's answer; for ``"mean"`` and ``"sum"`` a plain
    number will do. The gradient of a mean of nothing is 0.
    Raises ValueError as `cross_entropy`, and for a `grad_output` that does not fit.

    Taught in chapters 9 and 10.
    """
    q, divisor = _weighted_target(input, target, weight, ignore_index, reduction, label_smoothing)
    axis = class_axis(input)
    shape = np.delete(input.shape, axis) if reduction == "none" else ()
    grad = _checked_loss_grad(grad_output, tuple(int(n) for n in shape), input.dtype)
    if reduction == "none":
        grad = np.expand_dims(grad, axis)
    if divisor == 0:
        return np.zeros_like(q)
    mass = q.sum(axis=axis, keepdims=True)  # 1, but for weights and ignored labels
    return ((softmax(input, axis) * mass - q) * (grad / divisor)).astype(input.dtype)


def class_axis(scores: np.ndarray) -> int:
    """The axis of the classes: the second one, or the only one."""
    return min(1, scores.ndim - 1)


def _weighted_target(
    input: np.ndarray,
    target: np.ndarray,
    weight: np.ndarray | None,
    ignore_index: int,
    reduction: str,
    smoothing: float,
) -> tuple[np.ndarray, float]:
    """The distributions to compare with, times the class weights, and what the mean divides by."""
    _check_scores(input, weight, reduction)
    smoothing = probability("label_smoothing", smoothing)
    classes = input.shape[class_axis(input)]
    w = np.ones(classes, input.dtype) if weight is None else weight
    along = w.reshape(-1, *[1] * max(0, input.ndim - 2))  # (C, 1, ...): along the class axis
    if isinstance(target, np.ndarray) and np.issubdtype(target.dtype, np.floating):
        q = _checked_probabilities(input, target, ignore_index)
        counts = np.asarray(input.size / classes)
        valid = np.ones((), dtype=bool)
    else:
        labels, valid = _checked_labels(input, target, ignore_index)
        q = np.moveaxis(np.eye(classes, dtype=input.dtype)[labels], -1, class_axis(input))
        counts = w[labels] * valid
        valid = np.expand_dims(valid, class_axis(input))
    q = (q * (1 - smoothing) + smoothing / classes) * along * valid
    divisor = float(np.sum(counts, dtype=np.float64)) if reduction == "mean" else 1.0
    return q.astype(input.dtype), divisor


def _check_scores(input: np.ndarray, weight: np.ndarray | None, reduction: str) -> None:
    checked_floats(input=input, weight=weight)
    if input.ndim == 0 or input.shape[class_axis(input)] == 0:
        raise ValueError(
            f"input has shape {input.shape}; expected (N, C), (C,) or (N, C, d1, ...) "
            "with at least one class"
        )
    classes = input.shape[class_axis(input)]
    if weight is not None and weight.shape != (classes,):
        raise ValueError(
            f"weight has shape {weight.shape}; expected ({classes},), one number a class of the "
            f"input of shape {input.shape}"
        )
    if reduction not in REDUCTIONS:
        raise ValueError(f"reduction is {reduction!r}; expected one of {', '.join(REDUCTIONS)}")


def _checked_probabilities(input: np.ndarray, target: np.ndarray, ignore_index: int) -> np.ndarray:
    checked_floats(input=input, target=target)
    if target.shape != input.shape:
        raise ValueError(
            f"target probabilities have shape {target.shape}; expected the input's {input.shape} "
            "(class numbers must be integers)"
        )
    if ignore_index >= 0:
        raise ValueError(f"ignore_index {ignore_index} has no meaning for target probabilities")
    return target


def _checked_labels(
    input: np.ndarray, target: np.ndarray, ignore_index: int
) -> tuple[np.ndarray, np.ndarray]:
    """Class numbers, with 0 in place of the ignored ones, and where they are not ignored."""
    if not isinstance(target, np.ndarray) or not np.issubdtype(target.dtype, np.integer):
        found = target.dtype if isinstance(target, np.ndarray) else type(target).__name__
        raise ValueError(f"target is {found}; expected an array of integers or of floats")
    axis = class_axis(input)
    expected = input.shape[:axis] + input.shape[axis + 1 :]
    if target.shape != expected:
        raise ValueError(
            f"target has shape {target.shape}; expected {expected} for scores of shape "
            f"{input.shape}"
        )
    ignore_index = integer("ignore_index", ignore_index, -(2**63))
    valid = target != ignore_index
    wrong = target[valid & ((target < 0) | (target >= input.shape[axis]))]
    if wrong.size:
        raise ValueError(
            f"target holds the label {wrong[0]}; expected 0 to {input.shape[axis] - 1}, as scores "
            f"of shape {input.shape} have {input.shape[axis]} classes, or {ignore_index} to ignore"
        )
    return np.where(valid, target, 0).astype(np.intp), np.asarray(valid)


def _checked_loss_grad(grad_output: Any, shape: tuple[int, ...], dtype: Any) -> np.ndarray:
    """The gradient from above as an array; a Python number is one of any precision."""
    if isinstance(grad_output, np.generic):
        grad_output = np.asarray(grad_output)
    elif isinstance(grad_output, (int, float)) and not isinstance(grad_output, bool):
        grad_output = np.asarray(grad_output, dtype)
    checked_grad(grad_output, shape, dtype)
    return grad_output
