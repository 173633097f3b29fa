"""Does a network that says 80% turn out right in 80 of 100 cases?  Taught in chapter 21.

Guo, Pleiss, Sun and Weinberger (2017), "On calibration of modern neural networks", ICML,
1321-1330: the reliability diagram and the expected calibration error (section 2, equations 1 to
3), and temperature scaling (section 4.2, equation 9). The diagram itself is older: DeGroot and
Fienberg (1983), "The comparison and evaluation of forecasters", The Statistician 32, 12-22.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from scipy.optimize import brentq
from scipy.special import log_softmax, softmax

from course_utils.plotting import COLORS

BINS = 15  # as in the paper
COLDEST, HOTTEST = 1e-3, 1e3  # temperatures between which the best one is sought


@dataclass(frozen=True)
class Reliability:
    """Answers sorted into bins by their confidence; NaN where a bin is empty.

    edges: (bins + 1,), from 0 to 1; a bin holds its upper edge, not its lower one. counts: (bins,)
    answers. confidence, accuracy: (bins,) means over the answers of a bin, in 0..1.
    """

    edges: np.ndarray
    counts: np.ndarray
    confidence: np.ndarray
    accuracy: np.ndarray

    @property
    def error(self) -> float:
        """The expected calibration error: mean |accuracy - confidence|, weighted by the counts."""
        gaps = np.abs(np.nan_to_num(self.accuracy - self.confidence))
        return float(self.counts @ gaps / self.counts.sum())


def reliability(probabilities: np.ndarray, labels: np.ndarray, bins: int = BINS) -> Reliability:
    """Sort answers into bins of equal width by their confidence.  Taught in chapter 21.

    `probabilities` (N, K), rows that add up to 1; `labels` (N,), class numbers. The answer is the
    most probable class, its confidence is that probability: the paper's equations 1 and 2.

    Raises ValueError for shapes that do not fit, rows that are no probabilities, labels out of
    range, or fewer than one bin.
    """
    probabilities, labels = _checked(probabilities, labels)
    sums_to_one = np.allclose(probabilities.sum(axis=1), 1, atol=1e-3)
    if not sums_to_one or probabilities.min() < 0:
        raise ValueError(
            "expected rows of probabilities, which add up to 1; got scores? use softmax"
        )
    if isinstance(bins, bool) or not isinstance(bins, (int, np.integer)) or bins < 1:
        raise ValueError(f"bins must be a whole number of at least 1, got {bins!r}")
    confidence = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == labels
    edges = np.linspace(0, 1, bins + 1)
    place = np.searchsorted(edges[1:-1], confidence, side="left")
    counts = np.bincount(place, minlength=bins)
    with np.errstate(invalid="ignore"):
        mean, accuracy = (
            np.bincount(place, weights=values, minlength=bins) / counts
            for values in (confidence, right)
        )
    return Reliability(edges, counts, mean, accuracy)


def expected_calibration_error(
    probabilities: np.ndarray, labels: np.ndarray, bins: int = BINS
) -> float:
    """ECE, the paper's equation 3, in 0..1; arguments and errors as in `reliability`."""
    return reliability(probabilities, labels, bins).error


def at_temperature(scores: np.ndarray, temperature: float) -> np.ndarray:
    """Probabilities softmax(scores / temperature), (N, K) -> (N, K): the paper's equation 9.

    Raises ValueError for a temperature that is not above 0.
    """
    if not temperature > 0:
        raise ValueError(f"a temperature is above 0, got {temperature!r}")
    return softmax(np.asarray(scores, dtype=float) / temperature, axis=1)


def negative_log_likelihood(
    scores: np.ndarray, labels: np.ndarray, temperature: float = 1
) -> float:
    """Mean cross-entropy of softmax(scores / temperature), in nats an answer."""
    scores, labels = _checked(scores, labels)
    if not temperature > 0:
        raise ValueError(f"a temperature is above 0, got {temperature!r}")
    logs = log_softmax(scores / temperature, axis=1)
    return float(-logs[np.arange(len(labels)), labels].mean())


def fit_temperature(scores: np.ndarray, labels: np.ndarray) -> float:
    """The temperature with the smallest cross-entropy on these answers.  Taught in chapter 21.

    `scores` (N, K) before the softmax, `labels` (N,). In 1 / T the cross-entropy is convex, so the
    zero of its slope, found by Brent's method, is the minimum.

    Raises ValueError for shapes that do not fit, or where no temperature from 0.001 to 1000 is
    best: answers that are all right want 0, answers without any order want infinity.
    """
    scores, labels = _checked(scores, labels)

    def slope(log_coldness: float) -> float:
        expected = (softmax(np.exp(log_coldness) * scores, axis=1) * scores).sum(axis=1)
        return float((expected - scores[np.arange(len(labels)), labels]).mean())

    low, high = -np.log(HOTTEST), -np.log(COLDEST)
    if slope(low) >= 0 or slope(high) <= 0:
        raise ValueError(
            "no temperature between 0.001 and 1000 is best for these scores: are all answers "
            "right, or do the scores know nothing about the labels?"
        )
    return float(np.exp(-brentq(slope, low, high, xtol=1e-12)))


def draw_reliability(ax: Axes, found: Reliability, *, color: str = COLORS[0]) -> Axes:
    """Draw accuracy against confidence, the areas of the dots as the counts; return the axis."""
    filled = found.counts > 0
    ax.plot([0, 1], [0, 1], color="black", linestyle=":", linewidth=1.2)
    ax.vlines(
        found.confidence[filled],
        found.accuracy[filled],
        found.confidence[filled],
        color=COLORS[3],
        linestyle="-",
        linewidth=2,
    )
    sizes = 12 + 400 * found.counts[filled] / found.counts.sum()
    ax.scatter(found.confidence[filled], found.accuracy[filled], s=sizes, color=color, zorder=3)
    ax.set(xlim=(0, 1.03), ylim=(-0.03, 1.03), xlabel="mean confidence", ylabel="accuracy")
    return ax


def _checked(table: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    table, labels = np.asarray(table, dtype=float), np.asarray(labels)
    if table.ndim != 2 or labels.shape != table.shape[:1] or len(labels) == 0:
        raise ValueError(
            "expected a table (N, K) and labels (N,), with N at least 1; "
            f"got {table.shape} and {labels.shape}"
        )
    if not np.issubdtype(labels.dtype, np.integer):
        raise ValueError(f"labels are class numbers, got {labels.dtype}")
    if not np.isfinite(table).all():
        raise ValueError("the table holds numbers that are not finite")
    if labels.min() < 0 or labels.max() >= table.shape[1]:
        raise ValueError(
            f"labels run from {labels.min()} to {labels.max()}, but the table has "
            f"{table.shape[1]} classes, 0 to {table.shape[1] - 1}"
        )
    return table, labels
