"""Exercises of chapter 16: residual networks."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from course_utils.exercises.core import Exercise, Mistake
from course_utils.models.resnet import EXPANSION, bottleneck_block

# --- 16.1 -----------------------------------------------------------------------------------


def _block_cases(rng):
    fixed = (np.array([1.0, 2.0]), np.array([[1.0, 0.0], [0.0, -1.0]]), np.eye(2))
    sink = (np.array([1.0, 2.0]), np.eye(2), np.array([[-3.0, 0.0], [0.0, 0.5]]))
    drawn = []
    for size, inside in ((3, 3), (4, 4), (5, 2), (3, 6)):
        x = np.abs(rng.normal(size=size))
        drawn.append((x, rng.normal(size=(inside, size)), rng.normal(size=(size, inside))))
    return [fixed, sink, *drawn]


def _block_by_torch(x, w1, w2):
    x, w1, w2 = (torch.from_numpy(array) for array in (x, w1, w2))
    return F.relu(torch.addmv(x, w2, F.relu(F.linear(x, w1)))).numpy()


def _relu(x):
    return np.maximum(x, 0)


BLOCK = Exercise(
    id="16.1",
    title="A residual block",
    points=1,
    minutes=5,
    trains="the order of addition and activation",
    cases=_block_cases,
    oracle=_block_by_torch,
    mistakes=(
        Mistake(
            "no shortcut",
            lambda x, w1, w2: _relu(w2 @ _relu(w1 @ x)),
            "That is the plain block. What came in has to be added to what the branch computed.",
        ),
        Mistake(
            "activation before the addition",
            lambda x, w1, w2: _relu(w2 @ _relu(w1 @ x)) + x,
            "You let the branch pass through its last ReLU before you add. Then a block can only "
            "ever add, never take away.",
        ),
        Mistake(
            "no activation after the addition",
            lambda x, w1, w2: w2 @ _relu(w1 @ x) + x,
            "You return the sum itself. In the original block a ReLU follows the addition.",
        ),
        Mistake(
            "no activation inside",
            lambda x, w1, w2: _relu(w2 @ (w1 @ x) + x),
            "Your branch is linear: two matrices without a ReLU between them are one matrix.",
        ),
        Mistake(
            "matrices exchanged",
            lambda x, w1, w2: _relu(w1.T @ _relu(w2.T @ x) + x),
            "You use the second matrix first.",
        ),
    ),
)

# --- 16.2 -----------------------------------------------------------------------------------


def _shortcut_cases(rng):
    small = np.arange(16.0).reshape(1, 4, 4)
    drawn = [
        (rng.normal(size=shape), channels, stride)
        for shape, channels, stride in (
            ((2, 4, 4), 4, 2),
            ((2, 5, 7), 4, 2),
            ((3, 6, 5), 5, 3),
            ((2, 3, 4), 3, 1),
            ((2, 4, 6), 2, 2),
        )
    ]
    return [(small, 2, 2), (small, 1, 1), *drawn]


def _shortcut_by_convolution(x, channels, stride):
    """A 1 x 1 convolution whose weights say which map goes where."""
    weight = torch.eye(channels, len(x), dtype=torch.float64)[:, :, None, None]
    return F.conv2d(torch.from_numpy(x)[None], weight, stride=stride)[0].numpy()


def _padded(x, channels, front=False):
    zeros = np.zeros((channels - len(x), *x.shape[1:]))
    return np.concatenate([zeros, x] if front else [x, zeros])


def _means(x, channels, stride):
    full = torch.from_numpy(x)[None]
    return _padded(F.avg_pool2d(full, stride, ceil_mode=True)[0].numpy(), channels)


def _maxima(x, channels, stride):
    full = torch.from_numpy(x)[None]
    return _padded(F.max_pool2d(full, stride, ceil_mode=True)[0].numpy(), channels)


def _repeated(x, channels, stride):
    strided = x[:, ::stride, ::stride]
    return strided[np.arange(channels) % len(x)]


SHORTCUT = Exercise(
    id="16.2",
    title="The shortcut of option A",
    points=2,
    minutes=10,
    trains="what a shortcut without parameters does to shapes",
    cases=_shortcut_cases,
    oracle=_shortcut_by_convolution,
    mistakes=(
        Mistake(
            "zeros in front",
            lambda x, channels, stride: _padded(x[:, ::stride, ::stride], channels, front=True),
            "Your new maps come first. Asked for is what is known first, and the zeros behind it.",
        ),
        Mistake(
            "zeros left out",
            lambda x, channels, stride: x[:, ::stride, ::stride],
            "Your pixels are right, but there are too few maps: the branch puts out `channels` of "
            "them, and the sum needs as many.",
        ),
        Mistake(
            "channels repeated",
            _repeated,
            "You fill the new channels with copies. Option A fills them with zeros.",
        ),
        Mistake(
            "means of the pixels",
            _means,
            "You average the pixels. Option A takes every pixel with the stride's distance and "
            "drops the others.",
        ),
        Mistake(
            "maxima of the pixels",
            _maxima,
            "You take the largest of the pixels. Option A takes the one at the stride's multiple "
            "and drops the others.",
        ),
        Mistake(
            "rows only",
            lambda x, channels, stride: _padded(x[:, ::stride], channels),
            "Your map has become lower but not narrower.",
        ),
        Mistake(
            "begins one pixel late",
            lambda x, channels, stride: _padded(
                x[:, stride - 1 :: stride, stride - 1 :: stride], channels
            ),
            "You keep the wrong pixels: the first row and the first column are kept.",
        ),
        Mistake(
            "stride forgotten",
            lambda x, channels, stride: _padded(x, channels),
            "You keep all pixels. The branch has a stride, and the sum needs maps of one size.",
        ),
        Mistake(
            "channels added",
            lambda x, channels, stride: _padded(x[:, ::stride, ::stride], channels + len(x)),
            "`channels` is how many maps there are to be in the end, not how many are new.",
        ),
    ),
)

# --- 16.3 -----------------------------------------------------------------------------------


def _cost_cases(rng):
    drawn = [
        (int(4 * a), int(4 * b), int(2 * s), int(stride))
        for a, b, s, stride in zip(
            rng.integers(2, 40, 4),
            rng.integers(2, 40, 4),
            rng.integers(2, 20, 4),
            (1, 2, 1, 2),
            strict=True,
        )
    ]
    return [
        (256, 256, 28, 1),
        (8, 8, 2, 1),
        (64, 256, 56, 1),
        (256, 512, 56, 2),
        (512, 512, 28, 2),
        *drawn,
    ]


def _cost_by_model(channels_in, channels, side, stride):
    """Each weight of the book's own block, times the places of its map."""
    counts = []

    def count(layer, _, output):
        counts.append(layer.weight.numel() * output.shape[2] * output.shape[3])

    with torch.device("meta"):
        block = bottleneck_block(channels_in, channels, stride).eval()
        maps = torch.empty(1, channels_in, side, side)
    for layer in block.modules():
        if isinstance(layer, nn.Conv2d):
            layer.register_forward_hook(count)
    with torch.no_grad():
        block(maps)
    return sum(counts)


def _cost(
    channels_in,
    channels,
    side,
    stride,
    *,
    early=True,
    narrowing=EXPANSION,
    taps=9,
    wide=False,
    project="change",
):
    """Multiply-adds of a bottleneck; the settings make it wrong."""
    narrow, small = channels // narrowing, side // stride
    first = small if early else side
    inner = channels if wide else narrow
    total = channels_in * narrow * first**2 + taps * inner * inner * small**2
    total += narrow * channels * small**2
    changes = {"change": stride > 1 or channels_in != channels, "channels": channels_in != channels}
    if changes.get(project, project == "always"):
        total += channels_in * channels * small**2
    return total


def _narrowed_from_what_comes_in(channels_in, channels, side, stride):
    narrow, small = channels_in // EXPANSION, side // stride
    weights = channels_in * narrow + 9 * narrow**2 + narrow * channels
    if stride > 1 or channels_in != channels:
        weights += channels_in * channels
    return weights * small**2


def _projection_on_all_places(channels_in, channels, side, stride):
    cost = _cost(channels_in, channels, side, stride, project="never")
    if stride > 1 or channels_in != channels:
        cost += channels_in * channels * side**2
    return cost


COST = Exercise(
    id="16.3",
    title="What a bottleneck costs",
    points=2,
    minutes=12,
    trains="counting multiply-adds, with stride and projection",
    cases=_cost_cases,
    oracle=_cost_by_model,
    mistakes=(
        Mistake(
            "stride in the middle",
            lambda *case: _cost(*case, early=False),
            "You let the 3 x 3 convolution have the stride, as torchvision does. In the paper's "
            "models the first 1 x 1 convolution has it.",
        ),
        Mistake(
            "projection forgotten",
            lambda *case: _cost(*case, project="never"),
            "Right where the shortcut is the identity. Where size or channels change, the shortcut "
            "of option B multiplies too.",
        ),
        Mistake(
            "projection always",
            lambda *case: _cost(*case, project="always"),
            "You give every block a projection; that is option C. An identity costs nothing.",
        ),
        Mistake(
            "projection only for new channels",
            lambda *case: _cost(*case, project="channels"),
            "One case is missing: a stride changes the size of the maps, and then the identity "
            "does not fit either.",
        ),
        Mistake(
            "projection without its stride",
            _projection_on_all_places,
            "Your projection works on every pixel of what comes in. It has the stride too: its "
            "maps are to be as small as the branch's.",
        ),
        Mistake(
            "a quarter of what comes in",
            _narrowed_from_what_comes_in,
            "You take a quarter of `channels_in`. The inside has a quarter of `channels`, of what "
            "goes out.",
        ),
        Mistake(
            "nine taps forgotten",
            lambda *case: _cost(*case, taps=1),
            "You count the middle convolution like the other two. Its kernel has more than one "
            "value.",
        ),
        Mistake(
            "half instead of a quarter",
            lambda *case: _cost(*case, narrowing=2),
            "Your bottleneck is too wide: inside it there are a quarter of the output channels.",
        ),
        Mistake(
            "no bottleneck",
            lambda *case: _cost(*case, wide=True),
            "Your 3 x 3 convolution works on all the output channels. The first 1 x 1 is there to "
            "leave it fewer.",
        ),
        Mistake(
            "additions counted as well",
            lambda *case: 2 * _cost(*case),
            "You count a multiplication and its addition as two. A multiply-add is one.",
        ),
        Mistake(
            "the parameters",
            lambda channels_in, channels, side, stride: _cost(
                channels_in, channels, stride, stride
            ),
            "Those are the weights. Each weight is used once at every place of the output map.",
        ),
    ),
)

# --- 16.4 -----------------------------------------------------------------------------------


def _direction_cases(rng):
    weight = np.stack([np.full((1, 2, 2), 3.0), np.full((1, 2, 2), 1.0)])
    direction = np.stack([np.full((1, 2, 2), 1.0), np.full((1, 2, 2), -1.0)])
    drawn = []
    for shape in ((3, 2, 3, 3), (2, 4, 1, 1), (4, 3, 2, 3)):
        scale = rng.uniform(0.2, 3, size=(shape[0], 1, 1, 1))
        drawn.append((rng.normal(size=shape), scale * rng.normal(size=shape)))
    return [(direction, weight), *drawn]


def _normalised_by_torch(direction, weight):
    flat, norms = torch.from_numpy(direction).flatten(1), torch.from_numpy(weight).flatten(1)
    unit = F.normalize(flat, dim=1)
    return (
        (unit * torch.linalg.vector_norm(norms, dim=1, keepdim=True)).numpy().reshape(weight.shape)
    )


def _norm(array, axes=(1, 2, 3)):
    return np.sqrt(np.square(array).sum(axis=axes, keepdims=True))


DIRECTION = Exercise(
    id="16.4",
    title="A direction to look along",
    points=2,
    minutes=10,
    trains="filter normalisation",
    cases=_direction_cases,
    oracle=_normalised_by_torch,
    mistakes=(
        Mistake(
            "the layer as a whole",
            lambda d, w: d * _norm(w, None) / _norm(d, None),
            "You give the whole layer one factor. Each filter has its own length.",
        ),
        Mistake(
            "unit length",
            lambda d, w: d / _norm(d),
            "All your filters have length 1. They are to be as long as the network's filters.",
        ),
        Mistake(
            "not first brought to length 1",
            lambda d, w: d * _norm(w),
            "Your factor leaves out how long the direction was. The result must not change when "
            "the direction is doubled.",
        ),
        Mistake(
            "turned over",
            lambda d, w: d * _norm(d) / _norm(w),
            "Your factor is upside down: where the network's filter is long, the direction has to "
            "become longer.",
        ),
        Mistake(
            "squares without the root",
            lambda d, w: d * _norm(w) ** 2 / _norm(d) ** 2,
            "You divide sums of squares. A length is the root of one.",
        ),
        Mistake(
            "largest value",
            lambda d, w: (
                d
                * np.abs(w).max(axis=(1, 2, 3), keepdims=True)
                / np.abs(d).max(axis=(1, 2, 3), keepdims=True)
            ),
            "You compare the largest values. Length here is the root of the sum of the squares.",
        ),
        Mistake(
            "filters of the wrong axis",
            lambda d, w: d * _norm(w, (0, 2, 3)) / _norm(d, (0, 2, 3)),
            "You treat what belongs to one input channel as a filter. A filter makes one *output* "
            "channel: axis 0 counts the filters.",
        ),
        Mistake(
            "kernel by kernel",
            lambda d, w: d * _norm(w, (2, 3)) / _norm(d, (2, 3)),
            "You scale every K x K kernel by itself. A filter is all the kernels that make one "
            "output channel, taken together.",
        ),
    ),
)

# --- 16.5 -----------------------------------------------------------------------------------


def _path_cases(rng):
    drawn = [(rng.normal(scale=0.7, size=n),) for n in (3, 4, 6, 9)]
    return [
        (np.array([0.5]),),
        (np.array([2.0, 3.0]),),
        (np.array([1.0, 1.0, 1.0]),),
        (np.array([2.0, 0.0, -1.0]),),
        *drawn,
    ]


def _paths_by_polynomial(slopes):
    """The coefficients of (1 + a_1 t)(1 + a_2 t)..., from the roots of its mirror image."""
    return np.poly(-np.asarray(slopes, dtype=float))


def _paths(slopes):
    shares = np.ones(1)
    for slope in slopes:
        shares = np.append(shares, 0) + slope * np.append(0, shares)
    return shares


def _counted(slopes):
    return _paths(np.ones(len(slopes)))


def _in_order(slopes):
    """Only the paths that take the first k branches."""
    return np.append(1, np.cumprod(slopes))


def _taken_again(slopes):
    """Sums in place, shortest first: a path can take a branch more than once."""
    sums = np.append(1.0, np.zeros(len(slopes)))
    for slope in slopes:
        for k in range(1, len(sums)):
            sums[k] += slope * sums[k - 1]
    return sums


def _power_sums(slopes):
    return np.array([1.0, *(np.sum(np.power(slopes, k)) for k in range(1, len(slopes) + 1))])


def _from_mean(slopes):
    return _counted(slopes) * np.mean(slopes) ** np.arange(len(slopes) + 1)


PATHS = Exercise(
    id="16.5",
    title="Which paths carry the gradient?",
    points=3,
    minutes=20,
    trains="the sum over paths",
    cases=_path_cases,
    oracle=_paths_by_polynomial,
    rtol=1e-6,
    atol=1e-8,
    mistakes=(
        Mistake(
            "paths counted",
            _counted,
            "You count the paths. Each path carries the product of the slopes of its branches.",
        ),
        Mistake(
            "branches taken again",
            _taken_again,
            "In your sums a path can take the same branch several times: the entry that you add "
            "from has already been changed for this branch.",
        ),
        Mistake(
            "only the first branches",
            _in_order,
            "You have one path of each length, the one through the first branches. Any choice of "
            "branches is a path.",
        ),
        Mistake(
            "powers of one slope",
            _power_sums,
            "A path goes through a branch once at most. You have multiplied slopes with "
            "themselves.",
        ),
        Mistake(
            "every slope the mean one",
            _from_mean,
            "You put the mean slope everywhere. The products of different slopes do not add up "
            "to that.",
        ),
        Mistake(
            "sizes only",
            lambda slopes: _paths(np.abs(slopes)),
            "You have lost the signs. Paths of opposite sign cancel.",
        ),
        Mistake(
            "longest path first",
            lambda slopes: _paths(slopes)[::-1],
            "Your list begins with the longest path. Number 0 is the path through no branch.",
        ),
        Mistake(
            "without the shortcut through everything",
            lambda slopes: _paths(slopes)[1:],
            "One path is missing: the one that takes no branch at all.",
        ),
        Mistake(
            "plain network",
            lambda slopes: np.append(np.zeros(len(slopes)), np.prod(slopes)),
            "That is the gradient of a plain chain, which has one path. Here every block can be "
            "skipped.",
        ),
    ),
)

EXERCISES = (BLOCK, SHORTCUT, COST, DIRECTION, PATHS)
