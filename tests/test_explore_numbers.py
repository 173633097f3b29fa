"""The interactive figures show the numbers of `ops`, in a browser, in many random states."""

from __future__ import annotations

import base64
import itertools

import numpy as np
import pytest

from course_utils.explore import ImageKernels, Pooling, SlidingWindow, SoftmaxLoss
from course_utils.explore.image_kernels import SIDE, answers, photograph
from course_utils.explore.pooling import KINDS, pooled, shifted
from course_utils.explore.sliding_window import INPUT, sliding_output
from course_utils.explore.softmax_loss import loss_and_gradient
from explore_pages import numbers, opened, page_of, wait_alive

pytestmark = pytest.mark.slow

STATES = 60
FRAME_MS = 8  # half of a frame at 60 frames a second


@pytest.fixture(scope="module")
def page(browser):
    figures = (SlidingWindow(), ImageKernels(), Pooling(), SoftmaxLoss())
    with opened(browser, page_of(*figures)) as opened_page:
        wait_alive(opened_page)
        yield opened_page
        assert opened_page.wrong == []


def exact(ours, theirs):
    np.testing.assert_allclose(np.array(ours, dtype=float), theirs, rtol=1e-11, atol=1e-11)


def as_printed(rows, true, digits=2):
    """What is printed is the number, rounded to these digits."""
    if true.size:
        np.testing.assert_allclose(numbers(rows), true, rtol=0, atol=0.5 * 10**-digits + 1e-9)
    else:
        assert rows == []


def sliding_states():
    rng = np.random.default_rng(0)
    for n in range(STATES):
        side, kernel = int(rng.integers(1, 10)), int(rng.integers(1, 5))
        whole = n % 2  # whole numbers, as a reader types them, and others
        draw = (lambda s: rng.integers(-9, 10, s)) if whole else (lambda s: rng.normal(0, 3, s))
        yield {
            "input": draw((side, side)).tolist(),
            "kernel": draw((kernel, kernel)).tolist(),
            "stride": int(rng.integers(1, 5)),
            "padding": int(rng.integers(0, 4)),
            "dilation": int(rng.integers(1, 4)),
            "rounding": str(rng.choice(["floor", "ceil"])),
            "operation": str(rng.choice(["correlation", "convolution"])),
        }


def test_sliding_window(page):
    read = """state => {
      const {model, module, el} = figureOf("sliding_window");
      model.set({...state, position: 0});
      el.draw();
      return {output: module.compute(state).output, shown: shown(el, "Output"),
              kernel: shown(el, "Kernel"), sum: el.querySelector(".cf-sum strong")?.textContent};
    }"""
    empty = 0
    for state in sliding_states():
        true = sliding_output(**{k: np.array(v) if k in ("input", "kernel") else v
                                 for k, v in state.items()})  # fmt: skip
        got = page.evaluate(read, state)
        assert np.shape(got["output"])[0] == len(true)
        if true.size:
            exact(got["output"], true)
            as_printed([[got["sum"]]], true[:1, :1])
        as_printed(got["shown"], true)
        as_printed(got["kernel"], np.array(state["kernel"]))
        empty += not true.size
    assert 0 < empty < STATES / 3  # kernels that do not fit are among them


def test_sliding_window_writes_out_every_position(page):
    state = {"input": (np.arange(25).reshape(5, 5) - 9).tolist(), "padding": 1, "dilation": 2,
             "kernel": [[1.5, -2], [0, 3]], "stride": 2, "rounding": "ceil",
             "operation": "convolution"}  # fmt: skip
    read = """([state, position]) => {
      const {model, el} = figureOf("sliding_window");
      model.set({...state, position});
      el.draw();
      const box = el.querySelector(".cf-sum div");
      return [box.textContent, el.querySelector(".cf-sum strong").textContent];
    }"""
    true = sliding_output(**{**state, "input": np.array(state["input"]),
                             "kernel": np.array(state["kernel"])})  # fmt: skip
    for position, value in enumerate(true.ravel()):
        text, total = page.evaluate(read, [state, position])
        terms = text.split("=")[0].replace("−", "-").replace("·", "*")
        assert eval(terms) == pytest.approx(value)  # the arithmetic, as it stands there
        assert float(total.replace("−", "-")) == pytest.approx(value)


def test_seven_settings_read_every_cell(page):
    """The answer of chapter 7: 7 cells, a kernel of 3, stride 3, and one setting changed."""
    changes = [{"stride": s} for s in (1, 2, 4)] + [{"kernel": k} for k in (1, 2, 4)]
    changes += [{"padding": p} for p in (1, 2, 3)] + [{"dilation": d} for d in (2, 3)]
    changes.append({"rounding": "ceil"})
    first = {"size": 7, "kernel": 3, "stride": 3, "padding": 0, "dilation": 1, "rounding": "floor"}
    geometry = "state => figureOf('sliding_window').module.geometry(state)"
    sizes = {}
    for change in changes:
        got = page.evaluate(geometry, {**first, **change})
        padding = change.get("padding", 0)
        if all(got["reads"][padding : padding + 7]):
            sizes[next(iter(change.items()))] = got["count"]
    assert len(sizes) == 7
    three = [{name: value} for (name, value), count in sizes.items() if count == 3]
    assert three == [{"stride": 2}, {"padding": 1}, {"padding": 2}, {"rounding": "ceil"}]
    table, kernel = np.array(INPUT), np.array([[1, 0, 1], [0, 1, 0], [1, 0, 1]])
    plain = {name: first[name] for name in ("stride", "padding", "dilation", "rounding")}
    outputs = [
        sliding_output(table, kernel, operation="correlation", **{**plain, **change})
        for change in three
    ]
    assert not any(np.array_equal(a, b) for a, b in itertools.combinations(outputs, 2))


def test_image_kernels(page):
    read = """state => {
      const {model, module, el} = figureOf("image_kernels");
      model.set({...state, pixels: figureOf("image_kernels").model.get("pixels")});
      el.draw();
      const got = module.compute({...state, pixels: model.get("pixels"), side: model.get("side")});
      const canvas = el.querySelectorAll("canvas")[1];
      const seen = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
      const packed = array => {
        const bytes = new Uint8Array(array.buffer);
        let text = "";
        for (let n = 0; n < bytes.length; n += 8192)
          text += String.fromCharCode(...bytes.subarray(n, n + 8192));
        return btoa(text);
      };
      return {answer: packed(got.answer), sum: got.sum, gain: got.gain, mean: got.mean,
              clipped: got.clipped, seen: packed(seen),
              facts: el.querySelector(".facts").textContent,
              window: shown(el, "Grey levels in the window"), kernel: shown(el, "Kernel"),
              lens: el.querySelector(".lens").textContent};
    }"""
    rng, image = np.random.default_rng(1), photograph().astype(float)
    for n in range(STATES):
        side = (3, 5)[n % 2]
        kernel = rng.normal(0, 1, (side, side)) if n % 3 else rng.integers(-2, 3, (side, side))
        row, column = (int(v) for v in rng.integers(0, SIDE, 2))
        if n < 4:
            row, column = (0, SIDE - 1)[n // 2], (0, SIDE - 1)[n % 2]  # the corners
        signed = bool(rng.integers(2))
        state = {"kernel": kernel.tolist(), "row": row, "column": column,
                 "range": "signed" if signed else "grey"}  # fmt: skip
        true, got = answers(image, kernel), page.evaluate(read, state)
        answer = np.frombuffer(base64.b64decode(got["answer"])).reshape(SIDE, SIDE)
        np.testing.assert_allclose(answer, true, rtol=1e-9, atol=1e-9)
        seen = np.frombuffer(base64.b64decode(got["seen"]), np.uint8).reshape(SIDE, SIDE, 4)
        drawn = np.clip(127.5 + true / 2 if signed else true, 0, 255)[..., None]
        assert np.abs(seen[..., :3] - drawn).max() <= 0.5 + 1e-6
        assert got["sum"] == pytest.approx(kernel.sum(), abs=1e-9)
        assert got["gain"] == pytest.approx(np.sqrt((kernel**2).sum()))
        assert got["mean"] == pytest.approx(true.mean(), abs=1e-9)
        outside = (true < -1e-6) | (true > 255 + 1e-6)
        assert got["clipped"] == pytest.approx(outside.mean())
        assert f"{100 * outside.mean():.1f} % of the answers" in got["facts"]
        patch = np.pad(image, side // 2, mode="symmetric")[row : row + side, column : column + side]
        as_printed(got["window"], patch, 0)
        as_printed(got["kernel"], kernel)
        last = got["lens"].split("=")[-1].strip().replace("−", "-")
        assert float(last) == pytest.approx(true[row, column], abs=0.0501)


def test_pooling(page):
    read = """state => {
      const {model, module, el} = figureOf("pooling");
      model.set({...state, position: 0});
      el.draw();
      const {output, map, inputChange, outputChange, differ} = module.compute(state);
      return {output, map, inputChange, outputChange, differ, shown: shown(el, "Pooled map"),
              meters: [...el.querySelectorAll(".bars > :nth-child(3n)")].map(e => e.textContent),
              sum: el.querySelector(".cf-sum p:last-child").textContent};
    }"""
    rng = np.random.default_rng(2)
    for n in range(STATES):
        table = np.round(rng.normal(2, 4, rng.integers(4, 11, 2)), n % 3)
        state = {"kind": KINDS[n % 4], "size": int(rng.integers(1, 5)),
                 "stride": int(rng.integers(1, 5))}  # fmt: skip
        down, right = (int(v) for v in rng.integers(-4, 5, 2))
        got = page.evaluate(read, {**state, "input": table.tolist(), "down": down, "right": right})
        moved = shifted(table, down, right)
        before, after = pooled(table, **state), pooled(moved, **state)
        exact(got["map"], moved)
        exact(got["output"], after)
        as_printed(got["shown"], after)
        shares = [
            np.linalg.norm(old - new) / np.linalg.norm(old)
            for old, new in ((table, moved), (before, after))
        ]
        exact([got["inputChange"], got["outputChange"]], shares)
        for text, share in zip(got["meters"], shares, strict=True):
            assert float(text.removesuffix(" %")) == pytest.approx(100 * share, abs=0.5001)
        assert got["differ"] == pytest.approx(np.sum(np.abs(before - after) > 1e-12), abs=0)
        last = got["sum"].replace("→", "=").split("=")[-1].strip().replace("−", "-")
        assert float(last) == pytest.approx(after[0, 0], abs=0.00501)


def test_a_pooled_map_that_was_zero_changes_by_infinity(page):
    """A dot between the places that are kept moves onto one: there is no percent of nothing."""
    dot = np.zeros((8, 8))
    dot[3, 3] = 9
    read = """state => {
      const {model, el} = figureOf("pooling");
      model.set(state);
      el.draw();
      return [...el.querySelectorAll(".bars > :nth-child(3n)")].map(e => e.textContent);
    }"""
    state = {"input": dot.tolist(), "kind": "first", "size": 2, "stride": 2, "down": 1, "right": 1}
    assert page.evaluate(read, state) == ["141 %", "∞ %"]


def test_softmax_loss(page):
    read = """state => {
      const {model, module, el} = figureOf("softmax_loss");
      model.set(state);
      el.draw();
      const texts = kind => [...el.querySelectorAll(`.bar.${kind} b`)].map(e => e.textContent);
      return {...module.compute(state), shown: {p: texts("probability"), g: texts("gradient"),
        loss: el.querySelector(".cf-sum strong").textContent},
        stepped: module.stepped(state)};
    }"""
    rng = np.random.default_rng(3)
    for n in range(STATES):
        scale = (1, 4, 12)[n % 3]
        scores = np.clip(rng.normal(0, scale, 5), -12, 12)
        target, loss = int(rng.integers(5)), ("entropy", "squares")[n % 2]
        p, value, gradient = loss_and_gradient(scores, target, loss)
        state = {"scores": scores.tolist(), "target": target, "loss": loss}
        got = page.evaluate(read, state)
        exact(got["p"], p)
        exact(got["loss"], value)
        exact(got["gradient"], gradient)
        exact(got["stepped"], np.clip(scores - gradient, -12, 12))
        for text, share in zip(got["shown"]["p"], p, strict=True):
            assert float(text.removesuffix(" %")) == pytest.approx(100 * share, abs=0.0501)
        as_printed([got["shown"]["g"]], gradient[None], 3)
        shown_loss = float(got["shown"]["loss"].removesuffix(" nats"))
        assert shown_loss == pytest.approx(value, abs=0.000501)


def test_large_scores_do_not_overflow(page):
    state = {"scores": [1000, 1001, -1000], "target": 2, "loss": "entropy"}
    got = page.evaluate("s => figureOf('softmax_loss').module.compute(s)", state)
    p, value, gradient = loss_and_gradient(**state)
    exact(got["p"], p)
    exact(got["loss"], value)
    exact(got["gradient"], gradient)


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        ("sliding_window", "n => ({position: n % 25})"),
        ("sliding_window", "n => ({input: Array(7).fill([n, 1, 2, -n, 4, 5, n / 2])})"),
        ("image_kernels", "n => ({kernel: Array(3).fill(Array(3).fill(n / 100))})"),
        ("image_kernels", "n => ({row: n, column: 100 - n})"),
        ("pooling", "n => ({right: n % 9 - 4, down: n % 5 - 2})"),
        ("softmax_loss", "n => ({scores: [n / 10, 1, 2 - n / 9, 3, -4]})"),
    ],
)
def test_an_update_takes_less_than_half_a_frame(page, kind, change):
    """In processor time of the page's thread: other programs do not count, layout and paint do."""
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})

    def busy_ms():
        metrics = session.send("Performance.getMetrics")["metrics"]
        return next(1000 * m["value"] for m in metrics if m["name"] == "TaskDuration")

    drag = f"""async kind => {{
      const {{model, el}} = figureOf(kind);
      for (let n = 0; n < 100; n++) {{
        model.set(({change})(n));
        el.draw();
        el.getBoundingClientRect();
        if (n % 10 === 0) await new Promise(requestAnimationFrame);
      }}
    }}"""
    page.evaluate(drag, kind)  # warm
    before = busy_ms()
    page.evaluate(drag, kind)
    assert (busy_ms() - before) / 100 < FRAME_MS
