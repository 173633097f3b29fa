"""What the lectures say of perceptrons that scan."""

from __future__ import annotations

import numpy as np
from torch import nn

from course_utils import ops
from course_utils.accounting import summarize
from course_utils.claims.core import HISTORICAL, Finding, Row, claim
from course_utils.claims.figures import holds

CHAPTER = "04_perceptrons_that_scan"
SIDE = 24


def two_orders(kernels: tuple[int, ...], channels: tuple[int, ...]) -> tuple[int, int]:
    """Multiplications of a scan of an image: block by block, and layer by layer."""
    pairs = zip(channels, channels[1:], kernels, strict=False)
    net = nn.Sequential(*(nn.Conv2d(a, b, k, bias=False) for a, b, k in pairs))
    block = 1 + sum(k - 1 for k in kernels)
    blocks = (SIDE - block + 1) ** 2
    one, all_at_once = (summarize(net, (1, s, s)).multiply_adds for s in (block, SIDE))
    return blocks * one, all_at_once


def largest_difference() -> float:
    """Between a distributed network that runs on every block, and on the whole image."""
    rng = np.random.default_rng(0)
    image, filters = (
        rng.normal(size=(SIDE, SIDE)),
        [rng.normal(size=s) for s in ((4, 1, 3, 3), (1, 4, 3, 3))],
    )
    windows = np.lib.stride_tricks.sliding_window_view(image, (5, 5))
    by_block = _run(windows.reshape(-1, 1, 5, 5), filters).reshape(SIDE - 4, SIDE - 4)
    return float(np.abs(by_block - _run(image[None, None], filters)[0, 0]).max())


def _run(x: np.ndarray, filters: list[np.ndarray]) -> np.ndarray:
    return ops.conv2d(ops.relu(ops.conv2d(x, filters[0])), filters[1])


def same_operations(row: Row, printed: str) -> Finding:
    """A finding on the statement that both orders take the same number of operations."""
    whole = two_orders((9, 1, 1), (1, 6, 4, 1))
    distributed = two_orders((3, 3, 3, 3), (1, 6, 6, 6, 1))
    conditions = {
        "same outputs": largest_difference() < 1e-12,
        "as many operations if the first layer spans the block": whole[0] == whole[1],
        "as many if the block is spread over layers": distributed[0] == distributed[1],
    }
    why = (
        "The outputs are the same. The operations are as many only where the first layer spans the "
        f"whole block; spread over four layers, block by block takes {distributed[0]:,} "
        f"multiplications and layer by layer {distributed[1]:,}, because blocks overlap."
    )
    return holds(row, printed, conditions, why)


@claim("CMU-07", taught=CHAPTER)
def scanning_is_convolution(row: Row) -> Finding:
    """Outputs and operations of a scan in both orders."""
    return same_operations(row, "identical")


@claim("CMU-36", taught=CHAPTER)
def scanning_costs_the_same(row: Row) -> Finding:
    """Operations of a scan in both orders."""
    return same_operations(row, "identical")


@claim("IIIT-14", taught=CHAPTER)
def alvinn(row: Row) -> Finding:
    """The parameters of that shape; what the shape was, the paper says."""
    sizes = [int(np.prod([int(n) for n in part.split("x")])) for part in row.printed.split(", ")]
    count = sum((a + 1) * b for a, b in zip(sizes, sizes[1:], strict=False))
    why = (
        "So the later version with the camera alone is described; other accounts of it say 4 "
        "hidden "
        "units, and the first network of 1989 had another shape."
    )
    text = f"the source confirms it ({count:,} parameters)"
    return Finding(text, HISTORICAL, why, ("pomerleau1991efficient",))


@claim("IIIT-20", taught=CHAPTER)
def collapse(row: Row) -> Finding:
    """Four linear layers against one matrix; two layers with a ReLU against XOR."""
    rng = np.random.default_rng(0)
    weights = [rng.normal(size=size) for size in ((20, 50), (4, 20), (30, 4), (10, 30))]
    x = rng.normal(size=(100, 50))
    y = x
    for w in weights:
        y = y @ w.T
    one = np.linalg.multi_dot(weights[::-1])
    corners = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
    hidden = np.maximum(0, corners @ np.ones((2, 2)) + [0, -1])
    conditions = {
        "four linear layers are one": np.allclose(y, x @ one.T),
        "two layers with a ReLU do XOR": (hidden @ [1, -2]).tolist() == [0, 1, 1, 0],
    }
    return holds(
        row, "collapse", conditions, "Without non-linear stages depth is a way of writing."
    )
