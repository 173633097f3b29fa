"""Train and evaluate a classifier: plain PyTorch, to be read in one sitting.  Taught in chapter 11.

`fit` is the training loop of every chapter: shuffle, predict, measure the loss, propagate back,
update. Around it stands what an experiment needs: a device, a seed, a progress bar, the validation
split after each epoch, early errors, and a record of it all.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, Union

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from tqdm.auto import tqdm

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class HasTensors(Protocol):
    """A `course_utils.data.Dataset`, or anything else with its `tensors` method."""

    def tensors(self, device: Any = "cpu") -> tuple[Tensor, Tensor]:
        """Normalised images (N, C, H, W) and int64 labels (N,) on `device`."""


Data = Union[HasTensors, "tuple[Tensor, Tensor]"]
Loss = Callable[[Any, Tensor], Tensor]
Augmentation = Callable[[Tensor, torch.Generator], Tensor]


# --- seeds and devices ---


def seed_everything(seed: int) -> None:
    """Seed Python's, NumPy's and PyTorch's global generators, the GPUs' included.

    Call it before building a model, so that the same seed gives the same first weights.
    """
    random.seed(seed)
    np.random.seed(seed % 2**32)  # noqa: NPY002  the global generator is what is to be seeded
    torch.manual_seed(seed)


def default_device() -> torch.device:
    """The first CUDA GPU where there is one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


@contextlib.contextmanager
def _reproducible(seed: int, device: torch.device) -> Iterator[None]:
    """Inside: the global generators start at `seed` (dropout draws from them) and cuDNN chooses
    algorithms that repeat. Outside, everything is as it was.
    """
    gpus = range(torch.cuda.device_count()) if device.type == "cuda" else []
    before = torch.backends.cudnn.deterministic
    with torch.random.fork_rng(devices=gpus):
        torch.manual_seed(seed)
        torch.backends.cudnn.deterministic = True
        try:
            yield
        finally:
            torch.backends.cudnn.deterministic = before


# --- what a run leaves behind ---


@dataclass
class History:
    """One row (a dict) an epoch: epoch, train_loss, train_accuracy, valid_loss, valid_accuracy,
    seconds, lr, and whatever a callback added. Losses are means an image, accuracies are in 0..1.
    """

    epochs: list[dict[str, Any]] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.epochs)

    def __repr__(self) -> str:
        return f"History({len(self)} epochs)"

    def column(self, name: str) -> np.ndarray:
        """One column as floats, (epochs,), with NaN where nothing was measured.

        Raises ValueError for a column that no row has.
        """
        names = sorted({key for row in self.epochs for key in row})
        if name not in names:
            raise ValueError(f"no column {name!r} in this history; it has {', '.join(names)}")
        return np.array([row.get(name) for row in self.epochs], dtype=float)

    def plot(self, ax: Axes | None = None, *, quantity: str = "accuracy") -> Axes:
        """Draw training and validation `quantity` ("accuracy" or "loss") against the epoch."""
        if quantity not in ("accuracy", "loss"):
            raise ValueError(f"quantity is 'accuracy' or 'loss', got {quantity!r}")
        import matplotlib.pyplot as plt  # only where a figure is wanted

        if ax is None:
            _, ax = plt.subplots()
        style = {"train": ("#D55E00", "--", "s"), "valid": ("#0072B2", "-", "o")}  # as in plotting
        for split, (color, line, marker) in style.items():
            values = 100 * self.column(f"{split}_accuracy") if quantity == "accuracy" else None
            values = self.column(f"{split}_loss") if values is None else values
            measured = ~np.isnan(values)
            if measured.any():
                x = self.column("epoch")[measured]
                ax.plot(
                    x, values[measured], color=color, linestyle=line, marker=marker, label=split
                )
        ax.set_xlabel("epoch")
        ax.set_ylabel("accuracy (%)" if quantity == "accuracy" else "loss (nats per image)")
        ax.legend()
        return ax

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the rows as JSON."""
        Path(path).write_text(json.dumps({"epochs": self.epochs}, indent=1, default=float))

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> History:
        """Read what `save` wrote. Raises ValueError for any other file."""
        try:
            rows = json.loads(Path(path).read_text())["epochs"]
        except (json.JSONDecodeError, KeyError, TypeError) as error:
            raise ValueError(f"{path} is not a history that History.save wrote") from error
        return cls(rows)


@dataclass(frozen=True)
class Evaluation:
    """What `evaluate` found: mean loss an image, accuracy in 0..1, predicted classes (N,) int64."""

    loss: float
    accuracy: float
    predictions: np.ndarray


class Diverged(RuntimeError):
    """The loss is no longer a finite number: in `epoch`; `history` holds the epochs before."""

    def __init__(self, epoch: int, lr: float, history: History) -> None:
        super().__init__(
            f"the loss was no longer a finite number in epoch {epoch}, at learning rate {lr:g}. "
            "Probably the learning rate is too high: try a tenth of it. Otherwise look for a "
            "division by zero or the logarithm of zero. This error's .history holds the "
            f"{len(history)} epochs before"
        )
        self.epoch = epoch
        self.history = history


# --- callbacks ---


@dataclass
class State:
    """What a callback sees of a run. It may read everything, add to `row` and set `stop`."""

    model: nn.Module
    optimizer: torch.optim.Optimizer
    scheduler: Any  # a torch.optim.lr_scheduler, or None
    loss_function: Loss
    augment: Augmentation | None
    callbacks: Sequence[Any]
    device: torch.device
    history: History
    epoch: int = 0  # from 1; 0 before the first
    step: int = 0  # batches seen so far, over all epochs
    lr: float = float("nan")  # the learning rate of the last step
    x: Tensor | None = None  # the last batch, augmented (n, C, H, W)
    y: Tensor | None = None  # its labels (n,)
    output: Any = None  # what the model answered, detached
    loss: Any = None  # mean loss of the last batch, a detached tensor
    row: dict[str, Any] = field(default_factory=dict)  # on_epoch_end: the epoch's row, to add to
    stop: bool = False  # a callback sets it to end the run after this epoch


class Callback:
    """What `fit` calls on the way. Override what you need; some of these methods are enough."""

    def on_fit_start(self, state: State) -> None:
        """Before the first batch."""

    def on_batch_end(self, state: State) -> None:
        """After each update."""

    def on_epoch_end(self, state: State) -> None:
        """After the epoch's validation; `state.row` may be given more entries."""


class Snapshots(Callback):
    """Keep copies of the weights: `weights[3]` is a state_dict on the CPU; 0 is the start."""

    def __init__(self, every: int = 1) -> None:
        self.every = every
        self.weights: dict[int, dict[str, Tensor]] = {}

    def on_fit_start(self, state: State) -> None:
        """Keep the weights before training."""
        self._keep(state)

    def on_epoch_end(self, state: State) -> None:
        """Keep the weights after every `every`-th epoch."""
        if state.epoch % self.every == 0:
            self._keep(state)

    def _keep(self, state: State) -> None:
        weights = state.model.state_dict()
        self.weights[state.epoch] = {name: w.detach().cpu().clone() for name, w in weights.items()}


def _tell(state: State, event: str) -> None:
    for callback in state.callbacks:
        method = getattr(callback, event, None)
        if method is not None:
            method(state)


# --- training ---


def fit(
    model: nn.Module,
    train: Data,
    valid: Data | None,
    *,
    epochs: int,
    batch_size: int,
    optimizer: Callable[[Any], torch.optim.Optimizer],
    loss: Loss = F.cross_entropy,
    schedule: Callable[[torch.optim.Optimizer, int], Any] | None = None,
    augment: Augmentation | None = None,
    callbacks: Sequence[Any] = (),
    valid_every: int = 1,
    seed: int = 0,
    device: str | torch.device | None = None,
    progress: bool = True,
) -> History:
    """Train a classifier, in place, and return the history of the run.  Taught in chapter 11.

    Parameters
    ----------
    model
        Maps images (N, C, H, W) to class scores (N, K). It may return a tuple (scores, ...), as
        networks with auxiliary heads do; `loss` is then given the whole tuple.
    train, valid
        Each a `Dataset` or a pair of tensors: images (N, C, H, W) float, labels (N,) int64. They
        are moved to the device once, before the first epoch. `valid` may be None.
    optimizer
        A function of the parameters: ``lambda p: torch.optim.SGD(p, lr=0.1)``.
    loss
        A function (output, labels) -> mean loss of the batch.
    schedule
        A function (optimizer, total number of steps) -> a `torch.optim.lr_scheduler`, which is
        stepped after each batch.
    augment
        A function (images, generator) -> images, called on each training batch. The generator
        lives on the CPU, so that the draws are the same on every device.
    callbacks
        Objects with some of the methods of `Callback`.
    valid_every
        Measure the validation split after every so many epochs, and after the last. The rows of
        the other epochs hold None for it.
    device
        By default `default_device()`: the GPU where there is one.
    progress
        Show a progress bar. tqdm's environment variable ``TQDM_DISABLE=1`` turns all bars off,
        here also in a notebook, where tqdm itself does not read it.

    The training loss and accuracy of an epoch are means over its batches as they came, augmented
    and with the weights of that moment; those of `valid` are measured after the epoch.

    The same seed gives the same run on one device. Shuffling and augmentation have generators of
    their own; dropout draws from PyTorch's global one, which is seeded for the run and then put
    back as it was. The first weights are the caller's: `seed_everything` before building the model.

    Raises
    ------
    ValueError
        For empty data, shapes that do not fit each other or the model, labels out of range, or an
        `optimizer` that is not a function of the parameters.
    Diverged
        When the loss is no longer a finite number; the error holds the history so far.
    """
    _check_counts(epochs=epochs, batch_size=batch_size, valid_every=valid_every)
    device = default_device() if device is None else torch.device(device)
    model.to(device).train()
    train = _as_tensors(train, "train", device)
    valid = None if valid is None else _as_tensors(valid, "valid", device)
    _check_fits(model, "train", train)
    _check_fits(model, "valid", valid)
    steps = epochs * math.ceil(len(train[1]) / batch_size)
    rule = _make_optimizer(optimizer, model)
    scheduler = None if schedule is None else schedule(rule, steps)
    state = State(model, rule, scheduler, loss, augment, callbacks, device, History())
    generators = [torch.Generator().manual_seed(seed) for _ in ("shuffle", "augment")]
    silent = not progress or os.environ.get("TQDM_DISABLE", "0") not in ("", "0")
    _tell(state, "on_fit_start")
    with _reproducible(seed, device), tqdm(total=steps, leave=False, disable=silent) as bar:
        for state.epoch in range(1, epochs + 1):
            started = time.perf_counter()
            means = _train_epoch(state, train, batch_size, generators, bar)
            due = state.epoch % valid_every == 0 or state.epoch == epochs
            _finish_epoch(state, means, valid if due else None, started)
            if state.stop:
                break
    return state.history


def _train_epoch(
    state: State,
    train: tuple[Tensor, Tensor],
    batch_size: int,
    generators: Sequence[torch.Generator],
    bar: Any,
) -> tuple[float, float]:
    """Go through the training split once; mean loss and accuracy over the batches as they came."""
    shuffler, augmenter = generators
    sums = torch.zeros(2, device=state.device)  # read once an epoch: reading makes a GPU wait
    for x, y in _batches(train, batch_size, shuffler):
        if state.augment is not None:
            x = state.augment(x, augmenter)
        _step(state, x, y)
        right = (_scores(state.output).argmax(dim=1) == y).sum()
        sums += torch.stack([state.loss * len(y), right])
        _tell(state, "on_batch_end")
        bar.update()
    loss, accuracy = (sums / len(train[1])).tolist()
    return loss, accuracy


def _batches(
    data: tuple[Tensor, Tensor], batch_size: int, shuffler: torch.Generator
) -> Iterator[tuple[Tensor, Tensor]]:
    """Every image once, in a new random order; the last batch may be smaller."""
    x, y = data
    order = torch.randperm(len(y), generator=shuffler).to(y.device)
    for chosen in order.split(batch_size):
        yield x[chosen], y[chosen]


def _step(state: State, x: Tensor, y: Tensor) -> None:
    """One update of the weights from one batch."""
    state.optimizer.zero_grad()
    output = state.model(x)
    loss = state.loss_function(output, y)
    loss.backward()
    state.optimizer.step()
    state.lr = state.optimizer.param_groups[0]["lr"]
    if state.scheduler is not None:
        state.scheduler.step()
    state.step += 1
    state.x, state.y, state.output, state.loss = x, y, _detached(output), loss.detach()


def _finish_epoch(state: State, means: tuple[float, float], valid: Any, started: float) -> None:
    """Measure the validation split and add the epoch's row to the history."""
    train_loss, train_accuracy = means
    row: dict[str, Any] = {"epoch": state.epoch}
    row |= {"train_loss": train_loss, "train_accuracy": train_accuracy}
    row |= {"valid_loss": None, "valid_accuracy": None}
    if valid is not None:
        found = evaluate(state.model, valid, loss=state.loss_function, device=state.device)
        row |= {"valid_loss": found.loss, "valid_accuracy": found.accuracy}
    if not all(math.isfinite(row[name] or 0) for name in ("train_loss", "valid_loss")):
        raise Diverged(state.epoch, state.lr, state.history)
    state.row = row | {"seconds": time.perf_counter() - started, "lr": state.lr}
    state.history.epochs.append(state.row)
    _tell(state, "on_epoch_end")


def evaluate(
    model: nn.Module,
    data: Data,
    *,
    batch_size: int = 250,
    device: str | torch.device | None = None,
    loss: Loss = F.cross_entropy,
) -> Evaluation:
    """Mean loss, accuracy and predicted classes of a model on a split.  Taught in chapter 11.

    `data` as in `fit`. By default the model stays on its device, and the data go there. Dropout is
    off and batch normalisation uses its running statistics; afterwards each layer is in the mode
    that it was in before. Batches are small enough for a layer's maps to stay in the processor's
    cache, which those of 1000 images leave: that makes a small ResNet a third faster.

    Raises ValueError for data that are empty, malformed or do not fit the model.
    """
    _check_counts(batch_size=batch_size)
    device = _device_of(model) if device is None else torch.device(device)
    model.to(device)
    x, y = _as_tensors(data, "data", device)
    _check_fits(model, "data", (x, y))
    loss_sum, predictions = torch.zeros((), device=device), []
    with _evaluating(model):
        for images, labels in zip(x.split(batch_size), y.split(batch_size), strict=True):
            output = model(images)
            loss_sum += loss(output, labels) * len(labels)
            predictions.append(_scores(output).argmax(dim=1))
    answers = torch.cat(predictions)
    accuracy = (answers == y).double().mean().item()
    return Evaluation(loss_sum.item() / len(y), accuracy, answers.cpu().numpy())


@contextlib.contextmanager
def _evaluating(model: nn.Module) -> Iterator[None]:
    """No gradients, evaluation mode; then each layer's own mode again."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        for module, mode in modes:
            module.training = mode


def _scores(output: Any) -> Tensor:
    """The class scores: the output itself, or the first entry of a tuple."""
    return output[0] if isinstance(output, tuple) else output


def _detached(output: Any) -> Any:
    if isinstance(output, tuple):
        return tuple(part.detach() for part in output)
    return output.detach()


def _device_of(model: nn.Module) -> torch.device:
    weights = next(model.parameters(), None)
    return default_device() if weights is None else weights.device


# --- early errors ---


def _check_counts(**counts: int) -> None:
    for name, value in counts.items():
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise ValueError(f"{name} must be a whole number of at least 1, got {value!r}")


def _as_tensors(data: Any, name: str, device: torch.device) -> tuple[Tensor, Tensor]:
    """Images and labels on the device, checked."""
    if hasattr(data, "tensors"):
        x, y = data.tensors(device)
    elif isinstance(data, (tuple, list)) and len(data) == 2:
        x, y = (torch.as_tensor(part) for part in data)
    else:
        raise ValueError(
            f"{name} must be a Dataset or a pair (images, labels), got {type(data).__name__}"
        )
    if len(x) != len(y) or len(y) == 0:
        raise ValueError(
            f"{name} needs as many labels as images, and at least one; "
            f"got {len(x)} images and {len(y)} labels"
        )
    if not x.is_floating_point():
        raise ValueError(f"{name}: images must be floats (see Dataset.tensors), got {x.dtype}")
    if y.dtype != torch.int64 or y.ndim != 1:
        raise ValueError(
            f"{name}: labels must be int64 class numbers of shape (N,), "
            f"got {y.dtype} of shape {tuple(y.shape)}"
        )
    return x.to(device), y.to(device)


def _check_fits(model: nn.Module, name: str, data: tuple[Tensor, Tensor] | None) -> None:
    """Send one image through, so that a wrong shape or label fails now and in words."""
    if data is None:
        return
    x, y = data
    try:
        with _evaluating(model):
            scores = _scores(model(x[:1]))
    except (RuntimeError, ValueError) as error:
        raise ValueError(
            f"{name}: the model cannot take images of shape {tuple(x.shape[1:])}: {error}"
        ) from error
    if scores.ndim != 2 or len(scores) != 1:
        raise ValueError(
            f"{name}: the model must answer with scores of shape (N, classes), "
            f"got {tuple(scores.shape)} for one image"
        )
    low, high = int(y.min()), int(y.max())
    if low < 0 or high >= scores.shape[1]:
        raise ValueError(
            f"{name}: labels run from {low} to {high}, "
            f"but the model has {scores.shape[1]} classes, 0 to {scores.shape[1] - 1}"
        )


def _make_optimizer(make: Any, model: nn.Module) -> torch.optim.Optimizer:
    if isinstance(make, torch.optim.Optimizer) or not callable(make):
        raise ValueError(
            "optimizer must be a function of the parameters, such as "
            f"lambda p: torch.optim.SGD(p, lr=0.1); got {type(make).__name__}"
        )
    made = make(model.parameters())
    if not isinstance(made, torch.optim.Optimizer):
        raise ValueError(f"optimizer(parameters) must return a torch.optim.Optimizer, got {made!r}")
    return made
