"""What every interactive figure is: a state, a still picture, and the module that moves it."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

FOLDER = Path(__file__).parent / "js"
INERT = ("</script", "<!--", "<script")
LINES_OF_COMMENT = re.compile(
    r"^[ \t]*(?:/\*(?:(?!\*/).)*\*/[ \t]*|//[^\n]*)\n", re.MULTILINE | re.DOTALL
)


class Figure:
    """An interactive figure; the last line of a cell shows it.

    Its HTML carries everything: the still picture, the state as JSON, the module and the pieces
    that it shares with others. It needs no kernel and no network, and where scripts are off the
    still stays. A subclass names its module and says what is in the still.
    """

    module: ClassVar[str]
    """The stem of its file in ``js/``."""
    title: ClassVar[str]
    """One line above the figure: what to do."""

    def __init__(self, **state: Any) -> None:
        self.state = state

    def description(self) -> str:
        """Return the still's alternative text: what a reader sees in it."""
        raise NotImplementedError

    def still(self) -> str:
        """Return the still picture as inline SVG, drawn from the state."""
        raise NotImplementedError

    def _repr_html_(self) -> str:
        state = json.dumps({"title": self.title, **self.state}, default=_plain, allow_nan=False)
        parts = {"model": state.replace("<", "\\u003c"), "style": source("style.css")}
        parts |= {"lib": source("lib.js"), "module": source(f"{self.module}.js")}
        inert = "".join(
            f'<script type="text/plain" data-part="{name}">{body}</script>'
            for name, body in parts.items()
        )
        return (
            f'<div class="course-figure" data-figure="{self.module}">'
            f"<style>{source('palette.css')}</style>"
            f'<div class="cf-still">{self.still()}</div>'
            f"{inert}<script>{source('mount.js')}</script></div>"
        )

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return {"text/html": self._repr_html_(), "text/plain": repr(self)}

    def __repr__(self) -> str:
        return f"<Interactive figure: {self.title} {self.description()}>"


@cache
def source(name: str) -> str:
    """Return a file of ``js/`` as it may stand inside a ``<script>`` of any HTML.

    Comments and indentation stay behind: a page carries what it runs, once for each figure.

    Raises
    ------
    ValueError
        If it holds text that would end or confuse the script element around it.
    """
    body = LINES_OF_COMMENT.sub("", (FOLDER / name).read_text(encoding="utf-8"))
    body = re.sub(r"^[ \t]+|\n(?=\n)", "", body, flags=re.MULTILINE)
    for bad in INERT:
        if bad in body.lower():
            raise ValueError(f"{name} holds {bad!r}, which cannot stand inside a script element")
    return body


def _plain(value: Any) -> Any:
    """Turn NumPy's arrays and numbers into what JSON knows."""
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"a figure's state holds numbers, text, lists and arrays, not {value!r}")


def checked_table(name: str, table: Any, *, square: bool = False, most: int = 16) -> np.ndarray:
    """Return a table of finite numbers as float64 (rows, columns).

    Raises
    ------
    ValueError
        If it is no such table, is larger than `most` on a side, or should be square and is not.
    """
    try:
        rows = np.asarray(table, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} must be a table of numbers: {error}") from error
    wanted = "square, " if square else ""
    if rows.ndim != 2 or rows.size == 0 or max(rows.shape) > most:
        raise ValueError(
            f"{name} must be a table of numbers, {wanted}with 1 to {most} rows and columns; "
            f"its shape is {rows.shape}"
        )
    if square and rows.shape[0] != rows.shape[1]:
        raise ValueError(f"{name} must be square; its shape is {rows.shape}")
    if not np.isfinite(rows).all():
        raise ValueError(f"{name} must hold finite numbers only")
    return rows


def checked_integer(name: str, value: Any, low: int, high: int) -> int:
    """Return an integer setting of a figure.

    Raises
    ------
    ValueError
        If it is no integer from `low` to `high`.
    """
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
        raise ValueError(f"{name} must be an integer, not {value!r}")
    if not low <= value <= high:
        raise ValueError(f"{name} must be from {low} to {high}, not {value}")
    return int(value)


def checked_choice(name: str, value: Any, choices: tuple[str, ...]) -> str:
    """Return a setting that is one of a few words.

    Raises
    ------
    ValueError
        If it is none of them.
    """
    if value not in choices:
        raise ValueError(f"{name} must be one of {', '.join(choices)}; not {value!r}")
    return value
