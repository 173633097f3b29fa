"""The history of ImageNet's challenge, from the table that the project ships."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import NamedTuple

HISTORY = Path(__file__).resolve().parents[2] / "data" / "ilsvrc_history.csv"


class Entry(NamedTuple):
    """An entry of ILSVRC's classification task, or what stands beside it for comparison.

    error: top-5 error on the year's test images, in percent. place: in that year's task, or None
    for the person. outside_data: whether images from outside the challenge were used in training.
    source: key of the primary source in `references.bib`; where: the place in it.
    """

    year: int
    team: str
    name: str
    kind: str
    place: int | None
    outside_data: bool
    error: float
    source: str
    where: str


def ilsvrc_history(path: Path = HISTORY) -> list[Entry]:
    """Winners of ILSVRC's classification task from 2010 to 2017, rivals and a person.

    In the order of the table, which is by year. Taught in chapter 13.

    Raises ValueError for a row without a year, an error in percent or a source.
    """
    with path.open(encoding="utf-8", newline="") as file:
        return [_entry(row, number) for number, row in enumerate(csv.DictReader(file), start=2)]


def _entry(row: dict[str, str], number: int) -> Entry:
    try:
        error = float(row["top5_error_percent"])
        if not 0 < error < 100 or not row["source"] or not row["where"]:
            raise ValueError
        return Entry(
            year=int(row["year"]),
            team=row["team"],
            name=row["entry"],
            kind=row["kind"],
            place=int(row["place"]) if row["place"] else None,
            outside_data=row["outside_data"] == "yes",
            error=error,
            source=row["source"],
            where=row["where"],
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"line {number} of the history needs a year, an error between 0 and 100 percent and "
            f"a source with its place; got {row}"
        ) from error
