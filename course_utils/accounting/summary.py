"""The table of a network: `summarize`, and `receptive_field` for every call of every module."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass

from torch import nn

from course_utils.accounting.fields import ReceptiveField
from course_utils.accounting.memory import kept_for_backward
from course_utils.accounting.tracing import LayerRow, trace
from course_utils.accounting.twin import check_input_shape, check_model, meta_twin

COLUMNS = (
    "layer",
    "kind",
    "output shape",
    "parameters",
    "activations",
    "multiply-adds",
    "receptive field",
    "stride",
)
TEXT_COLUMNS = 2  # layer and kind are aligned left, everything else right


@dataclass(frozen=True)
class Summary:
    """What one image costs in a network, layer by layer and in total; a table in a notebook.

    parameters: all numbers in the model's parameters, each counted once, trainable or not.
    trainable_parameters, unused_parameters: of these, with a gradient; not met by a prediction.
    kept_numbers, kept_bytes: what autograd keeps for the backward pass (`kept_for_backward`).
    """

    model: str
    input_shape: tuple[int, ...]
    rows: tuple[LayerRow, ...]
    parameters: int
    trainable_parameters: int
    unused_parameters: int
    kept_numbers: int
    kept_bytes: int

    @property
    def activations(self) -> int:
        """Numbers in the image and in the outputs of convolutions, pools and dense layers."""
        return sum(row.activations for row in self.rows)

    @property
    def activation_bytes(self) -> int:
        """The same in bytes."""
        return sum(row.activation_bytes for row in self.rows)

    @property
    def multiply_adds(self) -> int:
        """Multiplications, each with its addition, for one image; twice as many FLOPs."""
        return sum(row.multiply_adds for row in self.rows)

    def __getitem__(self, name: str) -> LayerRow:
        """The row of a layer by name; raises ValueError with the names there are."""
        for row in self.rows:
            if row.name == name:
                return row
        raise ValueError(f"no layer {name!r}; there are {', '.join(row.name for row in self.rows)}")

    def __str__(self) -> str:
        lines = [COLUMNS, *(_cells(row) for row in self.rows), self._total_cells()]
        widths = [max(len(line[i]) for line in lines) for i in range(len(COLUMNS))]
        texts = [_aligned(line, widths) for line in lines]
        rule = "-" * len(texts[0])
        body = "\n".join([texts[0], rule, *texts[1:-1], rule, texts[-1]])
        return f"{self._caption()}\n{body}\n" + "\n".join(self._notes())

    def __repr__(self) -> str:
        return f"<Summary of {self._caption()}: {self.parameters:,} parameters>"

    def _repr_html_(self) -> str:
        caption = html.escape(self._caption())
        head = "".join(f'<th scope="col"{_head(i)}>{name}</th>' for i, name in enumerate(COLUMNS))
        body = "\n".join(_html_row(_cells(row)) for row in self.rows)
        notes = " ".join(f'<p style="font-size:0.8em">{html.escape(n)}</p>' for n in self._notes())
        # Wider than a phone, the table scrolls in its own box, which the keyboard can reach.
        return (
            f'<div role="region" tabindex="0" aria-label="Summary of {caption}" '
            f'style="overflow-x:auto">\n<table style="font-size:0.76em">\n'
            f'<caption style="text-align:left">{caption}</caption>\n'
            f"<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody>\n"
            f"<tfoot>{_html_row(self._total_cells())}</tfoot>\n</table>\n{notes}\n</div>"
        )

    def _caption(self) -> str:
        return f"{self.model} on an image of shape {_shape(self.input_shape)}"

    def _total_cells(self) -> tuple[str, ...]:
        numbers = (self.parameters, self.activations, self.multiply_adds)
        return ("total", "", "", *(f"{number:,}" for number in numbers), "", "")

    def _notes(self) -> list[str]:
        notes = [
            f"For one image, the activations take {self.activation_bytes:,} bytes; kept for the "
            f"backward pass: {self.kept_numbers:,} numbers, {self.kept_bytes:,} bytes."
        ]
        if any(row.receptive_field and row.receptive_field.whole for row in self.rows):
            notes[0] += " (all): a unit sees every place of an earlier map."
        if self.unused_parameters:
            notes.append(
                f"{self.unused_parameters:,} parameters lie in layers that a prediction does not "
                "visit; they are in the total and in no row."
            )
        return notes


def summarize(model: nn.Module, input_shape: Sequence[int]) -> Summary:
    """Shapes, parameters, memory, multiply-adds and receptive field of every layer of a model.

    `input_shape` is that of one image, (C, H, W), without the batch. Runs on the meta device, in
    evaluation mode: nothing is computed, and the model is not touched. A layer is a module without
    modules inside; convolutions, pools, additions and the like that a model calls outside its
    layers get rows too, named after the module that calls them. A layer called again is `name#2`;
    its parameters count once, where they are used first.

    Activations count the image and the outputs of convolutions, pools and dense layers, as lectures
    do: 15,237,608 numbers for VGG-16. Multiply-adds count the products of convolutions and matrix
    products, half of what `torch.utils.flop_counter` counts; biases, normalisation and activation
    functions do not count. A layer of your own may know better: if it has a method
    `multiply_adds(output_shape)`, with the batch of one in the shape, that number is taken, and its
    output counts as activations.

    Raises ValueError for a bad `input_shape`, and if a layer refuses its input: says which layer,
    and what it got. Taught in chapters 14 and 17.
    """
    check_model(model)
    shape = check_input_shape(input_shape)
    twin = meta_twin(model)
    traced = trace(twin, shape)
    kept_numbers, kept_bytes = kept_for_backward(twin, shape)
    parameters = sum(parameter.numel() for parameter in model.parameters())
    return Summary(
        model=type(model).__name__,
        input_shape=shape,
        rows=tuple(traced.rows),
        parameters=parameters,
        trainable_parameters=sum(p.numel() for p in model.parameters() if p.requires_grad),
        unused_parameters=parameters - traced.used_parameters,
        kept_numbers=kept_numbers,
        kept_bytes=kept_bytes,
    )


def receptive_field(
    model: nn.Module, input_shape: Sequence[int]
) -> dict[str, ReceptiveField | None]:
    """The receptive field after every layer and block of a model, by name, in forward order.

    Where paths meet (additions, concatenations), the smallest window around all of them. Sizes are
    not clipped to the image. After a flatten or a global pool a unit sees every position of the map
    before: the window around all their windows, marked `whole`, without a stride. So is what
    follows any operation that is neither a window nor position by position, such as a transposed
    convolution or an irregular adaptive pool: there it is an upper bound. Statistics of
    normalisation layers count as constants. None stands for what does not see the image at all.

    `input_shape` is (C, H, W), without the batch. Raises ValueError as `summarize` does.
    Taught in chapter 12.
    """
    check_model(model)
    shape = check_input_shape(input_shape)
    return trace(meta_twin(model), shape).fields


def _shape(shape: Sequence[int]) -> str:
    return " x ".join(map(str, shape))


def _square(sizes: Sequence[int]) -> str:
    """7 for (7, 7), else all axes."""
    return str(sizes[0]) if len(set(sizes)) == 1 else _shape(sizes)


def _cells(row: LayerRow) -> tuple[str, ...]:
    numbers = (row.parameters, row.activations, row.multiply_adds)
    field = row.receptive_field
    size = "-" if field is None else _square(field.size) + (" (all)" if field.whole else "")
    stride = "-" if row.stride is None else _square(row.stride)
    return (
        row.name,
        row.kind,
        _shape(row.output_shape),
        *(f"{number:,}" for number in numbers),
        size,
        stride,
    )


def _aligned(cells: Sequence[str], widths: Sequence[int]) -> str:
    columns = enumerate(zip(cells, widths, strict=True))
    texts = (c.ljust(w) if i < TEXT_COLUMNS else c.rjust(w) for i, (c, w) in columns)
    return "  ".join(texts).rstrip()


def _style(column: int) -> str:
    return f' style="{_side(column)};white-space:nowrap;padding:0.1em 0.35em"'


def _head(column: int) -> str:
    """A head may take two lines: its numbers are narrower."""
    return f' style="{_side(column)};vertical-align:bottom;padding:0.1em 0.35em"'


def _side(column: int) -> str:
    return f"text-align:{'left' if column < TEXT_COLUMNS else 'right'}"


def _html_row(cells: Sequence[str]) -> str:
    head = f'<th scope="row"{_style(0)}>{html.escape(cells[0])}</th>'
    rest = (f"<td{_style(i)}>{html.escape(cell)}</td>" for i, cell in enumerate(cells[1:], start=1))
    return f"<tr>{head}{''.join(rest)}</tr>"
