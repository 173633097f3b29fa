// The shared pieces of the interactive figures. No dependency; see README.md beside this folder.

// --- elements and numbers ----------------------------------------------------------------------

const SVG = "http://www.w3.org/2000/svg";
let made = 0;

/** A new id, unique in its shadow tree. */
export const newId = (stem = "cf") => `${stem}-${++made}`;

function build(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value != null) element.setAttribute(name, value);
  }
  element.append(...children.flat().filter((child) => child != null && child !== false));
  return element;
}

/** An HTML element: `h("p", {class: "x", onclick: f}, "text", child)`. */
export const h = (tag, attributes, ...children) =>
  build(document.createElement(tag), attributes, children);

/** An SVG element, in the same way. */
export const s = (tag, attributes, ...children) =>
  build(document.createElementNS(SVG, tag), attributes, children);

/** A number as text: at most `digits` decimals, a true minus sign, no minus zero. */
export function fmt(x, digits = 2) {
  if (!Number.isFinite(x)) return x > 0 ? "∞" : x < 0 ? "−∞" : "–";
  const rounded = Number(x.toFixed(digits));
  return String(rounded === 0 ? 0 : rounded).replace("-", "−");
}

/** A number with a fixed count of decimals, for columns. */
export function fixed(x, digits = 2) {
  const text = x.toFixed(digits);
  return (Number(text) === 0 ? (0).toFixed(digits) : text).replace("-", "−");
}

/** The number that a reader typed, or null: "1/9", "−0,5" and ".5" are numbers. */
export function parse(text) {
  const clean = text.trim().replaceAll("−", "-").replaceAll(",", ".");
  const parts = clean.split("/");
  if (parts.length > 2 || parts.some((part) => !/^-?(\d+\.?\d*|\.\d+)$/.test(part.trim()))) return null;
  const value = parts.length === 2 ? Number(parts[0]) / Number(parts[1]) : Number(clean);
  return Number.isFinite(value) ? value : null;
}

export const clamp = (x, low, high) => Math.min(Math.max(x, low), high);
export const reducedMotion = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

/** Write text or an attribute only where it changed: an update that changes little costs little. */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

// --- drawing and speaking ----------------------------------------------------------------------

/**
 * Draw now, and again after every change of the model, at most once a frame.
 * `el.draw()` draws at once and returns the milliseconds it took; tests and measurements use it.
 */
export function live(model, el, draw) {
  let waiting = 0;
  el.draw = () => {
    cancelAnimationFrame(waiting);
    waiting = 0;
    const started = performance.now();
    draw();
    return performance.now() - started;
  };
  model.on("change", () => { waiting ||= requestAnimationFrame(el.draw); });
  el.draw();
}

/**
 * A live region: `say(text)` tells a screen reader, politely, and at most once in 0.7 s: while
 * something is dragged only the last message is spoken. Put `say.el` into the figure.
 */
export function announcer() {
  const el = h("div", { class: "cf-say", role: "status", "aria-live": "polite" });
  let timer = 0;
  let next = "";
  const say = (text) => {
    next = text;
    timer ||= setTimeout(() => { timer = 0; setText(el, next); }, 700);
  };
  return Object.assign(say, { el });
}

// --- controls ----------------------------------------------------------------------------------
// Each returns {el, show(value)}: put `el` into the figure, call `show` when drawing.

/** A labelled slider with its value: `input(value)` hears every move. */
export function slider({ label, min, max, step = 1, format = fmt, input }) {
  const id = newId();
  const range = h("input", { type: "range", id, min, max, step, oninput: () => input(Number(range.value)) });
  // No <output>: that is a live region, and would speak beside the slider itself.
  const output = h("span", { class: "cf-value", "aria-hidden": "true" });
  const el = h("div", { class: "cf-slider" }, h("label", { for: id }, label), output, range);
  const show = (value) => {
    if (Number(range.value) !== value) range.value = value;
    const text = format(value);
    if (output.textContent !== text) {
      output.textContent = text;
      range.setAttribute("aria-valuetext", text);
    }
  };
  return { el, show, range };
}

/** One of a few: radio buttons that look like one segmented button. `options`: {value: text}. */
export function choice({ label, options, input }) {
  const name = newId();
  const radios = Object.entries(options).map(([value, text]) => [
    h("input", { type: "radio", name, value, onchange: () => input(value) }), text]);
  const el = h("fieldset", { class: "cf-choice" }, h("legend", {}, label),
    h("div", { class: "cf-options" }, radios.map(([radio, text]) => h("label", {}, radio, h("span", {}, text)))));
  return { el, show: (value) => radios.forEach(([radio]) => { radio.checked = radio.value === value; }) };
}

/** One of many: a list to choose from. `options`: {value: text}. */
export function select({ label, options, input }) {
  const id = newId();
  const list = h("select", { id, onchange: () => input(list.value) },
    Object.entries(options).map(([value, text]) => h("option", { value }, text)));
  const el = h("div", { class: "cf-select" }, h("label", { for: id }, label), list);
  return { el, show: (value) => { if (list.value !== value) list.value = value; } };
}

/** A button. */
export const button = (label, press, attributes) =>
  h("button", { type: "button", onclick: press, ...attributes }, label);

/**
 * Play, pause and step through positions 0 to count() - 1. `move(position)` sets the position.
 * `stop()` pauses; figures call it when the reader takes over. `stopped()` is called after a pause:
 * draw again there. While it plays, say nothing: no one could follow.
 */
export function player({ count, position, move, say, stopped, interval = 650, label = "Move the window" }) {
  let timer = 0;
  const main = button("Play", () => (timer ? stop() : start()), { class: "cf-main" });
  const stop = () => {
    if (!timer) return;
    clearInterval(timer);
    timer = 0;
    setText(main, "Play");
    stopped();
  };
  const start = () => {
    if (position() >= count() - 1) move(0);
    timer = setInterval(() => {
      if (!main.isConnected || position() >= count() - 1) stop();
      else move(position() + 1);
    }, interval);
    setText(main, "Pause");
    say("Playing");
  };
  const step = (by) => () => { stop(); move(clamp(position() + by, 0, count() - 1)); };
  const el = h("div", { class: "cf-buttons", role: "group", "aria-label": label },
    main, button("Back", step(-1)), button("Step", step(1)));
  return { el, stop, playing: () => timer !== 0 };
}

// --- grids of numbers --------------------------------------------------------------------------

/**
 * A grid of numbers that a keyboard can walk: one tab stop, arrow keys inside.
 *
 * label  what a screen reader calls it.
 * edit   `edit(row, column, value)`: cells can be typed into. Shift with arrow up or down adds or
 *        takes away 1, Enter goes on to the next row, Escape restores.
 * pick   `pick(row, column)`: cells can be chosen: by arrow keys, by hovering, by a finger.
 *        With neither the grid is a table to read.
 * name   `name(row, column)` begins a cell's accessible name.
 *
 * `show(rows, {columns})` draws cells {value, text?, t?, marks?, tag?, fixed?}: `t` from -1 to 1 is
 * its tint, `marks` are class names, `tag` is small text in its corner, `fixed` forbids editing (such
 * a cell holds no input: inputs are what costs time to lay out).
 * `show.frame` and others: `frame({x, y, w, h, dashed})` lays a frame over cells, or hides it.
 */
export function grid({ label, edit, pick, digits = 2, numeric = false,
  name = (row, column) => `row ${row + 1}, column ${column + 1}` }) {
  const role = edit || pick ? "grid" : "table";
  const el = h("div", { class: `cf-grid${pick ? " pick" : ""}`, role, "aria-label": label });
  const frameEl = h("div", { class: "cf-frame", "aria-hidden": "true", hidden: true });
  el.append(frameEl);
  let cells = []; // rows of {el, input?, text, ...what is drawn now}
  let active = [0, 0];

  const target = ([row, column]) => cells[row]?.[column] && (cells[row][column].input ?? cells[row][column].el);
  function activate(row, column, focus) {
    if (role === "table") return;
    const from = target(active);
    if (from) from.tabIndex = -1;
    active = [clamp(row, 0, cells.length - 1), clamp(column, 0, (cells[0]?.length ?? 1) - 1)];
    const to = target(active);
    if (!to) return;
    to.tabIndex = 0;
    if (focus) to.focus();
  }

  function go(row, column) {
    if (!cells[row]?.[column]) return;
    activate(row, column, true);
    if (pick) pick(row, column);
  }

  const STEPS = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
  el.addEventListener("keydown", (event) => {
    const [row, column] = active;
    const cell = cells[row]?.[column];
    const input = cell?.input;
    const by = STEPS[event.key];
    if (by) {
      if (input && event.shiftKey && by[0]) {
        // The cell learns it at once: keys may repeat faster than frames are drawn.
        edit(row, column, cell.value = Math.round((cell.value - by[0]) * 1e6) / 1e6);
      } else if (input && by[1] && cell.typing && !atEdge(input, by[1])) return; // moves the caret
      else go(row + by[0], column + by[1]);
    } else if (event.key === "Home") go(row, 0);
    else if (event.key === "End") go(row, cells[row].length - 1);
    else if (event.key === "Enter" && input) { settle(cell); go(row + 1, column); }
    else if (event.key === "Escape" && input && cell.typing) {
      edit(row, column, cell.before);
      settle(cell, fmt(cell.before, digits));
    } else return;
    event.preventDefault();
  });

  const atEdge = (input, by) => input.selectionStart === input.selectionEnd &&
    input.selectionStart === (by < 0 ? 0 : input.value.length);

  function settle(cell, text = cell.text) {
    cell.typing = false;
    cell.input.removeAttribute("aria-invalid");
    if (cell.input.value !== text) cell.input.value = text;
  }

  function makeInput(cell, row, column) {
    const input = h("input", { type: "text", tabindex: "-1", autocomplete: "off", spellcheck: "false",
      inputmode: numeric ? "numeric" : null });
    input.addEventListener("focus", () => {
      cell.before = cell.value;
      cell.fresh = true;
      input.select();
    });
    // Releasing the button that gave the focus would put the caret and lose the selection.
    input.addEventListener("mouseup", (event) => { if (cell.fresh) event.preventDefault(); cell.fresh = false; });
    input.addEventListener("input", () => {
      cell.typing = true;
      const value = parse(input.value);
      if (value === null) input.setAttribute("aria-invalid", "true");
      else {
        input.removeAttribute("aria-invalid");
        edit(row, column, value);
      }
    });
    input.addEventListener("blur", () => settle(cell));
    return input;
  }

  if (pick) {
    const at = (event) => {
      const found = el.getRootNode().elementFromPoint?.(event.clientX, event.clientY)?.closest?.(".cf-cell");
      for (let row = 0; row < cells.length; row++) {
        const column = cells[row].findIndex((cell) => cell.el === found);
        if (column >= 0 && (row !== active[0] || column !== active[1] || event.type === "pointerdown")) {
          activate(row, column);
          pick(row, column);
        }
      }
    };
    el.addEventListener("pointermove", at);
    el.addEventListener("pointerdown", (event) => {
      if (event.target.releasePointerCapture) event.target.releasePointerCapture(event.pointerId);
      at(event);
    });
  }

  const lines = []; // the row elements

  function makeCell(row, column) {
    const cell = { label: h("span") };
    cell.el = h("div", { class: "cf-cell", role: role === "grid" ? "gridcell" : "cell",
      tabindex: role === "grid" ? "-1" : null, onfocusin: () => activate(row, column) }, cell.label);
    return cell;
  }

  /** Give a cell its input, or take it away: what was written on the one is written on the other. */
  function equip(cell, editable, row, column) {
    if (!!cell.input === editable) return;
    const old = cell.input ?? cell.el;
    const here = old.tabIndex === 0;
    old.removeAttribute("aria-label");
    if (editable) {
      cell.el.removeAttribute("tabindex");
      cell.label.replaceWith(cell.input = makeInput(cell, row, column));
    } else {
      cell.input.replaceWith(cell.label);
      cell.input = null;
      cell.typing = false;
    }
    (cell.input ?? cell.el).tabIndex = here ? 0 : -1;
    cell.text = cell.called = undefined;
  }

  // Cells that stay are kept: a new shape costs only what it adds.
  function reshape(rows, columns) {
    el.style.setProperty("--n", columns);
    el.style.setProperty("--m", rows);
    while (lines.length > rows) { lines.pop().remove(); cells.pop(); }
    while (lines.length < rows) {
      lines.push(h("div", { role: "row" }));
      cells.push([]);
      frameEl.before(lines.at(-1));
    }
    lines.forEach((line, row) => {
      while (cells[row].length > columns) cells[row].pop().el.remove();
      while (cells[row].length < columns) {
        cells[row].push(makeCell(row, cells[row].length));
        line.append(cells[row].at(-1).el);
      }
    });
    activate(...active);
  }

  function showCell(cell, want, row, column) {
    const text = want.text ?? fmt(want.value, digits);
    const long = text.length > 6 ? " longer" : text.length > 4 ? " long" : "";
    const classes = `cf-cell ${want.marks ?? ""}${want.tag != null ? " tagged" : ""}${long}`.trimEnd();
    const tint = clamp(Math.round(100 * Math.abs(want.t ?? 0)), 0, 100);
    const sign = (want.t ?? 0) < 0 ? "-" : "+";
    if (edit) equip(cell, !want.fixed, row, column);
    cell.value = want.value;
    if (cell.text !== text) {
      cell.text = text;
      if (!cell.input) cell.label.textContent = text;
      else if (!cell.typing) cell.input.value = text;
    }
    const called = edit ? name(row, column) : pick ? `${name(row, column)}: ${text || "not computed yet"}` : "";
    if ((cell.called ?? "") !== called) (cell.input ?? cell.el).setAttribute("aria-label", cell.called = called);
    if (cell.classes !== classes) cell.el.className = cell.classes = classes;
    if (cell.tint !== tint) cell.el.style.setProperty("--t", `${cell.tint = tint}%`);
    if (cell.sign !== sign) cell.el.dataset.sign = cell.sign = sign;
    if (cell.tag !== want.tag) {
      cell.tag = want.tag;
      cell.tagEl ??= h("small", { "aria-hidden": "true" });
      cell.tagEl.textContent = want.tag ?? "";
      if (want.tag == null) cell.tagEl.remove(); else cell.el.append(cell.tagEl);
    }
    if (pick && cell.here !== !!want.here) cell.el.setAttribute("aria-selected", String(cell.here = !!want.here));
  }

  function show(rows) {
    if (rows.length !== cells.length || rows[0]?.length !== cells[0]?.length)
      reshape(rows.length, rows[0]?.length ?? 0);
    rows.forEach((row, i) => row.forEach((want, j) => showCell(cells[i][j], want, i, j)));
  }

  function frame(place) {
    frameEl.hidden = !place;
    if (!place) return;
    for (const key of ["x", "y", "w", "h"])
      if (place[key] != null) frameEl.style.setProperty(`--${key}`, place[key]);
    frameEl.classList.toggle("dashed", !!place.dashed);
  }

  /** Make the chosen cell the tab stop, without moving the focus. */
  const stopAt = (row, column) => { if (row !== active[0] || column !== active[1]) activate(row, column); };
  const cellAt = (row, column) => cells[row]?.[column]?.el;
  return { el, show, frame, stopAt, cellAt };
}

/** Copy of a table with one number changed. */
export const changed = (table, row, column, value) =>
  table.map((line, i) => (i === row ? line.map((old, j) => (j === column ? value : old)) : line));

/** Largest absolute value of a table, at least `least`. */
export const largest = (table, least = 1e-9) =>
  table.reduce((most, row) => row.reduce((m, x) => Math.max(m, Math.abs(x)), most), least);
