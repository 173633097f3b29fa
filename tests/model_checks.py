"""What the tests of several architectures ask of them."""

import copy
import functools
import gc

import torch
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from course_utils.accounting import measured_receptive_field, receptive_field

WITHOUT_SENSE = [
    {"num_classes": 0},
    {"num_classes": 2.0},
    {"in_channels": -1},
    {"in_channels": True},
    {"width": 0},
    {"width": float("nan")},
    {"width": float("inf")},
]


@functools.cache
def on_meta(make, **settings):
    """The model without its numbers, built once; not to be changed."""
    with torch.device("meta"):
        return make(**settings).eval()


def count(model):
    return sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)


def output_shapes(model, shape):
    """Shapes, without the batch, that the named parts of a model put out for one image."""
    shapes = {}

    def remember(name):
        return lambda module, inputs, output: shapes.update({name: tuple(output.shape[1:])})

    twin = copy.deepcopy(model).to("meta").eval()
    for name, module in twin.named_modules():
        module.register_forward_hook(remember(name))
    with torch.no_grad():
        twin(torch.empty(1, *shape, device="meta"))
    return shapes


def half_of_pytorchs_flops(model, shape):
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(torch.empty(1, *shape, device="meta"))
    assert counter.get_total_flops() % 2 == 0
    return counter.get_total_flops() // 2


def assert_measured_as_computed(model, size, layers):
    """Receptive fields by gradient are those by the recurrence, and no border cuts them."""
    shape = (3, size, size)
    computed = receptive_field(model, shape)
    for layer in layers:
        measured = measured_receptive_field(model, shape, layer)
        assert not measured.touches_border, layer
        assert measured.size == computed[layer].size, layer
        assert not computed[layer].whole


def assert_same_scores(ours, theirs, size):
    """Two networks with their numbers in the same order answer alike, statistics included."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, value in theirs.state_dict().items():
            if name.endswith(("running_mean", "running_var", "bias")):
                value.uniform_(0.5, 1.5, generator=generator)
    pairs = zip(ours.state_dict(), theirs.state_dict().values(), strict=True)
    ours.load_state_dict(dict(pairs))
    x = torch.rand(2, 3, size, size, generator=generator)
    with torch.no_grad():
        expected = theirs.eval()(x)
        torch.testing.assert_close(ours.eval()(x), expected)
    assert (expected[0] - expected[1]).abs().max() > 1e-3


def losses_on_one_batch(make, size, *, lr, steps=8, loss=F.cross_entropy, **settings):
    """The loss before each step of SGD with momentum on a batch of 8 images of four classes."""
    torch.manual_seed(0)
    model = make(num_classes=4, **settings).train()
    y = torch.arange(8) % 4
    x = torch.randn(8, 3, size, size) + y[:, None, None, None]
    optimizer = torch.optim.SGD(model.parameters(), lr=lr, momentum=0.9)
    losses = []
    for _ in range(steps):
        optimizer.zero_grad()
        value = loss(model(x), y)
        value.backward()
        optimizer.step()
        losses.append(value.item())
    return losses


def assert_forward_and_backward(make, shape, loss=F.cross_entropy):
    """A batch of two at the paper's size: finite scores, and a gradient for every parameter."""
    torch.manual_seed(0)
    model = make().train()
    value = loss(model(torch.randn(2, *shape)), torch.tensor([1, 3]))
    value.backward()
    assert torch.isfinite(value)
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert torch.isfinite(parameter.grad).all(), name
    del model, value
    gc.collect()
