"""Grade several submissions at once, each in a process that starts its own sandboxes.

A desk that dies costs one submission a second try, and nothing else.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import signal
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

from course_admin import assignments
from course_admin.grading.conversation import Conversation
from course_admin.grading.limits import Limits
from course_admin.grading.records import Record
from course_admin.grading.sandbox import Sandbox, SandboxError
from course_admin.grading.student import grade_one
from course_admin.grading.submissions import collect
from course_admin.grading.trials import BrokenExercise


@dataclass(frozen=True)
class Job:
    """What every desk needs to know."""

    source: Path
    assignment: Path
    sandbox: Sandbox
    limits: Limits
    only: tuple[str, ...] = ()


@dataclass(frozen=True)
class Done:
    """What came of one submission: a record, or the grader's own fault."""

    key: str
    record: Record | None
    fault: str = ""


class Stop(RuntimeError):
    """Why grading cannot go on, whoever's turn it is."""


def grade_all(job: Job, keys: Sequence[str], desks: int) -> Iterator[Done]:
    """Yield what comes of each submission, as it comes.

    Raises
    ------
    Stop
        If a sandbox cannot be started or an exercise of the course is broken.
    """
    waiting = list(reversed(keys))
    tries: dict[str, int] = {}
    room = [_Desk(job, slot) for slot in range(min(desks, len(keys)))]
    try:
        for desk in room:
            desk.take(waiting, tries)
        while busy := [desk for desk in room if desk.key is not None]:
            for ready in wait([desk.pipe for desk in busy]):
                desk = next(one for one in busy if one.pipe is ready)
                done = desk.finished()
                if done is None and tries[desk.last] < 2:
                    waiting.append(desk.last)
                else:
                    yield done or Done(desk.last, None, "the grader's own process ended")
                desk.take(waiting, tries)
    finally:
        for desk in room:
            desk.close()


class _Desk:
    """A process and the submission that it has."""

    def __init__(self, job: Job, slot: int) -> None:
        self._job = job
        self._slot = slot
        self.key: str | None = None
        self.last = ""
        self._start()

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self._process = context.Process(
            target=_work, args=(theirs, self._job, self._slot), daemon=True
        )
        self._process.start()
        theirs.close()

    def take(self, waiting: list[str], tries: dict[str, int]) -> None:
        if not waiting:
            return
        self.key = self.last = waiting.pop()
        tries[self.key] = tries.get(self.key, 0) + 1
        with contextlib.suppress(OSError):  # it is gone: finished() will notice
            self.pipe.send(self.key)

    def finished(self) -> Done | None:
        """Return what the desk has to say; None, after a new start, if it is gone."""
        self.key = None
        try:
            kind, content = self.pipe.recv()
        except (EOFError, OSError):
            self.close()
            self._start()
            return None
        if kind == "stop":
            raise Stop(content)
        return content

    def close(self) -> None:
        self._process.terminate()
        self._process.join()
        self.pipe.close()


def _work(pipe: Connection, job: Job, slot: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent hears it and ends this process
    assignment = assignments.load(job.assignment)
    submissions = {one.owner.key: one for one in collect(job.source, assignment.name)}
    sandbox = replace(job.sandbox, slot=slot)

    def converse() -> Conversation:
        return Conversation(sandbox, job.limits)

    def one(key: str) -> tuple[str, Any]:
        try:
            found = grade_one(assignment, submissions[key], job.limits, converse, job.only)
            return "done", Done(key, found)
        except (SandboxError, BrokenExercise) as error:
            return "stop", str(error)
        except Exception:  # a fault of the grader costs one row, not the class
            return "done", Done(key, None, traceback.format_exc(limit=-4))

    with contextlib.suppress(EOFError, OSError):
        while True:
            pipe.send(one(pipe.recv()))
