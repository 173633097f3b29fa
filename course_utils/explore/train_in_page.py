"""Figure 8: a small CNN learns to read digits in the page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any, ClassVar

import numpy as np

from course_utils.explore import svg
from course_utils.explore.draw_digit import pixels
from course_utils.explore.figure import Figure, checked_integer

RATES = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0)
MOMENTA = (0.0, 0.5, 0.9, 0.95, 0.99)
BATCHES = (8, 16, 32, 64, 128)
SPLITS, SIZES = ("train", "valid", "test"), (800, 150, 150)
SHAPES = {"w1": (8, 1, 5, 5), "b1": (8,), "w2": (16, 8, 3, 3), "b2": (16,)}
SHAPES |= {"w3": (10, 64), "b3": (10,)}
READS = {"1": 25, "2": 72, "3": 64}  # inputs of one unit of each layer
STILL_STEPS = 90  # of the still


class TrainInPage(Figure):
    """A CNN of 2,026 weights and biases learns scikit-learn's 8 x 8 digits in the reader's browser.

    Parameters
    ----------
    rate, momentum, batch
        Learning rate, momentum and images in a batch to start with; each one of those that the
        figure offers: `RATES`, `MOMENTA`, `BATCHES`.
    seed
        From 0 to 9: the first weights and the order of the images.

    Raises
    ------
    ValueError
        If a setting is not as said above.

    Used in chapter 11. Its forward and backward pass and its steps are those of PyTorch in
    float64. It has 800 images of scikit-learn's to learn from, 150 to validate and 150 to test.
    """

    module: ClassVar[str] = "train_in_page"
    title: ClassVar[str] = "Train a CNN, here in the page."

    def __init__(
        self, rate: float = 0.03, momentum: float = 0.9, batch: int = 32, *, seed: int = 0
    ) -> None:
        super().__init__(
            rate=_one_of("rate", rate, RATES),
            momentum=_one_of("momentum", momentum, MOMENTA),
            batch=_one_of("batch", batch, BATCHES),
            seed=checked_integer("seed", seed, 0, 9),
            **{split: packed(split) for split in SPLITS},
        )

    def description(self) -> str:
        """Return the still's alternative text."""
        losses = self._losses()
        return (
            f"The loss of a small CNN over its first {len(losses)} steps, with learning rate "
            f"{self.state['rate']:g} and momentum {self.state['momentum']:g}: from "
            f"{losses[0]:.2f} to a mean of {losses[-5:].mean():.2f} in the last five. Beside it "
            "the first twelve of the 8 by 8 digits that it learns from."
        )

    def still(self) -> str:
        """Return the still picture."""
        losses, (images, labels) = self._losses(), splits()["train"]
        x = 34 + 360 * (np.arange(len(losses)) + 0.5) / len(losses)
        y = 200 - 165 * np.minimum(losses, 3) / 3
        line = "M" + "L".join(f"{a:.1f} {b:.1f}" for a, b in zip(x, y, strict=True))
        curve = f'<path d="{line}" style="fill: none; stroke: var(--cf-bar); stroke-width: 2"/>'
        axis = '<path d="M34 35V200H394" style="fill: none; stroke: var(--cf-edge)"/>'
        parts = [svg.text(0, 12, "Loss of each batch (nats)"), svg.text(440, 12, "Digits to learn")]
        parts += [svg.text(26, 200 - 55 * k, str(k), anchor="end", color="quiet") for k in range(4)]
        parts += [axis, curve, svg.text(214, 216, "step", anchor="middle", color="quiet")]
        for n in range(12):
            left, top = 440 + 64 * (n % 4), 30 + 64 * (n // 4)
            parts.append(pixels(left, top, 46, images[n]))
            parts.append(svg.text(left + 23, top + 54, str(labels[n]), size=11, anchor="middle"))
        return svg.picture(702, 226, parts, self.description())

    def _losses(self) -> np.ndarray:
        names = ("rate", "momentum", "batch", "seed")
        return first_losses(*(self.state[name] for name in names))


@cache
def splits() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return each split's images (N, 8, 8), ink from 0 to 1 in eighths, and labels (N,).

    Drawn from scikit-learn's 1,797 with a fixed seed, without repetition, so the same hands wrote
    all three. Grey levels are halved, from 16 to 8, and fewer images shipped: the page stays light.
    """
    from sklearn.datasets import load_digits

    digits = load_digits()
    order = np.array(shuffled(len(digits.target), uniform(0))[: sum(SIZES)])
    parts = np.split(order, np.cumsum(SIZES)[:-1])
    return {
        split: ((digits.images[rows] + 1) // 2 / 8, digits.target[rows])
        for split, rows in zip(SPLITS, parts, strict=True)
    }


@cache
def packed(split: str) -> list[str]:
    """Return a split as text: a letter a pixel, from a for paper to i for ink, a digit a label."""
    images, labels = splits()[split]
    letters = (8 * images).astype(np.uint8) + ord("a")
    return [letters.tobytes().decode("ascii"), "".join(map(str, labels))]


def uniform(seed: int) -> Iterator[float]:
    """Yield the figure's random numbers from 0 to 1: mulberry32, by Tommy Ettinger."""
    mask, a = 0xFFFFFFFF, seed
    while True:
        a = (a + 0x6D2B79F5) & mask
        t = (a ^ (a >> 15)) * (a | 1) & mask
        t ^= (t + ((t ^ (t >> 7)) * (t | 61) & mask)) & mask
        yield (t ^ (t >> 14)) / 2**32


def initial(random: Iterator[float]) -> dict[str, np.ndarray]:
    """Return the first weights: uniform within 1 / sqrt(inputs of a unit), as PyTorch's layers."""
    weights = {}
    for name, shape in SHAPES.items():
        draws = np.array([next(random) for _ in range(int(np.prod(shape)))])
        weights[name] = (2 * draws - 1).reshape(shape) / np.sqrt(READS[name[1]])
    return weights


def shuffled(count: int, random: Iterator[float]) -> list[int]:
    """Return an epoch's order of the images: Fisher and Yates' shuffle, from the end."""
    order = list(range(count))
    for n in range(count - 1, 0, -1):
        other = int(next(random) * (n + 1))
        order[n], order[other] = order[other], order[n]
    return order


def scores(weights: dict[str, Any], x: Any) -> Any:
    """Return the network's scores, by PyTorch: images (N, 1, 8, 8) -> (N, 10)."""
    from torch.nn import functional as F

    x = F.max_pool2d(F.conv2d(x, weights["w1"], weights["b1"], padding=2).relu(), 2)
    x = F.max_pool2d(F.conv2d(x, weights["w2"], weights["b2"], padding=1).relu(), 2)
    return F.linear(x.flatten(1), weights["w3"], weights["b3"])


@cache
def first_losses(
    rate: float, momentum: float, batch: int, seed: int, steps: int = STILL_STEPS
) -> np.ndarray:
    """Return the loss of each of the first steps, in float64, with PyTorch's gradients."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # such small sums only get slower when they are shared out
    try:
        losses = _losses_of_steps(rate, momentum, batch, seed)
        return np.array([next(losses) for _ in range(steps)])
    finally:
        torch.set_num_threads(threads)


def _losses_of_steps(rate: float, momentum: float, batch: int, seed: int) -> Iterator[float]:
    import torch
    from torch.nn import functional as F

    images, labels = (torch.from_numpy(part) for part in splits()["train"])
    random = uniform(seed)
    weights = {k: torch.from_numpy(w).requires_grad_() for k, w in initial(random).items()}
    velocity: dict[str, Any] = dict.fromkeys(weights, 0.0)
    while True:
        for rows in torch.tensor(shuffled(len(labels), random)).split(batch):
            loss = F.cross_entropy(scores(weights, images[rows, None]), labels[rows])
            slopes = torch.autograd.grad(loss, list(weights.values()))
            for (name, w), slope in zip(weights.items(), slopes, strict=True):
                velocity[name] = momentum * velocity[name] + slope
                w.data -= rate * velocity[name]
            yield loss.item()


def _one_of(name: str, value: Any, offered: Sequence[Any]) -> Any:
    if value not in offered or isinstance(value, bool):
        raise ValueError(f"{name} must be one of {', '.join(map(str, offered))}; not {value!r}")
    return value
