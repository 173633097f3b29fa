"""What the lectures print about 1x1 convolutions, GoogLeNet and Inception."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from course_utils import ops
from course_utils.accounting import summarize
from course_utils.claims.chapters import COMPARISON_CHAPTER, GOOGLENET_CHAPTER
from course_utils.claims.core import AGREES, DISAGREES, Finding, Row, claim
from course_utils.claims.figures import figure, figures, holds
from course_utils.claims.networks import cost, network, parameters
from course_utils.models.googlenet import AUXILIARY_PARAMETERS
from course_utils.models.pieces import FilterConcat
from course_utils.models.residual import Residual

COUNT = "GoogLeNet: parameters"
IMAGE = (192, 28, 28)


def products(*layers: tuple[int, int, int]) -> list[int]:
    """Multiplications of convolutions (channels in, out, kernel) on 28 x 28 maps, layer by "
    "layer."""
    net = nn.Sequential(*(nn.Conv2d(a, b, k, padding=k // 2) for a, b, k in layers))
    counts = [row.multiply_adds for row in summarize(net, IMAGE).rows]
    return [count for count in counts if count]


DIRECT, REDUCED = ((192, 32, 5),), ((192, 16, 1), (16, 32, 5))


@claim("USP-13", taught=f"{GOOGLENET_CHAPTER}#ch15-120-million")
def direct(row: Row) -> Finding:
    """Multiplications of the 5 x 5 convolution."""
    return figure(row, sum(products(*DIRECT)), "28 x 28 x 32 outputs of 5 x 5 x 192 products.")


@claim("USP-14", taught=f"{GOOGLENET_CHAPTER}#ch15-120-million")
def reduction(row: Row) -> Finding:
    """Multiplications of the 1 x 1 layer."""
    return figure(row, products(*REDUCED)[0], "28 x 28 x 16 outputs of 192 products.")


@claim("USP-15", taught=f"{GOOGLENET_CHAPTER}#ch15-120-million")
def after_reduction(row: Row) -> Finding:
    """Multiplications of the 5 x 5 layer behind it."""
    return figure(row, products(*REDUCED)[1], "28 x 28 x 32 outputs of 5 x 5 x 16 products.")


@claim("USP-16", taught=f"{GOOGLENET_CHAPTER}#ch15-120-million")
def reduced(row: Row) -> Finding:
    """Both layers."""
    return figure(row, sum(products(*REDUCED)), "A tenth of the direct way; not the same function.")


@claim("PUC-17", taught=f"{GOOGLENET_CHAPTER}#ch15-120-million")
def direct_again(row: Row) -> Finding:
    """Multiplications of the 5 x 5 convolution."""
    return figure(row, sum(products(*DIRECT)), "28 x 28 x 32 outputs of 5 x 5 x 192 products.")


@claim("PUC-18", taught=f"{GOOGLENET_CHAPTER}#ch15-120-million")
def reduced_again(row: Row) -> Finding:
    """Both layers."""
    return figure(row, sum(products(*REDUCED)), "2.4M for the 1x1 layer and 10.0M for the 5x5.")


@claim("USP-11", taught=f"{GOOGLENET_CHAPTER}#ch15-googlenet", about=COUNT)
def seven_million(row: Row) -> Finding:
    """Parameters of the network that predicts."""
    extra = sum(AUXILIARY_PARAMETERS.values())
    why = (
        "This is the right one of the lectures' five figures, without the auxiliary classifiers of "
        f"training, which have {extra:,} more."
    )
    return figure(row, parameters("googlenet"), why)


@claim("USP-12", taught=f"{GOOGLENET_CHAPTER}#ch15-googlenet", about=COUNT)
def four_million(row: Row) -> Finding:
    """Parameters of the network that predicts."""
    why = (
        "USP-11, of the same lecture, is right, and the slide doubts its own figure with «(?)». We "
        "do not know where the 4 comes from."
    )
    return figure(row, parameters("googlenet"), why)


@claim("CMU-25", taught=f"{GOOGLENET_CHAPTER}#ch15-googlenet", about=COUNT)
def five_million(row: Row) -> Finding:
    """Parameters of the network that predicts; the paper's words about them."""
    why = (
        "USP-11 is right: 7M. The paper says 12 times fewer than Krizhevsky's, which would be "
        f"{parameters('alexnet') / 12e6:.0f}M, and its own Table 1 adds up to 7M. That the slide "
        f"took "
        "the paper's words is a guess."
    )
    return figure(row, parameters("googlenet"), why)


@claim(
    "PUC-19",
    taught=f"{GOOGLENET_CHAPTER}#ch15-googlenet",
    about=("GoogLeNet: layers with parameters", COUNT),
)
def layers_and_six_million(row: Row) -> Finding:
    """The longest chain of layers with parameters, and the count."""
    why = (
        "22 layers deep, yes: 3, 2 in each of nine modules, and 1. The count is 7.0M (USP-11). A "
        "guess: it was cut off to one digit, or taken from Table 1, whose 6,798K are units of "
        "1,024."
    )
    return figures(row, [depth(), parameters("googlenet")], why)


def depth() -> int:
    """Layers with parameters on the longest way through GoogLeNet."""
    model = network("googlenet")
    return sum(_depth(layer) for layer in model.layers)


def _depth(layer: nn.Module) -> int:
    if isinstance(layer, FilterConcat):
        return max(_depth(path) for path in layer.values())
    if isinstance(layer, (nn.Conv2d, nn.Linear)):
        return 1
    return sum(_depth(child) for child in layer.children())


def dense_over_channels() -> float:
    """Largest difference between a 1 x 1 convolution and one dense layer at every place."""
    rng = np.random.default_rng(0)
    x, w, b = rng.normal(size=(2, 64, 5, 7)), rng.normal(size=(32, 64)), rng.normal(size=32)
    convolved = ops.conv2d(x, w[:, :, None, None], b)
    dense = ops.linear(x.transpose(0, 2, 3, 1), w, b).transpose(0, 3, 1, 2)
    return float(np.abs(convolved - dense).max())


def equivalent(row: Row) -> Finding:
    """A finding on the statement that a 1 x 1 convolution is a dense layer over channels."""
    equal = dense_over_channels() < 1e-12
    why = "The same dense layer at every place, with shared weights: equal to rounding."
    return holds(row, "equivalent", {"equal outputs": equal}, why)


@claim("CMU-31", taught=f"{GOOGLENET_CHAPTER}#ch15-perceptron")
def perceptron_over_depth(row: Row) -> Finding:
    """A 1 x 1 convolution against a dense layer over channels."""
    return equivalent(row)


@claim("PUC-31", taught=f"{GOOGLENET_CHAPTER}#ch15-perceptron")
def dense_layer(row: Row) -> Finding:
    """A 1 x 1 convolution against a dense layer over channels."""
    return equivalent(row)


@claim("SEJ-13", taught=f"{GOOGLENET_CHAPTER}#ch15-perceptron")
def inner_products(row: Row) -> Finding:
    """Weights of one filter."""
    weights = nn.Conv2d(64, 32, 1).weight[0].numel()
    return figure(row, weights, "One weight for each of 64 channels; the bias comes on top.")


@claim("USP-26", taught=f"{GOOGLENET_CHAPTER}#ch15-factorised")
def factorised(row: Row) -> Finding:
    """Weights of the factors, and what they see."""
    five, two_threes = _weights((5, 5)), _weights((3, 3), (3, 3))
    three, line_and_column = _weights((3, 3)), _weights((1, 3), (3, 1))
    conditions = {
        f"two 3x3 cheaper than a 5x5 ({two_threes} against {five})": two_threes < five,
        f"1x3 and 3x1 cheaper than a 3x3 ({line_and_column} against {three})": line_and_column
        < three,
    }
    why = (
        "At equal channels, 28% and 33% fewer weights for the same receptive field. Not the same "
        "functions; and these variants are Inception-v2 and later, not GoogLeNet."
    )
    return holds(row, "cheaper", conditions, why)


def _weights(*kernels: tuple[int, int]) -> int:
    return sum(height * width for height, width in kernels)


@claim("CMU-35", taught=f"{GOOGLENET_CHAPTER}#ch15-sizes")
def one_size(row: Row) -> Finding:
    """One 5 x 5 layer that is a 1 x 1, a 3 x 3 and a 5 x 5 side by side."""
    torch.manual_seed(0)
    x, sizes = torch.randn(1, 2, 9, 9), (1, 3, 5)
    paths = [nn.Conv2d(2, 3, k, padding=k // 2, bias=False) for k in sizes]
    one = nn.Conv2d(2, 9, 5, padding=2, bias=False)
    frames = [
        nn.functional.pad(p.weight, 4 * ((5 - k) // 2,)) for p, k in zip(paths, sizes, strict=True)
    ]
    with torch.no_grad():
        one.weight.copy_(torch.cat(frames))
        apart = torch.cat([path(x) for path in paths], dim=1)
        works = torch.allclose(one(x), apart, atol=1e-5)
    why = (
        "One array of weights has one size. But filters of several sizes can stand side by side on "
        "one input, as in GoogLeNet's modules, which slide 143 of the same lecture names; and they "
        "equal one layer of the largest size with zeros around the small ones."
    )
    return holds(row, "must", {"other sizes impossible": not works}, why)


@claim("PUC-39", taught=f"{COMPARISON_CHAPTER}#ch17-inception-v4-pure")
def inception_v4(row: Row) -> Finding:
    """Residual additions in Inception-v4."""
    layers = list(network("inception_v4").modules())
    additions = sum(isinstance(layer, Residual) for layer in layers)
    additions += sum(row_.kind == "add" for row_ in cost("inception_v4").rows)
    why = (
        "Inception-v4 has no residual connection. The sum of both is Inception-ResNet, another "
        "network of the same paper; a guess: the two names were run together."
    )
    text = f"{additions} residual additions"
    return Finding(text, AGREES if additions and row.printed == "sum" else DISAGREES, why)
