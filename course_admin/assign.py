"""Make an assignment from exercises: a notebook to hand out, and what grades it.

Writes the folder OUT/NAME. To hand out: NAME.zip. Private: assignment.json, which `grade` reads;
NAME-solutions.ipynb; and nbgrader/, a course folder for those who grade with nbgrader. Where an
exercise is a family, the seed draws a form whose solution the book does not print; 05.1/numpy asks
for a certain form.
"""

from __future__ import annotations

import argparse
import io
import os
import secrets
import shutil
import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from course_admin.assignments import Assigned, Assignment, derived_seed
from course_admin.canonical import to_text
from course_admin.exercises import expand
from course_admin.handout import FORMS, assigned, notebook, points_table
from course_admin.paths import write_atomically
from course_admin.proof import prove
from course_admin.student import STUB
from course_utils.exercises.core import family_of, find

# The moment that every file in the zip bears, so that the same assignment is the same zip.
LONG_AGO = (1980, 1, 1, 0, 0, 0)
NBGRADER_CONFIG = f'''\
"""nbgrader's settings for this assignment; run nbgrader in this folder."""

c = get_config()  # noqa: F821
c.ClearSolutions.code_stub = {{"python": {STUB!r}}}
'''


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "what", nargs="+", help="exercises (05.2), forms of them (05.1/numpy) or chapters (07)"
    )
    parser.add_argument("--name", required=True, help="the assignment's name, such as hw2")
    parser.add_argument("--out", type=Path, required=True, help="the folder OUT/NAME is made")
    parser.add_argument(
        "--seed",
        type=int,
        help="draws the forms and the hidden cases; keep it private (default: a large random one)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Write the assignment, unless a reference solution fails or an empty one passes."""
    seed = secrets.randbits(48) if arguments.seed is None else arguments.seed
    assignment = compose(arguments.what, arguments.name, seed)
    folder = arguments.out / assignment.name
    if folder.exists():
        raise ValueError(f"{folder} is there already; give another --name or remove it first")
    prove(assignment)
    write(assignment, folder)
    print(points_table(assignment))
    forms = [f"{part.id}/{part.member}" for part in assignment.exercises if part.member]
    print(f"\nforms drawn: {', '.join(forms) or 'none; no exercise here is a family'}")
    print(f"hand out: {folder / (assignment.name + '.zip')}")
    print(f"keep to yourself: all else in {folder} (the seed is {seed})")
    return 0


def compose(what: Sequence[str], name: str, seed: int) -> Assignment:
    """Return the assignment of these exercises and chapters, members drawn by the seed.

    Raises
    ------
    ValueError
        If an exercise or a form does not exist, or two exercises want a function of one name.
    """
    wanted: dict[str, str | None] = {}
    for item in what:
        ident, _, form = item.partition("/")
        for exercise_id in expand([ident]):
            drawn = draw_member(exercise_id, seed)
            wanted[exercise_id] = form or wanted.get(exercise_id, drawn)
    parts = tuple(_assigned(ident, member) for ident, member in wanted.items())
    owners: dict[str, str] = {}
    for part in parts:
        for function in part.functions:
            if owners.setdefault(function, part.id) != part.id:
                raise ValueError(
                    f"exercises {owners[function]} and {part.id} both ask for {function}; "
                    "assign them in two notebooks"
                )
    return Assignment(name=name, seed=seed, exercises=parts)


def draw_member(exercise_id: str, seed: int) -> str | None:
    """Return the member that the seed draws from those not printed; None if there is no family."""
    family = family_of(exercise_id)
    if family is None:
        return None
    rng = np.random.default_rng(derived_seed(seed, "member", exercise_id))
    return family.others[rng.integers(len(family.others))]


def _assigned(exercise_id: str, member: str | None) -> Assigned:
    try:
        find(exercise_id, member)
    except LookupError as error:
        raise ValueError(str(error.args[0])) from error
    return assigned(exercise_id, member)


def write(assignment: Assignment, folder: Path) -> None:
    """Write everything into a folder that appears only when it is complete."""
    partial = folder.with_name(folder.name + ".part")
    shutil.rmtree(partial, ignore_errors=True)
    name = assignment.name
    texts = {form: to_text(notebook(assignment, form)) for form in FORMS}
    write_atomically(partial / f"{name}.ipynb", texts["student"])
    write_atomically(partial / f"{name}-solutions.ipynb", texts["solutions"])
    (partial / f"{name}.zip").write_bytes(_zip(f"{name}/{name}.ipynb", texts["student"]))
    write_atomically(partial / "points.md", points_table(assignment) + "\n")
    grader = partial / "nbgrader"
    write_atomically(grader / "nbgrader_config.py", NBGRADER_CONFIG)
    for form in ("source", "release"):
        write_atomically(grader / form / name / f"{name}.ipynb", texts[form])
    assignment.save(partial)
    os.replace(partial, folder)


def _zip(path: str, text: str) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo(path, LONG_AGO), text)
    return content.getvalue()
