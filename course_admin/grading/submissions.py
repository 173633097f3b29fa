"""Find what was handed in: notebooks, folders for each student, zips, or a zip of all of them."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import IO

from course_admin.grading.archive import (
    MAX_FILE,
    BadArchive,
    Member,
    members,
    opener,
)
from course_admin.grading.names import Owner, clean, from_file, from_folder, from_lms

NOT_SUBMISSIONS = (".csv", ".json", ".log", ".md", ".xlsx")
PASSED_OVER = ("__macosx", "__pycache__")
MAX_DEPTH = 8


@dataclass
class File:
    """One file of a submission; ``read`` returns its bytes or raises ValueError with a reason."""

    name: str
    modified: float
    read: Callable[[], bytes]


@dataclass
class Submission:
    """What one student handed in: notebooks, and what else was found or wrong."""

    owner: Owner
    files: list[File] = field(default_factory=list)
    others: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    late: bool = False


def collect(source: Path, assignment: str) -> list[Submission]:
    """Return the submissions in a folder or zip, one a student, in the order of their names.

    Raises
    ------
    ValueError
        If there is no such folder or zip.
    """
    source = source.resolve()
    if source.is_file() and source.suffix.lower() == ".zip":
        found = _class_zip(_open(source), assignment)
    elif source.is_dir():
        found = [
            pair
            for name in sorted(os.listdir(source))
            for pair in _entry(source / name, assignment)
        ]
    else:
        raise ValueError(f"{source} is neither a folder nor a zip of submissions")
    merged: dict[str, Submission] = {}
    for one in found:
        _add(merged.setdefault(one.owner.identity, Submission(one.owner)), one)
    return sorted(merged.values(), key=lambda one: (one.owner.name.casefold(), one.owner.key))


def _add(to: Submission, one: Submission) -> None:
    to.files += one.files
    to.others += one.others
    to.problems += one.problems
    to.late = to.late or one.owner.late


def _entry(path: Path, assignment: str) -> list[Submission]:
    name = path.name
    if _passed_over(name) or (path.suffix.lower() in NOT_SUBMISSIONS and path.is_file()):
        return []
    kind = path.lstat().st_mode
    if stat.S_ISDIR(kind):
        found = Submission(from_folder(name))
        for file in _walk(path, found):
            _put(found, str(file.relative_to(path.parent)), file.stat().st_mtime, _reader(file))
        return [found]
    found = Submission(from_file(name, assignment))
    if not stat.S_ISREG(kind):
        found.problems.append(f"{clean(name)} is a link or no file at all, and is not followed")
        return [found]
    if path.suffix.lower() == ".zip" and _holds_a_class(_open(path)):
        return _class_zip(_open(path), assignment)
    _put(found, name, path.stat().st_mtime, _reader(path))
    return [found]


def _walk(folder: Path, found: Submission) -> Iterator[Path]:
    """Yield a student's files; never through a link."""
    for where, folders, names in os.walk(folder):
        here = Path(where)
        for name in [*folders, *names]:
            if (here / name).is_symlink():
                found.problems.append(f"{clean(name)} is a link, which is not followed")
        deep = len(here.relative_to(folder).parts) >= MAX_DEPTH
        folders[:] = [] if deep else sorted(n for n in folders if not _passed_over(n))
        for name in sorted(names):
            path = here / name
            if not _passed_over(name) and stat.S_ISREG(path.lstat().st_mode):
                yield path


def _open(path: Path) -> Callable[[], IO[bytes]]:
    return lambda: open(path, "rb")  # noqa: SIM115 (whoever calls closes it)


def _passed_over(name: str) -> bool:
    return name.startswith(".") or name.lower() in PASSED_OVER


def _reader(path: Path) -> Callable[[], bytes]:
    def read() -> bytes:
        with open(path, "rb") as file:
            data = file.read(MAX_FILE + 1)
        if len(data) > MAX_FILE:
            raise ValueError("it is larger than 200 MB")
        return data

    return read


def _put(found: Submission, name: str, modified: float, read: Callable[[], bytes]) -> None:
    """Add one file: a notebook, the notebooks of a zip, or something else."""
    suffix = PurePosixPath(name).suffix.lower()
    if suffix == ".ipynb":
        found.files.append(File(clean(name), modified, read))
    elif suffix == ".zip":
        _put_zip(found, name, read)
    else:
        found.others.append(clean(name))


def _put_zip(found: Submission, name: str, read: Callable[[], bytes]) -> None:
    try:
        inside, problems = members(opener(read()))
    except (ValueError, OSError) as error:
        found.problems.append(f"{clean(name)}: {error}")
        return
    found.problems += problems
    for member in inside:
        if not any(_passed_over(part) for part in member.path.parts):
            inner = f"{name}/{member.path}"
            if member.path.suffix.lower() == ".zip":
                found.others.append(clean(inner))  # a zip in a student's zip is not opened
            else:
                _put(found, inner, member.modified, member.read)


def _holds_a_class(open_zip: Callable[[], IO[bytes]]) -> bool:
    try:
        inside, _ = members(open_zip)
    except BadArchive:
        return False
    owners = {owner.identity for m in inside if (owner := from_lms(m.path.parts[0]))}
    return len(owners) > 0


def _class_zip(open_zip: Callable[[], IO[bytes]], assignment: str) -> list[Submission]:
    inside, problems = members(open_zip)
    if problems:
        print("left out:", *problems, sep="\n  ")
    found = []
    for member in inside:
        parts = member.path.parts
        if any(map(_passed_over, parts)) or member.path.suffix.lower() in NOT_SUBMISSIONS:
            continue
        one = Submission(_owner_in_zip(member, assignment))
        _put(one, str(member.path), member.modified, member.read)
        found.append(one)
    return found


def _owner_in_zip(member: Member, assignment: str) -> Owner:
    for part in member.path.parts:
        owner = from_lms(part)
        if owner:
            return owner
    folders = member.path.parts[:-1]
    return from_folder(folders[0]) if folders else from_file(member.path.name, assignment)
