"""Exercises of chapter 18: what the layers learned."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F

from course_utils.exercises.core import Exercise, Mistake

RULES = ("gradient", "deconvolution", "guided")

# --- 18.1 -----------------------------------------------------------------------------------


def _rule_cases(rng):
    fixed = np.array([1.0, -1.0, 2.0, -2.0]), np.array([3.0, 3.0, -3.0, -3.0])
    border = np.array([1.0, -1.0, 2.0]), np.array([0.0, 0.0, 4.0])
    drawn = rng.normal(size=(2, 3, 4)), rng.normal(size=(2, 3, 4))
    return [(*pair, rule) for pair in (fixed, border, drawn) for rule in RULES]


def _rule_by_torch(signal, x, rule):
    """Autograd for the gate, torch's own ReLU for the signal."""
    arrived, x = torch.from_numpy(signal), torch.from_numpy(x).requires_grad_()
    if rule != "gradient":
        arrived = F.relu(arrived)
    if rule == "deconvolution":
        return arrived.numpy()
    (passed,) = torch.autograd.grad(F.relu(x), x, arrived)
    return passed.numpy()


def _past_relu(signal, x, rule, gate=lambda x: x > 0):
    if rule != "gradient":
        signal = np.maximum(signal, 0)
    return signal if rule == "deconvolution" else signal * gate(x)


OTHER_NAME = {"gradient": "deconvolution", "deconvolution": "gradient", "guided": "guided"}

RULE = Exercise(
    id="18.1",
    title="Three rules",
    points=1,
    minutes=5,
    trains="what the three methods do at a ReLU",
    cases=_rule_cases,
    oracle=_rule_by_torch,
    mistakes=(
        Mistake(
            "gradient and deconvolution exchanged",
            lambda signal, x, rule: _past_relu(signal, x, OTHER_NAME[rule]),
            "Two of your rules have each other's names. Which one is the derivative of the layer, "
            "and so must know what went into it?",
        ),
        Mistake(
            "always the gradient",
            lambda signal, x, rule: _past_relu(signal, x, "gradient"),
            "You use one rule for all three names: a negative signal gets past under every one.",
        ),
        Mistake(
            "always guided",
            lambda signal, x, rule: _past_relu(signal, x, "guided"),
            "You use the strictest rule for all three names. The gradient lets negative signals "
            "past, and the deconvolution does not ask what went in.",
        ),
        Mistake(
            "magnitudes of the signal",
            lambda signal, x, rule: _past_relu(
                signal if rule == "gradient" else np.abs(signal), x, rule
            ),
            "You turn negative signals round. A ReLU on the way back makes them 0.",
        ),
        Mistake(
            "gate open at zero",
            lambda signal, x, rule: _past_relu(signal, x, rule, lambda x: x >= 0),
            "Your gate is open where the input is exactly 0. There the statement, and PyTorch, "
            "let nothing past.",
        ),
        Mistake(
            "the input itself passes",
            lambda signal, x, rule: (
                np.maximum(x, 0)
                if rule == "gradient"
                else np.maximum(signal, 0) * (1 if rule == "deconvolution" else np.maximum(x, 0))
            ),
            "Your answer contains the values of the input. It only opens and shuts gates: what "
            "passes is the signal.",
        ),
    ),
)

# --- 18.2 -----------------------------------------------------------------------------------


def _pool_cases(rng):
    small = np.array([[1.0, 5.0], [3.0, 4.0]]), np.array([[7.0]])
    negative = np.array([[-1.0, -5.0], [-3.0, -4.0]]), np.array([[-2.0]])
    drawn = []
    for height, width in ((4, 4), (2, 6), (6, 4)):
        x = rng.permutation(height * width).reshape(height, width) - height * width / 2
        drawn.append((x, rng.normal(size=(height // 2, width // 2))))
    return [small, negative, *drawn]


def _unpool_by_autograd(x, signal):
    x = torch.from_numpy(x).requires_grad_()
    pooled = F.max_pool2d(x[None, None], 2)
    (gradient,) = torch.autograd.grad(pooled, x, torch.from_numpy(signal)[None, None])
    return gradient.numpy()


def _blocks(x):
    height, width = x.shape
    return x.reshape(height // 2, 2, width // 2, 2)


def _repeat(signal):
    return signal.repeat(2, axis=0).repeat(2, axis=1)


def _at_top_left(x, signal):
    out = np.zeros_like(x)
    out[::2, ::2] = signal
    return out


def _winners(x, best=np.max):
    return _blocks(x) == best(_blocks(x), axis=(1, 3), keepdims=True)


def _unpool(x, signal, best=np.max):
    return (_winners(x, best) * _blocks(_repeat(signal))).reshape(x.shape)


UNPOOL = Exercise(
    id="18.2",
    title="Unpool with switches",
    points=2,
    minutes=12,
    trains="unpooling",
    cases=_pool_cases,
    oracle=_unpool_by_autograd,
    mistakes=(
        Mistake(
            "no switches",
            lambda x, signal: _repeat(signal),
            "You fill the whole block. The pool has copied one of its four numbers; the signal "
            "goes back to that one alone.",
        ),
        Mistake(
            "a quarter to each",
            lambda x, signal: _repeat(signal) / 4,
            "You share the signal among the four places. That is the way back of mean pooling.",
        ),
        Mistake(
            "always the first place",
            _at_top_left,
            "Your numbers stand in the upper left corner of every block. Where was the largest "
            "number of that block of `x`?",
        ),
        Mistake(
            "the maximum instead of the signal",
            lambda x, signal: (_winners(x) * _blocks(x)).reshape(x.shape),
            "You put the numbers of `x` back. `x` only says where; what goes there is `signal`.",
        ),
        Mistake(
            "the smallest number's place",
            lambda x, signal: _unpool(x, signal, np.min),
            "Your numbers stand where the smallest of each block was.",
        ),
        Mistake(
            "signal times maximum",
            lambda x, signal: (
                _blocks(_unpool(x, signal)) * np.where(_winners(x), _blocks(x), 0)
            ).reshape(x.shape),
            "You multiply the signal by the largest number. The pool has copied it, and the "
            "derivative of a copy is 1.",
        ),
    ),
)

# --- 18.3 -----------------------------------------------------------------------------------


def _window_cases(rng):
    fixed = [
        (0, 3, 5, 1, -2, 28, 28),
        (6, 2, 24, 4, -10, 28, 28),
        (5, 5, 5, 1, -2, 28, 28),
        (3, 6, 14, 2, -6, 28, 28),
        (1, 0, 11, 4, 0, 30, 20),
        (13, 0, 14, 2, -6, 28, 20),
    ]
    drawn = []
    while len(drawn) < 8:
        stride, size = int(rng.integers(1, 5)), int(rng.integers(3, 20))
        first = -int(rng.integers(0, size))
        height, width = (int(n) for n in rng.integers(16, 40, 2))
        row, column = (int(n) for n in rng.integers(0, 8, 2))
        begins = first + stride * row, first + stride * column
        if begins[0] < height and begins[1] < width and min(begins) + size > 0:
            drawn.append((row, column, size, stride, first, height, width))
    return fixed + drawn


def _window_by_counting(row, column, size, stride, first, height, width):
    """The pixels of the window that are pixels of the image."""
    ends = []
    for place, side in ((row, height), (column, width)):
        begins = first + stride * place
        seen = sorted(set(range(begins, begins + size)) & set(range(side)))
        ends += [seen[0], seen[-1] + 1]
    return tuple(ends)


def _window(row, column, size, stride, first, height, width, *, clip=True, centred=False):
    ends = []
    for place, side in ((row, height), (column, width)):
        begins = first + stride * place - (size // 2 if centred else 0)
        low, high = begins, begins + size
        ends += [max(low, 0), min(high, side)] if clip else [low, high]
    return tuple(ends)


def _shifted_inside(row, column, size, stride, first, height, width):
    ends = []
    for place, side in ((row, height), (column, width)):
        begins = max(min(first + stride * place, side - size), 0)
        ends += [begins, begins + size]
    return tuple(ends)


def _size_kept(row, column, size, stride, first, height, width):
    ends = []
    for place, side in ((row, height), (column, width)):
        begins = max(first + stride * place, 0)
        ends += [begins, min(begins + size, side)]
    return tuple(ends)


WINDOW = Exercise(
    id="18.3",
    title="Which part of the image?",
    points=2,
    minutes=10,
    trains="from a unit to its patch",
    cases=_window_cases,
    oracle=_window_by_counting,
    mistakes=(
        Mistake(
            "not cut off",
            lambda *case: _window(*case, clip=False),
            "Your window may begin before the image or end behind it. A negative number in a "
            "slice counts from the other end.",
        ),
        Mistake(
            "pushed into the image",
            _shifted_inside,
            "You move the window until it fits. What hangs over the border is padding: it has to "
            "be cut off, and the patch becomes smaller.",
        ),
        Mistake(
            "end from the cut begin",
            _size_kept,
            "At the upper and left border your window ends too late: its end is counted from its "
            "true first pixel, not from the one where it was cut off.",
        ),
        Mistake(
            "first pixel forgotten",
            lambda r, c, size, stride, first, h, w: _window(r, c, size, stride, 0, h, w),
            "You let the window of unit (0, 0) begin at pixel 0. With padding it begins at "
            "`first`.",
        ),
        Mistake(
            "step forgotten",
            lambda r, c, size, stride, first, h, w: _window(r, c, size, 1, first, h, w),
            "You move one pixel a unit. Neighbouring units' windows lie `stride` pixels apart.",
        ),
        Mistake(
            "first pixel in steps",
            lambda r, c, size, stride, first, h, w: _window(
                r, c, size, stride, first * stride, h, w
            ),
            "You multiply `first` by the stride as well. It already is a pixel.",
        ),
        Mistake(
            "first pixel as the centre",
            lambda *case: _window(*case, centred=True),
            "You take `first` for the window's middle. It is its first pixel.",
        ),
        Mistake(
            "rows and columns exchanged",
            lambda r, c, size, stride, first, h, w: _window(c, r, size, stride, first, h, w),
            "Rows count downwards and give top and bottom; columns give left and right.",
        ),
        Mistake(
            "last pixel instead of end",
            lambda *case: tuple(
                end - (place in (1, 3)) for place, end in enumerate(_window(*case))
            ),
            "Your bottom and right are the last pixels. A slice ends *before* its second number.",
        ),
    ),
)

# --- 18.4 -----------------------------------------------------------------------------------


def _two_layer_cases(rng):
    small = np.eye(2), np.array([[2.0, -1.0]]), np.array([1.0, 1.0]), 0
    drawn = []
    while len(drawn) < 4:
        w1, w2, x = rng.normal(size=(6, 4)), rng.normal(size=(3, 6)), rng.normal(size=4)
        above = w2 @ np.maximum(w1 @ x, 0)
        if above.max() > 0.2:
            drawn.append((w1, w2, x, int(above.argmax())))
    shut = np.eye(2), np.array([[-2.0, 1.0], [1.0, 1.0]]), np.array([1.0, 1.0]), 0
    return [(*case, rule) for case in (small, *drawn, shut) for rule in RULES]


class _Replaced(torch.autograd.Function):
    """A ReLU with the way back of one of the rules."""

    @staticmethod
    def forward(context, x, rule):
        context.save_for_backward(x)
        context.rule = rule
        return x.clamp(min=0)

    @staticmethod
    def backward(context, arrived):
        (x,) = context.saved_tensors
        if context.rule != "gradient":
            arrived = F.relu(arrived)
        if context.rule != "deconvolution":
            arrived = F.threshold(x, 0, 0).sign() * arrived
        return arrived, None


def _unit_by_autograd(w1, w2, x, unit, rule):
    w1, w2, x = (torch.from_numpy(array) for array in (w1, w2, x))
    x.requires_grad_()
    y = _Replaced.apply(F.linear(_Replaced.apply(F.linear(x, w1), rule), w2), rule)
    one = F.one_hot(torch.tensor(unit), len(w2)).to(y)
    (picture,) = torch.autograd.grad(y, x, one * y.detach())
    return picture.numpy()


def _unit_back(w1, w2, x, unit, rule, *, value=True, lower=True, upper=True, whole=False):
    below = w1 @ x
    above = w2 @ np.maximum(below, 0)
    signal = np.maximum(above, 0) if value else np.ones(len(w2))
    if not whole:
        signal = signal * (np.arange(len(w2)) == unit)
    signal = w2.T @ (_past_relu(signal, above, rule) if upper else signal)
    return w1.T @ (_past_relu(signal, below, rule) if lower else signal)


def _relu_after_weights(w1, w2, x, unit, rule):
    return _past_relu(_unit_back(w1, w2, x, unit, rule, lower=False), x, rule)


def _wrong_gate(w1, w2, x, unit, rule):
    """The gate of the lower ReLU taken from what the weights sent back."""
    signal = np.zeros(len(w2))
    signal[unit] = max((w2 @ np.maximum(w1 @ x, 0))[unit], 0)
    signal = w2.T @ signal
    return w1.T @ _past_relu(signal, signal, rule)


TWO_LAYERS = Exercise(
    id="18.4",
    title="A unit of two layers, sent back",
    points=3,
    minutes=15,
    trains="the way back through a whole network, under each rule",
    cases=_two_layer_cases,
    oracle=_unit_by_autograd,
    mistakes=(
        Mistake(
            "the gradient for every rule",
            lambda w1, w2, x, unit, rule: _unit_back(w1, w2, x, unit, "gradient"),
            "Your pictures are gradients whatever the rule. A negative signal must not pass the "
            "lower ReLU under the other two.",
        ),
        Mistake(
            "no ReLU on the way back",
            lambda *case: _unit_back(*case, lower=False, upper=False),
            "You go back through the weights only. Between the two matrices there is a ReLU.",
        ),
        Mistake(
            "starts from 1",
            lambda *case: _unit_back(*case, value=False),
            "You start from a signal of 1. Asked for is the unit's answer, sent back.",
        ),
        Mistake(
            "all units at once",
            lambda *case: _unit_back(*case, whole=True),
            "You send back the answers of all units. All but the one are to be set to 0.",
        ),
        Mistake(
            "rule at the pixels",
            _relu_after_weights,
            "You apply the rule to the pixels. It belongs to the ReLU, between the two matrices.",
        ),
        Mistake(
            "gate from the signal",
            _wrong_gate,
            "Your gate opens where the *signal* is positive, under every rule. The gradient asks "
            "what went into the ReLU on the way up.",
        ),
    ),
)

# --- 18.5 -----------------------------------------------------------------------------------


def _cka_cases(rng):
    small = np.array([[1.0], [2.0], [3.0]]), np.array([[1.0], [0.0], [0.0]])
    drawn = []
    for n, p, q in ((6, 3, 2), (10, 4, 4), (20, 2, 7)):
        a = rng.normal(size=(n, p)) + rng.normal(size=p)
        drawn.append((a, a[:, :1] + 2 * rng.normal(size=(n, q)) + 1))
    turn = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    a = rng.normal(size=(8, 3)) + 2
    return [small, *drawn, (a, 3 * a @ turn)]


def _cka_by_tables(a, b):
    """Kornblith et al. (2019): the Hilbert-Schmidt criterion of centred tables of pairs."""
    centre = np.eye(len(a)) - 1 / len(a)
    k, l = (centre @ m @ m.T @ centre for m in (a, b))  # noqa: E741
    return float(np.trace(k @ l) / np.sqrt(np.trace(k @ k) * np.trace(l @ l)))


def _squares(one, other):
    return ((one.T @ other) ** 2).sum()


def _cka(a, b, centre=lambda m: m - m.mean(axis=0)):
    a, b = centre(a), centre(b)
    return float(_squares(a, b) / np.sqrt(_squares(a, a) * _squares(b, b)))


CKA = Exercise(
    id="18.5",
    title="CKA for many images",
    points=3,
    minutes=15,
    trains="comparing representations",
    cases=_cka_cases,
    oracle=_cka_by_tables,
    mistakes=(
        Mistake(
            "not centred",
            lambda a, b: _cka(a, b, lambda m: m),
            "Subtract the mean first. Without that a common level makes any two layers alike.",
        ),
        Mistake(
            "each image centred",
            lambda a, b: _cka(a, b, lambda m: m - m.mean(axis=1, keepdims=True) * (m.shape[1] > 1)),
            "You subtract each image's mean. Take each *column's*, over the images.",
        ),
        Mistake(
            "one mean for all",
            lambda a, b: _cka(a, b, lambda m: m - m.mean()),
            "You subtract one mean from all entries. Every column has its own.",
        ),
        Mistake(
            "root forgotten",
            lambda a, b: (lambda x, y: float(_squares(x, y) / (_squares(x, x) * _squares(y, y))))(
                a - a.mean(axis=0), b - b.mean(axis=0)
            ),
            "Two equal layers should give 1. Your denominator lacks the root.",
        ),
        Mistake(
            "not divided",
            lambda a, b: float(_squares(a - a.mean(axis=0), b - b.mean(axis=0))),
            "You return the product itself. Divide by the lengths of the two tables, so that "
            "equal layers give 1.",
        ),
        Mistake(
            "root of everything",
            lambda a, b: _cka(a, b) ** 0.5,
            "Your answer is the root of the right one. The squares belong to the definition.",
        ),
        Mistake(
            "lengths of the answers",
            lambda a, b: (lambda x, y: float(_squares(x, y) / ((x**2).sum() * (y**2).sum())))(
                a - a.mean(axis=0), b - b.mean(axis=0)
            ),
            "You divide by the lengths of the answers. It is the *tables of pairs* whose lengths "
            "are to be divided by.",
        ),
    ),
)

EXERCISES = (RULE, UNPOOL, WINDOW, TWO_LAYERS, CKA)
