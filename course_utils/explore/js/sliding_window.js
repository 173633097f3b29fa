// A window slides over a square table of numbers: convolution and correlation, stride, padding,
// dilation, floor and ceil. Numbers as ops.conv2d.

import { announcer, button, changed, choice, clamp, fmt, grid, h, largest, live, player,
  reducedMotion, setText, slider } from "./lib.js";

/**
 * Where the windows lie along an axis of `size` cells.
 * span: cells from the first to the last weight; room: how far the window can move; count: windows;
 * extra: cells that ceil needs beyond the padding; reads: windows that read each padded cell.
 */
export function geometry({ size, kernel, stride, padding, dilation, rounding }) {
  const span = dilation * (kernel - 1) + 1;
  const padded = size + 2 * padding;
  const room = padded - span;
  let count = room < 0 ? 0 : Math.floor(room / stride) + 1;
  // As torch pools: one more window if places are left over and it can begin on the input or the
  // padding before it.
  if (rounding === "ceil" && count && room % stride && count * stride < size + padding) count += 1;
  const extra = count ? Math.max(0, (count - 1) * stride + span - padded) : 0;
  const reads = new Array(padded + extra).fill(0);
  for (let i = 0; i < count; i++)
    for (let a = 0; a < kernel; a++) reads[i * stride + a * dilation] += 1;
  return { span, room, count, extra, reads };
}

/** The kernel as it is laid on the window: a convolution turns it by 180 degrees. */
export const laid = ({ kernel, operation }) =>
  operation === "convolution" ? kernel.map((row) => [...row].reverse()).reverse() : kernel;

/** Everything that the figure shows, from its settings; input (N, N), kernel (K, K). */
export function compute(state) {
  const { input, kernel, stride, padding, dilation } = state;
  const axis = geometry({ ...state, size: input.length, kernel: kernel.length });
  const weights = laid(state);
  const at = (i, j) => input[i - padding]?.[j - padding] ?? 0; // padded places
  const output = Array.from({ length: axis.count }, (_, i) => Array.from({ length: axis.count }, (_, j) => {
    let sum = 0;
    weights.forEach((row, a) => row.forEach((w, b) => {
      sum += at(i * stride + a * dilation, j * stride + b * dilation) * w;
    }));
    return sum;
  }));
  return { ...axis, weights, output, at };
}

/** The products of the window at output (i, j): rows of [cell, weight]. */
export const products = ({ stride, dilation }, { weights, at }, i, j) =>
  weights.map((row, a) => row.map((w, b) => [at(i * stride + a * dilation, j * stride + b * dilation), w]));

/** The kernel with another side: what fits stays, new weights are 0. */
export const resized = (kernel, side) => Array.from({ length: side }, (_, i) =>
  Array.from({ length: side }, (_, j) => kernel[i]?.[j] ?? 0));

const signed = (x) => (x < 0 ? `(${fmt(x)})` : fmt(x));

/** The size rule with the numbers of this axis. */
export function rule({ input, kernel, stride, padding, dilation, rounding }, { room, count }) {
  const [left, right] = rounding === "ceil" ? ["⌈", "⌉"] : ["⌊", "⌋"];
  const start = `${input.length} + 2·${padding} − ${dilation}·(${kernel.length} − 1) − 1`;
  if (room < 0) return `${start} = ${fmt(room)}: there is no room, the kernel does not fit.`;
  const plain = (rounding === "ceil" ? Math.ceil(room / stride) : Math.floor(room / stride)) + 1;
  return `${left}(${start}) / ${stride}${right} + 1 = ${left}${room} / ${stride}${right} + 1 = ${plain}`
    + (plain === count ? "" : `, less one window that would begin beyond the input: ${count}`);
}

/** What the stride leaves over, in words; empty where every cell is read and nothing hangs over. */
export function leftOver({ input, padding }, { reads, extra }) {
  const unread = reads.slice(padding, padding + input.length).filter((count) => count === 0).length;
  const parts = [];
  if (unread) parts.push(`${unread} of the ${input.length} rows and as many columns are never read (crossed out).`);
  if (extra) parts.push(`The last windows hang over the edge by ${extra}; what lies outside counts as zero.`);
  return parts.join(" ");
}

export const css = `
.stage { display: flex; gap: 0.9rem 1.4rem; align-items: flex-start; }
.stage > div { flex: 1 1 0; min-width: 0; }
.laid { margin-top: 0.8rem; }
.cf-sum { min-height: 4.2rem; }
.cf-sum strong { font-size: 1.1em; }
.notes { font-size: 0.9rem; font-variant-numeric: tabular-nums; min-height: 2.9em; }
@container (max-width: 560px) {
  .stage { flex-direction: column; }
  .stage > div { flex: none; width: 100%; }
  .kernels { display: flex; gap: 1.4rem; }
  .kernels > div { flex: 0 1 auto; min-width: 8rem; }
  .laid { margin-top: 0; }
}`;

const SLIDERS = {
  kernel: { label: "Kernel size", min: 1, max: 4, format: (k) => `${k} × ${k}` },
  stride: { label: "Stride", min: 1, max: 4 },
  padding: { label: "Padding", min: 0, max: 3 },
  dilation: { label: "Dilation", min: 1, max: 3 },
};

function render({ model, el }) {
  const names = ["input", "kernel", "stride", "padding", "dilation", "rounding", "operation", "position"];
  const state = () => Object.fromEntries(names.map((name) => [name, model.get(name)]));
  const first = state();
  const say = announcer();
  const shown = (name) => model.get("controls").includes(name);

  // --- what the reader can turn
  const set = {
    kernel: (side) => model.set("kernel", resized(model.get("kernel"), side)),
    ...Object.fromEntries(["stride", "padding", "dilation"].map((name) => [name, (v) => model.set(name, v)])),
  };
  const sliders = Object.keys(SLIDERS).filter(shown).map((name) =>
    [name, slider({ ...SLIDERS[name], input: set[name] })]);
  const operation = choice({ label: "Operation", input: (value) => model.set("operation", value),
    options: { correlation: "Correlation", convolution: "Convolution" } });
  const rounding = choice({ label: "If the stride does not fit", input: (value) => model.set("rounding", value),
    options: { floor: "Floor: leave it", ceil: "Ceil: hang over" } });

  const play = player({ say, stopped: () => el.draw(),
    count: () => compute(state()).count ** 2, position: () => model.get("position"),
    move: (position) => model.set("position", position) });
  const reset = button("Start over", () => { play.stop(); model.set(first); say("As at the start"); });

  // --- what is seen
  const inputGrid = grid({
    label: "Input, with its padding",
    name: (i, j) => placeName(model.get("input").length, model.get("padding"), i, j),
    edit: (i, j, value) => model.set("input",
      changed(model.get("input"), i - model.get("padding"), j - model.get("padding"), value)),
  });
  const kernelGrid = grid({ label: "Kernel", name: (i, j) => `weight, row ${i + 1}, column ${j + 1}`,
    edit: (i, j, value) => model.set("kernel", changed(model.get("kernel"), i, j, value)) });
  const laidGrid = grid({ label: "Kernel as it is laid on the window" });
  const outputGrid = grid({ label: "Output", pick: (i, j) => {
    play.stop();
    model.set("position", i * compute(state()).count + j);
  } });
  const caption = (text) => h("p", { class: "cf-caption" }, text);
  const captions = { input: caption(), kernel: caption("Kernel"), laid: caption(), output: caption() };
  const terms = h("div");
  const sentence = h("p", { class: "cf-quiet" });
  const size = h("p", {});
  const rest = h("p", {});
  const stage = h("div", { class: "stage" },
    h("div", {}, captions.input, inputGrid.el),
    h("div", { class: "kernels" }, h("div", {}, captions.kernel, kernelGrid.el),
      h("div", { class: "laid" }, captions.laid, laidGrid.el)),
    h("div", {}, captions.output, outputGrid.el));
  el.append(h("p", { class: "cf-title" }, model.get("title")),
    h("div", { class: "cf-row" }, shown("operation") && operation.el, shown("rounding") && rounding.el),
    h("div", { class: "cf-row" }, sliders.map(([, control]) => control.el)),
    stage, h("div", { class: "cf-sum" }, sentence, terms), h("div", { class: "notes" }, size, rest),
    h("div", { class: "cf-row" }, play.el, reset), say.el,
    h("p", { class: "cf-hint" }, "Point at the output, or walk over it with the arrow keys. Type into any cell of "
      + "the input or the kernel; Shift with ↑ or ↓ adds or takes away 1."));

  // --- drawing
  let spoken = "";
  function draw() {
    const now = state();
    const result = compute(now);
    const { count, span, weights, output, extra } = result;
    const position = clamp(now.position, 0, Math.max(0, count ** 2 - 1));
    const [i, j] = count ? [Math.floor(position / count), position % count] : [-1, -1];
    sliders.forEach(([name, control]) => control.show(name === "kernel" ? now.kernel.length : now[name]));
    operation.show(now.operation);
    rounding.show(now.rounding);

    drawInput(now, result, i, j);
    showTable(kernelGrid, now.kernel);
    showTable(laidGrid, weights);
    drawOutput(output, position);
    // Columns in the proportion of their cells, so that the cells of all grids are equally large.
    const shares = [now.input.length + 2 * now.padding + extra, Math.max(4, now.kernel.length), Math.max(5, count)];
    // (A custom property of the stage would be inherited, and restyle every cell.)
    shares.forEach((share, n) => { stage.children[n].style.flexGrow = share; });

    const side = now.input.length;
    captions.input.replaceChildren(h("b", {}, "Input "), `${side} × ${side}`
      + (now.padding ? `, padded to ${side + 2 * now.padding}` : ""));
    captions.output.replaceChildren(h("b", {}, "Output "), `${count} × ${count}`);
    setText(captions.laid, now.operation === "convolution" ? "Turned by 180°" : "Laid on as it is");
    setText(size, `Size: ${rule(now, result)}`);
    setText(rest, leftOver(now, result));
    drawSum(now, result, i, j);
    speak(now, result, i, j, span);
  }

  function drawInput(now, { reads, extra, weights }, i, j) {
    const { input, padding, stride, dilation } = now;
    const most = largest(input, 1);
    const inWindow = (place, start) => {
      const step = (place - start * stride) / dilation;
      return start >= 0 && Number.isInteger(step) && step >= 0 && step < weights.length ? step : -1;
    };
    const total = input.length + 2 * padding + extra;
    inputGrid.show(Array.from({ length: total }, (_, y) => Array.from({ length: total }, (_, x) => {
      const value = input[y - padding]?.[x - padding];
      const [a, b] = [inWindow(y, i), inWindow(x, j)];
      const marks = [value === undefined ? "out" : reads[y] * reads[x] === 0 ? "unread" : "",
        dilation > 1 && a >= 0 && b >= 0 ? "hit" : ""].join(" ").trim();
      return { value: value ?? 0, t: 0.9 * (value ?? 0) / most, marks, fixed: value === undefined,
        tag: a >= 0 && b >= 0 ? `×${fmt(weights[a][b], 1)}` : null };
    })));
    const span = dilation * (weights.length - 1) + 1;
    inputGrid.el.style.setProperty("--size", total > 10 ? "0.8rem" : "0.92rem");
    inputGrid.frame(i < 0 ? null : { x: j * stride, y: i * stride, w: span, h: span, dashed: dilation > 1 });
  }

  function showTable(table, rows) {
    const most = largest(rows);
    table.show(rows.map((row) => row.map((value) => ({ value, t: 0.9 * value / most }))));
  }

  function drawOutput(output, position) {
    const most = largest(output);
    const hide = play.playing();
    outputGrid.show(output.map((row, y) => row.map((value, x) => {
      const index = y * output.length + x;
      const later = hide && index > position;
      const here = index === position;
      return { value, here, text: later ? "" : undefined, t: later ? 0 : 0.9 * value / most,
        marks: later ? "future" : here ? "here" : "" };
    })));
    if (output.length) outputGrid.stopAt(Math.floor(position / output.length), position % output.length);
  }

  function drawSum(now, result, i, j) {
    if (i < 0) {
      setText(sentence, "The kernel is larger than the input with its padding.");
      terms.replaceChildren();
      return;
    }
    const rows = products(now, result, i, j);
    setText(sentence, `Output row ${i + 1}, column ${j + 1}: cell times weight, added up`);
    const lines = rows.map((row, n) => (n ? "+ " : "") + row.map(([x, w]) => `${signed(x)}·${signed(w)}`).join(" + "));
    terms.replaceChildren(...lines.flatMap((line) => [line, h("br")]),
      "= ", h("strong", {}, fmt(result.output[i][j])));
  }

  function speak(now, { count, output }, i, j) {
    const text = i < 0 ? "The kernel does not fit." : `Output ${count} by ${count}. `
      + `Row ${i + 1}, column ${j + 1}: ${fmt(output[i][j])}.`;
    if (play.playing()) return;
    if (spoken && spoken !== text) say(text);
    spoken = text;
  }

  live(model, el, draw);
  model.on("change:operation", () => { el.draw(); turn(laidGrid, model.get("kernel").length); });
}

/** Each weight travels to its place on the other side of the centre. */
function turn(table, side) {
  if (reducedMotion()) return;
  for (let i = 0; i < side; i++)
    for (let j = 0; j < side; j++)
      table.cellAt(i, j).animate(
        [{ transform: `translate(${(side - 1 - 2 * j) * 100}%, ${(side - 1 - 2 * i) * 100}%)`, zIndex: 1 },
          { transform: "none", zIndex: 1 }], { duration: 700, easing: "ease-in-out" });
}

function placeName(side, padding, i, j) {
  const [row, column] = [i - padding + 1, j - padding + 1];
  const inside = row >= 1 && row <= side && column >= 1 && column <= side;
  return inside ? `input, row ${row}, column ${column}` : "outside the input, zero";
}

export default { render };
