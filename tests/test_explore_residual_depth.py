"""Figure 11: its numbers are those recorded, the record is what networks give, keys do it all."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import torch
from playwright.sync_api import expect

from course_utils.explore import ResidualDepth
from course_utils.explore.residual_depth import KINDS, MEASURES, STARTS, geometric_mean, recorded
from explore_pages import opened, page_of, wait_alive

DEPTHS = range(8, 57, 6)
SCRIPT = Path(__file__).parents[1] / "data" / "make_residual_depth.py"
READ = """state => {
  const {model, module, el} = figureOf("residual_depth");
  model.set(state);
  el.draw();
  const all = {...state};
  for (const name of ["depths", "curves", "errors"]) all[name] = model.get(name);
  return {...module.compute(all), span: module.decades(all),
    rows: [...el.querySelectorAll("tbody tr")].map(
      row => [...row.querySelectorAll("td")].map(cell => cell.textContent)),
    sums: [...el.querySelectorAll(".cf-sum p")].map(e => e.textContent)};
}"""


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("make_residual_depth", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def shared(browser):
    with opened(browser, page_of(ResidualDepth())) as page:
        wait_alive(page)
        yield page
        assert page.wrong == []


@pytest.fixture
def page(shared):
    shared.get_by_role("button", name="Start over").click()
    return shared


def number(text):
    """Read "12.3", "1.2 · 10⁻²⁴", "-0.01" or "80 %"."""
    plain = text.translate(str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻−", "0123456789--"))
    return float(plain.replace(" · 10", "e").removesuffix(" %"))


# --- the numbers ----------------------------------------------------------------------------


@pytest.mark.slow
def test_numbers_are_those_recorded(page):
    rng = np.random.default_rng(11)
    record = recorded()
    states = [(d, s, m) for d in DEPTHS for s in STARTS for m in MEASURES]
    assert len(states) > 50
    for depth, start, measure in states:
        layer = int(rng.integers(1, depth))
        state = {"depth": depth, "start": start, "measure": measure, "layer": layer}
        got = page.evaluate(READ, state)
        for kind, row, said in zip(KINDS, got["rows"], got["sums"], strict=True):
            runs = np.array([r[measure] for r in record["curves"][f"{kind} {start} {depth}"]])
            mid = geometric_mean(kind, start, depth, measure)
            shown = got[kind]
            np.testing.assert_allclose(shown["mid"], mid, rtol=1e-10)
            np.testing.assert_array_equal(shown["low"], runs.min(axis=0))
            np.testing.assert_array_equal(shown["high"], runs.max(axis=0))
            ends = [geometric_mean(kind, start, d, measure)[[0, -1]] for d in DEPTHS]
            ratios = np.divide(*np.transpose(ends))
            np.testing.assert_allclose(shown["byDepth"], ratios, rtol=1e-10)
            ratio = mid[0] / mid[-1]
            wanted = [mid[layer - 1], mid[0], mid[-1], ratio]
            np.testing.assert_allclose([number(text) for text in row[:4]], wanted, rtol=0.06)
            factor = f"{ratio ** (1 / (depth - 2)):.3f}"
            assert f"= {row[3]} = {factor}" in said
            assert f": times {factor} for each layer down." in said
            assert 10.0 ** got["span"][0] <= runs.min() <= runs.max() <= 10.0 ** got["span"][1]
            if start == "norm":
                agree = np.mean([r["agreement"] for r in record["curves"][f"{kind} norm {depth}"]])
                error = np.mean(record["errors"][f"{kind} {depth}"])
                assert number(row[4]) == pytest.approx(agree, abs=0.00501)
                assert number(row[5]) == pytest.approx(error, abs=0.501)
            else:
                assert row[4:] == ["–", "–"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("how", "depth"), [("norm", 14), ("bare", 8), ("he", 8)])
def test_the_record_is_what_a_network_gives(script, kind, how, depth):
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        found = script.before_training(depth, kind, how, 1, script.training_images())
    finally:
        torch.set_num_threads(threads)
    noted = recorded()["curves"][f"{kind} {how} {depth}"][1]
    assert found.keys() == noted.keys()
    for name in MEASURES:
        assert len(noted[name]) == depth - 1
        np.testing.assert_allclose(found[name], noted[name], rtol=0.03)
    if how == "norm":
        assert found["agreement"] == pytest.approx(noted["agreement"], abs=0.02)


def test_a_recorded_training_error_is_met_again(script):
    """Rounding differs from processor to processor, and training makes it grow."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        error = script.training_error(8, "residual", 0, script.training_images())
    finally:
        torch.set_num_threads(threads)
    assert error == pytest.approx(recorded()["errors"]["residual 8"][0], abs=3)


def test_plain_and_residual_start_with_the_same_weights(script):
    pairs = [script.start(14, kind, "he", 2).state_dict() for kind in KINDS]
    assert pairs[0].keys() != set()
    for one, other in zip(*(pair.values() for pair in pairs), strict=True):
        assert torch.equal(one, other)


# --- in use ---------------------------------------------------------------------------------


def becomes(page, name, value):
    page.wait_for_function(
        "([name, value]) => figureOf('residual_depth').model.get(name) === value", arg=[name, value]
    )
    drawn(page)


def drawn(page):
    """What a frame does, at once: on a busy machine a key may come before it."""
    page.evaluate("figureOf('residual_depth').el.draw()")


@pytest.mark.slow
def test_keys_turn_everything_and_it_is_said(page):
    drawn(page)
    page.get_by_role("slider", name="Depth").press("End")
    becomes(page, "depth", 56)
    page.get_by_role("slider", name="Look at layer").press("End")
    becomes(page, "layer", 55)
    page.get_by_role("slider", name="Depth").press("Home")
    becomes(page, "depth", 8)
    expect(page.get_by_role("slider", name="Look at layer")).to_have_attribute("max", "7")
    expect(page.get_by_role("columnheader", name="layer 7")).to_be_visible()
    page.get_by_role("radio", name="batch norm").press("ArrowRight")
    becomes(page, "start", "bare")
    page.get_by_role("radio", name="gradient by its weights").press("ArrowRight")
    becomes(page, "measure", "up")
    told = "8 layers, none, PyTorch’s weights, signal coming up: plain"
    expect(page.get_by_role("status")).to_contain_text(told)
    expect(page.get_by_text("trained with batch norm only")).to_be_visible()


@pytest.mark.slow
def test_pointing_at_the_picture_chooses_a_layer(page):
    chart = page.locator("svg.chart")
    chart.scroll_into_view_if_needed()
    box = chart.bounding_box()
    page.mouse.move(box["x"] + 0.985 * box["width"], box["y"] + box["height"] / 2)
    becomes(page, "layer", 19)
    page.mouse.move(box["x"] + 2, box["y"] + box["height"] / 2)
    becomes(page, "layer", 1)


@pytest.mark.slow
@pytest.mark.parametrize("change", ["n => ({depth: 8 + 6 * (n % 9)})", "n => ({layer: n})"])
def test_an_update_takes_less_than_half_a_frame(page, change):
    """In processor time of the page's thread, layout included; the best of three runs."""
    drag = f"""() => {{
      const {{model, el}} = figureOf("residual_depth");
      for (let n = 0; n < 20; n++) {{
        model.set(({change})(n));
        el.draw();
        el.getBoundingClientRect();
      }}
    }}"""
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})

    def busy_ms():
        metrics = session.send("Performance.getMetrics")["metrics"]
        return next(1000 * m["value"] for m in metrics if m["name"] == "TaskDuration")

    taken = []
    for _ in range(3):
        before = busy_ms()
        page.evaluate(drag)
        taken.append((busy_ms() - before) / 20)
    assert min(taken) < 8


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"depth": 9}, "depth must be one of 8, 14, 20, .* 56; not 9"),
        ({"start": "batch"}, "start must be one of norm, bare, he"),
        ({"measure": "loss"}, "measure must be one of weights, up, down"),
        ({"depth": 8, "layer": 8}, "layer must be from 1 to 7, not 8"),
    ],
)
def test_bad_settings(settings, message):
    with pytest.raises(ValueError, match=message):
        ResidualDepth(**settings)


def test_what_the_chapter_says_holds():
    """The answer beside the figure, sentence by sentence."""

    def ends(kind, start, measure, depth):
        return geometric_mean(kind, start, depth, measure)[[0, -1]]

    def ratio(*what):
        first, last = ends(*what)
        return first / last

    deep = [depth for depth in DEPTHS if depth >= 14]
    plain, residual = (
        [ratio(kind, "norm", "down", d) ** (1 / (d - 2)) for d in deep] for kind in KINDS
    )
    assert 1.155 < min(plain) < max(plain) < 1.195
    assert ratio("plain", "norm", "down", 14) == pytest.approx(7, abs=0.5)
    assert ratio("plain", "norm", "down", 56) == pytest.approx(3200, abs=50)
    assert residual == sorted(residual, reverse=True)
    assert residual[0] == pytest.approx(1.13, abs=0.0051)
    assert residual[-1] == pytest.approx(1.06, abs=0.0051)
    assert max(ratio("residual", "norm", "down", d) for d in DEPTHS) < 25
    for depth in deep:
        steps = 1 / (depth - 2)
        assert 0.3 < ratio("plain", "bare", "weights", depth) < 3.3  # 1e-5 to 1e-25 in depth
        assert 2.6 < ratio("plain", "bare", "up", depth) ** steps < 3
        assert 2.6 < (1 / ratio("plain", "bare", "down", depth)) ** steps < 3
        assert 9 < ratio("residual", "bare", "up", depth) < 15
        assert 2 < 1 / ratio("residual", "bare", "down", depth) < 3
    assert ratio("plain", "he", "up", 56) == pytest.approx(220, abs=5)
    assert ends("residual", "he", "up", 56)[1] > 2000
