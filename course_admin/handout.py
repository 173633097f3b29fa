"""Assemble an assignment's notebooks from the exercises: the student's, solved, and nbgrader's."""

from __future__ import annotations

from collections.abc import Sequence

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from course_admin.assignments import Assigned, Assignment
from course_admin.canonical import NOTEBOOK_METADATA, nbgrader_metadata
from course_admin.context import Statement, defined_names
from course_admin.material import chapter_of, chapter_title, material
from course_admin.paths import repository_url
from course_admin.plain_markdown import plain_notebook
from course_admin.setup_cell import colab_address, setup_source
from course_utils.exercises.core import find

CHECK_IMPORT = "from course_utils.exercises import check"
HIDDEN = ("### BEGIN HIDDEN TESTS", "### END HIDDEN TESTS")
FORMS = ("student", "solutions", "source", "release")
_INTRODUCTION = """\
# {name}

Write each answer in place of the line `raise NotImplementedError`, run the cell, then run the \
check below it. A check tries your answer on some cases and tells you what you may have \
misunderstood. Your work is graded on other cases, so write the function, not the numbers. \
Some tasks look like one in the book and differ from it: read the statement.

Keep the cells in place and the functions' names as they are. Before you hand in, restart the \
kernel, run all cells, and save.

{table}"""


def assigned(exercise_id: str, member: str | None) -> Assigned:
    """Return the row of an assignment for an exercise, or a member of its family."""
    exercise, texts = find(exercise_id, member), material(exercise_id, member)
    return Assigned(
        id=exercise_id,
        member=member,
        title=exercise.title,
        points=exercise.points,
        answer=texts.answer,
        functions=defined_names(texts.solution),
        answer_id=nbgrader_metadata(exercise_id, "answer")["grade_id"],
        check_id=nbgrader_metadata(exercise_id, "check")["grade_id"],
        context=_as_code(texts.context),
        stub=texts.stub,
    )


def notebook(assignment: Assignment, form: str) -> NotebookNode:
    """Return an assignment as a notebook.

    Parameters
    ----------
    form
        ``student``: stubs, and checks that never raise. ``solutions``: the same with the reference
        solutions. ``release``: nbgrader's form of the student's, in which a check that fails
        raises. ``source``: nbgrader's form with the reference solutions and the hidden tests, from
        which it makes the release.
    """
    if form not in FORMS:
        raise ValueError(f"a form is one of {FORMS}; got {form!r}")
    cells = [
        new_markdown_cell(_introduction(assignment), id="introduction"),
        new_code_cell(setup_source(repository_url()), id="set-up"),
    ]
    given: set[str] = set()
    for part in assignment.exercises:
        cells += _exercise_cells(assignment, part, form, given)
    result = new_notebook(cells=cells, metadata=nbformat.from_dict(NOTEBOOK_METADATA))
    plain_notebook(result)
    return result


def points_table(assignment: Assignment) -> str:
    """Return the exercises and their points as a Markdown table."""
    rows = [f"| {part.id} | {part.title} | {part.points} |" for part in assignment.exercises]
    head = ["| exercise | title | points |", "| --- | --- | ---: |"]
    return "\n".join([*head, *rows, f"| | **sum** | **{assignment.points}** |"])


def _introduction(assignment: Assignment) -> str:
    return _INTRODUCTION.format(name=assignment.name, table=points_table(assignment))


def _exercise_cells(
    assignment: Assignment, part: Assigned, form: str, given: set[str]
) -> list[NotebookNode]:
    """Return statement, context, answer and check; `given` are statements that stand already."""
    texts = material(part.id, part.member)
    name = part.id.replace(".", "-")
    answer = new_code_cell(
        texts.solution if form in ("solutions", "source") else texts.stub,
        id=part.answer_id,
        metadata={"nbgrader": nbgrader_metadata(part.id, "answer")},
    )
    check = new_code_cell(
        _check_source(assignment, part, form),
        id=part.check_id,
        metadata={"nbgrader": nbgrader_metadata(part.id, "check", points=part.points)},
    )
    statement = new_markdown_cell(_statement(part, texts.statement), id=f"ex-{name}-statement")
    wanted = [CHECK_IMPORT, *[statement.source for statement in texts.context]]
    new = [source for source in wanted if source not in given]
    given.update(new)
    context = [new_code_cell(_joined(new), id=f"ex-{name}-context")] if new else []
    return [statement, *context, answer, check]


def _check_source(assignment: Assignment, part: Assigned, form: str) -> str:
    member = "" if part.member is None else f', member="{part.member}"'
    visible = f'check("{part.id}", {part.answer}{member})'
    if form in ("student", "solutions"):
        return visible
    lines = [f"assert {visible}.passed"]
    if form == "source":
        seed = assignment.hidden_seed(part.id)
        hidden = f"assert {visible[:-1]}, seed={seed}).passed"
        lines += [HIDDEN[0], hidden, HIDDEN[1]]
    return "\n".join(lines)


def _statement(part: Assigned, text: str) -> str:
    """Return a statement with its heading a level higher, and with a link to its chapter."""
    heading, _, rest = text.partition("\n")
    path = chapter_of(part.id)
    link = f"[{chapter_title(path)}]({colab_address(repository_url(), path.name)})"
    source = f"From chapter {part.id.split('.')[0]}, {link}."
    return f"{heading[1:]}\n\n{rest.strip()}\n\n{source}"


def _as_code(context: Sequence[Statement]) -> str:
    return _joined([statement.source for statement in context])


def _joined(sources: Sequence[str]) -> str:
    """Join statements, with two empty lines around those of several lines."""
    text = ""
    for before, source in zip(["", *sources], sources, strict=False):
        gap = "\n\n\n" if "\n" in before + source else "\n"
        text += (gap if text else "") + source
    return text
