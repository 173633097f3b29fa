"""Small networks and images for the tests of course_utils.introspection."""

import copy
from functools import lru_cache

import torch
import torchvision
from torch import nn

from course_utils.models import lenet5, vgg11


def seeded(build, *args, **settings):
    """A model in evaluation mode whose weights come from a fixed seed."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return build(*args, **settings).eval()


def noise(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def small_lenet():
    return seeded(lenet5), noise(3, 1, 28, 28)


def small_vgg():
    return seeded(vgg11, num_classes=7, width=0.1, image_size=64), noise(2, 3, 64, 64)


@lru_cache
def torchvision_alexnet():
    """Its ReLUs work in place, and between its modules it flattens by a function.

    It takes a second to build, so all tests share one, which none may change.
    """
    return seeded(torchvision.models.alexnet, weights=None), noise(2, 3, 95, 95)


NETWORKS = {"lenet5": small_lenet, "vgg11": small_vgg, "alexnet": torchvision_alexnet}


def without_inplace(model):
    model = copy.deepcopy(model)
    for layer in model.modules():
        if isinstance(layer, nn.ReLU):
            layer.inplace = False
    return model


def hooks_of(model):
    """How many hooks of any kind hang on the model's modules."""
    return sum(
        len(value)
        for module in model.modules()
        for key, value in vars(module).items()
        if key.endswith("hooks") and isinstance(value, dict)
    )
