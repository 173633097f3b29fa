"""Run one student's notebook and try its answers, whatever happens on the way.

The notebook runs from top to bottom as in Jupyter. Each answer is tried where it stands, on the
cases of the notebook's own check; only when all that is done do hidden cases go into the sandbox.
So nothing that a student's code says, prints or returns before can hold them, and what comes after
is compared but never shown.

What ends the sandbox costs the cell or the answer that did it and nothing else: the notebook runs
again in a new one. A cell that did not come to its end is then run for its definitions only; if
even that fails it is left out.
"""

from __future__ import annotations

import ast
import re
import time
from collections.abc import Callable
from typing import Any, TypeGuard

from course_admin.assignments import Assignment
from course_admin.grading.conversation import Conversation, Ended
from course_admin.grading.findings import Finding, Tried, tried
from course_admin.grading.limits import Limits
from course_admin.grading.matching import Cell, Plan
from course_admin.grading.trials import PUBLIC_SEED, Trial, trial

PATIENCE = 5.0  # what a worker gets beyond the time that it keeps itself
NEXT_WAY = {"whole": "definitions", "definitions": "leave out"}
WHAT_IT_DID = {
    "too slow": "took too long",
    "memory": "used too much memory",
    "died": "ended the Python process",
    "garbled": "disturbed the grader",
}
WHAT_THEN = {"definitions": "only its definitions were run", "leave out": "it was left out"}


class StartAgain(Exception):
    """The worker is alive but no longer trusted: an answer goes on running in it."""


class OutOfTime(Exception):
    """The time for the whole notebook is over."""


class Sitting:
    """One notebook's way through the sandbox; ``findings`` and ``notes`` hold what came of it."""

    def __init__(
        self,
        assignment: Assignment,
        plan: Plan,
        limits: Limits,
        converse: Callable[[], Conversation],
    ) -> None:
        self.assignment = assignment
        self.limits = limits
        self.converse = converse
        self.cells = [_prelude(assignment), *plan.cells]
        self.findings = [Finding(match) for match in plan.matches]
        self.notes: list[str] = []
        self._ways: dict[int, str] = {}
        self._now: tuple[str, Any] = ("nothing", None)
        self._end = time.monotonic() + limits.submission

    def run(self, first: Conversation) -> None:
        """Go through the notebook, beginning in a worker that has run nothing yet.

        Raises
        ------
        SandboxError
            If another sandbox is needed and cannot be had.
        """
        talk: Conversation | None = first
        # Each round but the last costs a cell or an answer, so there is a last one.
        for _ in range(2 * len(self.cells) + 2 * len(self.findings) + 2):
            try:
                with talk or self.converse() as talk:
                    self._round(talk)
                break
            except StartAgain:
                pass
            except OutOfTime:
                self._give_up()
                return
            except Ended as end:
                self._blame(end)
            talk = None
        self._once_more_in_place()

    def _round(self, talk: Conversation) -> None:
        for cell in self.cells:
            self._run_cell(talk, cell)
            for finding in self._after(cell):
                if self._keep(talk, finding) and finding.public is None:
                    finding.public = self._try(talk, finding, PUBLIC_SEED)
        for finding in self._open():
            if finding.public and finding.public.lacked_a_name:
                self._try_later(talk, finding)
        for finding in self._open():
            if finding.public and finding.public.right and finding.hidden is None:
                finding.hidden = self._try(talk, finding, self._hidden_seed(finding))

    def _try_later(self, talk: Conversation, finding: Finding) -> None:
        """Try an answer again that lacked a name: a cell below it may have brought it."""
        again = self._try(talk, finding, PUBLIC_SEED)
        if not again.lacked_a_name:
            finding.public = again
            finding.notes.append("the answer needs cells that stand below it")

    def _once_more_in_place(self) -> None:
        """Try in its place what failed at the end: a later cell may have changed what it uses."""
        failed = [f for f in self._open() if f.hidden and f.hidden.verdict and not f.hidden.right]
        failed = [f for f in failed if f.match.after != self.cells[-1].number]
        if not failed:
            return
        try:
            with self.converse() as talk:
                for cell in self.cells:
                    self._run_cell(talk, cell)
                    for finding in (f for f in failed if f.match.after == cell.number):
                        if self._keep(talk, finding):
                            finding.hidden = self._try(talk, finding, self._hidden_seed(finding))
        except (Ended, StartAgain, OutOfTime):
            return  # what was found first stands

    def _run_cell(self, talk: Conversation, cell: Cell) -> None:
        way = self._ways.get(cell.number, "whole")
        if time.monotonic() > self._end:
            raise OutOfTime
        if way == "leave out":
            return
        self._now = ("cell", cell)
        seconds = min(self.limits.cell, self._left())
        request = {"do": "run", "number": cell.number, "source": cell.source, "how": way}
        said = talk.ask({**request, "seconds": seconds}, seconds + PATIENCE)
        if said.get("error") == "TimeIsUp":
            self._ways[cell.number] = "definitions"  # should there be a next time
            self._note(f"{_called(cell)} took too long and was stopped")
        elif said.get("error") and not _is_check(cell):
            self._note(f"{_called(cell)} ended with an error")

    def _keep(self, talk: Conversation, finding: Finding) -> bool:
        """Keep the answer as it is now; tell whether there is one."""
        exercise = finding.match.exercise
        self._now = ("answer", finding)
        request = {"do": "keep", "exercise": exercise.id, "names": list(finding.match.names)}
        said = talk.ask(request, self._left() + PATIENCE)
        if not said.get("found"):
            finding.absent = finding.match.unreadable or "not defined"
        elif not said.get("callable") and self._trial(finding, PUBLIC_SEED).probe is None:
            finding.absent = "not callable"
        return finding.absent is None

    def _try(self, talk: Conversation, finding: Finding, seed: int) -> Tried:
        self._now = ("public" if seed == PUBLIC_SEED else "hidden", finding)
        cases = self._trial(finding, seed)
        seconds = min(self.limits.answer, self._left())
        request = {
            "do": "try",
            "exercise": finding.match.exercise.id,
            "cases": cases.cases,
            "probe": cases.probe,
            "seed": seed,
            "seconds": seconds,
        }
        said = talk.ask(request, seconds + PATIENCE, cases.reply_limit)
        found = tried(said, cases)
        if said.get("stuck"):
            self._set(finding, found)
            raise StartAgain
        return found

    def _set(self, finding: Finding, found: Tried) -> None:
        if self._now[0] == "public":
            finding.public = found
        else:
            finding.hidden = found

    def _blame(self, end: Ended) -> None:
        """Make whatever ran last responsible, so that it does not run in the same way again."""
        kind, what = self._now
        if kind == "cell":
            way = NEXT_WAY[self._ways.get(what.number, "whole")]
            self._ways[what.number] = way
            self._note(f"{_called(what)} {WHAT_IT_DID[end.why]}: {WHAT_THEN[way]}")
        elif kind == "answer":
            what.absent = "not defined"
        else:
            self._set(what, Tried(ended=end.why))

    def _give_up(self) -> None:
        self._note("the time for the whole notebook was over")
        for finding in self._open():
            if finding.public is None:
                finding.public = Tried(ended="too slow")
            elif finding.public.right and finding.hidden is None:
                finding.hidden = Tried(ended="too slow")

    def _after(self, cell: Cell) -> list[Finding]:
        return [f for f in self._open() if f.match.after == cell.number]

    def _open(self) -> list[Finding]:
        return [finding for finding in self.findings if finding.is_open]

    def _trial(self, finding: Finding, seed: int) -> Trial:
        return trial(finding.match.exercise.id, finding.match.exercise.member, seed)

    def _hidden_seed(self, finding: Finding) -> int:
        return self.assignment.hidden_seed(finding.match.exercise.id)

    def _left(self) -> float:
        return max(self._end - time.monotonic(), 1.0)

    def _note(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)


def _prelude(assignment: Assignment) -> Cell:
    """Return what the answers may rely on as the cell before the first, should it be lost.

    The answers themselves are left out of it: what stands there is no student's.
    """
    answers = {part.answer for part in assignment.exercises}
    kept: dict[str, None] = {}
    for part in assignment.exercises:
        for node in ast.parse(part.context).body:
            if not answers & _bound(node):
                kept[ast.unparse(node)] = None
    return Cell(0, True, "\n".join(kept), None, 1, (), (), None)


def _bound(node: ast.stmt) -> set[str]:
    names = {target.id for target in ast.walk(node) if _is_stored(target)}
    return names | {getattr(node, "name", "")}


def _is_stored(node: ast.AST) -> TypeGuard[ast.Name]:
    return isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)


def _is_check(cell: Cell) -> bool:
    """Return whether a cell only calls the notebook's own check, which knows nothing in here."""
    return re.fullmatch(r"(assert\s+)?check\([^\n]*", cell.source.strip()) is not None


def _called(cell: Cell) -> str:
    return f"cell {cell.number}" if cell.number else "the assignment's set-up"
