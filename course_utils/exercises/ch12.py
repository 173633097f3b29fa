"""Exercises of chapter 12: receptive fields."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F

from course_utils.exercises.core import Exercise, Mistake

# --- 12.1 -----------------------------------------------------------------------------------


def _depth_cases(rng):
    drawn = [
        (int(n), int(k)) for n, k in zip(rng.integers(9, 90, 6), rng.integers(2, 8, 6), strict=True)
    ]
    return [(7, 3), (8, 3), (1, 3), (2, 3), (11, 2), (21, 5), (22, 5), (27, 3), *drawn]


def _depth_by_growing(pixels, kernel_size):
    row, layers = np.ones(1), 0
    while len(row) < pixels:
        row, layers = np.convolve(row, np.ones(kernel_size)) > 0, layers + 1
    return layers


def _depth_by_multiplying(pixels, kernel_size):
    seen, layers = 1, 0
    while seen < pixels:
        seen, layers = seen * kernel_size, layers + 1
    return layers


DEPTH = Exercise(
    id="12.1",
    title="How many layers does it take?",
    points=1,
    minutes=5,
    trains="the growth of the window, turned round",
    cases=_depth_cases,
    oracle=_depth_by_growing,
    mistakes=(
        Mistake(
            "rounded down",
            lambda n, k: (n - 1) // (k - 1),
            "Right where the layers come out even. Where they do not, your last layer is missing: "
            "the window is still too small.",
        ),
        Mistake(
            "each layer adds its whole kernel",
            lambda n, k: -(-n // k),
            "You let every layer add its whole kernel. Of the kernel's values one lies on what "
            "was seen already.",
        ),
        Mistake(
            "starts from nothing",
            lambda n, k: -(-n // (k - 1)),
            "Where the layers come out even you count one too many. What does a unit see before "
            "the first layer?",
        ),
        Mistake(
            "windows multiplied",
            _depth_by_multiplying,
            "You multiply the window by the kernel in each layer. That would need neighbours that "
            "share no pixel; with stride 1 they share almost all of them.",
        ),
        Mistake(
            "the number of pixels gained",
            lambda n, k: n - 1,
            "You take one pixel a layer. How many pixels does a kernel of this size add?",
        ),
    ),
)

# --- 12.2 -----------------------------------------------------------------------------------


def _chain_cases(rng):
    drawn = []
    for count in (2, 3, 3, 4, 4):
        columns = (rng.integers(low, high, count) for low, high in ((2, 6), (1, 3), (0, 3), (1, 4)))
        drawn.append(([tuple(map(int, layer)) for layer in zip(*columns, strict=True)],))
    return [
        ([],),
        ([(5, 1, 2, 1)],),
        ([(5, 1, 2, 1), (2, 2, 0, 1)],),
        ([(3, 1, 0, 1), (3, 1, 0, 1), (3, 1, 0, 1)],),
        ([(3, 2, 1, 1), (3, 2, 1, 1), (3, 2, 1, 1)],),
        ([(3, 1, 1, 1), (3, 1, 2, 2), (3, 1, 4, 4)],),
        ([(5, 1, 2, 1), (2, 2, 0, 1), (5, 1, 0, 1), (2, 2, 0, 1)],),
        ([(7, 2, 3, 1), (3, 2, 1, 1), (1, 1, 0, 1), (3, 1, 2, 2)],),
        *drawn,
    ]


def _chain_by_gradient(layers):
    """Boxes of two neighbouring units in the middle of a long signal; all weights are 1."""
    pixels = 2048
    ends = []
    for neighbour in (0, 1):
        x = torch.zeros(1, 1, pixels, dtype=torch.float64, requires_grad=True)
        y = x
        for kernel, stride, padding, dilation in layers:
            y = F.conv1d(y, torch.ones(1, 1, kernel).double(), None, stride, padding, dilation)
        unit = y.shape[-1] // 2 + neighbour
        (gradient,) = torch.autograd.grad(y[0, 0, unit], x)
        seen = np.flatnonzero(gradient[0, 0].numpy())
        ends.append((unit, int(seen[0]), int(seen[-1])))
    (unit, begin, end), (_, next_begin, _) = ends
    step = next_begin - begin
    return end - begin + 1, step, begin - unit * step


def _chain(layers, grow=None, shift=None, step_after=None):
    """The rule, with one of its three lines replaced."""
    size, step, first = 1, 1, 0
    for kernel, stride, padding, dilation in layers:
        more = dilation * (kernel - 1) * step
        less = padding * step
        size += grow(kernel, stride, padding, dilation, step) if grow else more
        first -= shift(padding, step, stride) if shift else less
        step = step_after(step, stride) if step_after else step * stride
    return size, step, first


CHAIN = Exercise(
    id="12.2",
    title="The window of a chain",
    points=2,
    minutes=10,
    trains="the rule for size, step and first pixel",
    cases=_chain_cases,
    oracle=_chain_by_gradient,
    mistakes=(
        Mistake(
            "its own stride counts",
            lambda layers: _chain(layers, grow=lambda k, s, p, d, j: d * (k - 1) * j * s),
            "You let a layer's own stride enlarge its own window. The kernel reads the map below, "
            "whose units lie as far apart as the layers before have put them.",
        ),
        Mistake(
            "step updated first",
            lambda layers: _chain(
                layers,
                grow=lambda k, s, p, d, j: d * (k - 1) * j * s,
                shift=lambda p, j, s: p * j * s,
            ),
            "You update the step before you use it. A layer's size and first pixel are counted in "
            "steps of the map that it reads, not of the one that it makes.",
        ),
        Mistake(
            "steps forgotten",
            lambda layers: _chain(layers, grow=lambda k, s, p, d, j: d * (k - 1)),
            "Right as long as no layer before has a stride. After a stride, one unit further on "
            "is several pixels further on.",
        ),
        Mistake(
            "whole kernel added",
            lambda layers: _chain(layers, grow=lambda k, s, p, d, j: d * k * j),
            "You add the whole kernel. One of its values lies on what a unit of the map below "
            "sees already.",
        ),
        Mistake(
            "dilation forgotten",
            lambda layers: _chain(layers, grow=lambda k, s, p, d, j: (k - 1) * j),
            "Right without dilation. With it, neighbouring values of a kernel meet units that "
            "are further apart.",
        ),
        Mistake(
            "gap after the last value",
            lambda layers: _chain(layers, grow=lambda k, s, p, d, j: (d * k - 1) * j),
            "You count a gap behind every value of a dilated kernel. There is none behind the "
            "last one.",
        ),
        Mistake(
            "padding enlarges the window",
            lambda layers: _chain(layers, grow=lambda k, s, p, d, j: (d * (k - 1) + 2 * p) * j),
            "Your windows grow with the padding. Padding moves the windows of a map; no kernel "
            "reads more because of it.",
        ),
        Mistake(
            "padding in units",
            lambda layers: _chain(layers, shift=lambda p, j, s: p),
            "Your first pixel is right for the first layer. Later paddings are counted in units "
            "of the map that they surround: how many pixels is one of those?",
        ),
        Mistake(
            "padding after its own stride",
            lambda layers: _chain(layers, shift=lambda p, j, s: p * j * s),
            "You shift by the padding in steps of the layer's own output. The padding surrounds "
            "its input.",
        ),
        Mistake(
            "padding to the right",
            lambda layers: _chain(layers, shift=lambda p, j, s: -p * j),
            "The sign of your first pixel is turned over: padding lies before the image, so unit "
            "0 begins further to the left.",
        ),
        Mistake(
            "padding ignored",
            lambda layers: _chain(layers, shift=lambda p, j, s: 0),
            "Your unit 0 always begins at pixel 0. With padding it begins outside the image.",
        ),
        Mistake(
            "strides added",
            lambda layers: _chain(layers, step_after=lambda j, s: j + s - 1),
            "Your step adds the strides up. Two strides of 2 in a row leave every fourth pixel, "
            "two of 3 every ninth.",
        ),
        Mistake(
            "last stride only",
            lambda layers: _chain(layers, step_after=lambda j, s: s),
            "Your step is the last layer's stride. It counts units of the map below, and these "
            "have a step of their own.",
        ),
        Mistake(
            "from the top",
            lambda layers: _chain(layers[::-1]),
            "You go through the layers from the top. The list begins at the image.",
        ),
    ),
)

# --- 12.3 -----------------------------------------------------------------------------------


def _path_cases(rng):
    drawn = []
    for count in (2, 3, 4, 5):
        step = int(rng.integers(1, 9))
        sizes, firsts = rng.integers(1, 40, count), rng.integers(-30, 10, count)
        drawn.append(([(int(n), step, int(f)) for n, f in zip(sizes, firsts, strict=True)],))
    return [
        ([(3, 2, -1), (5, 2, 0)],),
        ([(7, 4, -2)],),
        ([(1, 1, 0), (3, 1, -1), (5, 1, -2)],),
        ([(9, 2, -4), (3, 2, -1)],),
        ([(3, 1, 0), (2, 1, 10)],),
        ([(4, 8, 6), (4, 8, -6), (6, 8, -1)],),
        *drawn,
    ]


def _paths_by_marking(paths):
    """Mark every pixel that a path sees on a long strip."""
    strip = np.zeros(400, bool)
    for size, _, first in paths:
        strip[200 + first : 200 + first + size] = True
    marked = np.flatnonzero(strip)
    return int(marked[-1] - marked[0] + 1), paths[0][1], int(marked[0] - 200)


def _intersection(paths):
    first = max(start for _, _, start in paths)
    end = min(start + size for size, _, start in paths)
    return end - first, paths[0][1], first


def _around(paths, more=0):
    first = min(start for _, _, start in paths)
    return max(start + size for size, _, start in paths) - first + more, paths[0][1], first


def _distinct_pixels(paths):
    seen = {first + i for size, _, first in paths for i in range(size)}
    return len(seen), paths[0][1], min(seen)


JOINED = Exercise(
    id="12.3",
    title="Where paths meet",
    points=1,
    minutes=10,
    trains="unions of windows",
    cases=_path_cases,
    oracle=_paths_by_marking,
    mistakes=(
        Mistake(
            "the largest path",
            lambda paths: max(paths),
            "You return the path with the largest window. The others may begin before it or end "
            "after it.",
        ),
        Mistake(
            "largest size from the leftmost pixel",
            lambda paths: (max(p[0] for p in paths), paths[0][1], min(p[2] for p in paths)),
            "The leftmost pixel and the largest size may come from different paths. Then the "
            "window ends too early.",
        ),
        Mistake(
            "end instead of size",
            lambda paths: (
                max(size + start for size, _, start in paths),
                paths[0][1],
                min(start for _, _, start in paths),
            ),
            "Your first number says where the window ends. Asked for is its size, from its first "
            "pixel to its last.",
        ),
        Mistake(
            "sizes added",
            lambda paths: (sum(p[0] for p in paths), paths[0][1], min(p[2] for p in paths)),
            "You add the sizes up. The paths lie side by side, not one after another, and they "
            "see mostly the same pixels.",
        ),
        Mistake(
            "what all paths see",
            _intersection,
            "You return the pixels that every path sees. The unit depends on all that any path "
            "sees.",
        ),
        Mistake(
            "last pixel not counted",
            lambda paths: _around(paths, -1),
            "Your window is one pixel short. From pixel 3 to pixel 5 there are three pixels.",
        ),
        Mistake(
            "end counted twice",
            lambda paths: _around(paths, 1),
            "Your window is one pixel too long. A window of size 3 that begins at 0 ends at 2.",
        ),
        Mistake(
            "pixels in a gap not counted",
            _distinct_pixels,
            "You count the pixels that some path sees. Asked for is the window around all of "
            "them, with the gaps between.",
        ),
        Mistake(
            "the first path",
            lambda paths: paths[0],
            "You look at the first path only.",
        ),
        Mistake(
            "steps multiplied",
            lambda paths: (_around(paths)[0], paths[0][1] ** len(paths), _around(paths)[2]),
            "Size and first pixel are right. The step does not change where maps are stacked: "
            "the paths lie side by side.",
        ),
    ),
)

# --- 12.4 -----------------------------------------------------------------------------------


def _hole_cases(rng):
    drawn = []
    for count in (2, 3, 3, 4):
        columns = (rng.integers(low, high, count) for low, high in ((2, 4), (1, 3), (1, 5)))
        drawn.append(([tuple(map(int, layer)) for layer in zip(*columns, strict=True)],))
    return [
        ([],),
        ([(3, 1, 1)],),
        ([(2, 1, 3)],),
        ([(2, 2, 1), (2, 1, 2)],),
        ([(3, 1, 2), (3, 1, 2)],),
        ([(3, 1, 1), (3, 1, 2)],),
        ([(3, 2, 1), (3, 1, 1)],),
        ([(2, 3, 1), (2, 1, 1)],),
        *drawn,
    ]


def _holes_by_gradient(layers):
    x = torch.zeros(1, 1, 512, dtype=torch.float64, requires_grad=True)
    y = x
    for kernel, stride, dilation in layers:
        y = F.conv1d(y, torch.ones(1, 1, kernel).double(), None, stride, 0, dilation)
    (gradient,) = torch.autograd.grad(y[0, 0, 0], x)
    return np.flatnonzero(gradient[0, 0].numpy()).tolist()


def _read(layers, below):
    """Follow unit 0 downwards; `below` names the units that one unit reads."""
    units = [0]
    for layer in layers:
        units = [read for unit in units for read in below(unit, *layer)]
    return units


def _taps(unit, kernel, stride, dilation):
    return [unit * stride + tap * dilation for tap in range(kernel)]


def _once(units):
    return sorted(set(units))


READ = Exercise(
    id="12.4",
    title="Which pixels are read at all?",
    points=2,
    minutes=15,
    trains="holes in a window",
    cases=_hole_cases,
    oracle=_holes_by_gradient,
    mistakes=(
        Mistake(
            "the whole window",
            lambda layers: list(range(max(_read(layers[::-1], _taps)) + 1)),
            "You return every pixel of the window. With a dilation, or a stride larger than the "
            "kernel, some of them are never read.",
        ),
        Mistake(
            "from the image upwards",
            lambda layers: _once(_read(layers, _taps)),
            "You follow the layers from the image upwards. Unit 0 belongs to the last layer: "
            "start there and go down.",
        ),
        Mistake(
            "dilation ignored",
            lambda layers: _once(
                _read(layers[::-1], lambda unit, k, s, d: [unit * s + tap for tap in range(k)])
            ),
            "Your kernels have no gaps. With dilation d their values are d units apart.",
        ),
        Mistake(
            "stride ignored",
            lambda layers: _once(
                _read(layers[::-1], lambda unit, k, s, d: [unit + d * tap for tap in range(k)])
            ),
            "Your units all begin where their number says. With stride s unit 3 begins at unit "
            "3 s of the map below.",
        ),
        Mistake(
            "taps multiplied by the stride",
            lambda layers: _once(
                _read(
                    layers[::-1],
                    lambda unit, k, s, d: [(unit + tap * d) * s for tap in range(k)],
                )
            ),
            "You multiply the values of a kernel by its stride too. The stride moves the whole "
            "kernel; its values stay d units apart.",
        ),
        Mistake(
            "one value too many",
            lambda layers: _once(
                _read(
                    layers[::-1],
                    lambda unit, k, s, d: [unit * s + tap * d for tap in range(k + 1)],
                )
            ),
            "Your kernels have one value more than they should.",
        ),
        Mistake(
            "pixels more than once",
            lambda layers: sorted(_read(layers[::-1], _taps)),
            "You list a pixel once for every route that leads from it to the unit. Asked for is "
            "each pixel once.",
        ),
        Mistake(
            "only the last layer",
            lambda layers: _once(_read(layers[-1:], _taps)),
            "You stop below the last layer. What it reads are units of another layer, not yet "
            "pixels.",
        ),
    ),
)

# --- 12.5 -----------------------------------------------------------------------------------


def _gradient_cases(rng):
    lopsided = rng.normal(size=(3, 7, 7)) * np.linspace(0.1, 2, 7)
    flipped = np.stack([np.ones((5, 5)), -np.ones((5, 5))]) * np.array([3, 1, 0, 1, 0.5])
    return [
        (np.ones((1, 5, 5)),),
        (np.eye(5)[None] * 2.0,),
        (flipped + 0.25,),
        (rng.normal(size=(4, 6, 6)),),
        (lopsided,),
        (rng.normal(size=(2, 5, 9)) * np.linspace(0.2, 1, 5)[:, None],),
        (rng.normal(size=(2, 8, 4)) * np.array([1, 2, 0.5, 0.1]),),
    ]


def _side_by_covariance(gradient):
    """Moments from NumPy's weighted covariance, moved from the centroid to the middle."""
    weight = np.square(gradient).mean(axis=0)
    places = np.indices(weight.shape).reshape(2, -1)
    covariance = np.cov(places, aweights=weight.ravel(), ddof=0)
    centroid = np.average(places, axis=1, weights=weight.ravel())
    middle = (np.array(weight.shape) - 1) / 2
    variance = np.diag(covariance) + (centroid - middle) ** 2
    return float(np.sqrt(1 + 12 * variance.mean()))


def _moments(weight, middle=None, normalise=True):
    """Variances along the rows' and the columns' axis, round a middle."""
    if normalise:
        weight = weight / weight.sum()
    found = []
    for axis in (0, 1):
        profile = weight.sum(axis=1 - axis)
        place = np.arange(len(profile))
        centre = (len(profile) - 1) / 2 if middle is None else middle(place, profile)
        found.append(profile @ (place - centre) ** 2)
    return np.array(found)


def _mean_square(gradient):
    return np.square(gradient).mean(axis=0)


def _as_side(variance):
    return float(np.sqrt(1 + 12 * variance))


EFFECTIVE = Exercise(
    id="12.5",
    title="The effective side",
    points=3,
    minutes=20,
    trains="measuring an effective receptive field",
    cases=_gradient_cases,
    oracle=_side_by_covariance,
    mistakes=(
        Mistake(
            "absolute values",
            lambda g: _as_side(_moments(np.abs(g).mean(axis=0)).mean()),
            "You weigh the pixels by the size of the derivative. Asked for is its square: squares "
            "are what the number of routes predicts.",
        ),
        Mistake(
            "averaged before squaring",
            lambda g: _as_side(_moments(np.square(g.mean(axis=0))).mean()),
            "You take the mean over the images first and square then. Derivatives of opposite "
            "sign cancel that way, though both pixels counted.",
        ),
        Mistake(
            "round the centroid",
            lambda g: _as_side(
                _moments(_mean_square(g), lambda x, p: (x * p).sum() / p.sum()).mean()
            ),
            "You measure the spread round the field's own centre of mass. Round the middle of the "
            "window a field that has moved away counts as wide.",
        ),
        Mistake(
            "middle half a pixel off",
            lambda g: _as_side(_moments(_mean_square(g), lambda x, p: len(x) / 2).mean()),
            "Your middle lies half a pixel too far. The pixels of a row of 5 have the numbers 0 "
            "to 4: their middle is 2.",
        ),
        Mistake(
            "round the first pixel",
            lambda g: _as_side(_moments(_mean_square(g), lambda x, p: 0).mean()),
            "You measure distances from the first pixel. Measure them from the middle.",
        ),
        Mistake(
            "both axes added",
            lambda g: _as_side(_moments(_mean_square(g)).sum()),
            "You add the variances of the two axes. Take their mean, so that an even square gets "
            "its own side.",
        ),
        Mistake(
            "one axis only",
            lambda g: _as_side(_moments(_mean_square(g))[0]),
            "You look along one axis only. A field may be wider than it is high.",
        ),
        Mistake(
            "other axis only",
            lambda g: _as_side(_moments(_mean_square(g))[1]),
            "You look along the columns only. A field may be higher than it is wide.",
        ),
        Mistake(
            "without the one",
            lambda g: float(np.sqrt(12 * _moments(_mean_square(g)).mean())),
            "A single pixel has no variance, and yet a side of 1. Look at the formula again.",
        ),
        Mistake(
            "weights not normalised",
            lambda g: _as_side(_moments(_mean_square(g), normalise=False).mean()),
            "Your result changes when all derivatives are doubled. Weights have to add up to 1.",
        ),
        Mistake(
            "root forgotten",
            lambda g: float(1 + 12 * _moments(_mean_square(g)).mean()),
            "That is the square of the side: the last root is missing.",
        ),
        Mistake(
            "the variance itself",
            lambda g: float(_moments(_mean_square(g)).mean()),
            "That is the variance. Asked for is the side of the even square that has it.",
        ),
    ),
)

EXERCISES = (DEPTH, CHAIN, JOINED, READ, EFFECTIVE)
