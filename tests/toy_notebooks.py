"""Small notebooks for tests of the notebook tools."""

from __future__ import annotations

from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

ANSWER = '''def double(x):
    """Twice x."""
    ### BEGIN SOLUTION
    doubled = 2 * x
    return doubled
    ### END SOLUTION'''


def toy_chapter(*sources: str, title: str = "A toy") -> nbformat.NotebookNode:
    """A chapter with a title, a set-up cell and one code cell for each source."""
    cells = [new_markdown_cell(f"# {title}\n\nA question."), new_code_cell("# set-up")]
    return new_notebook(cells=[*cells, *(new_code_cell(source) for source in sources)])


def write_chapter(book: Path, name: str, *sources: str) -> Path:
    """Write a toy chapter into a small book."""
    path = book / "chapters" / name
    nbformat.write(toy_chapter(*sources, title=name), path)
    return path


def write_toc(book: Path, *names: str) -> None:
    """Write the small book's table of contents."""
    rows = "".join(f"  - file: chapters/{Path(name).stem}\n" for name in names)
    (book / "_toc.yml").write_text(
        f"format: jb-book\nroot: index\nchapters:\n{rows}", encoding="utf-8"
    )
