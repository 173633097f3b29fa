"""How early each layer settles in the course of training: two rulers.  Taught in chapter 18.

- Zeiler and Fergus (2014), "Visualizing and understanding convolutional networks", ECCV, Figure 4:
  lower layers settle first, by eye.
- Raghu, Gilmer, Yosinski and Sohl-Dickstein (2017), "SVCCA: singular vector canonical correlation
  analysis for deep learning dynamics and interpretability", Advances in Neural Information
  Processing Systems 30: the same by similarity of each layer's answers to its last ones, and
  «freeze training», which stops training the lower layers earlier.
- Kornblith, Norouzi, Lee and Hinton (2019), "Similarity of neural network representations
  revisited", ICML, section 3: linear CKA, the similarity taken here.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from course_utils.introspection.hooks import activations, layer_named

Snapshots = Mapping[int, Mapping[str, Tensor]]  # epoch -> state_dict, as training.Snapshots keeps


def linear_cka(one: Tensor, other: Tensor) -> float:
    """Linear centred kernel alignment of answers to the same N images, from 0 to 1.

    With the answers (N, ...) as rows of X and Y, each column minus its mean,

        CKA = ||Y^T X||^2 / (||X^T X|| ||Y^T Y||)

    (Frobenius norms; Kornblith et al., 2019, section 3).
    It is 1 for answers that are equal up to a rotation, a factor and an offset, and the layers may
    differ in width. Of unrelated answers it is not 0: with few images and many units it comes near
    1, so compare it with that of an unrelated network. NaN where a layer answers all images alike.
    Taught in chapter 18.

    Raises ValueError for another number of images, or fewer than two.
    """
    if one.ndim < 2 or other.ndim < 2 or len(one) != len(other) or len(one) < 2:
        raise ValueError(
            "expected answers to the same images, at least two: (N, ...) and (N, ...); "
            f"got {tuple(one.shape)} and {tuple(other.shape)}"
        )
    x, y = (answers.detach().flatten(1).double() for answers in (one, other))
    x, y = x - x.mean(dim=0), y - y.mean(dim=0)
    if max(x.shape[1], y.shape[1]) <= len(x):
        top, left, right = (y.T @ x).square().sum(), (x.T @ x).norm(), (y.T @ y).norm()
    else:  # the same numbers from tables (N, N), which then are the smaller ones
        k, m = x @ x.T, y @ y.T
        top, left, right = (k * m).sum(), k.norm(), m.norm()
    return float(top / (left * right))


def representation_similarity(
    model: nn.Module,
    snapshots: Snapshots,
    images: Tensor,
    layers: Iterable[str],
    *,
    batch_size: int = 250,
) -> dict[str, np.ndarray]:
    """CKA of each layer at each snapshot with the same layer at the last one: by name, (T,).

    `snapshots` maps an epoch to the model's state_dict, as `training.Snapshots.weights` does; the
    curves are in the order of the epochs. `images` (N, C, H, W), best ones that were not trained
    on. The model itself keeps its weights. Taught in chapter 18.

    Raises ValueError for an unknown layer, no snapshots, or images that are no float batch.
    """
    epochs, layers = _epochs(snapshots), list(layers)
    moving = copy.deepcopy(model)

    def answers_at(epoch: int) -> dict[str, Tensor]:
        moving.load_state_dict(dict(snapshots[epoch]))
        return activations(moving, images, layers, batch_size=batch_size)

    last = answers_at(epochs[-1])
    curves: dict[str, list[float]] = {layer: [] for layer in layers}
    for epoch in epochs:
        now = answers_at(epoch)
        for layer in layers:
            curves[layer].append(linear_cka(now[layer], last[layer]))
    return {layer: np.array(curve) for layer, curve in curves.items()}


def weight_distance(
    model: nn.Module, snapshots: Snapshots, layers: Iterable[str]
) -> dict[str, np.ndarray]:
    """How much of its way a layer's weights still have to go: by name, (T,), 1 at first, 0 at last.

        ||W_t - W_T|| / ||W_0 - W_T||

    with all parameters of the layer as one vector; `snapshots` as in `representation_similarity`.
    A detour may take it above 1. NaN for a layer that did not move. Taught in chapter 18.

    Raises ValueError for an unknown layer, one without parameters, or fewer than two snapshots.
    """
    epochs = _epochs(snapshots)
    if len(epochs) < 2:
        raise ValueError("a distance needs at least two snapshots, the first and the last")
    curves = {}
    for layer in layers:
        names = [f"{layer}.{name}" for name, _ in layer_named(model, layer).named_parameters()]
        if not names:
            raise ValueError(f"layer {layer!r} has no parameters, so they have no way to go")
        weights = [torch.cat([snapshots[t][n].flatten().double() for n in names]) for t in epochs]
        way = torch.stack([(w - weights[-1]).norm() for w in weights])
        curves[layer] = (way / way[0]).cpu().numpy()
    return curves


def settled_from(epochs: Sequence[int], curve: Any, level: float) -> int | None:
    """The first epoch from which on a curve stays at or above `level`; None if it never does.

    For a distance, which falls, pass ``-curve`` and ``-level``. Taught in chapter 18.

    Raises ValueError if there is not one value for each epoch.
    """
    values = np.asarray(curve, dtype=float)
    if values.shape != (len(epochs),):
        raise ValueError(f"expected {len(epochs)} values, one an epoch, got {values.shape}")
    below = np.flatnonzero(~(values >= level))
    first = int(below[-1]) + 1 if len(below) else 0
    return epochs[first] if first < len(epochs) else None


def _epochs(snapshots: Snapshots) -> list[int]:
    if not snapshots:
        raise ValueError("there are no snapshots")
    return sorted(snapshots)
