"""Choose a sandbox and try whether it holds, before any student's code runs in it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from course_admin.grading.conversation import Conversation, Ended
from course_admin.grading.limits import Limits
from course_admin.grading.sandbox import ELSEWHERE, Sandbox, SandboxError, choices
from course_admin.paths import ROOT

SECRETS = ("chapters", "course_admin", "course_utils/exercises/ch05.py", "tests")
NOT_ALLOWED = (
    "The system does not allow it to make a user namespace. On Ubuntu: sudo sysctl "
    "kernel.apparmor_restrict_unprivileged_userns=0; or run this command as root, which needs none."
)


def trusted_sandbox(stage: Path, hidden: Sequence[Path], limits: Limits) -> Sandbox:
    """Return a sandbox that was started and held.

    Raises
    ------
    SandboxError
        If none does, in a sentence for the teacher.
    """
    reasons: list[str] = []
    for sandbox in choices(stage, hidden):
        reason = fault_of(sandbox, limits)
        if reason is None:
            return sandbox
        reasons.append(reason)
    refused = any("ermission denied" in one or "not permitted" in one for one in reasons)
    hint = f" {NOT_ALLOWED}" if refused else ""
    raise SandboxError(f"{reasons[0]}.{hint} Nothing was graded. {ELSEWHERE}")


def fault_of(sandbox: Sandbox, limits: Limits) -> str | None:
    """Say why a sandbox cannot be relied on, or return None."""
    paths = [str(ROOT / name) for name in SECRETS] + [str(path) for path in sandbox.hidden]
    try:
        with Conversation(sandbox, limits) as talk:
            seen = talk.ask({"do": "look", "paths": paths}, limits.start)
            forks = talk.ask({"do": "fork"}, limits.start)
    except SandboxError as error:
        return str(error)
    except Ended as end:
        return f"The sandbox for students' code ended by itself ({end.why})"
    if seen["user"] <= 0:
        return "The sandbox runs students' code as root"
    if set(seen["interfaces"]) - {"lo"}:
        return f"The sandbox has a network: {', '.join(seen['interfaces'])}"
    if seen["seen"]:
        return f"The sandbox shows {', '.join(seen['seen'])}"
    if not forks["refused"]:
        return "The sandbox does not limit the number of processes"
    return None
