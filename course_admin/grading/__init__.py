"""Grading: what stands behind `python -m course_admin grade`, `regrade` and `export`.

Students' code runs in a process of its own that sees only :mod:`course_admin.grading.inside`, a
stripped `course_utils` and the Python environment; everything else here runs outside of it, and
sees of a submission only plain values.
"""
