"""Gradients against autograd, guided and deconvolved pictures against Captum."""

import captum.attr
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from course_utils.introspection.hooks import activations
from course_utils.introspection.saliency import (
    RULES,
    gradient,
    guided_backpropagation,
    saliency,
    smooth_gradient,
)
from course_utils.models import lenet5_1998
from introspection_models import NETWORKS, noise, seeded, small_lenet, without_inplace

CAPTUM = {
    "gradient": lambda model: captum.attr.Saliency(model),
    "guided": lambda model: captum.attr.GuidedBackprop(model),
    "deconvolution": lambda model: captum.attr.Deconvolution(model),
}


@pytest.mark.filterwarnings("ignore:Setting backward hooks on ReLU")
@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("network", NETWORKS)
def test_pictures_are_those_of_captum(network, rule):
    model, images = NETWORKS[network]()
    target = torch.arange(len(images))
    ours = saliency(model, images, target, rule=rule)
    settings = {"abs": False} if rule == "gradient" else {}
    explain = CAPTUM[rule](without_inplace(model))
    theirs = explain.attribute(images.clone().requires_grad_(), target=target, **settings)
    assert ours.abs().max() > 0
    torch.testing.assert_close(ours / ours.abs().max(), theirs / ours.abs().max())


def test_the_gradient_is_autograds():
    model, images = small_lenet()
    whole = torch.autograd.functional.jacobian(lambda x: model(x)[:, 4], images)
    n = torch.arange(len(images))
    torch.testing.assert_close(gradient(model, images, 4), whole[n, n])


def test_of_a_map_the_strongest_place_is_taken():
    model, images = small_lenet()
    x = images.clone().requires_grad_()
    maps = model[:4](x)[:, 2]
    (wanted,) = torch.autograd.grad(maps.flatten(1).max(dim=1).values.sum(), x)
    torch.testing.assert_close(gradient(model, images, 2, "c3"), wanted)


class Functional(nn.Module):
    """Two convolutions, and between them and behind them a ReLU in one of many spellings."""

    def __init__(self, relu):
        super().__init__()
        self.first = nn.Conv2d(1, 4, 3, padding=1)
        self.second = nn.Conv2d(4, 3, 3, padding=1)
        self.relu = relu

    def forward(self, x):
        x = self.first(x)
        x = x if (y := self.relu(x)) is None else y
        return self.relu(self.second(x)).mean(dim=(2, 3))


def in_place_without_an_answer(x):
    x.relu_()


SPELLINGS = {
    "F.relu": F.relu,
    "torch.relu": torch.relu,
    "method": lambda x: x.relu(),
    "in place": lambda x: F.relu(x, inplace=True),
    "in place by keyword": lambda x: F.relu(input=x, inplace=True),
    "relu_": torch.relu_,
    "method in place": lambda x: x.relu_(),
    "module in place": nn.ReLU(inplace=True),
    "clipped at infinity": lambda x: F.hardtanh(x, 0.0, float("inf")),
}


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("relu", SPELLINGS.values(), ids=SPELLINGS)
def test_a_relu_may_be_a_function_or_work_in_place(relu, rule):
    images = noise(3, 1, 6, 6)
    wanted = saliency(seeded(Functional, nn.ReLU()), images, 1, rule=rule)
    assert wanted.abs().max() > 0
    torch.testing.assert_close(saliency(seeded(Functional, relu), images, 1, rule=rule), wanted)


@pytest.mark.parametrize("rule", RULES)
def test_whoever_rectifies_in_place_may_go_on_with_the_old_name(rule):
    class Statement(Functional):
        def forward(self, x):
            x = self.first(x)
            self.relu(x)
            x = self.second(x)
            self.relu(x)
            return x.mean(dim=(2, 3))

    images = noise(3, 1, 6, 6)
    wanted = saliency(seeded(Functional, nn.ReLU()), images, 1, rule=rule)
    ours = saliency(seeded(Statement, nn.ReLU(inplace=True)), images, 1, rule=rule)
    torch.testing.assert_close(ours, wanted)


@pytest.mark.parametrize("relu6", [nn.ReLU6(), F.relu6, nn.ReLU6(inplace=True)])
def test_relu6_has_two_corners(relu6):
    x = torch.tensor([-1.0, 1.0, 7.0, 8.0, 2.0]).reshape(1, 1, 1, 5)
    signal = torch.tensor([1.0, 2.0, 3.0, -4.0, -5.0])

    class Weighted(nn.Module):
        def forward(self, x):
            return (relu6(1 * x).flatten(1) * signal).sum(dim=1, keepdim=True)

    wanted = {
        "gradient": [0.0, 2, 0, 0, -5],
        "deconvolution": [1.0, 2, 3, 0, 0],
        "guided": [0.0, 2, 0, 0, 0],
    }
    for rule, picture in wanted.items():
        assert saliency(Weighted(), x, 0, rule=rule).flatten().tolist() == picture


@pytest.mark.parametrize(("rule", "alike"), [("gradient", False), ("deconvolution", True)])
def test_without_pools_the_deconvolution_does_not_heed_the_image(rule, alike):
    model = seeded(lambda: nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten()))
    model.append(nn.Linear(4 * 16, 2))
    one, other = saliency(model, noise(2, 1, 6, 6), 0, rule=rule)
    assert torch.allclose(one, other) == alike


def test_guided_is_a_name_for_a_rule():
    model, images = small_lenet()
    wanted = saliency(model, images, 3, "relu3", rule="guided")
    assert torch.equal(guided_backpropagation(model, images, 3, "relu3"), wanted)
    assert not torch.equal(gradient(model, images, 3, "relu3"), wanted)


def test_answers_do_not_change_under_a_rule():
    """The rules are for the way back alone: what is picked on the way up stays the same."""
    model, images = small_lenet()
    plain = activations(model, images, "output")["output"]

    class Watched(nn.Module):
        def forward(self, x):
            self.seen = model(x)
            return self.seen

    watched = Watched()
    for rule in RULES:
        saliency(watched, images, 0, rule=rule)
        torch.testing.assert_close(watched.seen.detach(), plain)


def test_smooth_gradient_is_a_mean_of_gradients():
    model, images = small_lenet()
    torch.testing.assert_close(
        smooth_gradient(model, images, 1, noise=0.0, count=3), gradient(model, images, 1)
    )
    generator = torch.Generator().manual_seed(5)
    moved = [images + 0.3 * torch.randn(images.shape, generator=generator) for _ in range(4)]
    wanted = torch.stack([gradient(model, x, 1, "c5") for x in moved]).mean(dim=0)
    ours = smooth_gradient(model, images, 1, "c5", noise=0.3, count=4, seed=5)
    torch.testing.assert_close(ours, wanted)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"target": 10}, r"units 0 to 9, got \[10\]"),
        ({"target": -1}, "units 0 to 9"),
        ({"target": 1.5}, "whole number"),
        ({"target": torch.arange(2)}, "one for each image"),
        ({"target": 1, "rule": "smooth"}, "rule must be one of gradient, deconvolution, guided"),
        ({"target": 1, "layer": "c2"}, "no layer 'c2'; near it: .*'c1'"),
        ({"target": 6, "layer": "c1"}, "units 0 to 5"),
    ],
)
def test_bad_settings_are_refused(settings, message):
    model, images = small_lenet()
    with pytest.raises(ValueError, match=message):
        saliency(model, images, **settings)


def test_a_rule_for_relus_needs_relus():
    model = seeded(lenet5_1998)
    images = noise(1, 1, 32, 32)
    assert saliency(model, images, 0).abs().sum() > 0
    with pytest.raises(ValueError, match="'guided' is one for ReLUs, and this .* has none"):
        saliency(model, images, 0, rule="guided")


@pytest.mark.parametrize("settings", [{"noise": -1.0}, {"noise": 0.1, "count": 0}])
def test_bad_noise_is_refused(settings):
    model, images = small_lenet()
    with pytest.raises(ValueError, match="from 0 up|at least 1"):
        smooth_gradient(model, images, 1, **settings)
