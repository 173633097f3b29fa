// A trained neocognitron answers to what the reader draws, plane by plane. Numbers as
// course_utils.cortex.Neocognitron with weights rounded to 16-bit floats.

import { announcer, button, choice, clamp, fixed, fmt, h, live, select, setText } from "./lib.js";

// --- the network -----------------------------------------------------------------------------

export const SIDE = 16; // of the picture, in pixels
const bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));

/** A number from the 16 bits of a half-precision float. */
export function half(bits) {
  const [sign, exponent, part] = [bits & 0x8000 ? -1 : 1, (bits >> 10) & 31, bits & 1023];
  if (exponent === 0) return sign * part * 2 ** -24;
  return sign * (1 + part / 1024) * 2 ** (exponent - 15);
}

/** The stages with their weights as numbers: a of every plane, one after the other, and b. */
export const unpacked = (stages) => stages.map((stage) => {
  const [a, b] = [stage.a, stage.b].map((text) => Float64Array.from(new Uint16Array(bytes(text).buffer), half));
  return { ...stage, a, b };
});

/** The cells of an area that answer, in all planes: their places in the area's weights, and their answers. */
function seenBy({ values, planes, side }, top, left, area) {
  const [at, u] = [[], []];
  const [low, high, first, last] = [Math.max(top, 0), Math.min(top + area, side), Math.max(left, 0), Math.min(left + area, side)];
  for (let k = 0; k < planes; k++)
    for (let i = low; i < high; i++)
      for (let j = first; j < last; j++) {
        const value = values[(k * side + i) * side + j];
        if (value === 0) continue; // most cells of most layers are silent
        at.push((k * area + i - top) * area + j - left);
        u.push(value);
      }
  return { at, u };
}

/** Excitation, inhibitory cell and answer of one S-cell, from what its area sees. */
function sCell({ a, b, r, planes }, plane, { at, u }, v) {
  let e = 0;
  for (let n = 0, own = (plane * a.length) / planes; n < at.length; n++) e += a[own + at[n]] * u[n];
  const inhibition = ((2 * r) / (1 + r)) * b[plane] * v;
  return { e, v, b: b[plane], h: inhibition, value: (r * Math.max(e - inhibition, 0)) / (1 + inhibition) };
}

/** The root mean square of what an area sees, with the fixed weights c. */
const inhibitoryCell = ({ c }, { at, u }) => Math.sqrt(u.reduce((sum, value, n) => sum + c[at[n] % c.length] * value ** 2, 0));

function sLayer(stage, below) {
  const { planes, s_side: side, s_area: area, s_starts: starts } = stage;
  const values = new Float64Array(planes * side * side);
  for (let i = 0; i < side; i++)
    for (let j = 0; j < side; j++) {
      const seen = seenBy(below, starts[i], starts[j], area);
      const v = inhibitoryCell(stage, seen);
      if (v > 0) for (let k = 0; k < planes; k++) values[(k * side + i) * side + j] = sCell(stage, k, seen, v).value;
    }
  return { values, planes, side };
}

/** The sum of one S-plane over a C-cell's area, with the fixed weights d. */
function areaSum({ d, c_area: area }, { values, side }, plane, top, left) {
  let sum = 0;
  for (let i = Math.max(0, -top); i < Math.min(area, side - top); i++)
    for (let j = Math.max(0, -left); j < Math.min(area, side - left); j++)
      sum += d[i * area + j] * values[(plane * side + top + i) * side + left + j];
  return sum;
}

/** All C-cells at one place: their sums, the mean over the planes, their answers. */
function cCells(stage, below, i, j) {
  const starts = stage.c_starts;
  const sums = Array.from({ length: below.planes }, (_, k) => areaSum(stage, below, k, starts[i], starts[j]));
  const mean = sums.reduce((total, sum) => total + sum, 0) / sums.length;
  return { sums, mean, values: sums.map((sum) => {
    const x = Math.max((1 + sum) / (1 + mean) - 1, 0);
    return x / (stage.alpha + x);
  }) };
}

function cLayer(stage, below) {
  const { planes, c_side: side } = stage;
  const values = new Float64Array(planes * side * side);
  for (let i = 0; i < side; i++)
    for (let j = 0; j < side; j++)
      cCells(stage, below, i, j).values.forEach((value, k) => { values[(k * side + i) * side + j] = value; });
  return { values, planes, side };
}

/** Every layer's answers to a picture: {U0, S1, C1, S2, C2, S3, C3}, each {values, planes, side}. */
export function forward(net, image) {
  const layers = { U0: { values: image, planes: 1, side: SIDE } };
  let below = layers.U0;
  net.forEach((stage, n) => {
    layers[`S${n + 1}`] = sLayer(stage, below);
    below = layers[`C${n + 1}`] = cLayer(stage, layers[`S${n + 1}`]);
  });
  return layers;
}

/** Length of the difference of two layers, as a share of the length of the first. */
export function change(before, after) {
  let [difference, length] = [0, 0];
  before.values.forEach((value, n) => {
    difference += (after.values[n] - value) ** 2;
    length += value ** 2;
  });
  if (length > 0) return Math.sqrt(difference / length);
  return difference > 0 ? Infinity : 0;
}

/** For each pattern the largest answer of the planes of C3 that bear its name; and the winner, -1 if all are silent. */
export function reading({ C3 }, names) {
  const largest = names.reduce((most, name, plane) => {
    most[name] = Math.max(most[name] ?? 0, C3.values[plane]);
    return most;
  }, []);
  const plane = C3.values.indexOf(Math.max(...C3.values));
  return { largest, plane, winner: C3.values[plane] > 0 ? names[plane] : -1 };
}

/** What made one cell's answer; for an S-cell also what it sees and what it has learned, plane by plane. */
export function explained(net, layers, { layer, plane, row, column }) {
  const stage = net[layer[1] - 1];
  if (layer[0] === "C") {
    const below = layers[`S${layer[1]}`];
    const { sums, mean, values } = cCells(stage, below, row, column);
    return { sum: sums[plane], mean, value: values[plane] };
  }
  const below = layers[layer === "S1" ? "U0" : `C${layer[1] - 1}`];
  const seen = seenBy(below, stage.s_starts[row], stage.s_starts[column], stage.s_area);
  const size = below.planes * stage.s_area ** 2;
  const sees = new Float64Array(size);
  seen.at.forEach((place, n) => { sees[place] = seen.u[n]; });
  return { ...sCell(stage, plane, seen, inhibitoryCell(stage, seen)), sees, learned: stage.a.subarray(plane * size, (plane + 1) * size) };
}

/** What a cell sees in every layer below it: the plane (null for all) and its first and last row and column. */
export function fields(net, { layer, plane, row, column }) {
  const seen = {};
  let only = plane;
  let [rows, columns] = [[row, row], [column, column]];
  for (let number = Number(layer[1]), kind = layer[0]; number > 0;) {
    const stage = net[number - 1];
    const [starts, area] = kind === "C" ? [stage.c_starts, stage.c_area] : [stage.s_starts, stage.s_area];
    const below = kind === "C" ? `S${number}` : number === 1 ? "U0" : `C${number - 1}`;
    const side = kind === "C" ? stage.s_side : number === 1 ? SIDE : net[number - 2].c_side;
    const widened = ([first, last]) => [Math.max(0, starts[first]), Math.min(side - 1, starts[last] + area - 1)];
    [rows, columns] = [widened(rows), widened(columns)];
    if (kind === "S") only = null;
    seen[below] = { plane: only, rows, columns };
    if (kind === "S") number--;
    kind = kind === "S" ? "C" : "S";
  }
  return seen;
}

// --- pictures ----------------------------------------------------------------------------------

/** Light that a patterns' text carries, from 0 to 1: an array of 256 for each. */
export const patternsOf = (text) => {
  const light = Float64Array.from(bytes(text), (level) => level / 255);
  return Array.from({ length: light.length / SIDE ** 2 }, (_, n) => light.slice(n * SIDE ** 2, (n + 1) * SIDE ** 2));
};

/** A picture with a line of the pen, one pixel wide and soft at its edge; or with that line wiped out. */
export function stroked(image, [x0, y0], [x1, y1], erase) {
  const length = (x1 - x0) ** 2 + (y1 - y0) ** 2;
  return image.map((old, n) => {
    const [x, y] = [n % SIDE, Math.floor(n / SIDE)];
    const along = length ? clamp(((x - x0) * (x1 - x0) + (y - y0) * (y1 - y0)) / length, 0, 1) : 0;
    const ink = clamp(1 - Math.hypot(x - x0 - along * (x1 - x0), y - y0 - along * (y1 - y0)), 0, 1);
    return erase ? Math.min(old, ink > 0.4 ? 0 : 1) : Math.max(old, ink);
  });
}

/** A picture moved by whole pixels; what leaves is lost. */
export const moved = (image, down, right) => image.map((_, n) => {
  const [i, j] = [Math.floor(n / SIDE) - down, (n % SIDE) - right];
  return i >= 0 && j >= 0 && i < SIDE && j < SIDE ? image[i * SIDE + j] : 0;
});

const ROW = 12; // planes side by side
const GAP = 2; // pixels between planes
const rgba = (r, g, b) => (255 << 24) | (b << 16) | (g << 8) | r;
const SHADES = Uint32Array.from({ length: 256 }, (_, n) =>
  rgba(...[[16, 110], [21, 190], [27, 255]].map(([dark, light]) => Math.round(dark + ((light - dark) * n) / 255))) >>> 0);
const FRAME = rgba(59, 69, 80) >>> 0;

/** A canvas with a layer's planes, each cell as a share of the layer's largest; weak answers are lifted. */
function makePlanes({ planes, side }, label) {
  const across = Math.min(planes, ROW);
  const zoom = Math.round((side < 10 ? 32 : 48) / side);
  const pitch = side * zoom + GAP;
  const [width, height] = [across * pitch - GAP, Math.ceil(planes / across) * pitch - GAP];
  const canvas = h("canvas", { width, height, role: "img", "aria-label": label });
  const context = canvas.getContext("2d");
  const image = context.createImageData(width, height);
  const pixels = new Uint32Array(image.data.buffer).fill(FRAME);
  const corner = (plane) => [(plane % across) * pitch, Math.floor(plane / across) * pitch];
  function paint(values, most, lift = 0.6) {
    for (let k = 0, n = 0; k < planes; k++) {
      const [x, y] = corner(k);
      for (let i = 0; i < side; i++) {
        const from = (y + i * zoom) * width + x;
        for (let j = 0, at = from; j < side; j++, n++) {
          const shade = values[n] === 0 ? SHADES[0] : SHADES[Math.round(255 * (values[n] / most) ** lift)];
          for (let a = 0; a < zoom; a++) pixels[at++] = shade;
        }
        for (let a = 1; a < zoom; a++) pixels.copyWithin(from + a * width, from, from + side * zoom);
      }
    }
    context.putImageData(image, 0, 0);
  }
  /** The cell at a place of the canvas, given as shares of its width and height; or null. */
  function cellAt(u, v) {
    const [x, y] = [Math.floor(u * width), Math.floor(v * height)];
    const plane = Math.floor(y / pitch) * across + Math.floor(x / pitch);
    const within = (place) => clamp(Math.floor((place % pitch) / zoom), 0, side - 1);
    return x >= 0 && y >= 0 && x < width && y < height && plane < planes ? { plane, row: within(y), column: within(x) } : null;
  }
  /** Lay an element over rows and columns of a plane. */
  function lay(frame, plane, [top, bottom], [left, right]) {
    const [x, y] = corner(plane);
    const set = (name, share) => frame.style.setProperty(name, `${100 * share}%`);
    set("left", (x + left * zoom) / width);
    set("top", (y + top * zoom) / height);
    set("width", ((right - left + 1) * zoom) / width);
    set("height", ((bottom - top + 1) * zoom) / height);
    frame.hidden = false;
  }
  return { canvas, paint, cellAt, lay };
}

// --- parts of the figure -----------------------------------------------------------------------

const ABOUT = { S1: "pieces of stroke", C1: "pieces, nearby", S2: "groups of pieces", C2: "groups, nearby",
  S3: "whole patterns", C3: "patterns, anywhere" };
const ARROWS = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };

/** The cell that a key leads to: arrows walk, over the edge into the next plane; Page Up and Down change the plane. */
export function walked({ plane, row, column }, key, { planes, side }) {
  if (key === "PageUp" || key === "PageDown")
    return { plane: clamp(plane + (key === "PageUp" ? -1 : 1), 0, planes - 1), row, column };
  if (!ARROWS[key]) return null;
  const [i, j] = [row + ARROWS[key][0], column + ARROWS[key][1]];
  if (i >= 0 && j >= 0 && i < side && j < side) return { plane, row: i, column: j };
  const next = plane + ARROWS[key][1] + ARROWS[key][0] * ROW;
  return next < 0 || next >= planes ? { plane, row, column } : { plane: next, row: (i + side) % side, column: (j + side) % side };
}

/** One layer's planes: pointed at, walked by keys. */
function makeLayer(name, shape, model) {
  const picture = makePlanes(shape, `${name}: ${shape.planes} planes of ${shape.side} by ${shape.side}`);
  const frames = Array.from({ length: shape.planes }, () => h("i", { "aria-hidden": "true", hidden: true }));
  const board = h("div", { class: "board", tabindex: 0, role: "application", "aria-roledescription": "planes",
    "aria-label": `${name}: ${ABOUT[name]}. Arrow keys walk from cell to cell, Page Up and Page Down from plane to plane` },
  picture.canvas, frames);
  const note = h("b");
  const pick = (cell) => model.set("cell", { layer: name, ...cell });
  board.addEventListener("keydown", (event) => {
    const old = model.get("cell");
    const next = walked(old.layer === name ? old : { plane: 0, row: 0, column: 0 }, event.key, shape);
    if (!next) return;
    pick(next);
    event.preventDefault();
  });
  const point = (event) => {
    const box = picture.canvas.getBoundingClientRect();
    const cell = picture.cellAt((event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height);
    const old = model.get("cell");
    if (cell && (old.layer !== name || Object.keys(cell).some((key) => cell[key] !== old[key]))) pick(cell);
  };
  board.addEventListener("pointermove", point);
  board.addEventListener("pointerdown", point);
  function mark(cell, seen) {
    frames.forEach((frame) => { frame.hidden = true; });
    const here = cell.layer === name;
    if (!here && !seen[name]) return;
    const { plane, rows, columns } = here ? { plane: cell.plane, rows: [cell.row, cell.row], columns: [cell.column, cell.column] } : seen[name];
    frames.forEach((frame, k) => {
      if (plane !== null && plane !== k) return;
      frame.className = here ? "here" : "seen";
      picture.lay(frame, k, rows, columns);
    });
  }
  const head = h("p", { class: "cf-caption head" }, h("span", {}, h("b", {}, name), ` ${shape.side} × ${shape.side}, ${ABOUT[name]}`), note);
  return { el: h("div", { class: shape.side < 10 ? "half" : "" }, head, board), mark, note, paint: picture.paint };
}

/** The picture U0: drawn into with a pointer, a finger or keys. */
function makeField(model, say) {
  const picture = makePlanes({ planes: 1, side: SIDE }, "what is drawn");
  const [frame, pen] = [h("i", { class: "seen", "aria-hidden": "true", hidden: true }), h("i", { class: "pen", "aria-hidden": "true" })];
  const board = h("div", { class: "board field", tabindex: 0, role: "application", "aria-roledescription": "drawing field",
    "aria-label": "Picture of 16 by 16 pixels. Arrow keys move the pen, Space puts it down or lifts it" }, picture.canvas, frame, pen);
  let [last, down] = [null, false]; // where the pointer's line goes on; whether the keys' pen is down
  const line = (from, to) => model.set("image", stroked(model.get("image"), from, to, model.get("tool") === "erase"));
  const place = (event) => {
    const box = picture.canvas.getBoundingClientRect();
    return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height].map((v) => v * SIDE - 0.5);
  };
  board.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    board.setPointerCapture(event.pointerId);
    last = place(event);
    line(last, last);
  });
  board.addEventListener("pointermove", (event) => {
    if (!last) return;
    const next = place(event);
    line(last, next);
    last = next;
  });
  for (const end of ["pointerup", "pointercancel"]) board.addEventListener(end, () => { last = null; });
  board.addEventListener("keydown", (event) => {
    const [by, cursor] = [ARROWS[event.key], model.get("cursor")];
    if (by) {
      const next = [clamp(cursor[0] + by[1], 0, SIDE - 1), clamp(cursor[1] + by[0], 0, SIDE - 1)];
      if (down) line(cursor, next);
      else say(`Pen up, row ${next[1]}, column ${next[0]}`);
      model.set("cursor", next);
    } else if (event.key === " ") {
      down = !down;
      if (down) line(cursor, cursor);
      model.set("cursor", [...cursor]); // to be drawn again, with the pen up or down
      say(down ? "Pen down" : "Pen up");
    } else return;
    event.preventDefault();
  });
  function show({ image, cursor }, seen) {
    picture.paint(image, 1, 1);
    frame.hidden = true;
    if (seen) picture.lay(frame, 0, seen.rows, seen.columns);
    picture.lay(pen, 0, [cursor[1], cursor[1]], [cursor[0], cursor[0]]);
    pen.classList.toggle("down", down);
  }
  return { el: board, show, lift: () => { down = false; } };
}

/** For each pattern, how strongly the planes that bear its name answer. */
function makeMeters(patterns) {
  const meters = patterns.map((name) => {
    const [fill, value] = [h("i"), h("b")];
    return { fill, value, el: h("div", { class: "meter" }, h("span", {}, name), h("span", { class: "track", "aria-hidden": "true" }, fill), value) };
  });
  function show({ largest, winner }) {
    const most = Math.max(...largest.map((x) => x ?? 0), 1e-9);
    meters.forEach(({ fill, value, el }, k) => {
      fill.style.width = `${(100 * (largest[k] ?? 0)) / most}%`;
      setText(value, fixed(largest[k] ?? 0, 3));
      el.classList.toggle("best", winner === k);
    });
  }
  return { el: h("div", { class: "meters" }, meters.map((meter) => meter.el)), show };
}

/** What an S-cell sees beside what it has learned: one area for S1, one in each of 24 planes above. */
function makeParts(net) {
  const kinds = [1, net[0].planes].map((planes) => {
    const pictures = ["what it sees", "what it has learned"].map((label) => ({ label, ...makePlanes({ planes, side: net[0].s_area }, label) }));
    const el = h("div", { class: `parts${planes === 1 ? " one" : ""}` },
      pictures.map(({ label, canvas }) => h("div", {}, canvas, h("p", { class: "cf-quiet" }, label))));
    return { el, pictures };
  });
  function show({ sees, learned }) {
    const count = sees ? sees.length / net[0].s_area ** 2 : 0;
    kinds.forEach(({ el, pictures }, n) => {
      el.hidden = count !== (n ? net[0].planes : 1);
      if (el.hidden) return;
      for (const [k, values] of [sees, learned].entries()) pictures[k].paint(values, Math.max(1e-9, ...values));
    });
  }
  return { el: h("div", {}, kinds.map(({ el }) => el)), show };
}

/** How one cell's answer came about, written out. */
export function written(stage, cell, made) {
  if (cell.layer[0] === "C") {
    const [sum, mean] = [fmt(made.sum, 3), fmt(made.mean, 3)];
    return `sum over its area in its own plane ${sum}, in the mean plane ${mean}; x = (1 + ${sum}) / (1 + ${mean}) − 1 = `
      + `${fmt((1 + made.sum) / (1 + made.mean) - 1, 3)}; `
      + (made.value > 0 ? `answer x / (${stage.alpha} + x) = ${fmt(made.value, 3)}` : "x is not positive: answer 0");
  }
  const { e, v, b, h: inhibition, value } = made;
  const { r } = stage;
  return `excitation e = ${fmt(e, 3)}; inhibition h = 2·${r} / (1 + ${r}) · b·v = ${fmt((2 * r) / (1 + r), 2)} · ${fmt(b, 3)} · ${fmt(v, 3)} = `
    + `${fmt(inhibition, 3)}; answer ${r} · max(e − h, 0) / (1 + h) = ${r} · max(${fmt(e - inhibition, 3)}, 0) / ${fmt(1 + inhibition, 3)} = `
    + fmt(value, 3) + (b === 0 ? ". This plane never won: it has its first weights, and b = 0" : "");
}

export const css = `
.top { display: grid; grid-template-columns: minmax(0, 15rem) minmax(0, 1fr); gap: 0.9rem 1.4rem; align-items: start; }
.top > div > * + * { margin-top: 0.6rem; }
.maps { display: grid; grid-template-columns: minmax(0, 1fr) minmax(0, 1fr); gap: 0.8rem 1.2rem; align-items: end; }
.maps > div { grid-column: 1 / -1; }
.maps > .half { grid-column: auto; }
.head { display: flex; justify-content: space-between; gap: 0.5rem; }
.head > :last-child { white-space: nowrap; font-variant-numeric: tabular-nums; }
.board { position: relative; background: #3b4550; border: 1px solid var(--cf-edge); cursor: crosshair; touch-action: pan-y pinch-zoom; }
.board canvas { width: 100%; height: auto; display: block; image-rendering: pixelated; }
.board.field { touch-action: none; }
.board i { position: absolute; pointer-events: none; }
.board i[hidden] { display: none; }
.board i.here { outline: 2px solid #ff8ac4; box-shadow: 0 0 0 3px #000; }
.board i.seen { outline: 1.5px solid #ff8ac4; }
.board i.pen { display: none; outline: 2px solid #fff; outline-offset: -2px; }
.board.field:focus-visible i.pen { display: block; }
.board i.pen.down { background: rgb(255 138 196 / 0.7); }
.reading { font-size: 1.05rem; font-weight: 600; }
.meters { display: grid; gap: 0.15rem; font-variant-numeric: tabular-nums; }
.meter { display: grid; grid-template-columns: 1rem minmax(0, 1fr) 3rem; gap: 0.5rem; align-items: center; }
.meter b { font-weight: 400; text-align: right; }
.meter.best, .meter.best b { font-weight: 700; }
.track { height: 0.9rem; background: var(--cf-out); border: 1px solid var(--cf-line); border-radius: 3px; overflow: hidden; }
.track i { display: block; height: 100%; background: var(--cf-bar); }
.made { min-height: 3em; }
.parts { display: grid; grid-template-columns: minmax(0, 1fr) minmax(0, 1fr); gap: 0.3rem 1.2rem; margin: 0.4rem 0; }
.parts[hidden] { display: none; }
.parts.one { grid-template-columns: repeat(2, minmax(0, 9rem)); }
.parts.one canvas { max-width: 6rem; }
.parts canvas { width: 100%; height: auto; display: block; image-rendering: pixelated; }
@container (max-width: 560px) { .top, .maps { grid-template-columns: minmax(0, 1fr); }
  .field { max-width: 15rem; }
  .made { min-height: 6em; } }`;

function render({ model, el }) {
  const net = unpacked(model.get("stages"));
  const names = model.get("names"); // the pattern that each plane of C3 stands for, by number
  const titles = model.get("patterns");
  const drawn = patternsOf(model.get("pictures"));
  const given = drawn[titles.indexOf(model.get("pattern"))];
  const [down, right] = [model.get("down"), model.get("right")];
  model.set({ image: down || right ? moved(given, down, right) : given, before: given, tool: "draw", cursor: [8, 8] });
  const state = () => Object.fromEntries(["image", "before", "tool", "cursor", "cell"].map((name) => [name, model.get(name)]));
  const first = state();
  const say = announcer();

  // --- controls
  const options = { own: "your own", ...Object.fromEntries(titles.map((title) => [title, `the ${title}, as learned`])) };
  const preset = select({ label: "Picture", options, input: (title) => {
    const image = drawn[titles.indexOf(title)];
    if (image) model.set({ image, before: image });
  } });
  const tool = choice({ label: "Pen", options: { draw: "draws", erase: "wipes out" }, input: (value) => model.set("tool", value) });
  const shift = (label, sign, by) => button(sign, () => model.set("image", moved(model.get("image"), ...by)), { "aria-label": label });
  const shifts = h("div", { class: "cf-buttons", role: "group", "aria-label": "Move the picture by a pixel" },
    shift("Move left", "←", [0, -1]), shift("Move right", "→", [0, 1]), shift("Move up", "↑", [-1, 0]), shift("Move down", "↓", [1, 0]));
  const field = makeField(model, say);
  const clear = button("Clear", () => { field.lift(); model.set("image", new Float64Array(SIDE * SIDE)); });
  const keep = button("Compare with this one", () => model.set("before", model.get("image")));
  const reset = button("Start over", () => { field.lift(); model.set(first); say("As at the start"); });

  // --- what is seen
  const layers = forward(net, first.image);
  const boards = Object.fromEntries(Object.keys(ABOUT).map((name) => [name, makeLayer(name, layers[name], model)]));
  const meters = makeMeters(titles);
  const parts = makeParts(net);
  const [verdict, note, where, made] = [h("p", { class: "reading" }), h("p", { class: "cf-quiet" }), h("p"), h("p", { class: "made" })];
  el.append(h("p", { class: "cf-title" }, model.get("title")),
    h("div", { class: "top" },
      h("div", {}, h("p", { class: "cf-caption" }, h("b", {}, "U0"), " draw here"), field.el),
      h("div", {}, verdict, meters.el, h("div", { class: "cf-row" }, preset.el, tool.el), h("div", { class: "cf-row" }, shifts, clear),
        h("div", { class: "cf-buttons" }, keep, reset), note)),
    h("div", { class: "maps" }, Object.values(boards).map((board) => board.el)),
    h("div", { class: "cf-sum" }, where, parts.el, made), say.el,
    h("p", { class: "cf-hint" }, "A layer's brightest cell has its largest answer; weak answers are drawn brighter than they are. Changes are "
      + "lengths of differences, in percent of the length before. Point at a cell: frames show what it sees in the layers below. "
      + "Keyboard: in the picture, arrow keys move the pen, Space puts it down; in a layer, they walk. Planes, rows and columns are counted from 0, as in the code."));

  let spoken = "";
  let painted = {};
  let [answers, before] = [null, null];
  function draw() {
    const now = state();
    if (now.before !== painted.before) before = forward(net, now.before);
    const fresh = now.image !== painted.image;
    if (fresh) answers = now.image === now.before ? before : forward(net, now.image);
    for (const [name, board] of Object.entries(boards)) {
      const most = fresh ? answers[name].values.reduce((m, x) => Math.max(m, x), 1e-9) : 1;
      if (fresh) board.paint(answers[name].values, most);
      setText(board.note, `changed ${percent(change(before[name], answers[name]))}`);
    }
    const seen = fields(net, now.cell);
    if (now.cell !== painted.cell) for (const board of Object.values(boards)) board.mark(now.cell, seen);
    painted = now;
    field.show(now, seen.U0);
    preset.show(titles[drawn.indexOf(now.image)] ?? "own");
    tool.show(now.tool);
    const read = reading(answers, names);
    meters.show(read);
    setText(verdict, said(read, titles));
    setText(note, `The picture changed by ${percent(change(before.U0, answers.U0))} from the one it is compared with.`);
    const { layer, plane, row, column } = now.cell;
    setText(where, `${layer}, plane ${plane}, row ${row}, column ${column}`);
    const result = explained(net, answers, now.cell);
    parts.show(result);
    setText(made, written(net[layer[1] - 1], now.cell, result));
    const text = `${said(read, titles)} ${where.textContent}: ${fmt(result.value, 3)}.`;
    if (spoken && spoken !== text) say(text);
    spoken = text;
  }
  live(model, el, draw);
}

const percent = (share) => `${fixed(100 * share, 0)} %`;

/** What the network takes the picture for, in a sentence. */
export const said = ({ winner, plane, largest }, titles) => (winner < 0 ? "Every cell of C3 is silent: it takes this for nothing."
  : `It takes this for a ${titles[winner]}: plane ${plane} of C3 answers most, ${fixed(largest[winner], 3)}.`);

export default { render };
