"""A class of the honest, the unlucky and the hostile: every row is as it must be."""

from __future__ import annotations

import csv
import hashlib
import html
import os
import re
from pathlib import Path

import numpy as np
import pytest

import grading_toys as toys
from course_admin.__main__ import main
from course_utils.exercises.core import find
from grading_corpus import CASES, LISTENER, SECRET

LIMITS = ("--answer-seconds", "3", "--cell-seconds", "4", "--memory", "600", "--jobs", "2")


def tree(folder: Path) -> dict[str, str]:
    """Every file's content and every link's aim."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_symlink():
            found[str(path)] = os.readlink(path)
        elif path.is_file():
            found[str(path)] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    """The whole corpus, graded once."""
    home = tmp_path_factory.mktemp("class")
    toys.assignment().save(home / "private")
    source = home / "handed in"
    source.mkdir()
    for student, case in CASES.items():
        case.make(source, student)
    before = tree(home)
    os.environ[SECRET] = "the instructor's"
    try:
        status = main(
            ["grade", str(source), "--assignment", str(home / "private")]
            + ["--out", str(home / "results"), *LIMITS]
        )
    finally:
        del os.environ[SECRET]
    after = {name: value for name, value in tree(home).items() if "/results/" not in name}
    return {"home": home, "status": status, "before": before, "after": after}


@pytest.fixture(scope="module")
def rows(graded):
    """The rows of the grade book by student; each student has one."""
    with open(graded["home"] / "results" / "grades.csv", encoding="utf-8", newline="") as file:
        found = list(csv.DictReader(file))
    names = [row["student"] for row in found]
    assert len(set(names)) == len(names)
    return {row["student"].lstrip("'"): row for row in found}


@pytest.fixture(scope="module")
def pages(graded):
    """Every student's page by the heading's name."""
    found = {}
    for path in (graded["home"] / "results" / "feedback").glob("*.html"):
        page = path.read_text(encoding="utf-8")
        name = html.unescape(re.search("feedback for (.*?)</h1>", page).group(1))
        found[name] = page
    return found


def test_the_corpus_is_large_enough():
    assert len(CASES) >= 40


def test_grading_ends_well_and_every_student_has_a_row(graded, rows, pages):
    assert graded["status"] == 0
    assert set(rows) == set(CASES)
    assert set(pages) == set(CASES)


@pytest.mark.parametrize("student", CASES)
def test_the_row_is_as_it_must_be(student, rows, pages):
    case, row = CASES[student], rows[student]
    points = tuple(int(row[ident]) for ident in toys.RIGHT)
    assert points == case.points, row["notes"]
    assert row["status"] in case.status.split(" or "), row["notes"]
    assert int(row["points"]) == sum(case.points)
    assert row["late"] == ("late" if case.late else "")
    for words in case.notes:
        assert words in row["notes"]
    for words in case.says:
        assert words in html.unescape(pages[student])


def test_originals_are_never_touched(graded):
    assert graded["before"] == graded["after"]
    assert not (graded["home"].parent / "escaped.ipynb").exists()
    assert not Path("/tmp/escaped.ipynb").exists()


def test_no_hidden_case_and_no_secret_is_in_any_result(graded):
    """Also of the student whose code printed and raised the hidden cases it was given."""
    assignment = toys.assignment()
    numbers = set()
    for part in assignment.exercises:
        for case in find(part.id).draw_cases(assignment.hidden_seed(part.id)):
            for value in case:
                if isinstance(value, np.ndarray) and value.size > 4:
                    parts = np.concatenate([value.real.ravel(), value.imag.ravel()])
                    numbers |= {repr(float(number))[:9] for number in parts if number % 1}
    assert len(numbers) > 20
    for path in (graded["home"] / "results").rglob("*"):
        if path.is_file():
            content = path.read_text(encoding="utf-8")
            assert not [number for number in numbers if number in content], path
            assert str(assignment.seed) not in content
            assert "the instructor's" not in content


def test_no_page_holds_a_solution(pages):
    for student, page in pages.items():
        assert "np.conj(w[::-1])" not in page, student


def test_what_finds_nothing_in_the_sandbox_would_find_it_outside(tmp_path, capsys):
    """The traps above can catch something: without isolation they do, and the command says so."""
    names = ("uses the network", "asks for the passwords", "reads proc")
    toys.assignment().save(tmp_path)
    (tmp_path / "in").mkdir()
    for name in names:
        CASES[name].make(tmp_path / "in", name)
    out = tmp_path / "out"
    command = ["grade", str(tmp_path / "in"), "--assignment", str(tmp_path), "--out", str(out)]
    assert main([*command, *LIMITS, "--no-sandbox"]) == 0
    assert "students' code runs as you" in capsys.readouterr().err
    with open(out / "grades.csv", encoding="utf-8", newline="") as file:
        assert {row["student"]: row["status"] for row in csv.DictReader(file)} == dict.fromkeys(
            names, "ok"
        )
    assert LISTENER.fileno() >= 0
