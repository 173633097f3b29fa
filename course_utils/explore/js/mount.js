// Brings the figures of this page to life: runs once for each, right after its HTML.
//
// A figure's HTML holds its still picture and, as inert text, its state, its module and the modules
// that it imports. They become modules through blob addresses, so that nothing is fetched, in a
// page, in JupyterLab and in the frame of a Colab output alike. If anything fails the still stays.
(() => {
  const blob = (text) => URL.createObjectURL(new Blob([text], { type: "text/javascript" }));

  // The part of anywidget's model that the figures use: get, set, on, off. `set` takes a name and a
  // value, or an object; listeners hear "change:NAME" for each that changed, then "change" once.
  function makeModel(values) {
    const listeners = {};
    const tell = (event) => (listeners[event] ?? []).forEach((listener) => listener());
    return {
      get: (name) => values[name],
      set(name, value) {
        const given = typeof name === "string" ? { [name]: value } : name;
        const changed = Object.keys(given).filter((key) => !Object.is(values[key], given[key]));
        Object.assign(values, given);
        changed.forEach((key) => tell(`change:${key}`));
        if (changed.length) tell("change");
      },
      on: (event, listener) => (listeners[event] ??= []).push(listener),
      off(event, listener) { listeners[event] = (listeners[event] ?? []).filter((l) => l !== listener); },
      save_changes() {},
    };
  }

  async function mount(root) {
    root.dataset.state = "starting";
    const text = (part) => root.querySelector(`script[data-part="${part}"]`).textContent;
    const addresses = [];
    const address = (source) => (addresses.push(blob(source)), addresses.at(-1));
    try {
      const lib = address(text("lib"));
      const source = text("module").replaceAll('"./lib.js"', JSON.stringify(lib));
      const module = await import(address(source));
      const model = makeModel(JSON.parse(text("model")));
      const host = document.createElement("div");
      host.dataset.lmSuppressShortcuts = "true"; // JupyterLab: keys typed here are not commands
      const shadow = host.attachShadow({ mode: "open" });
      const style = document.createElement("style");
      style.textContent = text("style") + (module.css ?? "");
      const el = document.createElement("div");
      el.className = "cf";
      shadow.append(style, el);
      await module.default.render({ model, el });
      root.querySelector(".cf-still").replaceWith(host);
      root.figure = { model, module, el }; // for the console, and for the tests
      root.dataset.state = "alive";
    } catch (error) {
      root.dataset.state = "still";
      console.error("An interactive figure could not start; its picture stays.", error);
    } finally {
      addresses.forEach((one) => URL.revokeObjectURL(one));
    }
  }

  const own = document.currentScript?.closest(".course-figure");
  const all = new Set([...(own ? [own] : []), ...document.querySelectorAll(".course-figure")]);
  for (const root of all) if (!root.dataset.state) mount(root);
})();
