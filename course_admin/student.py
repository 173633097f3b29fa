"""Write the student form of chapters: every answer a stub, the text in plain Markdown.

These are the notebooks that the book's Colab button opens. Code cells other than answers are the
chapter's own; the text says the same without the built book's markup, which a notebook would show.
"""

from __future__ import annotations

import argparse
import copy
import re
from pathlib import Path

from nbformat import NotebookNode

from course_admin.canonical import to_text
from course_admin.paths import ROOT, chapter_paths, read_notebook, write_atomically
from course_admin.plain_markdown import plain_notebook

BEGIN, END = "### BEGIN SOLUTION", "### END SOLUTION"
STUB = (
    'raise NotImplementedError("Write your answer in place of this line, run the cell, '
    'then run the check below it.")'
)
_SOLUTION = re.compile(
    rf"^([ \t]*){BEGIN}[ \t]*\n(.*?)^[ \t]*{END}[ \t]*$", re.DOTALL | re.MULTILINE
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("notebooks", nargs="*", type=Path, help="default: every chapter")
    parser.add_argument("--out", type=Path, default=ROOT / "student", help="default: student/")
    parser.add_argument("--force", action="store_true", help="replace notebooks that are there")


def run(arguments: argparse.Namespace) -> int:
    """Write the student notebooks into the output folder; keep those that hold work already."""
    for path in arguments.notebooks or chapter_paths():
        target = arguments.out / path.name
        if target.resolve() == path.resolve():
            raise ValueError(f"{path} would overwrite itself; give another folder with --out")
        if target.exists() and not arguments.force:
            print("kept:", target, "(--force replaces it)")
            continue
        write_atomically(target, to_text(student_form(read_notebook(path))))
        print("written:", target)
    return 0


def student_form(notebook: NotebookNode) -> NotebookNode:
    """Return a copy of `notebook` with stubs for answers, plain Markdown and no outputs."""
    result = copy.deepcopy(notebook)
    plain_notebook(result)
    for cell in result.cells:
        if cell.cell_type != "code":
            continue
        cell.outputs, cell.execution_count = [], None
        if BEGIN in cell.source:
            cell.source = with_stub(cell.source)
            cell.metadata.pop("mystnb", None)
            cell.metadata["tags"] = [t for t in cell.metadata.get("tags", ()) if t != "hide-input"]
    return result


def with_stub(source: str) -> str:
    """Replace what stands between the solution markers by a line that raises.

    Raises
    ------
    ValueError
        If a marker has no partner.
    """
    stubbed, count = _SOLUTION.subn(rf"\g<1>{STUB}", source)
    if count == 0 or BEGIN in stubbed or END in stubbed:
        raise ValueError(f"expected pairs of {BEGIN!r} and {END!r} in the cell:\n{source}")
    return stubbed
