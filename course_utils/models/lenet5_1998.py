"""LeNet-5 as published: 60,000 trainable parameters.  Taught in chapter 11.

LeCun, Bottou, Bengio and Haffner (1998), "Gradient-based learning applied to document recognition",
Proceedings of the IEEE 86(11), 2278-2324: section II-B, Figure 2, Table I, equations (7) to (9) and
appendix A. `lenet5` is the network that is taught today.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

# Trainable numbers of each layer, as section II-B prints them.
PAPER_PARAMETERS = {"c1": 156, "s2": 12, "c3": 1_516, "s4": 32, "c5": 48_120, "f6": 10_164}
PAPER_TOTAL_PARAMETERS = 60_000

# Table I: the maps of S2 (0 to 5) that each of the sixteen maps of C3 (0 to 15) is connected to.
TABLE_I = (
    (0, 1, 2),
    (1, 2, 3),
    (2, 3, 4),
    (3, 4, 5),
    (0, 4, 5),
    (0, 1, 5),
    (0, 1, 2, 3),
    (1, 2, 3, 4),
    (2, 3, 4, 5),
    (0, 3, 4, 5),
    (0, 1, 4, 5),
    (0, 1, 2, 5),
    (0, 1, 3, 4),
    (1, 2, 4, 5),
    (0, 2, 3, 5),
    (0, 1, 2, 3, 4, 5),
)

# Stylised digits on a bitmap 7 wide and 12 high, `#` for +1 and `.` for -1: the targets of F6's 84
# units. The paper shows its codes in Figure 3, designed by hand; these are redrawn for the course.
DIGIT_BITMAPS = (
    """
    .......
    ..###..
    .##.##.
    ##...##
    ##...##
    ##...##
    ##...##
    ##...##
    ##...##
    .##.##.
    ..###..
    .......
    """,
    """
    .......
    ...##..
    ..###..
    .####..
    ...##..
    ...##..
    ...##..
    ...##..
    ...##..
    ...##..
    .######
    .......
    """,
    """
    .......
    .#####.
    ##...##
    .....##
    .....##
    ....##.
    ...##..
    ..##...
    .##....
    ##.....
    #######
    .......
    """,
    """
    .......
    .#####.
    ##...##
    .....##
    .....##
    ..####.
    .....##
    .....##
    .....##
    ##...##
    .#####.
    .......
    """,
    """
    .......
    ....##.
    ...###.
    ..####.
    .##.##.
    ##..##.
    ##..##.
    #######
    ....##.
    ....##.
    ....##.
    .......
    """,
    """
    .......
    #######
    ##.....
    ##.....
    ##.....
    ######.
    .....##
    .....##
    .....##
    ##...##
    .#####.
    .......
    """,
    """
    .......
    ..####.
    .##....
    ##.....
    ##.....
    ######.
    ##...##
    ##...##
    ##...##
    ##...##
    .#####.
    .......
    """,
    """
    .......
    #######
    .....##
    .....##
    ....##.
    ....##.
    ...##..
    ...##..
    ..##...
    ..##...
    ..##...
    .......
    """,
    """
    .......
    .#####.
    ##...##
    ##...##
    ##...##
    .#####.
    ##...##
    ##...##
    ##...##
    ##...##
    .#####.
    .......
    """,
    """
    .......
    .#####.
    ##...##
    ##...##
    ##...##
    ##...##
    .######
    .....##
    .....##
    ....##.
    .####..
    .......
    """,
)


def digit_codes() -> Tensor:
    """The ten fixed target codes of layer F6, +1 for ink and -1 for paper: (10, 84), float32.

    `digit_codes().reshape(10, 12, 7)` are the pictures.
    """
    rows = ["".join(bitmap.split()) for bitmap in DIGIT_BITMAPS]
    return torch.tensor([[1.0 if dot == "#" else -1.0 for dot in row] for row in rows])


class PadTo32(nn.Module):
    """Surround 28 x 28 images with 2 pixels of background; leave 32 x 32 images alone."""

    def forward(self, x: Tensor) -> Tensor:
        """(N, 1, 28, 28) or (N, 1, 32, 32) -> (N, 1, 32, 32)."""
        if x.ndim != 4 or tuple(x.shape[1:]) not in {(1, 28, 28), (1, 32, 32)}:
            raise ValueError(
                "lenet5_1998 expects images of shape (N, 1, 32, 32) or (N, 1, 28, 28), "
                f"got {tuple(x.shape)}"
            )
        if x.shape[-1] == 32:
            return x
        # The darkest pixel of each image is its background, however the images were normalised.
        background = x.detach().amin(dim=(1, 2, 3), keepdim=True)  # (N, 1, 1, 1)
        return F.pad(x - background, (2, 2, 2, 2)) + background


class ScaledTanh(nn.Module):
    """The squashing function f(a) = A tanh(S a), so scaled that f(1) is about 1 (appendix A)."""

    A = 1.7159
    S = 2 / 3

    def forward(self, a: Tensor) -> Tensor:
        """Element by element; any shape."""
        return self.A * torch.tanh(self.S * a)


class Subsampling(nn.Module):
    """Layers S2 and S4: four neighbours added, times a coefficient, plus a bias; both trainable.

    There is one coefficient and one bias a map.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.coefficient = nn.Parameter(torch.empty(channels))
        self.bias = nn.Parameter(torch.empty(channels))
        bound = 2.4 / 4  # a unit has four inputs
        nn.init.uniform_(self.coefficient, -bound, bound)
        nn.init.uniform_(self.bias, -bound, bound)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, C, H // 2, W // 2); the squashing follows as its own layer."""
        total = 4 * F.avg_pool2d(x, kernel_size=2)
        return total * self.coefficient[:, None, None] + self.bias[:, None, None]

    def multiply_adds(self, output_shape: Sequence[int]) -> int:
        """One a unit: coefficient times sum, plus bias (the sum itself has no products)."""
        _, channels, height, width = output_shape
        return channels * height * width


class SparseConv2d(nn.Module):
    """Layer C3: a convolution in which each output map sees only some input maps.

    `connections[k]` lists the input maps of output map k. `weight` holds one K x K kernel for each
    connection (60 of them under Table I), in the order of the table, and nothing for absent ones.
    """

    def __init__(
        self, in_channels: int, connections: Sequence[Sequence[int]], kernel_size: int
    ) -> None:
        super().__init__()
        self.in_channels, self.out_channels = in_channels, len(connections)
        self.kernel_size = (kernel_size, kernel_size)
        pairs = [(k, channel) for k, row in enumerate(connections) for channel in row]
        indices = torch.tensor(pairs).T.contiguous()  # (2, connections): output map, input map
        self.register_buffer("pairs", indices, persistent=False)
        self.weight = nn.Parameter(torch.empty(len(pairs), kernel_size, kernel_size))
        self.bias = nn.Parameter(torch.empty(self.out_channels))
        self._initialise([len(row) * kernel_size**2 for row in connections])

    def _initialise(self, fan_in: list[int]) -> None:
        bound = 2.4 / torch.tensor(fan_in, dtype=torch.float32)  # (out_channels,)
        with torch.no_grad():
            self.weight.uniform_(-1, 1).mul_(bound[self.pairs[0], None, None])
            self.bias.uniform_(-1, 1).mul_(bound)

    def dense_weight(self) -> Tensor:
        """The kernels, zero where no connection is: (out_channels, in_channels, K, K)."""
        dense = self.weight.new_zeros(self.out_channels, self.in_channels, *self.kernel_size)
        return dense.index_put((self.pairs[0], self.pairs[1]), self.weight)

    def forward(self, x: Tensor) -> Tensor:
        """(N, in_channels, H, W) -> (N, out_channels, H - K + 1, W - K + 1)."""
        return F.conv2d(x, self.dense_weight(), self.bias)

    def multiply_adds(self, output_shape: Sequence[int]) -> int:
        """One a weight and position. PyTorch computes the absent connections too, times zero.

        With the biases, these are the paper's 151,600 connections.
        """
        return self.weight.numel() * output_shape[-2] * output_shape[-1]


class EuclideanRBF(nn.Module):
    """The output layer: minus the squared distance of F6 from each class's code, equation (7).

    The paper's unit gives the penalty y_i = sum_j (x_j - w_ij)^2, small for a good fit. The score
    is -y_i, so that the largest one wins, and cross-entropy of the scores, y_correct + log sum_i
    exp(-y_i), is the paper's criterion, equation (9), without the term of its constant j.
    """

    def __init__(self, codes: Tensor) -> None:
        super().__init__()
        self.register_buffer("codes", codes)  # fixed: a buffer is saved and moved, never trained

    def forward(self, x: Tensor) -> Tensor:
        """(N, 84) -> (N, 10) scores, none above 0."""
        return -(x[:, None, :] - self.codes).square().sum(dim=2)

    def multiply_adds(self, output_shape: Sequence[int]) -> int:
        """One a component and class: a difference squared and added up."""
        return self.codes.numel()


class PublishedLeNet5(nn.Sequential):
    """The layers in order, under the paper's names."""


def lenet5_1998() -> PublishedLeNet5:
    """LeNet-5 as in the paper of 1998: exactly 60,000 trainable parameters.  Taught in chapter 11.

    Takes grey images (N, 1, 32, 32), or (N, 1, 28, 28), which it surrounds with two pixels of their
    own background, and returns ten scores (N, 10), the negated penalties of the radial basis
    functions. The paper scales pixels so that the background is -0.1 and the foreground 1.175,
    which makes the mean about 0 and the variance about 1; to normalise by the training set's mean
    and standard deviation does the same.

    Departures: the digits' codes are redrawn (`DIGIT_BITMAPS`); for classes that are not digits
    they are ten arbitrary code words. Cross-entropy of the scores is equation (9) with its constant
    j taken to infinity: without the floor under which wrong classes' penalties stop being pushed
    up. The paper trains with stochastic diagonal Levenberg-Marquardt, one image at a time; with
    plain SGD take a small step (0.01 with batches of 32 works), since the penalties, sums of 84
    squares, have steep gradients. Weights start uniform in +-2.4 / fan-in, as in the paper, and so
    do the biases, of which the paper says nothing separate.
    """
    return PublishedLeNet5(
        OrderedDict(
            pad=PadTo32(),  # (N, 1, 32, 32)
            c1=_initialised(nn.Conv2d(1, 6, kernel_size=5), fan_in=25),  # (N, 6, 28, 28)
            c1_squash=ScaledTanh(),
            s2=Subsampling(6),  # (N, 6, 14, 14)
            s2_squash=ScaledTanh(),
            c3=SparseConv2d(6, TABLE_I, kernel_size=5),  # (N, 16, 10, 10)
            c3_squash=ScaledTanh(),
            s4=Subsampling(16),  # (N, 16, 5, 5)
            s4_squash=ScaledTanh(),
            c5=_initialised(nn.Conv2d(16, 120, kernel_size=5), fan_in=400),  # (N, 120, 1, 1)
            c5_squash=ScaledTanh(),
            flatten=nn.Flatten(),  # (N, 120)
            f6=_initialised(nn.Linear(120, 84), fan_in=120),  # (N, 84)
            f6_squash=ScaledTanh(),
            output=EuclideanRBF(digit_codes()),  # (N, 10)
        )
    )


def _initialised(layer: nn.Conv2d | nn.Linear, fan_in: int) -> nn.Conv2d | nn.Linear:
    """The same layer, weights and biases drawn uniformly from +-2.4 / fan-in (appendix A)."""
    bound = 2.4 / fan_in
    nn.init.uniform_(layer.weight, -bound, bound)
    if layer.bias is not None:
        nn.init.uniform_(layer.bias, -bound, bound)
    return layer
