"""The build runs what changed and nothing else, and a failure stays a failure."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest

from course_admin import page_repairs
from course_admin.build import cache_folder, kernel_environment, prune_caches
from toy_notebooks import write_chapter, write_toc

pytestmark = pytest.mark.slow


def build(book):
    command = [sys.executable, "-m", "course_admin", "build", "--scale", "smoke"]
    return subprocess.run(command, cwd=book, capture_output=True, text=True)


def executed(done):
    return done.stdout.count("Executed notebook in") + done.stderr.count("Executed notebook in")


def test_only_what_changed_runs_again(small_book):
    first = write_chapter(small_book, "01_one.ipynb", "print(1)")
    write_chapter(small_book, "02_two.ipynb", "print(2)")
    write_toc(small_book, "01_one", "02_two")
    done = build(small_book)
    assert done.returncode == 0, done.stdout + done.stderr
    assert executed(done) == 2
    assert "01_one.ipynb" in done.stdout.split("seconds")[-1]

    started = time.perf_counter()
    assert executed(build(small_book)) == 0
    assert time.perf_counter() - started < 20

    write_chapter(small_book, first.name, "print(11)")
    assert executed(build(small_book)) == 1

    module = small_book / "course_utils" / "scales.py"
    module.write_text(module.read_text(encoding="utf-8") + "\n# changed\n", encoding="utf-8")
    assert executed(build(small_book)) == 2


def test_a_failing_cell_fails_every_build(small_book):
    write_chapter(small_book, "01_one.ipynb", "1 / 0")
    write_toc(small_book, "01_one")
    assert build(small_book).returncode != 0
    assert build(small_book).returncode != 0


def test_a_warning_fails_every_build(small_book):
    write_chapter(small_book, "01_one.ipynb", "print(1)")
    write_toc(small_book, "01_one")
    (small_book / "index.md").write_text("# A book\n\n[lost](nowhere.md)\n", encoding="utf-8")
    assert build(small_book).returncode != 0
    assert build(small_book).returncode != 0


def test_the_cache_is_keyed_by_scale_code_and_data(small_book):
    folders = {cache_folder("smoke", small_book), cache_folder("lecture", small_book)}
    (small_book / "data" / "new.txt").write_text("1", encoding="utf-8")
    folders.add(cache_folder("smoke", small_book))
    (small_book / "course_utils" / "new.py").write_text("x = 1\n", encoding="utf-8")
    folders.add(cache_folder("smoke", small_book))
    assert len(folders) == 4
    assert cache_folder("smoke", small_book) in folders


def test_old_caches_are_deleted(tmp_path):
    folders = [tmp_path / f"smoke-{index}" for index in range(7)]
    for folder in folders:
        folder.mkdir()
    prune_caches(tmp_path, keep=folders[0])
    assert folders[0].exists()
    assert len(list(tmp_path.iterdir())) == 4


def test_the_callers_environment_does_not_leak_into_chapters(monkeypatch):
    monkeypatch.setenv("MPLBACKEND", "Agg")
    monkeypatch.setenv("COURSE_SCALE", "full")
    seen = kernel_environment("smoke")
    assert "MPLBACKEND" not in seen
    assert seen["COURSE_SCALE"] == "smoke"


def test_scripts_are_left_out_by_their_name_at_any_depth():
    page = '<script src="searchindex.js"></script><script defer src="../a/b.js?digest=1"></script>'
    kept = '<script src="mysearchindex.js"></script>'
    assert page_repairs.without_scripts(page + kept, "searchindex.js", "b.js") == kept
