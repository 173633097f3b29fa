"""The neocognitron in the page answers as course_utils.cortex does, and by keyboard alone."""

from __future__ import annotations

import base64

import numpy as np
import pytest
from playwright.sync_api import expect

from course_utils import cortex as cx
from course_utils.explore import NeocognitronPlanes
from course_utils.explore import neocognitron_planes as figure
from explore_pages import opened, page_of, wait_alive

pytestmark = pytest.mark.slow
STATES = 60


@pytest.fixture(scope="module")
def shared(browser):
    with opened(browser, page_of(NeocognitronPlanes(right=2)), height=1200) as opened_page:
        wait_alive(opened_page)
        yield opened_page
        assert opened_page.wrong == []


@pytest.fixture
def page(shared):
    shared.get_by_role("button", name="Start over").click()
    return shared


@pytest.fixture(scope="module")
def network():
    return figure.rounded(figure.taught())


def pictures():
    """Drawings of all kinds: changed patterns, scribbles, noise, and nothing."""
    rng = np.random.default_rng(0)
    for n in range(STATES):
        if n % 3 == 0:
            change = {"size": rng.uniform(8, 12), "gap": rng.uniform(0, 4), "gap_at": rng.random()}
            moved = tuple(rng.uniform(-2, 2, 2))
            yield cx.digit_pattern(cx.PATTERNS[n // 3 % 5], shift=moved, **change)
        else:
            yield rng.random((16, 16)) * (rng.random((16, 16)) < (0.1 if n % 3 == 1 else 0.6))
    yield np.zeros((16, 16))


def test_every_plane_of_every_layer(page, network):
    read = """images => {
      const {model, module, el} = figureOf("neocognitron_planes");
      const net = module.unpacked(model.get("stages"));
      const packed = array => {  // a fast way to hand over many numbers
        const bytes = new Uint8Array(array.buffer);
        let text = "";
        for (let n = 0; n < bytes.length; n += 8192)
          text += String.fromCharCode(...bytes.subarray(n, n + 8192));
        return btoa(text);
      };
      return images.map(text => {
        const raw = Uint8Array.from(atob(text), letter => letter.charCodeAt(0));
        model.set("image", new Float64Array(raw.buffer));
        const ms = el.draw();
        const layers = module.forward(net, model.get("image"));
        return {ms, layers: Object.values(layers).map(layer => packed(layer.values)),
                changes: [...el.querySelectorAll(".maps .head > :last-child")].map(
                  note => parseFloat(note.textContent.split(" ")[1])),
                verdict: el.querySelector(".reading").textContent};
      });
    }"""
    images = list(pictures())
    got = page.evaluate(read, [base64.b64encode(image.tobytes()).decode() for image in images])
    before = figure.answers(network, figure.patterns()[2])
    for image, answer in zip(images, got, strict=True):
        layers = figure.answers(network, image)
        for ours, theirs in zip(answer["layers"][1:], layers.values(), strict=True):
            ours = np.frombuffer(base64.b64decode(ours))
            np.testing.assert_allclose(ours, theirs.ravel(), rtol=1e-9, atol=1e-12)
        changes = [np.linalg.norm(layers[name] - before[name]) / np.linalg.norm(before[name])
                   for name in before]  # fmt: skip
        np.testing.assert_allclose(answer["changes"], 100 * np.array(changes), atol=0.5 + 1e-6)
        winner = figure.read(network, image[None])[0]
        wanted = f"takes this for a {cx.PATTERNS[winner]}:" if winner >= 0 else "for nothing."
        assert wanted in answer["verdict"]
    assert len({answer["verdict"][:21] for answer in got}) > 4  # many names are given
    assert np.median([answer["ms"] for answer in got]) < 8


def test_rounding_changes_little(network):
    """16-bit weights: answers within 0.005, and the same pattern for all but a few drawings."""
    images = np.stack(list(pictures()))
    exact, ours = figure.taught().respond(images), network.respond(images)
    for one, other in zip(exact, ours, strict=True):
        np.testing.assert_allclose(other.s, one.s, atol=0.005)
        np.testing.assert_allclose(other.c, one.c, atol=0.005)
    same = figure.read(figure.taught(), images) == figure.read(network, images)
    assert same.mean() > 0.9
    assert (figure.read(network, figure.patterns()) == np.arange(5)).all()


def test_network_is_taught_as_in_the_chapter():
    """Five patterns, twenty times each, in the orders of the seed 100, as cell «lessons» draws."""
    rng = np.random.default_rng(100)
    order = [k for _ in range(20) for k in rng.permutation(5)]
    drawn = [cx.digit_pattern(cx.PATTERNS[k], size=10, shift=(0, 0)) for k in order]
    net = cx.Neocognitron(seed=100).fit(np.stack(drawn), shuffle=False, progress=False)
    for ours, theirs in zip(figure.taught().a, net.a, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_half_precision_numbers(page):
    rng = np.random.default_rng(1)
    bits = np.r_[rng.integers(0, 0x7C00, 200), [0, 1, 1023, 1024, 0x8001, 0xFBFF]].astype(np.uint16)
    got = page.evaluate(
        "bits => bits.map(figureOf('neocognitron_planes').module.half)", bits.tolist()
    )
    np.testing.assert_array_equal(got, bits.view(np.float16).astype(float))


def test_arithmetic_of_a_cell(page, network):
    """What the box writes out is the cell's answer, for cells of every layer."""
    layers = figure.answers(network, figure.patterns()[3])
    page.get_by_label("Picture", exact=True).select_option("3")
    read = """cell => {
      const {model, el} = figureOf("neocognitron_planes");
      model.set("cell", cell);
      el.draw();
      return el.querySelector(".made").textContent;
    }"""
    for name, values in layers.items():
        for place in (int(values.argmax()), values.size // 2):
            plane, row, column = map(int, np.unravel_index(place, values.shape))
            cell = {"layer": name, "plane": plane, "row": row, "column": column}
            text = page.evaluate(read, cell)
            answer = text.split("answer ")[1].split(". This")[0].split("= ")[-1]
            assert ("never won" in text) == (
                name[0] == "S" and network.b[int(name[1]) - 1][plane] == 0
            )
            assert float(answer) == pytest.approx(values.flat[place], abs=0.0005 + 1e-9)
            assert ("excitation" in text) == (name[0] == "S")


def test_fields_are_those_of_the_chapter(page, network):
    """First and last pixel that a cell sees: cortex.receptive_fields."""
    read = """cells => {
      const {model, module} = figureOf("neocognitron_planes");
      const net = module.unpacked(model.get("stages"));
      return cells.map(cell => module.fields(net, cell).U0);
    }"""
    for name, field in cx.receptive_fields(network).items():
        cells = [{"layer": name, "plane": 5, "row": k, "column": len(field) - 1 - k}
                 for k in range(len(field))]  # fmt: skip
        got = page.evaluate(read, cells)
        np.testing.assert_array_equal([seen["rows"] for seen in got], field)
        np.testing.assert_array_equal([seen["columns"] for seen in got], field[::-1])


def image_of(page):
    values = page.evaluate("[...figureOf('neocognitron_planes').model.get('image')]")
    return np.array(values).reshape(16, 16)


def test_drawn_and_moved_by_keyboard(page):
    page.get_by_role("button", name="Clear").press("Enter")
    expect(
        page.get_by_text("Every cell of C3 is silent: it takes this for nothing.", exact=True)
    ).to_be_visible()
    field = page.get_by_label("Picture of 16 by 16 pixels.")
    field.focus()
    for key in ("ArrowLeft", "Space", "ArrowDown", "ArrowDown", "Space", "ArrowRight"):
        page.keyboard.press(key)
    wanted = np.zeros((16, 16))
    wanted[8:11, 7] = 1  # a line of three pixels, soft only between pixels
    np.testing.assert_allclose(image_of(page), wanted)
    page.get_by_role("button", name="Move left").press("Enter")
    page.get_by_role("button", name="Move down").press("Enter")
    np.testing.assert_allclose(image_of(page), cx.shift_images(wanted, 1, -1))
    page.get_by_role("radio", name="wipes out").press("Space")
    field.focus()
    for key in ("ArrowLeft", "ArrowLeft", "Space", "Space"):
        page.keyboard.press(key)
    wanted[9, 7] = 0  # (10, 6) after the moves
    np.testing.assert_allclose(image_of(page), cx.shift_images(wanted, 1, -1))


def test_compare_and_presets_by_keyboard(page):
    note = page.get_by_text("The picture changed by")
    two = figure.patterns()[2]
    moved = np.linalg.norm(cx.shift_images(two, 0, 2) - two) / np.linalg.norm(two)
    expect(note).to_contain_text(f"changed by {100 * moved:.0f} %")
    page.get_by_role("button", name="Compare with this one").press("Enter")
    expect(note).to_contain_text("changed by 0 %")
    page.get_by_label("Picture", exact=True).select_option("4")
    expect(page.locator(".reading")).to_contain_text("It takes this for a 4")
    np.testing.assert_allclose(image_of(page), figure.patterns()[4])
    said = page.get_by_role("status")
    expect(said).to_contain_text("It takes this for a 4", timeout=10_000)


def test_cells_are_walked_by_keyboard(page):
    page.get_by_label("S3: whole patterns").focus()
    for key in ("ArrowRight", "ArrowRight", "ArrowDown", "ArrowDown", "PageDown"):
        page.keyboard.press(key)
    # From plane 0 to its right edge, into plane 1, down and into plane 13, and one plane on.
    expect(page.get_by_text("S3, plane 14, row 0, column 0")).to_be_visible()


def test_pointer_draws_and_looks(page):
    page.get_by_role("button", name="Clear").click()
    box = page.locator(".field canvas").bounding_box()
    at = [(box["x"] + (x + 0.5) / 16 * box["width"], box["y"] + (y + 0.5) / 16 * box["height"])
          for x, y in ((3, 4), (3, 12))]  # fmt: skip
    page.mouse.move(*at[0])
    page.mouse.down()
    page.mouse.move(*at[1], steps=5)
    page.mouse.up()
    page.mouse.move(box["x"] + 100, box["y"] + 100)  # with no button pressed nothing is drawn
    ink = image_of(page)
    assert ink[4:13, 3].min() > 0.8
    assert ink[:, 5:].max() == 0
    board = page.get_by_label("C3: patterns, anywhere")
    board.scroll_into_view_if_needed()
    area = board.bounding_box()
    page.mouse.move(area["x"] + area["width"] * 0.99, area["y"] + area["height"] * 0.9)
    expect(page.get_by_text("C3, plane 23, row 0, column 0")).to_be_visible()


def test_touch_draws(browser):
    with opened(browser, page_of(NeocognitronPlanes()), width=390, has_touch=True) as page:
        wait_alive(page)
        page.get_by_role("button", name="Clear").tap()
        page.locator(".field").tap(position={"x": 20, "y": 20})
        page.wait_for_function("figureOf('neocognitron_planes').model.get('image').some(x => x)")
        assert image_of(page)[:4, :4].max() > 0.5


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: NeocognitronPlanes(cx.Neocognitron(cells="relu_max")), "and Fukushima's cells"),
        (lambda: NeocognitronPlanes("net"), "must be a Neocognitron with the stages of FUKU"),
        (lambda: NeocognitronPlanes(pattern="7"), "pattern must be one of 0, 1, 2, 3, 4"),
        (lambda: NeocognitronPlanes(right=6), "right must be from -5 to 5, not 6"),
    ],
)
def test_bad_settings(make, message):
    with pytest.raises(ValueError, match=message):
        make()
