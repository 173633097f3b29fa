"""Write chapters in canonical form: what a diff shows is what an author changed.

Stable cell ids, only the metadata that means something, no outputs but those that nbval compares,
the house's set-up cell and Colab link, nbgrader's metadata on exercise cells. In the page, cells
that only draw and the solutions are folded.
"""

from __future__ import annotations

import argparse
import copy
import re
import sys
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from course_admin.paths import chapter_paths, read_notebook, repository_url, write_atomically
from course_admin.setup_cell import is_setup, setup_source, with_colab_link

CHECKED = "nbval-check-output"
SOLUTION_MARK = "### BEGIN SOLUTION"
KEPT_METADATA = ("mystnb", "tags")
NOTEBOOK_METADATA = {
    "accelerator": "GPU",
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
FOLD_SOLUTION = {"code_prompt_show": "Show a solution", "code_prompt_hide": "Hide the solution"}
FOLD_DRAWING = {"code_prompt_show": "Show how it is drawn", "code_prompt_hide": "Hide the drawing"}
FOLD_SETUP = {"code_prompt_show": "Show the set-up cell", "code_prompt_hide": "Hide the set-up"}
_DRAWING = re.compile(r"fig, .* = plt\.subplots\(")
_CHECK = re.compile(r"""^(?:\w+ = )?check\(\s*["'](\d\d\.\d+)["']""", re.MULTILINE)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("notebooks", nargs="*", type=Path, help="default: every chapter")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if any differs")


def run(arguments: argparse.Namespace) -> int:
    """Write, or with ``--check`` only compare, the canonical form."""
    different = []
    for path in arguments.notebooks or chapter_paths():
        text = canonical_text(path)
        if text == path.read_text(encoding="utf-8"):
            continue
        different.append(path)
        if not arguments.check:
            write_atomically(path, text)
    verb = "not canonical:" if arguments.check else "rewritten:"
    for path in different:
        print(verb, path.name)
    if different and arguments.check:
        print("Run: python -m course_admin canonical", file=sys.stderr)
        return 1
    return 0


def canonical_text(path: Path) -> str:
    """Return the canonical JSON of the notebook at `path`."""
    return to_text(canonical(read_notebook(path), path.name, repository_url()))


def to_text(notebook: NotebookNode) -> str:
    """Return a notebook as JSON with sorted keys, a one-space indent and a final newline."""
    return nbformat.writes(notebook, version=4).rstrip("\n") + "\n"


def canonical(notebook: NotebookNode, name: str, url: str) -> NotebookNode:
    """Return a copy of `notebook` in canonical form; `name` is its file's name."""
    result = copy.deepcopy(notebook)
    result.nbformat, result.nbformat_minor = 4, 5
    result.metadata = nbformat.from_dict(NOTEBOOK_METADATA)
    result.cells = [cell for cell in result.cells if cell.source.strip()]
    _give_ids(result.cells)
    for cell in result.cells:
        _clean(cell)
    _house_cells(result.cells, name, url)
    _fold_drawings(result.cells)
    _mark_exercises(result.cells)
    return result


def _give_ids(cells: list[NotebookNode]) -> None:
    seen: set[str] = set()
    for index, cell in enumerate(cells):
        if not cell.get("id") or cell.id in seen:
            cell.id = f"cell-{index:03d}-{len(seen):03d}"
        seen.add(cell.id)


def _clean(cell: NotebookNode) -> None:
    cell.source = "\n".join(line.rstrip() for line in cell.source.strip("\n").splitlines())
    kept = {key: cell.metadata[key] for key in KEPT_METADATA if cell.metadata.get(key)}
    cell.metadata = nbformat.from_dict(kept)
    cell.pop("attachments", None)
    if cell.cell_type != "code":
        return
    checked = CHECKED in cell.metadata.get("tags", ())
    cell.outputs = _text_outputs(cell.outputs) if checked else []
    cell.execution_count = 1 if cell.outputs else None


def _text_outputs(outputs: list[NotebookNode]) -> list[NotebookNode]:
    """Keep what nbval compares: printed text, as one stream however slowly it came, and values."""
    printed = "".join(o.text for o in outputs if o.get("name") == "stdout")
    values = [o for o in outputs if o.output_type == "execute_result" and "text/plain" in o.data]
    kept = [nbformat.v4.new_output("stream", name="stdout", text=printed)] if printed else []
    for output in values:
        data = {"text/plain": output.data["text/plain"]}
        kept.append(nbformat.v4.new_output("execute_result", data=data, execution_count=1))
    return kept


def _house_cells(cells: list[NotebookNode], name: str, url: str) -> None:
    first = cells[0]
    if first.cell_type != "markdown" or not first.source.startswith("# "):
        raise ValueError(f"{name}: the first cell must be markdown and start with '# Title'")
    first.source = with_colab_link(first.source, url, name)
    setup = next((cell for cell in cells if cell.cell_type == "code"), None)
    if setup is None or not is_setup(setup.source):
        raise ValueError(f"{name}: the first code cell must be the set-up cell, '# set-up'")
    setup.source = setup_source(url)
    setup.metadata = nbformat.from_dict({"mystnb": FOLD_SETUP, "tags": ["hide-input"]})


def _fold_drawings(cells: list[NotebookNode]) -> None:
    """Fold, in the page, cells that only draw: they begin with a figure and end by showing it."""
    for cell in cells:
        if cell.cell_type != "code" or not _DRAWING.match(cell.source):
            continue
        if cell.source.endswith("plt.show()"):
            _add_tag(cell, "hide-input")
            cell.metadata["mystnb"] = {**cell.metadata.get("mystnb", {}), **FOLD_DRAWING}


def _add_tag(cell: NotebookNode, tag: str) -> None:
    others = [known for known in cell.metadata.get("tags", ()) if known != tag]
    cell.metadata["tags"] = [*others, tag]


def _mark_exercises(cells: list[NotebookNode]) -> None:
    """Give answer and check cells the metadata that nbgrader and the page need."""
    answer = None
    for cell in cells:
        if cell.cell_type != "code":
            continue
        if SOLUTION_MARK in cell.source:
            answer = cell
        found = _CHECK.search(cell.source)
        if found is None:
            continue
        exercise_id = found.group(1)
        if answer is None:
            raise ValueError(f"check({exercise_id!r}) has no answer cell with {SOLUTION_MARK!r}")
        _mark_answer(answer, exercise_id)
        points = _points(exercise_id)
        cell.metadata["nbgrader"] = nbgrader_metadata(exercise_id, "check", points=points)
        answer = None


def _mark_answer(cell: NotebookNode, exercise_id: str) -> None:
    _add_tag(cell, "hide-input")
    cell.metadata["mystnb"] = dict(FOLD_SOLUTION)
    cell.metadata["nbgrader"] = nbgrader_metadata(exercise_id, "answer")


def nbgrader_metadata(exercise_id: str, role: str, points: float | None = None) -> dict:
    """Return nbgrader's metadata, version 3, of an exercise's ``answer`` or ``check`` cell."""
    is_check = role == "check"
    metadata = {
        "cell_type": "code",
        "grade": is_check,
        "grade_id": f"ex-{exercise_id.replace('.', '-')}-{role}",
        "locked": is_check,
        "schema_version": 3,
        "solution": not is_check,
        "task": False,
    }
    return {**metadata, "points": points} if is_check else metadata


def _points(exercise_id: str) -> float:
    from course_utils.exercises.core import find

    return find(exercise_id).points
