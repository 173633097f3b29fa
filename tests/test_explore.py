"""The figures' HTML, their settings, their gallery and their places in the chapters."""

from __future__ import annotations

import json
import re

import nbformat
import numpy as np
import pytest
from bs4 import BeautifulSoup

from course_utils import explore
from course_utils.explore import ImageKernels, Pooling, SlidingWindow, SoftmaxLoss, gallery
from course_utils.explore.figure import FOLDER, Figure, source

FIGURES = [getattr(explore, name) for name in explore.__all__]
MODULE_AT_MOST = 60_000  # bytes, with the pieces that it imports


@pytest.mark.parametrize("figure", FIGURES)
def test_html_holds_everything_and_fetches_nothing(figure):
    soup = BeautifulSoup(figure()._repr_html_(), "html.parser")
    root = soup.div
    assert root["data-figure"] == figure.module
    assert [s.get("data-part") for s in root.find_all("script")] == [
        "model",
        "style",
        "lib",
        "module",
        None,
    ]
    assert not soup.find_all(src=re.compile("^(?!data:)"))
    assert all(tag["href"].startswith("data:") for tag in soup.find_all(href=True))
    state = json.loads(root.find("script", {"data-part": "model"}).string)
    assert state["title"] == figure.title
    code = "".join(s.string for s in root.find_all("script"))
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", code)
    assert not re.search(r"\b(fetch|XMLHttpRequest|WebSocket|sendBeacon|eval)\(", code)


@pytest.mark.parametrize("figure", FIGURES)
def test_a_module_is_small_and_imports_only_the_shared_pieces(figure):
    module, lib = source(f"{figure.module}.js"), source("lib.js")
    assert len(module.encode()) + len(lib.encode()) <= MODULE_AT_MOST
    assert re.findall(r"^(?:import|export) [^;]*?from (\S+);", module, re.MULTILINE) == [
        '"./lib.js"'
    ]
    assert "import " not in lib


@pytest.mark.parametrize("figure", FIGURES)
def test_still_is_described_by_its_numbers(figure):
    still = BeautifulSoup(figure().still(), "html.parser").svg
    assert still["role"] == "img"
    assert still["aria-label"] == figure().description()
    assert len(still["aria-label"].split()) > 15
    assert figure().description() in repr(figure())
    assert figure()._repr_mimebundle_().keys() == {"text/html", "text/plain"}


def test_stills_show_the_numbers_of_ops():
    assert "whose sum is −14." in SlidingWindow([[1, 2], [3, 4]], [[-5, 0], [-3, 0]]).description()
    assert "which becomes 2.5." in Pooling(np.arange(16).reshape(4, 4), "mean").description()
    assert "A 0 and 50.0 %" in SoftmaxLoss([0, 0]).description()
    assert "Their sum is 9." in ImageKernels(np.ones((3, 3))).description()
    texts = BeautifulSoup(Pooling(9 * np.eye(4)).still(), "html.parser").find_all("text")
    assert [t.string for t in texts][-4:] == ["9", "0", "0", "9"]


def test_text_that_would_end_its_script_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("course_utils.explore.figure.FOLDER", tmp_path)
    (tmp_path / "bad.js").write_text("const x = '</SCRIPT>';")
    with pytest.raises(ValueError, match=r"bad\.js holds '</script'"):
        source("bad.js")


def test_comments_stay_behind(tmp_path, monkeypatch):
    monkeypatch.setattr("course_utils.explore.figure.FOLDER", tmp_path)
    lines = [
        "// a file",
        "/** Two",
        " *  lines. */",
        "/* in */ f(1); /* the */",
        "  const x = 1; // y",
    ]
    (tmp_path / "some.js").write_text("\n".join([*lines, "", "", "  /* end */", "g(x);", ""]))
    assert source("some.js") == "/* in */ f(1); /* the */\nconst x = 1; // y\ng(x);\n"


def test_state_cannot_end_its_script():
    class Talking(Pooling):
        title = "</script><script>alert(1)</script>"

    soup = BeautifulSoup(Talking()._repr_html_(), "html.parser")
    assert len(soup.find_all("script")) == 5
    assert json.loads(soup.find("script", {"data-part": "model"}).string)["title"] == Talking.title


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: SlidingWindow(np.ones((3, 4))), r"input must be square; its shape is \(3, 4\)"),
        (lambda: SlidingWindow(np.ones((10, 10))), "with 1 to 9 rows and columns"),
        (lambda: SlidingWindow("abc"), "input must be a table of numbers"),
        (lambda: SlidingWindow([[1, np.nan], [0, 0]]), "input must hold finite numbers only"),
        (lambda: SlidingWindow(stride=0), "stride must be from 1 to 4, not 0"),
        (lambda: SlidingWindow(padding=1.5), "padding must be an integer, not 1.5"),
        (
            lambda: SlidingWindow(operation="flip"),
            "operation must be one of correlation, convolution",
        ),
        (lambda: SlidingWindow(controls=["speed"]), "controls must be one of operation"),
        (lambda: ImageKernels(np.ones((4, 4))), "kernel must have 3 x 3 or 5 x 5 weights"),
        (lambda: ImageKernels(row=128), "row must be from 0 to 127, not 128"),
        (lambda: Pooling(np.ones((3, 8))), "at least 4 rows and columns"),
        (lambda: Pooling(kind="median"), "kind must be one of max, mean, L2, first"),
        (lambda: SoftmaxLoss([1]), "scores must be 2 to 8 numbers from -12 to 12"),
        (lambda: SoftmaxLoss([1, 13]), "scores must be 2 to 8 numbers"),
        (lambda: SoftmaxLoss([1, 2], target=2), "target must be from 0 to 1, not 2"),
    ],
)
def test_bad_settings(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_state_of_other_types_is_refused():
    with pytest.raises(TypeError, match="a figure's state holds numbers"):
        Odd(numbers={1, 2})._repr_html_()


class Odd(Figure):
    module, title = "pooling", "A figure of which only the state matters."

    def still(self):
        return ""


def test_the_gallery_is_up_to_date():
    def without_jpeg(text):  # another version of the encoder writes other bytes
        return re.sub(r"base64,[^\"]+", "", text)

    assert gallery.PAGE.read_text(encoding="utf-8") == gallery.page()
    assert {type(entry.figure) for entry in gallery.ENTRIES} == set(FIGURES)
    for entry in gallery.ENTRIES:
        file = (gallery.STILLS / f"{entry.figure.module}.svg").read_text(encoding="utf-8")
        assert without_jpeg(file) == without_jpeg(gallery.still(entry.figure))
        assert "var(" not in file


def test_every_figure_stands_where_the_gallery_says(chapters):
    for entry in gallery.ENTRIES:
        assert entry.places
        for anchor in entry.places:
            (path,) = (path for path in chapters if path.name.startswith(anchor[2:4]))
            cells = nbformat.read(path, 4).cells
            (at,) = (i for i, c in enumerate(cells) if f"({anchor})=" in c.source)
            assert "{admonition} Predict" in cells[at].source  # a question to answer by using it
            name = type(entry.figure).__name__
            assert f"{name}(" in cells[at + 1].source
            assert cells[at + 1].get("outputs") == []
            assert cells[at + 2].cell_type == "markdown"  # and its answer


def test_palette_is_the_same_for_both_ways_to_ask_for_dark():
    text = (FOLDER / "palette.css").read_text(encoding="utf-8")
    blocks = [dict(re.findall(r"(--cf-[\w-]+): (#[0-9a-f]{6})", b)) for b in text.split("}")]
    light, dark, system = (block for block in blocks if block)
    assert dark == system
    assert light.keys() == dark.keys()
