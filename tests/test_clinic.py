"""The patients of chapter 21: reproducible, broken in the way that is told, and mended."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from course_utils import clinic

LETTERS = "ABCDEF"


@pytest.fixture(autouse=True)
def _smoke_scale(monkeypatch):
    monkeypatch.setenv("COURSE_SCALE", "smoke")
    monkeypatch.setenv("TQDM_DISABLE", "1")


def test_the_network_has_the_parameters_that_are_told():
    assert sum(p.numel() for p in clinic.network().parameters()) == 26_826


@pytest.mark.parametrize("letter", LETTERS)
def test_a_patient_is_the_same_twice(letter):
    first = clinic.patient(letter, 0)
    assert clinic.patient(letter, 0) is first
    clinic._trained.cache_clear()
    again = clinic.patient(letter, 0)
    np.testing.assert_array_equal(first.losses, again.losses)
    other = clinic.patient(letter, 1)
    assert not np.array_equal(first.losses, other.losses)


def test_a_the_last_layer_cannot_be_negative():
    case, mended = clinic.patient("A", 0), clinic.patient("A", 0, mended=True)
    with torch.no_grad():
        assert case.model(case.valid[0]).min() == 0
        assert mended.model(case.valid[0]).min() < 0


def test_b_only_validation_is_on_another_scale():
    case, mended = clinic.patient("B", 0), clinic.patient("B", 0, mended=True)
    assert case.valid[0].std() > 100
    torch.testing.assert_close(mended.valid[0] * clinic.STD * 255, _pixels(case), rtol=0, atol=0.5)


def _pixels(case):
    """Pixels of B's validation images without their mean, in 0..255 and normalised as in `load`."""
    return case.valid[0] * clinic.STD + clinic.MEAN - 255 * clinic.MEAN


def test_c_images_lose_their_labels():
    case, mended = clinic.patient("C", 0), clinic.patient("C", 0, mended=True)
    torch.testing.assert_close(case.train[0], mended.train[0])
    assert sorted(case.train[1].tolist()) == sorted(mended.train[1].tolist())
    assert (case.train[1] == mended.train[1]).float().mean() < 0.5


def test_d_validation_stands_in_training():
    def shared(case):
        known = {image.numpy().tobytes() for image in case.train[0]}
        return np.mean([image.numpy().tobytes() in known for image in case.valid[0]])

    assert shared(clinic.patient("D", 0)) > 0.9
    assert shared(clinic.patient("D", 0, mended=True)) == 0


def test_e_a_batch_given_twice_doubles_the_loss():
    scores, labels = torch.randn(4, 10), torch.arange(4)
    for mended, factor in ((False, 2), (True, 1)):
        loss = clinic.patient("E", 0, mended=mended).loss
        twice = loss(scores.repeat(2, 1), labels.repeat(2))
        torch.testing.assert_close(twice, factor * loss(scores, labels))


def test_f_every_answer_meets_every_label():
    answers, degrees = torch.tensor([[1.0], [3.0]]), torch.tensor([1.0, 3.0])
    assert clinic.patient("F", 0).loss(answers, degrees) == 2
    assert clinic.patient("F", 0, mended=True).loss(answers, degrees) == 0


def test_f_angles_are_those_by_which_images_were_turned():
    image = torch.zeros(1, 1, 28, 28)
    image[..., 13:15, 4:24] = 1  # a level bar
    turned, degrees = clinic._turned(image, torch.Generator().manual_seed(0))
    rows, columns = np.nonzero(turned[0, 0].numpy() > 0.5)
    lean = np.rad2deg(np.arctan(np.polyfit(columns, rows, 1)[0]))
    assert abs(abs(lean) - abs(degrees.item())) < 2


@pytest.mark.parametrize("letter", LETTERS)
def test_story_and_source(letter):
    assert clinic.story(letter).startswith("«")
    text = clinic.source(letter)
    assert "mended" in text
    assert clinic.story(letter) not in text


def test_unknown_letters():
    for function in (clinic.story, clinic.source, lambda letter: clinic.patient(letter, 0)):
        with pytest.raises(ValueError, match="A, B, C, D, E, F"):
            function("G")
