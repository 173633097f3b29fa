"""How much memory a process and its descendants use, on Linux."""

from __future__ import annotations

import os

_PAGE = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096


def holds_more(pid: int, limit: int) -> bool:
    """Return whether the tree of processes below `pid` holds more than `limit` bytes.

    Pages that several processes share count once where the kernel tells, else for each.
    """
    members = family(pid)
    return sum(map(_resident, members)) > limit < sum(map(_proportional, members))


def family(pid: int) -> list[int]:
    """Return `pid`, then its descendants, a child first, among the processes of this moment."""
    children: dict[int, list[int]] = {}
    for name in _listed():
        parent = _parent(name)
        if parent is not None:
            children.setdefault(parent, []).append(int(name))
    found, waiting = [], [pid]
    while waiting:
        found.append(waiting.pop())
        waiting += children.get(found[-1], [])
    return found


def _listed() -> list[str]:
    try:
        return [name for name in os.listdir("/proc") if name.isdigit()]
    except OSError:
        return []


def _parent(pid: str) -> int | None:
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            # The command's name, in brackets, may hold anything.
            return int(file.read().rpartition(b")")[2].split()[1])
    except (OSError, ValueError, IndexError):
        return None


def _proportional(pid: int) -> int:
    try:
        with open(f"/proc/{pid}/smaps_rollup", "rb") as file:
            for line in file:
                if line.startswith(b"Pss:"):
                    return int(line.split()[1]) * 1024
    except (OSError, ValueError):
        pass
    return _resident(pid)


def _resident(pid: int) -> int:
    try:
        with open(f"/proc/{pid}/statm", "rb") as file:
            return int(file.read().split()[1]) * _PAGE
    except (OSError, ValueError, IndexError):
        return 0
