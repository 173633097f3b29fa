"""How the weights of networks start that do not start as PyTorch's do."""

from __future__ import annotations

from collections.abc import Callable, Collection

from torch import Tensor, nn


def start_gaussian(model: nn.Module, std: float, biases_of_one: Collection[str] = ()) -> None:
    """Draw the weights of every convolution and dense layer from N(0, std^2).

    Biases become 0, or 1 in the layers named in `biases_of_one`.
    """
    _start(model, lambda weight: nn.init.normal_(weight, std=std), biases_of_one)


def start_glorot(model: nn.Module) -> None:
    """Draw the weights of every layer as Glorot and Bengio (2010) do, equation (16); biases 0.

    Uniform in +-sqrt(6 / (fan-in + fan-out)).
    """
    _start(model, nn.init.xavier_uniform_)


def start_he(model: nn.Module) -> None:
    """Draw the weights of every convolution from N(0, 2 / fan-in).

    He, Zhang, Ren and Sun (2015), "Delving deep into rectifiers", ICCV, equation (10). Papers that
    start "as in" this one do not say whether they count fan-in or, as Torch's and torchvision's
    ResNets do, fan-out; it finds either sufficient. Dense layers stay as PyTorch starts them.
    Normalisations stay at weight 1 and bias 0: to start the last one of each block at 0, so that
    blocks begin as the identity, is a later idea (Goyal et al. 2017).
    """
    for layer in model.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")


def _start(
    model: nn.Module, draw: Callable[[Tensor], Tensor], biases_of_one: Collection[str] = ()
) -> None:
    for name, layer in model.named_modules():
        if isinstance(layer, (nn.Conv2d, nn.Linear)) and not layer.weight.is_meta:
            draw(layer.weight)
            nn.init.constant_(layer.bias, float(name in biases_of_one))
