"""The residual, plain and aggregated networks: counts, shapes, costs, fields, learning."""

import re

import pytest
import torch
from torch import nn
from torchvision import models as torchvision_models

from course_utils import models
from course_utils.accounting import summarize
from course_utils.models.resnet import (
    BASIC_BLOCKS,
    BOTTLENECKS,
    PAPER_MULTIPLY_ADDS,
    PARAMETERS,
    PLAIN_PARAMETERS,
)
from course_utils.models.resnet_cifar import PAPER_PARAMETERS as TABLE_6
from course_utils.models.resnet_cifar import PARAMETERS as CIFAR_PARAMETERS
from course_utils.models.resnet_cifar import PaddedShortcut, padded_block
from course_utils.models.resnext import PAPER_MULTIPLY_ADDS as RESNEXT_MULTIPLY_ADDS
from course_utils.models.resnext import PAPER_PARAMETERS as RESNEXT_TABLE_1
from course_utils.models.resnext import PARAMETERS as RESNEXT_PARAMETERS
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

IMAGENET = {name: getattr(models, name) for name in ("plain18", "plain34")} | {
    f"resnet{depth}": getattr(models, f"resnet{depth}") for depth in PARAMETERS
}
IMAGENET["resnext50_32x4d"] = models.resnext50_32x4d
CIFAR = {f"resnet{depth}": getattr(models, f"resnet{depth}") for depth in CIFAR_PARAMETERS} | {
    f"plain{depth}": getattr(models, f"plain{depth}") for depth in CIFAR_PARAMETERS if depth < 110
}
EVERY = [(name, 224) for name in IMAGENET] + [(name, 32) for name in CIFAR]


def torchvisions(name):
    return getattr(torchvision_models, name)


def with_the_papers_strides(model):
    """Torchvision's network with the strides of its 3x3 convolutions moved to the 1x1 before."""
    for block in model.modules():
        if isinstance(block, torchvision_models.resnet.Bottleneck):
            block.conv1.stride, block.conv2.stride = block.conv2.stride, (1, 1)
    return model


# --- counts --------------------------------------------------------------------------------------


@pytest.mark.parametrize("depth", PARAMETERS)
def test_resnets_have_torchvisions_parameters(depth):
    ours, theirs = on_meta(IMAGENET[f"resnet{depth}"]), on_meta(torchvisions(f"resnet{depth}"))
    assert count(ours) == PARAMETERS[depth] == count(theirs)


def test_resnext_has_the_parameters_of_table_1_and_torchvisions():
    ours = on_meta(models.resnext50_32x4d)
    assert count(ours) == RESNEXT_PARAMETERS == count(on_meta(torchvisions("resnext50_32x4d")))
    assert round(RESNEXT_PARAMETERS / 1e6, 1) == RESNEXT_TABLE_1 / 1e6 == 25.0


def test_a_block_of_resnext_has_the_weights_of_equation_4():
    block = on_meta(models.resnext50_32x4d).conv2_x[1]
    weights = sum(m.weight.numel() for m in block.modules() if isinstance(m, nn.Conv2d))
    assert weights == 32 * (256 * 4 + 3 * 3 * 4 * 4 + 4 * 256) == 70_144
    assert block.branch.conv2.groups == 32


@pytest.mark.parametrize("depth", PLAIN_PARAMETERS)
def test_option_b_adds_just_its_three_projections_to_a_plain_net(depth):
    plain, residual = on_meta(IMAGENET[f"plain{depth}"]), on_meta(IMAGENET[f"resnet{depth}"])
    steps = [(64, 128), (128, 256), (256, 512)]
    projections = sum(before * after + 2 * after for before, after in steps)
    assert count(residual) - count(plain) == projections == 173_824
    assert count(plain) == PLAIN_PARAMETERS[depth]


@pytest.mark.parametrize("depth", CIFAR_PARAMETERS)
def test_cifar_resnets_have_the_counts_of_table_6(depth):
    parameters = count(on_meta(CIFAR[f"resnet{depth}"]))
    n, stages = (depth - 2) // 6, ((16, 16), (16, 32), (32, 64))
    convolutions = 9 * (3 * 16 + sum(a * b + (2 * n - 1) * b * b for a, b in stages))
    by_hand = convolutions + 2 * (16 + 2 * n * (16 + 32 + 64)) + 64 * 10 + 10
    assert parameters == CIFAR_PARAMETERS[depth] == by_hand
    digits = len(TABLE_6[depth].rstrip("M").split(".")[1])
    assert f"{parameters / 1e6:.{digits}f}M" == TABLE_6[depth]


@pytest.mark.parametrize("depth", [20, 32, 44, 56])
def test_plain_and_option_a_nets_have_equal_parameters_of_equal_shapes(depth):
    plain, residual = on_meta(CIFAR[f"plain{depth}"]), on_meta(CIFAR[f"resnet{depth}"])
    assert count(plain) == count(residual)
    shapes = [[tuple(p.shape) for p in model.parameters()] for model in (plain, residual)]
    assert shapes[0] == shapes[1]


@pytest.mark.parametrize(("name", "size"), EVERY)
def test_the_depth_in_the_name_counts_convolutions_and_the_dense_layer(name, size):
    model = on_meta((IMAGENET if size == 224 else CIFAR)[name])
    weighted = [n for n, m in model.named_modules() if isinstance(m, (nn.Conv2d, nn.Linear))]
    depth = int(re.search(r"\d+", name)[0])
    assert len([n for n in weighted if "shortcut" not in n]) == depth


# --- shapes --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", IMAGENET)
def test_imagenet_maps_have_the_sizes_of_table_1(name):
    shapes = output_shapes(on_meta(IMAGENET[name]), (3, 224, 224))
    wide = 1 if name.removeprefix("plain").removeprefix("resnet") in ("18", "34") else 4
    assert shapes["conv1"] == (64, 112, 112)
    assert shapes["pool1"] == (64, 56, 56)
    assert shapes["conv2_x"] == (64 * wide, 56, 56)
    assert shapes["conv3_x"] == (128 * wide, 28, 28)
    assert shapes["conv4_x"] == (256 * wide, 14, 14)
    assert shapes["conv5_x"] == (512 * wide, 7, 7)
    assert shapes["avgpool"] == (512 * wide, 1, 1)
    assert shapes["fc"] == (1000,)


def test_stages_have_the_blocks_of_table_1():
    for depth, blocks in (BASIC_BLOCKS | BOTTLENECKS).items():
        model = on_meta(IMAGENET[f"resnet{depth}"])
        assert tuple(len(getattr(model, f"conv{i}_x")) for i in (2, 3, 4, 5)) == blocks


@pytest.mark.parametrize("name", CIFAR)
def test_cifar_maps_have_the_sizes_of_section_4_2(name):
    shapes = output_shapes(on_meta(CIFAR[name]), (3, 32, 32))
    sizes = [shapes[layer] for layer in ("conv1", "stage1", "stage2", "stage3")]
    assert sizes == [(16, 32, 32), (16, 32, 32), (32, 16, 16), (64, 8, 8)]
    assert shapes["fc"] == (10,)


def test_the_stride_is_in_the_first_convolution_but_in_resnext_in_the_3x3():
    for name, layer in (("resnet50", "conv1"), ("resnext50_32x4d", "conv2")):
        model = on_meta(IMAGENET[name])
        for first in (model.conv3_x[0], model.conv4_x[0], model.conv5_x[0]):
            strided = [n for n, m in first.branch.named_children() if m.__dict__.get("stride")]
            strides = {n: getattr(first.branch, n).stride for n in strided}
            assert strides == dict.fromkeys(("conv1", "conv2", "conv3"), (1, 1)) | {layer: (2, 2)}
            assert first.shortcut.conv.stride == (2, 2)
        assert model.conv2_x[0].shortcut.conv.stride == (1, 1)


# --- the same functions as torchvision's ---------------------------------------------------------


@pytest.mark.parametrize("name", ["resnet18", "resnet50", "resnext50_32x4d"])
def test_the_network_computes_what_torchvisions_does_at_the_same_strides(name):
    theirs = torchvisions(name)()
    if name == "resnet50":
        theirs = with_the_papers_strides(theirs)
    assert_same_scores(IMAGENET[name](), theirs, size=64)


# --- option A and blocks -------------------------------------------------------------------------


def test_option_a_takes_every_second_pixel_and_adds_empty_maps():
    x = torch.arange(2 * 25.0).reshape(1, 2, 5, 5)
    y = PaddedShortcut(new_channels=3, stride=2)(x)
    assert y.shape == (1, 5, 3, 3)
    assert torch.equal(y[0, 0], torch.tensor([[0.0, 2, 4], [10, 12, 14], [20, 22, 24]]))
    assert torch.equal(y[0, 1], y[0, 0] + 25)
    assert not y[0, 2:].any()


def test_option_a_has_no_parameters_and_is_used_just_twice():
    shortcuts = [m for m in CIFAR["resnet20"]().modules() if isinstance(m, PaddedShortcut)]
    assert [s.new_channels for s in shortcuts] == [16, 32]
    assert not any(list(s.parameters()) for s in shortcuts)


def test_a_block_whose_branch_is_zero_hands_on_its_input():
    block = padded_block(4, 4, stride=1).eval()
    nn.init.zeros_(block.branch.norm2.weight)
    x = torch.rand(2, 4, 6, 6)
    assert torch.equal(block(x), x)
    with torch.no_grad():
        changed = padded_block(4, 4, stride=1).eval()(x)
    assert not torch.allclose(changed, x)


def test_a_residual_net_is_its_plain_one_where_the_shortcuts_are_cut():
    plain, residual = CIFAR["plain20"](width=0.25), CIFAR["resnet20"](width=0.25)
    plain.load_state_dict(residual.state_dict())
    x = torch.randn(2, 3, 32, 32)
    with torch.no_grad():
        assert not torch.allclose(plain(x), residual(x), atol=1e-3)
        for module in residual.modules():
            if hasattr(module, "shortcut"):
                module.shortcut.register_forward_hook(lambda m, inputs, output: 0 * output)
        torch.testing.assert_close(plain(x), residual(x))


# --- costs ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "size"), EVERY)
def test_multiply_adds_are_half_of_pytorchs_flops(name, size):
    model = on_meta((IMAGENET if size == 224 else CIFAR)[name])
    shape = (3, size, size)
    assert summarize(model, shape).multiply_adds == half_of_pytorchs_flops(model, shape) > 0


def billions(name):
    return half_of_pytorchs_flops(on_meta(IMAGENET[name]), (3, 224, 224)) / 1e9


@pytest.mark.parametrize("depth", PAPER_MULTIPLY_ADDS)
def test_multiply_adds_are_those_of_table_1(depth):
    printed = PAPER_MULTIPLY_ADDS[depth] / 1e9
    # Table 1 counts 18 and 34 layers without projections, as in option A and the plain nets.
    computed = billions(f"plain{depth}" if depth < 50 else f"resnet{depth}")
    if depth == 50:  # 3.858: cut off, not rounded, unlike 7.570 and 11.282 beside it
        assert int(computed * 10) / 10 == printed == 3.8
    else:
        assert round(computed, 1) == printed


def test_resnext_needs_the_multiply_adds_of_table_1():
    assert round(billions("resnext50_32x4d"), 1) == RESNEXT_MULTIPLY_ADDS / 1e9 == 4.2


def test_torchvisions_resnet50_costs_more_by_its_late_strides():
    theirs = half_of_pytorchs_flops(on_meta(torchvisions("resnet50")), (3, 224, 224))
    ours = half_of_pytorchs_flops(on_meta(models.resnet50), (3, 224, 224))
    steps = [(256, 128, 28), (512, 256, 14), (1024, 512, 7)]
    # Three first convolutions at four times as many positions.
    assert theirs - ours == sum(3 * before * narrow * n * n for before, narrow, n in steps)
    assert (round(ours / 1e9, 2), round(theirs / 1e9, 2)) == (3.86, 4.09)


# --- receptive fields ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "size", "layers"),
    [
        (models.resnet18, 224, ("pool1", "conv2_x", "conv3_x.0", "conv3_x")),
        (models.plain18, 224, ("conv3_x",)),
        (models.resnet50, 224, ("conv2_x", "conv3_x.0", "conv3_x")),
        (models.resnext50_32x4d, 160, ("conv2_x", "conv3_x.0")),
        (models.resnet20, 160, ("stage1", "stage2.0", "stage2", "stage3")),
        (models.plain20, 160, ("stage3",)),
    ],
)
def test_computed_fields_are_the_measured_ones(make, size, layers):
    assert_measured_as_computed(make(width=1 / 32), size, layers)


def test_resnet152_sees_1507_pixels():
    fields = summarize(on_meta(models.resnet152), (3, 224, 224))
    assert fields["conv5_x.2.add"].receptive_field.size == (1507, 1507)


# --- first weights, settings, learning -----------------------------------------------------------


@pytest.mark.parametrize("make", [models.resnet18, models.resnet20, models.resnext50_32x4d])
def test_convolutions_start_as_he_et_al_say_and_normalisations_at_one(make):
    torch.manual_seed(0)
    for module in make().modules():
        if isinstance(module, nn.Conv2d) and module.weight.numel() > 20_000:
            fan_in = module.weight[0].numel()
            assert module.weight.std().item() == pytest.approx((2 / fan_in) ** 0.5, rel=0.03)
        if isinstance(module, nn.BatchNorm2d):
            assert (module.weight == 1).all()
            assert (module.bias == 0).all()


def test_the_same_seed_gives_the_same_weights():
    states = []
    for _ in range(2):
        torch.manual_seed(3)
        states.append(models.resnet20().state_dict())
    assert all(torch.equal(states[0][key], states[1][key]) for key in states[0])


@pytest.mark.parametrize(("name", "size"), EVERY)
def test_width_scales_the_channels_and_any_size_of_image_will_do(name, size):
    model = (IMAGENET if size == 224 else CIFAR)[name](3, in_channels=2, width=1 / 16).eval()
    first = 4 if size == 224 else 1
    assert model.conv1.out_channels == first
    assert model.fc.in_features < 2048 / 8
    for side in (28, 33):
        assert model(torch.zeros(1, 2, side, side)).shape == (1, 3)


@pytest.mark.parametrize("settings", WITHOUT_SENSE)
@pytest.mark.parametrize(("name", "size"), EVERY)
def test_settings_without_sense_are_refused(name, size, settings):
    with pytest.raises(ValueError, match=next(iter(settings))):
        (IMAGENET if size == 224 else CIFAR)[name](**settings)


@pytest.mark.parametrize(
    ("make", "size", "width"),
    [
        (models.resnet18, 32, 1 / 8),
        (models.plain18, 32, 1 / 8),
        (models.resnet50, 32, 1 / 8),
        (models.resnext50_32x4d, 32, 1 / 8),
        (models.resnet20, 16, 1 / 2),
        (models.plain20, 16, 1 / 2),
    ],
)
def test_a_narrow_version_learns(make, size, width):
    losses = losses_on_one_batch(make, size, lr=0.05, steps=16, width=width)
    assert losses[-1] < 0.5 * losses[0]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "size"), EVERY)
def test_forward_and_backward_at_the_papers_size(name, size):
    make = (IMAGENET if size == 224 else CIFAR)[name]
    assert_forward_and_backward(make, (3, size, size))
