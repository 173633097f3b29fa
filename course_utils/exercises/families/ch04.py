"""Other forms of chapter 4's exercises."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch.nn import functional as F

from course_utils.exercises.ch04 import RULE
from course_utils.exercises.core import Family, Mistake
from course_utils.exercises.families.pieces import AS_IN_THE_BOOK

# --- 04.1: what the labels are called ---------------------------------------------------------


def _zero_one_cases(rng):
    return [(w, X, (y + 1) // 2) for w, X, y in RULE.cases(rng)]


def _descent(w, X, y):
    """Gradient descent of rate 1 on relu(s) - y s, one example at a time: relu'(0) is 0."""
    weights = torch.tensor(w, dtype=torch.float64, requires_grad=True)
    for x, label in zip(torch.tensor(X), y.tolist(), strict=True):
        score = weights @ x
        (gradient,) = torch.autograd.grad(F.relu(score) - label * score, weights)
        weights = (weights - gradient).detach().requires_grad_()
    return weights.detach().numpy()


def _epoch(change, *, stop=False):
    """Return one epoch that adds ``change(score, label)`` times the example."""

    def epoch(w, X, y):
        for x, label in zip(X, y, strict=True):
            factor = change(w @ x, label)
            w = w + factor * x
            if stop and factor != 0:
                return w
        return w

    return epoch


def _all_with_old_weights(w, X, y):
    return w + (y - (X @ w > 0)) @ X


ZERO_ONE = replace(
    RULE,
    title="One epoch of the perceptron rule, labels 0 and 1",
    cases=_zero_one_cases,
    oracle=_descent,
    mistakes=(
        Mistake(
            AS_IN_THE_BOOK,
            _epoch(lambda score, label: label if label * score <= 0 else 0),
            "Your rule is the one for the labels +1 and -1. With the label 0 its step is 0, so "
            "that an example of class 0 never changes anything.",
        ),
        Mistake(
            "zero counts as above",
            _epoch(lambda score, label: label - float(score >= 0)),
            "You answer 1 where the score is exactly 0. Here the score must be above 0 for that.",
        ),
        Mistake(
            "all with the old weights",
            _all_with_old_weights,
            "You found all mistakes with the weights from the start of the epoch. The rule looks "
            "at the next example with the weights that the last one has changed.",
        ),
        Mistake(
            "learns from every example",
            _epoch(lambda score, label: 2 * label - 1),
            "Your weights change at every example. The rule does nothing where the answer is "
            "right already.",
        ),
        Mistake(
            "the wrong way",
            _epoch(lambda score, label: float(score > 0) - label),
            "Your step makes the score of a misjudged example worse. Compute the score before "
            "and after one update.",
        ),
        Mistake(
            "score for answer",
            _epoch(lambda score, label: label - score),
            "You use the error of the score itself. The perceptron rule asks for the error of "
            "the answer, which is 0 or 1; so its steps are -1, 0 and 1 times the example.",
        ),
        Mistake(
            "first mistake only",
            _epoch(lambda score, label: label - float(score > 0), stop=True),
            "You stop after the first update. An epoch goes on to the last example.",
        ),
    ),
)

FAMILIES = (Family(book="plus-minus", members={"plus-minus": RULE, "zero-one": ZERO_ONE}),)
