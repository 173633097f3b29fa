"""The pages: one for each student, and the teacher's report of what was done."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from course_admin.grading.gradebook import in_order
from course_admin.grading.marks import Mark
from course_admin.grading.records import Record
from course_admin.paths import write_atomically

STYLE = """
:root { color-scheme: light dark; }
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem;
  color: #1a1a1a; background: #fff; }
table { border-collapse: collapse; width: 100%; }
caption { text-align: left; padding: 0.3rem 0; }
th, td { border: 1px solid #767676; padding: 0.3rem 0.6rem; text-align: left; vertical-align: top;
  overflow-wrap: anywhere; }
td.number { text-align: right; font-variant-numeric: tabular-nums; }
section { border-left: 0.3rem solid #8a5a00; padding: 0 1rem; margin: 1.5rem 0; }
section.right { border-color: #1b7f46; }
code { font-size: 0.95em; overflow-wrap: anywhere; }
@media (prefers-color-scheme: dark) { body { color: #f0f0f0; background: #14171a; } }
"""
WORDS = {
    "right": "Right",
    "missing": "No answer found",
    "not answered": "Not answered",
    "unreadable": "Not readable",
    "crashed": "Stopped",
}


def write_feedback(folder: Path, record: Record, name: str, titles: dict[str, str]) -> Path:
    """Write a student's page; return its path. ``titles`` are the exercises' by their ids."""
    path = folder / f"{record.key}.html"
    write_atomically(path, feedback(record, name, titles))
    return path


def feedback(record: Record, name: str, titles: dict[str, str]) -> str:
    """Return a student's page."""
    parts = [
        f"<h1>{_text(name)}: feedback for {_text(record.student)}</h1>",
        f"<p><strong>{record.points} of {record.out_of} points.</strong></p>",
    ]
    if record.problem:
        parts.append(f"<p>{_words(record.problem)}</p>")
    parts.append(_overview(record, titles))
    parts += [_section(mark, titles.get(mark.exercise, "")) for mark in record.marks]
    if record.notes:
        items = "".join(f"<li>{_words(note)}</li>" for note in record.notes)
        parts.append(f"<h2>How your notebook was run</h2><ul>{items}</ul>")
    return _page(f"{name}: feedback for {record.student}", parts)


def write_report(folder: Path, records: Iterable[Record], name: str, faults: Sequence[str]) -> Path:
    """Write the teacher's report; return its path."""
    path = folder / "report.html"
    write_atomically(path, report(records, name, faults))
    return path


def report(records: Iterable[Record], name: str, faults: Sequence[str]) -> str:
    """Return the teacher's page: every student's status, and what was done beyond the usual."""
    rows = "".join(_report_row(record) for record in in_order(records))
    head = "".join(
        f'<th scope="col">{title}</th>'
        for title in ("Student", "Status", "Points", "What was done")
    )
    parts = [f"<h1>{_text(name)}: report</h1>"]
    if faults:
        items = "".join(f"<li><pre>{_text(fault)}</pre></li>" for fault in faults)
        parts.append(f"<h2>Faults of the grader</h2><ul>{items}</ul>")
    parts.append(
        f"<table><caption>One row a student</caption><thead><tr>{head}</tr></thead>"
        f"<tbody>{rows}</tbody></table>"
    )
    return _page(f"{name}: report", parts)


def _report_row(record: Record) -> str:
    notes = [record.problem, *record.notes, *record.earlier]
    notes += [f"{mark.exercise}: {note}" for mark in record.marks for note in mark.notes]
    done = "".join(f"<li>{_words(note)}</li>" for note in notes if note)
    late = " (late)" if record.late else ""
    link = f'<a href="feedback/{record.key}.html">{_text(record.student)}</a>{late}'
    return (
        f'<tr><th scope="row">{link}</th><td>{record.status}</td>'
        f'<td class="number">{record.points} of {record.out_of}</td>'
        f"<td>{f'<ul>{done}</ul>' if done else ''}</td></tr>"
    )


def _overview(record: Record, titles: dict[str, str]) -> str:
    rows = "".join(
        f'<tr><th scope="row">{_text(mark.exercise)} {_text(titles.get(mark.exercise, ""))}</th>'
        f'<td>{_word(mark)}</td><td class="number">{mark.points} of {mark.out_of}</td></tr>'
        for mark in record.marks
    )
    head = "".join(f'<th scope="col">{name}</th>' for name in ("Exercise", "Result", "Points"))
    return (
        f"<table><caption>Points by exercise</caption><thead><tr>{head}</tr></thead>"
        f"<tbody>{rows}</tbody></table>"
    )


def _section(mark: Mark, title: str) -> str:
    heading = f"<h2>{_text(mark.exercise)} {_text(title)}: {_word(mark)}</h2>"
    mistake = f"<p>Known mistake: {_text(mark.mistake)}.</p>" if mark.mistake else ""
    notes = "".join(f"<p>{_words(_sentence(note))}</p>" for note in mark.notes)
    kind = ' class="right"' if mark.status == "right" else ""
    return f"<section{kind}>{heading}{mistake}<p>{_words(mark.message)}</p>{notes}</section>"


def _sentence(note: str) -> str:
    return f"{note[:1].upper()}{note[1:]}."


def _word(mark: Mark) -> str:
    return WORDS.get(mark.status, "Not right yet")


def _text(text: str) -> str:
    return html.escape(text)


def _words(text: str) -> str:
    """Return a sentence as HTML, with code where there were backticks."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(text))


def _page(title: str, parts: Sequence[str]) -> str:
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{_text(title)}</title><style>{STYLE}</style></head>\n"
        f"<body><main>{''.join(parts)}</main></body></html>\n"
    )
