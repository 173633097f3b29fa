// A small CNN learns to read digits in this page: forward, backward and SGD with momentum, as
// PyTorch computes them. The functions up to `serve` use nothing of the page: their text is also
// the source of the worker that trains beside it.

import { announcer, button, fixed, h, live, s, select, setText, slider } from "./lib.js";

// --- the network -----------------------------------------------------------------------------

/** Two convolutions that keep the side, each with ReLU and 2 × 2 max pooling, and a dense layer. */
export const SHAPE = { side: 8, classes: 10, features: 64,
  c1: { inputs: 1, maps: 8, side: 8, size: 5 }, c2: { inputs: 8, maps: 16, side: 4, size: 3 } };

/** Random numbers from 0 to 1, the same for the same seed on every machine: mulberry32. */
export function randomFrom(seed) {
  let a = seed >>> 0;
  return () => {
    a = (a + 0x6d2b79f5) >>> 0;
    let t = Math.imul(a ^ (a >>> 15), a | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** First weights and biases, uniform within 1 / √(inputs of a unit), as PyTorch's layers start. */
export function initial(random) {
  const { c1, c2, features, classes } = SHAPE;
  const drawn = (count, reads) => Float64Array.from({ length: count }, () => (2 * random() - 1) / Math.sqrt(reads));
  const reads = [c1.inputs * c1.size ** 2, c2.inputs * c2.size ** 2, features];
  return { w1: drawn(c1.maps * reads[0], reads[0]), b1: drawn(c1.maps, reads[0]), w2: drawn(c2.maps * reads[1], reads[1]),
    b2: drawn(c2.maps, reads[1]), w3: drawn(classes * features, features), b3: drawn(classes, features) };
}

/** Maps in a frame of zeros, as wide as half a filter. */
export function padded(x, { inputs, side, size }) {
  const reach = (size - 1) / 2;
  const wide = side + 2 * reach;
  const y = new Float64Array(inputs * wide * wide);
  for (let c = 0; c < inputs; c++)
    for (let i = 0; i < side; i++)
      for (let j = 0; j < side; j++) y[(c * wide + i + reach) * wide + j + reach] = x[(c * side + i) * side + j];
  return y;
}

/** Correlation of padded maps with every filter, and its bias: `maps` maps of side × side. */
export function convolved(x, weight, bias, { inputs, maps, side, size }) {
  const wide = side + size - 1;
  const y = new Float64Array(maps * side * side);
  for (let d = 0, n = 0; d < maps; d++) {
    const plane = d * side * side;
    y.fill(bias[d], plane, plane + side * side);
    for (let c = 0; c < inputs; c++)
      for (let a = 0; a < size; a++)
        for (let b = 0; b < size; b++) {
          const w = weight[n++];
          for (let i = 0, to = plane; i < side; i++)
            for (let j = 0, from = (c * wide + i + a) * wide + b; j < side; j++) y[to++] += w * x[from++];
        }
  }
  return y;
}

/** Gradients of a convolution from that of its answers: adds to `dw` and `db`, and returns that of
 *  the padded input. Places whose gradient is 0, and after ReLU and pooling most are, cost nothing. */
export function convolvedBack(x, weight, dy, { inputs, maps, side, size }, dw, db) {
  const wide = side + size - 1;
  const dx = new Float64Array(x.length);
  const each = inputs * size * size;
  for (let d = 0, at = 0; d < maps; d++)
    for (let i = 0; i < side; i++)
      for (let j = 0; j < side; j++) {
        const g = dy[at++];
        if (g === 0) continue;
        db[d] += g;
        for (let c = 0, n = d * each; c < inputs; c++)
          for (let a = 0; a < size; a++)
            for (let b = 0, from = (c * wide + i + a) * wide + j; b < size; b++, n++, from++) {
              dw[n] += g * x[from];
              dx[from] += g * weight[n];
            }
      }
  return dx;
}

/** ReLU and 2 × 2 maxima at once: the values, and where each came from (-1 where ReLU gave 0). */
export function pooled(z, { maps, side }) {
  const half = side / 2;
  const [y, from] = [new Float64Array(maps * half * half), new Int32Array(maps * half * half)];
  for (let n = 0; n < y.length; n++) {
    const at = 2 * (Math.floor(n / half) * side + (n % half)); // maps follow each other without a gap
    let best = at;
    for (const next of [at + 1, at + side, at + side + 1]) if (z[next] > z[best]) best = next;
    [y[n], from[n]] = z[best] > 0 ? [z[best], best] : [0, -1];
  }
  return { y, from };
}

/** One image, 64 grey levels from 0 to 1, to ten scores; all that the way back needs is kept. */
export function forward(weights, image) {
  const { c1, c2, features, classes } = SHAPE;
  const x1 = padded(image, c1);
  const p1 = pooled(convolved(x1, weights.w1, weights.b1, c1), c1);
  const x2 = padded(p1.y, c2);
  const p2 = pooled(convolved(x2, weights.w2, weights.b2, c2), c2);
  const scores = Float64Array.from(weights.b3);
  for (let k = 0, n = 0; k < classes; k++) for (let f = 0; f < features; f++) scores[k] += weights.w3[n++] * p2.y[f];
  return { x1, p1, x2, p2, scores };
}

/** -log p of the true class, and p - y, the gradient by the scores. */
export function crossEntropy(scores, label) {
  const most = Math.max(...scores);
  const powers = scores.map((z) => Math.exp(z - most));
  const total = powers.reduce((sum, x) => sum + x, 0);
  return { loss: Math.log(total) - (scores[label] - most), slope: powers.map((x, k) => x / total - (k === label ? 1 : 0)) };
}

/** Adds one image's gradient, times `share`, to `sums`. */
export function backward(weights, kept, slope, share, sums) {
  const { c1, c2, features, classes } = SHAPE;
  const { x1, p1, x2, p2 } = kept;
  const df = new Float64Array(features);
  for (let k = 0, n = 0; k < classes; k++) {
    const g = share * slope[k];
    sums.b3[k] += g;
    for (let f = 0; f < features; f++, n++) {
      sums.w3[n] += g * p2.y[f];
      df[f] += g * weights.w3[n];
    }
  }
  const unpooled = (dy, { from }, { maps, side }) => {
    const dz = new Float64Array(maps * side * side);
    from.forEach((place, n) => { if (place >= 0) dz[place] = dy[n]; });
    return dz;
  };
  const dx2 = convolvedBack(x2, weights.w2, unpooled(df, p2, c2), c2, sums.w2, sums.b2);
  const wide = c2.side + c2.size - 1;
  const inner = Float64Array.from(p1.y, (_, n) => { // without the frame of zeros
    const [c, i, j] = [Math.floor(n / c2.side ** 2), Math.floor(n / c2.side) % c2.side, n % c2.side];
    return dx2[(c * wide + i + 1) * wide + j + 1];
  });
  convolvedBack(x1, weights.w1, unpooled(inner, p1, c1), c1, sums.w1, sums.b1);
}

/** Arrays of zeros like the weights. */
export function zerosLike(weights) {
  return Object.fromEntries(Object.entries(weights).map(([name, w]) => [name, new Float64Array(w.length)]));
}

/** Mean loss of a batch, and its gradient by every weight. */
export function gradients(weights, images, labels) {
  const sums = zerosLike(weights);
  let loss = 0;
  images.forEach((image, n) => {
    const kept = forward(weights, image);
    const one = crossEntropy(kept.scores, labels[n]);
    loss += one.loss / images.length;
    backward(weights, kept, one.slope, 1 / images.length, sums);
  });
  return { loss, gradient: sums };
}

/** One step of SGD with momentum, in place: v ← βv + g, w ← w − ηv. */
export function descend(weights, velocity, gradient, { rate, momentum }) {
  for (const name in weights) {
    const [w, v, g] = [weights[name], velocity[name], gradient[name]];
    for (let n = 0; n < w.length; n++) {
      v[n] = momentum * v[n] + g[n];
      w[n] -= rate * v[n];
    }
  }
}

// --- training --------------------------------------------------------------------------------

/** What a network makes of a split: mean loss, the misread images, and how many of the 64 features
 *  are 0 for every image. */
export function evaluated(weights, { images, labels }) {
  const most = new Float64Array(SHAPE.features);
  const wrong = [];
  let loss = 0;
  images.forEach((image, n) => {
    const { scores, p2 } = forward(weights, image);
    loss += crossEntropy(scores, labels[n]).loss / images.length;
    const answer = scores.indexOf(Math.max(...scores));
    if (answer !== labels[n]) wrong.push({ n, answer });
    p2.y.forEach((value, f) => { most[f] = Math.max(most[f], value); });
  });
  return { loss, wrong, right: 1 - wrong.length / images.length, silent: most.filter((value) => value === 0).length };
}

/** A training run on `splits` {train, valid, test}: `step()` learns from one batch. Each epoch takes
 *  every training image once, in a new order. `report()` tells what happened since the last one. */
export function trainer(splits, first) {
  const random = randomFrom(first.seed);
  const weights = initial(random);
  const velocity = zerosLike(weights);
  let [settings, order, at, step, epoch, lost, losses, checks] = [first, [], 0, 0, 0, false, [], []];

  function shuffle() {
    order = splits.train.labels.map((_, n) => n);
    for (let n = order.length - 1; n > 0; n--) {
      const other = Math.floor(random() * (n + 1));
      [order[n], order[other]] = [order[other], order[n]];
    }
    at = 0;
  }
  const check = () => { checks.push({ step, ...evaluated(weights, splits.valid) }); };
  check();
  return {
    set(next) { settings = { ...settings, ...next }; },
    lost: () => lost,
    step() {
      if (at === 0) shuffle();
      const batch = order.slice(at, at + settings.batch);
      const { loss, gradient } = gradients(weights, batch.map((n) => splits.train.images[n]), batch.map((n) => splits.train.labels[n]));
      descend(weights, velocity, gradient, settings);
      losses.push(loss);
      step += 1;
      at += batch.length;
      lost = !Number.isFinite(loss);
      if (at < order.length) return;
      at = 0;
      epoch += 1;
      check();
    },
    report(exact) {
      if (exact && !lost && checks.at(-1)?.step !== step) check();
      const news = { step, epoch, lost, losses, checks, filters: weights.w1.slice() };
      [losses, checks] = [[], []];
      return news;
    },
    test: () => evaluated(weights, splits.test).right,
  };
}

/** Answers to messages {task, …} by `post`; trains in slices of so many milliseconds, so that
 *  messages are heard, and in the page itself hands and eyes are not kept waiting. */
export function serve(post, slice, rest) {
  let [splits, run, timer, id] = [null, null, 0, 0];
  const stop = () => { clearTimeout(timer); timer = 0; };
  const report = (exact) => post({ kind: "report", id, running: timer !== 0, ...run.report(exact) });
  function learn() {
    const until = performance.now() + slice;
    do run.step(); while (!run.lost() && performance.now() < until);
    if (run.lost()) stop();
    else timer = setTimeout(learn, rest);
    report(run.lost());
  }
  const tasks = {
    data: (message) => { splits = message.splits; },
    fresh: (message) => { stop(); id = message.id; run = trainer(splits, message.settings); report(); },
    set: ({ settings }) => run.set(settings),
    run: () => { timer ||= setTimeout(learn, 0); },
    pause: () => { stop(); report(true); },
    step: () => { stop(); run.step(); report(true); },
    test: () => post({ kind: "test", right: run.test() }),
  };
  return (message) => tasks[message.task](message);
}

/** The text of a worker that does the same: these functions, and an ear. */
function workerText() {
  const parts = [randomFrom, initial, padded, convolved, convolvedBack, pooled, forward, crossEntropy, backward, zerosLike,
    gradients, descend, evaluated, trainer, serve];
  return `const SHAPE = ${JSON.stringify(SHAPE)};\n${parts.map(String).join("\n")}
const receive = serve((news) => postMessage(news), 60, 0);\nonmessage = (event) => receive(event.data);`;
}

/** Something that trains: a worker, or where a page may have none, slices of this page's own time.
 *  `hear(news)` is called with every report. */
function engine(splits, hear) {
  let receive = null;
  const here = () => {
    receive = serve(hear, 8, 8);
    receive({ task: "data", splits });
  };
  try {
    const address = URL.createObjectURL(new Blob([workerText()], { type: "text/javascript" }));
    const worker = new Worker(address);
    const sent = [];
    let heard = false;
    receive = (message) => {
      if (!heard) sent.push(message);
      worker.postMessage(message);
    };
    worker.onmessage = ({ data }) => {
      if (!heard) URL.revokeObjectURL(address);
      heard = true;
      hear(data);
    };
    worker.onerror = (event) => { // blocked: do here what was asked of it
      event.preventDefault();
      if (heard) return;
      const asked = sent.slice(1);
      here();
      asked.forEach((message) => receive(message));
    };
    receive({ task: "data", splits });
    return { send: (message) => receive(message), where: () => (heard ? "worker" : "page"), end: () => worker.terminate() };
  } catch {
    here();
    return { send: (message) => receive(message), where: () => "page", end: () => receive({ task: "pause" }) };
  }
}

// --- parts of the figure ---------------------------------------------------------------------

export const RATES = [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3];
export const MOMENTA = [0, 0.5, 0.9, 0.95, 0.99];
const BATCHES = [8, 16, 32, 64, 128];
const EPOCHS = 100; // then it pauses by itself
const SHOWN = 16; // misread images
const GUESS = Math.log(10);

/** Images as letters, a for paper to i for full ink, and labels as digits. */
export function decoded([pixels, digits]) {
  const images = Array.from(digits, (_, n) => Float64Array.from(pixels.slice(64 * n, 64 * n + 64), (letter) => (letter.charCodeAt(0) - 97) / 8));
  return { images, labels: Array.from(digits, Number) };
}

const DARK = [16, 21, 27];
const TINTS = { ink: [255, 255, 255], plus: [110, 190, 255], minus: [255, 165, 75] };

/** A small square of numbers as a picture: its largest absolute value is brightest. */
function square(side, kind) {
  const canvas = h("canvas", { width: side, height: side, "aria-hidden": "true" });
  const context = canvas.getContext("2d");
  const image = context.createImageData(side, side);
  const show = (values, most) => {
    values.forEach((value, n) => {
      const tint = TINTS[value < 0 ? "minus" : kind];
      for (let k = 0; k < 3; k++) image.data[4 * n + k] = DARK[k] + Math.min(1, Math.abs(value) / most) * (tint[k] - DARK[k]);
      image.data[4 * n + 3] = 255;
    });
    context.putImageData(image, 0, 0);
  };
  return { canvas, show };
}

const W = 460, H = 140, TOP = 3; // the curves: loss from 0 to TOP

/** Means of runs of values, at most `most` of them, and the step in the middle of each. */
export function thinned(values, most) {
  const each = Math.max(1, Math.ceil(values.length / most));
  const points = [];
  for (let n = 0; n < values.length; n += each) {
    const part = values.slice(n, n + each);
    points.push([n + (part.length + 1) / 2, part.reduce((sum, x) => sum + x, 0) / part.length]);
  }
  return points;
}

function makeCurves() {
  const [learned, checked] = [s("path", { class: "learned" }), s("path", { class: "checked" })];
  const last = s("text", { x: W, y: H + 14, "text-anchor": "end" });
  const y = (loss) => H - (H * Math.min(loss, TOP)) / TOP;
  const svg = s("svg", { viewBox: `-28 -10 ${W + 34} ${H + 42}`, role: "img" },
    s("path", { class: "axis", d: `M0 0V${H}H${W}` }), s("path", { class: "guess", d: `M0 ${y(GUESS)}H${W}` }),
    s("text", { x: W, y: y(GUESS) - 4, "text-anchor": "end" }, "blind guess: ln 10 = 2.30"),
    [0, 1, 2, 3].map((loss) => s("text", { x: -6, y: y(loss) + 4, "text-anchor": "end" }, String(loss))),
    learned, checked, s("text", { x: 0, y: H + 14 }, "0"), last,
    s("text", { x: W / 2, y: H + 28, "text-anchor": "middle" }, "step"));
  const legend = h("p", { class: "cf-caption" }, h("b", {}, "Loss"), " in nats: ", h("i", { class: "key learned" }), " batches as they came, ",
    h("i", { class: "key checked" }), " validation");
  function show({ losses, checks, step }) {
    const end = Math.max(step, 40);
    const line = (points) => points.map(([at, loss], n) => `${n ? "L" : "M"}${((W * at) / end).toFixed(1)} ${y(loss).toFixed(1)}`).join("");
    learned.setAttribute("d", line(thinned(losses.filter(Number.isFinite), 230)));
    checked.setAttribute("d", line(checks.map((one) => [one.step, one.loss])));
    setText(last, String(end));
    svg.setAttribute("aria-label", losses.length ? `Loss against the step. The batches began at ${fixed(losses[0], 2)}; the last of ${losses.length} had `
      + `${fixed(losses.at(-1), 2)}. Validation: ${fixed(checks.at(-1).loss, 2)}.` : "Loss against the step: nothing is learned yet.");
  }
  return { el: h("div", {}, legend, svg), show };
}

/** Validation images that are misread now, each with its label and the answer. */
function makeErrors({ images, labels }) {
  const tiles = Array.from({ length: SHOWN }, () => {
    const { canvas, show } = square(SHAPE.side, "ink");
    const text = h("span");
    return { el: h("li", {}, canvas, text), show, text };
  });
  const caption = h("p", { class: "cf-caption" });
  const list = h("ul", { class: "errors", "aria-label": "Misread validation images: digit, and what was read" }, tiles.map((tile) => tile.el));
  function show({ wrong }) {
    setText(caption, `${wrong.length} of ${labels.length} validation images misread${wrong.length > SHOWN ? ` (${SHOWN} shown)` : ""}`);
    tiles.forEach((tile, k) => {
      tile.el.hidden = k >= wrong.length;
      if (tile.el.hidden) return;
      tile.show(images[wrong[k].n], 1);
      setText(tile.text, `${labels[wrong[k].n]} → ${wrong[k].answer}`);
    });
  }
  return { el: h("div", {}, caption, list), show };
}

function makeFilters() {
  const { maps, size } = SHAPE.c1;
  const squares = Array.from({ length: maps }, () => square(size, "plus"));
  const el = h("div", {}, h("p", { class: "cf-caption" }, h("b", {}, "Filters"), " of the first layer: blue positive, orange negative"),
    h("div", { class: "filters", role: "img", "aria-label": "Eight filters of 5 by 5 weights" }, squares.map((one) => one.canvas)));
  function show(weights) {
    const most = weights.reduce((m, w) => Math.max(m, Math.abs(w)), 1e-9);
    squares.forEach((one, d) => one.show(weights.slice(d * size * size, (d + 1) * size * size), most));
  }
  return { el, show };
}

export const css = `
.numbers { display: grid; grid-template-columns: repeat(6, minmax(0, auto)); gap: 0.5rem 0.8rem; margin: 0; }
.numbers div { border-left: 3px solid var(--cf-line); padding-left: 0.5rem; }
.numbers dt { font-size: 0.82rem; color: var(--cf-quiet); }
.numbers dd { margin: 0; font-size: 1.15rem; font-weight: 600; font-variant-numeric: tabular-nums; }
.numbers .main { border-color: var(--cf-mark); }
.lower { display: grid; grid-template-columns: minmax(0, 1fr) minmax(0, 1fr); gap: 0.9rem 1.4rem; align-items: start; }
svg { display: block; width: 100%; height: auto; overflow: visible; }
svg text { fill: var(--cf-quiet); font-size: 11px; font-family: inherit; }
svg path { fill: none; }
.axis { stroke: var(--cf-edge); }
.guess { stroke: var(--cf-edge); stroke-dasharray: 2 3; }
.learned { stroke: var(--cf-bar); stroke-width: 1.6; }
.checked { stroke: var(--cf-bar-neg); stroke-width: 2; stroke-dasharray: 6 3; }
.key { display: inline-block; width: 1.4rem; border-top: 3px solid var(--cf-bar); vertical-align: middle; }
.key.checked { border-top: 3px dashed var(--cf-bar-neg); }
.filters { display: grid; grid-template-columns: repeat(4, minmax(0, 1fr)); gap: 0.4rem; max-width: 17rem; }
.filters canvas, .errors canvas { width: 100%; height: auto; display: block; image-rendering: pixelated; border: 1px solid var(--cf-edge); }
.errors { list-style: none; margin: 0; padding: 0; display: grid; grid-template-columns: repeat(8, minmax(0, 1fr)); gap: 0.35rem; min-height: 8.2rem;
  align-content: start; }
.errors li { font-size: 0.78rem; text-align: center; font-variant-numeric: tabular-nums; line-height: 1.3; white-space: nowrap; }
.errors li[hidden] { display: none; }
.state { min-height: 1.5em; }
@container (max-width: 560px) {
  .lower { grid-template-columns: minmax(0, 1fr); }
  .numbers { grid-template-columns: repeat(3, minmax(0, 1fr)); }
  svg text { font-size: 15px; }
  .filters { grid-template-columns: repeat(8, minmax(0, 1fr)); max-width: none; }
  .errors { grid-template-columns: repeat(6, minmax(0, 1fr)); min-height: 14rem; }
}`;

const STILL = { step: 0, epoch: 0, lost: false, running: false, losses: [], checks: [] };

/** One long list of what happened, from reports of what is new. */
const joined = (old, news) => ({ ...news, losses: [...old.losses, ...news.losses], checks: [...old.checks, ...news.checks] });

function render({ model, el }) {
  const splits = Object.fromEntries(["train", "valid", "test"].map((name) => [name, decoded(model.get(name))]));
  const settings = () => Object.fromEntries(["rate", "momentum", "batch", "seed"].map((name) => [name, model.get(name)]));
  const first = settings();
  const say = announcer();
  let [motor, started, id] = [null, 0, 0];

  // Nothing runs, and no worker is made, before the reader asks for it: the first report is made here.
  const untrained = () => model.set({ run: joined(STILL, { ...trainer(splits, settings()).report(), running: false }), looks: [], seconds: 0 });
  untrained();

  function hear(news) {
    if (!el.isConnected) return motor.end();
    if (news.kind === "test") return model.set("looks", [...model.get("looks"), news.right]);
    if (news.id !== id) return; // late news of weights that are gone
    const now = joined(news.step ? model.get("run") : STILL, news);
    if (started) model.set("seconds", model.get("seconds") + (performance.now() - started) / 1000);
    started = now.running ? performance.now() : 0;
    model.set({ run: now, where: motor.where() });
    if (now.running && now.epoch >= EPOCHS) motor.send({ task: "pause" });
  }
  function send(task) {
    if (!motor) {
      motor = engine(splits, hear);
      motor.send({ task: "fresh", settings: settings(), id });
    }
    motor.send({ task });
  }
  function fresh(values = {}) {
    model.set(values);
    started = 0;
    motor?.send({ task: "fresh", settings: settings(), id: ++id });
    untrained();
  }
  const change = (name, value) => {
    model.set(name, value);
    motor?.send({ task: "set", settings: settings() });
  };

  // --- controls
  const among = (label, name, values) => {
    const made = slider({ label, min: 0, max: values.length - 1, format: (n) => String(values[n]), input: (n) => change(name, values[n]) });
    return { el: made.el, show: (value) => made.show(values.indexOf(value)) };
  };
  const controls = { rate: among("Learning rate", "rate", RATES), momentum: among("Momentum", "momentum", MOMENTA),
    batch: among("Images in a batch", "batch", BATCHES) };
  const seed = select({ label: "Seed", options: Object.fromEntries(Array.from({ length: 10 }, (_, n) => [n, n])), input: (n) => fresh({ seed: Number(n) }) });
  const main = button("Train", () => {
    const { running } = model.get("run");
    if (!running) started = performance.now();
    send(running ? "pause" : "run");
    say(running ? "Paused" : "Training");
  }, { class: "cf-main" });
  const step = button("One step", () => send("step"));
  const anew = button("Fresh weights", () => { fresh(); say("Fresh weights, nothing learned"); });
  const test = button("Ask the test images", () => send("test"));
  const reset = button("Start over", () => { fresh(first); say("As at the start"); });

  // --- what is seen
  const curves = makeCurves();
  const filters = makeFilters();
  const errors = makeErrors(splits.valid);
  const names = { right: "validation, right", loss: "loss of the batch", silent: "features always 0", step: "step", epoch: "epoch", seconds: "seconds" };
  const cells = Object.fromEntries(Object.keys(names).map((name) => [name, h("dd")]));
  const numbers = h("dl", { class: "numbers" }, Object.entries(names).map(([name, label]) =>
    h("div", { class: name === "right" ? "main" : "" }, h("dt", {}, label), cells[name])));
  const message = h("p", { class: "state cf-quiet" });
  el.append(h("p", { class: "cf-title" }, model.get("title")),
    h("div", { class: "cf-row" }, main, step, anew, reset, seed.el),
    h("div", { class: "cf-row" }, Object.values(controls).map((control) => control.el)),
    numbers, curves.el, h("div", { class: "lower" }, filters.el, errors.el),
    h("div", { class: "cf-row" }, test, message), say.el,
    h("p", { class: "cf-hint" }, `A convolution with 8 filters of 5 × 5, one with 16 of 8 × 3 × 3, each with ReLU and 2 × 2 max pooling, and a dense layer: `
      + `2,026 weights and biases. It learns from 800 real digits of 8 × 8 pixels, in this page alone. The validation images are asked after each epoch, `
      + "the test images only when you ask. A feature is one of the 64 numbers that the dense layer reads; «always 0» means for every validation image."));

  function saysState({ lost, running, step: at, epoch }, looks) {
    if (lost) return "The loss is no number any more: the weights have grown too large. Take fresh weights, and a lower rate.";
    if (looks.length) {
      const often = looks.length === 1 ? "asked once" : `asked ${looks.length} times: every look makes it less of a test`;
      return `Test images: ${fixed(100 * looks.at(-1), 1)} % right (${often}).`;
    }
    return running ? "" : at ? `Paused after ${at} ${at === 1 ? "step" : "steps"}${epoch >= EPOCHS ? `, ${epoch} epochs` : ""}.` : "Nothing is learned yet: these are the answers of random weights.";
  }

  let painted = {};
  function draw() {
    const { run, looks, seconds } = { run: model.get("run"), looks: model.get("looks"), seconds: model.get("seconds") };
    const check = run.checks.at(-1);
    for (const [name, control] of Object.entries(controls)) control.show(model.get(name));
    seed.show(String(model.get("seed")));
    setText(main, run.running ? "Pause" : "Train");
    main.disabled = run.lost;
    step.disabled = run.lost;
    setText(cells.right, `${fixed(100 * check.right, 1)} %`);
    setText(cells.loss, run.losses.length ? fixed(run.losses.at(-1), 3) : "–");
    setText(cells.step, String(run.step));
    setText(cells.epoch, String(run.epoch));
    setText(cells.silent, `${check.silent} of ${SHAPE.features}`);
    setText(cells.seconds, fixed(seconds, 1));
    if (run !== painted.run) {
      curves.show(run);
      filters.show(run.filters);
    }
    if (check !== painted.check) errors.show(check);
    setText(message, saysState(run, looks));
    if (painted.run && ((painted.run.running && !run.running) || looks !== painted.looks || run.step !== painted.run.step) && !run.running)
      say(`${saysState(run, looks)} Validation: ${fixed(100 * check.right, 1)} percent right, loss ${fixed(check.loss, 2)}.`);
    painted = { run, check, looks };
  }
  live(model, el, draw);
}

export default { render };
