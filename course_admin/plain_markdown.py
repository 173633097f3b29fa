"""The book's markup as plain Markdown, which JupyterLab and Colab show.

The chapters are written for the built book, in MyST: admonitions, citations, cross-references.
A notebook shows these as raw markup, so the student form gets them in plain words.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode
from pybtex.database import BibliographyData, Entry, Person, parse_file
from pybtex.plugin import find_plugin
from pybtex.richtext import Text

from course_admin.paths import ROOT, chapter_paths, read_notebook

BIBLIOGRAPHY = ROOT / "references.bib"
REFERENCES_ID = "references"
_LABEL = re.compile(r"^\([\w-]+\)=\n", re.MULTILINE)
_FENCE = re.compile(r"^(:{3,})\{(?P<kind>[\w-]+)\}[ \t]*(?P<title>.*)$")
_OPTION = re.compile(r"^:[\w-]+:")
_ROLE = re.compile(r"\{(?P<role>cite(?::[tp])?|doc|ref)\}`(?P<text>[^`]+)`")
_FORMULA = re.compile(r"\$\$.+?\$\$", re.DOTALL)
_TARGET = re.compile(r"(?P<text>.*?)\s*<(?P<target>[^>]+)>", re.DOTALL)


def plain_notebook(notebook: NotebookNode) -> None:
    """Rewrite the Markdown cells in place, and append the works cited as a last cell."""
    cited: list[str] = []
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cited += [key for key in cited_keys(cell.source) if key not in cited]
            cell.source = plain(cell.source)
    if cited:
        works = "\n".join(f"- {line}" for line in sorted(map(reference, cited)))
        last = nbformat.v4.new_markdown_cell(f"## References\n\n{works}")
        last["id"] = REFERENCES_ID
        notebook.cells.append(last)


def plain(source: str) -> str:
    """Return a cell's MyST as Markdown: admonitions as quotations, roles as words and links.

    >>> plain(":::{admonition} Predict\\n:class: tip\\nHow many?\\n:::")
    '> **Predict**\\n>\\n> How many?'
    """
    return _ROLE.sub(_in_words, _quoted(_LABEL.sub("", source).split("\n")))


def cited_keys(source: str) -> list[str]:
    """Return the keys of the works that a cell cites, in order."""
    roles = (match for match in _ROLE.finditer(source) if match["role"].startswith("cite"))
    return [key.strip() for match in roles for key in match["text"].split(",")]


@functools.cache
def reference(key: str) -> str:
    """Return the whole reference as one line of Markdown.

    Raises
    ------
    ValueError
        If the bibliography has no such work.
    """
    entry = _entry(key)
    formatted = _plugin("style.formatting", "plain").format_entries([entry])
    return next(iter(formatted)).text.render(_plugin("backends", "markdown")).replace("\n", " ")


@functools.cache  # to find one, pybtex reads what every installed package offers
def _plugin(group: str, name: str) -> Any:
    return find_plugin(f"pybtex.{group}", name)()


def _quoted(lines: list[str]) -> str:
    """Turn each fenced admonition into a quotation under a bold title."""
    result: list[str] = []
    rest = iter(lines)
    for line in rest:
        opening = _FENCE.match(line)
        if opening is None:
            result.append(line)
            continue
        body = _until(opening[1], rest)
        title = opening["title"] or opening["kind"].capitalize()
        inside = f"**{title}**\n\n{_on_one_line(_quoted(body).strip())}"
        result += [f"> {part}".rstrip() for part in inside.split("\n")]
    return "\n".join(result)


def _on_one_line(text: str) -> str:
    """Put each formula on one line: JupyterLab would read a quotation's ``>`` as part of it."""
    return _FORMULA.sub(lambda match: " ".join(match[0].split()), text)


def _until(fence: str, rest: Iterable[str]) -> list[str]:
    """Take the lines up to the closing fence, without the options at the top."""
    body: list[str] = []
    for line in rest:
        if line.strip() == fence:
            return body
        if body or not _OPTION.match(line):
            body.append(line)
    raise ValueError(f"an admonition opened with {fence!r} is never closed: {body[:3]}")


def _in_words(match: re.Match[str]) -> str:
    role, text = match["role"], match["text"]
    named = _TARGET.fullmatch(text)
    if role == "ref":
        return named["text"] if named else text
    if role == "doc":
        target = (named["target"] if named else text).strip()
        return f"[{named['text'] if named else _chapter_title(target)}]({target}.ipynb)"
    say = _said if role == "cite:t" else _inside
    works = "; ".join(map(say, (key.strip() for key in text.split(","))))
    return works if role == "cite:t" else f"({works})"


def _said(key: str) -> str:
    entry = _entry(key)
    return f"{_authors(entry)} ({entry.fields.get('year', 'n.d.')})"


def _inside(key: str) -> str:
    entry = _entry(key)
    return f"{_authors(entry)}, {entry.fields.get('year', 'n.d.')}"


def _authors(entry: Entry) -> str:
    people = entry.persons.get("author") or entry.persons.get("editor") or []
    names = [_surname(person) for person in people]
    if not names:
        return _without_markup(entry.fields.get("title", entry.key))
    if len(names) > 2 or "others" in names:
        return f"{names[0]} et al."
    return " and ".join(names)


def _surname(person: Person) -> str:
    return _without_markup(" ".join([*person.prelast_names, *person.last_names]))


def _without_markup(latex: str) -> str:
    return Text.from_latex(latex).render(_plugin("backends", "text"))


@functools.lru_cache
def _bibliography(path: Path = BIBLIOGRAPHY) -> BibliographyData:
    return parse_file(str(path), "bibtex")


def _entry(key: str) -> Entry:
    entries = _bibliography().entries
    if key not in entries:
        raise ValueError(f"{key!r} is cited, but {BIBLIOGRAPHY.name} has no such work")
    return entries[key]


@functools.lru_cache
def _chapter_title(name: str) -> str:
    """The first heading of a chapter, such as ``Training a CNN``."""
    for path in chapter_paths():
        if path.stem == name:
            heading = read_notebook(path).cells[0].source.split("\n", 1)[0]
            return heading.lstrip("# ")
    raise ValueError(f"a chapter is linked to as {name!r}, and there is none of that name")
