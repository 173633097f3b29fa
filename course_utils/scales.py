"""How large an experiment may be on this machine."""

from __future__ import annotations

import os
from typing import TypeVar

T = TypeVar("T")

SCALES = ("smoke", "lecture", "full")


def scale() -> str:
    """Return the scale of the experiments: ``"smoke"``, ``"lecture"`` or ``"full"``.

    ``smoke`` is a few steps, for tests; ``lecture`` fits two CPU cores and a minute, as in the
    built book; ``full`` wants a GPU. The environment variable ``COURSE_SCALE`` decides; without
    it the scale is ``full`` where CUDA is available and ``lecture`` elsewhere.

    Raises
    ------
    ValueError
        If ``COURSE_SCALE`` is set to anything else.
    """
    chosen = os.environ.get("COURSE_SCALE", "").strip()
    if chosen:
        if chosen not in SCALES:
            raise ValueError(f"COURSE_SCALE is {chosen!r}; expected one of {', '.join(SCALES)}")
        return chosen
    import torch  # only here, so that chapters without torch start at once

    return "full" if torch.cuda.is_available() else "lecture"


def at_scale(*, smoke: T, lecture: T, full: T) -> T:
    """Return the value for the present scale.

    >>> epochs = at_scale(smoke=1, lecture=8, full=40)
    """
    return {"smoke": smoke, "lecture": lecture, "full": full}[scale()]
