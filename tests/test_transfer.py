"""Features of a trained network for another task, from ImageNet and from our own."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from course_utils.pretrained import pretrained_imagenet
from course_utils.transfer import (
    KNOWN,
    NEW,
    backbone,
    features,
    features_by_layer,
    linear_head,
)


@pytest.fixture(autouse=True)
def _smoke_scale(monkeypatch):
    monkeypatch.setenv("COURSE_SCALE", "smoke")
    monkeypatch.setenv("TQDM_DISABLE", "1")


@pytest.fixture(params=["own", "imagenet"])
def source(request):
    found = pretrained_imagenet() if request.param == "imagenet" else None
    if request.param == "imagenet" and found is None:
        pytest.skip("no network trained on ImageNet is installed")
    return backbone(found)


def test_features_of_every_layer(source):
    pixels = 255 * torch.rand(3, 1, 28, 28)
    at_once = features_by_layer(source, source.prepare(pixels), batch_size=2)
    assert tuple(at_once) == source.layers
    for layer in source.layers:
        body = source.up_to(layer)
        found = features(body, source.prepare(pixels), batch_size=2)
        assert found.ndim == 2
        torch.testing.assert_close(at_once[layer], found)
        assert len(found) == 3
        assert torch.isfinite(found).all()
        one = features(body, source.prepare(pixels[1:2]))
        torch.testing.assert_close(found[1:2], one, rtol=1e-3, atol=1e-4)


def test_it_stays_in_evaluation_mode_and_can_be_trained(source):
    body = source.up_to(source.layers[-1]).train()
    assert not any(module.training for module in body.modules())
    body(source.prepare(255 * torch.rand(2, 1, 28, 28))).sum().backward()
    assert any(p.grad is not None and p.grad.abs().sum() > 0 for p in body.parameters())
    assert all(p.grad is None for p in source.model.parameters()), "up_to must copy"


def test_our_own_knows_none_of_the_new_classes():
    assert set(KNOWN).isdisjoint(NEW)
    assert backbone(None).classes == NEW


def test_the_head_is_the_regression_on_standardised_features():
    rng = np.random.default_rng(0)
    y = np.arange(60) % 3
    x = torch.from_numpy(rng.normal(size=(60, 4)) * [1, 10, 100, 1] + 3 * y[:, None]).float()
    head = linear_head(x, y, 1.0)
    answers = head(x).argmax(dim=1).numpy()
    assert (answers == y).mean() > 0.8
    scaled = linear_head(1000 * x, y, 1.0)(1000 * x)
    torch.testing.assert_close(head(x), scaled, rtol=1e-2, atol=1e-2)


def test_sides():
    for side in (32, 70, 0):
        with pytest.raises(ValueError, match="multiple of 32"):
            backbone(None, side=side)
