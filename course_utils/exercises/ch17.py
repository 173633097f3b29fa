"""Exercises of chapter 17: groups, concatenation, conventions, separable kernels."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from course_utils.exercises.core import Exercise, Mistake

# --- 17.1 -----------------------------------------------------------------------------------


def _group_cases(rng):
    drawn = []
    for _ in range(5):
        groups, kernel = int(rng.integers(2, 6)), int(rng.choice([1, 3, 5]))
        taken, given = (groups * int(n) for n in rng.integers(2, 7, 2))
        drawn.append((taken, given, kernel, int(rng.integers(3, 15)), groups))
    return [
        (8, 16, 3, 10, 4),
        (8, 16, 3, 10, 1),
        (6, 6, 3, 7, 6),
        (128, 128, 3, 56, 32),
        (12, 24, 1, 5, 3),
        *drawn,
    ]


def _group_cost_counted(channels_in, channels_out, kernel_size, side, groups):
    """Build the layer on the meta device and let PyTorch count."""
    with torch.device("meta"):
        layer = nn.Conv2d(
            channels_in,
            channels_out,
            kernel_size,
            padding=kernel_size // 2,
            groups=groups,
            bias=False,
        )
        with FlopCounterMode(display=False) as counter:
            layer(torch.empty(1, channels_in, side, side))
    return layer.weight.numel(), counter.get_total_flops() // 2


def _group_cost(c, o, k, side, weights=None, each=None):
    """Weights and multiply-adds, with one of the two factors replaced."""
    weights = o * c * k * k if weights is None else weights
    return weights, weights * (side * side if each is None else each)


GROUPED = Exercise(
    id="17.1",
    title="What a grouped convolution costs",
    points=1,
    minutes=10,
    trains="counting weights and multiply-adds",
    cases=_group_cases,
    oracle=_group_cost_counted,
    mistakes=(
        Mistake(
            "groups ignored",
            lambda c, o, k, s, g: _group_cost(c, o, k, s),
            "That is the cost without groups. With groups an output channel does not read all "
            "input channels.",
        ),
        Mistake(
            "divided twice",
            lambda c, o, k, s, g: _group_cost(c, o, k, s, (o // g) * (c // g) * k * k),
            "That is one group alone: its share of the inputs, and its share of the outputs. "
            "There are several groups.",
        ),
        Mistake(
            "only the weights divided",
            lambda c, o, k, s, g: (o * c * k * k // g, o * c * k * k * s * s),
            "The weights are right. Each of them is used once at each place of the output map, "
            "and no others are used.",
        ),
        Mistake(
            "multiplied by the groups",
            lambda c, o, k, s, g: _group_cost(c, o, k, s, o * c * k * k * g),
            "You multiply by the number of groups. More groups mean fewer connections.",
        ),
        Mistake(
            "biases counted",
            lambda c, o, k, s, g: (o * c * k * k // g + o, o * c * k * k // g * s * s),
            "You count a bias for each output channel. These convolutions have none.",
        ),
        Mistake(
            "FLOPs",
            lambda c, o, k, s, g: _group_cost(c, o, k, s, o * c * k * k // g, 2 * s * s),
            "You count the multiplication and the addition one by one: these are FLOPs. A "
            "multiply-add is both together.",
        ),
        Mistake(
            "side not squared",
            lambda c, o, k, s, g: _group_cost(c, o, k, s, o * c * k * k // g, s),
            "You use each weight once for every row of the map. A map has places, not rows.",
        ),
        Mistake(
            "kernel not squared",
            lambda c, o, k, s, g: _group_cost(c, o, k, s, o * c * k // g),
            "Your kernels have one row. They are square.",
        ),
    ),
)

# --- 17.2 -----------------------------------------------------------------------------------


def _dense_cases(rng):
    drawn = [tuple(map(int, rng.integers((3, 2, 2), (30, 14, 9)))) for _ in range(5)]
    return [(16, 12, 2), (16, 12, 1), (10, 4, 3), (16, 12, 12), *drawn]


def _dense_counted(channels, growth_rate, layers):
    """Send maps of one place through such a block, and count the weights that it takes."""
    stack, used = torch.zeros(1, channels, 1, 1), 0
    for _ in range(layers):
        weight = torch.zeros(growth_rate, stack.shape[1], 3, 3)
        stack = torch.cat([stack, F.conv2d(stack, weight, padding=1)], dim=1)
        used += weight.numel()
    return stack.shape[1], used


def _dense(channels, growth_rate, layers, taken, kernel=9):
    """The block's answer if layer number l takes `taken(l)` channels."""
    out = channels + layers * growth_rate
    return out, sum(kernel * growth_rate * taken(number) for number in range(layers))


DENSE = Exercise(
    id="17.2",
    title="How a dense block grows",
    points=2,
    minutes=15,
    trains="concatenation and growth rate",
    cases=_dense_cases,
    oracle=_dense_counted,
    mistakes=(
        Mistake(
            "only the layer before",
            lambda c, k, n: _dense(c, k, n, lambda i: k if i else c),
            "Each of your layers takes the maps of the layer before it alone. In a dense block it "
            "takes those of all layers before it, and the block's input.",
        ),
        Mistake(
            "the block's input forgotten",
            lambda c, k, n: _dense(c, k, n, lambda i: i * k if i else c),
            "From your second layer on the block's own input is missing. It stays in the stack.",
        ),
        Mistake(
            "only the block's input",
            lambda c, k, n: _dense(c, k, n, lambda i: c),
            "All your layers take the block's input and nothing else. What the layers before have "
            "added is in the stack too.",
        ),
        Mistake(
            "its own maps taken in",
            lambda c, k, n: _dense(c, k, n, lambda i: c + (i + 1) * k),
            "Each of your layers takes in the maps that it is about to compute. Count only those "
            "that are there before it.",
        ),
        Mistake(
            "all channels as outputs",
            lambda c, k, n: (c + n * k, sum(9 * (c + i * k) ** 2 for i in range(n))),
            "Your layers put out as many maps as they take in. A layer computes only as many as "
            "the growth rate says.",
        ),
        Mistake(
            "input not handed on",
            lambda c, k, n: (n * k, _dense(c, k, n, lambda i: c + i * k)[1]),
            "The weights are right. Of the block comes out the whole stack, its own input "
            "included.",
        ),
        Mistake(
            "kernels of one",
            lambda c, k, n: _dense(c, k, n, lambda i: c + i * k, kernel=1),
            "Your kernels have one weight for each pair of channels. These are 3 × 3.",
        ),
        Mistake(
            "doubling",
            lambda c, k, n: (c * 2**n, _dense(c, k, n, lambda i: c * 2**i)[1]),
            "Your stack doubles with every layer. A layer adds its new maps to the stack, and not "
            "a copy of the stack.",
        ),
    ),
)

# --- 17.3 -----------------------------------------------------------------------------------

MULTIPLY_ADDS, FLOPS, NEITHER = "multiply-adds", "FLOPs", "neither"


def _convention_cases(rng):
    drawn = []
    for factor in (1.0, 2.0, 1.4, 0.5, 4.0, 1.0, 2.0):
        counted = int(rng.integers(10**8, 10**10))
        off = float(rng.uniform(-0.09, 0.09))
        drawn.append((factor * counted * (1 + off), counted, 0.1))
    return [
        (3.8e9, 3_857_973_248, 0.05),
        (7.7e9, 3_857_973_248, 0.05),
        (1.9e9, 3_857_973_248, 0.05),
        (5.6e9, 3_857_973_248, 0.05),
        (95.0, 100, 0.1),
        (108.0, 100, 0.1),
        (185.0, 100, 0.1),
        (185.0, 100, 0.05),
        (215.0, 100, 0.1),
        (109.5, 100, 0.1),
        (90.5, 100, 0.1),
        *drawn,
    ]


def _convention_by_numpy(printed, multiply_adds, tolerance):
    for name, factor in ((MULTIPLY_ADDS, 1), (FLOPS, 2)):
        if np.isclose(printed, factor * multiply_adds, rtol=tolerance, atol=0):
            return name
    return NEITHER


def _first_that_fits(fits):
    return next((name for name, right in fits.items() if right), NEITHER)


def _near(value, target, tolerance):
    return abs(value - target) <= tolerance * target


CONVENTION = Exercise(
    id="17.3",
    title="Which convention?",
    points=1,
    minutes=10,
    trains="multiply-adds and FLOPs",
    cases=_convention_cases,
    oracle=_convention_by_numpy,
    mistakes=(
        Mistake(
            "FLOPs are half",
            lambda p, m, t: _first_that_fits(
                {MULTIPLY_ADDS: _near(p, m, t), FLOPS: _near(2 * p, m, t)}
            ),
            "You look for half of the multiply-adds. A multiply-add is two operations, not half "
            "of one.",
        ),
        Mistake(
            "names exchanged",
            lambda p, m, t: _first_that_fits(
                {FLOPS: _near(p, m, t), MULTIPLY_ADDS: _near(p, 2 * m, t)}
            ),
            "Your two answers are exchanged. Which of the two counts is the larger one?",
        ),
        Mistake(
            "never neither",
            lambda p, m, t: MULTIPLY_ADDS if abs(p - m) < abs(p - 2 * m) else FLOPS,
            "You always choose the nearer one. A figure may belong to another network "
            "altogether: use the tolerance.",
        ),
        Mistake(
            "only from above",
            lambda p, m, t: _first_that_fits(
                {MULTIPLY_ADDS: m <= p <= m * (1 + t), FLOPS: 2 * m <= p <= 2 * m * (1 + t)}
            ),
            "You accept figures that are somewhat too large, and none that are too small. "
            "Rounding goes both ways.",
        ),
        Mistake(
            "tolerance of the multiply-adds",
            lambda p, m, t: _first_that_fits(
                {MULTIPLY_ADDS: _near(p, m, t), FLOPS: abs(p - 2 * m) <= t * m}
            ),
            "You allow FLOPs the same absolute error as multiply-adds. The tolerance is a share of "
            "the count that you compare with.",
        ),
        Mistake(
            "tolerance absolute",
            lambda p, m, t: _first_that_fits({MULTIPLY_ADDS: abs(p - m) <= t, FLOPS: False}),
            "Your tolerance is a number of operations. It is meant as a share of the count.",
        ),
        Mistake(
            "share of the printed figure",
            lambda p, m, t: _first_that_fits(
                {MULTIPLY_ADDS: abs(p - m) <= t * p, FLOPS: abs(p - 2 * m) <= t * p}
            ),
            "Your tolerance is a share of the printed figure. It is meant as a share of the count "
            "that you compare with.",
        ),
        Mistake(
            "multiply-adds only",
            lambda p, m, t: MULTIPLY_ADDS if _near(p, m, t) else NEITHER,
            "You never answer FLOPs.",
        ),
    ),
)

# --- 17.4 -----------------------------------------------------------------------------------


def _separable_cases(rng):
    small = np.arange(1.0, 9.0).reshape(2, 2, 2)
    cases = [(small, np.array([[1.0, 10.0], [0.0, 1.0], [2.0, 0.5]]))]
    for channels, outputs, kernel in ((3, 3, 3), (1, 4, 3), (4, 2, 5), (5, 6, 1)):
        depthwise = rng.normal(size=(channels, kernel, kernel))
        cases.append((depthwise, rng.normal(size=(outputs, channels))))
    return cases


def _merged_by_gradient(depthwise, pointwise):
    """The derivative of each output channel with respect to the one window that it reads."""
    first = torch.tensor(depthwise)[:, None]
    second = torch.tensor(pointwise)[:, :, None, None]
    side = first.shape[-1]
    x = torch.zeros(1, len(first), side, side, dtype=torch.float64, requires_grad=True)
    y = F.conv2d(F.conv2d(x, first, groups=len(first)), second)[0, :, 0, 0]
    rows = [torch.autograd.grad(unit, x, retain_graph=True)[0][0] for unit in y]
    return torch.stack(rows).numpy()


def _merged(depthwise, pointwise):
    return pointwise[:, :, None, None] * depthwise[None]


MERGED = Exercise(
    id="17.4",
    title="Two layers, one kernel",
    points=2,
    minutes=15,
    trains="what a separable convolution can be",
    cases=_separable_cases,
    oracle=_merged_by_gradient,
    mistakes=(
        Mistake(
            "summed over the inputs",
            lambda d, p: np.einsum("oc,ckl->okl", p, d),
            "You add the kernels of the input channels up. Different channels hold different "
            "numbers, so each needs a kernel of its own.",
        ),
        Mistake(
            "axes exchanged",
            lambda d, p: _merged(d, p).transpose(1, 0, 2, 3),
            "Your first axis counts input channels. In a weight of a convolution the outputs come "
            "first.",
        ),
        Mistake(
            "kernels turned over",
            lambda d, p: _merged(d, p)[:, :, ::-1, ::-1],
            "Your kernels are turned over. PyTorch's convolution does not flip, in neither of the "
            "two layers.",
        ),
        Mistake(
            "rows and columns exchanged",
            lambda d, p: _merged(d, p).swapaxes(2, 3),
            "Rows and columns of your kernels are exchanged.",
        ),
        Mistake(
            "the depthwise kernels alone",
            lambda d, p: np.broadcast_to(d, (len(p), *d.shape)).copy(),
            "All your output channels are the same. The second layer weighs the channels, "
            "differently for each output.",
        ),
        Mistake(
            "averaged over the inputs",
            lambda d, p: _merged(d, p) / len(d),
            "You divide by the number of input channels. The second layer adds, it does not take "
            "a mean.",
        ),
        Mistake(
            "layers added",
            lambda d, p: p[:, :, None, None] + d[None],
            "You add the two layers' weights. The number that went through the first is "
            "multiplied again in the second.",
        ),
    ),
)

# --- 17.5 -----------------------------------------------------------------------------------


def _spread_cases(rng):
    small = np.arange(1.0, 9.0).reshape(4, 2, 1, 1)
    cases = [(small, 2), (small[:, :1], 4), (small, 1)]
    for outputs, inputs, kernel, groups in ((6, 2, 3, 3), (8, 3, 1, 2), (4, 1, 3, 4), (9, 2, 2, 3)):
        cases.append((rng.normal(size=(outputs, inputs, kernel, kernel)), groups))
    return cases


def _spread_by_gradient(weight, groups):
    kernels = torch.tensor(weight)
    channels, side = groups * kernels.shape[1], kernels.shape[-1]
    x = torch.zeros(1, channels, side, side, dtype=torch.float64, requires_grad=True)
    y = F.conv2d(x, kernels, groups=groups)[0, :, 0, 0]
    rows = [torch.autograd.grad(unit, x, retain_graph=True)[0][0] for unit in y]
    return torch.stack(rows).numpy()


def _spread(weight, groups, group_of, start=None):
    """Each output's kernels written to the input channels of a group, zeros elsewhere."""
    outputs, inputs = weight.shape[:2]
    full = np.zeros((outputs, groups * inputs, *weight.shape[2:]))
    for o in range(outputs):
        group = group_of(o, outputs // groups)
        where = np.arange(inputs) + group * inputs if start is None else start(group, inputs)
        full[o, where] = weight[o]
    return full


SPREAD = Exercise(
    id="17.5",
    title="Groups written out",
    points=3,
    minutes=20,
    trains="which channel reads which",
    cases=_spread_cases,
    oracle=_spread_by_gradient,
    mistakes=(
        Mistake(
            "every group reads everything",
            lambda w, g: np.tile(w, (1, g, 1, 1)),
            "You repeat the kernels for all input channels. Outside its group an output channel "
            "reads nothing: there the weights are 0.",
        ),
        Mistake(
            "all in the first group",
            lambda w, g: _spread(w, g, lambda o, size: 0),
            "All your output channels read the first group of inputs. Each group of outputs has a "
            "group of inputs of its own.",
        ),
        Mistake(
            "outputs dealt out in turn",
            lambda w, g: _spread(w, g, lambda o, size: o % g),
            "You deal the output channels out to the groups in turn. The first group has the "
            "first outputs, all of them neighbours.",
        ),
        Mistake(
            "inputs dealt out in turn",
            lambda w, g: _spread(
                w, g, lambda o, size: o // size, lambda group, n: group + g * np.arange(n)
            ),
            "You deal the input channels out to the groups in turn. A group's inputs are "
            "neighbours.",
        ),
        Mistake(
            "groups in reverse",
            lambda w, g: _spread(w, g, lambda o, size: g - 1 - o // size),
            "Your groups of inputs are in reverse order.",
        ),
        Mistake(
            "no zeros",
            lambda w, g: w.copy(),
            "You return the kernels as they are. An ordinary convolution has one kernel for every "
            "pair of an output and an input channel.",
        ),
    ),
)

EXERCISES = (GROUPED, DENSE, CONVENTION, MERGED, SPREAD)
