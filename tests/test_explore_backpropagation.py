"""Figure 7: its numbers are those of `ops` and of autograd, and a keyboard can do everything."""

from __future__ import annotations

import re

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from playwright.sync_api import expect

from course_utils.explore import Backpropagation
from course_utils.explore.backpropagation import DENSE, INPUT, KERNEL, RATES, SHAPES, both_ways
from explore_pages import numbers, opened, page_of, wait_alive

STATES = 60
WEIGHTS = ("kernel", "bias", "dense")
READ = """state => {
  const TABLES = {input: "image", kernel: "kernel", bias: "bias", z: "answers", h: "ReLU",
    p: "pooled numbers", dense: "dense weights", s: "scores", q: "probabilities"};
  const {model, module, el} = figureOf("backpropagation");
  model.set({...state, picked: ["kernel", 0, 0], losses: [], promise: null, stage: 10});
  el.draw();
  const {value, gradient, loss} = module.compute(state);
  const tables = (kind, names) => Object.fromEntries(
    names.map(name => [name, shown(el, `${kind} ${TABLES[name]}`)]));
  const texts = [];
  for (const [name, table] of state.explained ? Object.entries(value) : []) {
    const [i, j] = [table.length - 1, table[0].length - 1];
    model.set("picked", [name, i, j]);
    el.draw();
    texts.push([name, ...[...el.querySelectorAll(".cf-sum .sum")].map(e => e.textContent)]);
  }
  return {value, gradient, loss, texts, values: tables("Values of", Object.keys(value)),
    gradients: tables("Gradient by", Object.keys(gradient)),
    shown: el.querySelector(".loss strong").textContent,
    stepped: module.stepped(state), promise: module.promised(state, gradient)};
}"""


@pytest.fixture(scope="module")
def shared(browser):
    with opened(browser, page_of(Backpropagation())) as page:
        wait_alive(page)
        yield page
        assert page.wrong == []


@pytest.fixture
def page(shared):
    shared.get_by_role("button", name="Start over").click()
    return shared


def random_states():
    rng = np.random.default_rng(7)
    for n in range(STATES):
        if n % 2:  # whole numbers, with ties and with zeros
            draw = lambda name: rng.integers(-2, 3, SHAPES[name]).astype(float)  # noqa: E731
        else:
            draw = lambda name: rng.normal(0, 1, SHAPES[name])  # noqa: E731
        state = {name: draw(name) for name in ("input", *WEIGHTS)}
        yield {**state, "target": int(rng.integers(3))}, float(RATES[n % len(RATES)])


def exact(ours, theirs):
    np.testing.assert_allclose(np.array(ours, dtype=float), theirs, rtol=1e-9, atol=1e-12)


def as_printed(rows, true):
    """What is printed is the number, rounded; a small one that is not zero is marked."""
    texts = [[text.replace("≈", "") for text in row] for row in rows]
    np.testing.assert_allclose(numbers(texts), true, rtol=0, atol=0.00501)
    small = np.array([["≈" in text for text in row] for row in rows])
    np.testing.assert_array_equal(small, (np.abs(true) > 1e-12) & (np.abs(true) < 0.005))


def arithmetic(text):
    """What a line of the figure says, and what it says it is."""
    names = {"exp": np.exp, "max": max, "__builtins__": {}}
    left, right = text.translate(str.maketrans("−·", "-*")).rsplit("=", 1)
    return eval(left, names), float(right)


@pytest.mark.slow
def test_values_gradients_and_texts(page):
    for n, (state, rate) in enumerate(random_states()):
        values, gradients, loss = both_ways(**state)
        plain = {k: np.asarray(v).tolist() for k, v in state.items()}
        got = page.evaluate(READ, {**plain, "rate": rate, "explained": n % 5 == 0})
        exact(got["loss"], loss)
        assert float(got["shown"].removesuffix(" nats")) == pytest.approx(loss, abs=0.000501)
        for name, true in values.items():
            exact(got["value"][name], true)
            as_printed(got["values"][name], true)
        for name, true in gradients.items():
            exact(got["gradient"][name], true)
            as_printed(got["gradients"][name], true)
        for name in WEIGHTS:
            exact(got["stepped"][name], state[name] - rate * gradients[name])
        exact(got["promise"], rate * sum((gradients[name] ** 2).sum() for name in WEIGHTS))
        for name, value, gradient in got["texts"]:
            if name in ("z", "h", "p", "s", "q"):
                said, result = arithmetic(value)
                assert said == pytest.approx(result, abs=0.02)
                assert result == pytest.approx(values[name][-1, -1], abs=0.000501)
            if name != "q":
                said, result = arithmetic(gradient)
                assert said == pytest.approx(result, abs=0.02)
                assert result == pytest.approx(gradients[name][-1, -1], abs=0.000501)


def test_both_ways_equal_autograd():
    for state, _ in random_states():
        values, gradients, loss = both_ways(**state)
        x, w, b, dense = (
            torch.tensor(state[name], requires_grad=True) for name in ("input", *WEIGHTS)
        )
        z = F.conv2d(x[None, None], w[None, None], b[0])
        pooled = F.max_pool2d(z.relu(), 2)
        scores = F.linear(pooled.reshape(1, 4), dense[:, :4], dense[:, 4])
        theirs = F.cross_entropy(scores, torch.tensor([state["target"]]))
        theirs.backward()
        assert loss == pytest.approx(theirs.item())
        exact(values["p"], pooled[0, 0].detach().numpy())
        for name, tensor in zip(("input", *WEIGHTS), (x, w, b, dense), strict=True):
            exact(gradients[name], tensor.grad.numpy())


@pytest.mark.slow
def test_meetings_add_up_to_every_value_and_gradient(page):
    """Every cell: the outlined cells, each times its factor, make its value and its gradient."""
    sums = """state => {
      const {module} = figureOf("backpropagation");
      const result = module.compute(state), {value, gradient} = result, sums = {};
      const add = (tables, cells) => cells.reduce(
        (sum, {at: [name, i, j], factor = 0}) => sum + tables[name][i][j] * factor, 0);
      for (const name of Object.keys(value))
        sums[name] = value[name].map((row, i) => row.map((_, j) => {
          const {from, to} = module.meetings(result, [name, i, j]);
          return [add(value, from), add(gradient, to)];
        }));
      return sums;
    }"""
    for state, _ in list(random_states())[:10]:
        values, gradients, _ = both_ways(**state)
        plain = {k: np.asarray(v).tolist() for k, v in state.items()}
        got = {name: np.array(table) for name, table in page.evaluate(sums, plain).items()}
        exact(got["z"][..., 0] + state["bias"], values["z"])
        exact(got["s"][..., 0] + state["dense"][:, 4:], values["s"])
        for name in gradients.keys() - {"s"}:
            exact(got[name][..., 1], gradients[name])


# --- in use ---------------------------------------------------------------------------------


def state_of(page, name):
    return page.evaluate(f"figureOf('backpropagation').model.get('{name}')")


def becomes(page, name, value):
    page.wait_for_function(
        "([name, value]) => JSON.stringify(figureOf('backpropagation').model.get(name)) === value",
        arg=[name, value],
    )


@pytest.mark.slow
def test_keys_step_through_the_network(page):
    play, back, step = (
        page.get_by_role("button", name=name, exact=True) for name in ("Play", "Back", "Step")
    )
    expect(page.get_by_role("group", name="Through the network")).to_be_visible()
    back.press("Enter")
    becomes(page, "stage", "9")
    becomes(page, "picked", '["z",1,1]')
    expect(
        page.get_by_label("gradient by image, row 1, column 1: not computed yet")
    ).to_be_visible()
    step.press("Space")
    becomes(page, "stage", "10")
    play.press("Enter")  # from the start again
    becomes(page, "stage", "0")
    expect(page.get_by_label("answer, row 1, column 1: 1", exact=True)).not_to_be_attached()
    expect(page.locator(".loss strong")).to_have_text("–")
    page.get_by_role("button", name="Pause").press("Enter")
    step.press("Enter")
    becomes(page, "picked", '["z",1,1]')
    expect(page.locator(".cf-sum")).to_contain_text("= 2.5")


@pytest.mark.slow
def test_keys_choose_a_cell_and_say_it(page):
    page.locator("[aria-label='Values of answers'] [tabindex='0']").focus()
    for key in ("Home", "ArrowUp", "ArrowUp", "ArrowUp", "ArrowRight", "ArrowDown"):
        page.keyboard.press(key)
    becomes(page, "picked", '["z",1,1]')
    expect(page.locator(".cf-cell.hit")).to_have_count(10)  # nine inputs, one ReLU
    told = "Loss 2.35. Answer, row 2, column 2: 2.5, gradient 0.447."
    expect(page.get_by_role("status")).to_have_text(told)
    page.locator("[aria-label='Gradient by pooled numbers'] [tabindex='0']").focus()
    for key in ("ArrowUp", "End"):
        page.keyboard.press(key)
    becomes(page, "picked", '["p",0,1]')


@pytest.mark.slow
def test_keys_change_a_weight_and_take_steps(page):
    page.get_by_label("kernel, row 2, column 1", exact=True).fill("-1/4")
    wanted = np.array(KERNEL, dtype=float)
    wanted[1, 0] = -0.25
    page.wait_for_function("figureOf('backpropagation').model.get('kernel')[1][0] === -0.25")
    page.get_by_role("slider", name="Learning rate").press("ArrowRight")
    becomes(page, "rate", "0.1")
    page.get_by_role("radio", name="A", exact=True).press("ArrowRight")
    becomes(page, "target", "1")
    down = page.get_by_role("button", name="Take a step down")
    dense = np.c_[DENSE, np.zeros(3)]
    weights = {"kernel": wanted, "bias": np.zeros((1, 1)), "dense": dense}
    losses = []
    for _ in range(2):
        down.press("Enter")
        _, gradients, loss = both_ways(np.array(INPUT, dtype=float), **weights, target=1)
        weights = {name: w - 0.1 * gradients[name] for name, w in weights.items()}
        losses.append(loss)
    for name, w in weights.items():
        exact(state_of(page, name), w)
    exact(state_of(page, "losses"), losses)
    after = both_ways(np.array(INPUT, dtype=float), **weights, target=1)[2]
    promise = 0.1 * sum((gradients[name] ** 2).sum() for name in WEIGHTS)
    page.evaluate("figureOf('backpropagation').el.draw()")
    text = page.locator(".loss p").text_content().replace("−", "-")
    said = [float(x) for x in re.findall(r"-?\d+\.\d+", text)]
    np.testing.assert_allclose(said[1:], [-promise, after - losses[-1]], atol=0.000501)
    page.get_by_label("image, row 1, column 1", exact=True).press("Shift+ArrowUp")
    becomes(page, "losses", "[]")  # another image: another curve


@pytest.mark.slow
def test_hovering_chooses_nothing_and_a_press_does(page):
    cell = page.get_by_label("ReLU, row 2, column 2: 2.5", exact=True)
    before = state_of(page, "picked")
    cell.hover()
    page.wait_for_timeout(60)
    assert state_of(page, "picked") == before
    cell.click()
    becomes(page, "picked", '["h",1,1]')


@pytest.mark.slow
@pytest.mark.parametrize(
    "change",
    [
        "n => ({kernel: [[0, n / 9, 1], [0.5, 0.5, -0.5], [-0.5, 0.5, 0]]})",
        "n => ({picked: [['z', 'kernel', 'input'][n % 3], n % 3, 1]})",
    ],
)
def test_an_update_fits_into_a_frame(page, change):
    """Of the page's processor time 8 ms for the script, 16 with layout; the best of three runs."""
    drag = f"""async layout => {{
      const {{model, el}} = figureOf("backpropagation");
      for (let n = 0; n < 20; n++) {{
        model.set(({change})(n));
        el.draw();
        if (layout) el.getBoundingClientRect();
      }}
    }}"""
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})

    def busy_ms():
        metrics = session.send("Performance.getMetrics")["metrics"]
        return next(1000 * m["value"] for m in metrics if m["name"] == "TaskDuration")

    for layout, limit in ((False, 8), (True, 16)):
        taken = []
        for _ in range(3):
            before = busy_ms()
            page.evaluate(drag, layout)
            taken.append((busy_ms() - before) / 20)
        assert min(taken) < limit


# --- what the chapter says about it ---------------------------------------------------------


def test_what_the_chapter_says_holds():
    figure = Backpropagation()
    names = ("input", *WEIGHTS, "target")
    network = {name: figure.state[name] for name in names}
    _, gradients, loss = both_ways(**network)
    assert np.count_nonzero(gradients["z"]) == 3
    dead = {**network, "bias": np.array([[-9.0]])}
    _, by, _ = both_ways(**dead)
    assert not any(by[name].any() for name in ("input", "kernel", "bias", "z"))
    assert not by["dense"][:, :4].any()
    assert by["dense"][:, 4].all()
    assert loss == pytest.approx(2.354, abs=0.0005)
    slope = sum((gradients[name] ** 2).sum() for name in WEIGHTS)
    for rate, promise, change in ((0.05, -1.743, -1.290), (2, -69.733, 4.515 - 2.354)):
        weights = {name: network[name] - rate * gradients[name] for name in WEIGHTS}
        assert -rate * slope == pytest.approx(promise, abs=0.0005)
        after = both_ways(**{**network, **weights})[2]
        assert after - loss == pytest.approx(change, abs=0.001)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"input": np.ones((5, 6))}, r"input must have the shape \(6, 6\), not \(5, 6\)"),
        ({"dense": np.ones((3, 5))}, r"dense must have the shape \(3, 4\)"),
        ({"bias": np.nan}, "bias must hold finite numbers only"),
        ({"rate": 3}, "rate must be one of 0.01, .* 2; not 3"),
        ({"stage": 11}, "stage must be from 0 to 10, not 11"),
        ({"target": 3}, "target must be from 0 to 2"),
        ({"picked": "kernel"}, "picked must be an array's name, a row and a column"),
        ({"picked": ("y", 0, 0)}, "the array of picked must be one of input"),
        ({"picked": ("p", 2, 0)}, "the row of picked must be from 0 to 1, not 2"),
    ],
)
def test_bad_settings(settings, message):
    with pytest.raises(ValueError, match=message):
        Backpropagation(**settings)


def test_the_still_tells_the_numbers():
    text = Backpropagation().description()
    assert "9.5 %, 90.1 %, 0.4 %, the true class is A and the loss 2.35" in text
    assert "by the answers of the convolution 3 are not zero" in text
