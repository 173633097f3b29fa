"""GoogLeNet, the first Inception network.  Taught in chapter 15.

Szegedy, Liu, Jia, Sermanet, Reed, Anguelov, Erhan, Vanhoucke and Rabinovich (2015), "Going deeper
with convolutions", CVPR, 1-9: section 5, Table 1 and Figure 3. Input: colour images, 224 x 224.

Torchvision's GoogLeNet is another network: it has 3x3 convolutions where Table 1 says 5x5,
normalises batches after every convolution instead of responses after the first two stages, pools
2x2 before inception (5a), and drops 20% before the classifier instead of 40%. Without its
auxiliary classifiers it has 6,624,904 parameters, this one 6,998,552.

How many there are the paper says twice, and not consistently. Its text says 12 times fewer than
Krizhevsky's network has, which is 5 million. The column "params" of Table 1, which counts weights
without biases in units of 1,024, adds up to 6,798K, or 6.96 million. Most of its rows are off, by
up to 7%, from what the row's own channels give, while the column "ops" is right to the digit in all
rows but three: see `TABLE_1` and `PAPER_CONV1`.

The paper says nothing of the first weights, nor of the settings of local response normalisation.
Both are here as in Caffe's replication, which the paper's first author helped with: weights
uniform in +-sqrt(3 / fan-in), biases 0.2, those of the classifiers 0.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from course_utils.models.images import check_images
from course_utils.models.pieces import FilterConcat, head
from course_utils.models.settings import check_settings, scaled

IMAGE_SIZE = 224


class Row(NamedTuple):
    """A row of Table 1: channels of the six convolutions; parameters and multiply-adds as printed.

    `params` are in units of 1,024, `ops` in millions.
    """

    n1x1: int
    n3x3_reduce: int
    n3x3: int
    n5x5_reduce: int
    n5x5: int
    pool_proj: int
    params: int
    ops: int

    @property
    def channels(self) -> int:
        """What the module puts out."""
        return self.n1x1 + self.n3x3 + self.n5x5 + self.pool_proj


TABLE_1 = {
    "3a": Row(64, 96, 128, 16, 32, 32, params=159, ops=128),
    "3b": Row(128, 128, 192, 32, 96, 64, params=380, ops=304),
    "4a": Row(192, 96, 208, 16, 48, 64, params=364, ops=73),
    "4b": Row(160, 112, 224, 24, 64, 64, params=437, ops=88),
    "4c": Row(128, 128, 256, 24, 64, 64, params=463, ops=100),
    "4d": Row(112, 144, 288, 32, 64, 64, params=580, ops=119),
    "4e": Row(256, 160, 320, 32, 128, 128, params=840, ops=170),
    "5a": Row(256, 160, 320, 32, 128, 128, params=1072, ops=54),
    "5b": Row(384, 192, 384, 48, 128, 128, params=1388, ops=71),
}
STEM = (64, 64, 192)  # 7x7; 1x1 ("#3x3 reduce") and 3x3

# "2.7K" parameters and "34M" ops for the 7x7 convolution cannot be right: it has 7 * 7 * 3 * 64 =
# 9,408 weights. They fit a separable one, 7 * 7 kernels, eight a colour, and then 1x1: 2,712.
PAPER_CONV1 = {"params": 2.7, "ops": 34}
PAPER_CONV2 = {"params": 112, "ops": 360}
PAPER_LINEAR = {"params": 1000, "ops": 1}

# Section 5, of the auxiliary classifiers: convolution, dense layer; their losses' weight.
AUXILIARY_CHANNELS, AUXILIARY_UNITS, AUXILIARY_WEIGHT = 128, 1024, 0.3

# Trainable numbers with biases, at width 1: the network that predicts (as in Caffe's replication),
# and the auxiliary classifiers after inception (4a) and (4d), which the paper's counts leave out.
PARAMETERS = 6_998_552
AUXILIARY_PARAMETERS = {"4a": 3_188_840, "4d": 3_190_888}


class GoogLeNetOutput(NamedTuple):
    """Class scores (N, num_classes) of the three classifiers, in training mode."""

    scores: Tensor
    scores_4a: Tensor
    scores_4d: Tensor


class GoogLeNet(nn.Module):
    """`layers` under Table 1's names, and the `auxiliary` classifiers; the latter only train."""

    def __init__(self, layers: nn.Sequential, auxiliary: nn.ModuleDict) -> None:
        super().__init__()
        self.layers = layers
        self.auxiliary = auxiliary

    def forward(self, x: Tensor) -> Tensor | GoogLeNetOutput:
        """(N, in_channels, 224, 224) -> class scores (N, num_classes); in training, of all three.

        In evaluation mode images of other sizes are welcome. In training mode the dense layers of
        the auxiliary classifiers fix the size, and other images raise ValueError.
        """
        if self.training:
            image_shape = (self.layers.conv1.in_channels, IMAGE_SIZE, IMAGE_SIZE)
            check_images(x, image_shape, "googlenet in training")
        side_scores = {}
        for name, layer in self.layers.named_children():
            x = layer(x)
            if self.training and name in self.auxiliary:
                side_scores[name] = self.auxiliary[name](x)
        return GoogLeNetOutput(x, *side_scores.values()) if self.training else x


def inception(channels_in: int, row: Row) -> FilterConcat:
    """The module of Figure 2(b): four paths side by side.  Taught in chapter 15."""
    return FilterConcat(
        {
            "1x1": _conv(channels_in, row.n1x1, 1),
            "3x3": nn.Sequential(
                _conv(channels_in, row.n3x3_reduce, 1),
                _conv(row.n3x3_reduce, row.n3x3, 3),
            ),
            "5x5": nn.Sequential(
                _conv(channels_in, row.n5x5_reduce, 1),
                _conv(row.n5x5_reduce, row.n5x5, 5),
            ),
            "pool": nn.Sequential(
                nn.MaxPool2d(3, stride=1, padding=1),
                _conv(channels_in, row.pool_proj, 1),
            ),
        }
    )


def googlenet(num_classes: int = 1000, in_channels: int = 3, width: float = 1.0) -> GoogLeNet:
    """GoogLeNet with its two auxiliary classifiers: 6,998,552 parameters, and 6,379,728 in those.

    Takes images (N, in_channels, 224, 224). In evaluation mode it returns class scores
    (N, num_classes), in training mode a `GoogLeNetOutput` with those of the auxiliary classifiers
    too: train with `googlenet_loss`. `width` multiplies the channels, the hidden units of the
    auxiliary classifiers included. Taught in chapter 15.

    Raises ValueError for settings that leave a layer without channels.
    """
    check_settings(num_classes, in_channels, width)
    layers = _stem(in_channels, width) | _inceptions(width) | _classifier(num_classes, width)
    auxiliary = nn.ModuleDict(
        {
            f"inception_{name}": _auxiliary(scaled_row(TABLE_1[name], width), num_classes, width)
            for name in AUXILIARY_PARAMETERS
        }
    )
    return _initialised(GoogLeNet(nn.Sequential(layers), auxiliary))


def googlenet_loss(output: Tensor | GoogLeNetOutput, labels: Tensor) -> Tensor:
    """Cross-entropy of the scores, in training plus 0.3 times that of each auxiliary classifier.

    For `course_utils.training.fit` and `evaluate`. Section 5. Taught in chapter 15.
    """
    if isinstance(output, Tensor):
        return F.cross_entropy(output, labels)
    side_losses = [F.cross_entropy(scores, labels) for scores in output[1:]]
    return F.cross_entropy(output[0], labels) + AUXILIARY_WEIGHT * torch.stack(side_losses).sum()


def scaled_row(row: Row, width: float) -> Row:
    """The row with all its channels times `width`; what is printed stays."""
    return row._replace(**{name: scaled(getattr(row, name), width) for name in Row._fields[:6]})


def _conv(channels_in: int, channels: int, kernel_size: int) -> nn.Sequential:
    """A convolution that keeps the size, and a ReLU."""
    return nn.Sequential(
        OrderedDict(
            conv=nn.Conv2d(channels_in, channels, kernel_size, padding=kernel_size // 2),
            relu=nn.ReLU(),
        )
    )


def _halving_pool() -> nn.MaxPool2d:
    """3x3/2; 112 -> 56, by a last window that reaches over the border."""
    return nn.MaxPool2d(3, stride=2, ceil_mode=True)


def _response_norm() -> nn.LocalResponseNorm:
    return nn.LocalResponseNorm(5, alpha=1e-4, beta=0.75, k=1.0)


def _stem(in_channels: int, width: float) -> OrderedDict[str, nn.Module]:
    first, reduce, second = (scaled(size, width) for size in STEM)
    return OrderedDict(
        conv1=nn.Conv2d(in_channels, first, 7, stride=2, padding=3),  # (N, 64, 112, 112)
        relu1=nn.ReLU(),
        pool1=_halving_pool(),  # (N, 64, 56, 56)
        norm1=_response_norm(),
        conv2_reduce=_conv(first, reduce, 1),  # (N, 64, 56, 56)
        conv2=_conv(reduce, second, 3),  # (N, 192, 56, 56)
        norm2=_response_norm(),
        pool2=_halving_pool(),  # (N, 192, 28, 28)
    )


def _inceptions(width: float) -> OrderedDict[str, nn.Module]:
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    channels = scaled(STEM[-1], width)
    for name, row in TABLE_1.items():
        if name == "4a":
            layers["pool3"] = _halving_pool()  # (N, 480, 14, 14)
        if name == "5a":
            layers["pool4"] = _halving_pool()  # (N, 832, 7, 7)
        narrow = scaled_row(row, width)
        layers[f"inception_{name}"] = inception(channels, narrow)
        channels = narrow.channels
    return layers


def _classifier(num_classes: int, width: float) -> OrderedDict[str, nn.Module]:
    """Global average pooling of (N, 1024, 7, 7), dropout of 40% and a dense layer."""
    layers = head(scaled_row(TABLE_1["5b"], width).channels, num_classes)
    linear = layers.pop("fc")
    return layers | OrderedDict(dropout=nn.Dropout(0.4), linear=linear)


def _auxiliary(row: Row, num_classes: int, width: float) -> nn.Sequential:
    """Section 5, "the exact structure of the extra network on the side"."""
    channels, units = scaled(AUXILIARY_CHANNELS, width), scaled(AUXILIARY_UNITS, width)
    return nn.Sequential(
        OrderedDict(
            avgpool=nn.AvgPool2d(5, stride=3),  # (N, 512 or 528, 4, 4)
            conv=_conv(row.channels, channels, 1),  # (N, 128, 4, 4)
            flatten=nn.Flatten(),  # (N, 2048)
            fc=nn.Linear(channels * 4 * 4, units),  # (N, 1024)
            relu=nn.ReLU(),
            dropout=nn.Dropout(0.7),
            linear=nn.Linear(units, num_classes),
        )
    )


def _initialised(model: GoogLeNet) -> GoogLeNet:
    for name, module in model.named_modules():
        if isinstance(module, (nn.Conv2d, nn.Linear)):
            bound = (3 / module.weight[0].numel()) ** 0.5
            nn.init.uniform_(module.weight, -bound, bound)
            nn.init.constant_(module.bias, 0.0 if name.endswith("linear") else 0.2)
    return model
