"""Read a submitted file as a notebook, whatever wrote it: only its cells are looked at.

Jupyter, Colab, VS Code and Kaggle differ in metadata, versions and the form of `source`; none of
that is needed. No code runs here, but a file can be made to exhaust whoever reads it, so this
happens in the sandbox.
"""

from __future__ import annotations

import ast
import json
import warnings
from typing import Any

from course_admin.grading.inside.magics import python_of

MAX_CELLS = 3_000
MAX_SOURCE = 4_000_000


class NotANotebook(ValueError):
    """Says in a sentence why a file cannot be read."""


def read_cells(data: bytes) -> list[dict[str, Any]]:
    """Return a notebook's cells: ``number`` (from 1), ``code``, ``source``, ``grade_id``, ...

    ``defines`` are the names that a code cell binds at its top level, ``functions`` those of its
    functions and classes, ``problem`` says why Python cannot read it,
    ``joined`` how many cells were put together again after they had been split.

    Raises
    ------
    NotANotebook
        If the file is none; the sentence is meant for the student.
    """
    cells = [_plain_cell(raw, number) for number, raw in enumerate(_raw_cells(data), start=1)]
    if sum(len(cell["source"]) for cell in cells) > MAX_SOURCE:
        raise NotANotebook("Its cells hold more than four million characters.")
    return [_examined(cell) for cell in _joined(cells)]


def _raw_cells(data: bytes) -> list[Any]:
    content = _json(data)
    cells = content.get("cells") if isinstance(content, dict) else None
    if cells is None and isinstance(content, dict):  # the format of before 2015
        sheets = content.get("worksheets")
        cells = sheets[0].get("cells") if sheets and isinstance(sheets[0], dict) else None
    if not isinstance(cells, list):
        raise NotANotebook("It is not a Jupyter notebook: it has no cells.")
    if len(cells) > MAX_CELLS:
        raise NotANotebook(f"It has {len(cells)} cells, more than can be graded ({MAX_CELLS}).")
    return cells


def _json(data: bytes) -> Any:
    if not data.strip():
        raise NotANotebook("The file is empty.")
    try:
        text = data.decode("utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig")
        return json.loads(text)
    except RecursionError:
        raise NotANotebook("It is nested too deeply to be a notebook.") from None
    except ValueError:
        if data.lstrip()[:1] == b"{":
            raise NotANotebook(
                "The notebook is damaged: the file breaks off or holds something that is not JSON."
            ) from None
        raise NotANotebook("It is not a Jupyter notebook (an .ipynb file).") from None


def _plain_cell(raw: Any, number: int) -> dict[str, Any]:
    raw = raw if isinstance(raw, dict) else {}
    source = raw.get("source", raw.get("input", ""))
    if isinstance(source, list):
        source = "".join(part for part in source if isinstance(part, str))
    metadata = raw.get("metadata")
    marks = metadata.get("nbgrader") if isinstance(metadata, dict) else None
    grade_id = marks.get("grade_id") if isinstance(marks, dict) else None
    return {
        "number": number,
        "code": raw.get("cell_type") == "code",
        # A lone half of a surrogate pair cannot be written to any file or page.
        "source": source.encode("utf-8", "replace").decode() if isinstance(source, str) else "",
        "grade_id": grade_id if isinstance(grade_id, str) else None,
        "joined": 1,
    }


def _joined(cells: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Put cells together that were one cell: the same grade_id, and only together they parse."""
    result: list[dict[str, Any]] = []
    for cell in cells:
        last = result[-1] if result else None
        if last is not None and _was_one(last, cell):
            last["source"] = f"{last['source']}\n{cell['source']}"
            last["joined"] += 1
        else:
            result.append(dict(cell))
    return result


def _was_one(first: dict[str, Any], second: dict[str, Any]) -> bool:
    if not (first["code"] and second["code"] and first["grade_id"]):
        return False
    if first["grade_id"] != second["grade_id"]:
        return False
    both_alone = not (_problem(first["source"]) or _problem(second["source"]))
    return not both_alone and not _problem(f"{first['source']}\n{second['source']}")


def _examined(cell: dict[str, Any]) -> dict[str, Any]:
    if not cell["code"]:
        return {**cell, "defines": [], "functions": [], "problem": None}
    tree, problem = parse(cell["source"])
    functions = _functions(tree) if tree else set()
    variables = _variables(tree) if tree else set()
    names = {"defines": sorted(functions | variables), "functions": sorted(functions)}
    return {**cell, **names, "problem": problem}


def parse(source: str) -> tuple[ast.Module | None, str | None]:
    """Return a cell's syntax tree, or None and what is wrong with it."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(python_of(source)), None
    except SyntaxError as error:
        return None, f"{type(error).__name__} in line {error.lineno}"
    except (ValueError, RecursionError, MemoryError) as error:
        return None, type(error).__name__


def _problem(source: str) -> str | None:
    return parse(source)[1]


def _functions(tree: ast.Module) -> set[str]:
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    return {node.name for node in tree.body if isinstance(node, kinds)}


def _variables(tree: ast.Module) -> set[str]:
    names: set[str] = set()
    for node in tree.body:
        if isinstance(node, (ast.Assign, ast.AnnAssign)):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names.update(target.id for target in targets if isinstance(target, ast.Name))
    return names
