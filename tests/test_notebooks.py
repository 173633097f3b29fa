"""Every chapter runs as a student runs it in Colab: alone in an empty folder, top to bottom.

The notebook is in the form that the Colab button opens, with a stub for every answer. It finds no
`course_utils`, clones the course from `COURSE_REPO`, and nbval compares the outputs of its checked
cells. With its solutions each chapter runs when the pages under test are built.
`COURSE_KERNEL_PYTHON` names another interpreter to do this with, as `make test-colab` does; there
the solved form runs as well.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import nbformat
import pytest

from conftest import ROOT
from course_admin.student import student_form

pytestmark = [pytest.mark.notebooks, pytest.mark.slow]

CHAPTERS = sorted((ROOT / "chapters").glob("[0-9][0-9]_*.ipynb"))
PYTHON = str(Path(os.environ.get("COURSE_KERNEL_PYTHON", sys.executable)).absolute())
FORMS = ("student", "solved") if "COURSE_KERNEL_PYTHON" in os.environ else ("student",)
READY_SECONDS = 15
SMOKE_SECONDS = 20
CHECKED_CELLS = 4
INSTALLS = re.compile(
    r"pip3? install|conda install|apt(-get)? install|google\.colab|drive\.mount|os\.kill|^[%!]",
    re.MULTILINE,
)


def run_alone(notebook: Path, folder: Path, repository: Path) -> subprocess.CompletedProcess:
    """Copy a notebook alone into `folder` and run it there under nbval."""
    folder.mkdir()
    shutil.copyfile(notebook, folder / notebook.name)
    kept = ("PATH", "HOME", "LANG", "TMPDIR", "SYSTEMROOT", "LD_LIBRARY_PATH")
    environment = {name: os.environ[name] for name in kept if name in os.environ}
    environment |= {"COURSE_SCALE": "smoke", "COURSE_REPO": repository.as_uri()}
    environment |= {"TQDM_DISABLE": "1", "MPLBACKEND": "module://matplotlib_inline.backend_inline"}
    environment |= {"OMP_NUM_THREADS": "1"}  # as in kernel_environment("smoke")
    environment |= {"PATH": f"{Path(PYTHON).parent}{os.pathsep}{environment['PATH']}"}
    command = [PYTHON, "-m", "pytest", "--nbval-lax", "--nbval-cell-timeout=120", notebook.name]
    command += ["-p", "no:cacheprovider", "-o", "addopts=", f"--rootdir={folder}", "-q"]
    command += ["--junitxml=cells.xml", "--no-header"]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)


def cell_seconds(folder: Path) -> list[float]:
    """Return the seconds that each cell took, in order."""
    cases = ET.parse(folder / "cells.xml").getroot().iter("testcase")
    return [float(case.get("time", "nan")) for case in cases]


def installed(python: str) -> set[str]:
    """Return what is installed: one name and version a package."""
    listing = "from importlib.metadata import distributions as d;"
    listing += "print(*sorted(f'{x.name}=={x.version}' for x in d()), sep='\\n')"
    done = subprocess.run([python, "-c", listing], capture_output=True, text=True, check=True)
    return set(done.stdout.splitlines())


@pytest.fixture(scope="session")
def packages() -> set[str]:
    return installed(PYTHON)


def test_course_utils_is_not_importable_by_itself(tmp_path):
    code = "import importlib.util as u, sys; sys.exit(u.find_spec('course_utils') is not None)"
    clean = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    assert subprocess.run([PYTHON, "-c", code], cwd=tmp_path, env=clean).returncode == 0


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda path: path.stem)
def test_a_chapter_runs_alone(chapter, form, tmp_path, local_clone_source, packages):
    notebook = read(chapter) if form == "solved" else student_form_with_outputs(read(chapter))
    source = tmp_path / chapter.name
    nbformat.write(notebook, source)
    for folder in (tmp_path / "empty", tmp_path / "again"):  # once more if the machine was busy
        done = run_alone(source, folder, local_clone_source)
        assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
        spent = cell_seconds(folder)
        if sum(spent) < SMOKE_SECONDS and spent[0] < READY_SECONDS:
            break
    print(f"{chapter.name}: ready in {spent[0]:.1f} s, all in {sum(spent):.1f} s")
    assert len(spent) == sum(1 for c in notebook.cells if c.cell_type == "code")
    assert f"{len(spent)} passed" in done.stdout
    assert (folder / "course" / "course_utils").is_dir(), "the set-up cell did not clone"
    assert spent[0] < READY_SECONDS
    assert sum(spent) < SMOKE_SECONDS
    assert installed(PYTHON) == packages


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda path: path.stem)
def test_enough_outputs_are_compared(chapter):
    cells = [c for c in read(chapter).cells if "nbval-check-output" in c.metadata.get("tags", ())]
    assert all(cell.outputs for cell in cells), "run: python -m course_admin record"
    assert sum(bool(re.search(r"\d", str(cell.outputs))) for cell in cells) >= CHECKED_CELLS


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda path: path.stem)
def test_a_chapter_installs_nothing_and_asks_for_no_account(chapter):
    for cell in read(chapter).cells:
        if cell.cell_type == "code":
            assert not INSTALLS.search(cell.source), cell.source


def test_a_changed_number_fails(tmp_path, local_clone_source):
    changed = until_first_checked_output(read(CHAPTERS[0]))
    output = changed.cells[-1].outputs[0]
    text = output.text if output.output_type == "stream" else output.data["text/plain"]
    wrong = re.sub(r"\d", lambda digit: str((int(digit[0]) + 1) % 10), text, count=1)
    if output.output_type == "stream":
        output.text = wrong
    else:
        output.data["text/plain"] = wrong
    source = tmp_path / CHAPTERS[0].name
    nbformat.write(changed, source)
    done = run_alone(source, tmp_path / "empty", local_clone_source)
    assert done.returncode == 1, done.stdout[-3000:]
    assert "1 failed" in done.stdout
    assert "outputs are different" in done.stdout.lower() or "mismatch" in done.stdout.lower()


def student_form_with_outputs(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Return the student form, with the outputs that are compared put back."""
    student = student_form(notebook)
    outputs = {cell.id: cell.outputs for cell in notebook.cells if cell.cell_type == "code"}
    for cell in student.cells:
        if cell.cell_type == "code" and outputs[cell.id]:
            cell.outputs, cell.execution_count = outputs[cell.id], 1
    return student


def until_first_checked_output(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Return the notebook up to its first compared output."""
    for index, cell in enumerate(notebook.cells):
        if cell.cell_type == "code" and cell.outputs:
            notebook.cells = notebook.cells[: index + 1]
            return notebook
    raise AssertionError("no cell with a compared output")


def read(path: Path) -> nbformat.NotebookNode:
    return nbformat.read(path, as_version=4)
