"""Images that fool a classifier, and perturbations too small to see.  Taught in chapter 19.

Everything here works on pixels from 0 to 255, (N, C, H, W) float, so that a size has a meaning:
wrap a network that wants normalised images in `OnPixels`.

- Szegedy et al. (2014), "Intriguing properties of neural networks", ICLR: small perturbations.
- Goodfellow, Shlens and Szegedy (2015), "Explaining and harnessing adversarial examples", ICLR:
  the fast gradient sign method, section 4.
- Kurakin, Goodfellow and Bengio (2017), "Adversarial examples in the physical world", ICLR
  workshop, section 2.2: the same in small steps.
- Nguyen, Yosinski and Clune (2015), "Deep neural networks are easily fooled", CVPR, 427-436:
  images that no one recognises, by gradient ascent and by evolution.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_utils.introspection.hooks import check_batch, device_of, undisturbed

WHITE = 255.0


class OnPixels(nn.Module):
    """A network that takes pixels from 0 to 255, and normalises them itself.

    `mean` and `std` hold one number a channel, for pixels on the scale 0 to 1, as in `Dataset` and
    in `Pretrained`.
    """

    def __init__(self, network: nn.Module, mean: Sequence[float], std: Sequence[float]) -> None:
        super().__init__()
        self.network = network
        for name, values in (("mean", mean), ("std", std)):
            numbers = torch.tensor(values, dtype=torch.float32)[:, None, None]
            self.register_buffer(name, numbers.to(device_of(network)))

    def forward(self, pixels: Tensor) -> Tensor:
        """Scores: (N, C, H, W) in 0..255 -> (N, K)."""
        return self.network((pixels / WHITE - self.mean) / self.std)


class Size(NamedTuple):
    """How large perturbations are, an image each (N,), in grey levels of 0..255.

    `largest` is the maximum norm, the most that any number changes; `l2` the Euclidean norm.
    """

    largest: Tensor
    l2: Tensor


def perturbation_size(before: Tensor, after: Tensor) -> Size:
    """Measure what was added: two batches (N, C, H, W) -> `Size`. Raises for unequal shapes."""
    if before.shape != after.shape or before.ndim < 2:
        raise ValueError(
            f"expected two equal batches, got {tuple(before.shape)} and {tuple(after.shape)}"
        )
    added = (after - before).flatten(1)
    return Size(added.abs().amax(dim=1), added.norm(dim=1))


# --- small perturbations ---


def fast_gradient_sign(model: nn.Module, pixels: Tensor, labels: Tensor, size: float) -> Tensor:
    """One step of `size` grey levels in every pixel, up the loss: pixels of the same shape.

    Goodfellow et al. (2015), section 4: x + size * sign(gradient of the loss by x), and cut to
    0..255. `labels` (N,) int64 are the classes to be left. Where a gradient is zero nothing moves.

    Raises ValueError for pixels outside 0..255, a negative size, or labels that do not fit.
    """
    _check(pixels, labels, size)
    return _cut(pixels + size * _uphill(model, pixels, labels).sign())


def iterative_gradient_sign(
    model: nn.Module,
    pixels: Tensor,
    labels: Tensor,
    size: float,
    *,
    steps: int,
    target: Tensor | None = None,
) -> Tensor:
    """Many small steps that together stay within `size` grey levels of the image.

    Kurakin et al. (2017), section 2.2 (with a `target` (N,), section 2.3: down the loss of the
    class wanted). Each step is 2 size / steps long, so that an image has the way to change its
    mind; after each, every pixel is cut to within `size` of where it was and to 0..255. The paper
    takes steps of one grey level.

    Raises ValueError as `fast_gradient_sign` does.
    """
    _check(pixels, labels if target is None else target, size)
    if steps < 1:
        raise ValueError(f"steps must be at least 1, got {steps}")
    now, step = pixels, 2 * size / steps
    for _ in range(steps):
        if target is None:
            now = now + step * _uphill(model, now, labels).sign()
        else:
            now = now - step * _uphill(model, now, target).sign()
        now = _cut(torch.maximum(torch.minimum(now, pixels + size), pixels - size))
    return now


def random_signs(pixels: Tensor, size: float, generator: torch.Generator) -> Tensor:
    """Noise of the same size: `size` grey levels up or down in every pixel by a coin, then cut."""
    coins = torch.randint(0, 2, pixels.shape, generator=generator).to(pixels)
    return _cut(pixels + size * (2 * coins - 1))


def _uphill(model: nn.Module, pixels: Tensor, labels: Tensor) -> Tensor:
    """The gradient of the summed loss by the pixels; the model keeps its mode and its gradients."""
    x = pixels.detach().clone().requires_grad_()
    with undisturbed(model), torch.enable_grad():
        loss = F.cross_entropy(model(x), labels, reduction="sum")
        (gradient,) = torch.autograd.grad(loss, x)
    return gradient


def _cut(pixels: Tensor) -> Tensor:
    return pixels.clamp(0, WHITE)


def _check(pixels: Tensor, labels: Tensor, size: float) -> None:
    check_batch(pixels)
    if float(pixels.min()) < 0 or float(pixels.max()) > WHITE:
        low, high = float(pixels.min()), float(pixels.max())
        raise ValueError(f"pixels lie from 0 to 255, got {low:g} to {high:g}")
    if labels.shape != (len(pixels),):
        raise ValueError(f"expected {len(pixels)} labels, got {tuple(labels.shape)}")
    if not 0 <= size < float("inf"):
        raise ValueError(f"a size is a number of grey levels from 0 up, got {size}")


# --- images that fool ---


class Fooled(NamedTuple):
    """Images (N, C, H, W) in 0..255 and the model's confidence in the classes that were wanted.

    `curve` (T, N) has the confidence after each step, the start first.
    """

    images: Tensor
    curve: Tensor


def ascend(
    model: nn.Module, start: Tensor, targets: Tensor, *, steps: int, length: float
) -> Fooled:
    """Climb from `start` (N, C, H, W) to images that the model takes for `targets` (N,).

    Each step goes along the gradient of log p(target), made `length` grey levels long (the root of
    the mean square of a pixel), and is cut to 0..255. The logarithm, because the gradient of p
    itself is nearly zero both where p is near 0 and where it is near 1. Nguyen et al. (2015),
    Figure 13, climb the score of the class instead, and stop at a confidence of 99.99%.

    Raises ValueError for pixels outside 0..255, steps that are no steps, or targets that do not
    fit.
    """
    _check(start, targets, length)
    if steps < 1:
        raise ValueError(f"steps must be at least 1, got {steps}")
    now, curve = start, [_confidence(model, start, targets)]
    for _ in range(steps):
        up = -_uphill(model, now, targets)
        rms = up.flatten(1).square().mean(dim=1).sqrt().clamp(min=1e-30)
        now = _cut(now + length * up / rms[:, None, None, None])
        curve.append(_confidence(model, now, targets))
    return Fooled(now, torch.stack(curve))


def _confidence(model: nn.Module, pixels: Tensor, targets: Tensor) -> Tensor:
    return probabilities(model, pixels).gather(1, targets[:, None])[:, 0]


def probabilities(model: nn.Module, pixels: Tensor) -> Tensor:
    """Class probabilities, no gradients, evaluation mode: (N, C, H, W) -> (N, K)."""
    with undisturbed(model), torch.no_grad():
        return model(pixels).softmax(dim=1)


class Direct:
    """A genome is the image itself: one number of 0..255 a pixel, (N, C, H, W).

    Nguyen et al. (2015), section 2.2: pixels start uniformly at random, and each has a chance of
    `rate` to be mutated. The paper's polynomial mutation is here a Gaussian of `spread` levels.
    """

    def __init__(
        self, shape: tuple[int, int, int], *, rate: float = 0.1, spread: float = 80.0
    ) -> None:
        self.shape, self.rate, self.spread = shape, rate, spread

    def start(self, count: int, generator: torch.Generator) -> Tensor:
        """That many genomes at random."""
        return WHITE * torch.rand(count, *self.shape, generator=generator)

    def mutate(self, genomes: Tensor, generator: torch.Generator) -> Tensor:
        """Children with some pixels changed."""
        chosen = torch.rand(genomes.shape, generator=generator) < self.rate
        change = self.spread * torch.randn(genomes.shape, generator=generator)
        return _cut(genomes + chosen * change)

    def draw(self, genomes: Tensor) -> Tensor:
        """The image of each genome."""
        return genomes


class Patterns:
    """A genome is a small network that paints: a pixel's grey is a function of where it lies.

    A plain stand-in for the compositional pattern-producing networks (CPPN) of Nguyen et al.
    (2015), section 2.2, whose networks also grow. Here `units` hidden units look at x, y and the
    distance from the middle; each is a sine, a Gaussian, a sigmoid or a straight line, and the
    output squashes their weighted sum. A genome holds units * 5 + 1 weights.
    """

    def __init__(self, shape: tuple[int, int, int], *, units: int = 16, rate: float = 0.15) -> None:
        if shape[0] != 1:
            raise ValueError(f"patterns are grey, of shape (1, H, W); got {shape}")
        self.shape, self.units, self.rate = shape, units, rate
        y, x = torch.meshgrid(*(torch.linspace(-1, 1, n) for n in shape[1:]), indexing="ij")
        ones = torch.ones_like(x)
        self.places = torch.stack([x, y, (x**2 + y**2).sqrt(), ones], dim=-1).flatten(0, 1)

    def start(self, count: int, generator: torch.Generator) -> Tensor:
        """That many genomes at random: (N, units * 5 + 1)."""
        return 2 * torch.randn(count, 5 * self.units + 1, generator=generator)

    def mutate(self, genomes: Tensor, generator: torch.Generator) -> Tensor:
        """Children with some weights changed."""
        chosen = torch.rand(genomes.shape, generator=generator) < self.rate
        return genomes + chosen * torch.randn(genomes.shape, generator=generator)

    def draw(self, genomes: Tensor) -> Tensor:
        """The image of each genome: (N, 1, H, W)."""
        inner, outer, bias = genomes.split([4 * self.units, self.units, 1], dim=1)
        sums = self.places @ inner.reshape(len(genomes), 4, self.units)  # (N, H W, units)
        kinds = sums.chunk(4, dim=-1)
        made = [torch.sin(3 * kinds[0]), torch.exp(-(kinds[1] ** 2)), kinds[2].sigmoid(), kinds[3]]
        grey = (torch.cat(made, dim=-1) @ outer[..., None])[..., 0] + bias
        return (WHITE * grey.sigmoid()).reshape(len(genomes), *self.shape)


def evolve(
    model: nn.Module,
    encoding: Direct | Patterns,
    *,
    generations: int,
    children: int = 100,
    seed: int = 0,
) -> Fooled:
    """Breed one champion for each class by mutation and selection, without any gradient.

    MAP-Elites, as in Nguyen et al. (2015), section 2.2: there is one place for each of the K
    classes. In each generation `children` are made from champions drawn at random, one mutation
    each, and a child takes over every place whose champion it beats: whose class the model gives
    it a larger probability for. Champions of class k are image k of the result.

    Raises ValueError for numbers of generations or children below 1.
    """
    if generations < 1 or children < 1:
        raise ValueError(f"expected at least one of each, got {generations} and {children}")
    generator = torch.Generator().manual_seed(seed)
    place = device_of(model)
    crowd = encoding.start(children, generator)
    best, champions = _select(model, encoding, crowd, place)
    curve = [best]
    for _ in range(generations):
        parents = torch.randint(len(champions), (children,), generator=generator)
        crowd = torch.cat([champions, encoding.mutate(champions[parents], generator)])
        best, champions = _select(model, encoding, crowd, place)
        curve.append(best)
    return Fooled(encoding.draw(champions), torch.stack(curve))


def _select(
    model: nn.Module, encoding: Direct | Patterns, genomes: Tensor, place: torch.device
) -> tuple[Tensor, Tensor]:
    """For each class the best of the genomes: its probability (K,), and the genome (K, ...)."""
    chances = probabilities(model, encoding.draw(genomes).to(place)).cpu()
    best, winners = chances.max(dim=0)
    return best, genomes[winners]
