"""Multiple-choice questions, one YAML file a chapter, as plain HTML."""

from course_utils.exercises.quizzes.quiz import Quiz, quiz

__all__ = ["Quiz", "quiz"]
