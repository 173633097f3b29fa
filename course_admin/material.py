"""What a student reads of an exercise, and its reference solution: from the chapter, or a member's.

The book's member is in its chapter's notebook. Every other member of a family is a file
`course_admin/members/ID-NAME.md`: the statement, then the answer cell as one block of Python with
the solution between nbgrader's markers. Nothing that a student's notebook imports reads these.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from pathlib import Path

from course_admin.context import Statement, needed, statements
from course_admin.paths import chapter_paths, read_notebook
from course_admin.setup_cell import is_setup
from course_admin.student import BEGIN, with_stub
from course_utils.exercises.core import family_of

MEMBERS = Path(__file__).resolve().parent / "members"
_MEMBER_FILE = re.compile(r"(?P<statement>.*?)\n```python\n(?P<code>.*?)\n```\s*", re.DOTALL)
_CHECK = re.compile(r"""check\(\s*["'](?P<id>[^"']+)["'],\s*(?P<answer>\w+)\)\s*""")
_HEADING = re.compile(r"^### Exercise .*", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Material:
    """An exercise as text.

    `solution` is the answer cell with the solution between its markers, `stub` the same without
    it, `answer` the name that the check is given, `context` what of the chapter they need.
    """

    statement: str
    solution: str
    answer: str
    context: tuple[Statement, ...]

    @property
    def stub(self) -> str:
        """The answer cell as a student gets it."""
        return with_stub(self.solution)


@dataclass(frozen=True)
class _Cells:
    statement: str
    solution: str
    answer: str
    before: tuple[str, ...]


def material(exercise_id: str, member: str | None = None) -> Material:
    """Return the texts of an exercise, or of a member of its family.

    Raises
    ------
    ValueError
        If the chapter has no such cells, or the member's file is missing or of another form.
    """
    cells = _cells_of_chapter(exercise_id.split(".")[0]).get(exercise_id)
    if cells is None:
        raise ValueError(f"exercise {exercise_id}: its chapter has no check cell for it")
    statement, solution = cells.statement, cells.solution
    family = family_of(exercise_id)
    if member is not None and (family is None or member != family.book):
        statement, solution = _read_member(exercise_id, member)
    context = needed(_statements(cells.before), solution, statement)
    return Material(statement, solution, cells.answer, tuple(context))


def chapter_of(exercise_id: str) -> Path:
    """Return the notebook that holds an exercise."""
    number = exercise_id.split(".")[0]
    for path in chapter_paths():
        if path.name.startswith(f"{number}_"):
            return path
    raise ValueError(f"exercise {exercise_id}: there is no notebook of chapter {number}")


def chapter_title(path: Path) -> str:
    """Return the first heading of a chapter."""
    return read_notebook(path).cells[0].source.splitlines()[0].lstrip("# ")


def _read_member(exercise_id: str, member: str) -> tuple[str, str]:
    path = MEMBERS / f"{exercise_id}-{member}.md"
    if not path.is_file():
        raise ValueError(f"exercise {exercise_id}: member {member!r} has no file {path}")
    found = _MEMBER_FILE.fullmatch(path.read_text(encoding="utf-8"))
    if found is None or BEGIN not in found["code"]:
        raise ValueError(f"{path}: expected a statement, then a block of Python with {BEGIN!r}")
    return found["statement"].strip(), found["code"]


@functools.cache
def _cells_of_chapter(number: str) -> dict[str, _Cells]:
    """Return the cells of each exercise of a chapter, and the code that comes before them."""
    found: dict[str, _Cells] = {}
    before: list[str] = []
    cells = read_notebook(chapter_of(f"{number}.1")).cells
    for index, cell in enumerate(cells):
        if cell.cell_type != "code":
            continue
        call = _CHECK.fullmatch(cell.source)
        if call is not None:
            statement = _HEADING.search(cells[index - 2].source)
            if statement is None:
                raise ValueError(f"exercise {call['id']}: no heading '### Exercise' before it")
            answer = cells[index - 1].source
            found[call["id"]] = _Cells(statement.group(), answer, call["answer"], tuple(before))
        elif not is_setup(cell.source) and BEGIN not in cell.source:
            before.append(cell.source)
    return found


@functools.cache
def _statements(cells: tuple[str, ...]) -> list[Statement]:
    return statements(cells)
