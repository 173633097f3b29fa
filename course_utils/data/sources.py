"""Where each set lies, and how its files are read.

The search goes from the nearest place to the farthest: the project, `COURSE_DATA`, the system,
earlier downloads, the network. A copy that cannot be read is passed over with a warning.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import warnings
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple, TypeVar
from zipfile import BadZipFile

import numpy as np

from course_utils.data.rows import last_of_each_class

PROJECT_DATA = Path(__file__).resolve().parents[2] / "data"
SYSTEM_FOLDERS = {"fashion_mnist": Path("/usr/share/datasets/fashion-mnist")}
SHIPPED_FILE = "fashion_mnist_small.npz"
SHIPPED_SHA256 = "698859ca4dff2f3afe3282ee4c658a00b8b69656eb5df2d66be97eafc43ad537"

FASHION_CLASSES = [
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat",
    "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
]  # fmt: skip
DIGIT_CLASSES = [str(digit) for digit in range(10)]


class DataNotFoundError(OSError):
    """A set is neither on this machine nor could it be downloaded; the message says what to do."""


class RawSet(NamedTuple):
    """A set as its publisher splits it; images (N, C, H, W) uint8, labels (N,) int64."""

    train_images: np.ndarray
    train_labels: np.ndarray
    test_images: np.ndarray
    test_labels: np.ndarray
    classes: list[str]
    source: str


class _Set(NamedTuple):
    """How a set is read, and how many images of each class are kept for validation."""

    read: Callable[[], RawSet]
    valid_per_class: int


Part = tuple[np.ndarray, np.ndarray]  # images and labels
Found = TypeVar("Found")  # what a reader makes of a folder: a RawSet, or recordings
# What reading a damaged archive, or a failed download, may raise.
_BROKEN = (OSError, EOFError, ValueError, KeyError, RuntimeError, zlib.error, BadZipFile)


def _cache() -> Path:
    return Path(os.environ.get("COURSE_CACHE") or "~/.cache/cortex-to-convnets").expanduser()


def _course_data() -> list[Path]:
    """Return the project's `data/` and, where it is set, `COURSE_DATA`."""
    folder = os.environ.get("COURSE_DATA")
    return [PROJECT_DATA] + ([Path(folder).expanduser()] if folder else [])


def _folders(name: str) -> list[Path]:
    """Return where a set may lie, in the order of the search; only folders that exist."""
    places = [folder / name for folder in _course_data()]
    places += [SYSTEM_FOLDERS[name]] if name in SYSTEM_FOLDERS else []
    return [place for place in [*places, _cache() / name] if place.is_dir()]


def _first_sound_copy(name: str, folder_name: str, read: Callable[[Path], Found]) -> Found | None:
    """Read the first copy that is sound, or return None; broken copies earn a warning."""
    for folder in _folders(folder_name):
        try:
            return read(folder)
        except FileNotFoundError:
            continue
        except _BROKEN as problem:
            warnings.warn(f"the copy of {name} in {folder} is broken ({problem})", stacklevel=4)
    return None


def _downloaded(name: str, download: Callable[[Path], Found]) -> Found:
    folder = _cache() / name
    try:
        return download(folder)
    except _BROKEN as problem:
        raise DataNotFoundError(
            f"{name} is not on this machine and the download failed ({problem}): connect to the "
            f"network and try again, or put its original files into {folder}"
        ) from problem


def read_idx(path: str | Path) -> np.ndarray:
    """Read a gzipped IDX file of bytes, the format of MNIST: any shape, uint8.

    Format: LeCun, Cortes and Burges, "The MNIST database of handwritten digits". Raises
    `ValueError` if the content is not such a file or is incomplete.
    """
    with gzip.open(path) as file:
        content = file.read()
    if len(content) < 4 or content[:3] != b"\0\0\x08":
        raise ValueError(f"{path} is not an IDX file of bytes")
    header = 4 + 4 * content[3]
    shape = np.frombuffer(content[4:header], dtype=">u4").astype(int)
    if len(content) != header + shape.prod():
        raise ValueError(f"{path} promises {shape.prod()} bytes and has {len(content) - header}")
    return np.frombuffer(content, dtype=np.uint8, offset=header).reshape(shape).copy()


def _idx_part(folder: Path, part: str) -> Part:
    images = read_idx(folder / f"{part}-images-idx3-ubyte.gz")[:, None]  # (N, 1, H, W)
    labels = read_idx(folder / f"{part}-labels-idx1-ubyte.gz").astype(np.int64)
    if len(images) != len(labels):
        raise ValueError(f"{len(images)} images and {len(labels)} labels in {folder}")
    return images, labels


def _read_idx_folder(folder: Path, classes: list[str]) -> RawSet:
    train, test = _idx_part(folder, "train"), _idx_part(folder, "t10k")
    return RawSet(*train, *test, list(classes), str(folder))


def _download_idx(name: str, folder: Path, classes: list[str]) -> RawSet:
    """Download what torchvision lists; its checksums find a broken file and replace it."""
    from torchvision.datasets import MNIST, FashionMNIST
    from torchvision.datasets.utils import download_url

    publisher = {"mnist": MNIST, "fashion_mnist": FashionMNIST}[name]
    for filename, md5 in publisher.resources:
        for attempt, mirror in enumerate(publisher.mirrors, start=1):
            try:
                download_url(mirror + filename, folder, filename, md5)
                break
            except (OSError, RuntimeError):
                if attempt == len(publisher.mirrors):
                    raise
    return _read_idx_folder(folder, classes)


def _read_idx_set(name: str, classes: list[str]) -> RawSet:
    found = _first_sound_copy(name, name, lambda folder: _read_idx_folder(folder, classes))
    return found or _downloaded(name, lambda folder: _download_idx(name, folder, classes))


def _read_cifar10_folder(folder: Path, *, download: bool = False) -> RawSet:
    """Read torchvision's batches; torchvision checks the sum of each."""
    from torchvision.datasets import CIFAR10

    if not download and not (folder / CIFAR10.base_folder).is_dir():
        raise FileNotFoundError(folder / CIFAR10.base_folder)
    train = CIFAR10(folder, train=True, download=download)
    test = CIFAR10(folder, train=False)
    return RawSet(
        *(_channels_first(train.data), np.array(train.targets, dtype=np.int64)),
        *(_channels_first(test.data), np.array(test.targets, dtype=np.int64)),
        classes=list(train.classes),
        source=str(folder),
    )


def _channels_first(images: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(images.transpose(0, 3, 1, 2))  # (N, H, W, C) -> (N, C, H, W)


def _read_cifar10() -> RawSet:
    found = _first_sound_copy("cifar10", "cifar10", _read_cifar10_folder)
    return found or _downloaded(
        "cifar10", lambda folder: _read_cifar10_folder(folder, download=True)
    )


def _npz_part(archive: Mapping[str, np.ndarray], part: str) -> Part:
    images = archive[f"{part}_images"]
    images = images[:, None] if images.ndim == 3 else _channels_first(images)
    return images, archive[f"{part}_labels"].astype(np.int64)


def _read_npz(path: Path, classes: list[str] | None = None) -> RawSet:
    """Read the arrays `train_images`, `train_labels`, `test_images`, `test_labels` of an archive.

    Images are (N, H, W) or (N, H, W, C); where `classes` is None the archive has `class_names`.
    """
    with np.load(path) as archive:
        train, test = _npz_part(archive, "train"), _npz_part(archive, "test")
        names = classes or [str(name) for name in archive["class_names"]]
    return RawSet(*train, *test, list(names), str(path))


def _read_cifar10_small() -> RawSet:
    found = _first_sound_copy(
        "cifar10_small", "cifar10", lambda folder: _read_npz(folder / "cifar10_subset.npz")
    )
    if found is None:
        raise DataNotFoundError(
            "cifar10_small is not on this machine: put cifar10/cifar10_subset.npz into the folder "
            "that COURSE_DATA names, or load 'cifar10', which can be downloaded"
        )
    return found


def _read_shipped() -> RawSet:
    path = PROJECT_DATA / SHIPPED_FILE
    if not path.is_file() or hashlib.sha256(path.read_bytes()).hexdigest() != SHIPPED_SHA256:
        raise DataNotFoundError(
            f"{path} is missing or damaged: get it again with `git checkout -- data`, or make it "
            "with `python data/make_fashion_mnist_small.py`"
        )
    return _read_npz(path, FASHION_CLASSES)._replace(source="shipped")


def _read_digits() -> RawSet:
    """Read scikit-learn's 8 x 8 digits, whose grey levels 0 to 16 become 0 to 255."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    images = np.rint(digits.images * (255 / 16)).astype(np.uint8)[:, None]
    labels = digits.target.astype(np.int64)
    test = last_of_each_class(labels, 30)
    source = "comes with scikit-learn"
    return RawSet(
        images[~test], labels[~test], images[test], labels[test], list(DIGIT_CLASSES), source
    )


SETS = {
    "fashion_mnist_small": _Set(_read_shipped, 200),
    "fashion_mnist": _Set(lambda: _read_idx_set("fashion_mnist", FASHION_CLASSES), 500),
    "mnist": _Set(lambda: _read_idx_set("mnist", DIGIT_CLASSES), 500),
    "cifar10": _Set(_read_cifar10, 500),
    "cifar10_small": _Set(_read_cifar10_small, 200),
    "digits": _Set(_read_digits, 30),
}
