"""The appendix page: what `--write` puts between the two markers of the page."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from course_utils.claims.core import CLAIMS, HISTORICAL, VERDICTS
from course_utils.claims.figures import compatible
from course_utils.claims.table import Checked

PAGE = Path(__file__).resolve().parents[2] / "chapters" / "appendix_lectures_checked.md"
BEGIN = "<!-- begin: written by `python -m course_utils.claims --write` -->"
END = "<!-- end -->"
LECTURES = {
    "usp": "MAC5921 Deep Learning, lecture 4 (USP)",
    "cmu": "Convolutional Networks II (CMU)",
    "sejong": "Convolutional Neural Networks (Sejong)",
    "iiit": "CS7.505 Feature Learning: Deep NNs (IIIT)",
    "puc": "Deep Learning in Computer Vision (PUC)",
}
MEANINGS = {
    "agrees": "the printed figure or statement follows from the computation",
    "rounds": "it follows after rounding, or with digits cut off",
    "disagrees": "it does not follow",
    "not reproducible": "it cannot be settled here, and the row says why",
    "historical": "no computation can settle it; a primary source says",
}
HEADERS = ("Claim", "Printed", "Computed", "Verdict", "Why, and where it is taught")
WIDTHS = "22 11 16 14 37"


def escaped(text: str) -> str:
    """Text in which Markdown finds nothing to interpret."""
    return re.sub(r"([\\`*_\[\]<>${}|~#])", r"\\\1", text)


def anchor(row_id: str) -> str:
    """The anchor of a row on the page."""
    return row_id.lower()


def linked(row_id: str) -> str:
    """A link to a row of the page."""
    return f'<a href="#{anchor(row_id)}">{row_id}</a>'


def with_links(text: str) -> str:
    """Escaped text in which the ids of rows are links."""
    return re.sub(r"\b(USP|CMU|SEJ|IIIT|PUC)-\d\d\b", lambda match: linked(match[0]), escaped(text))


def taught(place: str) -> str:
    """A link to the place that teaches it; plain text for a chapter that is not there yet."""
    name, _, label = place.partition("#")
    title = f"chapter {int(name[:2])}"
    if label:
        return f"{{ref}}`{title} <{label}>`"
    return f"{{doc}}`{title} <{name}>`" if len(name) > 2 else title


def generated(checked: Sequence[Checked]) -> str:
    """Everything between the markers: the summary, the contradictions, a table a lecture."""
    parts = [_summary(checked), _historical(checked), _contradictions(checked)]
    for lecture, title in LECTURES.items():
        rows = [row for row in checked if row.row.lecture == lecture]
        parts.append(f"## {title}\n\n{_table(rows, title)}")
    return "\n\n".join(parts)


def updated(page: str, checked: Sequence[Checked]) -> str:
    """The page with what is between its markers written again.

    Raises ValueError if a marker is missing.
    """
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the page needs the markers {BEGIN!r} and {END!r}")
    return f"{before}{BEGIN}\n\n{generated(checked)}\n\n{END}{after}"


def _summary(checked: Sequence[Checked]) -> str:
    counts = {
        name: Counter(r.verdict for r in checked if r.row.lecture == name) for name in LECTURES
    }
    names = [title.rpartition("(")[2].rstrip(")") for title in LECTURES.values()]
    lines = [f"| Verdict | {' | '.join(names)} | all | it means |", "|---|" + "--:|" * 6 + "---|"]
    for verdict in VERDICTS:
        row = [counts[name][verdict] for name in LECTURES]
        cells = " | ".join(map(str, row))
        lines.append(f"| {verdict} | {cells} | **{sum(row)}** | {MEANINGS[verdict]} |")
    totals = [sum(counts[name].values()) for name in LECTURES]
    lines.append(f"| all | {' | '.join(map(str, totals))} | **{sum(totals)}** | |")
    return "## Summary\n\n" + "\n".join(lines)


def _historical(checked: Sequence[Checked]) -> str:
    texts = [row.computed for row in checked if row.verdict == HISTORICAL]
    refuted = sum("refute" in text for text in texts)
    partly = sum("part of" in text for text in texts)
    confirmed = len(texts) - refuted - partly
    return (
        f"Of the {len(texts)} historical rows, the sources confirm {confirmed}, "
        f"confirm a part of {partly}, and refute {refuted}."
    )


def _contradictions(checked: Sequence[Checked]) -> str:
    lines = [
        "## Where slides contradict each other",
        "",
        "Which one is right, and how the other may have come about, is said in the rows.",
        "",
    ]
    said: dict[str, dict[str, str]] = {}
    for row in checked:
        for quantity, text in CLAIMS[row.row.id].says(row.row).items():
            said.setdefault(quantity, {})[row.row.id] = text
    for quantity, texts in said.items():
        values = list(texts.values())
        if not all(compatible(a, b) for i, a in enumerate(values) for b in values[i + 1 :]):
            says = ", ".join(f"{linked(i)} {escaped(text)}" for i, text in texts.items())
            lines.append(f"- {escaped(quantity)}: {says}")
    return "\n".join(lines)


def _table(rows: Sequence[Checked], title: str) -> str:
    lines = [
        f"```{{list-table}} {len(rows)} claims of «{title}»",
        ":header-rows: 1",
        ":stub-columns: 1",
        ":class: claims",
        f":widths: {WIDTHS}",
        "",
    ]
    for cells in (HEADERS, *(_cells(row) for row in rows)):
        lines += [f"{'* -' if i == 0 else '  -'} {cell}" for i, cell in enumerate(cells)]
    return "\n".join([*lines, "```"])


def _cells(row: Checked) -> tuple[str, ...]:
    given = row.row
    why = with_links(row.why)
    if row.sources:
        why += f" {{cite:p}}`{','.join(row.sources)}`"
    if row.contradicts:
        why += f" Contradicts {', '.join(map(linked, row.contradicts))}."
    why += f" Taught in {taught(row.taught)}."
    name = f'<span id="{anchor(given.id)}">**{given.id}**</span> '
    name += f"{escaped(given.claim)} ({escaped(given.where)})"
    return (name, escaped(given.printed), escaped(row.computed), row.verdict, why)
