"""What members of a family are made of: the book's known mistakes, kept or adapted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from course_utils.exercises.core import Exercise, Mistake

AS_IN_THE_BOOK = "as in the book"


def as_in_the_book(
    exercise: Exercise, hint: str, function: Callable[..., Any] | None = None
) -> Mistake:
    """Return the mistake of handing in what the book's own form of an exercise asks for.

    ``function`` does that too, where the book's oracle is too slow to be tried as a mistake.
    """
    return Mistake(AS_IN_THE_BOOK, function or exercise.oracle, hint)


def kept(exercise: Exercise, *names: str) -> tuple[Mistake, ...]:
    """Return the known mistakes with these names.

    Raises
    ------
    KeyError
        If the exercise has no mistake of that name.
    """
    known = {mistake.name: mistake for mistake in exercise.mistakes}
    return tuple(known[name] for name in names)


def behind(
    change: Callable[..., tuple[Any, ...]], mistakes: tuple[Mistake, ...]
) -> tuple[Mistake, ...]:
    """Return mistakes that see the arguments as ``change(*case)`` gives them back."""

    def adapted(mistake: Mistake) -> Mistake:
        function = mistake.function
        return replace(mistake, function=lambda *case: function(*change(*case)))

    return tuple(adapted(mistake) for mistake in mistakes)


def followed_by(change: Callable[[Any], Any], mistakes: tuple[Mistake, ...]) -> tuple[Mistake, ...]:
    """Return mistakes whose answers go through ``change``."""

    def adapted(mistake: Mistake) -> Mistake:
        function = mistake.function
        return replace(mistake, function=lambda *case: change(function(*case)))

    return tuple(adapted(mistake) for mistake in mistakes)
