"""From outcomes to a verdict. No student's code runs here."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from course_utils.exercises.compare import Tolerance, difference
from course_utils.exercises.core import Case, Exercise, Mistake
from course_utils.exercises.outcomes import Outcome, call_of, outcomes


class BookError(RuntimeError):
    """The exercise itself is broken: its oracle fails or takes too long."""


# Runs a known mistake for so many seconds at most; whoever judges many answers keeps what it did.
RunMistake = Callable[[Mistake, float], Sequence[Outcome]]


@dataclass(frozen=True)
class Verdict:
    """What the outcomes show.

    ``status`` is ``right``, ``wrong``, ``known mistake``, ``raised an error``,
    ``took too long``, ``changed its inputs`` or ``not answered``. For all but ``right`` and
    ``not answered``, ``place`` is the smallest failing case, ``expected`` and ``outcome`` what
    belongs to it, and ``reason`` how they differ.
    """

    status: str
    place: int | None = None
    expected: Any = None
    outcome: Outcome | None = None
    reason: str = ""
    mistake: Mistake | None = None


def expected_values(
    exercise: Exercise, cases: Sequence[Case], *, seed: int = 0, seconds: float = 10.0
) -> list[Any]:
    """Return the oracle's plain value for each case.

    Raises
    ------
    BookError
        If the oracle raises, takes too long or returns something that cannot be compared.
    """
    found = outcomes(exercise.oracle, cases, seed=seed, seconds=seconds)
    for place, outcome in enumerate(found):
        if outcome.kind != "value":
            what = f"{outcome.error} {outcome.text} {outcome.line}".strip()
            raise BookError(f"oracle of {exercise.id}, case {place}: {outcome.kind} {what}".strip())
    return [outcome.value for outcome in found]


def judge(
    exercise: Exercise,
    cases: Sequence[Case],
    expected: Sequence[Any],
    found: Sequence[Outcome],
    *,
    seed: int = 0,
    seconds: float = 10.0,
    run_mistake: RunMistake | None = None,
) -> Verdict:
    """Compare outcomes with the oracle's values and, if they differ, with the known mistakes.

    ``seconds`` bounds the time spent on running the known mistakes.
    """
    if not found or found[-1].kind == "unanswered":
        return Verdict("not answered")
    run_mistake = run_mistake or _fresh(exercise, cases, seed)
    tolerance = Tolerance(exercise.rtol, exercise.atol, exercise.same_dtype)
    for place, (value, outcome) in enumerate(zip(expected, found, strict=False)):
        status, reason = _fault(value, outcome, tolerance)
        if status:
            mistake = _known_mistake(exercise, len(cases), found, tolerance, run_mistake, seconds)
            status = "known mistake" if mistake else status
            return Verdict(status, place, value, outcome, reason, mistake)
    if len(found) < len(expected):
        raise ValueError(f"{len(found)} outcomes for {len(expected)} cases")
    return Verdict("right")


def _fault(expected: Any, outcome: Outcome, tolerance: Tolerance) -> tuple[str, str]:
    """Return the status and the reason of one failing outcome, or two empty texts."""
    if outcome.kind == "raised":
        return "raised an error", outcome.error
    if outcome.kind == "too long":
        return "took too long", ""
    if outcome.kind == "not plain":
        return "wrong", f"{outcome.text} came back"
    if outcome.changed is not None:
        return "changed its inputs", ""
    reason = difference(expected, outcome.value, tolerance)
    return ("wrong", reason) if reason else ("", "")


def _fresh(exercise: Exercise, cases: Sequence[Case], seed: int) -> RunMistake:
    def run(mistake: Mistake, seconds: float) -> Sequence[Outcome]:
        return outcomes(call_of(exercise, mistake.function), cases, seed=seed, seconds=seconds)

    return run


def _known_mistake(
    exercise: Exercise,
    count: int,
    found: Sequence[Outcome],
    tolerance: Tolerance,
    run_mistake: RunMistake,
    seconds: float,
) -> Mistake | None:
    """Return the mistake whose outcomes equal these on all cases, if there is one."""
    if len(found) < count or found[-1].kind == "too long":
        return None
    end = time.monotonic() + seconds
    for mistake in exercise.mistakes:
        left = end - time.monotonic()
        if left <= 0:
            return None
        if _all_alike(run_mistake(mistake, left), found, tolerance):
            return mistake
    return None


def _all_alike(one: Sequence[Outcome], other: Sequence[Outcome], tolerance: Tolerance) -> bool:
    pairs = zip(one, other, strict=False)
    return len(one) == len(other) and all(_alike(a, b, tolerance) for a, b in pairs)


def _alike(one: Outcome, other: Outcome, tolerance: Tolerance) -> bool:
    if (one.kind, one.error, one.changed) != (other.kind, other.error, other.changed):
        return False
    if one.kind == "value":
        return difference(one.value, other.value, tolerance) is None
    return one.kind != "not plain" or one.text == other.text
