"""Make the course's own environment: `.venv`, filled from a requirements file.

It runs under whatever Python the reader has, before anything is installed, so it uses the
standard library only and no syntax newer than the Python versions that it must refuse politely.
"""

import glob
import hashlib
import os
import shutil
import subprocess
import sys
from typing import Callable, Optional

OLDEST = (3, 10)
# torch with its CUDA libraries, and everything else, unpacked; plus the wheels on their way in.
TORCH_GB = 9.0
OTHERS_GB = 1.0


def python_problem(version: tuple = tuple(sys.version_info)) -> Optional[str]:
    """Return a sentence if this Python is too old, else None."""
    if tuple(version[:2]) >= OLDEST:
        return None
    return (
        "The course needs Python {}.{} or newer, and this is {}.{}. Install a newer one and name "
        "it: make PYTHON=python3.12 book".format(OLDEST[0], OLDEST[1], version[0], version[1])
    )


def needed_gb(venv: str, requirements: str) -> float:
    """Return how much room `requirements` (their text) take: much only where torch is to come."""
    wanted = any(line.startswith("torch") for line in requirements.splitlines())
    packages = (os.path.join("lib", "python*"), "Lib")  # elsewhere, and on Windows
    there = any(glob.glob(os.path.join(venv, p, "site-packages", "torch")) for p in packages)
    return TORCH_GB if wanted and not there else OTHERS_GB


def disk_problem(
    folder: str, needed: float = TORCH_GB, usage: Callable = shutil.disk_usage
) -> Optional[str]:
    """Return a sentence if the disk of `folder` has less than `needed` GB of room, else None."""
    free = usage(folder).free / 1e9
    if free >= needed:
        return None
    return (
        "The disk that holds {} has {:.1f} GB free, and the environment needs about {:.0f} GB. "
        "Free some space, then run the same command again.".format(folder, free, needed)
    )


def read_requirements(path: str) -> str:
    """Return the text of a requirements file with the files it includes."""
    text = []
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            if line.startswith("-r "):
                text.append(
                    read_requirements(os.path.join(os.path.dirname(path), line[3:].strip()))
                )
            else:
                text.append(line)
    return "".join(text)


def environment_python(venv: str) -> str:
    """Return the path of the environment's interpreter."""
    parts = ("Scripts", "python.exe") if os.name == "nt" else ("bin", "python")
    return os.path.join(venv, *parts)


def install(venv: str, requirements: str) -> int:
    """Create `venv` if need be and install `requirements`; return an exit status."""
    stamp_file = os.path.join(venv, "." + os.path.basename(requirements) + ".installed")
    text = read_requirements(requirements)
    stamp = hashlib.sha256(text.encode()).hexdigest()
    if os.path.exists(stamp_file):
        with open(stamp_file, encoding="utf-8") as known:
            if known.read() == stamp:
                return 0
    folder = os.path.dirname(os.path.abspath(venv))
    problem = python_problem() or disk_problem(folder, needed_gb(venv, text))
    if problem:
        sys.stderr.write(problem + "\n")
        return 1
    print("Installing {} into {}, once".format(requirements, venv))
    python = environment_python(venv)
    pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    steps = [] if os.path.exists(python) else [[sys.executable, "-m", "venv", venv]]
    for command in [*steps, [*pip, "-r", requirements]]:
        if subprocess.call(command) != 0:
            sys.stderr.write(
                "Could not install {}: the lines above say what failed. Without a network "
                "connection the packages cannot be fetched the first time.\n".format(requirements)
            )
            return 1
    with open(stamp_file, "w", encoding="utf-8") as known:
        known.write(stamp)
    return 0


if __name__ == "__main__":
    sys.exit(install(sys.argv[1], sys.argv[2]))
