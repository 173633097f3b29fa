"""Compare two plain values (see :mod:`course_utils.exercises.plain`).

Lenient where a type is a matter of taste: list and tuple, array and tensor, a number and a 0-d
array, 1 and 1.0 and True are interchangeable; an array of one dimension may stand for a list.
Strict where it matters to the next line of code: a list does not stand for an array, nor shape (1,)
for a number. Integers must be equal; NaN equals NaN.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from course_utils.exercises.describe import brief, brief_pair, kind_of

INT_LIMIT = 2**63


@dataclass(frozen=True)
class Tolerance:
    """How close two numbers must be: ``|got - expected| <= atol + rtol * |expected|``."""

    rtol: float = 1e-6
    atol: float = 1e-9
    same_dtype: bool = False


EXACT = Tolerance(rtol=0.0, atol=0.0, same_dtype=True)


def difference(expected: Any, got: Any, tolerance: Tolerance) -> str | None:
    """Say in a few words how ``got`` differs from ``expected``; None if it does not."""
    if _is_number(expected) or isinstance(expected, np.ndarray):
        return _array_difference(expected, got, tolerance)
    if isinstance(expected, list):
        return _list_difference(expected, got, tolerance)
    if isinstance(expected, dict):
        return _dict_difference(expected, got, tolerance)
    if _is_number(got) or type(got) is not type(expected):
        return _kind_difference(expected, got)
    return None if got == expected else "the values differ"


def _is_number(value: Any) -> bool:
    return isinstance(value, (bool, int, float, complex))


def _kind_difference(expected: Any, got: Any) -> str:
    if got is None:
        return "nothing was returned (is a `return` missing?)"
    return f"{kind_of(got)} came back where {kind_of(expected)} was expected"


def _array_difference(expected: Any, got: Any, tolerance: Tolerance) -> str | None:
    if not (_is_number(got) or isinstance(got, np.ndarray)):
        return _kind_difference(expected, got)
    if type(expected) is int and type(got) is int:
        return None if expected == got else "the numbers differ"
    wanted, given = _as_array(expected), _as_array(got)
    kinds = {wanted.dtype.kind, given.dtype.kind}
    if kinds & set("US") and len(kinds) > 1:
        return f"{given.dtype.name} came back where {wanted.dtype.name} was expected"
    if wanted.shape != given.shape:
        return _shape_difference(wanted, given)
    if tolerance.same_dtype and wanted.dtype != given.dtype and not kinds & set("US"):
        return f"the number type is {given.dtype.name}, expected {wanted.dtype.name}"
    bad = _far_apart(wanted, given, tolerance)
    return _where(bad, wanted, given) if bad.any() else None


def _as_array(value: Any) -> np.ndarray:
    if type(value) is int and abs(value) >= INT_LIMIT:
        try:
            return np.array(float(value))
        except OverflowError:
            return np.array(np.inf if value > 0 else -np.inf)
    return np.asarray(value)


def _shape_difference(wanted: np.ndarray, given: np.ndarray) -> str:
    if wanted.ndim == 0:
        return f"an array of shape {given.shape} came back where a number was expected"
    if given.ndim == 0:
        return f"a single number came back where shape {wanted.shape} was expected"
    return f"the shape is {given.shape}, expected {wanted.shape}"


def _far_apart(wanted: np.ndarray, given: np.ndarray, tolerance: Tolerance) -> np.ndarray:
    """Return where two arrays of one shape differ by more than the tolerance."""
    kinds = {wanted.dtype.kind, given.dtype.kind}
    if kinds <= set("biuUS"):
        return np.asarray(wanted != given)
    common = np.complex128 if "c" in kinds else np.float64
    with np.errstate(all="ignore"):
        close = np.isclose(
            given.astype(common),
            wanted.astype(common),
            rtol=tolerance.rtol,
            atol=tolerance.atol,
            equal_nan=True,
        )
    return np.asarray(~close)


def _where(bad: np.ndarray, wanted: np.ndarray, given: np.ndarray) -> str:
    """Name the first of the wrong entries; short arrays are printed whole anyway."""
    if bad.ndim == 0:
        return "the numbers differ"
    first = tuple(int(i) for i in np.argwhere(bad)[0])
    place = ", ".join(map(str, first))
    one, other = brief_pair(wanted[first], given[first])
    count = f"{int(bad.sum())} of {bad.size} entries {'differs' if bad.sum() == 1 else 'differ'}"
    return f"{count}, first at [{place}]: expected {one}, got {other}"


def _list_difference(expected: list, got: Any, tolerance: Tolerance) -> str | None:
    if isinstance(got, np.ndarray) and got.ndim == 1:
        got = got.tolist()
    if not isinstance(got, list):
        return _kind_difference(expected, got)
    if len(got) != len(expected):
        return f"{len(got)} item{'s' * (len(got) != 1)} came back, expected {len(expected)}"
    for place, (one, other) in enumerate(zip(expected, got, strict=True)):
        reason = difference(one, other, tolerance)
        if reason is not None:
            return f"item {place}: {reason}"
    return None


def _dict_difference(expected: dict, got: Any, tolerance: Tolerance) -> str | None:
    if not isinstance(got, dict):
        return _kind_difference(expected, got)
    if set(got) != set(expected):
        return f"the keys are {brief(list(got))}, expected {brief(list(expected))}"
    for key, value in expected.items():
        reason = difference(value, got[key], tolerance)
        if reason is not None:
            return f"entry {brief(key)}: {reason}"
    return None
