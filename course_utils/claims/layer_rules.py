"""Rules that the lectures print for layers: sizes, counts, padding, equivariance."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import nn

from course_utils import ops
from course_utils.claims.core import DISAGREES, NOT_REPRODUCIBLE, Finding, Row, claim
from course_utils.claims.figures import holds
from course_utils.claims.worked_examples import CHAPTER, side

POOLING = "08_pooling"
SIDES, KERNELS, STRIDES = range(1, 13), range(1, 6), range(1, 5)


def settings() -> Iterator[tuple[int, int, int]]:
    """All sides up to 12, kernels up to 5 that fit, strides up to 4."""
    for n in SIDES:
        for k in KERNELS:
            if k <= n:
                yield from ((n, k, s) for s in STRIDES)


def pooled_side(size: int, window: int, stride: int, ceil_mode: bool = False) -> int:
    """Side of the map that a pooling layer of the course makes."""
    x = np.zeros((1, 1, size, size))
    return ops.max_pool2d(x, window, stride, ceil_mode=ceil_mode).shape[-1]


def right_in(rule: Callable[..., float], truth: Callable[..., int]) -> tuple[int, int, bool]:
    """In how many of all settings a rule is right; and whether that is where the stride fits."""
    all_settings = list(settings())
    right = [rule(*s) == truth(*s) for s in all_settings]
    fits = [(n - k) % stride == 0 for n, k, stride in all_settings]
    return sum(right), len(right), right == fits


def quotient(size: int, kernel: int, stride: int) -> float:
    """(N - K) / S + 1, as two of the lectures print it."""
    return (size - kernel) / stride + 1


def size_rule(row: Row, printed: str, truth: Callable[..., int]) -> Finding:
    """A finding on a printed rule for sizes that does not round."""
    right, count, where_it_fits = right_in(quotient, truth)
    why = (
        "The rule lacks the rounding down. It is right where the stride fits"
        f"{' and nowhere else' if where_it_fits else ''}; where it does not, it is no whole number."
    )
    text = f"right in {right} of {count} settings"
    return holds(row, printed, {"right in all settings": right == count}, why, text=text)


@claim("CMU-03", taught=f"{CHAPTER}#ch07-size")
def convolution_size(row: Row) -> Finding:
    """The rule against the layer, in many settings."""
    return size_rule(row, "(N-M)/S+1", side)


@claim("SEJ-11", taught=f"{CHAPTER}#ch07-size")
def summary_rule(row: Row) -> Finding:
    """The same rule with padding; the counts of weights and biases that stand beside it."""
    layer = nn.Conv2d(7, 4, 3)
    counts = layer.weight.numel() == 3 * 3 * 7 * 4 and layer.bias is not None
    found = size_rule(row, "formula", side)
    why = f"{found.why} The counts of weights and biases are right."
    return Finding(found.computed, found.verdict if counts else DISAGREES, why)


@claim(
    "SEJ-12",
    taught=f"{POOLING}#ch08-floor-and-ceil",
    also={"pooling: side of the map": "no rounding"},
)
def pooling_rule(row: Row) -> Finding:
    """The rule for pooling, and that pooling has nothing to learn."""
    found = size_rule(row, "0", pooled_side)
    count = sum(p.numel() for p in nn.MaxPool2d(2).parameters())
    why = f"Pooling has {count} parameters, as printed. {found.why}"
    return Finding(f"{count} parameters; size {found.computed}", found.verdict, why)


@claim("CMU-08", taught=f"{POOLING}#ch08-floor-and-ceil", also={"pooling: side of the map": "ceil"})
def ceil_rule(row: Row) -> Finding:
    """The rule with ceil against pooling with and without ceil mode."""
    all_settings = list(settings())
    rule = [int(np.ceil((n - k) / s)) + 1 for n, k, s in all_settings]
    floor = sum(r == pooled_side(*s) for r, s in zip(rule, all_settings, strict=True))
    ceil = [r - pooled_side(*s, ceil_mode=True) for r, s in zip(rule, all_settings, strict=True)]
    conditions = {"ceil mode": not any(ceil)}
    why = (
        "Only if a last window may hang over the edge is it a ceil; PyTorch takes the floor unless "
        "told otherwise. And even then a window that would begin beyond the map is left out, which "
        f"the rule counts ({sum(c > 0 for c in ceil)} settings)."
    )
    text = f"of {len(rule)} settings right in {floor} with floor, {ceil.count(0)} with ceil mode"
    return holds(row, "ceil", conditions, why, text=text)


@claim("CMU-37", taught=f"{POOLING}#ch08-windows")
def blocks(row: Row) -> Finding:
    """Max pooling over P places, against blocks of D places, for all P and D up to 4."""
    line = np.arange(13.0)[None, None, None]  # rising: the last place of a window wins
    equal = {
        (p, d): _same_start(ops.max_pool2d(line, (1, p), (1, d)), ops.max_pool2d(line, (1, d)))
        for p in range(1, 5)
        for d in range(1, 5)
    }
    only_equal = all(same == (p == d) for (p, d), same in equal.items())
    why = (
        "The slide's window covers places (i-1)D+1 to iD: D of them, not P. That is the same thing "
        "only if P = D; with P = 3 and D = 2, as in AlexNet, it loses the overlap."
    )
    text = "equal exactly where P = D" if only_equal else "not equal where P = D"
    return holds(
        row, "P = D", {"the index is right for every P and D": all(equal.values())}, why, text=text
    )


def _same_start(one: np.ndarray, other: np.ndarray) -> bool:
    shared = min(one.shape[-1], other.shape[-1])
    return bool((one[..., :shared] == other[..., :shared]).all())


@claim("CMU-04", taught=f"{CHAPTER}#ch07-padding")
def same_rule(row: Row) -> Finding:
    """Sizes under the rule, left and right; and under the slide's wording, above and below."""
    width, height = {}, {}
    for k in range(1, 8):
        before, after = (k - 1) // 2, k // 2
        x, w = np.zeros((1, 1, 9, 9)), np.zeros((1, 1, k, k))
        y = ops.conv2d(x, w, padding=((before, before), (before, after)))
        height[k], width[k] = y.shape[-2] == 9, y.shape[-1] == 9
    odd = {k: k % 2 == 1 for k in height}
    why = (
        "The sum M - 1 keeps the size for every M up to 7. The slide contradicts it in the next "
        "line: it puts PL rows on top and PL at the bottom, which "
        f"{'loses a row for every even M' if height == odd else 'does not behave as expected'}."
    )
    return holds(row, "same size", {"width kept for M = 1 to 7": all(width.values())}, why)


@claim("CMU-10", taught=f"{CHAPTER}#ch07-parameters")
def first_layer_count(row: Row) -> Finding:
    """The formula against PyTorch's layers."""
    right = all(
        _count(3, k1, side_) == k1 * (3 * side_**2 + 1) for k1 in (1, 6, 96) for side_ in (1, 3, 11)
    )
    return holds(row, "K1(3L^2+1)", {"nine layers counted": right}, "Each filter has a bias.")


@claim("CMU-11", taught=f"{CHAPTER}#ch07-parameters")
def second_layer_count(row: Row) -> Finding:
    """The formula against PyTorch's layers."""
    right = all(
        _count(k1, k2, side_) == k2 * (k1 * side_**2 + 1)
        for k1 in (1, 6, 96)
        for k2 in (1, 16)
        for side_ in (1, 5)
    )
    why = "A filter of the second layer is as deep as the first layer has maps."
    return holds(row, "K2(K1 L2^2+1)", {"twelve layers counted": right}, why)


def _count(channels: int, filters: int, kernel: int) -> int:
    return sum(p.numel() for p in nn.Conv2d(channels, filters, kernel, device="meta").parameters())


@claim("USP-23", taught=f"{CHAPTER}#ch07-equivariance")
def equivariance(row: Row) -> Finding:
    """Moved input against moved output: on a ring, and with zeros at the border."""
    rng = np.random.default_rng(0)
    x, w = rng.normal(size=(1, 1, 12, 12)), rng.normal(size=(1, 1, 3, 3))
    moved = np.roll(x, 3, axis=-1)
    on_ring = _on_ring(moved, w) - np.roll(_on_ring(x, w), 3, axis=-1)
    zeros = ops.conv2d(moved, w, padding=1) - np.roll(ops.conv2d(x, w, padding=1), 3, axis=-1)
    conditions = {"exact on a ring": bool(np.abs(on_ring).max() < 1e-12)}
    inside = "" if np.abs(zeros).max() > 1e-3 else " (here not even there)"
    why = (
        "Shared weights treat every place alike. Two limits: at a border with zeros it fails"
        f"{inside}, and with stride s it holds for shifts by multiples of s only."
    )
    return holds(row, "equivariant", conditions, why)


def _on_ring(x: np.ndarray, w: np.ndarray) -> np.ndarray:
    return ops.conv2d(np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)), mode="wrap"), w)


@claim("IIIT-21", taught=f"{CHAPTER}#ch07-registered")
def registered(row: Row) -> Finding:
    """Nothing: this needs networks that are trained."""
    why = (
        "It takes trained networks, longer than this check may run. Chapter 7 trains four of them: "
        "there it holds if the layers above cannot tell places apart, and hardly else."
    )
    return Finding("not computed here", NOT_REPRODUCIBLE, why)


@claim("SEJ-17", taught=f"{POOLING}#ch08-padding")
def padded_pooling(row: Row) -> Finding:
    """A constant map, pooled with a ring of padding: which kind of pooling changes it?"""
    x = -torch.ones(1, 1, 4, 4)
    kept = {
        "harms the maximum": not bool((nn.MaxPool2d(3, 1, 1)(x) == x).all()),
        "harms the mean": not bool((nn.AvgPool2d(3, 1, 1)(x) == x).all()),
    }
    why = (
        "Sound for the mean, which counts the zeros and is pulled towards 0 at the border. Empty "
        "for the maximum, whose padding never wins; GoogLeNet's modules need it to keep the size."
    )
    return holds(row, "not recommended", kept, why)
