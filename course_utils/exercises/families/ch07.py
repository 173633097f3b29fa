"""Other forms of chapter 7's exercises."""

from __future__ import annotations

from dataclasses import replace

from course_utils.exercises.ch07 import SAME
from course_utils.exercises.core import Family, Mistake
from course_utils.exercises.families.pieces import as_in_the_book, followed_by, kept

# --- 07.3: on which side the zeros go ---------------------------------------------------------

LOWER = replace(
    SAME,
    title="Padding «same», the odd zero first",
    oracle=lambda *case: SAME.oracle(*case)[::-1],
    mistakes=(
        as_in_the_book(
            SAME,
            "Where the number of zeros is odd, you put the odd one after the signal, as PyTorch "
            "and TensorFlow do. Here it comes before.",
        ),
        *followed_by(
            lambda sides: sides[::-1],
            kept(
                SAME,
                "stride ignored",
                "dilation ignored",
                "dilation times kernel",
                "both sides alike",
                "negative padding",
                "floor for ceil",
            ),
        ),
        Mistake(
            "all zeros before",
            lambda *case: (sum(SAME.oracle(*case)), 0),
            "You put all zeros at the beginning. The outputs then move against the inputs; share "
            "the zeros between the two sides.",
        ),
    ),
)


def _before(sides):
    return sum(sides), 0


CAUSAL = replace(
    SAME,
    title="Padding that never looks ahead",
    trains="padding, stride and dilation; all zeros on one side",
    oracle=lambda *case: _before(SAME.oracle(*case)),
    mistakes=(
        as_in_the_book(
            SAME,
            "You share the zeros between the two sides, so that an output can look ahead. Here "
            "all of them come before.",
        ),
        *followed_by(
            _before,
            kept(
                SAME,
                "stride ignored",
                "dilation ignored",
                "dilation times kernel",
                "negative padding",
                "floor for ceil",
            ),
        ),
        Mistake(
            "all zeros after",
            lambda *case: (0, sum(SAME.oracle(*case))),
            "You put all zeros at the end. There every output looks as far ahead as it can.",
        ),
    ),
)

FAMILIES = (
    Family(book="odd-after", members={"odd-after": SAME, "odd-before": LOWER, "causal": CAUSAL}),
)
