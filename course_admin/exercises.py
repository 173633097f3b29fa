"""List the exercises of the book: id, points, minutes, title, what they train, other forms.

An exercise with other forms is a family: `assign` draws one of them, and the book prints the
solution of another. Name chapters or exercises to list only those.
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Sequence

from course_utils.exercises.core import Exercise, chapters, exercises_of, family_of, find

COLUMNS = ("id", "chapter", "title", "points", "minutes", "trains", "other forms")
WIDTHS = {"id": 5, "title": 42, "points": 6, "minutes": 7, "trains": 40}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("what", nargs="*", help="chapters or exercises, such as 05 or 07.3")
    parser.add_argument("--csv", action="store_true", help="as CSV, nothing cut off")


def run(arguments: argparse.Namespace) -> int:
    """Print the list."""
    chosen = [find(ident) for ident in expand(arguments.what or chapters())]
    if arguments.csv:
        writer = csv.DictWriter(sys.stdout, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(map(_row, chosen))
        return 0
    print("  ".join(name.ljust(width) for name, width in WIDTHS.items()) + "  other forms")
    for exercise in chosen:
        row = _row(exercise)
        cells = [_fitted(row[name], width) for name, width in WIDTHS.items()]
        print("  ".join([*cells, row["other forms"]]).rstrip())
    points, minutes = (sum(getattr(e, name) for e in chosen) for name in ("points", "minutes"))
    print(f"{len(chosen)} exercises, {points} points, {minutes} minutes")
    return 0


def expand(what: Sequence[str]) -> list[str]:
    """Return the exercise ids that chapters ("05") and ids ("07.3") stand for, each once.

    Raises
    ------
    ValueError
        If one of them is neither.
    """
    ids: dict[str, None] = {}
    for item in what:
        if item in chapters():
            ids.update(dict.fromkeys(exercise.id for exercise in exercises_of(item)))
            continue
        try:
            ids[find(item).id] = None
        except LookupError as error:
            raise ValueError(str(error.args[0])) from error
    return list(ids)


def _fitted(text: str, width: int) -> str:
    return f"{text if len(text) <= width else text[: width - 1] + '…':{width}}"


def _row(exercise: Exercise) -> dict[str, str]:
    family = family_of(exercise.id)
    others = " ".join(family.others) if family else ""
    values = [exercise.id, exercise.chapter, exercise.title, exercise.points, exercise.minutes]
    return dict(zip(COLUMNS, [*map(str, values), exercise.trains, others], strict=True))
