"""Exercises of chapter 10: backpropagation through a convolutional network."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F

from course_utils import ops
from course_utils.exercises.core import Exercise, Mistake


def _leaf(array):
    return torch.tensor(array, dtype=torch.float64)[None, None].requires_grad_()


# --- 10.1 -----------------------------------------------------------------------------------


def _times_cases(rng):
    small = [(0, 5, 3, 1, 0), (2, 5, 3, 1, 0), (0, 5, 3, 1, 1), (1, 4, 2, 2, 0), (2, 5, 2, 3, 0)]
    small += [(4, 5, 3, 1, 1), (5, 6, 3, 2, 0), (2, 7, 3, 2, 0), (3, 7, 3, 2, 1)]
    drawn = []
    for n, kernel, stride, padding in rng.integers((6, 1, 1, 0), (20, 6, 5, 4), size=(12, 4)):
        drawn.append(tuple(int(v) for v in (rng.integers(n), n, kernel, stride, padding)))
    return small + drawn


def _times_from_autograd(i, n, kernel, stride, padding):
    x = _leaf(np.ones(n))
    ones = torch.ones(1, 1, kernel, dtype=torch.float64)
    F.conv1d(x, ones, stride=stride, padding=padding).sum().backward()
    return int(x.grad[0, 0, i])


def _times_away_from_the_edges(i, n, kernel, stride, padding):
    return -(-kernel // stride)


def _times_without_padding(i, n, kernel, stride, padding):
    starts = range(0, n - kernel + 1, stride)
    return sum(start <= i < start + kernel for start in starts)


def _times_all_the_way(i, n, kernel, stride, padding):
    """Windows may run off the padded end."""
    starts = range(-padding, n, stride)
    return sum(start <= i < start + kernel for start in starts)


def _times_place_in_the_padded(i, n, kernel, stride, padding):
    starts = range(0, n + 2 * padding - kernel + 1, stride)
    return sum(start <= i < start + kernel for start in starts)


TIMES = Exercise(
    id="10.1",
    title="How many answers touched it?",
    points=1,
    minutes=8,
    trains="which output touched which input",
    cases=_times_cases,
    oracle=_times_from_autograd,
    mistakes=(
        Mistake(
            "edges forgotten",
            _times_away_from_the_edges,
            "Your count does not depend on the place. Near an end of the signal fewer windows fit, "
            "and with a stride even neighbours differ.",
        ),
        Mistake(
            "padding forgotten",
            _times_without_padding,
            "Your windows start at the first input. With padding, the first window starts "
            "before it.",
        ),
        Mistake(
            "windows beyond the end",
            _times_all_the_way,
            "You let the last windows hang over the end. The filter must lie wholly inside the "
            "padded signal.",
        ),
        Mistake(
            "input counted from the padding",
            _times_place_in_the_padded,
            "Your windows are those of the padded signal, but your input i is counted from its "
            "first zero. Input 0 is the first number of the signal.",
        ),
        Mistake(
            "stride forgotten",
            lambda i, n, kernel, stride, padding: _times_from_autograd(i, n, kernel, 1, padding),
            "You count the windows of a layer that moves by one. With a stride most of them are "
            "skipped.",
        ),
    ),
)

# --- 10.2 -----------------------------------------------------------------------------------


def _back_cases(rng):
    example = (np.array([1.0, 2.0]), np.array([1.0, 10.0, 100.0]), 6, 2)
    plain = (np.array([1.0, 2.0, 3.0]), np.array([1.0, 10.0]), 4, 1)
    small = [(np.array([1.0]), np.array([2.0, 3.0]), 2, 1), plain, example]
    drawn = []
    for t, k, stride, rest in ((3, 4, 2, 1), (4, 2, 3, 0), (5, 3, 1, 0), (2, 5, 3, 2)):
        n = (t - 1) * stride + k + rest
        drawn.append((rng.normal(size=t), rng.normal(size=k), n, stride))
    return small + drawn


def _back_autograd(g, w, n, stride):
    x = _leaf(np.zeros(n))
    filters = torch.tensor(w)[None, None]
    F.conv1d(x, filters, stride=stride).backward(torch.tensor(g)[None, None])
    return x.grad[0, 0].numpy()


def _fit(vector, n):
    """Cut a vector to length n, or fill it up with zeros."""
    return np.pad(vector, (0, n))[:n]


def _back_overwritten(g, w, n, stride):
    gradient = np.zeros(n)
    for t in range(len(g)):
        gradient[t * stride : t * stride + len(w)] = g[t] * w
    return gradient


def _back_as_mean(g, w, n, stride):
    return _back_autograd(g, w, n, stride) / len(g)


BACK = Exercise(
    id="10.2",
    title="Back through a stride",
    points=2,
    minutes=10,
    trains="the gradient by the input, with a stride",
    cases=_back_cases,
    oracle=_back_autograd,
    mistakes=(
        Mistake(
            "filter turned over",
            lambda g, w, n, stride: _back_autograd(g, w[::-1].copy(), n, stride),
            "Your filter lies the wrong way round. Draw the lines: the first answer met the first "
            "input through the first filter value.",
        ),
        Mistake(
            "stride forgotten",
            lambda g, w, n, stride: _fit(np.convolve(g, w), n),
            "You lay the copies of the filter side by side, one step apart. Neighbouring answers "
            "started further apart in the input.",
        ),
        Mistake(
            "stride and length forgotten",
            lambda g, w, n, stride: np.convolve(g, w),
            "That is the gradient for stride 1. Here neighbouring answers started further apart, "
            "and the answer has one number for each number of the signal.",
        ),
        Mistake(
            "overwritten",
            _back_overwritten,
            "Where two answers touched the same input you keep the last gradient only. A number "
            "that was used twice gets the sum.",
        ),
        Mistake(
            "mean for sum",
            _back_as_mean,
            "You divide by the number of answers. The effects of a change add up; nothing averages "
            "them.",
        ),
        Mistake(
            "length of what was touched",
            lambda g, w, n, stride: _back_autograd(g, w, (len(g) - 1) * stride + len(w), stride),
            "Your vector ends at the last input that was touched. Inputs that nobody looked at "
            "have a gradient too: zero.",
        ),
    ),
)

# --- 10.3 -----------------------------------------------------------------------------------


def _filter_cases(rng):
    square = np.array([[1.0, 2.0], [3.0, 4.0]])
    small = [
        (square, np.array([[2.0]]), 0),
        (square, np.array([[1.0, 10.0]]), 0),
        (square, np.array([[1.0, 10.0], [100.0, 1000.0]]), 1),
    ]
    drawn = []
    for (h, w), (k, m), padding in (((5, 4), (3, 2), 0), ((4, 6), (3, 3), 1), ((3, 3), (4, 2), 2)):
        shape = (h + 2 * padding - k + 1, w + 2 * padding - m + 1)
        drawn.append((rng.normal(size=(h, w)), rng.normal(size=shape), padding))
    return small + drawn


def _filter_autograd(x, g, padding):
    shape = [n + 2 * padding - m + 1 for n, m in zip(x.shape, g.shape, strict=True)]
    w = _leaf(np.zeros(shape))
    images = torch.tensor(x)[None, None]
    F.conv2d(images, w, padding=padding).backward(torch.tensor(g)[None, None])
    return w.grad[0, 0].numpy()


def _filter_as_mean(x, g, padding):
    return _filter_autograd(x, g, padding) / g.size


def _filter_of_one_position(x, g, padding):
    padded = np.pad(x, padding)
    rows, columns = (n - m + 1 for n, m in zip(padded.shape, g.shape, strict=True))
    return g[0, 0] * padded[:rows, :columns]


FILTER = Exercise(
    id="10.3",
    title="The gradient of a shared filter",
    points=2,
    minutes=10,
    trains="the gradient by the weights, and why it is a sum",
    cases=_filter_cases,
    oracle=_filter_autograd,
    mistakes=(
        Mistake(
            "convolution for correlation",
            lambda x, g, padding: _filter_autograd(x, g[::-1, ::-1].copy(), padding),
            "You turn the map of gradients over. Only the gradient by the input has a flip; here "
            "both lists are read forwards.",
        ),
        Mistake(
            "answer turned over",
            lambda x, g, padding: _filter_autograd(x, g, padding)[::-1, ::-1],
            "Your numbers are right, and they stand in the opposite order. The first filter value "
            "met the upper left part of the image.",
        ),
        Mistake(
            "mean for sum",
            _filter_as_mean,
            "You average over the positions. A change of a shared weight changes all answers at "
            "once, and the effects add up.",
        ),
        Mistake(
            "one position only",
            _filter_of_one_position,
            "You use the first answer alone. The filter was used at every position, and each one "
            "contributes.",
        ),
        Mistake(
            "padding forgotten",
            lambda x, g, padding: ops.correlate2d(x, g, "valid"),
            "You slide over the image as it is. The filter saw the padded image, so its zeros must "
            "be there when you count who met whom.",
        ),
        Mistake(
            "padding on one side",
            lambda x, g, padding: _zeros_behind(x, g, padding),
            "The shape is right, but all your zeros are behind the image. It was padded on all "
            "four sides alike.",
        ),
    ),
)


def _zeros_behind(x, g, padding):
    """Zeros all behind, none in front, so that the shape comes out."""
    moved = np.pad(x, (0, 2 * padding))
    return _filter_autograd(moved, g, 0)


# --- 10.4 -----------------------------------------------------------------------------------


def _route_cases(rng):
    example = (np.array([1.0, 10.0]), np.array([3.0, 5.0, 5.0, 2.0]), 3, 1)
    small = [
        (np.array([1.0]), np.array([1.0, 2.0]), 2, 2),
        (np.array([1.0]), np.array([2.0, 2.0]), 2, 2),
        example,
        (np.array([1.0, 10.0]), np.array([3.0, 4.0, 9.0, 7.0, 1.0]), 2, 2),
        (np.array([1.0, 10.0]), np.array([-3.0, -1.0, -2.0, -2.0]), 2, 2),
    ]
    drawn = []
    for t, kernel, stride in ((4, 3, 2), (5, 2, 1), (3, 2, 3)):
        n = (t - 1) * stride + kernel
        drawn.append((rng.normal(size=t), rng.integers(0, 4, size=n).astype(float), kernel, stride))
    return small + drawn


def _route_autograd(g, x, kernel, stride):
    leaf = _leaf(x)
    F.max_pool1d(leaf, kernel, stride).backward(torch.tensor(g)[None, None])
    return leaf.grad[0, 0].numpy()


def _route_with(share, *, add=True):
    """Give ``share(window)`` of each gradient to the inputs of a window."""

    def route(g, x, kernel, stride):
        gradient = np.zeros(len(x))
        for t, value in enumerate(g):
            part = slice(t * stride, t * stride + kernel)
            given = value * share(x[part])
            if add:
                gradient[part] += given
            else:
                gradient[part] = np.where(given, given, gradient[part])
        return gradient

    return route


def _winners(window):
    return (window == window.max()).astype(float)


def _first(window):
    return (np.arange(len(window)) == window.argmax()).astype(float)


def _last(window):
    return _first(window[::-1])[::-1]


ROUTE = Exercise(
    id="10.4",
    title="Routing, with overlaps and ties",
    points=2,
    minutes=10,
    trains="argmax routing, ties and overlapping windows",
    cases=_route_cases,
    oracle=_route_autograd,
    mistakes=(
        Mistake(
            "all winners get all",
            _route_with(_winners),
            "At a tie you give every winner the whole gradient. Together they may get it once: no "
            "slope of the maximum is that steep.",
        ),
        Mistake(
            "ties shared",
            _route_with(lambda window: _winners(window) / _winners(window).sum()),
            "At a tie you share the gradient out. That is a subgradient too, but the exercise asks "
            "for PyTorch's: the first winner gets all.",
        ),
        Mistake(
            "last winner",
            _route_with(_last),
            "At a tie your last winner gets the gradient. A comparison with >= replaces an earlier "
            "winner by an equal one.",
        ),
        Mistake(
            "overwritten",
            _route_with(_first, add=False),
            "An input that wins in two windows keeps the gradient of the second only. It was used "
            "twice, so the two add up.",
        ),
        Mistake(
            "mean pooling",
            _route_with(lambda window: np.full(len(window), 1 / len(window))),
            "You share each gradient among all inputs of the window. That is mean pooling; under a "
            "maximum the losers get nothing.",
        ),
    ),
)

# --- 10.5 -----------------------------------------------------------------------------------


def _network_cases(rng):
    filters, signal = np.array([1.0, -1.0]), np.array([3.0, 1.0, 2.0, 0.0])
    small = [
        (np.array([1.0, 2.0]), np.array([3.0, 1.0]), np.array([1.0]), 4.0),
        (signal, filters, np.array([1.0, 1.0, 2.0]), 4.0),
        (signal, filters, np.array([2.0, -1.0, -1.0]), 1.0),
    ]
    drawn = []
    for n, k in ((6, 2), (7, 3), (9, 4)):
        x, w, v = rng.normal(size=n), rng.normal(size=k), rng.normal(size=n - k + 1)
        drawn.append((x, w, v, float(rng.normal())))
    return small + drawn


def _network_autograd(x, w, v, target):
    leaf = _leaf(w)
    h = F.relu(F.conv1d(torch.tensor(x)[None, None], leaf))
    ((h[0, 0] @ torch.tensor(v) - target) ** 2 / 2).backward()
    return leaf.grad[0, 0].numpy()


def _network(*, mask="z", error=True, dense=True, down=np.correlate):
    """The walk up and down, with one step left out or taken wrongly."""

    def gradient(x, w, v, target):
        z = np.correlate(x, w, "valid")
        by_s = v @ np.maximum(z, 0) - target if error else 1.0
        by_h = by_s * (v if dense else np.ones_like(v))
        on = {"z": z > 0, "g": by_h > 0, "none": True}[mask]
        return down(x, by_h * on, "valid")

    return gradient


NETWORK = Exercise(
    id="10.5",
    title="All the way down",
    points=3,
    minutes=12,
    trains="the whole chain: loss, dense layer, ReLU and convolution",
    cases=_network_cases,
    oracle=_network_autograd,
    mistakes=(
        Mistake(
            "ReLU passed over",
            _network(mask="none"),
            "You come down as if there were no ReLU. Where it answered 0 its slope is 0, and no "
            "gradient passes.",
        ),
        Mistake(
            "ReLU of the gradient",
            _network(mask="g"),
            "You cut off the negative gradients. What decides is the sign of z, on the way up; "
            "the gradients may have any sign.",
        ),
        Mistake(
            "error forgotten",
            _network(error=False),
            "This is the gradient of the score s. The loss is on top of it, and hands down a "
            "factor of its own.",
        ),
        Mistake(
            "dense weights forgotten",
            _network(dense=False),
            "Your dense layer hands the same to each h. In a product each factor gets the other "
            "one, and the partner of each h is its v.",
        ),
        Mistake(
            "flipped",
            _network(down=np.convolve),
            "In the last step you turn a list over. Only the gradient by the input has a flip; for "
            "the filter both lists are read forwards.",
        ),
        Mistake(
            "uphill and downhill",
            lambda x, w, v, target: -_network_autograd(x, w, v, target),
            "The sign is wrong: your answer points downhill. The derivative of the loss by s is "
            "s less the target.",
        ),
        Mistake(
            "factor of 2",
            lambda x, w, v, target: 2 * _network_autograd(x, w, v, target),
            "Twice too large. The loss has a half in front of the square.",
        ),
    ),
)

EXERCISES = (TIMES, BACK, FILTER, ROUTE, NETWORK)
