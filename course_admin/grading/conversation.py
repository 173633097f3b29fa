"""Ask a worker for something, and never wait longer, read more or let it use more than agreed."""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
import time
from typing import Any

from course_admin.grading.inside.wire import PREFIX, WireError, decode, encode
from course_admin.grading.limits import Limits
from course_admin.grading.memory import family, holds_more
from course_admin.grading.sandbox import Sandbox, SandboxError, Started

TICK = 0.1
SMALL = 1_000_000


class Ended(Exception):
    """The conversation is over. ``why``: too slow, memory, died or garbled."""

    def __init__(self, why: str, words: str = "") -> None:
        super().__init__(why)
        self.why = why
        self.words = words


class Conversation:
    """One worker in one sandbox. Use it in a ``with`` statement: at its end nothing is left.

    Raises
    ------
    SandboxError
        If the worker cannot be started.
    """

    def __init__(self, sandbox: Sandbox, limits: Limits) -> None:
        self.limits = limits
        self._turn = 0
        self._first: int | None = None
        self._started: Started = sandbox.start()
        process = self._started.process
        assert process.stdin is not None
        assert process.stdout is not None
        self._requests, self._replies = process.stdin.fileno(), process.stdout.fileno()
        os.set_blocking(self._requests, False)
        os.set_blocking(self._replies, False)
        self._greet()

    def _greet(self) -> None:
        """Send the limits and wait for the first word: after it, whatever ends is the student's."""
        try:
            self._send(self.limits.inside(), time.monotonic() + self.limits.start)
            self.ask({"do": "greet"}, self.limits.start)
            if self._started.folder is None:
                self._first = _first_inside(self._started.process.pid)
        except Ended as end:
            self.close()
            why = end.words or f"the worker was {end.why}"
            raise SandboxError(f"The sandbox for students' code could not start: {why}") from end
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Conversation:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def ask(self, request: dict[str, Any], seconds: float, limit: int = SMALL) -> dict[str, Any]:
        """Send a request and return the reply, which holds at most ``limit`` bytes.

        Raises
        ------
        Ended
            If there is no proper reply in time. The worker is then gone.
        """
        end = time.monotonic() + seconds
        try:
            self._turn += 1
            self._send({**request, "limit": limit, "turn": self._turn}, end)
            size = int.from_bytes(self._receive(PREFIX, end), "big")
            if size > limit + SMALL:
                raise Ended("garbled")
            reply = decode(self._receive(size, end))
        except WireError:
            self.close()
            raise Ended("garbled") from None
        except Ended:
            self.close()
            raise
        if not isinstance(reply, dict) or reply.get("turn") != self._turn:
            self.close()
            raise Ended("garbled")
        return reply

    def close(self) -> None:
        """End the worker and every process that it started, and wait until they are gone.

        Raises
        ------
        SandboxError
            If they do not go: whatever runs next would pay for them.
        """
        process = self._started.process
        if process.poll() is None:
            if self._started.folder is not None:  # no sandbox: no init that ends all the others
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(process.pid, signal.SIGKILL)
            process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
        if self._started.folder is not None:
            with contextlib.suppress(OSError):
                self._started.folder.cleanup()
        self._wait_for_the_last()

    def _wait_for_the_last(self) -> None:
        """Wait for the sandbox's first process: the kernel lets it go when all others are gone.

        Until then they count among the processes that the next sandbox's user may have.
        """
        if self._first is None:
            return
        first, self._first = self._first, None
        try:
            with selectors.DefaultSelector() as selector:
                selector.register(first, selectors.EVENT_READ)
                if not selector.select(self.limits.start):
                    raise SandboxError("The processes of a sandbox could not be ended.")
        finally:
            os.close(first)

    def _send(self, value: dict[str, Any], end: float) -> None:
        data = encode(value)
        view = memoryview(len(data).to_bytes(PREFIX, "big") + data)
        while view:
            self._wait(self._requests, selectors.EVENT_WRITE, end)
            try:
                view = view[os.write(self._requests, view[: 1 << 16]) :]
            except BlockingIOError:
                continue
            except OSError:
                raise self._death() from None

    def _receive(self, size: int, end: float) -> bytes:
        data = bytearray()
        while len(data) < size:
            self._wait(self._replies, selectors.EVENT_READ, end)
            try:
                part = os.read(self._replies, min(size - len(data), 1 << 20))
            except BlockingIOError:
                continue
            if not part:
                raise self._death()
            data += part
        return bytes(data)

    def _wait(self, pipe: int, event: int, end: float) -> None:
        """Wait until the pipe is ready; watch the clock and the memory meanwhile."""
        with selectors.DefaultSelector() as selector:
            selector.register(pipe, event)
            while not selector.select(TICK):
                if time.monotonic() > end:
                    raise Ended("too slow")
                if holds_more(self._started.process.pid, self.limits.most_memory):
                    raise Ended("memory")

    def _death(self) -> Ended:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._started.process.wait(1.0)
        return Ended("died", self._started.last_words())


def _first_inside(bubblewrap: int) -> int | None:
    """Return a handle on the sandbox's process 1, or None where the system has no handles."""
    children = family(bubblewrap)[1:]
    if not children or not hasattr(os, "pidfd_open"):
        return None
    with contextlib.suppress(OSError):
        return os.pidfd_open(children[0])
    return None
