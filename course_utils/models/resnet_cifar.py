"""The small residual and plain networks for CIFAR-10.  Taught in chapter 16.

He, Zhang, Ren and Sun (2016), "Deep residual learning for image recognition", CVPR, 770-778:
section 4.2 and Table 6. Input: colour images, 32 x 32 in the paper; any size from 4 up works.

A network of 6n + 2 layers has three stages of n blocks over maps of 32 x 32, 16 x 16 and 8 x 8,
with 16, 32 and 64 channels. All shortcuts are of option A, so a residual network has exactly the
parameters of the plain one beside it. Torchvision does not have these networks; what is called
ResNet-20 elsewhere often uses projections, which adds parameters.
"""

from __future__ import annotations

from collections import OrderedDict

from torch import Tensor, nn
from torch.nn import functional as F

from course_utils.models.initial import start_he
from course_utils.models.pieces import head
from course_utils.models.residual import (
    Block,
    Residual,
    basic_branch,
    plain_block,
    stage,
)
from course_utils.models.settings import check_settings, scaled

CHANNELS = (16, 32, 64)  # of the three stages

# Trainable numbers at width 1, three input channels and ten classes, and what Table 6 prints.
PARAMETERS = {20: 269_722, 32: 464_154, 44: 658_586, 56: 853_018, 110: 1_727_962}
PAPER_PARAMETERS = {20: "0.27M", 32: "0.46M", 44: "0.66M", 56: "0.85M", 110: "1.7M"}


class PaddedShortcut(nn.Module):
    """The shortcut of option A where dimensions change: every second pixel, zeros for new channels.

    It has no parameters. The paper does not say where the zeros go: here behind what is known, as
    in Facebook's Torch implementation.
    """

    def __init__(self, new_channels: int, stride: int) -> None:
        super().__init__()
        self.new_channels, self.stride = new_channels, stride

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, C + new_channels, H / stride, W / stride), rounded up."""
        x = x[:, :, :: self.stride, :: self.stride]
        return F.pad(x, (0, 0, 0, 0, 0, self.new_channels))


class CIFARResNet(nn.Sequential):
    """The layers in order; blocks are `stage1[0].branch` and so on."""


class CIFARPlainNet(nn.Sequential):
    """The same without shortcuts."""


def padded_block(channels_in: int, channels: int, stride: int) -> Residual:
    """Two 3x3 convolutions and a shortcut of option A; the identity is an empty `Sequential`."""
    same = stride == 1 and channels_in == channels
    shortcut = nn.Sequential() if same else PaddedShortcut(channels - channels_in, stride)
    return Residual(basic_branch(channels_in, channels, stride), shortcut)


def resnet20(num_classes: int = 10, in_channels: int = 3, width: float = 1.0) -> CIFARResNet:
    """ResNet-20 for CIFAR: 269,722 parameters, "0.27M".  Taught in chapter 16.

    Takes images (N, in_channels, H, W), 32 x 32 in the paper, and returns class scores
    (N, num_classes). `width` multiplies the channels. Weights start as in `start_he`.

    Raises ValueError for settings that leave a layer without channels.
    """
    return _residual(20, num_classes, in_channels, width)


def resnet32(num_classes: int = 10, in_channels: int = 3, width: float = 1.0) -> CIFARResNet:
    """ResNet-32 for CIFAR: 464,154 parameters, "0.46M"; else as `resnet20`."""
    return _residual(32, num_classes, in_channels, width)


def resnet44(num_classes: int = 10, in_channels: int = 3, width: float = 1.0) -> CIFARResNet:
    """ResNet-44 for CIFAR: 658,586 parameters, "0.66M"; else as `resnet20`."""
    return _residual(44, num_classes, in_channels, width)


def resnet56(num_classes: int = 10, in_channels: int = 3, width: float = 1.0) -> CIFARResNet:
    """ResNet-56 for CIFAR: 853,018 parameters, "0.85M"; else as `resnet20`."""
    return _residual(56, num_classes, in_channels, width)


def resnet110(num_classes: int = 10, in_channels: int = 3, width: float = 1.0) -> CIFARResNet:
    """ResNet-110 for CIFAR: 1,727,962 parameters, "1.7M"; else as `resnet20`.

    The paper warms this one up at a learning rate of 0.01 until the training error is below 80%,
    and then goes on at 0.1, with which it starts late.
    """
    return _residual(110, num_classes, in_channels, width)


def plain20(num_classes: int = 10, in_channels: int = 3, width: float = 1.0) -> CIFARPlainNet:
    """ResNet-20 without its shortcuts, with the same parameters; else as `resnet20`."""
    return _plain(20, num_classes, in_channels, width)


def plain32(num_classes: int = 10, in_channels: int = 3, width: float = 1.0) -> CIFARPlainNet:
    """ResNet-32 without its shortcuts, with the same parameters; else as `resnet20`."""
    return _plain(32, num_classes, in_channels, width)


def plain44(num_classes: int = 10, in_channels: int = 3, width: float = 1.0) -> CIFARPlainNet:
    """ResNet-44 without its shortcuts, with the same parameters; else as `resnet20`."""
    return _plain(44, num_classes, in_channels, width)


def plain56(num_classes: int = 10, in_channels: int = 3, width: float = 1.0) -> CIFARPlainNet:
    """ResNet-56 without its shortcuts, with the same parameters; else as `resnet20`."""
    return _plain(56, num_classes, in_channels, width)


def _residual(depth: int, num_classes: int, in_channels: int, width: float) -> CIFARResNet:
    model = CIFARResNet(_layers(padded_block, depth, num_classes, in_channels, width))
    start_he(model)
    return model


def _plain(depth: int, num_classes: int, in_channels: int, width: float) -> CIFARPlainNet:
    model = CIFARPlainNet(_layers(plain_block, depth, num_classes, in_channels, width))
    start_he(model)
    return model


def _layers(
    block: Block, depth: int, num_classes: int, in_channels: int, width: float
) -> OrderedDict[str, nn.Module]:
    """Every layer of a network of 6n + 2 layers in order; shapes are those at 32 x 32."""
    check_settings(num_classes, in_channels, width)
    first, second, third = (scaled(size, width) for size in CHANNELS)
    n = (depth - 2) // 6
    layers: OrderedDict[str, nn.Module] = OrderedDict(
        conv1=nn.Conv2d(in_channels, first, 3, padding=1, bias=False),  # (N, 16, 32, 32)
        norm1=nn.BatchNorm2d(first),
        relu1=nn.ReLU(),
        stage1=stage(block, n, first, first, stride=1),  # (N, 16, 32, 32)
        stage2=stage(block, n, first, second, stride=2),  # (N, 32, 16, 16)
        stage3=stage(block, n, second, third, stride=2),  # (N, 64, 8, 8)
    )
    return layers | head(third, num_classes)
