"""Other forms of chapter 10's exercises."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch.nn import functional as F

from course_utils.exercises.ch10 import ROUTE
from course_utils.exercises.core import Family, Mistake
from course_utils.exercises.families.pieces import as_in_the_book, kept

# --- 10.4: who gets the gradient at a tie -----------------------------------------------------


def _leaf(x):
    return torch.tensor(x, dtype=torch.float64, requires_grad=True)


def _last_by_turning(g, x, kernel, stride):
    """PyTorch's first winner, of a signal turned round; the places that no window sees cut off."""
    leaf = _leaf(x)
    used = (len(g) - 1) * stride + kernel
    turned = leaf[:used].flip(0)[None, None]
    F.max_pool1d(turned, kernel, stride).backward(torch.tensor(g[::-1].copy())[None, None])
    return leaf.grad.numpy()


def _shared_by_amax(g, x, kernel, stride):
    """torch.amax shares its gradient out among equal maxima."""
    leaf = _leaf(x)
    leaf.unfold(0, kernel, stride).amax(1).backward(torch.tensor(g))
    return leaf.grad.numpy()


def _winners(window):
    return (window == window.max()).astype(float)


def _shares(window):
    return _winners(window) / _winners(window).sum()


def _last(window):
    winner = len(window) - 1 - window[::-1].argmax()
    return (np.arange(len(window)) == winner).astype(float)


def _overwritten(share):
    def route(g, x, kernel, stride):
        gradient = np.zeros(len(x))
        for t, value in enumerate(g):
            part = slice(t * stride, t * stride + kernel)
            given = value * share(x[part])
            gradient[part] = np.where(given, given, gradient[part])
        return gradient

    return route


OVERWRITTEN = (
    "An input that wins in two windows keeps the gradient of the second only. It was used twice, "
    "so the two add up."
)

LAST = replace(
    ROUTE,
    title="Routing to the last winner",
    oracle=_last_by_turning,
    mistakes=(
        as_in_the_book(
            ROUTE,
            "At a tie your first winner gets the gradient, as in PyTorch. Here the last one does.",
        ),
        Mistake(
            "ties shared",
            _shared_by_amax,
            "At a tie you share the gradient out. That is a subgradient too, but here the last "
            "winner gets all.",
        ),
        Mistake("overwritten", _overwritten(_last), OVERWRITTEN),
        *kept(ROUTE, "all winners get all", "mean pooling"),
    ),
)

SHARED = replace(
    ROUTE,
    title="Routing, with ties shared",
    oracle=_shared_by_amax,
    mistakes=(
        as_in_the_book(
            ROUTE,
            "At a tie your first winner gets all, as in PyTorch's max pooling. Here all that are "
            "equally large share it.",
        ),
        Mistake(
            "last winner",
            _last_by_turning,
            "At a tie your last winner gets the gradient. Here all that are equally large share "
            "it.",
        ),
        Mistake("overwritten", _overwritten(_shares), OVERWRITTEN),
        *kept(ROUTE, "all winners get all", "mean pooling"),
    ),
)

FAMILIES = (Family(book="first", members={"first": ROUTE, "last": LAST, "shared": SHARED}),)
