"""AlexNet, ZFNet, OverFeat, the VGGs and NiN: counts, shapes, wiring, first weights, learning."""

import gc
import math
from itertools import pairwise

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torchvision.models import alexnet as torchvision_alexnet
from torchvision.models import vgg as torchvision_vgg

from course_utils.accounting import measured_receptive_field, receptive_field, summarize
from course_utils.models import (
    alexnet,
    nin,
    overfeat_fast,
    vgg11,
    vgg13,
    vgg16,
    vgg19,
    zfnet,
    zfnet_larger,
)
from course_utils.models import overfeat as overfeat_table
from course_utils.models.alexnet import (
    CONNECTIONS,
    CONVOLUTIONS,
    NEURONS,
    PAPER_CONV1_NEURONS,
    PAPER_NEURONS,
    PAPER_PARAMETERS,
    RESPONSE_NORM,
    SLIDES_CONNECTIONS,
    TOTAL_NEURONS,
    ResponseNorm,
)
from course_utils.models.alexnet import PARAMETERS as ALEXNET_PARAMETERS
from course_utils.models.alexnet import TOTAL_PARAMETERS as ALEXNET_TOTAL
from course_utils.models.nin import PARAMETERS as NIN_PARAMETERS
from course_utils.models.nin import TOTAL_PARAMETERS as NIN_TOTAL
from course_utils.models.vgg import CONFIGURATIONS, PAPER_MILLION_PARAMETERS
from course_utils.models.vgg import TOTAL_PARAMETERS as VGG_TOTALS
from course_utils.models.zfnet import FIGURE_3, LARGER, PAPER_SIDES
from course_utils.models.zfnet import TOTAL_PARAMETERS as ZFNET_TOTALS
from model_checks import WITHOUT_SENSE, half_of_pytorchs_flops, on_meta

VGGS = {"A": vgg11, "B": vgg13, "D": vgg16, "E": vgg19}
IMAGE_SIZES = {
    alexnet: 227,
    zfnet: 224,
    zfnet_larger: 224,
    overfeat_fast: 231,
    vgg11: 224,
    vgg13: 224,
    vgg16: 224,
    vgg19: 224,
    nin: 32,
}
ALL = pytest.mark.parametrize("make", IMAGE_SIZES, ids=lambda make: make.__name__)


def counted(make):
    size = IMAGE_SIZES[make]
    return summarize(on_meta(make), (3, size, size))


def parameters(make):
    return {row.name: row.parameters for row in counted(make).rows if row.parameters}


def shapes(make):
    return {row.name: row.output_shape for row in counted(make).rows}


@pytest.fixture(autouse=True)
def one_thread():
    """Nets as small as these only lose by sharing their work."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


# --- AlexNet -------------------------------------------------------------------------------------


def test_alexnet_has_the_counts_of_its_table():
    assert parameters(alexnet) == ALEXNET_PARAMETERS
    assert sum(ALEXNET_PARAMETERS.values()) == ALEXNET_TOTAL == 60_965_224


def test_alexnets_kernels_are_those_that_section_3_5_prints():
    weights = {n: tuple(p.shape) for n, p in on_meta(alexnet).named_parameters() if p.ndim > 1}
    assert weights == {
        "conv1.weight": (96, 3, 11, 11),
        "conv2.weight": (256, 48, 5, 5),
        "conv3.weight": (384, 256, 3, 3),
        "conv4.weight": (384, 192, 3, 3),
        "conv5.weight": (256, 192, 3, 3),
        "fc6.weight": (4096, 9216),
        "fc7.weight": (4096, 4096),
        "fc8.weight": (1000, 4096),
    }


def test_the_abstracts_counts_are_cut_off_after_two_digits():
    assert ALEXNET_TOTAL // 1_000_000 * 1_000_000 == PAPER_PARAMETERS
    assert TOTAL_NEURONS // 10_000 * 10_000 == PAPER_NEURONS
    assert round(ALEXNET_TOTAL, -6) == 61_000_000  # which rounding would have printed
    assert round(TOTAL_NEURONS, -4) == 660_000


def one_tower(maps):
    """Parameters of an AlexNet without groups."""
    sizes = [row.size for row in CONVOLUTIONS.values()]
    convolutions = sum(
        (size**2 * before + 1) * after
        for size, before, after in zip(sizes, [3, *maps], maps, strict=False)
    )
    return convolutions + sum(ALEXNET_PARAMETERS[name] for name in ("fc6", "fc7", "fc8"))


def test_torchvisions_alexnet_differs_by_its_one_narrower_tower():
    theirs = sum(p.numel() for p in on_meta(torchvision_alexnet).parameters())
    assert theirs == one_tower([64, 192, 384, 256, 256]) == 61_100_840
    assert theirs - ALEXNET_TOTAL == 135_616


def test_62_million_is_alexnet_without_groups():
    halves = sum(
        on_meta(alexnet).get_parameter(f"{name}.weight").numel()
        for name in ("conv2", "conv4", "conv5")
    )
    assert one_tower([96, 256, 384, 384, 256]) == ALEXNET_TOTAL + halves == 62_378_344


def test_alexnets_maps_have_the_sizes_of_the_lectures():
    got = shapes(alexnet)
    assert got["conv1"] == got["relu1"] == got["norm1"] == (96, 55, 55)
    assert got["pool1"] == (96, 27, 27)
    assert got["conv2"] == got["norm2"] == (256, 27, 27)
    assert got["pool2"] == (256, 13, 13)
    assert got["conv3"] == got["conv4"] == (384, 13, 13)
    assert got["conv5"] == (256, 13, 13)
    assert got["pool5"] == (256, 6, 6)
    assert [got[name] for name in ("fc6", "fc7", "fc8")] == [(4096,), (4096,), (1000,)]


def test_224_pixels_do_not_fit_eleven_by_eleven_windows_with_stride_four():
    assert (224 - 11) % 4 != 0
    assert (227 - 11) % 4 == 0
    with pytest.raises(ValueError, match=r"AlexNet expects images of shape \(N, 3, 227, 227\)"):
        on_meta(alexnet)(torch.empty(1, 3, 224, 224, device="meta"))


def test_alexnets_neurons_are_figure_2s_but_for_conv1():
    summary = counted(alexnet)
    assert {name: math.prod(summary[name].output_shape) for name in NEURONS} == NEURONS
    assert sum(NEURONS.values()) == TOTAL_NEURONS == 659_272
    printed = [253_440, 186_624, 64_896, 64_896, 43_264, 4_096, 4_096, 1_000]
    assert list(NEURONS.values())[1:] == printed[1:]
    assert printed[0] == PAPER_CONV1_NEURONS == 96 * 55 * 48
    assert math.isqrt(PAPER_CONV1_NEURONS // 96) ** 2 != PAPER_CONV1_NEURONS // 96
    assert sum(printed) == 622_312


def inside(side, size, stride, padding):
    """How many pixels of the map, not of the padding, all windows along one axis meet."""
    starts = range(-padding, side + padding - size + 1, stride)
    return sum(0 <= start + k < side for start in starts for k in range(size))


def test_no_reading_of_connections_gives_the_slides_630_million():
    summary = counted(alexnet)
    by_layer = {name: summary[name].multiply_adds for name in NEURONS}
    assert sum(by_layer.values()) == CONNECTIONS == 724_406_816
    dense = sum(by_layer[name] for name in ("fc6", "fc7", "fc8"))
    figure_2 = by_layer["conv1"] * (1 - PAPER_CONV1_NEURONS / NEURONS["conv1"])
    sides = (227, 27, 13, 13, 13)
    padding = 0
    for side, (name, row) in zip(sides, CONVOLUTIONS.items(), strict=True):
        seen = inside(side, row.size, row.stride, row.padding)
        every = inside(side + 2 * row.padding, row.size, row.stride, 0)
        padding += by_layer[name] * (1 - seen**2 / every**2)
    readings = [
        CONNECTIONS - a * dense - b * figure_2 - c * padding + d * TOTAL_NEURONS
        for a in (0, 1)
        for b in (0, 1)
        for c in (0, 1)
        for d in (0, 1)
    ]
    assert round(CONNECTIONS - padding) == 671_322_656
    assert min(abs(reading / SLIDES_CONNECTIONS - 1) for reading in readings) > 0.02


def test_response_norm_is_the_papers_equation_on_each_gpus_maps():
    torch.manual_seed(0)
    a, k, n, alpha, beta = 100 * torch.rand(2, 16, 3, 4).double(), 2, 5, 1e-4, 0.75
    expected = torch.empty_like(a)
    for gpu in (0, 8):
        for i in range(8):
            low, high = max(0, i - n // 2), min(8 - 1, i + n // 2)
            squares = a[:, gpu + low : gpu + high + 1].square().sum(dim=1)
            expected[:, gpu + i] = a[:, gpu + i] / (k + alpha * squares) ** beta
    torch.testing.assert_close(ResponseNorm()(a), expected)
    everywhere = nn.LocalResponseNorm(**RESPONSE_NORM)(a)
    changed = (everywhere != ResponseNorm()(a)).any(dim=3).any(dim=2).any(dim=0)
    assert changed.nonzero().flatten().tolist() == [6, 7, 8, 9]  # two on either side of the middle


@pytest.mark.parametrize(
    ("first", "last", "crosses"),
    [
        ("relu1", "conv2", False),
        ("relu2", "conv3", True),
        ("relu3", "conv4", False),
        ("relu4", "conv5", False),
        ("relu5", "fc6", True),
    ],
)
def test_the_gpus_communicate_only_before_conv3_and_fc6(first, last, crosses):
    torch.manual_seed(0)
    model = alexnet(width=1 / 16)
    names = [name for name, _ in model.named_children()]
    part = model[names.index(first) : names.index(last) + 1]
    rows = summarize(model, (3, 227, 227))
    x = torch.rand(1, *rows[first].output_shape, requires_grad=True)
    y = part(x)
    (gradient,) = torch.autograd.grad(y[:, : y.shape[1] // 2].sum(), x)
    half = x.shape[1] // 2
    assert gradient[:, :half].abs().sum() > 0
    assert (gradient[:, half:].abs().sum() > 0) == crosses


def test_alexnet_normalises_before_it_pools():
    names = [name for name, _ in on_meta(alexnet).named_children()]
    assert names[:8] == ["conv1", "relu1", "norm1", "pool1", "conv2", "relu2", "norm2", "pool2"]
    assert on_meta(alexnet).pool1.kernel_size > on_meta(alexnet).pool1.stride  # overlapping


@pytest.mark.parametrize("width", [1, 1 / 4])
def test_alexnet_starts_with_the_papers_weights(width):
    torch.manual_seed(0)
    model = alexnet(num_classes=10, width=width)
    for name, parameter in model.named_parameters():
        layer = name.removesuffix(".bias")
        if layer == name:
            assert parameter.std().item() == pytest.approx(0.01 / width**0.5, rel=0.03)
            assert abs(parameter.mean().item()) < 0.001 / width**0.5
        else:
            one = layer in {"conv2", "conv4", "conv5", "fc6", "fc7"}
            assert set(parameter.tolist()) == {1.0 if one else 0.0}


def test_dropout_silences_half_of_the_hidden_units_in_training_only():
    torch.manual_seed(0)
    model, x = alexnet(width=1 / 8), torch.ones(1, 512)
    for name in ("drop6", "drop7"):
        layer = getattr(model, name)
        assert 0.4 < (layer.train()(x) == 0).float().mean() < 0.6
        assert torch.equal(layer.eval()(x), x)
    order = [name for name, _ in model.named_children()][-8:]
    assert order == ["flatten", "fc6", "relu6", "drop6", "fc7", "relu7", "drop7", "fc8"]


# --- ZFNet ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("make", "row"), [(zfnet, FIGURE_3), (zfnet_larger, LARGER)])
def test_zfnet_has_the_counts_of_its_table(make, row):
    maps = {zfnet: (384, 384, 256), zfnet_larger: (512, 1024, 512)}[make]
    convolutions = [(7, 3, 96), (5, 96, 256)]
    convolutions += [(3, before, after) for before, after in pairwise([256, *maps])]
    dense = [(36 * maps[-1], 4096), (4096, 4096), (4096, 1000)]
    expected = [(size**2 * before + 1) * after for size, before, after in convolutions]
    expected += [(before + 1) * after for before, after in dense]
    assert list(parameters(make).values()) == expected
    assert sum(expected) == ZFNET_TOTALS[row]


def test_zfnets_maps_have_the_sides_of_figure_3():
    got = shapes(zfnet)
    assert {name: got[name][1] for name in PAPER_SIDES} == PAPER_SIDES
    assert got["norm1"] == (96, 55, 55)
    assert got["norm2"] == (256, 13, 13)
    assert got["conv3"] == got["conv4"] == (384, 13, 13)
    assert got["flatten"] == (9216,)
    got = shapes(zfnet_larger)
    assert [got[f"conv{i}"] for i in (3, 4, 5)] == [(512, 13, 13), (1024, 13, 13), (512, 13, 13)]


def figure_3(padding, pool_padding, ceil_mode):
    """Sides after conv1, pool1, conv2, pool2 and pool5 under other paddings than ours."""
    pool = nn.MaxPool2d(3, 2, padding=pool_padding, ceil_mode=ceil_mode)
    layers = [nn.Conv2d(1, 1, 7, 2, padding), pool, nn.Conv2d(1, 1, 5, 2), pool, pool]
    x, sides = torch.zeros(1, 1, 224, 224), []
    for layer in layers:
        x = layer(x)
        sides.append(x.shape[-1])
    return sides


def test_only_one_padding_gives_all_sides_of_figure_3():
    printed = list(PAPER_SIDES.values())
    settings = [(p, q, c) for p in range(4) for q in range(2) for c in (False, True)]
    assert [s for s in settings if figure_3(*s) == printed] == [(1, 0, True)]
    assert figure_3(0, 0, False)[:2] == [109, 54]
    assert figure_3(1, 0, False)[:2] == [110, 54]
    assert figure_3(2, 0, False)[:2] == [111, 55]
    assert figure_3(1, 1, False)[3:] == [13, 7]


def test_zfnets_padding_at_the_right_and_the_bottom_lies_in_no_window():
    torch.manual_seed(0)
    conv1, x = zfnet(width=1 / 16).conv1, torch.randn(1, 3, 224, 224)
    one_sided = F.conv2d(F.pad(x, (1, 0, 1, 0)), conv1.weight, conv1.bias, stride=2)
    torch.testing.assert_close(conv1(x), one_sided)


def test_zfnet_pools_before_it_normalises_over_all_maps():
    model = on_meta(zfnet)
    names = [name for name, _ in model.named_children()]
    assert names[:8] == ["conv1", "relu1", "pool1", "norm1", "conv2", "relu2", "pool2", "norm2"]
    assert {layer.groups for layer in model.modules() if isinstance(layer, nn.Conv2d)} == {1}


# --- OverFeat ------------------------------------------------------------------------------------


def test_overfeat_has_the_counts_of_its_table():
    assert parameters(overfeat_fast) == overfeat_table.PARAMETERS
    total = sum(overfeat_table.PARAMETERS.values())
    assert total == overfeat_table.TOTAL_PARAMETERS == 145_920_872
    assert total // 1_000_000 == overfeat_table.PAPER_MILLION_PARAMETERS  # cut off: it rounds up


def test_overfeats_connections_are_nearly_those_that_the_paper_prints():
    connections = counted(overfeat_fast).multiply_adds
    assert connections == overfeat_table.CONNECTIONS == 2_801_403_904
    excess = overfeat_table.PAPER_MILLION_CONNECTIONS * 1_000_000 / connections - 1
    assert 0.003 < excess < 0.0035


def test_overfeats_maps_have_the_sizes_of_table_1():
    got = shapes(overfeat_fast)
    assert got["conv1"] == (96, 56, 56)
    assert got["pool1"] == (96, 28, 28)
    assert got["conv2"] == (256, 24, 24)
    assert got["pool2"] == (256, 12, 12)
    assert got["conv3"] == (512, 12, 12)
    assert got["conv4"] == got["conv5"] == (1024, 12, 12)
    assert got["pool5"] == (1024, 6, 6)
    assert [got[name] for name in ("fc6", "fc7", "fc8")] == [(3072,), (4096,), (1000,)]
    assert not any(isinstance(m, nn.LocalResponseNorm) for m in on_meta(overfeat_fast).modules())


# --- VGG -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", VGGS)
def test_vgg_has_torchvisions_layers_and_the_papers_count(name):
    make = VGGS[name]
    ours = [tuple(p.shape) for p in on_meta(make).parameters()]
    theirs = on_meta(getattr(torchvision_vgg, make.__name__), init_weights=False)
    assert ours == [tuple(p.shape) for p in theirs.parameters()]
    assert sum(map(math.prod, ours)) == VGG_TOTALS[name]
    assert round(VGG_TOTALS[name] / 1e6) == PAPER_MILLION_PARAMETERS[name]


def test_vggs_are_as_deep_as_their_names_say():
    convolutions = {
        make.__name__: sum(isinstance(m, nn.Conv2d) for m in on_meta(make).modules())
        for make in VGGS.values()
    }
    assert convolutions == {"vgg11": 8, "vgg13": 10, "vgg16": 13, "vgg19": 16}
    assert all(
        sum(depths) + 3 == int(VGGS[name].__name__[3:]) for name, depths in CONFIGURATIONS.items()
    )


def test_vgg16_computes_what_torchvisions_computes():
    plan = [4, 4, "M", 8, 8, "M", 16, 16, 16, "M", 32, 32, 32, "M", 32, 32, 32, "M"]
    theirs = torchvision_vgg.make_layers(plan)
    torch.manual_seed(0)
    ours = vgg16(num_classes=5, width=1 / 16, image_size=64)
    theirs.load_state_dict(
        dict(zip(theirs.state_dict(), ours[:31].state_dict().values(), strict=True))
    )
    x = torch.randn(2, 3, 64, 64)
    torch.testing.assert_close(ours[:31](x), theirs(x))
    assert theirs(x).std() > 0
    assert ours(x).shape == (2, 5)


# Weights without biases and memory, as one lecture prints them, and the same by accounting.
SLIDE_WEIGHTS = (
    *(1_728, 36_864, 73_728, 147_456, 294_912, 589_824, 589_824, 1_179_648),
    *(2_359_296,) * 5,
    *(102_760_448, 16_777_216, 4_096_000),
)
SLIDE_MEMORY = (
    *(150e3, 3.2e6, 3.2e6, 800e3, 1.6e6, 1.6e6, 400e3, 800e3, 800e3, 800e3, 200e3),
    *(400e3, 400e3, 400e3, 100e3, 100e3, 100e3, 100e3, 25e3, 4096, 4096, 1000),
)


def test_vgg16s_rows_are_the_lectures_but_its_total_is_not():
    weights = [p.numel() for p in on_meta(vgg16).parameters() if p.ndim > 1]
    assert tuple(weights) == SLIDE_WEIGHTS
    assert sum(weights) == 138_344_128
    biases = sum(p.numel() for p in on_meta(vgg16).parameters() if p.ndim == 1)
    assert sum(weights) + biases == 138_357_544
    summary = counted(vgg16)
    memory = [row.activations for row in summary.rows if row.activations]
    assert memory == pytest.approx(SLIDE_MEMORY, rel=0.01)
    assert sum(memory) == summary.activations == 15_237_608
    assert summary.activation_bytes == 60_950_432  # 61 MB; the slide says 24M x 4 bytes = 96 MB
    assert sum(SLIDE_MEMORY) == pytest.approx(15_237_608, rel=0.01)


def test_vgg16s_maps_halve_and_double():
    got = shapes(vgg16)
    sizes = [(64, 112, 112), (128, 56, 56), (256, 28, 28), (512, 14, 14), (512, 7, 7)]
    assert [got[f"pool{block}"] for block in range(1, 6)] == sizes
    assert got["conv1_2"] == (64, 224, 224)
    assert got["flatten"] == (25_088,)


@pytest.mark.parametrize("size", [32, 63, 100, 224])
def test_vgg_is_made_for_images_of_one_size(size):
    model = on_meta(vgg11, width=1 / 16, image_size=size)
    assert model(torch.empty(1, 3, size, size, device="meta")).shape == (1, 1000)
    with pytest.raises(ValueError, match=rf"VGG expects images of shape \(N, 3, {size}, {size}\)"):
        model(torch.empty(1, 3, size + 1, size, device="meta"))


@pytest.mark.parametrize("size", [31, 0, 32.0, True, None])
def test_vgg_refuses_images_that_five_pools_leave_nothing_of(size):
    with pytest.raises(ValueError, match="image_size must be a whole number of at least 32"):
        on_meta(vgg16, image_size=size)


def test_vgg_starts_as_glorot_and_bengio_say():
    torch.manual_seed(0)
    model = vgg13(num_classes=10, width=1 / 4, image_size=32)
    for parameter in model.parameters():
        if parameter.ndim == 1:
            assert not parameter.any()
        else:
            after, before, *sides = parameter.shape
            bound = math.sqrt(6 / ((after + before) * math.prod(sides)))
            assert 0.97 * bound < parameter.abs().max().item() <= bound


# --- network in network --------------------------------------------------------------------------


def test_nin_has_the_counts_of_its_table():
    assert parameters(nin) == NIN_PARAMETERS
    assert sum(NIN_PARAMETERS.values()) == NIN_TOTAL == 966_986


def test_nins_maps_halve_twice_and_end_in_one_a_class():
    got = shapes(nin)
    assert [got[name] for name in ("conv1", "cccp1", "cccp2")] == [
        (192, 32, 32),
        (160, 32, 32),
        (96, 32, 32),
    ]
    assert got["pool1"] == (96, 16, 16)
    assert got["pool2"] == (192, 8, 8)
    assert got["cccp6"] == got["relu_cccp6"] == (10, 8, 8)
    assert got["flatten"] == (10,)
    assert [r.name for r in counted(nin).rows if r.kind == "MaxPool2d"] == ["pool1", "pool2"]


def test_a_mlpconv_layer_slides_a_perceptron_over_the_image():
    torch.manual_seed(0)
    model, x = nin(width=1 / 16), torch.randn(2, 3, 9, 9)
    patches = F.unfold(x, kernel_size=5, padding=2).transpose(1, 2)  # (2, 81, 75)
    for name in ("conv1", "cccp1", "cccp2"):
        layer = getattr(model, name)
        patches = torch.relu(patches @ layer.weight.flatten(1).T + layer.bias)
    expected = patches.transpose(1, 2).reshape(2, -1, 9, 9)
    torch.testing.assert_close(model[:6](x), expected)
    assert expected.std() > 0


def test_nins_scores_are_means_of_maps_and_never_negative():
    torch.manual_seed(0)
    model, x = nin(width=1 / 8).eval(), torch.randn(4, 3, 32, 32)
    maps = model[:-2](x)
    assert maps.shape == (4, 10, 8, 8)
    torch.testing.assert_close(model(x), maps.mean(dim=(2, 3)))
    assert model(x).min() >= 0
    assert model(x).max() > 0


@pytest.mark.parametrize("size", [(28, 28), (64, 40), (5, 5)])
def test_nin_takes_images_of_other_sizes(size):
    assert on_meta(nin)(torch.empty(2, 3, *size, device="meta")).shape == (2, 10)


def test_nin_starts_with_the_authors_weights():
    torch.manual_seed(0)
    for name, parameter in nin().named_parameters():
        if name.endswith("bias"):
            assert not parameter.any()
        else:
            assert parameter.std().item() == pytest.approx(0.05, rel=0.05)


# --- all of them ---------------------------------------------------------------------------------


@ALL
def test_multiply_adds_are_half_of_pytorchs_flops(make):
    size = IMAGE_SIZES[make]
    flops = half_of_pytorchs_flops(on_meta(make), (3, size, size))
    assert counted(make).multiply_adds == flops > 0


@ALL
def test_on_the_meta_device_a_model_has_shapes_but_no_contents(make):
    size = IMAGE_SIZES[make]
    model = on_meta(make, num_classes=7, in_channels=2)
    assert all(p.is_meta for p in model.parameters())
    scores = model(torch.empty(3, 2, size, size, device="meta"))
    assert scores.is_meta
    assert scores.shape == (3, 7)


# The last map before the dense layers, its receptive field, and an image with room around it.
FIELDS = {
    alexnet: (195, 291),
    zfnet: (171, 288),
    zfnet_larger: (171, 288),
    overfeat_fast: (167, 263),
    vgg11: (150, 224),
    vgg13: (156, 224),
    vgg16: (212, 288),
    vgg19: (268, 352),
}


@pytest.mark.parametrize("make", FIELDS, ids=lambda make: make.__name__)
def test_computed_fields_are_the_measured_ones(make):
    torch.manual_seed(0)
    field, size = FIELDS[make]
    whole = make(in_channels=1, width=1 / 64)
    part = whole[: [name for name, _ in whole.named_children()].index("pool5") + 1]
    for layer in ("conv3" if hasattr(part, "conv3") else "conv3_1", "pool5"):
        measured = measured_receptive_field(part, (1, size, size), layer)
        computed = receptive_field(part, (1, size, size))[layer]
        assert not measured.touches_border
        assert measured.size == computed.size
    assert measured.size == (field, field)


def test_nins_field_is_the_measured_one():
    measured = measured_receptive_field(nin(in_channels=1, width=1 / 16), (1, 64, 64), "cccp6")
    assert not measured.touches_border
    assert measured.size == receptive_field(on_meta(nin), (3, 64, 64))["cccp6"].size == (27, 27)


@ALL
def test_width_scales_every_layer_and_leaves_something_of_each(make):
    full, half = on_meta(make), on_meta(make, width=0.5)
    for a, b in zip(full.modules(), half.modules(), strict=True):
        if isinstance(a, nn.Conv2d):
            last = a is full[-4] and make is nin  # as many maps as classes
            assert b.out_channels == (a.out_channels if last else a.out_channels // 2)
            assert b.groups == a.groups
        if isinstance(a, nn.Linear) and a is not full[-1]:
            assert b.out_features == a.out_features // 2
    size = IMAGE_SIZES[make]
    thinnest = on_meta(make, width=1e-6)
    classes = 10 if make is nin else 1000
    assert thinnest(torch.empty(1, 3, size, size, device="meta")).shape == (1, classes)


@ALL
@pytest.mark.parametrize("settings", WITHOUT_SENSE)
def test_settings_without_sense_are_refused(make, settings):
    with pytest.raises(ValueError, match=next(iter(settings))):
        on_meta(make, **settings)


@pytest.mark.parametrize(
    "make", [m for m in IMAGE_SIZES if m is not nin], ids=lambda make: make.__name__
)
def test_other_images_are_refused_in_words(make):
    size = IMAGE_SIZES[make]
    for shape in [(1, 1, size, size), (1, 3, size - 1, size), (3, size, size), (1, 3, 32, 32)]:
        with pytest.raises(ValueError, match=rf"\(N, 3, {size}, {size}\), got") as error:
            on_meta(make)(torch.empty(shape, device="meta"))
        assert str(shape) in str(error.value)


def test_a_slice_takes_images_of_any_size():
    features = on_meta(alexnet)[:15]
    assert features(torch.empty(1, 3, 291, 323, device="meta")).shape == (1, 256, 8, 9)


@pytest.mark.parametrize("make", [alexnet, zfnet, vgg11], ids=lambda make: make.__name__)
def test_the_same_seed_gives_the_same_weights(make):
    states = []
    for seed in (3, 3, 4):
        torch.manual_seed(seed)
        states.append(make(width=1 / 32).state_dict())
    assert all(torch.equal(states[0][key], states[1][key]) for key in states[0])
    assert not torch.equal(states[0]["fc8.weight"], states[2]["fc8.weight"])


def smooth_patterns(size, classes=4, images=8):
    """As many images of each of a few smooth patterns, with noise, and which pattern each is."""
    generator = torch.Generator().manual_seed(0)
    patterns = torch.randn(classes, 1, 6, 6, generator=generator)
    patterns = F.interpolate(patterns, size=size, mode="bilinear")
    labels = torch.arange(images) % classes
    noise = torch.randn(images, 1, size, size, generator=generator)
    return patterns[labels] + 0.3 * noise, labels


# Images of the size, multiplied by what the first weights were made for; width; steps; rate.
TRAINING = {
    alexnet: (227, 60, 1 / 16, 25, 1e-3),
    zfnet: (224, 60, 1 / 16, 12, 1e-3),
    zfnet_larger: (224, 60, 1 / 16, 12, 1e-3),
    overfeat_fast: (231, 60, 1 / 16, 10, 1e-3),
    vgg11: (32, 1, 1 / 16, 25, 2e-3),
    vgg13: (32, 1, 1 / 16, 40, 2e-3),
    vgg16: (32, 1, 1 / 16, 40, 2e-3),
    vgg19: (32, 1, 1 / 16, 50, 2e-3),
    nin: (32, 1, 1 / 8, 40, 3e-3),
}


@ALL
def test_a_narrow_version_learns_a_fixed_batch(make):
    torch.manual_seed(0)
    size, scale, width, steps, lr = TRAINING[make]
    extra = {"image_size": size} if make in VGGS.values() else {}
    model = make(num_classes=4, in_channels=1, width=width, **extra)
    model.eval()  # no dropout: of so few units in so few steps it leaves too little
    patterns, labels = smooth_patterns(size)
    optimizer, losses = torch.optim.Adam(model.parameters(), lr=lr), []
    for _ in range(steps):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(scale * patterns), labels)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    # Classes are equally frequent, so the biases alone could not do better than log(4).
    assert losses[-1] < 0.75 * math.log(4) < losses[0]


@pytest.mark.slow
@ALL
def test_forward_and_backward_at_the_papers_size(make):
    torch.manual_seed(0)
    size = IMAGE_SIZES[make]
    model = make()
    scores = model(50 * torch.randn(2, 3, size, size))
    F.cross_entropy(scores, torch.tensor([0, 1])).backward()
    assert scores.isfinite().all()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())
    assert model[0].weight.grad.any()
    del model, scores
    gc.collect()
