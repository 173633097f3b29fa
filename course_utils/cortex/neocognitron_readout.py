"""What a trained neocognitron has learned: names for planes, receptive fields, favourite patches.

Taught in chapter 3.
"""

from __future__ import annotations

import numpy as np

from course_utils.cortex.neocognitron import Neocognitron


def cluster_names(clusters: np.ndarray, labels: np.ndarray, count: int) -> np.ndarray:
    """Name each cluster after its most frequent label: (count,) int; -1 for an empty cluster.

    Parameters
    ----------
    clusters
        ``(N,)``: the winning plane (or k-means cluster) of each image; -1 is no cluster.
    labels
        ``(N,)``: what the images show. Used for the names only, never for learning.
    count
        Number of clusters.
    """
    clusters, labels = _pair(clusters, labels)
    votes = np.zeros((count, labels.max() + 1), dtype=int)
    np.add.at(votes, (clusters[clusters >= 0], labels[clusters >= 0]), 1)
    return np.where(votes.sum(axis=1) > 0, votes.argmax(axis=1), -1)


def purity(clusters: np.ndarray, labels: np.ndarray) -> float:
    """Share of images that carry the most frequent label of their cluster; 1 is pure.

    Images without a cluster (-1) count as wrong.
    """
    clusters, labels = _pair(clusters, labels)
    most = [np.bincount(labels[clusters == k]).max() for k in np.unique(clusters) if k >= 0]
    return float(sum(most) / len(labels))


def read_out(clusters: np.ndarray, names: np.ndarray) -> np.ndarray:
    """The name of each image's cluster, (N,), and -1 where there is none."""
    return np.append(names, -1)[clusters]  # the index -1 finds the -1


def _pair(clusters: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    clusters, labels = np.asarray(clusters), np.asarray(labels)
    if clusters.ndim != 1 or clusters.shape != labels.shape or len(labels) == 0:
        raise ValueError(
            f"expected clusters and labels of one shape (N,); got {clusters.shape}, {labels.shape}"
        )
    return clusters, labels


def receptive_fields(network: Neocognitron) -> dict[str, np.ndarray]:
    """First and last pixel that each cell can see, along one axis.

    Returns
    -------
    dict
        ``{"S1": (side, 2), "C1": ..., ...}``; the fields are cut off at the image's border.
    """
    seen = np.stack([np.arange(network.input_side)] * 2, axis=1)
    fields = {}
    for number, (stage, starts) in enumerate(zip(network.stages, network.starts, strict=True), 1):
        for kind, start, area in zip("SC", starts, (stage.s_area, stage.c_area), strict=True):
            first, last = np.clip([start, start + area - 1], 0, len(seen) - 1)
            seen = np.stack([seen[first, 0], seen[last, 1]], axis=1)
            fields[f"{kind}{number}"] = seen
    return fields


def favourite_patches(
    network: Neocognitron, images: np.ndarray, stage: int
) -> tuple[np.ndarray, np.ndarray]:
    """For each plane, the piece of an image that excites one of its S-cells most.

    Parameters
    ----------
    images
        ``(N, H, W)``.
    stage
        0 for S1, 1 for S2, …

    Returns
    -------
    patches, responses
        ``(K, size, size)`` with the size of the layer's largest field, dark beyond the image, and
        ``(K,)``. A plane that never answers has a dark patch.
    """
    images = np.asarray(images, dtype=float)
    s = network.respond(images)[stage].s
    planes, side = s.shape[1], s.shape[-1]
    best = s.transpose(1, 0, 2, 3).reshape(planes, -1).argmax(axis=1)
    field = receptive_fields(network)[f"S{stage + 1}"]
    size = int((field[:, 1] - field[:, 0]).max()) + 1
    patches, responses = np.zeros((planes, size, size)), np.zeros(planes)
    for k, place in enumerate(best):
        n, i, j = np.unravel_index(place, (len(s), side, side))
        responses[k] = s[n, k, i, j]
        if responses[k] > 0:
            piece = images[n, field[i, 0] : field[i, 1] + 1, field[j, 0] : field[j, 1] + 1]
            patches[k, : piece.shape[0], : piece.shape[1]] = piece
    return patches, responses
