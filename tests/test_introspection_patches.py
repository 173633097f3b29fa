"""Strongest patches: what the unit sees there alone gives its answer."""

import pytest
import torch
from torch import nn

from course_utils.accounting import measured_receptive_field
from course_utils.data import load
from course_utils.introspection.deconvolution import deconvolve
from course_utils.introspection.hooks import activations
from course_utils.introspection.patches import strongest_patches
from introspection_models import noise, seeded, small_lenet


def unpadded():
    """Nothing is padded: a patch alone makes one unit answer as it does in the image."""
    return seeded(
        lambda: nn.Sequential(
            *(nn.Conv2d(2, 4, 5), nn.ReLU(), nn.MaxPool2d(3, stride=2)),
            *(nn.Conv2d(4, 6, 3), nn.ReLU()),
        )
    )


@pytest.mark.parametrize("layer", ["0", "1", "2", "3", "4"])
def test_the_patch_alone_gives_the_answer(layer):
    model, images = unpadded(), noise(20, 2, 17, 21)
    found = strongest_patches(model, layer, 3, images, count=7, batch_size=6)
    with torch.no_grad():
        alone = model[: int(layer) + 1](found.patches)
    assert alone.shape[2:] == (1, 1)
    torch.testing.assert_close(alone[:, 3, 0, 0], found.answers)


def test_they_are_the_strongest_one_from_each_image():
    model, images = unpadded(), noise(20, 2, 17, 21)
    maps = activations(model, images, "3")["3"][:, 3]
    best, order = maps.flatten(1).amax(dim=1).sort(descending=True)
    found = strongest_patches(model, "3", 3, images, count=20)
    assert torch.equal(found.chosen, order)
    assert torch.equal(found.answers, best)
    assert torch.equal(maps[found.chosen, found.rows, found.columns], best)


def test_beyond_the_border_lies_what_was_asked_for():
    model, images = small_lenet()
    images = torch.zeros_like(images)
    images[:, :, 0, 0] = 5  # makes a unit in the corner the strongest of any that likes it
    kernel = model.c1.weight[:, 0]
    unit = int(kernel[:, 2, 2].argmax())
    with torch.no_grad():
        model.c1.weight[unit] = 0
        model.c1.weight[unit, 0, 2, 2] = 1
    found = strongest_patches(model, "relu1", unit, images, count=1, outside=-7.0)
    assert (int(found.tops[0]), int(found.lefts[0])) == (-2, -2)
    wanted = torch.full((5, 5), -7.0)
    wanted[2:, 2:] = 0
    wanted[2, 2] = 5
    assert torch.equal(found.patches[0, 0], wanted)


def test_the_window_is_the_measured_one():
    model, images = small_lenet()
    found = strongest_patches(model, "s4", 0, images, count=2)
    assert tuple(found.patches.shape[2:]) == measured_receptive_field(model, (1, 28, 28), "s4").size


def test_other_pictures_are_cut_at_the_same_places():
    model, images = small_lenet()
    found = strongest_patches(model, "s4", 2, images, count=3)
    assert torch.equal(found.cut(images[found.chosen]), found.patches)
    pictures = deconvolve(model, images[found.chosen], "s4", 2)
    cut = found.cut(pictures)
    # All of the signal arrives inside the receptive field.
    torch.testing.assert_close(cut.abs().sum(), pictures.abs().sum())
    with pytest.raises(ValueError, match="expected 3 pictures"):
        found.cut(images[:2])


@pytest.mark.parametrize("layer", ["c5", "output"])
def test_a_dense_unit_sees_the_whole_image(layer):
    model, images = small_lenet()
    found = strongest_patches(model, layer, 4, images, count=2)
    assert torch.equal(found.patches, images[found.chosen])
    answers = activations(model, images, layer)[layer][:, 4]
    assert torch.equal(found.answers, answers.sort(descending=True).values[:2])


def test_of_a_layer_called_twice_the_last_window_counts():
    relu = nn.ReLU()
    model = seeded(lambda: nn.Sequential(nn.Conv2d(1, 2, 3), relu, nn.Conv2d(2, 3, 3), relu))
    images = noise(4, 1, 9, 9)
    found = strongest_patches(model, "1", 2, images, count=2)
    assert found.patches.shape[2:] == (5, 5)
    with torch.no_grad():
        torch.testing.assert_close(model(found.patches)[:, 2, 0, 0], found.answers)


def test_a_data_set_gives_its_normalised_images():
    data = load("digits", "valid", limit=20)
    model = seeded(lambda: nn.Sequential(nn.Conv2d(1, 3, 3)))
    found = strongest_patches(model, "0", 1, data, count=4)
    wanted = strongest_patches(model, "0", 1, data.tensors()[0], count=4)
    assert torch.equal(found.patches, wanted.patches)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"count": 4}, "there are 3 images"),
        ({"count": 0}, "at least 1"),
        ({"unit": 16}, "units 0 to 15"),
        ({"layer": "c7"}, "no layer 'c7'"),
        ({"data": torch.zeros(28, 28)}, "shape"),
    ],
)
def test_bad_settings_are_refused(settings, message):
    model, images = small_lenet()
    good = {"layer": "c3", "unit": 0, "data": images, "count": 2}
    with pytest.raises(ValueError, match=message):
        strongest_patches(model, **(good | settings))
