"""Figure 3: Hubel and Wiesel's experiment, with the reader at the light."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, ClassVar

import numpy as np

from course_utils import cortex as cx
from course_utils.explore import svg
from course_utils.explore.figure import Figure, checked_choice, checked_integer

CELLS = ("simple", "maximum", "conjunction")
LIGHTS = ("bar", "spots", "spot", "all")
RETINA = cx.Retina(pixels=81, degrees_per_pixel=0.1)
OFFSETS = np.arange(-1.5, 1.51, 0.25)
DARK, BEST, TURN, REACH = 10.0, 50.0, 5, 4.0


class CortexExperiment(Figure):
    """Shine bars and spots on the retina of a model cell, and map what it answers to.

    Parameters
    ----------
    cells
        The cells to choose from: ``"simple"`` and the complex cells of chapter 2, ``"maximum"``
        and ``"conjunction"``. The first is there at the start.
    orientation
        The cell's preferred one, in degrees, a multiple of 5 from 0 to 175.
    center
        Of the cell's field, (x, y) in degrees, each from -1 to 1.
    light
        ``"bar"`` of 1 by 8 degrees, ``"spots"``, five in a row, one ``"spot"``, or ``"all"``, the
        whole screen.
    angle
        Of the light, as `orientation`.
    position
        Of the light's centre, (x, y) in degrees, each from -4 to 4.
    seed
        Of the spikes; and of the orientation and the place where they are not given.

    Raises
    ------
    ValueError
        If a setting is not as said above.

    Used in chapter 2. Its numbers are those of `cortex.drive`, `cortex.complex_cell`,
    `cortex.conjunctive_complex_cell` and `cortex.firing_rate`: 10 spikes/s in the dark, and a gain
    with which a bar laid on the cell's field adds 50.
    """

    module: ClassVar[str] = "cortex_experiment"
    title: ClassVar[str] = "You hold the light. Where, and at what angle, does this cell answer?"

    def __init__(
        self,
        cells: Sequence[str] = CELLS,
        *,
        orientation: int | None = None,
        center: Sequence[float] | None = None,
        light: str = "bar",
        angle: int = 0,
        position: Sequence[float] = (-2.0, 2.5),
        seed: int = 4,
    ) -> None:
        seed = checked_integer("seed", seed, 0, 2**31)
        rng = np.random.default_rng(seed)
        hidden = (TURN * int(rng.integers(36)), rng.integers(-10, 11, 2) / 10)
        x, y = _point("position", position, REACH)
        if not set(cells) <= set(CELLS) or not cells or isinstance(cells, str):
            raise ValueError(f"cells must be some of {', '.join(CELLS)}; not {cells!r}")
        super().__init__(
            cells=list(cells),
            cell=cells[0],
            orientation=_angle("orientation", hidden[0] if orientation is None else orientation),
            center=_point("center", hidden[1] if center is None else center, 1.0),
            light=checked_choice("light", light, LIGHTS),
            angle=_angle("angle", angle),
            x=x,
            y=y,
            seed=seed,
        )

    def description(self) -> str:
        """Return the still's alternative text."""
        best = _lit("bar", self.state["orientation"], *self.state["center"])
        return (
            "A bar of light across a dark screen, laid on the field of a model cell of the visual "
            f"cortex at {self.state['orientation']} degrees, the spikes of one second, and the "
            f"cell's rate for {180 // TURN} angles of the bar: {recorded(self.state, best):.0f} "
            f"spikes/s at the best angle, {DARK:.0f} in the dark."
        )

    def still(self) -> str:
        """Return the still picture."""
        state, angles = self.state, np.arange(0, 180, TURN)
        curve = recorded(state, cx.bar(RETINA, angles, position=state["center"]))
        best = float(recorded(state, _lit("bar", state["orientation"], *state["center"])))
        spikes = cx.spike_times(cx.spike_train(best, duration=1000, seed=state["seed"]))
        parts = [_screen(state), svg.text(310, 12, f"Spikes: {best:.1f} spikes/s", bold=True)]
        parts += [_line(310 + 0.39 * ms, 30, 0, 34, "ink") for ms in spikes]
        parts += [_line(310, 70, 390, 0, "edge"), svg.text(310, 86, "one second", color="quiet")]
        parts.append(svg.text(310, 122, "Rate (spikes/s) against the angle of the bar"))
        height = 272 - 2 * DARK
        parts += [_line(340, height, 360, 0, "mark"), _line(340, 272, 360, 0, "edge")]
        parts += [svg.text(330, 272 - 2 * r, str(r), size=12, anchor="end") for r in (0, 30, 60)]
        parts += [svg.text(340 + 2 * a, 286, f"{a}°", size=12, anchor="middle")
                  for a in (0, 45, 90, 135, 180)]  # fmt: skip
        blue = "var(--cf-bar)"
        parts += [svg.box(338 + 2 * a, 270 - 2 * r, 4, 4, fill=blue, line=blue)
                  for a, r in zip(angles, curve, strict=True)]  # fmt: skip
        return svg.picture(715, 300, parts, self.description())


def _line(x: float, y: float, right: float, down: float, color: str) -> str:
    """Return a line from (x, y), so far to the right and down."""
    style = f"stroke: var(--cf-{color}); stroke-width: 1.3"
    return f'<path d="M{x:g} {y:g}l{right:g} {down:g}" style="{style}"/>'


def _screen(state: dict[str, Any]) -> str:
    """Return the screen with the best bar: 280 wide, 81 pixels a side."""
    x, y = state["center"]
    bar = f'transform="translate({x:g} {-y:g}) rotate({-state["orientation"]:g})"'
    return (
        '<svg x="0" y="10" width="280" height="280" viewBox="-4.05 -4.05 8.1 8.1">'
        '<rect x="-4.05" y="-4.05" width="8.1" height="8.1" fill="#14161a"/>'
        f'<rect x="-4" y="-0.5" width="8" height="1" fill="#f6f3e4" {bar}/></svg>'
    )


def stimulus(state: dict[str, Any]) -> np.ndarray:
    """Return the light of a state on the retina: (81, 81)."""
    return _lit(state["light"], state["angle"], state["x"], state["y"])


def _lit(light: str, angle: float, x: float, y: float) -> np.ndarray:
    if light == "bar":
        return cx.bar(RETINA, angle, position=(x, y))
    if light == "spots":
        return cx.row_of_spots(RETINA, angle, spacing=1.6, diameter=1.0, position=(x, y))
    if light == "spot":
        return cx.spot(RETINA, (x, y), diameter=1.0)
    return cx.diffuse_light(RETINA)


def drive(state: dict[str, Any], images: np.ndarray) -> np.ndarray:
    """Return the drive of a state's cell: (..., 81, 81) -> (...)."""
    weights = _weights(state["cell"], state["orientation"], tuple(state["center"]))
    if state["cell"] == "simple":
        return cx.drive(images, weights)
    if state["cell"] == "maximum":
        return cx.complex_cell(images, weights)
    return cx.conjunctive_complex_cell(images, weights)


@lru_cache(maxsize=4)
def _weights(cell: str, orientation: int, center: tuple[float, float]) -> np.ndarray:
    if cell == "simple":
        return cx.simple_cell(RETINA, orientation, position=center)
    if cell == "maximum":
        return cx.simple_cell_bank(RETINA, orientation, OFFSETS, position=center)
    row = cx.row_positions(orientation, count=21, spacing=0.2, position=center)
    rows = [cx.shifted(row, orientation, np.array(offset)) for offset in OFFSETS]
    return cx.center_surround(RETINA, np.stack(rows))


def recorded(state: dict[str, Any], images: np.ndarray) -> np.ndarray:
    """Return the firing rate of a state's cell in spikes/s: (..., 81, 81) -> (...)."""
    best = drive(state, _lit("bar", state["orientation"], *state["center"]))
    return cx.firing_rate(drive(state, images), gain=BEST / float(best), spontaneous=DARK)


def _angle(name: str, value: Any) -> int:
    angle = checked_integer(name, value, 0, 180 - TURN)
    if angle % TURN:
        raise ValueError(f"{name} must be a multiple of {TURN} degrees, not {angle}")
    return angle


def _point(name: str, value: Any, most: float) -> list[float]:
    point = np.asarray(value, dtype=float)
    if point.shape != (2,) or not (np.abs(point) <= most).all():
        raise ValueError(f"{name} must be (x, y), each from {-most:g} to {most:g}; not {value!r}")
    return [round(float(a), 1) for a in point]
