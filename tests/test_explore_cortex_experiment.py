"""The reader's experiment on a cell answers as course_utils.cortex does, and by keyboard alone."""

from __future__ import annotations

import numpy as np
import pytest
from playwright.sync_api import expect

from course_utils import cortex as cx
from course_utils.explore import CortexExperiment
from course_utils.explore import cortex_experiment as figure
from explore_pages import opened, page_of, wait_alive

pytestmark = pytest.mark.slow
STATES = 72

LISTEN = """() => { window.clicks = 0;
window.AudioContext = class {
  sampleRate = 1000; currentTime = 0; state = "running";
  resume() { this.state = "running"; }
  suspend() { this.state = "suspended"; }
  createBuffer(_, length) { return {getChannelData: () => new Float32Array(length)}; }
  createBufferSource() { return {connect() {}, start() { window.clicks++; }}; }
}; }"""


@pytest.fixture(scope="module")
def shared(browser):
    with opened(browser, page_of(CortexExperiment(seed=3))) as opened_page:
        wait_alive(opened_page)
        opened_page.evaluate(LISTEN)
        yield opened_page
        assert opened_page.wrong == []


@pytest.fixture
def page(shared):
    shared.get_by_role("button", name="Start over").click()
    return shared


def becomes(page, name, value):
    same = "([name, value]) => figureOf('cortex_experiment').model.get(name) === value"
    page.wait_for_function(same, arg=[name, value], timeout=10_000)


def drawn(page):
    """What a frame does, at once: on a busy machine two keys may fall into one frame."""
    page.evaluate("figureOf('cortex_experiment').el.draw()")


def pressed(page, key, times=1):
    for _ in range(times):
        page.keyboard.press(key)
        drawn(page)


def states():
    """Lights on and about three places, so that the fields of a cell are built once a place."""
    rng = np.random.default_rng(0)
    for n in range(STATES):
        if n % 24 == 0:
            orientation = 5 * int(rng.integers(36))
            center = [0.0, 0.0] if n == 0 else (rng.integers(-10, 11, 2) / 10).tolist()
        near = rng.integers(2)  # one half of the lights lie on the field, at its angle
        angle = orientation if near else 5 * int(rng.integers(36))
        place = rng.normal(center, 0.8 if near else 2).clip(-4, 4).round(1)
        yield {
            "cell": figure.CELLS[n % 3],
            "light": "all" if n % 12 == 11 else figure.LIGHTS[n // 3 % 3],
            "orientation": orientation,
            "center": center,
            "angle": angle,
            "x": float(place[0]),
            "y": float(place[1]),
        }


def test_drive_and_rate_are_those_of_cortex(page):
    read = """states => {
      const {model, module, el} = figureOf("cortex_experiment");
      return states.map(state => {
        model.set(state);
        const ms = el.draw();
        const shown = el.querySelector(".cf-sum strong").textContent;
        return {...module.compute(state), ms, shown};
      });
    }"""
    lights = list(states())
    answers = page.evaluate(read, lights)
    rates = []
    for light, got in zip(lights, answers, strict=True):
        image = figure.stimulus(light)
        rates.append(float(figure.recorded(light, image)))
        assert got["drive"] == pytest.approx(float(figure.drive(light, image)), rel=1e-9, abs=1e-12)
        assert got["rate"] == pytest.approx(rates[-1], rel=1e-9, abs=1e-9)
        assert float(got["shown"].split()[0]) == pytest.approx(rates[-1], abs=0.05 + 1e-9)
    assert min(rates) == 0
    assert max(rates) > 50  # silence and strong answers are among them
    assert np.median([got["ms"] for got in answers]) < 8


def test_cells_are_those_of_the_chapter():
    state = {"orientation": 90, "center": [0.0, 0.0]}
    image = cx.bar(figure.RETINA, 80, position=(0.2, 0.1))
    retina, offsets = cx.Retina(pixels=81, degrees_per_pixel=0.1), np.arange(-1.5, 1.51, 0.25)
    bank = cx.simple_cell_bank(retina, 90, offsets)
    rows = cx.row_subunits(retina, 90, offsets, length=4.0, spacing=0.2)
    for cell, wanted in (
        ("simple", cx.drive(image, cx.simple_cell(retina, 90, length=4.0, spacing=0.4))),
        ("maximum", cx.complex_cell(image, bank)),
        ("conjunction", cx.conjunctive_complex_cell(image, rows)),
    ):
        assert float(figure.drive({"cell": cell, **state}, image)) == pytest.approx(float(wanted))


@pytest.mark.parametrize("cell", figure.CELLS)
def test_the_readers_tuning_curve(page, cell):
    """Turning the bar once around, by the slider's keys, gives cortex's numbers for the curve."""
    page.evaluate("""cell => {
      const {model} = figureOf("cortex_experiment");
      const [x, y] = model.get("center");
      model.set({cell, x, y});
    }""", cell)  # fmt: skip
    drawn(page)
    page.get_by_role("slider", name="Angle of the light").focus()
    for key, times in (("ArrowRight", 1), ("Home", 1), ("ArrowRight", 35)):
        pressed(page, key, times)
    becomes(page, "angle", 175)
    state = CortexExperiment([cell], seed=3).state
    angles = np.arange(0, 180, 5)
    bars = cx.bar(figure.RETINA, angles, position=state["center"])
    curve = figure.recorded(state, bars)
    best = page.evaluate(f"figureOf('cortex_experiment').model.get('best')['{cell} bar']")
    np.testing.assert_allclose([best[str(n)] for n in range(36)], curve, rtol=1e-9)
    added = np.maximum(curve - 10, 0)
    words = (
        f"Preferred angle {cx.preferred_orientation(angles, added):.1f}°, half-width at "
        f"half-height {cx.half_width(angles, added, period=180.0):.1f}°."
    )
    expect(page.get_by_text(words)).to_be_visible()


def test_marks_say_faster_slower_or_neither(page):
    page.evaluate("""() => figureOf("cortex_experiment").model.set({cell: "simple", light: "spot",
      orientation: 90, center: [0, 0], x: -2, y: 0})""")
    drawn(page)
    page.get_by_role("slider", name="Light: left to right").focus()
    pressed(page, "ArrowRight", 25)
    becomes(page, "x", 0.5)
    marks = page.evaluate("figureOf('cortex_experiment').model.get('marks')['simple spot']")
    state = {"cell": "simple", "orientation": 90, "center": [0.0, 0.0]}
    signs = set()
    for sign, x, y in marks.values():
        rate = float(figure.recorded(state, cx.spot(figure.RETINA, (x, y), diameter=1.0)))
        assert sign == (rate > 12) - (rate < 8)
        signs.add(sign)
    assert signs == {1, -1, 0}
    counts = [sum(mark[0] == sign for mark in marks.values()) for sign in (1, -1, 0)]
    words = "Spot at 0.5 across, 0 up. Marks: {} faster, {} slower, {} neither".format(*counts)
    expect(page.get_by_role("img", name=words)).to_be_visible()
    page.get_by_role("button", name="Wipe the records").press("Enter")
    expect(page.get_by_role("img", name="Marks: 0 faster, 0 slower, 0 neither")).to_be_visible()


def test_spikes_are_random_seeded_and_of_the_right_rate(page):
    counts = page.evaluate("""() => {
      const {spikeTimes, randomOf} = figureOf("cortex_experiment").module;
      const count = (rate, seed) => spikeTimes(rate, 100000, randomOf(seed)).length;
      return [[10, 60, 0].map(rate => count(rate, 1)), count(60, 1), count(60, 2)];
    }""")
    for rate, count in zip((10, 60, 0), counts[0], strict=True):
        wanted = -np.expm1(-rate / 1000) * 100_000  # of 100 s in bins of 1 ms
        assert abs(count - wanted) <= 4 * np.sqrt(wanted)
    assert counts[0][1] == counts[1] != counts[2]


def test_pointer_moves_and_turns_the_light(page):
    screen = page.locator(".screen")
    box = screen.bounding_box()

    def at(x, y):
        across, down = 0.5 + x / 8.1, 0.5 - y / 8.1
        return box["x"] + across * box["width"], box["y"] + down * box["height"]

    page.mouse.move(*at(-3, -3))
    page.mouse.down()
    page.mouse.move(*at(1, 0.5), steps=8)
    page.mouse.up()
    becomes(page, "x", 1)
    becomes(page, "y", 0.5)
    page.mouse.move(*at(-1.7, 0.5))  # a grip of the bar, 2.7 degrees from its middle
    page.mouse.down()
    page.mouse.move(*at(-1, -1.5), steps=4)
    page.mouse.up()
    becomes(page, "angle", 45)
    becomes(page, "x", 1)
    page.mouse.move(*at(0, 0))  # with no button pressed the light stays
    assert page.evaluate("figureOf('cortex_experiment').model.get('x')") == 1


def test_touch_moves_the_light(browser):
    with opened(browser, page_of(CortexExperiment()), width=390, has_touch=True) as page:
        wait_alive(page)
        page.locator(".screen").tap(position={"x": 30, "y": 300})
        page.wait_for_function("figureOf('cortex_experiment').model.get('x') < -3")
        assert page.evaluate("figureOf('cortex_experiment').model.get('y')") < -2


def test_the_cell_is_heard_only_on_request(page):
    page.get_by_role("radio", name="One spot").press("Space")
    becomes(page, "light", "spot")
    page.wait_for_timeout(300)
    assert page.evaluate("window.clicks") == 0
    hear = page.get_by_role("button", name="Hear it fire")
    hear.press("Enter")
    expect(hear).to_have_attribute("aria-pressed", "true")
    page.wait_for_function("window.clicks > 3")
    hear.press("Enter")
    expect(hear).to_have_attribute("aria-pressed", "false")
    page.wait_for_timeout(100)
    heard = page.evaluate("window.clicks")
    page.wait_for_timeout(400)
    assert page.evaluate("window.clicks") == heard


@pytest.mark.parametrize("motion", ["no-preference", "reduce"])
def test_the_trace_stands_still_for_who_wants_no_motion(browser, motion):
    with opened(browser, page_of(CortexExperiment()), reduced_motion=motion) as page:
        wait_alive(page)
        page.get_by_role("slider", name="Light: down to up").press("ArrowLeft")
        page.wait_for_function("figureOf('cortex_experiment').model.get('y') === 2.4")
        page.evaluate("figureOf('cortex_experiment').el.draw()")
        trace = "figureOf('cortex_experiment').el.querySelector('.spikes').getAttribute('d')"
        before = page.evaluate(trace)
        page.wait_for_timeout(200)
        assert (page.evaluate(trace) == before) == (motion == "reduce")


def test_a_move_is_told(page):
    page.get_by_role("slider", name="Light: down to up").press("ArrowLeft")
    becomes(page, "y", 2.4)
    image = cx.bar(figure.RETINA, 0, position=(-2.0, 2.4))
    rate = float(figure.recorded(CortexExperiment(seed=3).state, image))
    words = f"Bar at −2 across, 2.4 up, 0 degrees: {rate:.0f} spikes a second."
    expect(page.get_by_role("status")).to_have_text(words, timeout=10_000)


def test_cells_are_shown_changed_and_put_back(page):
    centres = page.locator(".field circle")
    page.get_by_role("radio", name="Complex, maximum").press("Space")
    expect(centres).to_have_count(0)
    page.get_by_role("button", name="Show its centres").press("Enter")
    expect(centres).to_have_count(13 * 11)
    page.get_by_role("button", name="Another cell").press("Enter")
    expect(centres).to_have_count(0)
    assert page.evaluate("figureOf('cortex_experiment').model.get('center')") != [-0.9, -0.7]
    page.get_by_role("button", name="Start over").press("Enter")
    becomes(page, "cell", "simple")
    assert page.evaluate("figureOf('cortex_experiment').model.get('center')") == [-0.9, -0.7]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: CortexExperiment(["hypercomplex"]), "cells must be some of simple, maximum"),
        (lambda: CortexExperiment("simple"), "cells must be some of"),
        (lambda: CortexExperiment(angle=7), "angle must be a multiple of 5 degrees, not 7"),
        (lambda: CortexExperiment(orientation=180), "orientation must be from 0 to 175"),
        (lambda: CortexExperiment(center=(0, 2)), r"center must be \(x, y\), each from -1 to 1"),
        (lambda: CortexExperiment(position=3), r"position must be \(x, y\), each from -4 to 4"),
        (lambda: CortexExperiment(light="laser"), "light must be one of bar, spots, spot, all"),
    ],
)
def test_bad_settings(make, message):
    with pytest.raises(ValueError, match=message):
        make()
