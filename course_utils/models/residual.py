"""What the residual networks share: blocks, shortcuts and the frame around them.

He, Zhang, Ren and Sun (2016), "Deep residual learning for image recognition", CVPR, 770-778:
sections 3.2 to 3.4, Figures 2 and 5. Taught in chapter 16.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence

from torch import Tensor, nn

from course_utils.models.pieces import head

# A block is built from the channels that come in, the channels that go out, and its stride.
Block = Callable[[int, int, int], nn.Module]


class Residual(nn.Module):
    """A residual block, relu(F(x) + shortcut(x)): equations (1) and (2).  Taught in chapter 16.

    `branch` computes F. Where F is 0 the block hands on x, which no ReLU before it left negative.
    """

    def __init__(self, branch: nn.Module, shortcut: nn.Module) -> None:
        super().__init__()
        self.branch = branch
        self.shortcut = shortcut
        self.relu = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        """(N, channels in, H, W) -> (N, channels out, H / stride, W / stride)."""
        return self.relu(self.branch(x) + self.shortcut(x))


def basic_branch(channels_in: int, channels: int, stride: int) -> nn.Sequential:
    """F of the basic block, Figure 5 (left): two 3x3 convolutions, the first one strided.

    Normalisation stands after each convolution and before the activation (section 3.4), so the
    convolutions need no biases.
    """
    return nn.Sequential(
        OrderedDict(
            conv1=nn.Conv2d(channels_in, channels, 3, stride, padding=1, bias=False),
            norm1=nn.BatchNorm2d(channels),
            relu1=nn.ReLU(),
            conv2=nn.Conv2d(channels, channels, 3, padding=1, bias=False),
            norm2=nn.BatchNorm2d(channels),
        )
    )


def plain_block(channels_in: int, channels: int, stride: int) -> nn.Sequential:
    """The basic block without its shortcut: two layers of a plain network."""
    branch = basic_branch(channels_in, channels, stride)
    return nn.Sequential(OrderedDict(branch=branch, relu=nn.ReLU()))


def projection(channels_in: int, channels: int, stride: int) -> nn.Sequential:
    """The shortcut of option B: the identity, or a 1x1 convolution where the dimensions change.

    The identity is an empty `Sequential`. The authors' published models normalise after the
    projection as after every other convolution.
    """
    if stride == 1 and channels_in == channels:
        return nn.Sequential()
    return nn.Sequential(
        OrderedDict(
            conv=nn.Conv2d(channels_in, channels, 1, stride, bias=False),
            norm=nn.BatchNorm2d(channels),
        )
    )


def stage(block: Block, count: int, channels_in: int, channels: int, stride: int) -> nn.Sequential:
    """`count` blocks over maps of one size; the first of them changes channels and size."""
    first = block(channels_in, channels, stride)
    return nn.Sequential(first, *(block(channels, channels, 1) for _ in range(count - 1)))


def imagenet_layers(
    block: Block,
    counts: Sequence[int],
    channels: Sequence[int],
    in_channels: int,
    num_classes: int,
) -> OrderedDict[str, nn.Module]:
    """Every layer of Table 1 in order, under the table's names; shapes are those at 224 x 224.

    `counts` are the blocks of conv2_x to conv5_x, and `channels` what conv1 and these stages put
    out. The paper does not say where the pool is padded: here by one pixel all around, as in
    torchvision. In the authors' Caffe models the last windows reach over the right and the lower
    border instead.
    """
    layers: OrderedDict[str, nn.Module] = OrderedDict(
        conv1=nn.Conv2d(in_channels, channels[0], 7, stride=2, padding=3, bias=False),  # 112 x 112
        norm1=nn.BatchNorm2d(channels[0]),
        relu1=nn.ReLU(),
        pool1=nn.MaxPool2d(3, stride=2, padding=1),  # (N, 64, 56, 56)
    )
    for i, count in enumerate(counts):  # 56 x 56, 28 x 28, 14 x 14 and 7 x 7
        stride = 1 if i == 0 else 2
        layers[f"conv{i + 2}_x"] = stage(block, count, channels[i], channels[i + 1], stride)
    return layers | head(channels[-1], num_classes)
