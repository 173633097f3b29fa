"""What a layer answers, without a change to the model.  Taught in chapter 18."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn


def layer_names(
    model: nn.Module, kinds: type[nn.Module] | tuple[type[nn.Module], ...] = nn.Module
) -> list[str]:
    """Return the names of the model's layers of these kinds, in the order of `named_modules`.

    ``layer_names(model, (nn.Conv2d, nn.Linear))`` are the layers with weights.
    """
    return [name for name, layer in model.named_modules() if name and isinstance(layer, kinds)]


def layer_named(model: nn.Module, name: str) -> nn.Module:
    """Return a layer by its name in `model.named_modules()`.

    Raises
    ------
    ValueError
        If there is none; the message gives the nearest names.
    """
    known = {known: layer for known, layer in model.named_modules() if known}
    if name in known:
        return known[name]
    near = difflib.get_close_matches(str(name), known, n=4, cutoff=0.3) or list(known)[:4]
    hint = f"near it: {', '.join(map(repr, near))}" if near else "it has no layers inside"
    raise ValueError(f"{type(model).__name__} has no layer {name!r}; {hint}")


@contextmanager
def undisturbed(model: nn.Module) -> Iterator[None]:
    """Evaluation mode inside; afterwards every layer is in the mode that it was in before."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, mode in modes:
            module.training = mode


@contextmanager
def watching(model: nn.Module, layers: Sequence[str]) -> Iterator[dict[str, Tensor]]:
    """Inside, each call of the model leaves the layers' outputs in the dict that is yielded.

    The outputs keep their graph. Of a layer that is called several times the last call counts. The
    hooks are removed on the way out, after an error too.

    Raises ValueError for a name that no layer has, or a layer whose output is no tensor.
    """
    seen: dict[str, Tensor] = {}
    found = {name: layer_named(model, name) for name in layers}

    def keeper(name: str) -> Callable[[nn.Module, Any, Any], None]:
        def keep(module: nn.Module, inputs: Any, output: Any) -> None:
            if not isinstance(output, Tensor):
                raise ValueError(
                    f"layer {name!r} must answer with a tensor, got a {type(output).__name__}"
                )
            seen[name] = output.clone()  # a ReLU after it may write into the same memory

        return keep

    handles = [layer.register_forward_hook(keeper(name)) for name, layer in found.items()]
    try:
        yield seen
    finally:
        for handle in handles:
            handle.remove()


def answers_of(model: nn.Module, x: Tensor, layer: str | None) -> Tensor:
    """What a layer answers to a batch x on the model's device, with its graph.

    None means the model's own output; the first one, where it returns a tuple.
    """
    with watching(model, [] if layer is None else [layer]) as seen:
        output = model(x)
    if layer is None:
        return output[0] if isinstance(output, tuple) else output
    if layer not in seen:
        raise ValueError(f"layer {layer!r} was not called")
    return seen[layer]


def activations(
    model: nn.Module,
    images: Tensor,
    layers: str | Iterable[str],
    *,
    batch_size: int = 250,
    keep: Callable[[Tensor], Tensor] | None = None,
) -> dict[str, Tensor]:
    """Return what the layers answer to images (N, C, H, W): by name, (N, ...), on the CPU.

    The model is in evaluation mode meanwhile, no gradient is kept, and the images go to the
    model's device batch by batch. `keep` says what to store of a batch's answers (n, ...), where
    all of them would take too much memory. Taught in chapter 18.

    Raises
    ------
    ValueError
        For a name that no layer has, a layer that is not called or answers with no tensor, or
        images that are not a float batch (N, C, H, W).
    """
    names = [layers] if isinstance(layers, str) else list(layers)
    check_batch(images)
    check_count(batch_size=batch_size)
    kept: dict[str, list[Tensor]] = {name: [] for name in names}
    with undisturbed(model), torch.no_grad(), watching(model, names) as seen:
        for batch in images.split(batch_size):
            model(batch.to(device_of(model)))
            for name in names:
                if name not in seen:
                    raise ValueError(f"layer {name!r} was not called")
                answers = seen[name] if keep is None else keep(seen[name])
                kept[name].append(answers.cpu())
    return {name: torch.cat(parts) for name, parts in kept.items()}


def device_of(model: nn.Module) -> torch.device:
    """Where the model's weights are; the CPU for a model without any."""
    weight = next(model.parameters(), None)
    return torch.device("cpu") if weight is None else weight.device


def check_batch(images: Tensor) -> None:
    """Refuse what is not a batch of float images (N, C, H, W) with at least one image."""
    if not isinstance(images, Tensor) or images.ndim != 4 or len(images) == 0:
        shape = tuple(images.shape) if isinstance(images, Tensor) else type(images).__name__
        raise ValueError(f"images must be a batch of shape (N, C, H, W), got {shape}")
    if not images.is_floating_point():
        raise ValueError(f"images must be floats, as the model takes them, got {images.dtype}")


def check_count(**counts: int) -> None:
    """Refuse what is not a whole number of at least 1."""
    for name, value in counts.items():
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise ValueError(f"{name} must be a whole number of at least 1, got {value!r}")
