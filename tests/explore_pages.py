"""What the tests of the interactive figures share: pages with figures, and what stands in them."""

from __future__ import annotations

from contextlib import contextmanager

import numpy as np

PAGE = """<!doctype html><html lang="en" data-theme="light"><head><meta charset="utf-8">
<title>Figures</title><meta name="viewport" content="width=device-width, initial-scale=1">
<style>body {{ margin: 8px; font: 16px/1.5 sans-serif; background: #fff; color: #111 }}
html[data-theme=dark] body {{ background: #14181e; color: #eee }}</style></head>
<body><main><h1>Figures</h1>{body}</main></body></html>"""

# JupyterLab sets an output's innerHTML and then puts a fresh copy in the place of each script.
AS_JUPYTERLAB = """html => {
  const output = document.createElement("div");
  output.innerHTML = html;
  document.body.append(output);
  for (const script of output.querySelectorAll("script")) {
    const copy = document.createElement("script");
    for (const {name, value} of script.attributes) copy.setAttribute(name, value);
    copy.textContent = script.textContent;
    script.replaceWith(copy);
  }
}"""

# All figures of one kind, in the order of the page; `shown` reads a grid as a reader does.
HELPERS = """
window.figureOf = (kind, n = 0) => document.querySelectorAll(`[data-figure=${kind}]`)[n].figure;
window.shown = (el, label) => [...el.querySelectorAll(`[aria-label="${label}"] [role=row]`)].map(
  row => [...row.children].map(
    cell => cell.querySelector("input")?.value ?? cell.querySelector("span").textContent));
"""


def page_of(*figures) -> str:
    """Return a page that holds these figures, or any other HTML."""
    parts = (f if isinstance(f, str) else f._repr_html_() for f in figures)
    return PAGE.format(body="\n".join(f"<div>{part}</div>" for part in parts))


@contextmanager
def opened(browser, html, *, width=760, height=900, **settings):
    """Open a page without any network, and write down what goes wrong in it."""
    context = browser.new_context(viewport={"width": width, "height": height}, **settings)
    page = context.new_page()
    page.wrong = []

    def answer(route):
        if route.request.url == "http://figures.test/":
            route.fulfill(body=html, content_type="text/html")
        elif not route.request.url.startswith(("blob:", "data:")):
            page.wrong.append(route.request.url)
            route.abort()
        else:
            route.continue_()

    context.route("**/*", answer)
    context.add_init_script(HELPERS)
    page.on("console", lambda m: page.wrong.append(m.text) if m.type == "error" else None)
    page.on("pageerror", lambda error: page.wrong.append(str(error)))
    page.goto("http://figures.test/")
    try:
        yield page
    finally:
        context.close()


def wait_alive(page) -> None:
    """Wait until every figure of the page moves."""
    page.wait_for_function(
        "[...document.querySelectorAll('.course-figure')].every(f => f.dataset.state === 'alive')"
    )


def numbers(rows) -> np.ndarray:
    """Return the numbers of a grid that was read with `shown`."""
    return np.array([[float(text.replace("−", "-")) for text in row] for row in rows])


def update_ms(page, kind, change) -> float:
    """Return the milliseconds of one change of a figure, drawn and laid out.

    `change` is JavaScript, a function of n = 0 … 99 that returns what to set in the model. Counted
    is processor time of the page's thread: other programs do not count, layout and paint do.
    """
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})

    def busy_ms():
        metrics = session.send("Performance.getMetrics")["metrics"]
        return next(1000 * m["value"] for m in metrics if m["name"] == "TaskDuration")

    drag = f"""async kind => {{
      const {{model, el}} = figureOf(kind);
      for (let n = 0; n < 100; n++) {{
        model.set(({change})(n, model));
        el.draw();
        el.getBoundingClientRect();
        if (n % 10 === 0) await new Promise(requestAnimationFrame);
      }}
    }}"""
    page.evaluate(drag, kind)  # warm
    before = busy_ms()
    page.evaluate(drag, kind)
    return (busy_ms() - before) / 100
