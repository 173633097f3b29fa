// The reader shines light onto the retina of a model cell and hears it fire. Numbers as
// course_utils.cortex: bar, spots, simple_cell, complex_cell, conjunctive_complex_cell, firing_rate.

import { announcer, button, choice, clamp, fixed, fmt, h, live, reducedMotion, s, setText, slider } from "./lib.js";

// --- retina and light ----------------------------------------------------------------------------
// Degrees of visual angle, x to the right and y up; orientations counter-clockwise from horizontal.

const PIXELS = 81, PITCH = 0.1, REACH = 4;
const AXIS = Array.from({ length: PIXELS }, (_, n) => (n - (PIXELS - 1) / 2) * PITCH);
const radians = (degrees) => (degrees * Math.PI) / 180;
const inside = (distance, limit) => clamp((limit - distance) / PITCH + 0.5, 0, 1);

/** Centres of `count` points on a line through `position`. */
export function rowPositions(orientation, count, spacing, [x, y]) {
  const [dx, dy] = [Math.cos(radians(orientation)), Math.sin(radians(orientation))];
  return Array.from({ length: count }, (_, n) => (n - (count - 1) / 2) * spacing).map((a) => [x + a * dx, y + a * dy]);
}

const SPOT = 1, SPOTS = 5, SPACING = 1.6; // degrees
const KINDS_OF_LIGHT = {
  bar(angle, [x0, y0]) {
    const [cos, sin] = [Math.cos(radians(angle)), Math.sin(radians(angle))];
    return (x, y) => inside(Math.abs((x - x0) * cos + (y - y0) * sin), 4) * inside(Math.abs((x - x0) * sin - (y - y0) * cos), 0.5);
  },
  spots(angle, position) {
    const places = rowPositions(angle, SPOTS, SPACING, position);
    return (x, y) => places.reduce((most, [a, b]) => Math.max(most, inside(Math.hypot(x - a, y - b), SPOT / 2)), 0);
  },
  spot: (_, [a, b]) => (x, y) => inside(Math.hypot(x - a, y - b), SPOT / 2),
  all: () => () => 1,
};

/** The receptors that light falls on, and how much: {at, light}, both of one length. */
export function lit({ light, angle, x, y }) {
  const level = KINDS_OF_LIGHT[light](angle, [x, y]);
  const [at, lights] = [[], []];
  for (let row = 0, n = 0; row < PIXELS; row++)
    for (let column = 0; column < PIXELS; column++, n++) {
      const value = level(AXIS[column], -AXIS[row]);
      if (value > 0) { at.push(n); lights.push(value); }
    }
  return { at, light: lights };
}

// --- cells ---------------------------------------------------------------------------------------

const CENTER = 0.25, SURROUND = 0.75; // standard deviations, degrees
const OFFSETS = Array.from({ length: 13 }, (_, n) => -1.5 + 0.25 * n); // of the rows of a complex cell
export const DARK = 10, BEST = 50; // spikes/s: in the dark, and what the best bar adds

function gaussian([x, y], sigma) {
  const bump = (axis, middle, sign) => axis.map((a) => Math.exp(-((sign * a - middle) ** 2) / (2 * sigma ** 2)));
  const [across, down] = [bump(AXIS, x, 1), bump(AXIS, y, -1)];
  const sum = (list) => list.reduce((total, value) => total + value, 0);
  const scale = 1 / (sum(across) * sum(down));
  return { across, down: down.map((value) => value * scale) };
}

/** Scale weights so that the positive ones sum to 1. */
function unitExcitation(weights) {
  let total = 0;
  for (let n = 0; n < weights.length; n++) if (weights[n] > 0) total += weights[n];
  for (let n = 0; n < weights.length; n++) weights[n] /= total;
  return weights;
}

function centerSurround(position) {
  const [center, surround] = [gaussian(position, CENTER), gaussian(position, SURROUND)];
  const weights = new Float64Array(PIXELS * PIXELS);
  for (let row = 0, n = 0; row < PIXELS; row++)
    for (let column = 0; column < PIXELS; column++, n++)
      weights[n] = center.across[column] * center.down[row] - surround.across[column] * surround.down[row];
  return unitExcitation(weights);
}

/** A simple cell: the sum of centre-surround cells on a line, one linear filter. */
function simpleField(places) {
  const sum = new Float64Array(PIXELS * PIXELS);
  for (const weights of places.map(centerSurround)) for (let n = 0; n < sum.length; n++) sum[n] += weights[n];
  return unitExcitation(sum);
}

/** Where the centre-surround cells lie that a cell is made of: rows of points. */
export function rowsOf({ cell, orientation, center }) {
  const offsets = cell === "simple" ? [0] : OFFSETS;
  const [count, spacing] = cell === "conjunction" ? [21, 0.2] : [11, 0.4];
  const [nx, ny] = [Math.sin(radians(orientation)), -Math.cos(radians(orientation))];
  return offsets.map((a) => rowPositions(orientation, count, spacing, [center[0] + a * nx, center[1] + a * ny]));
}

function driveOf(cell, fields, { at, light }) {
  const dot = (weights) => {
    let sum = 0;
    for (let k = 0; k < at.length; k++) sum += weights[at[k]] * light[k];
    return sum;
  };
  if (cell === "simple") return dot(fields[0]);
  if (cell === "maximum") return Math.max(0, ...fields.map(dot));
  return Math.max(0, ...fields.map((row) => Math.min(...row.map(dot))));
}

const built = new Map(); // the cells of one place: their fields, and their gain

function cellOf(state) {
  const { cell, orientation, center } = state;
  const place = `${orientation} ${center}`;
  if (built.get("place") !== place) { built.clear(); built.set("place", place); }
  if (!built.has(cell)) {
    const make = cell === "conjunction" ? (row) => row.map(centerSurround) : simpleField;
    const fields = rowsOf(state).map(make);
    const best = driveOf(cell, fields, lit({ light: "bar", angle: orientation, x: center[0], y: center[1] }));
    built.set(cell, { fields, gain: BEST / best });
  }
  return built.get(cell);
}

/** Drive and firing rate of a cell for a light: everything that is recorded. */
export function compute(state) {
  const { fields, gain } = cellOf(state);
  const drive = driveOf(state.cell, fields, lit(state));
  return { drive, gain, rate: Math.max(0, DARK + gain * drive) };
}

// --- spikes and records --------------------------------------------------------------------------

/** Random numbers from 0 to 1, the same for the same seed (mulberry32). */
export function randomOf(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Times of spikes in `duration` bins of a millisecond, a Poisson process at `rate` spikes/s. */
export function spikeTimes(rate, duration, random) {
  const chance = -Math.expm1(-rate / 1000);
  const times = [];
  for (let ms = 0; ms < duration; ms++) if (random() < chance) times.push(ms);
  return times;
}

export const TURN = 5, ANGLES = 180 / TURN, APART = 0.4; // degrees: steps of the angle, distance of marks
const turns = (light) => light === "bar" || light === "spots";
/** Marks hold for one cell, one light and one angle; answers by angle for one cell and light. */
export const mapKey = ({ cell, light, angle }) => (turns(light) ? `${cell} ${light} ${angle}` : `${cell} ${light}`);
const curveKey = ({ cell, light }) => `${cell} ${light}`;

/** The records with what the cell answers now: a mark at the light's place, its best rate at this angle. */
export function recorded(state) {
  const { rate } = compute(state);
  const place = `${Math.round(state.x / APART)} ${Math.round(state.y / APART)}`;
  const mark = [rate > DARK + 2 ? 1 : rate < DARK - 2 ? -1 : 0, state.x, state.y];
  const key = mapKey(state);
  const marks = state.light === "all" ? state.marks : { ...state.marks, [key]: { ...state.marks[key], [place]: mark } };
  const slot = turns(state.light) ? state.angle / TURN : 0;
  const old = state.best[curveKey(state)] ?? {};
  return { marks, best: { ...state.best, [curveKey(state)]: { ...old, [slot]: Math.max(old[slot] ?? 0, rate) } } };
}

/** Preferred orientation and half-width of a full curve, dark rate taken away; or null. */
export function tuning(best) {
  const answers = Array.from({ length: ANGLES }, (_, n) => Math.max(0, best[n] - DARK));
  if (answers.some(Number.isNaN) || Math.max(...answers) < 1) return null;
  const sum = (wave) => answers.reduce((total, r, n) => total + r * wave(radians(2 * n * TURN)), 0);
  const preferred = (((Math.atan2(sum(Math.sin), sum(Math.cos)) * 90) / Math.PI) + 180) % 180;
  const peak = answers.indexOf(Math.max(...answers));
  const at = (n) => answers[(peak + n + ANGLES) % ANGLES];
  const crossing = (way) => {
    for (let n = 1; n <= ANGLES / 2; n++)
      if (at(way * n) <= at(0) / 2) return n - 1 + (at(way * (n - 1)) - at(0) / 2) / (at(way * (n - 1)) - at(way * n));
    return NaN;
  };
  return { preferred, width: ((crossing(1) + crossing(-1)) / 2) * TURN };
}

// --- what is seen --------------------------------------------------------------------------------

const CELLS = { simple: "Simple", maximum: "Complex, maximum", conjunction: "Complex, conjunction" };
const LIGHTS = { bar: "Bar", spots: "Row of spots", spot: "One spot", all: "Whole screen" };
const SAID = { bar: "Bar", spots: "Row of spots", spot: "Spot", all: "Whole screen lit" };
const WINDOW = 2000, REST = 3000; // ms: shown by the trace; how long it runs on after the last move
const W = 300, H = 110, MOST = 70; // of the curve, and its top in spikes/s

export const css = `
.lab { display: grid; grid-template-columns: minmax(0, 22rem) minmax(0, 1fr); gap: 0.9rem 1.4rem; align-items: start; }
.lab > div > * + * { margin-top: 0.7rem; }
.screen { display: block; width: 100%; height: auto; aspect-ratio: 1; background: #14161a; border: 1px solid var(--cf-edge);
  touch-action: pinch-zoom; cursor: grab; user-select: none; -webkit-user-select: none; overflow: hidden; }
.screen:active { cursor: grabbing; }
.light { fill: #f6f3e4; opacity: 0.92; }
.grip { fill: #a3005a; stroke: #fff; stroke-width: 0.06; cursor: ew-resize; }
.reach { fill: transparent; cursor: ew-resize; }
.marks, .halo { fill: none; stroke-width: 0.06; stroke-linecap: round; stroke-linejoin: round; }
.halo { stroke: #14161a; stroke-width: 0.14; }
.more { stroke: #6cc0ff; }
.less { stroke: #ffb45c; }
.same { stroke: #9aa4b0; stroke-width: 0.09; }
.field circle { fill: #ff8ac4; stroke: #14161a; stroke-width: 0.03; }
.cf-sum strong { font-size: 1.5rem; }
.meter { position: relative; height: 0.9rem; margin: 0.3rem 0 0.35rem; background: var(--cf-out); border: 1px solid var(--cf-line);
  border-radius: 3px; overflow: hidden; }
.meter i { position: absolute; inset: 0 auto 0 0; width: var(--b); background: var(--cf-bar); }
.meter::after { content: ""; position: absolute; top: 0; bottom: 0; left: ${(100 * DARK) / MOST}%; width: 2px; background: var(--cf-mark); }
.plot { display: block; width: 100%; height: auto; overflow: visible; }
.plot text { fill: var(--cf-quiet); font-size: 11px; font-family: inherit; }
.axis { stroke: var(--cf-edge); fill: none; }
.dark { stroke: var(--cf-mark); stroke-dasharray: 4 3; fill: none; }
.spikes { stroke: var(--cf-ink); stroke-width: 1.3; fill: none; }
.dots { stroke: var(--cf-bar); fill: var(--cf-bar); stroke-width: 1; }
.rings { stroke: var(--cf-bar-neg); fill: none; stroke-width: 1.6; }
.now { stroke: var(--cf-mark); stroke-width: 2; fill: none; }
button[aria-pressed="true"] { background: var(--cf-accent); border-color: var(--cf-accent); color: var(--cf-on); }
@container (max-width: 560px) { .lab { grid-template-columns: minmax(0, 1fr); } }`;

/** The screen: the light, grips to turn it, marks, and on demand the cell's rows of centres. */
function makeScreen(move, turn) {
  const shapes = {
    bar: s("rect", { x: -4, y: -0.5, width: 8, height: 1 }),
    spots: s("g", {}, rowPositions(0, SPOTS, SPACING, [0, 0]).map(([cx]) => s("circle", { cx, cy: 0, r: SPOT / 2 }))),
    spot: s("circle", { r: SPOT / 2 }),
    all: s("rect", { x: -20, y: -20, width: 40, height: 40 }),
  };
  const grips = s("g", {}, [-2.7, 2.7].flatMap((cx) => [s("circle", { class: "grip", cx, r: 0.2 }), s("circle", { class: "reach", cx, r: 0.5 })]));
  const group = s("g", {}, s("g", { class: "light" }, Object.values(shapes)), grips);
  const halo = s("path", { class: "halo" });
  const marks = ["more", "less", "same"].map((name) => s("path", { class: `marks ${name}` }));
  const field = s("g", { class: "field" });
  const el = s("svg", { class: "screen", viewBox: "-4.05 -4.05 8.1 8.1", role: "img" },
    s("g", { transform: "scale(1 -1)" }, group, halo, marks, field));
  let turning = false;
  let middle = [0, 0];
  const at = (event) => {
    const box = el.getBoundingClientRect();
    const place = [((event.clientX - box.left) / box.width - 0.5) * 8.1, (0.5 - (event.clientY - box.top) / box.height) * 8.1];
    if (turning) turn((Math.atan2(place[1] - middle[1], place[0] - middle[0]) * 180) / Math.PI);
    else move(...place);
  };
  el.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    turning = event.target.classList.contains("reach");
    el.setPointerCapture(event.pointerId);
    at(event);
  });
  el.addEventListener("pointermove", (event) => { if (el.hasPointerCapture(event.pointerId)) at(event); });
  let drawn = {};
  function show(state) {
    middle = [state.x, state.y];
    group.setAttribute("transform", `translate(${state.x} ${state.y}) rotate(${state.angle})`);
    if (drawn.light !== state.light) {
      for (const [name, shape] of Object.entries(shapes)) shape.style.display = name === state.light ? "" : "none";
      grips.style.display = turns(state.light) ? "" : "none";
    }
    if (drawn.marks !== state.marks || mapKey(drawn) !== mapKey(state)) showMarks(state.marks[mapKey(state)] ?? {});
    if (drawn.shown !== state.shown || drawn.cell !== state.cell || drawn.center !== state.center) showField(state);
    drawn = state;
  }
  function showMarks(places) {
    const paths = { 1: "", "-1": "", 0: "" };
    for (const [sign, x, y] of Object.values(places)) paths[sign] += `M${x} ${y}${SIGNS[sign]}`;
    [1, -1, 0].forEach((sign, n) => marks[n].setAttribute("d", paths[sign]));
    halo.setAttribute("d", Object.values(paths).join(""));
  }
  function showField(state) {
    const points = state.shown ? rowsOf(state).flat() : [];
    field.replaceChildren(...points.map(([cx, cy]) => s("circle", { cx, cy, r: 0.07 })));
  }
  return { el, show };
}

/** Marks as the chapter's map has them: a cross for faster, a triangle for slower, a point for neither. */
const SIGNS = { 1: "m-.09-.09l.18.18m0-.18l-.18.18", "-1": "m-.1-.08h.2l-.1.17z", 0: "h0" };

/** The spikes of the last two seconds; it runs only while something happens. */
function makeTrace(random) {
  const path = s("path", { class: "spikes" });
  const el = s("svg", { class: "plot", viewBox: "0 0 300 46", role: "img" }, path, s("path", { class: "axis", d: "M0 30H300" }),
    s("text", { x: 0, y: 43 }, "2 s ago"), s("text", { x: 300, y: 43, "text-anchor": "end" }, "now"));
  let spikes = [];
  let now = 0;
  const show = () => path.setAttribute("d", spikes.map((t) => `M${(300 * (1 - (now - t) / WINDOW)).toFixed(1)} 4V30`).join(""));
  /** Let the cell fire for some milliseconds; returns the new spikes, ms from the start of the step. */
  function run(rate, ms) {
    const fresh = spikeTimes(rate, ms, random);
    spikes = [...spikes, ...fresh.map((t) => now + t)].filter((t) => t > now + ms - WINDOW);
    now += ms;
    show();
    return fresh;
  }
  return { el, run };
}

/** Best answers so far against the angle: bars as discs, rows of spots as rings. */
function makeCurve() {
  const x = (angle) => (W * angle) / 180;
  const y = (rate) => H - (H * rate) / MOST;
  const series = { bar: s("path", { class: "dots" }), spots: s("path", { class: "rings" }) };
  const now = s("circle", { class: "now", r: 6 });
  const label = (px, py, text, anchor = "middle") => s("text", { x: px, y: py, "text-anchor": anchor }, text);
  const el = s("svg", { class: "plot", viewBox: `-26 -8 ${W + 36} ${H + 42}`, role: "img" },
    s("path", { class: "axis", d: `M0 0V${H}H${W}` }), s("path", { class: "dark", d: `M0 ${y(DARK)}H${W}` }),
    [0, 20, 40, 60].map((rate) => label(-5, y(rate) + 4, rate, "end")),
    [0, 45, 90, 135, 180].map((angle) => label(x(angle), H + 14, `${angle}°`)),
    label(W / 2, H + 29, "angle of the light"), label(W, y(DARK) - 4, "dark", "end"), Object.values(series), now);
  const disc = ([slot, rate]) => `M${(x(slot * TURN) - 3).toFixed(1)} ${y(rate).toFixed(1)}a3 3 0 1 0 6 0a3 3 0 1 0-6 0`;
  function show(state, rate) {
    for (const [light, path] of Object.entries(series))
      path.setAttribute("d", Object.entries(state.best[`${state.cell} ${light}`] ?? {}).map(disc).join(""));
    now.style.display = turns(state.light) ? "" : "none";
    now.setAttribute("cx", x(state.angle));
    now.setAttribute("cy", y(rate));
  }
  return { el, show };
}

/** Clicks for spikes, made by the browser; nothing sounds before the reader asks for it. */
function makeSound() {
  let context = null;
  let click = null;
  function on() {
    context ??= new AudioContext();
    context.resume();
    const length = Math.round(0.004 * context.sampleRate);
    click ??= context.createBuffer(1, length, context.sampleRate);
    const wave = click.getChannelData(0);
    for (let n = 0; n < length; n++) wave[n] = 0.5 * Math.sin((9 * n) / length) * (1 - n / length) ** 2;
  }
  function play(times) {
    for (const ms of times) {
      const source = context.createBufferSource();
      source.buffer = click;
      source.connect(context.destination);
      source.start(context.currentTime + ms / 1000);
    }
  }
  return { on, off: () => context?.suspend(), play };
}

const signed = (x) => (x < 0 ? `(${fmt(x, 3)})` : fmt(x, 3));

/** How the rate comes from the drive, written out. */
export function arithmetic({ drive, gain, rate }) {
  const sum = `${DARK} + ${fixed(gain, 1)} · ${signed(drive)}`;
  return `Drive ${fixed(drive, 3)}: ` + (DARK + gain * drive < 0 ? `max(0, ${sum}) = 0` : `${sum} = ${fixed(rate, 1)}`);
}

/** Where the light is, for those who do not see it. */
export function placed({ light, x, y, angle }) {
  if (light === "all") return SAID.all;
  return `${SAID[light]} at ${fmt(x, 1)} across, ${fmt(y, 1)} up` + (turns(light) ? `, ${angle} degrees` : "");
}

/** What the reader's own curve says so far. */
export function summary({ cell, light, best }) {
  const curve = best[`${cell} ${light}`] ?? {};
  if (!turns(light)) {
    return curve[0] == null ? "" : `Best answer so far to this light: ${fixed(curve[0], 1)} spikes/s.`;
  }
  const whole = tuning(curve);
  const tried = Object.keys(curve).length;
  if (whole) return `Preferred angle ${fixed(whole.preferred, 1)}°`
    + (Number.isNaN(whole.width) ? "." : `, half-width at half-height ${fixed(whole.width, 1)}°.`);
  const [slot, most] = Object.entries(curve).reduce((a, b) => (b[1] > a[1] ? b : a), [0, 0]);
  return `${tried} of ${ANGLES} angles tried.` + (tried ? ` Best so far: ${fixed(most, 1)} spikes/s at ${slot * TURN}°.` : "");
}

function render({ model, el }) {
  const names = ["cell", "orientation", "center", "light", "x", "y", "angle", "marks", "best", "shown", "sound"];
  const state = () => Object.fromEntries(names.map((name) => [name, model.get(name)]));
  model.set({ marks: {}, best: {}, shown: false, sound: false });
  const first = state();
  const say = announcer();
  const random = randomOf(model.get("seed"));

  /** Shine: change the light and write down what the cell answers. */
  const shine = (changes) => model.set({ ...changes, ...recorded({ ...state(), ...changes }) });
  const step = (value) => clamp(Math.round(value * 10) / 10, -REACH, REACH);
  const turn = (angle) => shine({ angle: ((Math.round(angle / TURN) + 2 * ANGLES) % ANGLES) * TURN });

  // --- controls
  const cells = model.get("cells");
  const cell = choice({ label: "Cell", options: Object.fromEntries(cells.map((name) => [name, CELLS[name]])),
    input: (value) => shine({ cell: value }) });
  const light = choice({ label: "Light", options: LIGHTS, input: (value) => shine({ light: value }) });
  const degrees = (value) => `${fmt(value, 1)}°`;
  const across = slider({ label: "Light: left to right", min: -REACH, max: REACH, step: 0.1, format: degrees,
    input: (x) => shine({ x }) });
  const up = slider({ label: "Light: down to up", min: -REACH, max: REACH, step: 0.1, format: degrees,
    input: (y) => shine({ y }) });
  const angle = slider({ label: "Angle of the light", min: 0, max: 180 - TURN, step: TURN, format: degrees,
    input: (value) => shine({ angle: value }) });
  const hear = button("Hear it fire", () => model.set("sound", !model.get("sound")), { disabled: !globalThis.AudioContext });
  const show = button("Show its centres", () => model.set("shown", !model.get("shown")));
  const wipe = button("Wipe the records", () => { model.set({ marks: {}, best: {} }); say("No records"); });
  const other = button("Another cell", () => { anotherCell(); say("Another cell, somewhere, at some angle"); });
  const reset = button("Start over", () => { model.set(first); say("As at the start"); });

  function anotherCell() {
    const place = () => Math.round(20 * random() - 10) / 10;
    model.set({ orientation: TURN * Math.floor(ANGLES * random()), center: [place(), place()], marks: {}, best: {}, shown: false });
  }

  // --- what is seen
  const screen = makeScreen((x, y) => shine({ x: step(x), y: step(y) }), turn);
  const trace = makeTrace(random);
  const curve = makeCurve();
  const sound = makeSound();
  const rate = h("strong");
  const fill = h("i");
  const sum = h("p");
  const told = h("p", { class: "cf-quiet" });
  const caption = (bold, text) => h("p", { class: "cf-caption" }, h("b", {}, bold), text);
  el.append(h("p", { class: "cf-title" }, model.get("title")),
    h("div", { class: "cf-row" }, cells.length > 1 && cell.el, light.el),
    h("div", { class: "lab" },
      h("div", {}, caption("Screen ", "8.1° wide: drag the light, turn it by a grip"), screen.el),
      h("div", {}, h("div", { class: "cf-sum" }, rate, h("div", { class: "meter", "aria-hidden": "true" }, fill), sum),
        h("div", {}, caption("Spikes ", "drawn at random at this rate"), trace.el),
        h("div", {}, caption("Best answer at each angle ", "(spikes/s): bar ●, row of spots ○"), curve.el, told))),
    h("div", { class: "cf-row" }, across.el, up.el, angle.el),
    h("div", { class: "cf-buttons" }, hear, show, wipe, other, reset), say.el,
    h("p", { class: "cf-hint" }, `Marks: × faster than in the dark (${DARK} spikes/s) by more than 2, ▲ slower, · neither. `
      + "The screen shows the marks of this cell, this light and this angle. The trace stands still three seconds after "
      + "you do. Keyboard: the three sliders move and turn the light."));

  // --- time: the cell fires while something happens, or while it is heard
  let now;
  let [last, until, running] = [0, 0, false];
  function fire(time) {
    const ms = Math.round(clamp(time - last, 0, 100));
    last = time;
    const fresh = reducedMotion() ? spikeTimes(now.rate, ms, random) : trace.run(now.rate, ms);
    running = el.isConnected && (model.get("sound") || time < until);
    if (model.get("sound")) (running ? sound.play(fresh) : sound.off());
    if (running) requestAnimationFrame(fire);
  }
  function wake() {
    if (reducedMotion()) trace.run(now.rate, WINDOW);
    until = reducedMotion() ? 0 : performance.now() + REST;
    if (running || (!until && !model.get("sound"))) return;
    [last, running] = [performance.now(), true];
    requestAnimationFrame(fire);
  }
  model.on("change:sound", () => (model.get("sound") ? sound.on() : sound.off()));

  let spoken = "";
  function draw() {
    const settings = state();
    now = compute(settings);
    for (const [control, value] of [[cell, settings.cell], [light, settings.light], [across, settings.x], [up, settings.y],
      [angle, settings.angle]]) control.show(value);
    hear.setAttribute("aria-pressed", String(settings.sound));
    show.setAttribute("aria-pressed", String(settings.shown));
    screen.show(settings);
    curve.show(settings, now.rate);
    setText(rate, `${fixed(now.rate, 1)} spikes/s`);
    fill.style.setProperty("--b", `${Math.min(100, (100 * now.rate) / MOST)}%`);
    setText(sum, arithmetic(now));
    setText(told, summary(settings));
    screen.el.setAttribute("aria-label", `${placed(settings)}. Marks: ${counted(settings)}`);
    trace.el.setAttribute("aria-label", `Spikes of two seconds, at random, ${fixed(now.rate, 1)} a second on average`);
    curve.el.setAttribute("aria-label", `Best answers against the angle. ${summary(settings)}`);
    const text = `${placed(settings)}: ${fixed(now.rate, 0)} spikes a second.`;
    if (spoken) wake(); else trace.run(now.rate, WINDOW);
    if (spoken && spoken !== text) say(text);
    spoken = text;
  }
  live(model, el, draw);
}

function counted(state) {
  const signs = Object.values(state.marks[mapKey(state)] ?? {});
  const count = (sign) => signs.filter(([one]) => one === sign).length;
  return `${count(1)} faster, ${count(-1)} slower, ${count(0)} neither`;
}

export default { render };
