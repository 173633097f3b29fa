"""Exercises of chapter 8: pooling and subsampling."""

from __future__ import annotations

import math

import numpy as np
import scipy.ndimage
import torch
from torch.nn import functional as F

from course_utils.exercises.core import Exercise, Mistake

# --- 08.1 -----------------------------------------------------------------------------------


def _output_cases(rng):
    fixed = [(5, 2, 2), (4, 2, 2), (5, 3, 1), (2, 1, 3), (112, 3, 2), (9, 2, 4)]
    drawn = []
    for _ in range(6):
        p = int(rng.integers(1, 6))
        drawn.append((int(rng.integers(p, 60)), p, int(rng.integers(1, 8))))
    return [(n, p, d, ceil) for n, p, d in [*fixed, *drawn] for ceil in (False, True)]


def _outputs_from_torch(n, p, d, ceil):
    return F.max_pool1d(torch.zeros(1, 1, n), p, d, ceil_mode=ceil).shape[-1]


def _printed(n, p, d, ceil):
    return (math.ceil if ceil else math.floor)((n - p) / d) + 1


OUTPUTS = Exercise(
    id="08.1",
    title="How many windows?",
    points=1,
    minutes=5,
    trains="floor, ceil, and where the last window may begin",
    cases=_output_cases,
    oracle=_outputs_from_torch,
    mistakes=(
        Mistake(
            "last window begins beyond the map",
            _printed,
            "Your formula with ceil also counts a last window that begins beyond the map and sees "
            "nothing of it. That can happen where the stride is larger than the window.",
        ),
        Mistake(
            "moves for windows",
            lambda n, p, d, ceil: _outputs_from_torch(n, p, d, ceil) - 1,
            "You count how often the window can move on. It also gives an answer before its first "
            "move.",
        ),
        Mistake(
            "floor and ceil exchanged",
            lambda n, p, d, ceil: _outputs_from_torch(n, p, d, not ceil),
            "You round up where only the windows that fit should count, and down where the last "
            "one may hang over.",
        ),
        Mistake(
            "always floor",
            lambda n, p, d, ceil: _outputs_from_torch(n, p, d, False),
            "You take the floor in both cases. With ceil=True places that are left over at the "
            "end get a window of their own.",
        ),
        Mistake(
            "always one more with ceil",
            lambda n, p, d, ceil: (n - p) // d + 1 + bool(ceil),
            "With ceil=True you add a window even where the windows already reach the last place. "
            "Ceil changes nothing where the stride fits.",
        ),
        Mistake(
            "window forgotten",
            lambda n, p, d, ceil: math.ceil(n / d) if ceil else n // d,
            "Your answer does not depend on p. How far can the first place of a window of p "
            "places go?",
        ),
    ),
)

# --- 08.2 -----------------------------------------------------------------------------------


def _map_cases(rng):
    return [
        (np.array([[3.0, 4.0, 0.0], [0.0, 0.0, 5.0]]), 2, 1),
        (np.array([[3.0, -4.0], [0.0, 0.0]]), 2, 2),
        (rng.normal(size=(6, 6)), 2, 2),
        (rng.normal(size=(7, 5)), 3, 2),
        (rng.normal(size=(5, 8)), 2, 3),
    ]


def _l2_from_torch(x, p, d):
    # The order 2 of a window is the root of its mean square, times the root of its size.
    t = torch.from_numpy(np.asarray(x, dtype=float))[None, None]
    return (p * F.avg_pool2d(t**2, p, d).sqrt())[0, 0].numpy()


def _by_windows(x, p, d, of_window):
    rows, columns = (x.shape[0] - p) // d + 1, (x.shape[1] - p) // d + 1
    y = np.zeros((rows, columns))
    for i, j in np.ndindex(y.shape):
        y[i, j] = of_window(x[i * d : i * d + p, j * d : j * d + p])
    return y


def _blocks_of_d(x, p, d):
    """Blocks of d places in the windows' positions, as the lecture's index has it."""
    rows, columns = (x.shape[0] - p) // d + 1, (x.shape[1] - p) // d + 1
    y = np.zeros((rows, columns))
    for i, j in np.ndindex(y.shape):
        y[i, j] = np.linalg.norm(x[i * d : (i + 1) * d, j * d : (j + 1) * d])
    return y


L2 = Exercise(
    id="08.2",
    title="L2 pooling",
    points=2,
    minutes=10,
    trains="window and stride apart, the norm of a window",
    cases=_map_cases,
    oracle=_l2_from_torch,
    mistakes=(
        Mistake(
            "root forgotten",
            lambda x, p, d: _by_windows(x, p, d, lambda w: (w**2).sum()),
            "Your answers are the squares of the right ones: the root over the sum is missing.",
        ),
        Mistake(
            "mean for sum",
            lambda x, p, d: _by_windows(x, p, d, lambda w: np.sqrt((w**2).mean())),
            "Your answers are too small by a factor p: you took the mean of the squares. "
            "L2 pooling adds them.",
        ),
        Mistake(
            "absolute values added",
            lambda x, p, d: _by_windows(x, p, d, lambda w: np.abs(w).sum()),
            "You added the absolute values. That is the L1 norm; the root of a sum of squares is "
            "another number.",
        ),
        Mistake(
            "maximum",
            lambda x, p, d: _by_windows(x, p, d, np.max),
            "This is max pooling. The L2 norm uses all numbers of the window.",
        ),
        Mistake(
            "stride for window",
            _blocks_of_d,
            "Your windows are d places wide. Their width is p, and d says only where the next one "
            "begins.",
        ),
        Mistake(
            "window for stride",
            lambda x, p, d: _by_windows(x, p, p, np.linalg.norm),
            "Your windows are p places apart. The next one begins d places further on.",
        ),
        Mistake(
            "squares of the sum",
            lambda x, p, d: _by_windows(x, p, d, lambda w: np.sqrt(w.sum() ** 2)),
            "You added first and squared then, so that negative and positive numbers cancel. "
            "Square each number before you add.",
        ),
    ),
)

# --- 08.3 -----------------------------------------------------------------------------------

WEIGHTS = np.array([0.25, 0.5, 0.25])


def _vector_cases(rng):
    return [
        (np.array([0.0, 4.0, 0.0, 4.0, 8.0]),),
        (np.array([4.0, 0.0, 0.0, 0.0]),),
        (np.array([1.0, 2.0]),),
        (rng.normal(size=9),),
        (rng.normal(size=12),),
    ]


def _blurred(x, mode="nearest"):
    return scipy.ndimage.correlate1d(np.asarray(x, dtype=float), WEIGHTS, mode=mode)


BLUR = Exercise(
    id="08.3",
    title="Blur, then subsample",
    points=2,
    minutes=10,
    trains="the order of blurring and subsampling, borders",
    cases=_vector_cases,
    oracle=lambda x: _blurred(x)[::2],
    mistakes=(
        Mistake(
            "subsampled first",
            lambda x: _blurred(x[::2]),
            "You subsampled first and blurred what was left. By then the fine waves have already "
            "turned into coarse ones, and no blur can take them out.",
        ),
        Mistake(
            "no blur",
            lambda x: np.asarray(x, dtype=float)[::2],
            "You kept every second place and blurred nothing.",
        ),
        Mistake(
            "not subsampled",
            _blurred,
            "The blur is right. Every second place of it should be left, from the first on.",
        ),
        Mistake(
            "from the second place on",
            lambda x: _blurred(x)[1::2],
            "You kept the second place, the fourth and so on. The first one is to be kept.",
        ),
        Mistake(
            "zeros beyond the ends",
            lambda x: _blurred(x, "constant")[::2],
            "Your ends are too small, as if zeros stood beyond them. The vector goes on with its "
            "end values.",
        ),
        Mistake(
            "wraps round",
            lambda x: _blurred(x, "wrap")[::2],
            "Beyond each end you find the other end. The vector is not a ring.",
        ),
        Mistake(
            "weights do not sum to one",
            lambda x: 4 * _blurred(x)[::2],
            "Your answers are four times too large: the weights 1, 2, 1 must be divided by their "
            "sum.",
        ),
        Mistake(
            "mean of pairs",
            lambda x: np.array([np.mean(x[i : i + 2]) for i in range(0, len(x), 2)]),
            "That is mean pooling: the mean of two neighbours. The blur has three weights, and "
            "its middle is the place that is kept.",
        ),
    ),
)

# --- 08.4 -----------------------------------------------------------------------------------


def _wave_cases(rng):
    pairs = [(0.3, 2), (0.22, 4), (0.1, 3), (0.41, 5)]
    while len(pairs) < 10:
        hundredths, d = int(rng.integers(1, 50)), int(rng.integers(2, 9))
        if hundredths * d % 50:
            pairs.append((hundredths / 100, d))
    return pairs


def _alike_by_trial(f, d):
    """Try every frequency that could be meant, and compare the samples themselves."""
    n = np.arange(100)
    tried = np.arange(50 * d + 1) / (100 * d)
    samples = np.cos(2 * np.pi * d * tried[:, None] * n)
    same = np.abs(samples - np.cos(2 * np.pi * d * f * n)).max(axis=1) < 1e-6
    return tried[same].tolist()


def _forwards_only(f, d):
    return [g for k in range(-d, d + 1) if 0 <= (g := f + k / d) <= 0.5]


def _up_to_one(f, d):
    alike = _alike_by_trial(f, d)
    return sorted([*alike, *(1 - g for g in alike)])


def _mirrored_at_one_half(f, d):
    """Fold the frequencies as if only every second pixel were kept."""
    return sorted((f, 0.5 - f))


ALIKE = Exercise(
    id="08.4",
    title="Which waves look alike?",
    points=2,
    minutes=15,
    trains="aliasing as folding",
    cases=_wave_cases,
    oracle=_alike_by_trial,
    mistakes=(
        Mistake(
            "forwards only",
            _forwards_only,
            "You added whole cycles only. 0.9 of a cycle forwards also looks like 0.1 backwards, "
            "so the frequencies on the other side of a whole number belong to the list too.",
        ),
        Mistake(
            "the given one missing",
            lambda f, d: [g for g in _alike_by_trial(f, d) if abs(g - f) > 1e-9],
            "One frequency is missing: f itself has the samples of f.",
        ),
        Mistake(
            "in cycles a kept pixel",
            lambda f, d: [g * d for g in _alike_by_trial(f, d)],
            "Your numbers are cycles from one kept pixel to the next. The question asks for "
            "cycles a pixel of the image before we drop pixels.",
        ),
        Mistake(
            "beyond one half",
            _up_to_one,
            "Some of your frequencies are above 0.5 cycles a pixel. The list ends there.",
        ),
        Mistake(
            "every second pixel",
            _mirrored_at_one_half,
            "That is the answer for d = 2, where waves fold at 1/4 cycle a pixel. With a larger d "
            "they fold at 1/(2d), and more of them look alike.",
        ),
        Mistake(
            "largest first",
            lambda f, d: _alike_by_trial(f, d)[::-1],
            "The frequencies are right, but not in the order asked for: smallest first.",
        ),
        Mistake(
            "only the one that is seen",
            lambda f, d: [abs(f * d - round(f * d)) / d],
            "This is the one frequency below 1/(2d), as which the wave is seen. The question asks "
            "for all that give the same samples.",
        ),
    ),
    atol=1e-6,
)

EXERCISES = (OUTPUTS, L2, BLUR, ALIKE)
