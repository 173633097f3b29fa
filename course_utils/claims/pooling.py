"""The lectures' pooling examples, and what they say of pooling."""

from __future__ import annotations

import numpy as np
from torch import nn

from course_utils import models, ops
from course_utils.accounting import summarize
from course_utils.claims.core import Finding, Row, claim
from course_utils.claims.figures import holds, matrix

CHAPTER = "08_pooling"
SHARED_MAP = [[1, 1, 2, 4], [5, 6, 7, 8], [3, 2, 1, 0], [1, 2, 3, 4]]
FEATURE = [[3, 3, 2, 1, 0], [0, 0, 1, 3, 1], [3, 1, 2, 2, 3], [2, 0, 0, 2, 2], [2, 0, 0, 0, 1]]
FIRST = [[5, 8, 2, 1], [4, 3, 7, 9], [3, 7, 3, 5], [6, 2, 2, 0]]
SECOND = [[2, 8, 9, 4], [3, 6, 5, 7], [3, 1, 6, 4], [2, 5, 7, 3]]
THIRD = [[12, 20, 30, 0], [8, 12, 2, 0], [34, 70, 37, 4], [112, 100, 25, 12]]


def max_pooled(rows: list[list[int]], window: int = 2, stride: int = 2) -> np.ndarray:
    """Max pooling of one map."""
    return ops.max_pool2d(np.array(rows, float)[None, None], window, stride)[0, 0]


def mean_pooled(rows: list[list[int]]) -> np.ndarray:
    """Mean pooling of one map by 2 x 2."""
    return ops.avg_pool2d(np.array(rows, float)[None, None], 2)[0, 0]


@claim("USP-06", taught=f"{CHAPTER}#ch08-question")
def shared_example(row: Row) -> Finding:
    """The map that two lectures print, by its maxima."""
    return matrix(row, max_pooled(SHARED_MAP), "The largest number of each block of 2x2.")


@claim("CMU-09", taught=f"{CHAPTER}#ch08-question")
def shared_example_by_means(row: Row) -> Finding:
    """The map that two lectures print, by its means."""
    return matrix(row, mean_pooled(SHARED_MAP), "The mean of each block of 2x2.")


@claim("SEJ-10", taught=f"{CHAPTER}#ch08-windows")
def overlapping(row: Row) -> Finding:
    """Windows of 3 x 3 with stride 1."""
    return matrix(row, max_pooled(FEATURE, 3, 1), "The windows overlap: 3x3 with stride 1.")


@claim("IIIT-08", taught=f"{CHAPTER}#ch08-windows")
def first_example(row: Row) -> Finding:
    """Maxima of 2 x 2 blocks."""
    return matrix(row, max_pooled(FIRST), "The largest number of each block of 2x2.")


@claim("IIIT-09", taught=f"{CHAPTER}#ch08-windows")
def second_example(row: Row) -> Finding:
    """Maxima of 2 x 2 blocks."""
    return matrix(row, max_pooled(SECOND), "The largest number of each block of 2x2.")


@claim("IIIT-10", taught=f"{CHAPTER}#ch08-windows")
def third_example(row: Row) -> Finding:
    """Maxima of 2 x 2 blocks."""
    return matrix(row, max_pooled(THIRD), "The largest number of each block of 2x2.")


@claim("IIIT-11", taught=f"{CHAPTER}#ch08-windows")
def third_example_by_means(row: Row) -> Finding:
    """Means of 2 x 2 blocks."""
    return matrix(row, mean_pooled(THIRD), "Three are exact; 19.5 is printed as 20.")


@claim("CMU-39", taught=f"{CHAPTER}#ch08-code")
def learned_pooling(row: Row) -> Finding:
    """What network in network slides, and what it pools with."""
    layers = list(models.nin().modules())
    small = [layer for layer in layers if isinstance(layer, nn.Conv2d)]
    pools = [layer for layer in layers if isinstance(layer, nn.MaxPool2d)]
    learned = sum(p.numel() for pool in pools for p in pool.parameters())
    conditions = {
        "its small networks step by their window": all(c.stride == c.kernel_size for c in small),
        "its pooling learns": learned > 0,
    }
    why = (
        "A relative, not the same: the paper's small networks replace the filter of a convolution, "
        "slide with stride 1 and see all channels; its maps are subsampled by ordinary max pooling."
    )
    return holds(row, "same", conditions, why)


@claim("SEJ-19", taught=f"{CHAPTER}#ch08-savings")
def saved(row: Row) -> Finding:
    """Multiply-adds of four layers with and without pooling after the first."""
    without, pooled = (summarize(_stack(p), (3, 32, 32)).multiply_adds for p in (False, True))
    first = summarize(_stack(True), (3, 32, 32)).rows[1].multiply_adds
    why = (
        f"In a network of four layers {without:,} multiply-adds become {pooled:,}. Those of the "
        "layer below the pooling stay."
    )
    text = f"{without:,} -> {pooled:,}"
    return holds(row, "reduces", {"fewer above": first < pooled < without}, why, text=text)


def _stack(pooled: bool) -> nn.Sequential:
    layers = [nn.Conv2d(3, 32, 3, padding=1), nn.ReLU(), *([nn.MaxPool2d(2)] if pooled else [])]
    for _ in range(2):
        layers += [nn.Conv2d(32, 32, 3, padding=1), nn.ReLU()]
    places = (16 if pooled else 32) ** 2
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(32 * places, 10))
