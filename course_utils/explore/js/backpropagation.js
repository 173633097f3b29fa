// A small network, forward and backward, cell by cell: convolution, ReLU, max pooling, dense layer,
// softmax and cross-entropy. Numbers as ops.conv2d, ops.relu, ops.max_pool2d, ops.linear,
// ops.cross_entropy and their backward functions.

import { announcer, button, changed, choice, fixed, fmt, grid, h, largest, live, player, s, setText,
  slider } from "./lib.js";

const table = (rows, columns, at) =>
  Array.from({ length: rows }, (_, i) => Array.from({ length: columns }, (_, j) => at(i, j)));
const total = (numbers) => numbers.reduce((sum, x) => sum + x, 0);
const inside = (i, j, side) => i >= 0 && j >= 0 && i < side && j < side;

// --- the network -------------------------------------------------------------------------------

/** The place of the largest of a 2 x 2 window's cells, the first one of equals. */
function winner(map, i, j) {
  let best = [2 * i, 2 * j];
  for (const [a, b] of [[0, 1], [1, 0], [1, 1]])
    if (map[2 * i + a][2 * j + b] > map[best[0]][best[1]]) best = [2 * i + a, 2 * j + b];
  return best;
}

/** All values, up to the loss: every array as a table, a list as a column. */
export function forward({ input, kernel, bias, dense, target }) {
  const z = table(4, 4, (i, j) => bias[0][0]
    + total(kernel.flatMap((row, a) => row.map((w, b) => input[i + a][j + b] * w))));
  const hidden = z.map((row) => row.map((x) => Math.max(x, 0)));
  const winners = table(2, 2, (i, j) => winner(hidden, i, j));
  const p = winners.map((row) => row.map(([i, j]) => hidden[i][j]));
  const scores = dense.map((row) => row[4] + total(p.flat().map((x, m) => row[m] * x)));
  const most = Math.max(...scores);
  const whole = total(scores.map((x) => Math.exp(x - most)));
  return { value: { input, kernel, bias, z, h: hidden, p, dense, s: scores.map((x) => [x]),
    q: scores.map((x) => [Math.exp(x - most) / whole]) },
  winners, loss: Math.log(whole) - (scores[target] - most) };
}

const wins = (winners, i, j) => {
  const [row, column] = winners[i >> 1][j >> 1];
  return row === i && column === j;
};

/** Everything that the figure shows: values, loss, and the gradient of the loss by each of them. */
export function compute(state) {
  const result = forward(state);
  const { value, winners } = result;
  const by = {};
  by.s = value.q.map(([q], k) => [q - (k === state.target ? 1 : 0)]);
  by.dense = by.s.map(([g]) => [...value.p.flat().map((x) => g * x), g]);
  by.p = table(2, 2, (i, j) => total(by.s.map(([g], k) => g * state.dense[k][2 * i + j])));
  by.h = table(4, 4, (i, j) => (wins(winners, i, j) ? by.p[i >> 1][j >> 1] : 0));
  by.z = table(4, 4, (i, j) => (value.z[i][j] > 0 ? by.h[i][j] : 0));
  by.kernel = table(3, 3, (a, b) =>
    total(by.z.flatMap((row, i) => row.map((g, j) => g * state.input[i + a][j + b]))));
  by.bias = [[total(by.z.flat())]];
  by.input = table(6, 6, (r, c) => total(state.kernel.flatMap((row, a) =>
    row.map((w, b) => (inside(r - a, c - b, 4) ? by.z[r - a][c - b] * w : 0)))));
  return { ...result, gradient: by };
}

const WEIGHTS = ["kernel", "bias", "dense"];

/** The weights after a step against the gradient. */
export function stepped(state, gradient = compute(state).gradient) {
  return Object.fromEntries(WEIGHTS.map((name) => [name,
    state[name].map((row, i) => row.map((w, j) => w - state.rate * gradient[name][i][j]))]));
}

/** What a step of this rate takes from the loss, as far as the slope says. */
export const promised = ({ rate }, gradient) =>
  rate * total(WEIGHTS.flatMap((name) => gradient[name].flat().map((g) => g * g)));

// --- who met whom ------------------------------------------------------------------------------

const ENDS = {
  input: ({ value }, i, j) => ({ to: value.kernel.flatMap((row, a) => row.map((w, b) =>
    ({ at: ["z", i - a, j - b], factor: w }))).filter(({ at }) => inside(at[1], at[2], 4)) }),
  kernel: ({ value }, a, b) => ({ to: value.z.flatMap((row, i) => row.map((_, j) =>
    ({ at: ["z", i, j], factor: value.input[i + a][j + b] }))) }),
  bias: ({ value }) => ({ to: value.z.flatMap((row, i) => row.map((_, j) => ({ at: ["z", i, j], factor: 1 }))) }),
  z: ({ value }, i, j) => ({
    from: value.kernel.flatMap((row, a) => row.map((w, b) => ({ at: ["input", i + a, j + b], factor: w }))),
    to: [{ at: ["h", i, j], factor: value.z[i][j] > 0 ? 1 : 0 }] }),
  h: ({ winners }, i, j) => ({ from: [{ at: ["z", i, j] }],
    to: [{ at: ["p", i >> 1, j >> 1], factor: wins(winners, i, j) ? 1 : 0 }] }),
  p: ({ value }, i, j) => ({
    from: [[0, 0], [0, 1], [1, 0], [1, 1]].map(([a, b]) => ({ at: ["h", 2 * i + a, 2 * j + b] })),
    to: value.dense.map((row, k) => ({ at: ["s", k, 0], factor: row[2 * i + j] })) }),
  dense: ({ value }, k, m) => ({ to: [{ at: ["s", k, 0], factor: m < 4 ? value.p[m >> 1][m % 2] : 1 }] }),
  s: ({ value }, k) => ({
    from: [0, 1, 2, 3].map((m) => ({ at: ["p", m >> 1, m % 2], factor: value.dense[k][m] })) }),
  q: () => ({ from: [0, 1, 2].map((k) => ({ at: ["s", k, 0] })) }),
};

/**
 * What a cell is made of (`from`) and what it feeds (`to`): places, each with the factor that it
 * met on the way. A value is the sum of `from`, value times factor, in z and s, plus the bias; a
 * gradient is the sum of `to`, gradient times factor.
 */
export const meetings = (result, [name, i, j]) => ({ from: [], to: [], ...ENDS[name](result, i, j) });

// --- in words ----------------------------------------------------------------------------------

const CLASSES = ["A", "B", "C"];
const num = (x) => (x < 0 ? `(${fmt(x, 3)})` : fmt(x, 3));
const place = (what) => (i, j) => `${what}, row ${i + 1}, column ${j + 1}`;

/** How a cell is called: [row, column] in words. */
export const NAMES = {
  input: place("image"), kernel: place("kernel"), bias: () => "bias of the kernel", z: place("answer"),
  h: place("ReLU"), p: place("pooled"), s: (k) => `score ${CLASSES[k]}`, q: (k) => `probability ${CLASSES[k]}`,
  dense: (k, m) => (m === 4 ? `bias of class ${CLASSES[k]}`
    : `weight of class ${CLASSES[k]} for pooled row ${(m >> 1) + 1}, column ${m % 2 + 1}`),
};

const TABLES = { input: "image", kernel: "kernel", bias: "bias", z: "answers", h: "ReLU", p: "pooled numbers",
  dense: "dense weights", s: "scores", q: "probabilities" };

/** How the value came about: [sentence, arithmetic]. */
export function valueText(state, { value }, [name, i, j], { from }) {
  const cells = from.map(({ at: [array, row, column] }) => value[array][row][column]);
  const products = from.map(({ factor }, n) => `${num(cells[n])}·${num(factor)}`).join(" + ");
  const result = fmt(value[name][i][j], 3);
  if (name === "z") return ["nine cells of the input, each times its weight, and the bias",
    `${products} + ${num(state.bias[0][0])} = ${result}`];
  if (name === "h") return ["ReLU: what is negative becomes 0", `max(0, ${num(cells[0])}) = ${result}`];
  if (name === "p") return ["the largest of its window", `max(${cells.map((x) => fmt(x, 3)).join(", ")}) = ${result}`];
  if (name === "s") return ["the pooled numbers, each times its weight, and the bias",
    `${products} + ${num(state.dense[i][4])} = ${result}`];
  if (name === "q") return ["softmax: powers of e, divided by their sum",
    `exp(${num(cells[i])}) / (${cells.map((x) => `exp(${num(x)})`).join(" + ")}) = ${result}`];
  return [name === "input" ? `given: ${result}` : `chosen, and changed by a step: ${result}`, ""];
}

const WHY = {
  input: "it met a weight on the way to each of these answers z",
  kernel: "it met a cell of the input on the way to each of the 16 answers z",
  bias: "it was added to each of the 16 answers z",
  z: "times the slope of ReLU: 1 where z is positive, otherwise 0",
  h: "times 1 if it won its window, otherwise 0",
  p: "it met a weight on the way to each score",
  dense: "it met one number on the way to one score",
};

/** How the gradient came about: [sentence, arithmetic]. */
export function gradientText(state, { value, gradient }, [name, i, j], { to }) {
  if (name === "q") return ["softmax and loss are taken back in one step, to the scores", "see score " + CLASSES[i]];
  const result = fmt(gradient[name][i][j], 3);
  if (name === "s") return [`probability less ${i === state.target ? "1, as it is the true class" : "0"}`,
    `${num(value.q[i][0])} − ${i === state.target ? 1 : 0} = ${result}`];
  const terms = to.map(({ at: [array, row, column], factor }) => [gradient[array][row][column], factor]);
  const open = terms.length > 3 ? terms.filter(([g]) => g !== 0) : terms;
  const left = terms.length - open.length;
  const rest = left ? `; ${left} of ${terms.length} terms are left out, their gradient is 0` : "";
  return [WHY[name] + rest, `${open.map(([g, factor]) => `${num(g)}·${num(factor)}`).join(" + ") || "0"} = ${result}`];
}

// --- steps through the network -----------------------------------------------------------------

const STAGES = [
  "The image, and the weights that the network starts with.",
  "Forward: the kernel slides over the image.",
  "Forward: ReLU.",
  "Forward: the largest of each window of 2 by 2.",
  "Forward: the dense layer, a row of weights for each score.",
  "Forward: softmax and the loss.",
  "Backward: probability less one-hot target, by the scores.",
  "Backward: by the dense weights and by what they met.",
  "Backward: each pooled gradient goes to the cell that won.",
  "Backward: ReLU lets it pass where z is positive.",
  "Backward: by the kernel and by the image. All is known.",
];
const LAST = STAGES.length - 1;
const LOOK = [["input", 2, 3], ["z", 1, 1], ["h", 1, 1], ["p", 0, 0], ["s", 0, 0], ["q", 0, 0], ["s", 0, 0],
  ["p", 0, 0], ["h", 1, 1], ["z", 1, 1], ["kernel", 0, 0]];
/** From which stage on an array's values and gradients are known. */
const KNOWN = {
  value: { input: 0, kernel: 0, bias: 0, dense: 0, z: 1, h: 2, p: 3, s: 4, q: 5 },
  gradient: { s: 6, dense: 7, p: 7, h: 8, z: 9, kernel: 10, bias: 10, input: 10 },
};
const RATES = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2];

export const css = `
.net { display: grid; gap: 0.7rem 1.1rem; align-items: start; }
.top { grid-template-columns: minmax(0, 6fr) minmax(0, 3fr) minmax(0, 4fr) minmax(0, 4fr); }
.end { grid-template-columns: minmax(0, 2fr) minmax(0, 1fr) minmax(0, 5fr) minmax(0, 1fr) minmax(0, 1fr) minmax(0, 7fr); }
.pane { grid-column: var(--at); grid-row: var(--half); }
p.cf-caption { white-space: nowrap; }
.cf-grid { --cell: 2.4rem; --size: 0.78rem; }
.cf-grid + .cf-caption { margin-top: 0.5rem; }
.cf-cell small { color: var(--cf-ink); font-weight: 400; }
.letters { font-weight: 600; }
.letters, .letters::after { border-color: transparent; }
.letters .cf-cell { background: none; box-shadow: none; }
.loss { grid-column: 6; grid-row: 1 / 3; font-variant-numeric: tabular-nums; }
.loss strong { font-size: 1.5rem; display: block; }
.now { min-height: 2.25rem; display: flex; gap: 0.4em; align-items: center; font-variant-numeric: tabular-nums; }
.loss p { min-height: 2.9em; font-size: 0.9rem; }
.cf-sum { min-height: 8rem; font-size: 0.88rem; }
.cf-sum .sum { margin-left: 1rem; }
svg { display: block; width: 100%; max-width: 20rem; height: auto; overflow: visible; margin-top: 0.6rem; }
svg text { fill: var(--cf-quiet); font-size: 11px; font-family: inherit; }
.axis { stroke: var(--cf-edge); fill: none; }
.curve { stroke: var(--cf-bar); stroke-width: 2; fill: none; }
.dot { fill: var(--cf-mark); }
@container (max-width: 560px) {
  .net { grid-template-columns: minmax(0, 1fr) minmax(0, 1fr); }
  .pane { grid-column: auto; grid-row: auto; }
  .pane.input, .loss { grid-column: 1 / -1; grid-row: auto; }
  .pane.names { display: none; }
  .cf-sum { min-height: 11rem; }
}`;

// Columns of the drawing: arrays below one another, the captions of values and gradients.
const LAYERS = {
  top: [
    [["input"], ["Image", " x"], "∂L/∂x"],
    [["kernel", "bias"], ["Kernel", " w"], "∂L/∂w"],
    [["z"], ["Answers", " z"], "∂L/∂z"],
    [["h"], ["ReLU", " h"], "∂L/∂h"],
  ],
  end: [
    [["p"], ["Pooled", " p"], "∂L/∂p"],
    [["names"]],
    [["dense"], ["Dense", " W, bias"], "∂L/∂W"],
    [["s"], ["Score", ""], "∂L/∂s"],
    [["q"], ["Prob.", ""]],
  ],
};

function render({ model, el }) {
  const names = ["input", "kernel", "bias", "dense", "target", "rate", "stage", "picked", "losses", "promise"];
  const state = () => Object.fromEntries(names.map((name) => [name, model.get(name)]));
  const first = state();
  const say = announcer();
  const fresh = { losses: [], promise: null }; // the steps so far, forgotten when the reader changes something

  // --- controls
  const target = choice({ label: "True class", options: { 0: "A", 1: "B", 2: "C" },
    input: (value) => model.set({ target: Number(value), ...fresh }) });
  const rate = slider({ label: "Learning rate", min: 0, max: RATES.length - 1, format: (n) => String(RATES[n]),
    input: (n) => model.set("rate", RATES[n]) });
  const play = player({ say, label: "Through the network", interval: 1400, stopped: () => el.draw(),
    count: () => STAGES.length, position: () => model.get("stage"),
    move: (stage) => model.set({ stage, picked: LOOK[stage] }) });
  const down = button("Take a step down", () => {
    play.stop();
    const now = state();
    const { gradient, loss } = compute(now);
    model.set({ ...stepped(now, gradient), stage: LAST, losses: [...now.losses, loss], promise: promised(now, gradient) });
  });
  const reset = button("Start over", () => { play.stop(); model.set(first); say("As at the start"); });

  // --- the arrays
  const grids = { value: {}, gradient: {} };
  function pane(arrays, caption, half, at) {
    const isGradient = half === 2;
    const parts = arrays.flatMap((name) => {
      if (name === "names") return h("div", {}, caption, letters());
      const pick = (i, j) => { play.stop(); model.set("picked", [name, i, j]); };
      const edit = !isGradient && KNOWN.value[name] === 0 && ((i, j, value) =>
        model.set({ [name]: changed(model.get(name), i, j, value), picked: [name, i, j], ...fresh }));
      const of = (i, j) => (isGradient ? `gradient by ${NAMES[name](i, j)}` : NAMES[name](i, j));
      const one = grid({ label: `${isGradient ? "Gradient by" : "Values of"} ${TABLES[name]}`, pick, edit, name: of });
      grids[isGradient ? "gradient" : "value"][name] = one;
      return [name === "bias" && h("p", { class: "cf-caption" }, isGradient ? "∂L/∂b" : "bias b"), one.el];
    });
    return h("div", { class: `pane ${arrays[0]}`, style: `--at: ${at}; --half: ${half}` },
      arrays[0] !== "names" && caption, parts);
  }
  function letters() {
    const one = grid({ label: "Classes" });
    one.show(CLASSES.map((text) => [{ value: 0, text }]));
    one.el.classList.add("letters");
    return one.el;
  }
  const net = (part) => LAYERS[part].flatMap(([arrays, title, by], n) => [
    pane(arrays, h("p", { class: "cf-caption" }, title ? [h("b", {}, title[0]), title[1]] : "\u00a0"), 1, n + 1),
    (by || !title) && pane(arrays, h("p", { class: "cf-caption" }, by ?? "\u00a0"), 2, n + 1)]);
  const chart = lossChart();
  const [lossValue, lossNow] = [h("strong", {}), h("b")];
  const promise = h("p", {});
  const stage = h("p", {});
  const line = (kind) => h("p", { class: kind });
  const explained = { name: h("b"), value: line(), valueSum: line("sum"), by: line(), bySum: line("sum") };
  el.append(h("p", { class: "cf-title" }, model.get("title")),
    h("div", { class: "cf-row" }, target.el, rate.el, down, h("p", { class: "now" }, "Loss ", lossNow)),
    h("div", { class: "cf-row" }, play.el, reset), stage,
    h("div", { class: "net top" }, net("top")),
    h("div", { class: "cf-sum" }, explained.name, explained.value, explained.valueSum, explained.by, explained.bySum),
    h("div", { class: "net end" }, net("end"),
      h("div", { class: "loss" }, "Loss", lossValue, promise, chart.el)),
    say.el,
    h("p", { class: "cf-hint" }, "Press any cell, or walk over a table with the arrow keys: what it was made of and what "
      + "it feeds are outlined, each with the factor it met. Type into the image and the weights; Shift with ↑ or ↓ "
      + "adds or takes away 1."));
  // A cell is chosen by a press. Hovering would choose others on the way from one table to the next.
  el.addEventListener("pointermove", (event) => { if (!event.buttons) event.stopPropagation(); }, true);

  // --- drawing
  let spoken = "";
  function draw() {
    const now = state();
    const result = compute(now);
    const met = meetings(result, now.picked);
    target.show(String(now.target));
    rate.show(RATES.indexOf(now.rate));
    drawArrays("value", now, result.value, met.from);
    drawArrays("gradient", now, result.gradient, met.to);
    drawLoss(now, result);
    setText(stage, `${now.stage} of ${LAST}. ${STAGES[now.stage]}`);
    explain(now, result, met);
    speak(now, result);
  }

  function drawArrays(kind, now, arrays, met) {
    const [name, row, column] = now.picked;
    const factors = new Map(met.map(({ at, factor }) => [String(at), factor]));
    for (const [array, one] of Object.entries(grids[kind])) {
      const known = now.stage >= KNOWN[kind][array];
      const most = largest(arrays[array]);
      one.show(arrays[array].map((line, i) => line.map((value, j) => {
        const here = name === array && row === i && column === j;
        if (!known) return { value, here, text: "", marks: here ? "future here" : "future" };
        const key = `${array},${i},${j}`;
        const factor = factors.get(key);
        return { value, here, t: 0.9 * value / most, text: tiny(value) ? "≈0" : undefined,
          marks: here ? "here" : factors.has(key) ? "hit" : "", tag: factor === undefined ? null : `×${fmt(factor, 1)}` };
      })));
      if (name === array) one.stopAt(row, column);
    }
  }

  const change = (x) => (x > 0 ? "+" : "") + fixed(x, 3);
  function drawLoss(now, { loss, gradient }) {
    const known = now.stage >= KNOWN.value.q;
    for (const node of [lossValue, lossNow]) setText(node, known ? `${fixed(loss, 3)} nats` : "–");
    const last = now.losses.at(-1);
    setText(promise, now.stage < LAST ? "" : `By the slope, the next step promises ${change(-promised(now, gradient))}.`
      + (last === undefined ? "" : ` The last one promised ${change(-now.promise)} and gave ${change(loss - last)}.`));
    chart.show(known ? [...now.losses, loss] : []);
  }

  function explain(now, result, met) {
    const [array, i, j] = now.picked;
    setText(explained.name, capital(NAMES[array](i, j)));
    const [value, sum] = now.stage < KNOWN.value[array] ? LATER : valueText(now, result, now.picked, met);
    const [by, bySum] = array !== "q" && now.stage < KNOWN.gradient[array] ? LATER
      : gradientText(now, result, now.picked, met);
    [[explained.value, `Value: ${value}.`], [explained.valueSum, sum], [explained.by, `Gradient: ${by}.`],
      [explained.bySum, bySum]].forEach(([node, text]) => setText(node, text));
  }

  function speak(now, { value, gradient, loss }) {
    const [array, i, j] = now.picked;
    const g = gradient[array]?.[i][j];
    const text = (now.stage < LAST ? `${STAGES[now.stage]} ` : `Loss ${fixed(loss, 2)}. `)
      + `${capital(NAMES[array](i, j))}${now.stage < KNOWN.value[array] ? "" : `: ${fmt(value[array][i][j])}`}`
      + `${g === undefined || now.stage < KNOWN.gradient[array] ? "" : `, gradient ${fmt(g, 3)}`}.`;
    if (play.playing()) return;
    if (spoken && spoken !== text) say(text);
    spoken = text;
  }

  live(model, el, draw);
}

/** Printed as 0 and not 0: more than what rounding leaves of a sum that is 0. */
const tiny = (x) => Math.abs(x) > 1e-12 && Math.abs(x) < 0.005;
const LATER = ["not computed yet", "Step on, or press Play."];
const capital = (text) => text[0].toUpperCase() + text.slice(1);

/** The loss after each step. */
function lossChart(W = 260, H = 90) {
  const line = s("path", { class: "curve" });
  const dot = s("circle", { class: "dot", r: 4 });
  const top = s("text", { x: -4, y: 8, "text-anchor": "end" });
  const svg = s("svg", { viewBox: `-26 -6 ${W + 34} ${H + 26}`, role: "img" },
    s("path", { class: "axis", d: `M0 0V${H}H${W}` }), line, dot, top,
    s("text", { x: -4, y: H, "text-anchor": "end" }, "0"),
    s("text", { x: W, y: H + 14, "text-anchor": "end" }, "loss after each step"));
  function show(losses) {
    const most = Math.max(1, ...losses);
    const x = (n) => (losses.length < 2 ? 0 : (W * n) / Math.max(8, losses.length - 1));
    const y = (loss) => H - (H * loss) / most;
    line.setAttribute("d", losses.length ? `M${losses.map((loss, n) => `${fixed(x(n), 1)} ${fixed(y(loss), 1)}`
      .replaceAll("−", "-")).join("L")}` : "");
    dot.style.display = losses.length ? "" : "none";
    if (losses.length) {
      dot.setAttribute("cx", x(losses.length - 1));
      dot.setAttribute("cy", y(losses.at(-1)));
    }
    setText(top, fmt(most, 1));
    svg.setAttribute("aria-label", losses.length > 1 ? `Loss after each step: ${losses.map((x) => fixed(x, 2)).join(", ")}.`
      : "Loss after each step; none taken yet.");
  }
  return { el: svg, show };
}

export default { render };
