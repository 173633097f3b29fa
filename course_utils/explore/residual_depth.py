"""Figure 11: plain against residual networks, by depth and by layer."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from course_utils.explore import svg
from course_utils.explore.figure import Figure, checked_choice, checked_integer

DATA = Path(__file__).resolve().parents[2] / "data" / "residual_depth.json"
KINDS = ("plain", "residual")
STARTS = ("norm", "bare", "he")
MEASURES = {
    "weights": "gradient over weights",
    "up": "signal coming up",
    "down": "gradient coming down",
}
WIDTH, HEIGHT = 560, 240  # of the still's picture


class ResidualDepth(Figure):
    """Drag the depth of a plain and a residual network, and read what each layer is told.

    Parameters
    ----------
    depth
        Layers with weights: 8, 14, 20 and so on to 56.
    start
        ``"norm"``: batch normalisation and the weights of He et al.; ``"he"``: the same weights
        without normalisation; ``"bare"``: PyTorch's own weights without normalisation.
    measure
        At each convolution: ``"weights"``, the gradient by its weights over their length; ``"up"``,
        the root mean square of what comes in; ``"down"``, the gradient by what goes out.
    layer
        The layer looked at, counted from the image.

    Raises
    ------
    ValueError
        If a setting is not as said above.

    Used in chapter 16. Its numbers are those of `data/residual_depth.json`, which
    `data/make_residual_depth.py` measured as the chapter does.
    """

    module: ClassVar[str] = "residual_depth"
    title: ClassVar[str] = (
        "Drag the depth. What arrives at the first layer, with and without shortcuts?"
    )

    def __init__(
        self, depth: int = 20, start: str = "norm", measure: str = "weights", *, layer: int = 1
    ) -> None:
        record = recorded()
        depths = record["settings"]["depths"]
        if depth not in depths:
            raise ValueError(f"depth must be one of {', '.join(map(str, depths))}; not {depth!r}")
        super().__init__(
            depth=int(depth),
            start=checked_choice("start", start, STARTS),
            measure=checked_choice("measure", measure, tuple(MEASURES)),
            layer=checked_integer("layer", layer, 1, depth - 1),
            depths=depths,
            curves=record["curves"],
            errors=record["errors"],
        )

    def description(self) -> str:
        """Return the still's alternative text."""
        lines = [(kind, self._line(kind)) for kind in KINDS]
        ends = "; ".join(
            f"{kind} {line[0]:.2g} at the first layer and {line[-1]:.2g} at the last"
            for kind, line in lines
        )
        norm = {
            "norm": "with batch normalisation",
            "bare": "without normalisation, with PyTorch's first weights",
            "he": "without normalisation, with He's first weights",
        }
        measure, depth = MEASURES[self.state["measure"]], self.state["depth"]
        return (
            f"Two lines against the layer, on a logarithmic axis: {measure} in networks of {depth} "
            f"layers {norm[self.state['start']]}, before training. Geometric means of three seeds: "
            f"{ends}."
        )

    def still(self) -> str:
        """Return the still picture."""
        lines = [np.log10(self._line(kind)) for kind in KINDS]
        low, high = np.floor(np.min(lines)), np.ceil(np.max(lines))
        left, top = 60, 44
        parts = [svg.text(0, 12, f"{MEASURES[self.state['measure']]}, by layer", bold=True)]
        parts.append(svg.box(left, top, WIDTH, HEIGHT))
        step = max(1, int(np.ceil((high - low) / 6)))
        for n in range(int(low), int(high) + 1, step):
            y = top + HEIGHT * (high - n) / (high - low)
            parts.append(svg.text(left - 8, y, f"1e{n}".replace("-", "−"), anchor="end"))
        for kind, line, color in zip(KINDS, lines, ("bar-neg", "bar"), strict=True):
            x = left + np.linspace(0, WIDTH, len(line))
            y = top + HEIGHT * (high - line) / (high - low)
            parts.append(_polyline(x, y, color, dashed=kind == "plain"))
            parts.append(svg.text(left + WIDTH + 8, y[-1] + (-9 if color == "bar" else 9), kind))
        under = top + HEIGHT + 18
        parts += [
            svg.text(left, under, "layer 1"),
            svg.text(left + WIDTH, under, str(len(lines[0]))),
        ]
        return svg.picture(left + WIDTH + 80, under + 14, parts, self.description())

    def _line(self, kind: str) -> np.ndarray:
        state = self.state
        return geometric_mean(kind, state["start"], state["depth"], state["measure"])


@cache
def recorded() -> dict[str, Any]:
    """Return what `data/residual_depth.json` holds."""
    record: dict[str, Any] = json.loads(DATA.read_text(encoding="utf-8"))
    return record


def geometric_mean(kind: str, start: str, depth: int, measure: str) -> np.ndarray:
    """Return one curve over the layers, the geometric mean of all seeds: (depth - 1,)."""
    runs = [run[measure] for run in recorded()["curves"][f"{kind} {start} {depth}"]]
    return np.exp(np.log(runs).mean(axis=0))


def _polyline(x: np.ndarray, y: np.ndarray, color: str, *, dashed: bool) -> str:
    points = " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x, y, strict=True))
    dashes = ' stroke-dasharray="7 4"' if dashed else ""
    return (
        f'<polyline points="{points}" fill="none" stroke-width="2.5"{dashes} '
        f'style="stroke: var(--cf-{color})"/>'
    )
