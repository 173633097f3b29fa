"""`grades.csv`: one row a student, rewritten whole after each."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path

from course_admin.grading.records import Record
from course_admin.paths import write_atomically

FILE = "grades.csv"
FORMULA = ("=", "+", "-", "@", "\t", "\r")


def write(folder: Path, records: Iterable[Record], exercises: Sequence[str]) -> Path:
    """Write the rows of all students, in the order of their names; return the file."""
    rows = [_row(record, exercises) for record in in_order(records)]
    head = ["student", "id", "status", "points", "out_of", *exercises, "late", "notebook", "notes"]
    path = folder / FILE
    write_atomically(path, to_csv([head, *rows]))
    return path


def in_order(records: Iterable[Record]) -> list[Record]:
    """Return records in the order of the students' names."""
    return sorted(records, key=lambda record: (record.student.casefold(), record.key))


def to_csv(rows: Iterable[Sequence[object]]) -> str:
    """Return rows as CSV. No cell begins as a formula would: a spreadsheet would run it."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    for row in rows:
        writer.writerow([_harmless(cell) for cell in row])
    return text.getvalue()


def _harmless(cell: object) -> object:
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(FORMULA) else cell


def _row(record: Record, exercises: Sequence[str]) -> list[object]:
    points = {mark.exercise: mark.points for mark in record.marks}
    notes = [record.problem, *record.notes]
    notes += [f"{mark.exercise}: {note}" for mark in record.marks for note in mark.notes]
    return [
        record.student,
        record.lms_id,
        record.status,
        record.points,
        record.out_of,
        *[points.get(name, "") for name in exercises],
        "late" if record.late else "",
        record.graded,
        "; ".join(filter(None, notes)),
    ]
