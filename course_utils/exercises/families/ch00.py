"""Other forms of chapter 0's exercises."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch.utils.data import BatchSampler

from course_utils.exercises.ch00 import ACCURACY, BATCHES
from course_utils.exercises.core import Family, Mistake
from course_utils.exercises.families.pieces import as_in_the_book, behind, kept

# --- 00.1: which axis belongs to the classes, and whether the most or the least wins ----------


def _turned(scores, labels):
    return scores.T, labels


def _negated(distances, labels):
    return -distances, labels


CLASSES_FIRST = replace(
    ACCURACY,
    title="Accuracy from scores, classes first",
    cases=lambda rng: [_turned(*case) for case in ACCURACY.cases(rng)],
    oracle=lambda scores, labels: ACCURACY.oracle(scores.T, labels),
    mistakes=(
        Mistake(
            "as in the book",
            lambda scores, labels: np.mean(scores.argmax(axis=1) == labels),
            "You look for the largest score of each row. In this array a row belongs to a class "
            "and a column to a picture.",
        ),
        *behind(_turned, kept(ACCURACY, "count instead of share", "percent", "error rate")),
    ),
)

DISTANCES = replace(
    ACCURACY,
    title="Accuracy from distances",
    cases=lambda rng: [(6 - scores, labels) for scores, labels in ACCURACY.cases(rng)],
    oracle=lambda distances, labels: ACCURACY.oracle(-distances, labels),
    mistakes=(
        as_in_the_book(
            ACCURACY,
            "You let the largest number win, as if these were scores. They are distances: the "
            "class that is nearest wins.",
        ),
        Mistake(
            "axis swapped",
            lambda distances, labels: np.mean(distances.argmin(axis=0) == labels),
            "You look for the smallest distance down each column, that is, for the best picture "
            "of each class. A row belongs to a picture.",
        ),
        *behind(_negated, kept(ACCURACY, "count instead of share", "percent", "error rate")),
    ),
)

# --- 00.4: what becomes of the batch that is not full -----------------------------------------

FULL_ONLY = replace(
    BATCHES,
    title="Cut an epoch into full batches",
    oracle=lambda order, size: [
        np.array(batch) for batch in BatchSampler(order.tolist(), size, drop_last=True)
    ],
    mistakes=(
        as_in_the_book(
            BATCHES,
            "Your last batch may be smaller than the others. Here only full batches count, and "
            "what is left over is not used in this epoch.",
        ),
        Mistake(
            "order ignored",
            lambda order, size: [
                np.arange(i, i + size) for i in range(0, len(order) - size + 1, size)
            ],
            "You count 0, 1, 2, … instead of following the shuffled order that you are given.",
        ),
        Mistake(
            "overlapping batches",
            lambda order, size: [order[i : i + size] for i in range(len(order) - size + 1)],
            "You start a new batch at every picture, so that pictures come up more than once in "
            "an epoch. The next batch starts where the last one ended.",
        ),
        Mistake(
            "first ones dropped",
            lambda order, size: [
                order[i : i + size] for i in range(len(order) % size, len(order), size)
            ],
            "Your batches are full, but you leave out the first pictures of the order. Begin with "
            "the first, and leave out what remains at the end.",
        ),
        Mistake(
            "last full batch dropped",
            lambda order, size: [order[i : i + size] for i in range(0, len(order) - size, size)],
            "Where the batches fit exactly you lose the last one. Look at where your range stops.",
        ),
        *kept(BATCHES, "number of batches"),
    ),
)


def _backwards(order, size):
    pieces = torch.from_numpy(order[::-1].copy()).split(size)
    return [piece.flip(0) for piece in reversed(pieces)]


SHORT_FIRST = replace(
    BATCHES,
    title="Cut an epoch into batches, the short one first",
    oracle=_backwards,
    mistakes=(
        as_in_the_book(
            BATCHES,
            "Your short batch comes last. Here the first batch takes what does not fill one, and "
            "all after it are full.",
        ),
        Mistake(
            "batches in reverse",
            lambda order, size: BATCHES.oracle(order, size)[::-1],
            "You cut as usual and turned the list round. The pictures are to stay in the order "
            "given; only the cuts move.",
        ),
        Mistake(
            "pictures in reverse",
            lambda order, size: BATCHES.oracle(order[::-1].copy(), size)[::-1],
            "You cut from the back, which puts the cuts where they belong, but inside the batches "
            "the pictures now run backwards.",
        ),
        Mistake(
            "short batch dropped",
            lambda order, size: [b for b in _backwards(order, size) if len(b) == size],
            "You leave out what does not fill a batch. In an epoch every picture is used once.",
        ),
        Mistake(
            "empty batch at the start",
            lambda order, size: [
                order[: len(order) % size],
                *(order[i : i + size] for i in range(len(order) % size, len(order), size)),
            ],
            "Where the batches fit exactly you begin with an empty one.",
        ),
        *kept(BATCHES, "number of batches"),
    ),
)

FAMILIES = (
    Family(
        book="scores",
        members={"scores": ACCURACY, "classes-first": CLASSES_FIRST, "distances": DISTANCES},
    ),
    Family(
        book="short-last",
        members={"short-last": BATCHES, "full-only": FULL_ONLY, "short-first": SHORT_FIRST},
    ),
)
