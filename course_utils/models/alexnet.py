"""AlexNet, the network that won ILSVRC 2012.  Taught in chapter 13.

Krizhevsky, Sutskever and Hinton (2012), "ImageNet classification with deep convolutional neural
networks", Advances in Neural Information Processing Systems 25: section 3 and Figure 2.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import NamedTuple

import torch
from torch import Tensor, nn

from course_utils.models.dense import dense_layers
from course_utils.models.images import FixedSizeNetwork
from course_utils.models.initial import start_gaussian
from course_utils.models.settings import check_settings, scaled


class Convolution(NamedTuple):
    """A row of section 3.5: how many kernels, how large, how far apart, on how many GPUs."""

    kernels: int
    size: int
    stride: int
    padding: int
    groups: int


# The paper prints neither the padding nor any stride but the first. The paddings are those that
# give the 27 x 27 and 13 x 13 maps of Figure 2, as 186,624 = 256 x 27 x 27 and 64,896 =
# 384 x 13 x 13 neurons.
CONVOLUTIONS = {
    "conv1": Convolution(96, size=11, stride=4, padding=0, groups=1),
    "conv2": Convolution(256, size=5, stride=1, padding=2, groups=2),
    "conv3": Convolution(384, size=3, stride=1, padding=1, groups=1),
    "conv4": Convolution(384, size=3, stride=1, padding=1, groups=2),
    "conv5": Convolution(256, size=3, stride=1, padding=1, groups=2),
}
HIDDEN_UNITS = 4_096
GPUS = 2

# Section 3.3: k = 2, n = 5, alpha = 1e-4, beta = 0.75, where alpha multiplies the sum over the n
# maps. PyTorch's alpha multiplies their mean.
RESPONSE_NORM = {"k": 2.0, "size": 5, "alpha": 5 * 1e-4, "beta": 0.75}

BIASES_OF_ONE = ("conv2", "conv4", "conv5", "fc6", "fc7")  # section 5

IMAGE_SIZE = 227

# Weights and biases of each layer at width 1, three input channels and 1000 classes.
PARAMETERS = {
    "conv1": 34_944,
    "conv2": 307_456,
    "conv3": 885_120,
    "conv4": 663_936,
    "conv5": 442_624,
    "fc6": 37_752_832,
    "fc7": 16_781_312,
    "fc8": 4_097_000,
}
TOTAL_PARAMETERS = 60_965_224
PAPER_PARAMETERS = 60_000_000  # abstract

# Numbers that each layer puts out. Figure 2 prints all of them but the first.
NEURONS = {
    "conv1": 290_400,
    "conv2": 186_624,
    "conv3": 64_896,
    "conv4": 64_896,
    "conv5": 43_264,
    "fc6": 4_096,
    "fc7": 4_096,
    "fc8": 1_000,
}
TOTAL_NEURONS = 659_272
PAPER_CONV1_NEURONS = 253_440  # Figure 2; 96 x 55 x 48, which is no square map
PAPER_NEURONS = 650_000  # abstract

# Products of a weight with a number, each with its addition, for one image.
CONNECTIONS = 724_406_816
SLIDES_CONNECTIONS = 630_000_000  # the authors' slides of 2012; the paper prints no such number


class AlexNet(FixedSizeNetwork):
    """The layers in order: conv1 to conv5 with their ReLUs, norms and pools, then fc6 to fc8."""


class ResponseNorm(nn.LocalResponseNorm):
    """Local response normalisation, section 3.3, on each GPU's maps by themselves.

    The neighbours of a map are those on its own GPU, else conv2 would see maps of the other one.
    """

    def __init__(self) -> None:
        super().__init__(**RESPONSE_NORM)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> the same shape."""
        normalise = super().forward
        return torch.cat([normalise(half) for half in x.chunk(GPUS, dim=1)], dim=1)


def alexnet(num_classes: int = 1000, in_channels: int = 3, width: float = 1.0) -> AlexNet:
    """AlexNet as in the paper: 60,965,224 trainable parameters.  Taught in chapter 13.

    Takes images (N, in_channels, 227, 227) and returns class scores (N, num_classes), to be used
    with `torch.nn.functional.cross_entropy`. `width` multiplies the channels, rounded to an even
    number, and the hidden units.

    The paper says 224 x 224, where 11 x 11 windows with stride 4 do not come out even; 227 gives
    the 55 x 55 maps that agree with everything after them.

    Of three famous counts, this network has 60,965,224 parameters, 659,272 neurons and 724,406,816
    connections. The abstract's "60 million parameters and 650,000 neurons" are the first two cut
    off, not rounded. Figure 2 prints 253,440 neurons for conv1, which no 96 square maps can have;
    with it the neurons would add up to 622,312. "630,000,000 connections" is on the authors' slides
    of 2012, not in the paper; no way of counting that we tried gives it. The 62 million parameters
    of many tables are 62,378,344: this network without its groups.

    Most copies differ. torchvision's, from Krizhevsky (2014), "One weird trick for parallelizing
    convolutional neural networks", has one tower with 64, 192, 384, 256 and 256 maps, no response
    normalisation, 224 x 224 images padded by 2, and dropout before fc6 and fc7 instead of after
    them: 61,100,840 parameters. CaffeNet pools before it normalises. Many take the paper's alpha
    for PyTorch's or Caffe's, which is divided by n. Most normalise over all 96 maps, so that two on
    either side of the middle see the other GPU's: the paper's "N is the total number of kernels in
    the layer" can be read so; "the GPUs communicate only in certain layers", of which conv2 is not
    one, cannot.

    Weights start from a Gaussian of standard deviation 0.01, biases at 1 in conv2, conv4, conv5,
    fc6 and fc7 and at 0 elsewhere (section 5). In a narrow network the deviation is 0.01 /
    sqrt(width), which keeps the scale of what layers with fewer inputs put out. All that suits the
    paper's images, pixels from 0 to 255 less their mean: images with a standard deviation of 1
    should be multiplied by 60 or so, else the biases drown them and training starts slowly.

    Raises ValueError for settings without sense, and when called on images of another shape.
    """
    check_settings(num_classes, in_channels, width)
    layers = convolutional_layers(in_channels, width)
    maps5, hidden = layers["conv5"].out_channels, scaled(HIDDEN_UNITS, width)
    layers.update(dense_layers(maps5 * 6 * 6, hidden, hidden, num_classes))  # (N, num_classes)
    model = AlexNet(layers, (in_channels, IMAGE_SIZE, IMAGE_SIZE))
    start_gaussian(model, std=0.01 / width**0.5, biases_of_one=BIASES_OF_ONE)
    return model


def convolutional_layers(in_channels: int, width: float) -> OrderedDict[str, nn.Module]:
    """Everything before the dense layers: (N, in_channels, 227, 227) -> (N, 256, 6, 6)."""
    maps = [in_channels, *(scaled(row.kernels, width, GPUS) for row in CONVOLUTIONS.values())]
    conv1, conv2, conv3, conv4, conv5 = (
        nn.Conv2d(before, after, row.size, row.stride, row.padding, groups=row.groups)
        for before, after, row in zip(maps, maps[1:], CONVOLUTIONS.values(), strict=False)
    )
    return OrderedDict(
        conv1=conv1,  # (N, 96, 55, 55)
        relu1=nn.ReLU(),
        norm1=ResponseNorm(),
        pool1=nn.MaxPool2d(kernel_size=3, stride=2),  # (N, 96, 27, 27)
        conv2=conv2,  # (N, 256, 27, 27)
        relu2=nn.ReLU(),
        norm2=ResponseNorm(),
        pool2=nn.MaxPool2d(kernel_size=3, stride=2),  # (N, 256, 13, 13)
        conv3=conv3,  # (N, 384, 13, 13)
        relu3=nn.ReLU(),
        conv4=conv4,  # (N, 384, 13, 13)
        relu4=nn.ReLU(),
        conv5=conv5,  # (N, 256, 13, 13)
        relu5=nn.ReLU(),
        pool5=nn.MaxPool2d(kernel_size=3, stride=2),  # (N, 256, 6, 6)
    )
