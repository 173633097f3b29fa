"""The course as the sandbox may see it: no oracle, no known mistake, no solution, no chapter."""

from __future__ import annotations

import compileall
import os
import shutil
from pathlib import Path

from course_admin.paths import ROOT

# The exercises' machinery, by name: a file that is added later stays outside until it is listed.
_MACHINERY = ("check", "compare", "core", "describe", "errors", "isolation", "judge", "outcomes")
_NAMES = ("__init__", *_MACHINERY, "plain", "probes", "report", "run")
EXERCISE_FILES = frozenset(f"{name}.py" for name in _NAMES)
EXERCISE_FOLDERS = frozenset({"quizzes"})
INSIDE = Path(__file__).resolve().parent / "inside"


def stage(folder: Path) -> None:
    """Fill `folder` with what students' code may import, readable for every user."""
    shutil.copytree(ROOT / "course_utils", folder / "course_utils", ignore=_left_out)
    target = folder / "course_admin" / "grading" / "inside"
    shutil.copytree(INSIDE, target, ignore=shutil.ignore_patterns("__pycache__"))
    for package in (target.parent, target.parent.parent):
        (package / "__init__.py").write_text("", encoding="utf-8")
    (folder / "data").mkdir()
    compileall.compile_dir(folder, quiet=2)
    _readable(folder)


def _left_out(folder: str, names: list[str]) -> set[str]:
    left_out = {name for name in names if name == "__pycache__"}
    if Path(folder) == ROOT / "course_utils" / "exercises":
        left_out |= set(names) - EXERCISE_FILES - EXERCISE_FOLDERS
    return left_out


def _readable(folder: Path) -> None:
    for path, folders, files in os.walk(folder):
        for name in folders:
            os.chmod(os.path.join(path, name), 0o755)
        for name in files:
            os.chmod(os.path.join(path, name), 0o644)
    os.chmod(folder, 0o755)
