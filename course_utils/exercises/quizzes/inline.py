"""The few inline tags that a quiz may use; everything else is shown as it is written."""

from __future__ import annotations

import html
import re

TAG = re.compile(r"<(/?)(sub|sup|em|code|strong)>")


def inline_html(text: str) -> str:
    """Return ``text`` as safe HTML: the five inline tags stay, all else is escaped.

    Entities such as ``&lt;`` and ``&times;`` may be used and mean what they mean in HTML.
    """
    parts, end = [], 0
    for tag in TAG.finditer(text):
        parts += [_escaped(text[end : tag.start()]), tag.group()]
        end = tag.end()
    return "".join([*parts, _escaped(text[end:])])


def inline_text(text: str) -> str:
    """Return ``text`` without its tags, for a terminal: ``x<sup>2</sup>`` gives ``x^2``."""
    marks = {"sup": "^", "sub": "_"}
    plain = TAG.sub(lambda tag: "" if tag[1] else marks.get(tag[2], ""), text)
    return html.unescape(plain)


def check_inline(text: str) -> None:
    """Raise ``ValueError`` unless every inline tag is closed, in the right order."""
    open_tags: list[str] = []
    for slash, name in TAG.findall(text):
        if not slash:
            open_tags.append(name)
        elif not open_tags or open_tags.pop() != name:
            raise ValueError(f"</{name}> closes nothing in {text!r}")
    if open_tags:
        raise ValueError(f"<{open_tags[-1]}> is never closed in {text!r}")


def _escaped(text: str) -> str:
    return html.escape(html.unescape(text), quote=True)
