"""One file a student: what was handed in and what came of it. A later run goes on from them."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from course_admin.grading.marks import Mark
from course_admin.paths import write_atomically

FORMAT = 1
STATUSES = (
    "ok",
    "partly",
    "duplicate answers",
    "missing answers",
    "timeout",
    "crashed",
    "unreadable",
)


@dataclass(frozen=True)
class Record:
    """One student's row.

    ``digest`` is of the files handed in, ``graded`` the name of the notebook that counted,
    ``notes`` what was done to read and run it, ``earlier`` the points that it had before it was
    graded again.
    """

    key: str
    student: str
    lms_id: str
    late: bool
    digest: str
    graded: str
    marks: tuple[Mark, ...]
    problem: str = ""
    notes: tuple[str, ...] = ()
    earlier: tuple[str, ...] = ()

    @property
    def points(self) -> int:
        """The sum of the points."""
        return sum(mark.points for mark in self.marks)

    @property
    def out_of(self) -> int:
        """What all exercises are worth."""
        return sum(mark.out_of for mark in self.marks)

    @property
    def status(self) -> str:
        """The gravest of what can be said of the row, one of `STATUSES`.

        ``ok`` is full marks; ``partly`` says that everything was answered and could be tried.
        """
        kinds = {mark.status for mark in self.marks}
        if "unreadable" in kinds or not self.marks:
            return "unreadable"
        for kind, status in (("crashed", "crashed"), ("took too long", "timeout")):
            if kind in kinds:
                return status
        if kinds & {"missing", "not answered"}:
            return "missing answers"
        if any(mark.duplicate for mark in self.marks):
            return "duplicate answers"
        return "ok" if self.points == self.out_of else "partly"

    def save(self, folder: Path) -> None:
        """Write the record, whole or not at all."""
        content = {"format": FORMAT, **dataclasses.asdict(self)}
        text = json.dumps(content, indent=1, ensure_ascii=False) + "\n"
        write_atomically(folder / f"{self.key}.json", text)


def load(path: Path) -> Record | None:
    """Return the record in a file, or None where there is none that can be used."""
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if content.pop("format") != FORMAT:
            return None
        marks = tuple(Mark.from_json(mark) for mark in content.pop("marks"))
        notes, earlier = tuple(content.pop("notes")), tuple(content.pop("earlier"))
        return Record(marks=marks, notes=notes, earlier=earlier, **content)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def load_all(folder: Path) -> dict[str, Record]:
    """Return the records in a folder by their keys."""
    found = (load(path) for path in sorted(folder.glob("*.json")))
    return {record.key: record for record in found if record is not None}


def updated(old: Record, new: Record, exercises: Iterable[str], why: str) -> Record:
    """Return the old record with the new marks of some exercises, and a line on what was before."""
    chosen = set(exercises)
    again = {mark.exercise: mark for mark in new.marks if mark.exercise in chosen}
    marks = tuple(again.get(mark.exercise, mark) for mark in old.marks)
    line = f"{why}: {old.points} points before"
    # If the notebook is another one by now, `grade` must still see that for the other exercises.
    digest = new.digest if len(again) == len(marks) else old.digest
    return dataclasses.replace(new, marks=marks, digest=digest, earlier=(*old.earlier, line))
