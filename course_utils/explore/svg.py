"""Still pictures of the figures: inline SVG in the colours of `js/palette.css`.

The colours are the page's custom properties, so a still follows a light and a dark theme too.
"""

from __future__ import annotations

import html
from collections.abc import Sequence

import numpy as np

FONT = "font-variant-numeric: tabular-nums"


def number(x: float, digits: int = 2) -> str:
    """Return a number as the figures write it: no needless zeros, a true minus sign."""
    text = f"{x:.{digits}f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return ("0" if text in ("-0", "") else text).replace("-", "−")


def text(
    x: float,
    y: float,
    words: str,
    *,
    size: float = 14,
    anchor: str = "start",
    color: str = "ink",
    bold: bool = False,
) -> str:
    """Return a line of text, its middle at height y."""
    weight = "600" if bold else "400"
    return (
        f'<text x="{x:g}" y="{y:g}" font-size="{size:g}" text-anchor="{anchor}" '
        f'dominant-baseline="central" font-weight="{weight}" '
        f'style="fill: var(--cf-{color}); {FONT}">{html.escape(words)}</text>'
    )


def box(
    x: float,
    y: float,
    width: float,
    height: float,
    *,
    fill: str = "none",
    line: str = "var(--cf-line)",
    thick: float = 1,
) -> str:
    """Return a rectangle; `fill` and `line` are CSS colours."""
    return (
        f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" '
        f'style="fill: {fill}; stroke: {line}; stroke-width: {thick:g}"/>'
    )


def frame(x: float, y: float, side: float) -> str:
    """Return the square that marks a window or its answer."""
    return box(x + 1, y + 1, side - 2, side - 2, line="var(--cf-mark)", thick=3)


def tint(share: float) -> str:
    """Return the colour of a cell: blue for positive, orange for negative shares of the largest."""
    name, percent = ("pos" if share >= 0 else "neg"), round(min(abs(share), 1) * 90)
    return f"color-mix(in srgb, var(--cf-{name}) {percent}%, var(--cf-cell))"


def cells(
    x: float,
    y: float,
    side: float,
    rows: np.ndarray,
) -> str:
    """Return a table of numbers in cells of `side`, its top left corner at (x, y)."""
    most = float(np.abs(rows).max(initial=0)) or 1.0
    parts = []
    for i, row in enumerate(rows):
        for j, value in enumerate(row):
            left, top = x + j * side, y + i * side
            words = number(value)
            size = side * (0.42 if len(words) <= 4 else 0.3)
            parts.append(box(left, top, side, side, fill=tint(value / most)))
            middle = (left + side / 2, top + side / 2)
            parts.append(text(*middle, words, size=size, anchor="middle"))
    return "".join(parts)


def picture(width: float, height: float, parts: Sequence[str], description: str) -> str:
    """Return the whole still, with its alternative text."""
    label = html.escape(description, quote=True)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" role="img" '
        f'aria-label="{label}">{"".join(parts)}</svg>'
    )
