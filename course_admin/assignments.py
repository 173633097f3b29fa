"""What an assignment is: its exercises, the members drawn, and the seed of the hidden cases.

`assign` writes `assignment.json`, `grade` reads it. The file is private: who has it can compute the
hidden cases.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import asdict, dataclass
from pathlib import Path

from course_admin.paths import write_atomically
from course_utils.exercises.core import Exercise, find

FILE = "assignment.json"
FORMAT = 1
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
# np.random.default_rng and torch.manual_seed take these, and so does np.random.seed.
SEEDS = 2**32


@dataclass(frozen=True, kw_only=True)
class Assigned:
    """One exercise of an assignment.

    Parameters
    ----------
    id, member
        The exercise, ``"05.2"``, and its family's drawn member; None: the book's only form.
    title, points
        As the student reads them.
    answer
        The name that the check cell hands to `check`: a function's or a class's.
    functions
        Every name that the answer cell defines, in its order; `answer` is one of them.
    answer_id, check_id
        nbgrader's `grade_id` of the two cells.
    context
        The code that the answer may rely on: imports and definitions of its chapter.
    stub
        The answer cell as it was handed out.
    """

    id: str
    member: str | None
    title: str
    points: int
    answer: str
    functions: tuple[str, ...]
    answer_id: str
    check_id: str
    context: str
    stub: str

    def exercise(self) -> Exercise:
        """Return the exercise with the drawn member's cases, oracle and known mistakes.

        Raises
        ------
        LookupError
            If the course no longer has it.
        """
        return find(self.id, self.member)


@dataclass(frozen=True, kw_only=True)
class Assignment:
    """A named list of exercises, and the private seed from which everything hidden is drawn."""

    name: str
    seed: int
    exercises: tuple[Assigned, ...]

    def __post_init__(self) -> None:
        if not NAME.fullmatch(self.name):
            raise ValueError(
                f"an assignment's name is of letters, digits, - and _, as in 'hw2'; "
                f"got {self.name!r}"
            )
        if self.seed < 0:
            raise ValueError(f"a seed is a whole number from 0; got {self.seed}")
        ids = [part.id for part in self.exercises]
        if not ids or len(set(ids)) < len(ids):
            raise ValueError(f"an assignment needs exercises, each once; got {ids}")

    @property
    def points(self) -> int:
        """The sum of the exercises' points."""
        return sum(part.points for part in self.exercises)

    def hidden_seed(self, exercise_id: str) -> int:
        """Return the seed of an exercise's hidden cases: `exercise.draw_cases(hidden_seed)`."""
        return derived_seed(self.seed, "hidden cases", exercise_id)

    def save(self, folder: Path) -> Path:
        """Write `folder/assignment.json`; return its path."""
        path = folder / FILE
        content = {"format": FORMAT, "private": "never hand this file out", **asdict(self)}
        write_atomically(path, json.dumps(content, indent=1, ensure_ascii=False) + "\n")
        return path


def load(path: Path) -> Assignment:
    """Read an assignment from its file or from the folder that `assign` wrote.

    Raises
    ------
    ValueError
        If there is no such file, or it holds no assignment.
    """
    file = path / FILE if path.is_dir() else path
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        if content["format"] != FORMAT:
            raise ValueError(f"its format is {content['format']!r}, expected {FORMAT}")
        rows = [{**row, "functions": tuple(row["functions"])} for row in content["exercises"]]
        parts = tuple(Assigned(**row) for row in rows)
        return Assignment(name=content["name"], seed=content["seed"], exercises=parts)
    except (OSError, UnicodeDecodeError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{file} is not an assignment written by `assign`: {error}") from error


def derived_seed(seed: int, *purpose: str) -> int:
    """Return a seed of its own for each purpose, from which `seed` cannot be computed."""
    text = "\0".join([str(seed), *purpose])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") % SEEDS
