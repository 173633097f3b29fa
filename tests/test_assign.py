"""`exercises` and `assign`: what is listed, what is written, what is refused."""

from __future__ import annotations

import csv
import io
import re
import zipfile
from dataclasses import replace
from types import MappingProxyType

import nbformat
import pytest

from course_admin import assign, assignments, material, proof
from course_admin.__main__ import main
from course_admin.context import defined_names, needed, statements
from course_admin.exercises import expand
from course_admin.handout import assigned, notebook
from course_admin.student import BEGIN
from course_utils.exercises.check import try_exercise
from course_utils.exercises.core import chapters, exercises_of, families_of, find
from course_utils.exercises.families import ch05 as families_05

BOOK = [exercise for chapter in chapters() for exercise in exercises_of(chapter)]
FAMILIES = [family for chapter in chapters() for family in families_of(chapter)]
OTHERS = [(family.id, name) for family in FAMILIES for name in family.others]
WANTED = ["05.1", "05.2/correlation", "11.3"]
SEED = 20_271_003


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """What `assign` writes for three exercises, two of them with a drawn or chosen form."""
    out = tmp_path_factory.mktemp("teaching")
    command = ["assign", *WANTED, "--name", "hw2", "--out", str(out), "--seed", str(SEED)]
    assert main(command) == 0
    return out / "hw2"


def cells_of(path):
    found = nbformat.read(path, as_version=4)
    nbformat.validate(found)
    return found.cells


def code_of(path):
    return {c.id: c.source for c in cells_of(path) if c.cell_type == "code"}


# The list


def test_every_exercise_is_listed(capsys):
    assert main(["exercises", "--csv"]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [row["id"] for row in rows] == [exercise.id for exercise in BOOK]
    for row, exercise in zip(rows, BOOK, strict=True):
        assert row["chapter"] == exercise.chapter
        assert (int(row["points"]), int(row["minutes"])) == (exercise.points, exercise.minutes)
        assert (row["title"], row["trains"]) == (exercise.title, exercise.trains)


def test_the_list_names_other_forms_and_sums(capsys):
    assert main(["exercises", "05.1", "07"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].endswith("numpy matlab")
    assert [line[:4] for line in lines[1:-1]] == ["05.1", *(f"07.{n}" for n in range(1, 6))]
    listed = [find("05.1"), *exercises_of("07")]
    points, minutes = sum(e.points for e in listed), sum(e.minutes for e in listed)
    assert lines[-1] == f"6 exercises, {points} points, {minutes} minutes"


def test_what_does_not_exist_is_named(capsys):
    assert main(["exercises", "05.9"]) == 2
    assert "05.9" in capsys.readouterr().err
    with pytest.raises(ValueError, match="'99'"):
        expand(["99"])


def test_a_chapter_and_its_exercise_count_once():
    assert expand(["07.3", "07"]) == ["07.3", "07.1", "07.2", "07.4", "07.5"]


# What the chapter gives to an exercise

CHAPTER = [
    "import math\nimport numpy as np\nfrom a.b import first, second as other",
    "SCALE = 2\nSCALE += 1\nsize = SCALE",
    "def helper(x):\n    return late(x) * SCALE",
    "@decorate\ndef decorated(x):\n    return x",
    "def late(x):\n    return math.floor(x)",
    "table = np.zeros(3)\ntable[0] = first(1)\nfor row in table:\n    print(row)",
    "model = train_for_an_hour()",
]


def given(code, text=""):
    return [statement.source for statement in needed(statements(CHAPTER), code, text)]


def test_only_what_the_answer_uses_is_taken_along():
    assert given("def f(x):\n    return x") == ["import numpy as np"]
    assert given("def f(x):\n    return other(x)") == [
        "import numpy as np",
        "from a.b import second as other",
    ]


def test_definitions_bring_what_they_use_wherever_it_stands():
    assert given("def f(x):\n    return helper(x)") == [
        "import math",
        "import numpy as np",
        "SCALE = 2",
        "SCALE += 1",
        CHAPTER[2],
        CHAPTER[4],
    ]


def test_a_value_comes_with_its_changes():
    expected = ["import numpy as np", "from a.b import first", "table = np.zeros(3)"]
    assert given("def f(x):\n    return x + table") == [*expected, "table[0] = first(1)"]


def test_names_of_its_own_are_no_names_of_the_chapter():
    assert given("def f(size):\n    return [row for row in size]") == ["import numpy as np"]
    assert given("def f():\n    table = 1\n    return table") == ["import numpy as np"]


def test_the_statement_names_functions_not_variables():
    code = "def f(x):\n    return x"
    assert CHAPTER[4] in given(code, "as in `late` above")
    assert CHAPTER[4] in given(code, "call `late(3)`")
    assert given(code, "`model` is a network of `size` units, late") == ["import numpy as np"]
    assert given("def f(late):\n    return 1", "`late` is a number") == ["import numpy as np"]


def test_a_decorator_stays_with_its_function():
    assert CHAPTER[3] in given("def f(x):\n    return decorated(x)")


def test_the_names_that_a_cell_defines():
    assert defined_names("A = 1\ndef f():\n    b = 2\nclass C: pass") == ("A", "f", "C")


@pytest.mark.parametrize("chapter", chapters())
def test_the_context_is_enough_for_every_answer_and_form(chapter):
    forms = [(exercise.id, None) for exercise in exercises_of(chapter)]
    forms += [(ident, name) for ident, name in OTHERS if ident.startswith(f"{chapter}.")]
    for ident, member in forms:
        texts, part = material.material(ident, member), assigned(ident, member)
        names: dict = {}
        exec(part.context, names)
        exec(texts.solution, names)
        result = try_exercise(part.exercise(), names[part.answer], seed=0)
        assert result.passed, result
        exec(part.stub, names)
        assert try_exercise(part.exercise(), names[part.answer]).status == "not answered"


def test_no_two_exercises_of_the_book_ask_for_one_name():
    owners: dict[str, str] = {}
    for exercise in BOOK:
        name = assigned(exercise.id, None).answer
        assert owners.setdefault(name, exercise.id) == exercise.id, name


# Forms


def test_every_form_has_its_file_and_every_file_its_form():
    files = {path.stem for path in material.MEMBERS.glob("*.md")}
    assert files == {f"{ident}-{name}" for ident, name in OTHERS}


def test_the_seed_draws_every_form_that_is_not_printed():
    for family in FAMILIES:
        drawn = {assign.draw_member(family.id, seed) for seed in range(60)}
        assert drawn == set(family.others)


def test_exercises_without_a_family_are_the_books():
    assert assign.draw_member("05.3", 1) is None


def test_a_form_can_be_chosen(folder):
    parts = {part.id: part for part in assignments.load(folder).exercises}
    assert parts["05.2"].member == "correlation"
    assert parts["05.1"].member in ("numpy", "matlab")
    chosen = assign.compose(["05", "05.1/scipy"], "hw", 3).exercises
    assert [part.member for part in chosen if part.id == "05.1"] == ["scipy"]


@pytest.mark.parametrize(
    ("what", "words"),
    [
        (["05.1/scipi"], "no member 'scipi'; it has scipy, numpy, matlab"),
        (["05.3/full"], "none but the book's"),
        (["05.77"], "there is no exercise '05.77'"),
    ],
)
def test_a_form_that_does_not_exist_is_refused(what, words, tmp_path, capsys):
    assert main(["assign", *what, "--name", "hw", "--out", str(tmp_path)]) == 2
    assert words in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


# What is written


def test_the_folder(folder):
    files = sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())
    assert files == [
        "assignment.json",
        "hw2-solutions.ipynb",
        "hw2.ipynb",
        "hw2.zip",
        "nbgrader/nbgrader_config.py",
        "nbgrader/release/hw2/hw2.ipynb",
        "nbgrader/source/hw2/hw2.ipynb",
        "points.md",
    ]


def test_the_students_notebook_holds_what_the_exercises_need_and_no_more(folder):
    cells = cells_of(folder / "hw2.ipynb")
    assert [cell.id for cell in cells] == [
        "introduction",
        "set-up",
        *(f"ex-05-1-{part}" for part in ("statement", "context", "answer", "check")),
        *(f"ex-05-2-{part}" for part in ("statement", "answer", "check")),
        *(f"ex-11-3-{part}" for part in ("statement", "context", "answer", "check")),
    ]
    code = code_of(folder / "hw2.ipynb")
    assert code["ex-05-1-context"] == "from course_utils.exercises import check\nimport numpy as np"
    assert code["ex-11-3-context"].startswith("def adam(")
    assert code["ex-05-2-check"] == 'check("05.2", my_convolve2d, member="correlation")'


def test_the_points_are_told(folder):
    first = cells_of(folder / "hw2.ipynb")[0].source
    table = (folder / "points.md").read_text(encoding="utf-8")
    assert table.strip() in first
    assert "| 05.2 | Correlation of two images, from the sum | 2 |" in table
    assert "| | **sum** | **6** |" in table


def test_statements_are_plain_markdown_and_name_their_chapter():
    text = "\n".join(
        cell.source
        for cell in notebook(assign.compose(["09.5", "11.2"], "hw", 1), "student").cells
        if cell.cell_type == "markdown"
    )
    assert not re.search(r"\{\w+(:\w+)?\}`|:::", text)
    assert "Szegedy" in text
    assert "From chapter 09, [From scores to a loss](https://colab.research.google.com/" in text


def test_nothing_private_is_handed_out(folder):
    with zipfile.ZipFile(folder / "hw2.zip") as archive:
        assert archive.namelist() == ["hw2/hw2.ipynb"]
        handed_out = archive.read("hw2/hw2.ipynb").decode()
    assert handed_out == (folder / "hw2.ipynb").read_text(encoding="utf-8")
    release = (folder / "nbgrader/release/hw2/hw2.ipynb").read_text(encoding="utf-8")
    found = assignments.load(folder)
    secrets = [BEGIN, "HIDDEN", str(SEED)]
    secrets += [str(found.hidden_seed(part.id)) for part in found.exercises]
    for text in (handed_out, release):
        assert not [secret for secret in secrets if secret in text]
    for part in found.exercises:
        solution = material.material(part.id, part.member).solution
        inside = re.search(rf"{BEGIN}\n(.*?)### END", solution, re.DOTALL)[1].splitlines()
        for line in (line.strip() for line in inside):
            assert len(line) < 20 or line not in code_of(folder / "hw2.ipynb")[part.answer_id]


def test_nbgraders_cells(folder):
    for form in ("source", "release"):
        cells = cells_of(folder / "nbgrader" / form / "hw2" / "hw2.ipynb")
        marked = {c.id: c.metadata.nbgrader for c in cells if "nbgrader" in c.metadata}
        for part in assignments.load(folder).exercises:
            answer, check = marked[part.answer_id], marked[part.check_id]
            assert (answer.solution, answer.grade, answer.locked) == (True, False, False)
            assert (check.solution, check.grade, check.locked) == (False, True, True)
            assert (check.points, check.schema_version) == (part.points, 3)
    found = assignments.load(folder)
    hidden = found.hidden_seed("11.3")
    checks = code_of(folder / "nbgrader/source/hw2/hw2.ipynb")["ex-11-3-check"].splitlines()
    assert checks == [
        'assert check("11.3", adamw_steps, member="penalty").passed',
        "### BEGIN HIDDEN TESTS",
        f'assert check("11.3", adamw_steps, member="penalty", seed={hidden}).passed',
        "### END HIDDEN TESTS",
    ]
    released = code_of(folder / "nbgrader/release/hw2/hw2.ipynb")["ex-11-3-check"]
    assert released == checks[0]


def test_the_solved_notebook_is_the_students_but_for_the_answers(folder):
    student, solved = cells_of(folder / "hw2.ipynb"), cells_of(folder / "hw2-solutions.ipynb")
    for empty, full in zip(student, solved, strict=True):
        assert (BEGIN in full.source) == empty.id.endswith("answer")
        assert empty.source == full.source or BEGIN in full.source
    assert proof.failures(nbformat.from_dict({"cells": solved})) == {}


def test_the_students_notebook_runs_to_its_end_unanswered(folder):
    student = nbformat.read(folder / "hw2.ipynb", as_version=4)
    assert proof.failures(student) == {}
    release = nbformat.read(folder / "nbgrader/release/hw2/hw2.ipynb", as_version=4)
    assert set(proof.failures(release)) == {"ex-05-1-check", "ex-05-2-check", "ex-11-3-check"}


def test_the_assignment_can_be_read_again(folder):
    found = assignments.load(folder)
    assert found == assignments.load(folder / "assignment.json")
    assert (found.name, found.seed, found.points) == ("hw2", SEED, 6)
    assert [part.id for part in found.exercises] == ["05.1", "05.2", "11.3"]
    assert found.exercises[1].exercise() is find("05.2", "correlation")
    assert found.exercises[1].functions == ("my_convolve2d",)


def test_a_file_that_is_no_assignment_is_refused(tmp_path):
    (tmp_path / "assignment.json").write_text('{"name": "hw"}', encoding="utf-8")
    for path in (tmp_path, tmp_path / "nothing.json"):
        with pytest.raises(ValueError, match="is not an assignment"):
            assignments.load(path)


def test_an_assignment_never_replaces_another(folder, capsys):
    before = (folder / "assignment.json").read_bytes()
    assert main(["assign", "05.3", "--name", "hw2", "--out", str(folder.parent)]) == 2
    assert "there already" in capsys.readouterr().err
    assert (folder / "assignment.json").read_bytes() == before


def test_a_name_that_is_a_path_is_refused(tmp_path, capsys):
    assert main(["assign", "05.3", "--name", "../hw", "--out", str(tmp_path / "a")]) == 2
    assert "letters, digits" in capsys.readouterr().err
    assert list(tmp_path.rglob("*")) == []


# Seeds


def test_a_seed_gives_the_same_files_again(folder, tmp_path):
    again = assign.compose(WANTED, "hw2", SEED)
    assign.write(again, tmp_path / "hw2")
    for path in folder.rglob("*"):
        if path.is_file():
            assert path.read_bytes() == (tmp_path / "hw2" / path.relative_to(folder)).read_bytes()


def test_hidden_cases_are_each_exercises_own():
    seeds = {assign.compose(["05"], "hw", s).hidden_seed(f"05.{n}") for s in (1, 2) for n in (1, 2)}
    assert len(seeds) == 4
    assert 0 not in seeds


def test_outputs_copied_from_the_visible_check_score_nothing():
    """An answer that knows the visible cases by heart, and nothing else."""
    made = assign.compose(["05.1/numpy"], "hw", 7)
    exercise = made.exercises[0].exercise()
    printed = {case: exercise.oracle(*case) for case in exercise.draw_cases(0)}

    def output_length(*case):
        return printed.get(case, 0)

    assert try_exercise(exercise, output_length, seed=0).passed
    assert not try_exercise(exercise, output_length, seed=made.hidden_seed("05.1")).passed


def test_without_a_seed_one_is_drawn_that_nobody_guesses(tmp_path):
    for name in ("a", "b"):
        assert main(["assign", "05.3", "--name", name, "--out", str(tmp_path)]) == 0
    seeds = [assignments.load(tmp_path / name).seed for name in ("a", "b")]
    assert seeds[0] != seeds[1]
    assert min(seeds) > 2**20  # fails once in a hundred million runs


# Refusals


def test_a_reference_that_fails_is_refused_and_named(tmp_path, monkeypatch, capsys):
    family = families_05.FAMILIES[0]
    broken = replace(family.members["matlab"], oracle=family.members["numpy"].oracle)
    members = MappingProxyType({**family.members, "matlab": broken})
    monkeypatch.setattr(families_05, "FAMILIES", (replace(family, members=members),))
    command = ["assign", "05.3", "05.1/matlab", "--name", "hw", "--out", str(tmp_path)]
    assert main(command) == 2
    error = capsys.readouterr().err
    assert "exercise 05.1/matlab: the reference solution does not score 100%" in error
    assert "should give" in error
    assert list(tmp_path.iterdir()) == []


def test_a_stub_that_scores_is_refused_and_named(tmp_path, monkeypatch, capsys):
    """A solution that an author left outside of the markers."""
    text = (material.MEMBERS / "05.1-matlab.md").read_text(encoding="utf-8")
    leaking = text.replace(f"    {BEGIN}\n", "").replace(
        "    return max(", f"    return max(n - k + 1, 0)\n    {BEGIN}\n    return max("
    )
    (tmp_path / "members").mkdir()
    (tmp_path / "members" / "05.1-matlab.md").write_text(leaking, encoding="utf-8")
    monkeypatch.setattr(material, "MEMBERS", tmp_path / "members")
    command = ["assign", "05.1/matlab", "--name", "hw", "--out", str(tmp_path / "out")]
    assert main(command) == 2
    expected = "exercise 05.1/matlab: the notebook scores 1 of 1 points before"
    assert expected in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_context_that_raises_is_named(monkeypatch):
    made = assign.compose(["05.3"], "hw", 1)
    source = notebook(made, "source")
    source.cells[1].source = "1 / 0"
    with pytest.raises(ValueError, match="cell set-up raises"):
        proof.failures(source)


def test_two_functions_of_one_name_are_refused(monkeypatch):
    one = assigned("05.3", None)
    monkeypatch.setattr(assign, "assigned", lambda ident, member: replace(one, id=ident))
    with pytest.raises(ValueError, match=r"05\.3 and 05\.4 both ask for my_correlate"):
        assign.compose(["05.3", "05.4"], "hw", 1)


def test_a_family_needs_its_books_member():
    family = FAMILIES[0]
    with pytest.raises(ValueError, match="a family needs its book's member"):
        replace(family, book="another")
    with pytest.raises(LookupError, match="has no member 'another'"):
        find(family.id, "another")
