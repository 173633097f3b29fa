"""The table `data/lecture_claims.csv`: read, computed again, compared, written."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields
from itertools import combinations
from pathlib import Path

import torch

from course_utils.claims.core import CLAIMS, Row
from course_utils.claims.figures import compatible

TABLE = Path(__file__).resolve().parents[2] / "data" / "lecture_claims.csv"
GIVEN = tuple(f.name for f in fields(Row))
ADDED = ("computed", "verdict", "contradicts", "why", "taught")
# Of the given columns, as the lectures' table has them.
GIVEN_SHA256 = "3bf7341bcf54427c39f33e9f2f695c48ddb17d79ee71a9922de5aa1c63c0c1f2"


@dataclass(frozen=True)
class Checked:
    """A row with what was found; `contradicts` are the ids of rows that cannot be right with it."""

    row: Row
    computed: str
    verdict: str
    contradicts: tuple[str, ...]
    why: str
    taught: str
    sources: tuple[str, ...]

    def cells(self) -> list[str]:
        """A line of the table."""
        sources = f" [{', '.join(self.sources)}]" if self.sources else ""
        added = (
            self.computed,
            self.verdict,
            " ".join(self.contradicts),
            self.why + sources,
            self.taught,
        )
        return [*astuple(self.row), *added]


def read_table(path: Path = TABLE) -> list[dict[str, str]]:
    """The committed table's lines; the added columns may be missing."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def given(lines: Sequence[dict[str, str]]) -> list[Row]:
    """The given columns of the table's lines."""
    return [Row(*(line[name] for name in GIVEN)) for line in lines]


def fingerprint(rows: Sequence[Row]) -> str:
    """SHA-256 of the given columns."""
    text = "\n".join("\t".join(astuple(row)) for row in rows)
    return hashlib.sha256(text.encode()).hexdigest()


def check_all(rows: Sequence[Row]) -> list[Checked]:
    """Run every row's function, on one thread, and find the rows that contradict each other.

    Raises ValueError if a row has no function, or a function no row.
    """
    missing = [row.id for row in rows if row.id not in CLAIMS]
    unused = sorted(set(CLAIMS) - {row.id for row in rows})
    if missing or unused:
        raise ValueError(f"rows without a function: {missing}; functions without a row: {unused}")
    against = contradictions(rows)
    threads, state = torch.get_num_threads(), torch.get_rng_state()
    torch.set_num_threads(1)
    try:
        return [_checked(row, against[row.id]) for row in rows]
    finally:
        torch.set_num_threads(threads)
        torch.set_rng_state(state)


def _checked(row: Row, against: tuple[str, ...]) -> Checked:
    entry = CLAIMS[row.id]
    found = entry.check(row)
    return Checked(
        row, found.computed, found.verdict, against, found.why, entry.taught, found.sources
    )


def contradictions(rows: Sequence[Row]) -> dict[str, tuple[str, ...]]:
    """For each id those of the rows that say something else of one quantity."""
    said = {row.id: CLAIMS[row.id].says(row) for row in rows}
    against: dict[str, list[str]] = {row.id: [] for row in rows}
    for one, other in combinations(said, 2):
        shared = said[one].keys() & said[other].keys()
        if any(not compatible(said[one][q], said[other][q]) for q in shared):
            against[one].append(other)
            against[other].append(one)
    return {row_id: tuple(ids) for row_id, ids in against.items()}


def problems(lines: Sequence[dict[str, str]], checked: Sequence[Checked]) -> list[str]:
    """What of the committed table does not follow: empty if all does."""
    found = []
    if fingerprint(given(lines)) != GIVEN_SHA256:
        found.append("the given columns are not those of the lectures' table")
    for line, row in zip(lines, checked, strict=True):
        expected = dict(zip((*GIVEN, *ADDED), row.cells(), strict=True))
        for name in ADDED:
            if line.get(name) != expected[name]:
                found.append(
                    f"{row.row.id}: {name} is {line.get(name)!r}, but {expected[name]!r} follows"
                )
    return found


def write_table(checked: Sequence[Checked], path: Path = TABLE) -> None:
    """Write the table, all columns."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow((*GIVEN, *ADDED))
        writer.writerows(row.cells() for row in checked)
