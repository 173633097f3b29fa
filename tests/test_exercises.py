"""Every exercise of every chapter: solution, stub, mistakes, cases, and the notebook around it."""

from __future__ import annotations

import ast
import functools
import re
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib
import nbformat
import numpy as np
import pytest

from course_admin.material import material
from course_admin.student import with_stub
from course_utils.exercises import Exercise, check, quiz
from course_utils.exercises.check import try_exercise
from course_utils.exercises.compare import EXACT, difference
from course_utils.exercises.core import chapters, exercises_of, families_of
from course_utils.exercises.judge import expected_values, judge
from course_utils.exercises.outcomes import call_of, outcomes
from course_utils.exercises.plain import NotPlainError, plain
from course_utils.exercises.report import Result, result_of

matplotlib.use("Agg")

FOLDER = Path(__file__).resolve().parent.parent / "chapters"
NOTEBOOKS = {path.name[:2]: path for path in sorted(FOLDER.glob("[0-9][0-9]_*.ipynb"))}
BEGIN, END = "### BEGIN SOLUTION", "### END SOLUTION"
SEEDS = (0, 1, 2)
# So short a line (`return x`) may stand in a message by chance, in the student's own call.
SHORT_LINE = 12


@pytest.fixture(scope="module", autouse=True)
def _smoke_scale():
    """Small sizes here, and no trace of it in the environment of other tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COURSE_SCALE", "smoke")
        yield


def _exercises_or_none(chapter: str) -> tuple[Exercise, ...]:
    try:
        return exercises_of(chapter)
    except Exception:  # test_chapter_has_three_to_five_exercises raises it again, for one chapter
        return ()


CHAPTERS = sorted({*NOTEBOOKS, *chapters()})
FAMILIES = [family for chapter in CHAPTERS for family in families_of(chapter)]
# The names of the forms that the book does not print, by the identity of the exercise.
MEMBERS = {id(family.members[name]): name for family in FAMILIES for name in family.others}
EXERCISES = [exercise for chapter in CHAPTERS for exercise in _exercises_or_none(chapter)]
EXERCISES += [family.members[name] for family in FAMILIES for name in family.others]
MISTAKES = [(exercise, mistake) for exercise in EXERCISES for mistake in exercise.mistakes]


def _member(exercise: Exercise) -> str | None:
    return MEMBERS.get(id(exercise))


def _label(exercise: Exercise) -> str:
    return exercise.id if _member(exercise) is None else f"{exercise.id}/{_member(exercise)}"


BY_LABEL = {_label(exercise): exercise for exercise in EXERCISES}
each_chapter = pytest.mark.parametrize("chapter", CHAPTERS)
each_exercise = pytest.mark.parametrize("exercise", EXERCISES, ids=map(_label, EXERCISES))
each_mistake = pytest.mark.parametrize(
    ("exercise", "mistake"), MISTAKES, ids=[f"{_label(e)}: {m.name}" for e, m in MISTAKES]
)
each_family = pytest.mark.parametrize("family", FAMILIES, ids=[f.id for f in FAMILIES])


@dataclass(frozen=True)
class Cells:
    """The three cells of an exercise in its notebook, and the answer's name."""

    statement: str
    answer: str
    name: str


def _code_cells(chapter: str) -> list[str]:
    cells = nbformat.read(NOTEBOOKS[chapter], as_version=4).cells
    return [cell.source for cell in cells if cell.cell_type == "code"]


def _check_call(source: str) -> tuple[str, str] | None:
    """Return id and answer's name if a cell is nothing but ``check("05.2", my_answer)``."""
    try:
        body = ast.parse(source).body
    except SyntaxError:
        return None
    if len(body) != 1 or not isinstance(body[0], ast.Expr):
        return None
    call = body[0].value
    if not isinstance(call, ast.Call) or getattr(call.func, "id", None) != "check":
        return None
    assert len(call.args) == 2, source
    assert not call.keywords, source
    return ast.literal_eval(call.args[0]), ast.unparse(call.args[1])


@functools.cache
def _cells_of(chapter: str) -> dict[str, Cells]:
    """Return the cells of each exercise, by id; the three must follow one another."""
    if chapter not in NOTEBOOKS:
        pytest.fail(f"no notebook for chapter {chapter}")
    found: dict[str, Cells] = {}
    cells = nbformat.read(NOTEBOOKS[chapter], as_version=4).cells
    for index, cell in enumerate(cells):
        called = _check_call(cell.source) if cell.cell_type == "code" else None
        if called is None:
            continue
        ident, name = called
        statement, answer = cells[index - 2], cells[index - 1]
        assert ident not in found, f"two check cells for {ident}"
        assert statement.cell_type == "markdown", f"{ident}: statement, answer, check in this order"
        assert answer.source.count(BEGIN) == answer.source.count(END) >= 1, ident
        found[ident] = Cells(statement.source, answer.source, name)
    return found


def _cells(exercise: Exercise) -> Cells:
    """Return an exercise's cells: from its notebook or, for another form, its own file."""
    if _member(exercise) is None:
        return _cells_of(exercise.chapter)[exercise.id]
    texts = material(exercise.id, _member(exercise))
    return Cells(texts.statement, texts.solution, texts.answer)


@functools.cache
def _imports(chapter: str) -> dict[str, Any]:
    """Run the chapter's second code cell, which holds its imports."""
    names: dict[str, Any] = {"__name__": f"chapter_{chapter}"}
    exec(compile(_code_cells(chapter)[1], f"<imports of {chapter}>", "exec"), names)
    return names


def _answer(exercise: Exercise, change: Any = None) -> Any:
    """Return the notebook's answer, made from its cell and the chapter's imports alone."""
    cells = _cells(exercise)
    source = change(cells.answer) if change else cells.answer
    names = dict(_imports(exercise.chapter))
    exec(compile(source, f"<answer of {exercise.id}>", "exec"), names)
    return names[cells.name]


@functools.cache  # several tests look at what came of the same trial
def _mistaken(label: str, name: str, seed: int) -> tuple[Result, float]:
    """Try a known mistake; return the result and the seconds that it took."""
    exercise = BY_LABEL[label]
    mistake = next(m for m in exercise.mistakes if m.name == name)
    start = time.process_time()
    if seed == SEEDS[0]:
        return try_exercise(exercise, mistake.function, seed=seed), time.process_time() - start
    cases, expected, found = _outcomes(label, seed)
    verdict = judge(exercise, cases, expected, found[name], run_mistake=lambda m, _: found[m.name])
    return result_of(exercise, cases, verdict, name, 1.0), time.process_time() - start


@functools.cache
def _outcomes(label: str, seed: int) -> tuple[list, list, dict[str, list]]:
    """Return an exercise's cases, the oracle's values, and what each known mistake makes of them.

    With the first seed every mistake goes all the way that a student's answer goes. With the others
    it is only judged anew: to run all mistakes again for each of them would take minutes.
    """
    exercise = BY_LABEL[label]
    cases = exercise.draw_cases(seed)
    calls = {m.name: call_of(exercise, m.function) for m in exercise.mistakes}
    found = {name: outcomes(call, cases, seed=seed) for name, call in calls.items()}
    return cases, expected_values(exercise, cases, seed=seed), found


def _solution_lines(exercise: Exercise) -> list[str]:
    blocks = re.findall(rf"{BEGIN}(.*?){END}", _answer_source(exercise), re.DOTALL)
    lines = [line.strip() for block in blocks for line in block.splitlines()]
    return [line for line in lines if len(line) > SHORT_LINE]


def _answer_source(exercise: Exercise) -> str:
    return _cells(exercise).answer


def _plain_case(case: tuple) -> list:
    """Return a case as plain values; what is none (a function, a network) by its type's name."""
    values = []
    for argument in case:
        try:
            values.append(plain(argument))
        except NotPlainError:
            values.append(type(argument).__name__)
    return values


def _plain_cases(exercise: Exercise, seed: int) -> list:
    return [_plain_case(case) for case in exercise.draw_cases(seed)]


# Chapters


def test_the_book_has_chapters_with_exercises():
    assert NOTEBOOKS
    assert EXERCISES


@each_chapter
def test_chapter_has_three_to_five_exercises(chapter):
    ids = [exercise.id for exercise in exercises_of(chapter)]
    assert 3 <= len(ids) <= 5
    assert ids == [f"{chapter}.{n}" for n in range(1, len(ids) + 1)]


@each_chapter
def test_notebook_and_module_agree(chapter):
    assert list(_cells_of(chapter)) == [exercise.id for exercise in exercises_of(chapter)]


@each_chapter
def test_chapter_mounts_its_quiz(chapter):
    assert len(quiz(chapter).questions) >= 4
    assert chapter in NOTEBOOKS
    calls = [source.strip() for source in _code_cells(chapter) if re.search(r"\bquiz\(", source)]
    assert calls == [f'quiz("{chapter}")']


@each_chapter
def test_no_other_cell_uses_an_answer(chapter):
    """With every answer still a stub, the notebook must reach its end."""
    cells = _cells_of(chapter).values()
    names = {cell.name for cell in cells}
    own = {cell.answer for cell in cells}
    for source in _code_cells(chapter):
        if source in own or _check_call(source):
            continue
        plain_source = "\n".join(re.sub(r"^\s*[%!].*", "", line) for line in source.splitlines())
        used = {node.id for node in ast.walk(ast.parse(plain_source)) if isinstance(node, ast.Name)}
        assert not used & names, source


# Exercises


@each_exercise
def test_solution_passes(exercise, capsys):
    answer = _answer(exercise)
    for seed in SEEDS:
        result = check(exercise.id, answer, member=_member(exercise), seed=seed)
        assert result.passed, f"seed {seed}: {result}"
    assert "Right" in capsys.readouterr().out


@each_exercise
def test_stub_is_not_answered(exercise):
    answer = _answer(exercise, with_stub)
    for seed in SEEDS:
        result = try_exercise(exercise, answer, seed=seed)
        assert (result.status, result.passed) == ("not answered", False), str(result)


@each_exercise
def test_empty_answer_is_rejected(exercise):
    """The stub's line deleted or replaced by ``return None``: no status but failure."""

    def emptied(source: str) -> str:
        return re.sub(r"raise NotImplementedError.*", "return None", with_stub(source))

    assert not try_exercise(exercise, _answer(exercise, emptied)).passed


@each_mistake
def test_mistake_is_rejected_with_its_own_hint(exercise, mistake):
    others = [other.hint for other in exercise.mistakes if other is not mistake]
    assert mistake.hint not in others
    for seed in SEEDS:
        result, _ = _mistaken(_label(exercise), mistake.name, seed)
        assert (result.status, result.mistake) == ("known mistake", mistake.name), str(result)
        assert mistake.hint in result.message
        rest = result.message.replace(mistake.hint, "")  # two mistakes at once may quote both
        assert not any(hint in rest for hint in others)


@each_exercise
def test_at_least_three_mistakes_with_sentences(exercise):
    assert len(exercise.mistakes) >= 3
    for mistake in exercise.mistakes:
        assert re.search(r"[.?!]\)?$", mistake.hint), mistake.hint
        assert 20 <= len(mistake.hint) <= 400, mistake.hint


@each_exercise
def test_cases_follow_the_seed(exercise):
    first, again, other = (_plain_cases(exercise, seed) for seed in (0, 0, 1))
    assert difference(first, again, EXACT) is None
    assert difference(first, other, EXACT) is not None, "no case is drawn from rng"
    assert difference(first[0], other[0], EXACT) is None, "the first case should be fixed"


@each_exercise
def test_oracle_is_deterministic(exercise):
    for seed in SEEDS:
        cases = exercise.draw_cases(seed)
        one, two = (expected_values(exercise, cases, seed=seed) for _ in range(2))
        assert difference(one, two, EXACT) is None


@each_exercise
def test_check_is_quick(exercise):
    answer = _answer(exercise)
    try_exercise(exercise, answer)  # the first call of a library loads what it needs
    start = time.process_time()
    expected_values(exercise, exercise.draw_cases(0))
    assert time.process_time() - start < 0.5
    start = time.process_time()
    try_exercise(exercise, answer)
    assert time.process_time() - start < 2.0
    for mistake in exercise.mistakes:
        assert _mistaken(_label(exercise), mistake.name, 0)[1] < 2.0, mistake.name


@each_exercise
def test_messages_never_show_the_solution(exercise):
    lines = _solution_lines(exercise)
    assert lines, "no solution of any length"
    others = (_answer(exercise, with_stub), lambda *case: None, _raises)
    results = [_mistaken(_label(exercise), mistake.name, 0)[0] for mistake in exercise.mistakes]
    for result in (*results, *(try_exercise(exercise, answer) for answer in others)):
        shown = f"{result} {result._repr_html_()}"
        assert not [line for line in lines if line in shown]
        assert len(str(result)) < 1_000


def _raises(*case: Any) -> None:
    raise ValueError("a student's error")


@each_exercise
def test_statement_names_title_points_and_minutes(exercise):
    cells = _cells(exercise)
    headings = re.findall(r"^### (.*)$", cells.statement, re.MULTILINE)
    assert [h.lower() for h in headings] == [f"exercise {exercise.id}: {exercise.title}".lower()]
    assert re.search(rf"\b{exercise.points} points?\b", cells.statement), cells.statement
    assert re.search(rf"\b{exercise.minutes} min", cells.statement), cells.statement
    assert cells.name in cells.statement, f"the signature of {cells.name} is not in the statement"


# Families


def test_the_book_has_twelve_families():
    assert len(FAMILIES) >= 12
    assert len({family.id.split(".")[0] for family in FAMILIES}) >= 8, "over the whole book"


@each_family
def test_the_books_form_is_the_books_exercise(family):
    assert family.members[family.book] in exercises_of(family.id.split(".")[0])


@each_family
def test_no_form_of_a_family_accepts_the_answer_of_another(family):
    answers = {name: _answer(exercise) for name, exercise in family.members.items()}
    for name, exercise in family.members.items():
        for other, answer in answers.items():
            for seed in SEEDS:
                result = try_exercise(exercise, answer, seed=seed)
                assert result.passed == (other == name), f"{other} for {name}: {result}"


@each_family
def test_who_copies_the_books_solution_is_told_so(family):
    printed = _answer(family.members[family.book])
    for name in family.others:
        for seed in SEEDS:
            result = try_exercise(family.members[name], printed, seed=seed)
            assert result.mistake == "as in the book", f"{name}: {result}"


@each_family
def test_a_forms_example_is_true(family):
    """What the statement says of its calls, as far as it stands there as a literal."""
    for name in family.others:
        exercise = family.members[name]
        cells = _cells(exercise)
        names = {**_imports(exercise.chapter), cells.name: _answer(exercise)}
        value = r"(?:`([^`]+)`|(\d+(?:/\d+)?))"
        said = re.findall(rf"`({cells.name}\([^`]+\))` is {value}", cells.statement)
        calls = [(call, literal or number) for call, literal, number in said]
        assert calls or "is the list of" in cells.statement, "no example that can be evaluated"
        for call, value in calls:
            got, expected = eval(call, names), eval(value, names)
            assert np.allclose(got, expected, atol=5e-5), f"{call} is {got}"
