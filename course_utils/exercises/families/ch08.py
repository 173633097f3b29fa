"""Other forms of chapter 8's exercises."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import count

import numpy as np
import scipy.ndimage
import torch
from torch.nn import functional as F

from course_utils.exercises.ch08 import BLUR, L2, OUTPUTS
from course_utils.exercises.core import Exercise, Family, Mistake
from course_utils.exercises.families.pieces import as_in_the_book, kept

# --- 08.1: which windows count with ceil ------------------------------------------------------


def _floor(n, p, d):
    return F.max_pool1d(torch.zeros(1, 1, n), p, d).shape[-1]


def _until_the_end_is_reached(n, p, d, ceil):
    if not ceil:
        return _floor(n, p, d)
    return next(windows for windows in count(1) if (windows - 1) * d + p >= n)


CAFFE = replace(
    OUTPUTS,
    title="How many windows, in Caffe?",
    oracle=_until_the_end_is_reached,
    mistakes=(
        as_in_the_book(
            OUTPUTS,
            "You leave out a last window that would begin beyond the map, as PyTorch does. Here "
            "it counts, if the windows before it have not reached the last place.",
        ),
        *kept(OUTPUTS, "always floor", "always one more with ceil", "window forgotten"),
        Mistake(
            "moves for windows",
            lambda *case: _until_the_end_is_reached(*case) - 1,
            "You count how often the window can move on. It also gives an answer before its first "
            "move.",
        ),
        Mistake(
            "floor and ceil exchanged",
            lambda n, p, d, ceil: _until_the_end_is_reached(n, p, d, not ceil),
            "You round up where only the windows that fit should count, and down where the last "
            "one may hang over.",
        ),
    ),
)


def _every_start(n, p, d, ceil):
    """With ceil: a window for each start on the map, on a map made longer by p - 1 places."""
    return _floor(n + (p - 1) * ceil, p, d)


EVERY_START = replace(
    OUTPUTS,
    title="How many windows, if each start counts?",
    oracle=_every_start,
    mistakes=(
        as_in_the_book(
            OUTPUTS,
            "You stop as soon as a window reaches the last place. Here every window counts that "
            "begins on the map, however many reach beyond its end.",
        ),
        *kept(OUTPUTS, "always floor", "always one more with ceil", "window forgotten"),
        Mistake(
            "floor for ceil",
            lambda n, p, d, ceil: n // d if ceil else _floor(n, p, d),
            "With ceil=True you round n / d down. The places 0, d, 2d, … below n: how many are "
            "there?",
        ),
        Mistake(
            "as Caffe counts",
            _until_the_end_is_reached,
            "You stop as soon as a window reaches the last place, or goes beyond it. Here every "
            "window counts that begins on the map, and no other.",
        ),
        Mistake(
            "moves for windows",
            lambda *case: _every_start(*case) - 1,
            "You count how often the window can move on. It also gives an answer before its first "
            "move.",
        ),
    ),
)

# --- 08.2: the norm of a window ---------------------------------------------------------------


def _windows(x, p, d, of_window):
    rows, columns = (x.shape[0] - p) // d + 1, (x.shape[1] - p) // d + 1
    y = np.zeros((rows, columns))
    for i, j in np.ndindex(y.shape):
        y[i, j] = of_window(x[i * d : i * d + p, j * d : j * d + p])
    return y


def _blocks_of_d(x, p, d, of_window):
    rows, columns = (x.shape[0] - p) // d + 1, (x.shape[1] - p) // d + 1
    y = np.zeros((rows, columns))
    for i, j in np.ndindex(y.shape):
        y[i, j] = of_window(x[i * d : (i + 1) * d, j * d : (j + 1) * d])
    return y


def _order_3(window):
    return (np.abs(window) ** 3).sum() ** (1 / 3)


def _root_mean_square(window):
    return np.sqrt((window**2).mean())


def _with_norm(norm: Callable, **settings) -> Exercise:
    """Return L2 pooling with another norm, and with the mistakes that concern the windows."""
    own = settings.pop("mistakes")
    windows = (
        Mistake(
            "stride for window",
            lambda x, p, d: _blocks_of_d(x, p, d, norm),
            "Your windows are d places wide. Their width is p, and d says only where the next one "
            "begins.",
        ),
        Mistake(
            "window for stride",
            lambda x, p, d: _windows(x, p, p, norm),
            "Your windows are p places apart. The next one begins d places further on.",
        ),
        Mistake(
            "maximum",
            lambda x, p, d: _windows(x, p, d, np.max),
            "This is max pooling. The norm uses all numbers of the window.",
        ),
    )
    return replace(L2, mistakes=(*own, *windows), **settings)


def _map(x):
    return torch.from_numpy(np.asarray(x, dtype=float))[None, None]


L3 = _with_norm(
    _order_3,
    title="L3 pooling",
    oracle=lambda x, p, d: F.lp_pool2d(_map(x).abs(), 3, p, d)[0, 0].numpy(),
    mistakes=(
        as_in_the_book(
            L2, "That is L2 pooling: squares, and a square root. Which order is asked for?"
        ),
        Mistake(
            "signs kept",
            lambda x, p, d: _windows(x, p, d, lambda w: np.cbrt((w**3).sum())),
            "Your cubes keep their signs, so that negative and positive numbers cancel. Take "
            "absolute values first.",
        ),
        Mistake(
            "root forgotten",
            lambda x, p, d: _windows(x, p, d, lambda w: (np.abs(w) ** 3).sum()),
            "Your answers are the cubes of the right ones: the root over the sum is missing.",
        ),
        Mistake(
            "square root",
            lambda x, p, d: _windows(x, p, d, lambda w: np.sqrt((np.abs(w) ** 3).sum())),
            "You took the square root of a sum of cubes. The root has the order of the powers.",
        ),
        Mistake(
            "mean for sum",
            lambda x, p, d: _windows(x, p, d, lambda w: (np.abs(w) ** 3).mean() ** (1 / 3)),
            "Your answers are too small, by the cube root of the window's size: you took the mean "
            "of the cubes. L3 pooling adds them.",
        ),
    ),
)

RMS = _with_norm(
    _root_mean_square,
    title="Pooling by the root mean square",
    oracle=lambda x, p, d: F.avg_pool2d(_map(x) ** 2, p, d).sqrt()[0, 0].numpy(),
    mistakes=(
        as_in_the_book(
            L2,
            "Your answers are too large by a factor p: you added the squares. Here their mean is "
            "taken before the root.",
        ),
        Mistake(
            "root forgotten",
            lambda x, p, d: _windows(x, p, d, lambda w: (w**2).mean()),
            "Your answers are the squares of the right ones: the root is missing.",
        ),
        Mistake(
            "root before the mean",
            lambda x, p, d: _windows(x, p, d, lambda w: np.abs(w).mean()),
            "You took the root of each square, which leaves the absolute values, and then their "
            "mean. The mean comes first, then the root.",
        ),
        Mistake(
            "square of the mean",
            lambda x, p, d: _windows(x, p, d, lambda w: abs(w.mean())),
            "You took the mean first and squared then, so that negative and positive numbers "
            "cancel.",
        ),
        Mistake(
            "divided by p",
            lambda x, p, d: _windows(x, p, d, lambda w: np.sqrt((w**2).sum() / p)),
            "You divided the sum of squares by p. How many numbers has a window of p by p places?",
        ),
    ),
)

# --- 08.3: the weights of the blur, and what lies beyond the ends -----------------------------


def _blur_pool(weights, mode):
    def blur(x, mode=mode, weights=weights):
        return scipy.ndimage.correlate1d(np.asarray(x, dtype=float), weights, mode=mode)

    return blur


def _with_blur(weights, mode: str, total: int, beyond: str, **settings) -> Exercise:
    """Return the member with these weights, which sum to 1, and SciPy's name of the border."""
    blur = _blur_pool(np.array(weights) / total, mode)
    own = settings.pop("mistakes")
    order = kept(BLUR, "no blur")
    others = (
        Mistake(
            "subsampled first",
            lambda x: blur(x[::2]),
            "You subsampled first and blurred what was left. By then the fine waves have already "
            "turned into coarse ones, and no blur can take them out.",
        ),
        Mistake(
            "not subsampled",
            blur,
            "The blur is right. Every second place of it should be left, from the first on.",
        ),
        Mistake(
            "from the second place on",
            lambda x: blur(x)[1::2],
            "You kept the second place, the fourth and so on. The first one is to be kept.",
        ),
        Mistake(
            "zeros beyond the ends",
            lambda x: blur(x, "constant")[::2],
            f"Your ends are too small, as if zeros stood beyond them. {beyond}",
        ),
        Mistake(
            "wraps round",
            lambda x: blur(x, "wrap")[::2],
            f"Beyond each end you find the other end. {beyond}",
        ),
        Mistake(
            "weights do not sum to one",
            lambda x: total * blur(x)[::2],
            "Your answers are too large by one factor everywhere: the weights must be divided by "
            "their sum.",
        ),
    )
    oracle = settings.pop("oracle", lambda x: blur(x)[::2])
    return replace(BLUR, oracle=oracle, mistakes=(*own, *order, *others), **settings)


FIVE = _with_blur(
    (1, 4, 6, 4, 1),
    "nearest",
    16,
    "The vector goes on with its end values.",
    title="Blur with five weights, then subsample",
    mistakes=(
        as_in_the_book(BLUR, "You blurred with the three weights 1, 2, 1. The statement has five."),
        Mistake(
            "mirrored ends",
            lambda x: scipy.ndimage.correlate1d(x, np.array([1, 4, 6, 4, 1]) / 16, mode="reflect")[
                ::2
            ],
            "Beyond each end you mirror the vector. It goes on with its end value: the second "
            "place beyond the end holds the same number as the first.",
        ),
    ),
)

MIRRORED = _with_blur(
    (1, 2, 1),
    "mirror",
    4,
    "The vector is mirrored there.",
    title="Blur between mirrors, then subsample",
    mistakes=(
        as_in_the_book(
            BLUR,
            "Beyond each end you repeat the end value. Here the end is the mirror: beyond the "
            "first number lies the second.",
        ),
    ),
)

FAMILIES = (
    Family(book="pytorch", members={"pytorch": OUTPUTS, "caffe": CAFFE, "each-start": EVERY_START}),
    Family(book="l2", members={"l2": L2, "l3": L3, "root-mean-square": RMS}),
    Family(book="three", members={"three": BLUR, "five": FIVE, "mirrored": MIRRORED}),
)
