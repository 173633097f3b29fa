"""The student form's text: the book's markup in words that a notebook shows."""

from __future__ import annotations

import re

import nbformat
import pytest

from course_admin.plain_markdown import REFERENCES_ID, cited_keys, plain, plain_notebook, reference
from course_admin.student import student_form

MARKUP = re.compile(r"^:{3,}|\{[a-z]+(:[a-z]+)?\}`|^\([\w-]+\)=$", re.MULTILINE)


@pytest.mark.parametrize(
    ("myst", "markdown"),
    [
        ("(ch05-sum)=\n## The sum", "## The sum"),
        ("a\n\n:::{admonition} Predict\n:class: tip\nHow many?\n\nGuess.\n:::\n\nb",
         "a\n\n> **Predict**\n>\n> How many?\n>\n> Guess.\n\nb"),
        (":::{note}\nx\n:::", "> **Note**\n>\n> x"),
        ("::::{admonition} A\n:::{admonition} B\nx\n:::\n::::",
         "> **A**\n>\n> > **B**\n> >\n> > x"),
        (":::{admonition} A\n$$\nx > 1\n$$\n:::", "> **A**\n>\n> $$ x > 1 $$"),
        ("$$\nx\n$$", "$$\nx\n$$"),
        ("as {cite:t}`lecun1998gradient` say", "as LeCun et al. (1998) say"),
        ("it {cite}`robbins1951stochastic,lecun1998gradient`.",
         "it (Robbins and Monro, 1951; LeCun et al., 1998)."),
        ("it {cite:p}`robbins1951stochastic`.", "it (Robbins and Monro, 1951)."),
        ("see {doc}`11_training_a_cnn`", "see [Training a CNN](11_training_a_cnn.ipynb)"),
        ("see {doc}`there <11_training_a_cnn>`", "see [there](11_training_a_cnn.ipynb)"),
        ("see {ref}`above <ch14-table>`", "see above"),
        ("`{cite}` in code, $f(x)=\n1$", "`{cite}` in code, $f(x)=\n1$"),
    ],
)  # fmt: skip
def test_markup_becomes_words(myst, markdown):
    assert plain(myst) == markdown


@pytest.mark.parametrize(
    ("myst", "words"),
    [
        ("{cite}`nobody2099`", "nobody2099"),
        ("{doc}`99_nowhere`", "99_nowhere"),
        (":::{note}\nx", "never closed"),
    ],
)
def test_what_leads_nowhere_is_refused(myst, words):
    with pytest.raises(ValueError, match=words):
        plain(myst)


def test_a_reference_is_whole_and_on_one_line():
    line = reference("lecun1998gradient").replace("\\", "")
    assert "\n" not in line
    for part in ("LeCun", "Gradient-based learning", "86", "1998"):
        assert part in line


def test_works_are_listed_once_at_the_end():
    cells = [nbformat.v4.new_markdown_cell("{cite}`lecun1998gradient`") for _ in range(2)]
    notebook = nbformat.v4.new_notebook(cells=cells)
    plain_notebook(notebook)
    last = notebook.cells[-1]
    assert last.id == REFERENCES_ID
    assert last.source.count("Gradient") == 1


def test_no_markup_is_left_in_any_chapter(chapters):
    for path in chapters:
        notebook = nbformat.read(path, as_version=4)
        student = student_form(notebook)
        nbformat.validate(student)
        text = "\n".join(c.source for c in student.cells if c.cell_type == "markdown")
        assert MARKUP.findall(text) == [], path.name
        was = "\n".join(c.source for c in notebook.cells if c.cell_type == "markdown")
        assert cited_keys(was)
        assert text.count("$$") == was.count("$$")
