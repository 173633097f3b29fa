"""The pure Inception-v4, without residual connections.  Taught in chapter 17.

Szegedy, Ioffe, Vanhoucke and Alemi (2017), "Inception-v4, Inception-ResNet and the impact of
residual connections on learning", AAAI, 4278-4284; figures and tables are numbered here as in its
longer edition, arXiv:1602.07261: Figures 3 to 9 and Table 1. Input: colour images, 299 x 299; any
size from 75 up works.

The paper prints no count of parameters. Those of timm's and of Cadene's implementations are the
same as here: 42,679,816. Torchvision has no Inception-v4. As in the code that the authors published
(TensorFlow-Slim), which settles the order of 1x7 and 7x1 convolutions, every convolution is
followed by batch normalisation (epsilon 0.001) and ReLU and has no bias, and averages at the border
are over the pixels that exist. Unlike there, normalisation has a trainable scale, which adds
31,584 parameters, and there is no auxiliary classifier, of which the paper's Figure 9 shows none.
Weights start as PyTorch's do; the paper says nothing of them.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import NamedTuple, Union

from torch import nn

from course_utils.models.pieces import FilterConcat, head
from course_utils.models.settings import check_settings, scaled

IMAGE_SIZE = 299

# Trainable numbers at width 1: timm's count, since the paper prints none.
PARAMETERS = 42_679_816


class Conv(NamedTuple):
    """A convolution in a figure: filters, kernel (height, width), stride; `valid` is its mark V."""

    filters: int
    kernel: tuple[int, int] = (1, 1)
    stride: int = 1
    valid: bool = False


class Pool(NamedTuple):
    """A 3x3 pool: the average that keeps the size, or the maximum with stride 2, marked V."""

    kind: str


class Fork(NamedTuple):
    """Paths side by side, joined by "filter concat"."""

    paths: tuple[tuple[Part, ...], ...]


Part = Union[Conv, Pool, "Fork"]

AVERAGE, MAX_V = Pool("average"), Pool("max")

# Figure 3: 299 x 299 x 3 -> 35 x 35 x 384.
STEM: tuple[Part, ...] = (
    Conv(32, (3, 3), stride=2, valid=True),  # 149 x 149
    Conv(32, (3, 3), valid=True),  # 147 x 147
    Conv(64, (3, 3)),
    Fork(((MAX_V,), (Conv(96, (3, 3), stride=2, valid=True),))),  # 73 x 73 x 160
    Fork(
        (
            (Conv(64), Conv(96, (3, 3), valid=True)),
            (Conv(64), Conv(64, (1, 7)), Conv(64, (7, 1)), Conv(96, (3, 3), valid=True)),
        )
    ),  # 71 x 71 x 192
    Fork(((Conv(192, (3, 3), stride=2, valid=True),), (MAX_V,))),  # 35 x 35 x 384
)

# Figure 4, on 35 x 35 x 384.
INCEPTION_A = Fork(
    (
        (Conv(96),),
        (Conv(64), Conv(96, (3, 3))),
        (Conv(64), Conv(96, (3, 3)), Conv(96, (3, 3))),
        (AVERAGE, Conv(96)),
    )
)

# Figure 7 with k, l, m and n of Table 1: 192, 224, 256 and 384. -> 17 x 17 x 1024.
REDUCTION_A = Fork(
    (
        (Conv(384, (3, 3), stride=2, valid=True),),
        (Conv(192), Conv(224, (3, 3)), Conv(256, (3, 3), stride=2, valid=True)),
        (MAX_V,),
    )
)

# Figure 5, on 17 x 17 x 1024.
INCEPTION_B = Fork(
    (
        (Conv(384),),
        (Conv(192), Conv(224, (1, 7)), Conv(256, (7, 1))),
        (Conv(192), Conv(192, (7, 1)), Conv(224, (1, 7)), Conv(224, (7, 1)), Conv(256, (1, 7))),
        (AVERAGE, Conv(128)),
    )
)

# Figure 8. -> 8 x 8 x 1536.
REDUCTION_B = Fork(
    (
        (Conv(192), Conv(192, (3, 3), stride=2, valid=True)),
        (
            *(Conv(256), Conv(256, (1, 7)), Conv(320, (7, 1))),
            Conv(320, (3, 3), stride=2, valid=True),
        ),
        (MAX_V,),
    )
)

# Figure 6, on 8 x 8 x 1536: two of the paths fork once more.
CROSS = Fork(((Conv(256, (1, 3)),), (Conv(256, (3, 1)),)))
INCEPTION_C = Fork(
    (
        (Conv(256),),
        (Conv(384), CROSS),
        (Conv(384), Conv(448, (3, 1)), Conv(512, (1, 3)), CROSS),
        (AVERAGE, Conv(256)),
    )
)

# Figure 9.
FIGURE_9: dict[str, tuple[Part, ...]] = {
    "stem": STEM,
    "inception_a": (INCEPTION_A,) * 4,
    "reduction_a": (REDUCTION_A,),
    "inception_b": (INCEPTION_B,) * 7,
    "reduction_b": (REDUCTION_B,),
    "inception_c": (INCEPTION_C,) * 3,
}


class InceptionV4(nn.Sequential):
    """The parts of Figure 9 in order; modules are `inception_a[0]` and so on."""


def inception_v4(num_classes: int = 1000, in_channels: int = 3, width: float = 1.0) -> InceptionV4:
    """Inception-v4: 42,679,816 parameters.  Taught in chapter 17.

    Takes images (N, in_channels, H, W), 299 x 299 in the paper, and returns class scores
    (N, num_classes). `width` multiplies the filters.

    Raises ValueError for settings that leave a layer without channels.
    """
    check_settings(num_classes, in_channels, width)
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    channels = in_channels
    for name, parts in FIGURE_9.items():
        layers[name], channels = _path(parts, channels, width)
    layers |= head(channels, num_classes)  # (N, 1536, 8, 8) -> (N, 1536) -> (N, 1000)
    classifier = layers.pop("fc")
    return InceptionV4(layers | OrderedDict(dropout=nn.Dropout(0.2), fc=classifier))


def _path(parts: tuple[Part, ...], channels: int, width: float) -> tuple[nn.Sequential, int]:
    """Parts one after another, and the channels that come out."""
    made = []
    for part in parts:
        module, channels = _part(part, channels, width)
        made.append(module)
    return nn.Sequential(*made), channels


def _part(part: Part, channels: int, width: float) -> tuple[nn.Module, int]:
    if isinstance(part, Pool):
        return _pool(part), channels
    if isinstance(part, Conv):
        filters = scaled(part.filters, width)
        return _conv(part, channels, filters), filters
    paths = [_path(parts, channels, width) for parts in part.paths]
    named = {f"path{number}": path for number, (path, _) in enumerate(paths, start=1)}
    return FilterConcat(named), sum(size for _, size in paths)


def _pool(part: Pool) -> nn.Module:
    if part.kind == "max":
        return nn.MaxPool2d(3, stride=2)
    return nn.AvgPool2d(3, stride=1, padding=1, count_include_pad=False)


def _conv(part: Conv, channels: int, filters: int) -> nn.Sequential:
    """Without the mark V as much padding as keeps the size."""
    padding = (0, 0) if part.valid else (part.kernel[0] // 2, part.kernel[1] // 2)
    return nn.Sequential(
        OrderedDict(
            conv=nn.Conv2d(channels, filters, part.kernel, part.stride, padding, bias=False),
            norm=nn.BatchNorm2d(filters, eps=0.001),
            relu=nn.ReLU(),
        )
    )
