"""The way back of Zeiler and Fergus against transposed matrices and the gradient's rule."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from course_utils.introspection.deconvolution import deconvolve, unpool
from course_utils.introspection.hooks import activations
from course_utils.introspection.saliency import saliency
from course_utils.introspection.units import strongest_places
from course_utils.models import googlenet, lenet5_1998, resnet20, zfnet
from introspection_models import NETWORKS, hooks_of, noise, seeded, small_lenet


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"stride": 2, "padding": 1},
        {"dilation": 2, "padding": (2, 0)},
        {"groups": 2},
        {"padding": 1, "padding_mode": "circular"},
    ],
)
def test_a_single_convolution_goes_back_by_its_transposed_matrix(settings):
    layer = seeded(lambda: nn.Conv2d(2, 4, 3, **settings)).double()
    model = nn.Sequential(layer)
    pixels = torch.eye(2 * 8 * 7, dtype=torch.float64).reshape(-1, 2, 8, 7)
    with torch.no_grad():
        matrix = (layer(pixels) - layer(torch.zeros_like(pixels))).flatten(1).T  # no bias
    images = noise(3, 2, 8, 7).double()
    answers = activations(model, images, "0")["0"]
    rows, columns = strongest_places(answers, 1)
    signal = torch.zeros_like(answers)
    for n in range(3):
        signal[n, 1, rows[n], columns[n]] = answers[n, 1].max()
    wanted = (signal.flatten(1) @ matrix).reshape(images.shape)
    torch.testing.assert_close(deconvolve(model, images, "0", 1), wanted)


def test_switches_put_every_value_back_where_it_came_from():
    x = torch.randperm(2 * 3 * 36, generator=torch.Generator().manual_seed(0)) + 1.0
    x = x.reshape(2, 3, 6, 6)
    pooled, switches = F.max_pool2d(x, 2, return_indices=True)
    back = unpool(pooled, switches, (6, 6))
    assert torch.equal(back, torch.where(back > 0, x, 0.0))
    assert int((back > 0).sum()) == pooled.numel()
    assert torch.equal(F.max_pool2d(back, 2), pooled)
    assert torch.equal(back, F.max_unpool2d(pooled, switches, 2, output_size=(6, 6)))


def test_where_windows_share_a_maximum_both_signals_arrive():
    x = torch.zeros(1, 1, 3, 3)
    x[0, 0, 1, 1] = 5
    _, switches = F.max_pool2d(x, 2, stride=1, return_indices=True)
    signal = torch.tensor([[[[1.0, 2.0], [3.0, 4.0]]]])
    assert unpool(signal, switches, (3, 3))[0, 0].tolist() == [[0, 0, 0], [0, 10, 0], [0, 0, 0]]
    # PyTorch's unpooling keeps a single one of them.
    assert F.max_unpool2d(signal, switches, 2, stride=1, output_size=(3, 3)).sum() < 10


@pytest.mark.parametrize(
    "settings",
    [
        {"kernel_size": 2},
        {"kernel_size": 3, "stride": 2},
        {"kernel_size": 3, "stride": 2, "ceil_mode": True},
        {"kernel_size": 3, "stride": 1, "padding": 1},
        {"kernel_size": 2, "stride": 1, "dilation": 2},
    ],
)
def test_unpooling_is_the_backward_pass_of_max_pooling(settings):
    x = noise(2, 3, 8, 7).requires_grad_()
    pooled, switches = F.max_pool2d(x, **settings, return_indices=True)
    signal = noise(*pooled.shape, seed=1)
    (wanted,) = torch.autograd.grad(pooled, x, signal)
    torch.testing.assert_close(unpool(signal, switches, (8, 7)), wanted)


LAYERS = {
    "lenet5": ("c1", "s2", "c3", "relu3", "s4", "f6", "output"),
    "vgg11": ("conv1_1", "pool2", "conv3_2", "relu4_1", "pool5", "fc6", "fc8"),
    "alexnet": ("features.0", "features.5", "features.8", "features.12", "classifier.4"),
}


@pytest.mark.parametrize(
    ("network", "layer"), [(network, layer) for network in LAYERS for layer in LAYERS[network]]
)
def test_it_agrees_with_the_deconvolution_rule(network, layer):
    model, images = NETWORKS[network]()
    answers = activations(model, images, layer)[layer]
    peaks = answers.flatten(2).amax(dim=2) if answers.ndim == 4 else answers
    unit = int(peaks.amin(dim=0).argmax())
    own = peaks[:, unit]
    assert (own > 0).all(), "no positive answer to send back"
    wanted = saliency(model, images, unit, layer, rule="deconvolution")
    wanted = wanted * own[:, None, None, None]
    ours = deconvolve(model, images, layer, unit)
    assert ours.abs().max() > 0
    torch.testing.assert_close(ours / ours.abs().max(), wanted / ours.abs().max())
    assert hooks_of(model) == 0


def test_response_normalisation_is_left_out_on_the_way_back():
    """ZFNet's second convolution, by hand: its pools overlap and use ceil_mode."""
    model = seeded(zfnet, num_classes=3, width=0.05)
    images = 50 * noise(2, 3, 224, 224)
    seen = activations(model, images, ["relu1", "conv2"])
    unit = int(seen["conv2"].amax(dim=(0, 2, 3)).argmax())
    rows, columns = strongest_places(seen["conv2"], unit)
    signal, n = torch.zeros_like(seen["conv2"]), torch.arange(2)
    signal[n, unit, rows, columns] = seen["conv2"][n, unit, rows, columns]
    _, switches = F.max_pool2d(seen["relu1"], 3, 2, ceil_mode=True, return_indices=True)
    with torch.no_grad():
        back = F.conv_transpose2d(signal, model.conv2.weight, stride=2, output_padding=0)
        back = F.pad(back, (0, 55 - back.shape[3], 0, 55 - back.shape[2]))
        back = unpool(back, switches, (110, 110)).clamp(min=0)
        back = F.conv_transpose2d(back, model.conv1.weight, stride=2, padding=1)
        back = F.pad(back, (0, 224 - back.shape[3], 0, 224 - back.shape[2]))
    ours = deconvolve(model, images, "conv2", unit)
    scale = ours.abs().max()
    torch.testing.assert_close(ours / scale, back / scale)
    by_rule = saliency(model, images, unit, "conv2", rule="deconvolution")
    by_rule = by_rule * seen["conv2"][:, unit].flatten(1).amax(dim=1)[:, None, None, None]
    assert not torch.allclose(ours / scale, by_rule / scale, atol=1e-3)


class Branches(nn.Module):
    """A stem, two branches, and their sum."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2))
        self.left, self.right = nn.Conv2d(4, 4, 1), nn.Conv2d(4, 4, 3, padding=1)
        self.after = nn.ReLU()

    def forward(self, x):
        x = self.stem(x)
        return self.after(self.left(x) + self.right(x)).mean(dim=(2, 3))


@pytest.mark.parametrize("branch", ["left", "right"])
def test_a_branch_is_a_chain_as_far_as_it_goes(branch):
    model, images = seeded(Branches), noise(3, 1, 8, 8)
    unit = int(activations(model, images, branch)[branch].amax(dim=(2, 3)).amin(dim=0).argmax())
    chain = nn.Sequential(*model.stem, getattr(model, branch))
    assert deconvolve(model, images, branch, unit).abs().sum() > 0
    torch.testing.assert_close(
        deconvolve(model, images, branch, unit), deconvolve(chain, images, "3", unit)
    )


def test_each_image_may_have_its_own_unit():
    model, images = small_lenet()
    both = deconvolve(model, images, "c3", torch.tensor([4, 0, 9]))
    for n, unit in enumerate((4, 0, 9)):
        alone = deconvolve(model, images[n : n + 1], "c3", unit)
        torch.testing.assert_close(both[n : n + 1], alone)


class HiddenReLU(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Conv2d(1, 2, 3), nn.Conv2d(2, 2, 3)

    def forward(self, x):
        return self.second(F.relu(self.first(x)))


@pytest.mark.parametrize(
    ("build", "shape", "layer", "message"),
    [
        (Branches, (1, 8, 8), "after", "no chain of layers leads from 'after'.*paths meet"),
        (Branches, (1, 8, 8), "stem", "'stem' is a group of layers"),
        (HiddenReLU, (1, 8, 8), "second", "computed outside of modules"),
        (lambda: resnet20(width=0.5), (3, 32, 32), "stage2.1.branch.conv1", "paths meet"),
        (lambda: googlenet(width=0.1), (3, 64, 64), "inception_3b.one.conv", "paths meet"),
        (lenet5_1998, (1, 32, 32), "s2", "no way back past a"),
        (Branches, (1, 8, 8), "middle", "no layer 'middle'"),
    ],
)
def test_what_is_no_chain_is_refused(build, shape, layer, message):
    model = seeded(build)
    if layer == "inception_3b.one.conv":
        convolutions = [n for n, m in model.named_modules() if isinstance(m, nn.Conv2d)]
        layer = next(name for name in convolutions if "3b" in name)
    with pytest.raises(ValueError, match=message):
        deconvolve(model, noise(2, *shape), layer, 0)
    assert hooks_of(model) == 0


def test_bad_switches_are_refused():
    pooled = torch.zeros(1, 1, 2, 2)
    with pytest.raises(ValueError, match="one shape"):
        unpool(pooled, torch.zeros(1, 1, 2, 3, dtype=torch.int64), (4, 4))
    with pytest.raises(ValueError, match="outside of an output of 4 x 4"):
        unpool(pooled, torch.full((1, 1, 2, 2), 16), (4, 4))
