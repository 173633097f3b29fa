"""The folder of results: records, the grade book, the pages; one grader in it at a time."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from course_admin.assignments import Assignment
from course_admin.grading import gradebook, pages, records
from course_admin.grading.records import Record
from course_admin.paths import write_atomically

LOCK = ".lock"


@dataclass
class Results:
    """Everything that is known of a class, in memory and on disk."""

    folder: Path
    assignment: Assignment
    records: dict[str, Record] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)

    @staticmethod
    def opened(folder: Path, assignment: Assignment) -> Results:
        """Return the results in a folder, which may be new.

        Raises
        ------
        ValueError
            If the folder holds the results of another assignment, or other things.
        """
        about = folder / "about.json"
        mine = {"assignment": assignment.name, "digest": _digest(assignment)}
        if about.exists():
            theirs = json.loads(about.read_text(encoding="utf-8"))
            if theirs != mine:
                raise ValueError(
                    f"{folder} holds results of another assignment, or of another seed of it "
                    f"({theirs.get('assignment')}): name another folder with --out"
                )
        elif folder.exists() and {path.name for path in folder.iterdir()} - {LOCK}:
            raise ValueError(f"{folder} holds other files: name a new folder with --out")
        write_atomically(about, json.dumps(mine) + "\n")
        return Results(folder, assignment, records.load_all(folder / "records"))

    def add(self, record: Record) -> None:
        """Write one student's record and page, then the grade book."""
        pages.write_feedback(self.folder / "feedback", record, self.assignment.name, self.titles)
        record.save(self.folder / "records")
        self.records[record.key] = record
        self.write_grades()

    def write_grades(self) -> Path:
        """Write `grades.csv`; return its path."""
        ids = [part.id for part in self.assignment.exercises]
        return gradebook.write(self.folder, self.records.values(), ids)

    def write_report(self) -> Path:
        """Write the teacher's report; return its path."""
        return pages.write_report(
            self.folder, self.records.values(), self.assignment.name, self.faults
        )

    @property
    def titles(self) -> dict[str, str]:
        """The exercises' titles by their ids."""
        return {part.id: part.title for part in self.assignment.exercises}


def _digest(assignment: Assignment) -> str:
    parts = [str(assignment.seed), *[f"{p.id} {p.member}" for p in assignment.exercises]]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold a folder of results for one grader; the lock ends with its process, however that ends.

    Raises
    ------
    ValueError
        If another process holds it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    try:
        import fcntl
    except ImportError:  # Windows, where nothing can be graded either
        yield
        return
    with open(folder / LOCK, "w", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise ValueError(f"another grading is at work in {folder}") from None
        yield


def name_of(folder: Path) -> str:
    """Return the name of the assignment whose results are in a folder.

    Raises
    ------
    ValueError
        If there are none.
    """
    try:
        return str(json.loads((folder / "about.json").read_text(encoding="utf-8"))["assignment"])
    except (OSError, ValueError, KeyError) as error:
        raise ValueError(f"{folder} is not a folder that `grade` wrote") from error
