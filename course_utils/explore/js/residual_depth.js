// Plain against residual networks of growing depth: what comes up, what comes down, and what each
// layer's weights are told. The numbers were measured before, by data/make_residual_depth.py.

import { announcer, button, choice, clamp, fixed, h, live, s, setText, slider } from "./lib.js";

const KINDS = ["plain", "residual"];
const mean = (numbers) => numbers.reduce((sum, x) => sum + x, 0) / numbers.length;
/** Geometric mean: the mean on a logarithmic axis. */
const middle = (numbers) => Math.exp(mean(numbers.map(Math.log)));

/** One curve over the layers, from the runs of all seeds: geometric mean, lowest and highest. */
export function curve({ curves, start, measure }, kind, depth) {
  const runs = curves[`${kind} ${start} ${depth}`].map((run) => run[measure]);
  const layers = runs[0].map((_, n) => runs.map((run) => run[n]));
  return { mid: layers.map(middle), low: layers.map((x) => Math.min(...x)), high: layers.map((x) => Math.max(...x)) };
}

/** Everything that the figure shows, for each kind of network. */
export function compute(state) {
  const { curves, errors, depths, start, depth } = state;
  return Object.fromEntries(KINDS.map((kind) => {
    const { mid, low, high } = curve(state, kind, depth);
    const ratio = mid[0] / mid.at(-1);
    return [kind, { mid, low, high, ratio, factor: ratio ** (1 / (mid.length - 1)),
      byDepth: depths.map((d) => { const line = curve(state, kind, d).mid; return line[0] / line.at(-1); }),
      agreement: start === "norm" ? mean(curves[`${kind} norm ${depth}`].map((run) => run.agreement)) : null,
      error: start === "norm" ? errors[`${kind} ${depth}`] : null }];
  }));
}

/** Powers of ten that hold all curves of this start and this measure, at every depth. */
export function decades(state) {
  const all = KINDS.flatMap((kind) => state.depths.flatMap((depth) => {
    const { low, high } = curve(state, kind, depth);
    return [...low, ...high];
  }));
  return [Math.floor(Math.log10(Math.min(...all))), Math.ceil(Math.log10(Math.max(...all)))];
}

const SUPER = { "-": "⁻", 0: "⁰", 1: "¹", 2: "²", 3: "³", 4: "⁴", 5: "⁵", 6: "⁶", 7: "⁷", 8: "⁸", 9: "⁹" };
const raised = (n) => [...String(n)].map((c) => SUPER[c]).join("");
const power = (n) => `10${raised(n)}`;

/** Three significant digits; powers of ten where a number would be long. */
export function short(x) {
  if (x >= 0.001 && x < 10000) return String(Number(x.toPrecision(3)));
  const [digits, exponent] = x.toExponential(1).split("e");
  return `${digits} · ${power(Number(exponent))}`;
}

const MEASURES = {
  weights: { text: "gradient by its weights", axis: "gradient / weights",
    about: "The gradient by a layer's weights, over the length of the weights: the share that a step of rate 1 changes." },
  up: { text: "signal coming up", axis: "signal",
    about: "Root mean square of the numbers that come into a layer from below." },
  down: { text: "gradient coming down", axis: "gradient",
    about: "Length of the gradient of the loss by the numbers that a layer hands on." },
};
const STARTS = { norm: "batch norm", bare: "none, PyTorch’s weights", he: "none, He’s weights" };

export const css = `
.legend { display: flex; flex-wrap: wrap; gap: 0.2rem 1.2rem; font-size: 0.9rem; }
.legend svg { display: inline-block; width: 2.2rem; height: 0.6rem; margin-right: 0.4rem; vertical-align: middle; }
svg { display: block; width: 100%; height: auto; overflow: visible; }
svg text { fill: var(--cf-quiet); font-size: 12px; font-family: inherit; font-variant-numeric: tabular-nums; }
.axis { stroke: var(--cf-edge); fill: none; }
.tick { stroke: var(--cf-line); }
.line { fill: none; stroke-width: 2.5; }
.band { opacity: 0.22; }
.line.plain, .dot.plain { stroke: var(--cf-bar-neg); }
.line.residual, .dot.residual { stroke: var(--cf-bar); }
.line.plain { stroke-dasharray: 7 4; }
.band.plain { fill: var(--cf-bar-neg); }
.band.residual { fill: var(--cf-bar); }
.dot { fill: var(--cf-paper); stroke-width: 2.5; }
.mark { stroke: var(--cf-mark); stroke-width: 2; }
.chart { touch-action: pan-y; cursor: crosshair; }
.small { display: grid; grid-template-columns: minmax(0, 1fr) minmax(0, 1fr); gap: 0.9rem 2rem; }
.small svg text { font-size: 11px; }
.about { min-height: 2.9em; }
table { border-collapse: collapse; font-size: 0.9rem; font-variant-numeric: tabular-nums; width: 100%; }
th, td { text-align: right; padding: 0.25rem 0.5rem; border-bottom: 1px solid var(--cf-line); font-weight: 400; }
th { color: var(--cf-quiet); }
tbody th { text-align: left; color: var(--cf-ink); font-weight: 600; }
.cf-sum { min-height: 3.6rem; }
@container (max-width: 560px) {
  .small { grid-template-columns: minmax(0, 1fr); }
  .chart text { font-size: 21px; }
  th, td { padding: 0.25rem 0.2rem; font-size: 0.8rem; }
  .about { min-height: 4.3em; }
}
/* First and last stand in the sentences below, too. */
@container (max-width: 340px) { :is(th, td):nth-child(3), :is(th, td):nth-child(4) { display: none; } }`;

function render({ model, el }) {
  const names = ["depths", "curves", "errors", "depth", "start", "measure", "layer"];
  const state = () => Object.fromEntries(names.map((name) => [name, model.get(name)]));
  const first = state();
  const depths = first.depths;
  const say = announcer();

  const depth = slider({ label: "Depth", min: depths[0], max: depths.at(-1), step: depths[1] - depths[0],
    format: (n) => `${n} layers`, input: (value) => model.set("depth", value) });
  const layer = slider({ label: "Look at layer", min: 1, max: depths.at(-1) - 1,
    input: (value) => model.set("layer", value) });
  const start = choice({ label: "Normalisation", options: STARTS, input: (value) => model.set("start", value) });
  const measure = choice({ label: "At each layer: the", input: (value) => model.set("measure", value),
    options: Object.fromEntries(Object.entries(MEASURES).map(([name, { text }]) => [name, text])) });
  const reset = button("Start over", () => { model.set(first); say("As at the start"); });

  const chart = layerChart((value) => model.set("layer", value));
  const ratios = depthChart(depths, "first layer / last layer, by depth");
  const training = depthChart(depths, "error on the training images (%), by depth");
  const about = h("p", { class: "cf-quiet about" });
  const table = readings();
  const sum = KINDS.map(() => h("p", {}));
  el.append(h("p", { class: "cf-title" }, model.get("title")),
    h("div", { class: "cf-row" }, start.el, measure.el),
    h("div", { class: "cf-row" }, depth.el, layer.el, reset), about,
    h("div", { class: "legend" }, KINDS.map((kind) => h("span", {},
      s("svg", { viewBox: "0 0 40 10", "aria-hidden": "true" }, s("path", { class: `line ${kind}`, d: "M0 5H40" })), kind)),
    h("span", { class: "cf-quiet" }, "band: lowest to highest of three seeds")),
    chart.el, table.el, h("div", { class: "cf-sum" }, sum),
    h("div", { class: "small" }, ratios.el, training.el), say.el,
    h("p", { class: "cf-hint" }, "Drag the depth; point at a layer of the large picture or choose it with its slider. Numbers "
      + "recorded before training, on 128 garments; the error is that of the fourth epoch, on 1,000 garments, with batch norm."));

  let spoken = "";
  function draw() {
    const now = state();
    const result = compute(now);
    const at = clamp(now.layer, 1, now.depth - 1);
    depth.show(now.depth);
    layer.range.max = now.depth - 1;
    layer.show(at);
    start.show(now.start);
    measure.show(now.measure);
    setText(about, MEASURES[now.measure].about);
    chart.show(now, result, at);
    table.show(result, at);
    KINDS.forEach((kind, n) => setText(sum[n], growth(kind, now.depth, result[kind])));
    ratios.show(now.depth, Object.fromEntries(KINDS.map((kind) => [kind, result[kind].byDepth])), true);
    training.show(now.depth, now.start === "norm" ? Object.fromEntries(KINDS.map((kind) =>
      [kind, depths.map((d) => mean(now.errors[`${kind} ${d}`]))])) : {}, false);
    const text = `${now.depth} layers, ${STARTS[now.start]}, ${MEASURES[now.measure].text}: `
      + KINDS.map((kind) => `${kind} ${short(result[kind].mid[at - 1])} at layer ${at}, first over last `
        + short(result[kind].ratio)).join("; ") + ".";
    if (spoken && spoken !== text) say(text);
    spoken = text;
  }

  live(model, el, draw);
}

const capital = (text) => text[0].toUpperCase() + text.slice(1);

/** The ratio of first and last layer, and what that makes for each layer. */
export const growth = (kind, depth, { mid, ratio, factor }) =>
  `${capital(kind)}: ${short(mid[0])} / ${short(mid.at(-1))} = ${short(ratio)} = ${fixed(factor, 3)}${raised(depth - 2)}: times `
  + `${fixed(factor, 3)} for each layer down.`;

/** A table: what the chosen layer, the first and the last say, and how training went. */
function readings() {
  const at = h("th", { scope: "col" });
  const heads = ["first", "last", "first / last", "two batches agree", "training error"];
  const rows = KINDS.map(() => Array.from({ length: 6 }, () => h("td", {})));
  const el = h("table", {}, h("thead", {}, h("tr", {}, h("td", {}), at, heads.map((text) => h("th", { scope: "col" }, text)))),
    h("tbody", {}, KINDS.map((kind, n) => h("tr", {}, h("th", { scope: "row" }, kind), rows[n]))));
  function show(result, layer) {
    setText(at, `layer ${layer}`);
    KINDS.forEach((kind, n) => {
      const { mid, ratio, agreement, error } = result[kind];
      const texts = [short(mid[layer - 1]), short(mid[0]), short(mid.at(-1)), short(ratio),
        agreement === null ? "–" : fixed(agreement, 2), error === null ? "–" : `${fixed(mean(error), 0)} %`];
      texts.forEach((text, k) => setText(rows[n][k], text));
    });
  }
  return { el, show };
}

/** The large picture: a logarithmic axis, the layers from the image to the top. */
function layerChart(pick, W = 640, H = 250) {
  const ticks = s("g");
  const lines = KINDS.map((kind) => [s("path", { class: `band ${kind}` }), s("path", { class: `line ${kind}` }),
    s("circle", { class: `dot ${kind}`, r: 5 })]);
  const mark = s("line", { class: "mark", y1: 0, y2: H });
  const [lastLayer, axis] = [s("text", { x: W, y: H + 18, "text-anchor": "end" }), s("text", { x: 0, y: -10 })];
  const svg = s("svg", { class: "chart", viewBox: `-46 -26 ${W + 54} ${H + 66}`, role: "img" }, ticks,
    s("path", { class: "axis", d: `M0 0V${H}H${W}` }), mark, lines.flat(), axis,
    s("text", { x: 0, y: H + 18 }, "1, next to the image"), lastLayer,
    s("text", { x: W / 2, y: H + 34, "text-anchor": "middle" }, "layer"));
  let layers = 1;
  const choose = (event) => {
    const point = new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse());
    pick(clamp(Math.round(1 + (point.x / W) * (layers - 1)), 1, layers));
  };
  svg.addEventListener("pointermove", choose);
  svg.addEventListener("pointerdown", choose);

  let scaled = "";
  function scale(now) {
    const [low, high] = decades(now);
    if (scaled === `${low} ${high}`) return [low, high];
    scaled = `${low} ${high}`;
    const step = Math.ceil((high - low) / 6);
    const marks = Array.from({ length: Math.floor((high - low) / step) + 1 }, (_, n) => low + n * step);
    ticks.replaceChildren(...marks.flatMap((n) => {
      const y = H * (1 - (n - low) / (high - low));
      return [s("line", { class: "tick", x1: 0, x2: W, y1: y, y2: y }),
        s("text", { x: -6, y: y + 4, "text-anchor": "end" }, power(n))];
    }));
    return [low, high];
  }

  function show(now, result, at) {
    layers = now.depth - 1;
    const [low, high] = scale(now);
    const x = (n) => ((W * n) / (layers - 1)).toFixed(1);
    const y = (value) => (H * (1 - (Math.log10(value) - low) / (high - low))).toFixed(1);
    const points = (row) => row.map((value, n) => `${x(n)} ${y(value)}`);
    KINDS.forEach((kind, n) => {
      const [band, line, dot] = lines[n];
      const { mid, low: under, high: over } = result[kind];
      band.setAttribute("d", `M${[...points(over), ...points(under).reverse()].join("L")}Z`);
      line.setAttribute("d", `M${points(mid).join("L")}`);
      dot.setAttribute("cx", x(at - 1));
      dot.setAttribute("cy", y(mid[at - 1]));
    });
    for (const end of ["x1", "x2"]) mark.setAttribute(end, x(at - 1));
    setText(lastLayer, `${layers}, below the scores`);
    setText(axis, MEASURES[now.measure].axis);
    svg.setAttribute("aria-label", `${MEASURES[now.measure].axis} against the layer, 1 to ${layers}. ` + KINDS.map((kind) =>
      `${capital(kind)}: from ${short(result[kind].mid[0])} at the first to ${short(result[kind].mid.at(-1))} at the last`)
      .join(". ") + ".");
  }
  return { el: svg, show };
}

/** A small picture: one number of each network against its depth. */
function depthChart(depths, title, W = 290, H = 110) {
  const lines = KINDS.map((kind) => [s("path", { class: `line ${kind}` }), s("circle", { class: `dot ${kind}`, r: 4 })]);
  const [top, bottom, none] = [s("text", { x: -5, y: 8, "text-anchor": "end" }),
    s("text", { x: -5, y: H, "text-anchor": "end" }), s("text", { x: W / 2, y: H / 2, "text-anchor": "middle" })];
  const x = (depth) => (W * (depth - depths[0])) / (depths.at(-1) - depths[0]);
  const svg = s("svg", { viewBox: `-44 -24 ${W + 54} ${H + 46}`, role: "img" }, s("path", { class: "axis", d: `M0 0V${H}H${W}` }),
    lines.flat(), top, bottom, none, s("text", { x: -30, y: -12 }, title),
    [depths[0], depths.at(-1)].map((d) => s("text", { x: x(d), y: H + 15, "text-anchor": "middle" }, String(d))));

  /** `rows`: numbers by depth of each kind, or nothing. Logarithmic between powers of ten, or 0 to 100. */
  function show(depth, rows, log) {
    const all = Object.values(rows).flat();
    const [low, high] = log ? [Math.floor(Math.log10(Math.min(...all))), Math.ceil(Math.log10(Math.max(...all)))] : [0, 100];
    const y = (value) => H * (1 - ((log ? Math.log10(value) : value) - low) / (high - low));
    KINDS.forEach((kind, n) => {
      const [line, dot] = lines[n];
      for (const part of [line, dot]) part.style.display = rows[kind] ? "" : "none";
      if (!rows[kind]) return;
      line.setAttribute("d", `M${depths.map((d, k) => `${x(d).toFixed(1)} ${y(rows[kind][k]).toFixed(1)}`).join("L")}`);
      dot.setAttribute("cx", x(depth));
      dot.setAttribute("cy", y(rows[kind][depths.indexOf(depth)]));
    });
    setText(top, log ? power(high) : "100");
    setText(bottom, log ? power(low) : "0");
    setText(none, all.length ? "" : "trained with batch norm only");
    svg.setAttribute("aria-label", `${title}. ` + (all.length ? KINDS.map((kind) =>
      `${kind} ${depths.map((d, k) => `${short(rows[kind][k])} at ${d}`).join(", ")}`).join("; ") : "Not trained."));
  }
  return { el: svg, show };
}

export default { render };
