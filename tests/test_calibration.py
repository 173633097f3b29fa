"""Calibration against scikit-learn, scipy and torch, and its refusals."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy.optimize import minimize_scalar
from scipy.special import softmax
from sklearn.calibration import calibration_curve

from course_utils.calibration import (
    at_temperature,
    expected_calibration_error,
    fit_temperature,
    negative_log_likelihood,
    reliability,
)


def answers(seed: int, count: int = 400, classes: int = 5, scale: float = 3.0):
    """Scores that are too large by `scale`: labels are drawn from softmax(scores / scale)."""
    rng = np.random.default_rng(seed)
    honest = rng.normal(size=(count, classes)) * 1.5
    labels = np.array([rng.choice(classes, p=row) for row in softmax(honest, axis=1)])
    return scale * honest, labels


@pytest.mark.parametrize("bins", [1, 4, 15])
@pytest.mark.parametrize("seed", range(3))
def test_bins_are_scikit_learns(seed, bins):
    scores, labels = answers(seed)
    table = softmax(scores, axis=1)
    found = reliability(table, labels, bins)
    right = table.argmax(axis=1) == labels
    accuracy, confidence = calibration_curve(right, table.max(axis=1), n_bins=bins)
    filled = found.counts > 0
    np.testing.assert_allclose(found.accuracy[filled], accuracy)
    np.testing.assert_allclose(found.confidence[filled], confidence)
    assert found.counts.sum() == len(labels)


def test_the_error_by_hand():
    table = np.array([[0.9, 0.1], [0.9, 0.1], [0.4, 0.6], [0.3, 0.7]])
    # Two answers at 0.9, one of them right; 0.6 and 0.7 in one bin, both right.
    found = expected_calibration_error(table, np.array([0, 1, 1, 1]), bins=2)
    assert found == pytest.approx(abs(3 / 4 - (0.9 + 0.9 + 0.6 + 0.7) / 4))
    found = expected_calibration_error(table, np.array([0, 1, 1, 1]), bins=5)
    assert found == pytest.approx(0.5 * 0.4 + 0.25 * 0.4 + 0.25 * 0.3)


def test_a_bin_holds_its_upper_edge():
    found = reliability(np.array([[0.5, 0.5], [1.0, 0.0]]), np.array([0, 0]), bins=2)
    assert found.counts.tolist() == [1, 1]


@pytest.mark.parametrize("seed", range(3))
def test_temperature_is_the_minimum_that_scipy_and_torch_find(seed):
    scores, labels = answers(seed)
    ours = fit_temperature(scores, labels)
    theirs = minimize_scalar(
        lambda t: negative_log_likelihood(scores, labels, t), bounds=(0.1, 20), method="bounded"
    ).x
    assert ours == pytest.approx(theirs, rel=1e-4)
    z, y = torch.from_numpy(scores), torch.from_numpy(labels)
    temperature = torch.tensor(ours, dtype=torch.float64, requires_grad=True)
    F.cross_entropy(z / temperature, y).backward()
    assert abs(temperature.grad.item()) < 1e-9


def test_temperature_is_recovered_and_mends_the_error():
    scores, labels = answers(0, count=20_000)
    temperature = fit_temperature(scores, labels)
    assert temperature == pytest.approx(3, rel=0.03)
    before = expected_calibration_error(at_temperature(scores, 1), labels)
    after = expected_calibration_error(at_temperature(scores, temperature), labels)
    assert before > 0.2
    assert after < 0.02


def test_likelihood_is_torchs():
    scores, labels = answers(1)
    theirs = F.cross_entropy(torch.from_numpy(scores / 2.5), torch.from_numpy(labels)).item()
    assert negative_log_likelihood(scores, labels, 2.5) == pytest.approx(theirs)


def test_answers_do_not_change():
    scores, _ = answers(2)
    for temperature in (0.2, 7.0):
        changed = at_temperature(scores, temperature).argmax(axis=1)
        assert (changed == scores.argmax(axis=1)).all()


def test_refusals():
    table, labels = np.full((3, 2), 0.5), np.array([0, 1, 0])
    for bad_table, bad_labels, words in (
        (table[0], labels, "table"),
        (table, labels[:2], "table"),
        (table, labels + 1, "run from 1 to 2"),
        (table, labels.astype(float), "class numbers"),
        (table * np.nan, labels, "finite"),
        (table * 3, labels, "softmax"),
    ):
        with pytest.raises(ValueError, match=words):
            reliability(bad_table, bad_labels)
    with pytest.raises(ValueError, match="bins"):
        reliability(table, labels, 0)
    for temperature in (0, -1, float("nan")):
        with pytest.raises(ValueError, match="above 0"):
            at_temperature(table, temperature)
    with pytest.raises(ValueError, match="are all answers right"):
        fit_temperature(np.array([[3.0, 0.0], [0.0, 3.0]]), np.array([0, 1]))
