"""LeNet-5 as it is taught today.  Taught in chapter 11.

The plan of maps is that of LeCun, Bottou, Bengio and Haffner (1998), "Gradient-based learning
applied to document recognition", Proc. IEEE 86(11), Figure 2. `lenet5_1998` is the paper's network.
"""

from __future__ import annotations

from collections import OrderedDict

from torch import Tensor, nn

from course_utils.models.settings import check_settings, scaled

# Trainable numbers of each layer at width 1, one input channel and ten classes: (inputs of one
# unit + 1 for the bias) x number of maps or units. The paper prints them for C1, C5 and F6 alone.
PARAMETERS = {"c1": 156, "c3": 2_416, "c5": 48_120, "f6": 10_164, "output": 850}
TOTAL_PARAMETERS = 61_706

IMAGE_SIZE = 28


class LeNet5(nn.Sequential):
    """The layers in order, under the paper's names; `forward` first checks the images' shape."""

    def forward(self, x: Tensor) -> Tensor:
        """Class scores of a batch: (N, in_channels, 28, 28) -> (N, num_classes)."""
        channels = self.c1.in_channels
        if x.ndim != 4 or tuple(x.shape[1:]) != (channels, IMAGE_SIZE, IMAGE_SIZE):
            raise ValueError(
                f"lenet5 expects images of shape (N, {channels}, {IMAGE_SIZE}, {IMAGE_SIZE}), "
                f"got {tuple(x.shape)}"
            )
        return super().forward(x)


def lenet5(num_classes: int = 10, in_channels: int = 1, width: float = 1.0) -> LeNet5:
    """LeNet-5 as most courses teach it today: 61,706 trainable parameters.  Taught in chapter 11.

    Takes images (N, in_channels, 28, 28) and returns class scores (N, num_classes), to be used with
    `torch.nn.functional.cross_entropy`. `width` multiplies the channels and the hidden units.

    What differs from the paper (see `lenet5_1998`): C1 pads 28 x 28 images by 2 with zeros instead
    of taking 32 x 32 ones; ReLU instead of the scaled tanh; max pooling without parameters instead
    of the trainable subsampling; C3 connects every map of S2 to each of its own; a plain linear
    output layer under cross-entropy instead of radial basis functions; PyTorch's default
    initialisation. Courses differ among themselves: some keep sigmoid or tanh and average pooling,
    which changes no count.

    Raises ValueError for settings that leave a layer without channels.
    """
    check_settings(num_classes, in_channels, width)
    maps1, maps3, units5, units6 = (scaled(size, width) for size in (6, 16, 120, 84))
    return LeNet5(
        OrderedDict(
            c1=nn.Conv2d(in_channels, maps1, kernel_size=5, padding=2),  # (N, 6, 28, 28)
            relu1=nn.ReLU(),
            s2=nn.MaxPool2d(kernel_size=2),  # (N, 6, 14, 14)
            c3=nn.Conv2d(maps1, maps3, kernel_size=5),  # (N, 16, 10, 10)
            relu3=nn.ReLU(),
            s4=nn.MaxPool2d(kernel_size=2),  # (N, 16, 5, 5)
            flatten=nn.Flatten(),  # (N, 400)
            c5=nn.Linear(maps3 * 5 * 5, units5),  # (N, 120)
            relu5=nn.ReLU(),
            f6=nn.Linear(units5, units6),  # (N, 84)
            relu6=nn.ReLU(),
            output=nn.Linear(units6, num_classes),  # (N, 10)
        )
    )
