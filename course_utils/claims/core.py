"""What a claim is: a row of the lectures' table, a function that computes, and what it found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

AGREES, ROUNDS, DISAGREES = "agrees", "rounds", "disagrees"
NOT_REPRODUCIBLE, HISTORICAL = "not reproducible", "historical"
VERDICTS = (AGREES, ROUNDS, DISAGREES, NOT_REPRODUCIBLE, HISTORICAL)


@dataclass(frozen=True)
class Row:
    """A printed figure or statement: the columns that the lectures' table gives."""

    id: str
    lecture: str
    where: str
    claim: str
    printed: str
    chapter: str


@dataclass(frozen=True)
class Finding:
    """What was computed for a row, the verdict that follows from it, and why, in a sentence.

    `sources` are keys of references.bib; a `historical` finding has at least one.
    """

    computed: str
    verdict: str
    why: str
    sources: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.verdict not in VERDICTS:
            raise ValueError(f"verdict must be one of {', '.join(VERDICTS)}; got {self.verdict!r}")
        if self.verdict == HISTORICAL and not self.sources:
            raise ValueError("a historical finding needs a primary source")


Check = Callable[[Row], Finding]


@dataclass(frozen=True)
class Claim:
    """A registered function, the place that teaches it, and what its row says about what.

    taught: a label in a chapter ("07_convolutional_layer#ch07-padding"), a chapter's file, or a
    chapter's number where there is no such file yet.
    about: for each part of the printed text (separated by ", ") the quantity that it gives.
    also: further quantities and what the slide says of them, outside the printed figure.
    """

    id: str
    check: Check
    taught: str
    about: tuple[str, ...] = ()
    also: dict[str, str] = field(default_factory=dict)

    def says(self, row: Row) -> dict[str, str]:
        """What the row asserts: text by quantity."""
        parts = [row.printed] if len(self.about) == 1 else row.printed.split(", ")
        return {q: part for q, part in zip(self.about, parts, strict=False) if q} | self.also


CLAIMS: dict[str, Claim] = {}


def claim(
    row_id: str,
    *,
    taught: str,
    about: str | tuple[str, ...] = (),
    also: dict[str, str] | None = None,
) -> Callable[[Check], Check]:
    """Register the function below as the one that checks a row; see `Claim`.

    Raises ValueError if the row has a function already.
    """

    def register(check: Check) -> Check:
        if row_id in CLAIMS:
            raise ValueError(f"{row_id} is checked by {CLAIMS[row_id].check.__name__} already")
        quantities = (about,) if isinstance(about, str) else about
        CLAIMS[row_id] = Claim(row_id, check, taught, quantities, also or {})
        return check

    return register
