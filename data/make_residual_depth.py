"""Measure plain and residual networks of growing depth: `residual_depth.json`.

    python data/make_residual_depth.py [--output FILE]

As chapter 16 does it at its usual scale, at more depths: networks of 6n + 2 layers with half of the
paper's channels, garments of 14 x 14 pixels, three seeds. Before training it measures what comes
up to each convolution, what comes down to it, and the gradient by its weights; then it trains those
with batch normalisation for four epochs and writes down their error on the training images. It
takes about ten minutes on one core. The seeds are fixed, but other versions and processors round
differently.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn, optim
from torch.nn import functional as F

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from course_utils.data import load  # noqa: E402
from course_utils.models.resnet_cifar import _plain, _residual  # noqa: E402
from course_utils.training import fit, seed_everything  # noqa: E402

OUTPUT = Path(__file__).resolve().parent / "residual_depth.json"
DEPTHS = tuple(range(8, 57, 6))
SEEDS = (0, 1, 2)
KINDS = {"plain": _plain, "residual": _residual}
STARTS = ("norm", "bare", "he")
WIDTH, IMAGES, BATCH, EPOCHS, RATE = 0.5, 1000, 64, 4, 0.02
MEASURED = 128  # images of a batch that is only measured


def training_images() -> tuple[Tensor, Tensor]:
    """Garments of the training split, pooled to (1000, 1, 14, 14), and labels (1000,)."""
    x, y = load("fashion_mnist_small", "train", limit=IMAGES).tensors("cpu")
    return F.avg_pool2d(x, 2), y


def start(depth: int, kind: str, how: str, seed: int) -> nn.Module:
    """Return a network with its first weights.

    `how` is "norm": batch normalisation, weights as in `start_he`; "he": the same weights without
    normalisation; or "bare": PyTorch's own weights without normalisation, as in chapter 16.
    Without normalisation the numbers are doubles, as some are too small for float32.
    """
    seed_everything(seed)
    model = KINDS[kind](depth, 10, 1, WIDTH)
    if how == "norm":
        return model
    for part in list(model.modules()):
        for name, layer in list(part.named_children()):
            if isinstance(layer, nn.BatchNorm2d):
                setattr(part, name, nn.Identity())
            if isinstance(layer, nn.Conv2d) and how == "bare":
                layer.reset_parameters()
    return model.double()


def convolutions(model: nn.Module) -> list[nn.Conv2d]:
    """Return its convolutions, from the image on; they are the layers that the figure shows."""
    return [layer for layer in model.modules() if isinstance(layer, nn.Conv2d)]


def measured(model: nn.Module, x: Tensor, y: Tensor) -> tuple[dict[str, list[float]], list[Tensor]]:
    """Send one batch up and its gradient down; return three numbers for each convolution.

    up: root mean square of the numbers that come in. down: length of the gradient of the loss by
    the numbers that go out. weights: length of the gradient by the weights over the length of the
    weights. The second value is the gradients by the weights, flattened.
    """
    layers = convolutions(model)
    up: dict[nn.Module, Tensor] = {}
    out: dict[nn.Module, Tensor] = {}

    def look(layer: nn.Module, inputs: tuple[Tensor], output: Tensor) -> None:
        up[layer] = inputs[0].detach().double().square().mean().sqrt()
        output.retain_grad()
        out[layer] = output

    hooks = [layer.register_forward_hook(look) for layer in layers]
    model.zero_grad()
    F.cross_entropy(model.train()(x.to(layers[0].weight.dtype)), y).backward()
    for hook in hooks:
        hook.remove()
    gradients = [layer.weight.grad.flatten().double() for layer in layers]
    lengths = [layer.weight.detach().double().norm() for layer in layers]
    numbers = {
        "up": [float(up[layer]) for layer in layers],
        "down": [float(out[layer].grad.double().norm()) for layer in layers],
        "weights": [float(g.norm() / w) for g, w in zip(gradients, lengths, strict=True)],
    }
    return numbers, gradients


def before_training(depth: int, kind: str, how: str, seed: int, data: tuple[Tensor, Tensor]) -> Any:
    """Return the three curves of one network; with batch normalisation also `agreement`.

    That is the cosine between the gradients of two batches by the same weights, mean over layers.
    """
    x, y = data
    model = start(depth, kind, how, seed)
    numbers, one = measured(model, x[:MEASURED], y[:MEASURED])
    found: dict[str, Any] = {name: [digits(v) for v in row] for name, row in numbers.items()}
    if how == "norm":
        _, other = measured(model, x[MEASURED : 2 * MEASURED], y[MEASURED : 2 * MEASURED])
        pairs = zip(one, other, strict=True)
        cosines = [float(F.cosine_similarity(g, h, dim=0)) for g, h in pairs]
        found["agreement"] = digits(sum(cosines) / len(cosines))
    return found


def training_error(depth: int, kind: str, seed: int, data: tuple[Tensor, Tensor]) -> float:
    """Return the error (%) on the training images in the last of four epochs, as they come."""
    history = fit(
        start(depth, kind, "norm", seed),
        data,
        None,
        epochs=EPOCHS,
        batch_size=BATCH,
        optimizer=lambda p: optim.SGD(p, lr=RATE, momentum=0.9, weight_decay=1e-4),
        schedule=lambda o, steps: optim.lr_scheduler.MultiStepLR(o, [steps * 2 // 3]),
        seed=seed,
    )
    return round(100 * (1 - float(history.column("train_accuracy")[-1])), 2)


def digits(value: float) -> float:
    """Keep three significant digits."""
    return float(f"{value:.3g}")


def main(arguments: list[str] | None = None) -> None:
    """Measure and train all networks, and write the file."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--output", type=Path, default=OUTPUT)
    output = parser.parse_args(arguments).output
    torch.set_num_threads(1)
    data = training_images()
    curves = {
        f"{kind} {how} {depth}": [before_training(depth, kind, how, s, data) for s in SEEDS]
        for depth in DEPTHS
        for kind in KINDS
        for how in STARTS
    }
    errors = {
        f"{kind} {depth}": [training_error(depth, kind, s, data) for s in SEEDS]
        for depth in DEPTHS
        for kind in KINDS
    }
    settings = {"depths": DEPTHS, "seeds": SEEDS, "width": WIDTH, "images": IMAGES, "side": 14,
                "batch_size": BATCH, "epochs": EPOCHS, "rate": RATE, "measured": MEASURED,
                "torch": torch.__version__}  # fmt: skip
    record = {"settings": settings, "curves": curves, "errors": errors}
    output.write_text(json.dumps(record, separators=(",", ":")) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
