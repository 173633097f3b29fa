"""Labelled images: splits, balanced limits, normalisation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from course_utils.data.rows import balanced_rows, expect_one_of, last_of_each_class
from course_utils.data.sources import SETS

if TYPE_CHECKING:
    import torch

SPLITS = ("train", "valid", "test")


@dataclass(frozen=True, eq=False, repr=False)
class Dataset:
    """Labelled images of one split.

    `images` is (N, C, H, W) uint8 from 0 to 255, `labels` is (N,) int64 and counts from 0,
    `classes` names what each label means, `source` says where the images were found. `mean` and
    `std` hold one number a channel, for pixels on the scale 0 to 1, and come from the whole
    training split, whichever split this is. Taught in chapter 0.
    """

    images: np.ndarray
    labels: np.ndarray
    classes: list[str]
    source: str
    mean: tuple[float, ...]
    std: tuple[float, ...]
    name: str = "custom"
    split: str = "train"

    def __len__(self) -> int:
        return len(self.labels)

    def __repr__(self) -> str:
        channels, height, width = self.images.shape[1:]
        colour = {1: "grey", 3: "colour"}.get(channels, f"{channels}-channel")
        return (
            f"{self.name}, {self.split}: {len(self):,} {colour} images of {height} x {width}, "
            f"{len(self.classes)} classes ({self.source})"
        )

    def tensors(self, device: str | torch.device = "cpu") -> tuple[torch.Tensor, torch.Tensor]:
        """Return normalised images, (N, C, H, W) float32, and labels, (N,) int64, on `device`.

        Normalised means (pixel / 255 - mean) / std, a channel at a time, with the mean and the
        standard deviation of the *training* split.
        """
        import torch

        x = torch.from_numpy(self.images).to(device).float().div_(255)
        mean = torch.tensor(self.mean, device=x.device).view(1, -1, 1, 1)
        std = torch.tensor(self.std, device=x.device).view(1, -1, 1, 1)
        y = torch.from_numpy(self.labels).to(device, copy=True)
        return x.sub_(mean).div_(std), y


def load(name: str, split: str, *, limit: int | None = None, seed: int = 0) -> Dataset:
    """Load one split of a set of labelled images.

    `name` is one of `fashion_mnist_small` (shipped: 8,000 train, 2,000 valid, 2,000 test),
    `fashion_mnist` and `mnist` (55,000, 5,000, 10,000), `cifar10` (45,000, 5,000, 10,000),
    `cifar10_small` (8,000, 2,000, 2,000) and `digits` (1,197, 300, 300; from scikit-learn).
    `split` is `train`, `valid` or `test`. Where the publisher has no validation split, ours is the
    last images of each class of the original training set, as many of each class, and `train` is
    the rest.

    `limit` keeps that many images, as evenly from every class as they allow, drawn with `seed`.
    With the same seed a smaller limit gives part of what a larger one gives.

    Raises `ValueError` for an unknown name or split or an impossible limit, and
    `DataNotFoundError` if the set is not here and cannot be downloaded. Taught in chapter 0.
    """
    expect_one_of(name, tuple(SETS), "set of images")
    expect_one_of(split, SPLITS, "split")
    raw = SETS[name].read()
    in_valid = last_of_each_class(raw.train_labels, SETS[name].valid_per_class)
    in_train = ~in_valid
    mean, std = _pixel_statistics(raw.train_images[in_train])
    if split == "test":
        images, labels = raw.test_images, raw.test_labels
    else:
        rows = in_train if split == "train" else in_valid
        images, labels = raw.train_images[rows], raw.train_labels[rows]
    if limit is not None:
        rows = balanced_rows(labels, limit, seed, f"{name}, {split}")
        images, labels = images[rows], labels[rows]
    return Dataset(images, labels, raw.classes, raw.source, mean, std, name, split)


def _pixel_statistics(images: np.ndarray) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation of each channel, pixels on the scale 0 to 1."""
    means, stds = [], []
    values = np.arange(256) / 255
    for channel in range(images.shape[1]):
        counts = np.bincount(images[:, channel].ravel(), minlength=256)
        mean = float(counts @ values / counts.sum())
        means.append(mean)
        stds.append(float(np.sqrt(counts @ (values - mean) ** 2 / counts.sum())))
    return tuple(means), tuple(stds)
