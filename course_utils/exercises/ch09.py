"""Exercises of chapter 9: from scores to a loss."""

from __future__ import annotations

import numpy as np
import scipy.special
import torch
import torch.nn.functional as F
from scipy.optimize import brentq

from course_utils.exercises.core import Exercise, Mistake

# --- 09.1 -----------------------------------------------------------------------------------


def _drop_cases(rng):
    x, mask = np.array([1.0, 2.0]), np.array([True, False])
    small = [(x, mask, 0.2, True), (x, mask, 0.2, False), (np.array([4.0, 8.0]), ~mask, 0.75, True)]
    drawn = [
        (rng.normal(size=shape), rng.random(shape) >= p, p, training)
        for shape, p, training in (((3, 4), 0.3, True), ((2, 3, 2), 0.6, True), ((5,), 0.3, False))
    ]
    return [*small, *drawn]


def _drop_torch(x, mask, p, training):
    """The layer that PyTorch has, with its own mask replaced by ours."""
    if not training:
        return F.dropout(torch.tensor(x), p, training=False).numpy()
    scale = F.dropout(torch.ones(64, dtype=torch.float64), p, training=True).max().item()
    return np.where(mask, x, 0.0) * (scale or 1 / (1 - p))


def _drop_with(scale=lambda p: 1 / (1 - p), *, turned=False, always=False, later=None):
    def drop(x, mask, p, training):
        if not training and not always:
            return x if later is None else x * later(p)
        return np.where(mask != turned, x * scale(p), 0.0)

    return drop


DROP = Exercise(
    id="09.1",
    title="Dropout with its scale",
    points=1,
    minutes=5,
    trains="inverted dropout",
    cases=_drop_cases,
    oracle=_drop_torch,
    mistakes=(
        Mistake(
            "no scale",
            _drop_with(lambda p: 1),
            "You drop entries and leave the others as they are. The sums of the next layer are "
            "then too small on average; in inverted dropout the kept entries make up for it.",
        ),
        Mistake(
            "divided by the wrong probability",
            _drop_with(lambda p: 1 / p),
            "You divide by the probability of being dropped. What must be made up for is how "
            "rarely an entry is kept.",
        ),
        Mistake(
            "multiplied",
            _drop_with(lambda p: 1 - p),
            "You make the kept entries smaller. They stand for the dropped ones as well, so they "
            "must become larger.",
        ),
        Mistake(
            "scaled after training instead",
            _drop_with(lambda p: 1, later=lambda p: 1 - p),
            "That is the original dropout, which scales after training. Inverted dropout scales "
            "during training, so that nothing is left to do later.",
        ),
        Mistake(
            "mask turned over",
            _drop_with(turned=True),
            "You drop the entries at which the mask is True. Here True means kept.",
        ),
        Mistake(
            "drops in use too",
            _drop_with(always=True),
            "You drop entries whether the network is training or not. In use every unit works.",
        ),
    ),
)

# --- 09.2 -----------------------------------------------------------------------------------


def _softmax_cases(rng):
    small = [
        (np.array([[0.0, 0.0]]),),
        (np.log([[1.0, 2.0, 5.0]]),),
        (np.array([[0.0, 0.0], [1000.0, 1000.0]]),),
        (np.array([[-1000.0, -1001.0], [2.0, 1.0]]),),
        (np.array([[1000.0, -1000.0, -1000.0]]),),
    ]
    drawn = [(rng.normal(size=shape) * scale,) for shape, scale in (((3, 4), 2), ((5, 3), 400))]
    return [*small, *drawn]


def _powers(z, shift):
    with np.errstate(all="ignore"):
        return np.exp(z - shift(z))


def _row_max(z):
    return z.max(axis=1, keepdims=True)


def _softmax_as_written(z):
    powers = _powers(z, lambda z: 0)
    with np.errstate(all="ignore"):
        return powers / powers.sum(axis=1, keepdims=True)


def _softmax_shifted_by_all(z):
    powers = _powers(z, np.max)
    with np.errstate(all="ignore"):
        return powers / powers.sum(axis=1, keepdims=True)


def _softmax_shifted_by_mean(z):
    powers = _powers(z, lambda z: z.mean(axis=1, keepdims=True))
    with np.errstate(all="ignore"):
        return powers / powers.sum(axis=1, keepdims=True)


def _softmax_columns(z):
    powers = _powers(z, lambda z: z.max(axis=0, keepdims=True))
    return powers / powers.sum(axis=0, keepdims=True)


def _softmax_whole(z):
    powers = _powers(z, np.max)
    return powers / powers.sum()


def _softmax_by_largest(z):
    return _powers(z, _row_max)


def _softmax_without_exp(z):
    with np.errstate(all="ignore"):
        return z / z.sum(axis=1, keepdims=True)


def _softmax_clipped(z):
    powers = np.exp(np.clip(z, -500, 500))
    return powers / powers.sum(axis=1, keepdims=True)


SOFTMAX = Exercise(
    id="09.2",
    title="Softmax for a batch",
    points=1,
    minutes=8,
    trains="the softmax that does not overflow",
    cases=_softmax_cases,
    oracle=lambda z: scipy.special.softmax(z, axis=1),
    mistakes=(
        Mistake(
            "overflow",
            _softmax_as_written,
            "Your exponentials overflow, or all of them underflow to 0, and infinity over infinity "
            "is not a number. Which constant can you take away from a row without changing its "
            "answer?",
        ),
        Mistake(
            "one constant for all rows",
            _softmax_shifted_by_all,
            "You take the largest score of the whole batch away. A row whose scores are all far "
            "below it underflows: each row needs a constant of its own.",
        ),
        Mistake(
            "the mean taken away",
            _softmax_shifted_by_mean,
            "You take the mean of each row away. The largest score can still lie far above it, and "
            "then its exponential overflows.",
        ),
        Mistake(
            "along the columns",
            _softmax_columns,
            "Your columns sum to 1. An image is a row, and its probabilities are those of its "
            "classes.",
        ),
        Mistake(
            "one sum for the batch",
            _softmax_whole,
            "Your probabilities sum to 1 over the whole batch. Each image has its own sum.",
        ),
        Mistake(
            "not divided by the sum",
            _softmax_by_largest,
            "The largest entry of each of your rows is 1. You compare with the largest "
            "exponential; a probability compares with the sum of all.",
        ),
        Mistake(
            "no exponential",
            _softmax_without_exp,
            "You divide the scores themselves by their sum. Scores may be negative or sum to 0; "
            "the exponential makes them positive first.",
        ),
        Mistake(
            "clipped scores",
            _softmax_clipped,
            "You cut large scores off at some limit. Then two scores above the limit become equal, "
            "though their difference counts.",
        ),
    ),
)

# --- 09.3 -----------------------------------------------------------------------------------


def _gradient_cases(rng):
    p = np.array([[0.5, 0.5], [0.25, 0.75]])
    labels = np.array([0, 1])
    small = [
        (p[:1], labels[:1], np.ones(2)),
        (p, labels, np.ones(2)),
        (p, labels, np.array([3.0, 1.0])),
    ]
    drawn = [
        (scipy.special.softmax(rng.normal(size=(n, k)), axis=1), labels, rng.uniform(0.2, 3, k))
        for n, k in ((4, 3), (7, 5))
        for labels in [rng.permutation(np.arange(n) % k)]
    ]
    return [*small, *drawn]


def _gradient_torch(p, labels, weight):
    # The logarithms of the probabilities are scores that have these probabilities.
    scores = torch.tensor(np.log(p), requires_grad=True)
    F.cross_entropy(scores, torch.tensor(labels), torch.tensor(weight)).backward()
    return scores.grad.numpy()


def _gradient_with(inner=lambda p, y: p - y, factor=lambda w, weight, n: w / w.sum()):
    def gradient(p, labels, weight):
        y = np.eye(p.shape[1])[labels]
        w = weight[labels]
        return inner(p, y) * np.broadcast_to(factor(w, weight, len(p)), len(p))[:, None]

    return gradient


def _gradient_weights_by_column(p, labels, weight):
    y = np.eye(p.shape[1])[labels]
    return (p - y) * weight / weight[labels].sum()


def _squared(p, y):
    away = p - y
    return 2 * p * (away - (away * p).sum(axis=1, keepdims=True))


GRADIENT = Exercise(
    id="09.3",
    title="What the scores are told",
    points=2,
    minutes=12,
    trains="the gradient p - y, and what a mean divides by",
    cases=_gradient_cases,
    oracle=_gradient_torch,
    mistakes=(
        Mistake(
            "sum in place of a mean",
            _gradient_with(factor=lambda w, weight, n: w),
            "Your gradient is that of the weighted sum. The loss is a mean: something is missing "
            "below the line.",
        ),
        Mistake(
            "divided by the number of images",
            _gradient_with(factor=lambda w, weight, n: w / n),
            "You divide by the number of images. A weighted mean divides by the sum of the "
            "weights that it used.",
        ),
        Mistake(
            "divided by the weights of the classes",
            _gradient_with(factor=lambda w, weight, n: w / weight.sum()),
            "You divide by the sum of the weights of all classes. The loss divides by the sum over "
            "images: a class that occurs twice counts twice.",
        ),
        Mistake(
            "weights forgotten",
            _gradient_with(factor=lambda w, weight, n: np.full(n, 1 / n)),
            "Your gradient does not know the weights. Check the loss: each image counts with the "
            "weight of its class.",
        ),
        Mistake(
            "weight of the score's class",
            _gradient_weights_by_column,
            "You weigh each score by the weight of the class that the score belongs to. The loss "
            "weighs each *image*, by the class of its label.",
        ),
        Mistake(
            "wrong sign",
            _gradient_with(inner=lambda p, y: y - p),
            "Your sign is turned over. The gradient points to where the loss *grows*: at the true "
            "class it is negative.",
        ),
        Mistake(
            "gradient of the probabilities",
            _gradient_with(inner=lambda p, y: -y / p),
            "You differentiate with respect to the probabilities. Go on through the softmax to the "
            "scores, on which all the probabilities depend.",
        ),
        Mistake(
            "squared error",
            _gradient_with(inner=_squared),
            "That is the gradient of squared error, with its extra factor p.",
        ),
    ),
)

# --- 09.4 -----------------------------------------------------------------------------------


def _normalise_cases(rng):
    one = (np.array([1.0, 3.0]).reshape(1, 1, 1, 2), np.zeros(1), np.ones(1), 0.1, 3.0)
    two = (np.array([0.0, 4.0]).reshape(2, 1, 1, 1), np.ones(1), np.full(1, 2.0), 0.5, 0.25)
    drawn = [
        (
            rng.normal(1, 3, size=shape),
            rng.normal(size=shape[1]),
            rng.uniform(0.5, 2, shape[1]),
            m,
            0.5,
        )
        for shape, m in (((2, 2, 1, 3), 0.1), ((4, 3, 2, 2), 0.3))
    ]
    return [one, two, *drawn]


def _normalise_torch(x, mean_run, var_run, m, eps):
    kept = torch.tensor(mean_run), torch.tensor(var_run)
    y = F.batch_norm(torch.tensor(x), *kept, training=True, momentum=m, eps=eps)
    return y.numpy(), kept[0].numpy(), kept[1].numpy()


def _normalise_with(
    *, axes=(0, 2, 3), kept=1, divided=0, share=lambda m: m, outside=False, running=False
):
    """Batch normalisation with one thing wrong."""

    def normalise(x, mean_run, var_run, m, eps):
        def along(values):
            return values if values.ndim == 4 else values.reshape(1, -1, 1, 1)

        mean = x.mean(axis=axes, keepdims=True)
        n = x.size // mean.size
        square = ((x - mean) ** 2).sum(axis=axes, keepdims=True)
        with np.errstate(all="ignore"):
            var, var_kept = square / (n - divided), square / (n - kept)
            new_mean = (1 - share(m)) * along(mean_run) + share(m) * mean
            new_var = (1 - share(m)) * along(var_run) + share(m) * var_kept
            centre, spread = (new_mean, new_var) if running else (mean, var)
            root = np.sqrt(spread) + eps if outside else np.sqrt(spread + eps)
            y = (x - centre) / root
        flat = new_mean.size == len(mean_run)
        return y, *(v.reshape(-1) if flat else v[0] for v in (new_mean, new_var))

    return normalise


NORMALISE = Exercise(
    id="09.4",
    title="Batch normalisation of images",
    points=3,
    minutes=15,
    trains="batch statistics and running statistics",
    cases=_normalise_cases,
    oracle=_normalise_torch,
    mistakes=(
        Mistake(
            "mean over images only",
            _normalise_with(axes=(0,)),
            "Your statistics are over the images alone, one for each place. A channel is one "
            "filter, wherever it looks: its statistics are over places too.",
        ),
        Mistake(
            "mean over each image alone",
            _normalise_with(axes=(2, 3)),
            "Your statistics are over the places of each image alone. That is instance "
            "normalisation; here the images of the batch share them.",
        ),
        Mistake(
            "n in the kept variance",
            _normalise_with(kept=0),
            "The running variance that you keep divides by n. That is right for normalising; the "
            "one that is kept divides by n - 1.",
        ),
        Mistake(
            "n - 1 in both",
            _normalise_with(divided=1),
            "You normalise with the variance over n - 1. Within the batch it is the plain mean "
            "square, over n.",
        ),
        Mistake(
            "shares exchanged",
            _normalise_with(share=lambda m: 1 - m),
            "Your running statistics almost forget the past. m is the share of the *new* batch.",
        ),
        Mistake(
            "epsilon outside the root",
            _normalise_with(outside=True),
            "You add epsilon to the standard deviation. It belongs to the variance, under the "
            "root.",
        ),
        Mistake(
            "normalised with the running statistics",
            _normalise_with(running=True),
            "You normalise with the running statistics. They are for use after training; in "
            "training the batch's own mean and variance count.",
        ),
    ),
)

# --- 09.5 -----------------------------------------------------------------------------------


def _lead_cases(rng):
    drawn = [(int(rng.integers(3, 1001)), float(rng.uniform(0.02, 0.9))) for _ in range(4)]
    return [(2, 0.5), (2, 0.2), (10, 0.1), (1000, 0.1), *drawn]


def _lead_searched(classes, s):
    """Where the slope of the smoothed loss along the lead is 0, found by search."""

    def slope(lead):
        total = np.exp(lead) + classes - 1
        return np.exp(lead) / total - (1 - s + s / classes)

    return brentq(slope, -1, 60, xtol=1e-13)


LEAD = Exercise(
    id="09.5",
    title="How far apart should the scores be?",
    points=3,
    minutes=12,
    trains="the smallest cross-entropy is where p equals the target",
    cases=_lead_cases,
    oracle=_lead_searched,
    mistakes=(
        Mistake(
            "nothing for the true class",
            lambda classes, s: float(np.log((1 - s) / (s / classes))),
            "Your true class keeps 1 - s. The share s is spread over all classes, so that a part "
            "of it comes back to the true one.",
        ),
        Mistake(
            "spread over the others only",
            lambda classes, s: float(np.log((1 - s) / (s / (classes - 1)))),
            "You spread the share over the K - 1 other classes. Here the true class has its part "
            "as well.",
        ),
        Mistake(
            "a ratio for a difference",
            lambda classes, s: (1 - s + s / classes) / (s / classes),
            "That is the ratio of the two probabilities. By how much must scores differ for "
            "their exponentials to have this ratio?",
        ),
        Mistake(
            "log of the true probability",
            lambda classes, s: float(np.log(1 - s + s / classes)),
            "That is the logarithm of the true class's probability. Scores are known only up to "
            "a common constant; compare it with that of another class.",
        ),
        Mistake(
            "against all the others together",
            lambda classes, s: float(np.log((1 - s + s / classes) / ((classes - 1) * s / classes))),
            "You compare the true class with all the others together. The lead is over *each* of "
            "them: take the probability of one.",
        ),
        Mistake(
            "difference of probabilities",
            lambda classes, s: 1.0 - s,
            "That is the difference of the probabilities. Differences of *scores* are logarithms "
            "of ratios.",
        ),
        Mistake(
            "in bits",
            lambda classes, s: float(np.log2((1 - s + s / classes) / (s / classes))),
            "You take logarithms to base 2. The softmax has powers of e.",
        ),
    ),
)

EXERCISES = (DROP, SOFTMAX, GRADIENT, NORMALISE, LEAD)
