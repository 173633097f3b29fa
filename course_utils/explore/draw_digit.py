"""Figure 5: a LeNet-5 that was trained on MNIST reads what you draw."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import ClassVar

import numpy as np

from course_utils import ops
from course_utils.explore import svg
from course_utils.explore.figure import Figure, checked_integer

DATA = Path(__file__).resolve().parents[2] / "data" / "digit_reader.npz"
LAYERS = ("c1", "c3", "c5", "f6", "output")
SIDE, BOX, MOST = 28, 20, 10

Strokes = Sequence[Sequence[Sequence[float]]]


class DrawDigit(Figure):
    """A LeNet-5, trained on MNIST, reads a drawing; every unit on the way can be looked into.

    Parameters
    ----------
    strokes
        A drawing to start with: lists of points (x, y), from the left and from the top, from 0 to
        28. None starts with a test image.
    example
        Which test image to start with, from 0: the first ten are one of each digit, the others are
        misread by the network. Not used with `strokes`.
    right, down
        By how many pixels the image is moved, from -10 to 10.
    fit
        Whether drawings are centred and scaled as MNIST's digits were.

    Raises
    ------
    ValueError
        If the strokes or a setting are not as said above.

    Used in chapter 11. Its numbers are those of `ops` with the weights of `data/digit_reader.npz`:
    small integers times one scale for each filter or unit.
    """

    module: ClassVar[str] = "draw_digit"
    title: ClassVar[str] = "Draw a digit: LeNet-5 reads it while you draw."

    def __init__(
        self,
        strokes: Strokes | None = None,
        *,
        example: int = 4,
        right: int = 0,
        down: int = 0,
        fit: bool = True,
    ) -> None:
        arrays = _arrays()
        last = len(arrays["labels"]) - 1
        super().__init__(
            strokes=_checked_strokes(strokes or []),
            example=-1 if strokes else checked_integer("example", example, 0, last),
            pen=2.5,
            fit=bool(fit),
            right=checked_integer("right", right, -MOST, MOST),
            down=checked_integer("down", down, -MOST, MOST),
            examples=_text(arrays["images"]),
            labels=arrays["labels"],
            weights={name: _packed(name) for name in LAYERS},
        )
        c3 = self._units()["c3"]  # start at its largest answer
        place = np.unravel_index(int(c3.argmax()), c3.shape)
        names = ("map", "row", "column")
        self.state["unit"] = {"layer": "c3"} | dict(zip(names, map(int, place), strict=True))

    def description(self) -> str:
        """Return the still's alternative text."""
        p = ops.softmax(self._units()["output"], 0)
        first, second = np.argsort(p)[::-1][:2]
        shown = "A drawn digit" if self.state["strokes"] else "A handwritten digit of MNIST"
        return (
            f"{shown}, white on black, beside it the six feature maps of LeNet-5's first layer and "
            f"ten bars of probability. The network reads it as a {first}, with "
            f"{100 * p[first]:.1f} %; next comes {second}, with {100 * p[second]:.1f} %."
        )

    def still(self) -> str:
        """Return the still picture."""
        units = self._units()
        p = ops.softmax(units["output"], 0)
        top = max(float(units["c1"].max()), 1e-9)
        parts = [
            svg.text(x, 12, words)
            for x, words in ((0, "Input"), (190, "C1: six feature maps"), (510, "Probability"))
        ]
        parts.append(pixels(0, 28, 170, units["input"][0]))
        for n, values in enumerate(units["c1"]):
            parts.append(pixels(190 + 100 * (n % 3), 28 + 88 * (n // 3), 82, values / top))
        for digit, share in enumerate(p):
            y = 36 + 17 * digit
            parts.append(svg.text(510, y, str(digit), bold=digit == p.argmax()))
            parts.append(svg.box(528, y - 6, 110 * share, 12, fill="var(--cf-bar)", line="none"))
            parts.append(svg.text(700, y, f"{100 * share:.1f} %", anchor="end"))
        return svg.picture(702, 210, parts, self.description())

    def _units(self) -> dict[str, np.ndarray]:
        return activations(seen(**{name: self.state[name] for name in SEEN}))


SEEN = ("strokes", "example", "pen", "fit", "right", "down")


@cache
def _arrays() -> dict[str, np.ndarray]:
    with np.load(DATA) as file:
        return {name: file[name] for name in file.files}


@cache
def weights() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return each layer's weight and bias as float64, from the shipped integers."""
    arrays, layers = _arrays(), {}
    for name in LAYERS:
        steps = arrays[f"{name}_weight"].astype(np.float64)
        scale = arrays[f"{name}_scale"].astype(np.float64)
        weight = steps * scale.reshape(-1, *[1] * (steps.ndim - 1))
        layers[name] = (weight, arrays[f"{name}_bias"].astype(np.float64))
    return layers


def activations(image: np.ndarray) -> dict[str, np.ndarray]:
    """Return every layer's answers, after ReLU but for the scores: (28, 28) -> by name.

    Maps are (C, H, W), dense layers (C,). Computed by `ops` in float64.
    """
    net, units = weights(), {"input": image[None]}
    units["c1"] = ops.relu(ops.conv2d(units["input"][None], *net["c1"], padding=2))[0]
    units["s2"] = ops.max_pool2d(units["c1"][None], 2)[0]
    units["c3"] = ops.relu(ops.conv2d(units["s2"][None], *net["c3"]))[0]
    units["s4"] = ops.max_pool2d(units["c3"][None], 2)[0]
    units["c5"] = ops.relu(ops.linear(units["s4"].reshape(1, -1), *net["c5"]))[0]
    units["f6"] = ops.relu(ops.linear(units["c5"][None], *net["f6"]))[0]
    units["output"] = ops.linear(units["f6"][None], *net["output"])[0]
    return units


def inked(strokes: Strokes, pen: float) -> np.ndarray:
    """Return strokes as ink from 0 to 1: (28, 28). The edge of a line fades over one pixel."""
    middle = np.arange(SIDE) + 0.5
    ink = np.zeros((SIDE, SIDE))
    for points in strokes:
        for start, end in zip(points[:-1] or points, points[1:] or points, strict=True):
            (x0, y0), (x1, y1) = start, end
            x, y = middle[None, :] - x0, middle[:, None] - y0
            length = (x1 - x0) ** 2 + (y1 - y0) ** 2
            along = (x * (x1 - x0) + y * (y1 - y0)) / length if length else np.zeros_like(ink)
            along = np.clip(along, 0, 1)
            away = np.hypot(x - along * (x1 - x0), y - along * (y1 - y0))
            ink = np.maximum(ink, np.clip(pen / 2 + 0.5 - away, 0, 1))
    return ink


def fitted(strokes: Strokes, pen: float) -> list[list[list[float]]]:
    """Return strokes as MNIST's makers placed digits: in a box of 20 x 20, centred by mass."""
    points = np.concatenate([np.asarray(stroke, dtype=np.float64) for stroke in strokes])
    low, high = points.min(axis=0), points.max(axis=0)
    scale = (BOX - pen) / max(1.0, *(high - low))
    boxed = [SIDE / 2 + scale * (np.asarray(stroke) - (low + high) / 2) for stroke in strokes]
    ink = inked([stroke.tolist() for stroke in boxed], pen)
    middle = np.arange(SIDE) + 0.5
    mass = np.array([ink.sum(axis=0) @ middle, ink.sum(axis=1) @ middle]) / ink.sum()
    return [(stroke + SIDE / 2 - mass).tolist() for stroke in boxed]


def seen(
    strokes: Strokes, example: int, pen: float, fit: bool, right: int, down: int
) -> np.ndarray:
    """Return the image that the network gets, ink from 0 to 1: (28, 28)."""
    if example >= 0:
        image = _arrays()["images"][example] / 255
    else:
        image = inked(fitted(strokes, pen) if fit and strokes else strokes, pen)
    wide = np.pad(image, MOST)
    return wide[MOST - down : MOST - down + SIDE, MOST - right : MOST - right + SIDE]


def pixels(x: float, y: float, side: float, levels: np.ndarray) -> str:
    """Return an image element: shares from 0, black, to 1, white, one square for each."""
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray((255 * levels).round().astype(np.uint8)).save(file, "PNG")
    data = base64.b64encode(file.getvalue()).decode()
    return (
        f'<image x="{x:g}" y="{y:g}" width="{side:g}" height="{side:g}" '
        f'style="image-rendering: pixelated" href="data:image/png;base64,{data}"/>'
    )


def _checked_strokes(strokes: Strokes) -> list[list[list[float]]]:
    checked = []
    for stroke in strokes:
        points = np.asarray(stroke, dtype=np.float64)
        if points.ndim != 2 or points.shape[1] != 2 or not len(points):
            raise ValueError(f"a stroke must be a list of points (x, y); got shape {points.shape}")
        if not ((points >= 0) & (points <= SIDE)).all():
            raise ValueError(f"points must lie from 0 to {SIDE}, both ways")
        checked.append(points.tolist())
    return checked


def _packed(name: str) -> dict[str, str]:
    """Return a layer as text: bytes as base64, or a letter a weight where few values occur."""
    arrays = _arrays()
    layer = {part: _text(arrays[f"{name}_{part}"]) for part in ("scale", "bias")}
    steps = arrays[f"{name}_weight"]
    if np.abs(steps).max() > 8:
        return layer | {"steps": _text(steps)}
    return layer | {"letters": (steps + ord("i")).astype(np.uint8).tobytes().decode("ascii")}


def _text(array: np.ndarray) -> str:
    return base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()
