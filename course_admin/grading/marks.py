"""From a finding to a mark: points, a word for the teacher, and what the student is told.

What is said of the notebook's own cases is what its check says. Of hidden cases nothing is told but
that they failed, and the hint of a known mistake, which stands in the course.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from course_admin.grading.findings import Finding, Tried
from course_admin.grading.trials import PUBLIC_SEED, trial
from course_utils.exercises.judge import Verdict
from course_utils.exercises.report import result_of

ENDED = {
    "too slow": ("took too long", "Your answer was stopped because it took too long."),
    "memory": ("crashed", "Your answer was stopped because it used too much memory."),
    "died": ("crashed", "Your answer ended the Python process in which it ran."),
    "garbled": ("crashed", "Your answer disturbed the process in which it ran."),
}
HIDDEN = {
    "raised an error": "raises an error",
    "took too long": "takes too long",
    "changed its inputs": "changes its arguments, which whoever called still needs",
    "not answered": "is not answered",
}


@dataclass(frozen=True)
class Mark:
    """The mark of one exercise.

    ``status`` is ``right``, ``wrong``, ``known mistake``, ``raised an error``, ``took too long``,
    ``changed its inputs``, ``not answered``, ``not callable``, ``missing``, ``unreadable`` or
    ``crashed``. ``message`` and ``notes`` are for the student: code in them stands between
    backticks.
    """

    exercise: str
    points: int
    out_of: int
    status: str
    message: str
    mistake: str | None = None
    duplicate: bool = False
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return the mark as a dict."""
        return dataclasses.asdict(self)

    @staticmethod
    def from_json(content: dict[str, Any]) -> Mark:
        """Return the mark that :meth:`to_json` wrote."""
        return Mark(**{**content, "notes": tuple(content["notes"])})


def mark_of(finding: Finding, seconds: float) -> Mark:
    """Return the mark of one answer, which had so many seconds."""
    status, message, mistake = _judged(finding, seconds)
    part = finding.match.exercise
    return Mark(
        exercise=part.id,
        points=part.points if status == "right" else 0,
        out_of=part.points,
        status=status,
        message=message,
        mistake=mistake,
        duplicate=finding.match.duplicate,
        notes=tuple([*finding.match.notes, *finding.notes]),
    )


def no_mark(exercise: str, points: int, message: str) -> Mark:
    """Return the mark of an exercise whose notebook cannot be read."""
    return Mark(exercise, 0, points, "unreadable", message)


def _judged(finding: Finding, seconds: float) -> tuple[str, str, str | None]:
    name = finding.match.exercise.answer
    if finding.match.after is None:
        return "missing", f"No answer was found: neither its cell nor a function `{name}`.", None
    if finding.absent == "not callable":
        return "not callable", f"`{name}` is not a function.", None
    if finding.absent == "not defined":
        return "raised an error", f"The cell of the answer does not define `{name}`.", None
    if finding.absent:
        message = f"Python cannot read the cell of the answer: {finding.absent}."
        return "raised an error", message, None
    if finding.public is None or not finding.public.right:
        return _fault(finding.public, lambda verdict: _shown(finding, verdict, seconds))
    if finding.hidden is None or not finding.hidden.right:
        return _fault(finding.hidden, lambda verdict: _hidden(finding, verdict))
    return "right", "All cases agree, those of the notebook's check and the hidden ones.", None


def _fault(tried: Tried | None, words: Callable[[Verdict], str]) -> tuple[str, str, str | None]:
    if tried is None or tried.verdict is None:
        status, message = ENDED[(tried and tried.ended) or "died"]
        return status, message, None
    verdict = tried.verdict
    return verdict.status, words(verdict), verdict.mistake.name if verdict.mistake else None


def _shown(finding: Finding, verdict: Verdict, seconds: float) -> str:
    part = finding.match.exercise
    own = trial(part.id, part.member, PUBLIC_SEED)
    return result_of(own.exercise, own.cases, verdict, part.answer, seconds).message


def _hidden(finding: Finding, verdict: Verdict) -> str:
    name = finding.match.exercise.answer
    what = HIDDEN.get(verdict.status, "gives another answer than the right one")
    parts = [f"`{name}` passes the notebook's check, but in a hidden case it {what}."]
    if verdict.mistake is not None:
        parts.append(verdict.mistake.hint)
    return " ".join(parts)
