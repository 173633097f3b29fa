"""Pieces that networks of several papers share."""

from __future__ import annotations

from collections import OrderedDict

import torch
from torch import Tensor, nn


class FilterConcat(nn.ModuleDict):
    """Paths side by side over the same maps, their outputs one after another; by the paths' names.

    The "filter concatenation" of Szegedy et al. (2015), "Going deeper with convolutions", CVPR,
    Figure 2. Taught in chapter 15.
    """

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, sum of the paths' channels, H', W')."""
        return torch.cat([path(x) for path in self.values()], dim=1)


def head(channels: int, num_classes: int) -> OrderedDict[str, nn.Module]:
    """Global average pooling and a dense layer."""
    return OrderedDict(
        avgpool=nn.AdaptiveAvgPool2d(1),  # (N, channels, 1, 1)
        flatten=nn.Flatten(),
        fc=nn.Linear(channels, num_classes),  # (N, num_classes)
    )
