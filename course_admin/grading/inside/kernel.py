"""Run the cells of a notebook one after the other, as Jupyter does, and outlive what they raise."""

from __future__ import annotations

import ast
import builtins
import contextlib
import linecache
import signal
import sys
import types
import warnings
from collections.abc import Callable, Iterator
from typing import Any

from course_admin.grading.inside.magics import python_of
from course_admin.grading.inside.notebook import parse
from course_utils.exercises.errors import short_message, student_line
from course_utils.exercises.plain import type_name
from course_utils.exercises.run import TimeIsUp

DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Import, ast.ImportFrom)
STATEMENT_SECONDS = 2.0
NOTHING = {"error": "", "text": "", "line": ""}


class Kernel:
    """A namespace in which cells run."""

    def __init__(self) -> None:
        # A module, so that classes, dataclasses and pickles of the student's find their home.
        self.module = types.ModuleType("__main__")
        sys.modules["__main__"] = self.module
        self.names = self.module.__dict__
        self.names.update(__builtins__=builtins, **_notebook_names())

    def run(self, number: int, source: str, *, how: str, seconds: float) -> dict[str, str]:
        """Run one cell; return ``error``, ``text`` and ``line``, empty where all went well.

        ``how`` is ``whole`` or ``definitions``: then only imports, functions, classes and plain
        assignments run, for a cell that did not come to its end when it ran whole.
        """
        tree, problem = parse(source)
        if tree is None:
            return {"error": problem or "SyntaxError", "text": "", "line": ""}
        name = f"<cell {number}>"
        _remember(name, python_of(source))
        if how == "whole":
            found = self._attempt(tree.body, name, seconds)
            if found:
                self._rest(tree, name)
            return found or dict(NOTHING)
        for node in tree.body:
            if isinstance(node, (*DEFINITIONS, ast.Assign, ast.AnnAssign)):
                self._attempt([node], name, STATEMENT_SECONDS)
        return dict(NOTHING)

    def _rest(self, tree: ast.Module, name: str) -> None:
        """Define what stands below the line that failed: it may be the answer."""
        for node in tree.body:
            new = getattr(node, "name", None) not in self.names
            if isinstance(node, DEFINITIONS) and new:
                self._attempt([node], name, STATEMENT_SECONDS)

    def _attempt(self, nodes: list[ast.stmt], name: str, seconds: float) -> dict[str, str]:
        try:
            with warnings.catch_warnings(), _alarm(seconds):
                warnings.simplefilter("ignore")
                module = ast.Module(body=nodes, type_ignores=[])
                exec(compile(module, name, "exec", dont_inherit=True), self.names)
        except TimeIsUp:
            return {"error": "TimeIsUp", "text": "", "line": ""}
        except BaseException as error:  # a cell may raise anything, SystemExit too
            return _said(error)
        return {}


def _said(error: BaseException) -> dict[str, str]:
    return {"error": type_name(error), "text": short_message(error), "line": student_line(error)}


def _remember(name: str, source: str) -> None:
    lines = [line + "\n" for line in source.split("\n")]
    linecache.cache[name] = (len(source), None, lines, name)


@contextlib.contextmanager
def _alarm(seconds: float) -> Iterator[None]:
    """Raise TimeIsUp in the main thread after `seconds`; code that swallows it is killed later."""

    def ring(*_: Any) -> None:
        raise TimeIsUp

    signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def _notebook_names() -> dict[str, Callable[..., Any]]:
    """Return what IPython puts into every notebook: ``display`` and ``get_ipython``."""

    def display(*_: Any, **__: Any) -> None:
        """Show nothing: nobody looks."""

    def get_ipython() -> None:
        """Return None, as outside of IPython."""

    return {"display": display, "get_ipython": get_ipython}
