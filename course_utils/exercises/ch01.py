"""Exercises of chapter 1, *What a computer sees*."""

from __future__ import annotations

import numpy as np
from scipy.interpolate import interp1d
from scipy.optimize import brentq
from scipy.spatial.distance import cdist
from skimage.color import rgb2yuv
from skimage.feature import hog

from course_utils.exercises.core import Exercise, Mistake

LUMA = np.array([0.299, 0.587, 0.114])

# --- 01.1 from colour to grey ---------------------------------------------------------------


def _colour_cases(rng):
    primaries = np.uint8([[[255, 0, 0], [0, 255, 0]], [[0, 0, 255], [200, 200, 200]]])
    return [
        (np.uint8([[[255, 0, 0]]]),),
        (primaries,),
        (_without_halves(rng.integers(0, 256, (4, 5, 3), dtype=np.uint8)),),
        (_without_halves(rng.integers(0, 256, (1, 40, 3), dtype=np.uint8)),),
    ]


def _without_halves(image):
    """Pixels that lie exactly between two grey levels become black."""
    halves = image.astype(int) @ [299, 587, 114] % 1000 == 500
    return np.where(halves[..., None], 0, image).astype(np.uint8)


def _luma_of_scikit_image(image):
    return np.rint(255 * rgb2yuv(image)[..., 0]).astype(np.uint8)


def _plain_mean(image):
    return np.rint(image.mean(axis=2)).astype(np.uint8)


def _blue_first(image):
    return np.rint(image @ LUMA[::-1]).astype(np.uint8)


def _cut_off(image):
    return (image @ LUMA).astype(np.uint8)


def _wrapped_sum(image):
    return (image[..., 0] + image[..., 1] + image[..., 2]) // np.uint8(3)


def _each_term_cut_off(image):
    return (image * LUMA).astype(np.uint8).sum(axis=2, dtype=np.uint8)


def _left_as_floats(image):
    return image @ LUMA


def _from_zero_to_one(image):
    return (image / 255 @ LUMA).astype(np.uint8)


TO_GREY = Exercise(
    id="01.1",
    title="From colour to grey",
    points=1,
    minutes=10,
    trains="channels, rounding and dtype",
    cases=_colour_cases,
    oracle=_luma_of_scikit_image,
    same_dtype=True,
    mistakes=(
        Mistake(
            "plain mean",
            _plain_mean,
            "You gave the three channels the same weight. Green counts most here, and blue least.",
        ),
        Mistake(
            "blue taken for red",
            _blue_first,
            "The weights met the channels in the reverse order. Which channel comes first?",
        ),
        Mistake(
            "fractions cut off",
            _cut_off,
            "Turning floats into uint8 cuts the fraction off: 149.7 becomes 149. "
            "The nearest whole number is wanted.",
        ),
        Mistake(
            "each channel cut off",
            _each_term_cut_off,
            "You turned each weighted channel into uint8 before adding them, and lost up to one "
            "grey level three times. Add first, round once.",
        ),
        Mistake(
            "sum wraps",
            _wrapped_sum,
            "You added the channels as uint8, where a sum above 255 starts again at 0; and the "
            "channels have weights. Compute with floats.",
        ),
        Mistake(
            "left as floats",
            _left_as_floats,
            "The grey levels are right up to rounding, but the answer should be of type uint8.",
        ),
        Mistake(
            "range 0 to 1 as uint8",
            _from_zero_to_one,
            "You went to the range 0 to 1 and then to whole numbers, where nearly everything is 0. "
            "A uint8 image promises 0 to 255.",
        ),
    ),
)

# --- 01.2 the nearest neighbour, safely -----------------------------------------------------


def _neighbour_cases(rng):
    return [
        (np.uint8([[[3, 0]], [[100, 0]]]), np.array([7, 4]), np.uint8([[[5, 0]], [[90, 0]]])),
        (np.uint8([[[0, 0]], [[255, 0]]]), np.array([3, 8]), np.uint8([[[10, 0]], [[250, 0]]])),
        # One large difference against many small ones: squares and absolute values disagree.
        (np.uint8([[[10, 0, 0]], [[5, 5, 5]]]), np.array([1, 2]), np.uint8([[[0, 0, 0]]])),
        (np.uint8([[[0, 200]], [[90, 90]]]), np.array([5, 6]), np.uint8([[[100, 100]]])),
        # The largest difference alone would choose the second.
        (np.uint8([[[10, 0, 0]], [[9, 9, 9]]]), np.array([2, 7]), np.uint8([[[0, 0, 0]]])),
        _random_pictures(rng, 6, 4),
        _random_pictures(rng, 20, 8),
    ]


def _random_pictures(rng, count, side):
    kept = rng.integers(0, 256, (count, side, side), dtype=np.uint8)
    new = np.clip(kept[::2].astype(int) + rng.integers(-30, 31, kept[::2].shape), 0, 255)
    return kept, rng.permutation(count), new.astype(np.uint8)


def _flat(pictures, dtype=float):
    return pictures.reshape(len(pictures), -1).astype(dtype)


def _nearest_of_scipy(kept, labels, new):
    return labels[cdist(_flat(new), _flat(kept), "sqeuclidean").argmin(axis=1)]


def _difference(kept, new, dtype=float):
    return _flat(new, dtype)[:, None] - _flat(kept, dtype)[None]


def _in_uint8(kept, labels, new):
    squares = _difference(kept, new, np.uint8) ** 2
    return labels[squares.sum(axis=2, dtype=float).argmin(axis=1)]


def _widened_too_late(kept, labels, new):
    squares = _difference(kept, new, np.uint8).astype(float) ** 2
    return labels[squares.sum(axis=2).argmin(axis=1)]


def _widened_too_late_the_other_way(kept, labels, new):
    return _widened_too_late(255 - kept, labels, 255 - new)  # (255 - a) - (255 - b) is b - a


def _in_int16(kept, labels, new):
    squares = _difference(kept, new, np.int16) ** 2
    return labels[squares.sum(axis=2, dtype=float).argmin(axis=1)]


def _signs_cancel(kept, labels, new):
    return labels[np.abs(_difference(kept, new).sum(axis=2)).argmin(axis=1)]


def _absolute_differences(kept, labels, new):
    return labels[np.abs(_difference(kept, new)).sum(axis=2).argmin(axis=1)]


def _largest_difference(kept, labels, new):
    return labels[np.abs(_difference(kept, new)).max(axis=2).argmin(axis=1)]


def _farthest(kept, labels, new):
    return labels[(_difference(kept, new) ** 2).sum(axis=2).argmax(axis=1)]


def _index_for_label(kept, labels, new):
    return (_difference(kept, new) ** 2).sum(axis=2).argmin(axis=1)


def _largest_product(kept, labels, new):
    return labels[(_flat(new) @ _flat(kept).T).argmax(axis=1)]


NEAREST = Exercise(
    id="01.2",
    title="The nearest neighbour, safely",
    points=2,
    minutes=15,
    trains="distances between pictures, and their dtype",
    cases=_neighbour_cases,
    oracle=_nearest_of_scipy,
    mistakes=(
        Mistake(
            "differences in uint8",
            _in_uint8,
            "Your differences are uint8: 3 - 5 is 254 there, and squares wrap as well. "
            "Change the dtype before you subtract.",
        ),
        Mistake(
            "dtype changed after the difference",
            _widened_too_late,
            "You changed the dtype too late: the difference was still taken as uint8, where "
            "3 - 5 is 254.",
        ),
        Mistake(
            "dtype changed after the difference, kept minus new",
            _widened_too_late_the_other_way,
            "You subtracted first and changed the dtype afterwards. A uint8 difference wraps "
            "wherever the new picture is the brighter one.",
        ),
        Mistake(
            "squares in int16",
            _in_int16,
            "Your differences are right and their squares are not: 255 squared does not fit into "
            "an int16 and may even come out negative.",
        ),
        Mistake(
            "signs cancel",
            _signs_cancel,
            "You added the differences before taking away their sign. Brighter and darker pixels "
            "then cancel, and two quite different pictures seem equal.",
        ),
        Mistake(
            "absolute differences",
            _absolute_differences,
            "You added absolute differences. Another distance with another winner: "
            "with squares, one large difference counts more than many small ones.",
        ),
        Mistake(
            "largest difference alone",
            _largest_difference,
            "You compared the largest difference of a pixel only. Every pixel counts: "
            "add up the squares.",
        ),
        Mistake(
            "farthest",
            _farthest,
            "You took the largest distance. The nearest picture has the smallest.",
        ),
        Mistake(
            "index for label",
            _index_for_label,
            "You returned which kept picture is nearest. The question was for its label.",
        ),
        Mistake(
            "largest inner product",
            _largest_product,
            "The largest inner product is not the smallest distance: a bright picture has a large "
            "product with everything. What is missing is the kept picture's own length.",
        ),
    ),
)

# --- 01.3 where half the skill is gone ------------------------------------------------------


def _curve_cases(rng):
    fallen = np.sort(rng.uniform(0.1, 0.9, 7))[::-1].copy()
    fallen[0], fallen[-1] = 0.95, 0.12
    strengths = np.cumsum(rng.uniform(0.5, 2, 7))
    return [
        (np.array([0.0, 10, 20, 30]), np.array([0.9, 0.8, 0.4, 0.2]), 0.1),
        (np.array([0.0, 1.0, 2.0]), np.array([0.9, 0.85, 0.7]), 0.1),  # never
        (np.array([1.0, 2, 3, 4]), np.array([0.8, 0.5, 0.3, 0.3]), 0.2),  # on a point
        (np.array([0.0, 5, 10, 15, 20]), np.array([0.8, 0.3, 0.7, 0.2, 0.1]), 0.1),  # twice
        (strengths, fallen, 0.1),
        (strengths, fallen, 1 / 3),
    ]


def _level(accuracies, chance):
    return (accuracies[0] + chance) / 2


def _root_of_the_curve(strengths, accuracies, chance):
    """The first sign change, and its root by Brent's method."""
    above = accuracies - _level(accuracies, chance)
    below = np.flatnonzero(above <= 1e-12)
    if len(below) == 0:
        return np.inf
    curve = interp1d(strengths, above - 1e-12, bounds_error=False)
    return brentq(curve, strengths[below[0] - 1], strengths[below[0]])


def _first_crossing(strengths, accuracies, level):
    for k in range(1, len(strengths)):
        if accuracies[k] <= level + 1e-12:
            part = (accuracies[k - 1] - level) / (accuracies[k - 1] - accuracies[k])
            return strengths[k - 1] + part * (strengths[k] - strengths[k - 1])
    return np.inf


def _half_the_accuracy(strengths, accuracies, chance):
    return _first_crossing(strengths, accuracies, accuracies[0] / 2)


def _half_the_skill_as_accuracy(strengths, accuracies, chance):
    return _first_crossing(strengths, accuracies, (accuracies[0] - chance) / 2)


def _no_line_between(strengths, accuracies, chance):
    below = np.flatnonzero(accuracies <= _level(accuracies, chance) + 1e-12)
    return strengths[below[0]] if len(below) else np.inf


def _point_before(strengths, accuracies, chance):
    below = np.flatnonzero(accuracies <= _level(accuracies, chance) + 1e-12)
    return strengths[below[0] - 1] if len(below) else np.inf


def _last_crossing(strengths, accuracies, chance):
    level = _level(accuracies, chance)
    found = np.inf
    for k in range(1, len(strengths)):
        if accuracies[k] <= level + 1e-12 < accuracies[k - 1]:
            part = (accuracies[k - 1] - level) / (accuracies[k - 1] - accuracies[k])
            found = strengths[k - 1] + part * (strengths[k] - strengths[k - 1])
    return found


def _last_strength_for_never(strengths, accuracies, chance):
    found = _first_crossing(strengths, accuracies, _level(accuracies, chance))
    return strengths[-1] if np.isinf(found) else found


HALF_SKILL = Exercise(
    id="01.3",
    title="Where half the skill is gone",
    points=2,
    minutes=20,
    trains="reading a curve against the level of guessing",
    cases=_curve_cases,
    oracle=_root_of_the_curve,
    mistakes=(
        Mistake(
            "half the accuracy",
            _half_the_accuracy,
            "You waited for half of the accuracy. A classifier that guesses has no skill, and yet "
            "its accuracy is not 0: measure from the level of guessing.",
        ),
        Mistake(
            "chance not added back",
            _half_the_skill_as_accuracy,
            "You halved the skill and then compared an accuracy with it. An accuracy is the skill "
            "plus the accuracy of guessing.",
        ),
        Mistake(
            "no line between the points",
            _no_line_between,
            "You returned the first measured strength at or below the level. The curve reached it "
            "somewhere on the line from the point before.",
        ),
        Mistake(
            "the point before",
            _point_before,
            "You returned the last measured strength above the level. The curve reached the level "
            "somewhere on the line to the next point.",
        ),
        Mistake(
            "the last crossing",
            _last_crossing,
            "This curve falls to the level, recovers, and falls again. The first time counts.",
        ),
        Mistake(
            "last strength for never",
            _last_strength_for_never,
            "This curve never reaches the level. The last strength that somebody happened to "
            "measure is not where it does.",
        ),
    ),
)

# --- 01.4 one cell of HOG -------------------------------------------------------------------


def _cell_cases(rng):
    by_hand = np.array([[0.0, 1, 2], [0, 1, 2], [3, 4, 5]])
    falling = np.array([[5.0, 3, 1, 0], [5, 3, 2, 0], [6, 4, 1, 1]])
    return [
        (by_hand, 2),
        (falling, 3),
        (100 * rng.random((4, 5)), 4),
        (100 * rng.random((7, 7)), 8),
        (100 * rng.random((8, 8)), 9),
    ]


def _hog_of_scikit_image(cell, bins):
    one = {"pixels_per_cell": cell.shape, "cells_per_block": (1, 1), "block_norm": "L2"}
    return hog(cell, orientations=bins, **one)


def _gradients(cell):
    right, down = np.zeros_like(cell), np.zeros_like(cell)
    right[:, 1:-1] = cell[:, 2:] - cell[:, :-2]
    down[1:-1] = cell[2:] - cell[:-2]
    return right, down


def _histogram(right, down, bins, *, turn=180, weighted=True):
    angle = np.rad2deg(np.arctan2(down, right)) % turn
    number = np.minimum((angle // (turn / bins)).astype(int), bins - 1)
    lengths = np.hypot(right, down)
    weights = lengths if weighted else (lengths > 0).astype(float)
    return np.bincount(number.ravel(), weights.ravel(), bins)


def _unit(histogram):
    return histogram / np.linalg.norm(histogram)


def _counted(cell, bins):
    return _unit(_histogram(*_gradients(cell), bins, weighted=False))


def _whole_turn(cell, bins):
    return _unit(_histogram(*_gradients(cell), bins, turn=360))


def _axes_exchanged(cell, bins):
    right, down = _gradients(cell)
    return _unit(_histogram(down, right, bins))


def _not_divided(cell, bins):
    return _histogram(*_gradients(cell), bins)


def _sign_dropped(cell, bins):
    right, down = _gradients(cell)
    angle = np.rad2deg(np.arctan2(np.abs(down), right))  # 0 to 180, both included
    number = np.minimum((angle // (180 / bins)).astype(int), bins - 1)
    return _unit(np.bincount(number.ravel(), np.hypot(right, down).ravel(), bins))


def _upside_down(cell, bins):
    right, down = _gradients(cell)
    return _unit(_histogram(right, -down, bins))


def _sum_is_one(cell, bins):
    histogram = _histogram(*_gradients(cell), bins)
    return histogram / histogram.sum()


def _one_sided_borders(cell, bins):
    down, right = np.gradient(cell)
    return _unit(_histogram(right, down, bins))


def _along_the_edge(cell, bins):
    right, down = _gradients(cell)
    return _unit(_histogram(-down, right, bins))


ORIENTATIONS = Exercise(
    id="01.4",
    title="One cell of HOG",
    points=3,
    minutes=30,
    trains="what a hand-made feature keeps and what it forgets",
    cases=_cell_cases,
    oracle=_hog_of_scikit_image,
    rtol=1e-5,
    mistakes=(
        Mistake(
            "pixels counted",
            _counted,
            "You counted pixels. A strong edge should count more than a faint one: "
            "add up the lengths of the gradients.",
        ),
        Mistake(
            "directions over a whole turn",
            _whole_turn,
            "Your directions go all the way round. An edge from dark to bright should count like "
            "one from bright to dark, so half a turn is all there is.",
        ),
        Mistake(
            "axes exchanged",
            _axes_exchanged,
            "Right and down are exchanged in your angle. A picture that changes only from left to "
            "right should fill the bin of 0 degrees.",
        ),
        Mistake(
            "sign of the angle dropped",
            _sign_dropped,
            "Your negative angles lost their sign. Modulo 180, a direction of -60 degrees is "
            "120 degrees, not 60.",
        ),
        Mistake(
            "upside down",
            _upside_down,
            "Your gradient points the wrong way vertically: downwards is the lower minus the "
            "upper neighbour.",
        ),
        Mistake(
            "not divided",
            _not_divided,
            "The lengths are in the right bins, but half the light would halve your answer. "
            "The last step is missing.",
        ),
        Mistake(
            "sum made one",
            _sum_is_one,
            "You divided by the sum. The histogram's own length is the root of the sum of squares.",
        ),
        Mistake(
            "one-sided at the border",
            _one_sided_borders,
            "np.gradient uses one-sided differences at the border and halves the others. Here a "
            "gradient is 0 where one of its two neighbours is missing.",
        ),
        Mistake(
            "along the edge",
            _along_the_edge,
            "Your directions are a quarter turn off: you measured along the edge. "
            "The gradient points across it.",
        ),
    ),
)

EXERCISES = (TO_GREY, NEAREST, HALF_SKILL, ORIENTATIONS)
