"""The first code cell and the Colab link, the same in every chapter."""

from __future__ import annotations

import re

SETUP = """\
# Set-up: finds course_utils, or clones the course beside this notebook.
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

HOME = "{url}"
COURSE_REPO = os.environ.get("COURSE_REPO", HOME)

if find_spec("course_utils") is None:
    here = Path.cwd()
    around = [here, *here.parents, here / "course"]
    found = [p for p in around if (p / "course_utils" / "data").is_dir()]
    course = found[0] if found else here / "course"
    if not found:
        clone = ["git", "clone", "--quiet", "--depth=1", COURSE_REPO]
        subprocess.run([*clone, course], check=True)
    sys.path.insert(0, str(course))\
"""

COLAB_LINK = "[Open this chapter in Colab]({colab})"
_COLAB_LINE = re.compile(r"^\[Open this chapter in Colab\]\([^)]*\)$", re.MULTILINE)
_REPOSITORY = re.compile(r"https://github\.com/([\w.-]+)/([\w.-]+?)(?:\.git)?/?")


def owner_and_name(url: str) -> tuple[str, str]:
    """Split ``https://github.com/OWNER/REPO``.

    Raises
    ------
    ValueError
        For any other form of address.
    """
    match = _REPOSITORY.fullmatch(url)
    if match is None:
        raise ValueError(f"expected an address like https://github.com/OWNER/REPO; got {url!r}")
    return match.group(1), match.group(2)


def setup_source(url: str) -> str:
    """Return the source of the set-up cell for the repository at `url`."""
    return SETUP.format(url=url)


def is_setup(source: str) -> bool:
    """Tell whether a code cell is the set-up cell or the place held for it."""
    return source.lower().startswith(("# set-up", "# setup"))


def colab_address(url: str, notebook: str) -> str:
    """Return the Colab address of a chapter's student form, on branch `colab`."""
    owner, name = owner_and_name(url)
    return f"https://colab.research.google.com/github/{owner}/{name}/blob/colab/chapters/{notebook}"


def with_colab_link(markdown: str, url: str, notebook: str) -> str:
    """Return the first cell's text with the Colab link under its title."""
    link = COLAB_LINK.format(colab=colab_address(url, notebook))
    if _COLAB_LINE.search(markdown):
        return _COLAB_LINE.sub(link, markdown)
    title, _, rest = markdown.partition("\n")
    return f"{title}\n\n{link}\n\n{rest.lstrip()}".rstrip()
