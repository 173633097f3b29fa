"""What a student sees of a check: a sentence or two, as text and as HTML."""

from __future__ import annotations

import html
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from course_utils.exercises.core import Case, Exercise
from course_utils.exercises.describe import (
    brief,
    brief_argument,
    brief_call,
    brief_pair,
    shorten,
    shows_all,
)
from course_utils.exercises.judge import Verdict
from course_utils.exercises.outcomes import Outcome

HEADINGS = {"right": "Right", "not answered": "Not answered yet", "unknown exercise": "No such one"}
# The edge only repeats what the words say. Each colour has a contrast of 3 on white and on black.
EDGES = {"right": "#2a9d5c", "not answered": "#808080"}
OTHER_EDGE = "#c2701c"
ORDINALS = ("first", "second", "third", "fourth", "fifth", "last")
MAX_SHOWN = 200
# The surroundings' colours: in dark mode the theme's own colour of code would not be legible here.
CODE = r'<code style="color: inherit; background: transparent; border: 0;">\1</code>'


@dataclass(frozen=True)
class Result:
    """What :func:`course_utils.exercises.check` found.

    ``status`` is one of ``right``, ``wrong``, ``known mistake``, ``raised an error``,
    ``took too long``, ``changed its inputs``, ``not answered``, ``not callable``,
    ``unknown exercise`` and ``fault of the book``; ``mistake`` names the known mistake or is None.
    In ``message`` code stands between backticks.
    """

    exercise_id: str
    status: str
    message: str
    mistake: str | None = None
    _shown: list[int | None] = field(default_factory=list, repr=False, compare=False)

    @property
    def passed(self) -> bool:
        """Whether the answer is right."""
        return self.status == "right"

    @property
    def heading(self) -> str:
        """The word or two that stand before the message."""
        if self.status == "fault of the book":
            return "A fault of the book"
        return HEADINGS.get(self.status, "Not yet")

    def __str__(self) -> str:
        return f"Exercise {self.exercise_id}: {self.heading}. {self.message}"

    def _repr_html_(self) -> str:
        edge = EDGES.get(self.status, OTHER_EDGE)
        heading = html.escape(f"Exercise {self.exercise_id}: {self.heading}.")
        return (
            '<div role="status" style="border: 1px solid rgba(128, 128, 128, 0.6); '
            f"border-left: 0.4em solid {edge}; border-radius: 0.25em; padding: 0.5em 0.8em; "
            'margin: 0.3em 0; overflow-wrap: anywhere;">'
            f"<strong>{heading}</strong> {_code_in_html(self.message)}</div>"
        )

    def show(self) -> None:
        """Display in a notebook, print elsewhere."""
        if _shell() is None:
            _print(str(self))
            return
        self._publish()
        self._shown.append(_cell_number())

    def _ipython_display_(self) -> None:
        # check() shows its result and returns it: at a cell's end it must not appear twice.
        if self._shown and self._shown.pop() == _cell_number():
            return
        self._publish()

    def _publish(self) -> None:
        from IPython.display import display

        display({"text/html": self._repr_html_(), "text/plain": str(self)}, raw=True)


def _print(text: str) -> None:
    try:
        print(text)
    except UnicodeEncodeError:  # an old terminal, and a student's string
        print(ascii(text))


def _shell() -> Any:
    ipython = sys.modules.get("IPython")
    return None if ipython is None else ipython.get_ipython()


def _cell_number() -> int | None:
    return getattr(_shell(), "execution_count", None)


def _code_in_html(message: str) -> str:
    return re.sub(r"`([^`]+)`", CODE, html.escape(message))


def result_of(
    exercise: Exercise, cases: Sequence[Case], verdict: Verdict, name: str, seconds: float
) -> Result:
    """Put a verdict into words. ``name`` is the answer's, ``seconds`` the time it had."""
    mistake = verdict.mistake.name if verdict.mistake else None
    message = _message(exercise, cases, verdict, name, seconds)
    return Result(exercise.id, verdict.status, message, mistake)


def _message(
    exercise: Exercise, cases: Sequence[Case], verdict: Verdict, name: str, seconds: float
) -> str:
    if verdict.status == "right":
        return f"All {len(cases)} cases agree." if len(cases) > 1 else "The case agrees."
    if verdict.status == "not answered" or verdict.place is None or verdict.outcome is None:
        return "Write your answer in the cell above, run it, then run this one again."
    call = _call(exercise, name, cases[verdict.place])
    parts = [_sentence(call, verdict, seconds)]
    if verdict.mistake is not None:
        parts.append(verdict.mistake.hint)
    if verdict.outcome.printed.strip():
        parts.append(f"Your code printed {_code(shorten(verdict.outcome.printed, MAX_SHOWN))}.")
    return " ".join(parts)


def _call(exercise: Exercise, name: str, case: Case) -> str:
    if exercise.probe is None:
        return _code(brief_call(name, case))
    arguments = ", ".join(brief_argument(value) for value in case)
    return f"{_code(name)} with {_code(arguments)}" if arguments else _code(name)


def _sentence(call: str, verdict: Verdict, seconds: float) -> str:
    outcome = verdict.outcome
    assert outcome is not None
    if outcome.changed is not None:
        which = ORDINALS[min(outcome.changed, len(ORDINALS) - 1)]
        return (
            f"{call} changed its {which} argument. Whoever called still needs it: "
            "work on a copy, or make a new array."
        )
    if outcome.kind == "value":
        return f"{call} should give {_came_back(verdict, outcome)}"
    expected = _code(brief(verdict.expected))
    return f"{call} should give {expected}, but {_went_wrong(outcome, seconds)}"


def _came_back(verdict: Verdict, outcome: Outcome) -> str:
    """Say what was expected and what came, and why that differs where print does not show it."""
    expected, got = brief_pair(verdict.expected, outcome.value)
    in_numbers = re.search(r" differs?(, first|$)", verdict.reason) is not None
    visible = shows_all(expected) and shows_all(got) and expected != got
    because = "" if in_numbers and visible else f": {verdict.reason}"
    return f"{_code(expected)}, but gave {_code(got)}{because}."


def _went_wrong(outcome: Outcome, seconds: float) -> str:
    if outcome.kind == "raised":
        where = f" in {_quoted_line(outcome.line)} of your code" if outcome.line else ""
        text = f"{outcome.error}: {outcome.text}" if outcome.text else outcome.error
        return f"it raised {_code(text)}{where}."
    if outcome.kind == "not plain":
        return f"{outcome.text} came back, which cannot be compared."
    return (
        f"it took too long: a check waits {seconds:.1f} seconds. "
        "Does a loop never end, or do you compute more than is asked?"
    )


def _quoted_line(line: str) -> str:
    number, _, source = line.partition(": ")
    return f"{number} ({_code(source)})" if source else number


def _code(text: str) -> str:
    return "`" + text.replace("`", "'") + "`"
