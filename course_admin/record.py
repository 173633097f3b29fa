"""Run chapters at the smoke scale and store the outputs that nbval compares.

Only cells tagged `nbval-check-output` keep their text. Read the diff before you commit it: a
number that changed is either a mistake or news.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from nbclient import NotebookClient
from nbformat import NotebookNode

from course_admin.build import kernel_environment
from course_admin.canonical import canonical, to_text
from course_admin.paths import chapter_paths, read_notebook, repository_url, write_atomically

CELL_SECONDS = 300


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("notebooks", nargs="*", type=Path, help="default: every chapter")


def run(arguments: argparse.Namespace) -> int:
    """Execute each notebook and rewrite it in canonical form."""
    for path in arguments.notebooks or chapter_paths():
        path = path.resolve()
        executed = execute(read_notebook(path), path.parent, scale="smoke")
        write_atomically(path, to_text(canonical(executed, path.name, repository_url())))
        print("recorded:", path.name)
    return 0


def execute(notebook: NotebookNode, folder: Path, *, scale: str) -> NotebookNode:
    """Run `notebook` in `folder` and return it with its outputs.

    Raises
    ------
    nbclient.exceptions.CellExecutionError
        If a cell raises.
    """
    client = NotebookClient(
        notebook,
        timeout=CELL_SECONDS,
        kernel_name="python3",
        resources={"metadata": {"path": str(folder)}},
    )
    return client.execute(env=kernel_environment(scale))
