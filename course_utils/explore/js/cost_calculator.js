// A stack of layers: sizes, parameters, multiply-adds, memory and receptive field at once.
// Numbers as accounting.summarize.

import { announcer, button, clamp, fmt, h, live, newId, select, setText } from "./lib.js";

const DEFAULTS = { size: 1, stride: 1, padding: 0, dilation: 1, groups: 1, adds: "bias" };
const LIMITS = { out: [1, 4096], size: [1, 16], stride: [1, 8], padding: [0, 8], dilation: [1, 8], groups: [1, 4096] };
const MOST_LAYERS = 64;
const KINDS = { conv: "convolution", max: "max pool", mean: "mean pool", global: "global mean", relu: "ReLU",
  norm: "batch norm", flatten: "flatten", dense: "dense" };
/** Which settings a kind of layer has. */
const SETTINGS = { conv: ["out", "size", "stride", "padding", "dilation", "groups", "adds"], max: ["size", "stride", "padding", "ceil"],
  mean: ["size", "stride", "padding", "ceil"], dense: ["out", "adds"], global: [], relu: [], norm: [], flatten: [] };
const COSTS = ["parameters", "multiplyAdds", "activations"];

const bytes = (numbers) => (numbers < 250_000 ? `${fmt(numbers * 4 / 1e3, 2)} kB` : `${fmt(numbers * 4 / 1e6, 2)} MB`);
const { format: count } = new Intl.NumberFormat("en-US");
const product = (shape) => shape.reduce((all, n) => all * n, 1);
const full = (layer) => ({ ...DEFAULTS, ...layer });
const isPool = ({ kind }) => kind === "max" || kind === "mean";

// --- numbers -----------------------------------------------------------------------------------

/** Units along one side after a window; 0 where it does not fit. */
export function outputSide(n, { size, stride, padding, dilation, ceil }) {
  const room = n + 2 * padding - dilation * (size - 1) - 1;
  if (room < 0) return 0;
  const fits = Math.floor(room / stride) + 1;
  return ceil && room % stride && fits * stride < n + padding ? fits + 1 : fits;
}

/** Why a layer cannot stand on this output, or "". */
function problemOf(layer, [channels, side]) {
  if (layer.kind !== "conv" && layer.kind !== "global" && !isPool(layer)) return "";
  if (!side) return "needs a map; after a flatten or a dense layer there is none";
  if (layer.kind === "global") return "";
  if (layer.kind === "conv" && (channels % layer.groups || layer.out % layer.groups))
    return `has ${layer.groups} groups, which must divide ${channels} channels in and ${layer.out} out`;
  if (isPool(layer) && layer.padding > layer.size / 2) return "pads more than half of its window";
  const span = layer.dilation * (layer.size - 1) + 1;
  return outputSide(side, layer) ? "" : `has a window of ${span}, which does not fit on a map of ${side + 2 * layer.padding} with its padding`;
}

/** What a unit sees after a layer that reads every position of a map of n units a side. */
const over = ({ field, stride, first }, n) => ({ field: field + (n - 1) * stride, stride: null, first, whole: true });

/** What a unit sees: field pixels a side, the first unit from `first` on, the next `stride` further. */
function fieldAfter(layer, before) {
  const { field, stride: jump, first, whole, shape: [, side = 1] } = before;
  if (layer.kind === "relu" || layer.kind === "norm") return { field, stride: jump, first, whole };
  if (jump === null) return { field, stride: null, first, whole: true };
  const { size, stride, padding, dilation } = layer;
  if (layer.kind !== "conv" && !isPool(layer)) return over(before, side);
  if (isPool(layer) && size >= side && (size > 1 || stride > 1)) return over(before, side);
  return { field: field + (size - 1) * dilation * jump, stride: jump * stride, first: first - padding * jump, whole: false };
}

/** One row from the row before it: what the layer puts out, costs and sees. */
export function rowAfter(layer, before) {
  const [channels, side = 0] = before.shape;
  const { kind, out, size, stride, groups, adds } = layer;
  const row = (shape, weights = 0, parameters = 0, activations = product(shape)) => ({ name: layer.name || KINDS[kind], shape,
    parameters, activations, multiplyAdds: activations * weights, ...fieldAfter(layer, before) });
  if (kind === "relu") return row(before.shape, 0, 0, 0);
  if (kind === "norm") return row(before.shape, 0, 2 * channels, 0);
  if (kind === "flatten") return row([product(before.shape)], 0, 0, 0);
  if (kind === "global") return row([channels, 1, 1]);
  if (kind === "dense") {
    const inputs = product(before.shape);
    return row([out], inputs, out * inputs + (adds === "none" ? 0 : out));
  }
  const places = outputSide(side, layer);
  if (isPool(layer)) { // one that reads single numbers changes nothing
    const shape = [channels, places, places];
    return size === 1 && stride === 1 ? row(shape, 0, 0, 0) : row(shape);
  }
  const weights = size * size * (channels / groups);
  return row([out, places, places], weights, out * weights + out * { bias: 1, none: 0, norm: 2 }[adds]);
}

const totalsOf = (rows) => Object.fromEntries(COSTS.map((what) => [what, rows.reduce((all, row) => all + row[what], 0)]));

/** Every number that the figure shows: rows, the image first, and their sums. `rows` are given for a table to read. */
export function compute({ layers, channels, side, rows: read }) {
  if (read) return { rows: read, totals: totalsOf(read), problem: "" };
  const rows = [{ name: "image", shape: [channels, side, side], parameters: 0, multiplyAdds: 0,
    activations: channels * side * side, field: 1, stride: 1, first: 0, whole: false }];
  for (const layer of layers.map(full)) {
    const problem = problemOf(layer, rows.at(-1).shape);
    if (problem) return { rows, totals: totalsOf(rows), problem };
    rows.push(rowAfter(layer, rows.at(-1)));
  }
  return { rows, totals: totalsOf(rows), problem: "" };
}

/** A new layer of a kind. */
export function fresh(kind, out) {
  if (kind === "conv") return { kind, out, size: 3, padding: 1 };
  if (kind === "dense") return { kind, out };
  return isPool({ kind }) ? { kind, size: 2, stride: 2 } : { kind };
}

const START = { channels: 3, side: 32, layers: [fresh("conv", 16)], selected: 1 };

// --- words -------------------------------------------------------------------------------------

const shapeText = (shape) => shape.join(" × ");
const fieldText = (row) => `${count(row.field)}${row.whole ? ", all" : ""}`;

const readWords = (row) => [`${row.name} puts out ${shapeText(row.shape)} numbers.`,
  `Parameters ${count(row.parameters)}, multiply-adds ${count(row.multiplyAdds)}, activations ${count(row.activations)}.`,
  `A unit sees a window of ${count(row.field)} pixels a side${row.whole ? ", from every position of a map before" : ""}.`];

/** The selected row's numbers, written out. */
export function explain({ layers }, { rows, problem }, here) {
  if (here >= rows.length) return [`Not counted: layer ${rows.length} ${problem}.`];
  const row = rows[here];
  if (!here) return [`Image: ${shapeText(row.shape)} = ${count(row.activations)} numbers. A pixel sees itself.`];
  const [layer, before] = [full(layers[here - 1]), rows[here - 1]];
  const lines = layer.kind === "conv" || isPool(layer) ? windowWords(layer, before, row) : otherWords(layer, before, row);
  return [...lines, `Field: ${fieldRule(layer, before, row)}`];
}

const FREE = "No parameters, no multiply-adds.";
const added = ({ adds, out }) => ({ bias: ` + ${out}`, none: "", norm: ` + 2·${out}` })[adds];

function otherWords(layer, { shape }, row) {
  const inputs = product(shape);
  const all = shape.length > 1 ? `${shape.join("·")} = ${count(inputs)}` : count(inputs);
  if (layer.kind === "relu") return ["Size as before; a number below 0 becomes 0.", FREE];
  if (layer.kind === "flatten") return [`The numbers of all maps in one row, ${shape.length > 1 ? "" : "as before: "}${all}`, FREE];
  if (layer.kind === "global") return [`Size: the mean of each of the ${shape[0]} maps, one number each.`, FREE];
  if (layer.kind === "norm") return [`Size as before; a scale and a shift for each of the ${shape[0]} ${shape.length > 1 ? "maps" : "numbers"}.`,
    `Parameters: 2·${shape[0]} = ${count(row.parameters)}`, "Its arithmetic is not counted as multiply-adds."];
  return [`Size: ${layer.out} units; each reads all numbers, ${all}`,
    `Parameters: ${count(inputs)}·${layer.out}${added(layer)} = ${count(row.parameters)}`,
    `Multiply-adds: ${count(inputs)}·${layer.out} = ${count(row.multiplyAdds)}`];
}

function windowWords(layer, { shape: [channels, side] }, row) {
  const { kind, size, stride, padding, dilation, groups, out } = layer;
  const places = row.shape[1];
  const [open, close] = layer.ceil ? ["⌈", "⌉"] : ["⌊", "⌋"];
  const room = side + 2 * padding - dilation * (size - 1) - 1;
  const dropped = layer.ceil && Math.ceil(room / stride) + 1 !== places ? " − 1 that would begin past the map" : "";
  const line = `Size: ${open}(${side} + 2·${padding} − ${dilation}·(${size} − 1) − 1) / ${stride}${close} + 1${dropped} = ${places}`;
  if (kind !== "conv") return [line, FREE];
  const read = `${size}·${size}·${groups > 1 ? `${channels}/${groups}` : channels}`;
  return [line, `Parameters: ${out}·${read}${added(layer)} = ${count(row.parameters)}`,
    `Multiply-adds: ${places}·${places}·${out}·${read} = ${count(row.multiplyAdds)}`];
}

function fieldRule({ kind, size, dilation }, before, row) {
  const side = before.shape[1] ?? 1;
  if (kind === "relu" || kind === "norm") return `${count(row.field)}, as before.`;
  if (before.stride === null) return `${count(row.field)}, as before: the whole map was seen already.`;
  if (row.stride === null)
    return `${count(before.field)} + (${side} − 1)·${before.stride} = ${count(row.field)} pixels a side, for ${side} × ${side} positions`;
  return `${count(before.field)} + ${kind === "conv" ? `${dilation}·` : ""}(${size} − 1)·${before.stride} = ${count(row.field)} pixels a side`;
}

export const css = `
.net { border: 1px solid var(--cf-edge); font-variant-numeric: tabular-nums; font-size: 0.86rem; max-height: 30rem;
  overflow: hidden auto; position: relative; }
.line { display: grid; grid-template-columns: minmax(0, 1.2fr) minmax(7.2rem, 1fr) minmax(0, 1.1fr) minmax(0, 1.5fr) minmax(0, 1.1fr) minmax(3.4rem, 0.6fr);
  gap: 0 0.5rem; padding: 0 0.5rem; align-items: stretch; contain: layout paint style; border-top: 1px solid var(--cf-line); cursor: pointer; }
.line > * { padding: 0.2rem 0; min-width: 0; overflow-wrap: anywhere; text-align: right; align-self: center; }
.line > :nth-child(-n + 2) { text-align: left; }
.line.head, .line.total { position: sticky; background: var(--cf-out); z-index: 1; cursor: default; font-weight: 600; }
.line.head { top: 0; color: var(--cf-quiet); border-top: 0; font-weight: 400; }
.line.total { bottom: 0; border-top: 2px solid var(--cf-edge); }
.line.total > * { font-size: 0.94em; }
.cf-select { min-width: 0; max-width: 14rem; }
.cf-select select { max-width: 100%; }
.line.here { background: var(--cf-soft); box-shadow: inset 4px 0 0 var(--cf-mark); }
.line.wrong { color: var(--cf-quiet); }
.line label { display: flex; gap: 0.4rem; align-items: center; cursor: pointer; min-height: 1.5rem; }
.line input { accent-color: var(--cf-mark); margin: 0; flex: none; width: 1rem; height: 1rem; }
.share { background: linear-gradient(var(--cf-bar), var(--cf-bar)) bottom right / var(--v, 0%) 3px no-repeat; }
.box { display: flex; flex-direction: column; gap: 0.2rem; flex: 0 1 6.2rem; }
.box label { font-size: 0.86rem; color: var(--cf-quiet); white-space: nowrap; }
.box input { width: 100%; min-height: 2.25rem; padding: 0 0.5rem; border: 1px solid var(--cf-edge); border-radius: 6px;
  background: var(--cf-cell); color: var(--cf-ink); }
.box input[aria-invalid="true"] { border-color: var(--cf-mark); border-width: 2px; }
.box input:disabled, select:disabled { opacity: 0.55; }
.edit { border: 1px solid var(--cf-line); border-radius: 6px; padding: 0.6rem 0.7rem 0.75rem; margin: 0; min-width: 0; }
.edit legend { padding: 0 0.3rem; font-weight: 600; font-size: 0.9rem; }
.edit > * + *:not([hidden]) { margin-top: 0.7rem; }
.edit > legend + * { margin-top: 0; }
.tick { display: flex; gap: 0.4rem; align-items: center; min-height: 2.25rem; }
.tick input { width: 1.1rem; height: 1.1rem; margin: 0; accent-color: var(--cf-accent); }
.cf-sum p + p { margin-top: 0.15rem; }
[hidden] { display: none !important; }
@container (max-width: 620px) {
  .line { grid-template-columns: minmax(0, 1fr) minmax(0, 1.25fr) minmax(0, 1fr); font-size: 0.78rem; padding: 0.25rem 0.4rem; }
  .line > * { padding: 0.05rem 0; }
  .line > :nth-child(n + 3):nth-child(-n + 5) { order: 1; }
  .line > :nth-child(2) { text-align: center; }
}
@container (max-width: 300px) { .line { font-size: 0.66rem; } }`;

// --- what is seen ------------------------------------------------------------------------------

/** A number to type or step: `input(value)` hears whole numbers within the limits. */
function numberBox(label, [min, max], input) {
  const id = newId();
  const box = h("input", { type: "number", id, min, max, step: 1, inputmode: "numeric", oninput: () => {
    const value = Number(box.value);
    const good = box.value !== "" && Number.isInteger(value) && value >= min && value <= max;
    if (good) box.removeAttribute("aria-invalid"); else box.setAttribute("aria-invalid", "true");
    if (good) input(value);
  } });
  let now = "";
  box.addEventListener("blur", () => { box.value = now; box.removeAttribute("aria-invalid"); });
  const show = (value) => {
    now = String(value);
    if (box.value !== now && !box.hasAttribute("aria-invalid")) box.value = now;
  };
  return { el: h("div", { class: "box" }, h("label", { for: id }, label), box), box, show };
}

/** One line of the table, chosen by its radio button. */
function makeLine(radioName, pick) {
  const radio = h("input", { type: "radio", name: radioName, onchange: pick });
  const name = h("span");
  const cells = ["shape", ...COSTS, "field"].map((what) => h("div", { role: "cell", class: COSTS.includes(what) ? "share" : null }));
  const el = h("div", { class: "line", role: "row", onclick: (event) => { if (event.target !== radio) radio.click(); } },
    h("div", { role: "rowheader" }, h("label", { onclick: (event) => event.stopPropagation() }, radio, name)), cells);
  const kept = [];
  function show(title, row, totals, here, problem) {
    setText(name, title);
    radio.checked = here;
    const classes = `line${here ? " here" : ""}${row ? "" : " wrong"}`;
    if (el.className !== classes) el.className = classes;
    const texts = row ? [shapeText(row.shape), ...COSTS.map((what) => count(row[what])), fieldText(row)] : [problem, "", "", "", ""];
    texts.forEach((text, n) => setText(cells[n], text));
    COSTS.forEach((what, n) => {
      const share = `${row ? (100 * row[what] / Math.max(1, totals[what])).toFixed(1) : 0}%`;
      if (kept[n] !== share) cells[n + 1].style.setProperty("--v", kept[n] = share);
    });
  }
  return { el, show };
}

/** The table of layers with its sums: `show(now, result, here)`. */
function makeTable(pick) {
  const radioName = newId();
  const headings = ["Layer", "Output", "Parameters", "Multiply-adds", "Activations", "Field"];
  const total = headings.map((_, n) => h("div", { role: n ? "cell" : "rowheader" }, n ? "" : "Total"));
  const totalLine = h("div", { class: "line total", role: "row" }, total);
  const el = h("div", { class: "net", role: "table", "aria-label": "Layers of the network" },
    h("div", { class: "line head", role: "row" }, headings.map((text) => h("div", { role: "columnheader" }, text))), totalLine);
  const lines = [];
  let revealed = -1;
  function reveal(here) { // scroll the chosen line into the table, and nothing else
    const line = lines[here]?.el;
    if (!line) return;
    const [top, bottom] = [line.offsetTop - el.firstChild.offsetHeight, line.offsetTop + line.offsetHeight + totalLine.offsetHeight];
    el.scrollTop = clamp(el.scrollTop, bottom - el.clientHeight, top);
  }
  function show({ layers, rows: read }, { rows, totals, problem }, here) {
    const wanted = read ? rows.length : layers.length + 1;
    while (lines.length > wanted) lines.pop().el.remove();
    while (lines.length < wanted) {
      const n = lines.length;
      lines.push(makeLine(radioName, () => pick(n)));
      totalLine.before(lines[n].el);
    }
    lines.forEach((line, n) => {
      const layer = layers[n - 1];
      const title = rows[n]?.name ?? (layer.name || KINDS[layer.kind]);
      line.show(title, rows[n], totals, n === here, n === rows.length ? problem : "not counted");
    });
    [shapeText(rows.at(-1).shape), ...COSTS.map((what) => count(totals[what]))].forEach((text, n) => setText(total[n + 1], text));
    if (revealed !== here) requestAnimationFrame(() => reveal(revealed = here));
  }
  return { el, show };
}

/** What changes the stack: `own(change)` makes it the reader's own network. */
function stackOf(state, own) {
  const outputOf = (layers) => compute({ ...state(), layers }).rows.at(-1).shape;
  const replace = (layer) => {
    const { layers, selected } = state();
    own({ layers: layers.map((old, n) => (n === selected - 1 ? layer(old, layers.slice(0, n)) : old)) });
  };
  return {
    change: (settings) => replace((old) => ({ ...old, ...settings })),
    kind: (kind) => replace((_, before) => fresh(kind, Math.min(outputOf(before)[0], LIMITS.out[1]))),
    move(by) {
      const { layers, selected } = state();
      const [from, to] = [selected - 1, selected - 1 + by];
      own({ layers: layers.map((old, n) => (n === from ? layers[to] : n === to ? layers[from] : old)), selected: to + 1 });
    },
    add() {
      const { layers, selected } = state();
      const shape = outputOf(layers.slice(0, selected));
      const layer = fresh(shape.length === 1 ? "dense" : "conv", Math.min(shape[0], LIMITS.out[1]));
      own({ layers: [...layers.slice(0, selected), layer, ...layers.slice(selected)], selected: selected + 1 });
    },
    remove() {
      const { layers, selected } = state();
      own({ layers: layers.filter((_, n) => n !== selected - 1), selected: Math.min(selected, layers.length - 1) });
    },
  };
}

const BOXES = { out: "Channels out", size: "Window", stride: "Stride", padding: "Padding", dilation: "Dilation", groups: "Groups" };
const READ = "Its paths part and meet again, or a layer is of a kind of its own: one row is one block, counted by the "
  + "book's package. Choose another network to change layers.";

/** The settings of the selected layer, and the buttons: `show(now, here)`. */
function makeEditor({ change, kind: setKind, move, add, remove }) {
  const kind = select({ label: "Kind", options: KINDS, input: setKind });
  const boxes = Object.entries(BOXES).map(([name, label]) => [name, numberBox(label, LIMITS[name], (value) => change({ [name]: value }))]);
  const adds = select({ label: "Adds", options: { bias: "a bias", none: "nothing", norm: "batch norm" }, input: (value) => change({ adds: value }) });
  const tick = h("input", { type: "checkbox", onchange: () => change({ ceil: tick.checked }) });
  const ceil = h("label", { class: "tick" }, tick, "round up");
  const settings = h("div", { class: "cf-row" }, kind.el, boxes.map(([, one]) => one.el), adds.el, ceil);
  const [legend, note] = [h("legend"), h("p", { class: "cf-quiet" })];
  const buttons = [button("Add a layer below", add), button("Remove it", remove), button("Move up", () => move(-1)), button("Move down", () => move(1))];
  const el = h("fieldset", { class: "edit" }, legend, settings, note, h("div", { class: "cf-buttons" }, buttons));
  function show({ layers, rows: reads }, here) {
    const layer = reads ? undefined : layers[here - 1];
    const has = layer ? SETTINGS[layer.kind] : [];
    setText(legend, reads ? "A table to read" : layer ? `Layer ${here}: ${layer.name || KINDS[layer.kind]}` : "The image");
    setText(note, reads ? READ : layer ? "" : "Add a layer below it, or choose a layer to change.");
    note.hidden = !note.textContent;
    settings.hidden = !layer;
    const all = full(layer ?? {});
    if (layer) kind.show(layer.kind);
    boxes.forEach(([name, one]) => { one.el.hidden = !has.includes(name); if (has.includes(name)) one.show(all[name]); });
    setText(boxes[0][1].el.firstChild, layer?.kind === "dense" ? "Units" : BOXES.out);
    adds.el.hidden = !has.includes("adds");
    adds.el.querySelector('[value="norm"]').disabled = layer?.kind === "dense";
    adds.show(all.adds);
    ceil.hidden = !has.includes("ceil");
    tick.checked = !!all.ceil;
    const off = [reads || layers.length >= MOST_LAYERS, !layer, !layer || here < 2, !layer || here === layers.length];
    buttons.forEach((one, n) => { one.disabled = !!off[n]; });
  }
  return { el, show };
}

function render({ model, el }) {
  const names = ["network", "channels", "side", "layers", "rows", "selected"];
  const state = () => Object.fromEntries(names.map((name) => [name, model.get(name)]));
  const first = state();
  const say = announcer();
  const networks = model.get("networks");
  const own = (change) => model.set({ network: "own", ...change });
  const choose = (name) => {
    const { layers = [], rows = null, channels, side } = networks[name] ?? {};
    if (name !== "own") model.set({ network: name, layers, rows, channels, side, selected: 1 });
    else own(model.get("rows") ? { rows: null, ...START } : {});
  };
  const titles = Object.entries(networks).map(([name, { title, rows }]) => [name, rows ? `${title} (to read)` : title]);
  const network = select({ label: "Network", options: { own: "your own", ...Object.fromEntries(titles) }, input: choose });
  const image = { side: numberBox("Image side", [1, 512], (side) => own({ side })),
    channels: numberBox("Its channels", [1, 64], (channels) => own({ channels })) };
  const table = makeTable((n) => model.set("selected", n));
  const editor = makeEditor(stackOf(state, own));
  const reset = button("Start over", () => { model.set(first); say("As at the start"); });
  const memory = h("p", {});
  const why = [0, 1, 2, 3].map(() => h("p"));
  el.append(h("p", { class: "cf-title" }, model.get("title")),
    h("div", { class: "cf-row" }, network.el, image.side.el, image.channels.el, reset), table.el, memory,
    h("div", { class: "cf-sum" }, why), editor.el, say.el,
    h("p", { class: "cf-hint" }, "Choose a layer by a click or with the arrow keys. Activations: the numbers of the image, and of what "
      + "convolutions, pools and dense layers put out. A bar is a layer's share of its column. Field: the side of the window of pixels "
      + "that a unit sees; «all»: it sees every position of the map before. In the book's networks ReLU, dropout and other layers "
      + "that cost nothing here are left out."));

  let spoken = "";
  function draw() {
    const now = state();
    const result = compute(now);
    const { rows, totals } = result;
    const here = clamp(now.selected, 0, now.rows ? rows.length - 1 : now.layers.length);
    network.show(now.network);
    for (const [name, one] of Object.entries(image)) {
      one.show(now[name]);
      one.box.disabled = !!now.rows;
    }
    table.show(now, result, here);
    setText(memory, `At 4 bytes a number: parameters ${bytes(totals.parameters)}, activations of one image ${bytes(totals.activations)}.`);
    editor.show(now, here);
    const words = now.rows ? readWords(rows[here]) : explain(now, result, here);
    why.forEach((line, n) => { setText(line, words[n] ?? ""); line.hidden = !words[n]; });
    speak(result, here);
  }

  function speak({ rows, totals, problem }, here) {
    const row = rows[here] ?? rows.at(-1);
    const text = problem ? `Layer ${rows.length} ${problem}.` : `${row.name}: output ${row.shape.join(" by ")}. `
      + `Network: ${count(totals.parameters)} parameters, ${count(totals.multiplyAdds)} multiply-adds.`;
    if (spoken && spoken !== text) say(text);
    spoken = text;
  }

  live(model, el, draw);
}

export default { render };
