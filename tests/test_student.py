"""The student form: stubs for answers, every other code cell as it is."""

from __future__ import annotations

import nbformat
import pytest

from course_admin.__main__ import main
from course_admin.student import STUB, student_form, with_stub
from toy_notebooks import ANSWER, toy_chapter


def test_the_answer_becomes_a_friendly_stub():
    stubbed = with_stub(ANSWER)
    assert stubbed == f'def double(x):\n    """Twice x."""\n    {STUB}'
    names: dict = {}
    exec(stubbed, names)
    with pytest.raises(NotImplementedError, match="Write your answer"):
        names["double"](2)


def test_several_answers_in_a_cell():
    assert with_stub(ANSWER + "\n\n\n" + ANSWER).count(STUB) == 2


@pytest.mark.parametrize("lost", ["    ### END SOLUTION", "    ### BEGIN SOLUTION\n"])
def test_a_marker_without_partner_is_refused(lost):
    with pytest.raises(ValueError, match="pairs"):
        with_stub(ANSWER.replace(lost, ""))


def test_only_answers_change():
    notebook = toy_chapter("x = 1", ANSWER)
    stripped = student_form(notebook)
    assert [c.source for c in stripped.cells[:3]] == [c.source for c in notebook.cells[:3]]
    assert "doubled" not in stripped.cells[3].source
    assert "doubled" in notebook.cells[3].source


def test_no_solution_line_is_left_in_any_chapter(chapters, tmp_path):
    assert main(["student", "--out", str(tmp_path)]) == 0
    for path in chapters:
        cells = nbformat.read(path, as_version=4).cells
        answers = [cell.source for cell in cells if "BEGIN SOLUTION" in cell.source]
        written = (tmp_path / path.name).read_text(encoding="utf-8")
        assert answers
        assert written.count("Write your answer in place of this line") == len(answers)
        assert "SOLUTION" not in written


def test_it_never_overwrites_the_source(chapters, capsys):
    assert main(["student", "--out", str(chapters[0].parent), str(chapters[0])]) == 2
    assert "overwrite itself" in capsys.readouterr().err


def test_a_students_work_is_kept(chapters, tmp_path):
    command = ["student", "--out", str(tmp_path), str(chapters[0])]
    assert main(command) == 0
    target = tmp_path / chapters[0].name
    written = target.read_text(encoding="utf-8")
    target.write_text("my work", encoding="utf-8")
    assert main(command) == 0
    assert target.read_text(encoding="utf-8") == "my work"
    assert main([*command, "--force"]) == 0
    assert target.read_text(encoding="utf-8") == written
