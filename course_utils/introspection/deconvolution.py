"""The deconvolutional network: a unit's answer, sent back down layer by layer.

Zeiler and Fergus (2014), "Visualizing and understanding convolutional networks", ECCV, 818-833,
section 2.1: unpool by the switches, rectify, filter with the transposed filters. Taught in
chapter 18.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_utils.introspection.hooks import check_batch, device_of, layer_named, undisturbed
from course_utils.introspection.units import Units, start_signal

# Layers that pass a signal on unchanged. Of response normalisation an early version of the paper
# (arXiv 1311.2901) says that it has no part in the way back.
_PASSED_OVER = (nn.Dropout, nn.Dropout2d, nn.Flatten, nn.Identity, nn.LocalResponseNorm)
_LINEAR = (nn.Conv2d, nn.Linear, nn.AvgPool2d, nn.AdaptiveAvgPool2d, nn.BatchNorm2d)
_RECTIFIERS = (nn.ReLU, nn.ReLU6)


def deconvolve(model: nn.Module, images: Tensor, layer: str, unit: Units) -> Tensor:
    """Send a unit's strongest answer back to the pixels: (N, C, H, W) -> the same shape.

    All other answers of the layer are set to zero, as in the paper. On the way back convolutions
    become their transpose without the bias, max pools become `unpool`, and a ReLU keeps the
    positive part of the signal. Where the answer is positive, and there is no response
    normalisation, this equals ``saliency(..., rule="deconvolution")`` times the answer: max
    pooling's gradient goes back through the switches too.

    Parameters
    ----------
    model
        Any model in which a single chain of modules leads from the images to the layer, such as
        LeNet-5, AlexNet, ZFNet and VGG, or the layers of another network before its first
        branches meet. Between modules only a flatten may be done.
    layer
        A convolution, pool, ReLU or dense layer of it, by name.
    unit
        One number, or one for each image.

    The pictures lie on the model's device; the model keeps its mode. Taught in chapter 18.

    Raises
    ------
    ValueError
        Where there is no such chain, or a layer in it that has no way back; for an unknown layer
        or unit; for images that are not a float batch.
    """
    check_batch(images)
    goal = layer_named(model, layer)
    if any(True for _ in goal.children()):
        raise ValueError(f"{layer!r} is a group of layers; name the last layer inside it")
    images = images.detach().to(device_of(model))
    with undisturbed(model), torch.no_grad():
        with _recording(model) as calls:
            model(images)
        chain = _chain(calls, goal, images, layer)
        signal = start_signal(chain[0].output, unit)
        for call in chain:
            signal = _back(call, signal.reshape(call.output.shape))
    return signal.reshape(images.shape)


def unpool(pooled: Tensor, switches: Tensor, output_size: tuple[int, int]) -> Tensor:
    """Put pooled numbers back to where they came from: (N, C, H', W') -> (N, C, H, W).

    `switches` are the flat places that `F.max_pool2d(..., return_indices=True)` returns. All other
    places are zero. Where windows overlap and share their maximum, two numbers go to one place.
    The paper, whose windows do overlap, says only that reconstructions are placed at the
    switches. Here the two are added, as in the gradient: then unpooling is the exact transpose of
    pooling. (`F.max_unpool2d` keeps one of the two.) Taught in chapter 18.

    Raises
    ------
    ValueError
        If shapes differ, or a switch lies outside of the output.
    """
    if pooled.shape != switches.shape or pooled.ndim != 4:
        raise ValueError(
            "expected pooled numbers and switches of one shape (N, C, H', W'), "
            f"got {tuple(pooled.shape)} and {tuple(switches.shape)}"
        )
    height, width = output_size
    if switches.numel() and not 0 <= int(switches.min()) <= int(switches.max()) < height * width:
        raise ValueError(f"a switch lies outside of an output of {height} x {width}")
    flat = pooled.new_zeros(*pooled.shape[:2], height * width)
    flat.scatter_add_(2, switches.flatten(2), pooled.flatten(2))
    return flat.unflatten(2, (height, width))


class _Call(NamedTuple):
    """A layer, what came in and what went out."""

    layer: nn.Module
    input: Tensor
    output: Tensor


@contextmanager
def _recording(model: nn.Module) -> Iterator[list[_Call]]:
    """Inside, each call of a layer that has no layers inside is recorded, in order.

    Copies are kept, since a ReLU may write into its input.
    """
    calls: list[_Call] = []
    arrived: dict[nn.Module, Tensor] = {}

    def before(layer: nn.Module, inputs: tuple) -> None:
        if inputs and isinstance(inputs[0], Tensor):
            arrived[layer] = inputs[0].clone()

    def after(layer: nn.Module, inputs: tuple, output: Any) -> None:
        if layer in arrived and isinstance(output, Tensor):
            calls.append(_Call(layer, arrived.pop(layer), output.clone()))

    leaves = [layer for layer in model.modules() if not any(True for _ in layer.children())]
    handles = [leaf.register_forward_pre_hook(before) for leaf in leaves]
    handles += [leaf.register_forward_hook(after) for leaf in leaves]
    try:
        yield calls
    finally:
        for handle in handles:
            handle.remove()


def _chain(calls: list[_Call], goal: nn.Module, images: Tensor, name: str) -> list[_Call]:
    """The calls that lead from the goal back to the images.

    A call belongs to it if it has put out what the next one took in.
    """
    places = [place for place, call in enumerate(calls) if call.layer is goal]
    if not places:
        raise ValueError(f"layer {name!r} was not called with one tensor and answered with one")
    chain: list[_Call] = []
    wanted = calls[places[-1]].output
    for call in reversed(calls[: places[-1] + 1]):
        if _same(call.output, wanted):
            if not isinstance(call.layer, (*_PASSED_OVER, *_LINEAR, *_RECTIFIERS, nn.MaxPool2d)):
                raise ValueError(f"a signal has no way back past a {type(call.layer).__name__}")
            chain.append(call)
            wanted = call.input
    if not _same(wanted, images):
        raise ValueError(
            f"no chain of layers leads from {name!r} back to the images: what came into a "
            f"{type(chain[-1].layer).__name__} is put out by no layer before it, so paths meet "
            "there, or something was computed outside of modules"
        )
    return chain


def _same(one: Tensor, other: Tensor) -> bool:
    """Equal numbers, whether flat or not."""
    return one.numel() == other.numel() and torch.equal(one.flatten(1), other.flatten(1))


def _back(call: _Call, signal: Tensor) -> Tensor:
    """A signal past one layer, downwards."""
    layer, x, _ = call
    if isinstance(layer, _RECTIFIERS):
        return signal.clamp(min=0)
    if isinstance(layer, nn.MaxPool2d):
        settings = (layer.kernel_size, layer.stride, layer.padding, layer.dilation, layer.ceil_mode)
        _, switches = F.max_pool2d(x, *settings, return_indices=True)
        return unpool(signal, switches, (x.shape[2], x.shape[3]))
    if isinstance(layer, _LINEAR):
        return torch.func.vjp(layer, x)[1](signal)[0]  # a linear layer's transpose
    return signal
