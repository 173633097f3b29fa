"""The errors that papers print: complete, about networks that exist, and in a plausible order."""

from __future__ import annotations

import pytest

from course_utils import models
from course_utils.published import FILE, published

BUILT_IN_CHAPTER_17 = {"mobilenet"}


def test_every_row_names_a_network_of_the_course() -> None:
    assert {row.network for row in published()} <= set(models.__all__) | BUILT_IN_CHAPTER_17


def test_no_two_rows_say_the_same() -> None:
    keys = [(row.network, row.images, row.protocol, row.source) for row in published()]
    assert len(set(keys)) == len(keys)


def test_the_right_class_first_is_harder_than_among_five() -> None:
    both = [row for row in published() if row.top1_error and row.top5_error]
    assert both
    assert all(row.top5_error < row.top1_error for row in both)


def test_more_views_of_an_image_never_hurt() -> None:
    """In the papers that print several protocols for the same network."""
    one = {r.network: r for r in published("ImageNet") if r.protocol == "one crop"}
    ten = {r.network: r for r in published("ImageNet") if r.protocol == "ten crops"}
    shared = {n for n in one.keys() & ten.keys() if one[n].top5_error and ten[n].top5_error}
    assert shared >= {"densenet121", "densenet264"}
    assert all(ten[n].top5_error < one[n].top5_error for n in shared)


def test_a_set_can_be_chosen() -> None:
    assert {row.images for row in published("CIFAR-10")} == {"CIFAR-10"}
    assert len(published("CIFAR-10")) < len(published())


def test_an_unknown_set_is_refused_with_those_there_are() -> None:
    with pytest.raises(ValueError, match=r"'SVHN'.*CIFAR-10, ImageNet, MNIST"):
        published("SVHN")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("vgg16,ImageNet,,,ten crops,a paper", "a row needs"),
        ("vgg16,ImageNet,28.07,9.33,ten crops,", "a row needs"),
        (",ImageNet,28.07,9.33,ten crops,a paper", "a row needs"),
        ("vgg16,ImageNet,280.7,9.33,ten crops,a paper", "a percentage"),
        ("vgg16,ImageNet,28%,9.33,ten crops,a paper", "a percentage"),
        ("vgg16,ImageNet,28.07", "a row needs"),
    ],
)
def test_a_broken_row_is_refused(tmp_path, line: str, message: str) -> None:
    head = FILE.read_text(encoding="utf-8").splitlines()[0]
    broken = tmp_path / "broken.csv"
    broken.write_text(f"{head}\n{line}\n", encoding="utf-8")
    with pytest.raises(ValueError, match=message):
        published(file=broken)
