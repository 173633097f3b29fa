"""Bind this process to its limits before it meets a line of a student's code."""

from __future__ import annotations

import contextlib
import os
import sys
from typing import Any


def leave_root(uid: int) -> None:
    """Become the unprivileged user `uid`, for good: root is not bound by limits on processes."""
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)


def bind(limits: dict[str, Any]) -> None:
    """Set the hard limits: ``processes``, ``memory_bytes``, ``file_bytes``, ``cpu_seconds``."""
    try:
        import resource
    except ImportError:  # not a Unix; only with --no-sandbox
        return
    memory = int(limits["memory_bytes"])
    wanted = {
        "RLIMIT_CORE": 0,
        "RLIMIT_FSIZE": limits["file_bytes"],
        "RLIMIT_CPU": limits["cpu_seconds"],
        "RLIMIT_NOFILE": 256,
        "RLIMIT_DATA": memory,
        # torch maps gigabytes of libraries that it never touches
        "RLIMIT_AS": memory + 8 * 2**30,
        "RLIMIT_NPROC": limits["processes"],
    }
    for name, value in wanted.items():
        _lower(resource, name, int(value))


def _lower(resource: Any, name: str, value: int) -> None:
    which = getattr(resource, name, None)
    if which is None:
        return
    hard = resource.getrlimit(which)[1]
    value = value if hard == resource.RLIM_INFINITY else min(value, hard)
    # macOS refuses some of these; the sandbox, which relies on them, asks whether they hold.
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(which, (value, value))


def be_first_to_go() -> None:
    """Ask the kernel to end this process before any other, should memory run out all the same."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as score:
            score.write("1000")
