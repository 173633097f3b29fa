"""What `grade` and `regrade` have in common: settings, sandbox, desks, results, a last line."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from course_admin import assignments
from course_admin.assignments import Assignment
from course_admin.grading import records
from course_admin.grading.desks import Done, Job, Stop, grade_all
from course_admin.grading.limits import Limits
from course_admin.grading.marks import Mark
from course_admin.grading.records import Record
from course_admin.grading.results import Results
from course_admin.grading.sandbox import ELSEWHERE, Sandbox, SandboxError
from course_admin.grading.staging import stage
from course_admin.grading.submissions import Submission
from course_admin.grading.trust import trusted_sandbox
from course_admin.paths import ROOT

RISK = (
    "--no-sandbox: students' code runs as you. It can read your grade book, the solutions and "
    "every file of yours, change them, and use your network."
)


@dataclass(frozen=True)
class Settings:
    """What the command line says, with the assignment read."""

    source: Path
    assignment: Assignment
    assignment_path: Path
    out: Path
    limits: Limits
    desks: int
    protected: bool


def add_common(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments that `grade` and `regrade` share."""
    parser.add_argument(
        "source",
        type=Path,
        metavar="DIR",
        help="what was handed in: notebooks, "
        "folders of students or zips; or one zip as Canvas and Moodle make it",
    )
    parser.add_argument(
        "--assignment",
        required=True,
        help="its name or the folder that `assign` wrote, with assignment.json in it",
    )
    parser.add_argument("--out", type=Path, required=True, help="folder of the results")
    parser.add_argument(
        "--jobs",
        type=int,
        default=desks_that_fit(),
        help="submissions at once; default: one a core, as far as there is memory",
    )
    parser.add_argument(
        "--answer-seconds",
        type=float,
        default=Limits.answer,
        help=f"for the hidden cases of one exercise; default {Limits.answer:g}",
    )
    parser.add_argument(
        "--cell-seconds",
        type=float,
        default=Limits.cell,
        help=f"for one cell of a notebook; default {Limits.cell:g}",
    )
    parser.add_argument(
        "--memory",
        type=int,
        default=Limits.memory_mb,
        metavar="MB",
        help=f"for one submission; default {Limits.memory_mb}",
    )
    parser.add_argument(
        "--no-sandbox",
        action="store_true",
        help="run students' code without isolation: it can then read and change whatever you can",
    )


def desks_that_fit() -> int:
    """Return how many submissions fit this machine at once: one a core, two gigabytes each."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    try:
        memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return cores or 1
    return max(1, min(cores or 1, memory // 2**31))


def settings(arguments: argparse.Namespace) -> Settings:
    """Read the assignment and return the settings.

    Raises
    ------
    ValueError
        If something that was named is not there.
    """
    path = find_assignment(arguments.assignment)
    limits = Limits(
        answer=arguments.answer_seconds, cell=arguments.cell_seconds, memory_mb=arguments.memory
    )
    if arguments.jobs < 1 or min(limits.answer, limits.cell, limits.memory_mb) <= 0:
        raise ValueError("--jobs and all limits must be positive")
    source, out = arguments.source.resolve(), arguments.out.resolve()
    if source == out or source in out.parents or out in source.parents:
        raise ValueError(f"keep results and submissions apart: {out} and {source} overlap")
    return Settings(
        source=source,
        assignment=assignments.load(path),
        assignment_path=path,
        out=out,
        limits=limits,
        desks=arguments.jobs,
        protected=not arguments.no_sandbox,
    )


def find_assignment(name: str) -> Path:
    """Return the `assignment.json` that a path or a name means.

    Raises
    ------
    ValueError
        If there is none, or more than one.
    """
    file = assignments.FILE
    for path in (Path(name), Path(name) / file):
        if path.is_file():
            return path.resolve()
    found = sorted(Path.cwd().glob(f"*/{name}/{file}")) if re_name(name) else []
    if len(found) == 1:
        return found[0]
    where = ", ".join(map(str, found)) or f"{name}/{file} and */{name}/{file}"
    kind = "several assignments have this name" if found else "there is no such assignment"
    raise ValueError(f"{kind}: {where}; give its folder with --assignment")


def re_name(name: str) -> bool:
    """Return whether a text can be an assignment's name."""
    return assignments.NAME.fullmatch(name) is not None


@contextmanager
def prepared(chosen: Settings) -> Iterator[Sandbox]:
    """Yield a sandbox that holds, or one without isolation if that was asked for.

    Raises
    ------
    SandboxError
        If there is none.
    """
    if sys.platform == "win32":
        raise SandboxError(f"Grading does not run on Windows itself. {ELSEWHERE}")
    folder = Path(tempfile.mkdtemp(prefix="grading-"))
    try:
        place = folder / "course"
        stage(place)
        if chosen.protected:
            hidden = [chosen.source, chosen.out, chosen.assignment_path.parent]
            yield trusted_sandbox(place, hidden, chosen.limits)
        else:
            print(RISK, file=sys.stderr)
            (place / "data").rmdir()
            (place / "data").symlink_to(ROOT / "data")
            yield Sandbox(place)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def graded(
    chosen: Settings,
    results: Results,
    submissions: Sequence[Submission],
    only: Sequence[str] = (),
) -> Iterator[Record]:
    """Grade and yield records as they come; the grader's own faults become rows as well.

    Raises
    ------
    SandboxError, Stop
        If grading cannot go on.
    """
    if not submissions:
        return
    by_key = {one.owner.key: one for one in submissions}
    with prepared(chosen) as sandbox:
        job = Job(chosen.source, chosen.assignment_path, sandbox, chosen.limits, tuple(only))
        done = grade_all(job, list(by_key), chosen.desks)
        for one in tqdm(done, total=len(by_key), unit="notebook", disable=None):
            if one.record is None:
                results.faults.append(f"{by_key[one.key].owner.name}: {one.fault}")
            yield one.record or _fault(chosen.assignment, by_key[one.key], one)


def _fault(assignment: Assignment, submission: Submission, done: Done) -> Record:
    message = "The grader failed on this notebook. It is not your mistake; your teacher sees it."
    marks = tuple(
        Mark(part.id, 0, part.points, "crashed", message) for part in assignment.exercises
    )
    owner = submission.owner
    return Record(
        key=done.key,
        student=owner.name,
        lms_id=owner.lms_id,
        late=submission.late,
        digest="",  # so that the next run tries again
        graded="",
        marks=marks,
        problem="The grader itself failed: see the report.",
    )


def summary(results: Results) -> str:
    """Return the last lines of a run: how many rows have which status, and where all is."""
    kinds = [record.status for record in results.records.values()]
    counts = [f"{kinds.count(name)} {name}" for name in records.STATUSES if name in kinds]
    lines = [f"{len(kinds)} students: {', '.join(counts) or 'none'}"]
    if results.faults:
        lines.append(f"{len(results.faults)} faults of the grader: see the report")
    lines.append(f"grades: {results.folder / 'grades.csv'}")
    lines.append(f"report: {results.folder / 'report.html'}")
    lines.append(f"feedback: {results.folder / 'feedback'}")
    return "\n".join(lines)


__all__ = ["SandboxError", "Settings", "Stop", "add_common", "graded", "settings", "summary"]
