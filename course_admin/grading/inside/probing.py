"""What the grader asks a fresh sandbox before it trusts it: what can be seen and done in there."""

from __future__ import annotations

import os
import socket
from typing import Any

MANY = 400


def look_around(paths: list[str]) -> dict[str, Any]:
    """Say who this process is, which networks it has and which of some paths it can see."""
    user = os.getuid() if hasattr(os, "getuid") else -1
    interfaces = [name for _, name in socket.if_nameindex()]
    seen = [path for path in paths if os.path.lexists(path)]
    return {"user": user, "interfaces": interfaces, "seen": seen}


def fork_to_the_limit() -> dict[str, Any]:
    """Start processes until the system refuses; say how many that took."""
    children: list[int] = []
    end, mine = os.pipe()
    try:
        while len(children) < MANY:
            child = os.fork()
            if child == 0:
                os.close(mine)
                os.read(end, 1)  # until the parent closes its end
                os._exit(0)
            children.append(child)
        refused = False
    except OSError:
        refused = True
    os.close(mine)
    os.close(end)
    for child in children:
        os.waitpid(child, 0)
    return {"refused": refused, "count": len(children)}
