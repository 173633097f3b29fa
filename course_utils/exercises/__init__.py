"""Exercises that understand mistakes, and quizzes.

A chapter's exercises are in ``chNN.py``, their other conventions in ``families/chNN.py``, its quiz
in ``quizzes/chNN.yml``.
"""

from course_utils.exercises.check import check
from course_utils.exercises.core import Exercise, Family, Mistake
from course_utils.exercises.quizzes import quiz
from course_utils.exercises.report import Result

__all__ = ["Exercise", "Family", "Mistake", "Result", "check", "quiz"]
