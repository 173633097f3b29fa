"""The half of the grader that runs beside students' code, in the sandbox.

It imports nothing of `course_admin` but itself: only these files are shown to the sandbox.
"""
