"""A Sphinx extension that mends what Jupyter Book's own extensions write into each page.

Jupyter Book loads sphinx-thebe without being asked. Its scripts name a content delivery network
and are written into each page twice, which is an error in the browser's console. And Sphinx gives
a bibliography the role of a list whose entries are no list items, which screen readers announce as
an empty list.
"""

from __future__ import annotations

from typing import Any

from sphinx.application import Sphinx

LIST_WITHOUT_ITEMS = '<div role="list" class="citation-list">'
BIBLIOGRAPHY = '<div class="citation-list">'


def mend(app: Sphinx, page: str, template: str, context: dict[str, Any], _: object) -> None:
    """Leave Thebe's scripts out of the page and correct the bibliography's role."""
    context["script_files"] = [s for s in context.get("script_files", []) if not _is_thebe(s)]
    if "body" in context:
        context["body"] = context["body"].replace(LIST_WITHOUT_ITEMS, BIBLIOGRAPHY)


def _is_thebe(script: Any) -> bool:
    body = getattr(script, "attributes", {}).get("body") or ""
    name = getattr(script, "filename", None) or ""
    return "thebe" in f"{name}{body}".lower()


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect to Sphinx, after the extensions that add the scripts."""
    app.connect("html-page-context", mend, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
