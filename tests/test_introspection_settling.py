"""CKA against its definition by tables, and the two rulers on training that is known."""

import numpy as np
import pytest
import torch
from torch import nn, optim

from course_utils.introspection.hooks import activations
from course_utils.introspection.settling import (
    linear_cka,
    representation_similarity,
    settled_from,
    weight_distance,
)
from course_utils.training import Snapshots, fit
from introspection_models import noise, seeded, small_lenet


def by_definition(x, y):
    """HSIC(K, L) / sqrt(HSIC(K, K) HSIC(L, L)) with H K H centred: Kornblith et al., section 3."""
    n = len(x)
    centre = np.eye(n) - 1 / n
    k, m = (centre @ (a @ a.T) @ centre for a in (x.double().numpy(), y.double().numpy()))
    return np.trace(k @ m) / np.sqrt(np.trace(k @ k) * np.trace(m @ m))


@pytest.mark.parametrize("widths", [(5, 9), (80, 9), (80, 90)])
def test_cka_is_that_of_its_definition(widths):
    x = noise(40, widths[0]) + 3
    y = x[:, :1] + noise(40, widths[1], seed=1)
    assert linear_cka(x, y) == pytest.approx(by_definition(x, y))
    assert linear_cka(y, x) == pytest.approx(linear_cka(x, y))


@pytest.mark.parametrize("width", [6, 60])
def test_cka_does_not_mind_rotation_factor_and_offset(width):
    x = noise(30, width).double()
    turn = torch.linalg.qr(noise(width, width, seed=1).double())[0]
    assert linear_cka(x, 3 * x @ turn + 5) == pytest.approx(1)
    stretched = x * torch.linspace(0.1, 3, width).double()
    assert linear_cka(x, stretched) < 0.999


def test_maps_are_compared_as_vectors():
    x = noise(10, 3, 4, 4)
    assert linear_cka(x, x.flatten(1)) == pytest.approx(1)


def test_unrelated_answers_come_near_0_only_with_many_images():
    few, many = (linear_cka(noise(n, 20), noise(n, 20, seed=1)) for n in (20, 2000))
    assert few > 0.3
    assert many < 0.02


def test_a_layer_that_answers_all_alike_has_no_likeness():
    assert np.isnan(linear_cka(torch.ones(5, 3), noise(5, 3)))


@pytest.mark.parametrize("other", [noise(4, 3), noise(5), noise(0, 3)])
def test_answers_to_other_images_are_refused(other):
    with pytest.raises(ValueError, match="same images"):
        linear_cka(noise(5, 3), other)
    with pytest.raises(ValueError, match="at least two"):
        linear_cka(noise(1, 3), noise(1, 3))


def trained():
    """A network after three epochs, with what `fit` kept of it."""
    model = seeded(
        lambda: nn.Sequential(nn.Conv2d(1, 3, 3), nn.ReLU(), nn.Flatten(), nn.Linear(48, 4))
    )
    kept = Snapshots()
    data = noise(24, 1, 6, 6), torch.arange(24) % 4
    settings = {"epochs": 3, "batch_size": 8, "progress": False, "device": "cpu"}
    fit(model, data, None, optimizer=lambda p: optim.SGD(p, lr=0.2), callbacks=[kept], **settings)
    return model, kept.weights


def test_rulers_over_the_snapshots_of_fit():
    model, snapshots = trained()
    shuffled = {epoch: snapshots[epoch] for epoch in (2, 0, 3, 1)}  # epochs decide the order
    images = noise(9, 1, 6, 6, seed=2)
    model.load_state_dict(snapshots[1])
    alike = representation_similarity(
        model, shuffled, images, {"1": 0, "3": 0}.keys(), batch_size=4
    )
    way = weight_distance(model, shuffled, ["0", "3"])
    assert torch.equal(model[0].weight, snapshots[1]["0.weight"])
    last = dict(snapshots[3])
    answers = {}
    for epoch in (1, 3):
        model.load_state_dict(snapshots[epoch])
        answers[epoch] = activations(model, images, "1")["1"]
    assert alike["1"].shape == (4,)
    assert alike["1"][1] == pytest.approx(linear_cka(answers[1], answers[3]))
    assert alike["3"][-1] == pytest.approx(1)
    assert alike["3"][0] < 0.999

    def length(epoch):
        names = ("3.weight", "3.bias")
        return np.sqrt(sum(float((snapshots[epoch][n] - last[n]).square().sum()) for n in names))

    assert way["3"][0] == 1
    assert way["3"][-1] == 0
    assert way["3"][2] == pytest.approx(length(2) / length(0), rel=1e-5)


def test_a_group_of_layers_has_one_distance():
    model, _ = small_lenet()
    whole = nn.Sequential(model)
    start = {name: torch.zeros_like(w) for name, w in whole.state_dict().items()}
    half = {name: torch.full_like(w, 0.5) for name, w in start.items()}
    end = {name: torch.ones_like(w) for name, w in start.items()}
    way = weight_distance(whole, {0: start, 5: half, 9: end}, ["0", "0.c1"])
    np.testing.assert_allclose(way["0"], [1, 0.5, 0])
    np.testing.assert_allclose(way["0.c1"], [1, 0.5, 0])


def test_bad_snapshots_are_refused():
    model, images = small_lenet()
    one = {0: model.state_dict()}
    with pytest.raises(ValueError, match="no snapshots"):
        representation_similarity(model, {}, images, ["c1"])
    with pytest.raises(ValueError, match="at least two snapshots"):
        weight_distance(model, one, ["c1"])
    with pytest.raises(ValueError, match="'relu1' has no parameters"):
        weight_distance(model, {**one, 1: model.state_dict()}, ["relu1"])
    with pytest.raises(ValueError, match="no layer 'c2'"):
        representation_similarity(model, one, images, ["c2"])


@pytest.mark.parametrize(
    ("curve", "epoch"),
    [
        ([0.5, 0.96, 0.9, 0.95, 1.0], 8),
        ([1.0, 1.0, 1.0, 1.0, 1.0], 0),
        ([0.1, 0.2, 0.3, 0.4, 0.5], None),
        ([0.1, np.nan, 0.97, 0.98, 1.0], 4),
    ],
)
def test_a_curve_has_settled_when_it_stays(curve, epoch):
    assert settled_from([0, 1, 4, 8, 9], curve, 0.95) == epoch


def test_a_falling_curve_settles_with_both_signs_turned():
    assert settled_from([0, 1, 2], -np.array([1.0, 0.4, 0.0]), -0.5) == 1
    with pytest.raises(ValueError, match="expected 2 values"):
        settled_from([0, 1], [1.0], 0.5)
