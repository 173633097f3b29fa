"""The two LeNets: counts as printed, Table I, shapes, refusals, and that they learn."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from course_utils.models import lenet5, lenet5_1998
from course_utils.models.lenet5 import PARAMETERS, TOTAL_PARAMETERS
from course_utils.models.lenet5_1998 import (
    PAPER_PARAMETERS,
    PAPER_TOTAL_PARAMETERS,
    TABLE_I,
    EuclideanRBF,
    ScaledTanh,
    SparseConv2d,
    Subsampling,
    digit_codes,
)
from model_checks import WITHOUT_SENSE


def counts(model):
    return {
        name: total
        for name, layer in model.named_children()
        if (total := sum(p.numel() for p in layer.parameters() if p.requires_grad))
    }


# --- as taught today -----------------------------------------------------------------------------


def test_lenet5_has_the_counts_of_its_table():
    assert counts(lenet5()) == PARAMETERS
    assert sum(PARAMETERS.values()) == TOTAL_PARAMETERS == 61_706


def test_lenet5_maps_have_the_sizes_of_the_lecture():
    x, sizes = torch.zeros(2, 1, 28, 28), {}
    for name, layer in lenet5().named_children():
        x = layer(x)
        sizes[name] = tuple(x.shape[1:])
    assert sizes["c1"] == (6, 28, 28)
    assert sizes["s2"] == (6, 14, 14)
    assert sizes["c3"] == (16, 10, 10)
    assert sizes["s4"] == (16, 5, 5)
    assert sizes["flatten"] == (400,)
    assert [sizes[name] for name in ("c5", "f6", "output")] == [(120,), (84,), (10,)]


def test_lenet5_width_scales_every_layer():
    narrow = lenet5(num_classes=3, in_channels=2, width=0.5)
    assert narrow(torch.zeros(4, 2, 28, 28)).shape == (4, 3)
    assert [narrow.c1.out_channels, narrow.c3.out_channels] == [3, 8]
    assert [narrow.c5.out_features, narrow.f6.out_features] == [60, 42]
    assert lenet5(width=1e-6)(torch.zeros(1, 1, 28, 28)).shape == (1, 10)


@pytest.mark.parametrize("shape", [(1, 1, 32, 32), (1, 3, 28, 28), (1, 28, 28), (28, 28)])
def test_lenet5_refuses_other_images_in_words(shape):
    with pytest.raises(ValueError, match=r"expects images of shape \(N, 1, 28, 28\).*got") as error:
        lenet5()(torch.zeros(shape))
    assert str(shape) in str(error.value)


@pytest.mark.parametrize("settings", WITHOUT_SENSE)
def test_lenet5_refuses_settings_without_sense(settings):
    with pytest.raises(ValueError, match=next(iter(settings))):
        lenet5(**settings)


# --- as published --------------------------------------------------------------------------------


def test_lenet5_1998_has_the_counts_that_the_paper_prints():
    assert counts(lenet5_1998()) == PAPER_PARAMETERS
    assert sum(PAPER_PARAMETERS.values()) == PAPER_TOTAL_PARAMETERS == 60_000


def test_table_1_has_the_structure_that_the_paper_describes():
    contiguous = {frozenset((start + k) % 6 for k in range(3)) for start in range(6)}
    assert {frozenset(row) for row in TABLE_I[:6]} == contiguous
    contiguous = {frozenset((start + k) % 6 for k in range(4)) for start in range(6)}
    assert {frozenset(row) for row in TABLE_I[6:12]} == contiguous
    assert all(len(set(row)) == 4 and set(row) not in contiguous for row in TABLE_I[12:15])
    assert set(TABLE_I[15]) == set(range(6))
    assert sum(map(len, TABLE_I)) == 6 * 3 + 9 * 4 + 1 * 6 == 60
    # Every row of the printed table carries ten crosses.
    assert [sum(channel in row for row in TABLE_I) for channel in range(6)] == [10] * 6
    assert len(set(TABLE_I)) == 16


def masked_dense_convolution(layer, x):
    dense = nn.Conv2d(6, 16, kernel_size=5).to(x.dtype)
    mask, kernels = torch.zeros(16, 6, 1, 1, dtype=x.dtype), iter(layer.weight.detach())
    with torch.no_grad():
        dense.bias.copy_(layer.bias)
        for k, row in enumerate(TABLE_I):
            for channel in row:
                mask[k, channel] = 1
                dense.weight[k, channel] = next(kernels)
    dense.weight.data *= mask
    return dense, mask, dense(x)


def test_sparse_c3_is_the_dense_convolution_with_masked_weights():
    torch.manual_seed(0)
    layer, x = SparseConv2d(6, TABLE_I, kernel_size=5).double(), torch.randn(3, 6, 14, 14).double()
    dense, mask, expected = masked_dense_convolution(layer, x)
    torch.testing.assert_close(layer(x), expected)
    layer(x).square().sum().backward()
    expected.square().sum().backward()
    torch.testing.assert_close(layer.weight.grad, dense.weight.grad[mask[..., 0, 0] == 1])


def test_sparse_c3_map_ignores_the_maps_it_is_not_connected_to():
    layer, x = SparseConv2d(6, TABLE_I, kernel_size=5), torch.randn(1, 6, 14, 14)
    x.requires_grad_()
    for k, row in enumerate(TABLE_I):
        (grad,) = torch.autograd.grad(layer(x)[0, k].sum(), x)
        seen = {channel for channel in range(6) if grad[0, channel].abs().sum() > 0}
        assert seen == set(row)


def test_subsampling_adds_four_inputs_then_scales_and_shifts():
    layer = Subsampling(2)
    with torch.no_grad():
        layer.coefficient.copy_(torch.tensor([2.0, -1.0]))
        layer.bias.copy_(torch.tensor([0.5, 3.0]))
    x = torch.arange(8.0).reshape(1, 2, 2, 2)  # sums 0+1+2+3 = 6 and 4+5+6+7 = 22
    torch.testing.assert_close(layer(x).flatten(), torch.tensor([2 * 6 + 0.5, -22 + 3.0]))


def test_scaled_tanh_maps_one_to_one_and_saturates_at_a():
    squash = ScaledTanh()
    torch.testing.assert_close(
        squash(torch.tensor([1.0, -1.0])), torch.tensor([1.0, -1.0]), rtol=1e-4, atol=0
    )
    assert abs(squash(torch.tensor(50.0)).item() - 1.7159) < 1e-6


def test_scores_are_negated_squared_distances_and_the_nearest_code_wins():
    codes = digit_codes()
    layer, x = EuclideanRBF(codes), torch.randn(5, 84)
    torch.testing.assert_close(-layer(x), torch.cdist(x, codes).square(), rtol=1e-4, atol=1e-3)
    assert layer(codes).argmax(dim=1).tolist() == list(range(10))
    assert layer(codes).diagonal().abs().max() == 0


def test_cross_entropy_of_the_scores_is_equation_9_with_an_infinite_j():
    penalties = EuclideanRBF(digit_codes())(0.1 * torch.randn(4, 84, dtype=torch.float64)).neg()
    labels = torch.tensor([3, 1, 4, 1])
    right = penalties[torch.arange(4), labels]
    j = torch.tensor(1e6, dtype=torch.float64)
    equation_9 = (right + torch.log(torch.exp(-j) + torch.exp(-penalties).sum(dim=1))).mean()
    torch.testing.assert_close(F.cross_entropy(-penalties, labels), equation_9)


def test_digit_codes_are_ten_different_bitmaps_of_plus_and_minus_one():
    codes = digit_codes()
    assert codes.shape == (10, 84)
    assert set(codes.unique().tolist()) == {-1.0, 1.0}
    different = (codes[:, None] != codes[None]).sum(dim=2)
    assert different[~torch.eye(10, dtype=torch.bool)].min() >= 4
    assert all(bitmap.any() for bitmap in (codes.reshape(10, 12, 7) > 0))


def test_codes_are_fixed_but_saved():
    model = lenet5_1998()
    assert "output.codes" in model.state_dict()
    assert not any(p is model.output.codes for p in model.parameters())


def test_28_pixel_images_are_padded_with_their_own_background():
    model = lenet5_1998()
    small = torch.rand(3, 1, 28, 28) + torch.tensor([-0.1, 0.5, -2.0]).reshape(3, 1, 1, 1)
    before = small.clone()
    padded = torch.stack([F.pad(image, (2,) * 4, value=image.min().item()) for image in small])
    torch.testing.assert_close(model.pad(small), padded)
    torch.testing.assert_close(model(small), model(padded))
    assert torch.equal(small, before)
    assert model.pad(padded) is padded


@pytest.mark.parametrize("shape", [(1, 1, 30, 30), (1, 3, 32, 32), (1, 32, 32)])
def test_lenet5_1998_refuses_other_images_in_words(shape):
    with pytest.raises(ValueError, match=r"\(N, 1, 32, 32\) or \(N, 1, 28, 28\)") as error:
        lenet5_1998()(torch.zeros(shape))
    assert str(shape) in str(error.value)


def test_initial_weights_fill_the_papers_interval():
    torch.manual_seed(0)
    model = lenet5_1998()
    for name, fan_in in (("c1", 25), ("c5", 400), ("f6", 120)):
        largest = getattr(model, name).weight.abs().max().item() * fan_in / 2.4
        assert 0.9 < largest <= 1 + 1e-6
    fan_in = torch.tensor([len(row) * 25 for row in TABLE_I])[model.c3.pairs[0], None, None]
    assert 0.99 < (model.c3.weight.abs() * fan_in / 2.4).max().item() <= 1 + 1e-6


# --- both learn ----------------------------------------------------------------------------------


def accuracy_after_training_on_digits(model, optimizer, seed=0):
    """Accuracy on 797 held-out digits, enlarged from 8 x 8 to 28 x 28, after 189 steps."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    x = torch.tensor(digits.images, dtype=torch.float32)[:, None]
    x = F.pad(F.interpolate((x - x.mean()) / x.std(), scale_factor=3), (2,) * 4, value=-0.8)
    y = torch.tensor(digits.target)
    generator = torch.Generator().manual_seed(seed)
    for _ in range(3):
        for batch in torch.randperm(1000, generator=generator).split(16):
            optimizer.zero_grad()
            F.cross_entropy(model(x[batch]), y[batch]).backward()
            optimizer.step()
    with torch.no_grad():
        return (model(x[1000:]).argmax(dim=1) == y[1000:]).float().mean().item()


@pytest.fixture
def one_thread():
    """Nets as small as these only lose by sharing their work."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize(("make", "lr"), [(lenet5, 0.1), (lenet5_1998, 0.01)])
def test_a_few_steps_of_sgd_learn_digits(make, lr):
    torch.manual_seed(0)
    model = make()
    assert (
        accuracy_after_training_on_digits(model, torch.optim.SGD(model.parameters(), lr=lr))
        > 0.6  # chance: 0.1
    )


@pytest.mark.parametrize("make", [lenet5, lenet5_1998])
def test_the_same_seed_gives_the_same_weights(make):
    states = []
    for _ in range(2):
        torch.manual_seed(3)
        states.append(make().state_dict())
    assert all(torch.equal(states[0][key], states[1][key]) for key in states[0])
