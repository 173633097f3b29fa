"""The patches of a set of images to which a unit answers most.  Taught in chapter 18.

Zeiler and Fergus (2014), "Visualizing and understanding convolutional networks", ECCV, 818-833,
section 4 and Figure 2: the nine strongest, from nine images.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_utils.accounting import ReceptiveField, receptive_field
from course_utils.introspection.hooks import activations, check_batch, check_count
from course_utils.introspection.units import strongest_places, unit_values, units_of
from course_utils.training import HasTensors


class StrongestPatches(NamedTuple):
    """What a unit answers to most, the strongest first; n of each.

    `patches` (n, C, h, w) is what the unit sees; `chosen` (n,) are the images' numbers in the data;
    `answers` (n,) the unit's answers; `rows` and `columns` (n,) their places in the map (0 for a
    dense layer); `tops` and `lefts` (n,) the pixel where the patch begins, negative in the padding.
    """

    patches: Tensor
    chosen: Tensor
    answers: Tensor
    rows: Tensor
    columns: Tensor
    tops: Tensor
    lefts: Tensor

    def cut(self, pictures: Tensor, outside: float = 0.0) -> Tensor:
        """The same places of other pictures of the chosen images: (n, C, H, W) -> (n, C, h, w).

        For example of their deconvolutions. Raises ValueError for another number of pictures.
        """
        return _cut(pictures, self.tops, self.lefts, tuple(self.patches.shape[2:]), outside)


def strongest_patches(
    model: nn.Module,
    layer: str,
    unit: int,
    data: HasTensors | Tensor,
    *,
    count: int = 9,
    batch_size: int = 250,
    outside: float = 0.0,
) -> StrongestPatches:
    """Find the images that excite a unit most, and cut out what it sees of them.

    Each image counts once, with its strongest place. The patch is the unit's receptive field there,
    by `course_utils.accounting.receptive_field`; where that hangs over the border it is filled with
    `outside`. After a flatten or a global pool it is the whole image.

    Parameters
    ----------
    layer
        A convolution, pool or ReLU, or a dense layer, by name.
    data
        A `Dataset`, whose normalised images are taken, or images (N, C, H, W) float.
    count
        How many patches.
    outside
        Pixel value beyond the border: 0 is what zero padding shows the network.

    Taught in chapter 18.

    Raises
    ------
    ValueError
        For an unknown layer or unit, fewer images than `count`, or images that are no float batch.
    """
    images = data if isinstance(data, Tensor) else data.tensors("cpu")[0]
    check_batch(images)
    check_count(count=count)
    if count > len(images):
        raise ValueError(f"there are {len(images)} images, so there cannot be {count} patches")

    def own(answers: Tensor) -> Tensor:
        """The unit's maps, or numbers, alone: (N, 1, ...)."""
        return answers[:, units_of(answers, unit)[:1]]

    answers = activations(model, images, layer, batch_size=batch_size, keep=own)[layer]
    best = unit_values(answers, 0)
    chosen = best.argsort(descending=True, stable=True)[:count]
    rows = columns = torch.zeros_like(chosen)
    if answers.ndim == 4:
        rows, columns = strongest_places(answers[chosen], 0)
    tops, lefts, size = _windows(model, layer, images, rows, columns)
    patches = _cut(images[chosen.to(images.device)], tops, lefts, size, outside)
    return StrongestPatches(patches, chosen, best[chosen], rows, columns, tops, lefts)


def _windows(
    model: nn.Module, layer: str, images: Tensor, rows: Tensor, columns: Tensor
) -> tuple[Tensor, Tensor, tuple[int, int]]:
    """Where the windows of units begin, and how large they are."""
    field = _field_of(model, layer, tuple(images.shape[1:]))
    if field.stride is None:
        return torch.zeros_like(rows), torch.zeros_like(rows), (images.shape[2], images.shape[3])
    tops = field.first[0] + field.stride[0] * rows
    lefts = field.first[1] + field.stride[1] * columns
    return tops, lefts, (field.size[0], field.size[1])


def _field_of(model: nn.Module, layer: str, shape: tuple[int, ...]) -> ReceptiveField:
    """The field of a layer's last call, which is the one that `activations` keeps."""
    fields = receptive_field(model, shape)
    calls = [name for name in fields if name == layer or name.startswith(f"{layer}#")]
    field = fields[calls[-1]] if calls else None
    if field is None:
        raise ValueError(f"layer {layer!r} does not see the image")
    return field


def _cut(
    pictures: Tensor, tops: Tensor, lefts: Tensor, size: tuple[int, ...], outside: float
) -> Tensor:
    """A window of each picture: (n, C, H, W) -> (n, C, h, w)."""
    if pictures.ndim != 4 or len(pictures) != len(tops):
        raise ValueError(f"expected {len(tops)} pictures (n, C, H, W), got {tuple(pictures.shape)}")
    height, width = size
    wide = F.pad(pictures, (width, width, height, height), value=outside)
    corners = zip(wide, (tops + height).tolist(), (lefts + width).tolist(), strict=True)
    return torch.stack([p[:, t : t + height, left : left + width] for p, t, left in corners])
