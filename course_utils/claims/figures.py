"""Printed figures, read and compared with computed ones; the verdict follows from the comparison.

*Agrees*: equal, or equal in all printed digits where there are at least six. *Rounds*: the computed
figure rounds to the printed one, or is cut off after at least two digits that count ("650K" for
659,272). Zeros at the end of a whole number do not count as digits. Else it *disagrees*.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

import numpy as np

from course_utils.claims.core import AGREES, DISAGREES, ROUNDS, Finding, Row

SCALES = {"": 1, "k": 10**3, "m": 10**6, "b": 10**9, "million": 10**6, "billion": 10**9}
FIGURE = re.compile(
    r"(?P<about>~|about )?(?P<less><\s*)?(?P<number>-?[\d,]*\.?\d+)\s*"
    r"(?P<scale>million|billion|[kKMB])?\s*(?P<unit>x|%|MB)?"
)
MANY_DIGITS = 6


@dataclass(frozen=True)
class Figure:
    """A number as printed: its value, the digits that count, the value of the last printed place.

    `step` is the place of the last digit that counts, `last` that of the last one printed.
    """

    value: Decimal
    digits: int
    step: Decimal
    last: Decimal
    about: bool
    less: bool


def read_figure(text: str) -> Figure:
    """A printed number such as "60M", "14.4 billion", "~25.7", "< 3.5%" or "96 MB".

    Raises ValueError for anything else.
    """
    match = FIGURE.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"not a printed number: {text!r}")
    number = Decimal(match["number"].replace(",", ""))
    scale = SCALES[(match["scale"] or "").lower()] * (10**6 if match["unit"] == "MB" else 1)
    last = Decimal(1).scaleb(int(number.as_tuple().exponent))
    whole = last == 1 and number != 0
    counted = number.normalize() if whole else number
    step = Decimal(1).scaleb(int(counted.as_tuple().exponent)) if whole else last
    digits = len(counted.as_tuple().digits)
    about, less = match["about"] is not None, match["less"] is not None
    return Figure(number * scale, digits, step * scale, last * scale, about, less)


def compare(printed: str, computed: float) -> str:
    """The verdict on a printed number, from the computed one."""
    figure, exact = read_figure(printed), Decimal(str(computed))
    if figure.less:
        return AGREES if exact < figure.value else DISAGREES
    off = abs(figure.value - exact)
    if off == 0 or math.isclose(figure.value, exact, rel_tol=1e-14):
        return AGREES
    if 2 * off <= figure.step:
        return AGREES if figure.digits >= MANY_DIGITS else ROUNDS
    return ROUNDS if is_cut_off(printed, computed) else DISAGREES


def is_cut_off(printed: str, computed: float) -> bool:
    """Whether the computed number gives the printed one if digits are dropped, not rounded."""
    figure, exact = read_figure(printed), Decimal(str(computed))
    dropped = exact // figure.step * figure.step
    return figure.digits >= 2 and dropped == figure.value and 2 * (exact - dropped) > figure.step


def compatible(one: str, other: str) -> bool:
    """Whether two printed texts can both be right about one quantity.

    Numbers can if they are equal when rounded to the coarser of them, where every printed digit
    counts. "About" allows the last digit that counts to be one more or one less. Other texts must
    be the same.
    """
    try:
        a, b = read_figure(one), read_figure(other)
    except ValueError:
        return one == other
    if a.less or b.less:
        bound, value = (a, b) if a.less else (b, a)
        margin = value.step if value.about else 0
        return value.less or value.value - margin < bound.value
    return abs(a.value - b.value) <= max(f.step if f.about else f.last / 2 for f in (a, b))


def worst(verdicts: Sequence[str]) -> str:
    """The verdict on a row with several figures: the least favourable of them."""
    return max(verdicts, key=(AGREES, ROUNDS, DISAGREES).index)


def figure(row: Row, computed: float, why: str, *, text: str = "") -> Finding:
    """A finding on a row that prints one number; `text` is shown instead of the bare number."""
    return Finding(text or shown(computed), compare(row.printed, computed), why)


def figures(row: Row, computed: Sequence[float], why: str, *, text: str = "") -> Finding:
    """The same for a row that prints several numbers, separated by commas."""
    parts = row.printed.split(", ")
    if len(parts) != len(computed):
        return Finding(text or ", ".join(map(shown, computed)), DISAGREES, why)
    verdict = worst([compare(p, c) for p, c in zip(parts, computed, strict=True)])
    return Finding(text or ", ".join(map(shown, computed)), verdict, why)


def matrix(row: Row, computed: np.ndarray, why: str) -> Finding:
    """The same for a row that prints a matrix."""
    printed, values = np.array(json.loads(row.printed), float), np.asarray(computed, float)
    text = str([[float(f"{v:g}") if v % 1 else int(v) for v in line] for line in values])
    if printed.shape != values.shape or np.abs(printed - values).max() > 0.5:
        return Finding(text, DISAGREES, why)
    return Finding(text, AGREES if (printed == values).all() else ROUNDS, why)


def words(row: Row, computed: str, why: str, *, text: str = "") -> Finding:
    """A finding on a row that prints words or shapes: they agree if they are the same."""
    return Finding(text or computed, AGREES if row.printed == computed else DISAGREES, why)


def holds(
    row: Row, printed: str, conditions: dict[str, bool], why: str, *, text: str = ""
) -> Finding:
    """A finding on a statement: it agrees if each of the computed conditions is true.

    `printed` is the text that the conditions are about; of another text nothing is known, and a
    row that prints another one disagrees.
    """
    true = row.printed == printed and all(conditions.values())
    listed = "; ".join(f"{name}: {'yes' if value else 'no'}" for name, value in conditions.items())
    return Finding(text or listed, AGREES if true else DISAGREES, why)


def shown(number: float) -> str:
    """A number with thousands separated, as in 60,965,224."""
    return f"{number:,}" if isinstance(number, int) else f"{number:,.10g}"
