"""Write grades as the CSV that Canvas or Moodle imports.

Both want a file of their own form back. So download the grade book from Canvas (Grades, Export) or
the grading worksheet from Moodle (View all submissions, Download grading worksheet) and name it
with --gradebook: the points are filled in and nothing else is changed.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from course_admin.grading import lms, records
from course_admin.grading.results import name_of
from course_admin.paths import write_atomically

FORMS = {"canvas": lms.canvas, "moodle": lms.moodle}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("results", type=Path, help="the folder that `grade` wrote")
    parser.add_argument("--to", choices=sorted(FORMS), required=True)
    parser.add_argument("--gradebook", type=Path, help="the CSV downloaded from there")
    parser.add_argument("--column", help="Canvas: the assignment's column; default: its name")
    parser.add_argument("--out", type=Path, help="default: RESULTS/canvas.csv or moodle.csv")


def run(arguments: argparse.Namespace) -> int:
    """Write the file; return 1 if a student of the results is not in the grade book."""
    found = list(records.load_all(arguments.results / "records").values())
    if not found:
        raise ValueError(f"{arguments.results} holds no grades: run `grade` first")
    column = arguments.column or name_of(arguments.results)
    table = lms.read(arguments.gradebook) if arguments.gradebook else None
    text, warnings = FORMS[arguments.to](found, column, table)
    out = arguments.out or arguments.results / f"{arguments.to}.csv"
    write_atomically(out, text)
    print("written:", out)
    for warning in warnings:
        print(warning, file=sys.stderr)
    return 1 if warnings else 0
