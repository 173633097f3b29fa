"""A trained network as a source of features for another task.  Taught in chapter 21.

`backbone()` takes the network that others trained on ImageNet where there is one, else a small one
that it trains itself on five kinds of garments, to be used for the other five.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits
from torch import Tensor, nn, optim

from course_utils.data import load
from course_utils.pretrained import Pretrained
from course_utils.scales import at_scale
from course_utils.training import fit, seed_everything

NAME = "fashion_mnist_small"
KNOWN = (1, 5, 7, 8, 9)  # trousers, sandals, sneakers, bags, boots: what our own network learns
NEW = (0, 2, 3, 4, 6)  # T-shirts, pullovers, dresses, coats, shirts
MEAN, STD = 0.286, 0.353  # of Fashion-MNIST's training pixels, on the scale 0..1


class _Reached(Exception):
    """The layer has answered: what follows it need not be computed."""


class UpTo(nn.Module):
    """What a layer of a network puts out, maps averaged over their places: images -> (N, D).

    Layers behind it are not computed. It stays in evaluation mode, in training too: batch
    normalisation keeps the statistics that it came with, which a few small batches could only
    spoil, and dropout is off.
    """

    def __init__(self, model: nn.Module, layer: str) -> None:
        super().__init__()
        self.model, self.layer = model, layer
        model.get_submodule(layer).register_forward_hook(self._keep)
        self.kept: Tensor | None = None
        self.stops = False
        self.eval()

    def _keep(self, module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        self.kept = output
        if self.stops:
            raise _Reached

    def forward(self, x: Tensor) -> Tensor:
        """Images as the network takes them -> (N, D)."""
        self.stops = True
        try:
            self.model(x)
        except _Reached:
            pass
        finally:
            self.stops = False
        return self.taken()

    def taken(self) -> Tensor:
        """What the last pass left at the layer, (N, D)."""
        kept, self.kept = self.kept, None
        if kept is None:
            raise RuntimeError(f"no image has passed {self.layer!r} since it was last asked")
        return kept.mean(dim=(2, 3)) if kept.ndim == 4 else kept

    def train(self, mode: bool = True) -> UpTo:
        """Stay in evaluation mode, whatever is asked."""
        return super().train(False)


@dataclass(frozen=True)
class Backbone:
    """A trained network and how to use it.

    model: the network. layers: names of layers to take features from, the last hidden one last.
    prepare: pixels (N, 1, 28, 28) on the scale 0..255 -> what the network takes. classes: numbers
    of the garments that are new to it. source: what it is, in words.
    """

    model: nn.Module
    layers: tuple[str, ...]
    prepare: Callable[[Tensor], Tensor]
    classes: tuple[int, ...]
    source: str

    def up_to(self, layer: str) -> UpTo:
        """A copy of the network that puts out the features of this layer."""
        return UpTo(copy.deepcopy(self.model), layer)


def backbone(found: Pretrained | None, *, side: int = 64) -> Backbone:
    """The network that was found, for grey images enlarged to `side` pixels; else our own.

    `side` is a multiple of 32, at least 64. Raises ValueError for another one.
    """
    if side < 64 or side % 32:
        raise ValueError(f"side must be a multiple of 32, at least 64, got {side}")
    return _our_own() if found is None else _from_imagenet(found, side)


def _from_imagenet(found: Pretrained, side: int) -> Backbone:
    def prepare(pixels: Tensor) -> Tensor:
        large = F.interpolate(pixels, (side, side), mode="bicubic", antialias=True)
        colour = large.clamp(0, 255).expand(-1, 3, -1, -1)
        return found.normalise(colour).contiguous(memory_format=torch.channels_last)

    model = found.model.to(memory_format=torch.channels_last).eval()
    # Where "flatten" follows it, "head" holds the same numbers before they are averaged.
    names = [n for n in found.layers if n != "head" or "flatten" not in found.layers]
    return Backbone(model, tuple(names[-4:]), prepare, tuple(range(10)), found.source)


def _our_own() -> Backbone:
    """Train three convolutions on the known garments."""
    train = load(NAME, "train", limit=at_scale(smoke=200, lecture=8000, full=8000))
    rows = np.isin(train.labels, KNOWN)
    pixels = torch.from_numpy(train.images[rows]).float()
    labels = torch.from_numpy(np.searchsorted(KNOWN, train.labels[rows]))
    seed_everything(0)
    model = nn.Sequential()
    for number, (before, after, stride) in enumerate(((1, 16, 2), (16, 32, 2), (32, 64, 1))):
        convolution = nn.Conv2d(before, after, 3, stride, 1, bias=False)
        block = nn.Sequential(convolution, nn.BatchNorm2d(after), nn.ReLU())
        model.add_module(f"block{number + 1}", block)
    model.add_module("pool", nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten()))
    model.add_module("scores", nn.Linear(64, len(KNOWN)))
    fit(
        model,
        (_normalised(pixels), labels),
        None,
        epochs=at_scale(smoke=1, lecture=4, full=20),
        batch_size=50,
        optimizer=lambda p: optim.Adam(p, lr=0.003),
        device="cpu",
    )
    model.zero_grad(set_to_none=True)
    source = "our own small network, trained on five kinds of garments, for the other five"
    return Backbone(model.eval(), ("block1", "block2", "block3"), _normalised, NEW, source)


def _normalised(pixels: Tensor) -> Tensor:
    return (pixels / 255 - MEAN) / STD


def features(body: nn.Module, inputs: Tensor, batch_size: int = 50) -> Tensor:
    """(N, ...) -> (N, D), without gradients, in small batches."""
    with torch.no_grad():
        return torch.cat([body(part) for part in inputs.split(batch_size)])


def features_by_layer(source: Backbone, inputs: Tensor, batch_size: int = 50) -> dict[str, Tensor]:
    """The features of every layer of `source.layers`, each (N, D), from one pass."""
    bodies = [source.up_to(source.layers[-1])]
    for layer in source.layers[:-1]:  # all of them listen to one copy of the network
        bodies.insert(-1, UpTo(bodies[-1].model, layer))
    parts: dict[str, list[Tensor]] = {layer: [] for layer in source.layers}
    with torch.no_grad():
        for part in inputs.split(batch_size):
            bodies[-1].model(part)
            for body in bodies:
                parts[body.layer].append(body.taken())
    return {layer: torch.cat(found) for layer, found in parts.items()}


def linear_head(x: Tensor, y: np.ndarray, strength: float) -> nn.Linear:
    """A softmax regression on features (N, D), as a layer: scores (N, K).

    Each feature is first brought to mean 0 and deviation 1; that is then folded into the weights.
    `strength` is scikit-learn's C: the smaller, the stronger the weight decay.
    """
    mean, std = x.mean(dim=0), x.std(dim=0) + 1e-6
    z = ((x - mean) / std).numpy()
    with threadpool_limits(1):  # small matrices: more threads would only wait for each other
        fitted = LogisticRegression(C=strength, max_iter=1000).fit(z, y)
    head = nn.Linear(x.shape[1], len(fitted.classes_))
    with torch.no_grad():
        weight = torch.from_numpy(fitted.coef_).float() / std
        head.weight.copy_(weight)
        head.bias.copy_(torch.from_numpy(fitted.intercept_).float() - weight @ mean)
    return head
