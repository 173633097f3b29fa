"""Exercises of chapter 11: training a CNN."""

from __future__ import annotations

import numpy as np
import torch
from sklearn.metrics import confusion_matrix
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_weights

from course_utils.exercises.core import Exercise, Mistake

# --- 11.1 -----------------------------------------------------------------------------------


def _lenet_cases(rng):
    drawn = [
        (int(rng.integers(16, 65)), int(rng.integers(1, 5)), int(rng.integers(2, 101)))
        for _ in range(4)
    ]
    return [(28, 1, 10), (32, 3, 10), (29, 1, 10), (31, 2, 5), *drawn]


def _lenet_counted(size, in_channels, num_classes):
    """Build the layers without contents, send an image through and count."""
    layers = nn.Sequential(
        nn.Conv2d(in_channels, 6, 5, padding=2, device="meta"),
        nn.MaxPool2d(2),
        nn.Conv2d(6, 16, 5, device="meta"),
        nn.MaxPool2d(2),
        nn.Flatten(),
    )
    features = layers(torch.empty(1, in_channels, size, size, device="meta")).shape[1]
    dense = [
        nn.Linear(a, b, device="meta") for a, b in ((features, 120), (120, 84), (84, num_classes))
    ]
    return sum(p.numel() for layer in (layers, *dense) for p in layer.parameters())


def _lenet_with(*, bias=1, margin=4, first=None, positions=True, ceil=False, pad=0):
    """The formula with one thing wrong."""

    def count(size, in_channels, num_classes):
        def half(side):
            return -(-side // 2) if ceil else side // 2

        side = half(half(size - pad) - margin)
        maps = 16 * side * side if positions else 16
        c1 = 6 * (25 * (first or in_channels) + bias)
        dense = 120 * (maps + bias) + 84 * (120 + bias) + num_classes * (84 + bias)
        return c1 + 16 * (6 * 25 + bias) + dense

    return count


LENET = Exercise(
    id="11.1",
    title="LeNet for other images",
    points=1,
    minutes=8,
    trains="parameters of convolutions and dense layers",
    cases=_lenet_cases,
    oracle=_lenet_counted,
    mistakes=(
        Mistake(
            "no biases",
            _lenet_with(bias=0),
            "Your count is short by one number for each filter and each dense unit: the biases.",
        ),
        Mistake(
            "padding forgotten in C1",
            _lenet_with(pad=4),
            "You let C1 shrink its image. With padding 2 a 5 × 5 filter leaves the size alone; "
            "only C3 loses a border.",
        ),
        Mistake(
            "padding in C3 too",
            _lenet_with(margin=0),
            "You let C3 keep the size of its maps. It has no padding, so a 5 × 5 filter loses two "
            "pixels on each side.",
        ),
        Mistake(
            "one number a map",
            _lenet_with(positions=False),
            "You give the first dense layer one input for each of the 16 maps. It sees every "
            "position of every map.",
        ),
        Mistake(
            "grey images only",
            _lenet_with(first=1),
            "A filter of C1 has weights for every channel of the image. Yours have them for one.",
        ),
        Mistake(
            "pools rounded up",
            _lenet_with(ceil=True),
            "Your pools keep a last row that does not fill a block. Here they drop it.",
        ),
    ),
)

# --- 11.2 -----------------------------------------------------------------------------------


def _paths(rng, count, steps=5):
    """Weights and gradients of a few shapes."""
    for shape in ((2,), (3,), (2, 3), (4, 1, 2))[:count]:
        yield rng.normal(size=shape), [rng.normal(size=shape) for _ in range(steps)]


def _nesterov_cases(rng):
    one = np.array([1.0])
    small = [(one, [one], 0.1, 0.5), (one, [one, one], 0.1, 0.5), (one, [one, 3 * one], 0.1, 0.0)]
    drawn = [
        (w, g, 0.05, beta) for (w, g), beta in zip(_paths(rng, 3), (0.9, 0.5, 0.8), strict=False)
    ]
    return [*small, *drawn]


def _torch_steps(make, w, gradients):
    weights = torch.tensor(w, dtype=torch.float64, requires_grad=True)
    rule = make([weights])
    for gradient in gradients:
        weights.grad = torch.tensor(gradient, dtype=torch.float64)
        rule.step()
    return weights.detach().numpy()


def _nesterov_torch(w, gradients, lr, beta):
    # SGD refuses Nesterov's variant without momentum, where the two are plain SGD.
    return _torch_steps(
        lambda p: torch.optim.SGD(p, lr=lr, momentum=beta, nesterov=beta > 0), w, gradients
    )


def _momentum_with(ahead, update=lambda beta, v, g: beta * v + g):
    """Steps in direction ``ahead(beta, v, g)``."""

    def steps(w, gradients, lr, beta):
        v = np.zeros_like(w)
        for g in gradients:
            v = update(beta, v, g)
            w = w - lr * ahead(beta, v, g)
        return w

    return steps


def _ends_after_one(w, gradients, lr, beta):
    return w - lr * (1 + beta) * gradients[0]


NESTEROV = Exercise(
    id="11.2",
    title="Momentum that looks ahead",
    points=2,
    minutes=10,
    trains="the memory of momentum, and when it is used",
    cases=_nesterov_cases,
    oracle=_nesterov_torch,
    mistakes=(
        Mistake(
            "plain momentum",
            _momentum_with(lambda beta, v, g: v),
            "That is plain momentum: it steps with the memory as it is now. Here the step uses "
            "the memory as it would be one step later.",
        ),
        Mistake(
            "no memory",
            _momentum_with(lambda beta, v, g: (1 + beta) * g),
            "Your memory is empty at each step. It must outlive the step: start it once, before "
            "the loop.",
        ),
        Mistake(
            "only the memory",
            _momentum_with(lambda beta, v, g: beta * v),
            "Your step leaves the newest gradient out. It is in the memory already, but the look "
            "ahead adds it once more: one step later the memory would hold it again.",
        ),
        Mistake(
            "running mean",
            _momentum_with(
                lambda beta, v, g: g + beta * v, lambda beta, v, g: beta * v + (1 - beta) * g
            ),
            "Your memory is a running mean, as in Adam. Momentum's is a sum: the new gradient "
            "enters with weight 1.",
        ),
        Mistake(
            "uphill",
            _momentum_with(lambda beta, v, g: -(g + beta * v)),
            "Your step goes along the gradient, so the loss rises. Step against it.",
        ),
        Mistake(
            "only one gradient",
            _ends_after_one,
            "You return after the first gradient. Look at the indentation of your return.",
        ),
    ),
)

# --- 11.3 -----------------------------------------------------------------------------------


def _adamw_cases(rng):
    one = np.array([1.0])
    plain = (0.1, 0.5, 0.9, 0.99, 0.0)
    small = [(one, [4 * one], *plain), (one, [one, -3 * one], *plain)]
    drawn = [(w, g, 0.05, 0.2, 0.8, 0.95, 0.1) for w, g in _paths(rng, 3)]
    return [*small, *drawn]


def _adamw_torch(w, gradients, lr, decay, beta1, beta2, eps):
    return _torch_steps(
        lambda p: torch.optim.AdamW(p, lr=lr, weight_decay=decay, betas=(beta1, beta2), eps=eps),
        w,
        gradients,
    )


def _adam_with(*, corrected=True, penalty=False, rate=True, inside=False, square=True, decays=True):
    """AdamW with one thing wrong."""

    def steps(w, gradients, lr, decay, beta1, beta2, eps):
        m, v = np.zeros_like(w), np.zeros_like(w)
        for t, gradient in enumerate(gradients, start=1):
            g = gradient + decay * w if penalty else gradient
            if decays and not penalty:
                w = w - (lr if rate else 1) * decay * w
            m = beta1 * m + (1 - beta1) * g
            v = beta2 * v + (1 - beta2) * (g**2 if square else np.abs(g))
            m_hat = m / (1 - beta1**t) if corrected else m
            v_hat = v / (1 - beta2**t) if corrected else v
            if not square:
                v_hat = v_hat**2
            w = w - lr * m_hat / (np.sqrt(v_hat + eps) if inside else np.sqrt(v_hat) + eps)
        return w

    return steps


def _adamw_shrinks_last(w, gradients, lr, decay, beta1, beta2, eps):
    """The decay takes its share of the new weights, Adam's step included."""
    m, v = np.zeros_like(w), np.zeros_like(w)
    for t, g in enumerate(gradients, start=1):
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g**2
        m_hat, v_hat = m / (1 - beta1**t), v / (1 - beta2**t)
        w = (1 - lr * decay) * (w - lr * m_hat / (np.sqrt(v_hat) + eps))
    return w


ADAMW = Exercise(
    id="11.3",
    title="Adam that forgets",
    points=3,
    minutes=15,
    trains="bias correction and decoupled weight decay",
    cases=_adamw_cases,
    oracle=_adamw_torch,
    mistakes=(
        Mistake(
            "no bias correction",
            _adam_with(corrected=False),
            "Both means start at 0 and are too small at first, each by its own factor. Your first "
            "steps show it: divide each mean by the sum of its weights so far.",
        ),
        Mistake(
            "penalty in the gradient",
            _adam_with(penalty=True),
            "You put the decay into the gradient, where Adam rescales it. That is Adam with a "
            "penalty; AdamW shrinks the weights apart from the gradient.",
        ),
        Mistake(
            "decay without the rate",
            _adam_with(rate=False),
            "You shrink the weights by the decay alone. The learning rate multiplies it, so that "
            "a schedule calms the decay too.",
        ),
        Mistake(
            "decay after the step",
            _adamw_shrinks_last,
            "You shrink the weights after Adam's step, so the step shrinks with them. Here the "
            "shrinking comes first.",
        ),
        Mistake(
            "no decay",
            _adam_with(decays=False),
            "That is Adam without any decay: the weights never shrink on their own.",
        ),
        Mistake(
            "epsilon inside the root",
            _adam_with(inside=True),
            "You add epsilon before you take the root. It makes a difference where gradients are "
            "small; here it stands outside.",
        ),
        Mistake(
            "mean size for mean square",
            _adam_with(square=False),
            "You average the sizes of the gradients and not their squares. The two agree only "
            "while all gradients are of equal size.",
        ),
    ),
    atol=1e-8,
)

# --- 11.4 -----------------------------------------------------------------------------------


def _confusion_cases(rng):
    small = [
        (np.array([0, 0, 1]), np.array([0, 1, 1]), 3),
        (np.array([2, 2, 0, 1]), np.array([2, 0, 0, 2]), 4),
    ]
    drawn = [
        (rng.integers(0, k, size=n), rng.integers(0, k, size=n), k) for n, k in ((30, 4), (200, 10))
    ]
    return [*small, *drawn]


def _confusion_sklearn(labels, predictions, num_classes):
    return confusion_matrix(labels, predictions, labels=range(num_classes))


def _confusion_each_cell_once(labels, predictions, num_classes):
    matrix = np.zeros((num_classes, num_classes), dtype=int)
    matrix[labels, predictions] += 1  # numpy adds once where an index comes twice
    return matrix


def _confusion_seen_classes(labels, predictions, num_classes):
    seen = np.union1d(labels, predictions)
    return confusion_matrix(labels, predictions, labels=seen)


def _confusion_as_shares(labels, predictions, num_classes):
    matrix = _confusion_sklearn(labels, predictions, num_classes)
    return matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)


def _confusion_mistakes_only(labels, predictions, num_classes):
    wrong = labels != predictions
    return _confusion_sklearn(labels[wrong], predictions[wrong], num_classes)


CONFUSION = Exercise(
    id="11.4",
    title="Who is taken for whom",
    points=1,
    minutes=8,
    trains="reading and building a confusion matrix",
    cases=_confusion_cases,
    oracle=_confusion_sklearn,
    mistakes=(
        Mistake(
            "rows and columns exchanged",
            lambda labels, predictions, k: _confusion_sklearn(predictions, labels, k),
            "Your rows are the answers. Here a row belongs to a true class, so its sum is the "
            "number of images of that class.",
        ),
        Mistake(
            "each cell at most once",
            _confusion_each_cell_once,
            "Your counts never exceed 1. In NumPy, `matrix[rows, columns] += 1` adds once even "
            "where the same cell is named many times.",
        ),
        Mistake(
            "only classes that occur",
            _confusion_seen_classes,
            "Your matrix leaves out classes that do not occur. It must have a row and a column "
            "for each, or two matrices could not be compared.",
        ),
        Mistake(
            "shares in place of counts",
            _confusion_as_shares,
            "You divided each row by its sum. That is useful too, but the exercise asks for "
            "counts.",
        ),
        Mistake(
            "mistakes only",
            _confusion_mistakes_only,
            "Your diagonal is empty. Right answers count as well: they are the diagonal.",
        ),
    ),
)

# --- 11.5 -----------------------------------------------------------------------------------


def _fold_cases(rng):
    def one(value):
        return np.array([float(value)])

    example = (np.full((1, 1, 1, 1), 2.0), one(1), one(3), one(5), one(4), one(0.75), 0.25)

    def drawn(d, c, k):
        settings = [rng.normal(size=d) for _ in range(4)]
        return (rng.normal(size=(d, c, k, k)), *settings, rng.uniform(0.1, 2, size=d), 0.1)

    return [example, drawn(2, 1, 1), drawn(2, 2, 3), drawn(4, 3, 5)]


def _fold_torch(weight, bias, gamma, beta, mean, var, eps):
    tensors = [torch.tensor(a) for a in (weight, bias, mean, var)]
    folded = fuse_conv_bn_weights(*tensors, eps, torch.tensor(gamma), torch.tensor(beta))
    return tuple(part.detach().numpy() for part in folded)


def _fold_with(scale=None, new_bias=None, axis=0):
    """Folding with another scale, another bias, or the scale along another axis."""

    def fold(weight, bias, gamma, beta, mean, var, eps):
        right = gamma / np.sqrt(var + eps)
        used = right if scale is None else scale(gamma, var, eps)
        shape = [1, 1, 1, 1]
        shape[axis] = -1
        along = used.reshape(shape) if weight.shape[axis] == len(used) else used[0]
        made = (bias - mean) * used + beta
        if new_bias is not None:
            made = new_bias(bias, mean, used, beta)
        return weight * along, made

    return fold


FOLD = Exercise(
    id="11.5",
    title="Batch normalisation for free",
    points=3,
    minutes=15,
    trains="batch normalisation in evaluation mode",
    cases=_fold_cases,
    oracle=_fold_torch,
    mistakes=(
        Mistake(
            "bias left as it was",
            _fold_with(new_bias=lambda bias, mean, scale, beta: bias),
            "Only your weight is folded. The convolution's bias passes through the normalisation "
            "too: it is shifted and scaled, and beta comes on top.",
        ),
        Mistake(
            "bias not scaled",
            _fold_with(new_bias=lambda bias, mean, scale, beta: bias - mean * scale + beta),
            "You scale the mean and not the convolution's own bias. The normalisation sees their "
            "difference.",
        ),
        Mistake(
            "mean forgotten",
            _fold_with(new_bias=lambda bias, mean, scale, beta: bias * scale + beta),
            "The running mean does not appear in your bias.",
        ),
        Mistake(
            "variance for standard deviation",
            _fold_with(scale=lambda gamma, var, eps: gamma / (var + eps)),
            "You divide by the variance. The normalisation divides by its square root.",
        ),
        Mistake(
            "epsilon outside the root",
            _fold_with(scale=lambda gamma, var, eps: gamma / (np.sqrt(var) + eps)),
            "You add epsilon to the standard deviation. In batch normalisation it is added to the "
            "variance, under the root. (Adam does it the other way.)",
        ),
        Mistake(
            "input channels scaled",
            _fold_with(axis=1),
            "You scale along the wrong axis of the weight. There is one scale for each *output* "
            "channel, and that is the first axis.",
        ),
    ),
)

EXERCISES = (LENET, NESTEROV, ADAMW, CONFUSION, FOLD)
