"""One number of a network, sent back to the pixels, by three rules for the ReLU.

Everything but the ReLU goes backwards as in the gradient. Past a ReLU with input x a signal g goes

- ``"gradient"``: g where x > 0 (Simonyan, Vedaldi and Zisserman, 2014, "Deep inside convolutional
  networks", ICLR workshop, section 3);
- ``"deconvolution"``: g where g > 0 (Zeiler and Fergus, 2014, "Visualizing and understanding
  convolutional networks", ECCV, section 2.1);
- ``"guided"``: g where both are (Springenberg, Dosovitskiy, Brox and Riedmiller, 2015, "Striving
  for simplicity: the all convolutional net", ICLR workshop, Figure 1).

The rule takes hold of the function, not of the module, so it works on networks that call `F.relu`
as well as on those that hold `nn.ReLU`. Taught in chapter 18.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from course_utils.introspection.hooks import (
    answers_of,
    check_batch,
    check_count,
    device_of,
    undisturbed,
)
from course_utils.introspection.units import Units, unit_values

RULES = ("gradient", "deconvolution", "guided")


def saliency(
    model: nn.Module,
    images: Tensor,
    target: Units,
    layer: str | None = None,
    *,
    rule: str = "gradient",
) -> Tensor:
    """Send a score back to the pixels: images (N, C, H, W) -> pictures of the same shape.

    Parameters
    ----------
    target
        The class, or the unit of `layer`: one number, or one for each image. Of a map its
        strongest place is taken.
    layer
        A layer's name; the model's own output (class scores before a softmax) when None.
    rule
        What a ReLU does with the signal: one of `RULES`. Only ``"gradient"`` is a derivative. A
        ReLU is `nn.ReLU`, `nn.ReLU6` or a call of the function of either name; other
        non-linearities, and clamps written by hand, go backwards as in the gradient.

    The pictures lie on the model's device. The model keeps its mode, its weights and their
    gradients. Taught in chapter 18.

    Raises
    ------
    ValueError
        For an unknown rule, layer or unit, images that are not a float batch, or a rule for ReLUs
        and a model without any.
    """
    if rule not in RULES:
        raise ValueError(f"rule must be one of {', '.join(RULES)}, got {rule!r}")
    check_batch(images)
    x = images.detach().to(device_of(model)).clone().requires_grad_()
    with undisturbed(model), torch.enable_grad():
        with _ReluRule(rule) as relus:
            answers = answers_of(model, x, layer)
        if rule != "gradient" and not relus.met:
            raise ValueError(
                f"the rule {rule!r} is one for ReLUs, and this {type(model).__name__} has none"
            )
        (picture,) = torch.autograd.grad(unit_values(answers, target).sum(), x)
    return picture


def gradient(model: nn.Module, images: Tensor, target: Units, layer: str | None = None) -> Tensor:
    """The derivative of a score by each pixel: (N, C, H, W) -> the same shape.

    Simonyan et al. (2014), section 3: w = dS_c / dI. Arguments and errors as in `saliency`.
    Taught in chapter 18.
    """
    return saliency(model, images, target, layer, rule="gradient")


def guided_backpropagation(
    model: nn.Module, images: Tensor, target: Units, layer: str | None = None
) -> Tensor:
    """A score sent back where it and the ReLU's input are positive: (N, C, H, W) -> the same.

    Springenberg et al. (2015), Figure 1. No derivative of anything. Arguments and errors as in
    `saliency`. Taught in chapter 18.
    """
    return saliency(model, images, target, layer, rule="guided")


def smooth_gradient(
    model: nn.Module,
    images: Tensor,
    target: Units,
    layer: str | None = None,
    *,
    noise: float,
    count: int = 25,
    seed: int = 0,
) -> Tensor:
    """The mean of `count` gradients of images with Gaussian noise: (N, C, H, W) -> the same shape.

    Smilkov, Thorat, Kim, Viegas and Wattenberg (2017), "SmoothGrad: removing noise by adding
    noise", section 3. `noise` is the standard deviation on the images' own scale; the paper takes
    0.1 to 0.2 of an image's range. Arguments and errors else as in `saliency`. Taught in
    chapter 18.
    """
    check_batch(images)
    check_count(count=count)
    if not 0 <= noise < float("inf"):
        raise ValueError(f"noise is a standard deviation from 0 up, got {noise}")
    generator = torch.Generator().manual_seed(seed)
    total = torch.zeros_like(images, device=device_of(model))
    for _ in range(count):
        drawn = torch.randn(images.shape, generator=generator).to(images)
        total += gradient(model, images + noise * drawn, target, layer)
    return total / count


# --- the rule at work ---


class _Clip(NamedTuple):
    """A call that clips x to what lies from `low` to `high`; a rectifier where `low` is 0."""

    x: Tensor
    low: float
    high: float
    inplace: bool


def _relu(input: Tensor, inplace: bool = False) -> _Clip:
    return _Clip(input, 0.0, float("inf"), inplace)


def _relu6(input: Tensor, inplace: bool = False) -> _Clip:
    return _Clip(input, 0.0, 6.0, inplace)


# nn.ReLU6 calls this one.
def _hardtanh(
    input: Tensor, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False
) -> _Clip:
    return _Clip(input, min_val, max_val, inplace)


# What each function's arguments mean.
_CLIPS: dict[Callable[..., Any], Callable[..., _Clip]] = {
    **dict.fromkeys((F.relu, torch.relu, Tensor.relu), _relu),
    **dict.fromkeys((torch.relu_, Tensor.relu_), lambda input: _relu(input, inplace=True)),
    F.relu6: _relu6,
    F.hardtanh: _hardtanh,
}


class _ReluRule(TorchFunctionMode):
    """Inside, every rectifier answers as ever, and sends back by the rule; `met` counts them."""

    def __init__(self, rule: str) -> None:
        super().__init__()
        self.rule = rule
        self.met = 0

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple = (), kwargs: dict | None = None
    ) -> Any:
        kwargs = kwargs or {}
        clip = _CLIPS[func](*args, **kwargs) if func in _CLIPS else None
        if clip is None or clip.low != 0 or self.rule == "gradient":
            return func(*args, **kwargs)
        self.met += 1
        x = clip.x.clone() if clip.inplace else clip.x
        y = _Rectified.apply(x, clip.high, self.rule == "guided")
        # Whoever rectifies in place may go on with the old name.
        return clip.x.copy_(y) if clip.inplace else y


class _Rectified(torch.autograd.Function):
    """min(max(x, 0), high), and its signal backwards: positive parts only, gated if guided."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, high: float, gated: bool) -> Tensor:
        ctx.save_for_backward(x)
        ctx.high, ctx.gated = high, gated
        return x.clamp(0, high)

    @staticmethod
    def backward(ctx: Any, *signals: Any) -> tuple[Tensor, None, None]:
        (x,) = ctx.saved_tensors
        signal = signals[0].clamp(min=0)
        if ctx.gated:
            signal = signal * ((x > 0) & (x < ctx.high))
        return signal, None, None
