"""Exercises of chapter 7: the convolutional layer."""

from __future__ import annotations

import math

import numpy as np
import torch
import torch.nn.functional as F

from course_utils.exercises.core import Exercise, Mistake

# --- 07.1 -----------------------------------------------------------------------------------


def _count_cases(rng):
    drawn = []
    for groups in rng.integers(2, 5, size=4).tolist():
        per_group = rng.permutation(np.arange(2, 9))[:2].tolist()
        sides = tuple(rng.permutation(np.arange(2, 8))[:2].tolist())
        c_in, c_out = (groups * count for count in per_group)
        drawn += [(c_in, c_out, sides, 1, True), (c_in, c_out, sides, groups, True)]
    return [
        (1, 1, (3, 3), 1, True),
        (3, 10, (5, 5), 1, True),
        (3, 10, (5, 5), 1, False),
        (8, 12, (3, 5), 4, True),
        *drawn,
    ]


def _count_from_torch(c_in, c_out, kernel_size, groups, bias):
    layer = torch.nn.Conv2d(c_in, c_out, kernel_size, groups=groups, bias=bias, device="meta")
    return sum(parameter.numel() for parameter in layer.parameters())


def _count(c_in, c_out, kernel_size, groups, biases):
    return kernel_size[0] * kernel_size[1] * (c_in // groups) * c_out + biases


PARAMETERS = Exercise(
    id="07.1",
    title="Count the parameters of any layer",
    points=1,
    minutes=5,
    trains="parameter counts: depth, filters, groups, bias",
    cases=_count_cases,
    oracle=_count_from_torch,
    mistakes=(
        Mistake(
            "depth forgotten",
            lambda i, o, k, g, bias: k[0] * k[1] * o + o * bias,
            "Your filters are flat. A filter reaches through all the channels that it sees, with "
            "weights of its own for each of them.",
        ),
        Mistake(
            "one filter only",
            lambda i, o, k, g, bias: k[0] * k[1] * (i // g) + bias,
            "You counted one filter. Every output channel has a filter of its own.",
        ),
        Mistake(
            "one bias for the layer",
            lambda i, o, k, g, bias: _count(i, o, k, g, int(bias)),
            "You gave the whole layer a single bias. How many maps come out, and what does each "
            "of them add?",
        ),
        Mistake(
            "bias forgotten",
            lambda i, o, k, g, bias: _count(i, o, k, g, 0),
            "Your count is that of the weights. With bias=True each output channel has one "
            "number more.",
        ),
        Mistake(
            "bias always counted",
            lambda i, o, k, g, bias: _count(i, o, k, g, o),
            "You count the biases even where bias=False says that there are none.",
        ),
        Mistake(
            "a bias for each input channel",
            lambda i, o, k, g, bias: _count(i, o, k, g, i * bias),
            "You counted a bias for each input channel. The bias is added once to each map that "
            "comes out, after the channels have been summed.",
        ),
        Mistake(
            "a bias for each slice",
            lambda i, o, k, g, bias: (k[0] * k[1] + bias) * (i // g) * o,
            "You gave every slice of a filter a bias. The slices are added first; the bias is "
            "added to their sum, once for each filter.",
        ),
        Mistake(
            "groups forgotten",
            lambda i, o, k, g, bias: _count(i, o, k, 1, o * bias),
            "Right for one group. With more, a filter sees only the channels of its own group, "
            "so it is less deep.",
        ),
        Mistake(
            "groups divide the outputs too",
            lambda i, o, k, g, bias: k[0] * k[1] * (i // g) * (o // g) + o * bias,
            "You divided both channel counts by the number of groups: that is one group alone. "
            "There are as many such groups as groups says.",
        ),
        Mistake(
            "square kernel assumed",
            lambda i, o, k, g, bias: _count(i, o, (k[0], k[0]), g, o * bias),
            "Your count is right for square kernels. kernel_size has a height and a width, and "
            "they may differ.",
        ),
    ),
)

# --- 07.2 -----------------------------------------------------------------------------------

NONE = ((0, 0), (0, 0))


def _size_cases(rng):
    drawn = []
    for _ in range(8):
        kernel = tuple(rng.integers(1, 5, size=2).tolist())
        padding = tuple(map(tuple, rng.integers(0, 4, size=(2, 2)).tolist()))
        size = tuple(rng.integers(14, 40, size=2).tolist())
        drawn.append((size, kernel, *rng.integers(1, 5, size=1).tolist(), padding, 2))
    return [
        ((7, 7), (3, 3), 1, NONE, 1),
        ((7, 7), (3, 3), 2, NONE, 1),
        ((7, 7), (3, 3), 3, NONE, 1),
        ((6, 9), (3, 2), 2, NONE, 1),
        ((32, 32), (5, 5), 1, ((2, 2), (2, 2)), 1),
        ((5, 8), (2, 4), 1, ((0, 1), (1, 2)), 1),
        ((10, 12), (3, 3), 1, NONE, 2),
        ((10, 12), (3, 3), 2, ((2, 1), (0, 2)), 3),
        *drawn,
    ]


def _size_from_torch(size, kernel_size, stride, padding, dilation):
    (top, bottom), (left, right) = padding
    image = F.pad(torch.zeros(1, 1, *size), (left, right, top, bottom))
    kernel = torch.zeros(1, 1, *kernel_size)
    return tuple(F.conv2d(image, kernel, stride=stride, dilation=dilation).shape[2:])


def _size_with(
    divide=lambda room, stride: room // stride,
    extent=lambda k, d: d * (k - 1) + 1,
    padded=lambda before, after: before + after,
    more=1,
):
    """Return the right answer with one of its steps replaced by a wrong one."""

    def answer(size, kernel_size, stride, padding, dilation):
        sides = zip(size, kernel_size, padding, strict=True)
        return tuple(
            int(divide(n + padded(*p) - extent(k, dilation), stride)) + more for n, k, p in sides
        )

    return answer


def _square_assumed(size, kernel_size, stride, padding, dilation):
    height = _size_with()(size, kernel_size, stride, padding, dilation)[0]
    return height, height


def _fraction(size, kernel_size, stride, padding, dilation):
    sides = zip(size, kernel_size, padding, strict=True)
    return tuple((n + sum(p) - dilation * (k - 1) - 1) / stride + 1 for n, k, p in sides)


SIZE = Exercise(
    id="07.2",
    title="Output size, for every combination",
    points=2,
    minutes=10,
    trains="kernel, stride, padding and dilation together",
    cases=_size_cases,
    oracle=_size_from_torch,
    mistakes=(
        Mistake(
            "ceil for floor",
            _size_with(divide=lambda room, stride: math.ceil(room / stride)),
            "Where the stride does not fit you count a window that reaches over the border. A "
            "convolution leaves that window out.",
        ),
        Mistake(
            "rounded",
            _size_with(divide=lambda room, stride: math.floor(room / stride + 0.5)),
            "You round to the nearest number of steps. More than half a step is still not a step "
            "that the filter can take.",
        ),
        Mistake(
            "not rounded",
            _fraction,
            "You return a fraction where the stride does not fit. The filter takes whole steps "
            "only.",
        ),
        Mistake(
            "one step too many",
            _size_with(extent=lambda k, d: d * (k - 1)),
            "Your filter reaches over one cell too few. Count its first cell too: without "
            "dilation, three values cover three cells.",
        ),
        Mistake(
            "dilation taken for the gap",
            _size_with(extent=lambda k, d: k + (k - 1) * d),
            "You left as many empty cells between two values as the dilation says. With "
            "dilation 1 there is no gap at all.",
        ),
        Mistake(
            "steps for positions",
            _size_with(more=0),
            "You count how often the filter can move on. It also gives an answer where it starts.",
        ),
        Mistake(
            "padding forgotten",
            _size_with(padded=lambda before, after: 0),
            "You slide the filter over the image without its border of zeros.",
        ),
        Mistake(
            "padding on one side",
            _size_with(padded=lambda before, after: before),
            "You added the rows on top and the columns on the left, but not those at the other "
            "end. Padding has two sides.",
        ),
        Mistake(
            "padding taken for symmetric",
            _size_with(padded=lambda before, after: 2 * before),
            "You doubled the first number of each pair. That is right where both sides are padded "
            "alike, but here they may differ.",
        ),
        Mistake(
            "dilation forgotten",
            _size_with(extent=lambda k, d: k),
            "Your filter has no gaps. With a dilation its first and last value lie further apart, "
            "and it fits in fewer places.",
        ),
        Mistake(
            "dilation times kernel",
            _size_with(extent=lambda k, d: d * k),
            "You took dilation times kernel_size for the extent of the filter. Count the gaps: "
            "there is none after the last value.",
        ),
        Mistake(
            "square assumed",
            _square_assumed,
            "Your height is right, and you gave it for the width too. Image, kernel and padding "
            "may differ between the two.",
        ),
        Mistake(
            "width first",
            lambda *case: _size_with()(*case)[::-1],
            "Both numbers are right and stand in the wrong order: rows come first here, as in "
            "the shape of an array.",
        ),
    ),
)

# --- 07.3 -----------------------------------------------------------------------------------


def _same_cases(rng):
    drawn = [
        tuple(rng.integers(low, high) for low, high in ((5, 30), (1, 8), (1, 5), (1, 4)))
        for _ in range(12)
    ]
    fixed = [
        (5, 3, 1, 1),
        (5, 2, 1, 1),
        (5, 4, 1, 1),
        (8, 3, 2, 1),
        (7, 3, 2, 1),
        (9, 3, 1, 2),
        (10, 3, 2, 3),
        (5, 1, 3, 1),
        (9, 2, 4, 1),
    ]
    return fixed + [tuple(int(value) for value in case) for case in drawn]


def _same_by_search(n, k, stride, dilation):
    """Try more and more zeros, until a layer that is really run gives enough outputs."""
    wanted = len(range(0, n, stride))
    for total in range(n + k * dilation * stride):
        signal = torch.zeros(1, 1, n + total)
        if signal.shape[-1] > dilation * (k - 1):
            made = F.conv1d(signal, torch.zeros(1, 1, k), stride=stride, dilation=dilation)
            if made.shape[-1] >= wanted:
                return total // 2, total - total // 2
    raise AssertionError("no padding found")


def _total(n, k, stride, dilation):
    return max((math.ceil(n / stride) - 1) * stride + dilation * (k - 1) + 1 - n, 0)


def _halves(total):
    return total // 2, total - total // 2


def _not_clipped(n, k, stride, dilation):
    return _halves((math.ceil(n / stride) - 1) * stride + dilation * (k - 1) + 1 - n)


def _symmetric(n, k, stride, dilation):
    half = math.ceil(_total(n, k, stride, dilation) / 2)
    return half, half


SAME = Exercise(
    id="07.3",
    title="Padding «same», with a stride",
    points=2,
    minutes=15,
    trains="asymmetric padding",
    cases=_same_cases,
    oracle=_same_by_search,
    mistakes=(
        Mistake(
            "stride ignored",
            lambda n, k, stride, dilation: _halves(dilation * (k - 1)),
            "That is the padding for stride 1. With a larger stride the last window may start "
            "before the last cell, and fewer zeros are enough.",
        ),
        Mistake(
            "dilation ignored",
            lambda n, k, stride, dilation: _halves(_total(n, k, stride, 1)),
            "Your zeros are enough for a filter without gaps. How far does this one reach?",
        ),
        Mistake(
            "dilation times kernel",
            lambda n, k, stride, dilation: _halves(
                max((math.ceil(n / stride) - 1) * stride + dilation * k - n, 0)
            ),
            "You took dilation times k for the reach of the filter. After its last value there "
            "is no gap.",
        ),
        Mistake(
            "extra zero before",
            lambda *case: _halves(_total(*case))[::-1],
            "Where the number of zeros is odd, you put the odd one before the signal. PyTorch "
            "and TensorFlow put it after, and so does the statement.",
        ),
        Mistake(
            "both sides alike",
            _symmetric,
            "You padded both sides alike. Where the number of zeros is odd, that is one more than "
            "is needed.",
        ),
        Mistake(
            "all zeros after",
            lambda *case: (0, _total(*case)),
            "You put all zeros at the end. The outputs then move against the inputs; share the "
            "zeros between the two sides.",
        ),
        Mistake(
            "negative padding",
            _not_clipped,
            "Where the stride is longer than the filter, your padding becomes negative, which "
            "cuts cells off. Nothing needs to be added there, and nothing taken away.",
        ),
        Mistake(
            "floor for ceil",
            lambda n, k, stride, dilation: _halves(
                max((n // stride - 1) * stride + dilation * (k - 1) + 1 - n, 0)
            ),
            "You aim at too few outputs where the stride does not divide n: the wanted number is "
            "n / stride, rounded up.",
        ),
    ),
)

# --- 07.4 -----------------------------------------------------------------------------------


def _matrix_cases(rng):
    shapes = ((4, 7, 1), (3, 8, 2), (2, 9, 3), (5, 5, 1), (3, 8, 3))
    return [
        (np.array([1.0, 10.0]), 3, 1),
        (np.array([1.0, 10.0, 100.0]), 5, 1),
        (np.array([1.0, 10.0, 100.0]), 5, 2),
        (np.array([1.0, 10.0]), 6, 2),
        *[(rng.normal(size=k), n, stride) for k, n, stride in shapes],
    ]


def _matrix_from_torch(w, n, stride):
    clicks = torch.eye(n, dtype=torch.float64)[:, None]  # (n, 1, n): one click each
    answers = F.conv1d(clicks, torch.from_numpy(w)[None, None], stride=stride)
    return answers[:, 0].T.numpy()


def _rows(w, n, starts):
    """One row for each start; what would stand outside comes in at the other end."""
    matrix = np.zeros((len(starts), n))
    for row, start in zip(matrix, starts, strict=True):
        for a, value in enumerate(w):
            row[(start + a) % n] += value
    return matrix


def _matrix(w, n, stride):
    return _rows(w, n, range(0, n - len(w) + 1, stride))


def _same_matrix(w, n, stride):
    before = (len(w) - 1) // 2
    padded = _rows(w, n + len(w) - 1, range(0, n, stride))
    return padded[:, before : before + n]


MATRIX = Exercise(
    id="07.4",
    title="The layer as a dense layer",
    points=2,
    minutes=15,
    trains="weight sharing as a banded matrix",
    cases=_matrix_cases,
    oracle=_matrix_from_torch,
    mistakes=(
        Mistake(
            "kernel turned over",
            lambda w, n, stride: _matrix(w[::-1], n, stride),
            "Your matrix turns the kernel over. The layers of networks do not: the first weight "
            "meets the first cell of the window.",
        ),
        Mistake(
            "transposed",
            lambda w, n, stride: _matrix(w, n, stride).T,
            "Your rows and columns are exchanged. In matrix @ x each row makes one output.",
        ),
        Mistake(
            "stride ignored",
            lambda w, n, stride: _matrix(w, n, 1),
            "From one row to the next your kernel moves on by one cell, whatever the stride.",
        ),
        Mistake(
            "stride in the number of rows only",
            lambda w, n, stride: _rows(w, n, range((n - len(w)) // stride + 1)),
            "You have the right number of rows, but from one row to the next the kernel moves "
            "on by one cell only.",
        ),
        Mistake(
            "a matrix of integers",
            lambda w, n, stride: _matrix(w.astype(int), n, stride),
            "Your matrix holds integers, so the weights lose what stands behind the point.",
        ),
        Mistake(
            "wraps round",
            lambda w, n, stride: _rows(w, n, range(0, n, stride)),
            "In your last rows the kernel leaves on the right and comes in on the left. Without "
            "padding there are no such rows.",
        ),
        Mistake(
            "padded with zeros",
            _same_matrix,
            "You made as many rows as padding «same» would. Here nothing is padded: the window "
            "lies wholly inside.",
        ),
        Mistake(
            "one row short",
            lambda w, n, stride: _rows(w, n, range(0, n - len(w), stride)),
            "The last window is missing where it ends exactly with the signal. Which is the last "
            "start that fits?",
        ),
    ),
)

# --- 07.5 -----------------------------------------------------------------------------------


def _layer_cases(rng):
    image = np.arange(1.0, 10.0).reshape(1, 3, 3)
    kernel = np.array([[[[1.0, 10.0], [100.0, 1000.0]]]])
    colour = np.concatenate([image, 10 * image])
    depth = np.concatenate([kernel, kernel], axis=1)
    half = np.array([0.5])
    larger = np.arange(1.0, 17.0).reshape(1, 4, 4)
    shapes = (
        ((4, 5, 6), (6, 4, 3, 2), 1, 1),
        ((4, 7, 5), (6, 2, 3, 2), 2, 2),
        ((6, 5, 6), (6, 2, 2, 3), 1, 3),
        ((4, 5, 4), (8, 1, 2, 2), 2, 4),
    )
    drawn = [
        (rng.normal(size=x), rng.normal(size=w), rng.normal(size=w[0]), stride, groups)
        for x, w, stride, groups in shapes
    ]
    return [
        (image, kernel, half, 1, 1),
        (image, kernel, half, 2, 1),
        (larger, kernel, half, 2, 1),
        (colour, depth, half, 1, 1),
        (colour, np.concatenate([kernel, 2 * kernel]), np.array([0.5, 0.0]), 1, 2),
        *drawn,
    ]


def _layer_from_torch(x, w, b, stride, groups):
    x, w, b = (torch.from_numpy(np.ascontiguousarray(part)) for part in (x, w, b))
    return F.conv2d(x[None], w, b, stride=stride, groups=groups)[0].numpy()


def _layer(x, w, b, stride, groups, channels=None):
    """The layer; `channels(o, depth, outputs, groups)` says which inputs output o sees."""
    outputs, depth, height, width = w.shape
    windows = np.lib.stride_tricks.sliding_window_view(x, (height, width), axis=(1, 2))
    windows = windows[:, ::stride, ::stride]
    maps = []
    for o in range(outputs):
        first = o // (outputs // groups) * depth
        seen = range(first, first + depth)
        if channels is not None:
            seen = channels(o, depth, outputs, groups)
        maps.append(np.einsum("cijab,cab->ij", windows[list(seen)], w[o]) + b[o])
    return np.array(maps)


def _mean_over_channels(x, w, b, stride, groups):
    return _layer(x, w / w.shape[1], b, stride, groups)


def _first_group_only(x, w, b, stride, groups):
    return _layer(x, w, b, stride, groups, lambda o, depth, *_: range(depth))


def _stride_in_the_shape_only(x, w, b, stride, groups):
    height, width = _layer(x, w, b, stride, groups).shape[1:]
    return _layer(x, w, b, 1, groups)[:, :height, :width]


def _turns_of_outputs(x, w, b, stride, groups):
    def seen(o, depth, outputs, groups):
        first = (o % groups) * depth
        return range(first, first + depth)

    return _layer(x, w, b, stride, groups, seen)


def _turns_of_channels(x, w, b, stride, groups):
    def seen(o, depth, outputs, groups):
        block = o // (outputs // groups)
        return range(block, depth * groups, groups)

    return _layer(x, w, b, stride, groups, seen)


LAYER = Exercise(
    id="07.5",
    title="The whole layer, with stride and groups",
    points=3,
    minutes=20,
    trains="the definition: channels, filters, bias, stride, groups",
    cases=_layer_cases,
    oracle=_layer_from_torch,
    mistakes=(
        Mistake(
            "kernel turned over",
            lambda x, w, b, stride, groups: _layer(x, w[:, :, ::-1, ::-1], b, stride, groups),
            "Your kernels are turned over. What networks call a convolution is a correlation: "
            "look at the signs in the sum.",
        ),
        Mistake(
            "bias forgotten",
            lambda x, w, b, stride, groups: _layer(x, w, 0 * b, stride, groups),
            "Each map is off by a number of its own: the bias is missing.",
        ),
        Mistake(
            "bias once for each channel",
            lambda x, w, b, stride, groups: _layer(x, w, b * w.shape[1], stride, groups),
            "You add the bias once for each input channel. It belongs to the sum, not to its "
            "parts.",
        ),
        Mistake(
            "mean over the channels",
            _mean_over_channels,
            "You average over the channels. The layer adds them.",
        ),
        Mistake(
            "stride ignored",
            lambda x, w, b, stride, groups: _layer(x, w, b, 1, groups),
            "Your windows move on by one cell, whatever the stride.",
        ),
        Mistake(
            "stride in the shape only",
            _stride_in_the_shape_only,
            "Your maps have the right shape, but from one output to the next the window moves on "
            "by one cell, whatever the stride.",
        ),
        Mistake(
            "one bias for all maps",
            lambda x, w, b, stride, groups: _layer(x, w, 0 * b + b[0], stride, groups),
            "You add the first bias to all maps. Each map has its own.",
        ),
        Mistake(
            "every output sees the first group",
            _first_group_only,
            "All your filters look at the first channels. Those of the second group look at the "
            "second part of the channels, and so on.",
        ),
        Mistake(
            "outputs take turns",
            _turns_of_outputs,
            "Your filters take turns: the first one looks at group 0, the second at group 1. The "
            "groups are blocks: the first filters all belong to group 0.",
        ),
        Mistake(
            "channels take turns",
            _turns_of_channels,
            "Your groups pick every so many channels. The channels of a group are neighbours.",
        ),
    ),
)

EXERCISES = (PARAMETERS, SIZE, SAME, MATRIX, LAYER)
