"""The interactive figures in use: keyboard, touch, screen reader, themes, and where they live."""

from __future__ import annotations

import io
from pathlib import Path

import axe_playwright_python
import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import TimeoutError, expect

from course_utils.explore import (
    Backpropagation,
    CortexExperiment,
    CostCalculator,
    DrawDigit,
    ImageKernels,
    NeocognitronPlanes,
    Pooling,
    ReceptiveFields,
    ResidualDepth,
    SlidingWindow,
    SoftmaxLoss,
    TrainInPage,
)
from course_utils.explore.pooling import INPUT, pooled, shifted
from course_utils.explore.softmax_loss import loss_and_gradient
from explore_pages import AS_JUPYTERLAB, numbers, opened, page_of, wait_alive

pytestmark = pytest.mark.slow

AXE = Path(axe_playwright_python.__file__).parent / "axe.min.js"
FIGURES = (
    SlidingWindow,
    ImageKernels,
    Pooling,
    SoftmaxLoss,
    DrawDigit,
    TrainInPage,
    CostCalculator,
    CortexExperiment,
    NeocognitronPlanes,
    Backpropagation,
    ReceptiveFields,
    ResidualDepth,
)
KINDS = tuple(figure.module for figure in FIGURES)


@pytest.fixture(scope="module")
def html():
    """All figures on one page, the first of them twice."""
    return page_of(*(figure() for figure in FIGURES), SlidingWindow(operation="convolution"))


@pytest.fixture(scope="module")
def shared(browser, html):
    with opened(browser, html) as page:
        wait_alive(page)
        yield page
        assert page.wrong == []


@pytest.fixture
def page(shared):
    """The shared page with every figure as at its start."""
    for button in shared.get_by_role("button", name="Start over").all():
        button.click()
    return shared


def figure(page, kind, n=0):
    return page.locator(f"[data-figure={kind}]").nth(n)


def state(page, kind, name, n=0):
    return page.evaluate(f"figureOf('{kind}', {n}).model.get('{name}')")


def grid(page, kind, label):
    page.evaluate(f"figureOf('{kind}').el.draw()")
    return numbers(page.evaluate(f"shown(figureOf('{kind}').el, '{label}')"))


def becomes(page, kind, name, value, n=0):
    """Wait until a figure's state has this value: keys take their time on a busy machine."""
    same = "([kind, name, n, value]) => JSON.stringify(figureOf(kind, n).model.get(name)) === value"
    try:
        value = np.asarray(value).tolist()
        wanted = "value => JSON.stringify(value)"  # the browser's own way to write a number
        wanted = page.evaluate(wanted, value)
        page.wait_for_function(same, arg=[kind, name, n, wanted], timeout=10_000)
    except TimeoutError:
        assert state(page, kind, name, n) == value, "too late"


def said(page, kind, words):
    """Wait until a screen reader is told these words, after the pause that avoids chatter."""
    told = """([kind, words]) =>
      figureOf(kind).el.querySelector("[role=status]").textContent.includes(words)"""
    page.wait_for_function(told, arg=[kind, words], timeout=10_000)


# --- keyboard -------------------------------------------------------------------------------


def test_every_control_is_reached_by_tab(page):
    """Each figure: from its first control on, Tab visits all of them, each with a name."""
    visited = """() => {
      let e = document.activeElement;
      while (e?.shadowRoot) e = e.shadowRoot.activeElement;
      return [e.getRootNode().host?.closest(".course-figure")?.dataset.figure ?? null,
              e.tagName + (e.type ?? e.getAttribute("role") ?? "")];
    }"""
    page.evaluate("document.activeElement.blur?.()")
    page.locator("h1").click()
    found = {kind: [] for kind in KINDS}
    for _ in range(300):
        page.keyboard.press("Tab")
        kind, what = page.evaluate(visited)
        if kind is None:
            break
        found[kind].append(what)
    sliding = ["INPUTradio", "INPUTradio", *["INPUTrange"] * 4, "INPUTtext", "INPUTtext",
               "DIVgridcell", *["BUTTONbutton"] * 4]  # fmt: skip
    assert found["sliding_window"] == 2 * sliding  # the page has it twice
    assert found["pooling"].count("INPUTrange") == 4
    assert found["pooling"].count("DIVgridcell") == found["pooling"].count("INPUTtext") == 1
    assert found["image_kernels"].count("INPUTfile") == 1
    assert found["image_kernels"].count("INPUTrange") == 2
    assert found["softmax_loss"].count("INPUTrange") == 5


def test_a_grid_is_walked_with_arrows_and_edited(page):
    cell = figure(page, "sliding_window").get_by_label("input, row 1, column 1", exact=True)
    cell.focus()
    for key in ("ArrowDown", "ArrowRight", "ArrowRight", "End", "Home", "ArrowRight"):
        page.keyboard.press(key)
    page.keyboard.type("-2.5")
    wanted = np.array(state(page, "sliding_window", "input"))
    wanted[1, 1] = -2.5
    becomes(page, "sliding_window", "input", wanted)
    page.keyboard.press("Enter")  # goes on below
    page.keyboard.press("Shift+ArrowUp")
    page.keyboard.press("Shift+ArrowUp")
    page.keyboard.press("Shift+ArrowDown")
    wanted[2, 1] += 1
    becomes(page, "sliding_window", "input", wanted)
    page.keyboard.press("ArrowUp")
    page.keyboard.type("7")
    wanted[1, 1] = 7
    becomes(page, "sliding_window", "input", wanted)
    page.keyboard.press("Escape")
    wanted[1, 1] = -2.5
    becomes(page, "sliding_window", "input", wanted)


def test_what_is_no_number_changes_nothing(page):
    cell = figure(page, "sliding_window").get_by_label("weight, row 1, column 2")
    before = state(page, "sliding_window", "kernel")
    cell.focus()
    page.keyboard.type("x")
    expect(cell).to_have_attribute("aria-invalid", "true")
    assert state(page, "sliding_window", "kernel") == before
    page.keyboard.press("Tab")
    expect(cell).to_have_value("2")
    expect(cell).not_to_have_attribute("aria-invalid", "true")


@pytest.mark.parametrize(
    ("typed", "value"), [("1/4", 0.25), ("−3", -3), (".5", 0.5), ("2,5", 2.5), ("-1/8", -0.125)]
)
def test_ways_to_write_a_number(page, typed, value):
    cell = figure(page, "sliding_window").get_by_label("weight, row 1, column 1")
    cell.focus()
    cell.fill(typed)
    page.wait_for_function(f"figureOf('sliding_window').model.get('kernel')[0][0] === {value}")


def test_padding_cannot_be_edited(page):
    page.evaluate("figureOf('sliding_window').model.set('padding', 1)")
    page.evaluate("figureOf('sliding_window').el.draw()")
    outside = figure(page, "sliding_window").get_by_label("outside the input, zero").first
    assert outside.get_attribute("role") == "gridcell"
    expect(outside.locator("input")).to_have_count(0)
    before = state(page, "sliding_window", "input")
    outside.focus()
    page.keyboard.press("Shift+ArrowUp")
    assert state(page, "sliding_window", "input") == before


def test_the_window_follows_keys_steps_and_play(page):
    window = figure(page, "sliding_window")
    window.get_by_label("row 1, column 1: 0", exact=True).focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    becomes(page, "sliding_window", "position", 6)  # of 5 x 5, row by row
    step, play = (window.get_by_role("button", name=name) for name in ("Step", "Play"))
    step.focus()
    page.keyboard.press("Enter")
    becomes(page, "sliding_window", "position", 7)
    window.get_by_role("button", name="Back").press("Space")
    becomes(page, "sliding_window", "position", 6)
    play.press("Enter")
    page.wait_for_function("figureOf('sliding_window').model.get('position') >= 8")
    said(page, "sliding_window", "Playing")
    expect(window.get_by_label("row 5, column 5: not computed yet")).to_be_attached()
    window.get_by_role("button", name="Pause").press("Enter")
    expect(window.get_by_role("button", name="Play")).to_be_visible()
    expect(window.get_by_label("row 5, column 5: not computed yet")).not_to_be_attached()
    said(page, "sliding_window", "Output 5 by 5. Row")  # not before: "Playing" was the last word
    stopped = state(page, "sliding_window", "position")
    page.wait_for_timeout(800)
    assert state(page, "sliding_window", "position") == stopped


def test_sliders_radios_and_lists_take_keys(page):
    window = figure(page, "sliding_window")
    for label, key, name, value in (
        ("Stride", "ArrowRight", "stride", 2),
        ("Padding", "End", "padding", 3),
        ("Dilation", "ArrowRight", "dilation", 2),
    ):
        window.get_by_role("slider", name=label).press(key)
        becomes(page, "sliding_window", name, value)
    window.get_by_label("Kernel size").press("ArrowLeft")
    becomes(page, "sliding_window", "kernel", [[1, 2], [4, 0]])
    window.get_by_role("radio", name="Correlation").press("ArrowRight")
    becomes(page, "sliding_window", "operation", "convolution")
    window.get_by_role("radio", name="Floor: leave it").press("ArrowRight")
    becomes(page, "sliding_window", "rounding", "ceil")
    expect(window.locator(".notes")).to_contain_text("2·3")


def test_image_kernels_by_keyboard(page):
    kernels = figure(page, "image_kernels")
    kernels.get_by_label("Kernel", exact=True).first.select_option("mean5")
    becomes(page, "image_kernels", "kernel", np.full((5, 5), 1 / 25))
    becomes(page, "image_kernels", "range", "grey")
    kernels.get_by_role("radio", name="5 × 5").press("ArrowLeft")
    becomes(page, "image_kernels", "kernel", np.full((3, 3), 1 / 25))
    kernels.get_by_label("weight, row 2, column 2").fill("1/9")
    kernels.get_by_label("Look at row").press("Home")
    kernels.get_by_label("Look at column").press("ArrowRight")
    becomes(page, "image_kernels", "row", 0)
    becomes(page, "image_kernels", "column", 67)
    said(page, "image_kernels", "Sum 0.43")
    kernels.get_by_label("Picture", exact=True).select_option("dot")
    page.wait_for_function(
        "figureOf('image_kernels').model.get('pixels').filter(x => x).length === 1"
    )


def test_pooling_by_keyboard(page):
    pooling = figure(page, "pooling")
    pooling.get_by_role("radio", name="maximum").press("ArrowRight")
    becomes(page, "pooling", "kind", "mean")
    pooling.get_by_label("Shift right").press("ArrowRight")
    pooling.get_by_label("Shift down").press("ArrowLeft")
    becomes(page, "pooling", "right", 1)
    becomes(page, "pooling", "down", -1)
    pooling.get_by_label("map, row 1, column 3", exact=True).fill("4")
    wanted = np.array(INPUT)
    wanted[1, 1] = 4  # where it lies before the shift
    becomes(page, "pooling", "input", wanted)
    pooling.get_by_label("Map", exact=True).first.select_option("stripes")
    becomes(page, "pooling", "input", np.tile([6, 0], (8, 4)))


def test_softmax_by_keyboard(page):
    losses = figure(page, "softmax_loss")
    losses.get_by_label("score of class B").press("ArrowRight")
    becomes(page, "softmax_loss", "scores", [6, 0.1, 5, 3, 8])
    losses.get_by_role("radio", name="class A is the true one").press("ArrowDown")
    becomes(page, "softmax_loss", "target", 1)
    losses.get_by_role("radio", name="Cross-entropy").press("ArrowRight")
    becomes(page, "softmax_loss", "loss", "squares")
    losses.get_by_role("radio", name="Squared error").press("ArrowLeft")
    becomes(page, "softmax_loss", "loss", "entropy")
    scores = np.array([6, 0.1, 5, 3, 8])
    losses.get_by_role("button", name="Take a step down").press("Enter")
    _, after, _ = loss_and_gradient(
        scores - loss_and_gradient(scores, 1, "entropy")[2], 1, "entropy"
    )
    said(page, "softmax_loss", f"Loss {after:.2f}. Class B, the true one")


# --- screen reader --------------------------------------------------------------------------


def test_a_drag_is_announced_once(browser):
    drag = """() => {
      const {model, el} = figureOf("sliding_window");
      const region = el.querySelector("[role=status]");
      window.heard = [];
      new MutationObserver(() => heard.push(region.textContent)).observe(region, {childList: true});
      for (let n = 0; n < 8; n++) {
        model.set("position", n);
        el.draw();
      }
    }"""
    with opened(browser, page_of(SlidingWindow())) as page:
        wait_alive(page)
        page.evaluate(drag)
        page.wait_for_function("heard.length > 0")
        assert page.evaluate("heard") == ["Output 5 by 5. Row 2, column 3: 0."]


def test_regions_are_polite_and_silent_at_first(browser, html):
    with opened(browser, html) as page:
        wait_alive(page)
        page.wait_for_timeout(900)
        for region in page.get_by_role("status").all():
            assert region.get_attribute("aria-live") == "polite"
            assert region.text_content() == ""


def test_a_change_is_named(page):
    page.evaluate("figureOf('pooling').model.set('right', 1)")
    table, right = np.array(INPUT), shifted(np.array(INPUT), 0, 1)
    before, after = (pooled(t, "max", 2, 2) for t in (table, right))
    shares = [
        np.linalg.norm(b - a) / np.linalg.norm(a) for a, b in ((table, right), (before, after))
    ]
    words = "Map changed by {:.0f} percent, pooled map by {:.0f}. Row 1, column 1: 0."
    said(page, "pooling", words.format(*(100 * share for share in shares)))


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [760, 390])
def test_axe_finds_nothing(browser, html, theme, width):
    with opened(browser, html, width=width, color_scheme=theme) as page:
        page.evaluate(f"document.documentElement.dataset.theme = '{theme}'")
        wait_alive(page)
        page.evaluate("""() => {
          figureOf("sliding_window").model.set({padding: 1, stride: 4, dilation: 2});
          figureOf("pooling").model.set({right: 1});
        }""")
        page.wait_for_timeout(100)
        page.evaluate(AXE.read_text(encoding="utf-8"))
        found = page.evaluate("axe.run(document, {resultTypes: ['violations', 'incomplete']})")
    bad = found["violations"]
    assert [(v["id"], v["help"], [n["html"][:160] for n in v["nodes"][:3]]) for v in bad] == []


# --- touch, size, motion, theme -------------------------------------------------------------


def test_touch(browser, html):
    with opened(browser, html, width=390, has_touch=True, is_mobile=True) as page:
        wait_alive(page)
        figure(page, "sliding_window").get_by_label("row 3, column 4: 4").tap()
        becomes(page, "sliding_window", "position", 13)
        figure(page, "sliding_window").get_by_role("radio", name="Convolution").tap()
        becomes(page, "sliding_window", "operation", "convolution")
        figure(page, "image_kernels").locator(".view").first.tap(position={"x": 5, "y": 5})
        page.wait_for_function("figureOf('image_kernels').model.get('row') < 8")
        figure(page, "softmax_loss").get_by_role("radio", name="class D").tap()
        becomes(page, "softmax_loss", "target", 3)
        figure(page, "pooling").get_by_label("map, row 1, column 1", exact=True).tap()
        page.keyboard.type("3")
        page.wait_for_function("figureOf('pooling').model.get('input')[0][0] === 3")


def test_hover_and_drag_with_a_mouse(page):
    cell = figure(page, "sliding_window").get_by_label("row 4, column 2: −3")
    cell.scroll_into_view_if_needed()
    cell.hover()
    becomes(page, "sliding_window", "position", 16)
    ranges = figure(page, "softmax_loss").get_by_label("score of class A")
    ranges.scroll_into_view_if_needed()
    box = ranges.bounding_box()
    page.mouse.move(box["x"] + 0.75 * box["width"], box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + 2, box["y"] + box["height"] / 2, steps=5)
    page.mouse.up()
    page.wait_for_function("figureOf('softmax_loss').model.get('scores')[0] < -11")


@pytest.mark.parametrize("width", [390, 320, 760, 1100])
def test_nothing_stands_out_of_its_figure(browser, html, width):
    outside = """kind => {
      const {el, model} = figureOf(kind);
      const wide = Array(4).fill([0.125, 2, 3, -4]);
      const settings = {padding: 3, kernel: wide, rounding: "ceil", stride: 3};
      if (kind === "sliding_window") model.set(settings);
      if (kind === "image_kernels") model.set({kernel: Array(5).fill(Array(5).fill(-0.04))});
      el.draw();
      const right = el.getBoundingClientRect().right;
      return [...el.querySelectorAll("*")].filter(e => e.getBoundingClientRect().right > right + 0.5
        && !e.closest(".cf-say")).map(e => e.outerHTML.slice(0, 120));
    }"""
    with opened(browser, html, width=width) as page:
        wait_alive(page)
        for kind in KINDS:
            assert page.evaluate(outside, kind) == [], kind
        sizes = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
        assert sizes[0] <= sizes[1]


def turning(page):
    return page.evaluate("""() => {
      const {model, el} = figureOf("sliding_window");
      model.set("operation", "convolution");
      const cells = el.querySelectorAll('[aria-label^="Kernel as it is laid on"] .cf-cell');
      return [...cells].flatMap(cell => cell.getAnimations()).length;
    }""")


def test_the_flip_is_animated_unless_the_reader_wants_no_motion(browser, page):
    assert turning(page) == 9
    with opened(browser, page_of(SlidingWindow()), reduced_motion="reduce") as still:
        wait_alive(still)
        assert turning(still) == 0
        assert figure(still, "sliding_window").locator(".cf-frame").first.evaluate(
            "e => getComputedStyle(e).transitionDuration") in ("0s", "")  # fmt: skip


@pytest.mark.parametrize(
    ("scheme", "script", "dark"),
    [
        ("light", "document.documentElement.dataset.theme = 'dark'", True),
        ("dark", "document.documentElement.dataset.theme = 'light'", False),
        ("dark", "document.documentElement.removeAttribute('data-theme')", True),
        ("light", "document.documentElement.removeAttribute('data-theme')", False),
        ("light", "document.documentElement.removeAttribute('data-theme'); "
                  "document.body.dataset.jpThemeLight = 'false'", True),
        ("dark", "document.documentElement.removeAttribute('data-theme'); "
                 "document.body.dataset.jpThemeLight = 'true'", False),
        ("light", "document.documentElement.removeAttribute('data-theme'); "
                  "document.documentElement.setAttribute('theme', 'dark')", True),
    ],
)  # fmt: skip
def test_the_theme_of_the_page_and_of_the_system(page, scheme, script, dark):
    page.emulate_media(color_scheme=scheme)
    page.evaluate(script)
    paper = (
        figure(page, "pooling").locator(".cf").evaluate("e => getComputedStyle(e).backgroundColor")
    )
    page.evaluate("""() => { document.documentElement.dataset.theme = "light";
      document.documentElement.removeAttribute("theme");
      delete document.body.dataset.jpThemeLight; }""")
    page.emulate_media(color_scheme="light")
    assert paper == ("rgb(26, 31, 38)" if dark else "rgb(255, 255, 255)")


# --- where it lives -------------------------------------------------------------------------


def test_two_of_a_kind_do_not_know_of_each_other(page):
    page.evaluate("figureOf('sliding_window', 1).model.set({stride: 3, operation: 'correlation'})")
    becomes(page, "sliding_window", "stride", 1)
    figure(page, "sliding_window", 0).get_by_role("radio", name="Convolution").press("Space")
    becomes(page, "sliding_window", "operation", "convolution")
    assert state(page, "sliding_window", "operation", 1) == "correlation"


def test_without_scripts_the_still_stays(browser, html):
    with opened(browser, html, java_script_enabled=False) as page:
        for kind in KINDS:
            still = figure(page, kind).first.get_by_role("img").first
            assert still.is_visible()
            assert len(still.get_attribute("aria-label").split()) > 15
            assert still.bounding_box()["width"] > 300


def test_a_figure_that_fails_leaves_its_still(browser):
    broken = SlidingWindow()._repr_html_().replace("export default", "nonsense(", 1)
    with opened(browser, page_of(broken, Pooling())) as page:
        page.wait_for_function("document.querySelector('.course-figure').dataset.state === 'still'")
        assert figure(page, "sliding_window").get_by_role("img").is_visible()
        page.wait_for_function("window.figureOf('pooling')")  # the other one lives
        assert len(page.wrong) == 1


def test_in_jupyterlab(browser):
    with opened(browser, page_of()) as page:
        for shown in (SlidingWindow(), Pooling()):
            page.evaluate(AS_JUPYTERLAB, shown._repr_html_())
        wait_alive(page)
        figure(page, "sliding_window").get_by_label("Stride").press("ArrowRight")
        becomes(page, "sliding_window", "stride", 2)
        # JupyterLab's shortcuts look for this on the way from the pressed key's element.
        host = page.evaluate(
            "figureOf('pooling').el.getRootNode().host.dataset.lmSuppressShortcuts"
        )
        assert host == "true"
        page.evaluate("document.querySelector('[data-figure=pooling]').remove()")  # run again
        page.evaluate(AS_JUPYTERLAB, Pooling(kind="mean")._repr_html_())
        wait_alive(page)
        becomes(page, "pooling", "kind", "mean")
        assert page.wrong == []


@pytest.mark.parametrize("sandbox", ["allow-scripts allow-same-origin", "allow-scripts"])
def test_in_the_frame_of_an_output(browser, sandbox):
    with opened(browser, page_of()) as page:
        page.evaluate(
            """([html, sandbox]) => {
              const frame = document.createElement("iframe");
              frame.setAttribute("sandbox", sandbox);
              frame.style = "width: 700px; height: 700px";
              frame.srcdoc = `<!doctype html><html theme="dark"><body>${html}</body></html>`;
              document.body.append(frame);
            }""",
            [SlidingWindow()._repr_html_() + SoftmaxLoss()._repr_html_(), sandbox],
        )
        inside = page.frame_locator("iframe")
        inside.locator("[data-figure=softmax_loss][data-state=alive]").wait_for()
        inside.get_by_label("Stride").press("ArrowRight")
        inside.get_by_text("⌊(7 + 2·0 − 1·(3 − 1) − 1) / 2⌋ + 1 = ⌊4 / 2⌋ + 1 = 3").wait_for()
        assert page.wrong == []


def test_your_own_picture_stays_in_the_page(page):
    levels = np.zeros((60, 100, 3), np.uint8)
    levels[:, 50:] = (255, 0, 0)  # the middle square: left half black, right half red
    file = io.BytesIO()
    Image.fromarray(levels).save(file, "PNG")
    chooser = figure(page, "image_kernels").locator("input[type=file]")
    chooser.set_input_files({"name": "red.png", "mimeType": "image/png", "buffer": file.getvalue()})
    figure(page, "image_kernels").get_by_text("Your picture is shown in grey").wait_for()
    pixels = np.array(page.evaluate("[...figureOf('image_kernels').model.get('pixels')]"))
    pixels = pixels.reshape(128, 128)
    assert pixels[:, :60].max() == 0
    assert pixels[:, 68:].min() == pixels[:, 68:].max() == 85  # the mean of the three channels
    chooser.set_input_files({"name": "x.png", "mimeType": "image/png", "buffer": b"no picture"})
    figure(page, "image_kernels").get_by_text(
        "is not a picture that your browser can show"
    ).wait_for()
    assert page.wrong == []
