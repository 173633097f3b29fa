"""Turn a notebook cell into Python: the lines that only IPython understands do nothing."""

from __future__ import annotations

import ast
import re
import warnings

RUNS_ITS_CELL = ("time", "timeit", "capture", "prun")
_LINE = re.compile(r"^([ \t]*)[%!?].*$|^([ \t]*)[^\s#][^#'\"]*\?\??[ \t]*$")
_ASSIGNED = re.compile(r"^([ \t]*)([\w, ]+?)\s*=\s*[%!].*$")
_CELL = re.compile(r"^%%(\w+)[^\n]*(\n|$)")


def python_of(source: str) -> str:
    """Return a cell as Python with as many lines as before.

    ``%magic`` and ``!command`` become ``pass``, a cell in another language becomes empty. A cell
    that is Python already comes back as it is.
    """
    if _is_python(source):
        return source
    magic = _CELL.match(source.lstrip("\n"))
    if magic:
        if magic.group(1) not in RUNS_ITS_CELL:
            return ""
        source = source.replace("%%", "# %%", 1)
    return "\n".join(map(_line, source.split("\n")))


def _line(line: str) -> str:
    assigned = _ASSIGNED.match(line)
    if assigned:
        return f"{assigned.group(1)}{assigned.group(2)} = None"
    found = _LINE.match(line)
    return f"{found.group(1) or found.group(2) or ''}pass" if found else line


def _is_python(source: str) -> bool:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True
