"""Errors that papers print for the networks of the course, each with where it stands.

They are read, never computed: to train these networks again takes weeks. What the networks cost,
`course_utils.accounting` computes.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

FILE = Path(__file__).resolve().parents[1] / "data" / "published_accuracies.csv"


@dataclass(frozen=True)
class Published:
    """One network's printed error under one protocol.

    network: the name in `course_utils.models`; `mobilenet` is built in chapter 17.
    images: the set of images; of ImageNet, the validation images of ILSVRC 2012 as far as the
        source says.
    top1_error, top5_error: percent of the images, None where the source prints none.
    protocol: how many views of an image the answer is an average over, or "not stated".
    source: paper and table.
    """

    network: str
    images: str
    top1_error: float | None
    top5_error: float | None
    protocol: str
    source: str


def published(images: str | None = None, *, file: Path = FILE) -> tuple[Published, ...]:
    """Errors of single networks that papers print, in the order of the file.

    `images` is "ImageNet", "CIFAR-10" or "MNIST"; None means all. Taught in chapter 17.

    Raises
    ------
    ValueError
        For a set of images that no row has, or a row that is incomplete or no percentage.
    """
    with file.open(encoding="utf-8", newline="") as lines:
        rows = tuple(_row(cells) for cells in csv.DictReader(lines))
    sets = sorted({row.images for row in rows})
    if images is not None and images not in sets:
        raise ValueError(f"no errors on {images!r}; there are some on {', '.join(sets)}")
    return tuple(row for row in rows if images in (None, row.images))


def _row(cells: dict[str, str]) -> Published:
    texts = {key: cells.get(key) for key in ("network", "images", "protocol", "source")}
    errors = {key: _percentage(cells.get(key), cells) for key in ("top1_error", "top5_error")}
    if not all(texts.values()) or set(errors.values()) == {None}:
        raise ValueError(f"a row needs a network, images, protocol, source and an error: {cells}")
    return Published(**texts, **errors)  # type: ignore[arg-type]


def _percentage(text: str | None, cells: dict[str, str]) -> float | None:
    if not text:
        return None
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not 0 <= value <= 100:
        raise ValueError(f"an error is a percentage, got {text!r} in {cells}")
    return value
