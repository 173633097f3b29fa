"""The built pages in a browser, served from localhost with every other host blocked.

The pages are built at the smoke scale, apart from the book in `_build/html`.
"""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urldefrag

import axe_playwright_python
import pytest
from bs4 import BeautifulSoup

from browser import PHONE, WIDE, served, visit
from conftest import ROOT

pytestmark = [pytest.mark.pages, pytest.mark.slow]

AXE = Path(axe_playwright_python.__file__).parent / "axe.min.js"
CHAPTERS = sorted((ROOT / "chapters").glob("[0-9][0-9]_*.ipynb"))
CHAPTER_PAGES = [f"chapters/{path.stem}.html" for path in CHAPTERS]
APPENDICES = [f"chapters/{path.stem}.html" for path in (ROOT / "chapters").glob("appendix_*.md")]
PAGES = ["index.html", *CHAPTER_PAGES, *sorted(APPENDICES), "search.html"]
MOVED_AT_MOST = 1_000_000
LEAST_CONTRAST = 4.5  # WCAG 2.1, level AA, for text of ordinary size
SMOKE_SECONDS = 30  # 20 alone, which test_notebooks holds; here beside the other worker
EXTERNAL = re.compile(r"^(https?:|mailto:|data:|javascript:)")


@pytest.fixture(scope="session")
def built() -> subprocess.CompletedProcess:
    """The result of building the book at the smoke scale."""
    command = [sys.executable, "-m", "course_admin", "build", "--scale", "smoke"]
    out = ROOT / "_build" / "smoke"
    done = subprocess.run([*command, "--out", str(out)], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-8000:]
    return done


@pytest.fixture(scope="session")
def html(built) -> Path:
    return ROOT / "_build" / "smoke" / "_build" / "html"


@pytest.fixture(scope="session")
def site(html):
    with served(html) as base:
        yield base


@dataclass(frozen=True)
class Facts:
    """What one look at a page in one mode showed."""

    errors: list[str]
    failed: list[str]
    moved: dict[str, int]
    theme: str
    formulas: dict[str, int]
    too_wide: list[str]
    too_long: list[str]
    widths: list[int]
    figures: list[list[float]]
    violations: list[dict]
    faint_code: list[list]


FORMULAS = """() => Object.fromEntries(Object.entries({
  written: ".math", typeset: "mjx-container", shown: "mjx-container[display=true]",
  broken: "mjx-merror"}).map(([name, css]) => [name, document.querySelectorAll(css).length]))"""
PRINTED = ".cell_input pre, .cell_output pre"
TOO_WIDE = "all => all.filter(e => e.scrollWidth > e.clientWidth + 1).map(e => e.textContent)"
UNFOLDED_TOO_WIDE = f"all => ({TOO_WIDE})(all.filter(e => e.checkVisibility()))"
WIDTHS = "[document.documentElement.scrollWidth, document.documentElement.clientWidth]"
# Contrast is what takes axe its time: it looks for what lies behind every word. Code is thousands
# of words in a handful of colours on one ground, so these are computed below, once a colour, and
# the figures that move are held by test_explore_use.
STRUCTURE = (
    "axe.run(document, {resultTypes: ['violations'], rules: {'color-contrast': {enabled: false}}})"
)
CONTRAST = """axe.run({exclude: ["div.highlight pre", ".course-figure"]},
  {resultTypes: ["violations"], runOnly: ["color-contrast"]})"""
FAINT_CODE = """least => {
  const numbers = text => text.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [[0.2126, r], [0.7152, g], [0.0722, b]].reduce((sum, [share, c]) =>
    sum + share * (c / 255 <= 0.04045 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4), 0);
  const ground = e => {
    const color = numbers(getComputedStyle(e).backgroundColor);
    return color.length === 3 || color[3] === 1 ? color : ground(e.parentElement);
  };
  const found = new Map();
  for (const e of document.querySelectorAll("div.highlight pre, div.highlight pre span")) {
    if (![...e.childNodes].some(n => n.nodeType === 3 && n.data.trim())) continue;
    const both = [numbers(getComputedStyle(e).color), ground(e)];
    found.set(String(both), [e.className, both.map(light)]);
  }
  const ratio = ([a, b]) => (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  return [...found].map(([colors, [name, both]]) => [colors, name, ratio(both)])
    .filter(([, , r]) => r < least);
}"""
RATIOS = "images => images.map(i => [i.width / i.height, i.naturalWidth / i.naturalHeight])"


def look(browser, site, page, theme, viewport) -> Facts:
    """Open a page once and write down everything that the tests ask of it."""
    with visit(browser, site, page, theme=theme, viewport=viewport) as seen:
        found = Facts(
            errors=list(seen.errors),
            failed=list(seen.failed),
            moved=dict(seen.moved),
            theme=seen.page.evaluate("document.documentElement.dataset.theme"),
            formulas=seen.page.evaluate(FORMULAS),
            too_wide=seen.page.eval_on_selector_all("mjx-container[display=true]", TOO_WIDE),
            too_long=seen.page.eval_on_selector_all(PRINTED, UNFOLDED_TOO_WIDE),
            widths=seen.page.evaluate(WIDTHS),
            figures=seen.page.eval_on_selector_all(".cell_output img", RATIOS),
            violations=[],
            faint_code=seen.page.evaluate(FAINT_CODE, LEAST_CONTRAST),
        )
        if viewport == WIDE:
            seen.page.evaluate(AXE.read_text(encoding="utf-8"))
            for run in (STRUCTURE, CONTRAST) if theme == "light" else (CONTRAST,):
                found.violations.extend(seen.page.evaluate(run)["violations"])
    return found


@pytest.fixture(scope="session")
def facts(browser, site):
    """Look at a page: each in each mode once, since loading is what takes the time."""
    known: dict[tuple[str, str, int], Facts] = {}

    def of(page, theme="light", viewport=WIDE) -> Facts:
        key = (page, theme, viewport["width"])
        if key not in known:
            known[key] = look(browser, site, page, theme, viewport)
        return known[key]

    return of


@pytest.mark.parametrize(("theme", "viewport"), [("light", WIDE), ("dark", WIDE), ("light", PHONE)])
@pytest.mark.parametrize("page", PAGES)
def test_it_loads_without_an_error(facts, page, theme, viewport):
    seen = facts(page, theme, viewport)
    assert seen.theme == theme
    assert seen.errors == []
    assert seen.failed == []


@pytest.mark.parametrize("page", CHAPTER_PAGES)
def test_mathematics_is_typeset(facts, page):
    formulas = facts(page).formulas
    assert formulas["written"] > 0
    assert formulas["typeset"] >= formulas["written"]
    assert formulas["broken"] == 0


@pytest.mark.parametrize("page", CHAPTER_PAGES)
def test_a_formula_fits_a_wide_page(facts, page):
    assert facts(page).formulas["shown"] > 0
    assert facts(page).too_wide == []


@pytest.mark.parametrize("page", CHAPTER_PAGES)
def test_code_and_what_it_prints_fit_a_wide_page(facts, page):
    assert facts(page).too_long == []


@pytest.mark.parametrize("page", CHAPTER_PAGES)
def test_it_is_light_enough(facts, page):
    moved = facts(page).moved
    heaviest = sorted(moved.items(), key=lambda item: -item[1])[:5]
    assert sum(moved.values()) <= MOVED_AT_MOST, heaviest


@pytest.mark.parametrize("page", PAGES)
def test_it_does_not_scroll_sideways_on_a_phone(facts, page):
    inside, window = facts(page, viewport=PHONE).widths
    assert inside <= window


@pytest.mark.parametrize("page", CHAPTER_PAGES)
def test_figures_keep_their_shape_on_a_phone(facts, page):
    shapes = facts(page, viewport=PHONE).figures
    assert shapes
    for drawn, true in shapes:
        assert drawn == pytest.approx(true, rel=0.02)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("page", PAGES)
def test_axe_finds_nothing_serious(facts, page, theme):
    bad = [v for v in facts(page, theme).violations if v["impact"] in ("serious", "critical")]
    report = [(v["id"], v["help"], [n["html"][:160] for n in v["nodes"][:4]]) for v in bad]
    assert report == []
    assert facts(page, theme).faint_code == []


@pytest.mark.parametrize("page", PAGES)
def test_every_image_has_alternative_text(html, page):
    for image in parsed(html / page).find_all("img"):
        alternative = image.get("alt", "").strip()
        assert alternative, image.get("src")
        assert not alternative.endswith((".png", ".svg")), image.get("src")


@pytest.mark.parametrize("page", CHAPTER_PAGES)
def test_a_figure_is_drawn_and_described(html, page):
    figures = parsed(html / page).select(".cell_output img")
    assert figures
    for figure in figures:
        assert len(figure["alt"].split()) >= 6, figure["alt"]


@pytest.mark.parametrize("page", PAGES)
def test_internal_links_lead_somewhere(html, page):
    here = html / page
    for tag in parsed(here).find_all(["a", "link", "script", "img"]):
        target = tag.get("href") or tag.get("src")
        if not target or EXTERNAL.match(target):
            continue
        name, anchor = urldefrag(target)
        path = (here.parent / unquote(name.split("?")[0])).resolve() if name else here
        if path.is_dir():
            path = path / "index.html"
        assert path.is_file(), f"{page} links to {target}"
        if anchor and path.suffix == ".html":
            assert parsed(path).find(id=unquote(anchor)), f"{page} links to {target}"


@pytest.mark.parametrize("page", CHAPTER_PAGES)
def test_no_error_or_warning_is_printed_on_the_page(html, page):
    soup = parsed(html / page)
    assert soup.select(".output.traceback, .output.stderr") == []


@pytest.mark.parametrize("page", CHAPTER_PAGES)
def test_solutions_are_folded(html, page):
    soup = parsed(html / page)
    folded = [d for d in soup.select("details") if "Show a solution" in d.summary.get_text()]
    assert len(folded) >= 3
    for details in folded:
        assert not details.has_attr("open")
        assert "### BEGIN SOLUTION" in details.get_text()


@pytest.mark.parametrize("page", CHAPTER_PAGES)
def test_the_colab_button_opens_the_student_form(html, page):
    notebook = page.replace(".html", ".ipynb")
    addresses = [a["href"] for a in parsed(html / page).select("a[href*='colab.research']")]
    assert addresses
    assert all(a.endswith(f"/blob/colab/{notebook}") for a in addresses), addresses


@pytest.mark.parametrize("page", ["index.html", CHAPTER_PAGES[5]])  # above its folder, and in it
def test_the_search_finds_words_and_its_index_is_loaded_only_then(browser, site, page):
    with visit(browser, site, page) as seen:
        assert not any("searchindex" in address for address in seen.moved)
        seen.page.keyboard.press("Control+k")
        seen.page.keyboard.type("neocognitron")
        seen.page.keyboard.press("Enter")
        seen.page.locator("#search-results li a").first.wait_for()
        assert seen.page.url.startswith(f"{site}search.html?q=neocognitron")
    assert seen.errors == []


def test_smoke_seconds_are_kept(built):
    rows = re.findall(r"^(\d\d_\w+\.ipynb) +([\d.]+)$", built.stdout, re.MULTILINE)
    assert len(rows) == len(CHAPTERS)
    for name, spent in rows:
        assert float(spent) < SMOKE_SECONDS, f"{name} took {spent} s"


_PARSED: dict[Path, BeautifulSoup] = {}


def parsed(path: Path) -> BeautifulSoup:
    """Return the parsed page, read once."""
    if path not in _PARSED:
        _PARSED[path] = BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")
    return _PARSED[path]
