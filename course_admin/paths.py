"""Where things are in a checkout, and the notebooks in it."""

from __future__ import annotations

import os
from pathlib import Path

import nbformat
import yaml
from nbformat import NotebookNode

ROOT = Path(__file__).resolve().parent.parent
CHAPTERS = ROOT / "chapters"
CONFIG = ROOT / "_config.yml"


def chapter_paths() -> list[Path]:
    """Return the book's chapters in order."""
    return sorted(CHAPTERS.glob("[0-9][0-9]_*.ipynb"))


def repository_url(config: Path = CONFIG) -> str:
    """Return the address of the repository that `_config.yml` names."""
    return yaml.safe_load(config.read_text(encoding="utf-8"))["repository"]["url"]


def read_notebook(path: Path) -> NotebookNode:
    """Read a notebook.

    Raises
    ------
    ValueError
        If the file is not a notebook.
    """
    try:
        return nbformat.read(path, as_version=4)
    except (nbformat.reader.NotJSONError, nbformat.ValidationError, KeyError) as error:
        raise ValueError(f"{path} is not a Jupyter notebook: {error}") from error


def write_atomically(path: Path, text: str) -> None:
    """Write `text` to `path`, so that a crash leaves the old file and never half a new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".part")
    partial.write_text(text, encoding="utf-8")
    os.replace(partial, path)
