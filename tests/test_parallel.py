"""AlexNet in two processes: the same scores, half of the weights each, clear errors."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from course_utils import parallel
from course_utils.models import alexnet
from course_utils.models.alexnet import GPUS
from course_utils.parallel import Gather, half_of, in_two_processes

GATHERS = ["conv3", "fc6", "fc7", "fc8", "scores"]


@pytest.fixture(scope="module")
def narrow():
    torch.manual_seed(0)
    return alexnet(num_classes=10, width=1 / 16).eval()


@pytest.fixture(scope="module")
def images():
    return 60 * torch.randn(2, 3, 227, 227, generator=torch.Generator().manual_seed(1))


def test_two_processes_answer_as_one(narrow, images):
    found = in_two_processes(narrow, images)
    with torch.no_grad():
        expected = narrow(images)
    assert expected.std() > 0.1
    for scores in found.scores:
        torch.testing.assert_close(scores, expected)
    total = sum(p.numel() for p in narrow.parameters())
    assert found.parameters == (total // 2, total // 2)
    assert list(found.sent) == GATHERS
    assert found.sent["scores"] == 5
    assert len(set(found.process_ids)) == GPUS


def test_a_half_has_half_the_rows_of_every_layer(narrow):
    half = half_of(narrow, 1)
    names = [name for name, layer in half.named_children() if isinstance(layer, Gather)]
    assert names == [f"{name}_reads" for name in GATHERS]
    torch.testing.assert_close(half.conv2.weight, narrow.conv2.weight[8:])
    torch.testing.assert_close(half.fc6.weight, narrow.fc6.weight[128:])
    assert half.conv3.in_channels == narrow.conv3.in_channels
    half.conv2.weight.data.zero_()  # a copy: the model stays as it is
    assert narrow.conv2.weight.any()


def test_a_model_that_cannot_be_halved_is_refused(narrow, images):
    with pytest.raises(ValueError, match="fc8 has 7 outputs"):
        half_of(alexnet(num_classes=7, width=1 / 16), 0)
    with pytest.raises(ValueError, match="rank must be 0 or 1"):
        half_of(narrow, 2)
    with pytest.raises(ValueError, match="expected a model"):
        in_two_processes(nn.Sequential(), images)


def test_a_process_that_dies_is_reported_and_the_other_one_ended(narrow, images, monkeypatch):
    started = []
    start = parallel._start

    def start_second_in_no_folder(folder, rank, log):
        started.append(start(folder / "nowhere" if rank else folder, rank, log))
        return started[-1]

    monkeypatch.setattr(parallel, "_start", start_second_in_no_folder)
    with pytest.raises(RuntimeError, match=r"process 1 .* status 1: FileNotFoundError"):
        in_two_processes(narrow, images)
    assert all(process.poll() is not None for process in started)


def test_they_are_ended_after_the_timeout(narrow, images):
    with pytest.raises(TimeoutError, match=r"not done after 0\.1 seconds"):
        in_two_processes(narrow, images, timeout=0.1)
