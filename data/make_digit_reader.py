"""Train the LeNet-5 of the figure «Draw a digit» on MNIST and pack it: `digit_reader.npz`.

    python data/make_digit_reader.py [--epochs 6] [--output FILE]

MNIST is read through `course_utils.data` (from COURSE_DATA, or it is downloaded). The network is
`course_utils.models.lenet5`, 61,706 parameters, and sees ink as numbers from 0 to 1. The training
split (55,000 images) is changed anew in each epoch: shifted, turned, sheared and zoomed a little,
strokes made thicker or thinner, since people draw with a mouse in other ways than they write. The
weights become small integers with one scale for each filter or unit: from -127 to 127 in the
convolutions and the output layer, but only from -2 to 2 in C5 and from -3 to 3 in F6, where most of
them are, so that the page stays light. Biases stay 32-bit floats.
What was measured on the test split goes to `digit_reader.json`. It takes about three minutes on
one core; the seed is fixed, but other versions and processors round differently.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn, optim
from torch.nn import functional as F
from torch.optim.lr_scheduler import OneCycleLR

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from make_fashion_mnist_small import npz_bytes  # noqa: E402  (its neighbour)

from course_utils.augment import RandomAffine  # noqa: E402
from course_utils.data import Dataset, load  # noqa: E402
from course_utils.models import lenet5  # noqa: E402
from course_utils.training import fit, seed_everything  # noqa: E402

OUTPUT = Path(__file__).resolve().parent / "digit_reader.npz"
MOST = {"c1": 127, "c3": 127, "c5": 2, "f6": 3, "output": 127}  # the largest integer of a layer
SEED, BATCH, RATE = 0, 100, 0.002
MOVES = RandomAffine(rotation=12, shift=1.5 / 28, zoom=1.12, shear=12, stretch=1.12)
SHIFTS = range(-10, 11)


def ink(dataset: Dataset) -> tuple[Tensor, Tensor]:
    """Images as ink from 0 to 1, (N, 1, 28, 28), and labels (N,)."""
    return torch.from_numpy(dataset.images).float() / 255, torch.from_numpy(dataset.labels)


def thicker_or_thinner(x: Tensor, generator: torch.Generator) -> Tensor:
    """Mix each image with the largest, or the smallest, of its 3 x 3 neighbours."""
    amount = 2 * torch.rand(len(x), 1, 1, 1, generator=generator) - 1
    thick = F.max_pool2d(x, 3, stride=1, padding=1)
    thin = -F.max_pool2d(-x, 3, stride=1, padding=1)
    return x + amount.clamp(min=0) * (thick - x) + 0.5 * (-amount).clamp(min=0) * (thin - x)


def augment(x: Tensor, generator: torch.Generator) -> Tensor:
    """Training images (N, 1, 28, 28) as other hands might have drawn them."""
    return MOVES(thicker_or_thinner(x, generator), generator)


def trained(epochs: int) -> nn.Module:
    """The network after training on MNIST's training split."""
    seed_everything(SEED)
    model = lenet5()
    fit(
        model,
        ink(load("mnist", "train")),
        None,
        epochs=epochs,
        batch_size=BATCH,
        optimizer=lambda p: optim.AdamW(p, lr=RATE, weight_decay=0.01),
        schedule=lambda o, steps: OneCycleLR(o, RATE, total_steps=steps, pct_start=0.15),
        augment=augment,
        seed=SEED,
        device="cpu",
    )
    return model.eval()


def packed(model: nn.Module) -> dict[str, np.ndarray]:
    """Weights as int8 with a float32 scale for each output, and float32 biases, by layer."""
    arrays = {}
    for name, most in MOST.items():
        layer = getattr(model, name)
        weight = layer.weight.detach().double().numpy()
        rows = [rounded(row, most) for row in weight.reshape(len(weight), -1)]
        arrays[f"{name}_weight"] = np.array([steps for steps, _ in rows]).reshape(weight.shape)
        arrays[f"{name}_scale"] = np.array([scale for _, scale in rows], dtype=np.float32)
        arrays[f"{name}_bias"] = layer.bias.detach().numpy().astype(np.float32)
    return arrays


def rounded(row: np.ndarray, most: int) -> tuple[np.ndarray, float]:
    """Weights as integers from -most to most, int8, and the scale of the smallest squared error.

    With few integers it pays to clip the largest weights; with many the largest keeps its value.
    """
    top = np.abs(row).max()
    scales = top / most * (np.linspace(0.3, 1, 29) if most < 127 else np.ones(1))
    steps = [np.clip(np.rint(row / scale), -most, most) for scale in scales]
    errors = [((k * scale - row) ** 2).sum() for k, scale in zip(steps, scales, strict=True)]
    best = int(np.argmin(errors))
    return steps[best].astype(np.int8), float(scales[best])


def unpacked(arrays: dict[str, np.ndarray]) -> nn.Module:
    """The network with the shipped weights, in float64."""
    model = lenet5().double().eval()
    for name in MOST:
        layer, steps = getattr(model, name), arrays[f"{name}_weight"].astype(np.float64)
        scale = arrays[f"{name}_scale"].astype(np.float64).reshape(-1, *[1] * (steps.ndim - 1))
        with torch.no_grad():
            layer.weight.copy_(torch.from_numpy(steps * scale))
            layer.bias.copy_(torch.from_numpy(arrays[f"{name}_bias"].astype(np.float64)))
    return model


def answers(model: nn.Module, x: Tensor) -> Tensor:
    """The class with the highest score for each image: (N, 1, 28, 28) -> (N,)."""
    with torch.no_grad():
        return torch.cat([model(part.to(model.c1.weight)).argmax(1) for part in x.split(1000)])


def moved(x: Tensor, right: int) -> Tensor:
    """Images moved right by whole pixels; what leaves is lost, what comes in is paper."""
    wide = F.pad(x, (10, 10))
    return wide[..., 10 - right : 38 - right]


def measured(model: nn.Module, small: nn.Module, x: Tensor, y: Tensor) -> dict:
    """Test accuracies in per cent: as trained, as shipped, and as shipped on moved images."""

    def right(network: nn.Module, images: Tensor) -> float:
        return round(100 * (answers(network, images) == y).double().mean().item(), 2)

    return {
        "test_images": len(y),
        "float": right(model, x),
        "shipped": right(small, x),
        "shipped_by_shift_right": {str(k): right(small, moved(x, k)) for k in SHIFTS},
        # The same columns lost, but the rest where it was: what the place alone does not explain.
        "shipped_there_and_back": {
            str(k): right(small, moved(moved(x, k), -k)) for k in (6, 8, 10)
        },
    }


def chosen(small: nn.Module, x: Tensor, y: Tensor) -> np.ndarray:
    """Rows of the test images that are shown: the first of each digit, and four that are misread.

    The four are those with the highest probability for a wrong answer.
    """
    first = [int(torch.nonzero(y == k)[0]) for k in range(10)]
    with torch.no_grad():
        sure, said = small(x.double()).softmax(1).max(1)
    wrong = torch.nonzero(said != y).flatten()
    return np.array(first + wrong[sure[wrong].argsort(descending=True)][:4].tolist())


def main() -> None:
    """Train, pack, measure, and say what was written."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--output", type=Path, default=OUTPUT)
    options = parser.parse_args()
    start = time.perf_counter()
    model = trained(options.epochs)
    seconds = time.perf_counter() - start
    arrays = packed(model)
    test = load("mnist", "test")
    x, y = ink(test)
    rows = chosen(unpacked(arrays), x, y)
    arrays |= {"images": test.images[rows, 0], "labels": test.labels[rows].astype(np.uint8)}
    arrays["rows"] = rows.astype(np.int32)
    facts = measured(model, unpacked(arrays), x, y)
    facts |= {"epochs": options.epochs, "seconds_on_one_core": round(seconds), "seed": SEED}
    facts["torch"] = torch.__version__.split("+")[0]
    options.output.write_bytes(npz_bytes(arrays))
    options.output.with_suffix(".json").write_text(json.dumps(facts, indent=1) + "\n")
    print(json.dumps(facts, indent=1))


if __name__ == "__main__":
    main()
