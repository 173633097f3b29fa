"""A headless Chromium that sees one local folder and nothing else, and writes down what it did."""

from __future__ import annotations

import functools
import gzip
import os
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from playwright.sync_api import Browser, Page, Request, Response, Route, sync_playwright

WIDE = {"width": 1280, "height": 900}
PHONE = {"width": 390, "height": 844}
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
COMPRESSED = ("text/", "javascript", "json", "xml")


class _QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serve `folder` on localhost; yield its address, ending in a slash."""
    handler = functools.partial(_QuietHandler, directory=str(folder))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()


def find_browser() -> str | None:
    """Return the path of an installed Chromium, or None to let Playwright use its own."""
    return os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, BROWSERS)), None)


@contextmanager
def chromium() -> Iterator[Browser]:
    """Start a headless Chromium."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_browser(), args=list(FLAGS))
        try:
            yield browser
        finally:
            browser.close()


@dataclass
class Visit:
    """One page in one mode, with everything that went wrong while it loaded."""

    page: Page
    errors: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    moved: dict[str, int] = field(default_factory=dict)
    pictures: set[str] = field(default_factory=set)


@contextmanager
def visit(
    browser: Browser,
    base: str,
    page_name: str,
    *,
    theme: str = "light",
    viewport: dict | None = None,
) -> Iterator[Visit]:
    """Open a page in a fresh context in which every host but `base` is blocked."""
    context = browser.new_context(viewport=viewport or WIDE, color_scheme=theme)
    context.add_init_script(
        f"localStorage.setItem('mode', '{theme}'); localStorage.setItem('theme', '{theme}');"
    )
    seen = Visit(context.new_page())

    def only_here(route: Route) -> None:
        if route.request.url.startswith((base, "data:", "blob:")):
            route.continue_()
        else:
            route.abort()

    context.route("**/*", only_here)
    seen.page.on("console", lambda m: seen.errors.append(m.text) if m.type == "error" else None)
    seen.page.on("pageerror", lambda error: seen.errors.append(str(error)))
    seen.page.on("requestfailed", lambda request: _failed(seen, request))
    seen.page.on("response", lambda response: _arrived(seen, response))
    seen.page.goto(base + page_name, wait_until="networkidle")
    seen.page.wait_for_function(
        "!window.MathJax || !MathJax.startup || !MathJax.startup.promise"
        " || MathJax.startup.promise.then(() => true)"
    )
    try:
        yield seen
    finally:
        context.close()


def _failed(seen: Visit, request: Request) -> None:
    seen.failed.append(f"{request.url}: {request.failure}")


def _arrived(seen: Visit, response: Response) -> None:
    if response.status >= 400:
        seen.failed.append(f"{response.url}: status {response.status}")
        return
    kind = response.headers.get("content-type", "")
    if kind.startswith("image/"):
        seen.pictures.add(response.url)
        return
    body = response.body()
    packed = gzip.compress(body, 6) if any(part in kind for part in COMPRESSED) else body
    seen.moved[response.url] = len(packed)
