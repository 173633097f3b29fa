"""Recorded runs: written at the scale full alone, read back as they were."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest

from course_utils.runs import record, recorded, what_is_shown

CURVES = {"plain 8": [[0.5, 0.25], [0.75, 0.5]]}


@pytest.fixture
def full(monkeypatch):
    monkeypatch.setenv("COURSE_SCALE", "full")


def test_a_record_comes_back_as_it_was(full, tmp_path):
    path = record("16_depth", curves=CURVES, settings={"epochs": 2}, seeds=[3, 4], folder=tmp_path)
    assert path == tmp_path / "16_depth.json"
    run = recorded("16_depth", tmp_path)
    np.testing.assert_array_equal(run.curves["plain 8"], CURVES["plain 8"])
    assert run.settings == {"epochs": 2}
    assert run.seeds == [3, 4]
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", run.date)
    assert re.fullmatch(r"[0-9a-f]{40}\+?|unknown", run.commit)
    assert {"python", "torch", "torchvision", "numpy"} <= set(run.versions)
    assert run.device in what_is_shown("16_depth", tmp_path)


def test_a_second_record_takes_the_place_of_the_first(full, tmp_path):
    for epochs in (1, 2):
        record("16_depth", curves={}, settings={"epochs": epochs}, seeds=[], folder=tmp_path)
    assert recorded("16_depth", tmp_path).settings == {"epochs": 2}
    assert [path.name for path in tmp_path.iterdir()] == ["16_depth.json"]


@pytest.mark.parametrize("scale", ["smoke", "lecture"])
def test_smaller_scales_leave_no_record(scale, monkeypatch, tmp_path):
    monkeypatch.setenv("COURSE_SCALE", scale)
    assert record("16_depth", curves=CURVES, settings={}, seeds=[3, 4], folder=tmp_path) is None
    assert list(tmp_path.iterdir()) == []


def test_without_a_record_the_page_says_so(tmp_path):
    assert recorded("16_depth", tmp_path) is None
    assert what_is_shown("16_depth", tmp_path).startswith("No run at full scale is recorded")


@pytest.mark.parametrize("rows", [[[1.0]], [[1.0], [2.0], [3.0]], [1.0, 2.0]])
@pytest.mark.parametrize("scale", ["smoke", "full"])
def test_a_curve_has_one_row_a_seed(rows, scale, monkeypatch, tmp_path):
    monkeypatch.setenv("COURSE_SCALE", scale)  # a mistake shows before the long run, too
    with pytest.raises(ValueError, match="one row of numbers for each of 2 seeds"):
        record("16_depth", curves={"a": rows}, settings={}, seeds=[0, 1], folder=tmp_path)


@pytest.mark.parametrize("name", ["depth", "16-depth", "../16_depth", "16_Depth", ""])
def test_a_name_is_chapter_and_subject(name, tmp_path):
    for attempt in (
        lambda: recorded(name, tmp_path),
        lambda: record(name, curves={}, settings={}, seeds=[], folder=tmp_path),
    ):
        with pytest.raises(ValueError, match="named by chapter and subject"):
            attempt()


@pytest.mark.parametrize("text", ["not JSON", "[]", "{}", json.dumps({"curves": {}, "more": 1})])
def test_another_file_is_refused(text, tmp_path):
    (tmp_path / "16_depth.json").write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match="is not a record"):
        recorded("16_depth", tmp_path)
