"""Exercises of chapter 13: ImageNet and AlexNet."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from course_utils.exercises.core import Exercise, Mistake

# --- 13.1 -----------------------------------------------------------------------------------


def _layer_cases(rng):
    drawn = []
    for _ in range(5):
        groups = int(rng.choice([2, 3, 4]))
        maps, kernels = (groups * int(n) for n in rng.integers(2, 20, 2))
        drawn.append((maps, kernels, int(rng.integers(2, 8)), groups))
    return [(4, 6, 3, 2), (4, 6, 3, 1), (3, 96, 11, 1), (96, 256, 5, 2), (384, 256, 3, 2), *drawn]


def _count(maps, kernels, size, groups):
    with torch.device("meta"):
        layer = nn.Conv2d(maps, kernels, size, groups=groups)
    return sum(p.numel() for p in layer.parameters())


PARAMETERS = Exercise(
    id="13.1",
    title="Parameters of a split layer",
    points=1,
    minutes=5,
    trains="what groups leave out",
    cases=_layer_cases,
    oracle=_count,
    mistakes=(
        Mistake(
            "groups ignored",
            lambda c, o, k, g: o * (c * k * k + 1),
            "Right for one group. With more of them a kernel sees only the maps of its own group.",
        ),
        Mistake(
            "biases forgotten",
            lambda c, o, k, g: o * (c // g) * k * k,
            "The weights are right. Each kernel also has a bias.",
        ),
        Mistake(
            "biases split too",
            lambda c, o, k, g: o * (c * k * k + 1) // g,
            "You divide the biases by the number of groups as well. How many kernels are there?",
        ),
        Mistake(
            "fewer kernels and fewer maps",
            lambda c, o, k, g: (o // g) * ((c // g) * k * k + 1),
            "That is one group only. The others have kernels of their own.",
        ),
        Mistake(
            "kernel size not squared",
            lambda c, o, k, g: o * ((c // g) * k + 1),
            "Your kernels are as high as one pixel. The size is that of both sides.",
        ),
    ),
)

# --- 13.2 -----------------------------------------------------------------------------------


def _score_cases(rng):
    by_hand = np.array([[0.1, 0.6, 0.3], [0.5, 0.2, 0.3], [0.2, 0.1, 0.7], [0.4, 0.35, 0.25]])
    labels = np.array([1, 1, 0, 2])
    cases = [(by_hand, labels, k) for k in (1, 2, 3)]
    for k in (1, 3, 5):
        scores = rng.normal(size=(40, 8))
        targets = rng.integers(0, 8, 40)
        targets[:8] = np.arange(8)  # every class occurs
        cases.append((scores, targets, k))
    return cases


def _top_k(scores, labels, k):
    best = torch.from_numpy(scores).topk(k, dim=1).indices
    return 1 - (best == torch.from_numpy(labels)[:, None]).any(dim=1).double().mean().item()


def _missing(scores, labels, chosen):
    """Share of the labels that are not among the chosen classes."""
    return float(np.mean([label not in row for label, row in zip(labels, chosen, strict=True)]))


TOP_K = Exercise(
    id="13.2",
    title="Top-k error",
    points=2,
    minutes=10,
    trains="what the challenge counts",
    cases=_score_cases,
    oracle=_top_k,
    mistakes=(
        Mistake(
            "accuracy",
            lambda s, y, k: 1 - _missing(s, y, np.argsort(-s, axis=1)[:, :k]),
            "You return the share of images that were answered right. Asked for is the error.",
        ),
        Mistake(
            "always one guess",
            lambda s, y, k: _missing(s, y, np.argsort(-s, axis=1)[:, :1]),
            "Right for k = 1. With more guesses an image counts as right if any of them is the "
            "label.",
        ),
        Mistake(
            "the lowest scores",
            lambda s, y, k: _missing(s, y, np.argsort(s, axis=1)[:, :k]),
            "You take the k classes with the lowest scores: argsort sorts upwards.",
        ),
        Mistake(
            "exactly the k-th guess",
            lambda s, y, k: _missing(s, y, np.argsort(-s, axis=1)[:, k - 1 : k]),
            "You look at the k-th guess alone. The ones before it count as well.",
        ),
        Mistake(
            "one guess too few",
            lambda s, y, k: _missing(s, y, np.argsort(-s, axis=1)[:, : k - 1]),
            "You take k - 1 guesses: with k = 1 there should be one.",
        ),
        Mistake(
            "percent",
            lambda s, y, k: 100 * _missing(s, y, np.argsort(-s, axis=1)[:, :k]),
            "You return percent. Asked for is the share as a number between 0 and 1.",
        ),
        Mistake(
            "a number of images",
            lambda s, y, k: len(y) * _missing(s, y, np.argsort(-s, axis=1)[:, :k]),
            "You count the images. Asked for is their share, between 0 and 1.",
        ),
    ),
)

# --- 13.3 -----------------------------------------------------------------------------------


def _memory_cases(rng):
    drawn = []
    for _ in range(5):
        parameters = int(rng.integers(1_000, 90_000_000))
        kept = int(rng.integers(10_000, 30_000_000))
        drawn.append((parameters, kept, 12 * parameters + int(kept * rng.uniform(1, 400))))
    return [(10, 100, 1_000), (10, 100, 1_020), (10, 100, 120), (1_000, 50, 20_000), *drawn]


def _by_trying(parameters, kept, memory):
    """Doubling, then halving the interval: no division."""
    batch, step = 0, 1
    while 12 * parameters + kept * (batch + step) <= memory:
        batch, step = batch + step, 2 * step
    while step:
        if 12 * parameters + kept * (batch + step) <= memory:
            batch += step
        else:
            step //= 2
    return batch


BATCH = Exercise(
    id="13.3",
    title="The largest batch",
    points=1,
    minutes=8,
    trains="what lies in memory during training",
    cases=_memory_cases,
    oracle=_by_trying,
    mistakes=(
        Mistake(
            "weights only",
            lambda p, kept, memory: (memory - 4 * p) // kept,
            "You count each parameter once. In training every weight has a gradient and a "
            "momentum beside it.",
        ),
        Mistake(
            "momentum forgotten",
            lambda p, kept, memory: (memory - 8 * p) // kept,
            "You count weights and gradients. Momentum keeps one more number for each weight.",
        ),
        Mistake(
            "numbers for bytes",
            lambda p, kept, memory: (memory - 3 * p) // kept,
            "Three numbers for each parameter, right; but a 32-bit number takes four bytes.",
        ),
        Mistake(
            "rounded up",
            lambda p, kept, memory: -(-(memory - 12 * p) // kept),
            "Where the images do not come out even you take one too many: it does not fit.",
        ),
        Mistake(
            "parameters for every image",
            lambda p, kept, memory: memory // (12 * p + kept),
            "You let every image of the batch bring its own weights. They are there once.",
        ),
        Mistake(
            "parameters forgotten",
            lambda p, kept, memory: memory // kept,
            "You give all of the memory to the images. The parameters lie there as well.",
        ),
        Mistake(
            "not rounded",
            lambda p, kept, memory: (memory - 12 * p) / kept,
            "A batch has a whole number of images: the part of one that is left over does not fit.",
        ),
        Mistake(
            "four bytes twice",
            lambda p, kept, memory: (memory - 12 * p) // (4 * kept),
            "What is kept for an image is already given in bytes.",
        ),
    ),
)

# --- 13.4 -----------------------------------------------------------------------------------


def _image_cases(rng):
    counting = np.arange(16.0).reshape(1, 4, 4)
    drawn = [(rng.normal(size=shape), side) for shape, side in (((3, 9, 11), 5), ((2, 8, 8), 6))]
    return [(counting, 2), (np.arange(9.0).reshape(1, 3, 3), 1), *drawn]


def _ten_by_windows(image, side):
    """Out of all windows, those in the corners and in the middle: the first, last and middle."""
    ten = []
    for version in (torch.from_numpy(image), torch.from_numpy(image).flip(2)):
        windows = version.unfold(1, side, 1).unfold(2, side, 1)  # (C, rows, columns, side, side)
        rows, columns = windows.shape[1:3]
        ten += [windows[:, i, j] for i in (0, -1) for j in (0, -1)]
        ten.append(windows[:, rows // 2, columns // 2])
    return torch.stack(ten).numpy()


def _crops(image, side, corners=None, middle=None):
    height, width = image.shape[1:]
    down, right = height - side, width - side
    corners = corners or [(0, 0), (0, right), (down, 0), (down, right)]
    places = [*corners, middle or (down // 2, right // 2)]
    return np.stack([image[:, i : i + side, j : j + side] for i, j in places])


def _ten(image, side, mirror=lambda x: x[:, :, ::-1], **places):
    mirrored = _crops(np.ascontiguousarray(mirror(image)), side, **places)
    return np.concatenate([_crops(image, side, **places), mirrored])


def _ten_transposed_corners(image, side):
    down, right = image.shape[1] - side, image.shape[2] - side
    return _ten(image, side, corners=[(0, 0), (down, 0), (0, right), (down, right)])


def _ten_mirrored_after(image, side):
    five = _crops(image, side)
    return np.concatenate([five, five[..., ::-1]])


def _ten_interleaved(image, side):
    ten = _ten(image, side)
    return ten.reshape(2, 5, *ten.shape[1:]).swapaxes(0, 1).reshape(ten.shape)


TEN_CROPS = Exercise(
    id="13.4",
    title="Ten crops",
    points=2,
    minutes=15,
    trains="places in an image, and mirrors",
    cases=_image_cases,
    oracle=_ten_by_windows,
    mistakes=(
        Mistake(
            "upside down",
            lambda image, side: _ten(image, side, mirror=lambda x: x[:, ::-1]),
            "Your mirror images stand on their heads: you turn over the rows.",
        ),
        Mistake(
            "turned by half a turn",
            lambda image, side: _ten(image, side, mirror=lambda x: x[:, ::-1, ::-1]),
            "Your mirror images are turned by half a turn: only the columns change places.",
        ),
        Mistake(
            "channels turned over",
            lambda image, side: _ten(image, side, mirror=lambda x: x[::-1]),
            "You turn over the wrong axis: the first one holds the channels.",
        ),
        Mistake(
            "no mirror",
            lambda image, side: _ten(image, side, mirror=lambda x: x),
            "The last five are the same as the first five. They should come from the mirror image.",
        ),
        Mistake(
            "crops mirrored in place",
            _ten_mirrored_after,
            "All ten are there, but the last five stand in another order: first turn the whole "
            "image over, then cut out its corners. Its top left corner was the top right one.",
        ),
        Mistake(
            "bottom left before top right",
            _ten_transposed_corners,
            "All ten are there, but top right and bottom left have changed places.",
        ),
        Mistake(
            "each crop beside its mirror",
            _ten_interleaved,
            "All ten are there, but in turns. Asked for are five of the image, then five of its "
            "mirror image.",
        ),
        Mistake(
            "middle begins in the middle",
            lambda image, side: np.concatenate(
                [
                    _crops(part, side, middle=(part.shape[1] - side, part.shape[2] - side))
                    for part in (image, image[:, :, ::-1])
                ]
            ),
            "The corners are right. The middle crop has as much image above it as below it.",
        ),
    ),
)

# --- 13.5 -----------------------------------------------------------------------------------

MOMENTUM, DECAY = 0.9, 0.0005


def _step_cases(rng):
    drawn = []
    for count in (3, 5):
        rates = [0.1] * (count - 2) + [0.01] * 2
        drawn.append((rng.normal(size=4), rng.normal(size=(count, 4)), rates))
    return [
        (np.array([1.0]), np.array([[2.0]]), [0.1]),
        (np.array([100.0]), np.array([[0.0], [0.0]]), [0.1, 0.1]),
        (np.array([1.0, -2.0]), np.array([[1.0, 0.5], [1.0, 0.5]]), [0.1, 0.01]),
        *drawn,
    ]


def _steps_by_torch(w, gradients, rates):
    """torch's SGD with rate 1, fed with gradients that hold the rate and the decay."""
    weight = torch.nn.Parameter(torch.from_numpy(w.copy()))
    rule = torch.optim.SGD([weight], lr=1.0, momentum=MOMENTUM)
    for gradient, rate in zip(gradients, rates, strict=True):
        weight.grad = rate * (torch.from_numpy(gradient) + DECAY * weight.detach())
        rule.step()
    return weight.detach().numpy()


def _steps(w, gradients, rates, rule):
    w, v = w.copy(), np.zeros_like(w)
    for gradient, rate in zip(gradients, rates, strict=True):
        v, w = rule(v, w, gradient, rate)
    return w


def _wrong(rule):
    return lambda w, gradients, rates: _steps(w, gradients, rates, rule)


def _pytorchs(v, w, g, rate):
    v = MOMENTUM * v + g + DECAY * w
    return v, w - rate * v


def _velocity_after(v, w, g, rate):
    after = MOMENTUM * v - DECAY * rate * w - rate * g
    return after, w + v


def _two_at_once(v, w, g, rate):
    step = MOMENTUM * v - rate * g
    return step, (1 - DECAY) * w + step


def _no_momentum(v, w, g, rate):
    return v, w - rate * (g + DECAY * w)


def _upwards(v, w, g, rate):
    v = MOMENTUM * v - DECAY * rate * w + rate * g
    return v, w + v


def _growing(v, w, g, rate):
    v = MOMENTUM * v + DECAY * rate * w - rate * g
    return v, w + v


def _no_decay(v, w, g, rate):
    v = MOMENTUM * v - rate * g
    return v, w + v


def _mean(v, w, g, rate):
    v = MOMENTUM * v - (1 - MOMENTUM) * rate * (g + DECAY * w)
    return v, w + v


STEPS = Exercise(
    id="13.5",
    title="The paper's update",
    points=3,
    minutes=15,
    trains="momentum, decay and the rate, read closely",
    cases=_step_cases,
    oracle=_steps_by_torch,
    rtol=1e-9,
    atol=1e-12,
    mistakes=(
        Mistake(
            "PyTorch's momentum",
            _wrong(_pytorchs),
            "Right as long as the rate stays the same. You multiply the whole velocity by the "
            "new rate; in the paper's formula the old part keeps the rate that it was made with.",
        ),
        Mistake(
            "the old velocity moves the weights",
            _wrong(_velocity_after),
            "You move the weights by the velocity of the step before. The formula has v with "
            "index i + 1.",
        ),
        Mistake(
            "decay without the rate",
            _wrong(_two_at_once),
            "Your decay is not multiplied by the learning rate, and does not pass through the "
            "velocity.",
        ),
        Mistake(
            "no momentum",
            _wrong(_no_momentum),
            "The first step is right. From the second one on 0.9 of the velocity is carried over.",
        ),
        Mistake(
            "uphill",
            _wrong(_upwards),
            "The sign of the gradient is turned over: the loss rises.",
        ),
        Mistake(
            "growing weights",
            _wrong(_growing),
            "The sign of the decay is turned over: with no gradient the weights should shrink.",
        ),
        Mistake(
            "no decay",
            _wrong(_no_decay),
            "With no gradient your weights stay where they are. The decay pulls them towards 0.",
        ),
        Mistake(
            "a running mean",
            _wrong(_mean),
            "You take 0.1 of the new part. The formula takes all of it, so steps add up to ten "
            "times as much.",
        ),
    ),
)

EXERCISES = (PARAMETERS, TOP_K, BATCH, TEN_CROPS, STEPS)
