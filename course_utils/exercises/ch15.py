"""Exercises of chapter 15: 1x1 convolutions, reductions and inception modules."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F

from course_utils.accounting import summarize
from course_utils.exercises.core import Exercise, Mistake
from course_utils.models.googlenet import TABLE_1, Row, inception

# --- 15.1 -----------------------------------------------------------------------------------


def _map_cases(rng):
    drawn = [
        tuple(rng.normal(size=shape) for shape in shapes)
        for shapes in (
            ((2, 3, 4), (5, 2), (5,)),
            ((6, 2, 2), (3, 6), (3,)),
            ((4, 5, 3), (4, 4), (4,)),
            ((1, 3, 3), (2, 1), (2,)),
        )
    ]
    square = np.array([[0.0, 1.0], [0.0, 0.0]])
    return [
        (np.array([[[1.0, 2.0]], [[3.0, 5.0]]]), np.array([[10.0, 1.0]]), np.array([0.5])),
        (np.array([[[1.0]], [[2.0]]]), square, np.zeros(2)),
        *drawn,
    ]


def _by_torch(x, w, b):
    tensors = (torch.from_numpy(np.asarray(a, dtype=float)) for a in (x, w, b))
    image, weight, bias = tensors
    return F.conv2d(image[None], weight[:, :, None, None], bias)[0].numpy()


def _mixed(x, w, b=None):
    y = np.einsum("oc,chw->ohw", w, x)
    return y if b is None else y + b[:, None, None]


def _transposed(x, w, b):
    if w.shape[0] == w.shape[1]:
        return _mixed(x, w.T, b)
    return _mixed(x, w.reshape(w.shape[::-1]).T, b)


ONE_BY_ONE = Exercise(
    id="15.1",
    title="A perceptron over the channels",
    points=1,
    minutes=8,
    trains="what a 1x1 convolution computes",
    cases=_map_cases,
    oracle=_by_torch,
    mistakes=(
        Mistake(
            "bias forgotten",
            lambda x, w, b: _mixed(x, w),
            "The mixing is right. What is added to every place of an output map at the end?",
        ),
        Mistake(
            "weights transposed",
            _transposed,
            "You read the weights by the wrong axis. A row of them belongs to one output map, and "
            "has a weight for each input map.",
        ),
        Mistake(
            "ReLU applied",
            lambda x, w, b: np.maximum(_mixed(x, w, b), 0),
            "You cut off what is below zero. The convolution itself is linear; the ReLU is a "
            "layer of its own.",
        ),
        Mistake(
            "summed over the places",
            lambda x, w, b: np.full(
                (len(w), *x.shape[1:]), (w @ x.sum(axis=(1, 2)) + b)[:, None, None]
            ),
            "You add up all places. A 1x1 filter has no extent in space: every place keeps its own "
            "answer.",
        ),
        Mistake(
            "averaged over the channels",
            lambda x, w, b: _mixed(x, w) / len(x) + b[:, None, None],
            "You divide by the number of channels. A weighted sum, not a mean, is asked for.",
        ),
        Mistake(
            "bias for every channel",
            lambda x, w, b: _mixed(x, w) + len(x) * b[:, None, None],
            "You add the bias once for each input channel. It belongs to the output and is added "
            "once.",
        ),
    ),
)

# --- 15.2 -----------------------------------------------------------------------------------


def _path_cases(rng):
    drawn = []
    for _ in range(4):
        side, channels_in, reduce, channels = (int(n) for n in rng.integers(3, 60, 4))
        drawn.append((side, channels_in, reduce, channels, int(rng.choice([3, 5, 7]))))
    return [
        (28, 192, 16, 32, 5),
        (28, 192, 96, 128, 3),
        (1, 2, 3, 5, 1),
        (14, 512, 24, 64, 5),
        *drawn,
    ]


def _path_by_counting(side, channels_in, reduce, channels, kernel):
    path = torch.nn.Sequential(
        torch.nn.Conv2d(channels_in, reduce, 1, device="meta"),
        torch.nn.Conv2d(reduce, channels, kernel, padding=kernel // 2, device="meta"),
    )
    return summarize(path, (channels_in, side, side)).multiply_adds


PATH_COST = Exercise(
    id="15.2",
    title="What a path costs",
    points=1,
    minutes=8,
    trains="counting multiplications",
    cases=_path_cases,
    oracle=_path_by_counting,
    mistakes=(
        Mistake(
            "reduction counted as free",
            lambda s, c, r, n, k: s * s * k * k * r * n,
            "You counted the second layer only. The 1x1 layer has to be computed too.",
        ),
        Mistake(
            "second layer reads everything",
            lambda s, c, r, n, k: s * s * (c * r + k * k * c * n),
            "Your second layer still reads all the maps that came in. How many are left after the "
            "1x1 layer?",
        ),
        Mistake(
            "kernel not squared",
            lambda s, c, r, n, k: s * s * (c * r + k * r * n),
            "A k x k kernel has k rows and k columns.",
        ),
        Mistake(
            "side not squared",
            lambda s, c, r, n, k: s * (c * r + k * k * r * n),
            "You computed one row of places. The map has as many columns as rows.",
        ),
        Mistake(
            "one place only",
            lambda s, c, r, n, k: c * r + k * k * r * n,
            "Those are the weights. Every weight is used once at each place of the map.",
        ),
        Mistake(
            "direct convolution",
            lambda s, c, r, n, k: s * s * k * k * c * n,
            "That is the convolution without the reduction.",
        ),
        Mistake(
            "biases counted",
            lambda s, c, r, n, k: s * s * ((c + 1) * r + (k * k * r + 1) * n),
            "You counted the biases too. They are added, not multiplied by anything.",
        ),
        Mistake(
            "the two multiplied",
            lambda s, c, r, n, k: s * s * (c * r * k * k * n),
            "You multiplied the costs of the two layers. They run one after the other.",
        ),
        Mistake(
            "additions counted",
            lambda s, c, r, n, k: 2 * s * s * (c * r + k * k * r * n),
            "You count multiplications and additions. Only the multiplications are asked for.",
        ),
    ),
)

# --- 15.3 -----------------------------------------------------------------------------------


def _break_even_cases(rng):
    drawn = [
        (int(c), int(n), int(k))
        for c, n, k in zip(
            rng.integers(16, 600, 5), rng.integers(16, 400, 5), (3, 3, 5, 5, 7), strict=True
        )
    ]
    return [(192, 32, 5), (4, 4, 1), (9, 2, 3), (192, 128, 3), (64, 64, 3), (1, 8, 3), *drawn]


def _break_even_by_trying(channels_in, channels, kernel):
    def cost(layers):
        return sum(k**2 * maps_in * maps for k, maps_in, maps in layers)

    direct = cost([(kernel, channels_in, channels)])
    cheaper = [
        maps
        for maps in range(1, channels_in + 1)
        if cost([(1, channels_in, maps), (kernel, maps, channels)]) < direct
    ]
    return max(cheaper, default=0)


def _limit(c, n, k):
    return k * k * c * n / (c + k * k * n)


BREAK_EVEN = Exercise(
    id="15.3",
    title="When does a reduction pay?",
    points=2,
    minutes=12,
    trains="the break-even of a reduction",
    cases=_break_even_cases,
    oracle=_break_even_by_trying,
    mistakes=(
        Mistake(
            "equal cost allowed",
            lambda c, n, k: int(np.floor(_limit(c, n, k) + 1e-9)),
            "Nearly. Where the two costs can be equal you take that number: asked for is a path "
            "that is cheaper.",
        ),
        Mistake(
            "rounded up",
            lambda c, n, k: int(np.ceil(_limit(c, n, k) - 1e-9)),
            "You round up. With that many maps the path costs as much as the direct one, or more.",
        ),
        Mistake(
            "1x1 layer as free",
            lambda c, n, k: c - 1,
            "You leave out what the 1x1 layer costs. With one map fewer than came in, the path is "
            "dearer than the direct layer.",
        ),
        Mistake(
            "kernel not squared",
            lambda c, n, k: int(np.ceil(k * c * n / (c + k * n) - 1e-9)) - 1,
            "A k x k kernel has k rows and k columns: its cost is not k times, but k squared times "
            "that of a 1x1.",
        ),
        Mistake(
            "kernel only in the direct layer",
            lambda c, n, k: int(np.ceil(k * k * c * n / (c + n) - 1e-9)) - 1,
            "The k x k layer after the reduction has a kernel too; it only reads fewer maps.",
        ),
        Mistake(
            "not a whole number",
            lambda c, n, k: _limit(c, n, k),
            "That is where the costs are equal. Maps come in whole numbers.",
        ),
    ),
)

# --- 15.4 -----------------------------------------------------------------------------------


def _fuse_cases(rng):
    def draw(c, r, n, k):
        shapes = ((r, c), (r,), (n, r, k, k), (n,))
        return tuple(rng.normal(size=shape) for shape in shapes)

    one = np.ones
    return [
        (np.array([[1.0, 10.0]]), np.array([2.0]), np.array([[[[1.0, 3.0], [5.0, 7.0]]]]), one(1)),
        draw(2, 2, 2, 3),
        draw(3, 2, 4, 3),
        draw(3, 3, 3, 2),
        draw(5, 1, 2, 5),
    ]


def _fuse_by_impulses(w1, b1, w2, b2):
    """Read the kernel off: the answers to a one in each place of each channel, and to nothing."""
    tensors = [torch.from_numpy(np.asarray(a, dtype=float)) for a in (w1, b1, w2, b2)]
    first, bias1, second, bias2 = tensors
    channels, k = first.shape[1], second.shape[-1]
    images = torch.eye(channels * k * k, dtype=torch.float64).view(-1, channels, k, k)
    images = torch.cat([torch.zeros(1, channels, k, k, dtype=torch.float64), images])
    answers = F.conv2d(F.conv2d(images, first[:, :, None, None], bias1), second, bias2)[..., 0, 0]
    weight = (answers[1:] - answers[0]).T.reshape(-1, channels, k, k)
    return weight.numpy(), answers[0].numpy()


def _fused(w1, w2):
    return np.einsum("orab,rc->ocab", w2, w1)


def _fused_bias(b1, w2, b2):
    return b2 + w2.sum(axis=(2, 3)) @ b1


FUSE = Exercise(
    id="15.4",
    title="Two layers that are one",
    points=2,
    minutes=15,
    trains="what a 1x1 layer without a ReLU is worth",
    cases=_fuse_cases,
    oracle=_fuse_by_impulses,
    mistakes=(
        Mistake(
            "first bias dropped",
            lambda w1, b1, w2, b2: (_fused(w1, w2), b2),
            "The weights are right. But the second layer reads the first one's biases too, with "
            "every weight that it has.",
        ),
        Mistake(
            "biases added",
            lambda w1, b1, w2, b2: (_fused(w1, w2), b2 + np.resize(b1, b2.shape)),
            "You add the biases as they are. The first layer's go through the second layer's "
            "weights before they reach the output.",
        ),
        Mistake(
            "first bias read at one place",
            lambda w1, b1, w2, b2: (_fused(w1, w2), b2 + w2[:, :, 0, 0] @ b1),
            "The weights are right. The first layer's bias stands at every place that the kernel "
            "reads, not at one of them.",
        ),
        Mistake(
            "second bias dropped",
            lambda w1, b1, w2, b2: (_fused(w1, w2), w2.sum(axis=(2, 3)) @ b1),
            "The weights are right, and so is what the first layer's biases become. The second "
            "layer has biases of its own.",
        ),
        Mistake(
            "kernel turned over",
            lambda w1, b1, w2, b2: (_fused(w1, w2)[:, :, ::-1, ::-1], _fused_bias(b1, w2, b2)),
            "Your kernel is turned by half a turn. A 1x1 layer does not move anything: the "
            "kernel's places stay where they are.",
        ),
        Mistake(
            "rows and columns exchanged",
            lambda w1, b1, w2, b2: (
                _fused(w1, w2).transpose(0, 1, 3, 2),
                _fused_bias(b1, w2, b2),
            ),
            "Rows and columns of your kernel have changed places.",
        ),
        Mistake(
            "output and input exchanged",
            lambda w1, b1, w2, b2: (
                _fused(w1, w2).transpose(1, 0, 2, 3),
                _fused_bias(b1, w2, b2),
            ),
            "The numbers are right; their order is not. A layer's weights come as (maps out, maps "
            "in, rows, columns).",
        ),
    ),
)

# --- 15.5 -----------------------------------------------------------------------------------


def _module_cases(rng):
    drawn = []
    for _ in range(3):
        row = tuple(int(n) for n in rng.integers(2, 60, 6))
        drawn.append((int(rng.integers(2, 30)), int(rng.integers(8, 200)), row))
    printed = [(28, 192, "3a"), (14, 512, "4c"), (7, 832, "5b")]
    rows = [(side, channels, tuple(TABLE_1[name][:6])) for side, channels, name in printed]
    return [(1, 1, (1, 1, 1, 1, 1, 1)), (2, 10, (1, 2, 3, 4, 5, 6)), *rows, *drawn]


def _module_by_summary(side, channels_in, row):
    with torch.device("meta"):
        module = inception(channels_in, Row(*row, params=0, ops=0))
    weights = sum(p.numel() for p in module.parameters() if p.ndim > 1)
    summary = summarize(module, (channels_in, side, side))
    return row[0] + row[2] + row[4] + row[5], weights, summary.multiply_adds


def _module(channels=None, weights=None, ops=None):
    """A right answer but for what is given: functions of (side, channels in, row)."""

    def right(side, c, row):
        n1, r3, n3, r5, n5, pool = row
        return c * (n1 + r3 + r5 + pool) + 9 * r3 * n3 + 25 * r5 * n5

    def answer(side, c, row):
        found = right(side, c, row) if weights is None else weights(side, c, row)
        out = row[0] + row[2] + row[4] + row[5]
        return (
            out if channels is None else channels(side, c, row),
            found,
            side**2 * found if ops is None else ops(side, c, row),
        )

    return answer


def _with_biases(side, c, row):
    return _module()(side, c, row)[1] + sum(row)


MODULE = Exercise(
    id="15.5",
    title="A row of Table 1",
    points=3,
    minutes=20,
    trains="reading and computing the table of GoogLeNet",
    cases=_module_cases,
    oracle=_module_by_summary,
    mistakes=(
        Mistake(
            "reductions concatenated",
            _module(channels=lambda s, c, row: sum(row)),
            "Weights and multiply-adds are right. You also count the maps of the reductions as "
            "outputs; they are read inside the module only.",
        ),
        Mistake(
            "pool path passes everything on",
            _module(
                channels=lambda s, c, row: row[0] + row[2] + row[4] + c,
                weights=lambda s, c, row: _module()(s, c, row)[1] - c * row[5],
            ),
            "Your pool path hands on all maps that came in, as in the naive module. Here a 1x1 "
            "layer follows the pool.",
        ),
        Mistake(
            "projection forgotten",
            _module(
                weights=lambda s, c, row: _module()(s, c, row)[1] - c * row[5],
            ),
            "The maps are right. But one of the paths has no weights in your count: what follows "
            "the pool?",
        ),
        Mistake(
            "no reductions",
            _module(
                weights=lambda s, c, row: c * (row[0] + 9 * row[2] + 25 * row[4] + row[5]),
            ),
            "Your 3x3 and 5x5 layers read all the maps that came in. What stands before them?",
        ),
        Mistake(
            "reductions as free",
            _module(
                weights=lambda s, c, row: _module()(s, c, row)[1] - c * (row[1] + row[3]),
            ),
            "The 1x1 layers before the 3x3 and the 5x5 have weights too.",
        ),
        Mistake(
            "biases counted",
            _module(weights=_with_biases, ops=lambda s, c, row: s**2 * _module()(s, c, row)[1]),
            "You count the biases with the weights. Table 1 leaves them out, and so does this "
            "exercise.",
        ),
        Mistake(
            "biases counted twice over",
            _module(weights=_with_biases),
            "You count the biases, among the weights and among the multiply-adds. Leave them out.",
        ),
        Mistake(
            "one place only",
            _module(ops=lambda s, c, row: _module()(s, c, row)[1]),
            "Maps and weights are right. Each weight is used at every place of the map.",
        ),
        Mistake(
            "one row of places",
            _module(ops=lambda s, c, row: s * _module()(s, c, row)[1]),
            "Maps and weights are right. The map has as many columns as rows.",
        ),
        Mistake(
            "FLOPs",
            _module(ops=lambda s, c, row: 2 * s**2 * _module()(s, c, row)[1]),
            "You count multiplications and additions apart. A multiply-add is one of each.",
        ),
        Mistake(
            "5x5 as two 3x3",
            _module(
                weights=lambda s, c, row: (
                    _module()(s, c, row)[1] - 25 * row[3] * row[4] + 9 * (row[3] + row[4]) * row[4]
                ),
            ),
            "You take two 3x3 layers for the 5x5. That came with the later versions.",
        ),
        Mistake(
            "3x3 where the paper says 5x5",
            _module(
                weights=lambda s, c, row: _module()(s, c, row)[1] - 16 * row[3] * row[4],
            ),
            "The path called 5x5 has a kernel of 25 weights a map. (In one widespread version of "
            "the network it has 9.)",
        ),
    ),
)

EXERCISES = (ONE_BY_ONE, PATH_COST, BREAK_EVEN, FUSE, MODULE)
