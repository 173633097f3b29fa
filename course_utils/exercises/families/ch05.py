"""Other forms of chapter 5's exercises."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import scipy.ndimage
import scipy.signal

from course_utils.exercises.ch05 import IMAGE, LENGTH
from course_utils.exercises.core import Family, Mistake
from course_utils.exercises.families.pieces import as_in_the_book

# --- 05.1: whose rules for same and valid -----------------------------------------------------

ADDED = (
    "In full mode you count one place too many. Lay the filter on the signal so that they share "
    "one place only, on the left and then on the right, and count the moves between."
)
MOVES = (
    "In valid mode you count how often the filter can move on. It also gives an answer before its "
    "first move: there is one position more than there are moves."
)


def _lengths(full, same, valid):
    rules = {"full": full, "same": same, "valid": valid}
    return lambda n, k, mode: rules[mode](n, k)


def _full(n, k):
    return n + k - 1


def _distance(n, k):
    return abs(n - k) + 1


def _fits(n, k):
    return max(n - k + 1, 0)


NUMPY = replace(
    LENGTH,
    title="How long is NumPy's answer?",
    oracle=lambda n, k, mode: len(np.convolve(np.ones(n), np.ones(k), mode)),
    mistakes=(
        as_in_the_book(
            LENGTH,
            "That is SciPy's same, which is as long as the signal. NumPy treats signal and filter "
            "alike: which of the two lengths does its same have?",
        ),
        Mistake("lengths added", _lengths(lambda n, k: n + k, max, _distance), ADDED),
        Mistake("moves for positions", _lengths(_full, max, lambda n, k: abs(n - k)), MOVES),
        Mistake(
            "nothing for a longer filter",
            _lengths(_full, max, _fits),
            "Your valid mode gives no answer where the filter is the longer one. In NumPy the two "
            "then change places.",
        ),
        Mistake(
            "the shorter one",
            _lengths(_full, min, _distance),
            "In same mode you return the smaller of the two lengths.",
        ),
    ),
)


def _by_counting(n, k, mode):
    """Count the places at which the filter meets the signal, and where it lies wholly inside."""
    places = range(1 - k, n)
    if mode == "valid":
        return sum(place >= 0 and place + k <= n for place in places)
    return len(places) if mode == "full" else n


MATLAB = replace(
    LENGTH,
    title="How long is MATLAB's answer?",
    oracle=_by_counting,
    mistakes=(
        as_in_the_book(
            LENGTH,
            "In valid mode you let signal and filter change places where the filter is the longer "
            "one, as SciPy does. Here the filter then fits nowhere.",
        ),
        Mistake("lengths added", _lengths(lambda n, k: n + k, lambda n, k: n, _fits), ADDED),
        Mistake(
            "moves for positions",
            _lengths(_full, lambda n, k: n, lambda n, k: max(n - k, 0)),
            MOVES,
        ),
        Mistake(
            "negative lengths",
            _lengths(_full, lambda n, k: n, lambda n, k: n - k + 1),
            "Your valid mode goes below zero where the filter is much longer than the signal. "
            "How many answers are there then?",
        ),
        Mistake(
            "NumPy's same",
            _lengths(_full, max, _fits),
            "That is the rule of numpy.convolve, whose same is as long as the longer of the two. "
            "MATLAB's is as long as the signal, always.",
        ),
    ),
)

# --- 05.2: whether the filter is turned over, and what lies beyond the border -----------------

CORRELATION = replace(
    IMAGE,
    title="Correlation of two images, from the sum",
    trains="no flip, along either axis",
    oracle=lambda x, w: scipy.signal.correlate2d(x, w),
    mistakes=(
        as_in_the_book(
            IMAGE,
            "You turned the filter over: this is the convolution. Which sign do m and n have in "
            "this definition?",
        ),
        Mistake(
            "turned over along the rows only",
            lambda x, w: scipy.signal.correlate2d(x, w[::-1]),
            "You turned the filter over from top to bottom. A correlation turns it over along "
            "neither axis.",
        ),
        Mistake(
            "turned over along the columns only",
            lambda x, w: scipy.signal.correlate2d(x, w[:, ::-1]),
            "You turned the filter over from left to right. A correlation turns it over along "
            "neither axis.",
        ),
        Mistake(
            "roles exchanged",
            lambda x, w: scipy.signal.correlate2d(w, x),
            "You slid the image over the filter. Correlation does not commute: the answers come "
            "out turned over.",
        ),
        Mistake(
            "mean for sum",
            lambda x, w: scipy.signal.correlate2d(x, w) / w.size,
            "Your answers are too small by the number of filter values. A correlation adds the "
            "products; it does not average them.",
        ),
        Mistake(
            "same for full",
            lambda x, w: scipy.signal.correlate2d(x, w, "same"),
            "Your answer has the shape of the image. The full correlation is larger: each axis "
            "has one answer for every overlap of image and filter.",
        ),
    ),
)


def _ring_cases(rng):
    small = np.array([[1.0, 2.0, 4.0], [3.0, 5.0, 7.0]])
    drawn = [(rng.normal(size=(5, 4)), rng.normal(size=w)) for w in ((3, 3), (2, 4), (4, 1))]
    return [
        (small, np.array([[1.0, 10.0]])),
        (small, np.array([[1.0], [10.0]])),
        *drawn,
    ]


def _on_a_ring(x, w):
    return np.fft.ifft2(np.fft.fft2(x) * np.fft.fft2(w, x.shape)).real


def _wrapped(x, w, rows=True, columns=True):
    """Fold the full convolution back on the rows, on the columns, or cut it off there."""
    height, width = x.shape
    full = scipy.signal.convolve2d(x, w)
    y = full[:height].copy()
    if rows:
        y[: len(full) - height] += full[height:]
    z = y[:, :width].copy()
    if columns:
        z[:, : y.shape[1] - width] += y[:, width:]
    return z


RING = replace(
    IMAGE,
    title="Convolution of an image on a ring, from the sum",
    trains="the flip, and indices that wrap round",
    cases=_ring_cases,
    oracle=_on_a_ring,
    mistakes=(
        as_in_the_book(
            IMAGE,
            "Your image is zero beyond its border, and the answer is larger than it. Here what "
            "leaves the image on one side comes in on the other.",
        ),
        Mistake(
            "zeros beyond the border",
            lambda x, w: _wrapped(x, w, rows=False, columns=False),
            "The shape is right, but the pixels beyond the top and the left are zeros in your "
            "code. Here they are those of the bottom and the right.",
        ),
        Mistake(
            "rows only",
            lambda x, w: _wrapped(x, w, columns=False),
            "Your rows wrap round, and your columns do not.",
        ),
        Mistake(
            "columns only",
            lambda x, w: _wrapped(x, w, rows=False),
            "Your columns wrap round, and your rows do not.",
        ),
        Mistake(
            "filter not turned over",
            lambda x, w: np.fft.ifft2(np.fft.fft2(x) * np.fft.fft2(w, x.shape).conj()).real,
            "Your answer slides the filter over the image without turning it over. "
            "Which sign do m and n have?",
        ),
        Mistake(
            "filter in the middle",
            lambda x, w: scipy.ndimage.convolve(x, w, mode="wrap"),
            "You laid the middle of the filter on the place. In the definition w[0, 0] meets "
            "x[i, j] itself.",
        ),
        Mistake(
            "mean for sum",
            lambda x, w: _on_a_ring(x, w) / w.size,
            "Your answers are too small by the number of filter values. A convolution adds the "
            "products; it does not average them.",
        ),
    ),
)

FAMILIES = (
    Family(book="scipy", members={"scipy": LENGTH, "numpy": NUMPY, "matlab": MATLAB}),
    Family(
        book="convolution",
        members={"convolution": IMAGE, "correlation": CORRELATION, "ring": RING},
    ),
)
