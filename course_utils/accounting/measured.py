"""The receptive field by experiment: set an output to one and propagate it back to the image."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from course_utils.accounting.calls import Call, Calls
from course_utils.accounting.fields import tensors_in
from course_utils.accounting.twin import check_input_shape, check_model, twin_of


@dataclass(frozen=True)
class MeasuredReceptiveField:
    """The pixels from which a gradient came back.  Taught in chapter 12.

    size: height and width of the smallest box around them. first: its top left pixel.
    touches_border: whether the box ends at the border of the image, which may have cut it.
    gradient: the absolute gradient summed over the channels, (H, W) float64.
    """

    size: tuple[int, ...]
    first: tuple[int, ...]
    touches_border: bool
    gradient: np.ndarray


def measured_receptive_field(
    model: nn.Module, input_shape: Sequence[int], layer: str | None = None, *, seed: int = 0
) -> MeasuredReceptiveField:
    """The input pixels that reach the middle unit of a layer's output, found by backpropagation.

    `layer` is the name of a module as in `receptive_field`, with `#2` for its second call; None
    means the model's output. `input_shape` is (C, H, W), large enough that the window is not cut:
    see `touches_border`.

    The real weights would hide pixels: gradients cancel, ReLUs are shut, a maximum lets one pixel
    of its window through. So a twin of the model is measured, in float64 and evaluation mode, that
    has the same connections and hides nothing: positive random weights (drawn from `seed`, divided
    by the fan-in), no biases, average instead of max pooling, normalisation that does nothing. It
    shows where a gradient can come from; how strong it is belongs to the twin, not to the model.
    Sigmoids and tanhs stay: a very deep stack of them may let a gradient vanish altogether.

    Raises ValueError for an unknown layer, and as `summarize` does.
    """
    check_model(model)
    shape = check_input_shape(input_shape)
    twin = positive_twin(model, seed)
    generator = torch.Generator().manual_seed(seed)
    image = torch.rand(1, *shape, dtype=torch.float64, generator=generator) + 0.5
    image.requires_grad_()
    output = _output_of(twin, image, layer)
    middle = (0, slice(None), *(n // 2 for n in output.shape[2:]))  # all channels of one position
    if not output.requires_grad:
        raise ValueError(
            f"{layer or 'the output'!r} does not see the image: no gradient comes back"
        )
    (gradient,) = torch.autograd.grad(output[middle].sum(), image, materialize_grads=True)
    return _box(gradient[0].abs().sum(dim=0).numpy())


def positive_twin(model: nn.Module, seed: int) -> nn.Module:
    """The model with positive random weights, no biases and trivial running statistics."""
    twin = twin_of(model, _as_float64).eval().requires_grad_(False)
    generator = torch.Generator().manual_seed(seed)
    for name, parameter in twin.named_parameters():
        fan_in = parameter[0].numel() if parameter.ndim > 1 else 1
        drawn = torch.rand(parameter.shape, dtype=torch.float64, generator=generator) + 0.5
        parameter.copy_(torch.zeros_like(drawn) if name.endswith("bias") else drawn / fan_in)
    for name, buffer in twin.named_buffers():
        if name.endswith(("running_mean", "running_var")):
            buffer.fill_(float(name.endswith("var")))
    return twin


class _HideNothing(TorchFunctionMode):
    """Replaces the functions that would let only some of their inputs through."""

    def __torch_function__(
        self, func: Callable, types: Any, args: Sequence = (), kwargs: Any = None
    ) -> Any:
        stand_in = _STAND_INS.get(func, func)
        return stand_in(*args, **(kwargs or {}))


def _average_for_max(average: Callable) -> Callable:
    """Average pooling that takes max pooling's arguments."""

    def pool(
        x: Tensor,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        dilation: Any = 1,
        ceil_mode: bool = False,
        return_indices: bool = False,
    ) -> Any:
        if dilation not in (1, (1, 1), [1, 1]) or return_indices:
            raise ValueError("a max pool with dilation or indices cannot be measured")
        return average(x, kernel_size, stride or kernel_size, padding, ceil_mode)

    return pool


def _unchanged(x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    return x


_STAND_INS: dict[Callable, Callable] = {
    F.max_pool1d: _average_for_max(F.avg_pool1d),
    torch.max_pool1d: _average_for_max(F.avg_pool1d),
    F.max_pool2d: _average_for_max(F.avg_pool2d),
    torch.max_pool2d: _average_for_max(F.avg_pool2d),
    F.adaptive_max_pool2d: lambda x, size, return_indices=False: F.adaptive_avg_pool2d(x, size),
    F.layer_norm: _unchanged,
    F.group_norm: _unchanged,
    F.instance_norm: _unchanged,
}


def _output_of(twin: nn.Module, image: Tensor, layer: str | None) -> Tensor:
    """What the named call puts out on the image, with its graph."""
    outputs: dict[str, Tensor] = {}

    def remember(call: Call, output: Any) -> None:
        # A copy, since a later layer may write into the same tensor.
        if tensors := tensors_in(output):
            outputs[call.name] = tensors[0].clone()

    calls = Calls(twin, remember)
    try:
        with torch.enable_grad(), _HideNothing():
            twin(image)
    except (RuntimeError, ValueError, IndexError) as error:
        raise calls.refusal(error, tuple(image.shape[1:])) from error
    if (layer or "") not in outputs:
        names = ", ".join(name for name in outputs if name)
        raise ValueError(f"no layer {layer!r} to measure; there are {names}")
    return outputs[layer or ""]


def _as_float64(tensor: Tensor) -> Tensor:
    kind = torch.float64 if tensor.is_floating_point() else tensor.dtype
    if tensor.is_meta:  # has no contents to copy
        return torch.zeros_like(tensor, dtype=kind, device="cpu")
    return tensor.to(device="cpu", dtype=kind, copy=True)


def _box(gradient: np.ndarray) -> MeasuredReceptiveField:
    """The smallest box around what is not zero."""
    seen = np.argwhere(gradient > 0)
    if not len(seen):
        raise ValueError("the layer does not see the image: the gradient that came back is zero")
    first, last = seen.min(axis=0), seen.max(axis=0)
    return MeasuredReceptiveField(
        size=tuple(int(n) for n in last - first + 1),
        first=tuple(int(n) for n in first),
        touches_border=bool((first == 0).any() or (last == np.array(gradient.shape) - 1).any()),
        gradient=gradient,
    )
