"""OverFeat's fast model, which the lectures' table of ILSVRC names.  Taught in chapter 13.

Sermanet, Eigen, Zhang, Mathieu, Fergus and LeCun (2014), "OverFeat: Integrated recognition,
localization and detection using convolutional networks", International Conference on Learning
Representations: section 3 and Table 1.
"""

from __future__ import annotations

from collections import OrderedDict

from torch import nn

from course_utils.models.dense import dense_layers
from course_utils.models.images import FixedSizeNetwork
from course_utils.models.initial import start_gaussian
from course_utils.models.settings import check_settings, scaled

# The row "# channels" of Table 1, layers 1 to 7; layer 8 has one a class.
CHANNELS = (96, 256, 512, 1_024, 1_024, 3_072, 4_096)

IMAGE_SIZE = 231

# Weights and biases of each layer at width 1, three input channels and 1000 classes.
PARAMETERS = {
    "conv1": 34_944,
    "conv2": 614_656,
    "conv3": 1_180_160,
    "conv4": 4_719_616,
    "conv5": 9_438_208,
    "fc6": 113_249_280,
    "fc7": 12_587_008,
    "fc8": 4_097_000,
}
TOTAL_PARAMETERS = 145_920_872
PAPER_MILLION_PARAMETERS = 145  # the table of parameters and connections

# Products of a weight with a number, each with its addition, for one image.
CONNECTIONS = 2_801_403_904
PAPER_MILLION_CONNECTIONS = 2_810


class OverFeat(FixedSizeNetwork):
    """The layers in order: conv1 to conv5 with their ReLUs and pools, then fc6 to fc8."""


def overfeat_fast(num_classes: int = 1000, in_channels: int = 3, width: float = 1.0) -> OverFeat:
    """OverFeat's fast model: 145,920,872 trainable parameters.  Taught in chapter 13.

    Takes images (N, in_channels, 231, 231) and returns class scores (N, num_classes), to be used
    with `torch.nn.functional.cross_entropy`. `width` multiplies the channels and hidden units.

    Against AlexNet: no split between GPUs, no response normalisation, pools of 2 x 2 that do not
    overlap, and wider layers. The paper prints 145 million parameters, which is the count cut off,
    and 2,810 million connections, 0.3 % more than the products of this network; we do not know what
    else it counts. In Table 1, "spatial input size" says 24 x 24 for layer 2, which puts out 24 x
    24 and takes in 28 x 28.

    Weights start from a Gaussian of standard deviation 0.01 (section 3.1), biases at 0, of which
    the paper says nothing. In a narrow network the deviation is 0.01 / sqrt(width).

    Raises ValueError for settings without sense, and when called on images of another shape.
    """
    check_settings(num_classes, in_channels, width)
    *maps, units6, units7 = (scaled(size, width) for size in CHANNELS)
    layers = convolutional_layers(in_channels, *maps)
    layers.update(dense_layers(maps[-1] * 6 * 6, units6, units7, num_classes))  # (N, num_classes)
    model = OverFeat(layers, (in_channels, IMAGE_SIZE, IMAGE_SIZE))
    start_gaussian(model, std=0.01 / width**0.5)
    return model


def convolutional_layers(
    in_channels: int, maps1: int, maps2: int, maps3: int, maps4: int, maps5: int
) -> OrderedDict[str, nn.Module]:
    """Layers 1 to 5: (N, in_channels, 231, 231) -> (N, maps5, 6, 6)."""
    return OrderedDict(
        conv1=nn.Conv2d(in_channels, maps1, kernel_size=11, stride=4),  # (N, 96, 56, 56)
        relu1=nn.ReLU(),
        pool1=nn.MaxPool2d(kernel_size=2),  # (N, 96, 28, 28)
        conv2=nn.Conv2d(maps1, maps2, kernel_size=5),  # (N, 256, 24, 24)
        relu2=nn.ReLU(),
        pool2=nn.MaxPool2d(kernel_size=2),  # (N, 256, 12, 12)
        conv3=nn.Conv2d(maps2, maps3, kernel_size=3, padding=1),  # (N, 512, 12, 12)
        relu3=nn.ReLU(),
        conv4=nn.Conv2d(maps3, maps4, kernel_size=3, padding=1),  # (N, 1024, 12, 12)
        relu4=nn.ReLU(),
        conv5=nn.Conv2d(maps4, maps5, kernel_size=3, padding=1),  # (N, 1024, 12, 12)
        relu5=nn.ReLU(),
        pool5=nn.MaxPool2d(kernel_size=2),  # (N, 1024, 6, 6)
    )
