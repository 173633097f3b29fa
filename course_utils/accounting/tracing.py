"""One forward pass on the meta device, in which every operation is counted."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from course_utils.accounting import fields
from course_utils.accounting.calls import Call, Calls
from course_utils.accounting.fields import ReceptiveField, tensors_in
from course_utils.accounting.twin import ShapesOnly, floating_type

# Operations that get a row of their own where a network calls them outside its layers.
ROW_KINDS = {
    fields.CONVOLUTION: "convolution",
    **{name: "max pool" for name in fields.MAX_POOLS},
    **{name: "average pool" for name in fields.AVERAGE_POOLS},
    **{name: "adaptive pool" for name in fields.ADAPTIVE_POOLS},
    **{name: "batch norm" for name in fields.BATCH_NORMS},
    **{name: name for name in ("relu", "sigmoid", "tanh", "gelu", "silu", "leaky_relu", "elu")},
    **{name: "dense" for name in ("addmm", "mm", "bmm", "baddbmm")},
}
MERGES = {"add": "add", "mul": "multiply", "cat": "concatenate"}


@dataclass(frozen=True)
class LayerRow:
    """One layer of a `Summary`; shapes and numbers are those of one image.

    activations: numbers that the layer puts out if it is a convolution, a pool or a dense layer
    (or the input), else 0. multiply_adds: products with their additions, in such layers alone.
    receptive_field: None where the layer does not see the input at all.
    """

    name: str
    kind: str
    output_shape: tuple[int, ...]
    parameters: int
    activations: int
    activation_bytes: int
    multiply_adds: int
    receptive_field: ReceptiveField | None

    @property
    def stride(self) -> tuple[int, ...] | None:
        """Input pixels between neighbouring units: the product of the strides so far."""
        return self.receptive_field.stride if self.receptive_field else None


@dataclass(frozen=True)
class Trace:
    """What a forward pass left: rows in order, the field after every call, the parameters used."""

    rows: list[LayerRow]
    fields: dict[str, ReceptiveField | None]
    used_parameters: int


def trace(twin: nn.Module, input_shape: tuple[int, ...]) -> Trace:
    """Run one image through a model's twin on the meta device, in evaluation mode, and count."""
    counter = _Counter(twin.eval())
    image = torch.empty(1, *input_shape, dtype=floating_type(twin), device="meta")
    counter.start(image, input_shape)
    try:
        with torch.no_grad(), torch.device("meta"), counter:
            twin(image)
    except (RuntimeError, ValueError, IndexError) as error:
        raise counter.calls.refusal(error, input_shape) from error
    finally:
        counter.calls.stop()
    return Trace(counter.rows, counter.after, counter.used_parameters)


class _Counter(ShapesOnly):
    """Sees every ATen operation, follows receptive fields from tensor to tensor, fills the rows."""

    def __init__(self, twin: nn.Module) -> None:
        super().__init__()
        self.rows: list[LayerRow] = []
        self.after: dict[str, ReceptiveField | None] = {}
        self.used_parameters = 0
        self.calls = Calls(twin, self._returned)
        self._unused = {id(parameter): parameter.numel() for parameter in twin.parameters()}
        # The tensor stands beside its field, so that no other tensor can get its id.
        self._fields: dict[int, fields.Source] = {}

    def start(self, image: Tensor, input_shape: tuple[int, ...]) -> None:
        """The first row: the image itself."""
        # A plain vector of features, shape (C,), counts as one position.
        field = ReceptiveField.of_input(max(1, len(input_shape) - 1))
        self._fields[id(image)] = (image, field)
        self._add_row(Call("input", nn.Identity(), None, True, counted=True), "Input", image)

    def __torch_dispatch__(
        self, func: torch._ops.OpOverload, types: Any, args: Sequence = (), kwargs: Any = None
    ) -> Any:
        output = super().__torch_dispatch__(func, types, args, kwargs)
        if self.calls.stack:
            self._record(func, fields.named_arguments(func, args, kwargs or {}), output)
        return output

    def _record(self, func: torch._ops.OpOverload, arguments: dict[str, Any], output: Any) -> None:
        name = func._schema.name.removeprefix("aten::").rstrip("_")
        inputs, outputs = tensors_in(arguments), tensors_in(output)
        sources = [self._fields[id(tensor)] for tensor in inputs if id(tensor) in self._fields]
        call = self.calls.current
        call.parameters += sum(self._unused.pop(id(tensor), 0) for tensor in inputs)
        if not outputs:
            return
        call.multiply_adds += multiply_adds(name, arguments, outputs[0])
        # What is detached from the graph is a constant to whatever follows.
        if not sources or name == "detach":
            return
        pointwise = torch.Tag.pointwise in func.tags
        field = fields.propagate(name, arguments, sources, outputs[0], pointwise)
        self._fields.update({id(tensor): (tensor, field) for tensor in outputs})
        kind = _row_kind(name, arguments, sources)
        call.counted |= _is_counted(name, arguments, sources[0])
        if kind and not call.is_layer:
            self._add_operation(call, kind, outputs[0])

    def _add_operation(self, container: Call, kind: str, output: Tensor) -> None:
        """A row for an operation that a container calls by itself."""
        prefix = f"{container.name}." if container.name else ""
        name = self.calls.unique(prefix + kind)
        self._add_row(replace(container, name=name), kind, output)
        container.parameters, container.multiply_adds, container.counted = 0, 0, False

    def _returned(self, call: Call, output: Any) -> None:
        outputs = tensors_in(output)
        if not outputs:
            return
        # What a container did itself and no row has taken yet: a scale of its own, for example.
        if call.is_layer or call.parameters or call.multiply_adds:
            self._add_row(call, type(call.module).__name__, outputs[0])
        elif call.name:
            self.after[call.name] = self._field_of(outputs[0])

    def _add_row(self, call: Call, kind: str, output: Tensor) -> None:
        products, counted = call.multiply_adds, call.counted
        if hasattr(call.module, "multiply_adds") and call.is_layer:
            products, counted = call.module.multiply_adds(tuple(output.shape)), True
        activations = output[0].numel() if counted else 0
        name = call.name or kind
        self.used_parameters += call.parameters
        self.after[name] = self._field_of(output)
        self.rows.append(
            LayerRow(
                name=name,
                kind=kind,
                output_shape=tuple(output.shape[1:]),
                parameters=call.parameters,
                activations=activations,
                activation_bytes=activations * output.element_size(),
                multiply_adds=products,
                receptive_field=self.after[name],
            )
        )

    def _field_of(self, tensor: Tensor) -> ReceptiveField | None:
        return self._fields[id(tensor)][1] if id(tensor) in self._fields else None


def multiply_adds(name: str, arguments: dict[str, Any], output: Tensor) -> int:
    """Products of a convolution or of a matrix product; 0 for every other operation."""
    if name == fields.CONVOLUTION:
        # Each number put out (or, transposed, taken in) meets one kernel of this size.
        met = arguments["input"] if arguments["transposed"] else output
        return met.numel() * math.prod(arguments["weight"].shape[1:])
    if name in ("mm", "bmm"):
        return output.numel() * arguments["self"].shape[-1]
    if name in ("addmm", "baddbmm"):
        first = arguments["mat1" if name == "addmm" else "batch1"]
        return output.numel() * first.shape[-1]
    return 0


def _is_counted(name: str, arguments: dict[str, Any], source: fields.Source) -> bool:
    """Whether an operation is a convolution, a matrix product, or a pool that changes the map."""
    if name == fields.CONVOLUTION or ROW_KINDS.get(name) == "dense":
        return True
    tensor, field = source
    axes = len(field.size)
    if name in fields.POOLS:
        window = fields.window_of(name, arguments, tuple(tensor.shape[-axes:]))
        return window is None or not window.is_identity
    return fields.is_global_mean(name, arguments, tensor, axes)


def _row_kind(name: str, arguments: dict[str, Any], sources: list[fields.Source]) -> str | None:
    if name in MERGES:
        return MERGES[name] if len(sources) > 1 else None
    tensor, field = sources[0]
    if fields.is_global_mean(name, arguments, tensor, len(field.size)):
        return "global average pool"
    return ROW_KINDS.get(name)
