"""Other forms of chapter 11's exercises."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from sklearn.metrics import confusion_matrix

from course_utils.exercises.ch11 import ADAMW, CONFUSION
from course_utils.exercises.core import Family, Mistake
from course_utils.exercises.families.pieces import as_in_the_book, followed_by, kept

# --- 11.3: where the decay comes in -----------------------------------------------------------


def _adam_with_penalty(w, gradients, lr, decay, beta1, beta2, eps):
    weights = torch.tensor(w, dtype=torch.float64, requires_grad=True)
    betas = (beta1, beta2)
    rule = torch.optim.Adam([weights], lr=lr, weight_decay=decay, betas=betas, eps=eps)
    for gradient in gradients:
        weights.grad = torch.tensor(gradient, dtype=torch.float64)
        rule.step()
    return weights.detach().numpy()


def _penalised(*, corrected=True, inside=False, first_only=False, seconds=True, doubled=False):
    """Adam with a penalty, and one thing wrong."""

    def steps(w, gradients, lr, decay, beta1, beta2, eps):
        m, v, start = np.zeros_like(w), np.zeros_like(w), w
        for t, gradient in enumerate(gradients, start=1):
            g = gradient + (2 if doubled else 1) * decay * (start if first_only else w)
            m = beta1 * m + (1 - beta1) * g
            v = beta2 * v + (1 - beta2) * (g if seconds else gradient) ** 2
            m_hat = m / (1 - beta1**t) if corrected else m
            v_hat = v / (1 - beta2**t) if corrected else v
            w = w - lr * m_hat / (np.sqrt(v_hat + eps) if inside else np.sqrt(v_hat) + eps)
        return w

    return steps


PENALTY = replace(
    ADAMW,
    title="Adam with a penalty",
    trains="bias correction and the penalty on the weights",
    oracle=_adam_with_penalty,
    mistakes=(
        as_in_the_book(
            ADAMW,
            "You shrink the weights apart from the gradient: that is AdamW. Here the penalty goes "
            "into the gradient, and Adam rescales it with the rest.",
        ),
        *kept(ADAMW, "no decay"),
        Mistake(
            "no bias correction",
            _penalised(corrected=False),
            "Both means start at 0 and are too small at first, each by its own factor. Your first "
            "steps show it: divide each mean by the sum of its weights so far.",
        ),
        Mistake(
            "epsilon inside the root",
            _penalised(inside=True),
            "You add epsilon before you take the root. It makes a difference where gradients are "
            "small; here it stands outside.",
        ),
        Mistake(
            "penalty of the first weights",
            _penalised(first_only=True),
            "Your penalty comes from the weights at the start. In each step it comes from the "
            "weights as they are then.",
        ),
        Mistake(
            "penalty in the first mean only",
            _penalised(seconds=False),
            "The penalty is in your mean of the gradients, but not in that of their squares. "
            "Both see the same gradient.",
        ),
    ),
)

# --- 11.4: rows and columns, counts and shares ------------------------------------------------


def _turned(matrix):
    return matrix.T


ANSWERS_IN_ROWS = replace(
    CONFUSION,
    title="Who is taken for whom, by answer",
    oracle=lambda labels, predictions, k: confusion_matrix(predictions, labels, labels=range(k)),
    mistakes=(
        as_in_the_book(
            CONFUSION,
            "Your rows are the true classes. Here a row belongs to an answer, so its sum is how "
            "often that answer was given.",
        ),
        *followed_by(_turned, kept(CONFUSION, "each cell at most once", "only classes that occur")),
        Mistake(
            "shares in place of counts",
            lambda labels, predictions, k: np.nan_to_num(
                confusion_matrix(predictions, labels, labels=range(k), normalize="true")
            ),
            "You divided each row by its sum. That is useful too, but the exercise asks for "
            "counts.",
        ),
        *followed_by(_turned, kept(CONFUSION, "mistakes only")),
    ),
)


def _shares(labels, predictions, num_classes, over="true"):
    return confusion_matrix(labels, predictions, labels=range(num_classes), normalize=over)


SHARES = replace(
    CONFUSION,
    title="Who is taken for whom, in shares",
    oracle=_shares,
    mistakes=(
        as_in_the_book(
            CONFUSION,
            "You return counts. Here each row is divided by its sum, where that is not 0.",
        ),
        Mistake(
            "shares of the answers",
            lambda labels, predictions, k: _shares(labels, predictions, k, "pred"),
            "You divided each column by its sum, which are shares of the answers. Here it is the "
            "rows: of the images of a class, the share that was answered so.",
        ),
        Mistake(
            "shares of all",
            lambda labels, predictions, k: _shares(labels, predictions, k, "all"),
            "You divided by the number of all images. Each row has its own divisor.",
        ),
        Mistake(
            "rows and columns exchanged",
            lambda labels, predictions, k: _shares(predictions, labels, k),
            "Your rows are the answers. Here a row belongs to a true class, so its sum is 1.",
        ),
        Mistake(
            "empty classes divided by zero",
            lambda labels, predictions, k: _with_nan(CONFUSION.oracle(labels, predictions, k)),
            "A class without images gives you 0/0. Its row is to be of zeros.",
        ),
    ),
)


def _with_nan(counts):
    with np.errstate(all="ignore"):
        return counts / counts.sum(axis=1, keepdims=True)


FAMILIES = (
    Family(book="decoupled", members={"decoupled": ADAMW, "penalty": PENALTY}),
    Family(
        book="counts",
        members={"counts": CONFUSION, "by-answer": ANSWERS_IN_ROWS, "shares": SHARES},
    ),
)
