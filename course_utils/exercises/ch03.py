"""Exercises of chapter 3: the neocognitron."""

from __future__ import annotations

from itertools import product

import numpy as np

from course_utils.exercises.core import Exercise, Mistake

# --- 03.1 -----------------------------------------------------------------------------------


def _s_cases(rng):
    fixed = [
        (
            np.array([1.0, 0.0, 1.0]),
            np.array([2.0, 0.0, 2.0]),
            1.0,
            np.array([0.25, 0.5, 0.25]),
            4.0,
        ),
        (np.array([1.0, 2.0]), np.array([3.0, 1.0]), 2.0, np.array([0.5, 0.5]), 1.5),
        (np.array([1.0, 2.0]), np.array([0.5, 0.1]), 3.0, np.array([0.5, 0.5]), 1.5),
        (np.array([0.0, 0.0]), np.array([1.0, 1.0]), 1.0, np.array([0.5, 0.5]), 4.0),
    ]
    drawn = [
        (rng.random(shape), 4 * rng.random(shape), float(b), np.full(shape, 1 / np.prod(shape)), r)
        for shape, b, r in (((5,), 0.5, 4.0), ((3, 3), 2.0, 1.5), ((2, 3, 3), 1.0, 4.0))
    ]
    return fixed + drawn


def _as_relu(u, a, b, c, r):
    """The rearranged form, with NumPy's weighted mean for the inhibitory cell."""
    rms = float(np.sqrt(np.average(u**2, weights=c) * c.sum()))
    h = 2 * r * b * rms / (1 + r)
    return float(r * max(np.vdot(a, u) - h, 0) / (1 + h))


def _s_with(inhibition=None, response=None):
    """An S-cell with one part replaced by a wrong one."""
    inhibition = inhibition or (lambda u, b, c, r: 2 * r / (1 + r) * b * np.sqrt((c * u**2).sum()))
    response = response or (lambda e, h, r: r * max((1 + e) / (1 + h) - 1, 0))

    def cell(u, a, b, c, r):
        return float(response((a * u).sum(), inhibition(u, b, c, r), r))

    return cell


S_CELL = Exercise(
    id="03.1",
    title="One S-cell",
    points=1,
    minutes=10,
    trains="excitation, shunting inhibition, selectivity",
    cases=_s_cases,
    oracle=_as_relu,
    mistakes=(
        Mistake(
            "the selectivity left out of the inhibition",
            _s_with(inhibition=lambda u, b, c, r: b * np.sqrt((c * u**2).sum())),
            "Your inhibition is b v. The factor 2r / (1 + r) in front of it sets how similar a "
            "picture must be before the cell answers.",
        ),
        Mistake(
            "no r in front",
            _s_with(response=lambda e, h, r: max((1 + e) / (1 + h) - 1, 0)),
            "Your response is too small by the factor r: it also stands in front of the ReLU.",
        ),
        Mistake(
            "the fixed weights left out",
            _s_with(inhibition=lambda u, b, c, r: 2 * r / (1 + r) * b * np.sqrt((u**2).sum())),
            "Your inhibitory cell adds up the squares without the weights c, so it is too strong.",
        ),
        Mistake(
            "no root",
            _s_with(inhibition=lambda u, b, c, r: 2 * r / (1 + r) * b * (c * u**2).sum()),
            "Your inhibitory cell returns the mean square. Without the root it grows faster than "
            "the excitation when the picture gets brighter.",
        ),
        Mistake(
            "plain mean for the inhibitory cell",
            _s_with(inhibition=lambda u, b, c, r: 2 * r / (1 + r) * b * (c * u).sum()),
            "Your inhibitory cell takes the weighted mean of u. It should be the root of the "
            "weighted mean of the squares.",
        ),
        Mistake(
            "subtracted instead of divided",
            _s_with(response=lambda e, h, r: r * max(e - h, 0)),
            "You subtracted the inhibition and stopped there. Fukushima's cell divides: the "
            "difference still has to be divided by 1 + h.",
        ),
        Mistake(
            "one forgotten after the division",
            _s_with(response=lambda e, h, r: r * (1 + e) / (1 + h)),
            "Your cell answers in the dark too: without input the ratio is 1. Subtract that 1 "
            "before the ReLU.",
        ),
        Mistake(
            "not rectified",
            _s_with(response=lambda e, h, r: r * ((1 + e) / (1 + h) - 1)),
            "Your answer can be negative, where inhibition wins. A cell is then silent: 0.",
        ),
    ),
)

# --- 03.2 -----------------------------------------------------------------------------------


def _c_cases(rng):
    fixed = [
        (np.array([[2.0, 2.0], [0.0, 0.0]]), np.array([0.5, 0.5]), 0.5),
        (np.array([[4.0, 0.0], [0.0, 2.0], [0.0, 0.0]]), np.array([0.75, 0.25]), 0.5),
        (np.array([[9.0], [0.0], [0.0], [0.0]]), np.array([1.0]), 0.5),
    ]
    drawn = [
        (3 * rng.random((k, n)), rng.random(n), alpha)
        for k, n, alpha in ((3, 4, 0.5), (5, 9, 1.0), (6, 25, 0.5))
    ]
    return fixed + drawn


def _c_by_fractions(u, d, alpha):
    """psi as 1 / (1 + alpha / x), and only where the plane beats the mean plane."""
    sums = np.einsum("kn,n->k", u, d)
    mean = float(np.mean(sums))
    answer = np.zeros(len(u))
    above = sums > mean
    answer[above] = 1 / (1 + alpha * (1 + mean) / (sums[above] - mean))
    return answer


def _saturated(x, alpha):
    return np.maximum(x, 0) / (alpha + np.maximum(x, 0))


def _c_with(mean=None, psi=None, gather=None):
    gather = gather or (lambda u, d: u @ d)
    mean = mean or (lambda sums, u, d: sums.mean())
    psi = psi or _saturated

    def cells(u, d, alpha):
        sums = gather(u, d)
        return psi((1 + sums) / (1 + mean(sums, u, d)) - 1, alpha)

    return cells


C_CELLS = Exercise(
    id="03.2",
    title="C-cells that compare planes",
    points=2,
    minutes=10,
    trains="lateral inhibition and saturation",
    cases=_c_cases,
    oracle=_c_by_fractions,
    mistakes=(
        Mistake(
            "ReLU after the fraction",
            _c_with(psi=lambda x, alpha: np.maximum(x / (alpha + x), 0)),
            "You rectified the fraction x / (alpha + x). For x below -alpha both of its parts are "
            "negative, and silent cells shout. Rectify x first.",
        ),
        Mistake(
            "the ones left out",
            lambda u, d, alpha: _saturated(u @ d / (u @ d).mean() - 1, alpha),
            "You divided the plain sums. A one is added above and below the fraction line first.",
        ),
        Mistake(
            "not saturated",
            _c_with(psi=lambda x, alpha: np.maximum(x, 0)),
            "Your responses grow without limit. The last step psi keeps them below 1.",
        ),
        Mistake(
            "sum over the planes",
            _c_with(mean=lambda sums, u, d: sums.sum()),
            "You inhibited with the sum of all planes. Then hardly any plane can win; v_S is their "
            "mean.",
        ),
        Mistake(
            "each plane inhibits itself",
            _c_with(mean=lambda sums, u, d: u.mean(axis=1)),
            "Your v_S averages over the places of the same plane. It should average over the "
            "planes: a C-cell compares its plane with the others.",
        ),
        Mistake(
            "no inhibition",
            _c_with(mean=lambda sums, u, d: 0.0),
            "In your layer every plane with any response answers. Where is the division by "
            "1 + v_S?",
        ),
        Mistake(
            "maximum of the area",
            _c_with(gather=lambda u, d: u.max(axis=1)),
            "You took the maximum of each area: that is the modern reading. Fukushima's cell adds "
            "up, with the weights d.",
        ),
    ),
)

# --- 03.3 -----------------------------------------------------------------------------------


def _learn_cases(rng):
    fixed = [
        (np.zeros((1, 1, 1)), 0.0, np.array([[[3.0]]]), np.array([[0.25]]), 2.0),
        (
            np.ones((2, 1, 1)),
            1.0,
            np.array([[[3.0]], [[4.0]]]),
            np.array([[0.5]]),
            16.0,
        ),
    ]
    drawn = [
        (rng.random((k, n, n)), float(rng.random()), rng.random((k, n, n)), rng.random((n, n)), q)
        for k, n, q in ((1, 3, 1.0), (3, 2, 16.0), (4, 5, 16.0))
    ]
    return fixed + drawn


def _learn_by_loops(a, b, u, c, q):
    new, square = np.array(a, dtype=float), 0.0
    for kappa, i, j in np.ndindex(*u.shape):
        new[kappa, i, j] += q * c[i, j] * u[kappa, i, j]
        square += c[i, j] * u[kappa, i, j] ** 2
    return [new, float(b + 0.5 * q * square**0.5)]


def _learn_with(delta_a=None, delta_b=None):
    delta_a = delta_a or (lambda a, b, u, c, q: q * c * u)
    delta_b = delta_b or (lambda u, c, q: q / 2 * np.sqrt((c * u**2).sum()))

    def lesson(a, b, u, c, q):
        return a + delta_a(a, b, u, c, q), float(b + delta_b(u, c, q))

    return lesson


LEARN = Exercise(
    id="03.3",
    title="What the winner learns",
    points=2,
    minutes=10,
    trains="the reinforcement of a and b",
    cases=_learn_cases,
    oracle=_learn_by_loops,
    mistakes=(
        Mistake(
            "the plain Hebb product",
            _learn_with(delta_a=lambda a, b, u, c, q: q * c * u * (a * u).sum()),
            "Your change of a is proportional to the winner's excitation. In Fukushima's rule the "
            "winner learns what it sees, however weakly it answered.",
        ),
        Mistake(
            "the fixed weights left out",
            _learn_with(delta_a=lambda a, b, u, c, q: q * u),
            "You added q u. The change is also weighted with c, which counts the middle of the "
            "area more.",
        ),
        Mistake(
            "b learns twice as fast",
            _learn_with(delta_b=lambda u, c, q: q * np.sqrt((c * u**2).sum())),
            "Your b grows by q v. It should grow by half of that.",
        ),
        Mistake(
            "no root in b",
            _learn_with(delta_b=lambda u, c, q: q / 2 * (c * u**2).sum()),
            "Your b learns the mean square of the input. The inhibitory cell takes its root.",
        ),
        Mistake(
            "one inhibitory cell a plane below",
            _learn_with(delta_b=lambda u, c, q: q / 2 * np.sqrt((c * u**2).sum(axis=(1, 2))).sum()),
            "You took a root for each plane below and added them. There is one inhibitory cell, "
            "and its sum runs over all planes before the root.",
        ),
        Mistake(
            "old weights forgotten",
            lambda a, b, u, c, q: (q * c * u, float(q / 2 * np.sqrt((c * u**2).sum()))),
            "You returned the changes. The new weights are the old ones plus the changes.",
        ),
    ),
)

# --- 03.4 -----------------------------------------------------------------------------------


def _column_cases(rng):
    worked = np.array(
        [
            [[0.0, 0.9, 0.0], [0.0, 0.0, 0.0], [0.2, 0.0, 0.8]],
            [[0.1, 0.0, 0.0], [0.5, 0.0, 0.0], [0.0, 0.0, 0.0]],
        ]
    )
    lonely = np.zeros((3, 4, 4))
    lonely[1, 0, 3] = 1.0
    drawn = [
        (np.maximum(rng.normal(-0.2, 1, (k, n, n)), 0), column)
        for k, n, column in ((2, 4, 2), (3, 5, 2), (4, 6, 3), (3, 7, 3), (5, 8, 5))
    ]
    return [(worked, 2), (lonely, 2), (np.zeros((2, 3, 3)), 2), *drawn]


def _rows(places):
    return np.array(sorted(places), dtype=int).reshape(-1, 3)


def _by_elimination(u, column):
    """A cell is a candidate if some window around it holds none stronger."""
    planes, side, _ = u.shape
    candidates = []
    for k, i, j in zip(*np.nonzero(u > 0), strict=True):
        tops = range(max(0, i - column + 1), min(i, side - column) + 1)
        lefts = range(max(0, j - column + 1), min(j, side - column) + 1)
        if any(
            u[:, t : t + column, x : x + column].max() <= u[k, i, j] for t in tops for x in lefts
        ):
            candidates.append((u[k, i, j], int(k), int(i), int(j)))
    best = {k: (k, i, j) for _, k, i, j in sorted(candidates)}  # the strongest comes last
    return _rows(best.values())


def _candidates(u, column, stride=1, least=0.0):
    found = set()
    for i, j in product(range(0, u.shape[1] - column + 1, stride), repeat=2):
        block = u[:, i : i + column, j : j + column]
        k, y, x = np.unravel_index(block.argmax(), block.shape)
        if block[k, y, x] > least:
            found.add((int(k), i + int(y), j + int(x)))
    return found


def _strongest_of_each_plane(u, places):
    best = {}
    for place in places:
        if place[0] not in best or u[place] > u[best[place[0]]]:
            best[place[0]] = place
    return _rows(best.values())


def _argmax_of_planes(u, column):
    places = [(k, *np.unravel_index(plane.argmax(), plane.shape)) for k, plane in enumerate(u)]
    return _rows([tuple(map(int, p)) for p in places if u[p] > 0])


def _first_candidate(u, column):
    best = {}
    for place in sorted(_candidates(u, column)):
        best.setdefault(place[0], place)
    return _rows(best.values())


def _one_winner(u, column):
    place = tuple(int(x) for x in np.unravel_index(u.argmax(), u.shape))
    return _rows([place] if u[place] > 0 else [])


REPRESENTATIVES = Exercise(
    id="03.4",
    title="Who may learn?",
    points=3,
    minutes=25,
    trains="competition in columns and in planes",
    cases=_column_cases,
    oracle=_by_elimination,
    mistakes=(
        Mistake(
            "several a plane",
            lambda u, column: _rows(_candidates(u, column)),
            "You returned all candidates. A plane may have several; only its strongest one may "
            "learn, or the plane would learn several things.",
        ),
        Mistake(
            "no competition between planes",
            _argmax_of_planes,
            "You took the strongest cell of every plane. First it has to win its column against "
            "the cells of all other planes; a plane without such a cell learns nothing.",
        ),
        Mistake(
            "columns side by side",
            lambda u, column: _strongest_of_each_plane(u, _candidates(u, column, stride=column)),
            "Your columns do not overlap: you moved on by a whole column. There is one column at "
            "every place where it fits.",
        ),
        Mistake(
            "a single winner",
            _one_winner,
            "You let only one cell of the whole layer learn. Every column has a candidate, and "
            "every plane may have a representative.",
        ),
        Mistake(
            "silent cells learn",
            lambda u, column: _strongest_of_each_plane(u, _candidates(u, column, least=-1.0)),
            "You let silent cells learn: in a column where no cell answers there is no candidate.",
        ),
        Mistake(
            "the first candidate instead of the strongest",
            _first_candidate,
            "Of several candidates of a plane you kept the first that you met. The strongest one "
            "is the representative.",
        ),
    ),
)

EXERCISES = (S_CELL, C_CELLS, LEARN, REPRESENTATIVES)
