"""Layers are seen as they are, and models are left as they were found."""

import pytest
import torch
from torch import nn

from course_utils.introspection.deconvolution import deconvolve
from course_utils.introspection.hooks import activations, layer_named, layer_names, watching
from course_utils.introspection.maximise import maximise
from course_utils.introspection.patches import strongest_patches
from course_utils.introspection.saliency import saliency, smooth_gradient
from course_utils.models import googlenet
from introspection_models import hooks_of, noise, seeded, small_lenet, torchvision_alexnet


def normalised_chain():
    return nn.Sequential(
        *(nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Dropout(0.5), nn.Flatten(), nn.Linear(4 * 4 * 4, 5)),
    )


# What each function does with a chain (1, 8, 8) -> 5 classes and images.
CALLS = {
    "activations": lambda model, x: activations(model, x, ["0", "6"]),
    "saliency": lambda model, x: saliency(model, x, 1, rule="guided"),
    "layer's saliency": lambda model, x: saliency(model, x, 1, "2", rule="deconvolution"),
    "smooth_gradient": lambda model, x: smooth_gradient(model, x, 1, noise=0.1, count=2),
    "deconvolve": lambda model, x: deconvolve(model, x, "3", 1),
    "strongest_patches": lambda model, x: strongest_patches(model, "2", 1, x, count=2),
    "maximise": lambda model, x: maximise(model, "6", 1, shape=x.shape[1:], steps=2),
}


def state_of(model):
    modes = [module.training for module in model.modules()]
    grads = [p.grad.clone() for p in model.parameters()]
    return modes, grads, {name: value.clone() for name, value in model.state_dict().items()}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_a_model_in_training_is_left_as_it_was(call):
    model = seeded(normalised_chain).train()
    model[1].eval()  # one layer is frozen
    model(noise(2, 1, 8, 8)).sum().backward()
    modes, grads, weights = state_of(model)
    call(model, noise(3, 1, 8, 8))
    modes_after, grads_after, weights_after = state_of(model)
    assert modes_after == modes
    assert modes.count(True) > 0
    assert all(torch.equal(a, b) for a, b in zip(grads, grads_after, strict=True))
    assert all(torch.equal(weights[name], weights_after[name]) for name in weights)
    assert hooks_of(model) == 0


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_hooks_go_and_modes_come_back_after_an_error(call):
    model = seeded(normalised_chain).train()
    met = []

    class Breaks(nn.Module):
        def forward(self, x):
            met.append(hooks_of(model))
            raise ZeroDivisionError

    model[4] = Breaks()
    with pytest.raises((ZeroDivisionError, ValueError)):
        call(model, noise(3, 1, 8, 8))
    assert met, "the model was never run"
    assert hooks_of(model) == 0
    assert all(module.training for module in model.modules())


def test_frozen_weights_are_no_obstacle():
    model = seeded(normalised_chain).requires_grad_(False)
    assert saliency(model, noise(3, 1, 8, 8), 1).abs().sum() > 0


def test_activations_are_what_the_layers_answer_batch_by_batch():
    model, images = small_lenet()
    seen = activations(model, images, ["s2", "output"], batch_size=2)
    with torch.no_grad():
        torch.testing.assert_close(seen["s2"], model[:3](images))
        torch.testing.assert_close(seen["output"], model(images))
    assert not seen["output"].requires_grad


def test_a_relu_in_place_does_not_overwrite_what_was_seen():
    model, images = torchvision_alexnet()
    seen = activations(model, images, ["features.0", "features.1"])
    assert seen["features.0"].min() < 0
    assert torch.equal(seen["features.0"].clamp(min=0), seen["features.1"])


def test_what_is_kept_of_a_batch_can_be_chosen():
    model, images = small_lenet()
    peaks = activations(model, images, "c1", batch_size=2, keep=lambda a: a.amax(dim=(2, 3)))["c1"]
    assert torch.equal(peaks, activations(model, images, "c1")["c1"].amax(dim=(2, 3)))


def test_of_two_calls_of_one_layer_the_last_counts():
    relu = nn.ReLU()
    model = seeded(lambda: nn.Sequential(nn.Conv2d(1, 2, 3), relu, nn.Conv2d(2, 3, 3), relu))
    images = noise(2, 1, 8, 8)
    assert torch.equal(activations(model, images, "1")["1"], model(images))


def test_names_are_those_of_the_kinds_in_order():
    model, _ = small_lenet()
    assert layer_names(model, (nn.Conv2d, nn.Linear)) == ["c1", "c3", "c5", "f6", "output"]
    assert "" not in layer_names(googlenet(width=0.1))


def test_a_wrong_name_is_answered_with_near_ones():
    model, images = torchvision_alexnet()
    with pytest.raises(
        ValueError, match=r"AlexNet has no layer 'feature.3'; near it.*'features.3'"
    ):
        activations(model, images, "feature.3")
    with pytest.raises(ValueError, match="no layer ''"):
        layer_named(model, "")
    with pytest.raises(ValueError, match="it has no layers inside"):
        layer_named(nn.ReLU(), "relu")
    assert hooks_of(model) == 0


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (noise(1, 28, 28), r"shape \(N, C, H, W\), got \(1, 28, 28\)"),
        (noise(0, 1, 28, 28), r"got \(0, 1, 28, 28\)"),
        ([1, 2], "got list"),
        (torch.zeros(1, 1, 28, 28, dtype=torch.uint8), "floats.*uint8"),
    ],
)
def test_what_is_no_batch_is_refused(images, message):
    with pytest.raises(ValueError, match=message):
        activations(small_lenet()[0], images, "c1")


def test_layers_that_answer_with_no_tensor_or_not_at_all_are_refused():
    class Two(nn.Module):
        def __init__(self):
            super().__init__()
            self.pool, self.unused = nn.MaxPool2d(2, return_indices=True), nn.ReLU()

        def forward(self, x):
            return self.pool(x)[0]

    with pytest.raises(ValueError, match="'pool' must answer with a tensor, got a tuple"):
        activations(Two(), noise(1, 1, 4, 4), "pool")
    with pytest.raises(ValueError, match="'unused' was not called"):
        activations(Two(), noise(1, 1, 4, 4), "unused")
    with pytest.raises(ValueError, match="batch_size.*at least 1"):
        activations(Two(), noise(1, 1, 4, 4), "unused", batch_size=0)


def test_what_is_watched_keeps_its_graph():
    model, images = small_lenet()
    images.requires_grad_()
    with watching(model, ["relu1"]) as seen:
        model(images)
    (gradient,) = torch.autograd.grad(seen["relu1"].sum(), images)
    assert gradient.abs().sum() > 0
