"""From an answer and cases to outcomes: plain values that can be compared elsewhere.

This half runs the student's code. The other half, :mod:`course_utils.exercises.judge`, sees only
what is returned here.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from course_utils.exercises.compare import EXACT, difference
from course_utils.exercises.core import Case, Exercise
from course_utils.exercises.errors import is_unanswered, short_message, student_line
from course_utils.exercises.isolation import Capture, isolated, seed_all
from course_utils.exercises.plain import NotPlainError, plain, type_name
from course_utils.exercises.run import TimeIsUp, run_for


@dataclass(frozen=True)
class Outcome:
    """What one call did.

    ``kind`` is ``value`` (``value`` holds it), ``not plain`` (``text`` says what came back),
    ``raised`` (``text`` is the message, ``error`` the exception's type, ``line`` the student's
    line), ``unanswered`` (the stub), or ``too long``. ``changed`` is the place of the first
    argument that the call changed, ``printed`` the start of what it printed.
    """

    kind: str
    value: Any = None
    text: str = ""
    error: str = ""
    line: str = ""
    changed: int | None = None
    printed: str = ""


def outcomes(
    call: Callable[..., Any], cases: Sequence[Case], *, seed: int = 0, seconds: float = 1.3
) -> list[Outcome]:
    """Call ``call(*case)`` on a copy of each case and say what each call did.

    Stops at the first unanswered call, and after ``seconds`` in all: then the last outcome is
    ``too long``. Never raises because of what ``call`` does.
    """
    copies = [copy.deepcopy(case) for case in cases]
    done: list[Outcome] = []
    with isolated() as capture:

        def work() -> None:
            for case, mine in zip(cases, copies, strict=True):
                done.append(_one(call, case, mine, seed, capture))
                if done[-1].kind == "unanswered":
                    return

        run_for(work, seconds)
        found = list(done)
    complete = len(found) == len(cases) or (found and found[-1].kind == "unanswered")
    return found if complete else [*found, Outcome("too long", printed=capture.take())]


def call_of(exercise: Exercise, answer: Any) -> Callable[..., Any]:
    """Return the function of a case's arguments that a check calls: the answer, or the probe."""
    probe = exercise.probe
    if probe is None:
        return answer
    return lambda *case: probe(answer, *case)


def _one(call: Callable[..., Any], case: Case, mine: Case, seed: int, capture: Capture) -> Outcome:
    seed_all(seed)
    capture.take()
    try:
        with np.errstate(all="ignore"):
            returned = call(*mine)
    except TimeIsUp:
        raise
    except BaseException as error:  # an answer may raise anything, SystemExit too
        return _raised(error, capture.take())
    try:
        # At once: a view of something that a later call changes must not change with it.
        value = plain(returned)
    except NotPlainError as odd:
        return Outcome("not plain", text=str(odd), printed=capture.take())
    return Outcome("value", value, changed=_changed(case, mine), printed=capture.take())


def _raised(error: BaseException, printed: str) -> Outcome:
    if is_unanswered(error):
        return Outcome("unanswered")
    return Outcome(
        "raised",
        text=short_message(error),
        error=type_name(error),
        line=student_line(error),
        printed=printed,
    )


def _changed(case: Case, mine: Case) -> int | None:
    """Return the place of the first argument whose plain value is not what it was."""
    for place, (before, after) in enumerate(zip(case, mine, strict=True)):
        try:
            was = plain(before)
        except NotPlainError:  # a network or a generator may change: that is its nature
            continue
        try:
            if difference(was, plain(after), EXACT) is not None:
                return place
        except NotPlainError:
            return place
    return None
