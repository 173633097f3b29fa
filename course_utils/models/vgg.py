"""The VGG networks: 3 x 3 convolutions only, 11 to 19 layers deep.  Taught in chapter 14.

Simonyan and Zisserman (2015), "Very deep convolutional networks for large-scale image recognition",
International Conference on Learning Representations: section 2, Tables 1 and 2.

What is the same for all of them: they take images (N, in_channels, image_size, image_size), 224 in
the paper, 32 for CIFAR-10, and return class scores (N, num_classes), to be used with
`torch.nn.functional.cross_entropy`. `width` multiplies the channels and the hidden units. Other
sizes change the inputs of fc6 and nothing before it; what five halvings do not divide is cut off.

Counts are exactly torchvision's. torchvision puts an adaptive average pool before fc6, which does
nothing at 224; ours refuses images of another size than it was made for. The networks with batch
normalisation are not in the paper. Nor is configuration C here, which is D with 1 x 1 instead of
3 x 3 in the last convolution of three blocks, or A with response normalisation.

Weights start as Glorot and Bengio's (2010), biases at 0: the authors first trained configuration A
and started the deeper ones from it, and found after submission that this start does without.
"""

from __future__ import annotations

from collections import OrderedDict

from torch import nn

from course_utils.models.dense import dense_layers
from course_utils.models.images import FixedSizeNetwork
from course_utils.models.initial import start_glorot
from course_utils.models.settings import check_settings, scaled

# Table 1: how many convolutions conv3-64, conv3-128, conv3-256, conv3-512 and conv3-512 each
# column has, every group before a maxpool; then FC-4096, FC-4096 and FC-1000.
CHANNELS = (64, 128, 256, 512, 512)
CONFIGURATIONS = {
    "A": (1, 1, 2, 2, 2),
    "B": (2, 2, 2, 2, 2),
    "D": (2, 2, 3, 3, 3),
    "E": (2, 2, 4, 4, 4),
}
HIDDEN_UNITS = 4_096

IMAGE_SIZE = 224
SHRINKS_BY = 32  # five pools halve the side

# Weights and biases at width 1, three input channels and 1000 classes.
TOTAL_PARAMETERS = {"A": 132_863_336, "B": 133_047_848, "D": 138_357_544, "E": 143_667_240}
PAPER_MILLION_PARAMETERS = {"A": 133, "B": 133, "D": 138, "E": 144}  # Table 2


class VGG(FixedSizeNetwork):
    """The layers in order: conv1_1 to pool5, then fc6 to fc8, as in the authors' Caffe files."""


def vgg11(
    num_classes: int = 1000, in_channels: int = 3, width: float = 1.0, image_size: int = IMAGE_SIZE
) -> VGG:
    """Configuration A, 8 convolutions: 132,863,336 parameters.  Taught in chapter 14.

    Raises ValueError for settings without sense, and when called on images of another shape.
    """
    return _vgg("A", num_classes, in_channels, width, image_size)


def vgg13(
    num_classes: int = 1000, in_channels: int = 3, width: float = 1.0, image_size: int = IMAGE_SIZE
) -> VGG:
    """Configuration B, 10 convolutions: 133,047,848 parameters.  Taught in chapter 14.

    Settings and errors as for `vgg11`.
    """
    return _vgg("B", num_classes, in_channels, width, image_size)


def vgg16(
    num_classes: int = 1000, in_channels: int = 3, width: float = 1.0, image_size: int = IMAGE_SIZE
) -> VGG:
    """Configuration D, 13 convolutions: 138,357,544 parameters.  Taught in chapter 14.

    Settings and errors as for `vgg11`.
    """
    return _vgg("D", num_classes, in_channels, width, image_size)


def vgg19(
    num_classes: int = 1000, in_channels: int = 3, width: float = 1.0, image_size: int = IMAGE_SIZE
) -> VGG:
    """Configuration E, 16 convolutions: 143,667,240 parameters.  Taught in chapter 14.

    Settings and errors as for `vgg11`.
    """
    return _vgg("E", num_classes, in_channels, width, image_size)


def _vgg(
    configuration: str, num_classes: int, in_channels: int, width: float, image_size: int
) -> VGG:
    check_settings(num_classes, in_channels, width)
    _check_image_size(image_size)
    channels = [scaled(size, width) for size in CHANNELS]
    hidden = scaled(HIDDEN_UNITS, width)
    layers = convolutional_layers(CONFIGURATIONS[configuration], in_channels, channels)
    inputs = channels[-1] * (image_size // SHRINKS_BY) ** 2  # 512 * 7 * 7
    layers.update(dense_layers(inputs, hidden, hidden, num_classes))  # (N, num_classes)
    model = VGG(layers, (in_channels, image_size, image_size))
    start_glorot(model)
    return model


def convolutional_layers(
    depths: tuple[int, ...], in_channels: int, channels: list[int]
) -> OrderedDict[str, nn.Module]:
    """conv1_1 to pool5: (N, in_channels, 224, 224) -> (N, channels[-1], 7, 7)."""
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    before = in_channels
    for block, (depth, after) in enumerate(zip(depths, channels, strict=True), start=1):
        for i in range(1, depth + 1):  # (N, 64, 224, 224) in block 1
            layers[f"conv{block}_{i}"] = nn.Conv2d(before, after, kernel_size=3, padding=1)
            layers[f"relu{block}_{i}"] = nn.ReLU()
            before = after
        layers[f"pool{block}"] = nn.MaxPool2d(kernel_size=2)  # (N, 64, 112, 112) after block 1
    return layers


def _check_image_size(image_size: int) -> None:
    if isinstance(image_size, bool) or not isinstance(image_size, int) or image_size < SHRINKS_BY:
        raise ValueError(
            f"image_size must be a whole number of at least {SHRINKS_BY}, got {image_size!r}"
        )
