"""A small assignment, right answers to it, and notebooks as students hand them in."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from course_admin.assignments import Assigned, Assignment

CONTEXT = "import numpy as np\nfrom course_utils.exercises import check"
SEED = 20_270_101

LENGTH = """\
def output_length(n, k, mode):
    if mode == "full":
        return n + k - 1
    if mode == "same":
        return n
    return abs(n - k) + 1
"""
IMAGE = """\
def my_convolve2d(x, w):
    y = np.zeros((x.shape[0] + w.shape[0] - 1, x.shape[1] + w.shape[1] - 1))
    for m in range(w.shape[0]):
        for n in range(w.shape[1]):
            y[m : m + x.shape[0], n : n + x.shape[1]] += w[m, n] * x
    return y
"""
CORRELATE = """\
def my_correlate(x, w):
    return np.convolve(x, np.conj(w[::-1]))
"""
NOT_TURNED = """\
def my_correlate(x, w):
    return np.convolve(x, np.conj(w))
"""
RIGHT = {"05.1": LENGTH, "05.2": IMAGE, "05.3": CORRELATE}
NAMES = {"05.1": "output_length", "05.2": "my_convolve2d", "05.3": "my_correlate"}
POINTS = {"05.1": 1, "05.2": 2, "05.3": 2}


def assigned(ident: str) -> Assigned:
    """One exercise of chapter 5 as `assign` describes it."""
    name = NAMES[ident]
    dashed = ident.replace(".", "-")
    return Assigned(
        id=ident,
        member=None,
        title=f"Exercise {ident}",
        points=POINTS[ident],
        answer=name,
        functions=(name,),
        answer_id=f"ex-{dashed}-answer",
        check_id=f"ex-{dashed}-check",
        context=CONTEXT,
        stub=stub(ident),
    )


def stub(ident: str) -> str:
    """The answer cell as it is handed out."""
    first = RIGHT[ident].partition("\n")[0]
    return f'{first}\n    raise NotImplementedError("Write your answer in place of this line.")\n'


def assignment(name: str = "hw2") -> Assignment:
    """Three exercises of chapter 5, five points."""
    return Assignment(name=name, seed=SEED, exercises=tuple(assigned(ident) for ident in RIGHT))


def code(source: str, grade_id: str | None = None, **metadata: object) -> dict:
    """A code cell, with nbgrader's metadata if it has a grade_id."""
    if grade_id:
        is_check = grade_id.endswith("check")
        metadata["nbgrader"] = {
            "grade_id": grade_id,
            "grade": is_check,
            "solution": not is_check,
            "locked": is_check,
            "schema_version": 3,
            "task": False,
        }
    return {
        "cell_type": "code",
        "execution_count": None,
        "metadata": metadata,
        "outputs": [],
        "source": source,
    }


def text(source: str) -> dict:
    """A text cell."""
    return {"cell_type": "markdown", "metadata": {}, "source": source}


def answer(ident: str, source: str) -> list[dict]:
    """The two cells of an exercise: the answer and its check."""
    part = assigned(ident)
    check = code(f'check("{ident}", {part.answer})', part.check_id)
    return [code(source, part.answer_id), check]


def cells(**sources: str) -> list[dict]:
    """The cells of a notebook that answers rightly but for the ``sources`` given: ``ex2="..."``."""
    found = [text("# hw2"), code(CONTEXT)]
    for number, ident in enumerate(RIGHT, start=1):
        found += answer(ident, sources.get(f"ex{number}", RIGHT[ident]))
    return found


def notebook(contents: Sequence[dict]) -> str:
    """The text of an .ipynb file."""
    metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    return json.dumps(
        {"cells": list(contents), "metadata": metadata, "nbformat": 4, "nbformat_minor": 4}
    )


def write(path: Path, contents: Sequence[dict]) -> Path:
    """Write a notebook, and the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(notebook(contents), encoding="utf-8")
    return path
