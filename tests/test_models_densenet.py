"""The densely connected networks: counts, shapes, wiring, costs, fields, and that they learn."""

import pytest
import torch
from torch import nn
from torchvision import models as torchvision_models

from course_utils import models
from course_utils.accounting import summarize
from course_utils.models.densenet import BLOCKS, CIFAR_PARAMETERS, PAPER_PARAMETERS, PARAMETERS
from model_checks import (
    WITHOUT_SENSE,
    assert_forward_and_backward,
    assert_measured_as_computed,
    assert_same_scores,
    count,
    half_of_pytorchs_flops,
    losses_on_one_batch,
    on_meta,
    output_shapes,
)

IMAGENET = {depth: getattr(models, f"densenet{depth}") for depth in PARAMETERS}
CIFAR = {
    "L=40, k=12": models.densenet40_k12,
    "BC, L=100, k=12": models.densenet_bc100_k12,
}
EVERY = [(make, 224) for make in IMAGENET.values()] + [(make, 32) for make in CIFAR.values()]


# --- counts --------------------------------------------------------------------------------------


@pytest.mark.parametrize("depth", PARAMETERS)
def test_densenets_have_the_parameters_of_torchvisions_class(depth):
    def torchvisions():
        return torchvision_models.DenseNet(growth_rate=32, block_config=BLOCKS[depth])

    assert count(on_meta(IMAGENET[depth])) == PARAMETERS[depth] == count(on_meta(torchvisions))


@pytest.mark.parametrize("name", CIFAR)
def test_cifar_densenets_have_the_counts_of_table_2(name):
    parameters = count(on_meta(CIFAR[name]))
    assert parameters == CIFAR_PARAMETERS[name] == by_hand(bottlenecks=name.startswith("BC"))
    assert f"{parameters / 1e6:.1f}M" == PAPER_PARAMETERS[name]


def by_hand(*, bottlenecks, k=12):
    """Layer after layer: 3 blocks of 16 bottlenecks from 24 maps, or of 12 layers from 16."""
    maps, layers = (2 * k, 16) if bottlenecks else (16, 12)
    total = 3 * 3 * 3 * maps
    for block in range(3):
        for _ in range(layers):
            narrowing = maps * 4 * k + 2 * 4 * k if bottlenecks else 0
            total += 2 * maps + narrowing + 3 * 3 * (4 * k if bottlenecks else maps) * k
            maps += k
        if block < 2:
            kept = maps // 2 if bottlenecks else maps
            total += 2 * maps + maps * kept
            maps = kept
    return total + 2 * maps + maps * 10 + 10


def test_densenet201_has_the_20_million_of_section_4_4():
    assert f"{PARAMETERS[201] / 1e6:.0f}M" == PAPER_PARAMETERS[201]


@pytest.mark.parametrize("name", [*IMAGENET, *CIFAR])
def test_the_depth_in_the_name_counts_convolutions_and_the_dense_layer(name):
    model = on_meta((IMAGENET | CIFAR)[name])
    depths = {"L=40, k=12": 40, "BC, L=100, k=12": 100, 264: 265}  # Table 1's 264 are 265
    weighted = [m for m in model.modules() if isinstance(m, (nn.Conv2d, nn.Linear))]
    assert len(weighted) == depths.get(name, name)


# --- shapes and wiring ---------------------------------------------------------------------------


@pytest.mark.parametrize("depth", PARAMETERS)
def test_imagenet_maps_have_the_sizes_of_table_1(depth):
    shapes = output_shapes(on_meta(IMAGENET[depth]), (3, 224, 224))
    assert shapes["conv0"] == (64, 112, 112)
    assert shapes["pool0"] == (64, 56, 56)
    maps = 64
    for number, (layers, side) in enumerate(
        zip(BLOCKS[depth], (56, 28, 14, 7), strict=True), start=1
    ):
        maps += 32 * layers
        assert shapes[f"dense_block_{number}"] == (maps, side, side)
        if number < 4:
            maps //= 2
            assert shapes[f"transition_{number}.conv"] == (maps, side, side)
            assert shapes[f"transition_{number}"] == (maps, side // 2, side // 2)
    assert shapes["avgpool"] == (maps, 1, 1)
    assert shapes["fc"] == (1000,)


@pytest.mark.parametrize(
    ("name", "maps"), [("L=40, k=12", (160, 304, 448)), ("BC, L=100, k=12", (216, 300, 342))]
)
def test_cifar_maps_have_the_sizes_of_section_3(name, maps):
    shapes = output_shapes(on_meta(CIFAR[name]), (3, 32, 32))
    sizes = [shapes[f"dense_block_{number}"] for number in (1, 2, 3)]
    assert sizes == [(n, side, side) for n, side in zip(maps, (32, 16, 8), strict=True)]


def test_a_layer_keeps_what_it_got_and_adds_k_maps():
    layer = models.densenet121(width=0.25).dense_block_2[3].eval()
    channels = layer.branch.norm1.num_features
    x = torch.randn(2, channels, 6, 6)
    with torch.no_grad():
        y = layer(x)
    assert y.shape == (2, channels + 8, 6, 6)
    assert torch.equal(y[:, :channels], x)


def test_densenet121_computes_what_torchvisions_does():
    assert_same_scores(models.densenet121(), torchvision_models.densenet121(), size=64)


# --- costs and fields ----------------------------------------------------------------------------


@pytest.mark.parametrize(("make", "size"), EVERY)
def test_multiply_adds_are_half_of_pytorchs_flops(make, size):
    model, shape = on_meta(make), (3, size, size)
    assert summarize(model, shape).multiply_adds == half_of_pytorchs_flops(model, shape) > 0


@pytest.mark.parametrize(
    ("make", "size", "layers"),
    [
        (models.densenet121, 224, ("pool0", "dense_block_1", "transition_1", "dense_block_2.3")),
        (models.densenet40_k12, 120, ("dense_block_1", "transition_1", "dense_block_2.6")),
        (models.densenet_bc100_k12, 120, ("dense_block_1", "dense_block_2.3")),
    ],
)
def test_computed_fields_are_the_measured_ones(make, size, layers):
    assert_measured_as_computed(make(width=1 / 16), size, layers)


# --- settings, first weights, learning -----------------------------------------------------------


@pytest.mark.parametrize("settings", WITHOUT_SENSE)
@pytest.mark.parametrize(("make", "size"), EVERY)
def test_settings_without_sense_are_refused(make, size, settings):
    with pytest.raises(ValueError, match=next(iter(settings))):
        make(**settings)


@pytest.mark.parametrize(("make", "size"), EVERY)
def test_width_scales_the_growth_rate_and_the_same_seed_gives_the_same_weights(make, size):
    states = []
    for _ in range(2):
        torch.manual_seed(3)
        model = make(num_classes=3, in_channels=2, width=0.25)
        states.append(model.state_dict())
    assert all(torch.equal(states[0][key], states[1][key]) for key in states[0])
    growth = model.dense_block_1[1].branch[0].num_features - model.conv0.out_channels
    assert growth == (8 if size == 224 else 3)
    for side in (32 if size == 224 else 4, 33):
        assert model.eval()(torch.zeros(1, 2, side, side)).shape == (1, 3)


def test_convolutions_start_as_he_et_al_say():
    torch.manual_seed(0)
    layer = models.densenet121().dense_block_3[20].branch.conv1
    assert layer.weight.std().item() == pytest.approx((2 / layer.in_channels) ** 0.5, rel=0.02)


@pytest.mark.parametrize(
    ("make", "size", "width"),
    [
        (models.densenet121, 32, 1 / 8),
        (models.densenet40_k12, 16, 1 / 4),
        (models.densenet_bc100_k12, 16, 1 / 4),
    ],
)
def test_a_narrow_version_learns(make, size, width):
    losses = losses_on_one_batch(make, size, lr=0.05, steps=10, width=width)
    assert losses[-1] < 0.5 * losses[0]


@pytest.mark.slow
@pytest.mark.parametrize(("make", "size"), EVERY)
def test_forward_and_backward_at_the_papers_size(make, size):
    assert_forward_and_backward(make, (3, size, size))
