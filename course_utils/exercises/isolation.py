"""Keep what an answer does to the notebook's state inside the check."""

from __future__ import annotations

import builtins
import contextlib
import io
import random
import sys
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np

MAX_PRINTED = 2_000


class Capture(io.TextIOBase):
    """Stands in for ``sys.stdout``: keeps the first characters and drops the rest."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._size = 0

    def writable(self) -> bool:
        """Return True: one may print here."""
        return True

    def write(self, text: str) -> int:
        """Keep ``text`` while there is room."""
        room = MAX_PRINTED - self._size
        if room > 0:
            self._parts.append(str(text)[:room])
            self._size += len(self._parts[-1])
        return len(text)

    def take(self) -> str:
        """Return what was printed since the last call."""
        text = "".join(self._parts)
        self._parts, self._size = [], 0
        return text


def seed_all(seed: int) -> None:
    """Seed the global generators of ``random``, NumPy and, where it is loaded, PyTorch."""
    random.seed(seed)
    np.random.seed(seed % 2**32)  # noqa: NPY002 (answers may use the global generator)
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.manual_seed(seed)


@contextlib.contextmanager
def isolated() -> Iterator[Capture]:
    """Run answers without warnings, prints, questions, figures or changed random states.

    A warning is not an error in a check, even where the notebook says
    ``warnings.simplefilter("error")``.
    """
    capture = Capture()
    with contextlib.ExitStack() as stack:
        stack.enter_context(_random_states_kept())
        stack.enter_context(_figures_closed())
        stack.enter_context(_no_questions())
        stack.enter_context(warnings.catch_warnings())
        warnings.simplefilter("ignore")
        stack.enter_context(contextlib.redirect_stdout(capture))
        stack.enter_context(contextlib.redirect_stderr(capture))
        yield capture


@contextlib.contextmanager
def _random_states_kept() -> Iterator[None]:
    torch = sys.modules.get("torch")
    python, numpy = random.getstate(), np.random.get_state()  # noqa: NPY002
    cpu = torch.get_rng_state() if torch is not None else None
    on_gpu = torch is not None and torch.cuda.is_available() and torch.cuda.is_initialized()
    gpus = torch.cuda.get_rng_state_all() if torch is not None and on_gpu else None
    try:
        yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)  # noqa: NPY002
        if torch is not None:
            torch.set_rng_state(cpu)
        if torch is not None and gpus is not None:
            torch.cuda.set_rng_state_all(gpus)


@contextlib.contextmanager
def _figures_closed() -> Iterator[None]:
    """Close the figures that an answer opens, or the notebook would show them under the check."""
    before = set(_figure_numbers())
    try:
        yield
    finally:
        for number in set(_figure_numbers()) - before:
            sys.modules["matplotlib.pyplot"].close(number)


def _figure_numbers() -> list[int]:
    pyplot = sys.modules.get("matplotlib.pyplot")
    return [] if pyplot is None else pyplot.get_fignums()


@contextlib.contextmanager
def _no_questions() -> Iterator[None]:
    """Make ``input()`` fail at once: nobody sits at the keyboard during a check."""
    ask = builtins.input

    def refuse(prompt: Any = "", /) -> str:
        raise EOFError("input() does not work during a check: use the arguments")

    builtins.input = refuse
    try:
        yield
    finally:
        builtins.input = ask
