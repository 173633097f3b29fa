// A small kernel slides over a photograph. Numbers as ops.correlate2d on an image that is mirrored
// at its border (NumPy's "symmetric").

import { announcer, button, changed, choice, clamp, fixed, fmt, grid, h, live, select, setText, slider } from "./lib.js";

/** A cell beyond the border is the mirror image: -1 is 0, -2 is 1, n is n - 1. */
export const mirrored = (i, n) => {
  const place = ((i % (2 * n)) + 2 * n) % (2 * n);
  return place < n ? place : 2 * n - 1 - place;
};

/** Correlation of a square image, a flat array of side * side numbers, with a square kernel. */
export function correlate(pixels, side, kernel) {
  const reach = (kernel.length - 1) / 2;
  const wide = side + 2 * reach;
  const padded = new Float64Array(wide * wide);
  for (let i = 0, at = 0; i < wide; i++)
    for (let j = 0; j < wide; j++) padded[at++] = pixels[mirrored(i - reach, side) * side + mirrored(j - reach, side)];
  const answer = new Float64Array(side * side);
  kernel.forEach((weights, a) => weights.forEach((w, b) => {
    if (w === 0) return;
    for (let i = 0, at = 0; i < side; i++)
      for (let from = (i + a) * wide + b, end = from + side; from < end; from++) answer[at++] += w * padded[from];
  }));
  return answer;
}

/** What the weights say about a kernel: their sum, the root of the sum of squares, the range. */
export function facts(kernel) {
  const all = kernel.flat();
  const sum = all.reduce((total, w) => total + w, 0);
  return { sum: Math.abs(sum) < 1e-9 ? 0 : sum, gain: Math.sqrt(all.reduce((total, w) => total + w * w, 0)),
    low: 255 * all.reduce((total, w) => total + Math.min(w, 0), 0),
    high: 255 * all.reduce((total, w) => total + Math.max(w, 0), 0) };
}

/** Everything that the figure shows, from its settings; `pixels` is flat, `side` its side. */
export function compute({ pixels, side, kernel }) {
  const answer = correlate(pixels, side, kernel);
  let [mean, before, clipped] = [0, 0, 0];
  for (let n = 0; n < answer.length; n++) {
    mean += answer[n];
    before += pixels[n];
    if (answer[n] < -1e-6 || answer[n] > 255 + 1e-6) clipped += 1;
  }
  return { answer, mean: mean / answer.length, before: before / answer.length, clipped: clipped / answer.length,
    ...facts(kernel) };
}

/** What the sum of the weights does, in a sentence. */
export function saysSum(sum) {
  if (Math.abs(sum) < 1e-6) return "Sum 0: flat places become 0, whatever their brightness. Only differences are left.";
  if (Math.abs(sum - 1) < 1e-6) return "Sum 1: flat places keep their brightness, and so does the mean, or nearly: the border may leave a small rest.";
  return `Sum ${fmt(sum)}: flat places are multiplied by ${fmt(sum)}, and so is the mean, or nearly.`;
}

const outer = (column, row, divisor = 1) => column.map((a) => row.map((b) => (a * b) / divisor));
const ones = (n, value = 1) => Array.from({ length: n }, () => new Array(n).fill(value));

/** Kernels to start from. */
export const PRESETS = {
  identity: ["leave as it is", [[0, 0, 0], [0, 1, 0], [0, 0, 0]]],
  mean: ["mean, 3 × 3", ones(3, 1 / 9)],
  mean5: ["mean, 5 × 5", ones(5, 1 / 25)],
  gaussian: ["Gaussian, 3 × 3", outer([1, 2, 1], [1, 2, 1], 16)],
  gaussian5: ["Gaussian, 5 × 5", outer([1, 4, 6, 4, 1], [1, 4, 6, 4, 1], 256)],
  sharpen: ["sharpen", [[-1, -1, -1], [-1, 9, -1], [-1, -1, -1]]],
  gentle: ["sharpen gently", [[0, -0.5, 0], [-0.5, 3, -0.5], [0, -0.5, 0]]],
  laplacian: ["Laplacian", [[-1, -1, -1], [-1, 8, -1], [-1, -1, -1]]],
  sobelx: ["Sobel, brighter to the right", [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]],
  sobely: ["Sobel, brighter downwards", [[-1, -2, -1], [0, 0, 0], [1, 2, 1]]],
  difference: ["difference", [[0, 0, 0], [-1, 1, 0], [0, 0, 0]]],
  emboss: ["emboss", [[-2, -1, 0], [-1, 1, 1], [0, 1, 2]]],
  motion: ["motion blur", outer([0, 0, 1, 0, 0], [1, 1, 1, 1, 1], 5)],
};

/** The kernel in the middle of a larger one, or the middle of it. */
export function resized(kernel, side) {
  const move = (kernel.length - side) / 2;
  return Array.from({ length: side }, (_, i) => Array.from({ length: side }, (_, j) => kernel[i + move]?.[j + move] ?? 0));
}

/** Grey levels that the text of the page carries, base64, as a flat array. */
export const decoded = (text) => Float64Array.from(atob(text), (letter) => letter.charCodeAt(0));

export const css = `
.stage { display: grid; grid-template-columns: minmax(0, 1fr) minmax(0, 1fr); gap: 0.9rem 1.2rem; }
.view { position: relative; aspect-ratio: 1; border: 1px solid var(--cf-edge); overflow: hidden; cursor: crosshair;
  touch-action: pan-y pinch-zoom; background: #000; }
.view canvas { width: 100%; height: 100%; display: block; image-rendering: pixelated; }
.view i { position: absolute; border: 2px solid #fff; outline: 2px solid #a3005a; pointer-events: none; border-radius: 2px;
  left: calc(100% * var(--x)); top: calc(100% * var(--y)); width: calc(100% * var(--w)); height: calc(100% * var(--w)); }
.lower { display: grid; grid-template-columns: minmax(0, 13rem) minmax(0, 1fr); gap: 0.9rem 1.6rem; align-items: start; }
.kernel .cf-grid { --cell: 2.6rem; }
.facts { font-variant-numeric: tabular-nums; }
.facts p + p { margin-top: 0.3rem; }
.lens { display: grid; grid-template-columns: minmax(0, 12rem) minmax(0, 1fr); gap: 0.8rem 1.6rem; align-items: center; }
.lens .cf-grid { --cell: 2.4rem; }
.lens .cf-cell { background: rgb(var(--g) var(--g) var(--g)); color: var(--on); }
@container (max-width: 560px) {
  .stage { gap: 0.5rem; }
  .lower, .lens { grid-template-columns: minmax(0, 1fr); }
}`;

function render({ model, el }) {
  const names = ["kernel", "row", "column", "range"];
  const photograph = decoded(model.get("photograph"));
  const side = Math.sqrt(photograph.length);
  model.set({ pixels: photograph, side });
  const state = () => Object.fromEntries([...names, "pixels", "side"].map((name) => [name, model.get(name)]));
  const first = state();
  const say = announcer();

  // --- controls
  const options = { own: "your own weights", ...Object.fromEntries(Object.entries(PRESETS).map(([k, v]) => [k, v[0]])) };
  const preset = select({ label: "Kernel", options, input: (name) => {
    if (PRESETS[name]) model.set({ kernel: PRESETS[name][1], range: facts(PRESETS[name][1]).sum ? "grey" : "signed" });
  } });
  const size = choice({ label: "Size", options: { 3: "3 × 3", 5: "5 × 5" },
    input: (value) => model.set("kernel", resized(model.get("kernel"), Number(value))) });
  const range = choice({ label: "Show the answer as", options: { grey: "0 to 255, clipped", signed: "mid-grey is zero" },
    input: (value) => model.set("range", value) });
  const picture = select({ label: "Picture",
    options: { photo: "photograph", dot: "one bright dot", step: "a step", own: "your own" },
    input: (name) => name !== "own" && model.set("pixels", name === "photo" ? photograph : drawn(name, side)) });
  const file = h("input", { type: "file", accept: "image/*", "aria-label": "Your own picture; it stays in this page",
    onchange: async () => { if (file.files[0]) await ownPicture(file.files[0]); } });
  const own = h("span", { class: "cf-file" }, "Your own picture …", file);
  const message = h("p", { class: "cf-quiet" });
  const row = slider({ label: "Look at row", min: 1, max: side, input: (value) => model.set("row", value - 1) });
  const column = slider({ label: "Look at column", min: 1, max: side, input: (value) => model.set("column", value - 1) });
  const reset = button("Start over", () => { model.set(first); setText(message, ""); say("As at the start"); });

  async function ownPicture(chosen) {
    try {
      model.set("pixels", await greyOf(chosen, side));
      setText(message, "Your picture is shown in grey. It stays in this page: nothing is sent anywhere.");
    } catch {
      setText(message, "This file is not a picture that your browser can show.");
    }
    say(message.textContent);
  }

  // --- what is seen
  const kernelGrid = grid({ label: "Kernel", name: (i, j) => `weight, row ${i + 1}, column ${j + 1}`,
    edit: (i, j, value) => model.set("kernel", changed(model.get("kernel"), i, j, value)) });
  const lens = grid({ label: "Grey levels in the window" });
  const views = ["Photograph", "Answer"].map((name) => makeView(name, side, (i, j) => model.set({ row: i, column: j })));
  const [says, gain, mean] = [h("p"), h("p", { class: "cf-quiet" }), h("p", { class: "cf-quiet" })];
  const where = h("p", { class: "cf-quiet" });
  const terms = h("p");
  el.append(h("p", { class: "cf-title" }, model.get("title")),
    h("div", { class: "cf-row" }, preset.el, size.el, range.el),
    h("div", { class: "stage" }, views.map((view) => view.el)),
    h("div", { class: "lower" },
      h("div", { class: "kernel" }, h("p", { class: "cf-caption" }, "Kernel: type numbers, or 1/9"), kernelGrid.el), h("div", { class: "facts" }, says, gain, mean)),
    h("div", { class: "cf-sum lens" }, h("div", {}, lens.el), h("div", {}, where, terms)),
    h("div", { class: "cf-row" }, row.el, column.el), h("div", { class: "cf-row" }, picture.el, own, reset), message, say.el,
    h("p", { class: "cf-hint" }, "Point at a picture, or move the two sliders, to look into a window. The kernel is laid on "
      + "as it is, and the picture is mirrored at its border. Your own picture never leaves this page."));

  let spoken = "";
  let painted = {};
  let result;
  function draw() {
    const now = state();
    const fresh = painted.kernel !== now.kernel || painted.pixels !== now.pixels;
    if (fresh) result = compute(now);
    if (painted.pixels !== now.pixels) views[0].paint(now.pixels, 1, 0);
    if (fresh || painted.range !== now.range)
      views[1].paint(result.answer, now.range === "grey" ? 1 : 0.5, now.range === "grey" ? 0 : 127.5);
    painted = now;
    const reach = (now.kernel.length - 1) / 2;
    views.forEach((view) => view.mark(now.row - reach, now.column - reach, now.kernel.length));
    preset.show(Object.keys(PRESETS).find((name) => String(PRESETS[name][1]) === String(now.kernel)) ?? "own");
    size.show(String(now.kernel.length));
    range.show(now.range);
    picture.show(now.pixels === photograph ? "photo" : now.pixels.drawn ?? "own");
    row.show(now.row + 1);
    column.show(now.column + 1);
    const most = Math.max(1e-9, ...now.kernel.flat().map(Math.abs));
    kernelGrid.show(now.kernel.map((line) => line.map((value) => ({ value, t: 0.9 * value / most }))));
    setText(says, saysSum(result.sum));
    setText(gain, `Answers can lie between ${fmt(result.low, 0)} and ${fmt(result.high, 0)}. Noise is multiplied by `
      + `${fmt(result.gain)} (root of the sum of squares).`);
    setText(mean, `Mean: ${fixed(result.before, 1)} before, ${fixed(result.mean, 1)} after. `
      + `${fixed(100 * result.clipped, 1)} % of the answers lie outside 0 to 255.`);
    drawLens(now, reach);
    speak(now);
  }

  function drawLens({ pixels, kernel, row: i, column: j }, reach) {
    const cells = kernel.map((line, a) => line.map((_, b) =>
      pixels[mirrored(i + a - reach, side) * side + mirrored(j + b - reach, side)]));
    lens.show(cells.map((line) => line.map((value) => ({ value, text: fmt(value, 0) }))));
    cells.forEach((line, a) => line.forEach((value, b) => {
      const style = lens.cellAt(a, b).style;
      style.setProperty("--g", Math.round(clamp(value, 0, 255)));
      style.setProperty("--on", value > 117 ? "#000" : "#fff");
    }));
    setText(where, `Row ${i + 1}, column ${j + 1}: grey level times weight, added up`);
    const used = cells.flatMap((line, a) => line.map((x, b) => [x, kernel[a][b]])).filter(([, w]) => w !== 0);
    setText(terms, `${used.map(([x, w]) => `${fmt(x, 0)}·${w < 0 ? `(${fmt(w)})` : fmt(w)}`).join(" + ") || "0"} = `
      + fmt(result.answer[i * side + j], 1));
  }

  function speak(now) {
    const text = `${saysSum(result.sum)} Row ${now.row + 1}, column ${now.column + 1}: `
      + `${fmt(now.pixels[now.row * side + now.column], 0)} becomes ${fmt(result.answer[now.row * side + now.column], 1)}.`;
    if (spoken && spoken !== text) say(text);
    spoken = text;
  }
  live(model, el, draw);
}

function makeView(name, side, pick) {
  const canvas = h("canvas", { width: side, height: side, role: "img", "aria-label": name });
  const frame = h("i", { "aria-hidden": "true" });
  const view = h("div", { class: "view" }, canvas, frame);
  const context = canvas.getContext("2d");
  const image = context.createImageData(side, side);
  image.data.fill(255);
  const at = (event) => {
    const box = view.getBoundingClientRect();
    const place = (x, start, length) => clamp(Math.floor(((x - start) / length) * side), 0, side - 1);
    pick(place(event.clientY, box.top, box.height), place(event.clientX, box.left, box.width));
  };
  view.addEventListener("pointermove", at);
  view.addEventListener("pointerdown", at);
  return {
    el: h("div", {}, h("p", { class: "cf-caption" }, h("b", {}, name)), view),
    paint(values, factor, offset) {
      for (let n = 0, k = 0; n < values.length; n++, k += 4) {
        // A clamped array rounds and clips; the small number keeps 254.99999 from being another grey.
        image.data[k] = image.data[k + 1] = image.data[k + 2] = values[n] * factor + offset + 1e-9;
      }
      context.putImageData(image, 0, 0);
    },
    mark(i, j, width) {
      frame.style.setProperty("--x", j / side);
      frame.style.setProperty("--y", i / side);
      frame.style.setProperty("--w", width / side);
    },
  };
}

function drawn(name, side) {
  const pixels = new Float64Array(side * side);
  const middle = Math.floor(side / 2);
  if (name === "dot") pixels[middle * side + middle] = 255;
  else for (let n = 0; n < pixels.length; n++) pixels[n] = n % side < middle ? 60 : 200;
  return Object.assign(pixels, { drawn: name });
}

/** The middle square of a picture file, in grey, as a flat array. Nothing leaves the page. */
async function greyOf(file, side) {
  const bitmap = await createImageBitmap(file);
  const canvas = h("canvas", { width: side, height: side });
  const context = canvas.getContext("2d", { willReadFrequently: true });
  const least = Math.min(bitmap.width, bitmap.height);
  context.fillRect(0, 0, side, side);
  context.imageSmoothingQuality = "high";
  context.drawImage(bitmap, (bitmap.width - least) / 2, (bitmap.height - least) / 2, least, least, 0, 0, side, side);
  const { data } = context.getImageData(0, 0, side, side);
  return Float64Array.from({ length: side * side }, (_, n) => Math.round((data[4 * n] + data[4 * n + 1] + data[4 * n + 2]) / 3));
}

export default { render };
