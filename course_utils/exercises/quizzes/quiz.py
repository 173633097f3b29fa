"""``quiz("05")``: the questions of a chapter as plain HTML that needs no script.

Each choice is a disclosure (``<details>``): its summary is the choice, its body says whether it is
right and why. Keyboards and screen readers know these without our help.
"""

from __future__ import annotations

import string
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from course_utils.exercises.quizzes.inline import inline_html, inline_text
from course_utils.exercises.quizzes.load import Question, load

FOLDER = Path(__file__).parent
MOUNTED: Counter[str] = Counter()

# Only inherited colours: the page, JupyterLab and Colab bring their own, in light and in dark.
# The book's theme hides the triangle of every <details>, so the quiz draws its own, without a name.
STYLE = """<style>
.course-quiz { padding-left: 1.6em; margin: 0.5em 0; }
.course-quiz > li { margin: 0 0 1.4em; }
.course-quiz p { margin: 0 0 0.5em; }
.course-quiz details { border: 1px solid rgba(128, 128, 128, 0.6); border-radius: 0.25em;
  margin: 0.35em 0; padding: 0; background: transparent; color: inherit; }
.course-quiz summary { cursor: pointer; padding: 0.45em 0.7em 0.45em 1.8em; text-indent: -1.1em;
  color: inherit; display: block; list-style: none; }
.course-quiz summary::-webkit-details-marker { display: none; }
.course-quiz summary::before { content: "\\25B8"; content: "\\25B8" / ""; display: inline-block;
  width: 1.1em; text-indent: 0; }
.course-quiz details[open] > summary::before { content: "\\25BE"; content: "\\25BE" / ""; }
.course-quiz code { color: inherit; background: transparent; border: 0; }
.course-quiz summary:focus-visible { outline: 2px solid currentColor; outline-offset: 2px; }
.course-quiz details > p { margin: 0; padding: 0.2em 0.7em 0.6em 1.8em; }
</style>"""


@dataclass(frozen=True)
class Quiz:
    """A chapter's questions; the last line of a cell shows it.

    ``ident`` begins every id in its HTML, so that two quizzes on one page do not clash.
    """

    chapter: str
    questions: tuple[Question, ...]
    ident: str

    def _repr_html_(self) -> str:
        items = [self._question(number, q) for number, q in enumerate(self.questions, start=1)]
        return f'<div>{STYLE}<ol class="course-quiz">{"".join(items)}</ol></div>'

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return {"text/html": self._repr_html_(), "text/plain": str(self)}

    def __str__(self) -> str:
        lines = [f"Quiz of chapter {self.chapter}"]
        for number, question in enumerate(self.questions, start=1):
            lines.append(f"\n{number}. {inline_text(question.question)}")
            for letter, choice in _lettered(question):
                lines.append(f"   {letter}. {inline_text(choice.text)}")
        lines.append(f'\nFor the answers: print(quiz("{self.chapter}").answers())')
        return "\n".join(lines)

    def __repr__(self) -> str:
        return f"<Quiz of chapter {self.chapter}: {len(self.questions)} questions>"

    def answers(self) -> str:
        """Return every choice's comment as text, for a reader without HTML."""
        lines = []
        for number, question in enumerate(self.questions, start=1):
            for letter, choice in _lettered(question):
                word = "Right" if choice.right else "Not quite"
                lines.append(f"{number} {letter}. {word}. {inline_text(choice.why)}")
        return "\n".join(lines)

    def _question(self, number: int, question: Question) -> str:
        ident = f"{self.ident}-{number}"
        choices = [
            f'<details name="{ident}"><summary>{letter}. {inline_html(choice.text)}</summary>'
            f"<p><strong>{'Right.' if choice.right else 'Not quite.'}</strong> "
            f"{inline_html(choice.why)}</p></details>"
            for letter, choice in _lettered(question)
        ]
        return (
            f'<li><div role="group" aria-labelledby="{ident}">'
            f'<p id="{ident}"><strong>{inline_html(question.question)}</strong></p>'
            f"{''.join(choices)}</div></li>"
        )


def _lettered(question: Question) -> Any:
    return zip(string.ascii_uppercase, question.choices, strict=False)


def quiz(chapter: str) -> Quiz:
    """Return the quiz of a chapter: ``quiz("05")``.

    Every choice opens to say whether it is right and why.

    Raises
    ------
    ValueError
        If the chapter has no quiz, or its file breaks the rules; the message says which.
    """
    path = FOLDER / f"ch{chapter}.yml"
    if not path.is_file():
        there = sorted(file.stem[2:] for file in FOLDER.glob("ch*.yml"))
        raise ValueError(f"no quiz for chapter {chapter!r}; there are {', '.join(there) or 'none'}")
    MOUNTED[chapter] += 1
    ident = f"quiz-{chapter}" if MOUNTED[chapter] == 1 else f"quiz-{chapter}-{MOUNTED[chapter]}"
    return Quiz(chapter, load(path), ident)
