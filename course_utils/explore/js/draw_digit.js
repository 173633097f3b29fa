// A LeNet-5 reads what you draw, and shows every number on the way. Numbers as `ops` computes them
// from the same rounded weights; drawing and centring as in draw_digit.py.

import { announcer, button, choice, clamp, fixed, fmt, h, live, select, setText, slider } from "./lib.js";

// --- the network -----------------------------------------------------------------------------

export const SIDE = 28; // of the image, in pixels
const BOX = 20; // a digit fills this, as in MNIST
const MOST = 10; // pixels that a digit can be moved by

/** The layers: maps of side × side units, and what a unit reads: `size` × `size` of each map of
 *  `from`, or of its `own` map alone, from the place `step` times its own, less `pad`. */
export const LAYERS = {
  input: { maps: 1, side: 28, columns: 1, title: "Input" },
  c1: { maps: 6, side: 28, columns: 3, title: "C1", from: "input", size: 5, step: 1, pad: 2 },
  s2: { maps: 6, side: 14, columns: 3, title: "S2", from: "c1", size: 2, step: 2, pad: 0, own: true },
  c3: { maps: 16, side: 10, columns: 8, title: "C3", from: "s2", size: 5, step: 1, pad: 0 },
  s4: { maps: 16, side: 5, columns: 8, title: "S4", from: "c3", size: 2, step: 2, pad: 0, own: true },
  c5: { maps: 120, side: 1, columns: 30, title: "C5", from: "s4", size: 5, step: 1, pad: 0 },
  f6: { maps: 84, side: 1, columns: 28, title: "F6", from: "c5", size: 1, step: 1, pad: 0 },
  output: { maps: 10, side: 1, columns: 1, title: "Output", from: "f6", size: 1, step: 1, pad: 0 },
};
const NAMES = Object.keys(LAYERS);

const bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));

/** Weights as numbers: small integers times one scale for each filter or unit, and biases. The
 *  integers are bytes, or where few values occur letters: i is 0, h is -1, j is 1. */
export function unpacked(packed) {
  return Object.fromEntries(Object.entries(packed).map(([name, { letters, steps, scale, bias }]) => {
    const [scales, biases] = [scale, bias].map((text) => new Float32Array(bytes(text).buffer));
    const integers = letters ? Array.from(letters, (letter) => letter.charCodeAt(0) - 105) : new Int8Array(bytes(steps).buffer);
    const each = integers.length / scales.length;
    return [name, { weight: Float64Array.from(integers, (k, n) => k * scales[Math.floor(n / each)]), bias: Float64Array.from(biases) }];
  }));
}

/** Maps in a frame of zeros. */
function framed(x, { maps, side }, pad) {
  if (!pad) return x;
  const wide = side + 2 * pad;
  const y = new Float64Array(maps * wide * wide);
  for (let row = 0; row < maps * side; row++) {
    const [map, i] = [Math.floor(row / side), row % side];
    y.set(x.subarray(row * side, (row + 1) * side), (map * wide + i + pad) * wide + pad);
  }
  return y;
}

/** Each unit's weighted sum and bias, before ReLU: convolutions of 5 × 5, a row of weights at a time. */
function convolved(below, name, { weight, bias }) {
  const { maps, side, from, pad } = LAYERS[name];
  const x = framed(below, LAYERS[from], pad);
  const wide = LAYERS[from].side + 2 * pad;
  const y = new Float64Array(maps * side * side);
  for (let d = 0, n = 0; d < maps; d++) {
    y.fill(bias[d], d * side * side, (d + 1) * side * side);
    for (let c = 0; c < LAYERS[from].maps; c++)
      for (let a = 0; a < 5; a++, n += 5) {
        const [v, w, p, q, r] = [weight[n], weight[n + 1], weight[n + 2], weight[n + 3], weight[n + 4]];
        for (let i = 0, to = d * side * side; i < side; i++)
          for (let j = 0, k = (c * wide + i + a) * wide; j < side; j++, k++)
            y[to++] += v * x[k] + w * x[k + 1] + p * x[k + 2] + q * x[k + 3] + r * x[k + 4];
      }
  }
  return y;
}

function dense(x, { weight, bias }) {
  const y = Float64Array.from(bias);
  for (let d = 0, n = 0; d < y.length; d++) for (let c = 0; c < x.length; c++) y[d] += weight[n++] * x[c];
  return y;
}

function maxPooled(x, name) {
  const { maps, side, from } = LAYERS[name];
  const wide = LAYERS[from].side;
  const y = new Float64Array(maps * side * side);
  for (let n = 0; n < y.length; n++) {
    const at = 2 * (Math.floor(n / side) * wide + (n % side)); // maps follow each other without a gap
    y[n] = Math.max(x[at], x[at + 1], x[at + wide], x[at + wide + 1]);
  }
  return y;
}

/** What every unit answers, layer by layer: after ReLU, but for the scores of the output. */
export function forward(net, image) {
  const units = { input: image };
  for (const name of NAMES.slice(1)) {
    const below = units[LAYERS[name].from];
    if (LAYERS[name].own) units[name] = maxPooled(below, name);
    else units[name] = LAYERS[name].side > 1 ? convolved(below, name, net[name]) : dense(below, net[name]);
    if (net[name] && name !== "output") units[name].forEach((z, n, all) => { if (z < 0) all[n] = 0; });
  }
  return units;
}

export function softmax(scores) {
  const most = Math.max(...scores);
  const powers = Array.from(scores, (z) => Math.exp(z - most));
  const total = powers.reduce((sum, x) => sum + x, 0);
  return powers.map((x) => x / total);
}

const indexOf = ({ layer, map, row, column }) => (map * LAYERS[layer].side + row) * LAYERS[layer].side + column;

/** How one unit's number came about: what it reads, times what, and the sum, bias and answer. */
export function arithmetic(net, units, unit) {
  const { from, size, step, pad, own } = LAYERS[unit.layer];
  const terms = [];
  const below = LAYERS[from];
  const maps = own ? [unit.map] : Array.from({ length: below.maps }, (_, c) => c);
  let n = unit.map * maps.length * size * size;
  for (const map of maps)
    for (let a = 0; a < size; a++)
      for (let b = 0; b < size; b++, n++) {
        const at = { layer: from, map, row: step * unit.row + a - pad, column: step * unit.column + b - pad };
        const inside = Math.min(at.row, at.column) >= 0 && Math.max(at.row, at.column) < below.side;
        terms.push({ at: inside ? at : null, x: inside ? units[from][indexOf(at)] : 0, w: own ? 1 : net[unit.layer].weight[n] });
      }
  const value = units[unit.layer][indexOf(unit)];
  if (own) return { terms, value };
  const bias = net[unit.layer].bias[unit.map];
  return { terms, bias, sum: terms.reduce((sum, { x, w }) => sum + x * w, bias), value };
}

/** What a unit sees in each layer below it: `map` (null for every map), and the first and last row
 *  and column, border included. */
export function fields({ layer, map, row, column }) {
  const seen = {};
  let [only, rows, columns] = [map, [row, row], [column, column]];
  for (let name = layer; LAYERS[name].from; name = LAYERS[name].from) {
    const { from, size, step, pad, own } = LAYERS[name];
    const widened = ([first, last]) => [step * first - pad, step * last - pad + size - 1];
    [rows, columns] = [widened(rows), widened(columns)];
    if (!own) only = null;
    seen[from] = { map: only, rows, columns };
  }
  return seen;
}

// --- ink -------------------------------------------------------------------------------------

/** Strokes as ink from 0 to 1 on 28 × 28 pixels: full within half a pen of a line, and fading
 *  over one pixel at its edge. */
export function inked(strokes, pen) {
  const ink = new Float64Array(SIDE * SIDE);
  const reach = pen / 2 + 0.5;
  for (const points of strokes)
    for (let n = Math.min(1, points.length - 1); n < points.length; n++) {
      const [[x0, y0], [x1, y1]] = [points[Math.max(0, n - 1)], points[n]];
      const length = (x1 - x0) ** 2 + (y1 - y0) ** 2;
      const range = (p, q) => [clamp(Math.floor(Math.min(p, q) - reach), 0, SIDE), clamp(Math.ceil(Math.max(p, q) + reach), 0, SIDE)];
      const [[top, bottom], [left, right]] = [range(y0, y1), range(x0, x1)];
      for (let i = top; i < bottom; i++)
        for (let j = left; j < right; j++) {
          const [x, y] = [j + 0.5, i + 0.5]; // the middle of the pixel
          const along = length ? clamp(((x - x0) * (x1 - x0) + (y - y0) * (y1 - y0)) / length, 0, 1) : 0;
          const away = Math.hypot(x - x0 - along * (x1 - x0), y - y0 - along * (y1 - y0));
          const value = clamp(reach - away, 0, 1);
          if (value > ink[i * SIDE + j]) ink[i * SIDE + j] = value;
        }
    }
  return ink;
}

/** Strokes as MNIST's makers placed digits: as large as a box of 20 × 20 allows, and with their
 *  centre of mass in the middle. The pen keeps its width. */
export function fitted(strokes, pen) {
  const all = strokes.flat();
  if (!all.length) return strokes;
  const [lows, highs] = [Math.min, Math.max].map((most) => [0, 1].map((k) => all.reduce((m, p) => most(m, p[k]), all[0][k])));
  const scale = (BOX - pen) / Math.max(1, highs[0] - lows[0], highs[1] - lows[1]);
  const boxed = strokes.map((points) => points.map((p) => p.map((v, k) => SIDE / 2 + scale * (v - (lows[k] + highs[k]) / 2))));
  const ink = inked(boxed, pen);
  let [mass, x, y] = [0, 0, 0];
  ink.forEach((value, n) => {
    mass += value;
    x += value * ((n % SIDE) + 0.5);
    y += value * (Math.floor(n / SIDE) + 0.5);
  });
  return boxed.map((points) => points.map((p) => [p[0] + SIDE / 2 - x / mass, p[1] + SIDE / 2 - y / mass]));
}

/** An image moved by whole pixels; what leaves is lost. */
export function moved(image, right, down) {
  if (!right && !down) return image;
  return Float64Array.from(image, (_, n) => {
    const [i, j] = [Math.floor(n / SIDE) - down, (n % SIDE) - right];
    return Math.min(i, j) >= 0 && Math.max(i, j) < SIDE ? image[i * SIDE + j] : 0;
  });
}

/** The image that the network sees, from the figure's state; `images` are the examples. */
export function seen({ strokes, example, pen, fit, right, down, images }) {
  const image = example >= 0 ? images[example] : inked(fit ? fitted(strokes, pen) : strokes, pen);
  return moved(image, right, down);
}

/** Everything that the figure shows. */
export function compute(state, net) {
  const units = forward(net, seen(state));
  const p = softmax(units.output);
  return { units, p, best: p.indexOf(Math.max(...p)) };
}

// --- words -----------------------------------------------------------------------------------

/** A unit's name, as a reader counts: from 1, but digits are digits. */
export function called({ layer, map, row, column }) {
  if (layer === "output") return `Output, score of ${map}`;
  const place = LAYERS[layer].side > 1 ? `row ${row + 1}, column ${column + 1}` : `unit ${map + 1}`;
  return `${LAYERS[layer].title}, ${layer !== "input" && LAYERS[layer].side > 1 ? `map ${map + 1}, ` : ""}${place}`;
}

const signed = (x, digits) => (x < 0 ? `(${fmt(x, digits)})` : fmt(x, digits));
const size = ({ x, w }) => Math.abs(x * w);

/** The arithmetic of a unit, written out: its largest terms, the others added up, and the bias. */
export function written({ terms, bias, sum, value }, layer) {
  if (bias === undefined) return `the largest of ${terms.map(({ x }) => fmt(x)).join(", ")} = ${fmt(value)}`;
  const order = [...terms].sort((one, other) => size(other) - size(one));
  const first = order.slice(0, 5).filter((term) => size(term) > 0);
  const others = sum - bias - first.reduce((total, { x, w }) => total + x * w, 0);
  const parts = first.map(({ x, w }) => `${signed(x, 2)}·${signed(w, 3)}`);
  parts.push(`${signed(others, 2)} from ${terms.length - first.length} other terms`, `bias ${signed(bias, 2)}`);
  return `${parts.join(" + ")} = ${fmt(sum)}${layer === "output" ? "" : `; ReLU makes it ${fmt(value)}`}`;
}

/** Where the largest term of a unit comes from, or null. */
export function strongest({ terms, bias }) {
  const worth = bias === undefined ? ({ x }) => x : size;
  return terms.filter(({ at }) => at).reduce((best, term) => (!best || worth(term) > worth(best) ? term : best), null)?.at ?? null;
}

// --- pictures of units -----------------------------------------------------------------------

const DARK = [16, 21, 27];
const TINTS = { ink: [255, 255, 255], plus: [110, 190, 255], minus: [255, 165, 75] };
const LEVELS = 1023;

/** Colours for shares from 0 to 1 of the largest answer, as pixels; weak answers are seen too. */
const COLOURS = Object.fromEntries(Object.entries(TINTS).map(([kind, tint]) => [kind, Uint32Array.from({ length: LEVELS + 1 }, (_, n) => {
  const share = (n / LEVELS) ** (kind === "ink" ? 1 : 0.6);
  const [red, green, blue] = DARK.map((dark, k) => Math.round(dark + share * (tint[k] - dark)));
  return ((255 << 24) | (blue << 16) | (green << 8) | red) >>> 0;
})]));

/** How maps lie in a picture: `columns` of them, `zoom` pixels a unit, `gap` pixels between. */
function layout({ maps, side, columns }) {
  const zoom = side === 14 || side === 5 ? 2 : side === 1 ? 4 : 1;
  const gap = side >= 14 ? 2 : 1;
  const wide = Math.min(columns, maps);
  const pitch = side * zoom + gap;
  return { maps, side, zoom, wide, pitch, width: wide * pitch - gap, height: Math.ceil(maps / wide) * pitch - gap };
}

/** A canvas with maps of units: `paint(values, kind)` draws them, each as a share of the largest. */
function unitPicture(label) {
  const canvas = h("canvas", { role: "img", "aria-label": label });
  const context = canvas.getContext("2d");
  let [place, image, dots] = [null, null, null];
  function shape(next) {
    place = next;
    canvas.width = next.width;
    canvas.height = next.height;
    image = context.createImageData(next.width, next.height);
    dots = new Uint32Array(image.data.buffer); // a pixel each
  }
  function paint(values, kind = "plus") {
    const { side, zoom, wide, pitch, width } = place;
    const most = values.reduce((m, x) => Math.max(m, Math.abs(x)), 1e-9);
    for (let map = 0, n = 0; n < values.length; map++) {
      const corner = Math.floor(map / wide) * pitch * width + (map % wide) * pitch;
      for (let row = 0; row < side; row++)
        for (let column = 0; column < side; column++, n++) {
          const colour = COLOURS[values[n] < 0 ? "minus" : kind][Math.round((Math.abs(values[n]) / most) * LEVELS)];
          const at = corner + row * zoom * width + column * zoom;
          for (let a = 0; a < zoom; a++) dots.fill(colour, at + a * width, at + a * width + zoom);
        }
    }
    context.putImageData(image, 0, 0);
  }
  return { canvas, shape, paint, place: () => place };
}

/** Lay an `<i>` over rows and columns of a map, or hide it. */
function lay(frame, { zoom, wide, pitch, width, height, side }, map, rows, columns) {
  const [[top, bottom], [left, right]] = [rows, columns].map((ends) => ends.map((v) => clamp(v, 0, side - 1)));
  const set = (name, share) => frame.style.setProperty(name, `${100 * share}%`);
  set("left", ((map % wide) * pitch + left * zoom) / width);
  set("top", (Math.floor(map / wide) * pitch + top * zoom) / height);
  set("width", ((right - left + 1) * zoom) / width);
  set("height", ((bottom - top + 1) * zoom) / height);
  frame.hidden = false;
}

// --- parts of the figure ---------------------------------------------------------------------

/** The unit that a key leads to: arrows walk, from map to map too; Page Up and Down change the map. */
export function walked({ layer, map, row, column }, key) {
  const { maps, side, columns } = LAYERS[layer];
  const to = (m, i, j) => ({ layer, map: clamp(m, 0, maps - 1), row: i, column: j });
  if (key === "PageUp" || key === "PageDown") return to(map + (key === "PageUp" ? -1 : 1), row, column);
  if (key === "Home") return to(side === 1 ? 0 : map, row, 0);
  if (key === "End") return to(side === 1 ? maps - 1 : map, row, side - 1);
  const by = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[key];
  if (!by) return null;
  const [i, j] = [row + by[0], column + by[1]];
  if (Math.min(i, j) >= 0 && Math.max(i, j) < side) return to(map, i, j);
  const next = map + by[1] + by[0] * Math.min(columns, maps);
  return next < 0 || next >= maps ? to(map, row, column) : to(next, (i + side) % side, (j + side) % side);
}

/** One layer's maps: pointed at, walked by keys. Enter asks for the strongest input of the unit. */
function makeLayer(name, about, model, descend) {
  const spec = LAYERS[name];
  const picture = unitPicture(`${spec.title}: ${about}`);
  picture.shape(layout(spec));
  const frames = Array.from({ length: spec.side > 1 ? spec.maps : 1 }, () => h("i", { "aria-hidden": "true", hidden: true }));
  const board = h("div", { class: "board", tabindex: 0, role: "application", "aria-roledescription": "feature maps",
    "aria-label": `${spec.title}: ${about}. Arrow keys walk, Enter goes to the strongest input` }, picture.canvas, frames);
  const pick = (unit) => model.set("unit", unit);
  board.addEventListener("keydown", (event) => {
    const unit = model.get("unit").layer === name ? model.get("unit") : { layer: name, map: 0, row: 0, column: 0 };
    const next = walked(unit, event.key);
    if (next) pick(next);
    else if (event.key === "Enter") descend();
    else return;
    event.preventDefault();
  });
  const at = (event) => {
    const { zoom, wide, pitch, width, height, side, maps } = picture.place();
    const box = picture.canvas.getBoundingClientRect();
    const [x, y] = [((event.clientX - box.left) / box.width) * width, ((event.clientY - box.top) / box.height) * height];
    const [across, down] = [x, y].map((v) => Math.floor(v / pitch));
    const within = (v, part) => clamp(Math.floor((v - part * pitch) / zoom), 0, side - 1);
    const map = down * wide + across;
    if (across < 0 || across >= wide || map < 0 || map >= maps) return;
    const old = model.get("unit");
    const unit = { layer: name, map, row: within(y, down), column: within(x, across) };
    if (Object.keys(unit).some((key) => unit[key] !== old[key])) pick(unit);
  };
  board.addEventListener("pointermove", at);
  board.addEventListener("pointerdown", at);
  function mark(unit, seen) {
    frames.forEach((frame) => { frame.hidden = true; });
    if (unit.layer === name) {
      frames[0].className = "here";
      lay(frames[0], picture.place(), unit.map, [unit.row, unit.row], [unit.column, unit.column]);
    } else if (seen[name] && spec.side > 1)
      frames.forEach((frame, map) => {
        if (seen[name].map !== null && seen[name].map !== map) return;
        frame.className = "seen";
        lay(frame, picture.place(), map, seen[name].rows, seen[name].columns);
      });
  }
  const el = h("div", { class: `layer ${name}` }, h("p", { class: "cf-caption" }, h("b", {}, spec.title), ` ${about}`), board);
  return { el, board, mark, paint: picture.paint };
}

/** The field to draw in, with a mouse, a finger or keys. */
function makeField(model, say) {
  const canvas = h("canvas", { width: 10 * SIDE, height: 10 * SIDE, role: "img", "aria-label": "what you drew" });
  const context = canvas.getContext("2d");
  const pen = h("i", { class: "pen", "aria-hidden": "true" });
  const board = h("div", { class: "board field", tabindex: 0, role: "application", "aria-roledescription": "drawing field",
    "aria-label": "Draw a digit here. Arrow keys move the pen, Space puts it down or lifts it, Backspace takes back a stroke" },
  canvas, pen);
  let [down, pointer] = [false, false];

  function begin(point) {
    const fresh = model.get("example") >= 0; // an example gives way to a drawing
    model.set({ example: -1, strokes: [...(fresh ? [] : model.get("strokes")), [point]] });
  }
  function extend(point) {
    const strokes = model.get("strokes");
    if (!strokes.length) return begin(point);
    model.set("strokes", [...strokes.slice(0, -1), [...strokes.at(-1), point]]);
  }
  const place = (event) => {
    const box = canvas.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top].map((v) => Math.round(clamp(v / box.width, 0, 1) * SIDE * 100) / 100);
  };
  board.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    board.setPointerCapture(event.pointerId);
    [down, pointer] = [false, true];
    begin(place(event));
  });
  board.addEventListener("pointermove", (event) => {
    if (!pointer) return;
    const parts = event.getCoalescedEvents?.() ?? [];
    const last = model.get("strokes").at(-1)?.at(-1) ?? [-9, -9];
    const points = (parts.length ? parts : [event]).map(place).filter((p, n, all) => {
      const before = n ? all[n - 1] : last;
      return Math.hypot(p[0] - before[0], p[1] - before[1]) > 0.1;
    });
    if (points.length) model.set("strokes", [...model.get("strokes").slice(0, -1), [...model.get("strokes").at(-1), ...points]]);
  });
  for (const end of ["pointerup", "pointercancel"]) board.addEventListener(end, () => { pointer = false; });

  board.addEventListener("keydown", (event) => {
    const by = { ArrowUp: [0, -1], ArrowDown: [0, 1], ArrowLeft: [-1, 0], ArrowRight: [1, 0] }[event.key];
    if (by) {
      const cursor = model.get("cursor").map((v, k) => clamp(v + by[k], 0, SIDE));
      model.set("cursor", cursor);
      if (down) extend(cursor);
      else say(`Pen up, ${cursor[0]} from the left, ${cursor[1]} from the top`);
    } else if (event.key === " ") {
      down = !down;
      if (down) begin(model.get("cursor"));
      else model.set("cursor", [...model.get("cursor")]); // to be drawn again, with the pen up
      say(down ? "Pen down" : "Pen up");
    } else if (event.key === "Backspace") model.set("strokes", model.get("strokes").slice(0, -1));
    else return;
    event.preventDefault();
  });

  function show({ strokes, example, pen: width, cursor, images }) {
    context.fillStyle = "#000";
    context.fillRect(0, 0, canvas.width, canvas.height);
    if (example >= 0)
      images[example].forEach((ink, n) => {
        const level = Math.round(255 * ink);
        context.fillStyle = `rgb(${level} ${level} ${level})`;
        if (level) context.fillRect(10 * (n % SIDE), 10 * Math.floor(n / SIDE), 10, 10);
      });
    Object.assign(context, { strokeStyle: "#fff", lineWidth: 10 * width, lineCap: "round", lineJoin: "round" });
    for (const points of example >= 0 ? [] : strokes) {
      context.beginPath();
      [points[0], ...points].forEach(([x, y], n) => context[n ? "lineTo" : "moveTo"](10 * x, 10 * y));
      context.stroke();
    }
    pen.style.left = `${(100 * cursor[0]) / SIDE}%`;
    pen.style.top = `${(100 * cursor[1]) / SIDE}%`;
    pen.classList.toggle("down", down);
  }
  const lift = () => { down = false; };
  board.addEventListener("blur", lift);
  return { el: board, show, lift };
}

/** The ten scores as bars; each can be chosen, to see how it came about. */
function makeScores(model, best, descend) {
  const rows = Array.from({ length: 10 }, (_, digit) => {
    const [fill, p, z] = [h("i"), h("span", { class: "p" }), h("span", { class: "z" })];
    const el = h("div", { role: "option", class: "score", id: `score-${digit}`, onclick: () => pick(digit) },
      h("b", {}, String(digit)), h("span", { class: "track", "aria-hidden": "true" }, fill), p, z);
    return { el, fill, p, z };
  });
  const list = h("div", { class: "scores", role: "listbox", tabindex: 0, "aria-label": "Ten scores: probability, and score. Enter goes to the strongest input" },
    rows.map((row) => row.el));
  const pick = (digit) => model.set("unit", { layer: "output", map: digit, row: 0, column: 0 });
  list.addEventListener("keydown", (event) => {
    const unit = model.get("unit");
    const by = { ArrowUp: -1, ArrowDown: 1, Home: -9, End: 9 }[event.key];
    if (by) pick(unit.layer === "output" ? clamp(unit.map + by, 0, 9) : best());
    else if (event.key === "Enter" && unit.layer === "output") descend();
    else return;
    event.preventDefault();
  });
  function show({ units, p, best: top }, unit) {
    rows.forEach((row, digit) => {
      const chosen = unit.layer === "output" && unit.map === digit;
      row.el.classList.toggle("best", digit === top);
      row.el.setAttribute("aria-selected", String(chosen));
      row.fill.style.width = `${100 * p[digit]}%`;
      setText(row.p, `${fixed(100 * p[digit], 1)} %`);
      setText(row.z, fixed(units.output[digit], 1));
    });
    if (unit.layer === "output") list.setAttribute("aria-activedescendant", `score-${unit.map}`);
    else list.removeAttribute("aria-activedescendant");
  }
  return { el: list, board: list, show };
}

/** The chosen unit: what it reads, its weights, their products, and the sum in words. */
function makeInspector(descend) {
  const name = h("strong", {});
  const text = h("p", { class: "terms" });
  const pictures = ["It reads", "times its weights", "products"].map((label) => ({ label, ...unitPicture(label) }));
  const parts = pictures.map(({ label, canvas }) => h("div", {}, h("p", { class: "cf-caption" }, label), canvas));
  const down = button("Go to its strongest input", descend);
  const el = h("div", { class: "cf-sum" }, name, h("div", { class: "parts" }, parts), text, down);
  function show(unit, sum, value) {
    setText(name, `${called(unit)}: ${fmt(value)}`);
    down.disabled = !sum;
    parts.forEach((part, n) => { part.hidden = !sum || (n > 0 && sum.bias === undefined); });
    setText(text, sum ? written(sum, unit.layer) : "Ink from 0, paper, to 1, full ink.");
    if (!sum) return;
    const { from, size: wide, own } = LAYERS[unit.layer];
    const place = layout({ maps: own ? 1 : LAYERS[from].maps, side: wide, columns: Math.min(LAYERS[from].columns, wide === 1 ? 30 : 8) });
    [({ x }) => x, ({ w }) => w, ({ x, w }) => x * w].forEach((value_of, n) => {
      const { canvas, shape, paint, place: old } = pictures[n];
      if (old()?.maps !== place.maps || old().side !== place.side) {
        shape(place);
        canvas.parentNode.style.width = `${Math.max(60, Math.min(180, (place.width / place.zoom) * 18))}px`;
      }
      paint(sum.terms.map(value_of), n === 0 && from === "input" ? "ink" : "plus");
    });
  }
  return { el, show };
}

const ABOUT = { input: "28 × 28, as the network gets it", c1: "6 filters of 5 × 5", s2: "2 × 2 maxima of C1",
  c3: "16 filters of 6 × 5 × 5", s4: "2 × 2 maxima of C3", c5: "120 units, each reads all of S4", f6: "84 units" };

export const css = `
.top { display: grid; grid-template-columns: minmax(0, 1.15fr) minmax(0, 1fr) minmax(0, 1.1fr); gap: 0.9rem 1.2rem; }
.maps { display: grid; grid-template-columns: minmax(0, 1fr) minmax(0, 1fr); gap: 0.8rem 1.2rem; align-items: start; }
.board { position: relative; background: #3b4550; border: 1px solid var(--cf-edge); cursor: crosshair; touch-action: pan-y pinch-zoom; }
.board canvas, .parts canvas { width: 100%; height: auto; display: block; image-rendering: pixelated; }
.board.field { touch-action: none; background: #000; }
.board.field canvas { image-rendering: auto; }
.board i { position: absolute; pointer-events: none; }
.board i.here { outline: 2px solid #ff8ac4; box-shadow: 0 0 0 3px #000; min-width: 4px; min-height: 4px; }
.board i.seen { outline: 1.5px solid #ff8ac4; }
.board i[hidden] { display: none; }
.board i.pen { width: 14px; height: 14px; margin: -7px; border: 2px solid #ff8ac4; border-radius: 50%; display: none; }
.board.field:focus-visible i.pen { display: block; }
.board i.pen.down { background: #ff8ac4; }
.scores { display: grid; gap: 0.1rem; font-variant-numeric: tabular-nums; align-content: start; }
.score { display: grid; grid-template-columns: 1rem minmax(0, 1fr) 3.9rem 2.5rem; gap: 0.4rem; white-space: nowrap; align-items: center; min-height: 1.55rem;
  padding: 0 0.3rem; cursor: pointer; border-radius: 4px; }
.score b { font-weight: 400; }
.score.best, .score.best b { font-weight: 700; }
.score[aria-selected="true"] { box-shadow: inset 0 0 0 2px var(--cf-mark); }
.score .p, .score .z { text-align: right; }
.score .z { color: var(--cf-quiet); }
.track { height: 0.9rem; background: var(--cf-out); border: 1px solid var(--cf-line); border-radius: 3px; overflow: hidden; }
.track i { display: block; height: 100%; background: var(--cf-bar); }
.reading { font-size: 1.05rem; font-weight: 600; }
.parts { display: flex; gap: 0.5rem 1.3rem; margin: 0.4rem 0; min-height: 6.6rem; align-items: end; }
.parts > div { min-width: 0; }
.parts canvas { background: #3b4550; }
.parts [hidden] { display: none; }
.terms { min-height: 3.9em; margin-bottom: 0.4rem; }
@container (max-width: 560px) {
  .top { grid-template-columns: minmax(0, 1fr) minmax(0, 1fr); }
  .top > :last-child { grid-column: 1 / -1; }
  .maps { grid-template-columns: minmax(0, 1fr); }
  .terms { min-height: 6.5em; }
}`;

function render({ model, el }) {
  const net = unpacked(model.get("weights"));
  const levels = bytes(model.get("examples"));
  const images = Array.from({ length: levels.length / SIDE ** 2 }, (_, n) =>
    Float64Array.from(levels.subarray(n * SIDE ** 2, (n + 1) * SIDE ** 2), (level) => level / 255));
  const labels = model.get("labels");
  model.set("cursor", [8, 6]);
  const names = ["strokes", "example", "pen", "fit", "right", "down", "unit", "cursor"];
  const state = () => ({ ...Object.fromEntries(names.map((name) => [name, model.get(name)])), images });
  const first = state();
  delete first.images;
  const say = announcer();

  // --- controls
  const examples = select({ label: "Or take a test image",
    options: { "-1": "your drawing", ...Object.fromEntries(labels.map((digit, n) => [n, n < 10 ? `a ${digit}` : `a ${digit}, misread (${n - 9})`])) },
    input: (value) => model.set({ example: Number(value), strokes: [] }) });
  const fit = choice({ label: "The network gets your drawing", options: { yes: "centred and scaled", no: "as it is" },
    input: (value) => model.set("fit", value === "yes") });
  const pen = slider({ label: "Pen, in pixels", min: 1, max: 5, step: 0.5, input: (value) => model.set("pen", value) });
  const right = slider({ label: "Move right", min: -MOST, max: MOST, input: (value) => model.set("right", value) });
  const down = slider({ label: "Move down", min: -MOST, max: MOST, input: (value) => model.set("down", value) });
  const field = makeField(model, say);
  const clear = button("Clear", () => { field.lift(); model.set({ strokes: [], example: -1 }); }, { class: "cf-main" });
  const undo = button("Undo stroke", () => { field.lift(); model.set("strokes", model.get("strokes").slice(0, -1)); });
  const reset = button("Start over", () => { field.lift(); model.set(first); say("As at the start"); });

  // --- what is seen
  const descend = () => {
    const unit = model.get("unit");
    const next = unit.layer === "input" ? null : strongest(arithmetic(net, result.units, unit));
    if (!next) return;
    model.set("unit", next);
    if (el.getRootNode().activeElement?.tagName !== "BUTTON") layers[next.layer].board.focus({ preventScroll: true });
  };
  const layers = Object.fromEntries(Object.entries(ABOUT).map(([name, about]) => [name, makeLayer(name, about, model, descend)]));
  const scores = makeScores(model, () => result.best, descend);
  const inspector = makeInspector(descend);
  const reading = h("p", { class: "reading" });
  el.append(h("p", { class: "cf-title" }, model.get("title")),
    h("div", { class: "top" }, h("div", {}, h("p", { class: "cf-caption" }, h("b", {}, "Draw here"), " a digit"), field.el),
      layers.input.el, h("div", {}, h("p", { class: "cf-caption" }, h("b", {}, "Output"), " probability, and score"), scores.el)),
    reading, h("div", { class: "cf-row" }, clear, undo, examples.el, fit.el),
    h("div", { class: "cf-row" }, right.el, down.el, pen.el, reset),
    h("div", { class: "maps" }, ["c1", "s2", "c3", "s4", "c5", "f6"].map((name) => layers[name].el)),
    inspector.el, say.el,
    h("p", { class: "cf-hint" }, "Point at any unit: the pink frames show what it sees in the layers below. Keyboard: Tab to a layer, arrow keys to "
      + "walk, Enter for the strongest input. In the field, Space puts the pen down. The brightest unit of a layer has its largest answer."));

  let spoken = "";
  let painted = {};
  let result;
  function draw() {
    const now = state();
    if (["strokes", "example", "pen", "fit", "right", "down"].some((name) => now[name] !== painted[name])) {
      result = compute(now, net);
      for (const name in layers) layers[name].paint(result.units[name], name === "input" ? "ink" : "plus");
    }
    if (now.unit !== painted.unit) for (const name in layers) layers[name].mark(now.unit, fields(now.unit));
    painted = now;
    field.show(now);
    scores.show(result, now.unit);
    inspector.show(now.unit, now.unit.layer === "input" ? null : arithmetic(net, result.units, now.unit),
      result.units[now.unit.layer][indexOf(now.unit)]);
    examples.show(String(now.example));
    fit.show(now.fit ? "yes" : "no");
    fit.el.disabled = now.example >= 0;
    undo.disabled = now.example >= 0 || !now.strokes.length;
    pen.show(now.pen);
    right.show(now.right);
    down.show(now.down);
    speak(now);
  }

  function speak(now) {
    const blank = now.example < 0 && !now.strokes.length;
    const read = blank ? "Nothing is drawn: these are the answers to empty paper." : `It reads a ${result.best}, with ${fixed(100 * result.p[result.best], 1)} %`
      + `${now.example >= 0 ? `. The label says ${labels[now.example]}.` : "."}`;
    setText(reading, read);
    const text = `${read} ${called(now.unit)}: ${fmt(result.units[now.unit.layer][indexOf(now.unit)])}.`;
    if (spoken && spoken !== text) say(text);
    spoken = text;
  }
  live(model, el, draw);
}

export default { render };
