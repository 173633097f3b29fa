"""Exercises of chapter 2: cells as sums, thresholds, conjunctions and delays."""

from functools import partial

import numpy as np
from scipy.optimize import brentq
from scipy.signal import correlate
from scipy.signal.windows import gaussian

from course_utils.exercises.core import Exercise, Mistake

# --- 02.1 A balanced centre-surround cell ---


def _squared_distance(size):
    axis = np.arange(size) - size // 2
    return axis[:, None] ** 2 + axis[None, :] ** 2


def _bump(size, sigma, two=2.0):
    return np.exp(-_squared_distance(size) / (two * sigma**2))


def _balanced(size, center_sigma, surround_sigma, two=2.0):
    center, surround = _bump(size, center_sigma, two), _bump(size, surround_sigma, two)
    return center / center.sum() - surround / surround.sum()


def _separable(size, center_sigma, surround_sigma):
    """The two-dimensional Gaussian as a product of SciPy's one-dimensional windows."""
    rows = [gaussian(size, sigma) for sigma in (center_sigma, surround_sigma)]
    center, surround = (np.outer(row, row) / row.sum() ** 2 for row in rows)
    return center - surround


def _not_scaled(size, center_sigma, surround_sigma):
    return _bump(size, center_sigma) - _bump(size, surround_sigma)


def _scaled_by_formula(size, center_sigma, surround_sigma):
    center, surround = (
        _bump(size, sigma) / (2 * np.pi * sigma**2) for sigma in (center_sigma, surround_sigma)
    )
    return center - surround


def _mean_subtracted(size, center_sigma, surround_sigma):
    weights = _not_scaled(size, center_sigma, surround_sigma)
    return weights - weights.mean()


def _scaled_again(*case):
    weights = _balanced(*case)
    return weights / np.maximum(weights, 0).sum()


def _distance_not_squared(size, center_sigma, surround_sigma):
    distance = np.sqrt(_squared_distance(size))
    center, surround = (np.exp(-distance / (2 * s**2)) for s in (center_sigma, surround_sigma))
    return center / center.sum() - surround / surround.sum()


def _sizes(rng):
    fixed = [(3, 0.5, 1.5), (5, 0.8, 2.0)]
    drawn = [
        (int(2 * rng.integers(3, 8) + 1), float(rng.uniform(0.6, 1.5)), float(rng.uniform(2, 4)))
        for _ in range(3)
    ]
    return fixed + drawn


CENTER_SURROUND = Exercise(
    id="02.1",
    title="A centre that its surround cancels",
    points=1,
    minutes=10,
    trains="a difference of Gaussians whose weights sum to zero",
    cases=_sizes,
    oracle=_separable,
    mistakes=(
        Mistake(
            "Gaussians not scaled",
            _not_scaled,
            "Both of your Gaussians have the height 1, so the wide one weighs far more and diffuse "
            "light would silence the cell. Which property must they share for the light to cancel?",
        ),
        Mistake(
            "scaled by the formula for the infinite plane",
            _scaled_by_formula,
            "The factor 1 / (2 pi sigma^2) makes the integral over the whole plane 1. On a small "
            "grid of pixels the sum is something else, so a remainder of diffuse light is left.",
        ),
        Mistake(
            "surround minus centre",
            lambda *case: -_balanced(*case),
            "Your weights are negative in the middle: that is an OFF-centre cell. This one is "
            "excited by light on its centre.",
        ),
        Mistake(
            "mean subtracted at the end",
            _mean_subtracted,
            "Your weights do sum to zero, but only because a constant was taken from every pixel. "
            "That gives far-away pixels a weight; balance the two Gaussians themselves.",
        ),
        Mistake(
            "difference scaled again",
            _scaled_again,
            "Your positive weights sum to 1. The chapter's cells are scaled like that; this "
            "exercise asks for the plain difference of the two Gaussians.",
        ),
        Mistake(
            "distance not squared",
            _distance_not_squared,
            "Your exponent holds the distance from the middle. A Gaussian has its square.",
        ),
        Mistake(
            "2 missing in the exponent",
            partial(_balanced, two=1.0),
            "Your Gaussians are too narrow: a Gaussian of standard deviation sigma has "
            "2 sigma^2, not sigma^2, under the fraction.",
        ),
    ),
)


# --- 02.2 A simple cell ---


def _by_correlation_of_whole_images(images, weights, threshold):
    """SciPy: a filter as large as the image has one valid position."""
    total = correlate(images, weights[None], mode="valid", method="direct")[:, 0, 0]
    return np.clip(total - threshold, 0.0, None)


def _summed(images, weights):
    return np.einsum("nhw,hw->n", images, weights)


def _as_gate(images, weights, threshold):
    total = _summed(images, weights)
    return np.where(total > threshold, total, 0.0)


def _threshold_on_pixels(images, weights, threshold):
    return np.maximum(_summed(images - threshold, weights), 0)


def _films(rng):
    weights = np.array([[-1.0, 2.0, -1.0], [-1.0, 2.0, -1.0]])
    images = np.array([[[0, 1, 0], [0, 1, 0]], [[1, 1, 1], [1, 1, 1]], [[1, 0, 0], [0, 0, 1]]])
    fixed = [(images.astype(float), weights, 0.0), (images.astype(float), weights, 1.5)]
    drawn = [
        (rng.random((6, 5, 4)), rng.normal(size=(5, 4)), float(rng.uniform(0.1, 0.6)))
        for _ in range(3)
    ]
    return fixed + drawn


SIMPLE_CELL = Exercise(
    id="02.2",
    title="A simple cell with a threshold",
    points=2,
    minutes=5,
    trains="weighted sum, threshold and rectification in the right order",
    cases=_films,
    oracle=_by_correlation_of_whole_images,
    mistakes=(
        Mistake(
            "not rectified",
            lambda i, w, t: _summed(i, w) - t,
            "Some of your answers are negative. A cell cannot fire fewer than zero spikes.",
        ),
        Mistake(
            "rectified before the sum",
            lambda i, w, t: np.maximum(np.maximum(i * w, 0).sum(axis=(1, 2)) - t, 0),
            "You rectified every product before you added them up, so inhibition is lost and "
            "diffuse light excites the cell. The cell rectifies its sum, once.",
        ),
        Mistake(
            "threshold as a gate",
            _as_gate,
            "Above the threshold you return the whole sum, which jumps there. The threshold is "
            "subtracted: a sum just above it gives a rate just above zero.",
        ),
        Mistake(
            "threshold added",
            lambda i, w, t: np.maximum(_summed(i, w) + t, 0),
            "Your threshold makes the cell easier to excite. A higher threshold must lower the "
            "answer.",
        ),
        Mistake(
            "threshold taken from every pixel",
            _threshold_on_pixels,
            "You took the threshold from the light of every pixel, where balanced weights cancel "
            "it. It belongs to the cell: take it once, from the weighted sum.",
        ),
        Mistake(
            "mean instead of sum",
            lambda i, w, t: np.maximum(_summed(i, w) / w.size - t, 0),
            "You averaged the products. The drive is their sum: the weights already say how much "
            "every pixel counts.",
        ),
    ),
)


# --- 02.3 The half-width of a tuning curve ---


def _crossings(orientations, responses, level):
    """Distances from the peak to where the periodic curve falls to `level`, right and left."""
    peak = int(np.argmax(responses))
    answer = []
    for sign in (1, -1):
        walk = np.arange(len(responses) + 1) * sign + peak
        values = responses[walk % len(responses)]
        k = int(np.flatnonzero(values <= level)[0])
        share = (values[k - 1] - level) / (values[k - 1] - values[k])
        answer.append((k - 1 + share) * (orientations[1] - orientations[0]))
    return answer


def _half_width(orientations, responses, level=None):
    level = responses.max() / 2 if level is None else level
    return float(np.mean(_crossings(orientations, responses, level)))


def _by_root_finding(orientations, responses):
    """SciPy's root finder on NumPy's periodic interpolation."""
    peak, half = orientations[int(np.argmax(responses))], responses.max() / 2
    step = orientations[1] - orientations[0]

    def height(distance):
        return np.interp(peak + distance, orientations, responses, period=180.0) - half

    widths = []
    for sign in (1, -1):
        k = next(k for k in range(1, len(responses)) if height(sign * k * step) <= 0)
        widths.append(abs(brentq(height, sign * (k - 1) * step, sign * k * step, xtol=1e-12)))
    return float(np.mean(widths))


def _not_wrapped(orientations, responses):
    """The curve taken for a line that is dark beyond both ends."""
    step = orientations[1] - orientations[0]
    padded = np.concatenate([[0.0], responses, [0.0]])
    places = np.concatenate([[orientations[0] - step], orientations, [orientations[-1] + step]])
    return _half_width(places, padded)


def _counted(orientations, responses):
    step = orientations[1] - orientations[0]
    return float((responses >= responses.max() / 2).sum() * step / 2)


def _above_minimum(orientations, responses):
    return _half_width(orientations, responses, (responses.max() + responses.min()) / 2)


def _tuning(center, sharpness, floor, step):
    orientations = np.arange(0.0, 180.0, step)
    curve = np.exp(sharpness * (np.cos(2 * np.deg2rad(orientations - center)) - 1))
    return orientations, 40 * (floor + (1 - floor) * curve)


def _curves(rng):
    six = np.arange(0.0, 180.0, 30.0)
    fixed = [
        (six, np.array([0.0, 2.0, 6.0, 10.0, 4.0, 0.0])),
        (six, np.array([10.0, 4.0, 0.0, 0.0, 2.0, 6.0])),
    ]
    drawn = [
        _tuning(rng.uniform(0, 180), rng.uniform(2, 5), rng.uniform(0.05, 0.2), 10.0)
        for _ in range(3)
    ]
    return fixed + drawn


HALF_WIDTH = Exercise(
    id="02.3",
    title="The half-width of a tuning curve",
    points=2,
    minutes=20,
    trains="reading a number off a periodic curve",
    cases=_curves,
    oracle=_by_root_finding,
    rtol=1e-6,
    atol=1e-6,
    mistakes=(
        Mistake(
            "full width",
            lambda o, r: 2 * _half_width(o, r),
            "Your answer is the whole distance between the two crossings. The half-width is half "
            "of it.",
        ),
        Mistake(
            "the right side only",
            lambda o, r: float(_crossings(o, r, r.max() / 2)[0]),
            "You walked to the right only. The two sides may differ: walk to the left as well.",
        ),
        Mistake(
            "the circle cut open",
            _not_wrapped,
            "Your curve ends at 0 and at 180 degrees. A line turned by 180 degrees is the same "
            "line: the right neighbour of the last orientation is the first.",
        ),
        Mistake(
            "samples counted",
            _counted,
            "You counted the orientations above half-height. Between two of them the curve is a "
            "straight line; find where it crosses.",
        ),
        Mistake(
            "half-way between minimum and maximum",
            _above_minimum,
            "You measured height from the smallest response. Here half-height is half of the "
            "largest response, measured from zero.",
        ),
        Mistake(
            "height one over root two",
            lambda o, r: _half_width(o, r, r.max() / np.sqrt(2)),
            "Your level is the peak divided by the root of 2, another convention. Here it is half "
            "of the peak.",
        ),
    ),
)


# --- 02.4 A complex cell that spots do not fool ---


def _largest_level_that_a_row_keeps(drives):
    """max-min as the largest level, at least 0, that all members of some row reach."""
    answer = []
    for image in drives:
        levels = [v for v in image.ravel() if v > 0 and (image >= v).all(axis=1).any()]
        answer.append(max(levels, default=0.0))
    return np.array(answer)


def _drives(rng):
    fixed = [
        (np.array([[[2.0, 3.0, 4.0], [5.0, 0.0, 5.0]]]),),
        (np.array([[[2.0, 3.0, 4.0], [5.0, 0.0, 5.0]], [[-1.0, 1.0, 4.0], [-2.0, -3.0, -1.0]]]),),
    ]
    drawn = [(rng.normal(1.0, 1.0, size=(5, p, k)),) for p, k in ((3, 2), (2, 4), (4, 3))]
    return fixed + drawn


COMPLEX_CELL = Exercise(
    id="02.4",
    title="A complex cell that spots do not fool",
    points=3,
    minutes=10,
    trains="maximum over positions, conjunction along the row",
    cases=_drives,
    oracle=_largest_level_that_a_row_keeps,
    mistakes=(
        Mistake(
            "sum along the row",
            lambda d: np.maximum(d.sum(axis=2), 0).max(axis=1),
            "You added up the members of each row: that is the plain maximum of simple cells, "
            "which a few bright spots fool. A row must be no better than its weakest member.",
        ),
        Mistake(
            "geometric mean along the row",
            lambda d: (np.maximum(d, 0).prod(axis=2) ** (1 / d.shape[2])).max(axis=1),
            "Your row is an AND, but a soft one: strong members make up for a weak one. Here the "
            "weakest member alone decides.",
        ),
        Mistake(
            "positions and members exchanged",
            lambda d: np.maximum(d, 0).min(axis=1).max(axis=1),
            "You asked that all positions agree and took the best member. Along a row all members "
            "must agree; among the positions one is enough.",
        ),
        Mistake(
            "largest of everything",
            lambda d: np.maximum(d, 0).max(axis=(1, 2)),
            "Your cell answers as soon as one member anywhere does, so a single spot excites it. "
            "There is no demand on the rest of the row.",
        ),
        Mistake(
            "smallest of everything",
            lambda d: np.maximum(d, 0).min(axis=(1, 2)),
            "Your cell demands light on every row at once. A bar lights one row, and that should "
            "be enough.",
        ),
        Mistake(
            "not rectified",
            lambda d: d.min(axis=2).max(axis=1),
            "Your answer can be negative, where no row is lit from end to end. A rate cannot be.",
        ),
    ),
)


# --- 02.5 Which way did it move? ---


def _late(signal, delay):
    answer = np.zeros_like(signal)
    answer[..., delay:] = signal[..., : signal.shape[-1] - delay]
    return answer


def _index(matches):
    preferred, null = matches.mean(axis=-1)
    return float((preferred - null) / (preferred + null))


def _by_correlation(first, second, delay):
    """The root of a product is a product of roots: a cross-correlation at one lag."""
    frames = first.shape[1]
    preferred, null = (
        np.correlate(np.sqrt(b), np.sqrt(a), mode="full")[frames - 1 + delay]
        for a, b in zip(first, second, strict=True)
    )
    return float((preferred - null) / (preferred + null))


def _of_preferred(first, second, delay):
    preferred, null = np.sqrt(_late(first, delay) * second).mean(axis=-1)
    return float((preferred - null) / preferred)


def _root_of_the_mean(first, second, delay):
    preferred, null = np.sqrt((_late(first, delay) * second).mean(axis=-1))
    return float((preferred - null) / (preferred + null))


def _passages(rng):
    first = np.array([[4.0, 1.0, 0.0, 1.0], [1.0, 0.0, 1.0, 4.0]])
    second = np.array([[1.0, 4.0, 1.0, 0.0], [0.0, 1.0, 4.0, 1.0]])
    drawn = [
        (rng.uniform(0.5, 9, (2, n)), rng.uniform(0.5, 9, (2, n)), d)
        for n, d in ((6, 2), (12, 3), (9, 0))
    ]
    return [(first, second, 1), *drawn]


DIRECTION = Exercise(
    id="02.5",
    title="Which way did it move?",
    points=3,
    minutes=15,
    trains="a delay, a coincidence and an index",
    cases=_passages,
    oracle=_by_correlation,
    mistakes=(
        Mistake(
            "the wrong subunit delayed",
            lambda a, b, d: _index(np.sqrt(a * _late(b, d))),
            "Your second subunit comes late, or your first one early, so the cell prefers the "
            "other direction. Delay the first.",
        ),
        Mistake(
            "the end wraps round to the beginning",
            lambda a, b, d: _index(np.sqrt(np.roll(a, d, axis=-1) * b)),
            "Your delay brings the end of the film back at its beginning. Before the first frame "
            "there was darkness: fill with zeros.",
        ),
        Mistake(
            "added instead of multiplied",
            lambda a, b, d: _index(_late(a, d) + b),
            "You added the two signals. A sum is large when either is; a coincidence needs both.",
        ),
        Mistake(
            "root forgotten",
            lambda a, b, d: _index(_late(a, d) * b),
            "You averaged the products themselves. Take the square root of each product first, so "
            "that it is a rate again.",
        ),
        Mistake(
            "root taken after the average",
            _root_of_the_mean,
            "You averaged the products and then took the root. The root comes first, frame by "
            "frame.",
        ),
        Mistake(
            "divided by the preferred response",
            _of_preferred,
            "You divided by the preferred response alone. The index divides by the sum of both "
            "responses, so that it stays between -1 and 1.",
        ),
    ),
)

EXERCISES = (CENTER_SURROUND, SIMPLE_CELL, HALF_WIDTH, COMPLEX_CELL, DIRECTION)
