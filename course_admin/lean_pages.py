"""Leave out of every page the scripts of Thebe, which this book does not use.

Jupyter Book loads sphinx-thebe without being asked. Its scripts name a content delivery network
and are written into each page twice, which is an error in the browser's console.
"""

from __future__ import annotations

from typing import Any

from sphinx.application import Sphinx


def drop_thebe(app: Sphinx, page: str, template: str, context: dict[str, Any], _: object) -> None:
    """Remove Thebe's scripts from the page's list."""
    context["script_files"] = [s for s in context.get("script_files", []) if not _is_thebe(s)]


def _is_thebe(script: Any) -> bool:
    body = getattr(script, "attributes", {}).get("body") or ""
    name = getattr(script, "filename", None) or ""
    return "thebe" in f"{name}{body}".lower()


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect to Sphinx, after the extensions that add the scripts."""
    app.connect("html-page-context", drop_thebe, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
