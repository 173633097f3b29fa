"""Exercises of chapter 4: perceptrons that scan."""

from __future__ import annotations

import warnings

import numpy as np
import torch
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import Perceptron
from torch.nn import functional as F

from course_utils.exercises.core import Exercise, Mistake

# --- 04.1 -----------------------------------------------------------------------------------


def _perceptron_cases(rng):
    corners = np.array([[1.0, 0.0, 0.0], [1.0, 0.0, 1.0], [1.0, 1.0, 0.0], [1.0, 1.0, 1.0]])
    drawn = [
        (rng.normal(size=d), rng.normal(size=(n, d)), np.where(np.arange(n) % 2, 1, -1))
        for n, d in ((6, 3), (20, 4))
    ]
    return [
        (np.zeros(2), np.array([[1.0, 2.0], [1.0, 0.0]]), np.array([1, -1])),
        (np.zeros(3), corners, np.array([-1, -1, -1, 1])),
        (np.array([2.0, -1.0, 0.5]), corners, np.array([-1, 1, 1, -1])),
        *drawn,
    ]


def _perceptron_from_sklearn(w, X, y):
    model = Perceptron(fit_intercept=False, shuffle=False, max_iter=1, tol=None)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(X, y, coef_init=w[None])
    return model.coef_[0]


def _epoch_with(wrong=lambda score, label: label * score <= 0, step=lambda x, label: label * x):
    """Return one epoch of the rule with another test or another step."""

    def epoch(w, X, y):
        for x, label in zip(X, y, strict=True):
            if wrong(w @ x, label):
                w = w + step(x, label)
        return w

    return epoch


def _all_with_old_weights(w, X, y):
    missed = y * (X @ w) <= 0
    return w + (y[missed, None] * X[missed]).sum(axis=0)


def _first_mistake_only(w, X, y):
    for x, label in zip(X, y, strict=True):
        if label * (w @ x) <= 0:
            return w + label * x
    return w


RULE = Exercise(
    id="04.1",
    title="One epoch of the perceptron rule",
    points=1,
    minutes=5,
    trains="the perceptron rule, one example at a time",
    cases=_perceptron_cases,
    oracle=_perceptron_from_sklearn,
    mistakes=(
        Mistake(
            "zero counts as right",
            _epoch_with(wrong=lambda score, label: label * score < 0),
            "A score of exactly 0 is on neither side, so the example is not yet right. With "
            "weights of zero your rule never begins.",
        ),
        Mistake(
            "all with the old weights",
            _all_with_old_weights,
            "You found all mistakes with the weights from the start of the epoch. The rule looks "
            "at the next example with the weights that the last one has changed.",
        ),
        Mistake(
            "learns from every example",
            _epoch_with(wrong=lambda score, label: True),
            "Your weights change at every example. The rule does nothing where the answer is "
            "right already.",
        ),
        Mistake(
            "label forgotten",
            _epoch_with(step=lambda x, label: x),
            "You add every misjudged example. One of the class -1 should push the score down, "
            "not up.",
        ),
        Mistake(
            "the wrong way",
            _epoch_with(step=lambda x, label: -label * x),
            "Your step makes the score of a misjudged example worse. Compute label times score "
            "before and after one update.",
        ),
        Mistake(
            "first mistake only",
            _first_mistake_only,
            "You stop after the first update. An epoch goes on to the last example.",
        ),
    ),
)

# --- 04.2 -----------------------------------------------------------------------------------


def _collapse_cases(rng):
    def draw(*shape):
        return rng.normal(size=shape)

    first = (np.array([[1.0, 1.0], [0.0, 1.0]]), np.array([1.0, 0.0]))
    second = (np.array([[2.0, 0.0], [1.0, 3.0]]), np.array([0.0, 5.0]))
    return [
        (*first, *second),
        (draw(3, 3), draw(3), draw(3, 3), draw(3)),
        (draw(2, 4), draw(2), draw(4, 2), draw(4)),
    ]


def _collapse_by_probing(W1, b1, W2, b2):
    """Read the map off its answers: zero gives the bias, the unit vectors the columns."""
    W1, b1, W2, b2 = (torch.from_numpy(part) for part in (W1, b1, W2, b2))
    inputs = torch.cat([torch.zeros_like(W1[:1]), torch.eye(W1.shape[1], dtype=W1.dtype)])
    answers = F.linear(F.linear(inputs, W1, b1), W2, b2)
    return (answers[1:] - answers[0]).T.numpy(), answers[0].numpy()


COLLAPSE = Exercise(
    id="04.2",
    title="Two linear layers are one",
    points=1,
    minutes=5,
    trains="why layers without a non-linearity collapse",
    cases=_collapse_cases,
    oracle=_collapse_by_probing,
    mistakes=(
        Mistake(
            "order of the product",
            lambda W1, b1, W2, b2: (W1 @ W2, W1 @ b2 + b1),
            "You applied the second layer first. The matrix that stands next to x acts first.",
        ),
        Mistake(
            "first bias not passed on",
            lambda W1, b1, W2, b2: (W2 @ W1, b2),
            "The weights are right. The first layer's bias goes through the second layer, too; "
            "put x = 0 into both layers to see it.",
        ),
        Mistake(
            "biases simply added",
            lambda W1, b1, W2, b2: (W2 @ W1, b1 + b2),
            "The weights are right, but the two biases belong to different layers, which may even "
            "have different widths. What does the second layer make of the first one's bias?",
        ),
        Mistake(
            "second bias lost",
            lambda W1, b1, W2, b2: (W2 @ W1, W2 @ b1),
            "The weights are right, but the bias of the second layer is missing. What do the two "
            "layers answer for x = 0?",
        ),
        Mistake(
            "transposed",
            lambda W1, b1, W2, b2: ((W2 @ W1).T, W2 @ b1 + b2),
            "Your matrix is transposed: it should have a row for each output of the second layer "
            "and a column for each input of the first.",
        ),
        Mistake(
            "with an activation",
            lambda W1, b1, W2, b2: (W2 @ np.maximum(W1, 0), W2 @ np.maximum(b1, 0) + b2),
            "You put a ReLU between the layers, on the weights. Here the activation was "
            "forgotten, and only therefore can the two layers be one.",
        ),
    ),
)

# --- 04.3 -----------------------------------------------------------------------------------


def _scan_cases(rng):
    def draw(channels, times, length, hidden, outputs, hop):
        shapes = ((channels, times), (hidden, channels * length), hidden, (outputs, hidden))
        return (*(rng.normal(size=shape) for shape in shapes), rng.normal(size=outputs), hop)

    return [
        (
            np.array([[1.0, 2.0, 4.0, 8.0]]),
            np.array([[-1.0, 1.0]]),
            np.array([0.0]),
            np.array([[1.0]]),
            np.array([10.0]),
            1,
        ),
        draw(1, 9, 3, 4, 2, 2),
        draw(2, 12, 4, 5, 3, 3),
        draw(3, 10, 5, 6, 2, 1),
    ]


def _scan_by_convolution(x, W1, b1, W2, b2, hop):
    x, W1, b1, W2, b2 = (torch.from_numpy(part) for part in (x, W1, b1, W2, b2))
    filters = W1.reshape(len(W1), len(x), -1)
    hidden = F.conv1d(x[None], filters, b1, stride=hop).relu()
    return F.conv1d(hidden, W2[:, :, None], b2)[0].numpy()


def _scan_with(
    *,
    activation=True,
    after=lambda output: output,
    by_time=False,
    hop_of=lambda hop: hop,
    spare=1,
    turned=False,
):
    """Return a scan with one of its parts wrong."""

    def scan(x, W1, b1, W2, b2, hop):
        length = W1.shape[1] // len(x)
        answers = []
        for start in range(0, x.shape[1] - length + spare, hop_of(hop)):
            block = x[:, start : start + length]
            block = block[:, ::-1] if turned else block
            hidden = W1 @ (block.T if by_time else block).ravel() + b1
            output = W2 @ (np.maximum(0, hidden) if activation else hidden) + b2
            answers.append(after(output))
        return np.array(answers).T

    return scan


SCAN = Exercise(
    id="04.3",
    title="Scan with an MLP",
    points=2,
    minutes=15,
    trains="a scanning MLP as a convolution with a stride",
    cases=_scan_cases,
    oracle=_scan_by_convolution,
    mistakes=(
        Mistake(
            "activation forgotten",
            _scan_with(activation=False),
            "Your MLP has no ReLU between its layers, so it is one linear layer.",
        ),
        Mistake(
            "activation after the last layer",
            _scan_with(after=lambda output: np.maximum(0, output)),
            "You also put a ReLU after the last layer, so no answer can be negative. Only the "
            "hidden layer has one here.",
        ),
        Mistake(
            "hop ignored",
            _scan_with(hop_of=lambda hop: 1),
            "You scan every place. The blocks start hop samples apart.",
        ),
        Mistake(
            "last block lost",
            _scan_with(spare=0),
            "You lose a block at the end of the signal. A signal that is exactly as long as a "
            "block holds one block, not none.",
        ),
        Mistake(
            "flattened time by time",
            _scan_with(by_time=True),
            "Right for one channel. With several, the weights expect all times of the first "
            "channel, then all of the second.",
        ),
        Mistake(
            "block turned over",
            _scan_with(turned=True),
            "You read each block backwards in time. A scan lays the weights on the signal as "
            "they are: it is a correlation.",
        ),
        Mistake(
            "places by outputs",
            lambda *case: _scan_by_convolution(*case).T,
            "The numbers are right, but your array has a row for each block. Each output should "
            "have a row, as a channel has in the signal.",
        ),
    ),
)

# --- 04.4 -----------------------------------------------------------------------------------


def _times_cases(rng):
    drawn = []
    for _ in range(4):
        kernel = int(rng.integers(2, 5))
        block = kernel + int(rng.integers(2, 7))
        drawn.append((block + int(rng.integers(5, 20)), block, kernel, int(rng.integers(2, 4))))
    return [(6, 4, 2, 1), (6, 4, 4, 1), (9, 4, 2, 2), (10, 4, 2, 3), *drawn]


def _times_by_adding(n, block, kernel, hop):
    """Every block adds a run of ones: a transposed convolution, with zeros to the end."""
    blocks = torch.ones(1, 1, (n - block) // hop + 1)
    added = F.conv_transpose1d(blocks, torch.ones(1, 1, block - kernel + 1), stride=hop)[0, 0]
    return F.pad(added, (0, n - kernel + 1 - len(added))).long().numpy()


def _times_with(*, places=lambda block, kernel: block - kernel + 1, hop_of=None, end=None):
    """Return the count with another run for each block, other hops or another last block."""

    def count(n, block, kernel, hop):
        counts = np.zeros(n - kernel + 1, dtype=int)
        last = n - block + 1 if end is None else end(n, block)
        for start in range(0, last, hop if hop_of is None else hop_of(block)):
            counts[start : start + places(block, kernel)] += 1
        return counts

    return count


TIMES = Exercise(
    id="04.4",
    title="How often is it computed?",
    points=3,
    minutes=15,
    trains="what block by block repeats and layer by layer does not",
    cases=_times_cases,
    oracle=_times_by_adding,
    mistakes=(
        Mistake(
            "the same everywhere",
            lambda n, block, kernel, hop: np.full(n - kernel + 1, block - kernel + 1),
            "That is the number for the middle of a long signal and a hop of 1. Fewer blocks "
            "reach the ends, and a larger hop leaves blocks out.",
        ),
        Mistake(
            "hop ignored",
            _times_with(hop_of=lambda block: 1),
            "You count a block at every place. The blocks start hop samples apart.",
        ),
        Mistake(
            "samples for answers",
            _times_with(places=lambda block, kernel: block),
            "You count the blocks that contain the sample t. An answer needs all the samples "
            "from t to t + kernel - 1 inside the block.",
        ),
        Mistake(
            "moves for places",
            _times_with(places=lambda block, kernel: block - kernel),
            "Inside a block you count how often the kernel can move on. It also gives an answer "
            "before its first move.",
        ),
        Mistake(
            "last block lost",
            _times_with(end=lambda n, block: n - block),
            "The block that ends with the last sample of the signal is missing.",
        ),
        Mistake(
            "blocks over the edge",
            _times_with(end=lambda n, block: n),
            "You also count blocks that begin inside the signal and run over its end.",
        ),
    ),
)

EXERCISES = (RULE, COLLAPSE, SCAN, TIMES)
