"""The three dense layers with which the networks of 2012 to 2014 end."""

from __future__ import annotations

from collections import OrderedDict

from torch import nn


def dense_layers(
    inputs: int, units6: int, units7: int, num_classes: int
) -> OrderedDict[str, nn.Module]:
    """fc6, fc7 and fc8 with ReLU and dropout: (N, C, H, W) -> (N, num_classes).

    `inputs` is C x H x W. Dropout sets the outputs of the two hidden layers to zero with
    probability 0.5, as Krizhevsky, Sutskever and Hinton (2012), section 4.2, say. (torchvision's
    AlexNet drops the inputs of fc6 and fc7 instead.)  Taught in chapter 13.
    """
    return OrderedDict(
        flatten=nn.Flatten(),  # (N, inputs)
        fc6=nn.Linear(inputs, units6),  # (N, 4096) in AlexNet
        relu6=nn.ReLU(),
        drop6=nn.Dropout(p=0.5),
        fc7=nn.Linear(units6, units7),  # (N, 4096)
        relu7=nn.ReLU(),
        drop7=nn.Dropout(p=0.5),
        fc8=nn.Linear(units7, num_classes),  # (N, 1000)
    )
