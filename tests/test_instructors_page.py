"""The instructors' page: run as a new instructor would, and true of every command."""

from __future__ import annotations

import re

import pytest

import console_page
from course_admin.__main__ import COMMANDS
from course_admin.grading.records import STATUSES
from course_admin.paths import ROOT

TEXT = console_page.PAGE.read_text(encoding="utf-8")


def test_the_page_is_in_the_book():
    assert "chapters/appendix_instructors" in (ROOT / "_toc.yml").read_text(encoding="utf-8")


@pytest.mark.parametrize("module", COMMANDS, ids=lambda module: module.__name__.split(".")[-1])
def test_every_command_is_there_with_what_its_help_says(module):
    name = module.__name__.rsplit(".", 1)[1]
    summary = module.__doc__.splitlines()[0]
    assert f"| `python -m course_admin {name}` | {summary} |" in TEXT
    assert re.search(rf"^\$? ?python -m course_admin {name}\b", TEXT, re.MULTILINE), "no example"


def test_no_command_is_there_that_is_not():
    named = set(re.findall(r"python -m course_admin (\w+)", TEXT))
    assert named == {module.__name__.rsplit(".", 1)[1] for module in COMMANDS}


def test_every_status_is_explained():
    assert set(re.findall(r"^\| ([a-z ]+) \| ", TEXT, re.MULTILINE)) >= set(STATUSES)


@pytest.mark.slow
def test_what_stands_under_a_command_is_what_it_prints(tmp_path, local_clone_source):
    found = console_page.run(TEXT, tmp_path, local_clone_source)
    assert len(found) >= 20
    for step in found:
        assert step.status == 0, f"{step.command}\n{step.printed}{step.complaints}"
        assert step.printed == step.said, step.command
