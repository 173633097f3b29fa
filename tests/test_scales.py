"""The scale comes from the environment, else from the hardware."""

from __future__ import annotations

import pytest

from course_utils import at_scale, scale


@pytest.mark.parametrize("name", ["smoke", "lecture", "full"])
def test_the_environment_decides(monkeypatch, name):
    monkeypatch.setenv("COURSE_SCALE", name)
    assert scale() == name
    assert at_scale(smoke="smoke", lecture="lecture", full="full") == name


@pytest.mark.parametrize(("cuda", "expected"), [(True, "full"), (False, "lecture")])
def test_without_it_the_hardware_decides(monkeypatch, cuda, expected):
    monkeypatch.delenv("COURSE_SCALE", raising=False)
    monkeypatch.setattr("torch.cuda.is_available", lambda: cuda)
    assert scale() == expected


def test_a_wrong_name_is_refused(monkeypatch):
    monkeypatch.setenv("COURSE_SCALE", "huge")
    with pytest.raises(ValueError, match="'huge'; expected one of smoke, lecture, full"):
        scale()
