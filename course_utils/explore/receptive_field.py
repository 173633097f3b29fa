"""Figure 10: which pixels a unit of a network sees."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from functools import cache
from typing import Any, ClassVar

from course_utils.explore import svg
from course_utils.explore.figure import Figure, checked_choice, checked_integer
from course_utils.explore.image_kernels import photograph
from course_utils.explore.presets import presets


class ReceptiveFields(Figure):
    """Point at a unit of any layer and see which pixels of the image it can depend on.

    Parameters
    ----------
    network
        A network of the book to start from.
    layer
        The name of its layer or block, as in the rows of `presets`; None for the last map.
    row, column
        The unit of the layer's map, from 0; None for the middle one.
    networks
        Which networks of `presets` the reader can choose; None for all.

    Raises
    ------
    ValueError
        If a setting is not as said above.

    Used in chapter 12. Its numbers are those of `accounting.receptive_field`. The photograph only
    fills the image: `camera` of scikit-image, in grey.
    """

    module: ClassVar[str] = "receptive_field"
    title: ClassVar[str] = "Point at a unit. Which pixels can it depend on?"

    def __init__(
        self,
        network: str = "vgg16",
        layer: str | None = None,
        *,
        row: int | None = None,
        column: int | None = None,
        networks: Sequence[str] | None = None,
    ) -> None:
        names = tuple(presets()) if networks is None else tuple(networks)
        known = {checked_choice("networks", name, tuple(presets())): seen(name) for name in names}
        rows = known[checked_choice("network", network, tuple(known))]["rows"]
        places = {name: n for n, (name, *_) in enumerate(rows)}
        if layer is None:
            layer = next(row[0] for row in reversed(rows) if row[3] is not None)
        at = places[checked_choice("layer", layer, tuple(places))]
        last = rows[at][1] - 1
        super().__init__(
            network=network,
            layer=at,
            row=checked_integer("row", last // 2 if row is None else row, 0, last),
            column=checked_integer("column", last // 2 if column is None else column, 0, last),
            networks=known,
            photograph=photo_address(),
        )

    def window(self) -> tuple[tuple[int, int], tuple[int, int]]:
        """Return first and last row, and first and last column, of the unit's whole window."""
        _, _, field, stride, first, _ = self._layer()
        row, column = (first + (stride or 0) * self.state[name] for name in ("row", "column"))
        return (row, row + field - 1), (column, column + field - 1)

    def description(self) -> str:
        """Return the still's alternative text."""
        name, units, field, *_ = self._layer()
        network = self.state["networks"][self.state["network"]]
        side = network["side"]
        (top, bottom), (left, right) = ((max(a, 0), min(b, side - 1)) for a, b in self.window())
        return (
            f"A map of {units} by {units} units, layer {name} of {network['title']}, with the unit "
            f"in row {self.state['row']}, column {self.state['column']} marked. Beside it an image "
            f"of {side} by {side} pixels, a photograph, and on it the unit's window of {field} by "
            f"{field} pixels. Rows {top} to {bottom} and columns {left} to {right} of the image "
            "lie in the window."
        )

    def still(self) -> str:
        """Return the still picture."""
        name, units, field, *_ = self._layer()
        side, wide = self.state["networks"][self.state["network"]]["side"], 240
        cell, pixel, around = wide / units, wide / side, side // 4  # pixels shown around the image
        top, left = 28 + around * pixel, wide + 40 + around * pixel
        y, x = (self.state[key] * cell for key in ("row", "column"))
        parts = [svg.text(0, 12, f"{name}: {units} × {units} units"), svg.box(0, top, wide, wide)]
        parts.append(svg.box(x, top + y, cell, cell, fill="var(--cf-mark)", line="none"))
        parts.append(svg.text(left, 12, f"Image: {side} × {side}, window: {field} × {field}"))
        parts.append(
            f'<image x="{left:g}" y="{top:g}" width="{wide}" height="{wide}" '
            f'href="{photo_address()}"/>'
        )
        # A window that goes on further is cut there.
        ends = [(max(a, -around), min(b + 1, side + around)) for a, b in self.window()]
        (low, high), (start, stop) = ((a * pixel, b * pixel) for a, b in ends)
        place = (left + start, top + low, stop - start, high - low)
        parts.append(svg.box(*place, line="var(--cf-mark)", thick=3))
        size = (left + wide + around * pixel + 2, top + wide + around * pixel + 2)
        return svg.picture(*size, parts, self.description())

    def _layer(self) -> Sequence[Any]:
        return self.state["networks"][self.state["network"]]["rows"][self.state["layer"]]


def seen(name: str) -> dict[str, Any]:
    """Return what the units of a network of `presets` see, a list for each layer.

    That is its name, the units along a side of its map, the field, stride and first pixel along an
    axis (see `accounting.ReceptiveField`), and whether a unit sees the whole map before.
    """
    network = presets()[name]
    rows = [
        [row["name"], ([*row["shape"], 1])[1], *(row[key] for key in KEYS)]
        for row in network["rows"]
    ]
    return {"title": network["title"], "side": network["side"], "rows": rows}


KEYS = ("field", "stride", "first", "whole")


@cache
def photo_address() -> str:
    """Return a small photograph as the address of an image."""
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(photograph()).save(file, "JPEG", quality=75, optimize=True)
    return f"data:image/jpeg;base64,{base64.b64encode(file.getvalue()).decode()}"
