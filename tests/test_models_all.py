"""Every architecture that the course exports: common settings, and what it costs to count them."""

import inspect
import json
import subprocess
import sys

import pytest
import torch

from course_utils import models

# Where the paper's images are not 224 (for ImageNet) or 32 pixels high and wide (for CIFAR).
SIDES = {"alexnet": 227, "inception_v4": 299, "lenet5": 28, "overfeat_fast": 231}


def architectures():
    """Names of what can be built from default settings and takes images to class scores."""
    for name in models.__all__:
        settings = inspect.signature(getattr(models, name)).parameters.values()
        if all(setting.default is not inspect.Parameter.empty for setting in settings):
            yield name


def image_shape(name):
    settings = inspect.signature(getattr(models, name)).parameters
    if "num_classes" not in settings:  # LeNet-5 of 1998 takes no settings
        return (1, 32, 32)
    side = SIDES.get(name, 224 if settings["num_classes"].default == 1000 else 32)
    return (settings["in_channels"].default, side, side)


SHAPES = {name: image_shape(name) for name in architectures()}


def test_every_network_of_the_book_is_exported():
    cifar = {f"resnet{n}" for n in (20, 32, 44, 56, 110)} | {f"plain{n}" for n in (20, 32, 44, 56)}
    imagenet = {f"resnet{n}" for n in (18, 34, 50, 101, 152)} | {"plain18", "plain34"}
    before = {"lenet5", "lenet5_1998", "alexnet", "zfnet", "overfeat_fast", "nin", "googlenet"}
    after = {"inception_v4", "resnext50_32x4d", "densenet40_k12", "densenet_bc100_k12"}
    after |= {f"densenet{n}" for n in (121, 169, 201, 264)}
    assert set(SHAPES) >= before | {f"vgg{n}" for n in (11, 13, 16, 19)} | imagenet | cifar | after


@pytest.mark.parametrize("name", [name for name in SHAPES if name != "lenet5_1998"])
def test_all_take_the_same_settings_and_run_on_the_meta_device(name):
    channels, *sides = SHAPES[name]
    with torch.device("meta"):
        model = getattr(models, name)(num_classes=7, in_channels=channels + 1, width=0.25).eval()
        assert model(torch.empty(2, channels + 1, *sides)).shape == (2, 7)
    assert all(parameter.is_meta for parameter in model.parameters())


COST = """
import json, resource, sys, time
import torch
from course_utils import models
from course_utils.accounting import summarize

summarize(torch.nn.Conv2d(1, 1, 1), (1, 4, 4))  # what PyTorch loads at its first operation
before, seconds = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, 0
for name, shape in json.loads(sys.argv[1]).items():
    with torch.device("meta"):
        model = getattr(models, name)()
    start = time.process_time()
    summary = summarize(model, shape)
    seconds += time.process_time() - start
    assert summary.parameters and summary.multiply_adds
after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps({"kilobytes": after - before, "seconds": seconds}))
"""


def test_to_summarize_them_all_costs_neither_memory_nor_time():
    command = [sys.executable, "-c", COST, json.dumps(SHAPES)]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    cost = json.loads(result.stdout)
    assert cost["kilobytes"] < 100_000
    assert cost["seconds"] < 10  # of one busy core
