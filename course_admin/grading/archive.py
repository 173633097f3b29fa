"""Read zips that students made: nothing is unpacked, so nothing can land in the wrong place."""

from __future__ import annotations

import io
import stat
import time
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import IO

MAX_FILE = 200_000_000
MAX_MEMBERS = 20_000
_FAULTS = (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, NotImplementedError)


@dataclass(frozen=True)
class Member:
    """A file in a zip: its path there, when it was changed, and how to read it."""

    path: PurePosixPath
    modified: float
    read: Callable[[], bytes]


class BadArchive(ValueError):
    """Why a zip cannot be read."""


def members(open_zip: Callable[[], IO[bytes]]) -> tuple[list[Member], list[str]]:
    """Return the files of a zip, and a sentence for each entry that is left out as unsafe.

    Raises
    ------
    BadArchive
        If it is no zip, or one with more than twenty thousand entries.
    """
    try:
        with open_zip() as file, zipfile.ZipFile(file) as archive:
            entries = archive.infolist()
    except (*_FAULTS, ValueError) as error:
        raise BadArchive("it is not a zip that can be read") from error
    if len(entries) > MAX_MEMBERS:
        raise BadArchive(f"it has {len(entries)} entries")
    found, problems = [], []
    for entry in entries:
        problem = _unsafe(entry)
        if problem:
            problems.append(problem)
        elif not entry.is_dir():
            found.append(_member(open_zip, entry))
    return found, problems


def _member(open_zip: Callable[[], IO[bytes]], entry: zipfile.ZipInfo) -> Member:
    def read() -> bytes:
        try:
            with open_zip() as file, zipfile.ZipFile(file) as archive, archive.open(entry) as inner:
                data = inner.read(MAX_FILE + 1)
        except _FAULTS as error:
            raise BadArchive("it cannot be unpacked: the zip is damaged or locked") from error
        if len(data) > MAX_FILE:
            raise BadArchive("unpacked, it is larger than 200 MB")
        return data

    try:
        modified = time.mktime((*entry.date_time, 0, 0, -1))
    except (ValueError, OverflowError):
        modified = 0.0
    return Member(PurePosixPath(entry.filename), modified, read)


def _unsafe(entry: zipfile.ZipInfo) -> str | None:
    name = entry.filename
    parts = PurePosixPath(name.replace("\\", "/")).parts
    if stat.S_ISLNK(entry.external_attr >> 16):
        return f"{name!r} in a zip is a link, which is not followed"
    if ".." in parts or name.startswith(("/", "\\")) or ":" in name[:3]:
        return f"{name!r} in a zip points outside of it and was left out"
    return None


def opener(data: bytes) -> Callable[[], IO[bytes]]:
    """Return what opens a zip that is itself in memory."""
    return lambda: io.BytesIO(data)
