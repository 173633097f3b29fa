"""Which rows of a set make a split or a smaller, balanced set."""

from __future__ import annotations

import numpy as np


def expect_one_of(value: str, allowed: tuple[str, ...], what: str) -> None:
    """Raise `ValueError` unless `value` is one of `allowed`."""
    if value not in allowed:
        raise ValueError(f"{value!r} is no {what}; expected one of {', '.join(allowed)}")


def rank_in_class(labels: np.ndarray) -> np.ndarray:
    """Number the images of each class 0, 1, 2, … in their order: (N,) -> (N,)."""
    rank = np.empty(len(labels), dtype=np.int64)
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        rank[rows] = np.arange(len(rows))
    return rank


def last_of_each_class(labels: np.ndarray, per_class: int) -> np.ndarray:
    """Mark the last `per_class` images of each class: (N,) -> (N,) bool."""
    return rank_in_class(labels[::-1])[::-1] < per_class


def balanced_rows(
    labels: np.ndarray, limit: int, seed: int, what: str, things: str = "images"
) -> np.ndarray:
    """Choose `limit` rows, as many from each class as possible, in a shuffled order."""
    whole = isinstance(limit, (int, np.integer)) and not isinstance(limit, bool)
    if not whole or not 1 <= limit <= len(labels):
        raise ValueError(
            f"limit is {limit!r}, but {what} has {len(labels):,} {things}; "
            f"expected None or a whole number from 1 to {len(labels)}"
        )
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(labels))
    # Deal the shuffled images out round by round, one of each class a round.
    dealt = order[np.argsort(rank_in_class(labels[order]), kind="stable")]
    return rng.permutation(dealt[:limit])
