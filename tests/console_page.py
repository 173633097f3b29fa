"""A page with terminal sessions: its commands, run as a reader would, and what they print.

A block ```` ```console ```` holds commands, each after ``$ ``, and under each what it printed. All
blocks of a page are one session in one folder. ``python tests/console_page.py`` writes into the
instructors' page what its commands print now: look at the difference before you keep it.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "chapters" / "appendix_instructors.md"
ADDRESS = "https://github.com/OWNER/REPO"
HOME = "/home/you"
_BLOCK = re.compile(r"^```console\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_MARK = "=== command {number} ended with {status} ==="
_ENDED = re.compile(_MARK.format(number=r"\d+", status=r"(\d+)") + r"\n")


@dataclass(frozen=True)
class Step:
    """A command, what the page says that it prints, and what it printed; what it complained of."""

    command: str
    said: str
    printed: str = ""
    status: int = 0
    complaints: str = ""


def steps(page: str) -> list[Step]:
    """Return the commands of a page with the output that stands under each."""
    found = []
    for block in _BLOCK.findall(page):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, said = part.partition("\n")
            found.append(Step(command, said))
    return found


def run(page: str, folder: Path, source: Path) -> list[Step]:
    """Run a page's commands in one shell in `folder`, where its address is cloned from `source`."""
    asked = steps(page)
    lines = []
    for number, step in enumerate(asked):
        mark = _MARK.format(number=number, status="$status")
        lines.append(f'{step.command}\nstatus=$?\necho "{mark}"\necho "{mark}" >&2')
    settings = {
        "HOME": str(folder),
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"url.{source}.insteadOf",
        "GIT_CONFIG_VALUE_0": ADDRESS,
        **{f"GIT_{who}_NAME": "You" for who in ("AUTHOR", "COMMITTER")},
        **{f"GIT_{who}_EMAIL": "you@localhost" for who in ("AUTHOR", "COMMITTER")},
        "LC_ALL": "C.UTF-8",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    done = subprocess.run(
        ["bash"],
        input="\n".join(lines),
        cwd=folder,
        env={**os.environ, **settings},
        capture_output=True,
        text=True,
    )
    printed, complaints = _ENDED.split(done.stdout), _ENDED.split(done.stderr)
    assert len(printed) == len(complaints) == 2 * len(asked) + 1, done.stderr[-2000:]
    return [
        replace(
            step,
            printed=printed[2 * n].replace(str(folder), HOME),
            status=int(printed[2 * n + 1]),
            complaints=complaints[2 * n],
        )
        for n, step in enumerate(asked)
    ]


def rewritten(page: str, found: list[Step]) -> str:
    """Return the page with what its commands printed."""
    rest = iter(found)

    def block(match: re.Match[str]) -> str:
        count = len(re.findall(r"^\$ ", match[1], re.MULTILINE))
        done = [next(rest) for _ in range(count)]
        return "```console\n" + "".join(f"$ {s.command}\n{s.printed}" for s in done) + "```"

    return _BLOCK.sub(block, page)


if __name__ == "__main__":
    import tempfile

    from conftest import snapshot

    with tempfile.TemporaryDirectory() as here:
        folder = Path(here).resolve()
        (folder / "you").mkdir()
        text = PAGE.read_text(encoding="utf-8")
        found = run(text, folder / "you", snapshot(folder / "source"))
        PAGE.write_text(rewritten(text, found), encoding="utf-8")
        for step in found:
            print(f"[{step.status}] {step.command}", step.complaints if step.status else "")
