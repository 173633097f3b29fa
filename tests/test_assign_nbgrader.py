"""nbgrader itself, in an environment of its own, takes what `assign` writes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from conftest import ROOT
from course_admin import environment
from course_admin.__main__ import main

pytestmark = pytest.mark.slow
VENV = ROOT / ".venv-nbgrader"


@pytest.fixture(scope="module")
def nbgrader(tmp_path_factory):
    """Return a function that runs nbgrader in a folder; its kernel is the course's Python."""
    requirements = ROOT / "requirements-nbgrader.txt"
    command = [sys.executable, environment.__file__, str(VENV), str(requirements)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        pytest.skip(f"nbgrader cannot be installed: {done.stderr.strip().splitlines()[-1]}")
    home = tmp_path_factory.mktemp("jupyter")
    kernel = home / "data" / "kernels" / "python3"
    kernel.mkdir(parents=True)
    start = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    spec = {"argv": start, "display_name": "Python 3", "language": "python"}
    (kernel / "kernel.json").write_text(json.dumps(spec), encoding="utf-8")
    settings = {
        # As in an activated environment: nbgrader looks for its own tools on the path.
        "PATH": os.pathsep.join([str(VENV / "bin"), os.environ["PATH"]]),
        "JUPYTER_PATH": str(home / "data"),
        "JUPYTER_CONFIG_DIR": str(home / "config"),
        "JUPYTER_RUNTIME_DIR": str(home / "runtime"),
        "IPYTHONDIR": str(home / "ipython"),
        "PYTHONPATH": str(ROOT),
    }

    def run(folder: Path, *arguments: str) -> str:
        command = [str(VENV / "bin" / "nbgrader"), *arguments]
        done = subprocess.run(
            command,
            cwd=folder,
            env={**os.environ, **settings},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=300,
        )
        assert done.returncode == 0, done.stdout
        return done.stdout

    return run


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """The course folder that `assign` writes for nbgrader."""
    out = tmp_path_factory.mktemp("teaching")
    command = ["assign", "05.1", "05.3", "--name", "hw2", "--out", str(out), "--seed", "5"]
    assert main(command) == 0
    return out / "hw2" / "nbgrader"


def test_validate_accepts_the_source(nbgrader, course):
    said = nbgrader(course, "validate", "source/hw2/hw2.ipynb")
    assert "Success! Your notebook passes all the tests." in said


def test_generate_assignment_makes_the_release_that_lies_beside_it(nbgrader, course):
    release = course / "release" / "hw2" / "hw2.ipynb"
    ours = nbformat.read(release, as_version=4)
    release.unlink()
    nbgrader(course, "generate_assignment", "hw2", "--force")
    theirs = nbformat.read(release, as_version=4)
    assert [c.source for c in theirs.cells] == [c.source for c in ours.cells]
    for mine, their in zip(ours.cells, theirs.cells, strict=True):
        marks = dict(their.metadata.get("nbgrader", {}))
        assert bool(marks.pop("checksum", "")) == ("nbgrader" in mine.metadata)
        assert marks == mine.metadata.get("nbgrader", {})


def test_validate_finds_the_release_unanswered(nbgrader, course):
    said = nbgrader(course, "validate", "release/hw2/hw2.ipynb")
    assert "VALIDATION FAILED ON 2 CELL(S)" in said
