"""Point the book at another repository: `_config.yml`, Colab links and set-up cells."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

from course_admin.canonical import canonical, to_text
from course_admin.paths import (
    CONFIG,
    ROOT,
    chapter_paths,
    read_notebook,
    repository_url,
    write_atomically,
)
from course_admin.setup_cell import owner_and_name

_TEXTS = ("README.md", "index.md")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("url", help="https://github.com/OWNER/REPO")


def run(arguments: argparse.Namespace) -> int:
    """Rewrite every place that names the repository."""
    old, new = repository_url(), normal_url(arguments.url)
    config = CONFIG.read_text(encoding="utf-8")
    pattern = re.compile(rf"^(\s+url\s*:\s*){re.escape(old)}\s*$", re.MULTILINE)
    changed, count = pattern.subn(rf"\g<1>{new}", config)
    if count != 1:
        raise ValueError(f"expected one line 'url: {old}' under 'repository:' in {CONFIG.name}")
    write_atomically(CONFIG, changed)
    for path in chapter_paths():
        write_atomically(path, to_text(canonical(read_notebook(path), path.name, new)))
    for name in _TEXTS:
        _replace(ROOT / name, old, new)
    print(f"The book now points at {new}")
    return 0


def normal_url(url: str) -> str:
    """Return ``https://github.com/OWNER/REPO`` without a trailing slash or ``.git``."""
    return "https://github.com/{}/{}".format(*owner_and_name(url))


def _replace(path: Path, old: str, new: str) -> None:
    if not path.exists():
        return
    old_pair, new_pair = ("/".join(owner_and_name(url)) for url in (old, new))
    text = path.read_text(encoding="utf-8").replace(
        f"github.com/{old_pair}", f"github.com/{new_pair}"
    )
    text = text.replace(f"/github/{old_pair}/", f"/github/{new_pair}/")
    write_atomically(path, text)
