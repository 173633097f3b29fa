"""A copy of a model that shares nothing with it, made without copying its weights."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy
from torch.utils._python_dispatch import TorchDispatchMode

from course_utils.accounting.fields import tensors_in


def twin_of(model: nn.Module, convert: Callable[[Tensor], Tensor]) -> nn.Module:
    """The same network with `convert` applied to every parameter, buffer and stored tensor.

    Hooks that a user registered are left out: they would see the twin's tensors.
    Raises ValueError for a lazy model that has not seen its first input.
    """
    memo: dict[int, object] = {}
    for name, module in model.named_modules():
        for key, value in vars(module).items():
            if "_hooks" in key and isinstance(value, dict):
                memo[id(value)] = type(value)()
        for tensor in tensors_in({k: v for k, v in vars(module).items() if k != "_modules"}):
            if is_lazy(tensor):
                raise ValueError(f"layer {name!r} is lazy: run the model on one input first")
            memo[id(tensor)] = _converted(tensor, convert)
    return copy.deepcopy(model, memo)


def meta_twin(model: nn.Module) -> nn.Module:
    """The twin on the meta device: shapes and types without contents."""
    return twin_of(model, lambda tensor: tensor.new_empty(tensor.shape, device="meta"))


class ShapesOnly(TorchDispatchMode):
    """Runs operations on the meta device, some of them without PyTorch's detour.

    PyTorch works out the shapes of batch normalisation and of ReLU, which are those of their
    inputs, by going through every step of their arithmetic: most of the time of a residual network.
    """

    def __torch_dispatch__(
        self, func: torch._ops.OpOverload, types: Any, args: Sequence = (), kwargs: Any = None
    ) -> Any:
        if func is torch.ops.aten.relu.default:
            return args[0].new_empty(args[0].shape)
        if func is torch.ops.aten.native_batch_norm.default:
            channels = args[0].shape[1]
            statistics = (args[0].new_empty(channels), args[0].new_empty(channels))
            return (args[0].new_empty(args[0].shape), *statistics)
        return func(*args, **(kwargs or {}))


def check_model(model: nn.Module) -> None:
    """Raises ValueError for anything but a module."""
    if not isinstance(model, nn.Module):
        raise ValueError(f"model must be a torch.nn.Module, got {type(model).__name__}")


def check_input_shape(input_shape: Sequence[int]) -> tuple[int, ...]:
    """The shape as a tuple; raises ValueError if it is not (channels, positions...)."""
    wanted = "input_shape must be (channels, height, width) of one image, without the batch"
    if not isinstance(input_shape, (tuple, list, torch.Size)):
        raise ValueError(f"{wanted}; got {input_shape!r}")
    whole = all(isinstance(n, int) and not isinstance(n, bool) and n > 0 for n in input_shape)
    if not whole or not 1 <= len(input_shape) <= 4:
        raise ValueError(f"{wanted}; got {tuple(input_shape)!r}")
    return tuple(input_shape)


def floating_type(model: nn.Module) -> torch.dtype:
    """The type of the model's weights, which its input must have; float32 without weights."""
    types = [p.dtype for p in model.parameters() if p.is_floating_point()]
    return types[0] if types else torch.float32


def _converted(tensor: Tensor, convert: Callable[[Tensor], Tensor]) -> Tensor:
    value = convert(tensor.detach())
    if isinstance(tensor, nn.Parameter):
        return nn.Parameter(value, requires_grad=tensor.requires_grad)
    return value
