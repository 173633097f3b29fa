"""A Sphinx extension that mends what Jupyter Book's own extensions write into each page.

Jupyter Book loads sphinx-thebe without being asked. Its scripts name a content delivery network
and are written into each page twice, which is an error in the browser's console. And Sphinx gives
a bibliography the role of a list whose entries are no list items, which screen readers announce as
an empty list. The theme loads scripts on every page that no page but the search needs;
`_templates/layout.html` leaves them out with the function given to it here.
"""

from __future__ import annotations

import re
from typing import Any

from markupsafe import Markup
from sphinx.application import Sphinx

LIST_WITHOUT_ITEMS = '<div role="list" class="citation-list">'
BIBLIOGRAPHY = '<div class="citation-list">'
SEARCH_SCRIPTS = ("searchtools.js", "language_data.js", "searchindex.js")


def mend(app: Sphinx, page: str, template: str, context: dict[str, Any], _: object) -> None:
    """Leave out scripts that the page does not need and correct the bibliography's role."""
    context["script_files"] = [s for s in context.get("script_files", []) if not _is_thebe(s)]
    context["without_scripts"] = without_scripts
    context["search_scripts"] = () if page == "search" else SEARCH_SCRIPTS
    if "body" in context:
        context["body"] = context["body"].replace(LIST_WITHOUT_ITEMS, BIBLIOGRAPHY)


def without_scripts(html: str, *names: str) -> Markup:
    """Return `html` without the script elements that load the files `names`."""
    for name in names:
        html = re.sub(rf'<script[^>]*["/]{re.escape(name)}["?][^>]*></script>', "", html)
    return Markup(html)


def _is_thebe(script: Any) -> bool:
    body = getattr(script, "attributes", {}).get("body") or ""
    name = getattr(script, "filename", None) or ""
    return "thebe" in f"{name}{body}".lower()


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect to Sphinx, after the extensions that add the scripts."""
    app.connect("html-page-context", mend, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
