"""What an exercise is, and where to find it.

An exercise module ``course_utils/exercises/chNN.py`` defines ``EXERCISES``, a tuple of
:class:`Exercise`. A module ``course_utils/exercises/families/chNN.py``, where there is one, defines
``FAMILIES``, a tuple of :class:`Family`: the same tasks under other conventions. Nothing here runs
an answer: see :mod:`course_utils.exercises.check`.
"""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

PACKAGE = "course_utils.exercises"
ID_FORM = re.compile(r"(\d\d|[A-Z])\.\d{1,2}")
Case = tuple[Any, ...]


@dataclass(frozen=True)
class Mistake:
    """A wrong answer that students are known to give.

    Parameters
    ----------
    name
        A few words, such as ``"kernel not flipped"``.
    function
        Behaves like that wrong answer. It is called as an answer is: ``function(*case)``, or
        ``probe(function, *case)`` where the exercise has a probe.
    hint
        What was misunderstood, in a sentence or two; not the solution.
    """

    name: str
    function: Any
    hint: str


@dataclass(frozen=True, kw_only=True)
class Exercise:
    """A task with its cases, its trusted answer and its known mistakes.

    Parameters
    ----------
    id
        Chapter and number: ``"05.2"``.
    title, points, minutes, trains
        What a teacher sees in a list: the heading, its worth, its time, the skill it trains.
    cases
        ``cases(rng)`` returns the argument tuples, smallest first. ``rng`` is a
        ``numpy.random.Generator`` made from the check's seed.
    oracle
        ``oracle(*case)`` is the expected value: a trusted library or independent mathematics.
        It returns what the answer should return or, where there is a probe, what the probe
        should return for a right answer. The oracle itself never goes through the probe.
    mistakes
        Known wrong answers. An answer whose outcomes equal a mistake's on every case gets its hint.
    probe
        ``probe(answer, *case)`` turns an answer that is a class, a loop or a figure into plain
        values: numbers, strings, arrays, tensors, or lists, tuples and dicts of those.
        A function of :mod:`course_utils.exercises.probes`, so that a grader can run it where
        oracle and mistakes are not to be seen.
    rtol, atol
        ``|answer - expected| <= atol + rtol * |expected|`` passes. Integers must be equal.
    same_dtype
        Also compare the number types, as in float32 against float64.
    """

    id: str
    title: str
    points: int
    minutes: int
    trains: str
    cases: Callable[[np.random.Generator], Sequence[Case]]
    oracle: Callable[..., Any]
    mistakes: tuple[Mistake, ...] = ()
    probe: Callable[..., Any] | None = None
    rtol: float = 1e-6
    atol: float = 1e-9
    same_dtype: bool = False

    def __post_init__(self) -> None:
        if not ID_FORM.fullmatch(self.id):
            raise ValueError(f"an exercise id looks like '05.2', not {self.id!r}")
        if self.points <= 0 or self.minutes <= 0:
            raise ValueError(f"exercise {self.id}: points and minutes must be positive")
        names = [mistake.name for mistake in self.mistakes]
        if len(set(names)) < len(names):
            raise ValueError(f"exercise {self.id}: two mistakes share a name in {names}")

    @property
    def chapter(self) -> str:
        """The chapter's number, as in ``"05"``."""
        return self.id.split(".")[0]

    def draw_cases(self, seed: int = 0) -> list[Case]:
        """Return the argument tuples for ``seed``; the same seed gives the same cases.

        Raises
        ------
        ValueError
            If there is no case, or a case is not a tuple.
        """
        cases = list(self.cases(np.random.default_rng(seed)))
        if not cases:
            raise ValueError(f"exercise {self.id} has no cases")
        for number, case in enumerate(cases):
            if not isinstance(case, tuple):
                raise ValueError(
                    f"exercise {self.id}, case {number}: expected a tuple of arguments, "
                    f"got {type(case).__name__}; write (x,) for one argument"
                )
        return cases


@dataclass(frozen=True, kw_only=True)
class Family:
    """One task under several conventions, such as windows counted by floor or by ceil.

    The book states and solves the member named ``book``. A teacher's assignment draws another, so
    that the printed solution is wrong for it.

    Parameters
    ----------
    book
        The name of the book's member: the one of the chapter's ``EXERCISES``.
    members
        Every member by name, the book's too. They share id, points and minutes.
    """

    book: str
    members: Mapping[str, Exercise]

    def __post_init__(self) -> None:
        shared = {(m.id, m.points, m.minutes) for m in self.members.values()}
        if self.book not in self.members or len(self.members) < 2 or len(shared) != 1:
            raise ValueError(
                f"a family needs its book's member ({self.book!r}) and another, all with the same "
                f"id, points and minutes; got {list(self.members)} with {sorted(shared)}"
            )

    @property
    def id(self) -> str:
        """The id of the exercise, shared by all members."""
        return self.members[self.book].id

    @property
    def others(self) -> tuple[str, ...]:
        """The names of the members whose solution the book does not print."""
        return tuple(name for name in self.members if name != self.book)


def chapters() -> tuple[str, ...]:
    """Return the numbers of the chapters that have an exercise module."""
    package = importlib.import_module(PACKAGE)
    names = (module.name for module in pkgutil.iter_modules(package.__path__))
    return tuple(sorted(name[2:] for name in names if re.fullmatch(r"ch(\d\d|[A-Z])", name)))


def exercises_of(chapter: str) -> tuple[Exercise, ...]:
    """Return the exercises of a chapter, ``"05"``, in the order of the book; () if it has none."""
    name = f"{PACKAGE}.ch{chapter}"
    if importlib.util.find_spec(name) is None:
        return ()
    return tuple(importlib.import_module(name).EXERCISES)


def families_of(chapter: str) -> tuple[Family, ...]:
    """Return the families of a chapter, ``"05"``; () if it has none."""
    name = f"{PACKAGE}.families.ch{chapter}"
    if importlib.util.find_spec(name) is None:
        return ()
    return tuple(importlib.import_module(name).FAMILIES)


def family_of(exercise_id: str) -> Family | None:
    """Return the family of an exercise, or None if it has but one convention."""
    families = families_of(exercise_id.split(".")[0])
    return next((family for family in families if family.id == exercise_id), None)


def find(exercise_id: str, member: str | None = None) -> Exercise:
    """Return the exercise with this id: the book's, or the named member of its family.

    Raises
    ------
    LookupError
        If there is none; the message names the ids, or the members, that there are.
    """
    exercise = _find(exercise_id)
    if member is None:
        return exercise
    family = family_of(exercise_id)
    members = family.members if family else {}
    if member not in members:
        known = ", ".join(members) or "none but the book's"
        raise LookupError(f"exercise {exercise_id} has no member {member!r}; it has {known}")
    return members[member]


def _find(exercise_id: str) -> Exercise:
    if not isinstance(exercise_id, str):
        raise LookupError(f'an exercise id is text in quotes, such as "05.2", not {exercise_id!r}')
    known = exercises_of(exercise_id.split(".")[0]) if ID_FORM.fullmatch(exercise_id) else ()
    for exercise in known:
        if exercise.id == exercise_id:
            return exercise
    raise LookupError(_no_such_exercise(exercise_id, [exercise.id for exercise in known]))


def _no_such_exercise(exercise_id: str, ids: list[str]) -> str:
    start = f"there is no exercise {exercise_id!r}"
    if ids:
        return f"{start}; this chapter has {', '.join(ids)}"
    return f"{start}; chapters with exercises: {', '.join(chapters()) or 'none yet'}"
