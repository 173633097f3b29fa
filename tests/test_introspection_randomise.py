"""What becomes random and what stays, and the two likenesses against SciPy and scikit-image."""

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr
from skimage.metrics import structural_similarity
from torch import nn

from course_utils.introspection.randomise import randomised_copies, similarity
from course_utils.introspection.saliency import gradient
from course_utils.models import resnet20
from introspection_models import noise, seeded, small_lenet

TOP_DOWN = ["output", "f6", "c5", "c3", "c1"]


def changed(model, other):
    """Names of the layers in which a weight differs."""
    pairs = zip(model.named_parameters(), other.parameters(), strict=True)
    return {name.rsplit(".", 1)[0] for (name, p), q in pairs if not torch.equal(p, q)}


def test_layers_become_random_from_the_top_down():
    model, _ = small_lenet()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    for number, (name, copy) in enumerate(randomised_copies(model)):
        assert name == TOP_DOWN[number]
        assert changed(model, copy) == set(TOP_DOWN[: number + 1])
    assert number == 4
    assert all(torch.equal(before[n], value) for n, value in model.state_dict().items())


def test_or_one_by_one_with_the_same_new_weights():
    model, _ = small_lenet()
    cascade = dict(randomised_copies(model))
    for name, copy in randomised_copies(model, cascading=False):
        assert changed(model, copy) == {name}
        assert torch.equal(
            copy.get_submodule(name).weight, cascade[name].get_submodule(name).weight
        )


def test_copies_may_be_collected_before_they_are_used():
    model, _ = small_lenet()
    copies = [copy for _, copy in randomised_copies(model)]
    assert changed(model, copies[0]) == {"output"}


def test_the_seed_decides_and_the_global_generator_stays():
    model, _ = small_lenet()
    before = torch.get_rng_state()
    one, again, other = (
        dict(randomised_copies(model, seed=seed))["c1"].c1.weight for seed in (0, 0, 1)
    )
    assert torch.equal(one, again)
    assert not torch.equal(one, other)
    assert torch.equal(torch.get_rng_state(), before)


def test_layers_of_one_shape_get_different_weights():
    model = seeded(lambda: nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4)))
    last = dict(randomised_copies(model))["0"]
    assert not torch.equal(last[0].weight, last[1].weight)


def test_a_group_of_layers_becomes_random_as_one():
    model = seeded(resnet20, width=0.5)
    for parameter in model.parameters():
        parameter.data += 1  # else normalisation starts as it is
    groups = ["stage3", "stage1.0"]
    first, second = (copy for _, copy in randomised_copies(model, groups, cascading=False))
    assert {name.split(".")[0] for name in changed(model, first)} == {"stage3"}
    names = {name for name, _ in model.named_modules() if name.startswith("stage1.0.")}
    assert changed(model, second) <= names
    assert any("norm" in name for name in changed(model, second))


def test_the_start_can_be_chosen():
    model, _ = small_lenet()
    copies = randomised_copies(model, ["c3"], initialise=lambda layer: layer.weight.fill_(2))
    _, copy = next(copies)
    assert (copy.c3.weight == 2).all()
    assert torch.equal(copy.c3.bias, model.c3.bias)


def test_layers_without_weights_are_refused():
    class Scale(nn.Module):
        def __init__(self):
            super().__init__()
            self.by = nn.Parameter(torch.ones(2, 2))

    model, _ = small_lenet()
    with pytest.raises(ValueError, match="'relu1' has no weights"):
        randomised_copies(model, ["relu1"])
    with pytest.raises(ValueError, match="no layer 'c4'"):
        randomised_copies(model, ["c4"])
    with pytest.raises(ValueError, match="no layer of this ReLU to be made random"):
        randomised_copies(nn.ReLU())
    with pytest.raises(ValueError, match="a Scale, has no reset_parameters.*initialise"):
        randomised_copies(nn.Sequential(Scale()))
    _, copy = next(randomised_copies(nn.Sequential(Scale()), initialise=lambda s: s.by.fill_(3)))
    assert (copy[0].by == 3).all()


def test_the_gradient_notices_random_weights():
    model, images = small_lenet()
    whole = gradient(model, images, 3)
    for _, copy in randomised_copies(model):
        now = similarity(whole, gradient(copy, images, 3))
        assert (np.abs(now.rank) < 0.9).all()


# --- likeness ---

ONE, OTHER = noise(3, 2, 12, 10), noise(3, 2, 12, 10, seed=1)
OTHER = 0.5 * ONE + OTHER


@pytest.mark.parametrize("absolute", [False, True])
def test_likeness_is_scipys_and_scikit_images(absolute):
    found = similarity(ONE, OTHER, absolute=absolute)
    for n, (a, b) in enumerate(zip(ONE.double().numpy(), OTHER.double().numpy(), strict=True)):
        a, b = (np.abs(p) if absolute else p for p in (a, b))
        assert found.rank[n] == pytest.approx(spearmanr(a.ravel(), b.ravel()).statistic)
        a, b = a / np.abs(a).max(), b / np.abs(b).max()
        span = 1.0 if absolute else 2.0
        each = [structural_similarity(p, q, data_range=span) for p, q in zip(a, b, strict=True)]
        assert found.ssim[n] == pytest.approx(np.mean(each))


def test_likeness_of_equal_turned_and_scaled_pictures():
    same, turned = similarity(ONE, 7 * ONE), similarity(ONE, -ONE)
    np.testing.assert_allclose([same.rank, same.ssim], 1)
    np.testing.assert_allclose(turned.rank, -1)
    np.testing.assert_allclose(similarity(ONE, -ONE, absolute=True).rank, 1)
    assert (turned.ssim < 0.5).all()


def test_pictures_may_be_arrays_without_channels_and_small():
    found = similarity(ONE[:, 0, :4, :6].numpy(), OTHER[:, :1, :4, :6])
    assert found.rank.shape == found.ssim.shape == (3,)


def test_a_flat_picture_has_no_ranks():
    flat = ONE.clone()
    flat[1] = 0
    found = similarity(flat, ONE)
    assert np.isnan(found.rank).tolist() == [False, True, False]
    assert np.isfinite(found.ssim).all()


@pytest.mark.parametrize(
    ("one", "other", "message"),
    [
        (ONE, ONE[:2], "differ in shape"),
        (ONE[0, 0], ONE[0, 0], "expected pictures"),
        (ONE[..., :2], ONE[..., :2], "at least 3 x 3"),
    ],
)
def test_bad_pictures_are_refused(one, other, message):
    with pytest.raises(ValueError, match=message):
        similarity(one, other)
