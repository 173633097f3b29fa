"""Densely connected networks, for ImageNet and for CIFAR.  Taught in chapter 17.

Huang, Liu, van der Maaten and Weinberger (2017), "Densely connected convolutional networks", CVPR,
2261-2269: section 3, Tables 1 and 2. Input: colour images, 224 x 224 for ImageNet and 32 x 32 for
CIFAR in the paper; any size from 32 (CIFAR: from 4) up works.

Torchvision has DenseNet-121, 169 and 201, the same networks, but not 264 and not those for CIFAR.
On CIFAR without augmentation the paper puts dropout of 0.2 after each convolution but the first
one; that is left out here, as where the paper augments. Weights start as in `start_he`; see
section 4.2.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from course_utils.models.initial import start_he
from course_utils.models.pieces import head
from course_utils.models.settings import check_settings, scaled

# Table 1 (arXiv:1608.06993v5): layers of the four dense blocks; a layer of DenseNet-B is two
# convolutions.
BLOCKS = {121: (6, 12, 24, 16), 169: (6, 12, 32, 32), 201: (6, 12, 48, 32), 264: (6, 12, 64, 48)}
GROWTH_RATE = 32  # k: the maps that each layer adds
BOTTLENECK = 4  # a bottleneck makes 4k maps
COMPRESSION = 0.5  # theta: the part of the maps that a transition hands on

# Section 3, "Implementation details": three blocks, k = 12.
CIFAR_GROWTH_RATE = 12
DENSENET_40_BLOCKS, DENSENET_40_STEM = (12, 12, 12), 16
DENSENET_BC_100_BLOCKS = (16, 16, 16)

# The paper prints counts in Table 2 for CIFAR, and for ImageNet just "20M" for DenseNet-201
# (section 4.4). The exact ones are those of torchvision, for 264 of its class with Table 1's row.
PARAMETERS = {121: 7_978_856, 169: 14_149_480, 201: 20_013_928, 264: 33_337_704}
CIFAR_PARAMETERS = {"L=40, k=12": 1_019_722, "BC, L=100, k=12": 769_162}
PAPER_PARAMETERS = {201: "20M", "L=40, k=12": "1.0M", "BC, L=100, k=12": "0.8M"}


class DenseLayer(nn.Module):
    """What comes in, and k new maps computed from all of it, on top: equation (2)."""

    def __init__(self, branch: nn.Module) -> None:
        super().__init__()
        self.branch = branch

    def forward(self, x: Tensor) -> Tensor:
        """(N, channels in, H, W) -> (N, channels in + k, H, W)."""
        return torch.cat([x, self.branch(x)], dim=1)


class DenseNet(nn.Sequential):
    """The layers in order; layers of a block are `dense_block_1[0].branch` and so on."""


def layer_branch(channels_in: int, growth_rate: int) -> nn.Sequential:
    """H of a basic DenseNet: normalisation, ReLU and a 3x3 convolution, in this order."""
    return nn.Sequential(
        OrderedDict(
            norm=nn.BatchNorm2d(channels_in),
            relu=nn.ReLU(),
            conv=nn.Conv2d(channels_in, growth_rate, 3, padding=1, bias=False),
        )
    )


def bottleneck_branch(channels_in: int, growth_rate: int) -> nn.Sequential:
    """H of DenseNet-B: the same with a 1x1 convolution to 4k maps before."""
    narrow = BOTTLENECK * growth_rate
    return nn.Sequential(
        OrderedDict(
            norm1=nn.BatchNorm2d(channels_in),
            relu1=nn.ReLU(),
            conv1=nn.Conv2d(channels_in, narrow, 1, bias=False),
            norm2=nn.BatchNorm2d(narrow),
            relu2=nn.ReLU(),
            conv2=nn.Conv2d(narrow, growth_rate, 3, padding=1, bias=False),
        )
    )


def transition(channels_in: int, channels: int) -> nn.Sequential:
    """Between two blocks: fewer maps (in DenseNet-C) of half the size."""
    return nn.Sequential(
        OrderedDict(
            norm=nn.BatchNorm2d(channels_in),
            relu=nn.ReLU(),
            conv=nn.Conv2d(channels_in, channels, 1, bias=False),
            pool=nn.AvgPool2d(2),
        )
    )


def densenet121(num_classes: int = 1000, in_channels: int = 3, width: float = 1.0) -> DenseNet:
    """DenseNet-BC-121, k = 32: 7,978,856 parameters.  Taught in chapter 17.

    Takes images (N, in_channels, H, W), 224 x 224 in the paper, and returns class scores
    (N, num_classes). `width` multiplies the growth rate k, and with it all channels.

    Raises ValueError for settings that leave a layer without channels.
    """
    return _imagenet(121, num_classes, in_channels, width)


def densenet169(num_classes: int = 1000, in_channels: int = 3, width: float = 1.0) -> DenseNet:
    """DenseNet-BC-169, k = 32: 14,149,480 parameters; else as `densenet121`."""
    return _imagenet(169, num_classes, in_channels, width)


def densenet201(num_classes: int = 1000, in_channels: int = 3, width: float = 1.0) -> DenseNet:
    """DenseNet-BC-201, k = 32: 20,013,928 parameters, "20M"; else as `densenet121`."""
    return _imagenet(201, num_classes, in_channels, width)


def densenet264(num_classes: int = 1000, in_channels: int = 3, width: float = 1.0) -> DenseNet:
    """DenseNet-BC-264, k = 32: 33,337,704 parameters; else as `densenet121`.

    Other networks go by this name, with k = 48 for example; Table 1 says 32 for all four. Counted
    as the names of the other three count, its row of Table 1 has 265 layers.
    """
    return _imagenet(264, num_classes, in_channels, width)


def densenet40_k12(num_classes: int = 10, in_channels: int = 3, width: float = 1.0) -> DenseNet:
    """The basic DenseNet (L = 40, k = 12) for CIFAR: 1,019,722 parameters, "1.0M".

    Neither bottlenecks nor compression. Takes images (N, in_channels, H, W), 32 x 32 in the paper,
    and returns class scores (N, num_classes). `width` multiplies the growth rate k and the channels
    of the first convolution. Taught in chapter 17.

    Raises ValueError for settings that leave a layer without channels.
    """
    check_settings(num_classes, in_channels, width)
    stem = scaled(DENSENET_40_STEM, width)
    growth_rate = scaled(CIFAR_GROWTH_RATE, width)
    layers = _cifar_stem(in_channels, stem)
    blocks = DENSENET_40_BLOCKS
    return _finished(layers, blocks, stem, growth_rate, num_classes, bottlenecks=False)


def densenet_bc100_k12(num_classes: int = 10, in_channels: int = 3, width: float = 1.0) -> DenseNet:
    """DenseNet-BC (L = 100, k = 12) for CIFAR: 769,162 parameters, "0.8M"; as `densenet40_k12`.

    But with bottlenecks of 4k maps and transitions that halve the number of maps.
    """
    check_settings(num_classes, in_channels, width)
    growth_rate = scaled(CIFAR_GROWTH_RATE, width)
    layers = _cifar_stem(in_channels, 2 * growth_rate)
    blocks = DENSENET_BC_100_BLOCKS
    return _finished(layers, blocks, 2 * growth_rate, growth_rate, num_classes, bottlenecks=True)


def _imagenet(depth: int, num_classes: int, in_channels: int, width: float) -> DenseNet:
    check_settings(num_classes, in_channels, width)
    growth_rate = scaled(GROWTH_RATE, width)
    stem = 2 * growth_rate
    layers: OrderedDict[str, nn.Module] = OrderedDict(
        conv0=nn.Conv2d(in_channels, stem, 7, stride=2, padding=3, bias=False),  # 112 x 112
        norm0=nn.BatchNorm2d(stem),
        relu0=nn.ReLU(),
        pool0=nn.MaxPool2d(3, stride=2, padding=1),  # (N, 64, 56, 56)
    )
    return _finished(layers, BLOCKS[depth], stem, growth_rate, num_classes, bottlenecks=True)


def _cifar_stem(in_channels: int, stem: int) -> OrderedDict[str, nn.Module]:
    return OrderedDict(conv0=nn.Conv2d(in_channels, stem, 3, padding=1, bias=False))


def _finished(
    layers: OrderedDict[str, nn.Module],
    blocks: Sequence[int],
    channels: int,
    growth_rate: int,
    num_classes: int,
    *,
    bottlenecks: bool,
) -> DenseNet:
    """The first layers, then blocks with transitions between them, a last normalisation, a head."""
    branch = bottleneck_branch if bottlenecks else layer_branch
    for number, count in enumerate(blocks, start=1):
        inputs = range(channels, channels + count * growth_rate, growth_rate)
        block = nn.Sequential(*(DenseLayer(branch(size, growth_rate)) for size in inputs))
        layers[f"dense_block_{number}"] = block
        channels += count * growth_rate
        if number < len(blocks):
            kept = int(COMPRESSION * channels) if bottlenecks else channels
            layers[f"transition_{number}"] = transition(channels, kept)
            channels = kept
    layers |= OrderedDict(norm=nn.BatchNorm2d(channels), relu=nn.ReLU())
    model = DenseNet(layers | head(channels, num_classes))
    start_he(model)
    return model
