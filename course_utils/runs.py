"""Runs at the scale `full`, kept as records beside the code, so that a page can show them.

A record is a JSON file in `data/runs/`, written by the notebook's own cell, with everything that
is needed to doubt it: settings, seeds, versions, device, curves and commit.
"""

from __future__ import annotations

import json
import os
import platform
import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

from course_utils.scales import scale
from course_utils.wording import in_lines

FOLDER = Path(__file__).resolve().parents[1] / "data" / "runs"
PACKAGES = ("torch", "torchvision", "numpy")
_NAME = re.compile(r"[0-9]{2}_[a-z0-9_]+")


@dataclass(frozen=True)
class Run:
    """A recorded run: `curves` are arrays (seeds, points) by name."""

    name: str
    curves: dict[str, np.ndarray]
    settings: dict[str, Any]
    seeds: list[int]
    device: str
    versions: dict[str, str]
    commit: str
    date: str


def record(
    name: str,
    *,
    curves: Mapping[str, Any],
    settings: Mapping[str, Any],
    seeds: Sequence[int],
    folder: Path = FOLDER,
) -> Path | None:
    """Write `data/runs/NAME.json` at the scale ``full``; at the other scales do nothing.

    Parameters
    ----------
    name
        Chapter and subject, as ``"16_depth"``.
    curves
        By name, one row of numbers for each seed: (seeds, points).
    settings
        What was run: anything that JSON can hold.
    seeds
        One for each row of every curve.

    Raises
    ------
    ValueError
        If the name is not of that form, or a curve has not one row for each seed.
    """
    path = _path(name, folder)
    rows = {label: _rows(label, values, len(seeds)) for label, values in curves.items()}
    if scale() != "full":
        return None
    found = {
        "name": name,
        "date": datetime.now(timezone.utc).date().isoformat(),
        "commit": _commit(),
        "device": _device(),
        "versions": _versions(),
        "seeds": [int(seed) for seed in seeds],
        "settings": dict(settings),
        "curves": rows,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".part")
    unfinished.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    os.replace(unfinished, path)
    return path


def recorded(name: str, folder: Path = FOLDER) -> Run | None:
    """Return the recorded run of that name, or None where there is none.

    Raises
    ------
    ValueError
        If the name is not of the form ``"16_depth"``, or the file is not a record.
    """
    path = _path(name, folder)
    if not path.exists():
        return None
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        curves = {label: np.array(rows, dtype=float) for label, rows in found["curves"].items()}
        return Run(**(found | {"curves": curves}))
    except (json.JSONDecodeError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{path} is not a record that course_utils.runs.record wrote") from error


def what_is_shown(name: str, folder: Path = FOLDER) -> str:
    """Say in a sentence, in lines of a page's width, whether a run at full scale is shown."""
    run = recorded(name, folder)
    if run is None:
        said = "No run at full scale is recorded: what is shown is this page's own, smaller run."
    else:
        said = (
            f"A run at full scale is shown, recorded on {run.date} on {run.device} "
            f"with torch {run.versions['torch']}, seeds {', '.join(map(str, run.seeds))}."
        )
    return in_lines(said)


def _path(name: str, folder: Path) -> Path:
    if not _NAME.fullmatch(name):
        raise ValueError(f"a run is named by chapter and subject, as '16_depth', got {name!r}")
    return folder / f"{name}.json"


def _rows(label: str, values: Any, seeds: int) -> list[list[float]]:
    rows = [np.asarray(row, dtype=float) for row in values]
    if len(rows) != seeds or any(row.ndim != 1 for row in rows):
        shapes = [row.shape for row in rows]
        raise ValueError(
            f"curve {label!r} needs one row of numbers for each of {seeds} seeds; "
            f"got rows of shapes {shapes}"
        )
    return [row.tolist() for row in rows]


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return found


def _device() -> str:
    import torch  # only where a run is recorded

    return torch.cuda.get_device_name() if torch.cuda.is_available() else "CPU"


def _commit() -> str:
    """The commit that ran, with a plus sign where files had been changed since."""
    try:
        asked = ["git", "describe", "--always", "--abbrev=40", "--dirty=+", "--exclude=*"]
        done = subprocess.run(asked, cwd=FOLDER.parents[1], capture_output=True, text=True)
    except OSError:
        return "unknown"
    return done.stdout.strip() or "unknown"
