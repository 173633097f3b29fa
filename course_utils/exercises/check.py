"""``check("05.2", answer)``: try an answer, say what was found, never raise."""

from __future__ import annotations

import time
import types
from typing import Any

from course_utils.exercises.core import Exercise, find
from course_utils.exercises.describe import shorten
from course_utils.exercises.judge import expected_values, judge
from course_utils.exercises.outcomes import call_of, outcomes
from course_utils.exercises.plain import type_name, with_article
from course_utils.exercises.report import Result, result_of

# A check costs at most two seconds: cases and oracle first (a test holds them well below half a
# second), then the answer, then the known mistakes in what is left.
ANSWER_SECONDS = 1.2
TOTAL_SECONDS = 1.8


def check(exercise_id: str, answer: Any, *, member: str | None = None, seed: int = 0) -> Result:
    """Try ``answer`` on the exercise's cases, show what was found and return it.

    Parameters
    ----------
    exercise_id
        Such as ``"05.2"``.
    answer
        The function (or class) that the exercise asks for, itself: not a call of it.
    member
        The convention, where an assignment asks for another than the book's.
    seed
        Chooses the random cases, and the state of every global random generator in each call.

    Returns
    -------
    Result
        ``passed``, ``status``, ``message``, ``mistake``.

    Notes
    -----
    Never raises, whatever the answer does; only the user's own interrupt gets through. An answer
    is stopped after a second or so, sees copies of the arguments, and may print and warn.
    Taught in chapter 0.
    """
    result = try_answer(exercise_id, answer, member=member, seed=seed)
    result.show()
    return result


def try_answer(
    exercise_id: str, answer: Any, *, member: str | None = None, seed: int = 0
) -> Result:
    """Do what :func:`check` does, without showing the result."""
    try:
        exercise = find(exercise_id, member)
    except LookupError as error:
        text = str(error.args[0])
        message = f"{text[:1].upper()}{text[1:]}."
        ident = exercise_id if isinstance(exercise_id, str) else "?"
        return Result(ident, "unknown exercise", message)
    except Exception as error:  # a chapter's exercises that cannot even be imported
        return _fault_of_the_book(exercise_id, error)
    return try_exercise(exercise, answer, seed=seed)


def try_exercise(exercise: Exercise, answer: Any, *, seed: int = 0) -> Result:
    """Try ``answer`` on an exercise that is at hand, without showing the result."""
    if exercise.probe is None and not callable(answer):
        return _not_callable(exercise, answer)
    end = time.monotonic() + TOTAL_SECONDS
    try:
        cases = exercise.draw_cases(seed)
        expected = expected_values(exercise, cases, seed=seed)
        call = call_of(exercise, answer)
        found = outcomes(call, cases, seed=seed, seconds=ANSWER_SECONDS)
        left = end - time.monotonic()
        verdict = judge(exercise, cases, expected, found, seed=seed, seconds=left)
        return result_of(exercise, cases, verdict, _name_of(answer), ANSWER_SECONDS)
    except Exception as error:  # outcomes() lets nothing of the answer's through, so it is ours
        return _fault_of_the_book(exercise.id, error)


def _not_callable(exercise: Exercise, answer: Any) -> Result:
    what = "None" if answer is None else with_article(type_name(answer))
    message = (
        f"The check needs the function itself, without brackets after its name, "
        f'as in `check("{exercise.id}", my_function)`; it was given {what}.'
    )
    return Result(exercise.id, "not callable", message)


def _fault_of_the_book(exercise_id: str, error: Exception) -> Result:
    line = shorten(f"{type(error).__name__}: {error}", 300).replace("`", "'")
    message = (
        "Sorry: this exercise is broken, so your answer could not be checked. It is not your "
        f"mistake. Please report it with this line: `{line}`"
    )
    return Result(exercise_id, "fault of the book", message)


def _name_of(answer: Any) -> str:
    """Return the name under which the student knows the answer, without asking the answer."""
    if type(answer) is types.FunctionType and answer.__name__ != "<lambda>":
        return shorten(str.__str__(answer.__name__))
    if issubclass(type(answer), type):
        return shorten(str.__str__(type.__dict__["__name__"].__get__(answer)))
    return "answer"
