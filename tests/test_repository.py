"""The checkout stays small and holds only sources."""

from __future__ import annotations

import re
import subprocess

from conftest import ROOT

CLONE_AT_MOST = 15_000_000
BUILT = re.compile(r"(^|/)(_build|__pycache__|\.ipynb_checkpoints|\.jupyter_cache)(/|$)|\.pyc$")


def git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout


def test_a_clone_is_small():
    sizes = dict(re.findall(r"^(size|size-pack): (\d+)$", git("count-objects", "-v"), re.MULTILINE))
    assert sum(map(int, sizes.values())) * 1024 < CLONE_AT_MOST


def test_nothing_built_is_committed():
    assert [name for name in git("ls-files").splitlines() if BUILT.search(name)] == []


def test_no_notebook_holds_a_picture(chapters):
    for path in chapters:
        assert '"image/' not in path.read_text(encoding="utf-8"), path.name


def test_the_arrows_between_packages_go_one_way():
    forbidden = {
        "course_utils": r"^\s*(from|import) course_admin",
        "course_utils/ops": r"^\s*(from|import) (torch|scipy|matplotlib|sklearn|skimage)",
        "course_utils/models": r"^\s*(from|import) (numpy|scipy|matplotlib|sklearn|skimage)",
    }
    for folder, pattern in forbidden.items():
        files = list((ROOT / folder).rglob("*.py"))
        assert files, folder
        for path in files:
            assert not re.search(pattern, path.read_text("utf-8"), re.MULTILINE), path
