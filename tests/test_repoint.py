"""`repoint` changes every place that names the repository, and they agree."""

from __future__ import annotations

import re
import subprocess
import sys

import nbformat
import pytest

from conftest import ROOT
from course_admin.paths import repository_url
from course_admin.repoint import normal_url
from toy_notebooks import write_chapter, write_toc

ADDRESS = re.compile(r"github(?:\.com)?/([\w.-]+/[\w.-]+?)(?=[/\"')\s]|$)")


def course_admin(book, *arguments):
    command = [sys.executable, "-m", "course_admin", *arguments]
    return subprocess.run(command, cwd=book, capture_output=True, text=True)


@pytest.mark.parametrize("extra", ["", "/", ".git"])
def test_addresses_are_normalised(extra):
    assert normal_url("https://github.com/ada/cnn" + extra) == "https://github.com/ada/cnn"


@pytest.mark.parametrize("bad", ["ada/cnn", "https://gitlab.com/ada/cnn", "https://github.com/ada"])
def test_other_addresses_are_refused(bad):
    with pytest.raises(ValueError, match="expected an address like"):
        normal_url(bad)


def test_every_place_is_rewritten(small_book):
    path = write_chapter(small_book, "01_toy.ipynb", "1 + 1")
    write_toc(small_book, path.name)
    (small_book / "README.md").write_text(f"See {repository_url()}/issues.\n", encoding="utf-8")
    done = course_admin(small_book, "repoint", "https://github.com/ada/cnn.git")
    assert done.returncode == 0, done.stderr
    assert repository_url(small_book / "_config.yml") == "https://github.com/ada/cnn"
    cells = nbformat.read(path, as_version=4).cells
    assert "/github/ada/cnn/blob/colab/chapters/01_toy.ipynb" in cells[0].source
    assert '"https://github.com/ada/cnn"' in cells[1].source
    assert "github.com/ada/cnn/issues" in (small_book / "README.md").read_text(encoding="utf-8")


def test_a_bad_address_changes_nothing(small_book):
    before = (small_book / "_config.yml").read_bytes()
    done = course_admin(small_book, "repoint", "somewhere")
    assert done.returncode == 2
    assert "https://github.com/OWNER/REPO" in done.stderr
    assert (small_book / "_config.yml").read_bytes() == before


def test_config_links_and_set_up_cells_agree(chapters):
    expected = repository_url().removeprefix("https://github.com/")
    for path in chapters:
        cells = nbformat.read(path, as_version=4).cells
        setup = next(cell.source for cell in cells if cell.cell_type == "code")
        assert set(ADDRESS.findall(cells[0].source)) == {expected}, path.name
        assert set(ADDRESS.findall(setup)) == {expected}, path.name
    assert "OWNER/REPO" in (ROOT / "README.md").read_text(encoding="utf-8")
