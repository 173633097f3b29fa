"""Exercises of chapter 0, *Before you start*."""

from __future__ import annotations

import copy
import statistics

import numpy as np
import torch
from torch.nn import functional as F

from course_utils.exercises.core import Exercise, Mistake
from course_utils.exercises.probes import run_training

# ---- 00.1 accuracy -------------------------------------------------------------------------------


def accuracy_cases(rng):
    square = np.array([[2.0, 1.0, 0.0], [3.0, 4.0, 1.0], [1.0, 0.0, 5.0]])
    losers = np.array([[-3.0, -1.0], [-1.0, -2.0], [-5.0, -4.0], [-1.0, -2.0]])
    scores = rng.normal(size=(40, 10))
    labels = np.where(rng.random(40) < 0.7, scores.argmax(axis=1), rng.integers(0, 10, 40))
    return [
        (square, np.array([0, 1, 1])),
        (losers, np.array([1, 0, 1, 1])),
        (scores, labels),
    ]


def share_with_the_top_score(scores, labels):
    return statistics.fmean(
        float(row[label] == max(row)) for row, label in zip(scores.tolist(), labels, strict=True)
    )


def axis_swapped(scores, labels):
    return np.mean(scores.argmax(axis=0) == labels)


def every_label(scores, labels):
    return np.mean(scores.argmax(axis=1, keepdims=True) == labels)


def counted(scores, labels):
    return np.sum(scores.argmax(axis=1) == labels)


def in_percent(scores, labels):
    return 100 * np.mean(scores.argmax(axis=1) == labels)


def error_rate(scores, labels):
    return np.mean(scores.argmax(axis=1) != labels)


ACCURACY = Exercise(
    id="00.1",
    title="Accuracy from scores",
    points=1,
    minutes=5,
    trains="axes, and what a score is",
    cases=accuracy_cases,
    oracle=share_with_the_top_score,
    mistakes=(
        Mistake(
            "axis swapped",
            axis_swapped,
            "You look for the largest score down each column, that is, for the best picture of "
            "each class. A row belongs to a picture: look for the best class in each row.",
        ),
        Mistake(
            "every answer met every label",
            every_label,
            "Your answers have the shape (N, 1) and the labels (N,), so that each answer is "
            "compared with each label, N x N times. Give both the same shape.",
        ),
        Mistake(
            "count instead of share",
            counted,
            "You count the right answers. The accuracy is their share of all the pictures.",
        ),
        Mistake(
            "percent",
            in_percent,
            "You answer in percent. The accuracy is a number from 0 to 1 here.",
        ),
        Mistake(
            "error rate",
            error_rate,
            "You measure the share of the wrong answers. Ask for the share of the right ones.",
        ),
    ),
)

# ---- 00.2 standardise ----------------------------------------------------------------------------


def table_cases(rng):
    train = np.array([[0.0, 10.0], [2.0, 30.0]])
    other = np.array([[1.0, 20.0], [3.0, 40.0]])
    scales = np.array([1.0, 20.0, 0.1])
    return [
        (train, other),
        (np.array([[1.0], [2.0], [6.0]]), np.array([[3.0]])),
        (scales * rng.normal(2, 1, size=(30, 3)), scales * rng.normal(3, 2, size=(12, 3))),
    ]


def standardised_by_columns(train, other):
    columns = []
    for seen, new in zip(train.T.tolist(), other.T.tolist(), strict=True):
        mean, std = statistics.fmean(seen), statistics.pstdev(seen)
        columns.append([(value - mean) / std for value in new])
    return np.array(columns).T


def own_statistics(train, other):
    with np.errstate(all="ignore"):
        return (other - other.mean(axis=0)) / other.std(axis=0)


def one_mean_for_all(train, other):
    return (other - train.mean()) / train.std()


def by_variance(train, other):
    return (other - train.mean(axis=0)) / train.var(axis=0)


def all_rows_together(train, other):
    rows = np.concatenate([train, other])
    return (other - rows.mean(axis=0)) / rows.std(axis=0)


def only_centred(train, other):
    return other - train.mean(axis=0)


def sample_deviation(train, other):
    return (other - train.mean(axis=0)) / train.std(axis=0, ddof=1)


STANDARDISE = Exercise(
    id="00.2",
    title="Standardise with the training statistics",
    points=1,
    minutes=10,
    trains="broadcasting, and what a model may know",
    cases=table_cases,
    oracle=standardised_by_columns,
    mistakes=(
        Mistake(
            "the new data's own statistics",
            own_statistics,
            "You use the mean and the standard deviation of the new rows. Then the same row would "
            "change with its company, and a single row would become all zeros. What was measured "
            "on the training rows is part of the model.",
        ),
        Mistake(
            "training and new rows together",
            all_rows_together,
            "You measure the mean and the deviation on the training rows and the new rows "
            "together. When the model was trained, nobody had seen the new rows.",
        ),
        Mistake(
            "one mean for the whole table",
            one_mean_for_all,
            "You take one mean and one deviation over all the numbers of the table. Each column "
            "has its own scale, so it needs its own pair: along which axis do you average?",
        ),
        Mistake(
            "variance instead of deviation",
            by_variance,
            "You divide by the variance, which has the square of the column's unit. After the "
            "division no unit may be left.",
        ),
        Mistake(
            "only centred",
            only_centred,
            "You subtract the mean and stop. The columns are centred, but keep their scales.",
        ),
        Mistake(
            "N - 1",
            sample_deviation,
            "You divide the squares by N - 1, as torch.std does unless told otherwise. This book, "
            "like np.std, divides them by N.",
        ),
    ),
)

# ---- 00.3 the gradient of a line's loss ----------------------------------------------------------


def line_cases(rng):
    x = rng.normal(size=20)
    return [
        (1.0, 0.0, np.array([0.0, 1.0, 2.0]), np.array([1.0, 2.0, 2.0])),
        (0.5, -1.0, np.array([3.0]), np.array([2.0])),
        (float(rng.normal()), float(rng.normal()), x, 2 * x + rng.normal(size=20)),
    ]


def gradient_by_autograd(a, b, x, y):
    parameters = torch.tensor([a, b], dtype=torch.float64, requires_grad=True)
    prediction = parameters[0] * torch.from_numpy(x) + parameters[1]
    F.mse_loss(prediction, torch.from_numpy(y)).backward()
    return tuple(parameters.grad.tolist())


def _gradient(a, b, x, y, factor=2.0, average=np.mean):
    error = a * x + b - y
    return factor * average(error * x), factor * average(error)


def summed(a, b, x, y):
    return _gradient(a, b, x, y, average=np.sum)


def factor_forgotten(a, b, x, y):
    return _gradient(a, b, x, y, factor=1.0)


def sign_turned(a, b, x, y):
    return _gradient(a, b, x, y, factor=-2.0)


def without_the_input(a, b, x, y):
    slope = 2 * np.mean(a * x + b - y)
    return slope, slope


def product_of_means(a, b, x, y):
    error = a * x + b - y
    return 2 * np.mean(error) * np.mean(x), 2 * np.mean(error)


def swapped(a, b, x, y):
    return _gradient(a, b, x, y)[::-1]


GRADIENT = Exercise(
    id="00.3",
    title="The gradient of a line's loss",
    points=2,
    minutes=15,
    trains="the chain rule",
    cases=line_cases,
    oracle=gradient_by_autograd,
    mistakes=(
        Mistake(
            "sum instead of mean",
            summed,
            "You add the pairs up. The loss is a mean, and so is its gradient: otherwise twice as "
            "much data would ask for half the learning rate.",
        ),
        Mistake(
            "factor of the square forgotten",
            factor_forgotten,
            "You forgot what the derivative of a square brings down in front.",
        ),
        Mistake(
            "sign turned",
            sign_turned,
            "Your gradient points the other way. The error is the prediction minus the truth; "
            "turn it round and you must also count the inner derivative, -1.",
        ),
        Mistake(
            "inner derivative forgotten",
            without_the_input,
            "Both of your numbers are the same. When the slope a changes a little, how much does "
            "a * x + b change? That is the inner derivative of the chain rule.",
        ),
        Mistake(
            "product of the means",
            product_of_means,
            "Your first number multiplies the mean error by the mean of x. The mean of a product "
            "is not the product of the means: each error meets its own x first.",
        ),
        Mistake(
            "order swapped",
            swapped,
            "Both numbers are right, but in the wrong order: the slope's derivative comes first.",
        ),
    ),
)

# ---- 00.4 batches --------------------------------------------------------------------------------


def batch_cases(rng):
    return [
        (np.array([3, 0, 4, 1, 2]), 2),
        (np.array([1, 0, 3, 2]), 2),
        (np.array([2, 0, 1]), 5),
        (rng.permutation(23), 5),
    ]


def split_by_torch(order, size):
    return list(torch.from_numpy(order).split(size))


def last_dropped(order, size):
    return [order[i : i + size] for i in range(0, len(order) - size + 1, size)]


def order_ignored(order, size):
    return [np.arange(i, min(i + size, len(order))) for i in range(0, len(order), size)]


def overlapping(order, size):
    return [order[i : i + size] for i in range(len(order))]


def as_many_batches(order, size):
    return np.array_split(order, size)


def evened_out(order, size):
    return np.array_split(order, -(-len(order) // size))


def empty_at_the_end(order, size):
    return [order[i : i + size] for i in range(0, len(order) + 1, size)]


BATCHES = Exercise(
    id="00.4",
    title="Cut an epoch into batches",
    points=2,
    minutes=10,
    trains="what an epoch and a batch are",
    cases=batch_cases,
    oracle=split_by_torch,
    mistakes=(
        Mistake(
            "last batch dropped",
            last_dropped,
            "You leave out what does not fill a batch. In an epoch every picture is used once, so "
            "the last batch may be smaller than the others.",
        ),
        Mistake(
            "order ignored",
            order_ignored,
            "You count 0, 1, 2, … instead of following the shuffled order that you are given.",
        ),
        Mistake(
            "overlapping batches",
            overlapping,
            "You start a new batch at every picture, so that pictures come up more than once in an "
            "epoch. The next batch starts where the last one ended.",
        ),
        Mistake(
            "number of batches",
            as_many_batches,
            "You read `size` as the number of batches. It is the number of pictures in a batch.",
        ),
        Mistake(
            "sizes evened out",
            evened_out,
            "The number of your batches is right, but you share out the shortfall among them. Only "
            "the last batch may be smaller than `size`.",
        ),
        Mistake(
            "empty batch at the end",
            empty_at_the_end,
            "Where the batches fit exactly you add an empty one. Look at where your range stops.",
        ),
    ),
)

# ---- 00.5 train and keep the best ----------------------------------------------------------------


# The first optimizer of a process loads much of PyTorch: not in the second that an answer has.
torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)


def best_cases(rng):
    """Start, training pair, validation pair, rate, epochs: the best epoch is not the last."""
    train = (np.array([[-1.0], [1.0]]), np.array([0, 1]))
    valid = (np.array([[1.0], [1.0], [1.0]]), np.array([1, 1, 0]))
    cases = [(np.zeros((2, 1)), np.zeros(2), *train, *valid, 0.5, 4)]
    truth = rng.normal(size=(3, 6))
    for rate, epochs in ((0.15, 25), (0.3, 20)):
        x = rng.normal(size=(40, 6))
        y = (x @ truth.T + 2.0 * rng.normal(size=(40, 3))).argmax(axis=1)
        start = 0.1 * rng.normal(size=(3, 6))
        cases.append((start, np.zeros(3), x[:12], y[:12], x[12:], y[12:], rate, epochs))
    return cases


def _probabilities(weight, bias, x):
    scores = x @ weight.T + bias
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def best_by_formula(weight, bias, train_x, train_y, valid_x, valid_y, rate, epochs):
    """NumPy and the gradient on paper: (p - one-hot) x."""
    steps = []
    for _ in range(epochs):
        error = _probabilities(weight, bias, train_x) - np.eye(len(bias))[train_y]
        weight = weight - rate * error.T @ train_x / len(train_y)
        bias = bias - rate * error.mean(axis=0)
        right = _probabilities(weight, bias, valid_x)[np.arange(len(valid_y)), valid_y]
        steps.append((-np.log(right).mean(), weight))
    best = min(range(epochs), key=lambda epoch: steps[epoch][0])
    return {"best epoch": best + 1, "weight": steps[best][1]}


def _keep_best(
    model,
    train,
    valid,
    rate,
    epochs,
    *,
    judge=None,
    clear=True,
    keep=copy.deepcopy,
    early=False,
    cost=F.cross_entropy,
):
    rule = torch.optim.SGD(model.parameters(), lr=rate)
    judge = judge or valid
    best = (float("inf"), 0, {})

    def measured(epoch):
        with torch.no_grad():
            loss = cost(model(judge[0]), judge[1]).item()
        return (loss, epoch, keep(model.state_dict())) if loss < best[0] else best

    for epoch in range(1, epochs + 1):
        best = measured(epoch) if early else best
        loss = F.cross_entropy(model(train[0]), train[1])
        if clear:
            rule.zero_grad()
        loss.backward()
        rule.step()
        best = best if early else measured(epoch)
    model.load_state_dict(best[2])
    return best[1]


def no_copy(model, train, valid, rate, epochs):
    return _keep_best(model, train, valid, rate, epochs, keep=dict)


def chosen_on_training(model, train, valid, rate, epochs):
    return _keep_best(model, train, valid, rate, epochs, judge=train)


def chosen_by_accuracy(model, train, valid, rate, epochs):
    def wrong(scores, labels):
        return (scores.argmax(dim=1) != labels).sum()

    return _keep_best(model, train, valid, rate, epochs, cost=wrong)


def gradients_pile_up(model, train, valid, rate, epochs):
    return _keep_best(model, train, valid, rate, epochs, clear=False)


def measured_before(model, train, valid, rate, epochs):
    return _keep_best(model, train, valid, rate, epochs, early=True)


def counted_from_zero(model, train, valid, rate, epochs):
    return _keep_best(model, train, valid, rate, epochs) - 1


KEEP_BEST = Exercise(
    id="00.5",
    title="Train, and keep the best",
    points=3,
    minutes=25,
    trains="the training loop, and what the validation split is for",
    cases=best_cases,
    oracle=best_by_formula,
    probe=run_training,
    rtol=1e-5,
    mistakes=(
        Mistake(
            "weights not copied",
            no_copy,
            "You found the best epoch, but the model ends with the weights of the last one. Do you "
            "put the best ones back? If so: what `state_dict()` returns is the model's own memory, "
            "and it goes on changing while you train. How do you keep what it is now?",
        ),
        Mistake(
            "chosen on the training pictures",
            chosen_on_training,
            "You choose by the training loss, which rewards memorising: it goes on falling when "
            "the model gets worse at what it has not seen.",
        ),
        Mistake(
            "chosen by accuracy",
            chosen_by_accuracy,
            "You choose the epoch with the most right answers. The lowest validation loss is asked "
            "for: it also sees how sure the model is.",
        ),
        Mistake(
            "gradients pile up",
            gradients_pile_up,
            "Your steps also contain the gradients of all the steps before. Who sets them back?",
        ),
        Mistake(
            "measured before the step",
            measured_before,
            "You measure the validation loss before the epoch's step, so that each epoch is "
            "judged by the weights of the one before, and the last is never judged.",
        ),
        Mistake(
            "counted from zero",
            counted_from_zero,
            "The weights are right. The first epoch is number 1 here, as in the history of `fit`.",
        ),
    ),
)

EXERCISES = (ACCURACY, STANDARDISE, GRADIENT, BATCHES, KEEP_BEST)
