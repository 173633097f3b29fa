"""Say in few characters what a value is: small ones in full, large ones by shape and dtype."""

from __future__ import annotations

import re
import sys
from typing import Any

import numpy as np

from course_utils.exercises.plain import NotPlainError, plain, with_article

MAX_ENTRIES = 25
MAX_TEXT = 100


def shorten(text: str, limit: int = MAX_TEXT) -> str:
    """Return ``text`` on one line, cut to ``limit`` characters."""
    line = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in _joined(text))
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"


def _joined(text: str) -> str:
    return " ".join(text[:10_000].split())


def brief(value: Any, digits: int = 6) -> str:
    """Describe a plain value: ``[1, 2]``, ``0.5``, or ``float32 array of shape (3, 28, 28)``.

    Numbers are rounded to ``digits`` significant digits.
    """
    if isinstance(value, list):
        parts = [brief(item, digits) for item in value[: MAX_ENTRIES + 1]]
        return _brief_items(parts, "[]", len(value))
    if isinstance(value, dict):
        shown = list(value.items())[: MAX_ENTRIES + 1]
        parts = [f"{brief(key)}: {brief(item, digits)}" for key, item in shown]
        return _brief_items(parts, "{}", len(value))
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value) if abs(value) < 10**30 else "an integer of more than 30 digits"
    if isinstance(value, (np.ndarray, np.generic, float, complex)):
        return _brief_array(np.asarray(value), digits)
    return shorten(repr(value))


def brief_pair(one: Any, other: Any) -> tuple[str, str]:
    """Describe two values that differ, with as many digits as it takes to see that they do."""
    for digits in (6, 9, 12, 17):
        pair = brief(one, digits), brief(other, digits)
        if pair[0] != pair[1]:
            break
    return pair


def shows_all(text: str) -> bool:
    """Return whether a text of :func:`brief` shows its value in full."""
    return not re.search(r"array of shape|(list|dict) of \d+ items|…|more than 30 digits", text)


def _brief_array(value: np.ndarray, digits: int) -> str:
    if value.ndim == 0:
        number = value.item()
        return f"{number:.{digits}g}" if isinstance(number, (float, complex)) else repr(number)
    if value.size == 0:
        return f"empty array of shape {value.shape}"
    if value.size > MAX_ENTRIES:
        return f"{value.dtype.name} array of shape {value.shape}"
    text = np.array2string(value, precision=digits - 1, separator=", ", max_line_width=10_000)
    return re.sub(r"(?<=\[)\s+|\s+(?=[\],])", "", " ".join(text.split()))


def _brief_items(items: list[str], brackets: str, count: int) -> str:
    text = brackets[0] + ", ".join(items) + brackets[1]
    if len(text) <= 2 * MAX_TEXT and count <= MAX_ENTRIES:
        return text
    noun = "list" if brackets == "[]" else "dict"
    return f"{noun} of {count} items"


def brief_argument(value: Any) -> str:
    """Describe one argument of a case, which may be a function or a network."""
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(value, torch.nn.Module):
        return type(value).__name__
    if callable(value):
        return getattr(value, "__name__", type(value).__name__)
    try:
        return brief(plain(value))
    except NotPlainError:
        return f"<{type(value).__name__}>"


def brief_call(name: str, case: tuple[Any, ...]) -> str:
    """Write a call as it would stand in code: ``my_convolve([1, 2], [1, 0, -1])``."""
    return f"{name}({', '.join(brief_argument(value) for value in case)})"


def kind_of(value: Any) -> str:
    """Name the kind of a plain value for a sentence: "a list", "an array of shape (3,)"."""
    if value is None:
        return "None"
    if isinstance(value, np.ndarray) and value.ndim:
        return f"an array of shape {value.shape}"
    if isinstance(value, bool):
        return "True or False"
    if isinstance(value, (np.ndarray, int, float, complex)):
        return "a number"
    if isinstance(value, (str, bytes)):
        return "text"
    return with_article(type(value).__name__)
