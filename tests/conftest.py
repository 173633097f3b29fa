"""What several test files share: the checkout's paths and copies of it."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser

# Before the first import of NumPy: every worker computes on one thread, so that two workers do not
# wait for each other's threads, and a time is the same alone and beside others.
os.environ.setdefault("OMP_NUM_THREADS", "1")

ROOT = Path(__file__).resolve().parent.parent
PARTS = ("course_utils", "course_admin", "data", "_static", "_templates")
FILES = ("_config.yml", "pyproject.toml")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that take longest, so that no worker is left with one at the end."""
    longest = ("test_pages", "test_notebooks")
    items.sort(key=lambda item: item.path.stem not in longest)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One Chromium for every test of a worker: Playwright's plain form allows no second one."""
    from browser import chromium

    with chromium() as started:
        yield started


@pytest.fixture(scope="session")
def chapters() -> list[Path]:
    """The book's chapters."""
    return sorted((ROOT / "chapters").glob("[0-9][0-9]_*.ipynb"))


@pytest.fixture(scope="session")
def local_clone_source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A git repository with the working tree as it is now, to be cloned as a reader would."""
    return snapshot(tmp_path_factory.mktemp("repository"))


def snapshot(source: Path) -> Path:
    """Fill a folder with the working tree as it is now, as a git repository; return it."""
    listed = ["git", "ls-files", "-co", "--exclude-standard", "-z"]
    names = subprocess.run(listed, cwd=ROOT, check=True, capture_output=True).stdout
    for name in filter(None, names.decode().split("\0")):
        if (ROOT / name).is_file():
            target = source / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, target)
    who = ["-c", "user.name=test", "-c", "user.email=test@localhost"]
    for command in (["init", "-q"], ["add", "-A"], [*who, "commit", "-q", "-m", "snapshot"]):
        subprocess.run(["git", *command], cwd=source, check=True)
    return source


@pytest.fixture
def small_book(tmp_path: Path) -> Path:
    """A copy of the house with no chapters in it, for tests that build or rewrite a book."""
    book = tmp_path / "book"
    ignore = shutil.ignore_patterns("__pycache__", "*.npz", "downloads")
    for part in PARTS:
        shutil.copytree(ROOT / part, book / part, ignore=ignore)
    for name in FILES:
        shutil.copyfile(ROOT / name, book / name)
    (book / "chapters").mkdir()
    (book / "references.bib").write_text("", encoding="utf-8")
    (book / "index.md").write_text("# A small book\n\nOne page.\n", encoding="utf-8")
    return book
