"""A test for pictures that are to explain a network: do they change when its weights do?

Adebayo, Gilmer, Muelly, Goodfellow, Hardt and Kim (2018), "Sanity checks for saliency maps",
Advances in Neural Information Processing Systems 31, section 3: the model parameter randomisation
test. Taught in chapter 18.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import nn

from course_utils.introspection.hooks import layer_named, layer_names


def randomised_copies(
    model: nn.Module,
    layers: Sequence[str] | None = None,
    *,
    cascading: bool = True,
    initialise: Callable[[nn.Module], Any] | None = None,
    seed: int = 0,
) -> Iterator[tuple[str, nn.Module]]:
    """Yield (layer, copy of the model with new random weights in it), from the top layer down.

    Parameters
    ----------
    layers
        Names in the order in which they become random. A group of layers does so as one. When None,
        all layers with a matrix or with filters of weights, the last one first.
    cascading
        True: a copy keeps what was random in the copies before it. False: one layer is random, all
        others are as trained.
    initialise
        A function that gives one layer, in place, new weights from PyTorch's global generator; the
        layer's own `reset_parameters` when None. That is PyTorch's default start, which may not be
        the one that the model was trained from.

    A layer's new weights depend on `seed` and its place in `layers`, so they are the same in both
    orders. The model itself stays as it is. Taught in chapter 18.

    Raises
    ------
    ValueError
        For an unknown layer, or one without weights that could be drawn anew.
    """
    names = list(layers) if layers is not None else _weighted(model)[::-1]
    if not names:
        raise ValueError(f"there is no layer of this {type(model).__name__} to be made random")
    parts = {name: _parts(model, name, initialise) for name in names}
    drawn = torch.randint(2**31, (len(names),), generator=torch.Generator().manual_seed(seed))
    return _copies(model, parts, drawn.tolist(), cascading, initialise or _reset)


def _copies(
    model: nn.Module,
    parts: dict[str, list[str]],
    seeds: list[int],
    cascading: bool,
    initialise: Callable[[nn.Module], Any],
) -> Iterator[tuple[str, nn.Module]]:
    changed = model
    for (name, inside), seed in zip(parts.items(), seeds, strict=True):
        changed = copy.deepcopy(changed if cascading else model)
        with torch.random.fork_rng(), torch.no_grad():
            torch.manual_seed(seed)
            for part in inside:
                initialise(layer_named(changed, part))
        yield name, changed


def _weighted(model: nn.Module) -> list[str]:
    """Layers with a matrix, or filters, of their own."""
    names = layer_names(model)
    return [
        name
        for name in names
        if any(p.ndim > 1 for p in layer_named(model, name).parameters(recurse=False))
    ]


def _parts(model: nn.Module, name: str, initialise: Callable[[nn.Module], Any] | None) -> list[str]:
    """The names of the layers with parameters of their own in this layer or group."""
    inner = layer_named(model, name).named_modules(prefix=name)
    owners = [(n, layer) for n, layer in inner if any(True for _ in layer.parameters(False))]
    if not owners:
        raise ValueError(f"layer {name!r} has no weights to be made random")
    for part, layer in owners:
        if initialise is None and not hasattr(layer, "reset_parameters"):
            raise ValueError(
                f"layer {part!r}, a {type(layer).__name__}, has no reset_parameters: "
                "say how to start it by `initialise`"
            )
    return [part for part, _ in owners]


def _reset(layer: Any) -> None:
    layer.reset_parameters()


# --- how alike two pictures are ---


class Similarity(NamedTuple):
    """How alike the pictures of each image are, (N,) float64 from -1 to 1, 1 for equal ones.

    `rank`: Spearman's rank correlation of the pixels. `ssim`: structural similarity.
    """

    rank: np.ndarray
    ssim: np.ndarray


def similarity(one: Any, other: Any, *, absolute: bool = False) -> Similarity:
    """Compare pictures (N, C, H, W) or (N, H, W), tensors or arrays, pair by pair.

    By two measures of Adebayo et al. (2018), who compare pictures with and without signs: see
    `rank_correlation` and `structural_similarity`, which take the same arguments and raise the
    same errors. (Their third measure, of histograms of gradients, is left out.) Taught in
    chapter 18.
    """
    return Similarity(
        rank_correlation(one, other, absolute=absolute),
        structural_similarity(one, other, absolute=absolute),
    )


def rank_correlation(one: Any, other: Any, *, absolute: bool = False) -> np.ndarray:
    """Spearman's: the correlation of the pixels' ranks, for each pair of pictures, (N,) float64.

    Pictures are (N, C, H, W) or (N, H, W), tensors or arrays; with `absolute` their signs are left
    out. A picture that is the same everywhere has no ranks: NaN. Taught in chapter 18.

    Raises ValueError for pictures of different or other shapes.
    """
    from scipy.stats import rankdata  # takes a second to import, which only this function needs

    pairs = _pairs(one, other, absolute)
    a, b = (rankdata(pictures.reshape(len(pictures), -1), axis=1) for pictures in pairs)
    a, b = (ranks - ranks.mean(axis=1, keepdims=True) for ranks in (a, b))
    lengths = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    empty = np.full(len(a), np.nan)
    return np.divide((a * b).sum(axis=1), lengths, out=empty, where=lengths > 0)


def structural_similarity(one: Any, other: Any, *, absolute: bool = False) -> np.ndarray:
    """Structural similarity (SSIM) of each pair of pictures, (N,) float64: the mean over channels.

    Wang, Bovik, Sheikh and Simoncelli (2004), "Image quality assessment: from error visibility to
    structural similarity", IEEE Transactions on Image Processing 13(4), 600-612. Each picture is
    first divided by its own largest magnitude, so a factor makes no difference. Windows have 7 x 7
    pixels (fewer where the picture does); the range of values is 2, with `absolute`, which leaves
    out the signs, 1. Arguments and errors as in `rank_correlation`. Taught in chapter 18.
    """
    from skimage import metrics

    left, right = _pairs(one, other, absolute)
    side = min(7, *left.shape[2:])
    settings = {
        "win_size": side if side % 2 else side - 1,
        "data_range": 1.0 if absolute else 2.0,
        "channel_axis": 0,
    }
    pairs = zip(left, right, strict=True)
    return np.array([metrics.structural_similarity(a, b, **settings) for a, b in pairs])


def _pairs(one: Any, other: Any, absolute: bool) -> tuple[np.ndarray, np.ndarray]:
    """Both sets of pictures, ready to be compared."""
    left, right = _pictures(one, absolute), _pictures(other, absolute)
    if left.shape != right.shape:
        raise ValueError(f"pictures differ in shape: {left.shape} and {right.shape}")
    return left, right


def _pictures(value: Any, absolute: bool) -> np.ndarray:
    """(N, C, H, W) float64, each divided by its largest magnitude."""
    pictures = np.asarray(value.detach().cpu() if hasattr(value, "detach") else value, dtype=float)
    if pictures.ndim == 3:
        pictures = pictures[:, None]
    if pictures.ndim != 4 or pictures.size == 0 or min(pictures.shape[2:]) < 3:
        raise ValueError(
            "expected pictures (N, C, H, W) or (N, H, W) of at least 3 x 3 pixels, "
            f"got {pictures.shape}"
        )
    largest = np.abs(pictures).max(axis=(1, 2, 3), keepdims=True)
    pictures = np.divide(pictures, largest, out=np.zeros_like(pictures), where=largest > 0)
    return np.abs(pictures) if absolute else pictures
