"""ResNeXt-50: bottlenecks of 32 narrow paths side by side.  Taught in chapter 17.

Xie, Girshick, Dollar, Tu and He (2017), "Aggregated residual transformations for deep neural
networks", CVPR, 5987-5995: Table 1 and Figure 3(c). Input: colour images, 224 x 224 in the paper;
any size from 32 up works.

The paths are one grouped convolution, the paper's form (c). Frame, shortcuts and first weights are
ResNet's; the stride is in the 3x3 convolution (section 4), unlike in `resnet50`. Torchvision has
the same network.
"""

from __future__ import annotations

from collections import OrderedDict

from torch import nn

from course_utils.models.initial import start_he
from course_utils.models.residual import Residual, imagenet_layers, projection
from course_utils.models.settings import check_settings, scaled

BLOCKS = (3, 4, 6, 3)  # in conv2_x, conv3_x, conv4_x and conv5_x
CARDINALITY = 32  # paths, the groups of the 3x3 convolutions
STEM = 64  # channels of conv1
CHANNELS = (128, 256, 512, 1024)  # of the 3x3 convolutions: in conv2_x 32 paths of 4 channels
EXPANSION = 2  # a block puts out twice as many

# Trainable numbers at width 1; what Table 1 prints, parameters and "FLOPs" (multiply-adds).
PARAMETERS = 25_028_904
PAPER_PARAMETERS, PAPER_MULTIPLY_ADDS = 25.0e6, 4.2e9


class ResNeXt(nn.Sequential):
    """The layers in order, under Table 1's names; blocks are `conv2_x[0].branch` and so on."""


def aggregated_branch(channels_in: int, channels: int, stride: int) -> nn.Sequential:
    """F of Figure 3(c): 1x1 to half the channels, 3x3 in 32 groups, and 1x1 up again."""
    narrow = channels // EXPANSION
    return nn.Sequential(
        OrderedDict(
            conv1=nn.Conv2d(channels_in, narrow, 1, bias=False),
            norm1=nn.BatchNorm2d(narrow),
            relu1=nn.ReLU(),
            conv2=nn.Conv2d(narrow, narrow, 3, stride, padding=1, groups=CARDINALITY, bias=False),
            norm2=nn.BatchNorm2d(narrow),
            relu2=nn.ReLU(),
            conv3=nn.Conv2d(narrow, channels, 1, bias=False),
            norm3=nn.BatchNorm2d(channels),
        )
    )


def aggregated_block(channels_in: int, channels: int, stride: int) -> Residual:
    """32 paths and a shortcut: equation (3)."""
    branch = aggregated_branch(channels_in, channels, stride)
    return Residual(branch, projection(channels_in, channels, stride))


def resnext50_32x4d(num_classes: int = 1000, in_channels: int = 3, width: float = 1.0) -> ResNeXt:
    """ResNeXt-50 (32x4d): 25,028,904 parameters, "25.0e6".  Taught in chapter 17.

    Takes images (N, in_channels, H, W), 224 x 224 in the paper, and returns class scores
    (N, num_classes). `width` multiplies the channels of each path; there are always 32 paths of at
    least one channel. Weights start as in `start_he`.

    Raises ValueError for settings that leave a layer without channels.
    """
    check_settings(num_classes, in_channels, width)
    narrow = [scaled(size, width, multiple_of=CARDINALITY) for size in CHANNELS]
    channels = [scaled(STEM, width), *(EXPANSION * size for size in narrow)]
    layers = imagenet_layers(aggregated_block, BLOCKS, channels, in_channels, num_classes)
    model = ResNeXt(layers)
    start_he(model)
    return model
