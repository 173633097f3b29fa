"""Network in network, for CIFAR-10.  Taught in chapter 15.

Lin, Chen and Yan (2014), "Network in network", International Conference on Learning
Representations: sections 3 and 4, Figure 2.
"""

from __future__ import annotations

from collections import OrderedDict

from torch import nn

from course_utils.models.initial import start_gaussian
from course_utils.models.settings import check_settings, scaled

# The three mlpconv layers: side of the kernels, and the maps of the convolution and of the two
# 1 x 1 layers ("cccp", cascaded cross channel parametric pooling) that slide with it. The last map
# count is the number of classes. From the authors' configuration NIN/cifar-10_def
# (github.com/mavenlin/cuda-convnet), whose names the layers carry.
KERNEL_SIZES = (5, 5, 3)
FEATURE_MAPS = ((192, 160, 96), (192, 192, 192), (192, 192, 10))

# Weights and biases of each layer at width 1, three input channels and ten classes. The paper
# prints no count; the total is also that of pytorchcv's nin_cifar10 (github.com/osmr/imgclsmob).
PARAMETERS = {
    "conv1": 14_592,
    "cccp1": 30_880,
    "cccp2": 15_456,
    "conv2": 460_992,
    "cccp3": 37_056,
    "cccp4": 37_056,
    "conv3": 331_968,
    "cccp5": 37_056,
    "cccp6": 1_930,
}
TOTAL_PARAMETERS = 966_986


class NetworkInNetwork(nn.Sequential):
    """The layers in order: three mlpconv layers, then the mean of each class's map."""


def nin(num_classes: int = 10, in_channels: int = 3, width: float = 1.0) -> NetworkInNetwork:
    """Network in network for CIFAR-10: 966,986 trainable parameters.  Taught in chapter 15.

    Takes images (N, in_channels, H, W), 32 x 32 in the paper, and returns class scores
    (N, num_classes), to be used with `torch.nn.functional.cross_entropy`. Global average pooling
    takes maps of any size, so H and W only have to be large enough for two pools. `width`
    multiplies the channels of every layer but the last.

    An mlpconv layer slides a perceptron with three layers over the map: a convolution and two
    convolutions of 1 x 1, each with ReLU. Max pooling, which halves the side, and dropout stand
    between them. The last mlpconv layer has one map a class; the mean of each map is the score.
    Since a ReLU comes before the mean (equation 2), no score is negative.

    The paper leaves open the sizes of kernels and pools, the numbers of maps, and the first
    weights; we take the authors' configuration: pools of 3 x 3 with stride 2, the last window
    hanging over the border (32, 16, 8), dropout of 0.5, weights from a Gaussian of standard
    deviation 0.05 (in a narrow network 0.05 / sqrt(width)), biases 0. The authors' later version
    for Caffe has an average pool in second place, and many copies follow it; the paper and the
    configuration say max. The paper says that every mlpconv layer is followed by a max pool; after
    the last one there is none in the configuration.

    Raises ValueError for settings without sense.
    """
    check_settings(num_classes, in_channels, width)
    maps = [[scaled(size, width) for size in row] for row in FEATURE_MAPS]
    maps[-1][-1] = num_classes
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    before = in_channels
    for number, (size, row) in enumerate(zip(KERNEL_SIZES, maps, strict=True), start=1):
        layers.update(mlpconv(number, before, row, size))
        if number < len(maps):
            layers[f"pool{number}"] = nn.MaxPool2d(3, stride=2, ceil_mode=True)  # (N, 96, 16, 16)
            layers[f"drop{number}"] = nn.Dropout(p=0.5)
        before = row[-1]
    layers["poolg"] = nn.AdaptiveAvgPool2d(1)  # (N, 10, 1, 1)
    layers["flatten"] = nn.Flatten()  # (N, 10)
    model = NetworkInNetwork(layers)
    start_gaussian(model, std=0.05 / width**0.5)
    return model


def mlpconv(
    number: int, in_channels: int, maps: list[int], kernel_size: int
) -> OrderedDict[str, nn.Module]:
    """Layers of one mlpconv layer: (N, in_channels, H, W) -> (N, maps[-1], H, W)."""
    first, second, third = maps
    cccp = 2 * number - 1  # the authors number the 1 x 1 layers through: 1 and 2, 3 and 4, 5 and 6
    return OrderedDict(
        [
            (f"conv{number}", nn.Conv2d(in_channels, first, kernel_size, padding=kernel_size // 2)),
            (f"relu_conv{number}", nn.ReLU()),
            (f"cccp{cccp}", nn.Conv2d(first, second, kernel_size=1)),
            (f"relu_cccp{cccp}", nn.ReLU()),
            (f"cccp{cccp + 1}", nn.Conv2d(second, third, kernel_size=1)),
            (f"relu_cccp{cccp + 1}", nn.ReLU()),
        ]
    )
