"""The neocognitron against loops that spell out the equations of Fukushima (1980)."""

import time
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
import torch

from course_utils import cortex as cx
from course_utils.cortex.neocognitron_cells import (
    area_starts,
    area_sums,
    areas,
    weighted_areas,
)
from course_utils.models.neocognitron import same_sized_cnn, supervised_neocognitron

TINY = (
    cx.Stage(4, s_side=8, c_side=4, s_area=3, c_area=3, column=3, r=4.0, q=1.0, c_step=2.0),
    cx.Stage(3, s_side=2, c_side=1, s_area=3, c_area=2, column=2, r=1.5, q=16.0),
)
PICTURES = np.stack([cx.digit_pattern(name) for name in cx.PATTERNS])


def images(count=5, side=8, seed=0):
    return np.random.default_rng(seed).random((count, side, side))


def tiny(**settings):
    stages = (replace(TINY[0], c_step=1.0, c_side=6), replace(TINY[1], s_side=4, c_side=3))
    return cx.Neocognitron(stages, input_side=8, **settings)


def cell(u, k, i, j):
    """u[k, i, j], and silence beyond the border."""
    inside = 0 <= i < u.shape[1] and 0 <= j < u.shape[2]
    return u[k, i, j] if inside else 0.0


# --- the equations, cell by cell ---


def literal_s(u, a, b, c, r, starts):
    """u_S(k, n) with its inhibitory cell, one multiplication at a time."""
    planes, planes_in, area, _ = a.shape
    answer = np.zeros((planes, len(starts), len(starts)))
    for k, (y, top), (x, left) in product(range(planes), enumerate(starts), enumerate(starts)):
        e = square = 0.0
        for kappa, i, j in product(range(planes_in), range(area), range(area)):
            seen = cell(u, kappa, top + i, left + j)
            e += a[k, kappa, i, j] * seen
            square += c[i, j] * seen**2
        ratio = (1 + e) / (1 + 2 * r / (1 + r) * b[k] * square**0.5)
        answer[k, y, x] = r * max(ratio - 1, 0.0)
    return answer


def literal_c(u, d, alpha, starts):
    """u_C(k, n), one multiplication at a time."""
    planes, area = len(u), len(d)
    answer = np.zeros((planes, len(starts), len(starts)))
    for (y, top), (x, left) in product(enumerate(starts), enumerate(starts)):
        sums = np.zeros(planes)
        for k, i, j in product(range(planes), range(area), range(area)):
            sums[k] += d[i, j] * cell(u, k, top + i, left + j)
        for k in range(planes):
            value = max((1 + sums[k]) / (1 + sums.sum() / planes) - 1, 0.0)
            answer[k, y, x] = value / (alpha + value)
    return answer


@pytest.mark.parametrize("geometry", [(7, 7, 3, 1.0), (9, 4, 3, 2.0), (8, 6, 5, 1.0)])
@pytest.mark.parametrize("r", [4.0, 1.5])
def test_both_cells_equal_the_literal_equations(geometry, r):
    side_in, side_out, area, step = geometry
    rng = np.random.default_rng(1)
    starts = area_starts(side_in, side_out, area, step)
    u, a, b = rng.random((2, side_in, side_in)), rng.random((3, 2, area, area)), 4 * rng.random(3)
    c, d = cx.falloff(area, 0.8) / 2, cx.falloff(area, 0.9)
    v = cx.inhibitory_cells(u[None], c, starts)
    s = cx.s_cells(u[None], a, b, v, starts, r=r)
    np.testing.assert_allclose(s[0], literal_s(u, a, b, c, r, starts), rtol=1e-10, atol=1e-12)
    above = area_starts(side_out, side_out, 3)
    up = cx.c_cells(s, d[:3, :3], above, alpha=0.5)
    np.testing.assert_allclose(
        up[0], literal_c(s[0], d[:3, :3], 0.5, above), rtol=1e-10, atol=1e-12
    )
    assert 0 < (s > 0).mean() <= 1


def test_a_whole_network_equals_the_literal_equations():
    net = tiny(seed=3).fit(images(), epochs=2, progress=False)
    picture = images(1, seed=9)
    answers, u = net.respond(picture), picture
    for number, (stage, (below, above)) in enumerate(zip(net.stages, net.starts, strict=True)):
        s = literal_s(u, net.a[number], net.b[number], net.c[number], stage.r, below)
        u = literal_c(s, net.d[number], 0.5, above)
        np.testing.assert_allclose(answers[number].s[0], s, rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(answers[number].c[0], u, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("geometry", [(16, 10, 5, 1.6), (8, 8, 5, 1.0), (2, 1, 2, 1.0)])
def test_fixed_sums_are_one_matrix_product(geometry):
    side, out, area, step = geometry
    starts, rng = area_starts(side, out, area, step), np.random.default_rng(4)
    planes, weights = rng.random((2, 3, side, side)), rng.random((area, area))
    expected = (areas(planes, starts, area) * weights).sum(axis=(-1, -2))
    np.testing.assert_allclose(weighted_areas(planes, weights, starts), expected, rtol=1e-12)
    matrix = area_sums(weights, starts, side)
    assert matrix.shape == (side**2, out**2)
    with pytest.raises(ValueError, match="read-only"):
        matrix[0, 0] = 1  # it is kept for the next call


def test_relu_and_max():
    rng = np.random.default_rng(0)
    u, a, b = rng.random((1, 2, 6, 6)), rng.random((3, 2, 3, 3)), rng.random(3)
    starts = area_starts(6, 6, 3)
    v = cx.inhibitory_cells(u, cx.falloff(3, 0.9) / 2, starts)
    expected = torch.nn.functional.conv2d(torch.tensor(u), torch.tensor(a), padding=1).numpy()
    bias = 1.6 * b[:, None, None]
    expected = 4 * np.maximum(expected - bias * v[:, None], 0) / (1 + bias)
    s = cx.s_cells(u, a, b, v, starts, r=4.0, cells="relu_max")
    np.testing.assert_allclose(s, expected, rtol=1e-10)
    pooled = torch.nn.functional.max_pool2d(torch.tensor(s), 3, stride=1, padding=1).numpy()
    np.testing.assert_allclose(cx.c_cells(s, np.ones((3, 3)), starts, cells="relu_max"), pooled)
    apart = area_starts(6, 2, 3, 3.0)  # three cells apart
    largest = areas(s, apart, 3).max(axis=(-1, -2))
    np.testing.assert_array_equal(cx.c_cells(s, np.ones((3, 3)), apart, cells="relu_max"), largest)


def test_psi_is_never_positive_for_negative_x():
    x = np.linspace(-5, 5, 1001)
    assert (cx.saturate(x)[x <= 0] == 0).all()
    assert (np.diff(cx.saturate(x)[x >= 0]) > 0).all()
    assert cx.saturate(np.array(0.5)) == 0.5
    assert cx.saturate(np.array(-1.0)) == 0  # x / (alpha + x) would be 2


def test_a_trained_cell_answers_where_the_similarity_exceeds_its_threshold():
    """With much training u_S -> (r + 1) s - r, where s is the cosine weighted by c."""
    c, r = cx.falloff(5, 0.9), 4.0
    rng = np.random.default_rng(2)
    pattern, other = rng.random((2, 1, 1, 5, 5))
    starts = area_starts(5, 1, 5)
    v = [cx.inhibitory_cells(x, c, starts) for x in (pattern, other)]
    a, b = cx.reinforce(
        *(np.zeros((1, 1, 5, 5)), np.zeros(1), pattern[0], v[0][0], c, starts),
        *([(0, 0, 0)], 1e9),
    )
    similarity = float((c * pattern * other).sum() / (v[0] * v[1]).item())
    for x, inhibition, s in ((pattern, v[0], 1.0), (other, v[1], similarity)):
        answer = cx.s_cells(x, a, b, inhibition, starts, r=r).item()
        assert answer == pytest.approx(max((r + 1) * s - r, 0), abs=1e-6)


# --- geometry and fixed weights ---


def test_the_sides_and_planes_are_the_papers():
    answers = cx.Neocognitron().respond(PICTURES[:1])
    shapes = [x.shape[1:] for layers in answers for x in (layers.s, layers.c)]
    sides = (16, 10, 8, 6, 2, 1)
    assert shapes == [(24, side, side) for side in sides]


def test_the_fixed_weights_sum_to_one_over_planes_and_area():
    net = cx.Neocognitron()
    for c, a in zip(net.c, net.a, strict=True):
        assert c.sum() * a.shape[1] == pytest.approx(1)
        assert c[2, 2] == c.max()
        assert c[0, 0] == c.min()


def test_areas_lie_in_the_middle():
    for side_in, side_out, area, step in ((16, 10, 5, 1.6), (10, 8, 5, 1), (6, 2, 5, 1)):
        starts = area_starts(side_in, side_out, area, step)
        np.testing.assert_array_equal(starts + starts[::-1], side_in - area)
    with pytest.raises(ValueError, match="cannot lie in the middle"):
        area_starts(16, 9, 5)
    with pytest.raises(ValueError, match="cannot lie in the middle"):
        area_starts(16, 10, 5, 0.3)


def test_first_weights_are_small_positive_oriented_and_b_is_zero():
    net = cx.Neocognitron(initial=0.01)
    for a, b in zip(net.a, net.b, strict=True):
        assert a.min() > 0
        assert a.max() < 0.03
        assert not b.any()
    horizontal, vertical = net.a[0][0, 0], net.a[0][12, 0]
    assert horizontal[2].sum() > 1.2 * horizontal[:, 2].sum()
    assert vertical[:, 2].sum() > 1.2 * vertical[2].sum()


# --- learning ---


def literal_representatives(u, column):
    """Candidates of every column, then the best candidate of every plane."""
    planes, side, _ = u.shape
    candidates = {}
    for top, left in product(range(side - column + 1), repeat=2):
        cells = product(range(planes), range(top, top + column), range(left, left + column))
        best = max(cells, key=lambda n: u[n])
        if u[best] > 0 and (best[0] not in candidates or u[best] > u[candidates[best[0]]]):
            candidates[best[0]] = best
    return sorted(candidates.values())


@pytest.mark.parametrize("seed", range(10))
def test_representatives_are_those_of_the_definition(seed):
    rng = np.random.default_rng(seed)
    u = np.maximum(rng.normal(size=(4, 7, 7)), 0)
    chosen = cx.representatives(u, 3)
    assert chosen == literal_representatives(u, 3)
    planes = [k for k, _, _ in chosen]
    assert len(planes) == len(set(planes))  # one a plane


def test_one_representative_per_column():
    u = np.zeros((3, 2, 2))
    u[:, 0, 1] = [1, 3, 2]
    u[2, 1, 0] = 2.5
    assert cx.representatives(u, 2) == [(1, 0, 1)]
    assert cx.representatives(np.zeros((3, 2, 2)), 2) == []


def test_columns_overlap():
    assert cx.count_columns(16, 5) == 144
    assert cx.count_columns(8, 5) == 16
    assert cx.count_columns(2, 2) == 1


def test_the_learning_rule_by_hand():
    """One plane, an area of 3, q = 16, c = 1/9: what the winner saw, times 16/9."""
    u = np.zeros((1, 3, 3))
    u[0, 0, 0], u[0, 1, 1] = 3.0, 1.0
    starts, c = area_starts(3, 3, 3), np.full((3, 3), 1 / 9)
    v = cx.inhibitory_cells(u[None], c, starts)[0]
    assert v[1, 1] == pytest.approx(np.sqrt(10) / 3)
    a, b = cx.reinforce(np.zeros((2, 1, 3, 3)), np.zeros(2), u, v, c, starts, [(1, 1, 1)], 16.0)
    np.testing.assert_allclose(a[1], u * 16 / 9)
    assert b.tolist() == [0, pytest.approx(8 * np.sqrt(10) / 3)]
    assert not a[0].any()  # a plane without a representative keeps its weights


def test_the_area_of_a_corner_cell_reaches_over_the_border():
    u = np.arange(9.0).reshape(1, 3, 3)
    seen = areas(u, area_starts(3, 3, 3), 3)[0, 0, 0]
    np.testing.assert_array_equal(seen, [[0, 0, 0], [0, 0, 1], [0, 3, 4]])


def test_all_layers_learn_from_the_same_presentation():
    """Together: stage 2 sees stage 1 before the change. Stage by stage: after all changes."""
    one = images(1)
    before, together = tiny(), tiny().fit(one, progress=False)
    layers = before.respond(one)[1]
    chosen = cx.representatives(layers.s[0], before.stages[1].column)
    assert together.taught[1].sum() == len(chosen)
    later = tiny().fit(one, order="stage by stage", progress=False)
    np.testing.assert_array_equal(later.a[0], together.a[0])
    assert not np.allclose(later.a[1], together.a[1])


def test_hebb_multiplies_by_the_response():
    one = images(1)
    layers = tiny().respond(one)[0]
    chosen = cx.representatives(layers.s[0], 3)
    plain, hebb = (tiny().fit(one, rule=rule, progress=False) for rule in ("fukushima", "hebb"))
    for place in chosen:
        assert hebb.b[0][place[0]] == pytest.approx(plain.b[0][place[0]] * layers.s[0][place])


def test_without_inhibition_b_stays_zero():
    net = tiny().fit(images(), rule="no inhibition", progress=False)
    assert not any(b.any() for b in net.b)
    np.testing.assert_array_equal(
        net.a[0][0] >= tiny().a[0][0], np.ones_like(net.a[0][0], dtype=bool)
    )
    assert not np.array_equal(net.a[0], tiny().a[0])


def test_cells_of_a_plane_share_their_weights():
    net = cx.Neocognitron(seed=1).fit(PICTURES, epochs=5, progress=False)
    here = net.respond(PICTURES)[0].s
    moved = net.respond(cx.shift_images(PICTURES, 1, -2))[0].s
    np.testing.assert_allclose(moved[:, :, 1:, :-2], here[:, :, :-1, 2:], rtol=1e-9, atol=1e-12)


def test_five_patterns_stay_apart_and_survive_a_shift():
    net = cx.Neocognitron(seed=0).fit(PICTURES, epochs=20, progress=False)
    clean = net.winners(PICTURES)
    assert (clean >= 0).all()
    assert len(set(clean.tolist())) == 5
    shifted = np.stack([net.winners(cx.shift_images(PICTURES, 0, k)) for k in (-1, 1)])
    assert (shifted == clean).mean() >= 0.8


def test_the_same_seed_gives_the_same_network():
    first, again, other = (
        cx.Neocognitron(seed=s).fit(PICTURES, epochs=5, progress=False) for s in (5, 5, 6)
    )
    for k in range(3):
        np.testing.assert_array_equal(first.a[k], again.a[k])
        np.testing.assert_array_equal(first.b[k], again.b[k])
    assert not np.array_equal(first.a[0], other.a[0])


def test_inputs_are_not_changed():
    kept = PICTURES.copy()
    net = cx.Neocognitron()
    before = [a.copy() for a in net.a]
    net.respond(kept)
    np.testing.assert_array_equal(kept, PICTURES)
    for a, b in zip(net.a, before, strict=True):
        np.testing.assert_array_equal(a, b)  # answering does not teach
    net.fit(kept, epochs=5, progress=False)
    np.testing.assert_array_equal(kept, PICTURES)
    a, b, u = np.ones((1, 1, 3, 3)), np.ones(1), np.ones((1, 3, 3))
    cx.reinforce(a, b, u, np.ones((3, 3)), np.ones((3, 3)), area_starts(3, 3, 3), [(0, 1, 1)], 1.0)
    assert (a == 1).all()
    assert (b == 1).all()


def test_a_class_of_digits_is_learned_in_seconds():
    """1,500 pictures of 16 x 16 under 60 s of processor time, answers to 1,000 under 5 s."""
    pictures, started = images(1500, side=16), time.process_time()
    net = cx.Neocognitron().fit(pictures, order="stage by stage", progress=False)
    assert time.process_time() - started < 60
    started = time.process_time()
    net.winners(pictures[:1000])
    assert time.process_time() - started < 5


def test_batches_do_not_matter():
    net = tiny(seed=2).fit(images(), progress=False)
    once, twice = net.respond(images(5)), net.respond(images(5), batch_size=2)
    np.testing.assert_allclose(once[-1].c, twice[-1].c)
    np.testing.assert_array_equal(net.transform(images(5)), once[-1].c.reshape(5, -1))


# --- errors ---


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (np.zeros((16, 16)), "expected images of shape"),
        (np.zeros((2, 3, 16, 16)), "expected images of shape"),
        (np.zeros((2, 15, 15)), "expected images of shape"),
        (np.zeros((0, 16, 16)), "N at least 1"),
        (np.full((1, 16, 16), -0.1), "must not be negative"),
        (np.full((1, 16, 16), np.nan), "must be finite"),
        (np.full((1, 16, 16), np.inf), "must be finite"),
    ],
)
def test_bad_images(bad, words):
    net = cx.Neocognitron()
    for method in (net.respond, net.transform, net.fit):
        with pytest.raises(ValueError, match=words):
            method(bad)


def test_more_planes_than_columns_can_feed():
    with pytest.raises(ValueError, match="stage 3 has 24 planes, but its 1 columns"):
        cx.Neocognitron().fit(PICTURES, epochs=4, progress=False)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"cells": "spiking"}, "cells must be"),
        ({"alpha": 0}, "must be positive"),
        ({"stages": [replace(TINY[0], planes=0)]}, "whole numbers"),
        ({"stages": [replace(TINY[0], r=0)]}, "r and q must be positive"),
        ({"stages": [replace(TINY[0], s_side=8, s_area=4)]}, "cannot lie in the middle"),
        ({"stages": [replace(TINY[0], c_decay=0, c_side=8, c_step=1.0)]}, "decay must lie"),
    ],
)
def test_bad_settings(settings, words):
    with pytest.raises(ValueError, match=words):
        cx.Neocognitron(**{"input_side": 8, **settings})


@pytest.mark.parametrize(
    ("settings", "words"),
    [({"epochs": 0}, "epochs"), ({"order": "backwards"}, "order"), ({"rule": "delta"}, "rule")],
)
def test_bad_training_settings(settings, words):
    with pytest.raises(ValueError, match=words):
        tiny().fit(images(), **settings)


# --- drawn and real digits ---


def test_patterns_are_drawn_in_the_middle_and_can_be_broken():
    assert PICTURES.shape == (5, 16, 16)
    assert PICTURES.min() == 0
    assert PICTURES.max() == 1
    moved = cx.digit_pattern("4", shift=(0, 3))
    np.testing.assert_allclose(moved[:, 3:], cx.digit_pattern("4")[:, :-3], atol=1e-9)
    assert cx.digit_pattern("0", gap=3).sum() < cx.digit_pattern("0").sum() - 1
    with pytest.raises(ValueError, match="must be one of"):
        cx.digit_pattern("7")


def test_enlarging_keeps_constants_and_leaves_a_margin():
    big = cx.enlarge(np.ones((2, 8, 8)), 12, side=16)
    assert big.shape == (2, 16, 16)
    np.testing.assert_allclose(big[:, 2:14, 2:14], 1)
    assert big.sum() == pytest.approx(2 * 144)
    small = cx.enlarge(np.arange(784.0).reshape(1, 28, 28), 14, side=16)
    np.testing.assert_allclose(
        small[0, 1:15, 1:15], np.arange(784.0).reshape(14, 2, 14, 2).mean(axis=(1, 3))
    )
    with pytest.raises(ValueError, match="size <= side"):
        cx.enlarge(np.ones((1, 8, 8)), 20, side=16)


def test_shifts_lose_what_leaves():
    picture = np.arange(9.0).reshape(1, 3, 3)
    expected = [[[0, 0, 0], [1, 2, 0], [4, 5, 0]]]
    np.testing.assert_array_equal(cx.shift_images(picture, 1, -1), expected)
    with pytest.raises(ValueError, match="leaves nothing"):
        cx.shift_images(picture, 3, 0)


# --- with a teacher ---


def test_pytorch_answers_as_numpy_does():
    net = cx.Neocognitron(seed=1).fit(PICTURES, epochs=5, progress=False)
    model = supervised_neocognitron(net)
    x = torch.tensor(PICTURES[:, None], dtype=torch.float32)
    with torch.no_grad():
        features = model.stages(x).flatten(1).numpy()
    np.testing.assert_allclose(features, net.transform(PICTURES), atol=2e-4)


def test_frozen_planes_do_not_move_and_free_ones_do():
    net = cx.Neocognitron(seed=1).fit(PICTURES, epochs=5, progress=False)
    x, y = torch.tensor(PICTURES[:, None], dtype=torch.float32), torch.arange(5)
    for frozen in (True, False):
        model = supervised_neocognitron(net, 5, frozen=frozen)
        first = model.stages[0].a.detach().clone()
        optimizer = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], lr=0.01)
        for _ in range(5):
            loss = torch.nn.functional.cross_entropy(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            assert all(p.grad is None or torch.isfinite(p.grad).all() for p in model.parameters())
            optimizer.step()
        assert torch.equal(first, model.stages[0].a) == frozen


def test_the_cnn_has_the_same_planes_and_bad_input_is_refused():
    net = cx.Neocognitron()
    cnn, twin = same_sized_cnn(net), supervised_neocognitron(net)

    def count(model):
        return sum(p.numel() for p in model.parameters())

    assert count(cnn) == count(twin) == 24 * 26 + 2 * 24 * 601 + 250
    assert cnn(torch.zeros(2, 1, 16, 16)).shape == (2, 10)
    with pytest.raises(ValueError, match="expected images"):
        cnn(torch.zeros(1, 16, 16))
    with pytest.raises(ValueError, match="Neocognitron"):
        same_sized_cnn(torch.nn.ReLU())
    with pytest.raises(ValueError, match="Fukushima's cells"):
        supervised_neocognitron(cx.Neocognitron(cells="relu_max"))


# --- what it learned ---


def test_names_purity_and_read_out_by_hand():
    clusters, labels = np.array([0, 0, 0, 2, 2, -1]), np.array([1, 1, 0, 0, 0, 1])
    names = cx.cluster_names(clusters, labels, 4)
    assert names.tolist() == [1, -1, 0, -1]
    assert cx.purity(clusters, labels) == pytest.approx(4 / 6)
    assert cx.read_out(np.array([0, 2, -1, 1]), names).tolist() == [1, 0, -1, -1]
    with pytest.raises(ValueError, match="one shape"):
        cx.purity(clusters, labels[:3])


def test_receptive_fields_are_what_a_lit_pixel_reaches():
    """Light one pixel at a time: the S-cells and C-cells that notice are those that may."""
    net = cx.Neocognitron(seed=0)  # untrained: every S-cell answers to all it sees
    fields = cx.receptive_fields(net)
    dots = np.zeros((16, 16, 16))
    dots[np.arange(16), np.arange(16), np.arange(16)] = 1.0
    for number, layers in enumerate(net.respond(dots), 1):
        lit = layers.s[:, 0].diagonal(axis1=-2, axis2=-1) > 0  # (pixel, cell)
        first, last = fields[f"S{number}"].T
        pixels = np.arange(16)[:, None]
        if number == 1:
            np.testing.assert_array_equal(lit, (pixels >= first) & (pixels <= last))
        else:  # C-cells subtract the mean plane, so some cells that may see stay silent
            assert not lit[(pixels < first) | (pixels > last)].any()
    assert [int((f[:, 1] - f[:, 0]).max()) + 1 for f in fields.values()][:2] == [5, 9]
    assert fields["C3"].tolist() == [[0, 15]]


def test_favourite_patches():
    net = cx.Neocognitron(seed=0).fit(PICTURES, epochs=5, progress=False)
    patches, responses = cx.favourite_patches(net, PICTURES, 0)
    assert patches.shape == (24, 5, 5)
    np.testing.assert_allclose(responses, net.respond(PICTURES)[0].s.max(axis=(0, 2, 3)))
