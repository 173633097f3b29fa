"""What a sandbox shows of this machine's files: Python, the system's libraries, a staged course."""

from __future__ import annotations

import os
import site
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from course_admin.paths import ROOT

HOME = "/course"
SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/nix/store")
# The loader's cache, fonts, and Debian's choice of a BLAS; no names of users, hosts or keys.
SETTINGS = ("ld.so.cache", "ld.so.conf", "ld.so.conf.d", "fonts", "alternatives", "localtime")
PACKAGES_HIDDEN = ("course_utils", "course_admin")


class Exposed(ValueError):
    """Something that students' code must not see lies in a folder that it sees."""


def mounts(stage: Path, hidden: Sequence[Path], data: Path | None = None) -> list[str]:
    """Return bwrap's arguments for the file system.

    ``stage`` becomes the course's home; ``hidden`` are folders that must not be seen; ``data`` is
    a folder of data sets, shown read-only.

    Raises
    ------
    Exposed
        If a hidden folder lies inside the Python environment, where nothing can hide it.
    """
    python = _python_folders()
    masked = _masked([ROOT, *hidden], python)
    shown = [path for path in SYSTEM if os.path.exists(path)]
    binds = [(str(path), str(path)) for path in python]
    binds += [(f"/etc/{name}", f"/etc/{name}") for name in SETTINGS if _exists(f"/etc/{name}")]
    arguments = [part for path in shown for part in _system(path)]
    arguments += [part for path in masked for part in ("--tmpfs", str(path))]
    arguments += _parents([target for _, target in binds], shown)
    arguments += [part for bind in binds for part in ("--ro-bind", *bind)]
    for package in _installed_course(python):
        arguments += ["--tmpfs", str(package)]
    arguments += ["--ro-bind", str(stage), HOME, "--ro-bind", str(ROOT / "data"), f"{HOME}/data"]
    if data is not None:
        arguments += ["--ro-bind", str(data), "/course-data"]
    return arguments


def python_path() -> str:
    """Return PYTHONPATH for the sandbox: the course, and packages installed for one user."""
    return os.pathsep.join([HOME, *map(str, _user_packages())])


def _exists(path: str) -> bool:
    return os.path.exists(os.path.realpath(path))


def _system(path: str) -> list[str]:
    if os.path.islink(path):
        return ["--symlink", os.readlink(path), path]
    return ["--ro-bind", path, path]


def _python_folders() -> list[Path]:
    """Return the folders of this Python that the system's do not contain, outer ones only."""
    wanted = [Path(sys.prefix), Path(sys.base_prefix), *_user_packages()]
    wanted += [Path(os.path.realpath(path)) for path in wanted]
    outside = {path for path in wanted if not _within(path, map(Path, SYSTEM))}
    return sorted(path for path in outside if not _within(path, outside - {path}))


def _user_packages() -> list[Path]:
    folder = site.getusersitepackages() if site.ENABLE_USER_SITE else ""
    return [Path(folder)] if folder and os.path.isdir(folder) else []


def _masked(hidden: Sequence[Path], python: Sequence[Path]) -> list[Path]:
    for path in hidden:
        around = [folder for folder in python if _within(path, [folder])]
        if around:
            raise Exposed(
                f"{path} lies in {around[0]}, which students' code must see to run Python: "
                "keep submissions, results and assignments elsewhere"
            )
    return [path for path in hidden if path.is_dir() and _within(path, map(Path, SYSTEM))]


def _within(path: Path, folders: Iterable[Path]) -> bool:
    return any(path == folder or folder in path.parents for folder in folders)


def _parents(targets: Sequence[str], shown: Sequence[str]) -> list[str]:
    """Make the folders above each mount, which the sandbox's user must be able to pass."""
    above = {parent for target in targets for parent in Path(target).parents}
    above = {path for path in above if not _within(path, map(Path, shown)) and path != Path("/")}
    return [part for path in sorted(above) for part in ("--perms", "0755", "--dir", str(path))]


def _installed_course(python: Sequence[Path]) -> list[Path]:
    folders = [Path(path) for path in sys.path if "-packages" in path]
    packages = [folder / name for folder in folders for name in PACKAGES_HIDDEN]
    return [package for package in packages if package.is_dir()]
