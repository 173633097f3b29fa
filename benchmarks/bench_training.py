"""What `fit` costs beside a bare PyTorch loop: ``python -m benchmarks.bench_training [rounds]``.

Both train LeNet-5 for an epoch of the shipped Fashion-MNIST subset, with the data already in
tensors, and do the same work: shuffled batches, one update each, running training loss and
accuracy, and loss and accuracy on the validation split. They take turns, in alternating order, so
that whatever else the machine does meets both. Prints the ratio of the medians; fails above 1.05.
For information it also times a loop that keeps no books and validates nothing.
"""

import statistics
import sys
import time

import torch
from torch.nn import functional as F

from course_utils.data import load
from course_utils.models import lenet5
from course_utils.training import default_device, fit, seed_everything

BATCH_SIZE = 64
LIMIT = 1.05


def bare_loop(model, optimizer, x, y):
    """One epoch as in any tutorial, and nothing else."""
    order = torch.randperm(len(y)).to(y.device)
    for chosen in order.split(BATCH_SIZE):
        loss = F.cross_entropy(model(x[chosen]), y[chosen])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def bare_loop_with_evaluation(model, optimizer, train, valid):
    """One epoch with the books that `fit` keeps."""
    x, y = train
    order = torch.randperm(len(y)).to(y.device)
    loss_sum = right = 0.0
    for chosen in order.split(BATCH_SIZE):
        labels = y[chosen]
        scores = model(x[chosen])
        loss = F.cross_entropy(scores, labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        loss_sum += loss.item() * len(labels)
        right += (scores.argmax(1) == labels).sum().item()
    model.eval()
    with torch.no_grad():
        for images, labels in zip(valid[0].split(1000), valid[1].split(1000), strict=True):
            scores = model(images)
            loss_sum += F.cross_entropy(scores, labels).item()
            right += (scores.argmax(1) == labels).sum().item()
    model.train()


def fresh():
    seed_everything(0)
    model = lenet5().to(default_device())
    return model, lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9)


def time_fit(train, valid):
    model, optimizer = fresh()
    started = time.perf_counter()
    fit(model, train, valid, epochs=1, batch_size=BATCH_SIZE, optimizer=optimizer)
    return time.perf_counter() - started


def time_loop(train, valid, *, evaluate):
    model, make = fresh()
    optimizer = make(model.parameters())
    started = time.perf_counter()
    if evaluate:
        bare_loop_with_evaluation(model, optimizer, train, valid)
    else:
        bare_loop(model, optimizer, *train)
    return time.perf_counter() - started


def main(rounds=15):
    device = default_device()
    train, valid = (load("fashion_mnist_small", s).tensors(device) for s in ("train", "valid"))
    runs = {
        "fit": lambda: time_fit(train, valid),
        "loop": lambda: time_loop(train, valid, evaluate=True),
        "nothing but steps": lambda: time_loop(train, valid, evaluate=False),
    }
    for run in runs.values():  # warm up
        run()
    seconds = {name: [] for name in runs}
    for turn in range(rounds):
        for name in list(runs) if turn % 2 == 0 else list(runs)[::-1]:
            seconds[name].append(runs[name]())
    medians = {name: statistics.median(times) for name, times in seconds.items()}
    ratio = medians["fit"] / medians["loop"]
    print(f"LeNet-5, {len(train[1])} images, batches of {BATCH_SIZE}, {device}, {rounds} rounds")
    for name, median in medians.items():
        print(f"{name:>18}: {median:.3f} s an epoch, fit / this = {medians['fit'] / median:.3f}")
    print(f"ratio of medians, fit to the loop that does the same: {ratio:.3f} (limit {LIMIT})")
    return 0 if ratio <= LIMIT else 1


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
