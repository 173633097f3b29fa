"""Other forms of chapter 1's exercises."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from skimage.color import rgb2gray

from course_utils.exercises.ch01 import TO_GREY
from course_utils.exercises.core import Family, Mistake
from course_utils.exercises.families.pieces import as_in_the_book, behind, kept

# --- 01.1: the order of the channels, and their weights ---------------------------------------


def _red_first(image):
    return (image[..., ::-1],)


BGR = replace(
    TO_GREY,
    title="From colour to grey, blue first",
    cases=lambda rng: [_red_first(*case) for case in TO_GREY.cases(rng)],
    oracle=lambda image: TO_GREY.oracle(image[..., ::-1]),
    mistakes=(
        as_in_the_book(
            TO_GREY,
            "Your weights met the channels in the order red, green, blue. Which channel comes "
            "first here?",
        ),
        *behind(
            _red_first,
            kept(
                TO_GREY,
                "plain mean",
                "fractions cut off",
                "each channel cut off",
                "sum wraps",
                "left as floats",
                "range 0 to 1 as uint8",
            ),
        ),
    ),
)

# The weights of scikit-image's rgb2gray, for today's screens.
LUMINANCE = np.array([0.2125, 0.7154, 0.0721])


def _luminance_cases(rng):
    def without_halves(image):
        halves = image.astype(int) @ [2125, 7154, 721] % 10000 == 5000
        return np.where(halves[..., None], 0, image).astype(np.uint8)

    return [(without_halves(image),) for (image,) in TO_GREY.cases(rng)]


SCREEN = replace(
    TO_GREY,
    title="From colour to grey, as screens weigh it",
    cases=_luminance_cases,
    oracle=lambda image: np.rint(255 * rgb2gray(image)).astype(np.uint8),
    mistakes=(
        as_in_the_book(
            TO_GREY,
            "Your weights are 0.299, 0.587 and 0.114, those of old television sets. The statement "
            "gives others.",
        ),
        Mistake(
            "blue taken for red",
            lambda image: np.rint(image @ LUMINANCE[::-1]).astype(np.uint8),
            "The weights met the channels in the reverse order. Which channel comes first?",
        ),
        Mistake(
            "fractions cut off",
            lambda image: (image @ LUMINANCE).astype(np.uint8),
            "Turning floats into uint8 cuts the fraction off: 182.4 and 182.9 both become 182. "
            "The nearest whole number is wanted.",
        ),
        Mistake(
            "left as floats",
            lambda image: image @ LUMINANCE,
            "The grey levels are right up to rounding, but the answer should be of type uint8.",
        ),
        *kept(TO_GREY, "plain mean", "sum wraps"),
    ),
)

FAMILIES = (
    Family(book="television", members={"television": TO_GREY, "blue-first": BGR, "screen": SCREEN}),
)
