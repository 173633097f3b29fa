"""Printed text in lines that fit a page of the book."""

from __future__ import annotations

from textwrap import fill

LINE = 76  # characters that fit a page beside its two side bars


def in_lines(text: str) -> str:
    """Return a text broken between words into lines of a page's width."""
    return fill(text, LINE, break_on_hyphens=False)
