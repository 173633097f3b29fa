"""What is known of one answer after it was tried."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from course_admin.grading.conversation import Ended
from course_admin.grading.matching import Match
from course_admin.grading.trials import Trial, outcomes_from
from course_utils.exercises.judge import Verdict
from course_utils.exercises.outcomes import Outcome


@dataclass
class Tried:
    """An answer on the cases of one seed: a verdict, or why there is none (see ``Ended.why``)."""

    verdict: Verdict | None = None
    ended: str | None = None
    outcomes: list[Outcome] = field(default_factory=list)

    @property
    def right(self) -> bool:
        """Whether every case was answered as the oracle does."""
        return self.verdict is not None and self.verdict.status == "right"

    @property
    def lacked_a_name(self) -> bool:
        """Whether the answer used something that was not defined yet."""
        return any(outcome.error == "NameError" for outcome in self.outcomes)


@dataclass
class Finding:
    """Everything known of one answer. ``absent`` says why there is nothing to try."""

    match: Match
    absent: str | None = None
    public: Tried | None = None
    hidden: Tried | None = None
    notes: list[str] = field(default_factory=list)

    @property
    def is_open(self) -> bool:
        """Whether there is an answer that can be tried."""
        return self.match.after is not None and self.absent is None

    @property
    def is_right(self) -> bool:
        """Whether all cases agree, the notebook's own and the hidden ones."""
        tries = (self.public, self.hidden)
        return self.is_open and all(tried is not None and tried.right for tried in tries)


def tried(reply: dict[str, Any], trial: Trial) -> Tried:
    """Judge a worker's reply.

    Raises
    ------
    Ended
        If the reply is not one that the worker writes.
    """
    if "unsendable" in reply:
        outcomes = [Outcome("not plain", text="more data than was asked for")]
        return Tried(Verdict("wrong", 0, trial.expected[0], outcomes[0]), outcomes=outcomes)
    try:
        outcomes = outcomes_from(reply.get("outcomes"))
        return Tried(trial.verdict(outcomes), outcomes=outcomes)
    except (ValueError, TypeError, OverflowError, RecursionError) as error:
        raise Ended("garbled") from error
