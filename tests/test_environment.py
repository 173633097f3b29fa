"""The bootstrap says clearly what is missing, and installs only when something changed."""

from __future__ import annotations

import ast
from collections import namedtuple

from conftest import ROOT
from course_admin import environment

Usage = namedtuple("Usage", "total used free")


def test_an_old_python_is_named():
    sentence = environment.python_problem((3, 9, 1))
    assert "3.10" in sentence
    assert "3.9" in sentence
    assert environment.python_problem((3, 10, 0)) is None
    assert environment.python_problem((3, 14, 0)) is None


def test_a_full_disk_is_named(tmp_path):
    sentence = environment.disk_problem(str(tmp_path), usage=lambda _: Usage(1, 1, 2e9))
    assert "2.0 GB free" in sentence
    assert environment.disk_problem(str(tmp_path), usage=lambda _: Usage(1, 1, 50e9)) is None


def test_much_room_is_asked_for_only_where_torch_is_to_come(tmp_path):
    course = environment.read_requirements(str(ROOT / "requirements-test.txt"))
    small = environment.read_requirements(str(ROOT / "requirements-nbgrader.txt"))
    room = [environment.needed_gb(str(tmp_path), text) for text in (course, small)]
    (tmp_path / "lib/python3.12/site-packages/torch").mkdir(parents=True)
    assert [*room, environment.needed_gb(str(tmp_path), course)] == [9, 1, 1]


def test_an_old_python_can_read_the_script():
    source = (ROOT / "course_admin" / "environment.py").read_text(encoding="utf-8")
    ast.parse(source, feature_version=(3, 6))


def test_included_requirements_count(tmp_path):
    (tmp_path / "base.txt").write_text("numpy\n", encoding="utf-8")
    (tmp_path / "more.txt").write_text("-r base.txt\npytest\n", encoding="utf-8")
    assert environment.read_requirements(str(tmp_path / "more.txt")) == "numpy\npytest\n"


def test_nothing_runs_when_nothing_changed(tmp_path, monkeypatch):
    calls = []
    monkeypatch.setattr(environment.subprocess, "call", lambda command: calls.append(command) or 0)
    monkeypatch.setattr(environment, "disk_problem", lambda *_: None)
    requirements = tmp_path / "requirements.txt"
    requirements.write_text("numpy\n", encoding="utf-8")
    venv = tmp_path / "venv"
    venv.mkdir()
    assert environment.install(str(venv), str(requirements)) == 0
    first = len(calls)
    assert first == 2
    assert environment.install(str(venv), str(requirements)) == 0
    assert len(calls) == first
    requirements.write_text("scipy\n", encoding="utf-8")
    assert environment.install(str(venv), str(requirements)) == 0
    assert len(calls) > first


def test_a_failed_install_is_not_taken_for_done(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(environment.subprocess, "call", lambda command: 1)
    monkeypatch.setattr(environment, "disk_problem", lambda *_: None)
    requirements = tmp_path / "requirements.txt"
    requirements.write_text("numpy\n", encoding="utf-8")
    venv = tmp_path / "venv"
    venv.mkdir()
    assert environment.install(str(venv), str(requirements)) == 1
    assert "Could not install" in capsys.readouterr().err
    assert list(venv.iterdir()) == []


def test_requirements_are_ranges():
    for name in ("requirements.txt", "requirements-test.txt"):
        for line in (ROOT / name).read_text(encoding="utf-8").splitlines():
            assert "==" not in line, f"{name}: {line}"
