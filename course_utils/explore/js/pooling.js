// Pooling: every window of a map becomes one number; shift the map and see what changes.
// Numbers as ops.max_pool2d, ops.avg_pool2d, ops.lp_pool2d and plain slicing.

import { announcer, button, changed, choice, clamp, fmt, grid, h, largest, live, player, select,
  setText, slider } from "./lib.js";

/** One window's numbers become one number. "first" is bare subsampling: a strided layer's places. */
export const KINDS = {
  max: (cells) => Math.max(...cells),
  mean: (cells) => cells.reduce((sum, x) => sum + x, 0) / cells.length,
  L2: (cells) => Math.sqrt(cells.reduce((sum, x) => sum + x * x, 0)),
  first: (cells) => cells[0],
};

/** The map moved down by `down` and right by `right` places; zeros come in. */
export const shifted = (input, down, right) => input.map((row, i) =>
  row.map((_, j) => input[i - down]?.[j - right] ?? 0));

/** The cells of window (i, j), row by row. */
export const windowOf = (map, { size, stride }, i, j) =>
  Array.from({ length: size ** 2 }, (_, n) =>
    map[i * stride + Math.floor(n / size)][j * stride + (n % size)]);

/** Pool a map: windows that fit, floor. */
export function pool(map, { kind, size, stride }) {
  const count = (n) => (n < size ? 0 : Math.floor((n - size) / stride) + 1);
  return Array.from({ length: count(map.length) }, (_, i) =>
    Array.from({ length: count(map[0].length) }, (_, j) => KINDS[kind](windowOf(map, { size, stride }, i, j))));
}

/** Length of the difference of two tables over the length of the first: ∞ if only that is 0, 0 if both are. */
export function change(before, after) {
  let [moved, whole] = [0, 0];
  before.forEach((row, i) => row.forEach((x, j) => { moved += (x - after[i][j]) ** 2; whole += x * x; }));
  return moved === 0 ? 0 : Math.sqrt(moved) / Math.sqrt(whole);
}

/** Everything that the figure shows, from its settings. */
export function compute(state) {
  const map = shifted(state.input, state.down, state.right);
  const [still, output] = [pool(state.input, state), pool(map, state)];
  const cells = output.flat().length;
  const differ = output.flat().filter((x, n) => x !== still.flat()[n]).length;
  return { map, still, output, cells, differ, inputChange: change(state.input, map),
    outputChange: change(still, output) };
}

const empty = () => Array.from({ length: 8 }, () => new Array(8).fill(0));
const drawn = (at) => empty().map((row, i) => row.map((_, j) => at(i, j)));

/** Maps to start from. */
export const MAPS = {
  blobs: drawn((i, j) => ({ "1,1": 9, "1,2": 5, "2,1": 4, "4,5": 8, "4,6": 6, "5,5": 3, "6,2": 7 }[`${i},${j}`] ?? 0)),
  dot: drawn((i, j) => (i === 3 && j === 3 ? 9 : 0)),
  line: drawn((i, j) => (j === 3 ? 6 : 0)),
  stripes: drawn((i, j) => (j % 2 ? 0 : 6)),
};

export const css = `
.stage { display: grid; grid-template-columns: minmax(0, 8fr) minmax(0, 8fr); gap: 0.9rem 1.6rem; align-items: start; }
.bars { display: grid; grid-template-columns: auto 1fr 3.6rem; gap: 0.25rem 0.7rem; align-items: center;
  font-variant-numeric: tabular-nums; }
.track { height: 0.85rem; border-radius: 3px; background: var(--cf-out); border: 1px solid var(--cf-line); overflow: hidden; }
.track i { display: block; height: 100%; width: calc(100% * min(var(--v, 0), 1.5) / 1.5); background: var(--cf-bar); }
.cf-sum { min-height: 3.6rem; }
.cf-grid { --cell: 2.6rem; }
@container (max-width: 470px) {
  .stage { grid-template-columns: minmax(0, 1fr); }
  .cf-grid { --cell: 2.3rem; }
  .bars { grid-template-columns: minmax(0, 1fr) 3.6rem; }
  .bars > span:nth-child(3n + 1) { grid-column: 1 / -1; }
}`;

function render({ model, el }) {
  const names = ["input", "kind", "size", "stride", "down", "right", "position"];
  const state = () => Object.fromEntries(names.map((name) => [name, model.get(name)]));
  const first = state();
  const say = announcer();
  const widthOf = () => compute(state()).output[0]?.length ?? 0;

  const kind = choice({ label: "A window becomes its", input: (value) => model.set("kind", value),
    options: { max: "maximum", mean: "mean", L2: "L2 norm", first: "first cell" } });
  const map = select({ label: "Map", options: { own: "as typed", blobs: "a few spots", dot: "one dot",
    line: "a thin line", stripes: "stripes" }, input: (value) => MAPS[value] && model.set("input", MAPS[value]) });
  const size = slider({ label: "Window", min: 1, max: 4, format: (p) => `${p} × ${p}`,
    input: (value) => model.set("size", value) });
  const stride = slider({ label: "Stride", min: 1, max: 4, input: (value) => model.set("stride", value) });
  const right = slider({ label: "Shift right", min: -4, max: 4, input: (value) => model.set("right", value) });
  const down = slider({ label: "Shift down", min: -4, max: 4, input: (value) => model.set("down", value) });
  const play = player({ say, stopped: () => el.draw(),
    count: () => compute(state()).cells, position: () => model.get("position"),
    move: (position) => model.set("position", position) });
  const reset = button("Start over", () => { play.stop(); model.set(first); say("As at the start"); });

  const inputGrid = grid({ label: "Map, shifted", name: (i, j) => `map, row ${i + 1}, column ${j + 1}`,
    edit: (i, j, value) => {
      const { down: dy, right: dx, input } = state();
      if (input[i - dy]?.[j - dx] !== undefined) model.set("input", changed(input, i - dy, j - dx, value));
    } });
  const outputGrid = grid({ label: "Pooled map", pick: (i, j) => {
    play.stop();
    model.set("position", i * widthOf() + j);
  } });
  const captions = { input: h("p", { class: "cf-caption" }), output: h("p", { class: "cf-caption" }) };
  const sentence = h("p", { class: "cf-quiet" });
  const sum = h("p", {});
  const meter = (label) => {
    const fill = h("i");
    const value = h("span");
    const show = (share) => {
      fill.style.setProperty("--v", Math.min(share, 1.5));
      setText(value, `${fmt(100 * share, 0)} %`);
    };
    return { parts: [h("span", {}, label), h("span", { class: "track", "aria-hidden": "true" }, fill), value], show };
  };
  const meters = [meter("Change of the map"), meter("Change of the pooled map")];
  const count = h("p", { class: "cf-quiet" });
  el.append(h("p", { class: "cf-title" }, model.get("title")),
    h("div", { class: "cf-row" }, kind.el, map.el),
    h("div", { class: "cf-row" }, size.el, stride.el, right.el, down.el),
    h("div", { class: "stage" }, h("div", {}, captions.input, inputGrid.el),
      h("div", {}, captions.output, outputGrid.el)),
    h("div", { class: "bars" }, meters.flatMap((one) => one.parts)), count,
    h("div", { class: "cf-sum" }, sentence, sum),
    h("div", { class: "cf-row" }, play.el, reset), say.el,
    h("p", { class: "cf-hint" }, "A dot in a corner marks a number that the shift changed. Point at the pooled map, or "
      + "walk over it with the arrow keys; type into any cell of the map."));

  let spoken = "";
  function draw() {
    const now = state();
    const result = compute(now);
    const { output, cells, differ } = result;
    const width = output[0]?.length ?? 0;
    const position = clamp(now.position, 0, Math.max(0, cells - 1));
    const [i, j] = cells ? [Math.floor(position / width), position % width] : [-1, -1];
    [[kind, now.kind], [size, now.size], [stride, now.stride], [right, now.right], [down, now.down]]
      .forEach(([control, value]) => control.show(value));
    map.show(Object.keys(MAPS).find((name) => String(MAPS[name]) === String(now.input)) ?? "own");
    const used = drawMap(now, result, i, j);
    drawOutput(result, position);
    captions.input.replaceChildren(h("b", {}, "Map "), `${now.input.length} × ${now.input[0].length}, `
      + (now.down || now.right ? `shifted ${where(now)}` : "not shifted"));
    captions.output.replaceChildren(h("b", {}, "Pooled "), `${output.length} × ${width}`);
    meters[0].show(result.inputChange);
    meters[1].show(result.outputChange);
    setText(count, `${differ} of ${cells} pooled numbers differ from those of the map that is not shifted.`);
    setText(sentence, cells ? `Row ${i + 1}, column ${j + 1}: ${TEXT[now.kind]}` : "The window does not fit.");
    setText(sum, cells ? arithmetic(now.kind, used, output[i][j]) : "");
    const text = `Map changed by ${fmt(100 * result.inputChange, 0)} percent, pooled map by `
      + `${fmt(100 * result.outputChange, 0)}. ` + (cells ? `Row ${i + 1}, column ${j + 1}: ${fmt(output[i][j])}.` : "");
    if (play.playing()) return;
    if (spoken && spoken !== text) say(text);
    spoken = text;
  }

  function drawMap(now, { map: moved }, i, j) {
    const most = largest(now.input, 1);
    const used = i < 0 ? [] : windowOf(moved, now, i, j);
    const value = used.length ? KINDS[now.kind](used) : NaN;
    let won = now.kind !== "max" && now.kind !== "first";
    inputGrid.show(moved.map((row, y) => row.map((x, column) => {
      const outside = now.input[y - now.down]?.[column - now.right] === undefined;
      const inside = i >= 0 && y >= i * now.stride && y < i * now.stride + now.size
        && column >= j * now.stride && column < j * now.stride + now.size;
      const wins = inside && !won && x === value;
      won ||= wins;
      return { value: x, t: 0.9 * x / most, fixed: outside,
        marks: [outside ? "out" : "", wins ? "here" : "", x !== now.input[y][column] ? "changed" : ""].join(" ").trim() };
    })));
    inputGrid.frame(i < 0 ? null : { x: j * now.stride, y: i * now.stride, w: now.size, h: now.size });
    return used;
  }

  function drawOutput({ output, still }, position) {
    const most = largest(still, 1);
    outputGrid.show(output.map((row, y) => row.map((value, x) => {
      const here = y * row.length + x === position;
      return { value, here, t: 0.9 * value / most,
        marks: `${here ? "here " : ""}${value !== still[y][x] ? "changed" : ""}`.trim() };
    })));
    if (output.length) outputGrid.stopAt(Math.floor(position / output[0].length), position % output[0].length);
  }

  live(model, el, draw);
}

const TEXT = { max: "the largest number of the window", mean: "the mean of the window",
  L2: "the length of the window's vector", first: "the window's first cell; the others are dropped" };

/** How the window became its number, written out. */
export function arithmetic(kind, cells, value) {
  const list = cells.map((x) => (x < 0 ? `(${fmt(x)})` : fmt(x)));
  if (kind === "max") return `max(${list.join(", ")}) = ${fmt(value)}`;
  if (kind === "mean") return `(${list.join(" + ")}) / ${cells.length} = ${fmt(value)}`;
  if (kind === "L2") return `√(${list.map((x) => `${x}²`).join(" + ")}) = ${fmt(value)}`;
  return `${list.join(", ")} → ${fmt(value)}`;
}

const where = ({ down, right }) => [
  right && `${Math.abs(right)} to the ${right > 0 ? "right" : "left"}`,
  down && `${Math.abs(down)} ${down > 0 ? "down" : "up"}`].filter(Boolean).join(", ");

export default { render };
