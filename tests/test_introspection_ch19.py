"""Fooling, occlusion and neighbours: against brute force, formulas and other libraries."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from sklearn.neighbors import NearestNeighbors
from torch import nn

from course_utils.introspection.fooling import (
    Direct,
    OnPixels,
    Patterns,
    ascend,
    evolve,
    fast_gradient_sign,
    iterative_gradient_sign,
    perturbation_size,
    probabilities,
    random_signs,
)
from course_utils.introspection.neighbours import features, nearest, precision_at_k
from course_utils.introspection.occlusion import occlusion_map, square_places


def small_net(channels=1, side=6, classes=3, seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Conv2d(channels, 4, 3),
        nn.ReLU(),
        nn.Dropout(0.5),
        nn.Flatten(),
        nn.Linear(4 * (side - 2) ** 2, classes),
    )


def pixel_net(**settings):
    channels = settings.get("channels", 1)
    return OnPixels(small_net(**settings), [0.4] * channels, [0.3] * channels)


def some_pixels(count=5, channels=1, side=6, seed=1):
    generator = torch.Generator().manual_seed(seed)
    return 255 * torch.rand(count, channels, side, side, generator=generator)


# --- occlusion ---


@pytest.mark.parametrize(("size", "stride"), [(2, 1), (2, 2), (3, 2), (6, 1), (5, 3)])
@pytest.mark.parametrize("fill", [0.0, 0.7])
def test_an_occlusion_map_is_brute_force(size, stride, fill):
    net, image = small_net(channels=2), torch.rand(2, 6, 6)
    found = occlusion_map(net, image, size=size, stride=stride, fill=fill, batch_size=3)
    net.eval()
    tops = sorted({*range(0, 6 - size + 1, stride), 6 - size})
    assert found.tops == found.lefts == tops
    with torch.no_grad():
        whole = net(image[None]).softmax(1)[0]
        for r, top in enumerate(tops):
            for c, left in enumerate(tops):
                mask = torch.zeros(6, 6, dtype=torch.bool)
                mask[top : top + size, left : left + size] = True
                p = net(image.masked_fill(mask, fill)[None]).softmax(1)[0]
                torch.testing.assert_close(found.covered[r, c], p)
                torch.testing.assert_close(found.drop(2)[r, c], whole[2] - p[2])
    torch.testing.assert_close(found.whole, whole)


def test_a_square_may_have_a_colour_and_the_model_keeps_its_mode():
    net, image = small_net(channels=2).train(), torch.rand(2, 6, 6)
    found = occlusion_map(net, image, size=6, stride=1, fill=torch.tensor([0.1, 0.9]))
    assert net.training
    flat = torch.tensor([0.1, 0.9])[:, None, None].expand(2, 6, 6)[None]
    torch.testing.assert_close(found.covered[0, 0], net.eval()(flat).softmax(1)[0].detach())


def test_squares_cover_every_pixel():
    for length, size, stride in ((28, 7, 4), (28, 4, 4), (224, 56, 28), (5, 3, 3)):
        covered = np.zeros(length, bool)
        for place in square_places(length, size, stride):
            assert place + size <= length
            covered[place : place + size] = True
        assert covered.all()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"size": 7, "stride": 1, "fill": 0.0}, "between 1 and 6 pixels"),
        ({"size": 2, "stride": 3, "fill": 0.0}, "stride must be from 1"),
        ({"size": 2, "stride": 1, "fill": torch.zeros(3)}, "fill is a number or 2 numbers"),
    ],
)
def test_occlusion_refuses(settings, message):
    with pytest.raises(ValueError, match=message):
        occlusion_map(small_net(channels=2), torch.rand(2, 6, 6), **settings)
    with pytest.raises(ValueError, match="one image"):
        occlusion_map(small_net(), torch.rand(1, 1, 6, 6), size=2, stride=1, fill=0.0)


# --- neighbours ---


@pytest.mark.parametrize("k", [1, 4])
def test_neighbours_are_those_of_scikit_learn(k):
    rng = np.random.default_rng(0)
    known, asked = rng.normal(size=(40, 7)), rng.normal(size=(13, 7))
    theirs = NearestNeighbors(n_neighbors=k).fit(known)
    ours = nearest(torch.from_numpy(asked), torch.from_numpy(known), k, batch_size=5)
    assert np.array_equal(ours, theirs.kneighbors(asked, return_distance=False))
    itself = nearest(*[torch.from_numpy(known)] * 2, k, same=True, batch_size=7)
    assert np.array_equal(itself, theirs.kneighbors(return_distance=False))


def test_precision_is_a_share():
    close = torch.tensor([[0, 1, 2, 3], [3, 2, 4, 4]])
    found = precision_at_k(close, torch.tensor([1, 0]), torch.tensor([1, 1, 0, 1, 0]))
    assert found.tolist() == [0.75, 0.75]


def test_features_are_a_layers_output_made_flat():
    net, images = small_net(), torch.rand(7, 1, 6, 6)
    expected = net.eval()[:2](images).flatten(1)
    torch.testing.assert_close(features(net, images, "1", batch_size=3), expected)
    assert torch.equal(features(None, images), images.flatten(1))


def test_neighbours_refuse():
    x = torch.rand(4, 3)
    with pytest.raises(ValueError, match="k must be from 1 to 3"):
        nearest(x, x, 4, same=True)
    with pytest.raises(ValueError, match=r"expected queries \(M, D\)"):
        nearest(x, torch.rand(4, 2), 1)
    with pytest.raises(ValueError, match="not the same vectors"):
        nearest(x[:2], x, 1, same=True)
    with pytest.raises(ValueError, match="not one of the 2 references"):
        precision_at_k(torch.tensor([[2]]), torch.tensor([0]), torch.tensor([0, 1]))
    with pytest.raises(ValueError, match="query labels"):
        precision_at_k(torch.tensor([[0]]), torch.tensor([0, 1]), torch.tensor([0, 1]))


# --- fooling ---


def test_the_sign_step_is_the_formula():
    net, x = pixel_net().train(), some_pixels()
    y = torch.tensor([0, 1, 2, 0, 1])
    ours = fast_gradient_sign(net, x, y, 9.0)
    assert net.training
    assert all(p.grad is None for p in net.parameters())
    net.eval()
    for image, label, found in zip(x, y, ours, strict=True):
        probe = image[None].clone().requires_grad_()
        F.cross_entropy(net(probe), label[None]).backward()
        expected = (image + 9 * probe.grad[0].sign()).clip(0, 255)
        torch.testing.assert_close(found, expected)


def test_no_perturbation_of_that_size_moves_a_linear_score_farther():
    torch.manual_seed(0)
    line = nn.Sequential(nn.Flatten(), nn.Linear(36, 2))
    w = (line[1].weight[0] - line[1].weight[1]).detach()
    x, y = torch.full((1, 1, 6, 6), 100.0), torch.tensor([0])

    def lead(pixels):
        scores = line(pixels)[0].detach()
        return float(scores[0] - scores[1])

    moved = lead(x) - lead(fast_gradient_sign(line, x, y, 3.0))
    assert moved == pytest.approx(3 * float(w.abs().sum()), rel=1e-4)
    generator = torch.Generator().manual_seed(0)
    tries = [lead(x) - lead(random_signs(x, 3.0, generator)) for _ in range(400)]
    assert max(tries) < moved
    assert np.std(tries) == pytest.approx(3 * float(w.norm()), rel=0.1)


@pytest.mark.parametrize("target", [None, torch.tensor([2, 2, 1, 1, 0])])
def test_many_steps_stay_within_the_size(target):
    net, x, y = pixel_net().eval(), some_pixels(), torch.tensor([0, 1, 2, 0, 1])
    found = iterative_gradient_sign(net, x, y, 6.0, steps=7, target=target)
    assert float(perturbation_size(x, found).largest.max()) <= 6 + 1e-4
    assert float(found.min()) >= 0
    assert float(found.max()) <= 255
    aim = y if target is None else target
    before, after = (F.cross_entropy(net(p), aim, reduction="none") for p in (x, found))
    grown = after > before if target is None else after < before
    assert grown.all()


def test_sizes_are_norms():
    before, after = some_pixels(seed=1), some_pixels(seed=2)
    size = perturbation_size(before, after)
    flat = (after - before).flatten(1).numpy()
    np.testing.assert_allclose(size.largest, np.linalg.norm(flat, np.inf, axis=1))
    np.testing.assert_allclose(size.l2, np.linalg.norm(flat, axis=1), rtol=1e-6)


def test_coins_change_every_pixel_by_the_size_and_repeat():
    x = torch.full((2, 1, 20, 20), 100.0)
    one, two = (random_signs(x, 5.0, torch.Generator().manual_seed(3)) for _ in range(2))
    assert torch.equal(one, two)
    assert set((one - x).unique().tolist()) == {-5.0, 5.0}


def test_pixels_are_normalised_inside():
    net, x = small_net(channels=2).eval(), some_pixels(channels=2)
    wrapped = OnPixels(net, (0.2, 0.5), (0.3, 0.4))
    by_hand = (x / 255 - torch.tensor([0.2, 0.5])[:, None, None]) / torch.tensor([0.3, 0.4])[
        :, None, None
    ]
    torch.testing.assert_close(wrapped(x), net(by_hand))


def test_a_climb_ends_where_the_network_is_sure():
    net, targets = pixel_net(), torch.tensor([0, 1, 2])
    found = ascend(net, some_pixels(3), targets, steps=60, length=6.0)
    assert found.curve.shape == (61, 3)
    p = probabilities(net, found.images).gather(1, targets[:, None])[:, 0]
    torch.testing.assert_close(found.curve[-1], p)
    assert (found.curve[-1] > found.curve[0]).all()
    assert float(found.images.min()) >= 0
    assert float(found.images.max()) <= 255


@pytest.mark.parametrize("encoding", [Direct((1, 6, 6)), Patterns((1, 6, 6), units=8)])
def test_evolution_never_loses_a_champion_and_repeats(encoding):
    net = pixel_net()
    one = evolve(net, encoding, generations=15, children=12, seed=5)
    two = evolve(net, encoding, generations=15, children=12, seed=5)
    assert torch.equal(one.images, two.images)
    assert (one.curve.diff(dim=0) >= -1e-6).all()
    assert (one.curve[-1] > one.curve[0]).any()
    own = probabilities(net, one.images).diagonal()
    torch.testing.assert_close(own, one.curve[-1], rtol=1e-4, atol=1e-5)
    assert float(one.images.min()) >= 0
    assert float(one.images.max()) <= 255
    other = evolve(net, encoding, generations=15, children=12, seed=6)
    assert not torch.equal(one.images, other.images)


def test_a_mutation_changes_about_its_share():
    encoding = Direct((1, 20, 20), rate=0.1, spread=5.0)
    genomes = torch.full((10, 1, 20, 20), 100.0)
    children = encoding.mutate(genomes, torch.Generator().manual_seed(0))
    assert float((children != genomes).float().mean()) == pytest.approx(0.1, abs=0.02)


def test_fooling_refuses():
    net, x, y = pixel_net(), some_pixels(), torch.tensor([0, 1, 2, 0, 1])
    with pytest.raises(ValueError, match="pixels lie from 0 to 255"):
        fast_gradient_sign(net, x + 10, y, 1.0)
    with pytest.raises(ValueError, match="expected 5 labels"):
        fast_gradient_sign(net, x, y[:2], 1.0)
    with pytest.raises(ValueError, match="number of grey levels"):
        fast_gradient_sign(net, x, y, -1.0)
    with pytest.raises(ValueError, match="steps must be at least 1"):
        ascend(net, x, y, steps=0, length=1.0)
    with pytest.raises(ValueError, match="at least one of each"):
        evolve(net, Direct((1, 6, 6)), generations=0)
    with pytest.raises(ValueError, match="patterns are grey"):
        Patterns((3, 6, 6))
    with pytest.raises(ValueError, match="two equal batches"):
        perturbation_size(x, x[:2])
