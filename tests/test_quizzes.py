"""Quizzes: the file's rules, and HTML that needs no script."""

from __future__ import annotations

import copy
import importlib
from html.parser import HTMLParser
from pathlib import Path

import pytest
import yaml

from course_utils.exercises import quiz
from course_utils.exercises.quizzes.inline import check_inline, inline_html, inline_text
from course_utils.exercises.quizzes.load import load
from course_utils.exercises.quizzes.quiz import FOLDER, STYLE, Quiz

VOID = {"br", "img", "input", "hr", "meta", "link"}
CHAPTERS = sorted(path.stem[2:] for path in FOLDER.glob("ch*.yml"))


def question(n):
    wrong = [{"text": f"wrong {n} {k}", "why": f"because {k}"} for k in range(2)]
    right = {"text": f"right {n}", "why": "so it is", "right": True}
    choices = [wrong[0], right, wrong[1]]
    return {"question": f"Question {n} about x<sup>2</sup>?", "choices": choices}


def rows():
    return [question(n) for n in range(4)]


def written(folder: Path, content) -> Path:
    path = folder / "ch05.yml"
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    return path


class Outline(HTMLParser):
    """Checks that tags nest, and collects elements, ids and the text of each summary."""

    def __init__(self, text):
        super().__init__()
        self.stack, self.tags, self.ids, self.labels = [], [], [], []
        self.feed(text)
        self.close()
        assert not self.stack

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        self.tags.append((tag, attributes))
        if "id" in attributes:
            self.ids.append(attributes["id"])
        if "aria-labelledby" in attributes:
            self.labels.append(attributes["aria-labelledby"])
        if tag not in VOID:
            self.stack.append(tag)

    def handle_endtag(self, tag):
        assert self.stack.pop() == tag

    def count(self, tag):
        return sum(name == tag for name, _ in self.tags)


@pytest.fixture
def small_quiz(tmp_path):
    return Quiz("05", load(written(tmp_path, rows())), "quiz-05")


def test_html_is_a_list_of_disclosures(small_quiz):
    outline = Outline(small_quiz._repr_html_())
    assert (outline.count("li"), outline.count("details"), outline.count("summary")) == (4, 12, 12)
    assert len(set(outline.ids)) == 4
    assert outline.labels == outline.ids
    assert not any(outline.count(tag) for tag in ("script", "h1", "h2", "h3", "h4", "input", "img"))
    assert not any(name.startswith("on") for _, attributes in outline.tags for name in attributes)
    assert not any(attributes.get("open") for _, attributes in outline.tags)


def test_each_choice_says_in_words_whether_it_is_right(small_quiz):
    html = small_quiz._repr_html_()
    assert html.count("<strong>Right.</strong> so it is") == 4
    assert html.count("<strong>Not quite.</strong> because") == 8
    assert "<summary>B. right 0</summary><p><strong>Right.</strong>" in html


def test_style_uses_only_the_surroundings_colours(small_quiz):
    assert STYLE in small_quiz._repr_html_()
    assert "#" not in STYLE
    assert "white" not in STYLE
    assert "black" not in STYLE
    rules = STYLE.removeprefix("<style>").removesuffix("</style>").split("}")
    assert all(rule.strip().startswith(".course-quiz") for rule in rules if rule.strip())


def test_text_fallback_has_the_choices_and_hides_the_answers(small_quiz):
    bundle = small_quiz._repr_mimebundle_()
    assert set(bundle) == {"text/html", "text/plain"}
    assert "1. Question 0 about x^2?" in bundle["text/plain"]
    assert "   B. right 0" in bundle["text/plain"]
    assert "so it is" not in bundle["text/plain"]
    assert "1 B. Right. so it is" in small_quiz.answers()
    assert "1 A. Not quite. because 0" in small_quiz.answers()
    assert repr(small_quiz) == "<Quiz of chapter 05: 4 questions>"


def test_two_quizzes_on_one_page_share_no_id(tmp_path, monkeypatch):
    module = importlib.import_module("course_utils.exercises.quizzes.quiz")
    written(tmp_path, rows())
    monkeypatch.setattr(module, "FOLDER", tmp_path)
    monkeypatch.setattr(module, "MOUNTED", type(module.MOUNTED)())
    first, second = quiz("05"), quiz("05")
    ids = Outline(first._repr_html_() + second._repr_html_()).ids
    assert len(set(ids)) == len(ids) == 8
    assert first._repr_html_() == first._repr_html_()


def test_unknown_chapter():
    with pytest.raises(ValueError, match="no quiz for chapter '99'"):
        quiz("99")


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("x<sup>2</sup> and <code>f(x)</code>", "x<sup>2</sup> and <code>f(x)</code>"),
        ("<em>a</em> <strong>b</strong> c<sub>i</sub>", None),
        ("a < b & c > d", "a &lt; b &amp; c &gt; d"),
        ("a &lt; b &times; c", "a &lt; b × c"),
        ("<script>alert(1)</script>", "&lt;script&gt;alert(1)&lt;/script&gt;"),
        ('<em onclick="x()">a', "&lt;em onclick=&quot;x()&quot;&gt;a"),
        ("&lt;script&gt;", "&lt;script&gt;"),
        ("<b>bold</b>", "&lt;b&gt;bold&lt;/b&gt;"),
    ],
)
def test_inline_html(text, html):
    assert inline_html(text) == (html or text)


def test_inline_text():
    assert inline_text("x<sup>2</sup>, <em>w</em><sub>i</sub> &lt; 3") == "x^2, w_i < 3"


@pytest.mark.parametrize("text", ["<em>a", "a</em>", "<em><sub>a</em></sub>"])
def test_unbalanced_tags(text):
    with pytest.raises(ValueError, match="closed|closes nothing"):
        check_inline(text)


def change(path, value):
    """Return a function that sets or deletes what is at ``path`` in a quiz."""

    def apply(content):
        *way, last = path
        for key in way:
            content = content[key]
        if value is None:
            del content[last]
        else:
            content[last] = value

    return apply


FAULTS = {
    "three questions": (change([3], None), "at least 4 questions, got 3"),
    "no right one": (change([1, "choices", 1, "right"], None), "question 2: exactly .* 0 have"),
    "two right ones": (
        change([0, "choices", 0, "right"], True),
        "question 1: exactly .* 2 have",
    ),
    "no why": (change([0, "choices", 2, "why"], None), "question 1, choice 3: missing why"),
    "empty why": (change([0, "choices", 2, "why"], " "), "choice 3: why must be text"),
    "unknown key": (change([0, "choices", 2, "correct"], True), "unknown correct"),
    "number": (
        change([0, "choices", 2, "text"], 28),
        "choice 3: text must be .* quotes, not 28",
    ),
    "yes": (change([0, "choices", 1, "right"], "yes"), "`right` must be true or false"),
    "two choices": (change([2, "choices", 0], None), "question 3: expected 3 to 6 choices"),
    "the same twice": (change([0, "choices", 0, "text"], "right 0"), "two choices have the same"),
    "open tag": (change([0, "question"], "<em>a"), "question 1: question: <em> is never closed"),
    "text for a question": (change([1], "why?"), "question 2: expected the keys"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_faults_are_named(name, tmp_path):
    apply, message = FAULTS[name]
    content = copy.deepcopy(rows())
    load(written(tmp_path, content))
    apply(content)
    with pytest.raises(ValueError, match=message):
        load(written(tmp_path, content))


def test_not_yaml(tmp_path):
    path = tmp_path / "ch05.yml"
    path.write_text('- question: "open', encoding="utf-8")
    with pytest.raises(ValueError, match=r"ch05.yml is not valid YAML"):
        load(path)
    path.write_text("just text", encoding="utf-8")
    with pytest.raises(ValueError, match="no list of"):
        load(path)


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_quizzes_of_the_book(chapter):
    """Every quiz loads, and the right one is not always at the same place."""
    shown = quiz(chapter)
    Outline(shown._repr_html_())
    places = {[c.right for c in question.choices].index(True) for question in shown.questions}
    assert len(places) > 1
