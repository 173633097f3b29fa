"""What the lectures print about residual networks."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from course_utils import models
from course_utils.claims.chapters import RESNET_CHAPTER
from course_utils.claims.core import (
    AGREES,
    DISAGREES,
    HISTORICAL,
    NOT_REPRODUCIBLE,
    Finding,
    Row,
    claim,
)
from course_utils.claims.figures import compare, figure, holds
from course_utils.claims.networks import layers_of, network, parameters
from course_utils.models.residual import Residual, basic_branch

PAPER = ("he2016deep",)
ERROR = "ResNet: top-5 error of several nets"
WINNER = "ResNet of 2015: parameters"


@claim("USP-17", taught=f"{RESNET_CHAPTER}#ch16-recipe", also={WINNER: "25.5M"})
def winner(row: Row) -> Finding:
    """Parameters of the 152-layer network; and which one has the printed count."""
    names = ("resnet18", "resnet34", "resnet50", "resnet101", "resnet152")
    fits = [name for name in names if compare(row.printed, parameters(name)) != DISAGREES]
    which = (
        " and ".join(name.replace("resnet", "ResNet-") for name in fits) or "no ResNet of the paper"
    )
    why = (
        f"The winning entry was an ensemble of six networks, of up to 152 layers. {row.printed} is "
        f"the count of {which}, cut off: a guess is that it was taken as the one used most often."
    )
    text = f"ResNet-152 has {parameters('resnet152'):,}"
    return figure(row, parameters("resnet152"), why, text=text)


@claim("USP-18", taught=f"{RESNET_CHAPTER}#ch16-table")
def cifar_56(row: Row) -> Finding:
    """Parameters of ResNet-56."""
    return figure(row, parameters("resnet56"), "The paper's Table 6, with shortcuts of option A.")


@claim("USP-19", taught=f"{RESNET_CHAPTER}#ch16-table")
def cifar_110(row: Row) -> Finding:
    """Parameters of ResNet-110."""
    return figure(row, parameters("resnet110"), "The paper's Table 6, with shortcuts of option A.")


@claim("USP-27", taught=f"{RESNET_CHAPTER}#ch16-shortcuts")
def equal_counts(row: Row) -> Finding:
    """Plain nets beside residual ones, without and with the projections of option B."""
    extra = {n: parameters(f"resnet{n}") - parameters(f"plain{n}") for n in (18, 34)}
    projections = {n: _projections(f"resnet{n}") for n in (18, 34)}
    option_a = {f"{n} layers, option A": extra[n] == projections[n] for n in extra}
    why = (
        "Figure 4 is about option A, whose shortcuts have no parameters. With the projections of "
        f"option B, as in most copies, the residual networks have {extra[18]:,} more."
    )
    return holds(row, "equal", option_a, why)


def _projections(name: str) -> int:
    """Parameters of the shortcuts."""
    blocks = [m for m in network(name).modules() if isinstance(m, Residual)]
    return sum(p.numel() for block in blocks for p in block.shortcut.parameters())


@claim("USP-28", taught=f"{RESNET_CHAPTER}#ch16-gradients")
def degradation_causes(row: Row) -> Finding:
    """Gradients of a plain net with batch normalisation before training."""
    first, last = _gradient_norms(models.plain56(width=0.25))
    why = (
        "So the paper argues; to see it, deep networks must be trained, longer than this check may "
        f"run (chapter 16). Before training the gradient of a plain 56-layer net "
        f"{'does not vanish' if first > last else 'shrinks'} on its way to the first layer."
    )
    return Finding("gradients before training only", NOT_REPRODUCIBLE, why, PAPER)


def _gradient_norms(model: nn.Module) -> tuple[float, float]:
    """Sizes of the gradient by the first and by the last convolution, an entry."""
    torch.manual_seed(0)
    x, y = torch.randn(8, 3, 16, 16), torch.arange(8)
    F.cross_entropy(model(x), y).backward()
    convolutions = [m for m in model.modules() if isinstance(m, nn.Conv2d)]
    ends = [c.weight.grad for c in (convolutions[0], convolutions[-1])]
    norms = [float(g.square().mean().sqrt()) for g in ends if g is not None]
    return norms[0], norms[1]


@claim("USP-29", taught=f"{RESNET_CHAPTER}#ch16-recipe")
def order(row: Row) -> Finding:
    """The layers of the basic block in order; dropout anywhere."""
    kinds = [type(layer) for layer in basic_branch(16, 16, 1)]
    conv, norm = nn.Conv2d, nn.BatchNorm2d
    conditions = {
        "norm after each convolution, before the ReLU": kinds == [conv, norm, nn.ReLU, conv, norm],
        "no dropout": not layers_of("resnet50", nn.Dropout),
    }
    why = "The second ReLU comes after the addition, so the normalisation is before it too."
    return holds(row, "order", conditions, why)


@claim("CMU-26", taught=f"{RESNET_CHAPTER}#ch16-recipe")
def weight_decay(row: Row) -> Finding:
    """Nothing: section 3.4 of the paper says it."""
    why = (
        "The paper's is 0.0001, 1e-4. A guess: a slip of one digit. Momentum, rate and batch are "
        "right."
    )
    return Finding("the source refutes it", HISTORICAL, why, PAPER)


@claim("CMU-27", taught=f"{RESNET_CHAPTER}#ch16-recipe")
def no_pooling(row: Row) -> Finding:
    """Pooling layers of ResNet-50."""
    kinds = (nn.MaxPool2d, nn.AdaptiveAvgPool2d)
    maxima, means = (len(layers_of("resnet50", kind)) for kind in kinds)
    why = (
        "A 3x3 maximum after conv1 and a global mean before the dense layer. Between the blocks "
        "there is none."
    )
    text = f"{maxima} max pool, {means} global mean"
    return holds(row, "none", {"no pool": maxima + means == 0}, why, text=text)


@claim("CMU-40", taught=f"{RESNET_CHAPTER}#ch16-recipe", about=ERROR)
def below(row: Row) -> Finding:
    """The published error against the bound; layers of the largest network."""
    layers = weighted_layers("resnet152")
    published = 3.57
    verdict = "confirms" if compare(row.printed, published) == AGREES else "refutes"
    why = f"The paper's {published}% is not below 3.5%: see PUC-22. Over 150 layers, yes: {layers}."
    return Finding(f"the source {verdict} it", HISTORICAL, why, PAPER)


def weighted_layers(name: str) -> int:
    """Convolutions and dense layers on the longest way: shortcuts do not count."""
    count = 0
    for key, module in network(name).named_modules():
        count += isinstance(module, (nn.Conv2d, nn.Linear)) and "shortcut" not in key
    return count


@claim("IIIT-18", taught=f"{RESNET_CHAPTER}#ch16-identity-layers")
def identity_layers(row: Row) -> Finding:
    """The loss of a network before and after blocks with F = 0 are put in."""
    torch.manual_seed(0)
    x, y = torch.randn(16, 4, 8, 8), torch.arange(16) % 10
    below_ = nn.Sequential(nn.Conv2d(4, 4, 3, padding=1), nn.ReLU())
    top = nn.Sequential(nn.Flatten(), nn.Linear(256, 10))
    blocks = nn.Sequential(*(_zero_block() for _ in range(5)))
    with torch.no_grad():
        before, after = (F.cross_entropy(top(h), y) for h in (below_(x), blocks(below_(x))))
    why = (
        "A deeper network can do what the shallower one does. That training finds it is another "
        "matter, and for plain networks it often does not."
    )
    return holds(
        row, "identity", {"same loss with five more blocks": torch.equal(before, after)}, why
    )


def _zero_block() -> nn.Module:
    block = Residual(nn.Conv2d(4, 4, 3, padding=1), nn.Sequential())
    for parameter in block.branch.parameters():
        nn.init.zeros_(parameter)
    return block


@claim("PUC-20", taught=f"{RESNET_CHAPTER}#ch16-degradation")
def degradation(row: Row) -> Finding:
    """Nothing: this needs networks that are trained."""
    why = (
        "It takes networks of 20 and 56 layers, trained for longer than this check may run: "
        "chapter "
        "16 does it. The paper's Figure 1 shows it on CIFAR-10."
    )
    return Finding("not computed here", NOT_REPRODUCIBLE, why, PAPER)


@claim("PUC-21", taught=f"{RESNET_CHAPTER}#ch16-bottleneck")
def bottleneck(row: Row) -> Finding:
    """Multiply-adds of the bottleneck and of two 3 x 3 convolutions on as many channels."""
    places = 28 * 28
    narrow = places * (256 * 64 + 9 * 64 * 64 + 64 * 256)
    wide = places * 2 * 9 * 256 * 256
    why = (
        f"A {wide / narrow:.0f}th of two 3x3 convolutions on 256 channels; about the cost of two "
        f"on "
        "64 channels."
    )
    return holds(
        row, "cheaper", {"cheaper": narrow < wide}, why, text=f"{narrow:,} against {wide:,}"
    )


@claim("PUC-22", taught=f"{RESNET_CHAPTER}#ch16-recipe", about=("", ERROR))
def winner_error(row: Row) -> Finding:
    """Layers of the largest network; the error is the paper's."""
    layers = weighted_layers("resnet152")
    right = row.printed.split(", ")[0] == str(layers)
    why = (
        "The error is an ensemble's, of six networks; the 152-layer one alone has 4.49% "
        "(validation)."
    )
    text = f"{layers} layers; the source {'confirms' if right else 'confirms part of'} it"
    return Finding(text, HISTORICAL, why, PAPER)


@claim("PUC-38", taught=f"{RESNET_CHAPTER}#ch16-zero-weights")
def positive_weights(row: Row) -> Finding:
    """What a block makes of its input, with zero and with positive weights and biases."""
    a = torch.linspace(0, 2, 9)
    off = {
        name: float((_block(a, w) - a).abs().max())
        for name, w in (("zero", 0.0), ("positive", 0.1))
    }
    why = (
        "It is w = b = 0 that leaves the block the identity. With positive ones something is "
        "added to "
        "every unit. A guess: «> 0» stands for «-> 0», as weight decay drives them."
    )
    conditions = {"identity at w, b > 0": off["positive"] == 0, "identity at 0": off["zero"] == 0}
    return holds(row, "> 0", conditions, why)


def _block(a: Tensor, weight: float) -> Tensor:
    """relu(w a + b + a) with all weights and biases the same."""
    return torch.relu(torch.full((9, 9), weight) @ a + weight + a)
