"""What the networks of the course cost, computed once for all claims about them."""

from __future__ import annotations

from functools import cache

import torch
from torch import nn

from course_utils import models
from course_utils.accounting import Summary, receptive_field, summarize

# The size of the image in each network's paper.
SIDES = {"alexnet": 227, "inception_v4": 299, "lenet5": 28, "lenet5_1998": 32}
SIDES |= dict.fromkeys(("resnet56", "resnet110", "plain56", "nin"), 32)
GREY = ("lenet5", "lenet5_1998")
DEFAULT_SIDE = 224


def image_shape(name: str) -> tuple[int, int, int]:
    """(C, H, W) of the image that a network of `course_utils.models` takes."""
    side = SIDES.get(name, DEFAULT_SIDE)
    return (1 if name in GREY else 3, side, side)


@cache
def network(name: str) -> nn.Module:
    """A network of `course_utils.models`, without contents; to look at, not to change."""
    with torch.device("meta"):
        return getattr(models, name)()


@cache
def cost(name: str) -> Summary:
    """Parameters, memory and multiply-adds of a network of `course_utils.models`."""
    return summarize(network(name), image_shape(name))


def parameters(name: str) -> int:
    """Parameters of the layers that a prediction visits: auxiliary classifiers do not count."""
    return cost(name).parameters - cost(name).unused_parameters


def layers_of(name: str, kind: type[nn.Module]) -> list[nn.Module]:
    """All layers of one kind in a network."""
    return [layer for layer in network(name).modules() if isinstance(layer, kind)]


def seen_by(model: nn.Module, shape: tuple[int, int, int]) -> tuple[int, ...]:
    """Size of the receptive field after the last layer of a model."""
    last = list(receptive_field(model, shape).values())[-1]
    if last is None:
        raise ValueError("the last layer does not see the image")
    return last.size
