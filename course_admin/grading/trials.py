"""The cases of one exercise and their right outcomes, kept for a whole class.

This runs oracles and known mistakes, never a student's code, and never in the sandbox.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from course_admin.grading.inside.wire import WireError, encode
from course_utils.exercises.core import Case, Exercise, Mistake, find
from course_utils.exercises.judge import BookError, Verdict, expected_values, judge
from course_utils.exercises.outcomes import Outcome, call_of, outcomes
from course_utils.exercises.plain import NotPlainError, plain
from course_utils.exercises.probes import __name__ as PROBES

PUBLIC_SEED = 0  # the seed of the notebook's own check
KINDS = frozenset({"value", "not plain", "raised", "unanswered", "too long"})
MISTAKE_SECONDS = 20.0
ROOM = 8_000_000


class BrokenExercise(RuntimeError):
    """An exercise of the course that cannot be graded; no student is to blame."""


@dataclass
class Trial:
    """An exercise with the cases of one seed."""

    exercise: Exercise
    seed: int
    cases: list[Case]
    expected: list[Any]
    size: int
    _mistakes: dict[str, Sequence[Outcome]] = field(default_factory=dict)

    @property
    def reply_limit(self) -> int:
        """How many bytes a reply may hold: also lists in place of arrays, and longer numbers."""
        return ROOM + 32 * self.size

    @property
    def probe(self) -> str | None:
        """The name of the probe to run beside the answer."""
        return None if self.exercise.probe is None else self.exercise.probe.__name__

    def verdict(self, found: Sequence[Outcome]) -> Verdict:
        """Compare outcomes with the oracle's and, where they differ, with the known mistakes'."""
        count = len(self.cases)
        if len(found) < count and not (found and found[-1].kind in ("unanswered", "too long")):
            found = [*found, Outcome("too long")]
        return judge(
            self.exercise,
            self.cases,
            self.expected,
            found[:count],
            seed=self.seed,
            seconds=MISTAKE_SECONDS * max(1, len(self.exercise.mistakes)),
            run_mistake=self._run_mistake,
        )

    def _run_mistake(self, mistake: Mistake, _: float) -> Sequence[Outcome]:
        if mistake.name not in self._mistakes:
            call = call_of(self.exercise, mistake.function)
            self._mistakes[mistake.name] = outcomes(
                call, self.cases, seed=self.seed, seconds=MISTAKE_SECONDS
            )
        return self._mistakes[mistake.name]


@functools.cache
def trial(exercise_id: str, member: str | None, seed: int) -> Trial:
    """Return the cases of a seed with their right outcomes.

    Raises
    ------
    BrokenExercise
        If the course no longer has the exercise, or it cannot be run.
    """
    try:
        exercise = find(exercise_id, member)
        cases = exercise.draw_cases(seed)
        expected = expected_values(exercise, cases, seed=seed, seconds=60.0)
        encode(cases)
        size = len(encode(expected))
    except (LookupError, ValueError, BookError, WireError) as error:
        raise BrokenExercise(f"exercise {exercise_id} cannot be graded: {error}") from error
    if exercise.probe is not None and exercise.probe.__module__ != PROBES:
        raise BrokenExercise(
            f"exercise {exercise_id} cannot be graded: its probe must be a function of {PROBES}"
        )
    return Trial(exercise, seed, cases, expected, size)


def outcomes_from(reply: Any) -> list[Outcome]:
    """Return the outcomes in a sandbox's reply, every value plain again.

    Raises
    ------
    ValueError
        If the reply has another form: then somebody wrote it who should not.
    """
    if not isinstance(reply, list):
        raise ValueError("no list of outcomes")
    return [_outcome(row) for row in reply]


def _outcome(row: Any) -> Outcome:
    texts = ("kind", "text", "error", "line", "printed")
    if not isinstance(row, dict) or set(row) != {*texts, "value", "changed"}:
        raise ValueError("an outcome of another form")
    if row["kind"] not in KINDS or not all(isinstance(row[name], str) for name in texts):
        raise ValueError("an outcome of another form")
    if row["changed"] is not None and type(row["changed"]) is not int:
        raise ValueError("an outcome of another form")
    try:
        return Outcome(**{**row, "value": plain(row["value"])})
    except NotPlainError as odd:
        return Outcome("not plain", text=str(odd))
