"""Which layer of a network is at work, by name, and which one refused its input."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from course_utils.accounting.fields import tensors_in


@dataclass
class Call:
    """One call of a module that has not returned yet, and what was counted in it so far."""

    name: str
    module: nn.Module
    input_shape: tuple[int, ...] | None
    is_layer: bool
    parameters: int = 0
    multiply_adds: int = 0
    counted: bool = False  # whether it convolved, pooled or multiplied by a matrix


class Calls:
    """The stack of the calls under way, kept by hooks on every module of a twin."""

    def __init__(self, model: nn.Module, on_return: Callable[[Call, Any], None]) -> None:
        self.stack: list[Call] = []
        self._names = {module: name for name, module in model.named_modules()}
        self._times = Counter({"input": 1})  # the first row of a summary
        self._on_return = on_return
        self._hooks = [module.register_forward_pre_hook(self._enter) for module in self._names]
        self._hooks += [module.register_forward_hook(self._leave) for module in self._names]

    def stop(self) -> None:
        """Leave the twin as it was, for others to watch."""
        for hook in self._hooks:
            hook.remove()

    def unique(self, name: str) -> str:
        """The name, with #2, #3, ... from its second call on."""
        self._times[name] += 1
        return name if self._times[name] == 1 else f"{name}#{self._times[name]}"

    @property
    def current(self) -> Call:
        """The layer at work, or the innermost container between two layers."""
        return self.stack[-1]

    def refusal(self, error: Exception, input_shape: tuple[int, ...]) -> ValueError:
        """The error of a forward pass in words: which layer refused what, and why."""
        if not self.stack:
            return ValueError(f"the model refused an image of shape {input_shape}: {error}")
        call = self.stack[-1]
        layer = f"layer {call.name!r}" if call.name else "the model"
        return ValueError(
            f"{layer} ({type(call.module).__name__}) refused an input of shape {call.input_shape} "
            f"(without the batch), from an image of shape {input_shape}: {error}"
        )

    def _enter(self, module: nn.Module, inputs: tuple) -> None:
        tensors = tensors_in(inputs)
        self.stack.append(
            Call(
                name=self.unique(self._names[module]),
                module=module,
                input_shape=tuple(tensors[0].shape[1:]) if tensors else None,
                is_layer=_is_layer(module),
            )
        )

    def _leave(self, module: nn.Module, inputs: tuple, output: Tensor) -> None:
        self._on_return(self.stack.pop(), output)


def _is_layer(module: nn.Module) -> bool:
    """A module without modules inside; an empty Sequential, as in a bare shortcut, is no layer."""
    return not isinstance(module, nn.Sequential) and not any(True for _ in module.children())
