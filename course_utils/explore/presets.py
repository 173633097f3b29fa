"""The networks of the book as the figures show them, read from `networks.json`.

`networks` writes that file from the models, by `accounting`; here no model is built.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

FILE = Path(__file__).parent / "networks.json"
COLUMNS = (
    *("name", "shape", "parameters", "activations", "multiplyAdds"),
    *("field", "stride", "first", "whole"),
)
"""Of a row: what a layer or a block puts out (C, H, W), costs, and sees in pixels along an axis."""

DEFAULTS: dict[str, Any] = {
    "size": 1,
    "stride": 1,
    "padding": 0,
    "dilation": 1,
    "groups": 1,
    "adds": "bias",
}
"""The settings of a layer that a preset does not write out."""


@cache
def presets() -> dict[str, dict[str, Any]]:
    """Return every network of the book by its name in `course_utils.models`; not to be changed.

    Each has its ``title``, the ``channels`` and ``side`` of its image, its ``rows``, the image
    first, and, where it is one chain of layers, its ``layers`` as `CostCalculator` takes them.
    """
    found = json.loads(FILE.read_text(encoding="utf-8"))
    for network in found.values():
        network["rows"] = [dict(zip(COLUMNS, row, strict=True)) for row in network["rows"]]
    return found
