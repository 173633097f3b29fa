"""EfficientNet-Lite0: a small network for ImageNet whose trained weights come as a Python package.

Tan and Le (2019), "EfficientNet: rethinking model scaling for convolutional neural networks",
ICML, Table 1; the Lite version is its authors' own, published as code (tensorflow/tpu, folder
models/official/efficientnet/lite): no squeeze-and-excitation, ReLU6 for swish. A block is the
inverted residual of Sandler et al. (2018), "MobileNetV2", CVPR, Figure 3: a 1x1 convolution up, a
depthwise one, a 1x1 down without a ReLU, and the shortcut around all three. Used in chapters 18,
19 and 21, with the weights that `course_utils.pretrained` finds.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import NamedTuple

from torch import Tensor, nn

from course_utils.models.images import check_images
from course_utils.models.settings import check_settings, scaled


class Stage(NamedTuple):
    """One row of Table 1: blocks of one kind, of which the first may halve the map."""

    expansion: int
    kernel_size: int
    stride: int
    channels: int
    blocks: int


STAGES = (
    Stage(1, 3, 1, 16, 1),
    Stage(6, 3, 2, 24, 2),
    Stage(6, 5, 2, 40, 2),
    Stage(6, 3, 2, 80, 3),
    Stage(6, 5, 1, 112, 3),
    Stage(6, 5, 2, 192, 4),
    Stage(6, 3, 1, 320, 1),
)
STEM, HEAD = 32, 1280
PARAMETERS = 4_652_008  # at width 1 and 1000 classes; the authors' README says 4.7M


def same(kernel_size: int, stride: int) -> list[nn.Module]:
    """The zeros around an even map that TensorFlow adds under "SAME".

    With stride 2 one zero fewer goes to the left and top than to the right and bottom, which no
    `padding` of a convolution says.
    """
    total = kernel_size - stride
    before, after = total // 2, total - total // 2
    return [nn.ZeroPad2d((before, after, before, after))] if total else []


def convolved(
    channels_in: int, channels: int, kernel_size: int, stride: int = 1, groups: int = 1
) -> nn.Sequential:
    """Padding where it is needed, a convolution without bias, and its normalisation."""
    conv = nn.Conv2d(channels_in, channels, kernel_size, stride, groups=groups, bias=False)
    norm = nn.BatchNorm2d(channels, eps=1e-3, momentum=0.01)  # TensorFlow's 0.99 is kept memory
    return nn.Sequential(*same(kernel_size, stride), conv, norm)


class InvertedResidual(nn.Module):
    """Up, depthwise, down; the input is added where the shapes are equal."""

    def __init__(self, channels_in: int, stage: Stage, channels: int, stride: int) -> None:
        super().__init__()
        wide = channels_in * stage.expansion
        layers: OrderedDict[str, nn.Module] = OrderedDict()
        if stage.expansion != 1:
            layers.update(expand=convolved(channels_in, wide, 1), relu_expand=nn.ReLU6())
        layers["depthwise"] = convolved(wide, wide, stage.kernel_size, stride, groups=wide)
        layers.update(relu_depthwise=nn.ReLU6(), project=convolved(wide, channels, 1))
        self.branch = nn.Sequential(layers)
        self.shortcut = stride == 1 and channels_in == channels

    def forward(self, x: Tensor) -> Tensor:
        """(N, channels_in, H, W) -> (N, channels, H / stride, W / stride)."""
        return x + self.branch(x) if self.shortcut else self.branch(x)


class EfficientNetLite(nn.Sequential):
    """The layers in order: stem, stage1 to stage7, head, classifier."""

    in_channels = 3

    def forward(self, x: Tensor) -> Tensor:
        """Class scores: (N, in_channels, H, W) -> (N, num_classes), sides multiples of 32."""
        side = tuple(x.shape[-2:])
        if x.ndim != 4 or any(length < 32 or length % 32 for length in side):
            check_images(x, (self.in_channels, 224, 224), "EfficientNet-Lite0 (or sides of 32 n)")
        return super().forward(x)


def efficientnet_lite0(
    num_classes: int = 1000, in_channels: int = 3, width: float = 1.0
) -> EfficientNetLite:
    """EfficientNet-Lite0: 4,652,008 trainable parameters.  Used in chapters 18, 19 and 21.

    Takes images (N, in_channels, H, W) whose sides are multiples of 32, 224 x 224 in training,
    colours from -1 to 1, and returns class scores (N, num_classes). `width` multiplies the
    channels of every layer. Weights start as PyTorch's do; drop-connect, which the authors use in
    training, is left out.

    Raises ValueError for settings without sense, and the network for images of other sizes.
    """
    check_settings(num_classes, in_channels, width)
    channels = scaled(STEM, width)
    stem = nn.Sequential(convolved(in_channels, channels, 3, stride=2), nn.ReLU6())
    layers: OrderedDict[str, nn.Module] = OrderedDict(stem=stem)  # (N, 32, 112, 112)
    for number, stage in enumerate(STAGES, start=1):
        blocks, out = [], scaled(stage.channels, width)
        for block in range(stage.blocks):
            stride = stage.stride if block == 0 else 1
            blocks.append(InvertedResidual(channels, stage, out, stride))
            channels = out
        layers[f"stage{number}"] = nn.Sequential(*blocks)
    last = scaled(HEAD, width)
    layers["head"] = nn.Sequential(convolved(channels, last, 1), nn.ReLU6())  # (N, 1280, 7, 7)
    layers["avgpool"] = nn.AdaptiveAvgPool2d(1)
    layers["flatten"] = nn.Flatten()  # (N, 1280): the last hidden layer
    layers["dropout"] = nn.Dropout(0.2)
    layers["fc"] = nn.Linear(last, num_classes)
    model = EfficientNetLite(layers)
    model.in_channels = in_channels
    return model
