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


class _Worker(threading.Thread):
    """A daemon that tells by ``ended`` when its work is over.

    Nobody joins it. An interrupt during ``join`` makes Python before 3.13 take a running thread for
    a dead one, which then nobody stops.
    """

    def __init__(self, work: Callable[[], None]) -> None:
        super().__init__(name="check", daemon=True)
        self.ended = threading.Event()
        self._work = work

    def run(self) -> None:
        try:
            with contextlib.suppress(TimeIsUp):
                self._work()
        finally:
            self.ended.set()


def run_for(work: Callable[[], None], seconds: float) -> bool:
    """Run ``work`` for at most ``seconds``; return whether it came to its end.

    A worker that does not end is stopped by an exception. When the user interrupts the cell, the
    worker is stopped as well and KeyboardInterrupt goes on to the user's notebook.
    """
    worker = _Worker(work)
    worker.start()
    try:
        _wait(worker, seconds)
        return worker.ended.is_set()
    finally:
        if not worker.ended.is_set():
            _stop(worker)


def _wait(worker: _Worker, seconds: float) -> None:
    # In slices: on some systems a user's interrupt is noticed only between two waits.
    end = time.monotonic() + seconds
    while not worker.ended.is_set() and (left := end - time.monotonic()) > 0:
        worker.ended.wait(min(left, RETRY_SECONDS))


def _stop(worker: _Worker) -> None:
    _throw_until_dead(worker, STOP_SECONDS)
    if worker.is_alive():
        # Deep in a slow C call, or an answer that swallows every exception: go on from aside.
        threading.Thread(
            target=_throw_until_dead, args=(worker, GIVE_UP_SECONDS), daemon=True
        ).start()


def _throw_until_dead(worker: _Worker, seconds: float) -> None:
    end = time.monotonic() + seconds
    while worker.is_alive() and time.monotonic() < end:
        _throw(worker)
        worker.ended.wait(RETRY_SECONDS)


def _throw(worker: _Worker) -> None:
    ident = ctypes.c_ulong(worker.ident or 0)
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ident, ctypes.py_object(TimeIsUp))
