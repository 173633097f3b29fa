"""Read an exception that an answer raised: its message and the student's own line."""

from __future__ import annotations

import linecache
import os
import sys
import sysconfig
import traceback

from course_utils.exercises.describe import shorten
from course_utils.exercises.run import TimeIsUp

BOOK = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PYTHON = [os.path.abspath(sysconfig.get_path(name)) for name in ("stdlib", "purelib", "platlib")]
# In a virtual environment the standard library's files may name the base installation.
PYTHON.append(os.path.join(sys.base_prefix, "lib"))
NOT_THE_STUDENT = tuple(os.path.join(folder, "") for folder in (BOOK, *PYTHON))
MAX_LINE = 90


def short_message(error: BaseException) -> str:
    """Return the exception's text on one line, whatever its ``__str__`` does."""
    try:
        return shorten(str(error), 200)
    except TimeIsUp:
        raise
    except BaseException:  # __str__ belongs to the student too
        return ""


def student_line(error: BaseException) -> str:
    """Return the last line of the student's code that the exception passed: ``line 3: …``."""
    for frame in reversed(_frames(error)):
        if not _is_ours(frame.filename):
            text = shorten(_source(frame), MAX_LINE)
            return f"line {frame.lineno}: {text}" if text else f"line {frame.lineno}"
    return ""


def is_unanswered(error: BaseException) -> bool:
    """Return whether a stub raised this, and not a library that lacks an operation."""
    frames = _frames(error)
    if type(error) is not NotImplementedError or not frames or _is_ours(frames[-1].filename):
        return False
    source = _source(frames[-1])
    return "NotImplementedError" in source or not source


def _frames(error: BaseException) -> list[traceback.FrameSummary]:
    # Only the last frames: an endless recursion has thousands.
    # The attribute is read from BaseException, since the error's own class may override it.
    walked = traceback.walk_tb(BaseException.__dict__["__traceback__"].__get__(error))
    return list(traceback.StackSummary.extract(walked, limit=-30, lookup_lines=False))


def _source(frame: traceback.FrameSummary) -> str:
    return linecache.getline(frame.filename, frame.lineno or 0).strip()


def _is_ours(filename: str) -> bool:
    """Return whether a file belongs to the book, to Python or to a library.

    A notebook's cell has a file name that exists nowhere, or one in the temporary folder.
    """
    return filename.startswith("<frozen") or os.path.abspath(filename).startswith(NOT_THE_STUDENT)
