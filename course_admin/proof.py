"""Prove an assignment before it is handed out: full marks for the solutions, none for the stubs."""

from __future__ import annotations

import contextlib
import copy
import io

from nbformat import NotebookNode

from course_admin.assignments import Assignment
from course_admin.handout import notebook


def prove(assignment: Assignment) -> None:
    """Run nbgrader's source as it is, and again with the answers of the student's notebook.

    Raises
    ------
    ValueError
        If a reference solution does not score 100%, or a stub scores; it names the exercise.
    """
    source = notebook(assignment, "source")
    solved = failures(source)
    empty = failures(with_answers_of(source, notebook(assignment, "student")))
    for part in assignment.exercises:
        name = part.id if part.member is None else f"{part.id}/{part.member}"
        if part.check_id in solved:
            problem = solved[part.check_id]
            raise ValueError(
                f"exercise {name}: the reference solution does not score 100%: {problem}"
            )
        if part.check_id not in empty:
            raise ValueError(
                f"exercise {name}: the notebook scores {part.points} of {part.points} points "
                "before anything is written into it"
            )


def failures(notebook: NotebookNode) -> dict[str, str]:
    """Run a notebook's code in this process; return the checks that raise, by grade_id, and why.

    Raises
    ------
    ValueError
        If another cell raises: then no check says anything.
    """
    names: dict = {"__name__": "__main__"}
    found: dict[str, str] = {}
    for cell in notebook.cells:
        if cell.cell_type != "code":
            continue
        printed = io.StringIO()
        try:
            with contextlib.redirect_stdout(printed):
                exec(compile(cell.source, f"<{cell.id}>", "exec"), names)
        except Exception as error:
            about = cell.metadata.get("nbgrader", {})
            if not about.get("grade"):
                raise ValueError(f"cell {cell.id} raises {error!r}") from error
            found[about["grade_id"]] = printed.getvalue().strip() or repr(error)
    return found


def with_answers_of(notebook: NotebookNode, student: NotebookNode) -> NotebookNode:
    """Return a copy of `notebook` with the answer cells of `student`."""
    answers = {cell.id: cell.source for cell in student.cells if _is_answer(cell)}
    result = copy.deepcopy(notebook)
    for cell in result.cells:
        cell.source = answers.get(cell.id, cell.source)
    return result


def _is_answer(cell: NotebookNode) -> bool:
    return bool(cell.metadata.get("nbgrader", {}).get("solution"))
