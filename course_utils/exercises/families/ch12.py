"""Other forms of chapter 12's exercises."""

from __future__ import annotations

from dataclasses import replace

from course_utils.exercises.ch12 import CHAIN
from course_utils.exercises.core import Family, Mistake
from course_utils.exercises.families.pieces import as_in_the_book, behind, followed_by, kept

# --- 12.2: from which end the layers are listed, and what names the window's place ------------

RULES = (
    "its own stride counts",
    "step updated first",
    "steps forgotten",
    "whole kernel added",
    "dilation forgotten",
    "gap after the last value",
    "padding enlarges the window",
    "padding in units",
    "padding to the right",
    "padding ignored",
    "strides added",
)


def _by_rule(layers):
    """What the book asks for, without the gradients of its oracle."""
    size, step, first = 1, 1, 0
    for kernel, stride, padding, dilation in layers:
        size += dilation * (kernel - 1) * step
        first -= padding * step
        step *= stride
    return size, step, first


def _from_the_image(layers):
    return (layers[::-1],)


TOP_DOWN = replace(
    CHAIN,
    title="The window of a chain, from the top",
    cases=lambda rng: [_from_the_image(*case) for case in CHAIN.cases(rng)],
    oracle=lambda layers: CHAIN.oracle(layers[::-1]),
    mistakes=(
        as_in_the_book(
            CHAIN,
            "You go through the layers as if the list began at the image. Here it begins at the "
            "top.",
            _by_rule,
        ),
        *behind(_from_the_image, kept(CHAIN, *RULES)),
    ),
)


def _to_middle(window):
    size, step, first = window
    return size, step, first + (size - 1) / 2


def _to_last(window):
    size, step, first = window
    return size, step, first + size - 1


MIDDLE = replace(
    CHAIN,
    title="The window of a chain, by its middle",
    trains="the rule for size, step and middle",
    oracle=lambda layers: _to_middle(CHAIN.oracle(layers)),
    mistakes=(
        as_in_the_book(
            CHAIN,
            "Your third number is the first pixel of unit 0's window. Here it is the middle "
            "between its first and its last pixel.",
            _by_rule,
        ),
        Mistake(
            "last pixel",
            lambda layers: _to_last(_by_rule(layers)),
            "Your third number is the last pixel of unit 0's window. Here it is the middle between "
            "its first and its last pixel.",
        ),
        Mistake(
            "half a pixel too far",
            lambda layers: (lambda s, j, f: (s, j, f + s / 2))(*_by_rule(layers)),
            "Your middle is half a pixel too far: a window of one pixel has its middle on that "
            "pixel.",
        ),
        Mistake(
            "rounded down",
            lambda layers: (lambda s, j, f: (s, j, f + (s - 1) // 2))(*_by_rule(layers)),
            "A window with an even number of pixels has its middle between two of them. Do not "
            "round it.",
        ),
        *followed_by(
            _to_middle,
            kept(CHAIN, *(rule for rule in RULES if rule not in ("padding in units",))),
        ),
    ),
)

FAMILIES = (
    Family(
        book="from-the-image",
        members={"from-the-image": CHAIN, "from-the-top": TOP_DOWN, "middle": MIDDLE},
    ),
)
