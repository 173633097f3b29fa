"""Which cells of a notebook answer which exercise, and in what order to run and try them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from course_admin.assignments import Assigned, Assignment


@dataclass(frozen=True)
class Cell:
    """A cell as the sandbox read it (see ``inside/notebook.py``)."""

    number: int
    code: bool
    source: str
    grade_id: str | None
    joined: int
    defines: tuple[str, ...]
    functions: tuple[str, ...]
    problem: str | None


@dataclass
class Match:
    """Where one exercise's answer is.

    ``after`` is the number of the cell after which the answer counts, or None where there is none;
    ``names`` are those under which the answer may be kept, the right one first.
    """

    exercise: Assigned
    after: int | None = None
    names: tuple[str, ...] = ()
    duplicate: bool = False
    unreadable: str | None = None
    notes: list[str] = field(default_factory=list)


@dataclass
class Plan:
    """A notebook's code cells in order, and its answers."""

    cells: list[Cell]
    matches: list[Match]

    @property
    def found(self) -> int:
        """How many exercises the notebook answers, or has the stub of."""
        return sum(match.after is not None for match in self.matches)


def cells_from(reply: Any) -> list[Cell]:
    """Return the cells that the sandbox read, checked: the reply comes from in there.

    Raises
    ------
    ValueError
        If it has another form.
    """
    if not isinstance(reply, list):
        raise ValueError("no list of cells")
    return [_cell(row) for row in reply]


def _cell(row: Any) -> Cell:
    try:
        cell = Cell(
            int(row["number"]),
            bool(row["code"]),
            str(row["source"]),
            row["grade_id"],
            int(row["joined"]),
            tuple(map(str, row["defines"])),
            tuple(map(str, row["functions"])),
            row["problem"],
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError("a cell of another form") from error
    if not all(text is None or isinstance(text, str) for text in (cell.grade_id, cell.problem)):
        raise ValueError("a cell of another form")
    return cell


def match(assignment: Assignment, cells: Sequence[Cell]) -> Plan:
    """Find the answers: by nbgrader's `grade_id`, else by the function's name."""
    code = [cell for cell in cells if cell.code]
    return Plan(code, [_match(part, code, cells) for part in assignment.exercises])


def _match(part: Assigned, code: Sequence[Cell], every: Sequence[Cell]) -> Match:
    marked = [cell for cell in code if cell.grade_id == part.answer_id]
    candidates = (
        [cell for cell in marked if part.answer in cell.defines],
        [cell for cell in code if part.answer in cell.defines],
        [cell for cell in marked if cell.problem],
        [cell for cell in code if cell.problem and _mentions(cell, part.answer)],
        [cell for cell in marked if _other_functions(cell, part)],
        marked,
    )
    answers = next((own for cells in candidates if (own := _not_stubs(cells, part))), None)
    if answers is None:
        return _only_a_stub(part, code, every)
    return _described(part, answers, marked)


def _only_a_stub(part: Assigned, code: Sequence[Cell], every: Sequence[Cell]) -> Match:
    stubs = [c for c in code if c.grade_id == part.answer_id or part.answer in c.defines]
    if stubs:
        return Match(part, stubs[-1].number, (part.answer,))
    missing = Match(part)
    if any(cell.grade_id == part.answer_id for cell in every):
        missing.notes.append("the cell for the answer is no longer a code cell")
    return missing


def _described(part: Assigned, answers: Sequence[Cell], marked: Sequence[Cell]) -> Match:
    last = answers[-1]
    found = Match(part, last.number, (part.answer,))
    found.duplicate = len({cell.source.strip() for cell in answers}) > 1
    if found.duplicate:
        places = ", ".join(str(cell.number) for cell in answers)
        found.notes.append(f"answered in cells {places}, which differ: the last one counts")
    elif len(answers) > 1:
        found.notes.append(f"the same answer stands {len(answers)} times")
    if last.joined > 1:
        found.notes.append(f"the answer had been split into {last.joined} cells: put together")
    if last not in marked:
        found.notes.append("the answer was found by the function's name")
    if part.answer not in last.defines:
        _under_another_name(found, last)
    return found


def _under_another_name(found: Match, cell: Cell) -> None:
    others = _other_functions(cell, found.exercise)
    found.unreadable = cell.problem
    if len(others) == 1:
        found.names += others
        found.notes.append(f"`{others[0]}` was tried, since there is no `{found.names[0]}`")


def _other_functions(cell: Cell, part: Assigned) -> tuple[str, ...]:
    return tuple(name for name in cell.functions if name not in part.functions)


def _not_stubs(cells: Iterable[Cell], part: Assigned) -> list[Cell]:
    empty = {_bare(part.stub), ""}
    return [cell for cell in cells if _bare(cell.source) not in empty]


def _bare(source: str) -> str:
    return re.sub(r"\s+", " ", source).strip()


def _mentions(cell: Cell, name: str) -> bool:
    return (
        re.search(rf"^\s*(def|class)\s+{re.escape(name)}\b", cell.source, re.MULTILINE) is not None
    )
