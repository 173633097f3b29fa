"""Residual networks for ImageNet, and the plain ones beside them.  Taught in chapter 16.

He, Zhang, Ren and Sun (2016), "Deep residual learning for image recognition", CVPR, 770-778:
Table 1, Figures 3 and 5. Input: colour images, 224 x 224 in the paper; any size from 32 up works.

Two things differ from common practice. A bottleneck that halves the map does it in its first 1x1
convolution, as in the models that the authors published (Table 1 only names the blocks); but
torchvision's, and with it most that is called ResNet-50 today, does it in the 3x3 convolution
("v1.5"), which changes no parameter but costs more multiply-adds. And the last normalisation of a
block starts at 1, not at 0.

Shortcuts are identities, and projections where the dimensions change (option B). For 18 and 34
layers the paper trains option A too, padding with zeros: Table 2, in which plain and residual nets
have the same number of parameters, is about that one. `resnet_cifar` has option A.
"""

from __future__ import annotations

from collections import OrderedDict

from torch import nn

from course_utils.models.initial import start_he
from course_utils.models.residual import (
    Block,
    Residual,
    basic_branch,
    imagenet_layers,
    plain_block,
    projection,
)
from course_utils.models.settings import check_settings, scaled

# Table 1: how many blocks conv2_x, conv3_x, conv4_x and conv5_x have.
BASIC_BLOCKS = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3)}
BOTTLENECKS = {50: (3, 4, 6, 3), 101: (3, 4, 23, 3), 152: (3, 8, 36, 3)}

STEM = 64  # channels of conv1
CHANNELS = (64, 128, 256, 512)  # of the 3x3 convolutions of the four stages
EXPANSION = 4  # a bottleneck puts out four times as many

# Table 1's last row, "FLOPs": multiply-adds of one image, with two or three digits.
PAPER_MULTIPLY_ADDS = {18: 1.8e9, 34: 3.6e9, 50: 3.8e9, 101: 7.6e9, 152: 11.3e9}

# The paper prints no parameters for these. Torchvision has the same, stride or no stride.
PARAMETERS = {18: 11_689_512, 34: 21_797_672, 50: 25_557_032, 101: 44_549_160, 152: 60_192_808}
PLAIN_PARAMETERS = {18: 11_515_688, 34: 21_623_848}


class ResNet(nn.Sequential):
    """The layers in order, under Table 1's names; blocks are `conv2_x[0].branch` and so on."""


class PlainNet(nn.Sequential):
    """The same without shortcuts."""


def basic_block(channels_in: int, channels: int, stride: int) -> Residual:
    """Two 3x3 convolutions and a shortcut of option B: Figure 5 (left)."""
    branch = basic_branch(channels_in, channels, stride)
    return Residual(branch, projection(channels_in, channels, stride))


def bottleneck_branch(channels_in: int, channels: int, stride: int) -> nn.Sequential:
    """F of Figure 5 (right): 1x1 down to a quarter, 3x3, 1x1 up again; the stride comes first."""
    narrow = channels // EXPANSION
    return nn.Sequential(
        OrderedDict(
            conv1=nn.Conv2d(channels_in, narrow, 1, stride, bias=False),
            norm1=nn.BatchNorm2d(narrow),
            relu1=nn.ReLU(),
            conv2=nn.Conv2d(narrow, narrow, 3, padding=1, bias=False),
            norm2=nn.BatchNorm2d(narrow),
            relu2=nn.ReLU(),
            conv3=nn.Conv2d(narrow, channels, 1, bias=False),
            norm3=nn.BatchNorm2d(channels),
        )
    )


def bottleneck_block(channels_in: int, channels: int, stride: int) -> Residual:
    """A bottleneck and a shortcut of option B."""
    branch = bottleneck_branch(channels_in, channels, stride)
    return Residual(branch, projection(channels_in, channels, stride))


def resnet18(num_classes: int = 1000, in_channels: int = 3, width: float = 1.0) -> ResNet:
    """ResNet-18, basic blocks, option B: 11,689,512 parameters.  Taught in chapter 16.

    Takes images (N, in_channels, H, W), 224 x 224 in the paper, and returns class scores
    (N, num_classes). `width` multiplies the channels. Weights start as in `start_he`.

    Raises ValueError for settings that leave a layer without channels.
    """
    return _residual(basic_block, BASIC_BLOCKS[18], 1, num_classes, in_channels, width)


def resnet34(num_classes: int = 1000, in_channels: int = 3, width: float = 1.0) -> ResNet:
    """ResNet-34, basic blocks, option B: 21,797,672 parameters; else as `resnet18`."""
    return _residual(basic_block, BASIC_BLOCKS[34], 1, num_classes, in_channels, width)


def resnet50(num_classes: int = 1000, in_channels: int = 3, width: float = 1.0) -> ResNet:
    """ResNet-50, bottlenecks: 25,557,032 parameters; else as `resnet18`.

    With the paper's strides it needs 3.86e9 multiply-adds (printed as 3.8e9); torchvision's, which
    halves the maps one convolution later, 4.09e9.
    """
    return _residual(bottleneck_block, BOTTLENECKS[50], EXPANSION, num_classes, in_channels, width)


def resnet101(num_classes: int = 1000, in_channels: int = 3, width: float = 1.0) -> ResNet:
    """ResNet-101, bottlenecks: 44,549,160 parameters; else as `resnet50`."""
    return _residual(bottleneck_block, BOTTLENECKS[101], EXPANSION, num_classes, in_channels, width)


def resnet152(num_classes: int = 1000, in_channels: int = 3, width: float = 1.0) -> ResNet:
    """ResNet-152, bottlenecks: 60,192,808 parameters; else as `resnet50`."""
    return _residual(bottleneck_block, BOTTLENECKS[152], EXPANSION, num_classes, in_channels, width)


def plain18(num_classes: int = 1000, in_channels: int = 3, width: float = 1.0) -> PlainNet:
    """ResNet-18 without its shortcuts: 11,515,688 parameters.  Taught in chapter 16.

    These are 173,824 fewer than `resnet18` has, which are the three projections of option B.
    Else as `resnet18`.
    """
    return _plain(BASIC_BLOCKS[18], num_classes, in_channels, width)


def plain34(num_classes: int = 1000, in_channels: int = 3, width: float = 1.0) -> PlainNet:
    """ResNet-34 without its shortcuts, Figure 3 (middle): 21,623,848 parameters; as `plain18`."""
    return _plain(BASIC_BLOCKS[34], num_classes, in_channels, width)


def _residual(
    block: Block,
    counts: tuple[int, ...],
    expansion: int,
    num_classes: int,
    in_channels: int,
    width: float,
) -> ResNet:
    check_settings(num_classes, in_channels, width)
    channels = [scaled(STEM, width), *(expansion * scaled(size, width) for size in CHANNELS)]
    model = ResNet(imagenet_layers(block, counts, channels, in_channels, num_classes))
    start_he(model)
    return model


def _plain(counts: tuple[int, ...], num_classes: int, in_channels: int, width: float) -> PlainNet:
    check_settings(num_classes, in_channels, width)
    channels = [scaled(size, width) for size in (STEM, *CHANNELS)]
    model = PlainNet(imagenet_layers(plain_block, counts, channels, in_channels, num_classes))
    start_he(model)
    return model
