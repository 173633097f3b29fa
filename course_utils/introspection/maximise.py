"""Images that excite a unit, found by climbing its gradient.  Taught in chapter 18.

- Erhan, Bengio, Courville and Vincent (2009), "Visualizing higher-layer features of a deep
  network", technical report 1341, University of Montreal: the method.
- Simonyan, Vedaldi and Zisserman (2014), "Deep inside convolutional networks", ICLR workshop,
  equation (1): the score of a class, with a penalty on the image's squared length.
- Mahendran and Vedaldi (2015), "Understanding deep image representations by inverting them", CVPR,
  5188-5196, section 3: total variation.
- Yosinski, Clune, Nguyen, Fuchs and Lipson (2015), "Understanding neural networks through deep
  visualization", ICML workshop, section 3: blur every few steps.
- Mordvintsev, Olah and Tyka (2015), "Inceptionism", and Olah, Mordvintsev and Schubert (2017),
  "Feature visualization", Distill: jitter.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from course_utils.introspection.hooks import answers_of, check_count, device_of, undisturbed
from course_utils.introspection.units import Units, unit_values

START_NOISE = 0.1  # standard deviation of the image that the climb starts from


class Maximised(NamedTuple):
    """Images (U, C, H, W), one for each unit, and what the units answered on the way.

    `history` (steps + 1, U): before each step, and at the end.
    """

    images: Tensor
    history: Tensor


def maximise(
    model: nn.Module,
    layer: str | None,
    unit: Units,
    *,
    shape: Sequence[int],
    steps: int = 100,
    step_size: float = 1.0,
    normalise: bool = True,
    where: str = "centre",
    start: Tensor | None = None,
    l2: float = 0.0,
    total_variation: float = 0.0,
    blur_every: int = 0,
    blur_width: float = 0.5,
    jitter: int = 0,
    clip: tuple[float, float] | None = None,
    seed: int = 0,
) -> Maximised:
    """Climb to an image x that excites a unit: the largest u(x) - l2 |x|^2 - total_variation V(x).

    V(x) is the sum of the squared differences of neighbouring pixels, the total variation of
    Mahendran and Vedaldi (2015) with beta = 2.

    Parameters
    ----------
    layer
        A layer's name; None for the model's output. Best one before its ReLU: behind it a unit
        that is silent at the start has no gradient, and the image stays where it is.
    unit
        One number, or several: each gets an image of its own, the same as alone.
    shape
        (C, H, W) of the image, on the scale that the model takes.
    step_size
        Length of each step along the gradient (Euclidean, over the image). With
        ``normalise=False`` the gradient's factor instead, as in the papers.
    where
        Of a map, which place: ``"centre"``, ``"mean"`` or ``"strongest"``.
    start
        Image (C, H, W) to start from; Gaussian noise of standard deviation 0.1 when None.
    l2, total_variation
        Weights of the penalties; off at 0.
    blur_every, blur_width
        After every so many steps, blur by a Gaussian of this standard deviation in pixels; off
        at 0.
    jitter
        Before each step the image is rolled by up to so many pixels in each direction, and after
        it rolled back; the history holds what the unit answered to it rolled. Off at 0.
    clip
        Smallest and largest pixel, enforced after each step.

    All that is drawn comes from `seed`, on the CPU. The model keeps its mode and its gradients.
    Taught in chapter 18.

    Raises
    ------
    ValueError
        For an unknown layer or unit, or a setting that has no sense.
    """
    how = _Regularisers(l2, total_variation, blur_every, blur_width, jitter, clip)
    _check(how, steps, step_size)
    generator = torch.Generator().manual_seed(seed)
    x = _first(shape, start, generator)
    x = x.to(device_of(model)).repeat(_how_many(unit), 1, 1, 1)
    history = []

    def answer(x: Tensor) -> Tensor:
        return unit_values(answers_of(model, x, layer), unit, where)

    with undisturbed(model), torch.enable_grad():
        for step in range(1, steps + 1):
            shift = torch.randint(-jitter, jitter + 1, (2,), generator=generator).tolist()
            values, gradient = _uphill(answer, how, x, shift)
            history.append(values)
            if normalise:
                gradient = gradient / _length(gradient)
            x = how.after(step, x + step_size * gradient)
        history.append(answer(x).detach())
    return Maximised(x.cpu(), torch.stack(history).cpu())


@dataclass(frozen=True)
class _Regularisers:
    l2: float
    total_variation: float
    blur_every: int
    blur_width: float
    jitter: int
    clip: tuple[float, float] | None

    def penalty(self, x: Tensor) -> Tensor:
        """What is taken off the objective, over all images (N, C, H, W)."""
        total = self.l2 * x.square().sum()
        if self.total_variation:
            across = x.diff(dim=3).square().sum() + x.diff(dim=2).square().sum()
            total = total + self.total_variation * across
        return total

    def after(self, step: int, x: Tensor) -> Tensor:
        """What is done to the images after a step."""
        if self.blur_every and step % self.blur_every == 0:
            x = _blurred(x, self.blur_width)
        return x if self.clip is None else x.clamp(*self.clip)


def _uphill(
    answer: Callable[[Tensor], Tensor], how: _Regularisers, x: Tensor, shift: list[int]
) -> tuple[Tensor, Tensor]:
    """What the units answer to x rolled, and the gradient by x of all that is maximised."""
    x = x.detach().requires_grad_()
    values = answer(x.roll(shift, dims=(2, 3)))
    (gradient,) = torch.autograd.grad(values.sum() - how.penalty(x), x)
    return values.detach(), gradient


def _blurred(x: Tensor, width: float) -> Tensor:
    """Three standard deviations to each side, as far as the image, mirrored, goes."""
    from torchvision.transforms.v2.functional import gaussian_blur  # takes seconds to import

    radius = min(math.ceil(3 * width), min(x.shape[2:]) - 1)
    return gaussian_blur(x, [2 * radius + 1] * 2, [width] * 2)


def _length(gradient: Tensor) -> Tensor:
    """The Euclidean length of each image's gradient, (N, 1, 1, 1); never 0."""
    return gradient.flatten(1).norm(dim=1).clamp(min=1e-12)[:, None, None, None]


def _how_many(unit: Units) -> int:
    units = torch.as_tensor(unit).reshape(-1)
    if not len(units):
        raise ValueError("expected at least one unit")
    return len(units)


def _first(shape: Sequence[int], start: Tensor | None, generator: torch.Generator) -> Tensor:
    whole = all(isinstance(n, int) and n > 0 for n in shape)
    if len(shape) != 3 or not whole:
        raise ValueError(f"shape is (C, H, W) of one image, got {tuple(shape)}")
    if start is None:
        return START_NOISE * torch.randn(tuple(shape), generator=generator)
    if tuple(start.shape) != tuple(shape) or not start.is_floating_point():
        raise ValueError(
            f"start must be a float image of shape {tuple(shape)}, "
            f"got {tuple(start.shape)} of {start.dtype}"
        )
    return start.detach()


def _check(how: _Regularisers, steps: int, step_size: float) -> None:
    check_count(steps=steps)
    if not 0 < step_size < float("inf"):
        raise ValueError(f"step_size must be above 0, got {step_size}")
    for name in ("l2", "total_variation", "blur_every", "jitter"):
        if not 0 <= getattr(how, name) < float("inf"):
            raise ValueError(f"{name} must be 0 (off) or above, got {getattr(how, name)}")
    for name in ("blur_every", "jitter"):
        if getattr(how, name) != int(getattr(how, name)):
            raise ValueError(f"{name} must be a whole number, got {getattr(how, name)}")
    if how.blur_every and not how.blur_width > 0:
        raise ValueError(f"blur_width must be above 0, got {how.blur_width}")
    if how.clip is not None and not how.clip[0] < how.clip[1]:
        raise ValueError(f"clip is (smallest, largest) pixel, got {how.clip}")
