"""Other forms of chapter 6's exercises."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import scipy.ndimage
import scipy.signal

from course_utils.exercises.ch06 import SEPARABLE
from course_utils.exercises.core import Exercise, Family, Mistake
from course_utils.exercises.families.pieces import as_in_the_book

# --- 06.2: what lies beyond the border --------------------------------------------------------

# SciPy's names of the borders: "reflect" is the mirror that repeats the border pixel.
BORDERS = {
    "constant": "In the middle all is well. At the border you treat the picture as black outside.",
    "mirror": "You mirror the picture at its border. Compare with the example.",
    "nearest": "You continue the picture with its border pixel. A kernel of five weights shows "
    "the difference.",
    "wrap": "What your window sees beyond the border is the other side of the picture.",
}


def _passes(image, column, row, mode):
    across = scipy.ndimage.correlate1d(image, row, axis=1, mode=mode)
    return scipy.ndimage.correlate1d(across, column, axis=0, mode=mode)


def _with_border(mode: str, here: str, copied: str) -> Exercise:
    """Return the member for one of SciPy's borders.

    ``here`` ends the hints for other borders, ``copied`` is the hint for the book's.
    """

    def at_once(image, column, row):
        return scipy.ndimage.correlate(image, np.outer(column, row), mode=mode)

    def added(image, column, row):
        across = scipy.ndimage.correlate1d(image, row, axis=1, mode=mode)
        return across + scipy.ndimage.correlate1d(image, column, axis=0, mode=mode)

    def with_other(wrong):
        return lambda image, column, row: _passes(image, column, row, wrong)

    borders = tuple(
        Mistake(f"border {wrong}", with_other(wrong), f"{hint} {here}.")
        for wrong, hint in BORDERS.items()
        if wrong != mode
    )
    others = (
        Mistake(
            "turned over",
            lambda image, column, row: _passes(image, column[::-1], row[::-1], mode),
            "You turned the weights over: that is a convolution. np.convolve does so by itself.",
        ),
        Mistake(
            "passes added",
            added,
            "You filtered the picture twice and added the two answers. The second pass must work "
            "on what the first has made.",
        ),
        Mistake(
            "row only",
            lambda image, column, row: _passes(image, np.ones(1), row, mode),
            "You filtered along the rows and left the columns as they are.",
        ),
        Mistake(
            "column only",
            lambda image, column, row: _passes(image, column, np.ones(1), mode),
            "You filtered along the columns and left the rows as they are.",
        ),
        Mistake(
            "row and column exchanged",
            lambda image, column, row: _passes(image, row, column, mode),
            "You ran the column's weights along the rows, and the row's weights down the columns. "
            "In w[m, n] = c[m] r[n] the index m counts rows of the image: c runs downwards.",
        ),
    )
    mistakes = (as_in_the_book(SEPARABLE, copied), *borders, *others)
    return replace(
        SEPARABLE, oracle=at_once, mistakes=mistakes, trains="separable kernels, borders"
    )


MIRROR = _with_border(
    "mirror",
    "Here the picture is mirrored, and the border pixel is the mirror",
    "You mirror with the border pixel repeated, c b a | a b c. Here it stands alone: c b | a b c.",
)
NEAREST = _with_border(
    "nearest",
    "Here the border pixel itself goes on",
    "You mirror the picture at its border. That agrees with the border pixel going on for a "
    "kernel of three weights; a longer one sees the pixels behind the border.",
)
ZEROS = _with_border(
    "constant",
    "Here the picture is zero outside",
    "You mirror the picture at its border. Here it is zero outside.",
)

FAMILIES = (
    Family(
        book="border-twice",
        members={
            "border-twice": SEPARABLE,
            "border-once": MIRROR,
            "border-goes-on": NEAREST,
            "zeros": ZEROS,
        },
    ),
)
