"""Chapters are kept in canonical form, and the form is what design.md says."""

from __future__ import annotations

import json

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_output

from course_admin.canonical import canonical, canonical_text, to_text
from course_admin.paths import chapter_paths
from course_utils.exercises import core
from toy_notebooks import ANSWER, toy_chapter

URL = "https://github.com/someone/somewhere"


def test_every_chapter_is_canonical(chapters):
    assert chapters
    for path in chapters:
        assert canonical_text(path) == path.read_text(encoding="utf-8"), path.name


def test_canonical_is_a_fixed_point():
    once = canonical(toy_chapter("1 + 1", "2 + 2"), "99_toy.ipynb", URL)
    assert to_text(canonical(once, "99_toy.ipynb", URL)) == to_text(once)


def test_outputs_stay_only_where_nbval_compares_them():
    notebook = toy_chapter("print(3)", "print(4)")
    for cell, text in zip(notebook.cells[2:], ("3\n", "4\n"), strict=True):
        cell.outputs = [new_output("stream", name="stdout", text=text)]
        cell.execution_count = 7
    notebook.cells[2].metadata["tags"] = ["nbval-check-output"]
    kept, dropped = canonical(notebook, "99_toy.ipynb", URL).cells[2:]
    assert kept.outputs[0].text == "3\n"
    assert kept.execution_count == 1
    assert dropped.outputs == []
    assert dropped.execution_count is None


def test_prints_that_came_in_pieces_are_one_output():
    notebook = toy_chapter("print(1)")
    pieces = [new_output("stream", name="stdout", text=text) for text in ("1\n", "2\n")]
    notebook.cells[2].outputs = pieces
    notebook.cells[2].metadata["tags"] = ["nbval-check-output"]
    cell = canonical(notebook, "99_toy.ipynb", URL).cells[2]
    assert [output.text for output in cell.outputs] == ["1\n2\n"]


def test_editors_metadata_goes_and_ids_stay():
    notebook = toy_chapter("1 + 1")
    notebook.metadata["vscode"] = {"x": 1}
    cell = notebook.cells[2]
    cell.metadata.update(
        {"collapsed": True, "execution": {"started": "now"}, "tags": ["hide-cell"]}
    )
    clean = canonical(notebook, "99_toy.ipynb", URL)
    assert clean.cells[2].metadata == {"tags": ["hide-cell"]}
    assert clean.cells[2].id == cell.id
    assert set(clean.metadata) == {"accelerator", "kernelspec", "language_info"}
    assert clean.metadata.accelerator == "GPU"


def test_repeated_ids_are_told_apart():
    notebook = toy_chapter("1", "2")
    notebook.cells[3].id = notebook.cells[2].id
    ids = [cell.id for cell in canonical(notebook, "99_toy.ipynb", URL).cells]
    assert len(set(ids)) == len(ids)


def test_exercise_cells_get_the_metadata_that_nbgrader_reads():
    exercise = core.exercises_of(core.chapters()[0])[0]
    notebook = toy_chapter(ANSWER, f'check("{exercise.id}", double)')
    answer, check = (c.metadata for c in canonical(notebook, "99_toy.ipynb", URL).cells[2:])
    assert answer.nbgrader["solution"] is True
    assert answer.nbgrader["schema_version"] == 3
    assert "hide-input" in answer.tags
    assert check.nbgrader["grade"] is True
    assert check.nbgrader["locked"] is True
    assert check.nbgrader["points"] == exercise.points
    assert check.nbgrader["grade_id"] != answer.nbgrader["grade_id"]


def test_cells_that_only_draw_are_folded():
    draws = "fig, ax = plt.subplots()\nax.plot(y)\nplt.show()"
    notebook = toy_chapter(draws, "y = f(x)\n" + draws, "fig, ax = plt.subplots()")
    folded, *shown = canonical(notebook, "99_toy.ipynb", URL).cells[2:]
    assert folded.metadata.tags == ["hide-input"]
    assert folded.metadata.mystnb.code_prompt_show == "Show how it is drawn"
    assert all("tags" not in cell.metadata for cell in shown)


def test_a_check_without_an_answer_is_refused():
    with pytest.raises(ValueError, match="no answer cell"):
        canonical(toy_chapter('check("00.1", f)'), "99_toy.ipynb", URL)


def test_a_chapter_without_title_or_set_up_is_refused():
    no_title = nbformat.v4.new_notebook(cells=[new_code_cell("1")])
    with pytest.raises(ValueError, match="first cell must be markdown"):
        canonical(no_title, "99_toy.ipynb", URL)
    no_setup = toy_chapter()
    no_setup.cells[1].source = "print(1)"
    with pytest.raises(ValueError, match="set-up"):
        canonical(no_setup, "99_toy.ipynb", URL)


def test_the_set_up_cell_and_link_are_the_same_in_every_chapter(chapters):
    setups = set()
    for path in chapters:
        cells = nbformat.read(path, as_version=4).cells
        setups.add(next(cell.source for cell in cells if cell.cell_type == "code"))
        assert f"/blob/colab/chapters/{path.name})" in cells[0].source
    assert len(setups) == 1


def test_text_is_sorted_json_with_a_final_newline():
    text = to_text(canonical(toy_chapter("1"), "99_toy.ipynb", URL))
    assert text.endswith("}\n")
    assert list(json.loads(text)) == sorted(json.loads(text))


def test_chapter_paths_are_in_order():
    names = [path.name for path in chapter_paths()]
    assert names == sorted(names)
