"""How the receptive field grows through one operation.

A unit of a map sees a window of the input. Three numbers an axis describe it for all units at once:
unit i sees the `size` pixels from `first + i * stride` on. The recurrences that `slide` applies are
derived by Araujo, Norris and Sim (2019), "Computing receptive fields of convolutional neural
networks", Distill, doi:10.23915/distill.00021.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

CONVOLUTION = "convolution"
MAX_POOLS = {"max_pool2d_with_indices", "max_pool3d_with_indices", "max_pool1d", "max_pool2d"}
AVERAGE_POOLS = {"avg_pool1d", "avg_pool2d", "avg_pool3d"}
ADAPTIVE_POOLS = {
    "_adaptive_avg_pool2d",
    "_adaptive_avg_pool3d",
    "adaptive_max_pool2d",
    "adaptive_max_pool3d",
}
POOLS = MAX_POOLS | AVERAGE_POOLS | ADAPTIVE_POOLS
PADS = {"constant_pad_nd"} | {
    f"{m}_pad{n}d" for m in ("reflection", "replication") for n in (1, 2, 3)
}
# Operations along the dimensions they are told: harmless unless these are the map's positions.
ALONG_DIMENSIONS = {
    *("mean", "sum", "var", "std", "amax", "amin", "max", "min", "logsumexp", "linalg_vector_norm"),
    *("_softmax", "_log_softmax", "cumsum", "flip", "roll", "select", "index_select", "transpose"),
}
BATCH_NORMS = {
    "native_batch_norm",
    "_native_batch_norm_legit",
    "_native_batch_norm_legit_no_training",
    "cudnn_batch_norm",
}
# Operations under which every position keeps looking where it looked. Normalisation belongs here
# by the usual convention: its statistics, which may cover the whole map, are taken as constants.
POSITIONWISE = BATCH_NORMS | {
    "native_group_norm",
    "native_layer_norm",
    "native_dropout",
    "cat",
    "view",
    "_unsafe_view",
    "_reshape_alias",
    "unsqueeze",
    "squeeze",
    "expand",
    "clone",
    "alias",
    "_to_copy",
    "copy",
    "split",
    "split_with_sizes",
}

Source = tuple[Tensor, "ReceptiveField"]


@dataclass(frozen=True)
class Window:
    """A sliding window: kernel size, stride, padding before the first pixel, dilation; per axis."""

    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    padding: tuple[int, ...]
    dilation: tuple[int, ...]

    @property
    def is_identity(self) -> bool:
        """One pixel in, the same pixel out."""
        return set(self.kernel) == {1} and set(self.stride) == {1}


@dataclass(frozen=True)
class ReceptiveField:
    """The input pixels that a unit of a map can depend on.  Taught in chapter 12.

    size: height and width of the window in pixels, not clipped to the input.
    stride: input pixels between the windows of neighbouring units; None after a flatten.
    first: row and column of the first pixel of the window of unit (0, 0), negative in the padding.
    whole: True after a flatten or a global pool: a unit sees every position of the map before.
    """

    size: tuple[int, ...]
    stride: tuple[int, ...] | None
    first: tuple[int, ...]
    whole: bool = False

    @classmethod
    def of_input(cls, axes: int) -> ReceptiveField:
        """A pixel of the input sees itself."""
        return cls(size=(1,) * axes, stride=(1,) * axes, first=(0,) * axes)

    def slide(self, window: Window) -> ReceptiveField:
        """After a convolution or a pool with this window."""
        if self.stride is None:
            return self
        axes = zip(self.size, self.stride, self.first, _per_axis(window), strict=True)
        rows = [
            (size + (kernel - 1) * dilation * jump, stride * jump, first - padding * jump)
            for size, jump, first, (kernel, stride, padding, dilation) in axes
        ]
        size, stride, first = zip(*rows, strict=True)
        return ReceptiveField(size, stride, first)

    def shift(self, start: Sequence[int], step: Sequence[int]) -> ReceptiveField:
        """After cutting (`start` > 0), padding (`start` < 0) or taking every `step`-th position."""
        if self.stride is None:
            return self
        moved = zip(self.first, start, self.stride, strict=True)
        stride = tuple(jump * n for jump, n in zip(self.stride, step, strict=True))
        return ReceptiveField(self.size, stride, tuple(f + s * jump for f, s, jump in moved))

    def over(self, positions: Sequence[int]) -> ReceptiveField:
        """Of a unit that sees every one of these positions, as after a flatten or a global pool."""
        if self.stride is None:
            return self
        axes = zip(self.size, self.stride, positions, strict=True)
        size = tuple(size + (n - 1) * jump for size, jump, n in axes)
        return ReceptiveField(size, None, self.first, whole=True)

    def union(self, other: ReceptiveField) -> ReceptiveField:
        """The smallest window around both; they must have the same stride."""
        first = tuple(map(min, self.first, other.first))
        ends = [
            max(f1 + s1, f2 + s2)
            for f1, s1, f2, s2 in zip(self.first, self.size, other.first, other.size, strict=True)
        ]
        size = tuple(end - f for end, f in zip(ends, first, strict=True))
        return ReceptiveField(size, self.stride, first, self.whole or other.whole)

    def __str__(self) -> str:
        size = " x ".join(map(str, self.size))
        return f"{size}, whole map" if self.whole else size


def propagate(
    name: str, arguments: dict[str, Any], sources: Sequence[Source], output: Tensor, pointwise: bool
) -> ReceptiveField:
    """The receptive field of an operation's output from those of its inputs.

    `name` and `arguments` are those of the ATen operation. What is not understood counts as seeing
    the whole of its inputs, which is true of every operation, if sometimes too much.
    """
    tensor, field = sources[0]
    axes = len(field.size)
    if len(sources) == 1 and field.stride is not None:
        positions = tuple(tensor.shape[-axes:])
        result = _of_one(name, arguments, field, positions, tensor.ndim)
        if result is not None:
            return result
    if pointwise or name in POSITIONWISE:
        return _of_same_positions(sources, output, axes)
    return _of_whole_maps(sources, axes)


def window_of(name: str, arguments: dict[str, Any], positions: Sequence[int]) -> Window | None:
    """The window of a convolution or a pool over a map with these positions; None for the rest."""
    axes = len(positions)
    if name == CONVOLUTION:
        if arguments["transposed"]:
            return None
        kernel = tuple(arguments["weight"].shape[-axes:])
    elif name in ADAPTIVE_POOLS:
        return _adaptive_window(_tuple(arguments["output_size"], axes), positions)
    elif name in MAX_POOLS | AVERAGE_POOLS:
        kernel = _tuple(arguments["kernel_size"], axes)
    else:
        return None
    return Window(
        kernel=kernel,
        stride=_tuple(arguments["stride"] or arguments["kernel_size"], axes),
        padding=_tuple(arguments["padding"], axes),
        dilation=_tuple(arguments.get("dilation", 1), axes),
    )


def is_global_mean(name: str, arguments: dict[str, Any], tensor: Tensor, axes: int) -> bool:
    """Whether this is global average pooling, to PyTorch a mean over the positions."""
    if name != "mean" or not arguments.get("dim"):
        return False
    reduced = {dim % tensor.ndim for dim in arguments["dim"]}
    return reduced == set(range(tensor.ndim - axes, tensor.ndim))


def _of_one(
    name: str,
    arguments: dict[str, Any],
    field: ReceptiveField,
    positions: tuple[int, ...],
    ndim: int,
) -> ReceptiveField | None:
    """After an operation on a single map: window, pad, slice or reduction; None for the rest."""
    axes = len(positions)
    window = window_of(name, arguments, positions)
    if window is not None:
        covers_all = all(k >= n for k, n in zip(window.kernel, positions, strict=True))
        if name in POOLS and covers_all and not window.is_identity:
            return field.over(positions)
        return field.slide(window)
    if name in PADS:
        pads = arguments["pad" if name == "constant_pad_nd" else "padding"]  # last axis first
        before = [*pads[0::2], *(0,) * axes]
        return field.shift([-n for n in before[:axes]][::-1], (1,) * axes)
    if name == "slice":
        return _sliced(arguments, field, positions, ndim)
    if name in ALONG_DIMENSIONS and not _touches_positions(arguments, ndim, axes):
        return field
    return None


def _sliced(
    arguments: dict[str, Any], field: ReceptiveField, positions: tuple[int, ...], ndim: int
) -> ReceptiveField:
    axes = len(positions)
    axis = arguments["dim"] % ndim - (ndim - axes)
    if axis < 0:
        return field
    start, step = [0] * axes, [1] * axes
    begin = arguments["start"] or 0
    start[axis] = min(max(begin + positions[axis] if begin < 0 else begin, 0), positions[axis])
    step[axis] = arguments["step"]
    return field.shift(start, step)


def _touches_positions(arguments: dict[str, Any], ndim: int, axes: int) -> bool:
    keys = [key for key in ("dim", "dims", "dim0", "dim1") if arguments.get(key) is not None]
    values = [arguments[key] for key in keys]
    dims = [dim for value in values for dim in ([value] if isinstance(value, int) else value)]
    return not dims or any(dim % ndim >= ndim - axes for dim in dims)


def _of_same_positions(sources: Sequence[Source], output: Tensor, axes: int) -> ReceptiveField:
    """After an operation position by position: the union, if the maps do lie over each other."""
    shapes = {tuple(tensor.shape[-axes:]) for tensor, _ in sources} | {tuple(output.shape[-axes:])}
    strides = {field.stride for _, field in sources}
    if len(shapes) > 1 or len(strides) > 1 or output.ndim <= axes:
        return _of_whole_maps(sources, axes)
    return _union([field for _, field in sources])


def _of_whole_maps(sources: Sequence[Source], axes: int) -> ReceptiveField:
    return _union([field.over(tensor.shape[-axes:]) for tensor, field in sources])


def _union(fields: Sequence[ReceptiveField]) -> ReceptiveField:
    result = fields[0]
    for field in fields[1:]:
        result = result.union(field)
    return result


def _adaptive_window(output_size: tuple[int, ...], positions: Sequence[int]) -> Window | None:
    """An adaptive pool is an ordinary one where its output divides its input; else irregular."""
    sizes = list(zip(positions, output_size, strict=True))
    if any(n % out for n, out in sizes):
        return None
    kernel = tuple(n // out for n, out in sizes)
    return Window(kernel, kernel, (0,) * len(kernel), (1,) * len(kernel))


def _per_axis(window: Window) -> list[tuple[int, int, int, int]]:
    columns = (window.kernel, window.stride, window.padding, window.dilation)
    return list(zip(*columns, strict=True))


def _tuple(value: int | Sequence[int], axes: int) -> tuple[int, ...]:
    """The last `axes` settings; ATen writes one number for all axes as a list of length one."""
    values = [value] if isinstance(value, int) else list(value)
    return tuple(values * axes if len(values) == 1 else values)[-axes:]


def tensors_in(value: Any) -> list[Tensor]:
    """Every tensor in nested tuples, lists and dictionaries, in order."""
    if isinstance(value, Tensor):
        return [value]
    if isinstance(value, dict):
        value = value.values()
    elif not isinstance(value, (tuple, list)):
        return []
    return [tensor for item in value for tensor in tensors_in(item)]


def named_arguments(func: torch._ops.OpOverload, args: Sequence, kwargs: dict) -> dict[str, Any]:
    """The arguments of an ATen operation by name, defaults included."""
    named = {}
    for position, argument in enumerate(func._schema.arguments):
        default = kwargs.get(argument.name, argument.default_value)
        named[argument.name] = args[position] if position < len(args) else default
    return named
