"""What a layer finds alike: features of a data set, and nearest neighbours among them.

Krizhevsky, Sutskever and Hinton (2012), "ImageNet classification with deep convolutional neural
networks", NIPS, section 6.1 and Figure 4 (right): images whose feature vectors in the last hidden
layer lie nearest to each other. Taught in chapter 19.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from course_utils.introspection.hooks import activations, check_batch


def features(
    model: nn.Module | None, images: Tensor, layer: str = "", *, batch_size: int = 250
) -> Tensor:
    """A vector for each image: images (N, C, H, W) -> (N, D) float, on the CPU.

    `layer` is a module's name; its output is made flat. With no model the vector is the image's
    pixels. Raises ValueError for a name that no layer has, or images that are not a float batch.
    """
    check_batch(images)
    if model is None:
        return images.flatten(1).cpu()
    return activations(model, images, layer, batch_size=batch_size)[layer].flatten(1)


def nearest(
    queries: Tensor, references: Tensor, k: int, *, same: bool = False, batch_size: int = 500
) -> Tensor:
    """The k nearest references of each query: (M, D), (N, D) -> their numbers (M, k), int64.

    Distances are Euclidean; the nearest comes first. With `same=True` queries and references are
    the same vectors in the same order, and none is counted as its own neighbour.

    Raises ValueError for vectors of different lengths, or a k that is not from 1 to what there is.
    """
    if queries.ndim != 2 or references.ndim != 2 or queries.shape[1] != references.shape[1]:
        raise ValueError(
            "expected queries (M, D) and references (N, D), "
            f"got {tuple(queries.shape)} and {tuple(references.shape)}"
        )
    if same and len(queries) != len(references):
        raise ValueError(f"not the same vectors: {len(queries)} and {len(references)} of them")
    most = len(references) - same
    if not 1 <= k <= most:
        raise ValueError(f"k must be from 1 to {most}, got {k}")
    found = []
    for start in range(0, len(queries), batch_size):
        distances = torch.cdist(queries[start : start + batch_size], references)
        if same:
            distances.diagonal(offset=start).fill_(float("inf"))
        found.append(distances.topk(k, largest=False, sorted=True).indices)
    return torch.cat(found)


def precision_at_k(neighbours: Tensor, query_labels: Tensor, reference_labels: Tensor) -> Tensor:
    """The share of each query's neighbours that have its label: (M, k) -> (M,), in 0..1.

    `neighbours` are numbers of references, as `nearest` returns them; labels are (M,) and (N,).
    Raises ValueError if these shapes do not fit, or a number is not one of a reference.
    """
    if neighbours.ndim != 2 or query_labels.shape != neighbours.shape[:1]:
        raise ValueError(
            "expected neighbours (M, k) and query labels (M,), "
            f"got {tuple(neighbours.shape)} and {tuple(query_labels.shape)}"
        )
    if neighbours.numel() == 0:
        raise ValueError("there are no neighbours")
    if not 0 <= int(neighbours.min()) <= int(neighbours.max()) < len(reference_labels):
        raise ValueError(f"a neighbour is not one of the {len(reference_labels)} references")
    alike = reference_labels[neighbours] == query_labels[:, None]
    return alike.float().mean(dim=1)
