// Scores become probabilities, a loss and a gradient. Numbers as ops.softmax, ops.cross_entropy and
// their backward functions.

import { announcer, button, choice, clamp, fixed, fmt, h, live, newId, s, setText } from "./lib.js";

/** Probabilities of scores; the largest score is taken away first, so that nothing overflows. */
export function softmax(scores) {
  const most = Math.max(...scores);
  const powers = scores.map((z) => Math.exp(z - most));
  const total = powers.reduce((sum, x) => sum + x, 0);
  return powers.map((x) => x / total);
}

/** -log p of the true class, without the logarithm of a number that underflowed to 0. */
export function crossEntropy(scores, target) {
  const most = Math.max(...scores);
  return Math.log(scores.reduce((sum, z) => sum + Math.exp(z - most), 0)) - (scores[target] - most);
}

/** Everything that the figure shows: probabilities, loss and its gradient by the scores. */
export function compute({ scores, target, loss }) {
  const p = softmax(scores);
  const miss = p.map((value, k) => value - (k === target ? 1 : 0)); // p - y
  if (loss === "entropy") return { p, loss: crossEntropy(scores, target), gradient: miss };
  const inner = miss.reduce((sum, m, k) => sum + m * p[k], 0);
  return { p, loss: miss.reduce((sum, m) => sum + m * m, 0), gradient: p.map((value, k) => 2 * value * (miss[k] - inner)) };
}

/** The scores after one step down the gradient. */
export const stepped = (state, rate = 1) => {
  const { gradient } = compute(state);
  return state.scores.map((z, k) => clamp(z - rate * gradient[k], -LIMIT, LIMIT));
};

export const LIMIT = 12;
/** Four significant digits: enough for the logarithm's three decimals. */
const significant = (x) => String(Number(x.toPrecision(4))).replace("-", "−");
const NAMES = ["A", "B", "C", "D", "E", "F", "G", "H"];
// The curve: loss against the score of the true class, the others as they are.
const W = 300, H = 150;

export const css = `
.table { display: grid; grid-template-columns: auto minmax(7rem, 1.5fr) minmax(5rem, 1fr) minmax(5rem, 1fr); gap: 0.1rem 1rem;
  align-items: center; font-variant-numeric: tabular-nums; }
.table > .head { font-size: 0.86rem; color: var(--cf-quiet); padding-bottom: 0.2rem; }
.true { display: flex; align-items: center; gap: 0.4rem; cursor: pointer; min-height: 2.2rem; font-weight: 600; }
.true input { accent-color: var(--cf-mark); width: 1.15rem; height: 1.15rem; margin: 0; cursor: pointer; }
.score { display: grid; grid-template-columns: 1fr 3.2rem; gap: 0.5rem; align-items: center; }
.score input { width: 100%; margin: 0; height: 2rem; accent-color: var(--cf-accent); cursor: pointer;
  touch-action: pan-y; }
.score .cf-value { text-align: right; }
.bar { display: grid; grid-template-columns: 1fr 3.4rem; gap: 0.5rem; align-items: center; }
.bar b { font-weight: 400; text-align: right; }
.track { position: relative; height: 1.05rem; background: var(--cf-out); border: 1px solid var(--cf-line);
  border-radius: 3px; overflow: hidden; }
.track i { position: absolute; top: 0; bottom: 0; background: var(--cf-bar); left: var(--a); width: var(--b); }
.track.gradient::after { content: ""; position: absolute; left: 50%; top: 0; bottom: 0; width: 1px; background: var(--cf-edge); }
.track i.minus { background: var(--cf-bar-neg); }
.below { display: grid; grid-template-columns: minmax(0, 1fr) minmax(0, 20rem); gap: 0.8rem 1.4rem; align-items: center; }
.cf-sum strong { font-size: 1.5rem; display: block; }
svg { display: block; width: 100%; height: auto; overflow: visible; }
svg text { fill: var(--cf-quiet); font-size: 11px; font-family: inherit; }
.axis { stroke: var(--cf-edge); fill: none; }
.curve { stroke: var(--cf-bar); stroke-width: 2.5; fill: none; }
.slope { stroke: var(--cf-mark); stroke-width: 2; stroke-dasharray: 5 3; }
.dot { fill: var(--cf-mark); }
@container (max-width: 560px) {
  .table { grid-template-columns: auto minmax(0, 1fr) minmax(0, 1fr); gap: 0.1rem 0.8rem; }
  .table > .head { display: none; }
  .table > .score { grid-column: 2 / -1; }
  .table > .bar { margin-bottom: 0.5rem; grid-template-columns: 1fr; gap: 0.1rem; }
  .table > .probability { grid-column: 2; }
  .bar b { text-align: left; font-size: 0.86rem; grid-row: 1; }
  .bar b::before { content: attr(data-letter) " "; color: var(--cf-quiet); }
  .below { grid-template-columns: minmax(0, 1fr); }
}`;

function render({ model, el }) {
  const names = ["scores", "target", "loss"];
  const state = () => Object.fromEntries(names.map((name) => [name, model.get(name)]));
  const first = state();
  const say = announcer();
  const lossKind = choice({ label: "Loss", options: { entropy: "Cross-entropy", squares: "Squared error" },
    input: (value) => model.set("loss", value) });
  const radioName = newId();
  const rows = first.scores.map((_, k) => makeRow(k, radioName, model));
  const head = ["True class", "Score z (drag)", "Probability p", "Gradient ∂ℓ/∂z"]
    .map((text) => h("span", { class: "head", "aria-hidden": "true" }, text));
  const formula = h("span", {});
  const value = h("strong", {});
  const push = h("p", { class: "cf-quiet" });
  const curve = makeCurve();
  const step = button("Take a step down", () => { model.set("scores", stepped(state())); }, { class: "cf-main" });
  const reset = button("Start over", () => { model.set(first); say("As at the start"); });
  el.append(h("p", { class: "cf-title" }, model.get("title")),
    h("div", { class: "cf-row" }, lossKind.el),
    h("div", { class: "table", role: "group", "aria-label": "Classes: true class, score, probability, gradient" },
      head, rows.flatMap((row) => row.parts)),
    h("div", { class: "below" }, h("div", { class: "cf-sum" }, formula, value, push), curve.el),
    h("div", { class: "cf-row" }, step, reset), say.el,
    h("p", { class: "cf-hint" }, "A step takes the gradient away from the scores, as learning would. "
      + "Keyboard: arrow keys move a score by 0.1, Page Up and Page Down by more."));

  let spoken = "";
  function draw() {
    const now = state();
    const result = compute(now);
    lossKind.show(now.loss);
    rows.forEach((row, k) => row.show(now, result, k));
    const t = now.target;
    setText(formula, now.loss === "entropy" ? `ℓ = −ln p(${NAMES[t]}) = −ln ${significant(result.p[t])}`
      : `ℓ = sum of (p − y)², true class ${NAMES[t]}`);
    setText(value, `${fixed(result.loss, 3)}${now.loss === "entropy" ? " nats" : ""}`);
    setText(push, `The true score is pushed up by ${fixed(-result.gradient[t], 3)}.`);
    curve.show(now, result);
    const text = `Loss ${fixed(result.loss, 2)}. Class ${NAMES[t]}, the true one: probability `
      + `${fixed(100 * result.p[t], 1)} percent, gradient ${fixed(result.gradient[t], 2)}.`;
    if (spoken && spoken !== text) say(text);
    spoken = text;
  }
  live(model, el, draw);
}

function makeRow(k, radioName, model) {
  const name = NAMES[k];
  const radio = h("input", { type: "radio", name: radioName, "aria-label": `class ${name} is the true one`,
    onchange: () => model.set("target", k) });
  const range = h("input", { type: "range", min: -LIMIT, max: LIMIT, step: 0.1, "aria-label": `score of class ${name}`,
    oninput: () => model.set("scores", model.get("scores").map((z, n) => (n === k ? Number(range.value) : z))) });
  const output = h("span", { class: "cf-value", "aria-hidden": "true" });
  const bars = ["probability", "gradient"].map((kind) => {
    const [fill, text] = [h("i"), h("b", { "data-letter": kind === "gradient" ? "∂ℓ/∂z" : "p" })];
    const label = h("span", { class: "cf-say" }, `${kind} of class ${name}: `);
    return { fill, text, el: h("div", { class: `bar ${kind}` },
      label, h("span", { class: `track ${kind}`, "aria-hidden": "true" }, fill), text) };
  });
  const parts = [h("label", { class: "true" }, radio, name), h("div", { class: "score" }, range, output),
    ...bars.map((bar) => bar.el)];
  function show({ scores, target }, { p, gradient }, row) {
    radio.checked = target === row;
    if (Math.abs(Number(range.value) - scores[row]) > 1e-9) range.value = scores[row];
    setText(output, fmt(scores[row], 2));
    range.setAttribute("aria-valuetext", fmt(scores[row], 2));
    place(bars[0], 0, p[row]);
    setText(bars[0].text, `${fixed(100 * p[row], 1)} %`);
    const half = clamp(gradient[row], -1, 1) / 2;
    place(bars[1], Math.min(0.5, 0.5 + half), Math.abs(half));
    bars[1].fill.classList.toggle("minus", half < 0);
    setText(bars[1].text, fixed(gradient[row], 3));
  }
  return { parts, show };
}

function place({ fill }, start, width) {
  fill.style.setProperty("--a", `${100 * start}%`);
  fill.style.setProperty("--b", `${100 * width}%`);
}

function makeCurve() {
  const line = s("path", { class: "curve" });
  const slope = s("line", { class: "slope" });
  const dot = s("circle", { class: "dot", r: 5 });
  const top = s("text", { x: -4, y: 8, "text-anchor": "end" });
  const svg = s("svg", { viewBox: `-32 -8 ${W + 44} ${H + 42}`, role: "img" },
    s("path", { class: "axis", d: `M0 0V${H}H${W}` }), line, slope, dot, top,
    s("text", { x: -4, y: H, "text-anchor": "end" }, "0"),
    s("text", { x: 0, y: H + 14, "text-anchor": "middle" }, fmt(-LIMIT)),
    s("text", { x: W, y: H + 14, "text-anchor": "middle" }, fmt(LIMIT)),
    s("text", { x: W / 2, y: H + 28, "text-anchor": "middle" }, "score of the true class, the others as they are"),
    s("text", { x: W, y: 8, "text-anchor": "end" }, "loss ℓ"));
  function show(now, { loss, gradient }) {
    const t = now.target;
    const at = (z) => compute({ ...now, scores: now.scores.map((old, k) => (k === t ? z : old)) }).loss;
    const steps = Array.from({ length: 61 }, (_, n) => -LIMIT + (2 * LIMIT * n) / 60);
    const losses = steps.map(at);
    const most = Math.max(2, ...losses);
    const x = (z) => (W * (z + LIMIT)) / (2 * LIMIT);
    const y = (value) => H - (H * value) / most;
    line.setAttribute("d", `M${steps.map((z, n) => `${x(z).toFixed(1)} ${y(losses[n]).toFixed(1)}`).join("L")}`);
    const z = now.scores[t];
    const reach = 40 / Math.hypot(x(1) - x(0), ((y(1) - y(0)) * gradient[t]) || 0); // 40 px each way
    for (const [end, side] of [["1", -1], ["2", 1]]) {
      slope.setAttribute(`x${end}`, x(z + side * reach));
      slope.setAttribute(`y${end}`, y(loss + side * reach * gradient[t]));
    }
    dot.setAttribute("cx", x(z));
    dot.setAttribute("cy", y(loss));
    setText(top, fmt(most, 1));
    svg.setAttribute("aria-label", `Loss against the score of the true class. At ${fmt(z, 1)} it is ${fixed(loss, 2)}, `
      + `with slope ${fixed(gradient[t], 2)}.`);
  }
  return { el: svg, show };
}

export default { render };
