"""Six trainings that went wrong, each from a seed, and each mended.  Taught in chapter 21.

`patient("A", seed)` trains and returns what its owner would bring: curves, the network, the data
as they reached it. With ``mended=True`` one thing is different. `story` says what the owner tells,
`source` shows the guilty function. To keep the riddle, do not read on before chapter 21.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn, optim

from course_utils.data import load
from course_utils.scales import at_scale, scale
from course_utils.training import Diverged, History, fit, seed_everything

Pair = tuple[Tensor, Tensor]
BATCH = 50
NAME = "fashion_mnist_small"
MEAN, STD = 0.286, 0.353


@dataclass(frozen=True)
class Case:
    """A training as its owner brings it.

    history: a row an epoch (for F, errors are in degrees). losses: (steps,), the mean loss an
    image of each batch. model: after the last step. train, valid: the tensors that reached the
    network. fresh: images that nobody has touched, prepared as `train` is. loss: the function
    that was minimised.
    """

    history: History
    losses: np.ndarray
    model: nn.Module
    train: Pair
    valid: Pair
    fresh: Pair
    loss: Callable[[Tensor, Tensor], Tensor] = F.cross_entropy


@dataclass
class _Watch:
    """A callback: the mean loss an image of every batch, whatever `fit` minimises."""

    losses: list[float] = field(default_factory=list)

    def on_batch_end(self, state: Any) -> None:
        self.losses.append(float(F.cross_entropy(state.output, state.y)))


def network(outputs: int = 10) -> nn.Sequential:
    """Two convolutions with stride 2 and two dense layers: (N, 1, 28, 28) -> (N, outputs).

    Small, because every patient is trained several times: 26,826 parameters with ten outputs.
    """
    return nn.Sequential(
        *(nn.Conv2d(1, 8, 5, stride=2, padding=2), nn.ReLU()),  # (N, 8, 14, 14)
        *(nn.Conv2d(8, 16, 3, stride=2, padding=1), nn.ReLU()),  # (N, 16, 7, 7)
        *(nn.Flatten(), nn.Linear(16 * 7 * 7, 32), nn.ReLU()),
        nn.Linear(32, outputs),
    )


def healthy(seed: int, *, images: int | None = None, epochs: int | None = None) -> Case:
    """A small network on a part of Fashion-MNIST, with nothing wrong.

    The patients are held against it. Sizes follow the scale where none are given.
    """
    return _train(seed, *_garments(images), epochs=epochs)


def patient(letter: str, seed: int, *, mended: bool = False) -> Case:
    """Train patient A, B, C, D, E or F, or the same with the fault mended.

    The same seed gives the same first weights and the same order of the images, broken or mended.
    What was trained before is kept: the same call again costs nothing.

    Raises ValueError for another letter.
    """
    _function(letter)  # raises for a wrong letter
    return _trained(letter, seed, mended, scale())


@cache
def _trained(letter: str, seed: int, mended: bool, scale: str) -> Case:
    return _function(letter)(seed, mended)


def story(letter: str) -> str:
    """Return what the owner of this patient tells. Raises ValueError for an unknown letter."""
    return inspect.cleandoc(_function(letter).__doc__ or "")


def source(letter: str) -> str:
    """Return the patient's own function, as text. Raises ValueError for an unknown letter."""
    function = _function(letter)
    return inspect.getsource(function).replace(f'    """{function.__doc__}"""\n', "")


# --- the patients ---


def _patient_a(seed: int, mended: bool) -> Case:
    """«The loss falls, and then it crawls. It stays far too high.»"""
    after_the_scores = nn.Identity() if mended else nn.ReLU()
    return _train(seed, *_garments(), last=after_the_scores)


def _patient_b(seed: int, mended: bool) -> Case:
    """«Training goes well. But nothing carries over to new images, not even at the start.»"""
    train, valid = _garments()
    if not mended:
        pixels = load(NAME, "valid", limit=len(valid[1])).images
        pixels = torch.from_numpy(pixels).float()
        valid = (pixels - MEAN) / STD, valid[1]
    return _train(seed, train, valid)


def _patient_c(seed: int, mended: bool) -> Case:
    """«It learns, only slowly. And the longer I train, the worse it gets on new images.»"""
    (x, y), valid = _garments(at_scale(smoke=50, lecture=500, full=2000))
    order = torch.randperm(len(y), generator=torch.Generator().manual_seed(seed))
    x = x[order]
    if mended:
        y = y[order]
    epochs = at_scale(smoke=2, lecture=20, full=40)
    return _train(seed, (x, y), valid, epochs=epochs)


def _patient_d(seed: int, mended: bool) -> Case:
    """«I had few images, so I repeated each to get more. Now it is nearly perfect.»"""
    x, y = _garments(at_scale(smoke=40, lecture=300, full=300))[0]
    order = torch.randperm(len(y), generator=torch.Generator().manual_seed(seed))
    x, y = x[order], y[order]
    if mended:
        cut = len(y) * 3 // 4
        train, valid = (x[:cut].repeat(4, 1, 1, 1), y[:cut].repeat(4)), (x[cut:], y[cut:])
    else:
        x, y = x.repeat(4, 1, 1, 1), y.repeat(4)
        order = torch.randperm(len(y), generator=torch.Generator().manual_seed(seed))
        train, valid = ((x[part], y[part]) for part in order.split(len(y) * 3 // 4))
    return _train(seed, train, valid)


def _patient_e(seed: int, mended: bool) -> Case:
    """«I took a learning rate of 0.05 with momentum, as everybody does. It will not even start.»"""

    def loss(scores: Tensor, labels: Tensor) -> Tensor:
        return F.cross_entropy(scores, labels, reduction="mean" if mended else "sum")

    def rule(parameters: Any) -> optim.Optimizer:
        return optim.SGD(parameters, lr=0.05, momentum=0.9)

    return _train(seed, *_garments(), rule=rule, loss=loss)


def _patient_f(seed: int, mended: bool) -> Case:
    """«It is to say by how many degrees a garment was turned. The error hardly falls at all.»"""

    def loss(answers: Tensor, degrees: Tensor) -> Tensor:  # of a batch: (N, 1) and (N,)
        if mended:
            answers = answers.squeeze(1)
        return ((answers - degrees) ** 2).mean()

    return _train_on_angles(seed, loss)


_PATIENTS = {
    "A": _patient_a,
    "B": _patient_b,
    "C": _patient_c,
    "D": _patient_d,
    "E": _patient_e,
    "F": _patient_f,
}


def _function(letter: str) -> Callable[[int, bool], Case]:
    if letter not in _PATIENTS:
        raise ValueError(f"a patient is one of {', '.join(_PATIENTS)}, got {letter!r}")
    return _PATIENTS[letter]


# --- what all of them share ---


def _garments(images: int | None = None) -> tuple[Pair, Pair]:
    """Training and validation tensors, normalised in the same way."""
    images = at_scale(smoke=100, lecture=800, full=8000) if images is None else images
    return _tensors("train", images), _tensors("valid", _held_back())


@cache
def _tensors(split: str, images: int) -> Pair:
    """Read once: reading takes longer than some of the trainings."""
    return load(NAME, split, limit=images).tensors()


def _held_back() -> int:
    return at_scale(smoke=50, lecture=500, full=2000)


def _train(
    seed: int,
    train: Pair,
    valid: Pair,
    *,
    last: nn.Module | None = None,
    rule: Callable[[Any], optim.Optimizer] | None = None,
    loss: Callable[[Tensor, Tensor], Tensor] = F.cross_entropy,
    epochs: int | None = None,
) -> Case:
    """Fit the network, with a layer behind it if one is given; a run that diverges ends there."""
    seed_everything(seed)
    model = network()
    if last is not None:
        model.append(last)
    watch, epochs = _Watch(), epochs or at_scale(smoke=2, lecture=8, full=20)
    settings: dict[str, Any] = {"epochs": epochs, "batch_size": BATCH, "loss": loss}
    settings |= {"optimizer": rule or _adam, "callbacks": [watch], "seed": seed, "device": "cpu"}
    history = History()
    try:
        history = fit(model, train, valid, **settings)
    except Diverged as end:
        history = end.history
    fresh = _tensors("test", _held_back())
    return Case(history, np.array(watch.losses), model, train, valid, fresh, loss)


def _adam(parameters: Any) -> optim.Optimizer:
    return optim.Adam(parameters, lr=0.002, fused=True)  # one pass over all weights: faster


def _train_on_angles(seed: int, loss: Callable[[Tensor, Tensor], Tensor]) -> Case:
    """Turn garments by -45 to 45 degrees, and let a network say by how many."""
    draw = torch.Generator().manual_seed(seed)
    train, valid = (_turned(x, draw) for x, _ in _garments())
    fresh = _turned(_tensors("test", _held_back())[0], draw)
    seed_everything(seed)
    model = network(outputs=1)
    rule, losses, history = _adam(model.parameters()), [], History()
    for epoch in range(1, at_scale(smoke=2, lecture=8, full=20) + 1):
        for rows in torch.randperm(len(train[1]), generator=draw).split(BATCH):
            x, y = train[0][rows], train[1][rows]
            step = loss(model(x), y)
            rule.zero_grad()
            step.backward()
            rule.step()
            losses.append(step.item())
        row = {"epoch": epoch, "train_error": _off(model, train), "valid_error": _off(model, valid)}
        history.epochs.append(row)
    return Case(history, np.array(losses), model, train, valid, fresh, loss)


def _turned(x: Tensor, draw: torch.Generator) -> Pair:
    """Each image turned by an angle of its own; the angles in degrees, (N,)."""
    degrees = 90 * torch.rand(len(x), generator=draw) - 45
    cos, sin, zero = torch.cos(degrees.deg2rad()), torch.sin(degrees.deg2rad()), 0 * degrees
    rows = [torch.stack([cos, -sin, zero], dim=1), torch.stack([sin, cos, zero], dim=1)]
    grid = F.affine_grid(torch.stack(rows, dim=1), list(x.shape), align_corners=False)
    dark = x.amin(dim=(2, 3), keepdim=True)
    return F.grid_sample(x - dark, grid, align_corners=False) + dark, degrees


def _off(model: nn.Module, data: Pair) -> float:
    """Root of the mean squared error, in degrees."""
    x, y = data
    with torch.no_grad():
        return float(F.mse_loss(model(x).squeeze(1), y).sqrt())
