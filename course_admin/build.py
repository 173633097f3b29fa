"""Execute the chapters and build the HTML book; print seconds per chapter.

A chapter runs again only when its code, `course_utils/`, `data/`, the scale or the installed
numerical packages changed: the execution cache's folder is named after all but the first, and
jupyter-cache itself compares the code cells. A build that failed leaves nothing behind that
would let the next one pass without looking again.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path

import yaml

from course_admin.paths import CONFIG, ROOT, chapter_paths, write_atomically

SCALES = ("smoke", "lecture", "full")
NUMERICAL = ("torch", "torchvision", "numpy", "scipy", "matplotlib", "scikit-learn", "scikit-image")
KEPT_CACHES = 4
START = "from jupyter_book.cli.main import main; main()"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "--scale", choices=SCALES, default=os.environ.get("COURSE_SCALE", "lecture")
    )
    parser.add_argument("--out", type=Path, default=ROOT, help="the book goes to OUT/_build/html")


def run(arguments: argparse.Namespace) -> int:
    """Build the book."""
    started = time.perf_counter()
    cache = cache_folder(arguments.scale)
    status = jupyter_book(arguments.scale, arguments.out, cache)
    if status != 0:
        forget_pages(arguments.out)
        print("The book was not built: the messages above name the chapter.", file=sys.stderr)
        return status
    prune_caches(cache.parent, keep=cache)
    print(seconds_table(cache))
    page = arguments.out / "_build" / "html" / "index.html"
    print(f"Built in {time.perf_counter() - started:.0f} s. Open {page}\nor run: make serve")
    return 0


def jupyter_book(scale: str, out: Path, cache: Path) -> int:
    """Run `jupyter-book build` with the cache's folder put into its configuration."""
    config = yaml.safe_load(CONFIG.read_text(encoding="utf-8"))
    config["execute"]["cache"] = str(cache)
    derived = out / "_build" / "_config.yml"
    write_atomically(derived, yaml.safe_dump(config, sort_keys=False))
    command = [sys.executable, "-c", START, "build", str(ROOT), "--config", str(derived)]
    command += ["--path-output", str(out), "--warningiserror", "--keep-going", "--nitpick"]
    return subprocess.call(command, cwd=ROOT, env=kernel_environment(scale))


def kernel_environment(scale: str) -> dict[str, str]:
    """Return the environment in which chapters run, whatever the caller's own looks like."""
    kept = {name: value for name, value in os.environ.items() if name != "MPLBACKEND"}
    settings = {"COURSE_SCALE": scale, "TQDM_DISABLE": "1", "PYDEVD_DISABLE_FILE_VALIDATION": "1"}
    if scale == "smoke":
        # A few steps on a few images: a second thread costs more than it brings, and on a busy
        # machine, where the threads wait for each other, many times more.
        settings["OMP_NUM_THREADS"] = "1"
    else:
        # PyTorch's threads wait for each other by spinning, for milliseconds by default. Next to a
        # single busy program that makes training five to ten times slower; this short, a fifth.
        settings["GOMP_SPINCOUNT"] = "5000"
    return {**kept, **settings}


def cache_folder(scale: str, root: Path = ROOT) -> Path:
    """Return the execution cache for this scale and the present code, data and packages."""
    digest = hashlib.sha256(scale.encode())
    for name in NUMERICAL:
        digest.update(f"{name} {version(name)};".encode())
    for path in sorted(_inputs(root)):
        digest.update(str(path.relative_to(root)).encode())
        digest.update(path.read_bytes())
    return root / "_build" / "cache" / f"{scale}-{digest.hexdigest()[:16]}"


def _inputs(root: Path) -> Iterable[Path]:
    for folder in ("course_utils", "data"):
        for path in (root / folder).rglob("*"):
            ignored = "__pycache__" in path.parts or "downloads" in path.parts
            if path.is_file() and not ignored:
                yield path


def forget_pages(out: Path) -> None:
    """Remove the parsed pages, so that the next build reports the same warnings again."""
    shutil.rmtree(out / "_build" / ".doctrees", ignore_errors=True)


def prune_caches(folder: Path, *, keep: Path) -> None:
    """Delete all but the newest execution caches."""
    others = [path for path in folder.iterdir() if path != keep]
    for old in sorted(others, key=lambda path: path.stat().st_mtime)[: -(KEPT_CACHES - 1)]:
        shutil.rmtree(old, ignore_errors=True)


def seconds(cache: Path) -> dict[str, float]:
    """Return the seconds that each chapter took when it last ran, by file name."""
    from jupyter_cache import get_cache

    timed: dict[str, float] = {}
    for record in get_cache(cache).list_cache_records():
        timed[Path(record.uri).name] = float(record.data.get("execution_seconds", "nan"))
    return timed


def seconds_table(cache: Path) -> str:
    """Return a table of seconds per chapter, with their sum."""
    timed = seconds(cache)
    rows = [(path.name, timed.get(path.name)) for path in chapter_paths()]
    lines = [f"{'chapter':<40} {'seconds':>8}"]
    lines += [f"{name:<40} {'-' if spent is None else f'{spent:8.1f}'}" for name, spent in rows]
    lines += [f"{'sum':<40} {sum(spent or 0 for _, spent in rows):8.1f}"]
    return "\n".join(lines)
