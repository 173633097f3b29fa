"""Exercises of chapter 14: ZFNet and VGG."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import nn

from course_utils.exercises.core import Exercise, Mistake
from course_utils.models.dense import dense_layers
from course_utils.models.vgg import CHANNELS, CONFIGURATIONS, convolutional_layers

# --- 14.1 -----------------------------------------------------------------------------------


def _against_cases(rng):
    drawn = [
        (int(k), int(n)) for k, n in zip(rng.integers(2, 8, 6), rng.integers(2, 9, 6), strict=True)
    ]
    return [(3, 2), (3, 3), (3, 1), (5, 2), (3, 5), (2, 4), *drawn]


def _against_by_torch(kernel_size, layers):
    """Pixels that send a derivative back, and PyTorch's own weights."""
    stack = nn.Sequential(*(nn.Conv1d(1, 1, kernel_size, bias=False) for _ in range(layers)))
    for layer in stack:
        nn.init.ones_(layer.weight)
    x = torch.zeros(1, 1, 200, requires_grad=True)
    stack(x)[0, 0, 0].backward()
    side = int((x.grad != 0).sum())
    with torch.device("meta"):
        single = nn.Conv2d(2, 2, side, bias=False).weight.numel()
        small = layers * nn.Conv2d(2, 2, kernel_size, bias=False).weight.numel()
    return side, single / small


def _against(kernel_size, layers, side=None, ratio=None):
    k, n = kernel_size, layers
    window = side(k, n) if side else 1 + n * (k - 1)
    return window, ratio(k, n, window) if ratio else window**2 / (n * k**2)


AGAINST = Exercise(
    id="14.1",
    title="One kernel against a stack",
    points=1,
    minutes=5,
    trains="what stacking small kernels saves",
    cases=_against_cases,
    oracle=_against_by_torch,
    mistakes=(
        Mistake(
            "kernels added up",
            lambda k, n: _against(k, n, side=lambda k, n: k * n),
            "Your window adds up whole kernels. Of each further kernel one value lies on what was "
            "seen already.",
        ),
        Mistake(
            "kernels multiplied",
            lambda k, n: _against(k, n, side=lambda k, n: k**n),
            "Your window multiplies, as if neighbouring units shared no pixel.",
        ),
        Mistake(
            "the other way round",
            lambda k, n: _against(k, n, ratio=lambda k, n, s: n * k**2 / s**2),
            "You divide the stack's weights by the single layer's. Asked is how many times as many "
            "the single layer has.",
        ),
        Mistake(
            "how many more",
            lambda k, n: _against(k, n, ratio=lambda k, n, s: s**2 / (n * k**2) - 1),
            "That is how many *more* the single layer has, as in «81 % more». Asked is how many "
            "times as many.",
        ),
        Mistake(
            "one layer of the stack",
            lambda k, n: _against(k, n, ratio=lambda k, n, s: s**2 / k**2),
            "You compare with one layer of the stack. All its layers have weights.",
        ),
        Mistake(
            "sides instead of areas",
            lambda k, n: _against(k, n, ratio=lambda k, n, s: s / (n * k)),
            "You compare sides. A kernel has as many weights as its square has values.",
        ),
    ),
)

# --- 14.2 -----------------------------------------------------------------------------------


def _padding_cases(rng):
    drawn = []
    for _ in range(6):
        kernel, stride = int(rng.integers(3, 12)), int(rng.integers(1, 5))
        image, padding = int(rng.integers(28, 240)), int(rng.integers(0, kernel))
        drawn.append((image, kernel, stride, (image + 2 * padding - kernel) // stride + 1))
    fixed = [(224, 7, 2, 110), (224, 11, 4, 55), (227, 11, 4, 55), (28, 5, 1, 28), (224, 3, 1, 220)]
    return [*fixed, (224, 7, 2, 112), (10, 3, 2, 9), (10, 3, 1, 14), *drawn]


def _paddings_by_torch(image, kernel, stride, printed):
    found = []
    for padding in range(kernel):
        layer = nn.Conv2d(1, 1, kernel, stride, padding=padding, device="meta")
        if layer(torch.empty(1, 1, image, image, device="meta")).shape[-1] == printed:
            found.append(padding)
    return found


def _paddings(image, kernel, stride, printed, *, size=None, paddings=None):
    def side(p):
        if size:
            return size(image, kernel, stride, p)
        return (image + 2 * p - kernel) // stride + 1

    candidates = paddings(kernel) if paddings else range(kernel)
    return [p for p in candidates if side(p) == printed]


def _exact_side(image, kernel, stride, p):
    return (image + 2 * p - kernel) / stride + 1


PADDING = Exercise(
    id="14.2",
    title="Which padding did they use?",
    points=1,
    minutes=10,
    trains="reading a figure that leaves the padding out",
    cases=_padding_cases,
    oracle=_paddings_by_torch,
    mistakes=(
        Mistake(
            "no rounding",
            lambda *case: _paddings(*case, size=_exact_side),
            "You demand that the stride fits without a remainder. Where it does not, the last "
            "window that still fits decides.",
        ),
        Mistake(
            "rounded up",
            lambda *case: _paddings(*case, size=lambda *s: math.ceil(_exact_side(*s))),
            "You round up. A convolution has no window that hangs over the padded image.",
        ),
        Mistake(
            "padded on one side",
            lambda *case: _paddings(*case, size=lambda i, k, s, p: (i + p - k) // s + 1),
            "You add the padding once. It is there on both sides.",
        ),
        Mistake(
            "plus one forgotten",
            lambda *case: _paddings(*case, size=lambda i, k, s, p: (i + 2 * p - k) // s),
            "You count the steps of the window. Before its first step it has a place already.",
        ),
        Mistake(
            "at most half a kernel",
            lambda *case: _paddings(*case, paddings=lambda k: range(k // 2 + 1)),
            "You stop at half the kernel. Asked are all paddings smaller than the kernel.",
        ),
    ),
)

# --- 14.3 -----------------------------------------------------------------------------------


def _column_cases(rng):
    drawn = []
    for _ in range(2):
        depths = tuple(map(int, rng.integers(1, 5, 5)))
        drawn.append((depths, int(rng.choice((32, 64, 100, 224))), int(rng.integers(2, 1000))))
    letters = [(CONFIGURATIONS[letter], 224, 1000) for letter in "AD"]
    return [((1, 1, 1, 1, 1), 32, 10), *letters, (CONFIGURATIONS["D"], 32, 10), *drawn]


def _column_by_model(depths, image_size, num_classes):
    with torch.device("meta"):
        layers = convolutional_layers(depths, 3, list(CHANNELS))
        pooled = torch.empty(CHANNELS[-1], image_size, image_size)
        for _ in CHANNELS:
            pooled = nn.functional.max_pool2d(pooled, 2)
        layers.update(dense_layers(pooled.numel(), 4096, 4096, num_classes))
        return sum(weight.numel() for weight in nn.Sequential(layers).parameters())


def _column(depths, image_size, num_classes, *, bias=1, area=None, before=3, grown=False):
    total = 0
    for depth, channels in zip(depths, CHANNELS, strict=True):
        for n in range(depth):
            inputs = channels if grown and n == 0 and before != 3 else before
            total += (9 * inputs + bias) * channels
            before = channels
    side = image_size // 32
    sizes = [512 * (area(side) if area else side**2), 4096, 4096, num_classes]
    return total + sum((a + bias) * b for a, b in zip(sizes, sizes[1:], strict=False))


COLUMN = Exercise(
    id="14.3",
    title="The parameters of a column",
    points=2,
    minutes=15,
    trains="counting a whole network by hand",
    cases=_column_cases,
    oracle=_column_by_model,
    mistakes=(
        Mistake(
            "biases forgotten",
            lambda *case: _column(*case, bias=0),
            "A few thousand are missing: each kernel and each dense unit has one number more than "
            "its weights.",
        ),
        Mistake(
            "fc6 sees channels only",
            lambda *case: _column(*case, area=lambda side: 1),
            "Your first dense layer has one input for each channel. It reads every place of every "
            "map, after five halvings of the side.",
        ),
        Mistake(
            "fc6 as for 224 pixels",
            lambda *case: _column(*case, area=lambda side: 49),
            "Your first dense layer reads 7 x 7 places whatever the image. How many there are "
            "follows from `image_size`.",
        ),
        Mistake(
            "fc6 sees the whole image",
            lambda *case: _column(*case, area=lambda side: (32 * side) ** 2),
            "Your first dense layer reads maps as large as the image. Five pools have halved their "
            "sides.",
        ),
        Mistake(
            "blocks begin with their own channels",
            lambda *case: _column(*case, grown=True),
            "In your blocks the first convolution reads as many channels as it puts out. It reads "
            "what the block before left.",
        ),
        Mistake(
            "grey images",
            lambda *case: _column(*case, before=1),
            "Your first convolution reads one channel. The images have colours.",
        ),
        Mistake(
            "no dense layers",
            lambda d, s, c: _column(d, s, c) - _column((0,) * 5, s, c),
            "You counted the convolutions. The three dense layers have most of the parameters.",
        ),
    ),
)

# --- 14.4 -----------------------------------------------------------------------------------


def _peak_cases(rng):
    drawn = [
        (list(map(int, rng.integers(1, 1000, count))),) for count in rng.integers(3, 12, 5).tolist()
    ]
    vgg_begins = [150_528, 3_211_264, 3_211_264, 802_816, 1_605_632]
    return [([4, 3],), ([1, 5, 2, 6],), ([9, 1, 5, 5, 2],), (vgg_begins,), *drawn]


def _peak_by_simulation(sizes):
    """Run the chain with a heap: allocate the output, note what is held, free the input."""
    held, most = sizes[0], 0
    for before, after in zip(sizes, sizes[1:], strict=False):
        held += after
        most = max(most, held)
        held -= before
    return most


PEAK = Exercise(
    id="14.4",
    title="How much memory does a prediction need?",
    points=2,
    minutes=10,
    trains="what must be kept, and until when",
    cases=_peak_cases,
    oracle=_peak_by_simulation,
    mistakes=(
        Mistake(
            "everything kept",
            sum,
            "You keep every map to the end. That is what *training* needs, for the backward pass; "
            "a prediction may forget a map as soon as the next layer has read it.",
        ),
        Mistake(
            "the largest map",
            max,
            "You hold one map at a time. A layer reads its input while it writes its output.",
        ),
        Mistake(
            "the two largest maps",
            lambda sizes: sum(sorted(sizes)[-2:]),
            "Your two largest maps need not exist at the same moment. Which pairs do?",
        ),
        Mistake(
            "three at a time",
            lambda sizes: max(sum(sizes[n : n + 3]) for n in range(len(sizes) - 1)),
            "You hold three maps at once. When a layer works, the input of the layer before it is "
            "needed no more.",
        ),
        Mistake(
            "twice the largest map",
            lambda sizes: 2 * max(sizes),
            "You reserve two buffers of the largest size. That is always enough, and mostly too "
            "much: input and output differ in size.",
        ),
    ),
)

# --- 14.5 -----------------------------------------------------------------------------------


def _aliased_cases(rng):
    rows = np.arange(8)
    slow = 5 + np.cos(2 * np.pi * rows / 8)[:, None] * np.ones(8)
    fast = np.cos(2 * np.pi * 3 * rows / 8)[None, :] + 0.5 * slow
    drawn = []
    for side, stride in ((8, 4), (12, 2), (12, 3), (16, 4), (28, 4), (28, 2)):
        smooth = np.cumsum(rng.normal(size=(side, side)), axis=0)
        drawn.append((smooth + rng.normal(size=(side, side)), stride))
    return [(slow, 2), (fast, 2), (fast, 4), (slow + fast.T, 2), *drawn]


def _aliased_by_waves(response, stride):
    """By matrices of waves, not by an FFT."""
    side = len(response)
    n = np.arange(side)
    waves = np.exp(-2j * np.pi * np.outer(n, n) / side)
    power = np.abs(waves @ (response - response.mean()) @ waves) ** 2
    cycles = np.minimum(n, side - n) * 2 * stride  # to be held against the side
    kept = np.outer(cycles < side, cycles < side)
    return float(power[~kept].sum() / power.sum())


def _aliased(
    response, stride, *, mean=True, limit=None, either=True, power=2, kept=False, sign=False
):
    response = response - response.mean() if mean else response
    spectrum = np.abs(np.fft.fft2(response)) ** power
    frequency = np.fft.fftfreq(len(response))
    frequency = frequency if sign else np.abs(frequency)
    low = frequency < (limit(stride) if limit else 1 / (2 * stride))
    slow = np.outer(low, low) if either else low[:, None] | low[None, :]
    share = spectrum[slow].sum() / spectrum.sum()
    return float(share if kept else 1 - share)


ALIASED = Exercise(
    id="14.5",
    title="What a stride cannot see",
    points=3,
    minutes=20,
    trains="aliasing in two dimensions",
    cases=_aliased_cases,
    oracle=_aliased_by_waves,
    atol=1e-8,
    mistakes=(
        Mistake(
            "mean left in",
            lambda r, s: _aliased(r, s, mean=False),
            "You count the mean as a wave that survives. It is no pattern; take it away first.",
        ),
        Mistake(
            "limit twice as high",
            lambda r, s: _aliased(r, s, limit=lambda s: 1 / s),
            "Your limit is one cycle for each sample. A wave needs two samples a cycle to be seen.",
        ),
        Mistake(
            "both directions too fast",
            lambda r, s: _aliased(r, s, either=False),
            "You count a wave as lost only if it is too fast along both axes. One is enough.",
        ),
        Mistake(
            "negative frequencies kept",
            lambda r, s: _aliased(r, s, sign=True),
            "You hold frequencies with their sign against the limit, so that every negative one "
            "passes. How fast a wave is does not depend on the sign.",
        ),
        Mistake(
            "amplitudes",
            lambda r, s: _aliased(r, s, power=1),
            "You add up amplitudes. Power is their square.",
        ),
        Mistake(
            "what survives",
            lambda r, s: _aliased(r, s, kept=True),
            "You return the share that the stride keeps. Asked is the other one.",
        ),
    ),
)

EXERCISES = (AGAINST, PADDING, COLUMN, PEAK, ALIASED)
