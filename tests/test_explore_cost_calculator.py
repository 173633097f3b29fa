"""The cost calculator shows the numbers of `accounting`, and can be used by keyboard alone."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest
import torch
from playwright.sync_api import expect
from torch import nn

from course_utils.explore import CostCalculator
from course_utils.explore.networks import modules_of, rows_of
from course_utils.explore.presets import presets
from explore_pages import opened, page_of, wait_alive

KIND = "cost_calculator"
COSTS = ("parameters", "multiplyAdds", "activations")


def own(layers, **settings):
    return CostCalculator(None, layers, networks=(), **settings)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: CostCalculator("vgg", networks=["vgg16"]), "network must be one of vgg16;"),
        (lambda: CostCalculator("a", networks=["a"]), "networks must be one of lenet5, alexnet"),
        (lambda: CostCalculator("lenet5", selected=8), "selected must be from 0 to 7, not 8"),
        (lambda: own([{"kind": "conv"}]), "must say what it puts out"),
        (lambda: own([{"kind": "tanh"}]), "kind must be one of conv"),
        (lambda: own([{"kind": "max", "size": 17}]), "size must be from 1 to 16, not 17"),
        (lambda: own([{"kind": "max", "side": 2}]), "a layer's setting must be one of out, size"),
        (lambda: own([{"kind": "max", "size": 9}], side=8), "layer 1, .* refused"),
        (lambda: own([{"kind": "global"}] * 65), "at most 64, not 65"),
    ],
)
def test_bad_settings(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_the_still_has_every_row_of_accounting():
    figure = own([{"kind": "conv", "out": 4, "size": 3}, {"kind": "relu"}], side=5)
    for text in ("4 × 3 × 3", ">112<", ">972<", ">111<", ">ReLU<".lower()):
        assert text in figure.still()
    assert figure.totals() == (112, 972, 111)  # 4·(27 + 1), 36·27, 75 + 36


# --- numbers --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def shared(browser):
    with opened(browser, page_of(CostCalculator("lenet5"))) as page:
        wait_alive(page)
        yield page
        assert page.wrong == []


@pytest.fixture
def page(shared):
    shared.get_by_role("button", name="Start over").click()
    return shared


COMPUTE = """states => states.map(state => {
  const {model, module, el} = figureOf("cost_calculator");
  model.set({network: "own", rows: null, selected: 0, ...state});
  const names = ["layers", "channels", "side", "rows"];
  const got = module.compute(Object.fromEntries(names.map(name => [name, model.get(name)])));
  el.draw();
  const texts = row => [...row.children].map(cell => cell.textContent);
  return {...got, shown: [...el.querySelectorAll(".net [role=row]")].map(texts)};
})"""


def agrees(got, rows):
    """The figure computes these rows, and shows them and their sums."""
    assert got["problem"] == ""
    assert [row | {"name": ""} for row in got["rows"]] == [row | {"name": ""} for row in rows]
    sums = {what: sum(row[what] for row in rows) for what in COSTS}
    assert got["totals"] == sums
    for cells, row in zip(got["shown"][1:-1], got["rows"], strict=True):
        shape = " × ".join(map(str, row["shape"]))
        field = f"{row['field']:,}" + (", all" if row["whole"] else "")
        costs = [f"{row[what]:,}" for what in COSTS]
        assert cells == [row["name"], shape, *costs, field]
    assert got["shown"][-1][2:5] == [f"{n:,}" for n in sums.values()]


def random_layer(rng, channels):
    """Any layer: it may not fit."""
    kinds = ["conv", "max", "mean", "relu", "norm", "dense", "global", "flatten"]
    kind = str(rng.choice(kinds, p=[0.5, 0.11, 0.11, 0.08, 0.08, 0.05, 0.03, 0.04]))
    if kind in ("global", "relu", "norm", "flatten"):
        return {"kind": kind}
    if kind == "dense":
        adds = str(rng.choice(["bias", "none"]))
        return {"kind": kind, "out": int(rng.integers(1, 300)), "adds": adds}
    window = {"size": int(rng.integers(1, 6)), "stride": int(rng.integers(1, 4))}
    window["padding"] = int(rng.integers(0, window["size"] // 2 + 1))
    if kind != "conv":
        return {"kind": kind, "ceil": bool(rng.integers(2))} | window
    groups = int(rng.choice([g for g in range(1, channels + 1) if channels % g == 0]))
    rest = {"dilation": int(rng.integers(1, 4)), "groups": groups}
    rest |= {"out": groups * int(rng.integers(1, 9)), "adds": str(rng.choice(ADDS))}
    return {"kind": kind} | window | rest


ADDS = ["bias", "none", "norm"]


def after(layer, shape):
    """What torch says that a layer puts out."""
    with torch.device("meta"):
        layers = [module.eval() for _, module in modules_of(layer, shape)]
        return tuple(nn.Sequential(*layers)(torch.empty(1, *shape)).shape[1:])


def random_stack(seed):
    """A stack whose every layer fits, where torch has the last word."""
    rng = np.random.default_rng(seed)
    channels, side = int(rng.integers(1, 5)), int(rng.integers(9, 65))
    layers, shape = [], (channels, side, side)
    for _ in range(int(rng.integers(2, 12))):
        layer = random_layer(rng, shape[0])
        try:
            shape = after(layer, shape)
        except (RuntimeError, ValueError, IndexError):
            continue
        layers.append(layer)
    return {"layers": layers, "channels": channels, "side": side}


@pytest.mark.slow
def test_random_stacks(page):
    states = [random_stack(seed) for seed in range(60)]
    ends = []
    for state, got in zip(states, page.evaluate(COMPUTE, states), strict=True):
        rows = rows_of(**state)
        agrees(got, rows)
        ends.append(rows[-1]["whole"])
    kinds = {layer["kind"] for state in states for layer in state["layers"]}
    assert kinds == {"conv", "max", "mean", "relu", "norm", "dense", "global", "flatten"}
    assert 6 < sum(ends) < 54


@pytest.mark.slow
def test_what_torch_refuses_is_called_a_problem(page):
    rng = np.random.default_rng(5)
    states = []
    for _ in range(80):
        layers = [random_layer(rng, 3), random_layer(rng, 6)]
        for layer in layers:
            if "size" in layer:
                layer["padding"] = int(rng.integers(0, 4))
        states.append({"layers": layers, "channels": 3, "side": int(rng.integers(1, 12))})
    refused = 0
    for state, got in zip(states, page.evaluate(COMPUTE, states), strict=True):
        try:
            rows = rows_of(**state)
        except ValueError:
            assert got["problem"]
            refused += 1
        else:
            agrees(got, rows)
    assert 15 < refused < 65


@pytest.mark.slow
def test_every_network_of_the_book(page):
    networks = list(presets().values())
    keys = ("channels", "side", "layers", "rows")
    states = [{key: n.get(key, []) for key in keys} for n in networks]
    for state in states:
        if state["layers"]:
            state["rows"] = None  # the figure computes them
    for network, got in zip(networks, page.evaluate(COMPUTE, states), strict=True):
        agrees(got, network["rows"])


@pytest.mark.slow
def test_the_arithmetic_is_written_out(page):
    """Every line «a = b»: what stands on the left comes to what stands on the right."""
    words = """states => states.flatMap(state => {
      const {module} = figureOf("cost_calculator");
      const result = module.compute(state);
      return result.rows.flatMap((row, here) => module.explain(state, result, here));
    })"""
    checked = 0
    for line in page.evaluate(words, [random_stack(seed) for seed in range(30)]):
        if "=" not in line or "that would begin" in line or line.startswith("Image"):
            continue
        left, right = re.split("[:,] ", line.split(" pixels")[0])[-1].split("=")
        assert value(left) == value(right), line
        checked += 1
    assert checked > 300


def value(text):
    signs = {"·": "*", "×": "*", "−": "-", ",": "", "⌊": "math.floor(", "⌈": "math.ceil("}
    for sign, python in (signs | {"⌋": ")", "⌉": ")"}).items():
        text = text.replace(sign, python)
    return eval(text, {"math": math})


# --- use ------------------------------------------------------------------------------------


def state(page, name):
    return page.evaluate(f"figureOf('{KIND}').model.get('{name}')")


def becomes(page, expression):
    """Wait until this is true of the layers `l`, or of the model."""
    page.wait_for_function(
        f"() => {{ const model = figureOf('{KIND}').model, l = model.get('layers');"
        f" return {expression}; }}",
        timeout=10_000,
    )


@pytest.mark.slow
def test_every_control_by_keyboard(page):
    page.get_by_label("Network", exact=True).select_option("vgg16")
    becomes(page, "model.get('network') === 'vgg16' && l.length === 21")
    page.get_by_role("radio", name="conv1_1").focus()
    page.keyboard.press("ArrowDown")
    becomes(page, "model.get('selected') === 2")
    for label, name in (("Window", "size"), ("Stride", "stride"), ("Padding", "padding"),
                        ("Dilation", "dilation"), ("Channels out", "out")):  # fmt: skip
        box = page.get_by_label(label, exact=True)
        before = int(box.input_value())
        box.press("ArrowUp")
        becomes(page, f"l[1].{name} === {before + 1} && model.get('network') === 'own'")
    page.get_by_label("Channels out", exact=True).fill("64")
    page.get_by_label("Groups", exact=True).fill("64")
    becomes(page, "l[1].groups === 64")
    page.get_by_label("Adds").select_option("norm")
    becomes(page, "l[1].adds === 'norm'")
    page.get_by_role("button", name="Move down").press("Enter")
    becomes(page, "l[2].groups === 64 && model.get('selected') === 3")
    page.get_by_role("button", name="Move up").press("Space")
    becomes(page, "l[1].groups === 64 && model.get('selected') === 2")
    page.get_by_role("button", name="Add a layer below").press("Enter")
    becomes(page, "l.length === 22 && l[2].out === 64 && model.get('selected') === 3")
    page.get_by_label("Kind").select_option("max")
    becomes(page, "l[2].kind === 'max'")
    expect(page.get_by_label("round up")).to_be_visible()  # a frame later
    page.get_by_label("round up").press("Space")
    becomes(page, "l[2].ceil === true")
    page.get_by_role("button", name="Remove it").press("Enter")
    becomes(page, "l.length === 21 && l[2].name === 'pool1'")
    page.get_by_label("Image side").fill("65")
    page.get_by_label("Its channels").press("ArrowDown")
    becomes(page, "model.get('side') === 65 && model.get('channels') === 2")


@pytest.mark.slow
def test_tab_reaches_every_control(page):
    page.get_by_label("Network", exact=True).focus()
    found = []
    for _ in range(30):
        what = page.evaluate("""() => {
          let e = document.activeElement;
          while (e?.shadowRoot) e = e.shadowRoot.activeElement;
          return e && e !== document.body ? e.tagName + " " + (e.type ?? "") : null;
        }""")
        if what is None:
            break
        found.append(what)
        page.keyboard.press("Tab")
    numbers, button = "INPUT number", "BUTTON button"
    assert found == ["SELECT select-one", *[numbers] * 2, button, "INPUT radio",
                     "SELECT select-one", *[numbers] * 6, "SELECT select-one",
                     *[button] * 3]  # fmt: skip  # «Move up» is off for the first layer


@pytest.mark.slow
def test_a_number_out_of_range_changes_nothing(page):
    before, box = state(page, "layers"), page.get_by_label("Window", exact=True)
    for bad in ("17", "0", "", "2.5"):
        box.fill(bad)
        expect(box).to_have_attribute("aria-invalid", "true")
        assert state(page, "layers") == before
    box.blur()
    expect(box).to_have_value("5")
    expect(box).not_to_have_attribute("aria-invalid", "true")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("layers", "words"),
    [
        (
            [{"kind": "relu"}, {"kind": "conv", "out": 4, "size": 3, "dilation": 4, "padding": 1}],
            "Layer 2 has a window of 9, which does not fit on a map of 7 with its padding.",
        ),
        (
            [{"kind": "conv", "out": 4, "groups": 2}],
            "Layer 1 has 2 groups, which must divide 3 channels in and 4 out.",
        ),
        (
            [{"kind": "flatten"}, {"kind": "max"}],
            "Layer 2 needs a map; after a flatten or a dense layer there is none.",
        ),
        (
            [{"kind": "mean", "size": 3, "padding": 2}],
            "Layer 1 pads more than half of its window.",
        ),
    ],
)
def test_a_layer_that_cannot_stand_says_why(page, layers, words):
    page.evaluate(COMPUTE, [{"layers": layers, "side": 5, "channels": 3, "selected": len(layers)}])
    row = page.get_by_role("row").filter(has_text=words.split(" ", 2)[2].rstrip("."))
    expect(row).to_be_visible()
    expect(page.locator(".cf-sum")).to_have_text(f"Not counted: l{words[1:]}")
    expect(page.get_by_role("status")).to_have_text(words, timeout=10_000)


@pytest.mark.slow
def test_a_change_is_announced_and_the_chosen_line_is_in_sight(page):
    page.get_by_label("Network", exact=True).select_option("alexnet")
    words = "conv1: output 96 by 55 by 55. Network: 60,965,224 parameters, 724,406,816 multiply"
    expect(page.get_by_role("status")).to_contain_text(words, timeout=10_000)
    page.get_by_label("Network", exact=True).select_option("vgg16")  # too long to be seen whole
    becomes(page, "l.length > 20")
    page.evaluate("figureOf('cost_calculator').model.set('selected', 20)")
    inside = """() => {
      const table = figureOf("cost_calculator").el.querySelector(".net");
      const [line, total] = [".here", ".total"].map(
        name => table.querySelector(name).getBoundingClientRect());
      return table.scrollTop > 0 && line.bottom <= total.top + 2;
    }"""
    page.wait_for_function(inside, timeout=10_000)


@pytest.mark.slow
def test_a_branched_network_is_a_table_to_read(page):
    page.get_by_label("Network", exact=True).select_option("googlenet")
    expect(page.get_by_role("button", name="Add a layer below")).to_be_disabled()
    expect(page.get_by_label("Image side")).to_be_disabled()
    page.get_by_role("radio", name="inception_4a").check()
    expect(page.locator(".cf-sum")).to_contain_text("inception_4a puts out 512 × 14 × 14 numbers.")
    page.get_by_label("Network", exact=True).select_option("own")
    becomes(page, "l.length === 1 && model.get('rows') === null")
    expect(page.get_by_role("button", name="Add a layer below")).to_be_enabled()


@pytest.mark.slow
def test_touch(browser):
    with opened(browser, page_of(CostCalculator("lenet5")), width=390, has_touch=True) as page:
        wait_alive(page)
        page.get_by_text("c3", exact=True).tap()
        becomes(page, "model.get('selected') === 3")
        page.get_by_role("button", name="Remove it").tap()
        becomes(page, "l.length === 6")
        assert page.wrong == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("network", "what"), [("vgg16", "TaskDuration"), ("plain56", "ScriptDuration")]
)
def test_an_update_takes_less_than_half_a_frame(page, network, what):
    """In processor time of the page's thread, of VGG-16 with layout and paint."""
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})

    def busy_ms():
        metrics = session.send("Performance.getMetrics")["metrics"]
        return next(1000 * m["value"] for m in metrics if m["name"] == what)

    page.get_by_label("Network", exact=True).select_option(network)
    drag = """async () => {
      const {model, el} = figureOf("cost_calculator");
      for (let n = 0; n < 60; n++) {
        model.set("side", 32 + n);
        el.draw();
        el.getBoundingClientRect();
        if (n % 10 === 0) await new Promise(requestAnimationFrame);
      }
    }"""
    page.evaluate(drag)
    before = busy_ms()
    page.evaluate(drag)
    assert 0 < (busy_ms() - before) / 60 < 8
