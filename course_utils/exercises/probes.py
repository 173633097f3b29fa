"""The exercises' probes: they turn an answer that is more than a function into plain values.

A grader runs them beside students' code, where nothing of the exercises may be seen. So a probe
stands here, under its own name, and holds nothing of a solution.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np


def run_training(
    answer: Callable[..., int],
    weight: np.ndarray,
    bias: np.ndarray,
    train_x: np.ndarray,
    train_y: np.ndarray,
    valid_x: np.ndarray,
    valid_y: np.ndarray,
    rate: float,
    epochs: int,
) -> dict[str, Any]:
    """Build the linear model, let the answer train it, tell what it returned and left (00.5)."""
    import torch  # only here: most exercises need no torch

    model = torch.nn.Linear(weight.shape[1], weight.shape[0]).double()
    with torch.no_grad():
        model.weight.copy_(torch.from_numpy(weight))
        model.bias.copy_(torch.from_numpy(bias))
    train = torch.from_numpy(train_x), torch.from_numpy(train_y)
    valid = torch.from_numpy(valid_x), torch.from_numpy(valid_y)
    with one_thread():
        epoch = answer(model, train, valid, rate, epochs)
    return {"best epoch": epoch, "weight": model.weight.detach()}


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Compute on one core: threads that wait for each other on a busy machine cost seconds."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def edge_arrows(
    answer: Callable[..., tuple[np.ndarray, np.ndarray]], image: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the answer's magnitudes and directions, each direction in one form only (06.3)."""
    return half_open(*answer(image))


def half_open(magnitude: np.ndarray, direction: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Write -180 degrees as 180, the same direction, and 0 where there is no arrow."""
    slack = 1e-6  # so that rounding does not decide
    angle = np.asarray(direction, dtype=float)
    turned = (180 + slack - angle) % 360
    magnitude, angle = np.asarray(magnitude, dtype=float), 180 + slack - turned
    return magnitude, np.where(magnitude < slack, 0, angle)  # no arrow, no direction
