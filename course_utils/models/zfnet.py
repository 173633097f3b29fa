"""ZFNet, found by looking at what AlexNet's layers respond to.  Taught in chapters 14 and 18.

Zeiler and Fergus (2014), "Visualizing and understanding convolutional networks", European
Conference on Computer Vision: section 3, Figure 3 and the table of varied sizes.
"""

from __future__ import annotations

from collections import OrderedDict

from torch import nn

from course_utils.models.alexnet import RESPONSE_NORM
from course_utils.models.dense import dense_layers
from course_utils.models.images import FixedSizeNetwork
from course_utils.models.initial import start_gaussian
from course_utils.models.settings import check_settings, scaled

# Feature maps of layers 1 to 5: Figure 3, and in the table of varied sizes the row with larger
# layers 3, 4 and 5.
FEATURE_MAPS = {
    "Our Model (as per Fig. 3)": (96, 256, 384, 384, 256),
    "Adjust layers 3,4,5: 512,1024,512 maps": (96, 256, 512, 1_024, 512),
}
FIGURE_3, LARGER = FEATURE_MAPS
HIDDEN_UNITS = 4_096

IMAGE_SIZE = 224

# Sides of the maps that Figure 3 prints: after convolution 1, then after pooling in layers 1, 2
# and 5, and after convolution 2.
PAPER_SIDES = {"conv1": 110, "pool1": 55, "conv2": 26, "pool2": 13, "pool5": 6}

# Weights and biases at width 1, three input channels and 1000 classes. The paper prints no count;
# these are also those of pytorchcv's zfnet and zfnetb (github.com/osmr/imgclsmob).
TOTAL_PARAMETERS = {FIGURE_3: 62_357_608, LARGER: 107_627_624}


class ZFNet(FixedSizeNetwork):
    """The layers in order: conv1 to conv5 with their ReLUs, pools and norms, then fc6 to fc8."""


def zfnet(num_classes: int = 1000, in_channels: int = 3, width: float = 1.0) -> ZFNet:
    """ZFNet as in Figure 3 of the paper: 62,357,608 trainable parameters.  Taught in chapter 14.

    Takes images (N, in_channels, 224, 224) and returns class scores (N, num_classes), to be used
    with `torch.nn.functional.cross_entropy`. `width` multiplies the channels and hidden units.

    Against AlexNet, layer 1 has 7 x 7 kernels with stride 2 instead of 11 x 11 with stride 4, layer
    2 has stride 2, no layer is split between two GPUs, and each pool comes before the normalisation
    across maps, for which AlexNet's constants are taken: the paper prints none.

    The figure prints no padding. Without any, 224 pixels give 109 x 109 maps, then 54 x 54. A
    padding of 1 gives the figure's 110 x 110 (at the right and at the bottom it lies in no window).
    From these, 3 x 3 windows with stride 2 give 54 x 54, and the figure's 55 x 55 only if the last
    window may hang over the border: `ceil_mode`, which also turns its 26 into 13 and leaves 13 to
    6. A padding of 2 gives 55 with whole windows, but by way of 111; pools padded by 1 give 55 too,
    but turn the last 13 into 7.

    Weights start from a Gaussian of standard deviation 0.01, biases at 0: the paper says only that
    weights "are initialized to 10^-2". Like AlexNet's they suit images "roughly in the [-128,128]
    range", and in a narrow network the deviation is 0.01 / sqrt(width). While training, the paper
    also scales back every kernel whose root mean square exceeds 0.1; that is left to the training.

    Raises ValueError for settings without sense, and when called on images of another shape.
    """
    return _zfnet(FIGURE_3, num_classes, in_channels, width)


def zfnet_larger(num_classes: int = 1000, in_channels: int = 3, width: float = 1.0) -> ZFNet:
    """ZFNet with 512, 1024 and 512 maps in layers 3 to 5: 107,627,624 parameters.

    Of the paper's varied sizes the one with the lowest error of a single model; else as `zfnet`.
    Taught in chapter 14.
    """
    return _zfnet(LARGER, num_classes, in_channels, width)


def _zfnet(row: str, num_classes: int, in_channels: int, width: float) -> ZFNet:
    check_settings(num_classes, in_channels, width)
    maps = [scaled(maps, width) for maps in FEATURE_MAPS[row]]
    hidden = scaled(HIDDEN_UNITS, width)
    layers = convolutional_layers(in_channels, *maps)
    layers.update(dense_layers(maps[-1] * 6 * 6, hidden, hidden, num_classes))  # (N, num_classes)
    model = ZFNet(layers, (in_channels, IMAGE_SIZE, IMAGE_SIZE))
    start_gaussian(model, std=0.01 / width**0.5)
    return model


def convolutional_layers(
    in_channels: int, maps1: int, maps2: int, maps3: int, maps4: int, maps5: int
) -> OrderedDict[str, nn.Module]:
    """Layers 1 to 5: (N, in_channels, 224, 224) -> (N, maps5, 6, 6)."""
    return OrderedDict(
        conv1=nn.Conv2d(
            in_channels, maps1, kernel_size=7, stride=2, padding=1
        ),  # (N, 96, 110, 110)
        relu1=nn.ReLU(),
        pool1=_pool(),  # (N, 96, 55, 55)
        norm1=nn.LocalResponseNorm(**RESPONSE_NORM),
        conv2=nn.Conv2d(maps1, maps2, kernel_size=5, stride=2),  # (N, 256, 26, 26)
        relu2=nn.ReLU(),
        pool2=_pool(),  # (N, 256, 13, 13)
        norm2=nn.LocalResponseNorm(**RESPONSE_NORM),
        conv3=nn.Conv2d(maps2, maps3, kernel_size=3, padding=1),  # (N, 384, 13, 13)
        relu3=nn.ReLU(),
        conv4=nn.Conv2d(maps3, maps4, kernel_size=3, padding=1),  # (N, 384, 13, 13)
        relu4=nn.ReLU(),
        conv5=nn.Conv2d(maps4, maps5, kernel_size=3, padding=1),  # (N, 256, 13, 13)
        relu5=nn.ReLU(),
        pool5=_pool(),  # (N, 256, 6, 6)
    )


def _pool() -> nn.MaxPool2d:
    return nn.MaxPool2d(kernel_size=3, stride=2, ceil_mode=True)
