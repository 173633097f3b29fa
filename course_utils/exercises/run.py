"""Run work in a thread with a deadline, on every system: no signals, no processes.

What this cannot stop is one call into C that never returns and never lets other threads run, such
as ``sum(range(10**12))``, and what ends the process, such as ``os._exit``. Whoever must survive
those runs answers in a process of its own.
"""

from __future__ import annotations

import contextlib
import ctypes
import threading
import time
from collections.abc import Callable

STOP_SECONDS = 0.2
RETRY_SECONDS = 0.02
GIVE_UP_SECONDS = 600.0


class TimeIsUp(SystemExit):
    """Raised inside a worker to end it; ``except Exception`` does not catch it."""


def run_for(work: Callable[[], None], seconds: float) -> bool:
    """Run ``work`` for at most ``seconds``; return whether it came to its end.

    A worker that does not end is stopped by an exception. When the user interrupts the cell, the
    worker is stopped as well and KeyboardInterrupt goes on to the user's notebook.
    """
    worker = threading.Thread(target=_quietly, args=(work,), name="check", daemon=True)
    worker.start()
    try:
        _wait(worker, seconds)
        return not worker.is_alive()
    finally:
        if worker.is_alive():
            _stop(worker)


def _wait(worker: threading.Thread, seconds: float) -> None:
    # In slices: on some systems a user's interrupt is noticed only between two waits.
    end = time.monotonic() + seconds
    while worker.is_alive() and (left := end - time.monotonic()) > 0:
        worker.join(min(left, RETRY_SECONDS))


def _quietly(work: Callable[[], None]) -> None:
    with contextlib.suppress(TimeIsUp):
        work()


def _stop(worker: threading.Thread) -> None:
    _throw_until_dead(worker, STOP_SECONDS)
    if worker.is_alive():
        # Deep in a slow C call, or an answer that swallows every exception: go on from aside.
        threading.Thread(
            target=_throw_until_dead, args=(worker, GIVE_UP_SECONDS), daemon=True
        ).start()


def _throw_until_dead(worker: threading.Thread, seconds: float) -> None:
    end = time.monotonic() + seconds
    while worker.is_alive() and time.monotonic() < end:
        _throw(worker)
        worker.join(RETRY_SECONDS)


def _throw(worker: threading.Thread) -> None:
    ident = ctypes.c_ulong(worker.ident or 0)
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ident, ctypes.py_object(TimeIsUp))
