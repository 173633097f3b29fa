"""Real images: what `load` gives, where it looks, and what it does with broken copies."""

import functools
import gzip
import hashlib
import importlib.util
import re
import subprocess
import sys
import threading
import time
import warnings
import zlib
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
import torch

from course_utils import data
from course_utils.data import sources

ROOT = Path(__file__).resolve().parent.parent
SHIPPED = ROOT / "data" / "fashion_mnist_small.npz"
CARD = ROOT / "data" / "fashion_mnist_small.md"
SIZES = {"train": 8000, "valid": 2000, "test": 2000}


@pytest.fixture
def nowhere(tmp_path, monkeypatch):
    """No system copy, no COURSE_DATA, an empty cache: returns the cache."""
    cache = tmp_path / "cache"
    monkeypatch.setattr(sources, "SYSTEM_FOLDERS", {})
    monkeypatch.delenv("COURSE_DATA", raising=False)
    monkeypatch.setenv("COURSE_CACHE", str(cache))
    return cache


def no_network(*args, **kwargs):
    raise OSError("no network")


def idx_bytes(array):
    header = b"\0\0\x08" + bytes([array.ndim]) + np.array(array.shape, ">u4").tobytes()
    return gzip.compress(header + array.astype(np.uint8).tobytes())


def write_idx_set(folder, per_class=600, pixel=1):
    """Write a tiny set in MNIST's four files: 2 x 2 images, all of them `pixel`."""
    folder.mkdir(parents=True, exist_ok=True)
    labels = np.tile(np.arange(10), per_class)
    images = np.full((len(labels), 2, 2), pixel)
    images[:, 0, 0] = 0
    for part in ("train", "t10k"):
        (folder / f"{part}-images-idx3-ubyte.gz").write_bytes(idx_bytes(images))
        (folder / f"{part}-labels-idx1-ubyte.gz").write_bytes(idx_bytes(labels))
    return folder


# ---- the shipped set -----------------------------------------------------------------------------


@pytest.mark.parametrize("split", data.SPLITS)
def test_shipped_split_is_balanced_and_shuffled(split):
    dataset = data.load("fashion_mnist_small", split)
    assert len(dataset) == SIZES[split]
    assert dataset.images.shape == (SIZES[split], 1, 28, 28)
    assert dataset.images.dtype == np.uint8
    assert dataset.labels.dtype == np.int64
    assert np.bincount(dataset.labels).tolist() == [SIZES[split] // 10] * 10
    # Sorted labels would change class 9 times, shuffled ones about nine times in ten.
    assert np.mean(np.diff(dataset.labels) != 0) > 0.85


def test_shipped_splits_share_no_image():
    images = [
        image.tobytes()
        for split in data.SPLITS
        for image in data.load("fashion_mnist_small", split).images
    ]
    assert len(set(images)) == 12_000


def test_train_is_the_first_8000_and_valid_the_rest():
    with np.load(SHIPPED) as archive:
        images = archive["train_images"]
    assert np.array_equal(data.load("fashion_mnist_small", "train").images[:, 0], images[:8000])
    assert np.array_equal(data.load("fashion_mnist_small", "valid").images[:, 0], images[8000:])


def test_shipped_set_loads_in_less_than_three_tenths_of_a_second():
    seconds = []
    for _ in range(5):
        start = time.perf_counter()
        data.load("fashion_mnist_small", "train")
        seconds.append(time.perf_counter() - start)
    assert min(seconds) < 0.3


def test_shipped_file_is_small_and_the_card_tells_its_checksum():
    content = SHIPPED.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    assert len(content) < 6_000_000
    assert digest == sources.SHIPPED_SHA256
    card = CARD.read_text(encoding="utf-8")
    assert digest in card
    assert f"{len(content):,} bytes" in card
    assert "Copyright (c) 2017 Zalando SE" in card


def test_card_counts_each_class_as_the_file_does():
    rows = re.findall(r"^\| (\d) \| ([^|]+) \| (\d+) \| (\d+) \| (\d+) \|$", CARD.read_text(), re.M)
    splits = [data.load("fashion_mnist_small", split) for split in data.SPLITS]
    assert [row[1] for row in rows] == splits[0].classes
    counts = np.stack([np.bincount(split.labels) for split in splits], axis=1)
    assert np.array_equal(np.array([row[2:] for row in rows], dtype=int), counts)


def original_files():
    folders = [*sources._folders("fashion_mnist")]
    return next((folder for folder in folders if any(folder.glob("*-ubyte.gz"))), None)


@pytest.mark.skipif(original_files() is None, reason="the original Fashion-MNIST is not here")
def test_script_makes_the_same_file_again(tmp_path):
    path = ROOT / "data" / "make_fashion_mnist_small.py"
    spec = importlib.util.spec_from_file_location("make_fashion_mnist_small", path)
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    arrays = script.subset(original_files())
    with np.load(SHIPPED) as archive:
        assert sorted(archive) == sorted(arrays)
        for name in arrays:
            assert np.array_equal(archive[name], arrays[name])
    if "ng" in zlib.ZLIB_RUNTIME_VERSION:
        pytest.skip("zlib-ng compresses the same arrays to other bytes")
    assert script.npz_bytes(arrays) == SHIPPED.read_bytes()


def test_damaged_shipped_file_is_refused(tmp_path, monkeypatch):
    content = bytearray(SHIPPED.read_bytes())
    content[3_000_000] ^= 1
    (tmp_path / SHIPPED.name).write_bytes(content)
    monkeypatch.setattr(sources, "PROJECT_DATA", tmp_path)
    with pytest.raises(data.DataNotFoundError, match="missing or damaged: get it again"):
        data.load("fashion_mnist_small", "train")


# ---- what a Dataset is ---------------------------------------------------------------------------


def test_tensors_are_normalised_with_the_training_split():
    train = data.load("fashion_mnist_small", "train")
    x, y = train.tensors()
    assert x.dtype == torch.float32
    assert y.dtype == torch.int64
    assert x.shape == (8000, 1, 28, 28)
    assert abs(x.mean().item()) < 1e-4
    assert abs(x.std().item() - 1) < 1e-4
    test = data.load("fashion_mnist_small", "test", limit=50)
    pixels = train.images / 255
    expected = (test.images / 255 - pixels.mean()) / pixels.std()
    np.testing.assert_allclose(test.tensors()[0].numpy(), expected, atol=1e-5)


def test_statistics_are_one_a_channel():
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, size=(40, 3, 5, 4), dtype=np.uint8)
    mean, std = data.dataset._pixel_statistics(images)
    np.testing.assert_allclose(mean, (images / 255).mean(axis=(0, 2, 3)), rtol=1e-12)
    np.testing.assert_allclose(std, (images / 255).std(axis=(0, 2, 3)), rtol=1e-12)
    dataset = data.Dataset(images, np.zeros(40, np.int64), ["one"], "made up", mean, std)
    x, _ = dataset.tensors()
    np.testing.assert_allclose(x.mean(dim=(0, 2, 3)), 0, atol=1e-5)
    assert "40 colour images of 5 x 4, " in repr(dataset)


def test_tensors_do_not_share_memory_with_the_dataset():
    dataset = data.load("digits", "valid")
    images, labels = dataset.images.copy(), dataset.labels.copy()
    x, y = dataset.tensors()
    x.zero_()
    y.zero_()
    assert np.array_equal(dataset.images, images)
    assert np.array_equal(dataset.labels, labels)


def test_repr_is_one_friendly_line():
    assert repr(data.load("fashion_mnist_small", "test")) == (
        "fashion_mnist_small, test: 2,000 grey images of 28 x 28, 10 classes (shipped)"
    )


def test_dataset_cannot_be_changed():
    with pytest.raises(AttributeError):
        data.load("digits", "test").name = "mnist"


# ---- limits --------------------------------------------------------------------------------------


@pytest.mark.parametrize("limit", [1, 9, 10, 25, 1000, 2000])
def test_limit_is_balanced(limit):
    labels = data.load("fashion_mnist_small", "valid", limit=limit).labels
    counts = np.bincount(labels, minlength=10)
    assert counts.sum() == limit
    assert counts.max() - counts.min() <= 1


def test_limit_is_seeded_and_a_smaller_limit_is_a_part_of_a_larger_one():
    def images(limit, seed):
        dataset = data.load("digits", "train", limit=limit, seed=seed)
        return [image.tobytes() for image in dataset.images]

    assert images(100, 3) == images(100, 3)
    assert images(100, 3) != images(100, 4)
    assert set(images(100, 3)) <= set(images(200, 3))


def test_limit_takes_all_of_a_rare_class():
    labels = np.array([0] * 90 + [1] * 3 + [2] * 40)
    rows = data.rows.balanced_rows(labels, 31, 0, "a set")
    assert np.bincount(labels[rows]).tolist() == [14, 3, 14]
    assert len(set(rows.tolist())) == 31


# ---- bad input -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("fashion", "train"), "'fashion' is no set of images; expected one of fashion_mnist_"),
        (("digits", "validation"), "'validation' is no split; expected one of train, valid, test"),
    ],
)
def test_unknown_names_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        data.load(*arguments)


@pytest.mark.parametrize("limit", [0, -1, 301, 2.5, True, "ten"])
def test_impossible_limits_are_refused(limit):
    with pytest.raises(ValueError, match="expected None or a whole number from 1 to 300"):
        data.load("digits", "test", limit=limit)


# ---- the other sets ------------------------------------------------------------------------------


def test_digits_have_three_disjoint_splits():
    splits = {split: data.load("digits", split) for split in data.SPLITS}
    assert {name: len(split) for name, split in splits.items()} == {
        "train": 1197,
        "valid": 300,
        "test": 300,
    }
    for name in ("valid", "test"):
        assert np.bincount(splits[name].labels).tolist() == [30] * 10
    assert splits["train"].images.max() == 255
    from sklearn.datasets import load_digits

    every = sorted(image.tobytes() for split in splits.values() for image in split.images)
    originals = np.rint(load_digits().images * 255 / 16).astype(np.uint8)
    assert every == sorted(image.tobytes() for image in originals)


def test_photos_come_without_a_download(monkeypatch):
    monkeypatch.setattr("socket.socket.connect", no_network)
    for name in data.PHOTOS:
        image = data.photo(name)
        assert image.dtype == np.uint8
        assert image.ndim == 2 or image.shape[2] == 3
        assert image.max() > 100


def test_photo_that_needs_a_download_is_refused():
    with pytest.raises(ValueError, match="'kidney' is no photograph that comes with scikit-image"):
        data.photo("kidney")


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist"])
def test_full_sets_are_cut_as_the_docstring_says(name):
    if not sources._folders(name):
        pytest.skip(f"{name} is not on this machine")
    splits = {split: data.load(name, split) for split in data.SPLITS}
    assert [len(split) for split in splits.values()] == [55_000, 5_000, 10_000]
    assert np.bincount(splits["valid"].labels).tolist() == [500] * 10
    originals = sources.SETS[name].read().train_images
    both = [image.tobytes() for part in ("train", "valid") for image in splits[part].images]
    assert sorted(both) == sorted(image.tobytes() for image in originals)


def test_small_cifar_has_channels_first():
    if not any((folder / "cifar10_subset.npz").is_file() for folder in sources._folders("cifar10")):
        pytest.skip("cifar10_small is not on this machine")
    valid = data.load("cifar10_small", "valid")
    assert valid.images.shape == (2000, 3, 32, 32)
    assert np.bincount(valid.labels).tolist() == [200] * 10
    assert valid.classes[0] == "airplane"


def test_small_cifar_never_answers_to_the_full_name(nowhere, tmp_path, monkeypatch):
    folder = tmp_path / "mirror" / "cifar10"
    folder.mkdir(parents=True)
    images = np.zeros((20, 4, 4, 3), np.uint8)
    images[:, 1:] = 9
    labels = np.tile(np.arange(10), 2)
    np.savez(
        folder / "cifar10_subset.npz",
        train_images=np.repeat(images, 110, axis=0),
        train_labels=np.repeat(labels, 110),
        test_images=images,
        test_labels=labels,
        class_names=np.array(list("abcdefghij")),
    )
    monkeypatch.setenv("COURSE_DATA", str(folder.parent))
    monkeypatch.setattr("torchvision.datasets.cifar.download_and_extract_archive", no_network)
    assert data.load("cifar10_small", "test").images.shape == (20, 3, 4, 4)
    with pytest.raises(data.DataNotFoundError, match="cifar10 is not on this machine"):
        data.load("cifar10", "test")


# ---- the search, broken copies and downloads -----------------------------------------------------


def test_search_order(nowhere, tmp_path, monkeypatch):
    nearest_last = ["cache", "system", "course", "project"]
    folders = {place: tmp_path / place / "mnist" for place in nearest_last}
    monkeypatch.setattr(sources, "PROJECT_DATA", tmp_path / "project")
    monkeypatch.setenv("COURSE_DATA", str(tmp_path / "course"))
    monkeypatch.setattr(sources, "SYSTEM_FOLDERS", {"mnist": folders["system"]})
    for place in nearest_last:
        write_idx_set(folders[place])
        assert data.load("mnist", "test").source == str(folders[place])


@pytest.mark.parametrize("damage", ["cut short", "one bit", "no gzip", "too few labels"])
def test_broken_copy_is_passed_over_with_a_warning(nowhere, tmp_path, monkeypatch, damage):
    good = write_idx_set(nowhere / "mnist", pixel=7)
    bad = write_idx_set(tmp_path / "mirror" / "mnist")
    path = bad / "t10k-images-idx3-ubyte.gz"
    content = bytearray(path.read_bytes())
    content[-6] ^= 1
    if damage == "too few labels":
        (bad / "t10k-labels-idx1-ubyte.gz").write_bytes(idx_bytes(np.arange(10)))
    else:
        broken = {"cut short": content[:-20], "one bit": content, "no gzip": b"<html>"}[damage]
        path.write_bytes(bytes(broken))
    monkeypatch.setenv("COURSE_DATA", str(bad.parent))
    with pytest.warns(UserWarning, match="the copy of mnist in .* is broken"):
        dataset = data.load("mnist", "test")
    assert dataset.source == str(good)
    assert dataset.images.max() == 7


def test_a_folder_with_some_files_missing_is_passed_over_silently(nowhere, tmp_path, monkeypatch):
    write_idx_set(nowhere / "mnist")
    partial = write_idx_set(tmp_path / "mirror" / "mnist")
    (partial / "train-labels-idx1-ubyte.gz").unlink()
    monkeypatch.setenv("COURSE_DATA", str(partial.parent))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert data.load("mnist", "test").source == str(nowhere / "mnist")


def test_without_network_the_error_says_what_to_do(nowhere, monkeypatch):
    monkeypatch.setattr("torchvision.datasets.utils.download_url", no_network)
    with pytest.raises(data.DataNotFoundError) as error:
        data.load("mnist", "train")
    message = str(error.value)
    assert message.startswith("mnist is not on this machine and the download failed (no network)")
    assert "connect to the network and try again" in message
    assert str(nowhere / "mnist") in message


def test_small_cifar_says_what_to_do(nowhere):
    with pytest.raises(data.DataNotFoundError, match="put cifar10/cifar10_subset.npz into"):
        data.load("cifar10_small", "train")


class QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, *args):
        """Say nothing."""


@pytest.fixture
def publisher(nowhere, tmp_path, monkeypatch):
    """A publisher of MNIST on this machine, with its own checksums; returns its folder."""
    from torchvision.datasets import MNIST

    folder = write_idx_set(tmp_path / "publisher", pixel=5)
    sums = [(p.name, hashlib.md5(p.read_bytes()).hexdigest()) for p in sorted(folder.iterdir())]
    handler = functools.partial(QuietHandler, directory=str(tmp_path))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}"
        monkeypatch.setattr(MNIST, "resources", sums)
        monkeypatch.setattr(MNIST, "mirrors", [f"{address}/gone/", f"{address}/publisher/"])
        yield folder
        server.shutdown()


def test_download_tries_every_mirror_and_is_kept(nowhere, publisher):
    assert data.load("mnist", "test").images.max() == 5
    assert sorted(p.name for p in (nowhere / "mnist").iterdir()) == sorted(
        p.name for p in publisher.iterdir()
    )
    for file in publisher.iterdir():
        file.unlink()
    assert data.load("mnist", "valid").source == str(nowhere / "mnist")


def test_partial_download_is_replaced(nowhere, publisher):
    data.load("mnist", "test")
    path = nowhere / "mnist" / "t10k-images-idx3-ubyte.gz"
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.warns(UserWarning, match="is broken"):
        assert data.load("mnist", "test").images.max() == 5
    assert path.read_bytes() == whole


def test_download_with_a_wrong_checksum_is_refused(publisher):
    write_idx_set(publisher, pixel=6)
    with pytest.raises(data.DataNotFoundError, match="corrupted"):
        data.load("mnist", "test")


# ---- the IDX format and imports ------------------------------------------------------------------


def test_read_idx_reads_any_shape(tmp_path):
    array = np.arange(24).reshape(2, 3, 4)
    path = tmp_path / "array.gz"
    path.write_bytes(idx_bytes(array))
    assert np.array_equal(data.read_idx(path), array)


@pytest.mark.parametrize("content", [b"", b"\0\0", b"\0\0\x0d\x01\0\0\0\x01\0\0\0\0", b"hello you"])
def test_read_idx_refuses_what_is_no_idx_file(tmp_path, content):
    path = tmp_path / "array.gz"
    path.write_bytes(gzip.compress(content))
    with pytest.raises(ValueError, match="is not an IDX file of bytes"):
        data.read_idx(path)


def test_import_brings_in_nothing_heavy():
    program = "import sys, course_utils.data; print(*sys.modules)"
    out = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert not {"torch", "torchvision", "sklearn", "skimage"} & set(out.stdout.split())
