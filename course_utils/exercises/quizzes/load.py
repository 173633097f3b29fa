"""Read a quiz from YAML and hold it to the rules, with errors that name the place."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from course_utils.exercises.quizzes.inline import check_inline

LEAST_QUESTIONS = 4
LEAST_CHOICES = 3
MOST_CHOICES = 6


@dataclass(frozen=True)
class Choice:
    """One choice: its text, whether it is the right one, and why or why not."""

    text: str
    why: str
    right: bool = False


@dataclass(frozen=True)
class Question:
    """A question with its choices, exactly one of them right."""

    question: str
    choices: tuple[Choice, ...]


def load(path: Path | str) -> tuple[Question, ...]:
    """Return the questions of a quiz file.

    Raises
    ------
    ValueError
        If the file is not YAML of the expected form: at least four questions, each with three to
        six choices, exactly one of them right, every one with a ``why``.
    """
    path = Path(path)
    try:
        rows = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise ValueError(f"{path.name} is not valid YAML: {error}") from error
    if not isinstance(rows, list) or len(rows) < LEAST_QUESTIONS:
        count = len(rows) if isinstance(rows, list) else "no list of"
        raise ValueError(f"{path.name}: expected at least {LEAST_QUESTIONS} questions, got {count}")
    return tuple(_question(row, f"{path.name}, question {n}") for n, row in enumerate(rows, 1))


def _question(row: Any, where: str) -> Question:
    _keys(row, {"question", "choices"}, set(), where)
    text = _text(row["question"], f"{where}: question")
    rows = row["choices"]
    if not isinstance(rows, list) or not LEAST_CHOICES <= len(rows) <= MOST_CHOICES:
        raise ValueError(f"{where}: expected {LEAST_CHOICES} to {MOST_CHOICES} choices in a list")
    choices = tuple(_choice(choice, f"{where}, choice {n}") for n, choice in enumerate(rows, 1))
    right = sum(choice.right for choice in choices)
    if right != 1:
        raise ValueError(f"{where}: exactly one choice must have `right: true`, {right} have it")
    if len({choice.text for choice in choices}) < len(choices):
        raise ValueError(f"{where}: two choices have the same text")
    return Question(text, choices)


def _choice(row: Any, where: str) -> Choice:
    _keys(row, {"text", "why"}, {"right"}, where)
    right = row.get("right", False)
    if not isinstance(right, bool):
        raise ValueError(f"{where}: `right` must be true or false, not {right!r}")
    return Choice(_text(row["text"], f"{where}: text"), _text(row["why"], f"{where}: why"), right)


def _keys(row: Any, needed: set[str], allowed: set[str], where: str) -> None:
    if not isinstance(row, dict):
        raise ValueError(f"{where}: expected the keys {sorted(needed)}, got {row!r}")
    missing, unknown = needed - set(row), set(row) - needed - allowed
    if missing:
        raise ValueError(f"{where}: missing {', '.join(sorted(missing))}")
    if unknown:
        raise ValueError(f"{where}: unknown {', '.join(sorted(map(str, unknown)))}")


def _text(value: Any, where: str) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"{where} must be text in quotes, not {value!r}")
    try:
        check_inline(value)
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from error
    return " ".join(value.split())
