"""Whose submission a file is: what Canvas, Moodle and students make of names."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from dataclasses import dataclass

CANVAS = re.compile(r"(?P<name>[^_]+)(?P<late>_LATE)?_(?P<id>\d+)_\d+_(?P<rest>.+)", re.DOTALL)
MOODLE = re.compile(
    r"(?P<name>.+?)_(?P<id>\d+)_assignsubmission_(?:file|onlinetext)(?:_(?P<rest>.*))?", re.DOTALL
)
COPY = re.compile(r"(?: ?\(\d+\)| - Copy(?: \(\d+\))?|-Copy\d+)$", re.IGNORECASE)


@dataclass(frozen=True)
class Owner:
    """Who handed a file in.

    ``lms_id`` is Canvas's number of the user or Moodle's of the participant, ``late`` what Canvas
    wrote into the name.
    """

    name: str
    lms_id: str = ""
    late: bool = False

    @property
    def identity(self) -> str:
        """What two files of one student have in common."""
        return f"#{self.lms_id}" if self.lms_id else self.name

    @property
    def key(self) -> str:
        """A short name for files: ASCII, and different for different students."""
        plain = unicodedata.normalize("NFKD", self.name).encode("ascii", "ignore").decode()
        slug = re.sub(r"[^A-Za-z0-9]+", "-", plain).strip("-")[:40] or "student"
        return f"{slug}-{hashlib.sha256(self.identity.encode()).hexdigest()[:8]}"


def from_lms(name: str) -> Owner | None:
    """Return the owner of a file or folder that Canvas or Moodle named, else None."""
    name = clean(name)
    moodle = MOODLE.fullmatch(name)
    if moodle:
        return Owner(moodle["name"].strip(), moodle["id"])
    canvas = CANVAS.fullmatch(name)
    return Owner(canvas["name"], canvas["id"], bool(canvas["late"])) if canvas else None


def from_file(name: str, assignment: str) -> Owner:
    """Return the owner of a file by its name: ``hw2_alice.ipynb`` or ``alice (1).ipynb``."""
    stem = re.sub(r"\.[A-Za-z0-9]{1,8}$", "", clean(name))
    stem = COPY.sub("", stem)
    without = re.sub(
        rf"(?:^|[-_. ]+){re.escape(assignment)}(?=[-_. ]|$)", "", stem, flags=re.IGNORECASE
    )
    return from_lms(name) or Owner(without.strip(" -_.") or stem or "unnamed")


def from_folder(name: str) -> Owner:
    """Return the owner of a folder of submissions."""
    return from_lms(name) or Owner(clean(name).strip() or "unnamed")


def clean(text: str) -> str:
    """Return text that any file, page and terminal can hold, in composed form (NFC)."""
    text = text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    text = unicodedata.normalize("NFC", text)
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
