"""Grade what was handed in: one row a student, one page a student, whatever the notebooks do.

Students' code runs in a sandbox (bubblewrap) and never sees right answers. A second run goes on
where the first was interrupted, and grades again what was handed in anew. The statuses: ok, full
marks; partly, all answered and not all right; duplicate answers, two differ and the last one
counted; missing answers; timeout; crashed; unreadable.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
from collections.abc import Callable

from course_admin.grading.desks import Stop
from course_admin.grading.results import Results, locked
from course_admin.grading.run import Settings, add_common, graded, settings, summary
from course_admin.grading.sandbox import SandboxError
from course_admin.grading.student import digest
from course_admin.grading.submissions import Submission, collect


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    add_common(parser)


def run(arguments: argparse.Namespace) -> int:
    """Grade every submission that has no row yet; return 1 if something of the grader failed."""
    chosen = settings(arguments)
    submissions = collect(chosen.source, chosen.assignment.name)
    if not submissions:
        raise ValueError(f"{chosen.source} holds no submissions")
    with locked(chosen.out):
        results = Results.opened(chosen.out, chosen.assignment)
        waiting = [one for one in submissions if _is_new(one, results)]
        if len(waiting) < len(submissions):
            print(f"{len(submissions) - len(waiting)} were graded before and are kept")
        return finish(results, lambda: _grade(chosen, results, waiting))


def _grade(chosen: Settings, results: Results, waiting: list[Submission]) -> None:
    for record in graded(chosen, results, waiting):
        old = results.records.get(record.key)
        if old is not None and old.digest:
            line = f"handed in anew: {old.points} points before"
            record = dataclasses.replace(record, earlier=(*old.earlier, line))
        results.add(record)


def finish(results: Results, work: Callable[[], None]) -> int:
    """Do the work; write what there is, whatever ended it; return the exit status."""
    stopped = ""
    try:
        work()
    except (SandboxError, Stop) as error:
        stopped = str(error)
    except KeyboardInterrupt:
        stopped = "Interrupted. The same command goes on where this one stopped."
    finally:
        results.write_grades()
        results.write_report()
    print(summary(results))
    if stopped:
        print(stopped, file=sys.stderr)
    return 1 if stopped or results.faults else 0


def _is_new(submission: Submission, results: Results) -> bool:
    record = results.records.get(submission.owner.key)
    return record is None or record.digest != digest(submission)
