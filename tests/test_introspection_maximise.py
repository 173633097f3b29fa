"""Climbing against maxima that are known, and each regulariser against its own equation."""

import pytest
import torch
from scipy.ndimage import gaussian_filter
from torch import nn

from course_utils.introspection.hooks import activations
from course_utils.introspection.maximise import maximise
from introspection_models import noise, seeded, small_lenet

SHAPE = (1, 6, 6)
LENET = (1, 28, 28)


def linear():
    """Two units, each a plane of weights."""
    return seeded(lambda: nn.Sequential(nn.Flatten(), nn.Linear(36, 2))).double()


def double_start():
    return noise(*SHAPE).double()


def weights(model, unit=0):
    return model[1].weight[unit].detach().reshape(SHAPE)


def test_with_a_penalty_on_length_a_linear_unit_finds_its_own_weights():
    model = linear()
    found = maximise(
        model,
        "1",
        0,
        shape=SHAPE,
        steps=60,
        step_size=0.5,
        normalise=False,
        l2=0.5,
        start=double_start(),
    )
    torch.testing.assert_close(found.images[0], weights(model))  # w / (2 l2)
    assert found.history[-1] > found.history[0]


def test_total_variation_finds_the_solution_of_its_linear_system():
    """The objective w.x - l2 |x|^2 - tv V(x) is quadratic: 2 (l2 + tv L) x = w."""
    model, l2, tv = linear(), 0.5, 0.7
    chain = torch.eye(6).double().diff(dim=0)
    laplacian = torch.kron(chain.T @ chain, torch.eye(6)) + torch.kron(
        torch.eye(6), chain.T @ chain
    )
    matrix = 2 * (l2 * torch.eye(36) + tv * laplacian)
    wanted = torch.linalg.solve(matrix, weights(model).flatten())
    settings = {"steps": 200, "step_size": 0.1, "normalise": False, "start": double_start()}
    found = maximise(model, None, 0, shape=SHAPE, l2=l2, total_variation=tv, **settings)
    torch.testing.assert_close(found.images[0].flatten(), wanted, rtol=1e-5, atol=1e-7)


def test_a_normalised_step_is_as_long_as_it_says():
    model, start = linear(), double_start()
    found = maximise(model, "1", 0, shape=SHAPE, steps=3, step_size=0.25, start=start)
    direction = weights(model) / weights(model).norm()
    torch.testing.assert_close(found.images[0], start + 3 * 0.25 * direction)
    torch.testing.assert_close(
        found.history[:, 0].diff(), torch.full((3,), 0.25).double() * weights(model).norm()
    )


def test_blur_comes_every_so_many_steps():
    model, start = linear(), double_start()
    settings = {"steps": 5, "step_size": 0.5, "start": start}
    found = maximise(model, "1", 0, shape=SHAPE, blur_every=2, blur_width=0.8, **settings).images[
        0, 0
    ]
    x, step = start[0], 0.5 * (weights(model) / weights(model).norm())[0]
    for number in range(1, 6):
        x = x + step
        if number % 2 == 0:
            x = torch.from_numpy(gaussian_filter(x.numpy(), 0.8, mode="mirror", radius=3))
    torch.testing.assert_close(found, x, rtol=1e-6, atol=1e-8)


def test_a_blur_wider_than_the_image_stops_at_its_border():
    found = maximise(linear().float(), "1", 0, shape=SHAPE, steps=1, blur_every=1, blur_width=9.0)
    assert found.images.isfinite().all()


def test_pixels_stay_within_the_clip():
    model, _ = small_lenet()
    free = maximise(model, "output", 3, shape=LENET, steps=5, step_size=5.0)
    kept = maximise(model, "output", 3, shape=LENET, steps=5, step_size=5.0, clip=(-0.4, 0.5))
    assert free.images.max() > 0.5
    assert float(kept.images.max()) == 0.5
    assert kept.images.min() == pytest.approx(-0.4)


def test_jitter_is_rolled_back():
    """The mean of a ring of answers does not heed a roll, so jitter must change nothing."""
    model = seeded(
        lambda: nn.Sequential(nn.Conv2d(1, 3, 3, padding=1, padding_mode="circular"), nn.Softplus())
    ).double()
    settings = {"shape": SHAPE, "steps": 6, "where": "mean", "start": double_start()}
    settings["total_variation"] = 0.05  # which sees no seam where the image was rolled
    still = maximise(model, "1", 1, **settings)
    moved = maximise(model, "1", 1, jitter=3, **settings)
    torch.testing.assert_close(moved.images, still.images)
    torch.testing.assert_close(moved.history, still.history)


def test_jitter_moves_the_image_before_each_step():
    model, _ = small_lenet()
    settings = {"shape": LENET, "steps": 4, "step_size": 2.0}
    still, moved = (maximise(model, "output", 3, jitter=n, **settings) for n in (0, 3))
    assert not torch.allclose(still.images, moved.images)


def test_the_same_seed_gives_the_same_image():
    model, _ = small_lenet()

    def at(seed):
        return maximise(model, "c3", 2, shape=LENET, steps=3, jitter=2, seed=seed).images

    before = torch.get_rng_state()
    assert torch.equal(at(0), at(0))
    assert not torch.allclose(at(0), at(1))
    assert torch.equal(torch.get_rng_state(), before)


def test_several_units_get_the_same_images_as_alone():
    model, _ = small_lenet()
    settings = {"shape": LENET, "steps": 4, "jitter": 1, "l2": 0.01, "total_variation": 0.01}
    both = maximise(model, "c3", [5, 1], **settings)
    assert both.images.shape == (2, *LENET)
    assert both.history.shape == (5, 2)
    for place, unit in enumerate((5, 1)):
        alone = maximise(model, "c3", unit, **settings)
        torch.testing.assert_close(both.images[place], alone.images[0], rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(both.history[:, place], alone.history[:, 0])


@pytest.mark.parametrize(
    ("where", "pick"),
    [
        ("centre", lambda maps: maps[5, 5]),
        ("mean", lambda maps: maps.mean()),
        ("strongest", lambda maps: maps.max()),
    ],
)
def test_of_a_map_the_place_that_was_asked_for_is_climbed(where, pick):
    model, _ = small_lenet()
    start = noise(*LENET)
    found = maximise(model, "c3", 7, shape=LENET, steps=2, step_size=0.1, where=where, start=start)
    for moment, image in ((0, start[None]), (-1, found.images)):
        answer = pick(activations(model, image, "c3")["c3"][0, 7])
        torch.testing.assert_close(found.history[moment, 0], answer)
    assert (found.history.diff(dim=0) > 0).all()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"shape": (28, 28)}, r"\(C, H, W\).*\(28, 28\)"),
        ({"steps": 0}, "steps.*at least 1"),
        ({"step_size": 0.0}, "step_size must be above 0"),
        ({"l2": -1.0}, r"l2 must be 0 \(off\) or above"),
        ({"total_variation": float("nan")}, "total_variation must be 0"),
        ({"jitter": 1.5}, "jitter must be a whole number"),
        ({"blur_every": -1}, "blur_every must be 0"),
        ({"blur_every": 1, "blur_width": 0.0}, "blur_width must be above 0"),
        ({"clip": (1.0, -1.0)}, "clip is"),
        ({"where": "corner"}, "strongest, centre, mean"),
        ({"unit": 6}, "units 0 to 5"),
        ({"unit": []}, "at least one unit"),
        ({"layer": "c9"}, "no layer 'c9'"),
        ({"start": torch.zeros(1, 27, 28)}, r"start must be.*\(1, 27, 28\)"),
    ],
)
def test_bad_settings_are_refused(settings, message):
    model, _ = small_lenet()
    good = {"layer": "c1", "unit": 0, "shape": LENET, "steps": 1}
    with pytest.raises(ValueError, match=message):
        maximise(model, **(good | settings))
