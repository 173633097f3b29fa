"""Make `fashion_mnist_small.npz` from the original Fashion-MNIST; prints the file's SHA-256.

    python data/make_fashion_mnist_small.py [--source FOLDER] [--output FILE]

FOLDER holds the four original files (`train-images-idx3-ubyte.gz`, …); by default it is where
Debian's package `dataset-fashion-mnist` puts them. Nothing is drawn at random: of each class the
first 1,000 images of the original training set are kept and the first 200 of the original test
set, in their original order, which is shuffled. The last 200 of each class's 1,000 go to the end,
so that rows 8,000 to 9,999 are the validation split.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import sys
import zipfile
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from course_utils.data import read_idx  # noqa: E402

DEBIAN = Path("/usr/share/datasets/fashion-mnist")
OUTPUT = Path(__file__).resolve().parent / "fashion_mnist_small.npz"
TRAIN_PER_CLASS, VALID_PER_CLASS, TEST_PER_CLASS = 800, 200, 200


def rows_of_each_class(labels: np.ndarray, start: int, stop: int) -> np.ndarray:
    """Rows of each class's images number `start` to `stop - 1`, in the order of `labels`."""
    classes = np.unique(labels)
    rows = [np.flatnonzero(labels == label)[start:stop] for label in classes]
    return np.sort(np.concatenate(rows))


def subset(source: Path) -> dict[str, np.ndarray]:
    """Return the arrays of the archive, by name."""
    images, labels, test_images, test_labels = (
        read_idx(source / f"{part}-ubyte.gz")
        for part in (
            "train-images-idx3",
            "train-labels-idx1",
            "t10k-images-idx3",
            "t10k-labels-idx1",
        )
    )
    kept = TRAIN_PER_CLASS + VALID_PER_CLASS
    train = rows_of_each_class(labels, 0, TRAIN_PER_CLASS)
    valid = rows_of_each_class(labels, TRAIN_PER_CLASS, kept)
    rows, test_rows = (
        np.concatenate([train, valid]),
        rows_of_each_class(test_labels, 0, TEST_PER_CLASS),
    )
    return {
        "train_images": images[rows],
        "train_labels": labels[rows],
        "test_images": test_images[test_rows],
        "test_labels": test_labels[test_rows],
    }


def npz_bytes(arrays: dict[str, np.ndarray]) -> bytes:
    """Write an .npz archive without the time of day: the same arrays give the same bytes."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        for name, array in arrays.items():
            content = io.BytesIO()
            np.lib.format.write_array(content, np.ascontiguousarray(array), version=(1, 0))
            entry = zipfile.ZipInfo(f"{name}.npy", date_time=(1980, 1, 1, 0, 0, 0))
            entry.create_system = 3  # the same on every system
            entry.external_attr = 0o644 << 16
            file.writestr(entry, content.getvalue(), zipfile.ZIP_DEFLATED, compresslevel=9)
    return archive.getvalue()


def main() -> None:
    """Write the archive and say what was written."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--source", type=Path, default=DEBIAN)
    parser.add_argument("--output", type=Path, default=OUTPUT)
    options = parser.parse_args()
    if not options.source.is_dir():
        parser.error(
            f"{options.source} is no folder; install dataset-fashion-mnist or give --source"
        )
    content = npz_bytes(subset(options.source))
    options.output.write_bytes(content)
    print(
        f"{options.output}: {len(content):,} bytes, SHA-256 {hashlib.sha256(content).hexdigest()}"
    )


if __name__ == "__main__":
    main()
