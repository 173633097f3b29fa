"""The process in the sandbox: reads requests, runs students' code, writes what came of it.

    python -m course_admin.grading.inside.worker UID

It knows no right answer, no seed but the request's, and no other student. Requests and replies are
messages of :mod:`course_admin.grading.inside.wire`, each after its length in eight bytes, on the
pipes that were its standard input and output.
"""

from __future__ import annotations

import importlib
import os
import sys
import threading
from collections.abc import Callable
from typing import Any

from course_admin.grading.inside import probing
from course_admin.grading.inside.kernel import Kernel
from course_admin.grading.inside.limits import be_first_to_go, bind, leave_root
from course_admin.grading.inside.notebook import NotANotebook, read_cells
from course_admin.grading.inside.wire import PREFIX, WireError, decode, encode
from course_utils.exercises.outcomes import outcomes
from course_utils.exercises.plain import type_name

PROBES = "course_utils.exercises.probes"
Reply = dict[str, Any]


class Worker:
    """Answers one request after the other, in the kernel of one notebook."""

    def __init__(self) -> None:
        self.kernel = Kernel()
        self.kept: dict[str, Any] = {}

    def answer(self, request: dict[str, Any]) -> Reply:
        """Do what a request asks for."""
        actions: dict[str, Callable[[dict[str, Any]], Reply]] = {
            "greet": lambda _: {"ready": True},
            "look": lambda asked: probing.look_around(asked["paths"]),
            "fork": lambda _: probing.fork_to_the_limit(),
            "read": self._read,
            "run": self._run,
            "keep": self._keep,
            "try": self._try,
        }
        return actions[request["do"]](request)

    def _read(self, request: dict[str, Any]) -> Reply:
        try:
            return {"cells": read_cells(request["data"].tobytes())}
        except NotANotebook as error:
            return {"problem": str(error)}

    def _run(self, request: dict[str, Any]) -> Reply:
        cell = {key: request[key] for key in ("number", "source", "how", "seconds")}
        return dict(self.kernel.run(**cell))

    def _keep(self, request: dict[str, Any]) -> Reply:
        """Keep the answer as it is at this point of the notebook; say whether there is one."""
        for name in request["names"]:
            if name in self.kernel.names:
                found = self.kernel.names[name]
                self.kept[request["exercise"]] = found
                return {"found": name, "callable": callable(found), "type": type_name(found)}
        return {"found": None}

    def _try(self, request: dict[str, Any]) -> Reply:
        """Call the answer on the cases; outcomes go back as dicts, ``changed`` among them."""
        answer = self.kept[request["exercise"]]
        call = answer
        if request["probe"]:
            probe = getattr(importlib.import_module(PROBES), request["probe"])

            def call(*case: Any) -> Any:
                return probe(answer, *case)

        found = outcomes(call, request["cases"], seed=request["seed"], seconds=request["seconds"])
        stuck = any(t.name == "check" and t.is_alive() for t in threading.enumerate())
        stuck = stuck or found[-1].kind == "too long" or _has_children()
        return {"outcomes": [vars(outcome) for outcome in found], "stuck": stuck}


def _has_children() -> bool:
    try:
        os.waitpid(-1, os.WNOHANG)
    except ChildProcessError:
        return False
    return True


def serve(requests: int, replies: int) -> None:
    """Answer until the requests end."""
    worker = Worker()
    me = os.getpid()
    while True:
        request = decode(_exactly(requests, int.from_bytes(_exactly(requests, PREFIX), "big")))
        answer = {**worker.answer(request), "turn": request["turn"]}
        if os.getpid() != me:  # a fork of a student's code that came back to here
            os._exit(0)
        reply = _encoded(answer, request["limit"])
        _write(replies, len(reply).to_bytes(PREFIX, "big") + reply)


def _encoded(reply: Reply, limit: int) -> bytes:
    try:
        data = encode(reply)
    except WireError as error:
        return encode({"unsendable": str(error), "turn": reply["turn"]})
    too_much = {"unsendable": "more data than was expected", "turn": reply["turn"]}
    return data if len(data) <= limit else encode(too_much)


def _exactly(source: int, size: int) -> bytes:
    parts, missing = [], size
    while missing:
        part = os.read(source, min(missing, 1 << 20))
        if not part:
            os._exit(0)
        parts.append(part)
        missing -= len(part)
    return b"".join(parts)


def _write(target: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(target, view) :]


def _own_pipes() -> tuple[int, int]:
    """Move the two pipes out of the way of prints and questions."""
    requests, replies = os.dup(0), os.dup(1)
    nowhere = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(nowhere, number)
    return requests, replies


def main() -> None:
    """Become harmless, then serve."""
    uid = int(sys.argv[1])
    requests, replies = _own_pipes()
    be_first_to_go()
    if uid:
        leave_root(uid)
    first = decode(_exactly(requests, int.from_bytes(_exactly(requests, PREFIX), "big")))
    bind(first)
    serve(requests, replies)


if __name__ == "__main__":
    main()
