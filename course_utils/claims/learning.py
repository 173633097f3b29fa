"""What the lectures say of losses, activation functions, backpropagation and training."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from course_utils import ops
from course_utils.claims.core import HISTORICAL, Finding, Row, claim
from course_utils.claims.figures import figure, holds
from course_utils.claims.networks import cost
from course_utils.data import load

LOSSES, BACKWARD, TRAINING = "09_scores_and_losses", "10_backpropagation", "11_training_a_cnn"
SCORES = np.array([6.0, 0.0, 5.0, 3.0, 8.0])
SEEDS = (0, 1, 2)
LENET_MAPS, LENET_UNITS = [(6, 28, 28), (6, 14, 14), (16, 10, 10), (16, 5, 5)], [120, 84, 10]
RATES = (0.1, 0.3, 1.0)


@claim("IIIT-12", taught=f"{LOSSES}#ch09-softmax")
def sum_of_exponentials(row: Row) -> Finding:
    """The sum, in double precision."""
    return figure(row, float(np.exp(SCORES).sum()), "To double precision.")


@claim("IIIT-13", taught=f"{LOSSES}#ch09-softmax")
def largest_probability(row: Row) -> Finding:
    """The largest of the five probabilities."""
    value = float(ops.softmax(SCORES, 0).max())
    return figure(row, value, "To all nine printed digits.", text=f"{value:.12f}")


@claim("CMU-12", taught=f"{BACKWARD}#ch10-pooling")
def argmax_routing(row: Row) -> Finding:
    """The gradient of max pooling, against finite differences."""
    x = np.random.default_rng(0).permutation(16.0 * np.arange(16)).reshape(1, 1, 4, 4)
    g = np.array([[[[1.0, 2.0], [3.0, 4.0]]]])
    ours = ops.max_pool2d_backward(g, x, kernel_size=2)
    bumps = np.eye(16).reshape(16, 1, 1, 4, 4)
    slopes = [(ops.max_pool2d(x + b, 2) - ops.max_pool2d(x - b, 2)) / 2 for b in bumps]
    numeric = np.array([(s * g).sum() for s in slopes]).reshape(x.shape)
    conditions = {
        "only winners get a gradient": np.count_nonzero(ours) == 4,
        "exact": np.allclose(ours, numeric),
    }
    why = "The slide calls it an approximation; it is the exact derivative, except at ties."
    return holds(row, "argmax routing", conditions, why)


@claim("CMU-13", taught=f"{BACKWARD}#ch10-shared-weights")
def sum_over_positions(row: Row) -> Finding:
    """The gradient of a shared filter, and those of a copy for every place."""
    rng = np.random.default_rng(0)
    x, w = torch.tensor(rng.normal(size=(1, 1, 6, 6))), torch.tensor(rng.normal(size=(1, 1, 3, 3)))
    w.requires_grad_()
    (F.conv2d(x, w) ** 2).sum().backward()
    copies = w.detach().reshape(1, 9).repeat(16, 1)
    copies.requires_grad_()
    windows = F.unfold(x, 3)[0].T  # (16, 9)
    ((windows * copies).sum(dim=1) ** 2).sum().backward()
    assert w.grad is not None
    assert copies.grad is not None
    total = torch.allclose(copies.grad.sum(dim=0), w.grad.flatten())
    return holds(
        row, "sum over positions", {"sum of 16 copies' gradients": total}, "A sum, not a mean."
    )


@claim("IIIT-17", taught=f"{BACKWARD}#ch10-depth")
def vanishing_and_exploding(row: Row) -> Finding:
    """The gradient by the first of 20 layers, relative to the last, for two ways to start."""
    small, large = _signal(nn.Sigmoid(), gain=1.0), _signal(nn.ReLU(), gain=4.0)
    conditions = {
        "vanishes (sigmoid, small weights)": small < 1e-6,
        "explodes (ReLU, large weights)": large > 1e2,
    }
    why = "About the same factor a layer, so its power grows or falls with depth."
    return holds(row, "trend", conditions, why)


def _signal(activation: nn.Module, gain: float, depth: int = 20, width: int = 64) -> float:
    """Gradient by the first layer's output over that by the last one's."""
    generator = torch.Generator().manual_seed(0)
    x, outputs = torch.randn(32, width, generator=generator), []
    x.requires_grad_()
    for _ in range(depth):
        x = activation(x) @ (torch.randn(width, width, generator=generator) * (gain / width) ** 0.5)
        x.retain_grad()
        outputs.append(x)
    (x * torch.randn(x.shape, generator=generator)).sum().backward()
    norms = [float(y.grad.norm()) for y in (outputs[0], outputs[-1]) if y.grad is not None]
    return norms[0] / norms[1]


@cache
def _digits() -> tuple[Tensor, Tensor]:
    return load("digits", "train").tensors()


def _trained(
    build: Callable[[], nn.Module], rate: float, seed: int, *, depth: int, norm: bool = False
) -> float:
    """Training loss after 60 steps of plain gradient descent on batches of 64; NaN if it diverged.

    Weights start with the variance that suits the function: 2 / inputs for ReLU, else 1 / inputs.
    """
    x, y = _digits()
    torch.manual_seed(seed)
    net = _network(build, [x[0].numel(), *[32] * depth], norm)
    generator = torch.Generator().manual_seed(seed)
    for _ in range(60):
        batch = torch.randint(len(x), (64,), generator=generator)
        loss = F.cross_entropy(net(x[batch]), y[batch])
        gradients = torch.autograd.grad(loss, list(net.parameters()))
        with torch.no_grad():
            for p, g in zip(net.parameters(), gradients, strict=True):
                p -= rate * g
    with torch.no_grad():
        return float(F.cross_entropy(net(x), y))


def _network(build: Callable[[], nn.Module], widths: list[int], norm: bool) -> nn.Sequential:
    layers: list[nn.Module] = [nn.Flatten()]
    for a, b in zip(widths, widths[1:], strict=False):
        linear = nn.Linear(a, b)
        nn.init.normal_(linear.weight, std=((2 if build is nn.ReLU else 1) / a) ** 0.5)
        nn.init.zeros_(linear.bias)
        layers += [linear, *([nn.BatchNorm1d(b)] if norm else []), build()]
    return nn.Sequential(*layers, nn.Linear(widths[-1], 10))


@claim("CMU-38", taught=f"{LOSSES}#ch09-rate")
def larger_rates(row: Row) -> Finding:
    """A small run: the same deep network at one rate, with and without batch normalisation."""
    rate, guess = 1.5, float(np.log(10))
    plain = [_trained(nn.ReLU, rate, seed, depth=6) for seed in SEEDS]
    normed = [_trained(nn.ReLU, rate, seed, depth=6, norm=True) for seed in SEEDS]
    conditions = {
        "learns with it, in three runs": max(normed) < 0.25 * guess,
        "does not learn without it": not any(loss < 0.75 * guess for loss in plain),
    }
    why = (
        f"At a rate of {rate}, at which a plain network of six hidden layers learns nothing, the "
        f"one "
        "with batch normalisation learns. «Lets» is not «needs»: chapter 9 finds its best accuracy "
        "at rates at which the plain network learns too."
    )
    return holds(row, "larger", conditions, why)


@claim("SEJ-18", taught=f"{LOSSES}#ch09-relu")
def relu_converges_faster(row: Row) -> Finding:
    """A small run: the loss after as many steps, each function at the best of three rates."""
    best = {
        build.__name__: [
            min(_trained(build, rate, seed, depth=3) for rate in RATES) for seed in SEEDS
        ]
        for build in (nn.ReLU, nn.Tanh, nn.Sigmoid)
    }
    faster = {
        f"faster than the {name.lower()} with each of three seeds": all(
            ours < theirs for ours, theirs in zip(best["ReLU"], best[name], strict=True)
        )
        for name in ("Sigmoid", "Tanh")
    }
    why = (
        "The slide does not say than what. Than the sigmoid, clearly; than tanh at its own best "
        "rate not, neither here nor in chapter 9. Cheaper it is, but beside "
        "the layer's matrix product all three are cheap."
    )
    return holds(row, "faster", faster, why)


@claim("CMU-14", taught=f"{TRAINING}#ch11-augmentation")
def galaxy_recipe(row: Row) -> Finding:
    """Nothing: what the recipe was made for, its authors say."""
    why = (
        "These are the numbers of the team that classified plankton. The recipe for galaxies, by "
        "one of its members, is milder: shifts of 4 pixels in 424, zooms up to 1.3, no shear, no "
        "stretch. A guess: the better known galaxies stood for the other."
    )
    sources = ("vandenoord2015plankton", "dieleman2015rotation")
    return Finding("the sources refute it", HISTORICAL, why, sources)


@claim("CMU-15", taught=f"{TRAINING}#ch11-lenet", also={"LeNet-5: pooling": "max pooling"})
def lenet_maps(row: Row) -> Finding:
    """The maps of LeNet-5."""
    table = cost("lenet5")
    shapes = [table[name].output_shape[-3:] for name in ("c1", "s2", "c3", "s4")]
    sizes = [table[name].output_shape[-1] for name in ("c5", "f6", "output")]
    right = (shapes, sizes) == (LENET_MAPS, LENET_UNITS)
    values = int(np.prod(shapes[-1]))
    why = (
        "All maps and units come out. The slide's max pooling is a later simplification of the "
        "paper's, which adds, scales and squashes; and MNIST's images are 28x28, in a field of "
        "32x32."
    )
    text = f"{values}; the other sizes {'as printed' if right else 'differ'}"
    found = figure(row, values, why, text=text)
    return found if right else holds(row, "", {"sizes": False}, why, text=text)


@claim("PUC-01", taught=f"{TRAINING}#ch11-published")
def lenet_parameters(row: Row) -> Finding:
    """Trainable parameters of the paper's network, and of the one taught today."""
    paper, today = cost("lenet5_1998").trainable_parameters, cost("lenet5").trainable_parameters
    return figure(
        row, paper, f"The paper's has exactly as many; the one usually taught has {today:,}."
    )


@claim("PUC-02", taught=f"{TRAINING}#ch11-published", also={"LeNet-5: pooling": "average pooling"})
def lenet_facts(row: Row) -> Finding:
    """What the subsampling of the paper's network has to learn."""
    trainable = cost("lenet5_1998")["s2"].parameters
    why = (
        "60,000 training digits and a scaled tanh, yes. But not plain averages: a unit adds four "
        f"pixels and has a trainable coefficient and bias a map ({trainable} numbers in S2), then "
        "squashes. Plain averages and maxima both are later simplifications."
    )
    return Finding("the source confirms part of it", HISTORICAL, why, ("lecun1998gradient",))
