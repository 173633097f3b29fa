"""How much a training step keeps for its backward pass."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from course_utils.accounting.calls import Calls
from course_utils.accounting.twin import ShapesOnly, floating_type

# On the meta device a batch may be as large as you like. Of a prime number of images, what grows
# with the batch is divisible by it, and nothing else is.
BATCH = 1_000_003


def kept_for_backward(twin: nn.Module, input_shape: tuple[int, ...]) -> tuple[int, int]:
    """Numbers and bytes that autograd keeps, in training mode, for each image of a batch.

    `twin` is the model's on the meta device.

    Every storage counts once, whole, however many operations keep it: a map that a convolution and
    a ReLU both need is one. Counted is what grows with the batch, so neither parameters nor the
    statistics of batch normalisation; the image itself, positions of maxima (8 bytes each) and
    dropout's masks are in. Layers frozen with `requires_grad=False` keep less, as they do in truth.
    """
    calls = Calls(twin.train(), lambda call, output: None)
    try:
        return _kept(twin, input_shape)
    except (RuntimeError, ValueError, IndexError) as error:
        raise calls.refusal(error, input_shape) from error
    finally:
        calls.stop()


def _kept(twin: nn.Module, input_shape: tuple[int, ...]) -> tuple[int, int]:
    images = torch.empty(BATCH, *input_shape, dtype=floating_type(twin), device="meta")
    kept: dict[int, Tensor] = {}  # holding the tensor keeps its storage's address from being reused

    def keep(tensor: Tensor) -> Tensor:
        kept.setdefault(tensor.untyped_storage()._cdata, tensor)
        return tensor

    with (
        torch.enable_grad(),
        torch.device("meta"),
        ShapesOnly(),
        torch.autograd.graph.saved_tensors_hooks(keep, _give_back),
    ):
        twin(images)
    sizes = [(t.untyped_storage().nbytes(), t.element_size()) for t in kept.values()]
    grown = [(size // BATCH, item) for size, item in sizes if size % BATCH == 0]
    return sum(size // item for size, item in grown), sum(size for size, _ in grown)


def _give_back(tensor: Any) -> Any:
    return tensor
