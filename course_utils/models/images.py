"""What a network whose dense layers fix the size of its images asks of them."""

from __future__ import annotations

from collections import OrderedDict

from torch import Tensor, nn


def check_images(x: Tensor, image_shape: tuple[int, int, int], name: str) -> None:
    """Refuse a batch that is not (N, C, H, W) with `image_shape` = (C, H, W).

    Raises ValueError that names the network, the shape it expects and the one it got.
    """
    if x.ndim != 4 or tuple(x.shape[1:]) != image_shape:
        channels, height, width = image_shape
        raise ValueError(
            f"{name} expects images of shape (N, {channels}, {height}, {width}), "
            f"got {tuple(x.shape)}"
        )


class FixedSizeNetwork(nn.Sequential):
    """Named layers in order; `forward` first checks that the images are of `image_shape`.

    A slice, such as `alexnet()[:15]`, has no such shape: it takes what its own layers take.
    """

    def __init__(
        self,
        layers: OrderedDict[str, nn.Module],
        image_shape: tuple[int, int, int] | None = None,
    ) -> None:
        super().__init__(layers)
        self.image_shape = image_shape

    def forward(self, x: Tensor) -> Tensor:
        """Class scores of a batch: (N, *image_shape) -> (N, num_classes)."""
        if self.image_shape is not None:
            check_images(x, self.image_shape, type(self).__name__)
        return super().forward(x)
