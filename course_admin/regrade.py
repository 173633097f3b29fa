"""Grade some students or some exercises again, after a test was corrected; all else stays.

The report says for each student what the points were before.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from course_admin.assignments import Assignment
from course_admin.grade import finish
from course_admin.grading.records import updated
from course_admin.grading.results import Results, locked
from course_admin.grading.run import Settings, add_common, graded, settings
from course_admin.grading.submissions import Submission, collect


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    add_common(parser)
    parser.add_argument(
        "--student",
        nargs="+",
        default=[],
        metavar="NAME",
        help="a name or id as in grades.csv; default: every student",
    )
    parser.add_argument(
        "--exercise",
        nargs="+",
        default=[],
        metavar="ID",
        help="such as 05.2; default: every exercise",
    )


def run(arguments: argparse.Namespace) -> int:
    """Grade again what was named."""
    chosen = settings(arguments)
    if not (arguments.student or arguments.exercise):
        raise ValueError("name a --student or an --exercise; to grade all anew, use a new --out")
    _known(chosen.assignment, arguments.exercise)
    submissions = _named(collect(chosen.source, chosen.assignment.name), arguments.student)
    with locked(chosen.out):
        results = Results.opened(chosen.out, chosen.assignment)
        return finish(results, lambda: _again(chosen, results, submissions, arguments.exercise))


def _again(
    chosen: Settings, results: Results, submissions: list[Submission], exercises: Sequence[str]
) -> None:
    names = list(exercises) or [part.id for part in chosen.assignment.exercises]
    for record in graded(chosen, results, submissions, exercises):
        old = results.records.get(record.key)
        if old is not None:
            record = updated(old, record, names, f"graded again ({', '.join(names)})")
        elif exercises:
            continue  # was never graded: `grade` does that, with all exercises
        results.add(record)


def _known(assignment: Assignment, exercises: Sequence[str]) -> None:
    known = [part.id for part in assignment.exercises]
    unknown = [name for name in exercises if name not in known]
    if unknown:
        raise ValueError(f"{assignment.name} has {', '.join(known)}, not {', '.join(unknown)}")


def _named(submissions: list[Submission], names: Sequence[str]) -> list[Submission]:
    if not names:
        return submissions
    found = [one for one in submissions if {one.owner.name, one.owner.lms_id} & set(names)]
    missing = set(names) - {name for one in found for name in (one.owner.name, one.owner.lms_id)}
    if missing:
        raise ValueError(f"nobody of this name handed in: {', '.join(sorted(missing))}")
    return found
