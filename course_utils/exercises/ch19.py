"""Exercises of chapter 19: fooling and remembering."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from scipy.optimize import linprog
from sklearn.neighbors import KNeighborsClassifier

from course_utils.exercises.core import Exercise, Mistake

# --- 19.1 -----------------------------------------------------------------------------------


def _step_cases(rng):
    fixed = (np.array([[0.0, 100.0], [250.0, 255.0]]), np.array([[-0.5, 0.01], [3.0, -2.0]]), 8.0)
    drawn = []
    for shape, size in (((3, 3), 2.0), ((4, 5), 16.0), ((2, 3, 3), 1.0), ((6, 6), 60.0)):
        pixels = rng.integers(0, 256, size=shape).astype(float)
        gradient = rng.normal(size=shape) * 10.0 ** rng.integers(-6, 3, size=shape)
        gradient[0, 0] = 0.0
        drawn.append((pixels, gradient, size))
    return [fixed, *drawn]


def _step_by_optimiser(pixels, gradient, size):
    """SGD with `maximize` on the sign of the gradient, kept in the box by hardtanh."""
    x = torch.tensor(pixels, requires_grad=True)
    x.grad = torch.sign(torch.from_numpy(gradient))
    torch.optim.SGD([x], lr=size, maximize=True).step()
    return F.hardtanh(x.detach(), 0.0, 255.0).numpy()


def _step(pixels, direction, size, low=0.0, high=255.0):
    return np.clip(pixels + size * direction, low, high)


STEP = Exercise(
    id="19.1",
    title="One step of the fast gradient sign method",
    points=1,
    minutes=5,
    trains="the sign step, and pixels that stay pixels",
    cases=_step_cases,
    oracle=_step_by_optimiser,
    mistakes=(
        Mistake(
            "pixels not cut",
            lambda pixels, gradient, size: pixels + size * np.sign(gradient),
            "Some of your pixels lie outside of 0 to 255. No camera makes such an image.",
        ),
        Mistake(
            "down the loss",
            lambda pixels, gradient, size: _step(pixels, -np.sign(gradient), size),
            "You go down the loss, as in training. Here the loss has to grow.",
        ),
        Mistake(
            "gradient without its sign",
            lambda pixels, gradient, size: _step(pixels, gradient, size),
            "You step along the gradient itself. Every pixel has the same budget: what counts is "
            "only whether it goes up or down.",
        ),
        Mistake(
            "gradient made of length one",
            lambda pixels, gradient, size: _step(pixels, gradient / np.linalg.norm(gradient), size),
            "Your step has a fixed Euclidean length. Asked for is a fixed size in every pixel.",
        ),
        Mistake(
            "step cut, not pixels",
            lambda pixels, gradient, size: pixels + np.clip(size * np.sign(gradient), 0, 255),
            "You cut the step. It is the new image that has to lie from 0 to 255.",
        ),
        Mistake(
            "cut at one",
            lambda pixels, gradient, size: _step(pixels, np.sign(gradient), size, high=1.0),
            "You cut at 1. These pixels are on the scale from 0 to 255.",
        ),
        Mistake(
            "up where the gradient is zero",
            lambda pixels, gradient, size: _step(pixels, np.where(gradient >= 0, 1, -1), size),
            "You move pixels whose gradient is zero. They do not change the loss, so they stay.",
        ),
    ),
)

# --- 19.2 -----------------------------------------------------------------------------------


def _precision_cases(rng):
    fixed = (
        np.array([[4.0, 1.0, 3.0, 2.0], [1.0, 2.0, 3.0, 4.0]]),
        np.array([0, 1]),
        np.array([0, 0, 1, 1]),
        2,
    )
    drawn = []
    for queries, references, classes, k in (
        (3, 6, 2, 1),
        (4, 9, 3, 3),
        (6, 20, 4, 5),
        (5, 8, 2, 8),
    ):
        distances = rng.permuted(np.arange(queries * references)).reshape(queries, references)
        drawn.append(
            (
                distances + 0.5,
                rng.integers(0, classes, queries),
                rng.integers(0, classes, references),
                k,
            )
        )
    return [fixed, *drawn]


def _precision_by_sklearn(distances, query_labels, labels, k):
    """A k-nearest-neighbour classifier's probability of the query's own class is the share."""
    model = KNeighborsClassifier(n_neighbors=k, metric="precomputed")
    model.fit(np.zeros((len(labels), len(labels))), labels)
    chances = model.predict_proba(distances)
    columns = {label: column for column, label in enumerate(model.classes_)}
    return np.array(
        [
            chances[row, columns[label]] if label in columns else 0.0
            for row, label in enumerate(query_labels)
        ]
    )


def _hits(distances, query_labels, labels, k):
    nearest = np.argsort(distances, axis=1, kind="stable")[:, :k]
    return labels[nearest] == query_labels[:, None]


def _recall(distances, query_labels, labels, k):
    found = _hits(distances, query_labels, labels, k).sum(axis=1)
    there = (labels[None] == query_labels[:, None]).sum(axis=1)
    return found / np.maximum(there, 1)


def _without_first(distances, query_labels, labels, k):
    return _hits(distances, query_labels, labels, k + 1)[:, 1:].mean(axis=1)


PRECISION = Exercise(
    id="19.2",
    title="Precision at k",
    points=2,
    minutes=10,
    trains="sorting distances, and counting neighbours of the own class",
    cases=_precision_cases,
    oracle=_precision_by_sklearn,
    mistakes=(
        Mistake(
            "farthest",
            lambda distances, *case: _hits(-distances, *case).mean(axis=1),
            "You take the references that are farthest away. Small distances come first.",
        ),
        Mistake(
            "any neighbour is enough",
            lambda *case: _hits(*case).any(axis=1).astype(float),
            "You ask whether at least one neighbour has the class. Precision is the share of the "
            "k that have it.",
        ),
        Mistake(
            "majority vote",
            lambda *case: (_hits(*case).mean(axis=1) > 0.5).astype(float),
            "You let the neighbours vote. Precision is the share itself, not whether it is large.",
        ),
        Mistake(
            "recall",
            _recall,
            "You divide by how many references of the class there are. That is recall; precision "
            "divides by k.",
        ),
        Mistake(
            "first neighbour dropped",
            _without_first,
            "You leave out the nearest one. That is right where a query is among the references "
            "itself; here it is not.",
        ),
        Mistake(
            "count, not share",
            lambda *case: _hits(*case).sum(axis=1).astype(float),
            "You return how many of the neighbours have the class. Divide by k.",
        ),
        Mistake(
            "one number for all queries",
            lambda *case: _hits(*case).mean(),
            "You return the mean over all queries. Asked for is one number for each.",
        ),
    ),
)

# --- 19.3 -----------------------------------------------------------------------------------


def _linear_cases(rng):
    fixed = (np.array([1.0, -2.0, 1.0]), 0.0, np.array([3.0, 1.0, 3.0]))
    drawn = []
    for n in (2, 5, 8, 20):
        drawn.append((rng.normal(size=n), float(rng.normal()), 3 * rng.normal(size=n)))
    below = (np.array([1.0, 1.0]), -5.0, np.array([1.0, 2.0]))
    return [fixed, below, *drawn]


def _smallest_by_programme(w, b, x):
    """The least size for which some perturbation within it brings the score to zero."""
    n = len(w)
    cost = np.append(np.zeros(n), 1.0)  # the perturbation d, then its size
    ones = np.ones((n, 1))
    within = np.block([[np.eye(n), -ones], [-np.eye(n), -ones]])  # d <= size, -d <= size
    found = linprog(
        cost,
        A_ub=within,
        b_ub=np.zeros(2 * n),
        A_eq=np.append(w, 0.0)[None],
        b_eq=[-(w @ x + b)],
        bounds=[(None, None)] * n + [(0, None)],
    )
    return float(found.fun)


LINEAR = Exercise(
    id="19.3",
    title="How small a step fools a line",
    points=2,
    minutes=10,
    trains="the dual of the maximum norm",
    cases=_linear_cases,
    oracle=_smallest_by_programme,
    rtol=1e-5,
    atol=1e-7,
    mistakes=(
        Mistake(
            "Euclidean distance",
            lambda w, b, x: abs(w @ x + b) / np.linalg.norm(w),
            "That is the Euclidean distance to the boundary. If every number may change by "
            "epsilon, which change moves the score most, and by how much?",
        ),
        Mistake(
            "largest weight only",
            lambda w, b, x: abs(w @ x + b) / np.abs(w).max(),
            "You change one number only. All of them may change at once.",
        ),
        Mistake(
            "bias forgotten",
            lambda w, b, x: abs(w @ x) / np.abs(w).sum(),
            "Your score has no bias.",
        ),
        Mistake(
            "sign of the score kept",
            lambda w, b, x: (w @ x + b) / np.abs(w).sum(),
            "A size is not negative, on whichever side of the boundary x lies.",
        ),
        Mistake(
            "signs of the weights kept",
            lambda w, b, x: abs(w @ x + b) / abs(w.sum()),
            "You move every number in the same direction. Where a weight is negative the number "
            "has to go the other way.",
        ),
        Mistake(
            "mean weight",
            lambda w, b, x: abs(w @ x + b) / np.abs(w).mean(),
            "You divide by the mean weight. The changes add up over all n numbers.",
        ),
    ),
)

# --- 19.4 -----------------------------------------------------------------------------------


def _occlusion_cases(rng):
    image = np.arange(9.0).reshape(3, 3)
    fixed = (image, np.ones((3, 3)), 2, 1, 0.0)
    drawn = []
    for (h, w), size, stride, fill in (
        ((4, 4), 2, 2, 0.0),
        ((5, 6), 2, 1, 1.5),
        ((6, 7), 3, 2, -1.0),
        ((5, 5), 5, 1, 0.5),
    ):
        image = rng.normal(size=(h, w)) + 1
        weights = rng.normal(size=(h, w))
        weights *= np.sign((weights * image).sum())  # so that the whole image has a score
        drawn.append((image, weights, size, stride, fill))
    return [fixed, *drawn]


def _occlusion_by_pooling(image, weights, size, stride, fill):
    """The score is linear before its ReLU, so what a square takes away is a sum under it."""
    taken = torch.from_numpy(weights * (image - fill))[None, None]
    under = F.avg_pool2d(taken, size, stride, divisor_override=1)[0, 0].numpy()
    whole = (weights * image).sum()
    return np.maximum(whole, 0) - np.maximum(whole - under, 0)


def _map(image, weights, size, stride, places=0, cover=None, answer=None):
    """A map by brute force, with what differs between right and wrong answers as functions."""
    rows = range(0, image.shape[0] - size + 1 + places, stride)
    columns = range(0, image.shape[1] - size + 1 + places, stride)
    whole = max((weights * image).sum(), 0)
    found = np.empty((len(rows), len(columns)))
    for i, top in enumerate(rows):
        for j, left in enumerate(columns):
            covered = image.copy()
            square = (slice(top, top + size), slice(left, left + size))
            cover(covered, square)
            found[i, j] = answer(whole, max((weights * covered).sum(), 0))
    return found


def _fills(fill):
    def cover(image, square):
        image[square] = fill

    return cover


def _drop(whole, covered):
    return whole - covered


def _all_but_the_square(fill):
    def cover(image, square):
        kept = image[square].copy()
        image[:] = fill
        image[square] = kept

    return cover


def _accumulating(image, weights, size, stride, fill):
    """One image for all places: earlier squares stay."""
    shared = image.copy()

    def cover(covered, square):
        shared[square] = fill
        covered[:] = shared

    return _map(image, weights, size, stride, cover=cover, answer=_drop)


OCCLUSION = Exercise(
    id="19.4",
    title="An occlusion map by brute force",
    points=2,
    minutes=15,
    trains="moving a square and measuring what it takes away",
    cases=_occlusion_cases,
    oracle=_occlusion_by_pooling,
    rtol=1e-6,
    atol=1e-8,
    mistakes=(
        Mistake(
            "score, not drop",
            lambda image, weights, size, stride, fill: _map(
                image, weights, size, stride, cover=_fills(fill), answer=lambda a, b: b
            ),
            "You return the score of the covered image. Asked for is how much the square takes "
            "away.",
        ),
        Mistake(
            "sign exchanged",
            lambda image, weights, size, stride, fill: _map(
                image, weights, size, stride, cover=_fills(fill), answer=lambda a, b: b - a
            ),
            "Your map is negative where the square takes something away.",
        ),
        Mistake(
            "covered with zeros",
            lambda image, weights, size, stride, fill: _map(
                image, weights, size, stride, cover=_fills(0.0), answer=_drop
            ),
            "You cover with 0. The square holds `fill`.",
        ),
        Mistake(
            "square kept, rest covered",
            lambda image, weights, size, stride, fill: _map(
                image, weights, size, stride, cover=_all_but_the_square(fill), answer=_drop
            ),
            "You cover everything but the square.",
        ),
        Mistake(
            "squares stay",
            _accumulating,
            "Your squares pile up: you change one image again and again. Each place needs a "
            "fresh copy.",
        ),
        Mistake(
            "stride one",
            lambda image, weights, size, stride, fill: _map(
                image, weights, size, 1, cover=_fills(fill), answer=_drop
            ),
            "You move the square by one pixel each time. It moves by `stride`.",
        ),
        Mistake(
            "squares over the border",
            lambda image, weights, size, stride, fill: _map(
                image, weights, size, stride, size - 1, cover=_fills(fill), answer=_drop
            ),
            "Some of your squares hang over the border. Use only places where the whole square "
            "fits.",
        ),
    ),
)

# --- 19.5 -----------------------------------------------------------------------------------


def _selection_cases(rng):
    fixed = (
        np.array([[0.0, 0.0], [1.0, 1.0]]),
        np.array([0.2, 0.6]),
        np.array([[5.0, 5.0], [7.0, 7.0], [9.0, 9.0]]),
        np.array([[0.5, 0.5], [0.9, 0.1], [0.4, 0.6]]),
    )
    one_child = (
        np.zeros((3, 2)),
        np.full(3, 0.1),
        np.array([[4.0, 2.0]]),
        np.array([[0.5, 0.3, 0.2]]),  # takes all three places
    )
    drawn = []
    for classes, count, length in ((2, 4, 3), (3, 5, 2), (4, 3, 4), (5, 8, 2)):
        chances = rng.dirichlet(np.ones(classes), size=count)
        best = rng.uniform(0.2, 0.7, size=classes)
        best[0] = chances[:, 0].max()  # no better than the champion: it stays
        drawn.append(
            (rng.normal(size=(classes, length)), best, rng.normal(size=(count, length)), chances)
        )
    return [fixed, one_child, *drawn]


def _selected_by_order(champions, best, children, chances):
    """Champions stand first in the crowd, so that the first maximum keeps them at a tie."""
    found, numbers = np.empty_like(champions), np.empty_like(best)
    for k in range(len(best)):
        crowd = [(float(chances[n, k]), -1 - n, tuple(child)) for n, child in enumerate(children)]
        chance, _, genome = max([*crowd, (float(best[k]), 0, tuple(champions[k]))])
        found[k], numbers[k] = genome, chance
    return found, numbers


def _replaced(champions, best, children, chances, allowed):
    """Champions replaced, place by place, where `allowed(k, n)` lets child n compete for k."""
    champions, best = champions.copy(), best.copy()
    for k in range(len(best)):
        for n in range(len(children)):
            if allowed(k, n, best):
                champions[k], best[k] = children[n], chances[n, k]
    return champions, best


def _own_class_only(champions, best, children, chances):
    def allowed(k, n, now):
        return chances[n].argmax() == k and chances[n, k] > now[k]

    return _replaced(champions, best, children, chances, allowed)


def _last_better(champions, best, children, chances):
    return _replaced(champions, best, children, chances, lambda k, n, now: chances[n, k] > best[k])


def _at_ties_too(champions, best, children, chances):
    return _replaced(champions, best, children, chances, lambda k, n, now: chances[n, k] >= now[k])


def _always(champions, best, children, chances):
    return children[chances.argmax(axis=0)], chances.max(axis=0)


def _stale(champions, best, children, chances):
    return _selected_by_order(champions, best, children, chances)[0], best.copy()


SELECTION = Exercise(
    id="19.5",
    title="Selection among images",
    points=3,
    minutes=20,
    trains="evolution with a place for every class",
    cases=_selection_cases,
    oracle=_selected_by_order,
    mistakes=(
        Mistake(
            "only the class it is taken for",
            _own_class_only,
            "You let a child compete only for the class that the network takes it for. It may "
            "take any place whose champion it beats, several ones too.",
        ),
        Mistake(
            "the last better one",
            _last_better,
            "Several children may beat a champion. You keep the last of them, not the best.",
        ),
        Mistake(
            "replaced at ties",
            _at_ties_too,
            "You replace a champion by a child that is no better. At a tie it stays.",
        ),
        Mistake(
            "replaced always",
            _always,
            "You keep the best child even where the champion is better. Then a place can lose "
            "what it had.",
        ),
        Mistake(
            "old confidences",
            _stale,
            "Your champions are new, but the confidences that you return are the old ones.",
        ),
    ),
)

EXERCISES = (STEP, PRECISION, LINEAR, OCCLUSION, SELECTION)
