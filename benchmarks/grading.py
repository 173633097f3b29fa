"""Grade a class of 200 with this course's grader and with nbgrader, side by side.

``python -m benchmarks.grading [--students 200] [--nbgrader-students 200] [--jobs 2]``

One assignment of five exercises, one of them in PyTorch. Each student gets some answers right,
some with a wrong formula, some not at all; one in fifty has a loop that never ends. The course's
grader is killed in the middle and started again. nbgrader grades the same notebooks in an
environment of its own; it reads the hidden cases and the oracles from the course, as its tests do.
Prints a table and fails if a row is missing, double or wrong, or if the class took ten minutes.
"""

from __future__ import annotations

import argparse
import copy
import csv
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parents[1]
EXERCISES = ("05.1", "05.2", "05.3", "07.1", "00.5")
REQUIREMENTS = ROOT / "requirements-nbgrader.txt"
NAME = "hw2"
LIMIT = 600.0
ENDLESS = "    while True:\n        pass\n"


def assign(work: Path) -> Path:
    """Write the assignment; return its folder."""
    command = [sys.executable, "-m", "course_admin", "assign", *EXERCISES]
    command += ["--name", NAME, "--out", str(work), "--seed", "7"]
    subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    return work / NAME


def hand_in(folder: Path, students: int) -> dict[str, int]:
    """Write the class's notebooks into `folder`; return the points that each must get."""
    release = json.loads((folder / "nbgrader/release" / NAME / f"{NAME}.ipynb").read_text("utf-8"))
    source = json.loads((folder / "nbgrader/source" / NAME / f"{NAME}.ipynb").read_text("utf-8"))
    right = {_id(cell): "".join(cell["source"]) for cell in source["cells"]}
    parts = json.loads((folder / "assignment.json").read_text("utf-8"))["exercises"]
    points = {part["answer_id"]: part["points"] for part in parts}
    due = {}
    for number in range(students):
        name = f"student{number:03d}"
        notebook, due[name] = _filled(release, right, points, number)
        path = folder / "in" / name / f"{NAME}.ipynb"
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps(notebook), encoding="utf-8")
    return due


def _filled(release: dict, right: dict, points: dict, number: int) -> tuple[dict, int]:
    draw = random.Random(number)
    notebook, total = copy.deepcopy(release), 0
    for cell in notebook["cells"]:
        ident = _id(cell)
        if ident not in points:
            continue
        kind = draw.choices(("right", "wrong", "stub"), (7, 2, 1))[0]
        first = right[ident].partition("\n")[0]
        if kind == "right":
            cell["source"] = right[ident]
            total += points[ident]
        elif kind == "wrong":
            cell["source"] = f"{first}\n    return 0\n"
    if number % 50 == 25:  # instead of whatever the first answer was
        first = next(cell for cell in notebook["cells"] if _id(cell) in points)
        total -= points[_id(first)] * (first["source"] == right[_id(first)])
        first["source"] = right[_id(first)].partition("\n")[0] + "\n" + ENDLESS
    return notebook, total


def _id(cell: dict) -> str:
    return cell["metadata"].get("nbgrader", {}).get("grade_id", "")


def grade(folder: Path, students: int, jobs: int) -> tuple[float, float]:
    """Grade, killed once in the middle; return the seconds and how busy all cores were, in %.

    Both are of the whole machine: run this where nothing else runs.
    """
    command = [sys.executable, "-m", "course_admin", "grade", str(folder / "in")]
    command += ["--assignment", str(folder), "--out", str(folder / "out"), "--jobs", str(jobs)]
    psutil.cpu_percent()
    start = time.monotonic()
    first = subprocess.Popen(command, cwd=ROOT, start_new_session=True)
    kept = folder / "out" / "records"
    while first.poll() is None and len(list(kept.glob("*.json"))) < students // 2:
        time.sleep(0.2)
    if first.poll() is not None:
        raise SystemExit("the grader ended before it could be killed")
    os.killpg(first.pid, signal.SIGKILL)
    first.wait()
    done = len(list(kept.glob("*.json")))
    print(f"killed after {done} rows and {time.monotonic() - start:.0f} s")
    subprocess.run(command, cwd=ROOT, check=True)
    return time.monotonic() - start, psutil.cpu_percent()


def check(folder: Path, due: dict[str, int]) -> None:
    """Hold the grade book against what each student must get."""
    with open(folder / "out" / "grades.csv", encoding="utf-8", newline="") as file:
        rows = [(row["student"], int(row["points"])) for row in csv.DictReader(file)]
    if sorted(rows) != sorted(due.items()):
        wrong = sorted(set(rows) ^ set(due.items()))
        raise SystemExit(f"rows that are not as they must be: {wrong}")


def nbgrader_environment(folder: Path) -> Path:
    """Make nbgrader's environment, which borrows the course's packages; return its python."""
    python = folder / "bin" / "python"
    if not (folder / "bin" / "nbgrader").exists():
        venv.create(folder, with_pip=True)
        subprocess.run([python, "-m", "pip", "install", "-q", "-r", REQUIREMENTS], check=True)
    packages = next((folder / "lib").glob("python*/site-packages"))
    ours = next(Path(p) for p in sys.path if p.endswith("site-packages"))
    (packages / "course.pth").write_text(f"{ours}\n", encoding="utf-8")
    return python


def through_nbgrader(folder: Path, students: int, python: Path) -> tuple[int, float, float]:
    """Grade the first students with nbgrader; return rows, seconds, cores busy."""
    course = folder / "nbgrader"
    for path in sorted((folder / "in").iterdir())[:students]:
        target = course / "submitted" / path.name / NAME
        target.mkdir(parents=True)
        shutil.copy(path / f"{NAME}.ipynb", target)
    _nbgrader(python, course, "generate_assignment", NAME, "--force")
    psutil.cpu_percent()
    start = time.monotonic()
    _nbgrader(python, course, "autograde", NAME, fails=True)
    seconds, busy = time.monotonic() - start, psutil.cpu_percent()
    return len(list((course / "autograded").glob("*/*/*.ipynb"))), seconds, busy


def _nbgrader(python: Path, course: Path, *command: str, fails: bool = False) -> None:
    """Run nbgrader in a course's folder; where one notebook fails, the batch counts as failed."""
    log = course / "nbgrader.log"
    path = f"{python.parent}{os.pathsep}{os.environ['PATH']}"  # it calls alembic by its name
    settings = {
        "PATH": path,
        "PYTHONPATH": str(ROOT),
        "OMP_NUM_THREADS": "1",
        "COURSE_SCALE": "smoke",
    }
    with open(log, "w", encoding="utf-8") as output:
        done = subprocess.run(
            [python.parent / "nbgrader", *command],
            cwd=course,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **settings},
        )
    if done.returncode and not fails:
        raise SystemExit(f"nbgrader failed: {log.read_text(encoding='utf-8')[-3000:]}")


TITLES = (("", 12), ("students", 9), ("rows", 6), ("seconds", 9), ("s each", 8), ("cores busy", 12))
HEAD = "".join(f"{title:>{width}}" for title, width in TITLES)


def _row(name: str, students: int, rows: int, seconds: float, busy: float) -> str:
    return f"{name:12}{students:9d}{rows:6d}{seconds:9.0f}{seconds / students:8.2f}{busy:10.0f} %"


def main() -> None:
    """Run both and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--students", type=int, default=200)
    parser.add_argument("--nbgrader-students", type=int)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--environment", type=Path, default=ROOT / ".venv-nbgrader-bench")
    chosen = parser.parse_args()
    others = min(chosen.nbgrader_students or chosen.students, chosen.students)
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = assign(Path(name))
        due = hand_in(folder, chosen.students)
        seconds, busy = grade(folder, chosen.students, chosen.jobs)
        check(folder, due)
        print(HEAD)
        rows = len(due)
        print(_row("this course", rows, rows, seconds, busy), flush=True)
        if others:
            python = nbgrader_environment(chosen.environment)
            print(_row("nbgrader", others, *through_nbgrader(folder, others, python)))
    if seconds > LIMIT * chosen.students / 200:
        raise SystemExit(f"{seconds:.0f} s is more than the ten minutes for 200 students")


if __name__ == "__main__":
    main()
