"""Exercises under other conventions than the book's, one module a chapter that has any.

A module ``chNN.py`` defines ``FAMILIES``. What a student reads of a member, and its reference
solution, are in ``course_admin/members``.
"""
