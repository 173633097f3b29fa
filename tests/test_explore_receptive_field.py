"""The receptive field of any unit: as `accounting` computes it, and as a gradient finds it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from playwright.sync_api import expect

from course_utils import models
from course_utils.accounting.calls import Call, Calls
from course_utils.accounting.fields import tensors_in
from course_utils.accounting.measured import _HideNothing, positive_twin
from course_utils.explore import ReceptiveFields
from course_utils.explore.presets import presets
from explore_pages import opened, page_of, wait_alive

KIND = "receptive_field"
SMALL = ("lenet5", "lenet5_1998", "nin", "plain20", "resnet20", "resnet32", "vgg11", "alexnet")
SMALL += ("densenet40_k12", "googlenet")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ReceptiveFields("vgg15"), "network must be one of lenet5, alexnet"),
        (lambda: ReceptiveFields(networks=["vgg15"]), "networks must be one of lenet5"),
        (lambda: ReceptiveFields("vgg16", "pool6"), "layer must be one of image, conv1_1"),
        (lambda: ReceptiveFields("vgg16", "pool5", row=7), "row must be from 0 to 6, not 7"),
        (lambda: ReceptiveFields("vgg16", "fc6", column=1), "column must be from 0 to 0, not 1"),
    ],
)
def test_bad_settings(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_the_still_says_what_the_unit_sees():
    corner = ReceptiveFields("vgg16", "pool5", row=0, column=3)
    assert corner.window() == ((-90, 121), (6, 217))
    assert "Rows 0 to 121 and columns 6 to 217 of the image" in corner.description()
    assert ReceptiveFields("vgg16", "fc8").window() == ((-90, 313), (-90, 313))


# --- numbers --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def shared(browser):
    with opened(browser, page_of(ReceptiveFields("vgg16"))) as page:
        wait_alive(page)
        yield page
        assert page.wrong == []


@pytest.fixture
def page(shared):
    shared.get_by_role("button", name="Start over").click()
    return shared


COMPUTE = """states => states.map(([network, layer, row, column]) => {
  const {model, module, el} = figureOf("receptive_field");
  model.set({network, layer, row, column});
  el.draw();
  const names = ["networks", "network", "layer", "row", "column"];
  const got = module.compute(Object.fromEntries(names.map(name => [name, model.get(name)])));
  return {...got, words: [...el.querySelectorAll(".cf-sum p")].map(p => p.textContent)};
})"""


def text(number):
    return str(number).replace("-", "−")


@pytest.mark.slow
def test_every_layer_of_every_network(page):
    """The rows of `presets`, which another test holds to `accounting`, one state for each."""
    states = [(name, n, 0, 0) for name, net in presets().items() for n in range(len(net["rows"]))]
    assert len(states) > 1000
    for (name, n, *_), got in zip(states, page.evaluate(COMPUTE, states), strict=True):
        row = presets()[name]["rows"][n]
        assert got["layer"]["units"] == (row["shape"][1] if len(row["shape"]) > 1 else 1)
        assert {key: row[key] for key in ("name", "field", "stride", "first", "whole")} == {
            key: value for key, value in got["layer"].items() if key != "units"
        }
        last = row["first"] + row["field"] - 1
        assert (got["rows"]["from"], got["columns"]["to"]) == (row["first"], last)
        before = presets()[name]["rows"][n - 1]["field"] if n else None
        was = f" (before: {before})" if n else ""
        assert got["words"][3].startswith(f"Size r = {row['field']}{was}, ")
        assert f"= {text(last)}; in the image 0 to {min(last, got['side'] - 1)}." in got["words"][
            1
        ] or (last < 0)


def maps_of(name):
    """The image, and what layers and blocks put out, in the positive twin of a thin network."""
    settings = {} if name == "lenet5_1998" else {"width": 1 / 16}
    torch.manual_seed(0)
    twin, outputs = positive_twin(getattr(models, name)(**settings), 0), {}

    def remember(call: Call, output: object) -> None:
        if tensors := tensors_in(output):
            outputs[call.name.removeprefix("layers.").replace(".branch.", ".")] = tensors[0].clone()

    Calls(twin, remember)
    channels, side = presets()[name]["channels"], presets()[name]["side"]
    image = torch.ones(1, channels, side, side, dtype=torch.float64, requires_grad=True)
    with torch.enable_grad(), _HideNothing():
        twin(image)
    return image, outputs


def reached(image, output, row, column):
    """Rows and columns of the image, first and last, to which a gradient comes back; or None."""
    unit = output[0, :, row, column] if output.ndim == 4 else output[0]
    (gradient,) = torch.autograd.grad(unit.sum(), image, retain_graph=True)
    places = np.argwhere(gradient[0].abs().sum(0).numpy() > 0)
    return (
        [list(pair) for pair in zip(places.min(0), places.max(0), strict=True)]
        if len(places)
        else None
    )


@pytest.mark.slow
@pytest.mark.parametrize("name", SMALL)
def test_a_gradient_reaches_what_the_figure_marks(page, name):
    rng, states, truth = np.random.default_rng(len(name)), [], []
    image, outputs = maps_of(name)
    rows = presets()[name]["rows"]
    for layer in rng.permutation(np.arange(1, len(rows)))[:7]:
        output = outputs[rows[layer]["name"]]
        units = output.shape[-1] if output.ndim == 4 else 1
        unit = [int(place) for place in rng.integers(units, size=2)]
        states.append((name, int(layer), *unit))
        truth.append(reached(image, output, *unit))
    for state, got, wanted in zip(states, page.evaluate(COMPUTE, states), truth, strict=True):
        seen = [[axis["low"], axis["high"]] for axis in (got["rows"], got["columns"])]
        if wanted is None:
            assert 0 in (got["rows"]["count"], got["columns"]["count"]), state
        else:
            assert seen == wanted, state
    assert len(states) == 7


# --- use ------------------------------------------------------------------------------------


def becomes(page, network, layer, row, column):
    """Wait until the figure is in this state; the layer by its name."""
    page.wait_for_function(
        """([network, layer, row, column]) => {
          const {model} = figureOf("receptive_field");
          const name = model.get("networks")[network].rows[model.get("layer")][0];
          return [model.get("network"), name, model.get("row"), model.get("column")].join()
            === [network, layer, row, column].join();
        }""",
        arg=[network, layer, row, column],
        timeout=10_000,
    )


@pytest.mark.slow
def test_every_control_by_keyboard(page):
    becomes(page, "vgg16", "pool5", 3, 3)
    for key, name, row, column in (
        ("ArrowRight", "Unit's column", 3, 4),
        ("Home", "Unit's row", 0, 4),
    ):
        page.get_by_label(name).press(key)
        becomes(page, "vgg16", "pool5", row, column)
    words = "pool5, unit row 0, column 4: window of 212; sees rows 0 to 121, columns 38 to 223 of"
    expect(page.get_by_role("status")).to_contain_text(words, timeout=10_000)
    page.get_by_label("Layer").press("ArrowLeft")  # there it looks at the same place
    becomes(page, "vgg16", "conv5_3", 1, 9)
    page.get_by_label("Layer").press("End")
    becomes(page, "vgg16", "fc8", 0, 0)
    expect(page.get_by_label("Unit's row")).to_be_disabled()
    expect(page.locator(".cf-sum")).to_contain_text("A unit of fc8 sees every position of the map")
    page.get_by_label("Network").select_option("resnet152")
    becomes(page, "resnet152", "conv5_x.2", 3, 3)
    expect(page.get_by_text("window 1507 × 1507, beyond this view")).to_be_visible()
    page.get_by_role("button", name="Start over").press("Enter")
    becomes(page, "vgg16", "pool5", 3, 3)


@pytest.mark.slow
def test_hover_press_and_the_frames(page):
    box = page.locator(".map").bounding_box()
    page.mouse.move(box["x"] + 0.99 * box["width"], box["y"] + 0.01 * box["height"])
    becomes(page, "vgg16", "pool5", 0, 6)
    bars = page.locator(".bars").bounding_box()
    page.mouse.move(bars["x"] + 2, bars["y"] + 20)  # passing by is no choice
    becomes(page, "vgg16", "pool5", 0, 6)
    page.mouse.down()
    page.mouse.up()
    becomes(page, "vgg16", "image", 16, 208)  # the middle of the window: 15.5, 207.5
    page.get_by_role("button", name="Start over").click()
    frames = """() => {
      figureOf("receptive_field").el.draw();
      const place = name => {
        const box = figureOf("receptive_field").el.querySelector(name).getBoundingClientRect();
        return [box.left, box.top, box.width, box.height];
      };
      return [".picture", ".field", ".edge"].map(place);
    }"""
    picture, field, edge = (np.array(b) for b in page.evaluate(frames))
    pixel = picture[2] / 224
    wanted = [picture[0] + 6 * pixel, picture[1] + 6 * pixel, 212 * pixel, 212 * pixel]
    np.testing.assert_allclose([field, edge], [wanted, wanted], atol=0.5)


@pytest.mark.slow
def test_touch(browser):
    with opened(browser, page_of(ReceptiveFields("lenet5")), width=390, has_touch=True) as page:
        wait_alive(page)
        page.locator(".map").tap(position={"x": 3, "y": 3})
        becomes(page, "lenet5", "s4", 0, 0)
        assert page.wrong == []


@pytest.mark.slow
def test_an_update_takes_less_than_half_a_frame(page):
    """In processor time of the page's thread, layout and paint with it."""
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})

    def busy_ms():
        metrics = session.send("Performance.getMetrics")["metrics"]
        return next(1000 * m["value"] for m in metrics if m["name"] == "TaskDuration")

    drag = """async () => {
      const {model, el} = figureOf("receptive_field");
      model.set("network", "densenet264");
      for (let n = 0; n < 100; n++) {
        model.set({layer: n, row: n % 7, column: n % 5});
        el.draw();
        el.getBoundingClientRect();
        if (n % 10 === 0) await new Promise(requestAnimationFrame);
      }
    }"""
    page.evaluate(drag)
    before = busy_ms()
    page.evaluate(drag)
    assert (busy_ms() - before) / 100 < 8
