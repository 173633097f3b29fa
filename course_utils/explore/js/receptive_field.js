// A unit of any layer of a network, and the pixels that it can depend on.
// Numbers as accounting.receptive_field, cut to the image.

import { announcer, button, clamp, fmt, h, live, select, setText, slider } from "./lib.js";

// --- numbers -----------------------------------------------------------------------------------

/** A layer of `networks`, by name: units a side of its map; r, j and f of its windows; sees all before. */
export const layerOf = ([name, units, field, stride, first, whole]) => ({ name, units, field, stride, first, whole });

/** The window of unit i along an axis, whole (from, to) and cut to the image (low, high; count pixels). */
export function axis({ field, stride, first }, i, side) {
  const from = first + (stride === null ? 0 : i * stride);
  const to = from + field - 1;
  const [low, high] = [Math.max(0, from), Math.min(side - 1, to)];
  return { from, to, low, high, count: Math.max(0, high - low + 1), middle: (from + to) / 2 };
}

/** The units along an axis whose whole window lies in the image: from first to last, or none. */
export function wholeUnits({ field, stride, first, units }, side) {
  if (stride === null) return first >= 0 && first + field <= side ? [0, 0] : null;
  const low = Math.max(0, Math.ceil(-first / stride));
  const high = Math.min(units - 1, Math.floor((side - field - first) / stride));
  return low <= high ? [low, high] : null;
}

/** Pixels around the image that the view shows: what the windows of this layer need, at most twice the image. */
export function margin({ field, stride, first, units }, side) {
  const beyond = Math.max(-first, first + (units - 1) * (stride ?? 0) + field - side);
  return clamp(beyond, side / 16, 2 * side);
}

/** Everything that the figure shows. */
export function compute({ networks, network, layer, row, column }) {
  const { side, rows } = networks[network];
  const now = layerOf(rows[layer]);
  const [i, j] = [row, column].map((place) => clamp(place, 0, now.units - 1));
  return { layer: now, before: layer ? layerOf(rows[layer - 1]) : null, side, i, j, rows: axis(now, i, side), columns: axis(now, j, side),
    full: wholeUnits(now, side), around: margin(now, side) };
}

/** The unit of a layer that looks nearest to a pixel, which may lie between two pixels. */
export const unitNear = ({ field, stride, first, units }, pixel) =>
  stride === null ? 0 : clamp(Math.round((pixel - first - (field - 1) / 2) / stride), 0, units - 1);

// --- words -------------------------------------------------------------------------------------

const cut = ({ low, high, count }) => (count ? `${low} to ${high}` : "none");

function axisWords(name, letter, { first, stride, field }, place, axisNow) {
  const { from, to } = axisNow;
  const start = stride === null ? `f = ${fmt(from)}` : `f + ${letter}·j = ${fmt(first)} + ${place}·${stride} = ${fmt(from)}`;
  return `${name}: from ${start} to ${fmt(from)} + ${field} − 1 = ${fmt(to)}; in the image ${cut(axisNow)}.`;
}

/** What the figure says about a unit: four lines. */
export function explain({ layer, before, i, j, rows, columns }) {
  const share = 100 * (rows.count / layer.field) * (columns.count / layer.field);
  const unit = layer.whole ? `A unit of ${layer.name} sees every position of the map before. ` : `Unit (${i}, ${j}) of ${layer.name}: `;
  const was = (value) => (before ? ` (before: ${value === null ? "none" : fmt(value)})` : "");
  const step = layer.stride === null ? `no step j${was(before?.stride ?? null)}` : `step j = ${layer.stride}${was(before?.stride)}`;
  return [`${unit}${rows.count} × ${columns.count} of the ${layer.field} × ${layer.field} pixels of its window lie in the image, ${fmt(share, 1)} %.`,
    axisWords("Rows", "i", layer, i, rows), axisWords("Columns", "i", layer, j, columns),
    `Size r = ${layer.field}${was(before?.field)}, ${step}, first pixel f = ${fmt(layer.first)}${was(before?.first)}.`];
}

export const css = `
.stage { display: grid; grid-template-columns: minmax(0, 1fr) minmax(0, 1.5fr); gap: 0.9rem 1.4rem; align-items: start; }
.stage i { position: absolute; pointer-events: none; left: calc(100% * var(--x)); top: calc(100% * var(--y));
  width: calc(100% * var(--w)); height: calc(100% * var(--h)); }
.map, .view { position: relative; aspect-ratio: 1; border: 1px solid var(--cf-edge); overflow: hidden; contain: strict; }
.map { cursor: crosshair; touch-action: pan-y pinch-zoom; background: linear-gradient(to right, var(--cf-line) 1px, transparent 1px),
  linear-gradient(to bottom, var(--cf-line) 1px, transparent 1px), var(--cf-cell); background-size: calc(100% / var(--n)) calc(100% / var(--n)); }
.map.fine { background: var(--cf-cell); }
.map .full { border: 2px solid var(--cf-bar); }
.map .unit { background: var(--cf-mark); box-shadow: 0 0 0 2px var(--cf-mark); }
.view { background: repeating-linear-gradient(135deg, var(--cf-out) 0 5px, var(--cf-paper) 5px 9px); }
.picture { position: absolute; overflow: hidden; left: calc(100% * var(--x)); top: calc(100% * var(--y)); width: calc(100% * var(--w));
  height: calc(100% * var(--h)); }
.picture canvas { width: 100%; height: 100%; display: block; image-rendering: pixelated; }
.picture .seen { box-shadow: 0 0 0 2000px rgb(0 0 0 / 0.6); }
.picture .seen.none { width: 0; height: 0; }
.view .field { border: 3px dashed var(--cf-mark); }
.view .edge { border: 2px solid var(--cf-mark); outline: 1px solid #fff; }
.view .middle { width: 9px; height: 9px; border-radius: 50%; background: var(--cf-mark); outline: 2px solid #fff; translate: -50% -50%; }
.bars { position: relative; height: 6.2rem; display: flex; align-items: flex-end; gap: 1px; border-bottom: 1px solid var(--cf-edge);
  cursor: pointer; touch-action: pan-y pinch-zoom; contain: layout paint style; }
.bars b { flex: 1 1 0; min-width: 0; background: var(--cf-bar); height: calc(100% * var(--v)); pointer-events: none; }
.bars b.here { background: var(--cf-mark); box-shadow: 0 0 0 1px var(--cf-mark); }
.bars span { position: absolute; inset: auto 0 calc(100% * var(--v)); border-bottom: 2px dashed var(--cf-ink); font-size: 0.8rem;
  line-height: 1.3; pointer-events: none; }
.cf-select { min-width: 0; max-width: 14rem; }
.cf-select select { max-width: 100%; }
.layer .cf-slider { max-width: none; }
.cf-row.units .cf-slider { max-width: 20rem; }
.cf-sum p + p { margin-top: 0.15rem; }
@container (max-width: 560px) { .stage { grid-template-columns: minmax(0, 1fr); } .map { width: 62%; } }
@media (forced-colors: active) { .stage .unit { background: Highlight; } }`;

// --- what is seen ------------------------------------------------------------------------------

/** Put a frame at a place of the box around it, all in shares of its side. */
function place(node, x, y, w, height = w) {
  for (const [key, value] of Object.entries({ x, y, w, h: height })) node.style.setProperty(`--${key}`, value);
}

/** Hear where a box is pointed at, or pressed: `pick(x, y)`, in shares of its sides. */
function pointed(box, pick, hover) {
  const at = (event) => {
    if (!hover && !event.buttons) return;
    const { left, top, width, height } = box.getBoundingClientRect();
    pick(clamp((event.clientX - left) / width, 0, 0.999999), clamp((event.clientY - top) / height, 0, 0.999999));
  };
  box.addEventListener("pointermove", at);
  box.addEventListener("pointerdown", at);
}

/** The map of the layer, a square for each unit: `pick(row, column)`. */
function makeMap(pick) {
  const [full, unit] = [h("i", { class: "full" }), h("i", { class: "unit" })];
  const el = h("div", { class: "map", "aria-hidden": "true" }, full, unit);
  let units = 1;
  pointed(el, (x, y) => pick(Math.floor(y * units), Math.floor(x * units)), true);
  function show({ layer, i, j, full: range }) {
    units = layer.units;
    el.style.setProperty("--n", units);
    el.classList.toggle("fine", units > 60);
    place(unit, j / units, i / units, 1 / units);
    full.hidden = !range;
    if (range) place(full, range[0] / units, range[0] / units, (range[1] - range[0] + 1) / units);
  }
  return { el, show };
}

/** The image with what lies around it, and the window on it. */
function makeView(address) {
  const canvas = h("canvas", { width: 1, height: 1 });
  const [seen, field, edge, middle] = ["seen", "field", "edge", "middle"].map((name) => h("i", { class: name }));
  const picture = h("div", { class: "picture" }, canvas, seen);
  const el = h("div", { class: "view", "aria-hidden": "true" }, picture, field, edge, middle);
  const photograph = new Image();
  const paint = () => canvas.getContext("2d").drawImage(photograph, 0, 0, canvas.width, canvas.height);
  photograph.onload = paint;
  photograph.src = address;
  function show({ side, around, rows, columns }) {
    if (canvas.width !== side) {
      canvas.width = canvas.height = side;
      paint();
    }
    const span = side + 2 * around;
    const share = (pixel) => (pixel + around) / span;
    const inside = rows.count > 0 && columns.count > 0;
    place(picture, share(0), share(0), side / span);
    place(field, share(columns.from), share(rows.from), (columns.to - columns.from + 1) / span, (rows.to - rows.from + 1) / span);
    place(seen, columns.low / side, rows.low / side, columns.count / side, rows.count / side);
    place(edge, share(columns.low), share(rows.low), columns.count / span, rows.count / span);
    seen.classList.toggle("none", !inside);
    edge.hidden = !inside;
    middle.style.setProperty("--x", share(columns.middle + 0.5));
    middle.style.setProperty("--y", share(rows.middle + 0.5));
  }
  return { el, show };
}

/** The side of the window after every layer, logarithmic, the image's side as a line: `pick(layer)`. */
function makeBars(pick) {
  const line = h("span");
  const el = h("div", { class: "bars", "aria-hidden": "true" }, line);
  const bars = [];
  let shown = null;
  pointed(el, (x) => pick(Math.floor(x * bars.length)), false);
  function fill({ rows, side }) {
    while (bars.length > rows.length) bars.pop().remove();
    while (bars.length < rows.length) {
      bars.push(h("b"));
      el.append(bars.at(-1));
    }
    const most = Math.log(2.5 * Math.max(side, ...rows.map(([, , field]) => field)));
    const share = (pixels) => Math.log(pixels + 0.3) / most;
    bars.forEach((bar, n) => bar.style.setProperty("--v", share(rows[n][2])));
    line.style.setProperty("--v", share(side));
    setText(line, `the image, ${side}`);
  }
  function show(network, layer) {
    if (shown !== network) fill(shown = network);
    bars.forEach((bar, n) => { if (bar.classList.contains("here") !== (n === layer)) bar.classList.toggle("here", n === layer); });
  }
  return { el, show };
}

function render({ model, el }) {
  const names = ["networks", "network", "layer", "row", "column"];
  const state = () => Object.fromEntries(names.map((name) => [name, model.get(name)]));
  const first = state();
  const { networks } = first;
  const say = announcer();

  /** Go to another layer, to the unit that looks at the same place. */
  function toLayer(layer) {
    const now = compute(state());
    if (layer === model.get("layer")) return;
    const next = layerOf(networks[model.get("network")].rows[layer]);
    model.set({ layer, row: unitNear(next, now.rows.middle), column: unitNear(next, now.columns.middle) });
  }
  /** Go to the middle of the last map of a network. */
  function toNetwork(network) {
    const layers = networks[network].rows.map(layerOf);
    const layer = layers.findLastIndex(({ stride }) => stride !== null);
    const middle = Math.floor((layers[layer].units - 1) / 2);
    model.set({ network, layer, row: middle, column: middle });
  }

  const network = select({ label: "Network", input: toNetwork,
    options: Object.fromEntries(Object.entries(networks).map(([name, { title }]) => [name, title])) });
  const layer = slider({ label: "Layer", min: 0, max: 1, input: toLayer, format: (n) => networks[model.get("network")].rows[n][0] });
  const units = ["row", "column"].map((name) => slider({ label: `Unit's ${name}`, min: 0, max: 1, input: (value) => model.set(name, value) }));
  const reset = button("Start over", () => { model.set(first); say("As at the start"); });
  const map = makeMap((row, column) => model.set({ row, column }));
  const view = makeView(model.get("photograph"));
  const bars = makeBars(toLayer);
  const captions = ["", "", ""].map(() => h("p", { class: "cf-caption" }));
  const words = [0, 1, 2, 3].map(() => h("p"));
  el.append(h("p", { class: "cf-title" }, model.get("title")),
    h("div", { class: "cf-row" }, network.el, reset), h("div", { class: "layer" }, layer.el, captions[0], bars.el),
    h("div", { class: "stage" }, h("div", {}, captions[1], map.el), h("div", {}, captions[2], view.el)),
    h("div", { class: "cf-row units" }, units.map((one) => one.el)), h("div", { class: "cf-sum" }, words), say.el,
    h("p", { class: "cf-hint" }, "Point at the map, press on a bar, or use the sliders. Units, rows and columns are counted from 0. Dashed: the whole "
      + "window, its middle a dot; what lies outside the image is padding. Blue frame on the map: the units whose whole window lies in the image. "
      + "The photograph is only there to fill the image."));

  let spoken = "";
  function draw() {
    const now = state();
    const result = compute(now);
    const { rows } = networks[now.network];
    network.show(now.network);
    layer.range.max = rows.length - 1;
    layer.show(now.layer);
    units.forEach((one, n) => {
      one.range.max = result.layer.units - 1;
      one.range.disabled = result.layer.units === 1;
      one.show(n ? result.j : result.i);
    });
    bars.show(networks[now.network], now.layer);
    map.show(result);
    view.show(result);
    caption(result);
    explain(result).forEach((text, n) => setText(words[n], text));
    speak(result);
  }

  function caption({ layer: { name, units: side, field, stride }, side: pixels, around }) {
    setText(captions[0], "Side of the window after each layer (pixels, logarithmic)");
    setText(captions[1], stride === null ? `${name}: no map, all units see the same` : `${name}: a map of ${side} × ${side} units`);
    setText(captions[2], `Image ${pixels} × ${pixels}, window ${field} × ${field}`
      + (field > pixels + 2 * around ? ", beyond this view" : ""));
  }

  function speak({ layer: { name, field }, i, j, rows, columns }) {
    const text = `${name}, unit row ${i}, column ${j}: window of ${field}; sees rows ${cut(rows)}, columns ${cut(columns)} of the image.`;
    if (spoken && spoken !== text) say(text);
    spoken = text;
  }
  live(model, el, draw);
}

export default { render };
