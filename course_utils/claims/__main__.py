"""`python -m course_utils.claims`: check every claim; with `--write`, write the table and the "
"page."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from course_utils.claims import VERDICTS, Checked, check_all, problems, read_table, write_table
from course_utils.claims.page import PAGE, updated
from course_utils.claims.table import TABLE, given

WIDTHS = {"id": 8, "printed": 28, "computed": 44}


def report(checked: Sequence[Checked]) -> str:
    """A line for each row, and how many rows got each verdict."""
    lines = [_line("id", "printed", "computed", "verdict")]
    lines += [_line(r.row.id, r.row.printed, r.computed, r.verdict) for r in checked]
    counts = Counter(r.verdict for r in checked)
    lines += [
        "",
        *(f"{counts[verdict]:4d} {verdict}" for verdict in VERDICTS),
        f"{len(checked):4d} in all",
    ]
    return "\n".join(lines)


def _line(row_id: str, printed: str, computed: str, verdict: str) -> str:
    texts = zip((row_id, printed, computed), WIDTHS.values(), strict=True)
    cells = [text if len(text) <= width else text[: width - 1] + "…" for text, width in texts]
    padded = [cell.ljust(width) for cell, width in zip(cells, WIDTHS.values(), strict=True)]
    return " ".join([*padded, verdict])


def main(arguments: Sequence[str] | None = None) -> int:
    """Return 0 if every committed verdict follows and the page is up to date, else 1."""
    parser = argparse.ArgumentParser(prog="python -m course_utils.claims", description=__doc__)
    parser.add_argument("--write", action="store_true", help="write the table and the page")
    parser.add_argument(
        "--table", type=Path, default=TABLE, help="another table than the project's"
    )
    options = parser.parse_args(arguments)
    lines = read_table(options.table)
    checked = check_all(given(lines))
    print(report(checked))
    page = PAGE.read_text(encoding="utf-8")
    if options.write:
        write_table(checked, options.table)
        PAGE.write_text(updated(page, checked), encoding="utf-8")
    found = problems(read_table(options.table), checked)
    if updated(PAGE.read_text(encoding="utf-8"), checked) != PAGE.read_text(encoding="utf-8"):
        found.append(f"{PAGE.name} is not up to date: run with --write")
    for problem in found:
        print(problem, file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
