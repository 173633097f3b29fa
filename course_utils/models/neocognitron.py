"""The neocognitron with a teacher: a class layer on top, backpropagation below (PyTorch).

The planes, areas and weights come from a trained or untrained
:class:`course_utils.cortex.Neocognitron` (Fukushima, 1980). What is added is what the years after
it added: labels, and the gradient. C-cells are never trained.  Taught in chapter 3.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from course_utils.cortex.neocognitron_cells import area_sums

if TYPE_CHECKING:
    from course_utils.cortex.neocognitron import Neocognitron


class Areas(nn.Module):
    """Adds silent cells around planes, and picks the areas that a layer has.

    `starts` (integers) holds the first row of each area, as in `course_utils.cortex`; an operation
    with stride 1 answers for every area, and `pick` keeps those that begin at `starts`.
    """

    def __init__(self, starts: Any, area: int, side_in: int) -> None:
        super().__init__()
        before, after = max(0, -int(starts[0])), max(0, int(starts[-1]) + area - side_in)
        self.rings = (before, after, before, after)
        first, last = before + int(starts[0]), before + int(starts[-1])
        self.every = slice(first, last + 1) if len(starts) == last - first + 1 else None
        self.register_buffer("index", torch.as_tensor(starts) + before)

    def pad(self, u: Tensor) -> Tensor:
        """(N, K, H, W) -> (N, K, H + rings, W + rings)."""
        return F.pad(u, self.rings)

    def pick(self, answers: Tensor) -> Tensor:
        """All areas' answers -> (N, K, out, out)."""
        if self.every is not None:  # neighbours: a view costs nothing
            return answers[..., self.every, self.every]
        return answers[..., self.index[:, None], self.index]


class FukushimaStage(nn.Module):
    """S- and C-cells with Fukushima's equations; a and b can be trained, c and d are fixed.

    Learning without a teacher leaves weights of very different sizes. So a is stored in units of
    `scale` times c, and b in units of `scale`, one number a plane; one learning rate suits all.
    """

    def __init__(self, network: Neocognitron, number: int, side_in: int) -> None:
        super().__init__()
        stage, (below, above) = network.stages[number], network.starts[number]
        self.r, self.alpha = stage.r, network.alpha
        self.below = Areas(below, stage.s_area, side_in)
        a, b, c = (
            torch.as_tensor(weights[number], dtype=torch.float32)
            for weights in (network.a, network.b, network.c)
        )
        scale = 1 + b
        self.register_buffer("scale", scale)
        self.register_buffer("c", _matrix(network.c[number], below, side_in))
        self.register_buffer("d", _matrix(network.d[number], above, stage.s_side))
        self.register_buffer("unit", scale[:, None, None, None] * c)  # (K, 1, area, area)
        self.a = nn.Parameter(a / self.unit)
        self.b = nn.Parameter(b / scale)

    def forward(self, u: Tensor) -> Tensor:
        """(N, Kin, H, W) -> (N, K, H', W')."""
        return self.c_cells(self.s_cells(u))

    def s_cells(self, u: Tensor) -> Tensor:
        """``r phi[(1 + e) / (1 + h) - 1]``; b counts as 0 where training made it negative."""
        e = self.below.pick(F.conv2d(self.below.pad(u), self.a * self.unit))
        # the tiny number keeps the root's gradient finite where nothing is seen
        v = _sum_areas((u**2).sum(dim=1, keepdim=True), self.c).clamp(min=1e-12).sqrt()
        b = (self.b * self.scale).clamp(min=0)[:, None, None]
        h = 2 * self.r / (1 + self.r) * b * v
        return self.r * F.relu((1 + e) / (1 + h) - 1)

    def c_cells(self, s: Tensor) -> Tensor:
        """``psi[(1 + sum d s) / (1 + v_S) - 1]``."""
        sums = _sum_areas(s, self.d)
        x = F.relu((1 + sums) / (1 + sums.mean(dim=1, keepdim=True)) - 1)
        return x / (self.alpha + x)


def _matrix(weights: Any, starts: Any, side: int) -> Tensor:
    """The fixed sums over areas, (side * side, out * out)."""
    return torch.tensor(area_sums(weights, starts, side), dtype=torch.float32)


def _sum_areas(planes: Tensor, matrix: Tensor) -> Tensor:
    """(N, K, H, W) and (H W, out out) -> (N, K, out, out)."""
    out = math.isqrt(matrix.shape[1])
    return (planes.flatten(2) @ matrix).unflatten(2, (out, out))


class ReluMaxStage(nn.Module):
    """The same planes and areas as a convolution, a ReLU and a max pooling."""

    def __init__(self, network: Neocognitron, number: int, side_in: int) -> None:
        super().__init__()
        stage, (below, above) = network.stages[number], network.starts[number]
        self.c_area = stage.c_area
        self.below = Areas(below, stage.s_area, side_in)
        self.above = Areas(above, stage.c_area, stage.s_side)
        planes_in = network.a[number].shape[1]
        self.conv = nn.Conv2d(planes_in, stage.planes, stage.s_area)

    def forward(self, u: Tensor) -> Tensor:
        """(N, Kin, H, W) -> (N, K, H', W')."""
        s = F.relu(self.below.pick(self.conv(self.below.pad(u))))
        # with planes as the last axis in memory PyTorch pools several times faster
        frame = self.above.pad(s).contiguous(memory_format=torch.channels_last)
        return self.above.pick(F.max_pool2d(frame, self.c_area, stride=1))


class Classifier(nn.Module):
    """Stages and a linear class layer on the last C-layer."""

    def __init__(self, stages: list[nn.Module], features: int, num_classes: int) -> None:
        super().__init__()
        self.stages = nn.Sequential(*stages)
        self.output = nn.Linear(features, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        """Class scores: (N, 1, side, side) -> (N, num_classes)."""
        if x.ndim != 4 or x.shape[1] != 1:
            raise ValueError(f"expected images of shape (N, 1, side, side), got {tuple(x.shape)}")
        return self.output(self.stages(x).flatten(1))


def supervised_neocognitron(
    network: Neocognitron, num_classes: int = 10, *, frozen: bool = False
) -> Classifier:
    """Put a class layer on a neocognitron's last C-layer.  Taught in chapter 3.

    Parameters
    ----------
    network
        With Fukushima's cells; its learned weights are copied, and are where training begins.
    frozen
        True: only the class layer can be trained. False: backpropagation trains a and b of every
        S-layer too.
    """
    _check(network, num_classes)
    if network.cells != "fukushima":
        raise ValueError(
            "expected a network with Fukushima's cells; for ReLU and max: same_sized_cnn"
        )
    model = _classifier(FukushimaStage, network, num_classes)
    model.stages.requires_grad_(not frozen)
    return model


def same_sized_cnn(network: Neocognitron, num_classes: int = 10) -> Classifier:
    """A convolutional network with the neocognitron's planes and areas.  Taught in chapter 3.

    Convolutions, ReLU and max pooling with PyTorch's first weights; only the architecture of
    `network` is used, not its weights.
    """
    _check(network, num_classes)
    return _classifier(ReluMaxStage, network, num_classes)


def _classifier(kind: type, network: Neocognitron, num_classes: int) -> Classifier:
    sides = [network.input_side, *(stage.c_side for stage in network.stages)]
    stages = [kind(network, k, sides[k]) for k in range(len(network.stages))]
    return Classifier(stages, network.stages[-1].planes * sides[-1] ** 2, num_classes)


def _check(network: Neocognitron, num_classes: int) -> None:
    if not hasattr(network, "starts"):
        raise ValueError(
            f"expected a course_utils.cortex.Neocognitron, got {type(network).__name__}"
        )
    if isinstance(num_classes, bool) or not isinstance(num_classes, int) or num_classes < 1:
        raise ValueError(f"num_classes must be a whole number of at least 1, got {num_classes!r}")
