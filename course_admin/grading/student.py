"""Grade one submission from its files to its record. Nothing in it can stop the next one."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Collection
from dataclasses import dataclass

import numpy as np

from course_admin.assignments import Assignment
from course_admin.grading.conversation import Conversation, Ended
from course_admin.grading.limits import Limits
from course_admin.grading.marks import Mark, mark_of, no_mark
from course_admin.grading.matching import Plan, cells_from, match
from course_admin.grading.records import Record
from course_admin.grading.sitting import Sitting
from course_admin.grading.submissions import File, Submission

READ_SECONDS = 60.0
CELLS_LIMIT = 40_000_000
MAX_NOTEBOOKS = 20
Converse = Callable[[], Conversation]


@dataclass
class Read:
    """One file of a submission as far as it could be read: a plan, or why there is none."""

    file: File
    plan: Plan | None = None
    problem: str = ""


def grade_one(
    assignment: Assignment,
    submission: Submission,
    limits: Limits,
    converse: Converse,
    only: Collection[str] = (),
) -> Record:
    """Return the record of one student; with ``only``, marks of these exercises alone.

    Raises
    ------
    SandboxError
        If no sandbox can be started: that is no student's fault and stops the grading.
    BrokenExercise
        If the course's own exercise fails.
    """
    with contextlib.ExitStack() as stack:
        talks = [stack.enter_context(converse())]
        read = _read_all(assignment, submission, talks, lambda: stack.enter_context(converse()))
        best = _best(read)
        if best is None or best.plan is None:
            return _unreadable(assignment, submission, read)
        if only:
            best.plan.matches = [m for m in best.plan.matches if m.exercise.id in only]
        sitting = Sitting(assignment, best.plan, limits, converse)
        sitting.run(talks[-1])
    marks = tuple(mark_of(finding, limits.answer) for finding in sitting.findings)
    notes = [*_which(read, best), *submission.problems, *sitting.notes]
    return _record(submission, best.file.name, marks, notes)


def digest(submission: Submission) -> str:
    """Return what tells two versions of a submission apart."""
    total = hashlib.sha256()
    for file in submission.files:
        total.update(f"{file.name}\0{_digest_of(file)}\0".encode())
    total.update("\0".join([*submission.others, *submission.problems]).encode())
    return total.hexdigest()[:16]


def _digest_of(file: File) -> str:
    try:
        return hashlib.sha256(file.read()).hexdigest()
    except (OSError, ValueError) as error:
        return str(error)


def _read_all(
    assignment: Assignment, submission: Submission, talks: list[Conversation], converse: Converse
) -> list[Read]:
    """Read every notebook in the sandbox; the last of `talks` is the worker that is still there."""
    found = []
    newest_first = sorted(submission.files, key=lambda file: (-file.modified, file.name))
    for file in newest_first[:MAX_NOTEBOOKS]:
        try:
            found.append(_read(assignment, file, talks[-1]))
        except Ended:
            problem = "It cannot be read: reading it takes too much time or memory."
            found.append(Read(file, problem=problem))
            talks.append(converse())
    return found


def _read(assignment: Assignment, file: File, talk: Conversation) -> Read:
    try:
        data = file.read()
    except (OSError, ValueError) as error:
        return Read(file, problem=f"It cannot be read: {error}.")
    request = {"do": "read", "data": np.frombuffer(data, np.uint8)}
    said = talk.ask(request, READ_SECONDS, CELLS_LIMIT)
    if "cells" not in said:
        return Read(file, problem=str(said.get("problem", "It cannot be read.")))
    try:
        return Read(file, match(assignment, cells_from(said["cells"])))
    except ValueError as error:
        return Read(file, problem=f"It cannot be read: {error}.")


def _best(read: list[Read]) -> Read | None:
    """Return the notebook that answers most exercises, of several the newest."""
    usable = [one for one in read if one.plan is not None]
    return max(usable, key=lambda one: one.plan.found if one.plan else 0, default=None)


def _which(read: list[Read], best: Read) -> list[str]:
    if len(read) == 1:
        return []
    others = ", ".join(f"`{one.file.name}`" for one in read if one is not best)
    return [f"{len(read)} notebooks were handed in: `{best.file.name}` was graded, not {others}"]


def _unreadable(assignment: Assignment, submission: Submission, read: list[Read]) -> Record:
    problems = [f"`{one.file.name}`: {one.problem}" for one in read if one.problem]
    if not read:
        among = ", ".join(f"`{name}`" for name in submission.others[:10])
        problems = [f"No notebook was handed in{f', only {among}' if among else ''}."]
    problem = " ".join(problems)
    marks = tuple(
        no_mark(part.id, part.points, "The notebook could not be read.")
        for part in assignment.exercises
    )
    name = read[0].file.name if read else ""
    return _record(submission, name, marks, submission.problems, problem)


def _record(
    submission: Submission,
    graded: str,
    marks: tuple[Mark, ...],
    notes: list[str],
    problem: str = "",
) -> Record:
    owner = submission.owner
    return Record(
        key=owner.key,
        student=owner.name,
        lms_id=owner.lms_id,
        late=submission.late,
        digest=digest(submission),
        graded=graded,
        marks=marks,
        problem=problem,
        notes=tuple(dict.fromkeys(notes)),
    )
