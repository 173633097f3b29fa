"""Counts against numbers worked out by hand and PyTorch's own counter; fields by gradient."""

import copy
import json
import subprocess
import sys
from html.parser import HTMLParser

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode
from torchvision.models import googlenet, resnet18, vgg16

from course_utils.accounting import measured_receptive_field, receptive_field, summarize
from course_utils.accounting.twin import meta_twin
from course_utils.models import lenet5, lenet5_1998


def on_meta(make, **settings):
    with torch.device("meta"):
        return make(**settings)


def column(summary, key):
    return [getattr(row, key) for row in summary.rows]


# --- LeNet-5 by hand -----------------------------------------------------------------------------


def test_lenet5_rows_are_the_numbers_worked_out_by_hand():
    summary = summarize(lenet5(), (1, 28, 28))
    by_hand = {  # output shape, parameters, activations, multiply-adds
        "input": ((1, 28, 28), 0, 784, 0),
        "c1": ((6, 28, 28), 6 * 26, 4_704, 25 * 4_704),
        "relu1": ((6, 28, 28), 0, 0, 0),
        "s2": ((6, 14, 14), 0, 1_176, 0),
        "c3": ((16, 10, 10), 16 * 151, 1_600, 150 * 1_600),
        "relu3": ((16, 10, 10), 0, 0, 0),
        "s4": ((16, 5, 5), 0, 400, 0),
        "flatten": ((400,), 0, 0, 0),
        "c5": ((120,), 120 * 401, 120, 400 * 120),
        "relu5": ((120,), 0, 0, 0),
        "f6": ((84,), 84 * 121, 84, 120 * 84),
        "relu6": ((84,), 0, 0, 0),
        "output": ((10,), 10 * 85, 10, 84 * 10),
    }
    rows = {
        row.name: (row.output_shape, row.parameters, row.activations, row.multiply_adds)
        for row in summary.rows
    }
    assert rows == by_hand
    assert (summary.parameters, summary.multiply_adds) == (61_706, 416_520)
    assert summary.activations == 784 + 4_704 + 1_176 + 1_600 + 400 + 120 + 84 + 10
    assert summary.activation_bytes == 4 * summary.activations


def test_lenet5_fields_are_those_worked_out_by_hand():
    fields = receptive_field(lenet5(), (1, 28, 28))
    sizes = {name: field.size[0] for name, field in fields.items()}
    assert [sizes[name] for name in ("c1", "s2", "c3", "s4")] == [5, 6, 14, 16]
    assert [fields[name].stride for name in ("c1", "s2", "c3", "s4")] == [
        (1, 1),
        (2, 2),
        (2, 2),
        (4, 4),
    ]
    # C5 sees five positions of S4, four pixels apart: 16 + 4 * 4, two pixels of padding around.
    assert sizes["c5"] == 32
    assert fields["c5"].first == (-2, -2)
    assert [fields[name].whole for name in ("s4", "flatten", "output")] == [False, True, True]


def test_lenet5_keeps_for_backward_what_the_derivatives_need():
    summary = summarize(lenet5(), (1, 28, 28))
    # The image and the inputs of c3, c5, f6 and output (the ReLUs' outputs are two of them), the
    # ReLUs' outputs before the pools, and where the maxima were (int64).
    maps = 784 + 1_176 + 400 + 120 + 84 + 4_704 + 1_600
    positions = 1_176 + 400
    assert summary.kept_numbers == maps + positions
    assert summary.kept_bytes == 4 * maps + 8 * positions


def kept_in_truth(model, shape, batch):
    """Bytes in distinct storages that autograd keeps on the CPU, with real numbers."""
    kept = {}

    def keep(tensor):
        kept[tensor.untyped_storage().data_ptr()] = tensor
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        model.train()(torch.rand(batch, *shape))
    return sum(tensor.untyped_storage().nbytes() for tensor in kept.values())


@pytest.mark.parametrize(
    ("make", "shape"), [(lenet5, (1, 28, 28)), (lenet5_1998, (1, 32, 32)), (resnet18, (3, 64, 64))]
)
def test_a_real_training_step_keeps_what_is_counted(make, shape):
    model = make()
    real = kept_in_truth(model, shape, 5) - kept_in_truth(model, shape, 4)
    assert summarize(model, shape).kept_bytes == real > 0


def test_the_paper_counts_connections_that_exist():
    summary = summarize(lenet5_1998(), (1, 28, 28))
    assert summary.parameters == 60_000
    assert summary["c3"].multiply_adds == 60 * 25 * 100
    assert summary["c3"].parameters == 1_516
    # The paper's "connections" count the biases too: 122,304 for C1 and 151,600 for C3.
    assert summary["c1"].multiply_adds + summary["c1"].activations == 122_304
    assert summary["c3"].multiply_adds + summary["c3"].activations == 151_600
    assert summary["s2"].multiply_adds == 6 * 14 * 14
    assert summary["output"].multiply_adds == 84 * 10
    assert summary["output"].activations == 10
    assert summary["c5"].receptive_field.size == (32, 32)


# --- VGG-16 and ResNet-18 ------------------------------------------------------------------------


def test_vgg16_is_the_lectures_table():
    summary = summarize(on_meta(vgg16), (3, 224, 224))
    assert summary.activations == 15_237_608
    assert summary.activation_bytes == 4 * 15_237_608
    assert summary.parameters == summary.trainable_parameters == 138_357_544
    assert summary.unused_parameters == 0
    convolutions = [row for row in summary.rows if row.kind == "Conv2d"]
    weights = [row.parameters - row.output_shape[0] for row in convolutions]
    assert weights[:4] == [1_728, 36_864, 73_728, 147_456]
    # An adaptive pool that pools nothing is not in the table.
    assert summary["avgpool"].activations == 0


def test_vgg16_fields_follow_the_recurrence():
    fields = receptive_field(on_meta(vgg16), (3, 224, 224))
    blocks, size, stride, position = (2, 2, 3, 3, 3), 1, 1, 0
    for convolutions in blocks:
        for _ in range(convolutions):
            size += 2 * stride
            assert fields[f"features.{position}"].size == (size, size)
            position += 2
        size, stride = size + stride, 2 * stride
        assert fields[f"features.{position}"].size == (size, size)
        assert fields[f"features.{position}"].stride == (stride, stride)
        position += 1
    assert (size, stride) == (212, 32)
    assert fields["classifier.0"].size == (404, 404)


def test_vgg16_keeps_for_backward_worked_out_by_hand():
    summary = summarize(on_meta(vgg16), (3, 224, 224))
    convolutions = sum(row.activations for row in summary.rows if row.kind == "Conv2d")
    pools = sum(row.activations for row in summary.rows if row.kind == "MaxPool2d")
    dense = 25_088 + 2 * (4_096 + 4_096 + 4_096)  # avgpool's copy; ReLU, mask and result of dropout
    # In-place ReLUs share the convolutions' memory; every pool keeps its positions beside its map.
    assert summary.kept_numbers == 150_528 + convolutions + 2 * pools + dense
    assert summary.kept_bytes == 4 * summary.kept_numbers + 4 * pools


def test_resnet18_takes_the_longest_path():
    fields = receptive_field(on_meta(resnet18), (3, 224, 224))
    assert fields["maxpool"].size == (11, 11)
    assert fields["layer2.0.downsample.0"].size == (43, 43)
    assert fields["layer2.0.add"].size == fields["layer2.0"].size == (67, 67)
    assert fields["layer4"].size == (435, 435)
    assert fields["layer4"].stride == (32, 32)
    assert not fields["layer4"].whole
    assert fields["avgpool"].whole
    assert fields["avgpool"].size == (435 + 6 * 32,) * 2


def test_resnet18_rows_of_shared_layers_and_additions():
    summary = summarize(on_meta(resnet18), (3, 224, 224))
    assert summary.parameters == sum(column(summary, "parameters")) == 11_689_512
    names = column(summary, "name")
    assert len(set(names)) == len(names)
    assert names.count("layer1.0.add") == 1
    assert "layer1.0.relu#2" in names
    assert summary["avgpool"].activations == 512


@pytest.mark.parametrize(
    ("make", "shape"),
    [(lenet5, (1, 28, 28)), (vgg16, (3, 224, 224)), (resnet18, (3, 224, 224))],
)
def test_multiply_adds_are_half_of_pytorchs_flops(make, shape):
    model = on_meta(make).eval()
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(torch.empty(1, *shape, device="meta"))
    assert summarize(model, shape).multiply_adds * 2 == counter.get_total_flops() > 0


class Mixture(nn.Module):
    """Grouped, dilated and transposed convolutions, and matrix products outside any layer."""

    def __init__(self):
        super().__init__()
        self.grouped = nn.Conv2d(4, 8, 3, groups=2, dilation=2)
        self.transposed = nn.ConvTranspose2d(8, 6, 4, stride=2)
        self.weight = nn.Parameter(torch.zeros(5, 6))

    def forward(self, x):
        x = self.transposed(self.grouped(x)).mean(dim=(2, 3))
        y = x @ self.weight.T
        return torch.einsum("ni,nj->nij", y, y)


def test_multiply_adds_of_unusual_operations_agree_too():
    model = Mixture().to("meta")
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(torch.empty(1, 4, 16, 16, device="meta"))
    summary = summarize(model, (4, 16, 16))
    assert summary.multiply_adds * 2 == counter.get_total_flops()
    assert summary["grouped"].multiply_adds == 8 * 12 * 12 * 2 * 9
    assert summary["transposed"].multiply_adds == 8 * 12 * 12 * 6 * 16
    assert summary["dense"].parameters == 30
    assert summary.unused_parameters == 0
    assert summary["global average pool"].activations == 6


# --- receptive fields against the gradient -------------------------------------------------------


class Residual(nn.Module):
    """A basic block; its shortcut is a strided 1x1 convolution, or slices and zeros."""

    def __init__(self, channels, stride, slices=False):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, stride, padding=1, bias=False)
        self.bn1, self.bn2 = nn.BatchNorm2d(channels), nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.relu = nn.ReLU(inplace=True)
        self.slices, self.stride = slices, stride
        self.shortcut = nn.Sequential() if slices else nn.Conv2d(channels, channels, 1, stride)

    def forward(self, x):
        y = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))
        if self.slices:
            y += F.pad(x[:, 1:, :: self.stride, :: self.stride], (0, 0, 0, 0, 0, 1))
        else:
            y += self.shortcut(x)
        return self.relu(y)


class Branches(nn.Module):
    """An inception module with a five by one and a pooled branch, in functional style."""

    def __init__(self):
        super().__init__()
        self.narrow = nn.Conv2d(2, 2, 1)
        self.tall = nn.Conv2d(2, 3, (5, 1), padding=(2, 0))
        self.shifted = nn.Conv2d(2, 1, 4, padding="same")

    def forward(self, x):
        pooled = F.max_pool2d(x, 3, 1, padding=1)
        maps = [self.narrow(x), self.tall(F.relu(x)), self.shifted(x), pooled]
        return torch.cat(maps, dim=1)


def small_networks():
    relu, pool = nn.ReLU(), nn.MaxPool2d(2)
    return {
        "lenet": nn.Sequential(nn.Conv2d(2, 3, 5, padding=2), nn.Tanh(), pool, nn.Conv2d(3, 4, 5)),
        "vgg": nn.Sequential(
            *(nn.Conv2d(2, 2, 3, padding=1), relu, nn.Conv2d(2, 2, 3, padding=1), relu, pool),
            *(nn.Conv2d(2, 2, 3, padding=1), relu, nn.Conv2d(2, 2, 3, padding=1), relu, pool),
        ),
        "resnet": nn.Sequential(
            nn.Conv2d(2, 2, 7, 2, padding=3),
            nn.MaxPool2d(3, 2, padding=1),
            *(Residual(2, 1), Residual(2, 2), Residual(2, 1)),
        ),
        "slices": nn.Sequential(Residual(2, 2, slices=True), Residual(2, 2, slices=True)),
        "branches": nn.Sequential(Branches(), pool, nn.Conv2d(8, 2, 3), Branches()),
        "dilated": nn.Sequential(
            nn.Conv2d(2, 2, 3, dilation=2), nn.Conv2d(2, 2, 3, dilation=4), nn.GroupNorm(1, 2)
        ),
        "normalised": nn.Sequential(
            nn.Conv2d(2, 4, 3, 2), nn.LocalResponseNorm(3), nn.AvgPool2d(3, 2), nn.LPPool2d(2, 2)
        ),
        "odd": nn.Sequential(
            nn.ReflectionPad2d((2, 0, 1, 3)), nn.Conv2d(2, 2, (2, 3), (3, 1)), nn.ZeroPad2d(1), pool
        ),
        "unseen": nn.Sequential(
            nn.Conv2d(2, 2, 3), nn.BatchNorm2d(2), nn.Sigmoid(), nn.Dropout(), nn.Conv2d(2, 2, 1, 4)
        ),
        "adaptive": nn.Sequential(nn.Conv2d(2, 2, 1), nn.AdaptiveMaxPool2d(16)),
    }


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel")
@pytest.mark.parametrize("name", small_networks())
def test_computed_fields_are_the_measured_ones(name):
    torch.manual_seed(0)
    model, shape = small_networks()[name], (2, 96, 96)
    fields = receptive_field(model, shape)
    modules = [call for call, _ in model.named_children()]
    for call in modules:
        measured = measured_receptive_field(model, shape, call)
        assert not measured.touches_border
        assert measured.size == fields[call].size, call
        assert not fields[call].whole


@pytest.mark.parametrize("name", ["resnet", "odd", "slices"])
def test_the_first_pixel_is_where_the_gradient_begins(name):
    model, shape = small_networks()[name], (2, 96, 96)
    last = list(model.named_children())[-1][0]
    field, measured = receptive_field(model, shape)[last], measured_receptive_field(model, shape)
    middle = [n // 2 for n in summarize(model, shape).rows[-1].output_shape[1:]]
    steps = zip(field.first, middle, field.stride, strict=True)
    assert measured.first == tuple(first + n * stride for first, n, stride in steps)


layers = st.tuples(
    st.sampled_from(["conv", "max", "average"]),
    st.integers(1, 4),  # kernel size
    st.integers(1, 2),  # stride
    st.integers(0, 2),  # padding
    st.integers(1, 2),  # dilation
)


def stack(settings_of_layers):
    made = []
    for kind, kernel, stride, padding, dilation in settings_of_layers:
        if kind == "conv":
            made.append(nn.Conv2d(1, 1, kernel, stride, padding, dilation))
        else:
            pool = nn.MaxPool2d if kind == "max" else nn.AvgPool2d
            made.append(pool(kernel, stride, min(padding, kernel // 2)))
        made.append(nn.ReLU())
    return nn.Sequential(*made)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.lists(layers, min_size=1, max_size=4))
def test_random_stacks_see_what_the_gradient_reaches(settings_of_layers):
    model = stack(settings_of_layers)
    # A stride above the kernel size leaves pixels out, which the box around the others hides.
    field = list(receptive_field(model, (1, 160, 160)).values())[-1]
    measured = measured_receptive_field(model, (1, 160, 160))
    assert not measured.touches_border
    assert measured.size == field.size


def test_an_operation_without_a_rule_is_bounded_by_the_whole_map():
    class Transposing(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(1, 1, 3)

        def forward(self, x):
            return self.conv(x).transpose(2, 3)

    model = nn.Sequential(Transposing(), nn.Conv2d(1, 1, 3))
    fields = receptive_field(model, (1, 12, 12))
    assert fields["0.conv"].size == (3, 3)
    assert fields["0"].whole
    assert fields["1"].size == (12, 12)
    assert measured_receptive_field(model, (1, 12, 12)).size == (5, 5)


def test_a_map_added_to_its_transpose_sees_the_whole():
    class Folded(nn.Module):
        def forward(self, x):
            return x + x.transpose(2, 3)

    fields = receptive_field(nn.Sequential(nn.Conv2d(1, 1, 3), Folded()), (1, 12, 12))
    assert fields["1"].whole
    assert fields["1"].stride is None
    assert fields["1"].size == (12, 12)


@pytest.mark.parametrize(
    "pool",
    [
        nn.AdaptiveAvgPool2d(1),
        nn.AdaptiveMaxPool2d(1),
        nn.AvgPool2d(10),
        nn.MaxPool2d(10),
        nn.Flatten(),
        nn.Softmax(dim=2),
        nn.Upsample(scale_factor=2),
    ],
)
def test_after_a_global_pool_or_a_flatten_units_see_the_whole_map(pool):
    fields = receptive_field(nn.Sequential(nn.Conv2d(1, 2, 3), pool), (1, 12, 12))
    assert not fields["0"].whole
    assert fields["1"].whole
    assert fields["1"].stride is None
    assert fields["1"].size == (12, 12)


@pytest.mark.parametrize("keeps", [nn.Softmax(dim=1), nn.Identity(), nn.AdaptiveAvgPool2d(10)])
def test_what_works_position_by_position_keeps_the_field(keeps):
    fields = receptive_field(nn.Sequential(nn.Conv2d(1, 2, 3), keeps), (1, 12, 12))
    assert fields["1"] == fields["0"]


def test_a_gate_over_all_positions_makes_a_map_see_everything():
    class Gate(nn.Module):
        def forward(self, x):
            return x * torch.sigmoid(x.mean(dim=(2, 3), keepdim=True))

    assert receptive_field(nn.Sequential(Gate()), (2, 9, 9))["0"].size == (9, 9)


def test_signals_have_one_axis():
    model = nn.Sequential(nn.Conv1d(1, 2, 5), nn.ReLU(), nn.MaxPool1d(2), nn.Conv1d(2, 1, 3))
    fields = receptive_field(model, (1, 64))
    assert fields["3"].size == (5 + 1 + 2 * 2,)
    assert measured_receptive_field(model, (1, 64)).size == fields["3"].size
    assert summarize(model, (1, 64)).multiply_adds == 60 * 2 * 5 + 28 * 3 * 2


def test_what_is_detached_sees_nothing():
    class Detached(nn.Module):
        def forward(self, x):
            return x.detach() * 2

    assert receptive_field(nn.Sequential(Detached()), (1, 4, 4))["0"] is None
    with pytest.raises(ValueError, match="does not see the image"):
        measured_receptive_field(nn.Sequential(Detached(), nn.Conv2d(1, 1, 1)), (1, 4, 4))


def test_the_real_weights_do_hide_pixels_that_the_twin_shows():
    model = nn.Sequential(nn.Conv2d(1, 1, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2))
    with torch.no_grad():
        model[0].weight.fill_(-1.0)  # a dead ReLU
    measured = measured_receptive_field(model, (1, 20, 20))
    assert measured.size == (4, 4)
    assert measured.gradient.shape == (20, 20)
    assert np.count_nonzero(measured.gradient) == 16
    assert measured.first == (9, 9)


def test_measuring_is_the_same_twice_and_says_when_it_was_cut():
    model = small_networks()["vgg"]
    first, second = (measured_receptive_field(model, (2, 64, 64), seed=3) for _ in range(2))
    assert np.array_equal(first.gradient, second.gradient)
    assert measured_receptive_field(model, (2, 8, 8)).touches_border


def test_resnet18_itself_is_measured_as_computed():
    model = resnet18()
    field = receptive_field(model, (3, 128, 128))["layer2"]
    measured = measured_receptive_field(model, (3, 160, 160), "layer2")
    assert measured.size == field.size == (99, 99)


def test_lenet5_1998_is_measured_as_computed():
    fields = receptive_field(lenet5_1998(), (1, 32, 32))
    for layer in ("c1", "s2", "c3", "s4_squash"):
        measured = measured_receptive_field(lenet5_1998(), (1, 32, 32), layer)
        assert not measured.touches_border
        assert measured.size == fields[layer].size
    assert measured_receptive_field(lenet5_1998(), (1, 32, 32)).size == (32, 32)


# --- the model is not touched --------------------------------------------------------------------


def test_the_users_model_is_left_alone():
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.ReLU(), nn.Dropout())
    calls, before = [], copy.deepcopy(model.state_dict())
    model.register_forward_hook(lambda *event: calls.append(event))
    model[0].register_forward_pre_hook(lambda *event: calls.append(event))
    model.train()
    model[3].eval()
    state = torch.get_rng_state()
    summarize(model, (1, 8, 8))
    receptive_field(model, (1, 8, 8))
    measured_receptive_field(model, (1, 8, 8))
    assert not calls
    assert [module.training for module in model.modules()] == [True, True, True, True, False]
    assert all(torch.equal(before[key], value) for key, value in model.state_dict().items())
    assert all(p.grad is None and p.requires_grad for p in model.parameters())
    assert len(model._forward_hooks) == len(model[0]._forward_pre_hooks) == 1
    assert torch.equal(state, torch.get_rng_state())
    model(torch.zeros(2, 1, 8, 8))
    assert len(calls) == 2


def test_the_twin_holds_no_weights_and_forgets_stored_activations():
    model = lenet5()
    model.seen = [model(torch.zeros(1, 1, 28, 28))]  # not a leaf: cannot be deep-copied
    twin = meta_twin(model)
    assert all(tensor.is_meta for tensor in [*twin.parameters(), *twin.buffers(), *twin.seen])
    assert summarize(model, (1, 28, 28)).parameters == 61_706


def test_frozen_and_shared_parameters_are_told_apart():
    shared = nn.Linear(4, 4)
    model = nn.Sequential(shared, nn.ReLU(), shared, nn.Linear(4, 2).requires_grad_(False))
    summary = summarize(model, (4,))
    assert summary.parameters == 20 + 10
    assert summary.trainable_parameters == 20
    assert column(summary, "parameters") == [0, 20, 0, 0, 10]
    assert summary.multiply_adds == 16 + 16 + 8


def test_layers_that_a_prediction_does_not_visit_are_reported():
    summary = summarize(on_meta(googlenet, init_weights=False), (3, 224, 224))
    heads = [
        p for name, p in on_meta(googlenet, init_weights=False).named_parameters() if "aux" in name
    ]
    assert summary.unused_parameters == sum(p.numel() for p in heads) > 0
    assert summary.parameters - summary.unused_parameters == sum(column(summary, "parameters"))
    assert f"{summary.unused_parameters:,} parameters lie in layers" in str(summary)


def test_a_containers_own_parameter_gets_a_row():
    class Scaled(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.scale = nn.Conv2d(1, 2, 3), nn.Parameter(torch.ones(2, 1, 1))

        def forward(self, x):
            return self.scale * self.conv(x)

    summary = summarize(Scaled(), (1, 8, 8))
    assert [(row.name, row.parameters) for row in summary.rows[1:]] == [("conv", 20), ("Scaled", 2)]


def test_a_layer_may_count_its_own_multiply_adds():
    class Halved(nn.Conv2d):
        def multiply_adds(self, output_shape):
            assert output_shape == (1, 2, 6, 6)
            return 7

    assert summarize(nn.Sequential(Halved(1, 2, 3)), (1, 8, 8))["0"].multiply_adds == 7


def test_half_precision_takes_half_the_bytes():
    summary = summarize(lenet5().half(), (1, 28, 28))
    assert summary.activation_bytes == 2 * summary.activations


# --- refusals ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "shape", [28, "1x28", (), (1, 28.0, 28), (1, -28, 28), (0, 28, 28), (True, 28, 28), (1,) * 5]
)
@pytest.mark.parametrize("count", [summarize, receptive_field, measured_receptive_field])
def test_an_input_shape_without_sense_is_refused(count, shape):
    with pytest.raises(ValueError, match="input_shape must be .* without the batch; got"):
        count(lenet5(), shape)


@pytest.mark.parametrize("count", [summarize, receptive_field, measured_receptive_field])
def test_the_layer_that_refuses_is_named_with_the_shape_it_got(count):
    model = nn.Sequential(nn.Conv2d(1, 6, 5), nn.Sequential(nn.ReLU(), nn.Conv2d(3, 4, 5)))
    with pytest.raises(
        ValueError, match=r"layer '1\.1' \(Conv2d\) refused .*\(6, 24, 24\)"
    ) as error:
        count(model, (1, 28, 28))
    assert "image of shape (1, 28, 28)" in str(error.value)
    with pytest.raises(ValueError, match=r"layer '0' \(Conv2d\) refused .*\(1, 3, 3\)"):
        count(model, (1, 3, 3))
    with pytest.raises(ValueError, match=r"the model \(LeNet5\) refused .*\(1, 32, 32\)"):
        count(lenet5(), (1, 32, 32))


@pytest.mark.parametrize("count", [summarize, receptive_field, measured_receptive_field])
def test_what_is_no_model_is_refused(count):
    with pytest.raises(ValueError, match=r"must be a torch.nn.Module, got type"):
        count(nn.Linear, (4,))
    with pytest.raises(ValueError, match=r"layer '0' is lazy"):
        count(nn.Sequential(nn.LazyLinear(3)), (4,))


def test_unknown_names_are_answered_with_the_known_ones():
    with pytest.raises(ValueError, match=r"no layer 'c2'; there are input, c1"):
        summarize(lenet5(), (1, 28, 28))["c2"]
    with pytest.raises(ValueError, match=r"no layer 'c2' to measure; there are c1"):
        measured_receptive_field(lenet5(), (1, 28, 28), "c2")


# --- how it looks --------------------------------------------------------------------------------


class Table(HTMLParser):
    """Collects the tags with their attributes, and the text of each cell."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.texts = [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_data(self, data):
        self.texts.append(data.strip())


def test_the_notebook_table_is_accessible():
    class Odd(nn.ReLU):
        pass

    Odd.__name__ = "<b>&"
    summary = summarize(nn.Sequential(nn.Conv2d(1, 2, 3), Odd()), (1, 8, 8))
    page = summary._repr_html_()
    table = Table(page)
    tags = [tag for tag, _ in table.tags]
    assert tags.count("caption") == tags.count("thead") == tags.count("tfoot") == 1
    scopes = [attributes.get("scope") for tag, attributes in table.tags if tag == "th"]
    assert scopes == ["col"] * 8 + ["row"] * (len(summary.rows) + 1)
    assert "b" not in tags
    assert "<b>&" in "".join(table.texts)
    region = table.tags[0][1]
    assert region["role"] == "region"
    assert region["tabindex"] == "0"
    assert region["aria-label"]


def test_the_text_shows_every_row_and_the_totals():
    summary = summarize(lenet5(), (1, 28, 28))
    lines = str(summary).splitlines()
    assert lines[0] == "LeNet5 on an image of shape 1 x 28 x 28"
    assert len({len(line) for line in lines[1:-2]}) == 1
    assert all(any(line.startswith(row.name) for line in lines) for row in summary.rows)
    total = next(line for line in lines if line.startswith("total"))
    assert total.split()[1:] == ["61,706", "8,878", "416,520"]
    assert "the activations take 35,512 bytes" in lines[-1]
    assert "10,444 numbers, 48,080 bytes" in lines[-1]
    assert (
        repr(summary) == "<Summary of LeNet5 on an image of shape 1 x 28 x 28: 61,706 parameters>"
    )


# --- what it costs -------------------------------------------------------------------------------

COST = """
import json, resource, time, torch
from torchvision import models
from course_utils.accounting import receptive_field, summarize

summarize(torch.nn.Conv2d(1, 1, 1), (1, 4, 4))  # what PyTorch loads at its first operation
before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
for make in (models.vgg19, models.resnet152, models.densenet201):
    with torch.device("meta"):
        model = make()
    summarize(model, (3, 224, 224))
    receptive_field(model, (3, 224, 224))
after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps({"kilobytes": after - before, "seconds": time.process_time() - start}))
"""


def test_large_networks_cost_neither_memory_nor_time():
    result = subprocess.run(
        [sys.executable, "-c", COST], capture_output=True, text=True, check=True
    )
    cost = json.loads(result.stdout)
    assert cost["kilobytes"] < 100_000
    assert cost["seconds"] < 5
