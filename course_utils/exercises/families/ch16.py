"""Other forms of chapter 16's exercises."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F
from torchvision.models.resnet import Bottleneck

from course_utils.exercises.ch16 import COST, SHORTCUT
from course_utils.exercises.core import Family, Mistake
from course_utils.exercises.families.pieces import as_in_the_book, kept

# --- 16.2: where the zeros go, and how the maps become smaller --------------------------------


def _between(x, channels, before=None):
    """Put the maps x behind ``before`` maps of zeros; by default in the middle."""
    more = channels - len(x)
    before = more // 2 if before is None else before(more)
    maps = torch.from_numpy(x)
    return F.pad(maps, (0, 0, 0, 0, before, more - before)).numpy()


def _strided(x, stride):
    return x[:, ::stride, ::stride]


ZEROS_AROUND = replace(
    SHORTCUT,
    title="A shortcut with zeros on both sides",
    oracle=lambda x, channels, stride: _between(_strided(x, stride), channels),
    mistakes=(
        as_in_the_book(
            SHORTCUT,
            "All your new maps come last. Here they are shared between the front and the back.",
        ),
        Mistake(
            "zeros in front",
            lambda x, channels, stride: _between(_strided(x, stride), channels, lambda more: more),
            "All your new maps come first. Here they are shared between the front and the back.",
        ),
        Mistake(
            "the odd map in front",
            lambda x, channels, stride: _between(
                _strided(x, stride), channels, lambda more: more - more // 2
            ),
            "Where the number of new maps is odd, you put the odd one in front. It comes behind.",
        ),
        Mistake(
            "rows only",
            lambda x, channels, stride: _between(x[:, ::stride], channels),
            "Your map has become lower but not narrower.",
        ),
        Mistake(
            "stride forgotten",
            lambda x, channels, stride: _between(x, channels),
            "You keep all pixels. The branch has a stride, and the sum needs maps of one size.",
        ),
        Mistake(
            "begins one pixel late",
            lambda x, channels, stride: _between(
                np.ascontiguousarray(x[:, stride - 1 :: stride, stride - 1 :: stride]), channels
            ),
            "You keep the wrong pixels: the first row and the first column are kept.",
        ),
        *kept(SHORTCUT, "zeros left out"),
    ),
)


def _block_means(x, stride):
    return F.avg_pool2d(torch.from_numpy(x)[None], stride, ceil_mode=True)[0].numpy()


def _behind(x, channels):
    return _between(x, channels, lambda more: 0)


def _means_over_full_blocks(x, channels, stride):
    """Blocks that hang over divided by the size of a full block, as if filled up with zeros."""
    up = [-size % stride for size in x.shape[1:]]
    padded = F.pad(torch.from_numpy(x)[None], (0, up[1], 0, up[0]))
    return _behind(F.avg_pool2d(padded, stride)[0].numpy(), channels)


MEANS = replace(
    SHORTCUT,
    title="A shortcut that averages",
    trains="a shortcut without parameters, means over blocks",
    oracle=lambda x, channels, stride: _behind(_block_means(x, stride), channels),
    mistakes=(
        as_in_the_book(
            SHORTCUT,
            "You keep one pixel of each block and drop the others. Here the block's mean is taken.",
        ),
        *kept(SHORTCUT, "maxima of the pixels", "stride forgotten"),
        Mistake(
            "zeros in front",
            lambda x, channels, stride: _between(
                _block_means(x, stride), channels, lambda more: more
            ),
            "Your new maps come first. Asked for is what is known first, and the zeros behind it.",
        ),
        Mistake(
            "zeros left out",
            lambda x, channels, stride: _block_means(x, stride),
            "Your means are right, but there are too few maps: the branch puts out `channels` of "
            "them, and the sum needs as many.",
        ),
        Mistake(
            "border blocks too dark",
            _means_over_full_blocks,
            "Where a block hangs over the edge you divide by the size of a full block. Its mean is "
            "over the pixels that it has.",
        ),
        Mistake(
            "sum for mean",
            lambda x, channels, stride: stride**2 * _behind(_block_means(x, stride), channels),
            "Your numbers are too large by the number of pixels in a block: divide the sum by it.",
        ),
    ),
)

# --- 16.3: which convolution has the stride ---------------------------------------------------


def _cost_in_torchvision(channels_in, channels, side, stride):
    """Each weight of torchvision's block, times the places of its map."""
    counts = []

    def count(layer, _, output):
        counts.append(layer.weight.numel() * output.shape[2] * output.shape[3])

    with torch.device("meta"):
        shortcut = None
        if stride != 1 or channels_in != channels:
            shortcut = nn.Conv2d(channels_in, channels, 1, stride, bias=False)
        block = Bottleneck(channels_in, channels // 4, stride, shortcut).eval()
        maps = torch.empty(1, channels_in, side, side)
    for layer in block.modules():
        if isinstance(layer, nn.Conv2d):
            layer.register_forward_hook(count)
    with torch.no_grad():
        block(maps)
    return sum(counts)


def _parts(channels_in, channels, side, stride, *, place=2, taps=9, project=True):
    """Multiply-adds of a bottleneck whose convolution number ``place``, from 1, has the stride."""
    narrow, small = channels // 4, side // stride
    total = channels_in * narrow * (small if place == 1 else side) ** 2
    total += taps * narrow**2 * (side if place == 3 else small) ** 2
    total += narrow * channels * small**2
    if project and (stride != 1 or channels_in != channels):
        total += channels_in * channels * small**2
    return total


def _projection_on_all_places(channels_in, channels, side, stride):
    cost = _parts(channels_in, channels, side, stride, project=False)
    if stride != 1 or channels_in != channels:
        cost += channels_in * channels * side**2
    return cost


MIDDLE = replace(
    COST,
    title="What a bottleneck of version 1.5 costs",
    oracle=_cost_in_torchvision,
    mistakes=(
        as_in_the_book(
            COST,
            "You let the first 1 x 1 convolution have the stride, as the paper does. Here the "
            "3 x 3 convolution has it.",
            lambda *case: _parts(*case, place=1),
        ),
        Mistake(
            "stride in the last",
            lambda *case: _parts(*case, place=3),
            "You let the last 1 x 1 convolution have the stride. Here the 3 x 3 convolution has "
            "it, and works on fewer places already.",
        ),
        Mistake(
            "projection forgotten",
            lambda *case: _parts(*case, project=False),
            "Right where the shortcut is the identity. Where size or channels change, the shortcut "
            "of option B multiplies too.",
        ),
        Mistake(
            "projection without its stride",
            _projection_on_all_places,
            "Your projection works on every pixel of what comes in. It has the stride too: its "
            "maps are to be as small as the branch's.",
        ),
        Mistake(
            "nine taps forgotten",
            lambda *case: _parts(*case, taps=1),
            "You count the middle convolution like the other two. Its kernel has more than one "
            "value.",
        ),
        Mistake(
            "additions counted as well",
            lambda *case: 2 * _parts(*case),
            "You count a multiplication and its addition as two. A multiply-add is one.",
        ),
    ),
)

FAMILIES = (
    Family(
        book="zeros-behind",
        members={"zeros-behind": SHORTCUT, "zeros-around": ZEROS_AROUND, "means": MEANS},
    ),
    Family(book="stride-first", members={"stride-first": COST, "stride-in-the-middle": MIDDLE}),
)
