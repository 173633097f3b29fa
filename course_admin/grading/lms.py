"""The CSV files of Canvas and Moodle."""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections.abc import Sequence
from pathlib import Path

from course_admin.grading.gradebook import in_order, to_csv
from course_admin.grading.records import Record

Table = list[list[str]]
CANVAS_HEAD = ("Student", "ID", "SIS User ID", "SIS Login ID", "Section")
MOODLE_HEAD = ("Identifier", "Full name", "Grade", "Feedback comments")


def read(path: Path) -> Table:
    """Return the rows of a CSV.

    Raises
    ------
    ValueError
        If there is no such file, or it has no rows.
    """
    try:
        rows = list(csv.reader(io.StringIO(path.read_text(encoding="utf-8-sig"), newline="")))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"{path} cannot be read as CSV: {error}") from error
    if not rows:
        raise ValueError(f"{path} is empty")
    return rows


def canvas(found: Sequence[Record], column: str, table: Table | None) -> tuple[str, list[str]]:
    """Return a grade book for Canvas, and a sentence for each student who is not in it.

    ``table`` is Canvas's export; only its columns of names and the assignment's are kept, since
    Canvas would take every other as a change.
    """
    if table is None:
        rows = [[one.student, one.lms_id, "", "", "", one.points] for one in in_order(found)]
        return to_csv([[*CANVAS_HEAD, column], *rows]), []
    head = table[0]
    _need(head, ("Student", "ID"))
    place = next((i for i, name in enumerate(head) if _is_column(name, column)), None)
    title = column if place is None else head[place]
    matched = _Matched(found)
    rows = []
    for row in table[1:]:
        cells = dict(zip(head, row, strict=False))
        if not cells.get("ID", "").strip():
            continue  # the line of points possible
        record = matched.find(cells["ID"], cells["Student"], cells.get("SIS Login ID", ""))
        old = row[place] if place is not None and place < len(row) else ""
        rows.append(
            [*[cells.get(name, "") for name in CANVAS_HEAD], record.points if record else old]
        )
    return to_csv([[*CANVAS_HEAD, title], *rows]), matched.warnings()


def moodle(found: Sequence[Record], column: str, table: Table | None) -> tuple[str, list[str]]:
    """Return a grading worksheet for Moodle, and a sentence for each student who is not in it."""
    if table is None:
        rows = [
            [
                f"Participant {one.lms_id}" if one.lms_id else "",
                one.student,
                one.points,
                _words(one),
            ]
            for one in in_order(found)
        ]
        return to_csv([MOODLE_HEAD, *rows]), []
    head = table[0]
    _need(head, ("Identifier", "Full name", "Grade"))
    matched = _Matched(found)
    filled = [list(row) for row in table[1:]]
    warnings: set[str] = set()
    for row in filled:
        cells = dict(zip(head, row, strict=False))
        identifier = cells["Identifier"].rpartition(" ")[2]
        record = matched.find(identifier, cells["Full name"], cells.get("Email address", ""))
        if record is None:
            continue
        row[head.index("Grade")] = str(record.points)
        if "Feedback comments" in head:
            row[head.index("Feedback comments")] = _words(record)
        highest = cells.get("Maximum Grade", "")
        if highest and float(highest) != record.out_of:
            warnings.add(f"Moodle's maximum is {highest}, the assignment's {record.out_of} points")
    return to_csv([head, *filled]), [*sorted(warnings), *matched.warnings()]


class _Matched:
    """Finds records by the number that the system gave the student, else by name or login."""

    def __init__(self, found: Sequence[Record]) -> None:
        self._left = {record.key: record for record in found}

    def find(self, number: str, *names: str) -> Record | None:
        forms = {form for name in names for form in _forms(name)}
        for record in self._left.values():
            same = record.lms_id == number if record.lms_id else _forms(record.student) & forms
            if same:
                return self._left.pop(record.key)
        return None

    def warnings(self) -> list[str]:
        return [f"not in the grade book: {one.student}" for one in in_order(self._left.values())]


def _forms(name: str) -> set[str]:
    """Return the ways to write a name that count as the same: Doe, Jane; Jane Doe; doejane."""
    plain = unicodedata.normalize("NFC", name).casefold()
    words = re.findall(r"\w+", plain.partition("@")[0])
    last, _, first = plain.partition(",")
    turned = re.findall(r"\w+", f"{first} {last}")
    return {form for form in ("".join(words), "".join(turned), "".join(sorted(words))) if form}


def _is_column(name: str, column: str) -> bool:
    return name == column or re.fullmatch(rf"{re.escape(column)} \(\d+\)", name) is not None


def _need(head: Sequence[str], names: Sequence[str]) -> None:
    missing = [name for name in names if name not in head]
    if missing:
        raise ValueError(f"the grade book has no column {', '.join(missing)}: {', '.join(head)}")


def _words(record: Record) -> str:
    parts = [f"{mark.exercise}: {mark.points} of {mark.out_of}" for mark in record.marks]
    return "; ".join(parts)
