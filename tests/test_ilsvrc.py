"""The shipped history of ImageNet's challenge: complete, sourced, refused where it is not."""

from __future__ import annotations

import re

import pytest

from conftest import ROOT
from course_utils.data.ilsvrc import ilsvrc_history


def test_every_year_has_its_winner_without_outside_data():
    winners = {e.year: e for e in ilsvrc_history() if e.place == 1 and not e.outside_data}
    assert sorted(winners) == list(range(2010, 2018))
    errors = [winners[year].error for year in sorted(winners)]
    assert errors == sorted(errors, reverse=True)


def test_every_source_is_in_the_bibliography():
    keys = re.findall(r"^@\w+\{([^,]+),", (ROOT / "references.bib").read_text(), re.MULTILINE)
    assert {entry.source for entry in ilsvrc_history()} <= set(keys)


@pytest.mark.parametrize(("column", "bad"), [("source", ""), ("top5_error_percent", "153")])
def test_a_row_without_source_or_sense_is_refused(tmp_path, column, bad):
    values = dict.fromkeys(("team", "entry", "kind", "place", "outside_data"), "")
    values |= {"year": "2012", "top5_error_percent": "15.3", "source": "x", "where": "Table 2"}
    values[column] = bad
    path = tmp_path / "history.csv"
    path.write_text(",".join(values) + "\n" + ",".join(values.values()) + "\n")
    with pytest.raises(ValueError, match="line 2 of the history"):
        ilsvrc_history(path)
